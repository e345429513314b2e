"""Results: pass marks on both sides, what is no number, what counts of several sittings, the whole."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules.policy_components import RetakeCounts, Rounding, Scale
from server.rules.results import (
    NOT_MET,
    Correction,
    Evidence,
    Ground,
    Outcome,
    Status,
    Try,
    fold_component,
    fold_overall,
    graded,
    score_text,
)

SCALE = Scale(Decimal(100), Decimal(60), True, Rounding.NONE)
FIRST = datetime(2026, 11, 21, 1, 0, tzinfo=UTC)
LATEST, BEST = RetakeCounts.LATEST, RetakeCounts.BEST


def sat(score: str | None, day: int = 0, **facts: object) -> Try:
    points = None if score is None else Decimal(score)
    return Try(FIRST + timedelta(days=day), day + 1, score=points, **facts)  # type: ignore[arg-type]


def fold(*tries: Try, counts: RetakeCounts = LATEST, scale: Scale = SCALE, **facts: object) -> Outcome:
    return fold_component(scale, Evidence(tries, **facts), counts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("score", "inclusive", "rounding", "status"),
    [
        ("59.9", True, Rounding.NONE, Status.FAIL),
        ("59.999", True, Rounding.NONE, Status.FAIL),
        ("60", True, Rounding.NONE, Status.PASS),
        ("60.0", True, Rounding.NONE, Status.PASS),
        ("60", False, Rounding.NONE, Status.FAIL),
        ("60.1", False, Rounding.NONE, Status.PASS),
        ("59.5", True, Rounding.NONE, Status.FAIL),
        ("59.5", True, Rounding.HALF_UP, Status.PASS),
        ("59.49", True, Rounding.HALF_UP, Status.FAIL),
        ("0", True, Rounding.NONE, Status.FAIL),
        ("100", True, Rounding.NONE, Status.PASS),
    ],
)
def test_the_pass_mark_on_both_sides(score: str, inclusive: bool, rounding: Rounding, status: Status) -> None:
    outcome = fold(sat(score), scale=replace(SCALE, inclusive=inclusive, rounding=rounding))
    assert (outcome.status, outcome.score) == (status, Decimal(score))


def test_a_score_is_printed_as_it_is_also_when_the_policy_rounds() -> None:
    rounded = fold(sat("59.5"), scale=replace(SCALE, rounding=Rounding.HALF_UP))
    assert rounded.score is not None
    assert (rounded.status, score_text(rounded.score)) == (Status.PASS, "59.5")


@pytest.mark.parametrize(
    ("score", "text"), [("60", "60.0"), ("60.000", "60.0"), ("59.50", "59.5"), ("100", "100.0"), ("0", "0.0")]
)
def test_scores_are_printed_with_one_decimal_at_least(score: str, text: str) -> None:
    assert score_text(Decimal(score)) == text


@pytest.mark.parametrize("score", ["-0.1", "100.1"])
def test_a_score_outside_the_scale_is_no_result(score: str) -> None:
    with pytest.raises(ValueError):
        graded(Decimal(score), SCALE)


def test_a_veto_fails_whatever_the_sum() -> None:
    outcome = fold(sat("85", ground=Ground.PANEL, vetoed=True))
    assert (outcome.status, outcome.score, outcome.ground) == (Status.FAIL, Decimal(85), Ground.PANEL)


def test_what_is_no_number_has_none() -> None:
    marks = sat("88")
    for outcome, status in [
        (fold(marks, exemption=3), Status.EXEMPT),
        (fold(sat(None, absent=True)), Status.ABSENT),
        (fold(marks, case=7), Status.VOID),
        (fold(sat(None)), Status.PENDING),
        (fold(), Status.PENDING),
    ]:
        assert (outcome.status, outcome.score) == (status, None)


def test_a_decided_case_takes_away_an_exemption_and_a_correction_too() -> None:
    corrected = Correction(Outcome(Status.PASS, Decimal(60), {"kind": "correction"}), FIRST)
    assert fold(exemption=1, case=2).origin == {"kind": "case", "case": 2}
    assert fold(sat("90"), correction=corrected, case=2).status is Status.VOID


@pytest.mark.parametrize(
    ("tries", "latest", "best"),
    [
        (["40", "70"], ("pass", "70"), ("pass", "70")),
        (["55", "50"], ("fail", "50"), ("fail", "55")),
        (["55", None], ("fail", "55"), ("fail", "55")),
        ([None, "61"], ("pass", "61"), ("pass", "61")),
    ],
)
def test_which_of_two_sittings_counts(
    tries: list[str | None], latest: tuple[str, str], best: tuple[str, str]
) -> None:
    """None: the candidate did not come, which takes away no mark."""
    given_tries = [sat(score, day, absent=score is None) for day, score in enumerate(tries)]
    for counts, (status, score) in ((LATEST, latest), (BEST, best)):
        outcome = fold(*reversed(given_tries), counts=counts)
        assert (outcome.status, outcome.score) == (status, Decimal(score))


def test_the_better_of_a_vetoed_and_a_clean_sum_is_the_clean_one() -> None:
    vetoed, clean = sat("95", 0, vetoed=True), sat("60", 1)
    assert fold(vetoed, clean, counts=BEST).score == Decimal(60)


def test_a_planned_make_up_does_not_suspend_the_result_before_it() -> None:
    assert fold(sat("50"), sat(None, 9)).status is Status.FAIL


def test_a_correction_stands_until_a_later_sitting() -> None:
    corrected = Correction(
        Outcome(Status.FAIL, Decimal("59.5"), {"kind": "correction"}), FIRST + timedelta(days=3)
    )
    assert fold(sat("58"), correction=corrected).score == Decimal("59.5")
    assert fold(sat("58"), sat(None, 5, absent=True), correction=corrected).score == Decimal("59.5")
    assert fold(sat("58"), sat("72", 5), correction=corrected).score == Decimal(72)
    assert fold(sat("58"), sat("40", 5), correction=corrected, counts=BEST).score == Decimal("59.5")
    assert fold(sat("99"), correction=corrected, counts=BEST).score == Decimal("59.5")


P, F, E, A, V, W = (Status(each) for each in ("pass", "fail", "exempt", "absent", "void", "pending"))


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ((P,), P),
        ((P, P, P), P),
        ((E, P), P),
        ((E, F), F),
        ((P, F), F),
        ((P, A), F),
        ((P, V), F),
        ((A, A), A),
        ((E, A), A),
        ((V, V), V),
        ((P, W), W),
        ((E, W), W),
        ((W, W), W),
        ((F, W), F),
        ((A, W), F),
        ((V, W), F),
    ],
)
def test_the_whole_from_its_components(parts: tuple[Status, ...], whole: Status) -> None:
    names = [f"c{number}" for number in range(len(parts))]
    outcome = fold_overall(names, dict(zip(names, parts, strict=True)))
    assert (outcome.status, outcome.score) == (whole, None)


def test_a_component_nobody_knows_of_is_pending_and_none_at_all_is_a_mistake() -> None:
    assert fold_overall(["theory", "practical"], {"theory": P}).status is W
    with pytest.raises(ValueError):
        fold_overall([], {})


statuses = st.lists(st.sampled_from(Status), min_size=1, max_size=4)


def whole_of(parts: list[Status]) -> Status:
    names = [str(number) for number in range(len(parts))]
    return fold_overall(names, dict(zip(names, parts, strict=True))).status


@given(statuses)
def test_the_whole_is_passed_exactly_when_all_are_passed_or_exempt(parts: list[Status]) -> None:
    assert (whole_of(parts) is P) == all(each in (P, E) for each in parts)


@given(statuses, st.data())
def test_the_order_of_components_does_not_matter(parts: list[Status], data: st.DataObject) -> None:
    assert whole_of(data.draw(st.permutations(parts))) == whole_of(parts)


@pytest.mark.dear
@given(statuses)
def test_a_further_passed_component_never_fails_what_stood_open_or_passed(parts: list[Status]) -> None:
    if whole_of(parts) not in NOT_MET:
        assert whole_of([*parts, P]) not in NOT_MET


@given(statuses, st.integers(0, 3))
def test_passing_what_was_open_never_makes_it_worse(parts: list[Status], place: int) -> None:
    rank = {V: 0, F: 0, A: 0, W: 1, P: 2}
    at = place % len(parts)
    if parts[at] is W:
        assert rank[whole_of([*parts[:at], P, *parts[at + 1 :]])] >= rank[whole_of(parts)]


scores = st.decimals(0, 100, places=1)


@given(st.lists(scores, min_size=1, max_size=4), scores, st.sampled_from(RetakeCounts))
def test_a_better_last_sitting_never_makes_the_result_worse(
    before: list[Decimal], last: Decimal, counts: RetakeCounts
) -> None:
    tries = [sat(str(score), day) for day, score in enumerate(before)]
    result = fold(*tries, counts=counts)
    again = fold(*tries, sat(str(max(last, *before)), 9), counts=counts)
    assert result.score is not None
    assert again.score is not None
    assert again.score >= result.score
    assert not (result.status is P and again.status is F)


@given(st.lists(scores, min_size=1, max_size=4), st.sampled_from(RetakeCounts))
def test_only_pass_and_fail_carry_a_number_and_it_is_one_that_was_given(
    given_scores: list[Decimal], counts: RetakeCounts
) -> None:
    tries = [sat(str(score), day) for day, score in enumerate(given_scores)]
    outcome = fold(*tries, counts=counts)
    assert outcome.status in (P, F)
    assert outcome.score in given_scores
