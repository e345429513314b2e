"""Agreement of examiners against published figures, and laws that hold for any ratings."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from itembank.agreement import Metric, Ratings, exact_share, intraclass, kendall_w, krippendorff

NAN = float("nan")
# Shrout, P. E. and Fleiss, J. L. (1979), Intraclass correlations, Psychological Bulletin 86, table 2.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)
# Krippendorff, K. (2011), Computing Krippendorff's alpha-reliability, section E: four observers, twelve units.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
).T


def test_intraclass_correlations_are_the_published_ones() -> None:
    found = intraclass(SHROUT_FLEISS)
    assert found is not None
    figures = (found.one_1, found.one_2, found.one_3, found.mean_1, found.mean_2, found.mean_3)
    assert [round(each, 4) for each in figures] == [0.1657, 0.2898, 0.7148, 0.4428, 0.6201, 0.9093]


@pytest.mark.parametrize(
    ("metric", "published"),
    [("nominal", 0.7434), ("ordinal", 0.8154), ("interval", 0.8491), ("ratio", 0.7974)],
)
def test_alpha_is_the_published_one_with_values_missing(metric: str, published: float) -> None:
    found = krippendorff(KRIPPENDORFF, Metric(metric))
    assert found is not None
    assert round(found, 4) == published


def test_concordance_with_ties_by_hand() -> None:
    # Ranks 1 2.5 2.5 4 / 1 2 3 4 / 1.5 1.5 3 4: sums 3.5 6 8.5 12, squares 264.5; the tie corrections are
    # 6 + 0 + 6; W = (12 x 264.5 - 3 x 9 x 4 x 25) / (9 x 4 x 15 - 3 x 12) = 474 / 504.
    ratings = np.array([[1, 10, 5], [2, 20, 5], [2, 30, 6], [3, 40, 7]], dtype=float)
    assert kendall_w(ratings) == pytest.approx(474 / 504)


def test_concordance_is_one_for_the_same_order_and_none_when_nobody_orders() -> None:
    assert kendall_w(np.array([[1, 4], [2, 5], [3, 9]], dtype=float)) == pytest.approx(1)
    assert kendall_w(np.array([[7, 4], [7, 4], [7, 4]], dtype=float)) is None


def test_the_alpha_of_two_observers_by_hand() -> None:
    # Units (1,1) (1,2) (2,2) (3,3): n = 8, counts 3 3 2; disagreeing pairs 2 of 8; expected 56 - 14 = 42
    # of 8 x 7: alpha = 1 - 7 x 2 / (64 - 22).
    ratings = np.array([[1, 1], [1, 2], [2, 2], [3, 3]], dtype=float)
    assert krippendorff(ratings, Metric.NOMINAL) == pytest.approx(1 - 7 * 2 / 42)


def test_the_share_of_exact_agreement_counts_what_two_rated() -> None:
    ratings = np.array([[5, 5, 5], [5, 4, 5], [3, NAN, 3], [1, NAN, NAN]], dtype=float)
    assert exact_share(ratings) == pytest.approx(2 / 3)
    assert exact_share(np.array([[1, NAN]])) is None


@pytest.mark.parametrize(
    "ratings",
    [np.full((5, 3), 80.0), np.array([[80.0, 70.0]]), np.array([[80.0], [70.0]])],
    ids=["nothing differs", "one thing", "one person"],
)
def test_what_is_not_defined_is_none(ratings: Ratings) -> None:
    assert intraclass(ratings) is None
    assert kendall_w(ratings) is None


def test_gaps_leave_the_tables_without_gaps_undefined() -> None:
    assert intraclass(KRIPPENDORFF) is None
    assert kendall_w(KRIPPENDORFF) is None


def test_alpha_needs_pairs_that_differ() -> None:
    assert krippendorff(np.array([[1, NAN], [NAN, 2]]), Metric.INTERVAL) is None
    assert krippendorff(np.full((3, 2), 4.0), Metric.INTERVAL) is None


points = st.integers(0, 100).map(float)
tables = (
    st.integers(2, 5)
    .flatmap(
        lambda people: st.lists(st.lists(points, min_size=people, max_size=people), min_size=2, max_size=12)
    )
    .map(np.array)
)


@settings(max_examples=40)
@given(tables)
def test_neither_the_order_of_examiners_nor_that_of_things_matters(ratings: Ratings) -> None:
    shuffled = ratings[np.random.default_rng(1).permutation(ratings.shape[0])]
    shuffled = shuffled[:, np.random.default_rng(2).permutation(ratings.shape[1])]
    for figure in (
        lambda table: krippendorff(table, Metric.ORDINAL),
        lambda table: krippendorff(table, Metric.INTERVAL),
        kendall_w,
        lambda table: None if (found := intraclass(table)) is None else found.mean_2,
    ):
        one, other = figure(ratings), figure(shuffled)
        assert (one is None) == (other is None)
        assert one is None or one == pytest.approx(other, abs=1e-9)


@settings(max_examples=40)
@given(tables)
def test_figures_stay_within_their_bounds(ratings: Ratings) -> None:
    found = intraclass(ratings)
    assert found is None or found.one_2 <= 1 + 1e-9
    for metric in Metric:
        alpha = krippendorff(ratings, metric)
        assert alpha is None or alpha <= 1 + 1e-9
    concordance = kendall_w(ratings)
    assert concordance is None or -1e-9 <= concordance <= 1 + 1e-9


@settings(max_examples=40)
@given(tables)
def test_examiners_who_say_the_same_agree_fully(ratings: Ratings) -> None:
    same = np.repeat(ratings[:, :1], ratings.shape[1], axis=1)
    assume(np.ptp(same) > 0)
    found = intraclass(same)
    assert found is not None
    assert found.one_2 == pytest.approx(1)
    assert krippendorff(same, Metric.INTERVAL) == pytest.approx(1)
    assert kendall_w(same) == pytest.approx(1)
