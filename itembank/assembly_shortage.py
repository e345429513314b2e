"""Why forms cannot be assembled: which items are missing, how many, and for what.

A linear program over cells (not items, so it is small for any pool) may invent items at a price. What it buys
at least cost is what the bank lacks.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from itembank.assembly_model import INFINITY, Program
from itembank.assembly_pool import Cell, Demand, Pool, all_cells, usable_pool
from itembank.blueprint import Blueprint

_EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Shortage:
    """Items that the pool lacks.

    `reason`: "supply" = too few for one form; "overlap" = too few for this many forms with so few items in
    common, and `overlap` is the least that this pool could allow; "search" = not proven impossible, yet
    `form` was not found, and `overlap` is the number of shared items with which all forms were found (0 =
    with none tried). An empty scope, kind, importance or band 0 means any.
    """

    reason: str
    scope: str = ""
    kind: str = ""
    band: int = 0
    importance: str = ""
    missing: int = 0
    form: str = ""
    overlap: int = 0

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
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Shortage":
        """The inverse of `to_json`."""
        return cls(**data)


def supply_shortages(blueprint: Blueprint, pool: Pool) -> tuple[Shortage, ...]:
    """What one form lacks: demands above their whole supply, else the cells of a least purchase."""
    supply = pool.supply()
    leaves = {leaf.code for leaf in blueprint.leaves()}
    direct = []
    for demand in pool.demands:
        missing = demand.low - sum(n for cell, n in supply.items() if cell.counts_for(demand))
        if missing > 0 and (demand.name != "scope" or demand.of in leaves):
            direct.append(_of_demand(demand, missing))
    return tuple(direct) or _bought("supply", _least_purchase(blueprint, pool, 1, INFINITY))


def overlap_shortages(blueprint: Blueprint, pool: Pool, forms: int, max_overlap: int) -> tuple[Shortage, ...]:
    """What is missing so that `forms` forms could share at most `max_overlap` items a pair."""
    purchase = _least_purchase(blueprint, pool, forms, max_overlap * math.comb(forms, 2))
    bound = math.ceil(least_mean_overlap(blueprint, pool, forms) - _EPSILON)
    return tuple(replace(shortage, overlap=bound) for shortage in _bought("overlap", purchase))


def least_mean_overlap(blueprint: Blueprint, pool: Pool, forms: int) -> float:
    """A lower bound of the mean number of items that two forms share, if the pool suffices for one."""
    if forms < 2:
        return 0.0
    return _Purchase(blueprint, pool, forms).shared() / math.comb(forms, 2)


def _least_purchase(blueprint: Blueprint, pool: Pool, forms: int, shared_limit: float) -> dict[Cell, int]:
    """The cells to buy, without band and importance where these make no difference."""
    fine = _Purchase(blueprint, pool, forms).least(shared_limit)
    if not fine or not (blueprint.bands or blueprint.importance):
        return fine
    bare = replace(blueprint, bands={}, importance={})
    coarse = _Purchase(bare, usable_pool(bare, pool.items), forms).least(shared_limit)
    return coarse if sum(coarse.values()) >= sum(fine.values()) else fine


class _Purchase:
    """The program over cells: an item's k-th use shares it with k - 1 forms."""

    def __init__(self, blueprint: Blueprint, pool: Pool, forms: int) -> None:
        self._supply: Mapping[Cell, int] = pool.supply()
        self._cells = sorted({*all_cells(blueprint), *self._supply})
        self._demands = pool.demands
        self._forms = forms

    def least(self, shared_limit: float) -> dict[Cell, int]:
        """The fewest items to buy, by cell, so that all forms fit within the limit of shared items."""
        program = Program()
        owned = self._use_columns(program, 0.0, bounded=True)
        bought = self._use_columns(program, 1.0, bounded=False)
        self._demand_rows(program, owned, bought)
        for uses in bought.values():
            for later in uses[1:]:  # an item is bought before it is used again
                program.row(0, INFINITY, [(uses[0], 1.0), (later, -1.0)])
        stocks = (*owned.values(), *bought.values())
        shared = [(column, float(k)) for uses in stocks for k, column in enumerate(uses) if k]
        if shared and shared_limit < INFINITY:
            program.row(0, shared_limit, shared)
        solution = program.solve()
        if solution is None:
            return {}
        return {
            cell: math.ceil(solution.values[uses[0]] - _EPSILON)
            for cell, uses in bought.items()
            if solution.values[uses[0]] > _EPSILON
        }

    def shared(self) -> float:
        """The least number of shared items, summed over all pairs of forms, with nothing bought."""
        program = Program()
        owned = {
            cell: [program.column(float(k), float(self._supply.get(cell, 0))) for k in range(self._forms)]
            for cell in self._cells
        }
        self._demand_rows(program, owned)
        solution = program.solve()
        return solution.objective if solution else 0.0

    def _use_columns(self, program: Program, cost: float, *, bounded: bool) -> dict[Cell, list[int]]:
        columns = {}
        for cell in self._cells:
            upper = float(self._supply.get(cell, 0)) if bounded else INFINITY
            columns[cell] = [program.column(0.0 if k else cost, upper) for k in range(self._forms)]
        return columns

    def _demand_rows(self, program: Program, *stocks: Mapping[Cell, list[int]]) -> None:
        for demand in self._demands:
            entries = [
                (column, 1.0)
                for stock in stocks
                for cell, uses in stock.items()
                if cell.counts_for(demand)
                for column in uses
            ]
            program.row(demand.low * self._forms, demand.high * self._forms, entries)


def _of_demand(demand: Demand, missing: int) -> Shortage:
    if demand.name == "band":
        return Shortage("supply", band=int(demand.of), missing=missing)
    if demand.name == "kind":
        return Shortage("supply", kind=demand.of, missing=missing)
    if demand.name == "importance":
        return Shortage("supply", importance=demand.of, missing=missing)
    return Shortage("supply", scope=demand.of, missing=missing)


def _bought(reason: str, purchase: Mapping[Cell, int]) -> tuple[Shortage, ...]:
    return tuple(
        Shortage(reason, cell.scope, cell.kind, cell.band, cell.importance, missing)
        for cell, missing in sorted(purchase.items())
    )
