"""The challenge at sign-in: what passes is one head that does what it is asked, in one movement."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.challenge import DEPTH, ChallengeResult, ChallengeRules, ChallengeStep, draw
from proctoring.challenge import (
    CENTRE_LOOKS,
    Challenge,
    Sight,
    begin,
    step,
)
from tests.proctoring.heads import EVERY, OPEN, SHUT, film, flat, head, looked, timed

LEFT, RIGHT, UP, BLINK = "turn_left", "turn_right", "look_up", "blink"
AHEAD = (0.0,) * CENTRE_LOOKS
TO_LEFT = (6, 14, 22, 26, 24, 12, 4, 0)
TO_RIGHT = tuple(-each for each in TO_LEFT)


def run(order: tuple[str, ...], sights, seconds: float = 10.0) -> Challenge:
    state = begin(order, seconds)
    for seen in timed(sights):
        state = step(state, seen)
    return state


def blink(looks: int, eyes: float = SHUT) -> list[Sight]:
    shut = [looked(head(0), 0, eyes) for _ in range(looks)]
    return [*shut, looked(head(0), 0, OPEN)]


def up(*pitches: float) -> list[Sight]:
    return [looked(head(0, pitch), 0) for pitch in pitches]


@pytest.mark.parametrize(
    ("order", "sights"),
    [
        ((LEFT,), film(*AHEAD, *TO_LEFT)),
        ((RIGHT,), film(*AHEAD, *TO_RIGHT)),
        ((LEFT, RIGHT), film(*AHEAD, *TO_LEFT, *TO_RIGHT)),
        ((RIGHT, BLINK), [*film(*AHEAD, *TO_RIGHT), *blink(4)]),
        ((BLINK, LEFT), [*film(*AHEAD), *blink(2), *film(*TO_LEFT)]),
        ((UP,), [*film(*AHEAD), *up(5, 10, 14, 16, 9, 3, 0)]),
        ((UP, LEFT), [*film(*AHEAD), *up(8, 15, 17, 9, 3), *film(*TO_LEFT)]),
    ],
)
def test_who_does_what_is_asked_passes(order: tuple[str, ...], sights: list[Sight]) -> None:
    state = run(order, sights)
    assert (state.result, state.reason) == (ChallengeResult.PASSED, "")
    assert state.scores["similarity"] == 0.8


@pytest.mark.parametrize(("off", "tilt"), [(12, -9), (-15, 6), (0, 12)])
def test_everything_is_measured_from_how_somebody_sits(off: float, tilt: float) -> None:
    sights = [looked(head(off + yaw, tilt), 0) for yaw in (*AHEAD, *TO_LEFT)]
    assert run((LEFT,), sights).result is ChallengeResult.PASSED


@pytest.mark.parametrize(("angle", "done"), [(19.0, False), (20.5, True)])
def test_a_turn_is_one_from_twenty_degrees_on(angle: float, done: bool) -> None:
    state = run((LEFT,), film(*AHEAD, 8, 14, angle, angle, angle))
    assert state.returning is done


@pytest.mark.parametrize(("looks", "done"), [(1, False), (2, True)])
def test_an_involuntary_blink_is_no_step(looks: int, done: bool) -> None:
    assert (run((BLINK, LEFT), [*film(*AHEAD), *blink(looks)]).asked == LEFT) is done


def test_half_shut_eyes_are_not_shut() -> None:
    assert run((BLINK, LEFT), [*film(*AHEAD), *blink(5, 0.65 * OPEN)]).asked == BLINK


# --- what is not a living candidate -------------------------------------------------------------------


def test_another_picture_that_is_held_up_leaps() -> None:
    """A frontal photo, then one in half profile, then the frontal one again."""
    state = run((LEFT,), film(*AHEAD, 28, 28, 28, 28, 0, 0, 0))
    assert state.result is ChallengeResult.NONE
    assert state.scores["yaw"] > 27
    assert not state.returning


def test_another_picture_after_a_moment_without_a_face_is_no_movement() -> None:
    pause = [Sight(0)] * 6
    sights = [*film(*AHEAD, 6, 14), *pause, *film(22, 26, 24, 12, 4, 0)]
    assert not run((LEFT,), sights).returning


@pytest.mark.parametrize("tilt", [20, 35, 50, 60])
def test_a_flat_picture_that_is_turned_does_not_bend(tilt: float) -> None:
    """Even if the network took it for a turned head."""
    way = [flat(tilt * share, 24 * share, 0) for share in (0.4, 0.7, 1, 1, 1, 1)]
    state = run((LEFT,), [*film(*AHEAD), *way])
    assert (state.result, state.reason) == (ChallengeResult.FAILED, "flat")


def test_somebody_else_in_between_is_caught() -> None:
    sights = [*film(*AHEAD, 6, 14, 22, 26, 24, 12), *film(4, 0, similarity=0.1)]
    state = run((LEFT,), sights)
    assert (state.result, state.reason) == (ChallengeResult.FAILED, "other_face")


@pytest.mark.parametrize("similarity", [None, 0.4])
def test_without_the_face_of_the_beginning_nothing_passes(similarity: float | None) -> None:
    sights = [*film(*AHEAD, 6, 14, 22, 26, 24, 12), *film(4, 0, 0, 0, similarity=similarity)]
    state = run((LEFT,), sights)
    assert (state.result, state.returning) == (ChallengeResult.NONE, True)


def test_a_turned_head_and_shut_eyes_may_seem_unlike() -> None:
    turned = [looked(head(yaw), 0, similarity=0.2) for yaw in (22, 26, 24)]
    shut = [looked(head(0), 0, SHUT, similarity=0.3) for _ in range(3)]
    sights = [*film(*AHEAD, 6, 14), *turned, *film(12, 4, 0), *shut, *film(0)]
    assert run((LEFT, BLINK), sights).result is ChallengeResult.PASSED


def test_a_lifted_head_may_seem_unlike_but_a_lowered_one_shows_who_it_is() -> None:
    lifted = [looked(head(0, pitch), 0, similarity=0.2) for pitch in (14, 17, 16)]
    state = run((UP,), [*film(*AHEAD), *up(5, 10), *lifted, *up(9, 3, 0)])
    assert state.result is ChallengeResult.PASSED
    state = run((UP,), [*film(*AHEAD), *up(5, 10), *lifted, *film(0, 0, similarity=0.2)])
    assert (state.result, state.reason) == (ChallengeResult.FAILED, "other_face")


@pytest.mark.parametrize(
    ("order", "sights"),
    [
        ((LEFT, RIGHT), film(*AHEAD, *TO_RIGHT)),
        ((UP, LEFT), film(*AHEAD, *TO_RIGHT)),
        ((BLINK, LEFT), film(*AHEAD, *TO_LEFT)),
        ((LEFT, BLINK), [*film(*AHEAD), *blink(5)]),
    ],
)
def test_a_recording_that_does_something_else_ends_the_try(order, sights) -> None:
    state = run(order, sights)
    assert (state.result, state.reason) == (ChallengeResult.FAILED, "wrong_step")


def test_two_persons_or_nobody_tell_nothing_and_time_goes_on() -> None:
    state = run((LEFT,), [*film(*AHEAD), *[Sight(0)] * 20], seconds=3.0)
    assert (state.result, state.reason) == (ChallengeResult.TIMED_OUT, "")
    assert run((LEFT,), [Sight(0)] * 20, seconds=3.0).reason == "no_face"


@pytest.mark.parametrize(("looks", "over"), [(15, False), (17, True)])
def test_each_step_has_its_seconds(looks: int, over: bool) -> None:
    state = run((LEFT, RIGHT), [*film(*AHEAD), *film(*[0.0] * looks)], seconds=16 * EVERY)
    assert (state.result is ChallengeResult.TIMED_OUT) is over


def test_a_head_that_does_not_keep_still_has_no_centre() -> None:
    state = run((LEFT,), film(0, 9, -3, 8, 0, 12))
    assert state.asked == "centre"
    assert run((LEFT,), film(40, 40, 40, 40)).asked == "centre"


def test_shut_eyes_make_no_centre() -> None:
    shut = [looked(head(0), 0, SHUT) for _ in range(5)]
    assert run((BLINK, LEFT), shut).asked == "centre"
    assert run((BLINK, LEFT), [*shut, *film(*AHEAD)]).asked == BLINK


# --- the fold -----------------------------------------------------------------------------------------

LOOKS = st.lists(
    st.tuples(st.floats(-40, 40), st.floats(-20, 20), st.sampled_from([OPEN, SHUT, 0.2])), max_size=25
)


@pytest.mark.dear
@given(LOOKS, st.permutations([LEFT, RIGHT, UP, BLINK]))
def test_nothing_counts_after_the_end_and_time_only_goes_forward(made, order) -> None:
    state, ended = begin(tuple(order[:2]), 2.0), None
    for place, (yaw, pitch, eyes) in enumerate(made):
        seen = looked(head(yaw, pitch), 10 + 0.2 * place, eyes)
        state = step(state, seen)
        assert step(state, replace(seen, at=5.0)) == state
        if state.result:
            ended = ended or state
            assert state is ended
    assert 0 <= state.place < 2
    assert 0 <= state.left(1000.0) <= state.left(0.0) + 1000


@pytest.mark.dear
@given(LOOKS)
def test_looks_all_at_once_pass_nothing(made) -> None:
    state = begin((LEFT, BLINK), 2.0)
    for yaw, pitch, eyes in made:
        state = step(state, looked(head(yaw, pitch), 10.0, eyes, similarity=None))
    assert state.result is not ChallengeResult.PASSED


@pytest.mark.parametrize("order", [(), ("dance",)])
def test_an_order_that_is_none_is_refused(order: tuple[str, ...]) -> None:
    with pytest.raises(ValueError):
        begin(order, 5.0)


# --- the draw -----------------------------------------------------------------------------------------


def test_without_steps_nothing_is_drawn() -> None:
    assert draw("seed", ChallengeRules()) is None


@pytest.mark.dear
@given(st.text(), st.integers(1, 4), st.integers(1, 5))
def test_every_try_has_its_own_order_with_something_no_picture_can_do(seed, steps, tries) -> None:
    plan = draw(seed, ChallengeRules(steps, 8.0, tries))
    assert plan is not None
    assert plan == draw(seed, ChallengeRules(steps, 8.0, tries))
    assert len(plan.orders) == tries
    assert len(set(plan.orders)) == min(tries, 3 if steps == 1 else 5)
    for order in plan.orders:
        assert len(set(order)) == steps
        assert DEPTH & set(order)


def test_candidates_get_different_orders() -> None:
    rules = ChallengeRules(2, 8.0, 1)
    drawn = [draw(f"candidate {number}", rules).orders[0] for number in range(600)]
    shares = [drawn.count(each) for each in set(drawn)]
    assert len(shares) == 12
    assert min(shares) > 25
    assert {step for order in drawn for step in order} == set(map(str, ChallengeStep))
