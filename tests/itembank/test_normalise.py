"""From raw fields to items: every spelling that is unambiguous, and a reason for every other."""

import pytest

from itembank.importing.normalise import normalise, shows_answer
from itembank.importing.readers import RawItem
from itembank.items import TRUE_FALSE_OPTIONS, Item, ItemKind
from itembank.problems import Problem
from tests.itembank.bank_files import GOOD

NO_OPTIONS = {f"option_{key}": "" for key in "ABCD"}


def raw(**fields: str) -> RawItem:
    return RawItem("row 2", {**GOOD, **fields})


def item(**fields: str) -> Item:
    result = normalise(raw(**fields))
    assert isinstance(result, Item), result
    return result


def faults(codes: dict[str, str] | None = None, **fields: str) -> list[Problem]:
    result = normalise(raw(**fields), codes)
    assert not isinstance(result, Item), result
    assert {problem.place for problem in result} == {"row 2"}
    return result


def only(code: str, column: str, **fields: str) -> None:
    (problem,) = faults(**fields)
    assert (problem.code, problem.params.get("column")) == (code, column)


def true_false(**fields: str) -> Item:
    return item(**{"kind": "C", "answer": "对", **NO_OPTIONS, **fields})


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("B", ItemKind.SINGLE),
        ("Ｂ", ItemKind.SINGLE),
        (" b ", ItemKind.SINGLE),
        ("B（单选题）", ItemKind.SINGLE),
        ("B(单项选择)", ItemKind.SINGLE),
        ("B（客观）", ItemKind.SINGLE),
        ("单选题", ItemKind.SINGLE),
        ("G", ItemKind.MULTIPLE),
        ("D（多选题）", ItemKind.MULTIPLE),
        ("多项选择题", ItemKind.MULTIPLE),
    ],
)
def test_type_codes_and_words(text: str, kind: ItemKind) -> None:
    assert item(kind=text, answer="A" if kind is ItemKind.SINGLE else "AB").facts.kind is kind


@pytest.mark.parametrize("text", ["C", "C（判断题）", "判断", "判断正误", "是非题", "对错题"])
def test_true_false_codes_and_words(text: str) -> None:
    assert true_false(kind=text).facts.kind is ItemKind.TRUE_FALSE


@pytest.mark.parametrize("text", ["", "D", "T", "E（案例分析）", "填空题", "不定项", "BG"])
def test_a_code_that_is_not_declared_is_refused_not_guessed(text: str) -> None:
    only("unknown_type_code", "题型代码", kind=text)


def test_a_code_is_accepted_once_somebody_says_what_it_means() -> None:
    result = normalise(raw(kind="D", answer="AB"), {"D": "multiple"})
    assert isinstance(result, Item)
    assert result.facts.kind is ItemKind.MULTIPLE


def test_a_label_against_its_code_is_refused() -> None:
    only("type_code_contradicts", "题型代码", kind="B（多选题）", answer="AB")


@pytest.mark.parametrize(
    "text",
    ["AC", "CA", "A,C", "A，C", "C、A", "A;C", "A；C", "A C", "Ａ　Ｃ", "a|c", "A和C", "A 及 C", "A/C",
     "【答案】：AC", "答案：A、C。", "（AC）", "A\u00a0C", "A\u200bC", "正确答案: A.C"],
)  # fmt: skip
def test_answers_with_several_letters(text: str) -> None:
    assert item(kind="G", answer=text).body.answer == ("A", "C")


@pytest.mark.parametrize("text", ["C", "ｃ", "（C）", "【C】", "C.", "答案：C", "\u200bC "])
def test_answers_with_one_letter(text: str) -> None:
    assert item(answer=text).body.answer == ("C",)


@pytest.mark.parametrize("text", ["甲", "AA", "1", "√", "A或B", "A-C", "同上"])
def test_other_answers_to_a_choice_are_refused(text: str) -> None:
    only("answer_unreadable", "正确答案", kind="G", answer=text)


@pytest.mark.parametrize(
    ("kind", "answer", "code"),
    [
        ("B", "", "answer_missing"),
        ("B", "AB", "single_needs_one"),
        ("G", "A", "multiple_needs_two"),
        ("B", "E", "answer_not_an_option"),
    ],
)
def test_answers_that_do_not_fit_their_kind(kind: str, answer: str, code: str) -> None:
    only(code, "正确答案", kind=kind, answer=answer)


RIGHT = [
    "对",
    "√",
    "✓",
    "✔",
    "正确",
    "是",
    "T",
    "true",
    "TRUE",
    "Y",
    "Yes",
    "1",
    "A",
    "（√）",
    "答案：对",
    "Ｔ",
]
WRONG = [
    "错",
    "×",
    "✗",
    "✘",
    "x",
    "X",
    "错误",
    "不正确",
    "否",
    "F",
    "False",
    "N",
    "no",
    "0",
    "B",
    "【错】",
    "Ｆ",
]


