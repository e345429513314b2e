"""The `seat_swap` part of a policy: read strictly, frozen with the batch, off in older ones."""

from importlib.resources import files

import pytest

from server.rules.policy import LevelPolicy, Profile, load_profile, policy_for
from server.rules.policy_swap import SwapRules

TEXT = (files("server") / "policies" / "national.yaml").read_text(encoding="utf-8")


def policy() -> LevelPolicy:
    profile = load_profile(TEXT, {})
    assert isinstance(profile, Profile), profile
    return policy_for(profile, "baowei", 3)


def test_the_national_profile_searches_the_room() -> None:
    assert policy().seat_swap == SwapRules(search="room", margin=0.1)


@pytest.mark.parametrize(
    ("old", "new", "code", "place"),
    [
        ("search: room", "search: town", "not_allowed", "seat_swap.search"),
        ("search: room", "look: room", "not_allowed", "seat_swap.search"),
        ("margin: 0.1 ", "margin: 1.5 ", "number_out_of_range", "seat_swap.margin"),
        ("margin: 0.1 ", "margin: much ", "not_a_number", "seat_swap.margin"),
    ],
)
def test_each_value_is_checked_with_its_path(old: str, new: str, code: str, place: str) -> None:
    assert old in TEXT
    found = load_profile(TEXT.replace(old, new, 1), {})
    assert isinstance(found, list)
    assert (code, place) in [(fault.code, fault.place) for fault in found]


def test_a_batch_frozen_before_looks_for_nobody() -> None:
    frozen = policy().to_json()
    assert LevelPolicy.from_json(frozen) == policy()
    older = LevelPolicy.from_json({name: value for name, value in frozen.items() if name != "seat_swap"})
    assert older.seat_swap == SwapRules("none")
