"""Headers: every layout by its set of headings, where a header may stand, and what of a sheet is not read."""

import datetime as dt
import io

import pytest
import xlsxwriter

from itembank.importing.cells import Sheet
from itembank.importing.gallery import Gallery
from itembank.importing.layouts import GUOBIAO, field_of, find_header, template_of
from itembank.importing.readers import HEADINGS, RawItem
from itembank.importing.rows import headers, notes, raw_items
from itembank.importing.tables import read_table
from tests.itembank.bank_files import HEADER, csv_bytes, row, xlsx_bytes
from tests.itembank.workbook_kit import template_rows


def sheet(*rows: list[str], title: str = "题库模板") -> Sheet:
    return read_table(xlsx_bytes({title: rows}), "x.xlsx")[0]


def raws(found: Sheet) -> list[RawItem]:
    header = find_header(found, {})
    assert header is not None
    return list(raw_items(found, headers(found, header, {}), Gallery()))


def said(found: Sheet) -> set[tuple[str, object]]:
    header = find_header(found, {})
    assert header is not None
    return {(note.code, note.params.get("column")) for note in notes(found, (header,), Gallery(), {})}


def test_the_layout_has_its_17_columns() -> None:
    assert HEADER == [
        "题库名称", "ID", "序号", "认定点代码", "题型代码", "题号", "试题（题干）", "试题（选项A）",
        "试题（选项B）", "试题（选项C）", "试题（选项D）", "试题（选项E）", "【图】及位置", "正确答案",
        "难度代码", "一致性代码", "解析",
    ]  # fmt: skip


LEVELS = [f"知识点{number}级" for number in "一二三四五六"]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("guobiao", HEADER),
        ("guobiao11", ["鉴定点代码", "题目类型代码", "试题(题干)", *(f"选项{k}" for k in "ABCDE"), "答案", "难度代码", "一致性代码"]),
        ("guojiatiku", ["试题GUID", "题型(必填）", "题干（必填）", "答案", "选项A", "选项B", *LEVELS, "难度", "一致性", "分数"]),
        ("kaoshibao", ["题干（必填）", "题型 （必填）", "选项 A", "选项 B", "选项E\n(勿删)", "选项H\n(勿删)", "正确答案\n（必填）", "章节\n（勿删）"]),
        ("motibang", ["题干", "题型", "选择项1", "选择项2", "解析", "答案1", "答案2"]),
        ("onecell", ["题型", "题干", "选项", "答案"]),
        ("generic", ["章节序号", "章节名称", "题目内容", "题型", "选项A", "选项B", "正确答案", "解析"]),
        ("generic", ["问题", "题型（0单选，1判断，2多选）", "选项A", "选项B", "答案（A,B）"]),
        ("generic", ["", "Question", "A", "B", "C", "D", "Answer"]),
    ],
)  # fmt: skip
def test_every_layout_is_told_by_its_headings(name: str, header: list[str]) -> None:
    found = find_header(sheet(["某题库"], header, ["x"] * len(header)), {})
    assert found is not None
    assert (found.layout, found.index) == (name, 1)
    assert found.national is (name in ("guobiao", "guobiao11"))


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("选项Ａ", "option_A"), ("选择项10", "option_J"), ("Ａ", "option_A"), ("备选答案", "options"),
        ("知识点四级", "level_4"), ("知识点", "topic"), ("试题难度说明", ""), ("分值", ""), ("", ""),
        ("答案2", "answer_2"), ("答案C", "option_C"), ("难度（1-5）", "difficulty"),
    ],
)  # fmt: skip
def test_headings_mean_fields(heading: str, field: str) -> None:
    assert field_of(heading) == field


def test_rows_come_with_their_fields_and_place() -> None:
    first, second = raws(sheet(HEADER, row(uid="B-1", answer=" A "), row(stem="第二题")))
    assert (first.place, second.place) == ("题库模板 row 2", "题库模板 row 3")
    assert (first.get("uid"), first.get("answer"), first.get("picture")) == ("B-1", "A", "")
    assert second.get("stem") == "第二题"
    assert first.fields.keys() == set(GUOBIAO)


@pytest.mark.parametrize("depth", [0, 1, 9])
def test_a_header_below_a_title_is_found(depth: int) -> None:
    found = sheet(*[["某公司题库导入表"]] * depth, HEADER, row())
    assert [raw.place for raw in raws(found)] == [f"题库模板 row {depth + 2}"]


def test_a_header_below_the_first_ten_rows_is_not_looked_for() -> None:
    assert find_header(sheet(*[["标题"]] * 10, HEADER, row()), {}) is None


