"""Counting tries: both sides of the limit and of the window; tries that are made at the same moment."""

import pytest

from server.errors import Refused
from server.services import tries


def test_the_door_closes_at_the_limit_and_opens_after_the_window() -> None:
    door = tries.Tries(limit=3, window=60)
    for moment in (0.0, 1.0, 2.0):
        assert door.wait_seconds("a", moment) == 0.0
        door.failed("a", moment)
    assert door.wait_seconds("a", 2.0) == 58.0
    assert door.wait_seconds("a", 59.9) > 0
    assert door.wait_seconds("a", 60.0) == 0.0


def test_tries_at_the_same_moment_count_before_they_are_decided() -> None:
    door = tries.Tries(limit=3, window=60)
    assert [door.begin("a", moment) for moment in (0.0, 0.5, 1.0, 1.5, 2.0)] == [0, 0, 0, 58.5, 58.0]
    assert [door.closes("a", moment) for moment in (0.0, 0.5, 1.0)] == [False, False, True]


def test_a_try_that_waits_does_not_lengthen_the_pause() -> None:
    door = tries.Tries(limit=1, window=60)
    door.begin("a", 0.0)
    assert door.begin("a", 59.0) == 1.0
    assert door.begin("a", 60.0) == 0.0


def test_a_right_try_is_taken_back_and_the_others_stay() -> None:
    door = tries.Tries(limit=2, window=60)
    door.begin("a", 0.0)
    door.begin("a", 1.0)
    door.take_back("a", 1.0)
    assert door.wait_seconds("a", 2.0) == 0.0
    door.begin("a", 2.0)
    assert door.wait_seconds("a", 3.0) > 0
    door.take_back("b", 0.0)
    door.succeeded("a")
    assert door.wait_seconds("a", 3.0) == 0.0


def test_keys_are_apart() -> None:
    door = tries.Tries(limit=1, window=60)
    door.failed("a", 0.0)
    assert door.wait_seconds("b", 0.0) == 0.0


def test_memory_is_bounded(monkeypatch) -> None:
    monkeypatch.setattr(tries, "KEPT", 5)
    door = tries.Tries(limit=1, window=60)
    for number in range(20):
        door.failed(str(number), 0.0)
    assert door.wait_seconds("0", 1.0) == 0.0
    assert door.wait_seconds("19", 1.0) > 0


def test_places_are_given_back_after_a_fault_too() -> None:
    places = tries.Places(2)
    with places.one(field="username"):
        with pytest.raises(ValueError, match="fault"), places.one(field="username"):
            raise ValueError("fault")
        with (
            places.one(field="username"),
            pytest.raises(Refused, match="server_busy") as caught,
            places.one(field="username"),
        ):
            pass
    assert (caught.value.status, caught.value.params) == (429, {"field": "username"})
    with places.one(field="username"), places.one(field="username"):
        pass
