"""The level policies: shipped profiles, the rules they feed, and every fault of a text with its path."""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.resources import files

import pytest
import yaml

from exam_rooms.clock import LateRule, Schedule
from itembank.problems import InputRefused, Problem
from server.rules import policy as rules
from server.rules.policy import LevelPolicy, Profile
from server.rules.policy_components import Component, Rounding
from server.rules.policy_values import Delivery

DAY = date(2026, 3, 14)
TEXTS = {
    name: (files("server") / "policies" / f"{name}.yaml").read_text(encoding="utf-8")
    for name in ("national", "rehearsal", "jiangsu_legacy")
}
DATA = yaml.safe_load(TEXTS["national"])


def shipped(name: str) -> Profile:
    profile = rules.load_profile(TEXTS[name], TEXTS)
    assert isinstance(profile, Profile), profile
    return profile


NATIONAL = shipped("national")
POLICY = rules.policy_for(NATIONAL, "baowei", 3)
THEORY = POLICY.terms_of(Component.THEORY)


def codes(problems: list[Problem]) -> list[tuple[str, str]]:
    return [(problem.code, problem.place) for problem in problems]


def national_with(path: str, value: object) -> str:
    """The national profile with one field set (or, with None, taken away)."""
    data = deepcopy(DATA)
    *parents, last = path.split(".")
    node = data
    for parent in parents:
        node = node[int(parent) if parent.isdecimal() else parent]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return as_text(data)


def as_text(data: object) -> str:
    """A profile as JSON, which is YAML too and quicker to read."""
    return json.dumps(data, ensure_ascii=False, default=str)


# --- what the shipped profiles say -------------------------------------------------------------------


def test_the_national_policy_for_level_three() -> None:
    assert (POLICY.occupation_code, POLICY.level_name) == ("3-02-02-00", "三级/高级工")
    assert (POLICY.scale.max, POLICY.scale.pass_mark) == (Decimal(100), Decimal(60))
    assert THEORY.min_minutes == 90
    assert (POLICY.release.minutes_before, POLICY.release.persons, POLICY.release.custodians) == (60, 2, 3)
    assert POLICY.release.different_roles and not POLICY.papers.wrong_deducts and not POLICY.rehearsal
    assert POLICY.late_rule == LateRule(5, 50)


def test_a_schedule_takes_its_minutes_from_the_policy() -> None:
    start = datetime(2026, 3, 14, 1, 0, tzinfo=UTC)
    assert POLICY.schedule(start, Decimal(90)) == Schedule(
        starts_at=start,
        minutes=Decimal(90),
        late_entry_minutes=15,
        earliest_submit_minutes=30,
        grace_seconds=5,
        entry_opens_minutes=30,
    )


def test_a_rehearsal_differs_only_where_it_says_so() -> None:
    rehearsal = rules.policy_for(shipped("rehearsal"), "baowei", 3)
    assert rehearsal.rehearsal and rehearsal.required == (Component.THEORY,)
    assert rules.check_minutes(rehearsal.terms_of("theory"), Decimal("0.5")) == []
    same = replace(
        rehearsal,
        profile="national",
        rehearsal=False,
        components=POLICY.components,
        earliest_submit_minutes=POLICY.earliest_submit_minutes,
        papers=POLICY.papers,
        checks=POLICY.checks,
        gates=POLICY.gates,
        challenge=POLICY.challenge,
        seat_swap=POLICY.seat_swap,
        watching=POLICY.watching,
    )
    assert same == POLICY


def test_an_occupation_is_known_by_key_and_by_national_code() -> None:
    assert rules.policy_for(NATIONAL, "3-02-02-00", 3) == POLICY


def test_a_frozen_policy_comes_back_from_its_json() -> None:
    text = json.dumps(POLICY.to_json(), ensure_ascii=False)
    assert LevelPolicy.from_json(json.loads(text)) == POLICY
    assert '"60"' in text  # scores stay exact decimals


# --- rules -------------------------------------------------------------------------------------------


def test_orders_are_everybodys_own_unless_the_profile_says_otherwise() -> None:
    assert POLICY.delivery == Delivery(shuffle_items=True, shuffle_options=True)
    calm = rules.load_profile(national_with("delivery.shuffle_items", False))
    assert isinstance(calm, Profile)
    frozen = rules.policy_for(calm, "baowei", 3).to_json()
    assert LevelPolicy.from_json(frozen).delivery == Delivery(shuffle_items=False)
    del frozen["delivery"]  # a batch of earlier days
    assert LevelPolicy.from_json(frozen).delivery == Delivery()
    silent = rules.load_profile(national_with("delivery", None))
    assert isinstance(silent, Profile) and silent.terms.delivery == Delivery()


