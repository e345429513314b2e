"""Who may sit on a panel: the numbers on both sides of every boundary, cards, and warnings."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules.panel_staff import Member, examiners_needed, panel_faults, panel_warnings
from server.rules.policy_components import PanelRules

PRACTICAL = PanelRules(minimum=3, candidates_per=5)
REVIEW = PanelRules(minimum=3, candidates_per=0)
SENIOR = replace(PRACTICAL, card_grades=("senior_examiner",))
DAY = date(2026, 3, 14)


def people(count: int, **facts: object) -> list[Member]:
    return [Member(user, f"考评员{user}", **facts) for user in range(1, count + 1)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at_once", "needed"),
    [(0, 3), (1, 3), (5, 3), (15, 3), (16, 5), (20, 5), (25, 5), (26, 7), (35, 7), (36, 9)],
)
def test_examiners_of_a_practical_part(at_once: int, needed: int) -> None:
    assert examiners_needed(at_once, PRACTICAL) == needed


@pytest.mark.parametrize("at_once", [0, 1, 16, 200])
def test_a_committee_does_not_grow_with_its_candidates(at_once: int) -> None:
    assert examiners_needed(at_once, REVIEW) == 3


def test_a_policy_may_let_panels_be_even() -> None:
    assert examiners_needed(16, replace(PRACTICAL, odd=False)) == 4
    assert panel_faults(people(4), 16, replace(PRACTICAL, odd=False), DAY) == []


@given(st.integers(0, 500), st.integers(1, 9), st.integers(0, 20))
def test_the_number_needed_is_the_least_odd_one_that_is_enough(at_once: int, least: int, per: int) -> None:
    rules = PanelRules(minimum=least, candidates_per=per)
    needed = examiners_needed(at_once, rules)

    def enough(count: int) -> bool:
        return count % 2 == 1 and count >= least and (not per or count * per >= at_once)

    assert enough(needed) and not any(enough(count) for count in range(needed))


@pytest.mark.parametrize(
    ("rules", "count", "at_once", "code", "rule"),
    [
        (REVIEW, 2, 1, "panel_too_small", "R07"),
        (REVIEW, 3, 1, "", ""),
        (REVIEW, 4, 1, "panel_even", "R07"),
        (REVIEW, 5, 1, "", ""),
        (PRACTICAL, 2, 5, "panel_too_small", "R05"),
        (PRACTICAL, 3, 15, "", ""),
        (PRACTICAL, 3, 16, "panel_too_small", "R05"),
        (PRACTICAL, 4, 16, "panel_too_small", "R05"),
        (PRACTICAL, 5, 16, "", ""),
        (PRACTICAL, 6, 16, "panel_even", "R05"),
        (PRACTICAL, 0, 0, "panel_too_small", "R05"),
    ],
)
def test_how_many_may_assess(rules: PanelRules, count: int, at_once: int, code: str, rule: str) -> None:
    found = panel_faults(people(count), at_once, rules, DAY)
    assert [(problem.code, problem.params["rule"]) for problem in found] == ([(code, rule)] if code else [])


@pytest.mark.parametrize(
    ("grade", "rules", "code"),
    [
        ("senior_examiner", SENIOR, ""),
        ("examiner", SENIOR, "panel_grade_senior"),
        ("", SENIOR, "panel_grade_senior"),
        ("", PRACTICAL, ""),
        ("invigilator", replace(PRACTICAL, card_grades=("examiner", "senior_examiner")), "panel_grade"),
        ("examiner", replace(PRACTICAL, card_grades=("examiner", "senior_examiner")), ""),
    ],
)
def test_the_grade_of_the_card(grade: str, rules: PanelRules, code: str) -> None:
    three = [*people(2, card_grade="senior_examiner"), Member(9, "王明", card_grade=grade)]
    found = [(problem.code, problem.place) for problem in panel_faults(three, 5, rules, DAY)]
    if rules.card_grades != ("senior_examiner",):
        found = [each for each in found if each[1] == "9"]
    assert found == ([(code, "9")] if code else [])


@pytest.mark.parametrize(
    ("valid_to", "fault"), [(date(2026, 3, 13), True), (date(2026, 3, 14), False), (None, False)]
)
def test_the_last_day_of_a_card_counts(valid_to: date | None, fault: bool) -> None:
    three = [*people(2), Member(9, "王明", valid_to=valid_to)]
    assert [problem.code for problem in panel_faults(three, 5, PRACTICAL, DAY)] == (
        ["panel_card_expired"] if fault else []
    )


@pytest.mark.parametrize(("consecutive", "warned"), [(1, False), (3, False), (4, True)])
def test_the_same_examiner_again_and_again(consecutive: int, warned: bool) -> None:
    three = [*people(2), Member(9, "王明", consecutive=consecutive)]
    assert [problem.code for problem in panel_warnings(three, PRACTICAL)] == (["panel_again"] * warned)


@pytest.mark.parametrize(
    ("count", "new", "warned"),
    [(3, 0, True), (3, 1, False), (4, 1, True), (5, 1, True), (5, 2, False), (6, 2, False), (7, 2, True)],
)
def test_a_third_of_the_panel_is_new(count: int, new: int, warned: bool) -> None:
    panel = [replace(member, new=member.user <= new) for member in people(count)]
    assert [problem.code for problem in panel_warnings(panel, PRACTICAL)] == (["panel_unchanged"] * warned)


def test_a_policy_may_ask_for_no_renewal() -> None:
    silent = replace(PRACTICAL, consecutive_most=0, renew_one_in=0)
    assert panel_warnings(people(3, consecutive=9, new=False), silent) == []
