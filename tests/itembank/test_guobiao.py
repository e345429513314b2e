"""The 17-column layout: where its header may stand and how its headings may be written."""

import datetime as dt
import io

import pytest
import xlsxwriter

from itembank.importing.cells import Sheet
from itembank.importing.guobiao import LAYOUT, GuobiaoReader, missing_columns
from itembank.importing.readers import HEADINGS, RawItem
from itembank.importing.tables import read_table
from itembank.importing.template import template_rows
from tests.itembank.bank_files import HEADER, csv_bytes, row, xlsx_bytes

READER = GuobiaoReader()


def sheets(*rows: list[str], title: str = "题库模板") -> list[Sheet]:
    return read_table(xlsx_bytes({title: rows}), "x.xlsx")


def raw_items(found: list[Sheet]) -> list[RawItem]:
    return list(READER.read(found))


def test_the_layout_has_its_17_columns() -> None:
    assert HEADER == [
        "题库名称", "ID", "序号", "认定点代码", "题型代码", "题号", "试题（题干）", "试题（选项A）",
        "试题（选项B）", "试题（选项C）", "试题（选项D）", "试题（选项E）", "【图】及位置", "正确答案",
        "难度代码", "一致性代码", "解析",
    ]  # fmt: skip


def test_rows_come_with_their_fields_and_place() -> None:
    found = sheets(HEADER, row(uid="B-1", answer=" A "), row(stem="第二题"))
    assert READER.sniff(found)
    first, second = raw_items(found)
    assert (first.place, second.place) == ("题库模板 row 2", "题库模板 row 3")
    assert (first.get("uid"), first.get("answer"), first.get("picture")) == ("B-1", "A", "")
    assert second.get("stem") == "第二题"
    assert first.fields.keys() == set(LAYOUT)


@pytest.mark.parametrize("depth", [0, 1, 9])
def test_a_header_below_a_title_is_found(depth: int) -> None:
    found = sheets(*[["某公司题库导入表"]] * depth, HEADER, row())
    assert [raw.place for raw in raw_items(found)] == [f"题库模板 row {depth + 2}"]


def test_a_header_below_the_first_ten_rows_is_not_looked_for() -> None:
    assert not READER.sniff(sheets(*[["标题"]] * 10, HEADER, row()))


@pytest.mark.parametrize(
    "heading",
    [
        "正确答案",
        " 正确\n答案 ",
        "正确答案（必填）",
        "正确答案(必填)*",
        "答案",
        "标准答案：",
        "参考答案",
        "正确答案\u200b",
    ],
)
def test_a_heading_in_other_dress_is_recognised(heading: str) -> None:
    header = [heading if name == "正确答案" else name for name in HEADER]
    (raw,) = raw_items(sheets(header, row(answer="C")))
    assert raw.get("answer") == "C"


def test_columns_may_stand_in_any_order_and_under_short_names() -> None:
    header = ["答案", "知识点", "题型", "题干", "选项Ａ", "选项B", "难度", "出处", "重要程度"]
    found = sheets(header, ["A", "A-001", "单选题", "题", "甲", "乙", "3", "某条例", "X"])
    (raw,) = raw_items(found)
    assert {name: raw.get(name) for name in raw.fields} == {
        "answer": "A", "point": "A-001", "kind": "单选题", "stem": "题", "option_A": "甲", "option_B": "乙",
        "difficulty": "3", "source": "某条例", "importance": "X",
    }  # fmt: skip
    assert list(READER.warnings(found)) == []


def test_missing_columns_are_named_by_their_headings() -> None:
    header = [name for name in HEADER if name not in ("正确答案", "难度代码")]
    found = sheets(header, ["x"] * len(header))
    assert not READER.sniff(found)
    assert missing_columns(found) == ["正确答案", "难度代码"]
    assert len(missing_columns([])) == 7


def test_every_sheet_with_the_header_is_read_and_instructions_are_not_mentioned() -> None:
    data = xlsx_bytes(
        {
            "使用说明": [["请勿修改表头"]],
            "单选": [HEADER, row()],
            "判断": [HEADER, row()],
            "统计": [["合计", 2]],
            "空": [],
        }
    )
    found = read_table(data, "x.xlsx")
    assert [raw.place for raw in raw_items(found)] == ["单选 row 2", "判断 row 2"]
    (warning,) = READER.warnings(found)
    assert (warning.code, warning.place) == ("sheet_ignored", "统计")


def test_columns_left_out_and_twice_are_mentioned() -> None:
    found = sheets([*HEADER, "分值", "答案"], [*row(answer="A"), "1", "B"])
    said = {(problem.code, problem.params["column"]) for problem in READER.warnings(found)}
    assert said == {("column_ignored", "分值"), ("column_twice", "正确答案")}
    assert raw_items(found)[0].get("answer") == "A"


def test_a_row_longer_than_its_header_is_at_fault() -> None:
    text = csv_bytes([HEADER]) + ",".join(row(stem="甲,乙两人", explanation="略")).encode()
    (raw,) = raw_items(read_table(text, "x.csv"))
    (fault,) = raw.faults
    assert (fault.code, fault.place, fault.params["cells"]) == ("row_too_long", "row 2", 18)


def test_wording_that_became_a_date_is_at_fault() -> None:
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        sheet = book.add_worksheet("题库")
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, row())
        day = book.add_format({"num_format": "m-d"})
        sheet.write_datetime(1, HEADER.index(HEADINGS["option_B"]), dt.datetime(2025, 3, 4), day)  # noqa: DTZ001
        sheet.write_datetime(1, HEADER.index(HEADINGS["number"]), dt.datetime(2025, 3, 4), day)  # noqa: DTZ001
    (raw,) = raw_items(read_table(memory.getvalue(), "x.xlsx"))
    (fault,) = raw.faults
    assert (fault.code, fault.place, fault.params["column"]) == (
        "cell_is_date",
        "题库 row 2",
        "试题（选项B）",
    )


def test_the_template_is_in_the_layout() -> None:
    rows = template_rows()
    assert rows[0] == HEADER
    assert {len(cells) for cells in rows} == {17}
    assert len(raw_items(sheets(*rows))) == 3