@pytest.mark.parametrize("text", RIGHT)
def test_every_spelling_of_right(text: str) -> None:
    body = true_false(answer=text).body
    assert (body.answer, body.options) == (("A",), TRUE_FALSE_OPTIONS)


@pytest.mark.parametrize("text", WRONG)
def test_every_spelling_of_wrong(text: str) -> None:
    assert true_false(answer=text).body.answer == ("B",)


@pytest.mark.parametrize("text", ["C", "AB", "2", "不一定", "对错"])
def test_other_answers_to_true_false_are_refused(text: str) -> None:
    only("answer_unreadable", "正确答案", kind="C", answer=text, **NO_OPTIONS)


def test_a_missing_true_false_answer_is_said_once() -> None:
    only("answer_missing", "正确答案", kind="C", answer="", **NO_OPTIONS)


@pytest.mark.parametrize(
    ("first", "second", "answer", "expected"),
    [
        ("正确", "错误", "A", "A"),
        ("错误", "正确", "A", "B"),
        ("错误", "正确", "B", "A"),
        ("A. 错", "B. 对", "B", "A"),
        ("错误", "正确", "对", "A"),
    ],
)
def test_a_letter_means_the_files_own_option(first: str, second: str, answer: str, expected: str) -> None:
    said = true_false(option_A=first, option_B=second, answer=answer)
    assert said.body.answer == (expected,)
    assert said.body.options == TRUE_FALSE_OPTIONS


def test_true_false_with_other_options_is_refused() -> None:
    codes = {problem.code for problem in faults(kind="C", answer="A")}
    assert "true_false_options" in codes
    only("true_false_options", "试题（选项A）", kind="C", answer="对", **{**NO_OPTIONS, "option_A": "正确"})


@pytest.mark.parametrize(
    "form", ["{}. {}", "{}、{}", "{}．{}", "{}：{}", "（{}）{}", "({}) {}", "{}) {}", "{}.{}"]
)
def test_letters_in_front_of_all_options_go(form: str) -> None:
    fields = {f"option_{key}": form.format(key, f"选{key}项") for key in "ABCD"}
    assert [option.text for option in item(**fields).body.options] == ["选A项", "选B项", "选C项", "选D项"]


def test_full_width_letters_in_front_go() -> None:
    fields = {"option_A": "Ａ．甲", "option_B": "Ｂ．乙", "option_C": "", "option_D": ""}
    assert [option.text for option in item(**fields).body.options] == ["甲", "乙"]


def test_letters_that_are_wording_stay() -> None:
    fields = {"option_A": "A、B均可", "option_B": "只有B", "option_C": "C、D均可", "option_D": "E类火灾"}
    assert [option.text for option in item(**fields).body.options] == list(fields.values())
    assert item(option_A="A类").body.options[0].text == "A类"


def test_a_gap_between_options_is_named() -> None:
    only("empty_option", "试题（选项B）", option_B="")


def test_options_may_be_fewer_than_the_columns() -> None:
    assert len(item(option_C="", option_D="").body.options) == 2


@pytest.mark.parametrize(
    ("text", "grade"),
    [
        ("3", 3),
        ("3（中等）", 3),
        ("５", 5),
        ("1(很简单)", 1),
        ("适中", 3),
        ("很难", 5),
        ("困难", 4),
        ("易", 2),
    ],
)
def test_difficulties(text: str, grade: int) -> None:
    assert item(difficulty=text).facts.difficulty == grade


@pytest.mark.parametrize("text", ["", "0", "6", "3.5", "难度3", "很"])
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


def test_an_item_without_id_gets_the_same_one_each_time() -> None:
    made = item().facts.uid
    assert made.startswith("B-A-B-C-001-")
    assert item(explanation="另有解析").facts.uid == made
    assert item(stem="另一题").facts.uid != made
    assert item(uid="自编-7").facts.uid == "自编-7"


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


def test_items_that_need_a_picture_are_refused() -> None:
    only("picture_not_supported", "【图】及位置", picture="图1，题干后")
    only("picture_not_supported", "试题（选项B）", option_B='=DISPIMG("ID_1",1)')


def test_sample_banks_are_marked() -> None:
    assert item(bank="示例题库").facts.sample
    assert not item().facts.sample


def test_all_faults_of_a_row_are_named_with_the_readers_own() -> None:
    fault = Problem("cell_is_date", "row 2", {"column": "试题（选项B）"})
    bad = RawItem("row 2", {**GOOD, "difficulty": "9", "answer": "", "point": "?"}, (fault,))
    result = normalise(bad)
    assert isinstance(result, list)
    assert [problem.code for problem in result] == ["cell_is_date", "bad_difficulty", "bad_uid", "bad_point",
                                                    "answer_missing"]  # fmt: skip


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
