"""Assembly: every form meets its blueprint or the shortage is named, and the seed replays all of it."""

import csv
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import server
from itembank.assembly import Assembly, Constraint, PoolItem, Rules, Shortage, assemble
from itembank.assembly_model import INFINITY, Program
from itembank.assembly_rows import draws
from itembank.assembly_search import COLUMN_LIMITS
from itembank.blueprint import Blueprint, KindShare, Range, Scope, counts, load_blueprint
from itembank.items import ItemKind

SAMPLES = Path(server.__file__).parent / "samples"
WEIGHTS = {"A": 20, "B": 20, "C": 25, "D": 25, "E": 10}
KINDS = {ItemKind.SINGLE: 60, ItemKind.MULTIPLE: 20, ItemKind.TRUE_FALSE: 20}
BLUEPRINT = Blueprint(
    title="示例",
    occupation="保卫管理员",
    level=3,
    size=100,
    sample=True,
    scopes=tuple(Scope(code, code, Decimal(weight)) for code, weight in WEIGHTS.items()),
    kinds={kind: KindShare(count, Decimal(1)) for kind, count in KINDS.items()},
    bands={1: Range(5, 15), 2: Range(18, 32), 3: Range(25, 45), 4: Range(12, 28), 5: Range(5, 15)},
)


def make_pool(n: int, seed: int = 0, points: int = 40) -> list[PoolItem]:
    """A pool whose scopes, kinds and bands follow the blueprint's shares, at random."""
    g = random.Random(f"{n}/{seed}")
    scopes = g.choices(list(WEIGHTS), list(WEIGHTS.values()), k=n)
    kinds = g.choices(list(KINDS), list(KINDS.values()), k=n)
    bands = g.choices((1, 2, 3, 4, 5), (10, 25, 35, 20, 10), k=n)
    return [
        PoolItem(
            f"q{i:05d}",
            f"{scope}-A-{g.randrange(points):03d}",
            kind,
            band,
            g.choice("XXXXYZ"),
            g.choice((0, 0, 1)),
        )
        for i, (scope, kind, band) in enumerate(zip(scopes, kinds, bands, strict=True))
    ]


def assert_legal(blueprint: Blueprint, pool: Iterable[PoolItem], rules: Rules, assembly: Assembly) -> None:
    """The judge: counts everything from the pool's facts, without the product's own proof."""
    facts = {item.uid: item for item in pool}
    assert assembly.shortages == ()
    assert len(assembly.forms) == rules.forms
    for form in assembly.forms:
        items = [facts[uid] for uid in form]
        assert len(set(form)) == blueprint.size
        assert Counter(i.kind for i in items) == {k: share.count for k, share in blueprint.kinds.items()}
        for scope, count in counts(blueprint).items():
            assert sum(f"{i.point}-".startswith(f"{scope}-") for i in items) == count
        for band, wanted in blueprint.bands.items():
            assert wanted.low <= sum(i.difficulty == band for i in items) <= wanted.high
        for letter, wanted in blueprint.importance.items():
            assert wanted.low <= sum(i.importance == letter for i in items) <= wanted.high
        assert sum(blueprint.kinds[i.kind].points for i in items) == 100
        kinds = list(ItemKind)
        assert [i.kind for i in items] == sorted((i.kind for i in items), key=kinds.index)
    for one, other in combinations(assembly.forms, 2):
        assert len(set(one) & set(other)) <= rules.max_overlap
    assert all(line.met for lines in assembly.proof for line in lines if line.binding)


@pytest.mark.dear
def test_a_thousand_items_give_parallel_forms_in_seconds() -> None:
    pool, rules = make_pool(1000), Rules(forms=4, max_overlap=5)
    started = time.process_time()
    assembly = assemble(BLUEPRINT, pool, rules, seed=7)
    assert time.process_time() - started < 8
    assert_legal(BLUEPRINT, pool, rules, assembly)
    assert assembly.letters == ("A", "B", "C", "D")
    crowded = [line for lines in assembly.proof for line in lines if line.name == "per_point"]
    assert crowded == []  # two hundred points leave room for one item each


