"""Plain tables as rows of assembly: a CSV of item facts and a JSON of demands, any bank's and any exam's.

Columns of the CSV, needed only where a demand speaks of them: id, kind, area, scope, band, score, point,
core, seconds, uses, recent, key, enemy, stimulus, and those that `characteristic` and `information` name.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from itembank.assembly_demands import Bounds, Demands, Measure
from itembank.assembly_model import INFINITY, Floats, Ints
from itembank.assembly_pool import summed
from itembank.assembly_rows import Cells, Family, Plan, Units
from itembank.assembly_table import Table, read_table

CORE = "X"  # the importance of an item whose column core says 1
_LETTERED = "single"  # the kind whose answer letters are balanced


def read_facts(data: bytes, name: str, demands: Demands) -> Table:
    """The columns that the demands need. Raises InputRefused (see `read_table`)."""
    measures = [*demands.characteristic, *([demands.information] if demands.information else [])]
    wanted = {
        "kind": True,
        "area": demands.area_points or demands.ranges.get("kind_area"),
        "scope": demands.ranges.get("scope"),
        "band": demands.ranges.get("band"),
        "point": demands.per_point_max is not None,
        "enemy": demands.per_enemy_max is not None,
        "key": demands.keys,
    }
    heading = _heading(data)
    words = [c for c, asked in wanted.items() if asked] + [
        c for c in ("stimulus", "scope", "band") if c in heading or (c == "stimulus" and demands.stimuli)
    ]
    numbers = {
        "score": demands.area_points,
        "core": demands.core_min is not None,
        "seconds": demands.seconds_max is not None,
        "recent": demands.recent_max is not None,
        "uses": "uses" in heading,
        **{measure.column: True for measure in measures},
    }
    return read_table(data, name, list(dict.fromkeys(words)), [c for c, asked in numbers.items() if asked])


def facts_plan(table: Table, demands: Demands) -> Plan:
    """The rows of all demands over the items whose kind is asked for; a set goes as a whole."""
    table = _usable(table, demands)
    units = _units(table)
    facts = _Facts(table, demands)
    kind_places = {kind: i for i, kind in enumerate(demands.kinds)}
    labels, kinds = table.words["kind"]
    places = np.array(
        [kind_places.get(label, len(kind_places) + i) for i, label in enumerate(labels)], dtype=np.int64
    )
    return Plan(
        uids=table.ids,
        size=demands.size,
        kind=places[kinds] if len(table) else kinds,
        uses=table.numbers.get("uses", np.zeros(len(table))),
        units=units,
        stratum=facts.stratum(),
        families=facts.families(units),
        cells=facts.cells(),
        fixed=np.zeros(len(table), dtype=bool),
    )


def _heading(data: bytes) -> list[str]:
    first = data[:100_000].split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    return [cell.strip().strip('"') for cell in first.split(",")]


def _usable(table: Table, demands: Demands) -> Table:
    labels, kinds = table.words["kind"]
    if not demands.kinds:
        return table
    known = np.array([label in demands.kinds for label in labels], dtype=bool)
    fits = known[kinds]
    if "stimulus" in table.words:
        names, sets = table.words["stimulus"]
        whole = np.ones(len(names), dtype=bool)
        whole[sets[~fits]] = False
        if "" in names:
            whole[names.index("")] = True
        fits &= whole[sets]
    return table if fits.all() else table.kept(np.flatnonzero(fits))


def _units(table: Table) -> Units:
    """An item without a stimulus is a unit of its own; units stand in the order of their first item."""
    own = np.arange(len(table))
    first = own.copy()
    if "stimulus" in table.words and len(table):
        names, sets = table.words["stimulus"]
        in_set = np.array([name != "" for name in names], dtype=bool)[sets]
        firsts = np.full(len(names), len(table))
        np.minimum.at(firsts, sets, own)
        first = np.where(in_set, firsts[sets], own)
    return Units.of(np.unique(first, return_inverse=True)[1].astype(np.int64))


class _Facts:
    """A table against its demands."""

    def __init__(self, table: Table, demands: Demands) -> None:
        self._table = table
        self._demands = demands
        self._kinds, self._kind = self._words("kind", demands.kinds)
        self._bands, self._band = self._words("band", demands.ranges.get("band", {}))
        scopes, scope = self._words("scope", demands.ranges.get("scope", {}))
        areas, area = self._words("area", demands.area_points)
        # A place is a scope of an area; scopes no item has stand behind, so that they can be named.
        pairs, places = np.unique(area * len(scopes) + scope, return_inverse=True)
        missing = np.setdiff1d(np.arange(len(scopes)), pairs % len(scopes))
        self._place = places.astype(np.int64)
        self._place_scope = np.concatenate([pairs % len(scopes), missing]).astype(np.int64)
        self._place_area = np.concatenate([pairs // len(scopes), np.full(len(missing), -1)]).astype(np.int64)
        self._scopes, self._areas = scopes, areas

    def stratum(self) -> Ints:
        """Place x kind x band."""
        place_kind = self._place * len(self._kinds) + self._kind
        return np.asarray(place_kind * len(self._bands) + self._band, dtype=np.int64)

    def cells(self) -> Cells:
        """Place x kind x band x core with every demand that counts them."""
        demands = self._demands
        core = self._table.numbers.get("core", np.zeros(len(self._table))) == 1
        ranks = ("", CORE)
        shape = (len(self._place_scope), len(self._kinds), len(self._bands), len(ranks))
        of_item = np.ravel_multi_index((self._place, self._kind, self._band, core.astype(np.int64)), shape)
        place, kind, band, rank = (axis.ravel() for axis in np.indices(shape))
        size: Bounds = (demands.size, demands.size)
        families = [
            _table_family("length", {"": size}, np.zeros(len(place), dtype=np.int64), ("",)),
            _table_family("kind", {k: (n, n) for k, n in demands.kinds.items()}, kind, self._kinds),
            _table_family("scope", demands.ranges.get("scope", {}), self._place_scope[place], self._scopes),
            _table_family("band", demands.ranges.get("band", {}), band, self._bands),
            self._kind_area(kind, self._place_area[place]),
        ]
        if demands.core_min is not None:
            low = np.array([float(demands.core_min)])
            families.append(Family("importance", (CORE,), rank - 1, low, np.array([INFINITY])))
        scopes = tuple(self._scopes[i] for i in self._place_scope)
        bands = tuple(band or "0" for band in self._bands)
        return Cells(scopes, self._kinds, bands, ranks, of_item, tuple(f for f in families if f.of))

    def families(self, units: Units) -> tuple[Family, ...]:
        """What cells do not count."""
        demands, numbers = self._demands, self._table.numbers
        found = [
            self._areas_family(),
            self._at_most("per_point", "point", demands.per_point_max),
            self._at_most("enemy", "enemy", demands.per_enemy_max),
        ]
        if demands.stimuli is not None:
            head = np.zeros(len(self._table))
            head[units.heads[units.sizes > 1]] = 1.0
            found.append(summed("stimulus", head, (demands.stimuli, demands.stimuli), exact=True))
        if demands.seconds_max is not None:
            found.append(summed("seconds", numbers["seconds"], (0, float(demands.seconds_max))))
        if demands.recent_max is not None:
            recent = (numbers["recent"] == 1).astype(np.float64)
            found.append(summed("recent", recent, (0, demands.recent_max), exact=True))
        if demands.keys is not None:
            found.append(self._letters(demands.keys))
        found += [self._measured("characteristic", measure) for measure in demands.characteristic]
        if demands.information is not None:
            found.append(self._measured("information", demands.information))
        return tuple(family for family in found if family is not None and family.of)

    def _words(self, column: str, demanded: Mapping[str, object]) -> tuple[tuple[str, ...], Ints]:
        """The labels of a column, those demanded but never met behind; without the column one blank label."""
        labels, numbers = self._table.words.get(column, (("",), np.zeros(len(self._table), dtype=np.int64)))
        return (*labels, *(label for label in demanded if label not in labels)), numbers

    def _kind_area(self, kind: Ints, area: Ints) -> Family:
        wanted = self._demands.ranges.get("kind_area", {})
        number = {label: i for i, label in enumerate(wanted)}
        table = np.array(
            [[number.get(f"{k}/{a}", -1) for a in self._areas] + [-1] for k in self._kinds], dtype=np.int64
        )
        return _family("kind_area", wanted, table[kind, area])

    def _areas_family(self) -> Family | None:
        wanted = self._demands.area_points
        if not wanted:
            return None
        number = {label: i for i, label in enumerate(wanted)}
        table = np.array([number.get(label, -1) for label in self._areas], dtype=np.int64)
        ends = np.array([float(points) for points in wanted.values()])
        group = table[self._table.words["area"][1]]
        return Family("area_points", tuple(wanted), group, ends, ends, self._table.numbers["score"])

    def _at_most(self, name: str, column: str, most: int | None) -> Family | None:
        if most is None:
            return None
        labels, numbers = self._table.words[column]
        blank = np.array([label == "" for label in labels], dtype=bool)
        group = np.where(blank[numbers], -1, numbers) if len(labels) else numbers
        return Family(
            name, labels, group, np.zeros(len(labels)), np.full(len(labels), float(most)), brief=True
        )

    def _letters(self, bounds: Bounds) -> Family:
        labels, numbers = self._table.words["key"]
        lettered = np.array([kind == _LETTERED for kind in self._kinds], dtype=bool)[self._kind]
        used = sorted({labels[i] for i in np.unique(numbers[lettered])} - {""})
        place = np.array([used.index(label) if label in used else -1 for label in labels], dtype=np.int64)
        group = np.where(lettered, place[numbers], -1)
        return _family("key", dict.fromkeys(used, bounds), group)

    def _measured(self, name: str, measure: Measure) -> Family:
        ends = float(measure.target - measure.tolerance), float(measure.target + measure.tolerance)
        family = summed(name, self._table.numbers[measure.column], ends)
        return Family(
            name, (measure.column,), family.group, family.low, family.high, family.value, exact=False
        )


def _table_family(name: str, wanted: Mapping[str, Bounds], axis: Ints, labels: Sequence[str]) -> Family:
    number = {label: i for i, label in enumerate(wanted)}
    return _family(name, wanted, np.array([number.get(label, -1) for label in labels], dtype=np.int64)[axis])


def _family(name: str, wanted: Mapping[str, Bounds], group: Ints) -> Family:
    low: Floats = np.array([low for low, _ in wanted.values()], dtype=np.float64)
    high: Floats = np.array([high for _, high in wanted.values()], dtype=np.float64)
    return Family(name, tuple(wanted), group, low, high)
