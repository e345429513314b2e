"""The pipeline: a bank file goes in, items and reasons come out, and nothing is done half."""

import json

import pytest

from itembank.importing.drafts import Declared
from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading
from itembank.item_rules import validate
from itembank.items import ItemKind
from itembank.problems import InputRefused, Problem
from tests.itembank.bank_files import HEADER, csv_bytes, row, true_false, xlsx_bytes
from tests.itembank.workbook_kit import template_rows

ROWS = [
    HEADER,
    row(uid="B-1"),
    row(uid="G-1", kind="G（多选题）", stem="下列属于重点部位的有（　　）。", answer="A、C"),
    true_false(uid="C-1"),
]


def codes(problems: tuple[Problem, ...]) -> list[tuple[str, str]]:
    return [(problem.place, problem.code) for problem in problems]


@pytest.mark.parametrize(
    ("data", "told", "encoding"),
    [
        (xlsx_bytes({"题库模板": ROWS}), "guobiao-xlsx", ""),
        (csv_bytes(ROWS), "guobiao-csv", "utf-8"),
        (csv_bytes(ROWS, "utf-8-sig"), "guobiao-csv", "utf-8"),
        (csv_bytes(ROWS, "gb18030"), "guobiao-csv", "gb18030"),
        (csv_bytes(ROWS, "utf-16", "\t"), "guobiao-csv", "utf-16-le"),
    ],
)
def test_the_same_items_come_from_every_form(data: bytes, told: str, encoding: str) -> None:
    reading = read_bank(data, "题库")
    assert (reading.format, reading.encoding) == (told, encoding)
    assert (reading.rejected, reading.warnings) == ((), ())
    items = [placed.item for placed in reading.items]
    assert [(item.facts.uid, item.facts.kind, item.body.answer) for item in items] == [
        ("B-1", ItemKind.SINGLE, ("A",)),
        ("G-1", ItemKind.MULTIPLE, ("A", "C")),
        ("C-1", ItemKind.TRUE_FALSE, ("B",)),
    ]
    assert {kind: count for kind, count in reading.by_kind().items() if count} == {
        "single": 1, "multiple": 1, "true_false": 1,
    }  # fmt: skip
    assert [validate(item) for item in items] == [[], [], []]


def test_bad_rows_are_told_by_place_and_column_and_the_others_stay() -> None:
    reading = read_bank(
        csv_bytes(
            [
                *ROWS,
                row(stem=""),
                row(kind="听力题", stem="乙"),
                row(difficulty="9", answer="Z"),
                row(answer="E"),
            ]
        ),
        "x.csv",
    )
    assert len(reading.items) == 3
    assert codes(reading.rejected) == [
        ("row 5", "empty_stem"),
        ("row 6", "unknown_type_code"),
        ("row 7", "bad_difficulty"),
        ("row 7", "answer_not_an_option"),
        ("row 8", "answer_not_an_option"),
    ]
    assert [fault.params["column"] for fault in reading.rejected] == [
        "试题（题干）", "题型代码", "难度代码", "正确答案", "正确答案",
    ]  # fmt: skip


def test_an_option_left_empty_is_named_by_its_column() -> None:
    (fault,) = read_bank(csv_bytes([HEADER, row(option_B="")]), "x.csv").rejected
    assert (fault.code, fault.params["column"]) == ("empty_option", "试题（选项B）")


def test_declared_codes_reach_the_rows() -> None:
    data = csv_bytes([HEADER, row(kind="D", answer="AB")])
    stopped = read_bank(data, "x.csv")
    assert stopped.wish is not None
    assert (stopped.items, stopped.rejected, dict(stopped.wish.suggested_codes)) == (
        (),
        (),
        {"D": "multiple"},
    )
    assert read_bank(data, "x.csv", declared=Declared(codes={"D": "multiple"})).by_kind()["multiple"] == 1


