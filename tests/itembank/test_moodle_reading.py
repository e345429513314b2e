"""Moodle XML as it is found: every kind, formats of texts, files, categories, ids and tags, hostile files."""

import base64
import contextlib
import time
from decimal import Decimal
from html import escape

import pytest

from itembank.importing.moodle import MoodleXmlFormat
from itembank.importing.source import Source
from itembank.items import TRUE_FALSE_OPTIONS, Criterion, Gap, ItemKind, Markup, NumberRange, Option
from itembank.problems import InputRefused
from tests.itembank.moodle_kit import codes, only, options, png, reading, taken


def question(kind: str, stem: str, more: str = "", form: str = "html", name: str = "题") -> str:
    return (
        f'<question type="{kind}"><name><text>{escape(name)}</text></name>'
        f'<questiontext format="{form}"><text>{escape(stem)}</text></questiontext>{more}</question>'
    )


def quiz(*questions: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><quiz>{"".join(questions)}</quiz>'


def answer(text: str, fraction: str = "0", more: str = "", form: str = "html") -> str:
    return f'<answer fraction="{fraction}" format="{form}"><text>{escape(text)}</text>{more}</answer>'


def category(path: str) -> str:
    return f'<question type="category"><category><text>{path}</text></category></question>'


def several(*answers: str, single: str = "false", more: str = "") -> str:
    return question("multichoice", "选", f"<single>{single}</single>{more}{''.join(answers)}", "plain_text")


TRUE = question("truefalse", "对吗", answer("true", "100") + answer("false"))
PICTURE = base64.b64encode(png()).decode()
SHA = taken(png())[0].sha256


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


def test_one_rich_text_makes_the_whole_item_rich() -> None:
    mixed = question("multichoice", "1 < 2", "<single>true</single>" + answer("<b>甲</b>", "100") + answer("A&B", form="plain_text"), "plain_text")  # fmt: skip
    body = only(quiz(mixed)).body
    assert (body.markup, body.stem) == (Markup.HTML, "1 &lt; 2")
    assert [option.text for option in body.options] == ["<b>甲</b>", "A&amp;B"]


def test_files_become_media_and_links_to_sounds_become_players() -> None:
    sound = b"ID3\x04" + b"\0" * 40
    more = (
        f'<file name="图 1.png" path="/" encoding="base64">{PICTURE}</file>'
        f'<file name="a.mp3" path="/" encoding="base64">{base64.b64encode(sound).decode()}</file>'
    )
    stem = '<p><img src="@@PLUGINFILE@@/%E5%9B%BE%201.png" alt="图"><a href="@@PLUGINFILE@@/a.mp3?forcedownload=1">听</a></p>'
    made = question("essay", stem).replace("</text></questiontext>", f"</text>{more}</questiontext>")
    found = reading(quiz(made))
    body, played = found.items[0].item.body, taken(sound)[0].sha256
    assert body.stem == (
        f'<p><img src="media:{SHA}" alt="图"><audio controls="" src="media:{played}"></audio>听</p>'
    )
    assert [medium.sha256 for medium in body.media] == [SHA, played]
    assert set(found.media) == {SHA, played}


def test_pictures_of_old_questions_and_data_addresses_are_taken() -> None:
    old = question("essay", "看图", f"<image>a.png</image><image_base64>{PICTURE}</image_base64>")
    inline = question("essay", f'<img src="data:image/png;base64,{PICTURE}">题')
    stems = [placed.item.body.stem for placed in reading(quiz(old, inline)).items]
    assert stems == [f'看图<img src="media:{SHA}">', f'<img src="media:{SHA}">题']


@pytest.mark.parametrize(
    ("source", "file", "code"),
    [
        ("@@PLUGINFILE@@/b.png", "", "plugin_file_missing"),
        ("@@PLUGINFILE@@/a.png", "####", "media_not_readable"),
        ("@@PLUGINFILE@@/a.png", base64.b64encode(b"<svg onload='x'/>").decode(), "media_svg"),
        ("http://example.org/a.png", "", "media_outside"),
    ],
)
def test_what_cannot_be_shown_is_said(source: str, file: str, code: str) -> None:
    more = f'<file name="a.png" encoding="base64">{file}</file>' if file else ""
    made = question("essay", f'题<img src="{source}">').replace(
        "</text></questiontext>", f"</text>{more}</questiontext>"
    )
    found = reading(quiz(made))
    assert codes(found.warnings) == [("question 1", code)]
    assert "src" not in found.items[0].item.body.stem


def test_categories_ids_and_tags_become_facts() -> None:
    tags = "".join(
        f"<tag><text>{tag}</text></tag>"
        for tag in ("point:A-B-C-001", "难度：4", "importance:X", "consistency:9", "出处:第3条", "消防")
    )
    more = f"<idnumber>B-01</idnumber><tags>{tags}</tags>{answer('true', '100')}{answer('false')}"
    found = reading(quiz(category("$course$/top/保安员/a//b"), question("truefalse", "对吗", more)))
    facts = found.items[0].item.facts
    assert (facts.uid, facts.point, facts.difficulty, facts.consistency) == ("B-01", "A-B-C-001", 4, None)
    assert (facts.importance, facts.path) == ("X", "保安员/a//b")
    assert found.items[0].item.body.source == "第3条"


def test_ids_that_are_none_or_come_twice_are_said() -> None:
    def numbered(uid: str, stem: str) -> str:
        return question("essay", stem, f"<idnumber>{uid}</idnumber>", "plain_text")

    found = reading(
        quiz(numbered("a", "一"), numbered("a", "二"), numbered("a", "一"), numbered("T &amp; F", "三"))
    )
    assert [placed.item.facts.uid for placed in found.items][:2] == ["a", "a-2"]
    assert codes(found.rejected) == [("question 3", "duplicate_item")]
    assert codes(found.warnings) == [("question 2", "id_twice"), ("question 4", "id_not_used")]


def test_comments_on_answers_are_counted_once_for_the_file() -> None:
    comment = "<feedback><text>不对</text></feedback>"
    made = several(answer("甲", "100"), answer("乙", "0", comment), answer("丙", "0", comment), single="true")
    found = reading(
        quiz(made.replace("</question>", "<generalfeedback><text>因为</text></generalfeedback></question>"))
    )
    assert found.items[0].item.body.explanation == "因为"
    assert [(problem.code, problem.params["count"]) for problem in found.warnings] == [
        ("feedback_left_out", 2)
    ]


def test_a_file_of_categories_or_texts_alone_says_so_place_by_place() -> None:
    assert codes(reading(quiz(category("$course$/top/空"))).rejected) == [("题库", "category_without_items")]
    assert codes(reading(quiz(question("description", "文"))).rejected) == [
        ("question 1", "text_is_no_question")
    ]
    with pytest.raises(InputRefused, match="bank_without_items"):
        reading(quiz())


@pytest.mark.parametrize(
    ("head", "mine"),
    [
        ("<quiz>", True),
        ("\ufeff<?xml version='1.0'?>\n<!-- a -->\n<!-- b --><quiz >", True),
        ("<!DOCTYPE quiz [<!ELEMENT quiz ANY>]><quiz>", True),
        ('<question type="essay">', True),
        ("<question>", False),
        ("<quizzes>", False),
        ("<questestinterop><quiz>", False),
        ("题库,<quiz>", False),
    ],
)
def test_the_root_element_tells_the_format(head: str, mine: bool) -> None:
    assert bool(MoodleXmlFormat().sniff(Source(head.encode(), "x"))) is mine
    assert bool(MoodleXmlFormat().sniff(Source(head.encode("utf-16"), "x"))) is (
        mine and not head.startswith("\ufeff")
    )


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ('<!DOCTYPE quiz [<!ENTITY a "b">]><quiz>&a;</quiz>', "xml_entities"),
        ("<quiz><question>", "xml_broken"),
    ],
)
def test_entities_and_broken_files_are_refused(data: str, code: str) -> None:
    with pytest.raises(InputRefused, match=code):
        reading(data)


