"""ROC, thresholds and errors by group on scores whose answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctoring.accuracy import FEW, auc, by_group, errors, recommended, roc

SCORES = st.lists(st.integers(-20, 20).map(lambda value: value / 20), max_size=40)


def scores(*values: float) -> np.ndarray:
    return np.array(values, np.float64)


@pytest.mark.parametrize(
    ("positives", "negatives", "area"),
    [
        ((0.9, 0.8), (0.1, 0.2), 1.0),
        ((0.1,), (0.9,), 0.0),
        ((0.5,), (0.5,), 0.5),
        ((0.9, 0.4), (0.5, 0.1), 0.75),
        ((), (0.1,), None),
        ((0.1,), (), None),
    ],
)
def test_the_area_is_the_share_of_pairs_in_order(
    positives: tuple[float, ...], negatives: tuple[float, ...], area: float | None
) -> None:
    assert auc(scores(*positives), scores(*negatives)) == area


@given(SCORES, SCORES)
def test_the_area_agrees_with_counting_every_pair(high: list[float], low: list[float]) -> None:
    area = auc(scores(*high), scores(*low))
    if high and low:
        won = sum((a > b) + (a == b) / 2 for a in high for b in low) / (len(high) * len(low))
        assert area == pytest.approx(won)
    else:
        assert area is None


def test_at_a_threshold_its_own_score_is_accepted() -> None:
    found = errors(scores(0.5, 0.49), scores(0.5, 0.1), 0.5)
    assert found.false_accepts is not None and found.false_rejects is not None
    assert (found.false_accepts.hits, found.false_rejects.hits) == (1, 1)


def test_without_examples_there_is_no_rate() -> None:
    found = errors(scores(), scores(), 0.5)
    assert found.false_accepts is None and found.false_rejects is None
    assert roc(scores(), scores(0.1)) == () and recommended(scores(0.5), scores(), 0.1) is None


@given(SCORES, SCORES)
def test_the_curve_falls_from_everybody_to_nobody(high: list[float], low: list[float]) -> None:
    curve = roc(scores(*high), scores(*low))
    if not high or not low:
        assert curve == ()
        return
    assert (curve[0].far, curve[0].frr) == (1.0, 0.0)
    assert (curve[-1].far, curve[-1].frr) == (0.0, 1.0)
    assert sorted((point.far for point in curve), reverse=True) == [point.far for point in curve]
    assert sorted(point.frr for point in curve) == [point.frr for point in curve]


@pytest.mark.dear
@given(SCORES, SCORES, st.sampled_from([0.001, 0.05, 0.3]))
def test_the_recommended_threshold_keeps_its_word_and_is_the_lowest(
    high: list[float], low: list[float], far: float
) -> None:
    found = recommended(scores(*high), scores(*low), far)
    if not low:
        assert found is None
        return
    assert found is not None and found.errors.false_accepts is not None
    assert found.errors.false_accepts.share <= far
    # the next lower score of the negatives would let too many in
    below = [value for value in low if value < found.threshold]
    if below:
        assert np.mean(scores(*low) >= max(below)) > far


def test_a_small_share_needs_many_examples() -> None:
    few, many = np.linspace(0, 0.4, 2999), np.linspace(0, 0.4, 3000)
    assert not recommended(scores(0.9), few, 0.001).sure  # type: ignore[union-attr]
    assert recommended(scores(0.9), many, 0.001).sure  # type: ignore[union-attr]


def test_small_groups_are_said_to_be_too_small_and_come_last() -> None:
    high = {"day": [0.9] * FEW, "night": [0.2] * (FEW - 1), "": [0.9] * FEW}
    low = {"day": [0.1] * FEW, "night": [0.1] * FEW}
    found = by_group("light", high, low, 0.5)
    assert [(group.value, group.enough) for group in found] == [("day", True), ("", False), ("night", False)]
    assert found[0].errors.false_rejects is not None and found[0].errors.false_rejects.hits == 0
    assert found[2].errors.false_rejects is not None and found[2].errors.false_rejects.hits == FEW - 1
