"""Aiken as it is found, with the sloppiness of real files."""

import pytest

from itembank.importing.reading import BankReading
from itembank.items import ItemKind
from tests.itembank.moodle_kit import codes, reading

FIRST = "发现火情应当\nA) 报警\nB) 逃走\nANSWER: A\n"


def second(text: str) -> BankReading:
    found = reading(f"{FIRST}\n{text}\n")
    assert found.format == "aiken"
    return found


def test_a_question_has_stem_options_and_answer() -> None:
    placed = reading(FIRST).items[0]
    body = placed.item.body
    assert (placed.place, placed.item.facts.kind, body.stem, body.answer) == (
        "line 1",
        ItemKind.SINGLE,
        "发现火情应当",
        ("A",),
    )
    assert [option.text for option in body.options] == ["报警", "逃走"]
    assert (placed.label, placed.told) == ("发现火情应当", ("报警",))


@pytest.mark.parametrize(
    "text",
    [
        "二\nA. 甲\nB. 乙\nANSWER: B",
        "二\r\nA) 甲\r\nB) 乙\r\nANSWER: B",
        "二\n\nA) 甲\n\nB) 乙\n\nANSWER: B",
        "二\nA）甲\nB）乙\nANSWER：B",
        "二\n  a) 甲\n  b) 乙\nAnswer: B",
    ],
)
def test_spellings_of_one_question(text: str) -> None:
    body = second(text).items[1].item.body
    assert (body.stem, [option.text for option in body.options], body.answer) == ("二", ["甲", "乙"], ("B",))


def test_long_stems_and_options_keep_their_lines() -> None:
    body = second("第一行\n第二行\nA) 甲\n甲续\nB) 乙\nANSWER: B").items[1].item.body
    assert (body.stem, body.options[0].text) == ("第一行\n第二行", "甲\n甲续")


def test_a_lower_case_answer_is_taken_and_said() -> None:
    found = second("二\nA) 甲\nB) 乙\nanswer: b")
    assert found.items[1].item.body.answer == ("B",)
    assert codes(found.warnings) == [("line 6", "answer_lower_case")]


def test_several_letters_make_a_multiple_choice() -> None:
    item = second("二\nA) 甲\nB) 乙\nC) 丙\nANSWER: A, C").items[1].item
    assert (item.facts.kind, item.body.answer) == (ItemKind.MULTIPLE, ("A", "C"))


@pytest.mark.parametrize("between", ["\n\n", "\n"])
def test_a_question_without_answer_is_rejected_at_its_line_and_the_next_one_stays(between: str) -> None:
    found = second(f"缺答案\nA) 甲\nB) 乙{between}三\nA) 丙\nB) 丁\nANSWER: B")
    assert codes(found.rejected) == [("line 6", "answer_missing")]
    assert [placed.item.body.stem for placed in found.items] == ["发现火情应当", "三"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("二\nA) 甲\nB) 乙\nANSWER: C", "answer_not_an_option"),
        ("二\nANSWER: A", "option_count"),
        ("二\nA) 甲\nANSWER: A", "option_count"),
        ("A) 甲\nB) 乙\nANSWER: A", "empty_stem"),
        ("二\nA) 甲\nB) 乙\nANSWER: ", "answer_missing"),
        ("二\nA) 甲\nB) 乙", "answer_missing"),
    ],
)
def test_faults_name_the_line_of_the_question(text: str, code: str) -> None:
    assert ("line 6", code) in codes(second(text).rejected)
