"""Blueprints: what is read, what is refused and where, and the law of the counts."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import server
from itembank.blueprint import (
    Blueprint,
    ExpectedScore,
    Range,
    Scope,
    Scoring,
    counts,
    lies_in,
    load_blueprint,
)
from itembank.items import ItemKind

SAMPLE = Path(server.__file__).parent / "samples" / "blueprint_baowei_3.yaml"

GOOD = """
title: 示例
occupation: 保卫管理员
level: 3
size: 100
sample: true
scopes:
  - code: A
    name: 组织防范
    weight: 40
    children:
      - {code: A-A, name: 一, weight: 12.5}
      - {code: A-B, name: 二, weight: 27.5}
  - {code: B, name: 技术防范, weight: 60}
kinds:
  true_false: {count: 40, points: 0.5}
  single: {count: 50, points: 1}
  multiple: {count: 10, points: 3.0}
bands: {1: [5, 15], 3: 30}
importance: {X: [80, 100]}
"""


def _load(text: str) -> Blueprint:
    blueprint = load_blueprint(text)
    assert isinstance(blueprint, Blueprint), blueprint
    return blueprint


def _problems(text: str) -> set[tuple[str, str]]:
    problems = load_blueprint(text)
    assert isinstance(problems, list)
    return {(problem.code, problem.place) for problem in problems}


def test_a_good_blueprint_is_read_exactly() -> None:
    blueprint = _load(GOOD)
    assert blueprint.kinds[ItemKind.MULTIPLE].points == Decimal("3.0")
    assert list(blueprint.kinds) == [ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE]
    assert blueprint.bands == {1: Range(5, 15), 3: Range(30, 30)}
    assert blueprint.importance == {"X": Range(80, 100)}
    assert [scope.code for scope in blueprint.walk()] == ["A", "A-A", "A-B", "B"]
    assert [scope.code for scope in blueprint.leaves()] == ["A-A", "A-B", "B"]
    # 12.5 and 27.5 leave equal remainders: the scope that stands first gets the odd item.
    assert counts(blueprint) == {"A": 40, "A-A": 13, "A-B": 27, "B": 60}


def test_json_and_yaml_mean_the_same() -> None:
    blueprint = _load(GOOD)
    assert _load(json.dumps(blueprint.to_json())) == blueprint
    assert _load(json.dumps(blueprint.to_json(), indent="\t")) == blueprint


OPTIONS = """
scoring: {single: all, multiple: per_part}
seconds_max: 5400
expected_score: {target: 65, tolerance: 1.5}
recent_max: 0
"""


def test_the_optional_parts_are_read_and_written_only_where_they_stand() -> None:
    plain, full = _load(GOOD), _load(GOOD + OPTIONS)
    assert set(full.to_json()) - set(plain.to_json()) == {
        "scoring", "seconds_max", "expected_score", "recent_max",
    }  # fmt: skip
    assert (full.seconds_max, full.recent_max) == (5400, 0)
    assert full.expected_score == ExpectedScore(Decimal(65), Decimal("1.5"))
    assert _load(json.dumps(full.to_json())) == full
    assert (plain.seconds_max, plain.recent_max, plain.expected_score) == (None, None, None)


def test_kinds_with_parts_are_scored_by_the_part_unless_told_otherwise() -> None:
    parted = {kind for kind in ItemKind if _load(GOOD).scoring_of(kind) is Scoring.PER_PART}
    assert parted == {ItemKind.TEXT, ItemKind.NUMERIC, ItemKind.INLINE_CHOICE, ItemKind.MATCH}
    told = _load(GOOD + "scoring: {text: all, multiple: per_part}")
    assert told.scoring_of(ItemKind.TEXT) is Scoring.ALL
    assert told.scoring_of(ItemKind.MULTIPLE) is Scoring.PER_PART


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("scoring: {single: some}", ("not_allowed", "scoring.single")),
        ("scoring: {practical: all}", ("unknown_key", "scoring.practical")),
        ("seconds_max: 0", ("number_out_of_range", "seconds_max")),
        ("seconds_max: soon", ("not_a_whole_number", "seconds_max")),
        ("recent_max: -1", ("number_out_of_range", "recent_max")),
        ("expected_score: 65", ("not_a_mapping", "expected_score")),
        ("expected_score: {target: 101, tolerance: 1}", ("number_out_of_range", "expected_score.target")),
        ("expected_score: {target: 65}", ("missing_value", "expected_score.tolerance")),
    ],
)
def test_faults_of_the_optional_parts_are_named(more: str, problem: tuple[str, str]) -> None:
    assert problem in _problems(GOOD + more)


@pytest.mark.parametrize(
    ("weights", "size", "expected"),
    [
        ("50 50", 3, [2, 1]),  # equal remainders: the first
        ("33.3 33.3 33.4", 100, [33, 33, 34]),
        ("33.4 33.3 33.3", 10, [4, 3, 3]),
        ("99.9 0.1", 10, [10, 0]),
        ("99 1", 50, [50, 0]),  # 49.5 and 0.5: the first again
        ("1 99", 50, [1, 49]),
        ("12.5 37.5 50", 4, [1, 1, 2]),
        ("20 20 20 20 20", 3, [1, 1, 1, 0, 0]),
        ("100", 7, [7]),
    ],
)
def test_weights_become_counts_by_largest_remainder(weights: str, size: int, expected: list[int]) -> None:
    scopes = tuple(Scope(f"S{i}", "x", Decimal(weight)) for i, weight in enumerate(weights.split()))
    assert list(counts(Blueprint("t", "o", 3, size, True, scopes, {})).values()) == expected


@pytest.mark.parametrize(
    ("single", "multiple", "total"),
    [
        ("1", "3.0", None),
        ("1.00", "3", None),
        ("1.2", "2", None),
        ("1.000001", "3", "100.000050"),
        ("0.99", "3", "99.50"),
    ],
)
def test_the_points_of_a_paper_sum_to_a_hundred_exactly(
    single: str, multiple: str, total: str | None
) -> None:
    text = GOOD.replace("points: 1}", f"points: {single}}}").replace("points: 3.0}", f"points: {multiple}}}")
    read = load_blueprint(text)
    if total is None:
        assert isinstance(read, Blueprint)
    else:
        assert isinstance(read, list)
        (problem,) = read
        assert (problem.code, problem.place) == ("points_not_100", "kinds")
        assert Decimal(str(problem.params["total"])) == Decimal(total)


def test_the_sample_is_marked_as_one_and_adds_up() -> None:
    blueprint = _load(SAMPLE.read_text(encoding="utf-8"))
    assert blueprint.sample
    assert "示例" in blueprint.title
    assert [scope.code for scope in blueprint.scopes] == ["A", "B", "C", "D", "E"]
    names = ["组织防范", "技术防范", "保卫管理", "应急管理", "培训与指导"]
    assert [scope.name for scope in blueprint.scopes] == names
    assert sum(counts(blueprint)[scope.code] for scope in blueprint.leaves()) == blueprint.size


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("weight: 60}", "weight: 59.9}", {("weights_not_100", "scopes")}),
        ("weight: 27.5}", "weight: 27}", {("weights_not_parent", "scopes[0].children")}),
        ("weight: 12.5}", "weight: 一}", {("not_a_number", "scopes[0].children[0].weight")}),
        ("weight: 12.5}", "weight: .nan}", {("not_a_number", "scopes[0].children[0].weight")}),
        ("weight: 12.5}", "weight: -1}", {("number_out_of_range", "scopes[0].children[0].weight")}),
        ("code: A-B", "code: A-A", {("code_twice", "scopes[0].children[1].code")}),
        ("code: A-B", "code: B-B", {("code_outside_parent", "scopes[0].children[1].code")}),
        ("code: A-B", "code: A_B", {("bad_code", "scopes[0].children[1].code")}),
        ("name: 二", "name: ' '", {("missing_value", "scopes[0].children[1].name")}),
        ("count: 50", "count: 51", {("kind_counts_not_size", "kinds"), ("points_not_100", "kinds")}),
        ("points: 0.5", "points: 0.501", {("points_not_100", "kinds")}),
        ("count: 50", "count: true", {("not_a_whole_number", "kinds.single.count")}),
        ("count: 50", "count: 50.0", {("not_a_whole_number", "kinds.single.count")}),
        ("single:", "riddle:", {("unknown_key", "kinds.riddle")}),
        ("single:", "practical:", {("kind_not_on_paper", "kinds.practical")}),
        ("single:", "unsupported:", {("kind_not_on_paper", "kinds.unsupported")}),
        ("level: 3", "level: 6", {("number_out_of_range", "level")}),
        ("sample: true", "sample: 1", {("not_yes_or_no", "sample")}),
        ("[5, 15]", "[15, 5]", {("range_upside_down", "bands.1")}),
        ("[5, 15]", "[80, 90]", {("ranges_above_size", "bands")}),
        ("{1: [5, 15], 3: 30}", "{1: 9, 2: 9, 3: 9, 4: 9, 5: 9}", {("ranges_below_size", "bands")}),
        ("{1: [5, 15], 3: 30}", "{6: 9}", {("unknown_key", "bands.6")}),
        ("X: [80, 100]", "X: many", {("not_a_range", "importance.X")}),
        ("title: 示例", "titel: 示例", {("unknown_key", "titel"), ("missing_value", "title")}),
        ("title: 示例", f"title: {'长' * 201}", {("text_too_long", "title")}),
    ],
)
def test_each_fault_is_named_with_its_path(old: str, new: str, expected: set[tuple[str, str]]) -> None:
    assert old in GOOD
    found = _problems(GOOD.replace(old, new))
    assert expected <= found
    assert all(code == "points_not_100" or code == "kind_counts_not_size" for code, _ in found - expected)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "missing_value"),
        ("- 1", "not_a_mapping"),
        ("a: [", "blueprint_not_readable"),
        ("{'a': 1", "blueprint_not_readable"),
        ('{"size": 1, "size": 2}', "blueprint_not_readable"),
        ("size: 1\nsize: 2", "blueprint_not_readable"),
        ("a: &x [1]\nb: *x", "blueprint_not_readable"),
        ("a: !!python/object/apply:os.getcwd []", "blueprint_not_readable"),
        ("[" * 5000, "blueprint_not_readable"),
        ('{"a":' * 5000, "blueprint_not_readable"),
        ("? [1, 2]\n: 3", "blueprint_not_readable"),
        (" " * 1_000_001, "blueprint_too_long"),
    ],
)
def test_unreadable_text_is_one_problem(text: str, code: str) -> None:
    problems = load_blueprint(text)
    assert isinstance(problems, list)
    assert code in {problem.code for problem in problems}


def test_an_unreadable_line_is_named() -> None:
    assert _problems("title: x\nkinds: {single: ]") == {("blueprint_not_readable", "line 2")}


@pytest.mark.parametrize("missing", ["scopes", "kinds", "size", "level", "occupation"])
def test_what_is_missing_is_named(missing: str) -> None:
    data = _load(GOOD).to_json()
    del data[missing]
    assert ("missing_value", missing) in _problems(json.dumps(data))


def test_scopes_may_not_nest_without_end() -> None:
    scope: dict[str, object] = {"code": "A-A-A-A-A-A-A", "name": "x", "weight": 100}
    for depth in range(6, 0, -1):
        scope = {"code": "-".join("A" * depth), "name": "x", "weight": 100, "children": [scope]}
    data = _load(GOOD).to_json() | {"scopes": [scope]}
    assert "scopes_too_deep" in {code for code, _ in _problems(json.dumps(data))}


@pytest.mark.parametrize(
    ("point", "scope", "inside"),
    [
        ("A-B-001", "A", True),
        ("A-B-001", "A-B", True),
        ("AB-001", "A", False),
        ("A", "A", True),
        ("A", "A-B", False),
    ],
)
def test_a_point_lies_below_its_code_prefix(point: str, scope: str, inside: bool) -> None:
    assert lies_in(point, scope) is inside


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.integers(1, 10_000), min_size=1, max_size=12),
    child_parts=st.lists(st.integers(1, 1_000), min_size=2, max_size=6),
    size=st.integers(1, 300),
)
def test_counts_sum_to_the_size_and_stay_within_one_of_the_exact_share(
    parts: list[int], child_parts: list[int], size: int
) -> None:
    weights = _shares(parts, Decimal(100))
    children = tuple(
        Scope(f"S0-{i}", "x", weight) for i, weight in enumerate(_shares(child_parts, weights[0]))
    )
    scopes = tuple(
        Scope(f"S{i}", "x", weight, children if i == 0 else ()) for i, weight in enumerate(weights)
    )
    blueprint = Blueprint("t", "o", 3, size, True, scopes, {})
    result = counts(blueprint)
    assert sum(result[scope.code] for scope in scopes) == size
    assert sum(result[child.code] for child in children) == result["S0"]
    for scope in scopes:
        assert abs(result[scope.code] - scope.weight * size / 100) < 1


def _shares(parts: list[int], whole: Decimal) -> list[Decimal]:
    """Decimals in proportion to the parts that sum to the whole exactly."""
    shares = [(whole * part / sum(parts)).quantize(Decimal("0.000001")) for part in parts]
    shares[-1] += whole - sum(shares)
    return shares
