"""Which items a pool lacks for the forms asked for, how many, and for what.

A linear program over cells (not items, so it is small for any pool) may invent items at a price: what it
buys at least cost is what the bank lacks.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from itembank.assembly_model import INFINITY, Entries, Floats, Ints, Program
from itembank.assembly_proof import exact, required
from itembank.assembly_rows import Cells, Family, Plan

_EPSILON = 1e-6
_USES = 4  # an item's uses priced one by one; later ones cost as much as the last of these
_DETAIL = 1e-3  # what naming a band or an importance adds to the price of an invented item


@dataclass(frozen=True, slots=True)
class Shortage:
    """What stands in the way of an assembly.

    `reason`: "supply" = too few items for one form; "overlap" = too few for this many forms with so few
    items in common, and `overlap` is the least that this pool could allow; "row" = the demand `name` `of`
    (the words of a proof's line) cannot hold together with the others: it requires `required`, could be
    given `reached`, and `missing` is the difference in the demand's own unit, rounded up; "stray" = the fixed
    item `of` is unusable here; "fixed" = the fixed items alone make forms share more than allowed, `overlap`
    of them; "search" = not proven impossible, yet `form` was not found, and `overlap` is the number of shared
    items with which all forms were found (0 = with none tried). An empty scope, kind, importance or band 0
    means any.
    """

    reason: str
    scope: str = ""
    kind: str = ""
    band: int = 0
    importance: str = ""
    missing: int = 0
    form: str = ""
    overlap: int = 0
    name: str = ""
    of: str = ""
    required: str = ""
    reached: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "reason": self.reason,
            "scope": self.scope,
            "kind": self.kind,
            "band": self.band,
            "importance": self.importance,
            "missing": self.missing,
            "form": self.form,
            "overlap": self.overlap,
            "name": self.name,
            "of": self.of,
            "required": self.required,
            "reached": self.reached,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Shortage":
        """The inverse of `to_json`."""
        return cls(**data)


def supply_shortages(plan: Plan) -> tuple[Shortage, ...]:
    """What one form lacks: rows above their whole supply, else the cells of a least purchase."""
    everything = np.arange(len(plan.uids))
    direct = []
    for family in plan.families_by_item():
        supply = family.counted(everything)
        short = np.flatnonzero(family.low - supply > _EPSILON)
        named = [int(g) for g in short if not _is_parent(plan.cells, family, int(g))]
        direct += [_of_row(family, g, float(supply[g])) for g in named]
    return tuple(direct) or _bought("supply", plan.cells, _Purchase(plan.cells, 1).least(INFINITY))


def overlap_shortages(plan: Plan, forms: int, max_overlap: int) -> tuple[Shortage, ...]:
    """What is missing so that `forms` forms could share at most `max_overlap` items a pair."""
    fixed = int(plan.fixed.sum())
    if fixed > max_overlap:
        return (Shortage("fixed", overlap=fixed),)
    unavoidable = least_mean_overlap(plan, forms)
    if unavoidable <= max_overlap + _EPSILON:
        return ()
    purchase = _Purchase(plan.cells, forms).least(max_overlap * math.comb(forms, 2))
    bound = math.ceil(unavoidable - _EPSILON)
    return tuple(replace(each, overlap=bound) for each in _bought("overlap", plan.cells, purchase))


def least_mean_overlap(plan: Plan, forms: int) -> float:
    """A lower bound of the mean number of items that two forms share, if the pool suffices for one."""
    if forms < 2:
        return 0.0
    return _Purchase(plan.cells, forms).shared() / math.comb(forms, 2)


def row_shortage(family: Family, g: int, missing: float, reached: float) -> Shortage:
    """A row of a family that misses its range by `missing`, `reached` being the nearest it could get."""
    return Shortage(
        "row",
        name=family.name,
        of=family.of[g],
        required=required(exact(family.low[g]), exact(family.high[g])),
        reached=str(exact(round(reached, 3))),
        missing=math.ceil(missing - _EPSILON),
    )


def _of_row(family: Family, g: int, supply: float) -> Shortage:
    """A row whose whole supply is too small: in the words of the blueprint where they suffice."""
    missing, of = float(family.low[g]) - supply, family.of[g]
    short = Shortage("supply", missing=math.ceil(missing - _EPSILON))
    if family.name == "band" and of.isdigit():
        return replace(short, band=int(of))
    if family.name == "scope":
        return replace(short, scope=of)
    if family.name == "kind":
        return replace(short, kind=of)
    if family.name == "importance":
        return replace(short, importance=of)
    return row_shortage(family, g, missing, supply)


def _is_parent(cells: Cells, family: Family, g: int) -> bool:
    """A scope above the lowest: its shortage is that of the scopes below it."""
    return family.name == "scope" and family.of[g] not in cells.scopes


class _Purchase:
    """The program over cells: an item's k-th use shares it with k - 1 forms."""

    def __init__(self, cells: Cells, forms: int) -> None:
        self._cells = cells
        self._supply = cells.supply()
        self._forms = forms
        # the price of each use in shared items, and how many uses it stands for
        self._shares = list(range(min(forms, _USES)))
        self._spans = [1] * len(self._shares)
        self._spans[-1] += forms - len(self._shares)

    def least(self, shared_limit: float) -> dict[int, int]:
        """The fewest items to buy, by cell, so that all forms fit within the limit of shared items."""
        program = Program()
        owned_cells, every = np.flatnonzero(self._supply), np.arange(self._cells.count)
        owned = self._use_columns(
            program, self._supply[owned_cells].astype(np.float64), np.zeros(len(owned_cells))
        )
        bought = self._use_columns(program, np.full(len(every), INFINITY), self._prices())
        self._demand_rows(
            program, [(owned_cells, columns) for columns in owned] + [(every, columns) for columns in bought]
        )
        for later, span in zip(bought[1:], self._spans[1:], strict=True):  # bought before it is used again
            _ordered(program, bought[0], later, float(span))
        if self._forms > 1 and shared_limit < INFINITY:
            _limit_shared(program, self._shares, [owned, bought], shared_limit)
        solution = program.solve()
        if solution is None:
            return {}
        amounts = solution.values[bought[0]]
        return {int(i): math.ceil(amounts[i] - _EPSILON) for i in np.flatnonzero(amounts > _EPSILON)}

    def shared(self) -> float:
        """The least number of shared items, summed over all pairs of forms, with nothing bought."""
        program = Program()
        owned = np.flatnonzero(self._supply)
        stock = self._supply[owned].astype(np.float64)
        columns = [
            program.columns(np.full(len(owned), float(share)), stock * span)
            for share, span in zip(self._shares, self._spans, strict=True)
        ]
        self._demand_rows(program, [(owned, each) for each in columns])
        solution = program.solve()
        return solution.objective if solution else 0.0

    def _prices(self) -> Floats:
        _s, _k, bands, ranks = np.unravel_index(np.arange(self._cells.count), self._cells.shape)
        named = (np.array(self._cells.bands)[bands] != "0").astype(np.float64)
        named += np.array(self._cells.ranks)[ranks] != ""
        return np.asarray(1.0 + _DETAIL * named, dtype=np.float64)

    def _use_columns(self, program: Program, upper: Floats, prices: Floats) -> list[Ints]:
        zero = np.zeros(len(prices))
        return [program.columns(zero if k else prices, upper * span) for k, span in enumerate(self._spans)]

    def _demand_rows(self, program: Program, stocks: Sequence[tuple[Ints, Ints]]) -> None:
        for family in self._cells.families:
            rows, columns = [], []
            for cells, numbers in stocks:
                groups = family.group[cells]
                rows.append(groups[groups >= 0])
                columns.append(numbers[groups >= 0])
            joined = np.concatenate(rows), np.concatenate(columns)
            entries = Entries(*joined, np.ones(len(joined[0])))
            program.rows(family.low * self._forms, family.high * self._forms, entries)


def _ordered(program: Program, first: Ints, later: Ints, span: float) -> None:
    rows = np.arange(len(first))
    values = np.concatenate([np.full(len(first), span), np.full(len(first), -1.0)])
    entries = Entries(np.concatenate([rows, rows]), np.concatenate([first, later]), values)
    program.rows(np.zeros(len(first)), np.full(len(first), INFINITY), entries)


def _limit_shared(program: Program, shares: list[int], stocks: list[list[Ints]], limit: float) -> None:
    columns = np.concatenate([each for uses in stocks for each in uses[1:]])
    values = np.concatenate(
        [
            np.full(len(each), float(k))
            for uses in stocks
            for k, each in zip(shares[1:], uses[1:], strict=True)
        ]
    )
    program.rows(0.0, limit, Entries(np.zeros(len(columns), dtype=np.int64), columns, values))


def _bought(reason: str, cells: Cells, purchase: Mapping[int, int]) -> tuple[Shortage, ...]:
    found = []
    for cell, missing in purchase.items():
        scope, kind, band, rank = cells.labels(cell)
        found.append(Shortage(reason, scope, kind, int(band) if band.isdigit() else 0, rank, missing))
    return tuple(sorted(found, key=lambda s: (s.scope, s.kind, s.band, s.importance)))
