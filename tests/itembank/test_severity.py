"""Severity of examiners and its drift: what is put into made-up ratings is found again."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.agreement import Ratings
from itembank.severity import SHRINKAGE, drifts, severities

NAN = float("nan")


def session(severity: tuple[float, ...], turns: int, noise: float, seed: int = 7) -> Ratings:
    chance = np.random.default_rng(seed)
    worth = chance.normal(70, 10, turns)
    return worth[:, None] + np.array(severity) + chance.normal(0, noise, (turns, len(severity)))


def test_a_strict_examiner_is_found_and_said_to_be_clear() -> None:
    strict, fair, mild = severities(session((-6, 0, 6), turns=30, noise=2, seed=3))
    assert strict.effect.value == pytest.approx(-6, abs=1)
    assert mild.effect.value == pytest.approx(6, abs=1)
    assert strict.effect.clear
    assert mild.effect.clear
    assert not fair.effect.clear
    assert [each.sheets for each in (strict, fair, mild)] == [30, 30, 30]


def test_few_sheets_are_shrunk_by_the_ratio_of_the_variances() -> None:
    # One turn, 10 points apart: each examiner is 5 off the mean; the information is half a sheet each way.
    one, other = severities(np.array([[60.0, 70.0]]))
    assert other.effect.value == pytest.approx(5 / (1 + SHRINKAGE))
    assert one.effect.value == pytest.approx(-other.effect.value)
    assert one.effect.margin is None  # one turn cannot tell noise from severity


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    chance, held, seen = np.random.default_rng(11), 0, 0
    for number in range(300):
        truth = chance.normal(0, 3, 3)
        for each, real in zip(
            severities(session(tuple(truth), turns=12, noise=4, seed=number)),
            truth - truth.mean(),
            strict=True,
        ):
            assert each.effect.margin is not None
            held += abs(each.effect.value - real) <= each.effect.margin
            seen += 1
    assert 0.92 <= held / seen <= 0.98


def test_who_marked_alone_or_not_at_all_is_told_nothing() -> None:
    alone, absent = severities(np.array([[60.0, NAN], [70.0, NAN]]))
    assert (alone.sheets, alone.effect.value, alone.effect.margin) == (0, 0, None)
    assert absent.sheets == 0


def test_a_replaced_examiner_is_compared_where_others_marked_too() -> None:
    ratings = session((-4, 0, 4, 0), turns=20, noise=1)
    ratings[10:, 2] = NAN
    ratings[:10, 3] = NAN
    found = severities(ratings)
    assert [each.sheets for each in found] == [20, 20, 10, 10]
    assert found[0].effect.value < found[1].effect.value < found[2].effect.value


@pytest.mark.dear
@given(st.floats(-20, 20), st.integers(0, 50))
def test_severity_does_not_depend_on_the_level_of_the_marks(shift: float, seed: int) -> None:
    ratings = session((-3, 0, 3), turns=6, noise=3, seed=seed)
    for one, other in zip(severities(ratings), severities(ratings + shift), strict=True):
        assert one.effect.value == pytest.approx(other.effect.value, abs=1e-9)


def test_an_examiner_who_gets_milder_drifts_upwards() -> None:
    ratings = session((0, 0, 0), turns=20, noise=1)
    ratings[:, 1] += np.arange(20) * 0.5
    first, moving, _third = drifts(ratings)
    assert moving.per_turn is not None
    assert moving.per_turn.clear
    assert moving.per_turn.value == pytest.approx(0.5, abs=0.1)
    assert first.per_turn is not None
    assert len(moving.offsets) == 20


def test_two_turns_are_no_course() -> None:
    found = drifts(np.array([[60.0, 70.0], [60.0, 75.0], [50.0, NAN]]))
    assert [each.per_turn for each in found] == [None, None]
    assert found[0].offsets[:2] == (-10.0, -15.0)
    assert np.isnan(found[0].offsets[2])


@pytest.mark.parametrize("turns", range(3, 30))
def test_examiners_who_keep_their_distance_do_not_drift_by_rounding(turns: int) -> None:
    worth = [50 + (number * 37 % 40) + number / 100 for number in range(1, turns)]
    totals = np.array([[each, each + 1.37, each - 0.5] for each in worth])
    slopes = [drift.per_turn for drift in drifts(totals)]
    assert not any(slope is not None and slope.clear for slope in slopes)
