"""Moodle XML as it is found: every kind of question."""

from decimal import Decimal

import pytest

from itembank.items import TRUE_FALSE_OPTIONS, Criterion, Gap, ItemKind, Markup, NumberRange
from tests.itembank.moodle_kit import codes, only, options, reading
from tests.itembank.quiz_kit import answer, question, quiz, several

TRUE = question("truefalse", "对吗", answer("true", "100") + answer("false"))


def test_a_true_false_item_has_the_fixed_options() -> None:
    assert only(quiz(TRUE)).body.options == TRUE_FALSE_OPTIONS
    assert only(quiz(TRUE)).body.answer == ("A",)
    wrong = question("truefalse", "对吗", answer("true", "0") + answer("false", "100"))
    assert only(quiz(wrong)).body.answer == ("B",)


def test_single_choice_keeps_partial_shares_as_weights() -> None:
    plain = only(quiz(several(answer("甲", "100.00000"), answer("乙"), single="true")))
    assert (plain.facts.kind, plain.body.answer, plain.body.weights) == (ItemKind.SINGLE, ("A",), ())
    partly = only(quiz(several(answer("甲", "50"), answer("乙", "100"), answer("丙", "-25"), single="true")))
    assert partly.body.answer == ("B",)
    assert partly.body.weights == (("A", Decimal("0.5")), ("B", Decimal(1)), ("C", Decimal("-0.25")))


@pytest.mark.parametrize(
    ("fractions", "kind", "right", "weighted"),
    [
        (("50", "50", "-50"), ItemKind.MULTIPLE, "AB", False),  # what an export writes
        (("33.33333", "33.33333", "33.33333", "0"), ItemKind.MULTIPLE, "ABC", True),
        (("60", "40", "0"), ItemKind.MULTIPLE, "AB", True),
        (("100", "100", "0"), ItemKind.MULTIPLE, "AB", True),
        (("0", "100", "0"), ItemKind.SINGLE, "B", False),
    ],
)
def test_shares_tell_the_right_answers(
    fractions: tuple[str, ...], kind: ItemKind, right: str, weighted: bool
) -> None:
    found = reading(quiz(several(*(answer(f"选项{n}", f) for n, f in enumerate(fractions)))))
    body = found.items[0].item.body
    assert found.items[0].item.facts.kind is kind
    assert (body.answer, bool(body.weights)) == (tuple(right), weighted)


@pytest.mark.parametrize(
    ("fractions", "code"), [(("50", "25", "0"), "fractions_unclear"), (("0", "0"), "answer_missing")]
)
def test_shares_that_tell_nothing_are_rejected(fractions: tuple[str, ...], code: str) -> None:
    found = reading(quiz(several(*(answer(f"选项{n}", f) for n, f in enumerate(fractions))), TRUE))
    assert ("question 1", code) in codes(found.rejected)
    assert len(found.items) == 1


def test_several_right_ones_of_which_one_may_be_ticked_are_kept_raw() -> None:
    found = reading(quiz(several(answer("甲", "100"), answer("乙", "100"), single="true")))
    assert found.items[0].item.facts.kind is ItemKind.UNSUPPORTED
    assert found.items[0].item.body.raw.startswith("<question")
    assert codes(found.warnings) == [("question 1", "kind_not_supported")]


def test_options_that_are_not_shuffled_keep_their_places() -> None:
    kept = several(
        answer("甲", "100"), answer("以上都是"), single="true", more="<shuffleanswers>0</shuffleanswers>"
    )
    assert [option.fixed for option in only(quiz(kept)).body.options] == [True, True]


def test_more_options_than_letters_are_a_reason_not_a_cut() -> None:
    many = several(*(answer(f"选项{n}", "100" if n == 30 else "0") for n in range(31)), single="true")
    assert "option_count" in {code for _place, code in codes(reading(quiz(many)).rejected)}


