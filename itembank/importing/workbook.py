"""Workbooks (xlsx). The zip and its XML are checked against limits before the reading library sees them."""

import datetime as dt
import io
import re
import zipfile
import zlib
from collections.abc import Iterator

import python_calamine as calamine

from itembank.importing.cells import (
    MAX_CELLS,
    MAX_ROWS,
    Budget,
    CellKind,
    Row,
    Sheet,
    Unreadable,
    clean_newlines,
)

MAX_ENTRIES = 2_000
MAX_UNPACKED_BYTES = 50 * 1024 * 1024
MAX_RATIO = 200  # of one entry above RATIO_FROM_BYTES
RATIO_FROM_BYTES = 1024 * 1024
MAX_COLUMNS = 512

_ENCRYPTED_FLAG = 0x1
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_SHEET_DATA = re.compile(rb"<(?:\w+:)?sheetData\b")
_ROW = re.compile(rb"<(?:\w+:)?row\b")
_ROW_NUMBER = re.compile(rb"\br\s*=\s*[\"']([0-9]{1,12})[\"']")
_CELL = re.compile(rb"<(?:\w+:)?c\b([^<>]*)>")
_CELL_PLACE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{1,6})([0-9]{1,12})[\"']")

_Value = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


def read_workbook(data: bytes, name: str) -> Iterator[Sheet]:
    """Every sheet with its rows that are not blank; `Unreadable` for anything but a plain xlsx in limits."""
    _check_zip(data, name)
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        sheets = [_read_sheet(book, title, Budget(name)) for title in _sheet_names(book)]
    except calamine.PasswordError as error:
        raise Unreadable("file_password", name) from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise Unreadable("workbook_broken", name) from error
    yield from sheets


def pictures_in(data: bytes) -> int:
    """How many pictures a workbook that was read carries; the reader leaves them out."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        return sum(entry.startswith("xl/media/") for entry in book.namelist())


def _sheet_names(book: calamine.CalamineWorkbook) -> list[str]:
    return [sheet.name for sheet in book.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet]


def _read_sheet(book: calamine.CalamineWorkbook, title: str, budget: Budget) -> Sheet:
    source = book.get_sheet_by_name(title)
    first = source.start[0] + 1 if source.start else 1
    rows = []
    for offset, values in enumerate(source.to_python(skip_empty_area=True)):
        cells = tuple(_shown(value) for value in values)
        budget.spend(cells)
        if any(cell.strip() for cell in cells):
            kinds = tuple(_kind(value) for value in values)
            rows.append(Row(first + offset, cells, kinds))
    return Sheet(title.strip(), tuple(rows))


def _shown(value: _Value) -> str:
    """The value as a spreadsheet shows it in its general format: 3, not 3.0."""
    if isinstance(value, str):
        return clean_newlines(value)
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return f"{value:.15g}"
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ")
    return str(value)


def _kind(value: _Value) -> CellKind:
    if isinstance(value, str):
        return CellKind.TEXT if value.strip() else CellKind.EMPTY
    if isinstance(value, bool):
        return CellKind.BOOL
    return CellKind.NUMBER if isinstance(value, int | float) else CellKind.DATE


def _check_zip(data: bytes, name: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries, name)
            left = MAX_UNPACKED_BYTES
            for entry in entries:
                left -= _check_part(archive, entry, left, name)
    # zlib.error: damaged data; EOFError: cut data; NotImplementedError: a packing nobody uses for workbooks
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise Unreadable("workbook_broken", name) from error


def _check_entries(entries: list[zipfile.ZipInfo], name: str) -> None:
    names = [entry.filename for entry in entries]
    if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
        raise Unreadable("file_password", name)
    if len(names) > MAX_ENTRIES or len({title.lower() for title in names}) < len(names):
        raise Unreadable("workbook_broken", name)
    if "xl/workbook.xml" not in (title.lower() for title in names):
        raise Unreadable("file_not_a_table", name)


def _check_part(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int, name: str) -> int:
    """Unpacks one part under what is left of the limit, checks it and returns its true size in bytes."""
    with archive.open(entry) as part:
        content = part.read(left + 1)
    size = len(content)
    if size > left or (size > RATIO_FROM_BYTES and size > MAX_RATIO * max(entry.compress_size, 1)):
        raise Unreadable("workbook_bomb", name, limit_mb=MAX_UNPACKED_BYTES // (1024 * 1024))
    if _DOCTYPE.search(content) and not entry.filename.startswith("xl/media/"):
        raise Unreadable("workbook_entities", name)
    if _SHEET_DATA.search(content):
        _check_extent(content, name)
    return size


def _check_extent(content: bytes, name: str) -> None:
    """Refuses far cells: the library lays out the whole rectangle and aborts the process on a huge one.

    Cells that hold only a style do not count, as the library skips them. Rows and cells may leave out their
    place; then they follow the one before.
    """
    rows = columns = filled = number = 0
    for chunk in _ROW.split(content)[1:]:
        head, _, cells = chunk.partition(b">")
        said = _ROW_NUMBER.search(head)
        number = int(said[1]) if said else number + 1
        column = 0
        for cell in _CELL.finditer(cells):
            place = _CELL_PLACE.search(cell[1])
            column = _column_number(place[1]) if place else column + 1
            if not cell[1].endswith(b"/"):
                filled, columns = filled + 1, max(columns, column)
                rows = max(rows, int(place[2]) if place else number)
    if rows > MAX_ROWS or columns > MAX_COLUMNS or max(filled, rows * columns) > MAX_CELLS:
        raise Unreadable("table_too_large", name, rows=MAX_ROWS, cells=MAX_CELLS)


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