@pytest.mark.parametrize("seed", [0, 1, 2**70])
def test_four_forms_of_three_hundred_items_keep_the_overlap_bound(seed: int) -> None:
    """400 places for 300 items: 100 repeats in six pairs, so below 17 is impossible and 20 is tight."""
    pool, rules = make_pool(300, seed), Rules(forms=4, max_overlap=20)
    assert_legal(BLUEPRINT, pool, rules, assemble(BLUEPRINT, pool, rules, seed))


def test_the_same_seed_and_pool_give_the_same_forms_to_the_byte() -> None:
    pool, rules = make_pool(300), Rules(forms=3, max_overlap=20)
    first = assemble(BLUEPRINT, pool, rules, seed=11)
    again = assemble(BLUEPRINT, list(reversed(pool)), rules, seed=11)
    assert json.dumps(again.to_json()) == json.dumps(first.to_json())
    assert Assembly.from_json(json.loads(json.dumps(first.to_json()))) == first
    assert [PoolItem.from_json(item.to_json()) for item in pool] == pool
    other = assemble(BLUEPRINT, pool, rules, seed=12)
    assert other.forms != first.forms
    assert set(other.forms[0]) != set(first.forms[0])


def test_the_order_inside_a_kind_is_shuffled_and_differs_between_forms() -> None:
    pool, rules = make_pool(100 * 3), Rules(forms=2, max_overlap=100)
    forms = assemble(BLUEPRINT, pool, rules, seed=1).forms
    singles = list(forms[0][:60])
    assert singles != sorted(singles)
    common = set(forms[0]) & set(forms[1])
    assert [u for u in forms[0] if u in common] != [u for u in forms[1] if u in common] or len(common) < 2


def test_used_items_rest_where_the_pool_allows() -> None:
    pool = make_pool(1000)
    worn = {item.uid for item in pool[:300]}
    pool = [replace(item, uses=6 if item.uid in worn else 0) for item in pool]
    form = assemble(BLUEPRINT, pool, Rules(1, 0), seed=3).forms[0]
    assert not worn & set(form)


@pytest.mark.dear
@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(8, 90),
    forms=st.integers(1, 4),
    max_overlap=st.integers(0, 9),
    seed=st.integers(0, 2**64),
    draw=st.randoms(use_true_random=False),
)
def test_a_form_meets_its_blueprint_or_the_shortage_is_named(
    n: int, forms: int, max_overlap: int, seed: int, draw: random.Random
) -> None:
    pool, rules = _small_pool(n, draw), Rules(forms, max_overlap)
    assembly = assemble(SMALL, pool, rules, seed)
    assert bool(assembly.forms) != bool(assembly.shortages)
    if assembly.forms:
        assert_legal(SMALL, pool, rules, assembly)
    else:
        assert all(s.missing > 0 or s.reason == "search" for s in assembly.shortages)
        assert json.loads(json.dumps(assembly.to_json()))["status"] == "infeasible"


SMALL = Blueprint(
    title="小",
    occupation="保卫管理员",
    level=3,
    size=10,
    sample=True,
    scopes=(
        Scope("A", "a", Decimal(60), (Scope("A-A", "x", Decimal(25)), Scope("A-B", "y", Decimal(35)))),
        Scope("B", "b", Decimal(40)),
    ),
    kinds={ItemKind.SINGLE: KindShare(6, Decimal(10)), ItemKind.MULTIPLE: KindShare(4, Decimal(10))},
    bands={1: Range(0, 4), 5: Range(1, 3)},
    importance={"X": Range(5, 10)},
)


def _small_pool(n: int, g: random.Random) -> list[PoolItem]:
    points = ["A-A-1", "A-A-2", "A-B-1", "A-B-2", "A-B-3", "B-1", "B-2", "B-3", "A-9", "C-1"]
    return [
        PoolItem(
            f"q{i}",
            g.choice(points),
            g.choice([ItemKind.SINGLE, ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE]),
            g.choice([1, 3, 3, 5]),
            g.choice(["X", "X", "Y", ""]),
            g.randrange(4),
        )
        for i in range(n)
    ]


