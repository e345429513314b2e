"""Tables: every encoding and cell kind read true, and hostile files refused before they cost anything."""

import datetime as dt
import io
import time
import zipfile

import openpyxl
import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from itembank.importing import cells as table_cells
from itembank.importing import tables, workbook
from itembank.importing.cells import CellKind, Row, Sheet, Unreadable
from itembank.importing.tables import read_table, read_tables
from tests.itembank.bank_files import changed_zip, csv_bytes, with_sheet_data, xlsx_bytes

ROWS = [["题干", "答案"], ["巡逻时应当佩戴标志，并携带㼆𠮷。", "A"], ['含“引号”"和,逗号;分号\n换行', "B"]]


def refused(data: bytes, name: str = "题库.xlsx") -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        read_table(data, name)
    (problem,) = caught.value.problems
    assert problem.code == caught.value.code
    return caught.value


@pytest.mark.parametrize(
    ("encoding", "recognised"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("gb18030", "gb18030"),
        ("utf-16", "utf-16-le"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_text_tables_in_every_encoding(encoding: str, recognised: str, delimiter: str) -> None:
    found = read_tables(csv_bytes(ROWS, encoding, delimiter), "题库.csv")
    assert (found.format, found.encoding) == ("csv", recognised)
    (sheet,) = found.sheets
    assert [list(row.cells) for row in sheet.rows] == ROWS
    assert [row.number for row in sheet.rows] == [1, 2, 3]


cells = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]))


@pytest.mark.dear
@given(st.lists(st.lists(cells, min_size=2, max_size=4), min_size=1, max_size=6))
def test_text_cells_come_back_as_they_were(rows: list[list[str]]) -> None:
    data = b"\xef\xbb\xbf" + csv_bytes([["头", "头", "头", "头", "头"], *rows])
    read = {row.number: list(row.cells) for row in read_table(data, "x.csv")[0].rows}
    assert {number: cells for number, cells in read.items() if number > 1} == {
        number: cells for number, cells in enumerate(rows, start=2) if any(cell.strip() for cell in cells)
    }


def test_blank_rows_are_left_out_but_counted() -> None:
    (sheet,) = read_table("甲,乙\n\n , \n丙,\n".encode(), "x.csv")
    assert [(row.number, row.cells) for row in sheet.rows] == [(1, ("甲", "乙")), (4, ("丙", ""))]
    assert sheet.rows[1].kinds == (CellKind.TEXT, CellKind.EMPTY)
    assert sheet.place(4) == "row 4"


def test_reading_beyond_a_rows_end_is_empty() -> None:
    row = Row(1, ("甲",), (CellKind.TEXT,))
    assert (row.cell(0), row.cell(5)) == ("甲", "")
    assert (row.kind(0), row.kind(5)) == (CellKind.TEXT, CellKind.EMPTY)
    assert Sheet("题库模板", []).place(7) == "题库模板 row 7"


def test_workbook_cells_show_what_a_spreadsheet_shows() -> None:
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        sheet = book.add_worksheet(" 题库 ")
        day, hour = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": "hh:mm"})
        for column, value in enumerate(("文字", 3, 0.1 + 0.2, -2.5, 110101199001011234, True, False)):
            sheet.write(4, column + 1, value)
        sheet.write_datetime(4, 8, dt.datetime(2025, 3, 4), day)  # noqa: DTZ001 - cells have no zone
        sheet.write_datetime(4, 9, dt.time(9, 30), hour)
        sheet.write_formula(4, 10, "=1+1", None, 2)
        sheet.write_formula(4, 11, "=1/0", None, "#DIV/0!")
        sheet.write(4, 12, "两\r\n行")
    found = read_tables(memory.getvalue(), "x.xlsx")
    (sheet,) = found.sheets
    (row,) = sheet.rows
    assert (found.format, sheet.name, row.number) == ("xlsx", "题库", 5)
    assert row.cells == (
        "文字", "3", "0.3", "-2.5", "1.10101199001011e+17", "TRUE", "FALSE",
        "2025-03-04", "09:30:00", "2", "", "两\n行",
    )  # fmt: skip
    kinds = [CellKind.TEXT, *[CellKind.NUMBER] * 4, *[CellKind.BOOL] * 2, *[CellKind.DATE] * 2]
    assert row.kinds == (*kinds, CellKind.NUMBER, CellKind.EMPTY, CellKind.TEXT)


