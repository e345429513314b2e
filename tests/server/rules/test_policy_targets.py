"""The `targets` part of a policy: read strictly, frozen with the batch, off in older ones."""

from importlib.resources import files

import pytest

from server.rules.policy import LevelPolicy, Profile, load_profile, policy_for
from server.rules.policy_targets import TargetRules, targets_of

TEXT = (files("server") / "policies" / "national.yaml").read_text(encoding="utf-8")


def policy() -> LevelPolicy:
    profile = load_profile(TEXT, {})
    assert isinstance(profile, Profile), profile
    return policy_for(profile, "baowei", 3)


def test_the_national_profile_mutes_hints_and_never_identity() -> None:
    targets = policy().targets
    assert targets.mutes("PHONE_HINT") and targets.mutes("NO_FACE")
    assert not any(targets.mutes(kind) for kind in ("FACE_MISMATCH", "SEAT_SWAP", "LIVENESS_DOUBT"))
    assert not any(targets.mutes(kind) for kind in ("CAMERA_LOST", "CAMERA_COVERED", "ROOM_CAMERA_LOST"))
    target = targets.target("PHONE_HINT")
    assert target is not None and (target.share, target.least_reviewed) == (0.7, 10)
    assert targets.target("GAZE_AWAY") is None


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("  mute: true", "  mute: maybe", "not_yes_or_no", "targets.mute"),
        ("  mute: true", "  silent: true", "missing_value", "targets.mute"),
        ("  mute_identity: false", "  mute_identity: 0", "not_yes_or_no", "targets.mute_identity"),
        ("least_reviewed: 10 ", "least_reviewed: 0 ", "number_out_of_range", "targets.least_reviewed"),
        (
            "    PHONE_HINT: 0.7",
            "    PHONE_HINT: 1.1",
            "number_out_of_range",
            "targets.false_alarms.PHONE_HINT",
        ),
        ("    PHONE_HINT: 0.7", "    PHONE: 0.7", "unknown_key", "targets.false_alarms.PHONE"),
    ],
)
def test_each_value_is_checked_with_its_path(old: str, new: str, code: str, place: str) -> None:
    assert old in TEXT
    found = load_profile(TEXT.replace(old, new, 1), {})
    assert isinstance(found, list)
    assert (code, place) in [(fault.code, fault.place) for fault in found]


def test_a_batch_frozen_before_mutes_nothing() -> None:
    frozen = policy().to_json()
    assert LevelPolicy.from_json(frozen) == policy()
    assert targets_of(frozen) == policy().targets
    older = {name: value for name, value in frozen.items() if name != "targets"}
    assert LevelPolicy.from_json(older).targets == targets_of(older) == TargetRules()
    assert not TargetRules(mute=False, mute_identity=True).mutes("PHONE_HINT")
