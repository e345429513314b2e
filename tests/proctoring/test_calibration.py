"""The head plane from samples: right ones give the room back, wrong ones are refused with the reason."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctoring.calibration import CalibrationRefused, Sample, fit, pitch_of
from tests.proctoring.room_kit import HALL, SEATS, head, sample, seen_at, true_view

PLACES, PITCH = HALL.places, 1.2
CORNERS = (SEATS[0], SEATS[3], SEATS[8], SEATS[11])


def refused(samples: list[Sample]) -> CalibrationRefused:
    with pytest.raises(CalibrationRefused) as caught:
        fit(samples, PLACES, PITCH)
    return caught.value


def test_four_corners_give_every_other_seat_but_prove_nothing() -> None:
    found = fit([sample(seat) for seat in CORNERS], PLACES, PITCH)
    heads = np.array([head(seat) for seat in SEATS])
    assert np.allclose(found.to_room(heads), np.array(list(PLACES.values())), atol=1e-6)
    assert np.allclose(found.to_picture(np.array(list(PLACES.values()))), heads, atol=1e-6)
    assert not found.proven
    assert found.residual < 1e-6


def test_heads_on_the_floor_would_lie_far_behind_their_seats() -> None:
    """Why the plane of the heads is calibrated and not the floor's."""
    view = true_view()
    on_floor = view.calibration.to_room(np.array([seen_at(HALL, *PLACES[SEATS[5]], height=0.0)]))[0]
    assert np.linalg.norm(on_floor - np.array(PLACES[SEATS[5]])) > PITCH


def test_an_outlier_is_left_out_and_named() -> None:
    samples = [sample(seat) for seat in SEATS[:8]] + [Sample(SEATS[9], *head(SEATS[2], 0.3))]
    found = fit(samples, PLACES, PITCH)
    assert found.left_out == (SEATS[9],)
    assert found.residual < 0.01
    assert found.proven


def test_more_samples_that_lean_about_fit_with_their_residual() -> None:
    drawn = np.random.default_rng(4)
    samples = [sample(seat, *drawn.normal(0, 0.1, 2)) for seat in SEATS]
    found = fit(samples, PLACES, PITCH)
    assert 0.05 < found.residual < 0.2
    assert not found.left_out


def two_swapped() -> list[Sample]:
    first, second, *rest = CORNERS
    return [Sample(first, *head(second)), Sample(second, *head(first)), *(sample(seat) for seat in rest)]


REFUSALS = {
    "calibration_too_few": [sample(seat) for seat in CORNERS[:3]],
    "calibration_seat_twice": [
        *(sample(seat) for seat in CORNERS),
        Sample(CORNERS[0], *head(CORNERS[0], 0.2)),
    ],
    "calibration_same_point": [*(sample(seat) for seat in CORNERS), Sample(SEATS[5], *head(CORNERS[0]))],
    "calibration_seat_unknown": [*(sample(seat) for seat in CORNERS), Sample("99", 0.5, 0.5)],
    "calibration_outside": [*(sample(seat) for seat in CORNERS), Sample(SEATS[5], 1.2, 0.5)],
    "calibration_in_line": [sample(seat) for seat in SEATS[:4]],
    "calibration_mixed_up": two_swapped(),
    "calibration_disagrees": [sample(seat) for seat in CORNERS]
    + [
        Sample(one, *head(other, 0.3))
        for one, other in zip(SEATS[4:8], (*SEATS[6:8], *SEATS[4:6]), strict=True)
    ],
}


@pytest.mark.parametrize("code", REFUSALS)
def test_what_cannot_be_right_is_refused_with_its_reason(code: str) -> None:
    assert refused(REFUSALS[code]).code == code


def test_a_residual_over_a_quarter_of_the_pitch_is_refused_with_its_figure() -> None:
    drawn = np.random.default_rng(109)
    samples = []
    for seat in SEATS:
        way = drawn.uniform(0, 2 * math.pi)
        aside = sample(seat, 0.5 * math.cos(way), 0.5 * math.sin(way))
        samples.append(Sample(seat, min(max(aside.x, 0.0), 1.0), aside.y))
    fault = refused(samples)
    assert fault.code == "calibration_residual"
    assert fault.params["residual"] > fault.params["most"] == 30


@pytest.mark.dear
@settings(max_examples=12, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(5, 12))
def test_the_order_of_samples_changes_nothing(random: object, count: int) -> None:
    samples = [sample(seat, 0.05 * (place % 3), -0.04 * (place % 2)) for place, seat in enumerate(SEATS)]
    chosen = [samples[place] for place in (11, 8, 3, 0, 5, 6, 1, 2, 4, 7, 9, 10)[:count]]
    before = fit(chosen, PLACES, PITCH)
    random.shuffle(chosen)  # type: ignore[attr-defined]
    assert fit(chosen, PLACES, PITCH) == before


def test_the_pitch_is_the_usual_distance_to_the_next_seat() -> None:
    assert pitch_of([(0, 0), (1.2, 0), (2.4, 0), (9, 9)]) == pytest.approx(1.2)
    assert pitch_of([(0, 0)]) == 1.0