@pytest.mark.parametrize(
    ("score", "rounding", "inclusive", "expected"),
    [
        ("59.5", Rounding.NONE, True, False),
        ("59.9", Rounding.NONE, True, False),
        ("60.0", Rounding.NONE, True, True),
        ("59.9", Rounding.HALF_UP, True, True),
        ("60.0", Rounding.HALF_UP, False, False),
        ("60.49", Rounding.HALF_UP, False, False),
        ("60.5", Rounding.HALF_UP, False, True),
        ("59.999", Rounding.NONE, True, False),
        ("60", Rounding.NONE, True, True),
        ("60", Rounding.NONE, False, False),
        ("60.001", Rounding.NONE, False, True),
        ("59.49", Rounding.HALF_UP, True, False),
        ("59.5", Rounding.HALF_UP, True, True),
        ("0", Rounding.NONE, True, False),
        ("100", Rounding.NONE, True, True),
    ],
)
def test_pass_mark(score: str, rounding: Rounding, inclusive: bool, expected: bool) -> None:
    scale = replace(POLICY.scale, rounding=rounding, inclusive=inclusive)
    assert rules.passes(Decimal(score), scale) is expected


@pytest.mark.parametrize("score", ["-0.001", "100.001", "NaN"])
def test_a_score_outside_the_scale_is_a_mistake(score: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        rules.passes(Decimal(score), POLICY.scale)


@pytest.mark.parametrize(
    ("candidates", "needed"),
    [(0, 2), (1, 2), (15, 2), (16, 2), (30, 2), (31, 3), (45, 3), (46, 4), (60, 4), (61, 5)],
)
def test_invigilators(candidates: int, needed: int) -> None:
    assert rules.invigilators_needed(candidates, POLICY) == needed


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ("89.99", [("theory_too_short", "minutes")]),
        ("90", []),
        ("120", []),
        ("0", [("minutes_not_positive", "minutes")]),
        ("-1", [("minutes_not_positive", "minutes")]),
    ],
)
def test_length_of_a_theory_test(minutes: str, expected: list[tuple[str, str]]) -> None:
    assert codes(rules.check_minutes(THEORY, Decimal(minutes))) == expected


@pytest.mark.parametrize(
    ("occupation", "level", "expected"),
    [
        ("baowei", 3, []),
        ("baowei", 1, []),
        ("baowei", 4, [("level_not_in_occupation", "level")]),
        ("baowei", 5, [("level_not_in_occupation", "level")]),
        ("baowei", 0, [("level_not_in_occupation", "level")]),
        ("baoanyuan", 5, []),
        ("baoanyuan", 6, [("level_not_in_occupation", "level")]),
        ("chushi", 3, [("unknown_occupation", "occupation")]),
    ],
)
def test_levels_of_an_occupation(occupation: str, level: int, expected: list[tuple[str, str]]) -> None:
    assert codes(rules.check_batch(NATIONAL, occupation, level, DAY)) == expected


def test_a_level_that_the_occupation_lacks_is_refused_with_its_rule() -> None:
    (problem,) = rules.check_batch(NATIONAL, "baowei", 4, DAY)
    assert problem.params["rule"] == "R09"
    assert problem.params["levels"] == "3、2、1"
    with pytest.raises(InputRefused) as refused:
        rules.policy_for(NATIONAL, "baowei", 4)
    assert refused.value.problems == (problem,)


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2026, 5, 31), ["level_not_open"]), (date(2026, 6, 1), []), (DAY.max, [])]
)
def test_the_day_on_which_a_level_opens(day: date, expected: list[str]) -> None:
    text = national_with("occupations.baowei.levels.2.opened", date(2026, 6, 1))
    profile = rules.load_profile(text)
    assert isinstance(profile, Profile)
    problems = rules.check_batch(profile, "baowei", 2, day)
    assert [problem.code for problem in problems] == expected
    assert all(problem.params["rule"] == "R08" for problem in problems)


def test_a_level_without_a_day_is_not_open() -> None:
    profile = rules.load_profile(national_with("occupations.baowei.levels.2.opened", None))
    assert isinstance(profile, Profile)
    assert codes(rules.check_batch(profile, "baowei", 2, DAY)) == [("level_not_open", "level")]


@pytest.mark.parametrize(
    ("day", "in_force"),
    [
        (date(2025, 12, 31), False),
        (date(2026, 1, 1), True),
        (date(2026, 12, 31), True),
        (date(2027, 1, 1), False),
    ],
)
def test_days_on_which_a_profile_is_in_force(day: date, in_force: bool) -> None:
    profile = replace(NATIONAL, effective_from=date(2026, 1, 1), effective_to=date(2026, 12, 31))
    problems = rules.check_batch(profile, "baowei", 3, day)
    assert [problem.code for problem in problems] == ([] if in_force else ["profile_not_in_force"])


@pytest.mark.parametrize(("day", "count"), [(date(2025, 10, 24), 0), (date(2025, 10, 25), 1)])
def test_sources_that_ran_out(day: date, count: int) -> None:
    old = replace(NATIONAL.sources[0], expires=date(2025, 10, 24))
    assert len(rules.expired_sources(replace(NATIONAL, sources=(old,)), day)) == count


