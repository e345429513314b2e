"""Random pictures: spread over the sitting, drawn by the seed alone; looked at again in the share asked for."""

from itertools import pairwise
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.captures import capture_moments, is_rechecked
from exam_rooms.watching import WatchRules

SEEDS = st.text(max_size=12)
ATTEMPTS = st.integers(0, 10**9)
COUNTS = st.integers(0, 20)
MINUTES = st.floats(0.1, 600)
SHARES = st.integers(0, 100).map(lambda percent: percent / 100)


def moments(seed: str, attempt: int, count: int, minutes: float) -> tuple[float, ...]:
    return capture_moments(seed, attempt, WatchRules(captures=count), minutes)


@given(SEEDS, ATTEMPTS, COUNTS, MINUTES)
def test_one_moment_in_each_equal_part(seed: str, attempt: int, count: int, minutes: float) -> None:
    found = moments(seed, attempt, count, minutes)
    assert len(found) == count
    part = minutes * 60 / max(1, count)
    for number, moment in enumerate(found):
        assert number * part <= moment <= (number + 1) * part


@given(SEEDS, ATTEMPTS, st.integers(1, 20), MINUTES)
def test_none_at_the_very_beginning_or_end(seed: str, attempt: int, count: int, minutes: float) -> None:
    found, whole = moments(seed, attempt, count, minutes), minutes * 60
    edge = min(0.05, 0.5 / count) - 1e-9
    assert min(found) >= edge * whole
    assert max(found) <= (1 - edge) * whole


@given(SEEDS, ATTEMPTS, st.integers(2, 20), MINUTES)
def test_two_never_come_right_after_each_other(seed: str, attempt: int, count: int, minutes: float) -> None:
    found = moments(seed, attempt, count, minutes)
    least = 0.2 * minutes * 60 / count
    assert all(later - earlier >= least - 1e-6 for earlier, later in pairwise(found))


@pytest.mark.dear
@given(SEEDS, ATTEMPTS, st.integers(1, 20), MINUTES)
def test_the_draw_is_replayable_and_grows_with_the_sitting(
    seed: str, attempt: int, count: int, minutes: float
) -> None:
    found = moments(seed, attempt, count, minutes)
    assert moments(seed, attempt, count, minutes) == found
    assert moments(seed, attempt, count, 2 * minutes) == pytest.approx([2 * moment for moment in found])


def test_a_stored_seed_gives_these_moments_for_ever() -> None:
    assert moments("2026-03-14", 7, 2, 90) == pytest.approx((987.9946, 3440.8836), abs=0.001)


def test_seats_and_sittings_are_drawn_apart() -> None:
    by_attempt = {moments("seed", attempt, 1, 90) for attempt in range(200)}
    by_seed = {moments(f"seed {number}", 1, 1, 90) for number in range(200)}
    assert len(by_attempt) == len(by_seed) == 200


def test_moments_fill_their_part() -> None:
    """Of many draws some fall into every tenth of where they may fall: nobody can count on a quiet time."""
    found = [moments("seed", attempt, 1, 100)[0] / 6000 for attempt in range(1000)]
    tenths = [sum(0.1 + 0.08 * k <= moment < 0.18 + 0.08 * k for moment in found) for k in range(10)]
    assert sum(tenths) == 1000
    assert all(60 <= count <= 140 for count in tenths), tenths  # 100 expected, deviation 9.5


def test_with_many_pictures_the_first_part_is_still_drawn() -> None:
    firsts = [moments("seed", attempt, 20, 100)[0] / 6000 for attempt in range(300)]
    assert 0.025 <= min(firsts) < 0.027
    assert 0.043 < max(firsts) <= 0.045


@pytest.mark.parametrize("minutes", [0.0, -1.0])
def test_a_sitting_without_length_has_none(minutes: float) -> None:
    assert moments("seed", 1, 2, minutes) == ()


# --- looked at again ---------------------------------------------------------------------------------


@given(SEEDS, ATTEMPTS, SHARES, st.integers(0, 50), st.integers(1, 60))
def test_any_run_of_pictures_has_its_share(
    seed: str, attempt: int, share: float, first: int, count: int
) -> None:
    chosen = sum(is_rechecked(seed, attempt, first + number, share) for number in range(count))
    exact = round(count * share, 9)
    assert floor(exact) <= chosen <= ceil(exact)


@given(SEEDS, ATTEMPTS, st.integers(0, 10**6))
def test_no_share_is_never_and_a_whole_one_always(seed: str, attempt: int, number: int) -> None:
    assert not is_rechecked(seed, attempt, number, 0)
    assert is_rechecked(seed, attempt, number, 1)


@given(SEEDS, ATTEMPTS)
def test_of_two_pictures_and_one_half_every_candidate_has_one(seed: str, attempt: int) -> None:
    assert is_rechecked(seed, attempt, 0, 0.5) != is_rechecked(seed, attempt, 1, 0.5)


def test_which_one_is_not_known_beforehand() -> None:
    firsts = sum(is_rechecked("seed", attempt, 0, 0.5) for attempt in range(1000))
    assert 420 <= firsts <= 580  # 500 expected, deviation 16


def test_the_choice_does_not_follow_from_the_moment() -> None:
    """Early moments are chosen as often as late ones, or else the moment would give the choice away."""
    early = [attempt for attempt in range(2000) if moments("seed", attempt, 1, 100)[0] < 3000]
    chosen = sum(is_rechecked("seed", attempt, 0, 0.5) for attempt in early) / len(early)
    assert 0.42 <= chosen <= 0.58


@pytest.mark.parametrize(("number", "share"), [(0, -0.01), (0, 1.01), (0, float("nan")), (-1, 0.5)])
def test_what_is_no_share_or_picture(number: int, share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        is_rechecked("seed", 1, number, share)
