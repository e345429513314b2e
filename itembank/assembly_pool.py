"""A blueprint and the facts of a pool's items as rows of assembly."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from itembank.assembly_model import Floats, Ints
from itembank.assembly_rows import Cells, Family, Plan, Units
from itembank.blueprint import BANDS, IMPORTANCES, Blueprint, Range, counts, lies_in
from itembank.items import ItemKind

FACILITY = {1: 0.90, 2: 0.78, 3: 0.65, 4: 0.50, 5: 0.35}
"""Share of candidates expected to answer rightly, by difficulty, until it has been observed."""
_UNKNOWN_FACILITY = 0.65


@dataclass(frozen=True, slots=True)
class PoolItem:
    """Facts of one item, never its text.

    `uses` counts the papers it stood in so far, `recent` says that one of them was among the last sittings.
    Items of one `enemy` group give each other away; items of one `stimulus` are asked together or not at
    all. `seconds` is the time expected (0 = unknown), `facility` the observed share of right answers, 0 to 1.
    """

    uid: str
    point: str
    kind: ItemKind
    difficulty: int
    importance: str = ""
    uses: int = 0
    enemy: str = ""
    stimulus: str = ""
    seconds: float = 0
    recent: bool = False
    facility: float | None = None

    def to_json(self) -> dict[str, object]:
        """Plain values for a job."""
        return {
            "uid": self.uid,
            "point": self.point,
            "kind": self.kind.value,
            "difficulty": self.difficulty,
            "importance": self.importance,
            "uses": self.uses,
            "enemy": self.enemy,
            "stimulus": self.stimulus,
            "seconds": self.seconds,
            "recent": self.recent,
            "facility": self.facility,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "PoolItem":
        """The inverse of `to_json`; what is left out is unknown."""
        return cls(**{**data, "kind": ItemKind(data["kind"])})


@dataclass(frozen=True, slots=True)
class Choice:
    """What of the pool may be used beyond the blueprint; the limits of the rules of one assembly."""

    per_point_max: int = 1
    recent_max: int | None = None
    fixed: frozenset[str] = field(default_factory=frozenset)
    forbidden: frozenset[str] = field(default_factory=frozenset)


def plan_of(blueprint: Blueprint, pool: Iterable[PoolItem], choice: Choice) -> Plan:
    """The rows of a blueprint over the items it can use. Raises ValueError when a uid stands twice."""
    leaf_of = _LeafOf(blueprint)
    items = _usable(blueprint, pool, choice, leaf_of)
    table = _Table(blueprint, items, [leaf_of(item.point) for item in items])
    kinds = list(ItemKind)
    return Plan(
        uids=[item.uid for item in items],
        size=blueprint.size,
        kind=np.array([kinds.index(item.kind) for item in items], dtype=np.int64),
        uses=np.array([item.uses for item in items], dtype=np.float64),
        units=units_of([item.stimulus for item in items]),
        stratum=table.stratum(),
        families=table.families(choice),
        cells=table.cells(),
        fixed=np.array([item.uid in choice.fixed for item in items], dtype=bool),
        score=table.scores(),
        points=tuple(str(blueprint.kinds[kind].points) if kind in blueprint.kinds else "0" for kind in kinds),
        stray=tuple(sorted(choice.fixed - {item.uid for item in items})),
        forbidden=choice.forbidden,
    )


def units_of(stimuli: Sequence[str]) -> Units:
    """An item without a stimulus is a unit of its own; the items of one stimulus are one."""
    known: dict[str, int] = {}
    numbers = [known.setdefault(s or f"\0{i}", len(known)) for i, s in enumerate(stimuli)]
    return Units.of(np.array(numbers, dtype=np.int64))


def grouped(labels: Sequence[str]) -> tuple[tuple[str, ...], Ints]:
    """(the labels found, sorted; the number of each item's label or -1 for an empty one)."""
    found = sorted({label for label in labels if label})
    number = {label: i for i, label in enumerate(found)}
    return tuple(found), np.array([number.get(label, -1) for label in labels], dtype=np.int64)


def at_most(name: str, labels: Sequence[str], most: float, *, binding: bool = True) -> Family:
    """No group of the labels may hold more than `most` items of a form."""
    found, group = grouped(labels)
    high = np.full(len(found), float(most))
    return Family(name, found, group, np.zeros(len(found)), high, binding=binding, brief=binding)


def summed(name: str, values: Floats, bounds: tuple[float, float], *, exact: bool = False) -> Family:
    """One row over all items."""
    low, high = np.array([bounds[0]]), np.array([bounds[1]])
    return Family(name, ("",), np.zeros(len(values), dtype=np.int64), low, high, values, exact=exact)


class _LeafOf:
    """Finds the lowest scope of a point; remembers what it found."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._leaves = sorted((scope.code for scope in blueprint.leaves()), key=len, reverse=True)
        self._known: dict[str, str] = {}

    def __call__(self, point: str) -> str:
        """The code of the scope, or "" for a point outside all."""
        if point not in self._known:
            self._known[point] = next((code for code in self._leaves if lies_in(point, code)), "")
        return self._known[point]


def _usable(
    blueprint: Blueprint, pool: Iterable[PoolItem], choice: Choice, leaf_of: Callable[[str], str]
) -> list[PoolItem]:
    """Leave out what no paper can hold: other kinds, points outside the scopes, forbidden items.

    A stimulus set goes as a whole: with one item unusable, none of its items may be used.
    """
    usable, lost, seen = [], set(), set()
    for item in sorted(pool, key=lambda item: item.uid):
        if item.uid in seen:
            raise ValueError(f"item {item.uid} stands twice in the pool")
        seen.add(item.uid)
        fits = item.kind in blueprint.kinds and leaf_of(item.point) and item.uid not in choice.forbidden
        if fits:
            usable.append(item)
        elif item.stimulus:
            lost.add(item.stimulus)
    return [item for item in usable if item.stimulus not in lost or not item.stimulus]


class _Table:
    """The usable items against a blueprint."""

    def __init__(self, blueprint: Blueprint, items: Sequence[PoolItem], leaves: Sequence[str]) -> None:
        self._blueprint = blueprint
        self._items = items
        self._scopes = tuple(scope.code for scope in blueprint.leaves())
        self._kinds = tuple(kind.value for kind in blueprint.kinds)
        self._leaf = _numbers(leaves, self._scopes)
        self._kind = _numbers([item.kind.value for item in items], self._kinds)

    def cells(self) -> Cells:
        """Bands and importance only where the blueprint sets a range for them."""
        bands = ("0", *map(str, BANDS)) if self._blueprint.bands else ("0",)
        ranks = ("", *IMPORTANCES) if self._blueprint.importance else ("",)
        band = _numbers([str(item.difficulty) for item in self._items], bands, unknown=0)
        rank = _numbers([item.importance for item in self._items], ranks, unknown=0)
        shape = (len(self._scopes), len(self._kinds), len(bands), len(ranks))
        of_item = np.ravel_multi_index((self._leaf, self._kind, band, rank), shape)
        axes = [grid.ravel() for grid in np.indices(shape)]
        families = [
            _exactly("kind", {k.value: s.count for k, s in self._blueprint.kinds.items()}, axes[1]),
            *(self._scope_family(level, axes[0]) for level in _levels(self._blueprint)),
            _ranged("band", {str(b): r for b, r in self._blueprint.bands.items()}, bands, axes[2]),
            _ranged("importance", self._blueprint.importance, ranks, axes[3]),
        ]
        kept = tuple(family for family in families if family.of)
        return Cells(self._scopes, self._kinds, bands, ranks, of_item, kept)

    def stratum(self) -> Ints:
        """Scope x kind x difficulty."""
        band = np.array([item.difficulty for item in self._items], dtype=np.int64)
        return (self._leaf * len(self._kinds) + self._kind) * (len(BANDS) + 1) + np.clip(band, 0, len(BANDS))

    def scores(self) -> Floats:
        """Expected points of each item."""
        points = [float(self._blueprint.kinds[item.kind].points) for item in self._items]
        shares = [
            FACILITY.get(item.difficulty, _UNKNOWN_FACILITY) if item.facility is None else item.facility
            for item in self._items
        ]
        return np.array(points, dtype=np.float64) * np.array(shares, dtype=np.float64)

    def families(self, choice: Choice) -> tuple[Family, ...]:
        """What is not counted by cells."""
        items, blueprint = self._items, self._blueprint
        found = [
            at_most("per_point", [item.point for item in items], choice.per_point_max, binding=False),
            at_most("enemy", [item.enemy for item in items], 1),
        ]
        if blueprint.seconds_max is not None:
            seconds = np.array([item.seconds for item in items], dtype=np.float64)
            found.append(summed("seconds", seconds, (0, float(blueprint.seconds_max))))
        limits = [x for x in (choice.recent_max, blueprint.recent_max) if x is not None]
        if limits:
            recent = np.array([item.recent for item in items], dtype=np.float64)
            found.append(summed("recent", recent, (0, min(limits)), exact=True))
        if blueprint.expected_score is not None:
            wanted = blueprint.expected_score
            ends = float(wanted.target - wanted.tolerance), float(wanted.target + wanted.tolerance)
            found.append(summed("expected_score", self.scores(), ends))
        return tuple(family for family in found if family.of)

    def _scope_family(self, level: Mapping[str, int], leaf: Ints) -> Family:
        codes = list(level)
        above = [next((i for i, c in enumerate(codes) if lies_in(s, c)), -1) for s in self._scopes]
        return _exactly("scope", level, np.array(above, dtype=np.int64)[leaf])


def _levels(blueprint: Blueprint) -> list[dict[str, int]]:
    """Items per scope code, level by level; scopes of one level never overlap."""
    wanted = counts(blueprint)
    levels, scopes = [], blueprint.scopes
    while scopes:
        levels.append({scope.code: wanted[scope.code] for scope in scopes})
        scopes = tuple(child for scope in scopes for child in scope.children)
    return levels


def _exactly(name: str, wanted: Mapping[str, int], group: Ints) -> Family:
    ends = np.array(list(wanted.values()), dtype=np.float64)
    return Family(name, tuple(wanted), group, ends, ends)


def _ranged(name: str, wanted: Mapping[str, Range], labels: Sequence[str], axis: Ints) -> Family:
    number = {label: i for i, label in enumerate(wanted)}
    group = np.array([number.get(label, -1) for label in labels], dtype=np.int64)[axis]
    low = np.array([r.low for r in wanted.values()], dtype=np.float64)
    return Family(
        name, tuple(wanted), group, low, np.array([r.high for r in wanted.values()], dtype=np.float64)
    )


def _numbers(values: Sequence[str], labels: Sequence[str], unknown: int = -1) -> Ints:
    number = {label: i for i, label in enumerate(labels)}
    return np.array([number.get(value, unknown) for value in values], dtype=np.int64)