def test_every_sheet_is_read_and_row_numbers_are_the_files() -> None:
    found = read_table(xlsx_bytes({"甲": ROWS, "乙": [["x"]]}, start=(3, 2)), "x.xlsx")
    assert [sheet.name for sheet in found] == ["甲", "乙"]
    assert [row.number for row in found[0].rows] == [4, 5, 6]
    assert [list(row.cells) for row in found[0].rows] == ROWS


def test_a_workbook_written_by_another_program_reads_the_same() -> None:
    book, memory = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for cells in ROWS:
        sheet.append(cells)
    book.save(memory)
    assert [list(row.cells) for row in read_table(memory.getvalue(), "x.xlsx")[0].rows] == ROWS


def test_the_name_does_not_decide_the_format() -> None:
    assert read_tables(xlsx_bytes({"甲": ROWS}), "旧名.xls").format == "xlsx"
    assert read_tables(csv_bytes(ROWS), "错名.xlsx").format == "csv"


@pytest.mark.dear
def test_far_cells_that_hold_only_a_style_are_nothing() -> None:
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        sheet = book.add_worksheet()
        sheet.write(0, 0, "x")
        sheet.write_blank(1048575, 16383, None, book.add_format({"bold": True}))
    assert [row.cells for row in read_table(memory.getvalue(), "x.xlsx")[0].rows] == [("x",)]


def test_rows_and_cells_without_a_place_are_read_in_order() -> None:
    rows = "".join(f"<row><c><v>{n}</v></c><c/><c><v>{n + 1}</v></c></row>" for n in range(3000))
    found = read_table(with_sheet_data(rows), "x.xlsx")[0].rows
    assert len(found) == 3000
    assert found[2].cells == ("2", "", "3")


OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
WORKBOOK = xlsx_bytes({"表": ROWS})


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b" \r\n\t ", "file_empty"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "file_binary"),
        ("题干,答案\n二\0进制,A\n".encode(), "file_binary"),
        ("\ufeff题干\0,答案".encode(), "file_binary"),
        ("\ufeff题干\0,答案".encode("utf-16-le"), "file_binary"),
        (b"%PDF-1.7 text", "file_not_a_table"),
        (OLE, "file_old_office"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "file_password"),
        (b"<html><head><meta charset='gb2312'></head><table><tr><td>x</td></tr></table>", "file_is_web_page"),
        (b"\xef\xbb\xbf\n <!DOCTYPE html><table>", "file_is_web_page"),
        (b"PK\x05\x06" + bytes(18), "file_not_a_table"),
        (b"PK\x03\x04 and nothing", "workbook_broken"),
        (WORKBOOK[: len(WORKBOOK) // 2], "workbook_broken"),
        (changed_zip(WORKBOOK, {"xl/workbook.xml": b"<workbook"}), "workbook_broken"),
        (changed_zip(WORKBOOK, {"xl/worksheets/sheet1.xml": b"\xff\xfe garbage"}), "workbook_broken"),
    ],
)  # fmt: skip
def test_files_that_are_no_table_are_refused_with_their_reason(data: bytes, code: str) -> None:
    said = refused(data)
    assert said.code == code
    assert said.params["name"] == "题库.xlsx"


