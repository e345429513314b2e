"""Pictures of tables: each comes to the item and the text it belongs to, or the item says that it lacks it."""

import io
import re

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from itembank.importing.gallery import Gallery
from itembank.importing.pipeline import read_bank
from itembank.importing.reading import BankReading
from itembank.items import ItemBody, Markup
from itembank.problems import InputRefused
from tests.itembank.bank_files import HEADER, changed_zip, csv_bytes, png_bytes, row, zipped

STEM, OPTION_B = HEADER.index("试题（题干）"), HEADER.index("试题（选项B）")


def pictured(rows: list[list[str]], pictures: list[tuple[int, int, bytes]]) -> bytes:
    """A workbook with pictures at (row from 0, column from 0)."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        sheet = book.add_worksheet("题库")
        for number, cells in enumerate([HEADER, *rows]):
            sheet.write_row(number, 0, cells)
        for number, column, data in pictures:
            sheet.insert_image(number, column, "p.png", {"image_data": io.BytesIO(data)})
    return memory.getvalue()


def shown(text: str) -> list[str]:
    return re.findall(r'<img src="media:([0-9a-f]{64})"', text)


def only(reading: BankReading) -> ItemBody:
    assert reading.rejected == ()
    (placed,) = reading.items
    return placed.item.body


def test_a_picture_goes_to_the_row_and_the_text_of_its_anchor() -> None:
    rows = [row(stem="甲 < 乙"), row(stem="第二题"), row(stem="第三题", option_B="")]
    places = [(1, STEM, png_bytes(1)), (3, OPTION_B, png_bytes(3)), (3, STEM, png_bytes(1))]
    reading = read_bank(pictured(rows, places), "x.xlsx")
    first, second, third = (placed.item.body for placed in reading.items)
    assert first.stem.startswith("甲 &lt; 乙<br><img")
    assert (second.markup, second.media) == (Markup.PLAIN, ())
    assert shown(third.stem) == shown(first.stem) != shown(third.options[1].text)
    assert {medium.sha256 for medium in third.media} == {*shown(third.stem), *shown(third.options[1].text)}
    assert set(reading.media) == {medium.sha256 for medium in third.media}


def test_a_picture_outside_the_columns_belongs_to_the_stem() -> None:
    body = only(read_bank(pictured([row()], [(1, 30, png_bytes(1)), (1, 31, png_bytes(2))]), "x.xlsx"))
    assert len(shown(body.stem)) == 2


def test_a_picture_beside_no_item_is_mentioned() -> None:
    reading = read_bank(pictured([row()], [(5, 1, png_bytes(1))]), "x.xlsx")
    assert [(note.code, note.place) for note in reading.warnings] == [("picture_without_item", "题库 row 6")]
    assert reading.media == {}


def test_a_picture_that_does_not_decode_rejects_its_item() -> None:
    data = changed_zip(
        pictured([row(), row(stem="乙")], [(1, STEM, png_bytes(1))]), {"xl/media/image1.png": b"x"}
    )
    reading = read_bank(data, "x.xlsx")
    assert [(fault.code, fault.place) for fault in reading.rejected] == [("media_not_readable", "题库 row 2")]
    assert len(reading.items) == 1


CELL_IMAGES = b"""<etc:cellImages xmlns:etc="http://www.wps.cn/officeDocument/2017/etCustomData"
 xmlns:xdr="http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing"
 xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"
 xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><etc:cellImage><xdr:pic><xdr:nvPicPr>
 <xdr:cNvPr id="2" name="ID_7A"/></xdr:nvPicPr><xdr:blipFill><a:blip r:embed="rId1"/></xdr:blipFill></xdr:pic>
 </etc:cellImage></etc:cellImages>"""
RELATIONS = b"""<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship
 Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/image"
 Target="media/image1.png"/></Relationships>"""


def test_pictures_that_cells_name_by_formula_are_shown() -> None:
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        sheet = book.add_worksheet("题库")
        for number, cells in enumerate([HEADER, row(stem='看图：=DISPIMG("ID_7A",1)'), row(stem="乙")]):
            sheet.write_row(number, 0, cells)
        sheet.write_formula(2, OPTION_B, '=_xlfn.DISPIMG("ID_7A",1)', None, '=DISPIMG("ID_7A",1)')
    data = changed_zip(
        memory.getvalue(),
        {"xl/cellimages.xml": CELL_IMAGES, "xl/_rels/cellimages.xml.rels": RELATIONS,
         "xl/media/image1.png": png_bytes(7)},
    )  # fmt: skip
    reading = read_bank(data, "x.xlsx")
    first, second = (placed.item.body for placed in reading.items)
    assert shown(first.stem) == shown(second.options[1].text) == list(reading.media)
    assert "DISPIMG" not in first.stem


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"picture": "图1，题干后"}, "【图】及位置"),
        ({"option_B": '=DISPIMG("ID_1",1)'}, "试题（选项B）"),
        ({"stem": '=DISPIMG("ID_1",1)'}, "试题（题干）"),
    ],
)
def test_an_item_whose_picture_is_not_in_the_file_is_rejected(fields: dict[str, str], column: str) -> None:
    (fault,) = read_bank(csv_bytes([HEADER, row(**fields)]), "x.csv").rejected
    assert (fault.code, fault.params["column"]) == ("picture_not_in_file", column)


def test_a_description_beside_an_anchored_picture_is_no_fault() -> None:
    data = pictured([row(picture="见图，题干后")], [(1, HEADER.index("【图】及位置"), png_bytes(1))])
    assert len(shown(only(read_bank(data, "x.xlsx")).stem)) == 1


def test_pictures_in_the_same_zip_are_found_by_name() -> None:
    rows = [
        HEADER,
        row(picture="图1.png，题干后"),
        row(stem="乙", picture="图12，选项B"),
        row(stem="丙", picture="图3"),
    ]
    files = {f"图/图{n}.PNG": png_bytes(n) for n in (1, 12)} | {"题库.csv": csv_bytes(rows)}
    reading = read_bank(zipped(files), "题库.zip")
    first, second = (placed.item.body for placed in reading.items)
    assert (len(shown(first.stem)), len(shown(second.stem)), len(shown(second.options[1].text))) == (1, 0, 1)
    assert shown(first.stem) != shown(second.options[1].text)
    assert [(fault.code, fault.place) for fault in reading.rejected] == [("picture_not_in_file", "row 4")]


WHOLE = pictured([row(), row(stem="乙")], [(1, STEM, png_bytes(1))])


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_any_damaged_workbook_with_pictures_is_read_or_refused(at: int, value: int) -> None:
    data = bytearray(WHOLE)
    data[at] = value
    try:
        read_bank(bytes(data), "x.xlsx")
    except InputRefused as said:
        assert said.problems[0].code


@pytest.mark.dear
@given(st.lists(st.lists(st.text(max_size=6), min_size=17, max_size=18), max_size=3))
def test_any_rows_below_the_header_are_items_or_named(rows: list[list[str]]) -> None:
    written = [[cell.replace("\0", "") for cell in cells] for cells in rows]
    try:
        reading = read_bank(b"\xef\xbb\xbf" + csv_bytes([HEADER, *written]), "x.csv")
    except InputRefused as said:
        assert said.problems[0].code
    else:
        assert reading.wish or reading.items or reading.rejected


def test_marks_of_the_file_itself_mean_nothing() -> None:
    body = only(read_bank(pictured([row(stem="甲\ue0f00\ue0f1乙")], [(1, OPTION_B, png_bytes(1))]), "x.xlsx"))
    assert shown(body.stem) == []


def test_entities_in_a_drawing_refuse_the_file() -> None:
    hostile = b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>'
    data = changed_zip(pictured([row()], [(1, STEM, png_bytes(1))]), {"xl/drawings/drawing1.xml": hostile})
    with pytest.raises(Exception, match="workbook_entities"):
        read_bank(data, "x.xlsx")


def test_a_picture_file_is_named_whole_or_not_at_all() -> None:
    files = {name: name for name in ("1.png", "2.png", "图1.png", "a-1.png")}
    named = Gallery(files=files).named
    assert [named(text) for text in ("11.png", "第1页图2", "a-1.png", "1.png和2.png", "见图1.png", "2", "1或2")] == [
        (), (), ("a-1.png",), ("1.png", "2.png"), ("图1.png",), ("2.png",), (),
    ]  # fmt: skip
