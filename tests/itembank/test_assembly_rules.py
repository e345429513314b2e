"""The laws of one assembly beyond counts: enemies, sets, fixed and forbidden items, time, use, difficulty."""

import json
import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itembank.assembly import Assembly, PoolItem, Rules, Shortage, assemble, form_name
from itembank.assembly_pool import FACILITY
from itembank.blueprint import Blueprint, ExpectedScore, KindShare, Range, Scope
from itembank.items import ItemKind

SMALL = Blueprint(
    title="小",
    occupation="保卫管理员",
    level=3,
    size=10,
    sample=True,
    scopes=(Scope("A", "a", Decimal(60)), Scope("B", "b", Decimal(40))),
    kinds={ItemKind.SINGLE: KindShare(6, Decimal(10)), ItemKind.CASE: KindShare(4, Decimal(10))},
    bands={3: Range(1, 10)},
)


def some_pool(n: int, g: random.Random) -> list[PoolItem]:
    return [
        PoolItem(
            f"q{i:03d}",
            f"{g.choice('AB')}-{g.randrange(30):03d}",
            g.choice([ItemKind.SINGLE, ItemKind.SINGLE, ItemKind.CASE]),
            g.choice([1, 3, 3, 5]),
            uses=g.randrange(3),
            enemy=g.choice(["", "", "", "e1", "e2", "e3"]),
            stimulus=g.choice(["", "", "", "", "s1", "s2", "s3"]) if i < 24 else "",
            seconds=g.choice([20, 40, 90]),
            recent=g.random() < 0.2,
            facility=g.choice([None, 0.4, 0.8]),
        )
        for i in range(n)
    ]


def assert_lawful(assembly: Assembly, pool: list[PoolItem], blueprint: Blueprint, rules: Rules) -> None:
    """Counts every law from the pool's facts alone."""
    facts = {item.uid: item for item in pool}
    whole = Counter(item.stimulus for item in pool)
    for form in assembly.forms:
        items = [facts[uid] for uid in form]
        assert len(set(form)) == blueprint.size
        assert Counter(i.kind for i in items) == {k: s.count for k, s in blueprint.kinds.items()}
        assert Counter(i.point[0] for i in items) == {"A": 6, "B": 4}
        assert all(n == 1 for enemy, n in Counter(i.enemy for i in items).items() if enemy)
        taken = Counter(i.stimulus for i in items if i.stimulus)
        assert all(whole[stimulus] == n for stimulus, n in taken.items())
        assert rules.fixed <= set(form) and not rules.forbidden & set(form)
        limits = [x for x in (rules.recent_max, blueprint.recent_max) if x is not None]
        assert sum(i.recent for i in items) <= min(limits, default=blueprint.size)
        assert sum(i.seconds for i in items) <= (blueprint.seconds_max or 10**9)
        if blueprint.expected_score:
            shares = [FACILITY[i.difficulty] if i.facility is None else i.facility for i in items]
            off = abs(10 * sum(shares) - float(blueprint.expected_score.target))
            assert off <= float(blueprint.expected_score.tolerance) + 1e-6
    assert all(line.met for lines in assembly.proof for line in lines if line.binding)


@pytest.mark.dear
@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(10, 70),
    forms=st.integers(1, 3),
    overlap=st.sampled_from([None, 0, 2, 5, 10]),
    seconds=st.sampled_from([None, 200, 400]),
    score=st.sampled_from([None, 55, 65]),
    recent=st.sampled_from([None, 0, 2]),
    seed=st.integers(0, 2**64),
    draw=st.randoms(use_true_random=False),
)
def test_every_law_holds_or_what_stands_in_the_way_is_named(
    n: int,
    forms: int,
    overlap: int | None,
    seconds: int | None,
    score: int | None,
    recent: int | None,
    seed: int,
    draw: random.Random,
) -> None:
    pool = some_pool(n, draw)
    expected = None if score is None else ExpectedScore(Decimal(score), Decimal(3))
    blueprint = replace(SMALL, seconds_max=seconds, expected_score=expected, recent_max=recent)
    uids = [item.uid for item in pool]
    fixed, forbidden = frozenset(draw.sample(uids, draw.randrange(3))), frozenset(draw.sample(uids, 2))
    rules = Rules(forms, overlap, fixed=fixed - forbidden, forbidden=forbidden, recent_max=4)
    assembly = assemble(blueprint, pool, rules, seed)
    assert bool(assembly.forms) != bool(assembly.shortages)
    if assembly.forms:
        assert_lawful(assembly, pool, blueprint, rules)
        shared = [len(set(a) & set(b)) for i, a in enumerate(assembly.forms) for b in assembly.forms[:i]]
        assert max(shared, default=0) <= (10 if overlap is None else overlap)
    again = assemble(blueprint, list(reversed(pool)), rules, seed)
    assert json.dumps(again.to_json()) == json.dumps(assembly.to_json())
    assert Assembly.from_json(json.loads(json.dumps(assembly.to_json()))) == assembly


def plain_pool(n: int = 60) -> list[PoolItem]:
    """Plenty of everything: item i lies in scope A or B, every third is a case."""
    kinds = (ItemKind.SINGLE, ItemKind.SINGLE, ItemKind.CASE)
    return [PoolItem(f"q{i:03d}", f"{'AAB'[i // 3 % 3]}-{i:03d}", kinds[i % 3], 3) for i in range(n)]


def only(assembly: Assembly) -> Shortage:
    assert assembly.forms == ()
    (shortage,) = assembly.shortages
    return shortage


