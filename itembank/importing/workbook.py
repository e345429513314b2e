"""Workbooks (xlsx, xls). An xlsx is checked against limits before the reading library sees it."""

import datetime as dt
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache

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
from itembank.importing.scripts import with_scripts

MAX_ENTRIES = 2_000
MAX_UNPACKED_BYTES = 50 * 1024 * 1024
MAX_RATIO = 200  # of one entry above RATIO_FROM_BYTES
RATIO_FROM_BYTES = 1024 * 1024
MAX_COLUMNS = 200

_ENCRYPTED_FLAG = 0x1
_DOCTYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_STRINGS = re.compile(r"xl/(?:sharedStrings|worksheets/[^/]+)\.xml$", re.IGNORECASE)
_SHEET_DATA = re.compile(rb"<(?:\w+:)?sheetData\b")
_ROW = re.compile(rb"<(?:\w+:)?row\b")
_ROW_NUMBER = re.compile(rb"\br\s*=\s*[\"']([0-9]{1,12})[\"']")
# Nothing is tried twice (atomic group, possessive repeat): tags that never end stay linear.
_CELL = re.compile(
    rb"<(?:\w+:)?c\b(?>(?:[^<>]*?\br\s*=\s*[\"']([A-Za-z]{1,6})([0-9]{1,12})[\"'])?)[^<>]*+(?:(?<=(/))>|>)"
)

_KINDS = {float: CellKind.NUMBER, int: CellKind.NUMBER, bool: CellKind.BOOL}
_TEXT, _EMPTY = CellKind.TEXT, CellKind.EMPTY  # most cells of a bank are one of them

_Value = int | float | str | bool | dt.time | dt.date | dt.datetime | dt.timedelta


def read_workbook(data: bytes, name: str, lost: list[str] | None = None) -> Iterator[Sheet]:
    """Every sheet with its rows that are not blank; `Unreadable` for anything but a plain xlsx in limits.

    Raised and lowered texts that no characters stand for are added to `lost`.
    """
    scripts = _check_zip(data, name)
    try:
        book = calamine.CalamineWorkbook.from_filelike(
            io.BytesIO(_with_scripts(data, scripts, lost) if scripts else data)
        )
        sheets = [_read_sheet(book, title, Budget(name)) for title in _sheet_names(book)]
    except calamine.PasswordError as error:
        raise Unreadable("file_password", name) from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise Unreadable("workbook_broken", name) from error
    yield from sheets


def read_old_workbook(data: bytes, name: str) -> Iterator[Sheet]:
    """Every sheet of an old workbook (BIFF8); `Unreadable` for any other old Office file."""
    try:
        book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(data))
        titles = _sheet_names(book)
        if not titles:
            raise Unreadable("file_old_office", name)
        sheets = [_read_sheet(book, title, Budget(name)) for title in titles]
    except calamine.PasswordError as error:
        raise Unreadable("file_password", name) from error
    except (calamine.CalamineError, OSError, ValueError) as error:
        raise Unreadable("file_old_office", name) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise Unreadable("file_old_office", name) from error  # the library gives up on damaged records
    yield from sheets


def _sheet_names(book: calamine.CalamineWorkbook) -> list[str]:
    return [sheet.name for sheet in _sheets(book)]


def _sheets(book: calamine.CalamineWorkbook) -> list[calamine.SheetMetadata]:
    return [sheet for sheet in book.sheets_metadata if sheet.typ == calamine.SheetTypeEnum.WorkSheet]


def _hidden(book: calamine.CalamineWorkbook, title: str) -> bool:
    seen = {sheet.name: sheet.visible == calamine.SheetVisibleEnum.Visible for sheet in _sheets(book)}
    return not seen.get(title, True)


def _read_sheet(book: calamine.CalamineWorkbook, title: str, budget: Budget) -> Sheet:
    source = book.get_sheet_by_name(title)
    first = source.start[0] + 1 if source.start else 1
    rows = []
    for offset, values in enumerate(source.to_python(skip_empty_area=True)):
        cells = tuple([_shown(value) if value != "" else "" for value in values])
        budget.spend(cells)
        if any(map(str.strip, cells)):
            kinds = [
                (_TEXT if value.strip() else _EMPTY) if isinstance(value, str) else _other_kind(value)
                for value in values
            ]
            rows.append(Row(first + offset, cells, tuple(kinds)))
    return Sheet(title.strip(), tuple(rows), _hidden(book, title))


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


def _other_kind(value: _Value) -> CellKind:
    return _KINDS.get(type(value), CellKind.DATE)


def _with_scripts(data: bytes, parts: Sequence[str], lost: list[str] | None) -> bytes:
    """The workbook with raised and lowered runs as characters; the library drops what makes them so."""
    changed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(changed, "w") as new:
        for entry in old.namelist():
            content = old.read(entry)
            if entry in parts:
                content, left = with_scripts(content)
                if lost is not None:
                    lost += left
            new.writestr(entry, content)
    return changed.getvalue()


def _check_zip(data: bytes, name: str) -> list[str]:
    """Refuses what is not within limits; the parts that hold raised or lowered runs."""
    scripts: list[str] = []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries, name)
            left = MAX_UNPACKED_BYTES
            for entry in entries:
                content = _checked_part(archive, entry, left, name)
                left -= len(content)
                if b"vertAlign" in content and _STRINGS.match(entry.filename):
                    scripts.append(entry.filename)
    # zlib.error: damaged data; EOFError: cut data; NotImplementedError: a packing nobody uses for workbooks
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise Unreadable("workbook_broken", name) from error
    return scripts


def _check_entries(entries: list[zipfile.ZipInfo], name: str) -> None:
    names = [entry.filename for entry in entries]
    if any(entry.flag_bits & _ENCRYPTED_FLAG for entry in entries):
        raise Unreadable("file_password", name)
    if len(names) > MAX_ENTRIES or len({title.lower() for title in names}) < len(names):
        raise Unreadable("workbook_broken", name)
    if "xl/workbook.xml" not in (title.lower() for title in names):
        raise Unreadable("file_not_a_table", name)


def _checked_part(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int, name: str) -> bytes:
    """Unpacks one part under what is left of the limit, checks and returns it."""
    with archive.open(entry) as part:
        content = part.read(left + 1)
    size = len(content)
    if size > left or (size > RATIO_FROM_BYTES and size > MAX_RATIO * max(entry.compress_size, 1)):
        raise Unreadable("workbook_bomb", name, limit_mb=MAX_UNPACKED_BYTES // (1024 * 1024))
    if _DOCTYPE.search(content) and not entry.filename.startswith("xl/media/"):
        raise Unreadable("workbook_entities", name)
    if _SHEET_DATA.search(content):
        _check_extent(content, name)
    return content


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
        for letters, below, empty in _CELL.findall(cells):
            column = _column_number(letters) if letters else column + 1
            if not empty:
                filled += 1
                if column > columns:
                    columns = column
                last = int(below) if below else number
                if last > rows:
                    rows = last
    if rows > MAX_ROWS or columns > MAX_COLUMNS or max(filled, rows * columns) > MAX_CELLS:
        raise Unreadable("table_too_large", name, rows=MAX_ROWS, cells=MAX_CELLS)


@lru_cache(maxsize=1024)
def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
