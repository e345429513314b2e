"""One form a seat: neighbours share nothing where the pool allows it."""

import random
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itembank.assembly import Rules, assemble, assemble_plan
from itembank.assembly_demands import read_demands
from itembank.assembly_facts import facts_plan, read_facts
from itembank.assembly_rows import Plan
from itembank.assembly_seats import SeatPlan, closest_group, dealt_sets
from tests.benchmarks.assembly_pools import make_pool
from tests.itembank.test_assembly_rules import SMALL, assert_lawful, plain_pool, some_pool

Seats = tuple[tuple[float, float], ...]


def grid(columns: int, rows: int, pitch: float = 1.0) -> Seats:
    return tuple((x * pitch, y * pitch) for y in range(rows) for x in range(columns))


def neighbours(seats: Seats) -> list[tuple[int, int]]:
    """Pairs at Chebyshev distance 1, judged afresh."""
    pairs = combinations(range(len(seats)), 2)
    return [
        (i, j) for i, j in pairs if max(abs(seats[i][0] - seats[j][0]), abs(seats[i][1] - seats[j][1])) <= 1
    ]


def tables(n: int, seed: int) -> Plan:
    pool = make_pool(n, seed, part=5)
    demands = read_demands(pool.json(), "demands")
    return facts_plan(read_facts(pool.csv(), "facts", demands), demands)


def test_neighbours_share_nothing_though_some_must() -> None:
    """72 items make seven forms: nine seats must share, neighbours need not."""
    seats = grid(3, 3)
    assembly = assemble(SMALL, plain_pool(72), Rules(9, 0, seats=seats), 4)
    forms = [set(form) for form in assembly.forms]
    assert all(not forms[i] & forms[j] for i, j in neighbours(seats))
    lines = [line for line in assembly.proof[4] if line.name == "overlap"]
    assert [line.of for line in lines] == ["A", "B", "C", "D"]  # what stands beside and before seat E
    assert all(line.binding and line.met for line in lines)


def test_where_neighbours_must_share_it_is_told_as_a_wish() -> None:
    assembly = assemble(SMALL, plain_pool(30), Rules(4, None, seats=grid(2, 2)), 4)
    lines = [line for lines in assembly.proof for line in lines if line.name == "overlap"]
    assert len(lines) == 6
    assert not any(line.binding for line in lines)
    assert sum(int(line.reached) for line in lines) >= 10  # 40 places, 30 items
    refused = assemble(SMALL, plain_pool(30), Rules(4, 0, seats=grid(2, 2)), 4)
    assert {s.reason for s in refused.shortages} == {"overlap"}


def test_a_spare_has_no_seat_and_no_neighbour() -> None:
    assembly = assemble(SMALL, plain_pool(60), Rules(3, 0, seats=grid(2, 1), spares=1), 4)
    assert assembly.spares == ("C",)
    assert [sum(line.name == "overlap" for line in lines) for lines in assembly.proof] == [0, 1, 0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=25, unique=True))
def test_seats_of_one_colour_are_never_neighbours(places: list[tuple[int, int]]) -> None:
    seats = tuple((float(x), float(y)) for x, y in places)
    plan = SeatPlan.of(seats)
    pairs = neighbours(seats)
    assert all(plan.colours[i] != plan.colours[j] for i, j in pairs)
    assert {(int(i), int(j)) for i, j in zip(*plan.near.nonzero(), strict=True) if i < j} == set(pairs)
    assert plan.colours.max() + 1 >= closest_group(seats)


@pytest.mark.parametrize(
    ("seats", "most"),
    [(grid(1, 1), 1), (grid(5, 1), 2), (grid(4, 4), 4), (grid(3, 3, 1.5), 1), (((0, 0), (1, 1), (2, 2)), 2)],
)
def test_the_closest_group_is_what_must_be_kept_apart(seats: Seats, most: int) -> None:
    assert closest_group(seats) == most


def test_a_full_grid_takes_four_colours_and_each_gets_its_own_sets() -> None:
    seats = SeatPlan.of(grid(10, 6))
    assert sorted(set(seats.colours.tolist())) == [0, 1, 2, 3]
    plan = tables(1000, 1)
    dealt = dealt_sets(plan, seats, 7)
    assert dealt is not None
    sets = plan.units.sizes > 1
    left = [sets & ~barred for barred in dealt]
    assert all(int(own.sum()) >= 1 for own in left)
    assert all(not (a & b).any() for a, b in combinations(left, 2))


@pytest.mark.dear
def test_a_room_of_tables_is_legal_and_neighbours_share_nothing() -> None:
    seats, plan = grid(3, 2), tables(800, 2)
    assembly = assemble_plan(plan, Rules(6, None, seats=seats), 11)
    assert assembly.shortages == ()
    forms = [set(form) for form in assembly.forms]
    assert all(not forms[i] & forms[j] for i, j in neighbours(seats))
    assert all(line.met for lines in assembly.proof for line in lines if line.binding)


@pytest.mark.dear
@settings(max_examples=15, deadline=None)
@given(
    places=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=7, unique=True),
    n=st.integers(20, 70),
    overlap=st.sampled_from([None, 0, 3]),
    draw=st.randoms(use_true_random=False),
)
def test_every_seat_gets_a_lawful_form_or_what_is_missing_is_named(
    places: list[tuple[int, int]], n: int, overlap: int | None, draw: random.Random
) -> None:
    seats = tuple((float(x), float(y)) for x, y in places)
    pool, rules = some_pool(n, draw), Rules(len(seats), overlap, seats=seats)
    assembly = assemble(SMALL, pool, rules, 9)
    assert bool(assembly.forms) != bool(assembly.shortages)
    assert_lawful(assembly, pool, SMALL, rules)
    if assembly.forms and overlap is not None:
        forms = [set(form) for form in assembly.forms]
        assert max((len(forms[i] & forms[j]) for i, j in neighbours(seats)), default=0) <= overlap
    assert assemble(SMALL, pool, rules, 9) == assembly