@pytest.mark.parametrize(
    ("stem", "shown"),
    [
        ("写出火警电话", "写出火警电话 [[1]]"),
        ("火警电话是_____。", "火警电话是[[1]]。"),
        ("火警电话是（　　）。", "火警电话是[[1]]。"),
        ("（ ）是 _____ 的。", "（ ）是 [[1]] 的。"),  # the long blank is the one Moodle turns into an input
        ("数组 a[[1]] 是", "数组 a[ [1]] 是 [[1]]"),
    ],
)
def test_a_short_answer_has_one_gap_where_the_blank_is(stem: str, shown: str) -> None:
    made = question(
        "shortanswer", stem, "<usecase>1</usecase>" + answer("119", "100") + answer("*", "0"), "plain_text"
    )
    body = only(quiz(made)).body
    assert (body.stem, body.gaps) == (shown, (Gap("1", ("119",), case_sensitive=True),))


def test_partly_right_texts_are_left_out_and_said() -> None:
    made = question("shortanswer", "x", answer("青蛙", "100") + answer("蟾蜍", "80") + answer("*", "0"))
    found = reading(quiz(made))
    assert found.items[0].item.body.gaps[0].accepted == ("青蛙",)
    assert codes(found.warnings) == [("question 1", "partial_answers_left_out")]


def test_numbers_have_ranges_and_units_are_said() -> None:
    made = question(
        "numerical", "圆周率",
        answer("3.14", "100", "<tolerance>0.005</tolerance>") + answer("3", "50", "<tolerance>0.5</tolerance>")
        + "<units><unit><multiplier>1</multiplier><unit_name>米</unit_name></unit></units>", "plain_text",
    )  # fmt: skip
    found = reading(quiz(made))
    body = found.items[0].item.body
    assert found.items[0].item.facts.kind is ItemKind.NUMERIC
    assert body.gaps[0].ranges == (NumberRange(Decimal("3.135"), Decimal("3.145")),)
    assert {code for _place, code in codes(found.warnings)} == {"partial_answers_left_out", "units_left_out"}


def test_a_right_side_without_left_side_is_a_distractor() -> None:
    pairs = [("青蛙", "两栖"), ("猫", "哺乳"), ("蝾螈", "两栖"), ("", "昆虫")]
    inside = "".join(
        f'<subquestion format="plain_text"><text>{left}</text><answer><text>{right}</text></answer></subquestion>'
        for left, right in pairs
    )
    body = only(quiz(question("matching", "分类", inside, "plain_text"))).body
    assert [option.text for option in body.options] == ["青蛙", "猫", "蝾螈"]
    assert [target.text for target in body.targets] == ["两栖", "哺乳", "昆虫"]
    assert body.answer == ("A-1", "B-2", "C-1")


def test_steps_follow_their_numbers() -> None:
    steps = answer("疏散", "2.0000000") + answer("报警", "1.0000000") + answer("移交", "3.0")
    body = only(quiz(question("ordering", "排序", steps))).body
    assert [option.text for option in body.options] == ["报警", "疏散", "移交"]
    assert body.answer == ("A", "B", "C")


def test_notes_for_graders_become_criteria() -> None:
    graders = '<graderinfo format="html"><text>&lt;ol&gt;&lt;li&gt;写明时间（2分）&lt;/li&gt;&lt;li&gt;写明地点&lt;/li&gt;&lt;/ol&gt;</text></graderinfo>'
    body = only(quiz(question("essay", "简述", graders))).body
    assert body.criteria == (Criterion("写明时间", Decimal(2)), Criterion("写明地点"))


def test_a_cloze_text_has_gaps_of_every_sort() -> None:
    stem = (
        "<p>首都 {1:MULTICHOICE:=北京#对~%0%上海~广州\\~深圳}，电话 {1:SAC:=119~%100%一一九~%50%120~*#错}，"
        "温度 {2:NM:=36.5:0.5~%0%40}。</p>"
    )
    found = reading(quiz(question("cloze", stem)))
    body = found.items[0].item.body
    assert found.items[0].item.facts.kind is ItemKind.TEXT
    assert body.stem == "<p>首都 [[1]]，电话 [[2]]，温度 [[3]]。</p>"
    assert body.gaps == (
        Gap("1", choices=options(["北京", "上海", "广州~深圳"]), answer="A"),
        Gap("2", ("119", "一一九"), case_sensitive=True),
        Gap("3", ranges=(NumberRange(Decimal("36.0"), Decimal("37.0")),)),
    )
    assert {code for _place, code in codes(found.warnings)} == {
        "gap_worths_left_out",
        "partial_answers_left_out",
    }


