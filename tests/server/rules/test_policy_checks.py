"""The `checks` part of a policy: read strictly, frozen with the batch, absent in older ones."""

from importlib.resources import files

import pytest

from server.rules.policy import LevelPolicy, Profile, load_profile, policy_for
from server.rules.policy_checks import CheckRules

TEXT = (files("server") / "policies" / "national.yaml").read_text(encoding="utf-8")
REHEARSAL = (files("server") / "policies" / "rehearsal.yaml").read_text(encoding="utf-8")


def policy(text: str = TEXT) -> LevelPolicy:
    profile = load_profile(text, {"national": TEXT})
    assert isinstance(profile, Profile), profile
    return policy_for(profile, "baowei", 3)


def faults(old: str, new: str) -> list[tuple[str, str]]:
    assert old in TEXT
    found = load_profile(TEXT.replace(old, new, 1))
    assert isinstance(found, list)
    return [(fault.code, fault.place) for fault in found]


def test_the_national_profile_asks_for_checks_and_a_rehearsal_too() -> None:
    assert policy().checks == CheckRules(True, 200, 1000, 120, lockdown=True)
    assert policy(REHEARSAL).checks == CheckRules(True, 200, 1000, 120, lockdown=False)


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("required: true", "required: 1", "not_yes_or_no", "checks.required"),
        ("required: true", "require: true", "missing_value", "checks.required"),
        ("least_free_mb: 200", "least_free_mb: -1", "number_out_of_range", "checks.least_free_mb"),
        ("most_offset_ms: 1000", "most_offset_ms: 9", "number_out_of_range", "checks.most_offset_ms"),
        ("most_offset_ms: 1000", "most_offset_ms: soon", "not_a_whole_number", "checks.most_offset_ms"),
        ("max_age_minutes: 120", "max_age_minutes: 4", "number_out_of_range", "checks.max_age_minutes"),
        ("lockdown: true", "lockdown: maybe", "not_yes_or_no", "checks.lockdown"),
    ],
)
def test_each_number_is_checked_with_its_path(old: str, new: str, code: str, place: str) -> None:
    assert (code, place) in faults(old, new)


def test_the_frozen_copy_says_the_same_and_an_older_one_blocks_nobody() -> None:
    frozen = policy().to_json()
    assert LevelPolicy.from_json(frozen) == policy()
    older = LevelPolicy.from_json({name: value for name, value in frozen.items() if name != "checks"})
    assert older.checks == CheckRules()
    assert not older.checks.required
