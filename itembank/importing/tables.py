"""Tables out of files people send: the format is told by content, never by the file's name.

Workbooks go through `workbook`; text is decoded by BOM, then strict UTF-8, then strict GB18030 (what Chinese
Excel writes), and never with replacement characters. Whatever cannot be read whole is refused whole.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from itembank.importing.cells import Budget, CellKind, Row, Sheet, Unreadable, clean_newlines
from itembank.importing.workbook import pictures_in, read_workbook

MAX_FILE_BYTES = 50 * 1024 * 1024

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


@dataclass(frozen=True, slots=True)
class Tables:
    """A file read whole: `format` "xlsx" or "csv", `encoding` of the text form, else empty.

    `pictures` counts what a workbook shows beside its cells and a table cannot carry.
    """

    format: str
    encoding: str
    sheets: tuple[Sheet, ...]
    pictures: int = 0


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
    mark, encoding = next((known for known in _BOMS if data.startswith(known[0])), (b"", ""))
    wide = encoding.startswith("utf-16")
    if not wide and b"\0" in data:
        raise Unreadable("file_binary", name)
    if not encoding:
        return _without_bom(data, name)
    text = _strict(data[len(mark) :], encoding, name)
    if "\0" in text:
        raise Unreadable("file_binary", name)
    return text, encoding


def _without_bom(data: bytes, name: str) -> tuple[str, str]:
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
    """The candidate that most of the first lines have outside quotes, then the most frequent in a line."""
    lines = _QUOTED.sub("", text).splitlines()[:10]
    counts = {mark: [line.count(mark) for line in lines] for mark in _DELIMITERS}
    return max(_DELIMITERS, key=lambda mark: (sum(map(bool, counts[mark])), max(counts[mark], default=0)))


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