def test_a_word_document_is_no_table() -> None:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("word/document.xml", "<w:document/>")
    assert refused(memory.getvalue()).code == "file_not_a_table"


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-8-sig"])
def test_text_cut_within_a_character_is_refused_with_its_line(encoding: str) -> None:
    data = csv_bytes(ROWS * 10, encoding) + "末".encode(encoding.removesuffix("-sig"))[:1]
    said = refused(data, "x.csv")
    assert said.code == "file_damaged_text"
    assert said.params["line"] == data.decode(encoding, errors="ignore").count("\n") + 1


def test_damaged_utf_8_is_not_taken_for_chinese_text_in_another_encoding() -> None:
    good = csv_bytes(ROWS * 10)
    at = good.index("佩戴".encode(), 200)
    assert refused(good[:at] + good[at + 1 :], "x.csv").code == "file_damaged_text"


@pytest.mark.parametrize(
    "text",
    ['题干,答案\n好的,A\n"没有闭合,B\n后一题,A\n', '题干,答案\n好的,A\n"没有闭合,B\n"后一题",A\n'],
)
def test_an_open_quote_refuses_the_file_and_names_the_row(text: str) -> None:
    said = refused(text.encode(), "x.csv")
    assert (said.code, said.params["row"], said.problems[0].place) == ("row_broken_quotes", 3, "row 3")


@pytest.mark.dear
def test_a_bomb_is_refused_while_it_unfolds() -> None:
    bomb = changed_zip(WORKBOOK, {"xl/sharedStrings.xml": b"<sst>" + b" " * (60 * 1024 * 1024)})
    assert len(bomb) < 200_000
    assert refused(bomb).code == "workbook_bomb"


def test_a_part_that_unfolds_far_too_well_is_refused() -> None:
    assert (
        refused(changed_zip(WORKBOOK, {"xl/theme/x.xml": b"<a>" + b" " * 2_000_000})).code == "workbook_bomb"
    )


def test_entities_are_refused_in_any_part() -> None:
    part = b'<?xml version="1.0"?><!DOCTYPE sst [<!ENTITY x SYSTEM "file:///etc/passwd">]><sst>&x;</sst>'
    assert refused(changed_zip(WORKBOOK, {"xl/sharedStrings.xml": part})).code == "workbook_entities"


def test_two_parts_of_one_name_are_refused() -> None:
    memory = io.BytesIO(WORKBOOK)
    with zipfile.ZipFile(memory, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("xl/workbook.xml", "<workbook/>")
    assert refused(memory.getvalue()).code == "workbook_broken"


@pytest.mark.parametrize(
    "xml",
    [
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        "<row r='1048576'><c><v>1</v></c></row>",
        '<row r="1"><c s="1" r = "XFD1"><v>1</v></c></row>',
        f'<row r="{table_cells.MAX_ROWS + 1}"><c r="A{table_cells.MAX_ROWS + 1}"><v>1</v></c></row>',
        '<row r="1"><c r="ALL1"><v>1</v></c></row><row r="9999"><c r="A9999"><v>1</v></c></row>',
    ],
)
def test_far_cells_are_refused_before_the_library_lays_them_out(xml: str) -> None:
    assert refused(with_sheet_data(xml)).code == "table_too_large"


def test_limits_hold_at_their_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_cells, "MAX_ROWS", 3)
    assert len(read_table(csv_bytes(ROWS), "x.csv")[0].rows) == 3
    assert refused(csv_bytes([*ROWS, ["x"]]), "x.csv").code == "table_too_large"
    monkeypatch.setattr(tables, "MAX_FILE_BYTES", 100)
    assert refused(b"x," * 51, "x.csv").code == "file_too_large"
    monkeypatch.setattr(workbook, "MAX_ENTRIES", 3)
    monkeypatch.setattr(tables, "MAX_FILE_BYTES", 1_000_000)
    assert refused(WORKBOOK).code == "workbook_broken"


