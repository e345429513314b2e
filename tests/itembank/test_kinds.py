"""Type codes and words: what is declared counts, what tools use differently is asked."""

import pytest

from itembank.importing.drafts import Declared
from itembank.importing.kinds import KindTable, legend
from itembank.importing.pipeline import read_bank
from itembank.items import ItemKind
from tests.itembank.bank_files import csv_bytes

NATIONAL, PLAIN = KindTable({}, {}, national=True), KindTable({}, {})
HEADER = ["题型", "题干", "选项A", "选项B", "选项C", "答案"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("B", ItemKind.SINGLE), ("Ｂ", ItemKind.SINGLE), (" b ", ItemKind.SINGLE), ("B（单选题）", ItemKind.SINGLE),
        ("B(单项选择)", ItemKind.SINGLE), ("B（客观）", ItemKind.SINGLE), ("单选题", ItemKind.SINGLE),
        ("D（多选题）", ItemKind.MULTIPLE), ("多项选择题", ItemKind.MULTIPLE), ("多选题 ", ItemKind.MULTIPLE),
        ("C", ItemKind.TRUE_FALSE), ("C（判断题）", ItemKind.TRUE_FALSE), ("判断", ItemKind.TRUE_FALSE),
        ("判断正误", ItemKind.TRUE_FALSE), ("是非题", ItemKind.TRUE_FALSE), ("填空题", ItemKind.TEXT),
        ("D（简答题）", ItemKind.ESSAY), ("E（案例分析）", ItemKind.ESSAY), ("论述题", ItemKind.ESSAY),
        ("排序题", ItemKind.ORDER), ("", ""), ("选择题", ""),
    ],
)  # fmt: skip
@pytest.mark.parametrize("table", [NATIONAL, PLAIN])
def test_codes_and_words_that_mean_the_same_everywhere(table: KindTable, text: str, kind: str) -> None:
    assert table.kind(text) == kind
    assert table.unexplained(text) == ""


@pytest.mark.parametrize(
    ("text", "kind"),
    [("G", ItemKind.MULTIPLE), ("T", ItemKind.TEXT), ("W", ItemKind.ESSAY), ("U", ItemKind.ESSAY)],
)
def test_codes_of_the_national_table_count_only_under_its_heading(text: str, kind: ItemKind) -> None:
    assert NATIONAL.kind(text) == kind
    assert (PLAIN.kind(text), PLAIN.unexplained(text)) == ("unknown_type_code", text)


@pytest.mark.parametrize("table", [NATIONAL, PLAIN])
@pytest.mark.parametrize("text", ["D", "Q", "BG", "7", "D（其他）"])
def test_a_code_without_a_meaning_has_to_be_explained(table: KindTable, text: str) -> None:
    assert table.kind(text) == "unknown_type_code"
    assert table.unexplained(text) == text[:2].rstrip("（")


@pytest.mark.parametrize("text", ["综合分析", "不定项", "听力题"])
def test_unknown_words_are_no_codes(text: str) -> None:
    assert (NATIONAL.kind(text), NATIONAL.unexplained(text)) == ("unknown_type_code", "")


def test_a_label_against_its_code_contradicts() -> None:
    assert NATIONAL.kind("B（多选题）") == "type_code_contradicts"
    assert PLAIN.kind("C（单选题）") == "type_code_contradicts"


def test_the_importing_person_goes_before_every_table() -> None:
    table = KindTable({"d": "multiple", "G": "single"}, {"D": ItemKind.ESSAY}, national=True)
    assert [table.kind(text) for text in ("D", "D（主观）", "G")] == [
        ItemKind.MULTIPLE, ItemKind.MULTIPLE, ItemKind.SINGLE,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("题型（0单选，1判断，2多选）", {"0": "single", "1": "true_false", "2": "multiple"}),
        ("题型代码：B=单选题；D－多选题；C：判断题", {"B": "single", "D": "multiple", "C": "true_false"}),
        ("D 多选、D 简答", {}),
        ("本卷为单选题", {}),
        ("1、判断题请填对错 2、单选题 3、多选题", {}),
        ("A、单选题；B、多选题", {}),
        ("1单选 2多选", {"1": "single", "2": "multiple"}),
    ],
)
def test_a_file_may_explain_its_codes(text: str, codes: dict[str, str]) -> None:
    assert legend([text]) == codes


def bank(code: str, heading: str = "题型") -> bytes:
    header = [heading, *HEADER[1:]]
    return csv_bytes([header, ["B", "甲题", "一", "二", "三", "A"], [code, "乙题", "一", "二", "三", "AC"]])


@pytest.mark.parametrize("code", ["D", "G"])
def test_without_a_mapping_the_import_stops_and_with_it_both_are_right(code: str) -> None:
    stopped = read_bank(bank(code), "x.csv")
    assert stopped.wish is not None
    assert (stopped.items, stopped.wish.codes) == ((), {code: code})
    assert stopped.wish.suggested_codes == {code: "multiple"}
    read = read_bank(bank(code), "x.csv", declared=Declared(codes=stopped.wish.suggested_codes))
    assert (read.wish, read.rejected, read.by_kind()["multiple"]) == (None, (), 1)


def test_the_heading_explains_its_codes() -> None:
    reading = read_bank(bank("2", "题型（B单选，2多选）"), "x.csv")
    assert (reading.wish, reading.rejected, reading.by_kind()["multiple"]) == (None, (), 1)


def test_words_that_nobody_knows_stop_the_import_only_when_they_are_most_rows() -> None:
    rows = [["听力题", f"题{n}", "一", "二", "三", "AC"] for n in range(3)]
    most = read_bank(csv_bytes([HEADER, *rows]), "x.csv")
    assert most.wish is not None
    assert most.wish.suggested_codes == {"听力题": "multiple"}
    good = [["单选题", f"单{n}", "一", "二", "三", "A"] for n in range(3)]
    few = read_bank(csv_bytes([HEADER, *good, *rows]), "x.csv")
    assert [fault.code for fault in few.rejected] == ["unknown_type_code"] * 3
