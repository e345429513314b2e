"""What assembly works on: the facts of the pool's items, and a blueprint turned into countable demands."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from itembank.blueprint import BANDS, IMPORTANCES, Blueprint, counts, lies_in
from itembank.items import ItemKind


@dataclass(frozen=True, slots=True)
class PoolItem:
    """Facts of one item, never its text. `uses` counts the papers it stood in so far."""

    uid: str
    point: str
    kind: ItemKind
    difficulty: int
    importance: str = ""
    uses: int = 0

    def to_json(self) -> dict[str, object]:
        """Plain values for a job."""
        return {
            "uid": self.uid,
            "point": self.point,
            "kind": self.kind.value,
            "difficulty": self.difficulty,
            "importance": self.importance,
            "uses": self.uses,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "PoolItem":
        """The inverse of `to_json`."""
        return cls(**{**data, "kind": ItemKind(data["kind"])})


@dataclass(frozen=True, slots=True)
class Demand:
    """A paper must hold low to high items whose `name` (kind, scope, band or importance) is `of`."""

    name: str
    of: str
    low: int
    high: int


@dataclass(frozen=True, slots=True, order=True)
class Cell:
    """Everything about an item that a blueprint asks for; equal cells are exchangeable.

    `band` is 0 and `importance` empty where the blueprint sets no range for them.
    """

    scope: str
    kind: str
    band: int
    importance: str

    def counts_for(self, demand: Demand) -> bool:
        """True when an item of this cell counts towards the demand."""
        if demand.name == "scope":
            return lies_in(self.scope, demand.of)
        return str(getattr(self, demand.name)) == demand.of


@dataclass(frozen=True, slots=True)
class Pool:
    """The items that a blueprint can use at all, in the order of their uid, each with its cell."""

    items: tuple[PoolItem, ...]
    cells: Mapping[str, Cell]
    demands: tuple[Demand, ...]

    def supply(self) -> Counter[Cell]:
        """Items per cell."""
        return Counter(self.cells[item.uid] for item in self.items)


def demands_of(blueprint: Blueprint) -> tuple[Demand, ...]:
    """Every count that a paper must reach: exact for kinds and scopes, ranges for bands and importance."""
    kinds = [Demand("kind", kind.value, share.count, share.count) for kind, share in blueprint.kinds.items()]
    scopes = [Demand("scope", code, count, count) for code, count in counts(blueprint).items()]
    bands = [Demand("band", str(band), r.low, r.high) for band, r in blueprint.bands.items()]
    ranks = [Demand("importance", letter, r.low, r.high) for letter, r in blueprint.importance.items()]
    return (*kinds, *scopes, *bands, *ranks)


def usable_pool(blueprint: Blueprint, items: Iterable[PoolItem]) -> Pool:
    """Leave out what no paper can hold: other kinds, and points outside the lowest scopes."""
    leaves = sorted((scope.code for scope in blueprint.leaves()), key=len, reverse=True)
    cells: dict[str, Cell] = {}
    usable = []
    for item in sorted(items, key=lambda item: item.uid):
        leaf = next((code for code in leaves if lies_in(item.point, code)), None)
        if leaf is not None and item.kind in blueprint.kinds:
            if item.uid in cells:
                raise ValueError(f"item {item.uid} stands twice in the pool")
            cells[item.uid] = Cell(
                leaf,
                item.kind.value,
                item.difficulty if blueprint.bands else 0,
                item.importance if blueprint.importance else "",
            )
            usable.append(item)
    return Pool(tuple(usable), cells, demands_of(blueprint))


def all_cells(blueprint: Blueprint) -> tuple[Cell, ...]:
    """Every cell an item of this blueprint could have, whether the pool holds one or not."""
    bands = BANDS if blueprint.bands else (0,)
    ranks = IMPORTANCES if blueprint.importance else ("",)
    return tuple(
        Cell(leaf.code, kind.value, band, rank)
        for leaf in blueprint.leaves()
        for kind in blueprint.kinds
        for band in bands
        for rank in ranks
    )