def test_a_bank_is_read_up_to_an_open_quote_and_the_row_is_named() -> None:
    found = read_tables('题干,答案\n好的,A\n"没有闭合,B\n后一题,A\n'.encode(), "x.csv")
    assert [row.cells for row in found.sheets[0].rows] == [("题干", "答案"), ("好的", "A")]
    assert [(fault.code, fault.place) for fault in found.faults] == [("row_broken_quotes", "row 3")]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_bank_cut_within_a_character_is_read_to_its_last_whole_row(encoding: str) -> None:
    data = csv_bytes(ROWS, encoding) + "半行,末".encode(encoding)[:-1]
    found = read_tables(data, "x.csv")
    assert [list(row.cells) for row in found.sheets[0].rows] == ROWS
    assert (found.encoding, [fault.code for fault in found.faults]) == (encoding, ["row_cut_off"])
    assert found.faults[0].place == "row 4"


def test_a_table_of_a_web_page_is_read_in_its_encoding() -> None:
    page = (
        "<html><head><meta charset='gb2312'></head><body><table><tr><th>题干</th><th>选项</th></tr>"
        "<tr><td rowspan='2'>第一<br>题</td><td>甲 &amp; 乙</td></tr><tr><td>丙</td></tr></table></body></html>"
    )
    found = read_tables(page.encode("gb18030"), "旧.xls")
    assert (found.format, found.encoding) == ("html", "gb18030")
    assert [row.cells for row in found.sheets[0].rows] == [
        ("题干", "选项"), ("第一\n题", "甲 & 乙"), ("", "丙"),
    ]  # fmt: skip


def test_a_web_page_without_a_table_says_what_to_do() -> None:
    with pytest.raises(Unreadable) as caught:
        read_tables("<html><body>登录</body></html>".encode(), "旧.xls")
    assert caught.value.code == "file_is_web_page"


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read_tables(data, "x")
    except Unreadable as said:
        assert said.problems[0].code == said.code


@given(st.integers(0, len(WORKBOOK) - 1), st.integers(0, 255))
def test_any_damaged_workbook_is_read_or_refused(at: int, value: int) -> None:
    data = bytearray(WORKBOOK)
    data[at] = value
    try:
        read_tables(bytes(data), "x.xlsx")
    except Unreadable as said:
        assert said.problems[0].code == said.code


def test_raised_and_lowered_runs_of_a_workbook_stay_so() -> None:
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        page = book.add_worksheet("表")
        up, down = book.add_format({"font_script": 1}), book.add_format({"font_script": 2})
        page.write_rich_string(0, 0, "10", up, "-2", " 与 H", down, "2", "O")
        page.write_rich_string(1, 0, "甲", up, "注", "乙")
    found = read_tables(memory.getvalue(), "x.xlsx")
    assert [row.cells[0] for row in found.sheets[0].rows] == ["10⁻² 与 H₂O", "甲注乙"]
    assert [(note.code, note.params["value"]) for note in found.notes] == [("scripts_lost", "注")]


def test_a_page_keeps_what_is_raised_drops_what_is_hidden_and_names_lost_pictures() -> None:
    page = (
        "<html><body><table><tr><td>10<sup>2</sup> <b>m</b> H<sub>2</sub>O"
        "<span style='DISPLAY: none'>隐</span><script>1</script></td></tr>"
        "<tr><td>见图<img src='p.png'></td></tr><tr><td>甲<sup>注</sup></td></tr></table></body></html>"
    )
    found = read_tables(page.encode(), "x.xls")
    assert [row.cells[0] for row in found.sheets[0].rows] == ["10² m H₂O", "见图", "甲注"]
    assert [(note.code, note.place) for note in found.notes] == [
        ("page_picture_lost", "row 2"), ("scripts_lost", "row 3"),
    ]  # fmt: skip


def test_a_cell_tag_that_never_ends_is_not_searched_again_and_again() -> None:
    began = time.process_time()
    with pytest.raises(Unreadable):
        read_tables(with_sheet_data('<row r="1"><c ' + 'r="A1" ' * 60_000), "x.xlsx")
    assert time.process_time() - began < 1