def _without(keep: Callable[[PoolItem], bool]) -> list[PoolItem]:
    return [item for item in make_pool(1000) if keep(item)]


def _only_first(n: int, chosen: Callable[[PoolItem], bool]) -> list[PoolItem]:
    kept = {item.uid for item in [item for item in make_pool(1000) if chosen(item)][:n]}
    return _without(lambda item: item.uid in kept or not chosen(item))


ONE_FORM = Rules(forms=1, max_overlap=0)


def _shortages(pool: list[PoolItem], rules: Rules = ONE_FORM) -> tuple[Shortage, ...]:
    assembly = assemble(BLUEPRINT, pool, rules, seed=1)
    assert assembly.forms == ()
    return assembly.shortages


def test_a_scope_without_enough_items_is_named_with_the_missing_count() -> None:
    pool = _only_first(5, lambda item: item.point.startswith("B-"))
    assert _shortages(pool) == (Shortage("supply", scope="B", missing=15),)
    refused = assemble(BLUEPRINT, pool, Rules(1, 0), seed=1)
    assert Assembly.from_json(json.loads(json.dumps(refused.to_json()))) == refused


def test_a_kind_without_enough_items_is_named_with_the_missing_count() -> None:
    pool = _only_first(12, lambda item: item.kind is ItemKind.MULTIPLE)
    assert _shortages(pool) == (Shortage("supply", kind="multiple", missing=8),)


def test_a_band_without_enough_items_is_named_with_the_missing_count() -> None:
    pool = _only_first(1, lambda item: item.difficulty == 5)
    assert _shortages(pool) == (Shortage("supply", band=5, missing=4),)


def test_every_single_shortage_is_named_at_once() -> None:
    named = {(s.scope, s.kind, s.band): s.missing for s in _shortages([])}
    assert named[("A", "", 0)] == 20
    assert named[("", "single", 0)] == 60
    assert named[("", "", 3)] == 25


def test_a_conflict_of_scope_and_kind_is_named_by_its_cells() -> None:
    """Each scope and kind has items enough, but scopes A, B and C have no singles at all."""

    def fits(item: PoolItem) -> bool:
        return (item.point[0] in "DE") == (item.kind is ItemKind.SINGLE)

    found = _shortages(_without(fits))
    # 35 places in D and E can be single; the other 25 singles must come from A, B and C, which have none.
    assert sum(s.missing for s in found) == 25
    assert {s.kind for s in found} == {"single"}
    assert {s.scope for s in found} <= {"A", "B", "C"}
    assert all(s.band == 0 for s in found)  # difficulty is not what is missing


def test_too_much_overlap_names_what_to_write_and_what_would_do() -> None:
    found = _shortages(make_pool(300), Rules(4, 10))
    assert {s.reason for s in found} == {"overlap"}
    assert {s.overlap for s in found} <= {17, 18}  # the least that 300 items of these scopes and kinds allow
    # 10 shared items a pair allow 60 repeats of 400 places: at least 340 items, 40 more than the pool has.
    assert sum(s.missing for s in found) >= 40


def test_what_was_asked_for_and_named_missing_is_enough_when_written() -> None:
    pool = make_pool(300)
    found = _shortages(pool, Rules(4, 10))
    written = [
        PoolItem(f"new-{s.scope}-{s.kind}-{i}", f"{s.scope}-Z-{i:03d}", ItemKind(s.kind), 3)
        for s in found
        for i in range(s.missing + 2)
    ]
    rules = Rules(4, 12)
    assert_legal(BLUEPRINT, pool + written, rules, assemble(BLUEPRINT, pool + written, rules, 1))


def test_where_points_are_few_they_are_shared_evenly_and_the_proof_says_so() -> None:
    pool = make_pool(1000, points=4)  # 20 points for 100 items
    assembly = assemble(BLUEPRINT, pool, Rules(1, 0), seed=5)
    assert_legal(BLUEPRINT, pool, Rules(1, 0), assembly)
    lines = [line for line in assembly.proof[0] if line.name == "per_point"]
    assert len(lines) == 20
    assert not any(line.met or line.binding for line in lines)
    assert max(line.reached for line in lines) == 7  # 25 items of scope C on four points


