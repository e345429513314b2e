"""Tables out of files people send: the format is told by content, never by the file's name.

Workbooks go through `workbook`, tables of web pages through `webtable`; text is decoded by BOM, then strict
UTF-8, then strict GB18030 (what Chinese Excel writes; windows-1252 where the bytes are no Chinese text), and
never with replacement characters.
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from itembank.importing.archive import open_archive
from itembank.importing.cells import Budget, CellKind, Row, Sheet, Unreadable, clean_newlines
from itembank.importing.drawings import gallery_of, pictures_in_old
from itembank.importing.gallery import Gallery
from itembank.importing.latin import WINDOWS, is_western
from itembank.importing.webtable import read_web_tables
from itembank.importing.workbook import read_old_workbook, read_workbook
from itembank.problems import InputRefused, Problem

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
_LONGEST_CHARACTER = 4  # bytes


@dataclass(frozen=True, slots=True)
class Tables:
    """A file's tables: `format` "xlsx", "xls", "html" or "csv", `encoding` of a text form, else empty.

    `faults` are rows that could not be read, after which nothing more was: not to be passed over in silence;
    `notes` what of the cells could not be kept.
    """

    format: str
    encoding: str
    sheets: tuple[Sheet, ...]
    faults: tuple[Problem, ...] = ()
    gallery: Gallery = field(default_factory=Gallery)
    notes: tuple[Problem, ...] = ()


def read_table(data: bytes, name: str) -> list[Sheet]:
    """The sheets of an xlsx, CSV, tab or semicolon file, read whole; as `read_tables`, but web pages and
    broken rows refuse the file.
    """
    if is_web_page(data):
        raise Unreadable("file_is_web_page", name)
    _refuse_foreign(data, name)
    if not data.startswith((b"PK", _OLE_MAGIC)):
        decode_text(data, name)  # a list of people that is cut short is not read in part
    tables = read_tables(data, name)
    if tables.faults:
        fault = tables.faults[0]
        raise Unreadable(fault.code, fault.place, **{**fault.params, "name": name})
    return list(tables.sheets)


def read_tables(data: bytes, name: str) -> Tables:
    """A workbook, a web page's tables, a CSV, tab or semicolon file; `name` only names it in refusals.

    Raises `Unreadable`. A hostile workbook may still abort the reading library, so a host calls this in a
    child process with limited memory and time.
    """
    _refuse_foreign(data, name)
    if data.startswith(b"PK"):
        lost: list[str] = []
        sheets = tuple(read_workbook(data, name, lost))
        said = tuple(Problem("scripts_lost", "", {"value": text[:20]}) for text in dict.fromkeys(lost))
        return Tables("xlsx", "", sheets, (), _gallery(data, name), said)
    if data.startswith(_OLE_MAGIC):
        sheets = tuple(read_old_workbook(data, name))
        return Tables("xls", "", sheets, (), Gallery(lost=pictures_in_old(data)))
    if is_web_page(data):
        text, encoding = decode_text(data, name)
        notes: list[Problem] = []
        pages = tuple(read_web_tables(text, name, notes))
        return Tables("html", encoding, pages, notes=tuple(notes))
    text, encoding, cut = _decoded_to_the_cut(data, name)
    rows, faults = _text_rows(text, name, cut=cut)
    return Tables("csv", encoding, (Sheet("", tuple(rows), delimited=True),), tuple(faults))


def _gallery(data: bytes, name: str) -> Gallery:
    try:
        return gallery_of(open_archive(data, name))
    except InputRefused as error:
        raise Unreadable("workbook_broken", name) from error


def is_web_page(data: bytes) -> bool:
    """Whether the content is a web page, whatever its name says."""
    start = data[:4096].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return start.startswith(b"<") and _MARKUP.search(start) is not None


def _refuse_foreign(data: bytes, name: str) -> None:
    if not data.strip():
        raise Unreadable("file_empty", name)
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable("file_too_large", name, limit_mb=MAX_FILE_BYTES // (1024 * 1024))
    if data.startswith(_OLE_MAGIC) and _ENCRYPTED_STREAM in data:
        raise Unreadable("file_password", name)
    if data[:1024].lstrip().lower().startswith(b"%pdf"):
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


def _decoded_to_the_cut(data: bytes, name: str) -> tuple[str, str, bool]:
    """As `decode_text`, but a file that only ends within a character is read up to there (then True)."""
    try:
        return *decode_text(data, name), False
    except Unreadable as error:
        if error.code != "file_damaged_text":
            raise
        for less in range(1, _LONGEST_CHARACTER):
            try:
                return *decode_text(data[:-less], name), True
            except Unreadable:
                continue
        raise


def _without_bom(data: bytes, name: str) -> tuple[str, str]:
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        whole = data[: error.start].decode("utf-8")
        if sum(char > "\x7f" for char in whole) >= _UTF8_EVIDENCE:
            raise Unreadable("file_damaged_text", name, line=whole.count("\n") + 1) from error
    if is_western(data):
        return data.decode(WINDOWS), WINDOWS
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


def _text_rows(text: str, name: str, *, cut: bool) -> tuple[list[Row], list[Problem]]:
    """Rows up to the first that is broken; an open quote would swallow all rows after it."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text[:100_000]), strict=True)
    budget = Budget(name)
    rows: list[Row] = []
    number = 0
    try:
        for number, raw in enumerate(reader, start=1):
            rows += _row(number, raw, budget)
    except csv.Error:
        return rows, [Problem("row_broken_quotes", f"row {number + 1}", {"name": name, "row": number + 1})]
    if cut and number:
        kept = [row for row in rows if row.number < number]
        return kept, [Problem("row_cut_off", f"row {number}", {"name": name, "row": number})]
    return rows, []


def _row(number: int, raw: list[str], budget: Budget) -> Iterator[Row]:
    cells = tuple(clean_newlines(cell) for cell in raw)
    budget.spend(cells)
    if any(cell.strip() for cell in cells):
        kinds = tuple(CellKind.TEXT if cell.strip() else CellKind.EMPTY for cell in cells)
        yield Row(number, cells, kinds)
