"""What a policy says of its components: methods, panels, exemptions, results; every fault with its path."""

import json
from copy import deepcopy
from datetime import date
from decimal import Decimal

import pytest

from server.rules import policy as rules
from server.rules.policy import LevelPolicy, Profile
from server.rules.policy_components import (
    ASSESSED,
    DELIVERED,
    Combine,
    Component,
    ExemptionRule,
    Method,
    PanelRules,
    ResultRules,
    ThirdMark,
    VetoBy,
    VoidItem,
)
from server.rules.policy_values import Source
from tests.server.rules.test_policy import DATA, NATIONAL, TEXTS, as_text, codes, national_with, shipped

LEGACY = shipped("jiangsu_legacy")
THEORY, PRACTICAL, REVIEW = Component.THEORY, Component.PRACTICAL, Component.REVIEW
SENIOR = ("senior_examiner",)


def national(occupation: str, level: int) -> LevelPolicy:
    return rules.policy_for(NATIONAL, occupation, level)


def legacy(level: int) -> LevelPolicy:
    return rules.policy_for(LEGACY, "baoanyuan", level)


def read_with(path: str, value: object) -> Profile:
    profile = rules.load_profile(national_with(path, value))
    assert isinstance(profile, Profile), profile
    return profile


# --- what the shipped profiles say ---------------------------------------------------------------------


def test_every_method_is_either_sat_at_a_seat_or_scored_by_a_panel() -> None:
    assert set(Method) == DELIVERED | ASSESSED
    assert not DELIVERED & ASSESSED


@pytest.mark.parametrize(
    ("occupation", "level", "components"),
    [
        ("baowei", 3, (THEORY, PRACTICAL)),
        ("baowei", 2, (THEORY, PRACTICAL, REVIEW)),
        ("baowei", 1, (THEORY, PRACTICAL, REVIEW)),
        ("baoanyuan", 5, (THEORY, PRACTICAL)),
        ("baoanyuan", 2, (THEORY, PRACTICAL, REVIEW)),
    ],
)
def test_only_levels_two_and_one_are_reviewed(
    occupation: str, level: int, components: tuple[Component, ...]
) -> None:
    policy = national(occupation, level)
    assert policy.required == components
    if REVIEW not in components:
        with pytest.raises(KeyError):
            policy.terms_of(REVIEW)


def test_the_national_panels() -> None:
    practical, review = national("baowei", 2).terms_of(PRACTICAL), national("baowei", 2).terms_of(REVIEW)
    assert practical.panel == PanelRules(3, 5, odd=True, card_grades=SENIOR, spread_most=Decimal(10))
    assert review.panel == PanelRules(3, 0, odd=True, card_grades=SENIOR, spread_most=Decimal(10))
    assert (practical.panel.combine, practical.panel.decimals) == (Combine.MEAN, 1)
    assert practical.panel.veto_by == VetoBy.MAJORITY
    assert national("baowei", 3).terms_of(PRACTICAL).panel.card_grades == ()
    assert review.min_minutes == 15 and review.assessed == (Method.MATERIALS, Method.DEFENCE)
    assert practical.delivered == (Method.COMPUTER, Method.PAPER)


@pytest.mark.parametrize(
    ("level", "method", "exempt"),
    [
        (5, "computer", True),
        (4, "computer", False),
        (3, "computer", False),
        (2, "paper", False),
        (1, "paper", False),
    ],
)
def test_the_older_regime_holds_each_level_in_its_own_way(level: int, method: str, exempt: bool) -> None:
    policy = legacy(level)
    assert policy.terms_of(THEORY).methods == policy.terms_of(PRACTICAL).methods == (Method(method),)
    assert (REVIEW in policy.required) is (level < 3)
    if level < 3:
        assert policy.terms_of(REVIEW).methods == (Method.DEFENCE,)
    assert policy.exemptions == ((ExemptionRule(THEORY, "guard_licence", 3),) if exempt else ())


def test_the_older_regime_rests_on_a_text_that_ran_out_and_knows_no_security_managers() -> None:
    assert [source.id for source in rules.expired_sources(LEGACY, date(2026, 3, 14))] == ["baoanyuan-trial"]
    assert LEGACY.occupation("baowei") is None
    assert rules.check_batch(LEGACY, "baoanyuan", 5, date(2026, 3, 14)) == []