def test_nothing_that_acts_survives() -> None:
    hostile = '<p onclick="x()">题<script>f()</script><svg onload=f()></svg><a href="javascript:f()">a</a><iframe src="//e"></iframe><style>p{}</style></p>'
    found = reading(
        quiz(question("truefalse", hostile, answer("true", "100") + answer("false"), name="<img onerror=x>"))
    )
    assert found.items[0].item.body.stem == "<p>题a</p>"


@pytest.mark.parametrize(
    "text",
    [
        "<!--" + "--><!--" * 8_000,
        "<quiz>" + "{1:MC:=a~" * 20_000 + "</quiz>",
        quiz(question("cloze", "{1:MC:" * 20_000)),
        quiz(
            question("essay", "`" * 60_000, form="markdown"),
            question("essay", "**a " * 4_900, form="markdown"),
        ),
        quiz(question("essay", "<a href " * 20_000 + "media:")),
        quiz(question("shortanswer", "(" * 50_000 + "_ " * 20_000, answer("a", "100"))),
    ],
)
def test_no_text_makes_the_reader_slow(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(InputRefused):
        reading(text)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# 标题\n\n段落  \n新行", "<h1>标题</h1>\n<p>段落<br>\n新行</p>"),
        ("- 一\n    - 一之一\n- 二", "<ul><li>一<ul><li>一之一</li></ul></li><li>二</li></ul>"),
        ("1. 一\n2. 二", "<ol><li>一</li><li>二</li></ol>"),
        ("`a < b` 和 \\*星\\*", "<p><code>a &lt; b</code> 和 *星*</p>"),
        ("```\nx = 1 < 2\n```", "<pre><code>x = 1 &lt; 2</code></pre>"),
        ("snake_case_name 和 2*3*4", "<p>snake_case_name 和 2<em>3</em>4</p>"),
        ("<b>HTML</b> &amp; 3 < 4", "<p><b>HTML</b> &amp; 3 &lt; 4</p>"),
    ],
)
def test_markdown_of_question_banks(text: str, shown: str) -> None:
    assert only(quiz(question("essay", text, form="markdown"))).body.stem == shown


def test_choices_within_text_are_options_of_the_body_markup() -> None:
    body = only(quiz(question("cloze", "<p>{1:MC:=<b>甲</b>~乙}</p>"))).body
    assert body.gaps[0].choices == (Option("A", "<b>甲</b>"), Option("B", "乙"))
