"""Finding the columns of a table by their headings, however people spell them."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from itembank.importing.cells import Row, Sheet

HEADER_ROWS = 10
"""A title and notes may stand above the headings; they are looked for in the first rows only."""
_ASIDE = re.compile(r"\(.*?\)|\[.*?\]|【.*?】")
_NOISE = re.compile(r"[\s*:：、。]")

Synonyms = Mapping[str, tuple[str, ...]]
"""Field -> spellings of its heading, each as `clean_heading` leaves it."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a sheet's fields stand: `at` maps fields to columns (from 0), `heading` to the file's words."""

    sheet: Sheet
    header: Row
    at: Mapping[str, int]
    heading: Mapping[str, str]
    unknown: tuple[str, ...]
    repeated: tuple[str, ...]

    def rows(self) -> list[Row]:
        """The rows below the headings that have something in one of the known columns."""
        below = [row for row in self.sheet.rows if row.number > self.header.number]
        return [row for row in below if any(_text(row, column) for column in self.at.values())]

    def text(self, row: Row, field: str) -> str:
        """The trimmed text of a field in a row; empty when the file has no such column."""
        return _text(row, self.at[field]) if field in self.at else ""

    def place(self, row: Row) -> str:
        """Where a row stands, for messages."""
        return f"{self.sheet.name} row {row.number}".strip()


def clean_heading(text: str) -> str:
    """A heading for comparison: half-width, lower case, without blanks, marks and asides in brackets."""
    return _NOISE.sub("", _ASIDE.sub("", unicodedata.normalize("NFKC", text).lower()))


def find_columns(sheets: Sequence[Sheet], synonyms: Synonyms, needed: Sequence[str]) -> Columns | None:
    """The first header row of any sheet that has all needed fields; else the one that has most of them."""
    best: Columns | None = None
    for sheet in sheets:
        for row in sheet.rows[:HEADER_ROWS]:
            found = _columns(sheet, row, synonyms)
            if all(field in found.at for field in needed):
                return found
            if best is None or _count(found, needed) > _count(best, needed):
                best = found
    return best if best is not None and _count(best, needed) else None


def _count(columns: Columns, needed: Sequence[str]) -> int:
    return sum(field in columns.at for field in needed)


def _columns(sheet: Sheet, row: Row, synonyms: Synonyms) -> Columns:
    fields = {spelling: field for field, spellings in synonyms.items() for spelling in spellings}
    at: dict[str, int] = {}
    unknown, repeated = [], []
    for column, cell in enumerate(row.cells):
        if not clean_heading(cell):
            continue
        field = fields.get(clean_heading(cell))
        if field is None:
            unknown.append(cell.strip())
        elif field in at:
            repeated.append(cell.strip())
        else:
            at[field] = column
    heading = {field: _text(row, column) for field, column in at.items()}
    return Columns(sheet, row, at, heading, tuple(unknown), tuple(repeated))


def _text(row: Row, column: int) -> str:
    return row.cells[column].strip() if column < len(row.cells) else ""