def test_nobody_is_exempt_by_the_national_profile() -> None:
    assert all(national("baoanyuan", level).exemptions == () for level in (5, 4, 3, 2, 1))


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_shipped_level_comes_back_from_its_json(name: str) -> None:
    profile = shipped(name)
    for occupation in profile.occupations.values():
        for level in occupation.levels:
            policy = rules.policy_for(profile, occupation.key, level)
            assert LevelPolicy.from_json(json.loads(json.dumps(policy.to_json()))) == policy


def test_a_batch_of_earlier_days_needs_theory_alone() -> None:
    policy = national("baowei", 3)
    frozen = policy.to_json()
    for key in ("components", "exemptions", "results"):
        del frozen[key]
    frozen |= {
        "theory": {"min_minutes": 45, "methods": ["paper"]},
        "component": "theory",
        "sources": ["A standard"],
    }
    old = LevelPolicy.from_json(json.loads(json.dumps(frozen)))
    assert old.required == (THEORY,)
    assert (old.terms_of(THEORY).min_minutes, old.terms_of(THEORY).methods) == (45, (Method.PAPER,))
    assert old.terms_of(THEORY).scale == policy.scale
    assert (old.exemptions, old.results, old.sources) == ((), ResultRules(), (Source("", "A standard"),))
    assert LevelPolicy.from_json(old.to_json()) == old


# --- minutes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("component", "minutes", "code"),
    [
        (THEORY, "89.99", "theory_too_short"),
        (THEORY, "90", ""),
        (PRACTICAL, "0.5", ""),
        (PRACTICAL, "0", "minutes_not_positive"),
        (REVIEW, "14.99", "review_too_short"),
        (REVIEW, "15", ""),
    ],
)
def test_the_least_length_of_each_component(component: Component, minutes: str, code: str) -> None:
    found = rules.check_minutes(national("baowei", 2).terms_of(component), Decimal(minutes))
    assert [problem.code for problem in found] == ([code] if code else [])
    assert all(problem.params.get("rule", "R03") == "R03" for problem in found if component == THEORY)


# --- what a text may say ------------------------------------------------------------------------------


def test_a_component_may_have_a_scale_of_its_own() -> None:
    own = {"max": 50, "pass": 30, "inclusive": False, "rounding": "half_up"}
    policy = rules.policy_for(read_with("components.review.scale", own), "baowei", 2)
    scale = policy.terms_of(REVIEW).scale
    assert (scale.max, scale.pass_mark, scale.inclusive) == (Decimal(50), Decimal(30), False)
    assert policy.terms_of(THEORY).scale == policy.scale
    assert LevelPolicy.from_json(policy.to_json()) == policy


def test_a_paper_is_worth_as_much_as_the_scale_of_what_is_sat_at_seats() -> None:
    own = {"max": 50, "pass": 30, "inclusive": True, "rounding": "none"}
    problems = rules.load_profile(national_with("components.practical.scale", own))
    assert isinstance(problems, list)
    assert codes(problems) == [("not_allowed", "components.practical.scale.max")]


def test_a_component_is_taken_away_by_null() -> None:
    assert rules.policy_for(read_with("components.review", None), "baowei", 1).required == (
        THEORY,
        PRACTICAL,
    )


def test_a_panel_may_let_every_difference_pass_when_it_says_so() -> None:
    data = deepcopy(DATA)
    data["components"]["practical"]["panel"]["spread_most"] = None
    profile = rules.load_profile(as_text(data))
    assert isinstance(profile, Profile)
    policy = rules.policy_for(profile, "baowei", 3)
    assert policy.terms_of(PRACTICAL).panel.spread_most is None
    assert LevelPolicy.from_json(policy.to_json()) == policy


def test_level_three_takes_senior_cards_alone_by_one_line() -> None:
    profile = read_with("components.practical.panel.card_grades", {3: ["senior_examiner"]})
    assert rules.policy_for(profile, "baowei", 3).terms_of(PRACTICAL).panel.card_grades == SENIOR
    assert rules.policy_for(profile, "baowei", 2).terms_of(PRACTICAL).panel.card_grades == ()


