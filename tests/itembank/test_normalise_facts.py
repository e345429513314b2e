"""From raw fields to items: facts about them, gaps, numbers, and answers left in the stem."""

from decimal import Decimal

import pytest

from itembank.importing.normalise import drafted, shows_answer
from itembank.importing.readers import RawItem
from itembank.items import Criterion, ItemKind, NumberRange
from itembank.problems import Problem
from tests.itembank.bank_files import GOOD
from tests.itembank.raw_kit import NATIONAL, NO_OPTIONS, draft, faults, item, only, true_false


@pytest.mark.parametrize("text", ["0", "6", "3.5", "难度3", "很"])
def test_other_difficulties_are_refused(text: str) -> None:
    only("bad_difficulty", "难度代码", difficulty=text)


def test_consistency_may_be_missing_but_not_nonsense() -> None:
    assert item(consistency="").facts.consistency is None
    assert item(consistency="很高").facts.consistency == 5
    only("bad_consistency", "一致性代码", consistency="9")


@pytest.mark.parametrize(
    ("text", "code"), [("", ""), ("x", "X"), ("X（核心要素）", "X"), ("一般要素", "Y"), ("Ｚ", "Z")]
)
def test_importance(text: str, code: str) -> None:
    assert item(importance=text).facts.importance == code


def test_facts_at_fault_name_their_column() -> None:
    only("bad_importance", "重要程度", importance="重要")
    only("bad_point", "认定点代码", point="第三章", uid="B-1")
    only("bad_uid", "ID", uid="B 1")
    only("empty_stem", "试题（题干）", stem="\u200b ")


def test_point_codes_are_folded() -> None:
    assert item(point="ａ-B - c-００１").facts.point == "A-B-C-001"
    assert item(point="A-B-C-001（应急处置）").facts.point == "A-B-C-001"


def test_an_item_may_lack_id_point_and_difficulty() -> None:
    found = draft(uid="", point="", difficulty="")
    assert (found.uid, found.point, found.difficulty) == ("", "", 0)
    assert draft(uid="自编-7").uid == "自编-7"
    assert draft(uid="{147E575363E9F293}").uid == "147E575363E9F293"


def test_a_topic_is_a_point_when_it_is_a_code_and_a_path_when_it_is_words() -> None:
    coded, worded = draft(point="", topic="a-b-001"), draft(point="", topic="消防", chapter="第一章")
    assert (coded.point, coded.path) == ("A-B-001", "")
    assert (worded.point, worded.path) == ("", "第一章/消防")


def test_levels_that_glue_code_and_name_give_point_and_path() -> None:
    levels = {"level_1": "A基本要求", "level_2": "B 法律", "level_3": "C-条例", "level_4": "001鉴定点"}
    found = draft(point="", **levels)
    assert (found.point, found.path) == ("A-B-C-001", "基本要求/法律/条例/鉴定点")
    assert draft(point="", level_1="基本要求", level_2="法律").path == "基本要求/法律"


def test_unseen_characters_go_and_soft_breaks_stay_as_lines() -> None:
    body = item(stem="第一行\x0b第二\u202e行\ufeff\u00a0末", option_A="\u200b甲").body
    assert body.stem == "第一行\n第二行 末"
    assert body.options[0].text == "甲"


@pytest.mark.parametrize("form", ["理由。来源：{}", "理由。\n出处: {}"])
def test_a_source_at_the_end_of_the_explanation_is_taken_out(form: str) -> None:
    body = item(explanation=form.format("《某条例》第二条")).body
    assert (body.explanation, body.source) == ("理由。", "《某条例》第二条")


def test_a_source_column_goes_before_the_explanation() -> None:
    body = item(explanation="理由。来源：甲", source="乙").body
    assert (body.explanation, body.source) == ("理由。来源：甲", "乙")


@pytest.mark.parametrize(
    ("stem", "answer", "shown", "accepted"),
    [
        ("水温____度。", "37", "水温[[1]]度。", [("37",)]),
        ("（  ）和（　　）。", "甲；乙", "[[1]]和[[2]]。", [("甲",), ("乙",)]),
        ("____、____、____", "甲、乙、丙", "[[1]]、[[2]]、[[3]]", [("甲",), ("乙",), ("丙",)]),
        ("水温是", "答案：三十七 或 37", "水温是 [[1]]", [("三十七", "37")]),
    ],
)
def test_blanks_become_gaps(stem: str, answer: str, shown: str, accepted: list[tuple[str, ...]]) -> None:
    body = item(kind="T（填空题）", stem=stem, answer=answer, **NO_OPTIONS).body
    assert (body.stem, [gap.accepted for gap in body.gaps]) == (shown, accepted)


def test_answers_that_do_not_fit_the_blanks_are_refused() -> None:
    only("gap_answers_differ", "正确答案", kind="填空题", stem="__和__", answer="甲", **NO_OPTIONS)
    only("answer_missing", "正确答案", kind="填空题", stem="__和__", answer="", **NO_OPTIONS)
    only("answer_unreadable", "正确答案", kind="数值题", stem="____度", answer="很热", **NO_OPTIONS)


