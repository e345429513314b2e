"""Where the parts of a template stand in the file they came from: a fault names sheet, row and column."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from itembank.importing.cells import MAX_CELLS, Sheet, Unreadable
from itembank.importing.tables import read_table
from itembank.problems import Problem
from itembank.sheet_template import Template, faults

ROWS_MOST = 2_000
"""Rows of all sheets together: a template has far fewer."""
_BLANKS = re.compile(r"\s+")


@dataclass(slots=True)
class Origins:
    """Part of a template ("tasks[0].items[1]") -> (sheet, row); `columns`: field or kind.field -> heading."""

    rows: dict[str, tuple[str, int]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)

    def put(self, part: str, sheet: Sheet, row: int) -> None:
        """The part was read from that row."""
        self.rows[part] = (sheet.name, row)

    def located(self, problem: Problem) -> Problem:
        """The problem with its place in the file; one of the whole file keeps none."""
        part, column = problem.place, ""
        while part and part not in self.rows:
            part, _dot, last = part.rpartition(".")
            column = column or last
        if not part:
            return Problem(problem.code, self.columns.get(problem.place, ""), problem.params)
        sheet, row = self.rows[part]
        kind = part.rpartition(".")[2].partition("[")[0]
        heading = self.columns.get(f"{kind}.{column}", self.columns.get(column or part, ""))
        return at(Problem(problem.code, "", problem.params), sheet, row, heading)


@dataclass(frozen=True, slots=True)
class ReadTemplate:
    """A template as its file has it: with faults it cannot be kept, doubts are for a person to settle."""

    template: Template | None
    faults: tuple[Problem, ...] = ()
    doubts: tuple[Problem, ...] = ()


def at(problem: Problem, sheet: str, row: int, column: str = "") -> Problem:
    """The problem at a row of a sheet, and in a column of it where one is to blame."""
    params = {**problem.params, "column": column} if column else problem.params
    return Problem(problem.code, f"{sheet} row {row}".strip(), params)


def checked(
    template: Template, origins: Origins, found: Iterable[Problem], doubts: Iterable[Problem]
) -> ReadTemplate:
    """A template with what reading it found and what is unsound in it, each thing told at its row."""
    known = tuple(found)
    rows = {problem.place for problem in known}
    unsound = (origins.located(problem) for problem in faults(template))
    return ReadTemplate(template, (*known, *(p for p in unsound if p.place not in rows)), tuple(doubts))


def sheets_of(data: bytes, name: str) -> Sequence[Sheet]:
    """The sheets of a file. Raises `InputRefused`, also for more rows than any template has."""
    sheets = read_table(data, name)
    if sum(len(sheet.rows) for sheet in sheets) > ROWS_MOST:
        raise Unreadable("table_too_large", name, rows=ROWS_MOST, cells=MAX_CELLS)
    return sheets


def bare(text: str) -> str:
    """A heading without blanks, and without what stands in brackets behind it."""
    return re.split(r"[（(]", _BLANKS.sub("", text))[0]
