"""The `desk` part of a policy: read strictly, frozen with the batch, absent in older ones."""

from importlib.resources import files

import pytest

from server.rules.policy import LevelPolicy, Profile, load_profile, policy_for
from server.rules.policy_desk import DeskRules

TEXT = (files("server") / "policies" / "national.yaml").read_text(encoding="utf-8")


def policy(text: str = TEXT) -> LevelPolicy:
    profile = load_profile(text, {"national": TEXT})
    assert isinstance(profile, Profile), profile
    return policy_for(profile, "baowei", 3)


def test_the_national_profile_compares_with_consent_and_lets_the_chief_take_people_in() -> None:
    assert policy().desk == DeskRules(compare=True, walk_ins=True, keep_days=180)


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("compare: true", "compare: 1", "not_yes_or_no", "desk.compare"),
        ("compare: true", "compares: true", "missing_value", "desk.compare"),
        ("walk_ins: true", "walk_ins: maybe", "not_yes_or_no", "desk.walk_ins"),
        ("keep_days: 180         # 签到", "keep_days: 0  # 签到", "number_out_of_range", "desk.keep_days"),
    ],
)
def test_each_value_is_checked_with_its_path(old: str, new: str, code: str, place: str) -> None:
    assert old in TEXT
    found = load_profile(TEXT.replace(old, new, 1))
    assert isinstance(found, list)
    assert (code, place) in [(fault.code, fault.place) for fault in found]


def test_a_batch_frozen_before_compares_nothing_and_one_look_is_enough() -> None:
    frozen = policy().to_json()
    assert LevelPolicy.from_json(frozen) == policy()
    older = LevelPolicy.from_json({name: value for name, value in frozen.items() if name != "desk"})
    assert older.desk == DeskRules()
    assert not older.desk.compare
