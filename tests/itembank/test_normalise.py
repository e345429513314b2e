"""From raw fields to items: every spelling that is unambiguous, and a reason for every other."""

import pytest

from itembank.importing.normalise import drafted
from itembank.importing.pipeline import read_bank
from itembank.importing.readers import HEADINGS
from itembank.items import TRUE_FALSE_OPTIONS, ItemKind
from tests.itembank.bank_files import csv_bytes
from tests.itembank.raw_kit import NATIONAL, NO_OPTIONS, cells, draft, faults, item, only, raw, true_false


def test_a_label_against_its_code_is_refused() -> None:
    only("type_code_contradicts", "题型代码", kind="B（多选题）", answer="AB")


def test_an_unknown_word_for_a_kind_is_refused() -> None:
    # Two rows, as the import stops and asks when most of a file's words are unknown.
    header = [HEADINGS[name] for name in HEADINGS]
    reading = read_bank(csv_bytes([header, cells(), cells(stem="乙", kind="综合分析")]), "x.csv")
    assert [(fault.code, fault.place) for fault in reading.rejected] == [("unknown_type_code", "row 3")]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"answer": "C"}, ItemKind.SINGLE),
        ({"answer": "A、C"}, ItemKind.MULTIPLE),
        ({**NO_OPTIONS, "answer": "×"}, ItemKind.TRUE_FALSE),
        ({**NO_OPTIONS, "option_A": "正确", "option_B": "错误", "answer": "B"}, ItemKind.TRUE_FALSE),
    ],
)
def test_a_missing_kind_follows_from_options_and_answer_and_is_mentioned(
    fields: dict[str, str], kind: ItemKind
) -> None:
    found = draft(kind="", **fields)
    assert (found.kind, [note.code for note in found.warnings]) == (kind, ["kind_inferred"])


def test_a_kind_that_nothing_tells_is_refused() -> None:
    found = drafted(raw(kind="", answer="三十七", **NO_OPTIONS), NATIONAL)
    assert [fault.code for fault in found.faults] == ["unknown_type_code"]


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