# --- faults of a text --------------------------------------------------------------------------------


@pytest.mark.parametrize("minutes", [15, 20, 30])
def test_late_entry_choices(minutes: int) -> None:
    profile = rules.load_profile(national_with("late_entry_minutes", minutes))
    assert isinstance(profile, Profile)
    assert profile.terms.late_entry_minutes == minutes


@pytest.mark.parametrize(("said", "meant"), [(30, 30), (60, 60), ("end", None)])
def test_earliest_submission_choices(said: object, meant: int | None) -> None:
    profile = rules.load_profile(national_with("earliest_submit_minutes", said))
    assert isinstance(profile, Profile)
    assert profile.terms.earliest_submit_minutes == meant


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("late_entry_minutes", 16, "not_allowed"),
        ("late_entry_minutes", "end", "not_allowed"),
        ("late_entry_minutes", None, "missing_value"),
        ("earliest_submit_minutes", 0, "not_allowed"),
        ("earliest_submit_minutes", 45, "not_allowed"),
        ("earliest_submit_minutes", "End", "not_allowed"),
        ("scale.pass", 101, "number_out_of_range"),
        ("scale.pass", "sixty", "not_a_number"),
        ("scale.inclusive", None, "missing_value"),
        ("scale.inclusive", "maybe", "not_yes_or_no"),
        ("scale.rounding", "up", "not_allowed"),
        ("scale.colour", "red", "unknown_key"),
        ("components.theory.min_minutes", -1, "number_out_of_range"),
        ("components.theory.min_minutes", 90.5, "not_a_whole_number"),
        ("components.theory.methods", [], "empty_list"),
        ("release.persons", 1, "number_out_of_range"),
        ("release.persons", 3, "number_out_of_range"),
        ("release.custodians", 1, "number_out_of_range"),
        ("invigilators.candidates_per", 0, "number_out_of_range"),
        ("papers.total", 99, "not_allowed"),
        ("papers.wrong_deducts", True, "not_allowed"),
        ("papers.keep_days", -1, "number_out_of_range"),
        ("rooms.smallest_gap_metres", 0, "number_out_of_range"),
        ("grace_seconds", True, "not_a_whole_number"),
        ("occupations.baowei.code", "", "missing_value"),
        ("occupations.baowei.levels.3.opened", "soon", "not_a_day"),
        ("occupations.baowei.levels.6", {"name": "六级"}, "unknown_key"),
        ("effective.from", "2026-02-30", "not_a_day"),
        ("title", None, "missing_value"),
        ("surprise", 1, "unknown_key"),
        ("delivery.shuffle_items", "often", "not_yes_or_no"),
        ("delivery.shuffle_points", True, "unknown_key"),
        ("incidents.hold_seconds.LINK_LOST", 61, "number_out_of_range"),
        ("incidents.hold_seconds.LINK_LOST", "soon", "not_a_number"),
        ("incidents.hold_seconds.NO_FACE", 1, "unknown_key"),
    ],
)
def test_a_fault_is_told_with_its_path(path: str, value: object, code: str) -> None:
    problems = rules.load_profile(national_with(path, value))
    assert isinstance(problems, list)
    assert (code, path) in codes(problems)


@pytest.mark.parametrize(
    "field", ["scale", "components", "results", "release", "invigilators", "papers", "rooms", "occupations"]
)
def test_a_missing_part_is_told(field: str) -> None:
    problems = rules.load_profile(national_with(field, None))
    assert isinstance(problems, list)
    assert ("missing_value", field) in codes(problems)


def test_all_faults_are_told_at_once() -> None:
    text = national_with("grace_seconds", 99).replace('"version": 3', '"version": 0')
    problems = rules.load_profile(text)
    assert isinstance(problems, list)
    assert {problem.place for problem in problems} == {"grace_seconds", "version"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "profile_not_readable"),
        ("just words", "profile_not_readable"),
        ("a: [1, 2", "profile_not_readable"),
        ("a: 1\na: 2", "profile_not_readable"),
        ("a: &x [1]\nb: *x", "profile_not_readable"),
        ("a: !!python/object/apply:os.system ['true']", "profile_not_readable"),
        ("profile: x\nbase: nowhere", "unknown_base"),
    ],
)
def test_texts_that_are_no_profile(text: str, code: str) -> None:
    problems = rules.load_profile(text, TEXTS)
    assert isinstance(problems, list)
    assert [problem.code for problem in problems] == [code]


def test_profiles_that_stand_on_each_other_in_a_circle_are_refused() -> None:
    circle = {"a": "profile: a\nbase: b", "b": "profile: b\nbase: a"}
    problems = rules.load_profile(circle["a"], circle)
    assert isinstance(problems, list)
    assert [problem.code for problem in problems] == ["unknown_base"]
