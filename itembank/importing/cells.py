"""Tables as values: sheets of rows of text cells with their kinds, and what a table may take."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from itembank.problems import InputRefused, Param, Problem

MAX_ROWS = 100_000
MAX_CELLS = 1_000_000
MAX_CHARACTERS = 50_000_000


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
    """One sheet of a workbook, or the whole of a text table (then `name` is empty and it is `delimited`)."""

    name: str
    rows: Sequence[Row]
    hidden: bool = False
    delimited: bool = False

    def place(self, number: int) -> str:
        """How a report names a row: "题库模板 row 7", or "row 7" in a text table."""
        return f"{self.name} row {number}".strip()


class Unreadable(InputRefused):
    """The file is no table this product reads; its one problem's place is the file's name or a row."""

    def __init__(self, code: str, place: str = "", **params: Param) -> None:
        said = {"name": place, **params}
        super().__init__(Problem(code, place, said))
        self.code = code
        self.params = said


def clean_newlines(text: str) -> str:
    """One newline form, and without the carriage returns that workbooks spell out."""
    if "\r" not in text and "_x000D_" not in text:
        return text
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
