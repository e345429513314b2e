"""The challenge with the real networks: films made of the sample portraits, looked at as a seat does."""

from functools import cache

import numpy as np
import pytest

from exam_rooms.challenge import ChallengeResult
from exam_rooms.watching import WatchRules
from proctoring import mesh
from proctoring.challenge import Challenge, begin, sight, step
from proctoring.frames import Frame
from proctoring.nets import MESH, Nets
from proctoring.observation import Observation
from proctoring.observe import Eyes, Looks, main_face
from tests.proctoring.heads import EVERY
from tests.proctoring.photos import placed, wall
from tests.proctoring.test_pose import leaned
from tests.proctoring.turning import lift, shut

RULES = WatchRules()
AHEAD, LIFTED, SHUT = "ahead", "lifted", "shut"
_LOOKED: dict[tuple[bytes, bytes], Observation] = {}
UPWARD = (10.0, 19.0, 26.0, 28.0, 28.0, 22.0, 14.0, 6.0)


@pytest.fixture(scope="module")
def eyes() -> Eyes:
    return Eyes()


@cache
def sitter(name: str) -> Frame:
    return placed(wall(360, 360), name, 100, 40)


@cache
def film(name: str) -> dict[str, tuple[Frame, ...]]:
    """A head that looks ahead, one that is lifted and lowered again, and one with shut eyes."""
    frame = sitter(name)
    nets, watching = Nets(), Eyes()
    face = main_face(watching.observe(frame, None, RULES, compare=False).faces)
    assert face is not None
    found = mesh.find(*nets.need(MESH), frame, face)
    return {
        AHEAD: (frame,),
        LIFTED: tuple(lift(frame, found, pitch) for pitch in UPWARD),
        SHUT: (shut(frame, found),),
    }


def judged(eyes: Eyes, frames: list[Frame], order: tuple[str, ...], enrolled: Frame) -> Challenge:
    face = main_face(eyes.observe(enrolled, None, RULES, compare=False).faces)
    assert face is not None
    reference = eyes.vector(enrolled, face)
    state = begin(order, 10.0)
    for place, frame in enumerate(frames):
        key = (frame.tobytes(), enrolled.tobytes())
        if key not in _LOOKED:  # a look has no past: the same picture looks the same
            _LOOKED[key] = eyes.observe(frame, reference, RULES, look=Looks(attention=True, gaze=True))
        seen = _LOOKED[key]
        state = step(state, sight(place * EVERY, seen, RULES.match_from, RULES.mismatch_below))
    return state


@pytest.mark.dear
def test_a_head_that_is_lifted_and_eyes_that_are_shut_pass(eyes: Eyes) -> None:
    made = film("astronaut.png")
    frames = [*made[AHEAD] * 3, *made[LIFTED], *made[AHEAD], *made[SHUT] * 2, *made[AHEAD]]
    state = judged(eyes, frames, ("look_up", "blink"), made[AHEAD][0])
    assert (state.result, state.reason) == (ChallengeResult.PASSED, "")
    assert state.scores["pitch"] >= 12
    assert state.scores["similarity"] > 0.6


@pytest.mark.dear
@pytest.mark.parametrize(
    ("step_", "yaw", "pitch"), [("turn_left", 1, 0), ("turn_right", -1, 0), ("look_up", 0, 1)]
)
def test_a_print_that_is_turned_by_hand_does_not(eyes: Eyes, step_: str, yaw: int, pitch: int) -> None:
    photograph = sitter("obama.jpg")
    way = [
        leaned(photograph, yaw * angle, pitch * angle) for angle in (10, 20, 30, 40, 48, 52, 48, 40, 20, 0)
    ]
    state = judged(eyes, [leaned(photograph, 0, 0)] * 3 + way, (step_,), leaned(photograph, 0, 0))
    assert state.result is not ChallengeResult.PASSED
    assert not state.returning


@pytest.mark.dear
def test_somebody_else_who_lifts_the_head_is_seen(eyes: Eyes) -> None:
    made, other = film("astronaut.png"), sitter("biden.jpg")
    frames = [*made[AHEAD] * 3, *made[LIFTED][:5], other, other]
    state = judged(eyes, frames, ("look_up",), made[AHEAD][0])
    assert (state.result, state.reason) == (ChallengeResult.FAILED, "other_face")


@pytest.mark.dear
def test_in_the_dark_nothing_passes_and_nobody_is_a_stranger(eyes: Eyes) -> None:
    made = film("astronaut.png")
    frames = [
        np.asarray(frame // 8, np.uint8) for frame in (*made[AHEAD] * 3, *made[LIFTED], *made[AHEAD] * 3)
    ]
    state = judged(eyes, frames, ("look_up",), made[AHEAD][0])
    assert state.result is ChallengeResult.NONE
    assert state.counts.unlike == 0