@pytest.mark.parametrize(
    ("stem", "kind"),
    [
        ("{1:MC:=甲~乙} 和 {1:MCVS:~丙~=丁}", ItemKind.INLINE_CHOICE),
        ("{1:NUMERICAL:=3} 米", ItemKind.NUMERIC),
        ("{:SHORTANSWER:=好} 的", ItemKind.TEXT),
        ("{1:MULTIRESPONSE:=甲~=乙~丙}", ItemKind.UNSUPPORTED),
        ("{1:MC:=甲~=乙}", ItemKind.UNSUPPORTED),
        ("{1:SA:=甲", ItemKind.UNSUPPORTED),
        ("没有空", ItemKind.UNSUPPORTED),
        ("{1:NM:=三}", ItemKind.UNSUPPORTED),
    ],
)
def test_the_kind_of_a_cloze_text_follows_from_its_gaps(stem: str, kind: ItemKind) -> None:
    assert only(quiz(question("cloze", stem, form="plain_text"))).facts.kind is kind


def test_entities_within_cloze_answers_are_characters() -> None:
    body = only(quiz(question("cloze", "<p>{1:SA:=a&lt;b&#39;c#说明}</p>"))).body
    assert body.gaps[0].accepted == ("a<b'c",)


@pytest.mark.parametrize("kind", ["gapselect", "ddwtos"])
def test_words_of_one_list_become_choices_of_their_group(kind: str) -> None:
    name = "selectoption" if kind == "gapselect" else "dragbox"
    words = [("红", "1"), ("绿", "1"), ("左", "2"), ("右", "2")]
    listed = "".join(f"<{name}><text>{word}</text><group>{group}</group></{name}>" for word, group in words)
    body = only(
        quiz(question(kind, "指针在 [[2]] 区，门在 [[3]] 边，仍是 [[2]]。", listed, "plain_text"))
    ).body
    assert body.stem == "指针在 [[1]] 区，门在 [[2]] 边，仍是 [[3]]。"
    colours, sides = options(["红", "绿"]), options(["左", "右"])
    assert body.gaps == (
        Gap("1", choices=colours, answer="B"),
        Gap("2", choices=sides, answer="A"),
        Gap("3", choices=colours, answer="B"),
    )


def test_other_kinds_are_kept_whole_and_descriptions_are_mentioned() -> None:
    found = reading(
        quiz(question("calculated", "<b>算</b>"), question("description", "说明", name="前言"), TRUE)
    )
    kept = found.items[0].item
    assert (kept.facts.kind, kept.body.stem) == (ItemKind.UNSUPPORTED, "算")
    assert 'type="calculated"' in kept.body.raw
    assert codes(found.warnings) == [
        ("question 1", "kind_not_supported"),
        ("question 2", "text_is_no_question"),
    ]
    assert [placed.place for placed in found.items] == ["question 1", "question 3"]


def test_what_is_too_long_to_be_kept_raw_loses_its_files_first() -> None:
    file = f'<file name="a.bin" encoding="base64">{"A" * 300_000}</file>'
    found = reading(quiz(question("calculated", "算", file)))
    assert 'name="a.bin"' in found.items[0].item.body.raw
    assert len(found.items[0].item.body.raw) < 1000


@pytest.mark.parametrize(
    ("form", "text", "markup", "shown"),
    [
        ("plain_text", "a < b & <b>c</b>", Markup.PLAIN, "a < b & <b>c</b>"),
        ("html", "a &lt; b", Markup.HTML, "a &lt; b"),
        ("moodle_auto_format", "3 < 4\n第二行", Markup.PLAIN, "3 < 4\n第二行"),
        ("moodle_auto_format", "<b>粗</b>\n第二行", Markup.HTML, "<b>粗</b> 第二行"),
        ("moodle_auto_format", "一<b>粗</b>二\n三", Markup.HTML, "一<b>粗</b>二<br>三"),
        ("markdown", "**粗** 和 *斜*", Markup.HTML, "<p><strong>粗</strong> 和 <em>斜</em></p>"),
    ],
)
def test_texts_are_read_in_their_format(form: str, text: str, markup: Markup, shown: str) -> None:
    body = only(quiz(question("essay", text, form=form))).body
    assert (body.markup, body.stem) == (markup, shown)
