"""The `challenge` part of a policy: read strictly, frozen with the batch, off in older ones and rehearsals."""

from importlib.resources import files

import pytest

from exam_rooms.challenge import ChallengeRules
from server.rules.policy import LevelPolicy, Profile, load_profile, policy_for

FOLDER = files("server") / "policies"
TEXT = (FOLDER / "national.yaml").read_text(encoding="utf-8")
BLOCK = TEXT[TEXT.index("challenge:") : TEXT.index("rooms:")]


def policy(text: str = TEXT) -> LevelPolicy:
    profile = load_profile(text, {"national": TEXT})
    assert isinstance(profile, Profile), profile
    return policy_for(profile, "baowei", 3)


def changed(old: str, new: str) -> str:
    assert old in BLOCK
    return TEXT.replace(BLOCK, BLOCK.replace(old, new, 1))


def test_the_national_profile_asks_for_two_steps_and_a_rehearsal_for_none() -> None:
    assert policy().challenge == ChallengeRules(steps=2, seconds=10.0, tries=3)
    rehearsal = policy((FOLDER / "rehearsal.yaml").read_text(encoding="utf-8"))
    assert rehearsal.challenge.steps == 0


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("steps: 2 ", "steps: 5 ", "number_out_of_range", "challenge.steps"),
        ("steps: 2 ", "steps: -1 ", "number_out_of_range", "challenge.steps"),
        ("steps: 2 ", "dances: 2 ", "missing_value", "challenge.steps"),
        ("seconds: 10 ", "seconds: 3.9 ", "number_out_of_range", "challenge.seconds"),
        ("seconds: 10 ", "seconds: soon ", "not_a_number", "challenge.seconds"),
        ("tries: 3 ", "tries: 0 ", "number_out_of_range", "challenge.tries"),
        ("tries: 3 ", "tries: 6 ", "number_out_of_range", "challenge.tries"),
    ],
)
def test_each_value_is_checked_with_its_path(old: str, new: str, code: str, place: str) -> None:
    found = load_profile(changed(old, new), {})
    assert isinstance(found, list)
    assert (code, place) in [(fault.code, fault.place) for fault in found]


@pytest.mark.parametrize("steps", [0, 1, 4])
def test_the_bounds_of_steps_hold(steps: int) -> None:
    assert policy(changed("steps: 2 ", f"steps: {steps} ")).challenge.steps == steps


def test_a_profile_that_says_nothing_and_a_batch_frozen_before_ask_for_nothing() -> None:
    assert policy(TEXT.replace(BLOCK, "")).challenge == ChallengeRules()
    frozen = policy().to_json()
    assert LevelPolicy.from_json(frozen) == policy()
    older = LevelPolicy.from_json({name: value for name, value in frozen.items() if name != "challenge"})
    assert older.challenge.steps == 0
