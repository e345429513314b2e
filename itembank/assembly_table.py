"""A plain table of item facts (CSV) as columns of numbers: a hundred thousand rows without an object each."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from itembank.assembly_model import Floats, Ints
from itembank.problems import InputRefused, Problem

_CHUNK = 4096  # rows held as text at a time
PROBLEMS_LIMIT = 20  # named at once


@dataclass(slots=True)
class Words:
    """A column of words: each word once, and per row the number of its word."""

    number: dict[str, int] = field(default_factory=dict)
    parts: list[Ints] = field(default_factory=list)

    def add(self, values: Sequence[str]) -> None:
        """Rows further down."""
        number = self.number
        self.parts.append(np.array([number.setdefault(v, len(number)) for v in values], dtype=np.int64))

    def sorted(self) -> tuple[tuple[str, ...], Ints]:
        """The words in their order, whatever that of the rows, and the word's number row by row."""
        labels = tuple(sorted(self.number))
        place = np.empty(len(labels), dtype=np.int64)
        place[[self.number[label] for label in labels]] = np.arange(len(labels))
        return labels, place[np.concatenate(self.parts)]


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns of one length, rows in the order of their ids."""

    ids: list[str]
    words: dict[str, tuple[tuple[str, ...], Ints]]
    numbers: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.ids)

    def kept(self, rows: Ints) -> "Table":
        """Only these rows."""
        return Table(
            [self.ids[i] for i in rows],
            {name: (labels, numbers[rows]) for name, (labels, numbers) in self.words.items()},
            {name: values[rows] for name, values in self.numbers.items()},
        )


def read_table(data: bytes, name: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    """The columns `id`, `words` and `numbers` of a CSV file in UTF-8 with a heading; others are passed over.

    `name` is the file's name for the problems. Raises InputRefused, its problems with file, row and column;
    row 1 is the heading. Blank words are words, blank numbers are refused.
    """
    reader = _Reading(name, words, numbers)
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
    except UnicodeDecodeError as fault:
        row = data[: fault.start].count(b"\n") + 1
        raise InputRefused(
            Problem("facts_not_readable", f"{name} row {row}", {"detail": fault.reason})
        ) from fault
    try:
        reader.read(rows)
    except csv.Error as fault:
        reader.refuse("facts_not_readable", rows.line_num, detail=str(fault)[:200])
    if reader.problems:
        raise InputRefused(*reader.problems)
    return reader.table()


class _Reading:
    def __init__(self, name: str, words: Sequence[str], numbers: Sequence[str]) -> None:
        self.problems: list[Problem] = []
        self.row = 0
        self._name = name
        self._ids: list[str] = []
        self._words = {column: Words() for column in words}
        self._numbers: dict[str, list[Floats]] = {column: [] for column in numbers}

    def refuse(self, code: str, row: int, **params: str | int | float) -> None:
        """Note a problem at a row, unless too many are known already."""
        if len(self.problems) < PROBLEMS_LIMIT:
            self.problems.append(Problem(code, f"{self._name} row {row}", params))

    def read(self, rows: Iterable[list[str]]) -> None:
        """All rows; stops at the first chunk with problems."""
        source = iter(rows)
        heading = next(source, [])
        self.row = 1
        for column in ("id", *self._words, *self._numbers):
            if heading.count(column) != 1:
                self.refuse("heading_missing" if column not in heading else "heading_twice", 1, column=column)
        while not self.problems and (chunk := list(islice(source, _CHUNK))):
            self._add(heading, chunk)
            self.row += len(chunk)
        if not self.problems and not self._ids:
            self.refuse("facts_without_rows", 1)

    def _add(self, heading: list[str], chunk: list[list[str]]) -> None:
        for i, cells in enumerate(chunk):
            if len(cells) != len(heading):
                self.refuse("row_length", self.row + 1 + i, cells=len(cells), expected=len(heading))
        if self.problems:
            return
        columns = dict(zip(heading, zip(*chunk, strict=True), strict=True))
        self._ids += columns["id"]
        for name, words in self._words.items():
            words.add(columns[name])
        for name, parts in self._numbers.items():
            parts.append(self._as_numbers(name, columns[name]))

    def _as_numbers(self, column: str, cells: Sequence[str]) -> Floats:
        try:
            values = np.array(cells, dtype=np.float64)
        except ValueError:
            values = np.array([_number(cell) for cell in cells], dtype=np.float64)
        for i in np.flatnonzero(~np.isfinite(values)).tolist():
            code = "cell_not_a_number" if cells[i].strip() else "cell_missing"
            self.refuse(code, self.row + 1 + i, column=column, value=cells[i][:40])
        return values

    def table(self) -> Table:
        """What was read, sorted by id. Raises InputRefused when an id is empty or stands twice."""
        order = np.array(sorted(range(len(self._ids)), key=self._ids.__getitem__), dtype=np.int64)
        ids = [self._ids[i] for i in order]
        if not ids[0]:
            self.refuse("cell_missing", int(order[0]) + 2, column="id")
        for i in (i for i in range(1, len(ids)) if ids[i] == ids[i - 1]):
            self.refuse("item_twice", int(order[i]) + 2, column="id", value=ids[i][:40])
        if self.problems:
            raise InputRefused(*self.problems)
        found = {name: words.sorted() for name, words in self._words.items()}
        words = {name: (labels, numbers[order]) for name, (labels, numbers) in found.items()}
        numbers = {name: np.concatenate(parts)[order] for name, parts in self._numbers.items()}
        return Table(ids, words, numbers)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
