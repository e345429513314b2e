"""Plain tables: every row family is met or named, and what is wrong in a file is named with its place."""

import csv
import io
import json
from itertools import combinations
from typing import Any

import pytest

from itembank.assembly import Assembly, Rules, assemble_plan
from itembank.assembly_demands import read_demands
from itembank.assembly_facts import facts_plan, read_facts
from itembank.problems import InputRefused
from tests.benchmarks.assembly_judge import broken
from tests.benchmarks.assembly_pools import Pool, make_pool


def assembled(pool: Pool, rules: Rules, seed: int = 1) -> Assembly:
    demands = read_demands(pool.json(), "blueprint.json")
    return assemble_plan(facts_plan(read_facts(pool.csv(), "pool.csv", demands), demands), rules, seed)


@pytest.mark.dear
@pytest.mark.parametrize(("n", "seed"), [(300, 1), (300, 2), (3000, 3)])
def test_every_family_of_rows_is_met(n: int, seed: int) -> None:
    pool = make_pool(n, seed, part=5)
    assembly = assembled(pool, Rules(1, None), seed)
    assert assembly.shortages == ()
    assert broken(pool, assembly.forms[0]) == []
    names = {line.name for line in assembly.proof[0]}
    assert names == {
        "length", "kind", "scope", "band", "kind_area", "importance", "area_points", "per_point", "enemy",
        "stimulus", "stimulus_whole", "seconds", "recent", "key", "characteristic", "information",
    }  # fmt: skip
    assert all(line.met for line in assembly.proof[0])
    assert assembly.bound <= assembly.objective


@pytest.mark.dear
def test_parallel_forms_share_little_are_equally_hard_and_rebuild() -> None:
    pool, rules = make_pool(600, 4, part=5), Rules(3, 2)
    assembly = assembled(pool, rules, 2**65)
    assert [broken(pool, form) for form in assembly.forms] == [[]] * 3
    assert max(len(set(a) & set(b)) for a, b in combinations(assembly.forms, 2)) <= 2
    pool.rows.reverse()
    assert json.dumps(assembled(pool, rules, 2**65).to_json()) == json.dumps(assembly.to_json())


def sabotaged(change: dict[str, Any]) -> dict[tuple[str, str, str], int]:
    """What is named, (reason, word, of) -> missing, when one demand of a good blueprint is changed."""
    pool = make_pool(1000, 1)
    for name, value in change.items():
        held = pool.demands[name]
        pool.demands[name] = {**held, **value} if isinstance(value, dict) else value
    assembly = assembled(pool, Rules(1, None))
    assert assembly.forms == ()
    named = {
        (
            s.reason,
            s.name or ("scope" if s.scope else "kind" if s.kind else "band"),
            s.of or s.scope or s.kind or str(s.band or ""),
        ): s.missing
        for s in assembly.shortages
    }
    return named


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"scope_count": {"north-03": [200, 300]}}, ("supply", "scope", "north-03")),
        ({"scope_count": {"east-01": [1, 3]}}, ("supply", "scope", "east-01")),
        ({"scope_count": {"north-03": [20, 24]}}, ("row", "scope", "north-03")),
        ({"band_count": {"1": [80, 90]}}, ("row", "band", "1")),
        ({"seconds_max": 900}, ("row", "seconds", "")),
        ({"core_min": 96}, ("row", "importance", "X")),
        ({"stimuli": 500}, ("row", "stimulus", "")),
        ({"single_key_count": [16, 20]}, ("row", "key", "")),
        ({"area_points": {"north": 31.0}}, ("row", "area_points", "")),
        ({"area_points": {"north": 30.25, "south": 44.75}}, ("row", "area_points", "north")),
        ({"characteristic": {"target": [10, 20, 30]}}, ("row", "characteristic", "hard")),
        ({"information": {"target": 90}}, ("row", "information", "information")),
    ],
)
def test_a_demand_that_cannot_hold_is_named(change: dict[str, Any], named: tuple[str, str, str]) -> None:
    found = sabotaged(change)
    assert any(key[:2] == named[:2] and named[2] in ("", key[2]) for key in found), found
    assert all(missing > 0 for missing in found.values())
    assert len(found) <= 4


def refused(facts: bytes, demands: bytes) -> list[tuple[str, str, str]]:
    with pytest.raises(InputRefused) as caught:
        wanted = read_demands(demands, "b.json")
        facts_plan(read_facts(facts, "p.csv", wanted), wanted)
    return [(p.code, p.place, str(p.params.get("column", ""))) for p in caught.value.problems]


