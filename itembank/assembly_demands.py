"""What plain tables ask of a form: a JSON object with any of fourteen sorts of demands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from itembank.blueprint import SIZE_LIMIT
from itembank.blueprint_reading import Reader, parse
from itembank.problems import InputRefused, Problem

Bounds = tuple[int, int]
_KEYS = (
    "size", "kinds", "area_points", "scope_count", "kind_area_count", "band_count", "stimuli", "core_min",
    "seconds_max", "recent_max", "single_key_count", "per_point_max", "per_enemy_group_max", "characteristic",
    "information",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Measure:
    """A column whose sum must lie within `tolerance` of `target`."""

    column: str
    target: Decimal
    tolerance: Decimal


@dataclass(frozen=True, slots=True)
class Demands:
    """One form's demands; what is None or empty is not asked for.

    `kinds` counts items a kind, `area_points` sums the column score an area; `ranges` holds inclusive
    counts by the label of a column: "scope", "band", and "kind_area" with labels "kind/area". `core_min`
    bounds the items with core 1 from below, `keys` the answer letters of single-choice items.
    """

    size: int
    kinds: Mapping[str, int] = field(default_factory=dict)
    area_points: Mapping[str, Decimal] = field(default_factory=dict)
    ranges: Mapping[str, Mapping[str, Bounds]] = field(default_factory=dict)
    stimuli: int | None = None
    core_min: int | None = None
    seconds_max: Decimal | None = None
    recent_max: int | None = None
    keys: Bounds | None = None
    per_point_max: int | None = None
    per_enemy_max: int | None = None
    characteristic: tuple[Measure, ...] = ()
    information: Measure | None = None


def read_demands(data: bytes, name: str) -> Demands:
    """From JSON; `name` is the file's name. Raises InputRefused, each problem with file and path."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        raise InputRefused(Problem("facts_not_readable", name, {"detail": str(fault)[:200]})) from fault
    plain = parse(text)
    if isinstance(plain, Problem):
        raise InputRefused(Problem(plain.code, f"{name} {plain.place}".strip(), plain.params))
    reader = Reader()
    demands = _read(reader, reader.mapping(plain, "", _KEYS))
    if reader.problems:
        raise InputRefused(*(Problem(p.code, f"{name} {p.place}".strip(), p.params) for p in reader.problems))
    return demands


def _read(reader: Reader, fields: Mapping[str, object]) -> Demands:
    characteristic = _characteristic(reader, fields)
    return Demands(
        size=reader.whole(fields, "size", bounds=(1, SIZE_LIMIT)),
        kinds=_kinds(reader, fields),
        area_points={
            area: _number(reader, value, f"area_points.{area}")
            for area, value in _table(reader, fields, "area_points").items()
        },
        ranges={
            "scope": _ranges(reader, fields, "scope_count"),
            "kind_area": _ranges(reader, fields, "kind_area_count"),
            "band": _ranges(reader, fields, "band_count"),
        },
        stimuli=_whole(reader, fields, "stimuli"),
        core_min=_whole(reader, fields, "core_min"),
        seconds_max=_optional(reader, fields, "seconds_max"),
        recent_max=_whole(reader, fields, "recent_max"),
        keys=reader.pair(fields["single_key_count"], "single_key_count")
        if "single_key_count" in fields
        else None,
        per_point_max=_whole(reader, fields, "per_point_max"),
        per_enemy_max=_whole(reader, fields, "per_enemy_group_max"),
        characteristic=characteristic,
        information=_information(reader, fields),
    )


def _table(reader: Reader, fields: Mapping[str, object], key: str) -> dict[str, object]:
    data = fields.get(key, {})
    if isinstance(data, Mapping):
        return {str(name): value for name, value in data.items()}
    reader.add("not_a_mapping", key)
    return {}


def _kinds(reader: Reader, fields: Mapping[str, object]) -> dict[str, int]:
    found = {}
    for kind, value in _table(reader, fields, "kinds").items():
        share = reader.mapping(value, f"kinds.{kind}", ("count", "points"))
        found[kind] = reader.whole(share, "count", f"kinds.{kind}", bounds=(0, SIZE_LIMIT))
    return found


def _ranges(reader: Reader, fields: Mapping[str, object], key: str) -> dict[str, Bounds]:
    return {
        label: reader.pair(value, f"{key}.{label}") for label, value in _table(reader, fields, key).items()
    }


def _whole(reader: Reader, fields: Mapping[str, object], key: str) -> int | None:
    return reader.whole(fields, key, bounds=(0, SIZE_LIMIT)) if key in fields else None


def _optional(reader: Reader, fields: Mapping[str, object], key: str) -> Decimal | None:
    return _number(reader, fields[key], key) if key in fields else None


def _number(reader: Reader, value: object, path: str) -> Decimal:
    try:
        number = Decimal(str(value)) if isinstance(value, int | float | Decimal) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if isinstance(value, bool) or not number.is_finite() or abs(number) > 10**9:
        reader.add("not_a_number", path, value=str(value)[:40])
        return Decimal(0)
    return number


def _characteristic(reader: Reader, fields: Mapping[str, object]) -> tuple[Measure, ...]:
    if "characteristic" not in fields:
        return ()
    path = "characteristic"
    data = reader.mapping(fields[path], path, ("columns", "target", "tolerance"))
    columns = reader.entries(data.get("columns"), f"{path}.columns", required=True)
    targets = reader.entries(data.get("target"), f"{path}.target", required=True)
    tolerance = abs(_number(reader, data.get("tolerance"), f"{path}.tolerance"))
    if len(columns) != len(targets):
        reader.add("lists_differ", f"{path}.target", columns=len(columns), values=len(targets))
    return tuple(
        Measure(str(column), _number(reader, target, f"{path}.target[{i}]"), tolerance)
        for i, (column, target) in enumerate(zip(columns, targets, strict=False))
    )


def _information(reader: Reader, fields: Mapping[str, object]) -> Measure | None:
    if "information" not in fields:
        return None
    path = "information"
    data = reader.mapping(fields[path], path, ("column", "target", "relative_tolerance"))
    target = _number(reader, data.get("target"), f"{path}.target")
    share = abs(_number(reader, data.get("relative_tolerance"), f"{path}.relative_tolerance"))
    return Measure(reader.text(data, "column", path), target, abs(target) * share)
