"""Whose face it is among few: only when it is clear, never the seat's own, never by a narrow margin."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctoring.gallery import Limits, Vector, likeness, nearest, unpack

LIMITS = Limits(match_from=0.5, mismatch_below=0.35, margin=0.1)
AXES = np.eye(32, dtype=np.float32)


def towards(**cosines: float) -> Vector:
    """A unit vector with these cosines to the axes "a0", "a1"...; the rest points where nobody is."""
    values = np.zeros(32, dtype=np.float32)
    for name, cosine in cosines.items():
        values[int(name[1:])] = cosine
    values[31] = np.sqrt(max(0.0, 1.0 - float(values @ values)))
    return values


def test_the_face_of_another_seat_is_found_with_how_far_it_is_ahead() -> None:
    found = nearest(towards(a0=0.1, a5=0.71, a6=0.4), AXES[0], {5: AXES[5], 6: AXES[6]}, LIMITS)
    assert found is not None
    assert (found.key, round(found.similarity, 3)) == (5, 0.71)
    assert found.ahead == pytest.approx(0.31, abs=1e-3)


@pytest.mark.parametrize(
    ("own", "best", "second", "clear"),
    [
        (0.10, 0.50, 0.30, True),  # from match_from on
        (0.10, 0.499, 0.30, False),
        (0.349, 0.60, 0.30, True),  # below mismatch_below
        (0.351, 0.60, 0.30, False),  # perhaps it is the candidate after all
        (0.10, 0.60, 0.495, True),
        (0.10, 0.60, 0.505, False),  # two look alike: nobody is named
    ],
)
def test_the_limits(own: float, best: float, second: float, clear: bool) -> None:
    probe = towards(a0=own, a1=best, a2=second)
    found = nearest(probe, AXES[0], {1: AXES[1], 2: AXES[2]}, LIMITS)
    assert (found is not None) is clear


def test_without_an_own_face_or_anybody_else_nothing_is_said() -> None:
    probe = towards(a1=0.9)
    assert nearest(probe, None, {1: AXES[1]}, LIMITS) is None
    assert nearest(probe, AXES[0], {}, LIMITS) is None
    alone = nearest(probe, AXES[0], {1: AXES[1]}, LIMITS)
    assert alone is not None
    assert alone.ahead is None


def test_vectors_of_another_model_are_left_out() -> None:
    longer = np.eye(64, dtype=np.float32)[1]
    probe = towards(a1=0.9)
    assert likeness(probe, longer) is None
    assert nearest(probe, AXES[0], {1: longer}, LIMITS) is None
    assert nearest(probe, longer, {1: AXES[1]}, LIMITS) is None


@given(st.lists(st.floats(-0.9, 0.9), min_size=2, max_size=20), st.randoms())
def test_the_order_of_the_others_does_not_matter(cosines: list[float], shuffled) -> None:
    probe = AXES[1]
    others = {}
    for key, cosine in enumerate(cosines):
        vector = np.zeros(32, dtype=np.float32)
        vector[1], vector[2 + key % 20] = cosine, np.sqrt(1 - cosine**2)
        others[key] = vector
    keys = list(others)
    shuffled.shuffle(keys)
    first = nearest(probe, AXES[0], others, LIMITS)
    again = nearest(probe, AXES[0], {key: others[key] for key in keys}, LIMITS)
    assert first == again
    if first is not None:
        rest = [value for key, value in enumerate(cosines) if key != first.key]
        assert first.similarity >= LIMITS.match_from
        assert all(first.similarity - value >= LIMITS.margin - 1e-5 for value in rest)


def test_bytes_become_a_unit_vector_or_are_refused() -> None:
    assert np.linalg.norm(unpack(np.full(16, 3, dtype="<f4").tobytes())) == pytest.approx(1)
    for bad in (b"123", np.zeros(16, dtype="<f4").tobytes(), np.full(16, np.nan, dtype="<f4").tobytes()):
        with pytest.raises(ValueError, match=r"vector|buffer"):
            unpack(bad)