@pytest.mark.parametrize(
    ("answer", "low", "high"), [("37", "37", "37"), ("36.5±0.5", "36.0", "37.0"), ("-5~-3", "-5", "-3")]
)
def test_numbers_become_ranges(answer: str, low: str, high: str) -> None:
    (gap,) = item(kind="数值题", stem="水温____度", answer=answer, **NO_OPTIONS).body.gaps
    assert gap.ranges == (NumberRange(Decimal(low), Decimal(high)),)


def test_an_essays_answer_is_what_examiners_look_for() -> None:
    whole = item(kind="D（简答题）", answer="先警戒，\n再报告。", **NO_OPTIONS).body
    assert whole.criteria == (Criterion("先警戒，\n再报告。"),)
    parts = item(kind="W", answer="警戒（2分）\n报告(3.5 分)；", **NO_OPTIONS).body
    assert parts.criteria == (Criterion("警戒", Decimal(2)), Criterion("报告", Decimal("3.5")))


def test_an_orders_answer_keeps_its_order() -> None:
    assert item(kind="排序题", answer="C、A、B、D").body.answer == ("C", "A", "B", "D")
    assert faults(kind="排序题", answer="CAB")[0].code == "order_incomplete"


def test_an_answer_may_be_the_wording_of_an_option() -> None:
    assert item(option_B="打开查看", answer="打开查看").body.answer == ("B",)


def test_an_apostrophe_before_a_formula_goes() -> None:
    body = item(stem="'=1+1 是公式吗", option_A="'-1", option_B="'正常'").body
    assert (body.stem, body.options[0].text, body.options[1].text) == ("=1+1 是公式吗", "-1", "'正常'")


def test_sample_banks_are_marked() -> None:
    assert item(bank="示例题库").facts.sample
    assert not item().facts.sample


def test_all_faults_of_a_row_are_named_with_the_readers_own() -> None:
    fault = Problem("cell_is_date", "row 2", {"column": "试题（选项B）"})
    bad = RawItem("row 2", {**GOOD, "difficulty": "9", "answer": "", "point": "?"}, (fault,))
    assert [problem.code for problem in drafted(bad, NATIONAL).faults] == [
        "cell_is_date", "bad_difficulty", "bad_point", "answer_missing",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stem", "answer", "shown"),
    [
        ("首先应当（ A ）。", "A", True),
        ("首先应当（Ａ）。", "A", True),
        ("首先应当（    ）。", "A", False),
        ("维生素(C)的作用是（ ）。", "A", False),
    ],
)
def test_answers_left_in_the_stem_are_seen(stem: str, answer: str, shown: bool) -> None:
    assert shows_answer(item(stem=stem, answer=answer)) is shown


def test_a_judgement_left_in_the_stem_is_seen() -> None:
    assert shows_answer(true_false(stem="通道可以停车。（×）", answer="错"))
    assert not shows_answer(true_false(stem="通道可以停车。（√）", answer="错"))
    assert not shows_answer(true_false(stem="通道可以停车。（ ）", answer="错"))


@pytest.mark.parametrize("answer", ["bad", "Bad"])
def test_a_word_is_not_a_row_of_letters(answer: str) -> None:
    words = {"option_A": "cab", "option_B": answer, "option_C": "dab", "option_D": "ace"}
    assert item(answer=answer, **words).body.answer == ("B",)
    only("answer_unreadable", "正确答案", kind="G", answer="abd")


@pytest.mark.parametrize("kind", ["B", ""])
def test_a_letter_that_is_the_wording_of_another_option_is_refused(kind: str) -> None:
    blood = {"option_A": "O", "option_B": "A", "option_C": "B", "option_D": "AB"}
    only("answer_unreadable", "正确答案", kind=kind, answer="A", **blood)
    assert item(answer="A", **{**blood, "option_A": "A", "option_B": "O"}).body.answer == ("A",)


@pytest.mark.parametrize("texts", [("X", "Y"), ("T", "F"), ("1", "0")])
def test_options_that_may_name_something_do_not_make_a_true_false_item(texts: tuple[str, str]) -> None:
    made = item(kind="选择题", answer="B", **{**NO_OPTIONS, "option_A": texts[0], "option_B": texts[1]})
    assert (made.facts.kind, tuple(option.text for option in made.body.options)) == (ItemKind.SINGLE, texts)


def test_an_asterisk_in_an_answer_stands_for_itself() -> None:
    (gap,) = item(kind="T", stem="乘号____", answer="3*5 或 *", **NO_OPTIONS).body.gaps
    assert gap.accepted == (r"3\*5", r"\*")


def test_raised_digits_are_no_number() -> None:
    only("answer_unreadable", "正确答案", kind="数值", stem="____", answer="10²", **NO_OPTIONS)
