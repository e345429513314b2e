"""The blueprint (鉴定要素细目表): what one paper must hold, read from YAML or JSON.

It knows scopes with weights, item kinds with counts and points, and optionally ranges of difficulty and
importance, how a kind is scored, and bounds of time, expected score and recently used items. Rule R21 lives
here: the weights of the top scopes sum to 100, and weights become item counts by largest remainder, level by
level, so that the counts always sum to the size of the paper.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from itembank.blueprint_reading import Reader, parse
from itembank.items import DELIVERED, ItemKind
from itembank.problems import Problem

WHOLE = Decimal(100)  # per cent of the top weights, and points of a paper
IMPORTANCES = ("X", "Y", "Z")  # core, general, auxiliary
BANDS = (1, 2, 3, 4, 5)  # difficulty, 1 easy to 5 hard
SIZE_LIMIT = 1000  # items in one paper
SECONDS_LIMIT = 86_400  # expected time of one paper
DEPTH_LIMIT = 6  # levels of scopes


class Scoring(StrEnum):
    """How the points of an item are given: for the whole answer only, or a share for each right part."""

    ALL = "all"
    PER_PART = "per_part"


PARTED = frozenset({ItemKind.TEXT, ItemKind.NUMERIC, ItemKind.INLINE_CHOICE, ItemKind.MATCH})
"""Kinds scored by their parts unless the blueprint says otherwise."""


@dataclass(frozen=True, slots=True)
class Point:
    """One assessed point (鉴定点); its code begins with the code of its scope."""

    code: str
    name: str
    importance: str = ""


@dataclass(frozen=True, slots=True)
class Scope:
    """One assessed scope (鉴定范围). `weight` is per cent of the whole paper, also below the top."""

    code: str
    name: str
    weight: Decimal
    children: tuple["Scope", ...] = ()
    points: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class KindShare:
    """How many items of a kind a paper holds, and the points of each."""

    count: int
    points: Decimal


@dataclass(frozen=True, slots=True)
class Range:
    """An inclusive range of item counts."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class ExpectedScore:
    """The points an average candidate is to reach: within `tolerance` of `target`."""

    target: Decimal
    tolerance: Decimal


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What one paper of an occupation's level must hold. Made by `load_blueprint`, which checks every sum.

    `scoring` holds only what the file says (see `scoring_of`). `seconds_max` bounds the sum of the seconds
    expected for each item, `recent_max` the items used lately; None sets no bound.
    """

    title: str
    occupation: str
    level: int
    size: int
    sample: bool
    scopes: tuple[Scope, ...]
    kinds: Mapping[ItemKind, KindShare]
    bands: Mapping[int, Range] = field(default_factory=dict)
    importance: Mapping[str, Range] = field(default_factory=dict)
    scoring: Mapping[ItemKind, Scoring] = field(default_factory=dict)
    seconds_max: int | None = None
    expected_score: ExpectedScore | None = None
    recent_max: int | None = None

    def scoring_of(self, kind: ItemKind) -> Scoring:
        """How items of a kind are scored on this paper."""
        return self.scoring.get(kind, Scoring.PER_PART if kind in PARTED else Scoring.ALL)

    def walk(self) -> Iterator[Scope]:
        """Every scope, parents before their children."""
        pending = list(reversed(self.scopes))
        while pending:
            scope = pending.pop()
            yield scope
            pending.extend(reversed(scope.children))

    def leaves(self) -> tuple[Scope, ...]:
        """The scopes without children: every item of a paper lies in exactly one of them."""
        return tuple(scope for scope in self.walk() if not scope.children)

    def to_json(self) -> dict[str, object]:
        """Plain values in the shape that `load_blueprint` reads back to an equal blueprint."""
        return {
            "title": self.title,
            "occupation": self.occupation,
            "level": self.level,
            "size": self.size,
            "sample": self.sample,
            "scopes": [_scope_json(scope) for scope in self.scopes],
            "kinds": {k.value: {"count": s.count, "points": str(s.points)} for k, s in self.kinds.items()},
            "bands": {str(band): [r.low, r.high] for band, r in self.bands.items()},
            "importance": {letter: [r.low, r.high] for letter, r in self.importance.items()},
            **self._optional_json(),
        }

    def _optional_json(self) -> dict[str, object]:
        """The parts that most blueprints do not have, left out where they say nothing."""
        data: dict[str, object] = {}
        if self.scoring:
            data["scoring"] = {kind.value: scoring.value for kind, scoring in self.scoring.items()}
        if self.expected_score is not None:
            score = self.expected_score
            data["expected_score"] = {"target": str(score.target), "tolerance": str(score.tolerance)}
        bounds = {"seconds_max": self.seconds_max, "recent_max": self.recent_max}
        return data | {name: bound for name, bound in bounds.items() if bound is not None}


def lies_in(point: str, scope: str) -> bool:
    """True when the code `point` is `scope` or lies below it ("A-B-001" lies in "A-B" and in "A")."""
    return point == scope or point.startswith(scope + "-")


def counts(blueprint: Blueprint) -> dict[str, int]:
    """Items of a paper per scope code, parents included; children always sum to their parent.

    Equal remainders go to the scope that stands first.
    """
    result: dict[str, int] = {}
    pending = [(blueprint.scopes, blueprint.size)]
    while pending:
        scopes, total = pending.pop()
        for scope, count in zip(scopes, _largest_remainder([s.weight for s in scopes], total), strict=True):
            result[scope.code] = count
            if scope.children:
                pending.append((scope.children, count))
    return {scope.code: result[scope.code] for scope in blueprint.walk()}


def load_blueprint(text: str) -> Blueprint | list[Problem]:
    """Read YAML or JSON; every problem names its path ("scopes[2].weight"). Nothing is repaired."""
    data = parse(text)
    if isinstance(data, Problem):
        return [data]
    reader = Reader()
    blueprint = _read_blueprint(reader, data)
    if not reader.problems:
        _check_sums(reader, blueprint)
    return reader.problems or blueprint


def _largest_remainder(weights: list[Decimal], total: int) -> list[int]:
    whole = sum(map(Fraction, weights), Fraction(0))
    exact = [Fraction(weight) * total / whole for weight in weights]
    result = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (result[i] - exact[i], i))
    for i in by_remainder[: total - sum(result)]:
        result[i] += 1
    return result


def _scope_json(scope: Scope) -> dict[str, object]:
    data: dict[str, object] = {"code": scope.code, "name": scope.name, "weight": str(scope.weight)}
    if scope.children:
        data["children"] = [_scope_json(child) for child in scope.children]
    if scope.points:
        data["points"] = [
            {"code": p.code, "name": p.name} | ({"importance": p.importance} if p.importance else {})
            for p in scope.points
        ]
    return data


_REQUIRED = ("title", "occupation", "level", "size", "sample", "scopes", "kinds")
_OPTIONAL = ("bands", "importance", "scoring", "seconds_max", "expected_score", "recent_max")


def _read_blueprint(reader: Reader, data: object) -> Blueprint:
    fields = reader.mapping(data, "", (*_REQUIRED, *_OPTIONAL))
    return Blueprint(
        title=reader.text(fields, "title"),
        occupation=reader.text(fields, "occupation"),
        level=reader.whole(fields, "level", bounds=(1, 5)),
        size=reader.whole(fields, "size", bounds=(1, SIZE_LIMIT)),
        sample=reader.flag(fields, "sample"),
        scopes=_read_scopes(reader, fields.get("scopes"), "scopes", 1),
        kinds=_read_kinds(reader, fields.get("kinds")),
        bands={int(k): r for k, r in _read_ranges(reader, fields, "bands", tuple(map(str, BANDS))).items()},
        importance=_read_ranges(reader, fields, "importance", IMPORTANCES),
        scoring=_read_scoring(reader, fields.get("scoring", {})),
        seconds_max=_read_bound(reader, fields, "seconds_max", (1, SECONDS_LIMIT)),
        expected_score=_read_expected(reader, fields),
        recent_max=_read_bound(reader, fields, "recent_max", (0, SIZE_LIMIT)),
    )


def _read_bound(
    reader: Reader, fields: Mapping[str, object], key: str, bounds: tuple[int, int]
) -> int | None:
    return reader.whole(fields, key, bounds=bounds) if key in fields else None


def _read_scoring(reader: Reader, data: object) -> dict[ItemKind, Scoring]:
    fields = reader.mapping(data, "scoring", tuple(kind.value for kind in ItemKind if kind in DELIVERED))
    found = {}
    for kind in ItemKind:
        value = fields.get(kind.value)
        if value in tuple(Scoring):
            found[kind] = Scoring(str(value))
        elif kind.value in fields:
            allowed = "、".join(Scoring)
            reader.add("not_allowed", f"scoring.{kind.value}", value=str(value)[:20], allowed=allowed)
    return found


def _read_expected(reader: Reader, fields: Mapping[str, object]) -> ExpectedScore | None:
    if "expected_score" not in fields:
        return None
    data = reader.mapping(fields["expected_score"], "expected_score", ("target", "tolerance"))
    target, tolerance = (reader.decimal(data, key, "expected_score") for key in ("target", "tolerance"))
    return ExpectedScore(target, tolerance)


def _read_scopes(reader: Reader, data: object, path: str, depth: int) -> tuple[Scope, ...]:
    if depth > DEPTH_LIMIT:
        reader.add("scopes_too_deep", path, limit=DEPTH_LIMIT)
        return ()
    return tuple(
        _read_scope(reader, entry, f"{path}[{i}]", depth)
        for i, entry in enumerate(reader.entries(data, path, required=True))
    )


def _read_scope(reader: Reader, data: object, path: str, depth: int) -> Scope:
    fields = reader.mapping(data, path, ("code", "name", "weight", "children", "points"))
    children: tuple[Scope, ...] = ()
    if "children" in fields:
        children = _read_scopes(reader, fields["children"], f"{path}.children", depth + 1)
    return Scope(
        code=reader.code(fields, "code", path),
        name=reader.text(fields, "name", path),
        weight=reader.decimal(fields, "weight", path),
        children=children,
        points=tuple(
            _read_point(reader, entry, f"{path}.points[{i}]")
            for i, entry in enumerate(reader.entries(fields.get("points"), f"{path}.points"))
        ),
    )


def _read_point(reader: Reader, data: object, path: str) -> Point:
    fields = reader.mapping(data, path, ("code", "name", "importance"))
    importance = str(fields.get("importance", ""))
    if importance and importance not in IMPORTANCES:
        reader.add("unknown_importance", f"{path}.importance", value=importance)
    return Point(reader.code(fields, "code", path), reader.text(fields, "name", path), importance)


def _read_kinds(reader: Reader, data: object) -> dict[ItemKind, KindShare]:
    names = tuple(kind.value for kind in ItemKind)
    fields = reader.mapping(data, "kinds", names)
    shares = {}
    for kind in ItemKind:  # the order of kinds is the order on the paper, whatever the file says
        if kind.value in fields:
            path = f"kinds.{kind.value}"
            if kind not in DELIVERED:
                reader.add("kind_not_on_paper", path, kind=kind.value)
            share = reader.mapping(fields[kind.value], path, ("count", "points"))
            count = reader.whole(share, "count", path, bounds=(1, SIZE_LIMIT))
            shares[kind] = KindShare(count, reader.decimal(share, "points", path))
    return shares


def _read_ranges(
    reader: Reader, fields: Mapping[str, object], key: str, names: tuple[str, ...]
) -> dict[str, Range]:
    ranges = reader.mapping(fields.get(key, {}), key, names)
    return {name: Range(*reader.pair(ranges[name], f"{key}.{name}")) for name in names if name in ranges}


def _check_sums(reader: Reader, blueprint: Blueprint) -> None:
    _check_weights(reader, blueprint.scopes, "scopes", WHOLE)
    _check_codes(reader, blueprint)
    counted = sum(share.count for share in blueprint.kinds.values())
    if counted != blueprint.size:
        reader.add("kind_counts_not_size", "kinds", total=counted, size=blueprint.size)
    # R23: the points of a paper sum to 100 exactly, in decimals.
    points = sum((share.count * share.points for share in blueprint.kinds.values()), Decimal(0))
    if points != WHOLE:
        reader.add("points_not_100", "kinds", total=str(points))
    _check_ranges(reader, tuple(blueprint.bands.values()), "bands", (len(BANDS), blueprint.size))
    ranks = tuple(blueprint.importance.values())
    _check_ranges(reader, ranks, "importance", (len(IMPORTANCES), blueprint.size))


def _check_weights(reader: Reader, scopes: tuple[Scope, ...], path: str, expected: Decimal) -> None:
    total = sum((scope.weight for scope in scopes), Decimal(0))
    if total != expected:
        code = "weights_not_100" if path == "scopes" else "weights_not_parent"
        reader.add(code, path, total=str(total), expected=str(expected))
    for i, scope in enumerate(scopes):
        if scope.children:
            _check_weights(reader, scope.children, f"{path}[{i}].children", scope.weight)


def _check_codes(reader: Reader, blueprint: Blueprint) -> None:
    seen: set[str] = set()
    pending = [("scopes", blueprint.scopes, "")]
    while pending:
        path, scopes, parent = pending.pop(0)
        for i, scope in enumerate(scopes):
            place = f"{path}[{i}]"
            _check_code(reader, scope.code, f"{place}.code", (parent, seen))
            for j, point in enumerate(scope.points):
                _check_code(reader, point.code, f"{place}.points[{j}].code", (scope.code, seen))
            pending.append((f"{place}.children", scope.children, scope.code))


def _check_code(reader: Reader, code: str, path: str, context: tuple[str, set[str]]) -> None:
    parent, seen = context
    if code in seen:
        reader.add("code_twice", path, value=code)
    seen.add(code)
    if parent and not code.startswith(parent + "-"):
        reader.add("code_outside_parent", path, value=code, parent=parent)


def _check_ranges(reader: Reader, ranges: Sequence[Range], path: str, context: tuple[int, int]) -> None:
    names, size = context
    if sum(r.low for r in ranges) > size:
        reader.add("ranges_above_size", path, size=size)
    if len(ranges) == names and sum(r.high for r in ranges) < size:
        reader.add("ranges_below_size", path, size=size)