TABLE = b"id,kind,band,seconds\nq1,single,1,30\nq2,single,2,40\n"
DEMANDS = {"size": 1, "kinds": {"single": {"count": 1, "points": 100}}, "seconds_max": 50}


def test_a_small_table_works() -> None:
    wanted = read_demands(json.dumps(DEMANDS).encode(), "b.json")
    plan = facts_plan(read_facts(TABLE, "p.csv", wanted), wanted)
    assert assemble_plan(plan, Rules(2, 0), 1).forms in ((("q1",), ("q2",)), (("q2",), ("q1",)))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"40", b"forty", ("cell_not_a_number", "p.csv row 3", "seconds")),
        (b"40", b"nan", ("cell_not_a_number", "p.csv row 3", "seconds")),
        (b"40", b" ", ("cell_missing", "p.csv row 3", "seconds")),
        (b"seconds", b"minutes", ("heading_missing", "p.csv row 1", "seconds")),
        (b"band", b"kind", ("heading_twice", "p.csv row 1", "kind")),
        (b"q2,", b"q1,", ("item_twice", "p.csv row 3", "id")),
        (b"q2,", b",", ("cell_missing", "p.csv row 3", "id")),
        (b",2,40", b",40", ("row_length", "p.csv row 3", "")),
        (b"q2,single", b'q2,"sin"gle', ("facts_not_readable", "p.csv row 3", "")),
        (b"q1", b"\xff\xfe", ("facts_not_readable", "p.csv row 2", "")),
        (TABLE, b"id,kind,seconds\n", ("facts_without_rows", "p.csv row 1", "")),
        (TABLE, b"", ("heading_missing", "p.csv row 1", "id")),
    ],
)
def test_a_fault_of_the_table_is_named_with_row_and_column(
    old: bytes, new: bytes, problem: tuple[str, str, str]
) -> None:
    assert problem in refused(TABLE.replace(old, new), json.dumps(DEMANDS).encode())


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"size": 0}, ("number_out_of_range", "b.json size")),
        ({"kinds": {"single": {"count": "1"}}}, ("not_a_whole_number", "b.json kinds.single.count")),
        ({"kinds": []}, ("not_a_mapping", "b.json kinds")),
        ({"sieze": 1}, ("unknown_key", "b.json sieze")),
        ({"band_count": {"1": [3, 2]}}, ("range_upside_down", "b.json band_count.1")),
        ({"seconds_max": "long"}, ("not_a_number", "b.json seconds_max")),
        ({"seconds_max": True}, ("not_a_number", "b.json seconds_max")),
        (
            {"characteristic": {"columns": ["x"], "target": [], "tolerance": 1}},
            ("empty_list", "b.json characteristic.target"),
        ),
        (
            {"characteristic": {"columns": ["x", "y"], "target": [1], "tolerance": 1}},
            ("lists_differ", "b.json characteristic.target"),
        ),
        (
            {"information": {"target": 1, "relative_tolerance": 1}},
            ("missing_value", "b.json information.column"),
        ),
    ],
)
def test_a_fault_of_the_demands_is_named_with_its_path(
    change: dict[str, Any], problem: tuple[str, str]
) -> None:
    found = refused(TABLE, json.dumps({**DEMANDS, **change}).encode())
    assert problem in [(code, place) for code, place, _ in found]


@pytest.mark.parametrize("data", [b"{", b"\xff", b'{"size": 1, "size": 2}', b"[1]"])
def test_unreadable_demands_are_refused(data: bytes) -> None:
    assert refused(TABLE, data)


def test_only_columns_that_are_asked_for_must_be_good() -> None:
    table = TABLE.replace(b"1,30", b"odd,30")
    wanted = read_demands(json.dumps(DEMANDS).encode(), "b.json")
    assert len(read_facts(table, "p.csv", wanted)) == 2


@pytest.mark.dear
def test_a_hundred_thousand_rows_are_read_without_an_object_each() -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["id", "kind", "seconds"])
    writer.writerows([f"q{i:06d}", "single", 30] for i in range(100_000))
    wanted = read_demands(json.dumps(DEMANDS).encode(), "b.json")
    table = read_facts(text.getvalue().encode(), "p.csv", wanted)
    assert len(table) == 100_000
    assert table.numbers["seconds"].nbytes == 800_000