def test_doubles_within_the_file_are_rejected_and_equal_ids_told_apart() -> None:
    again = row(uid="B-2", stem=" 巡逻中发现 可疑包裹，首先应当(  )。")
    same_id = row(uid="B-1", stem="另一道题")
    near = row(uid="B-3", option_D="通知媒体")
    reading = read_bank(csv_bytes([*ROWS, again, same_id, row(uid="B-1"), near]), "x.csv")
    assert codes(reading.rejected) == [("row 5", "duplicate_item"), ("row 7", "duplicate_item")]
    assert [problem.params["first"] for problem in reading.rejected] == ["row 2", "row 2"]
    assert codes(reading.warnings) == [("row 6", "uid_twice"), ("row 8", "same_stem")]
    assert [(placed.place, placed.item.facts.uid) for placed in reading.items] == [
        ("row 2", "B-1"), ("row 3", "G-1"), ("row 4", "C-1"), ("row 6", "B-1-2"), ("row 8", "B-3"),
    ]  # fmt: skip


def test_the_same_row_twice_without_ids_is_a_double_of_content() -> None:
    reading = read_bank(csv_bytes([HEADER, row(), row()]), "x.csv")
    assert codes(reading.rejected) == [("row 3", "duplicate_item")]


def test_what_deserves_a_look_is_a_warning() -> None:
    rows = [
        [*cells, extra]
        for cells, extra in zip([HEADER, row(stem="首先应当（A）。")], ["分值", "1"], strict=True)
    ]
    reading = read_bank(xlsx_bytes({"题库": rows, "统计": [["合计"]], "使用说明": [["请"]]}), "x.xlsx")
    assert len(reading.items) == 1
    assert codes(reading.warnings) == [
        ("题库 row 1", "column_ignored"),
        ("统计", "sheet_ignored"),
        ("使用说明", "sheet_ignored"),
        ("题库 row 2", "answer_in_stem"),
    ]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (csv_bytes([HEADER]), "bank_without_items"),
        (xlsx_bytes({"使用说明": [["说明"]]}), "unknown_layout"),
        (xlsx_bytes({"空": []}), "unknown_layout"),
        (b"<html><body><table><tr><td>x</td></tr></table></body></html>", "file_is_web_page"),
    ],
)
def test_files_without_a_bank_are_refused_whole(data: bytes, code: str) -> None:
    with pytest.raises(InputRefused) as caught:
        read_bank(data, "题库.csv")
    (problem,) = caught.value.problems
    assert (problem.code, problem.place, problem.params["name"]) == (code, "题库.csv", "题库.csv")


def test_an_unknown_layout_says_which_columns_lack() -> None:
    with pytest.raises(InputRefused) as caught:
        read_bank(xlsx_bytes({"表": [["题干", "页码"]]}), "x.xlsx")
    assert caught.value.problems[0].params["columns"] == "题型代码、正确答案"


def test_an_unreadable_file_is_refused_as_such() -> None:
    with pytest.raises(InputRefused) as caught:
        read_bank(b"", "x.csv")
    assert caught.value.problems[0].code == "file_empty"


def test_a_reading_survives_json() -> None:
    reading = read_bank(csv_bytes([*ROWS, row(stem=""), row(uid="B-3", option_D="通知媒体")]), "x.csv")
    assert reading.rejected
    assert reading.warnings
    assert BankReading.from_json(json.loads(json.dumps(reading.to_json()))) == reading


def test_a_refusal_can_be_kept_as_a_reading() -> None:
    problem = Problem("file_empty", "x.csv", {"name": "x.csv"})
    reading = BankReading.refused(problem)
    assert (reading.items, reading.rejected) == ((), (problem,))
    assert BankReading.from_json(json.loads(json.dumps(reading.to_json()))) == reading


def test_the_template_reads_as_a_sample_of_each_kind() -> None:
    reading = read_bank(xlsx_bytes({"题库模板": template_rows()}), "模板.xlsx")
    assert (reading.rejected, reading.warnings) == ((), ())
    assert {kind: count for kind, count in reading.by_kind().items() if count} == {
        "single": 1, "multiple": 1, "true_false": 1,
    }  # fmt: skip
    assert all(placed.item.facts.sample for placed in reading.items)


@pytest.mark.dear
def test_two_thousand_items_are_read_in_order() -> None:
    rows = [row(uid=f"B-{number}", stem=f"第{number}题：应当（　　）。") for number in range(2000)]
    reading = read_bank(xlsx_bytes({"题库": [HEADER, *rows]}), "x.xlsx")
    assert [placed.item.facts.uid for placed in reading.items] == [f"B-{number}" for number in range(2000)]
    assert reading.items[-1].place == "题库 row 2001"
