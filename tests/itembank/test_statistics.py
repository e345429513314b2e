"""Classical figures: small tables worked out by hand, and laws that hold for every table."""

from math import isclose, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from itembank.statistics import ItemFigures, alpha, item_figures

NAN = float("nan")
TABLES = arrays(
    np.float64, st.tuples(st.integers(2, 30), st.integers(2, 6)), elements=st.sampled_from([0.0, 0.5, 1.0])
)


def figures(rows: list[list[float]], points: list[float] | None = None) -> list[ItemFigures]:
    scores = np.array(rows, dtype=np.float64)
    return item_figures(scores, np.array(points or [1.0] * scores.shape[1]))


def test_facility_and_rest_correlation_of_a_table_worked_out_by_hand() -> None:
    first, *_others = figures([[1, 1, 1], [1, 1, 0], [0, 1, 0], [0, 0, 0]])
    assert first.answered == 4
    assert first.facility == 0.5
    # x = 1 1 0 0, rest = 2 1 1 0: covariance 1/4, deviations 1/2 and sqrt(1/2)
    assert isclose(first.discrimination or 0, 0.25 / (0.5 * sqrt(0.5)))


def test_points_weigh_in_the_rest_of_the_paper() -> None:
    rows = [[1, 1, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1]]
    plain, weighed = figures(rows)[0], figures(rows, [1, 10, 1])[0]
    assert isclose(plain.discrimination or 0, 0, abs_tol=1e-12)
    assert isclose(weighed.discrimination or 0, 0, abs_tol=1e-12)
    assert figures([[1, 1, 0], [1, 1, 1], [0, 0, 1], [0, 0, 0]], [1, 10, 1])[0].discrimination > 0.9


def test_who_did_not_have_an_item_does_not_count_for_it() -> None:
    found = figures([[1, NAN], [0, NAN], [NAN, 1], [NAN, 1]])
    assert [(each.answered, each.facility) for each in found] == [(2, 0.5), (2, 1.0)]
    assert figures([[1, NAN], [0, NAN]])[1] == ItemFigures(0, None, None, None)


def test_an_item_that_everybody_got_has_no_correlation() -> None:
    assert figures([[1, 1], [1, 0], [1, 1]])[0].discrimination is None


def test_d_of_ten_candidates_shares_ties_at_the_border() -> None:
    # totals 9..0 over ten candidates; 27 % are 2.7 of them: two whole and 0.7 of the third
    whole = [[1.0 if place < 10 - line - 1 else 0.0 for place in range(9)] for line in range(10)]
    scores = np.array(whole)
    middle = item_figures(scores, np.ones(9))[4]
    assert middle.upper_lower == 1.0  # the best have it, the worst have not
    hardest = item_figures(scores, np.ones(9))[8]
    assert isclose(hardest.upper_lower or 0, 1 / 2.7)
    tied = item_figures(np.array([[1.0, 0.0]] * 5 + [[0.0, 1.0]] * 5), np.ones(2))[0]
    assert isclose(tied.upper_lower or 0, 0.0, abs_tol=1e-12)


def test_alpha_of_a_table_worked_out_by_hand() -> None:
    # variances 1/3 + 1/3, of the totals 4/3: 2 * (1 - (2/3)/(4/3)) = 1
    assert isclose(alpha(np.array([[1, 1], [1, 1], [0, 0], [0, 0.0]]), np.ones(2)) or 0, 1.0)
    assert alpha(np.array([[1.0], [0.0]]), np.ones(1)) is None
    assert alpha(np.array([[1, 1], [1, 1.0]]), np.ones(2)) is None
    assert alpha(np.array([[1, NAN], [0, 1.0]]), np.ones(2)) is None


@pytest.mark.dear
@given(TABLES)
def test_figures_stay_in_their_bounds_and_order_of_candidates_is_nothing(scores: np.ndarray) -> None:
    points = np.ones(scores.shape[1])
    found, turned = item_figures(scores, points), item_figures(scores[::-1], points)
    for one, other in zip(found, turned, strict=True):
        assert 0 <= one.facility <= 1
        assert one.discrimination is None or -1.0000001 <= one.discrimination <= 1.0000001
        assert one.upper_lower is None or -1.0000001 <= one.upper_lower <= 1.0000001
        assert (one.discrimination is None) == (other.discrimination is None)
        assert isclose(one.discrimination or 0, other.discrimination or 0, abs_tol=1e-9)
        assert isclose(one.upper_lower or 0, other.upper_lower or 0, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("answered", "facility", "discrimination", "flags"),
    [
        (49, 0.1, -0.5, []),
        (50, 0.199, -0.5, ["too_hard"]),
        (50, 0.2, None, []),
        (50, 0.95, None, []),
        (50, 0.951, None, ["too_easy"]),
        (99, 0.5, -0.5, []),
        (100, 0.5, -0.001, ["key_suspect"]),
        (100, 0.5, 0.0, ["weak"]),
        (100, 0.5, 0.149, ["weak"]),
        (100, 0.5, 0.15, []),
        (100, 0.1, -0.2, ["too_hard", "key_suspect"]),
        (100, None, None, []),
    ],
)
def test_flags_at_their_borders(
    answered: int, facility: float | None, discrimination: float | None, flags: list[str]
) -> None:
    assert ItemFigures(answered, facility, discrimination, None).flags() == flags