@pytest.mark.dear
def test_items_that_no_paper_can_hold_are_left_out() -> None:
    pool = make_pool(1000)
    stray = [PoolItem("z1", "F-A-001", ItemKind.SINGLE, 3), PoolItem("z2", "AA-001", ItemKind.SINGLE, 3)]
    rules = Rules(2, 10)
    assert assemble(BLUEPRINT, pool + stray, rules, 1) == assemble(BLUEPRINT, pool, rules, 1)
    with pytest.raises(ValueError, match="twice"):
        assemble(BLUEPRINT, [*pool, pool[0]], rules, 1)


def test_a_large_pool_is_thinned_and_stays_quick() -> None:
    pool, rules = make_pool(8000), Rules(2, 0)
    assert len(pool) > COLUMN_LIMITS[0]
    started = time.process_time()
    assert_legal(BLUEPRINT, pool, rules, assemble(BLUEPRINT, pool, rules, 1))
    assert time.process_time() - started < 5


@pytest.mark.parametrize(("forms", "overlap", "points"), [(0, 1, 1), (121, 1, 1), (1, -1, 1), (1, 0, 0)])
def test_rules_out_of_range_are_refused(forms: int, overlap: int, points: int) -> None:
    with pytest.raises(ValueError, match="range"):
        Rules(forms, overlap, points)


def test_the_proof_survives_its_json_and_shows_ranges() -> None:
    line = Constraint("band", "2", Decimal(18), Decimal(32), Decimal(33))
    assert Constraint.from_json(line.to_json()) == line
    assert (line.required, line.met) == ("18–32", False)
    assert replace(line, low=Decimal(33), high=Decimal(33)).required == "33"


def test_four_forms_from_the_sample_bank_by_the_sample_blueprint() -> None:
    blueprint = load_blueprint((SAMPLES / "blueprint_baowei_3.yaml").read_text(encoding="utf-8"))
    assert isinstance(blueprint, Blueprint)
    kinds = {"B": ItemKind.SINGLE, "G": ItemKind.MULTIPLE, "C": ItemKind.TRUE_FALSE}
    with (SAMPLES / "bank_baowei_3.csv").open(encoding="utf-8-sig", newline="") as file:
        pool = [
            PoolItem(row["ID"], row["认定点代码"], kinds[row["题型代码"]], int(row["难度代码"]))
            for row in csv.DictReader(file)
        ]
    named = {point.code for scope in blueprint.walk() for point in scope.points}
    assert {item.point for item in pool} == named
    rules = Rules(forms=4, max_overlap=25)
    assert_legal(blueprint, pool, rules, assemble(blueprint, pool, rules, seed=2026))


def test_the_program_finds_optima_and_admits_there_is_none(capfd: pytest.CaptureFixture[str]) -> None:
    program = Program()
    columns = program.columns([-5.0, -4.0, -3.0], whole=True).tolist()
    program.row(0, 5, list(zip(columns, (2.0, 3.0, 1.0), strict=True)))
    solution = program.solve()
    assert solution is not None
    assert [round(value) for value in solution.values] == [1, 1, 0]
    assert solution.objective == pytest.approx(-9)
    program.row(4, INFINITY, [(column, 1.0) for column in columns])
    assert program.solve() is None
    assert capfd.readouterr() == ("", "")  # the solver is silent


def test_drawn_numbers_are_the_same_on_every_machine() -> None:
    drawn = draws(7, 2000, "cost", "0", "A")
    assert drawn[:2].tolist() == DRAWN
    assert draws(7, 2, "cost", "0", "A").tolist() == DRAWN
    assert draws(8, 2, "cost", "0", "A").tolist() != DRAWN
    assert draws(7, 2, "cost", "0", "B").tolist() != DRAWN
    assert drawn.min() >= 0 and drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.02


DRAWN = [0.8038213330717845, 0.14152350506360445]