def test_a_fixed_item_that_cannot_stand_is_named() -> None:
    pool = [*plain_pool(), PoolItem("other", "C-001", ItemKind.SINGLE, 3)]
    for uid in ("other", "nowhere"):
        found = only(assemble(SMALL, pool, Rules(1, 0, fixed=frozenset({uid})), 1))
        assert (found.reason, found.of) == ("stray", uid)


def test_fixed_items_alone_may_exceed_the_overlap() -> None:
    rules = Rules(2, 1, fixed=frozenset({"q000", "q001"}))
    assert only(assemble(SMALL, plain_pool(), rules, 1)) == Shortage("fixed", overlap=2)
    allowed = assemble(SMALL, plain_pool(), replace(rules, max_overlap=2), 1)
    assert set(allowed.forms[0]) & set(allowed.forms[1]) == {"q000", "q001"}


def test_fixed_items_that_break_the_blueprint_name_the_row() -> None:
    singles = [item.uid for item in plain_pool() if item.kind is ItemKind.SINGLE]
    found = assemble(SMALL, plain_pool(), Rules(1, 0, fixed=frozenset(singles[:8])), 1).shortages
    # With eight singles and ten places in the scopes neither kind can have its number.
    assert [(s.reason, s.name, s.of, s.required, s.reached, s.missing) for s in found] == [
        ("row", "kind", "single", "6", "8", 2),
        ("row", "kind", "case", "4", "2", 2),
    ]


def test_a_set_with_a_forbidden_item_is_left_out_whole() -> None:
    pool = [replace(item, stimulus="s" if i < 3 else "") for i, item in enumerate(plain_pool())]
    for seed in range(5):
        forms = assemble(SMALL, pool, Rules(1, 0, forbidden=frozenset({"q001"})), seed).forms
        assert not {"q000", "q001", "q002"} & set(forms[0])


def test_the_items_of_a_set_stand_side_by_side() -> None:
    pool = [
        replace(item, stimulus="s" if item.uid in ("q000", "q001", "q030", "q031") else "")
        for item in plain_pool()
    ]
    form = assemble(SMALL, pool, Rules(1, 0, fixed=frozenset({"q030"})), 3).forms[0]
    places = sorted(form.index(uid) for uid in ("q000", "q001", "q030", "q031"))
    assert places == list(range(places[0], places[0] + 4))


def test_too_little_time_is_named_in_seconds() -> None:
    pool = [replace(item, seconds=60) for item in plain_pool()]
    found = only(assemble(replace(SMALL, seconds_max=540), pool, Rules(1, 0), 1))
    assert (found.name, found.required, found.reached, found.missing) == ("seconds", "0–540", "600", 60)


def test_an_expected_score_out_of_reach_is_named() -> None:
    pool = [replace(item, facility=0.5) for item in plain_pool()]
    wanted = replace(SMALL, expected_score=ExpectedScore(Decimal(60), Decimal(2)))
    found = only(assemble(wanted, pool, Rules(1, 0), 1))
    assert (found.name, found.reached, found.missing) == ("expected_score", "50", 8)


def test_forms_are_made_equally_hard_unasked() -> None:
    """Facilities are spread widely; without the wish forms would differ by several points."""
    g = random.Random(5)
    pool = [replace(item, facility=round(g.uniform(0.2, 0.95), 3)) for item in plain_pool(150)]
    facts = {item.uid: item.facility or 0.0 for item in pool}
    forms = assemble(SMALL, pool, Rules(4, 0), 8).forms
    scores = [10 * sum(facts[uid] for uid in form) for form in forms]
    assert max(scores) - min(scores) <= 1.2
    by_chance = [10 * sum(facts[i.uid] for i in g.sample(pool, 10)) for _ in range(4)]
    assert max(by_chance) - min(by_chance) > 3


def test_recent_items_are_excluded_or_bounded() -> None:
    pool = [replace(item, recent=i % 2 == 0) for i, item in enumerate(plain_pool())]
    recent = {item.uid for item in pool if item.recent}
    form = assemble(SMALL, pool, Rules(1, 0, recent_max=0), 1).forms[0]
    assert not recent & set(form)
    fixed = frozenset(sorted(recent)[:2])
    found = only(assemble(SMALL, pool, Rules(1, 0, recent_max=1, fixed=fixed), 1))
    assert (found.name, found.reached) == ("recent", "2")


def test_spares_are_the_last_forms() -> None:
    assembly = assemble(SMALL, plain_pool(), Rules(3, 0, spares=1), 1)
    assert assembly.letters == ("A", "B", "C")
    assert assembly.spares == ("C",)
    assert assembly.to_json()["spares"] == ["C"]


def test_a_case_counts_as_one_item() -> None:
    form = assemble(SMALL, plain_pool(), Rules(1, 0), 1)
    lines = {(line.name, line.of): line for line in form.proof[0]}
    assert lines[("kind", "case")].reached == 4
    assert lines[("points", "")].reached == 100


@pytest.mark.parametrize(
    ("index", "name"), [(0, "A"), (25, "Z"), (26, "AA"), (27, "AB"), (51, "AZ"), (52, "BA"), (119, "DP")]
)
def test_forms_beyond_z_go_on_with_two_letters(index: int, name: str) -> None:
    assert form_name(index) == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"forms": 121},
        {"recent_max": -1},
        {"spares": 2},
        {"spares": -1},
        {"seats": ((0.0, 0.0),)},
        {"fixed": frozenset({"a"}), "forbidden": frozenset({"a"})},
    ],
)
def test_rules_that_contradict_themselves_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="range"):
        Rules(**{"forms": 2, "max_overlap": 0, **wrong})
