"""The `room_camera` part of a policy: read strictly, frozen with the batch, off where nothing is said."""

from importlib.resources import files

import pytest

from exam_rooms.room_watching import KINDS
from server.rules.policy import LevelPolicy, Profile, load_profile, policy_for

TEXT = (files("server") / "policies" / "national.yaml").read_text(encoding="utf-8")


def policy(text: str = TEXT) -> LevelPolicy:
    profile = load_profile(text, {})
    assert isinstance(profile, Profile), profile
    return policy_for(profile, "baowei", 3)


def test_the_national_profile_tells_every_kind_and_is_in_no_hurry_about_an_empty_chair() -> None:
    rules = policy().room_camera
    assert rules is not None
    assert tuple(rule.kind for rule in rules.episodes) == tuple(str(kind) for kind in KINDS)
    left, own = rules.rule("LEFT_SEAT"), policy().watching
    assert left is not None
    assert own is not None
    (no_face,) = [rule for rule in own.episodes if rule.kind == "NO_FACE"]
    assert left.hold_seconds > no_face.hold_seconds, "the seat's own camera tells first"
    assert 2 <= rules.sample_seconds <= 5


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("sample_seconds: 3 ", "sample_seconds: 30 ", "number_out_of_range", "room_camera.sample_seconds"),
        ("frames: 2 ", "frames: 9 ", "number_out_of_range", "room_camera.frames"),
        (
            "LEFT_SEAT: {hold",
            "LEFT_SEAT: {held",
            "missing_value",
            "room_camera.episodes.LEFT_SEAT.hold_seconds",
        ),
        ("LEFT_SEAT: {", "LEFT_ROOM: {", "unknown_key", "room_camera.episodes.LEFT_ROOM"),
    ],
)
def test_each_value_is_checked_with_its_path(old: str, new: str, code: str, place: str) -> None:
    start = TEXT.index("\nroom_camera:")
    assert old in TEXT[start:]
    found = load_profile(TEXT[:start] + TEXT[start:].replace(old, new, 1), {})
    assert isinstance(found, list)
    assert (code, place) in [(fault.code, fault.place) for fault in found]


def test_a_kind_that_is_left_out_is_not_told() -> None:
    line = next(line for line in TEXT.splitlines() if line.strip().startswith("TWO_AT_SEAT:"))
    rules = policy(TEXT.replace(line + "\n", "")).room_camera
    assert rules is not None
    assert rules.rule("TWO_AT_SEAT") is None


def test_a_batch_frozen_before_uses_no_room_camera() -> None:
    frozen = policy().to_json()
    assert LevelPolicy.from_json(frozen) == policy()
    older = {name: value for name, value in frozen.items() if name != "room_camera"}
    assert LevelPolicy.from_json(older).room_camera is None