@pytest.mark.parametrize(
    "heading",
    ["正确答案", " 正确\n答案 ", "正确答案（必填）", "正确答案(必填)*", "答案", "标准答案：", "参考答案", "正确答案\u200b"],
)  # fmt: skip
def test_a_heading_in_other_dress_is_recognised(heading: str) -> None:
    header = [heading if name == "正确答案" else name for name in HEADER]
    (raw,) = raws(sheet(header, row(answer="C")))
    assert raw.get("answer") == "C"


def test_columns_may_stand_in_any_order_and_under_short_names() -> None:
    header = ["答案", "知识点", "题型", "题干", "选项Ａ", "选项B", "难度", "出处", "重要程度"]
    found = sheet(header, ["A", "A-001", "单选题", "题", "甲", "乙", "3", "某条例", "X"])
    (raw,) = raws(found)
    assert {name: raw.get(name) for name in raw.fields} == {
        "answer": "A", "topic": "A-001", "kind": "单选题", "stem": "题", "option_A": "甲", "option_B": "乙",
        "difficulty": "3", "source": "某条例", "importance": "X",
    }  # fmt: skip
    assert said(found) == set()


def test_declared_columns_go_before_known_ones() -> None:
    found = sheet(["题目", "内容", "对不对", "无关"], ["标题", "通道可以停车。", "错", "x"])
    header = find_header(found, {"内容": "stem", "对不对": "answer", "题目": ""})
    assert header is not None
    assert header.columns == {"stem": 1, "answer": 2}
    left_out = [note.params["column"] for note in notes(found, (header,), Gallery(), {"内容": "stem", "题目": ""})
                if note.code == "column_ignored"]  # fmt: skip
    assert left_out == ["无关"]


def test_the_template_names_headings_not_their_dress() -> None:
    assert template_of(["题干（必填）", "选项 Ａ"]) == template_of(["题干", "选项A"])
    assert template_of(["题干", "选项A"]) != template_of(["选项A", "题干"])
    assert len(template_of([])) == 64


def test_columns_left_out_and_twice_are_mentioned() -> None:
    found = sheet([*HEADER, "分值", "答案"], [*row(answer="A"), "1", "B"])
    assert said(found) == {("column_ignored", "分值"), ("column_twice", "正确答案")}
    assert raws(found)[0].get("answer") == "A"


def test_a_table_without_kinds_says_so_once() -> None:
    found = sheet(["题干", "选项A", "选项B", "答案"], ["题", "甲", "乙", "A"])
    assert said(found) == {("kinds_inferred", None)}


def test_a_hidden_sheet_is_read_and_mentioned() -> None:
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        book.add_worksheet("封面").write(0, 0, "x")
        hidden = book.add_worksheet("题库")
        hidden.hide()
        for number, cells in enumerate([HEADER, row()]):
            hidden.write_row(number, 0, cells)
    cover, found = read_table(memory.getvalue(), "x.xlsx")
    assert (cover.hidden, found.hidden, len(raws(found))) == (False, True, 1)
    assert said(found) == {("sheet_hidden", None)}


def test_a_row_longer_than_its_header_is_at_fault() -> None:
    text = csv_bytes([HEADER]) + ",".join(row(stem="甲，乙,丙", explanation="理由")).encode()
    (raw,) = raws(read_table(text, "x.csv")[0])
    (fault,) = raw.faults
    assert (fault.code, fault.place, fault.params["cells"]) == ("row_too_long", "row 2", 18)


def dated(*others: str) -> RawItem:
    """A row whose option B is a date cell; `others` are the texts of options A and C."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        page = book.add_worksheet("题库")
        page.write_row(0, 0, HEADER)
        page.write_row(1, 0, row(option_A=others[0], option_C=others[1]))
        day = book.add_format({"num_format": "m-d"})
        for name in ("option_B", "number"):
            page.write_datetime(1, HEADER.index(HEADINGS[name]), dt.datetime(2025, 3, 4), day)  # noqa: DTZ001
    (raw,) = raws(read_table(memory.getvalue(), "x.xlsx")[0])
    return raw


def test_wording_that_became_a_date_is_at_fault() -> None:
    (fault,) = dated("1-2处", "按规定").faults
    assert (fault.code, fault.place, fault.params["column"]) == (
        "cell_is_date",
        "题库 row 2",
        "试题（选项B）",
    )


def test_a_date_among_dates_is_meant() -> None:
    raw = dated("2025-01-01", "2025年6月1日")
    assert (raw.faults, raw.get("option_B")) == ((), "2025-03-04")


def test_the_empty_template_is_in_the_layout() -> None:
    rows = template_rows()
    assert rows[0] == HEADER
    assert {len(cells) for cells in rows} == {17}
    assert len(raws(sheet(*rows))) == 3
