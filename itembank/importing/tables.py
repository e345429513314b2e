"""Tables out of files people send: the format is told by content, never by the file's name.

Workbooks go through `workbook`; text is decoded by BOM, then strict UTF-8, then strict GB18030 (what Chinese
Excel writes), and never with replacement characters. Whatever cannot be read whole is refused whole.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from itembank.problems import InputRefused, Param, Problem

MAX_FILE_BYTES = 50 * 1024 * 1024
MAX_ROWS = 100_000
MAX_CELLS = 1_000_000
MAX_CHARACTERS = 50_000_000

_OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_STREAM = "EncryptedPackage".encode("utf-16-le")
_MARKUP = re.compile(
    rb"<(?:html|table|!doctype html|head|meta)\b|urn:schemas-microsoft-com:office:spreadsheet"
)
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_DELIMITERS = ",\t;"
_QUOTED = re.compile(r'"[^"]*"')
# So many whole UTF-8 characters do not occur by chance in GB18030 text: the file is damaged UTF-8.
_UTF8_EVIDENCE = 20


class CellKind(StrEnum):
    """What the file says a cell is; text files know only text and empty."""

    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    BOOL = "bool"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Row:
    """One row that is not blank: `number` counts from 1 as the file shows it, cells as displayed text."""

    number: int
    cells: tuple[str, ...]
    kinds: tuple[CellKind, ...]

    def cell(self, column: int) -> str:
        """The text at `column` (from 0), empty beyond the row's end."""
        return self.cells[column] if column < len(self.cells) else ""

    def kind(self, column: int) -> CellKind:
        """The kind at `column` (from 0), empty beyond the row's end."""
        return self.kinds[column] if column < len(self.kinds) else CellKind.EMPTY


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook, or the whole of a text table (then `name` is empty)."""

    name: str
    rows: Sequence[Row]

    def place(self, number: int) -> str:
        """How a report names a row: "题库模板 row 7", or "row 7" in a text table."""
        return f"{self.name} row {number}".strip()


@dataclass(frozen=True, slots=True)
class Tables:
    """A file read whole: `format` "xlsx" or "csv", `encoding` of the text form, else empty.

    `pictures` counts what a workbook shows beside its cells and a table cannot carry.
    """

    format: str
    encoding: str
    sheets: tuple[Sheet, ...]
    pictures: int = 0


class Unreadable(InputRefused):
    """The file is no table this product reads; its one problem's place is the file's name or a row."""

    def __init__(self, code: str, place: str = "", **params: Param) -> None:
        said = {"name": place, **params}
        super().__init__(Problem(code, place, said))
        self.code = code
        self.params = said


def read_table(data: bytes, name: str) -> list[Sheet]:
    """The sheets of a file, for callers who need neither format nor encoding; as `read_tables`."""
    return list(read_tables(data, name).sheets)


def read_tables(data: bytes, name: str) -> Tables:
    """An xlsx, CSV, tab or semicolon file, read whole; `name` only names it in refusals.

    Raises `Unreadable`. A hostile workbook may still abort the reading library, so a host calls this in a
    child process with limited memory and time.
    """
    _refuse_foreign(data, name)
    if data.startswith(b"PK"):
        # The reading library loads only when a workbook comes in.
        from itembank.importing.workbook import pictures_in, read_workbook

        return Tables("xlsx", "", tuple(read_workbook(data, name)), pictures_in(data))
    text, encoding = decode_text(data, name)
    return Tables("csv", encoding, (Sheet("", tuple(_text_rows(text, name))),))


def _refuse_foreign(data: bytes, name: str) -> None:
    if not data.strip():
        raise Unreadable("file_empty", name)
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable("file_too_large", name, limit_mb=MAX_FILE_BYTES // (1024 * 1024))
    if data.startswith(_OLE_MAGIC):
        raise Unreadable("file_password" if _ENCRYPTED_STREAM in data else "file_old_office", name)
    start = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(b"<") and _MARKUP.search(start):
        raise Unreadable("file_is_web_page", name)
    if start.startswith(b"%pdf"):
        raise Unreadable("file_not_a_table", name)


def decode_text(data: bytes, name: str) -> tuple[str, str]:
    """Text and encoding name; `Unreadable` for binary content, an unknown encoding or a damaged file."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            text = _strict(data[len(mark) :], encoding, name)
            break
    else:
        text, encoding = _without_bom(data, name)
    if "\0" in text:
        raise Unreadable("file_binary", name)
    return text, encoding


def _without_bom(data: bytes, name: str) -> tuple[str, str]:
    if b"\0" in data:
        raise Unreadable("file_binary", name)
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        whole = data[: error.start].decode("utf-8")
        if sum(char > "\x7f" for char in whole) >= _UTF8_EVIDENCE:
            raise Unreadable("file_damaged_text", name, line=whole.count("\n") + 1) from error
    return _strict(data, "gb18030", name), "gb18030"


def _strict(data: bytes, encoding: str, name: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, errors="ignore").count("\n") + 1
        raise Unreadable("file_damaged_text", name, line=line) from error


def _delimiter(text: str) -> str:
    """The candidate that one of the first lines shows most often outside quotes."""
    best: Counter[str] = Counter()
    for line in text.splitlines()[:10]:
        bare = _QUOTED.sub("", line)
        for mark in _DELIMITERS:
            best[mark] = max(best[mark], bare.count(mark))
    return max(_DELIMITERS, key=lambda mark: best[mark])


def _text_rows(text: str, name: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text[:100_000]), strict=True)
    budget = Budget(name)
    number = 0
    while True:
        number += 1
        try:
            raw = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # An open quote would swallow all rows after it, so nothing of the file is taken.
            raise Unreadable("row_broken_quotes", f"row {number}", name=name, row=number) from error
        cells = tuple(clean_newlines(cell) for cell in raw)
        budget.spend(cells)
        if any(cell.strip() for cell in cells):
            kinds = tuple(CellKind.TEXT if cell.strip() else CellKind.EMPTY for cell in cells)
            yield Row(number, cells, kinds)


def clean_newlines(text: str) -> str:
    """One newline form, and without the carriage returns that workbooks spell out."""
    return text.replace("_x000D_", "").replace("\r\n", "\n").replace("\r", "\n")


class Budget:
    """Counts what a table takes and refuses it before memory does."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._rows = self._cells = self._characters = 0

    def spend(self, cells: Sequence[str]) -> None:
        """Account for one row; `Unreadable` beyond the limits."""
        self._rows += 1
        self._cells += len(cells)
        self._characters += sum(map(len, cells))
        if self._rows > MAX_ROWS or self._cells > MAX_CELLS or self._characters > MAX_CHARACTERS:
            raise Unreadable("table_too_large", self._name, rows=MAX_ROWS, cells=MAX_CELLS)
