"""Bank files made for the tests: real workbooks and text tables, and hostile ones."""

import io
import zipfile
from collections.abc import Mapping, Sequence

import xlsxwriter
from PIL import Image

from itembank.importing.layouts import GUOBIAO as LAYOUT
from itembank.importing.readers import HEADINGS

Cell = str | int | float | bool
HEADER = [HEADINGS[name] for name in LAYOUT]
GOOD = {
    "bank": "试验题库",
    "point": "A-B-C-001",
    "kind": "B（单选题）",
    "stem": "巡逻中发现可疑包裹，首先应当（　　）。",
    "option_A": "设置警戒并报告",
    "option_B": "打开查看",
    "option_C": "搬到室外",
    "option_D": "不予理会",
    "answer": "A",
    "difficulty": "3（中等）",
    "consistency": "4（高）",
}


def row(**fields: str) -> list[str]:
    """A row of the 17 columns: a good single-choice item but for `fields`."""
    filled = {**GOOD, **fields}
    return [filled.get(name, "") for name in LAYOUT]


def true_false(**fields: str) -> list[str]:
    """A row of the 17 columns: a good true/false item but for `fields`."""
    bare = {f"option_{key}": "" for key in "ABCDE"}
    return row(**{"kind": "C", "stem": "消防通道可以临时停车。", "answer": "错误", **bare, **fields})


def csv_bytes(rows: Sequence[Sequence[str]], encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    """A text table as spreadsheets write it."""
    lines = []
    for cells in rows:
        quoted = [
            '"' + cell.replace('"', '""') + '"' if set(cell) & set('",\t;\n') else cell for cell in cells
        ]
        lines.append(delimiter.join(quoted))
    return "".join(line + "\r\n" for line in lines).encode(encoding)


def xlsx_bytes(sheets: Mapping[str, Sequence[Sequence[Cell]]], start: tuple[int, int] = (0, 0)) -> bytes:
    """A workbook whose sheets begin at `start` (row and column from 0)."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory) as book:
        for title, rows in sheets.items():
            sheet = book.add_worksheet(title)
            for number, cells in enumerate(rows, start=start[0]):
                for column, cell in enumerate(cells, start=start[1]):
                    if cell != "":
                        sheet.write(number, column, cell)
    return memory.getvalue()


def changed_zip(data: bytes, replaced: Mapping[str, bytes]) -> bytes:
    """The same zip with other contents under some names; new names are added."""
    memory = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, replaced.get(name, old.read(name)))
        for name in replaced.keys() - set(old.namelist()):
            new.writestr(name, replaced[name])
    return memory.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of files by name."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return memory.getvalue()


def png_bytes(shade: int) -> bytes:
    """A small picture; another one for each shade."""
    memory = io.BytesIO()
    Image.new("RGB", (4, 3), (shade, 10, 200)).save(memory, "PNG")
    return memory.getvalue()


def with_sheet_data(xml: str) -> bytes:
    """A workbook whose only sheet holds exactly the given XML as its rows."""
    sheet = (
        '<?xml version="1.0" encoding="UTF-8"?><worksheet '
        'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{xml}</sheetData></worksheet>"
    )
    return changed_zip(xlsx_bytes({"表": [["x"]]}), {"xl/worksheets/sheet1.xml": sheet.encode()})