def test_what_follows_the_marks_is_data() -> None:
    said = {
        **dict.fromkeys(("report_days", "recheck_days", "reply_days"), 7),
        **{"publicity_days": 5, "retakes_most": 0, "retake_counts": "best", "void_item": "drop"},
        **{"double_tolerance": 0, "third_mark": "mean"},
    }
    results = rules.policy_for(read_with("results", said), "baowei", 3).results
    assert (results.void_item, results.third_mark) == (VoidItem.DROP, ThirdMark.MEAN)
    assert (results.double_tolerance, results.retakes_most, results.reply_days) == (Decimal(0), 0, 7)


P, R = "components.practical", "results"


@pytest.mark.parametrize(
    ("path", "value", "code", "place"),
    [
        ("components", {}, "missing_value", "components"),
        ("components", {"oral": {}}, "unknown_key", "components.oral"),
        (f"{P}.levels", [6], "not_allowed", f"{P}.levels[0]"),
        (f"{P}.levels", [True], "not_allowed", f"{P}.levels[0]"),
        (f"{P}.levels", [], "empty_list", f"{P}.levels"),
        (f"{P}.methods", ["defence"], "not_allowed", f"{P}.methods[0]"),
        (f"{P}.methods", {"defence": [1]}, "unknown_key", f"{P}.methods.defence"),
        (f"{P}.methods", {"computer": [5, 4, 3]}, "level_without_method", f"{P}.methods"),
        (f"{P}.min_minutes", None, "missing_value", f"{P}.min_minutes"),
        (f"{P}.scale", {"max": 100}, "missing_value", f"{P}.scale.pass"),
        (f"{P}.panel", None, "missing_value", f"{P}.panel"),
        (f"{P}.panel.minimum", 4, "panel_minimum_even", f"{P}.panel.minimum"),
        (f"{P}.panel.minimum", 0, "number_out_of_range", f"{P}.panel.minimum"),
        (f"{P}.panel.odd", None, "missing_value", f"{P}.panel.odd"),
        (f"{P}.panel.spread_most", None, "missing_value", f"{P}.panel.spread_most"),
        (f"{P}.panel.spread_most", 0, "number_out_of_range", f"{P}.panel.spread_most"),
        (f"{P}.panel.combine", "median", "not_allowed", f"{P}.panel.combine"),
        (f"{P}.panel.veto_by", None, "missing_value", f"{P}.panel.veto_by"),
        (f"{P}.panel.card_grades", {3: ["gold"]}, "not_allowed", f"{P}.panel.card_grades.3[0]"),
        (f"{P}.panel.card_grades", {6: []}, "unknown_key", f"{P}.panel.card_grades.6"),
        (
            "components.review.least_characters",
            -1,
            "number_out_of_range",
            "components.review.least_characters",
        ),
        ("components.review.methods", ["computer"], "not_allowed", "components.review.methods[0]"),
        (f"{R}.publicity_days", 4, "number_out_of_range", f"{R}.publicity_days"),
        (f"{R}.retake_counts", "first", "not_allowed", f"{R}.retake_counts"),
        (f"{R}.double_tolerance", -1, "number_out_of_range", f"{R}.double_tolerance"),
        (f"{R}.third_mark", None, "missing_value", f"{R}.third_mark"),
        ("exemptions", [{"component": "theory"}], "missing_value", "exemptions[0].evidence"),
        ("exemptions", [{"component": "oral"}], "not_allowed", "exemptions[0].component"),
    ],
)
def test_a_fault_is_told_with_its_path(path: str, value: object, code: str, place: str) -> None:
    problems = rules.load_profile(national_with(path, value))
    assert isinstance(problems, list)
    assert (code, place) in codes(problems)


def test_a_level_of_an_occupation_at_which_nothing_is_held_is_a_fault() -> None:
    data = deepcopy(DATA)
    for component in ("theory", "practical"):
        data["components"][component]["levels"] = [3, 2, 1]
    problems = rules.load_profile(as_text(data))
    assert isinstance(problems, list)
    places = [f"occupations.baoanyuan.levels.{level}" for level in (4, 5)]
    assert sorted(codes(problems)) == [("level_without_component", place) for place in places]
