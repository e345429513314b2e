"""The row model of assembly: what every sort of blueprint becomes before a form is searched.

A *family* is a set of rows low <= sum(value) <= high of one sort: one row a scope, one a kind, one for the
expected seconds. A *unit* is what a form takes or leaves as a whole: an item, or all items of a stimulus set.
A *cell* is everything countable about an item; items of one cell are exchangeable as far as counts go, so the
search for what a bank lacks works on cells and is small for any pool.
"""

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from string import ascii_uppercase

import numpy as np
from numpy.typing import NDArray

from itembank.assembly_model import Entries, Floats, Ints

Flags = NDArray[np.bool_]
ROUND = 6  # decimals of a counted sum: what is beyond is the arithmetic's, not the item's
_BITS = 53


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """Rows of one sort: item (or cell) i adds value[i] (None: 1) to row group[i] (-1: to none).

    `name` and `of[g]` are the words of row g in a proof. `binding` False is a wish. `exact` False marks sums
    of measured numbers, which the solver keeps a hair inside their range. `brief`: the proof shows the
    fullest row alone (a row for every point or enemy group would be thousands of lines).
    """

    name: str
    of: tuple[str, ...]
    group: Ints
    low: Floats
    high: Floats
    value: Floats | None = None
    binding: bool = True
    exact: bool = True
    brief: bool = False

    def counted(self, items: Ints) -> Floats:
        """What each row reaches over items (numbers into the pool, each once)."""
        inside = items[self.group[items] >= 0]
        weights = None if self.value is None else self.value[inside]
        sums = np.bincount(self.group[inside], weights, minlength=len(self.of))
        return np.asarray(np.round(sums, ROUND), dtype=np.float64)

    def met_by(self, items: Ints) -> bool:
        """Whether every row lies in its range."""
        reached = self.counted(items)
        return bool(np.all((np.round(self.low, ROUND) <= reached) & (reached <= np.round(self.high, ROUND))))

    def inner(self) -> tuple[Floats, Floats]:
        """The ranges as the solver gets them: a hair narrower for measured numbers."""
        if self.exact:
            return self.low, self.high
        hair = 1e-5 * np.maximum(1.0, np.abs(np.where(np.isfinite(self.high), self.high, 1.0)))
        room = np.minimum(hair, np.maximum(self.high - self.low, 0) / 4)
        return self.low + room, self.high - room

    def entries(self, offer: "Offer") -> tuple[Ints, Entries]:
        """(rows that can be broken at all, their factors) over the units of an offer."""
        groups = self.group[offer.items]
        inside = groups >= 0
        groups, columns = groups[inside], offer.column[inside]
        values = np.ones(len(groups)) if self.value is None else self.value[offer.items[inside]]
        most = np.bincount(groups, values, minlength=len(self.of))
        kept = np.flatnonzero((self.low > 0) | (most > self.high))
        place = np.full(len(self.of), -1)
        place[kept] = np.arange(len(kept))
        used = place[groups] >= 0
        return kept, _summed(place[groups][used], columns[used], values[used], offer.width)


def _summed(rows: Ints, columns: Ints, values: Floats, width: int) -> Entries:
    """Entries with the several items of a unit added up."""
    keys = rows * width + columns
    unique, back = np.unique(keys, return_inverse=True)
    sums = np.bincount(back, values, minlength=len(unique)).astype(np.float64)
    return Entries(unique // width, unique % width, sums)


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """Which items belong together: `of_item[i]` is the unit of item i; a unit's items stand side by side."""

    of_item: Ints
    order: Ints
    starts: Ints

    @classmethod
    def of(cls, of_item: Ints) -> "Units":
        """From the unit of each item, numbered 0.. without gaps."""
        sizes = np.bincount(of_item)
        return cls(of_item, np.argsort(of_item, kind="stable"), np.concatenate([[0], np.cumsum(sizes)]))

    @property
    def sizes(self) -> Ints:
        """Items per unit."""
        return np.diff(self.starts)

    @property
    def heads(self) -> Ints:
        """The first item of each unit."""
        return self.order[self.starts[:-1]]

    def items(self, units: Ints) -> tuple[Ints, Ints]:
        """(items of the units, for each the place of its unit in `units`)."""
        sizes = self.sizes[units]
        column = np.repeat(np.arange(len(units)), sizes)
        within = np.arange(len(column)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return self.order[self.starts[units][column] + within], column


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """The units that the solver may choose from: a column each."""

    units: Ints
    items: Ints
    column: Ints

    @classmethod
    def of(cls, units: Units, chosen: Ints) -> "Offer":
        """The chosen units with their items."""
        items, column = units.items(chosen)
        return cls(chosen, items, column)

    @property
    def width(self) -> int:
        """Number of units."""
        return len(self.units)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Scope x kind x band x importance, numbered row by row; `families` count cells as the plan's do items.

    A label "" (or band "0") stands for "makes no difference". `of_item` is the cell of each item.
    """

    scopes: tuple[str, ...]
    kinds: tuple[str, ...]
    bands: tuple[str, ...]
    ranks: tuple[str, ...]
    of_item: Ints
    families: tuple[Family, ...]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Labels per dimension."""
        return len(self.scopes), len(self.kinds), len(self.bands), len(self.ranks)

    @property
    def count(self) -> int:
        """Number of cells."""
        return int(np.prod(self.shape))

    def supply(self) -> Ints:
        """Items per cell."""
        return np.bincount(self.of_item, minlength=self.count)

    def labels(self, cell: int) -> tuple[str, str, str, str]:
        """Scope, kind, band and importance of a cell."""
        s, k, b, r = np.unravel_index(cell, self.shape)
        return self.scopes[s], self.kinds[k], self.bands[b], self.ranks[r]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything the search needs, items in the order of their uid.

    `kind` is the place of the item's kind on the paper, `uses` the papers it stood in, `stratum` what
    thinning keeps a share of, `fixed` what every form holds, `score` the expected points of an item (None:
    forms are not made equally hard beyond what the families say). `points` are the points a kind is worth,
    by `kind`, for the proof of the sum; empty when the tables do not say. `stray` are fixed items that no
    form can hold.
    """

    uids: list[str]
    size: int
    kind: Ints
    uses: Floats
    units: Units
    stratum: Ints
    families: tuple[Family, ...]
    cells: Cells
    fixed: Flags
    score: Floats | None = None
    points: tuple[str, ...] = ()
    stray: tuple[str, ...] = ()
    forbidden: frozenset[str] = field(default_factory=frozenset)

    def families_by_item(self) -> tuple[Family, ...]:
        """All families over items: the cells' own first."""
        return (*(of_items(family, self.cells.of_item) for family in self.cells.families), *self.families)


def form_name(index: int) -> str:
    """The name of a form by its place: A to Z, then AA, AB and so on."""
    name = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, len(ascii_uppercase))
        name = ascii_uppercase[letter] + name
    return name


def of_items(family: Family, of_item: Ints) -> Family:
    """A family over cells as one over items."""
    value = None if family.value is None else family.value[of_item]
    return replace(family, group=family.group[of_item], value=value)


def draws(seed: int, n: int, *parts: str) -> Floats:
    """n numbers in [0, 1) that look random without the seed and are the same on every machine with it.

    HMAC-SHA-256 under the seed makes a key of the parts, SHAKE-256 stretches it to any length.
    """
    key = hmac.digest(str(seed).encode(), "|".join(parts).encode(), hashlib.sha256)
    stream = hashlib.shake_256(key).digest(8 * n)
    return (np.frombuffer(stream, dtype=">u8") >> (64 - _BITS)).astype(np.float64) / 2.0**_BITS
