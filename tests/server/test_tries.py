"""Counting failed tries: both sides of the limit and of the window."""

from server.services import tries


def test_the_door_closes_at_the_limit_and_opens_after_the_window() -> None:
    door = tries.Tries(limit=3, window=60)
    assert [door.failed("a", now) for now in (0.0, 1.0, 2.0)] == [False, False, True]
    assert door.wait_seconds("a", 2.0) == 58.0
    assert door.wait_seconds("a", 59.9) > 0
    assert door.wait_seconds("a", 60.0) == 0.0


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
