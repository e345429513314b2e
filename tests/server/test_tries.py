"""Counting tries: both sides of the limit and of the window; tries that are made at the same moment.

What one process counts by itself and what several count together in Redis must not differ.
"""

from collections.abc import Callable, Iterator

import pytest

from server.bus.counts import RedisCounts
from server.bus.redis_channel import connect
from server.errors import Refused
from server.services import tries
from server.services.tries import Tries
from tests.server.redis_kit import Redis

Doors = Callable[..., Tries]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    server = Redis(tmp_path_factory.mktemp("r"))
    yield server
    server.kill()


def together(url: str, limit: int, window: float, shift: float = 0.0) -> Tries:
    counts = RedisCounts(connect(url), "test", b"secret", (limit, window), shift)
    return Tries(limit, window, counts)


@pytest.fixture(params=["own", "together"])
def doors(request: pytest.FixtureRequest) -> Doors:
    if request.param == "own":
        return Tries
    server = request.getfixturevalue("redis")
    connect(server.url).flushall()
    return lambda limit, window: together(server.url, limit, window)


def test_the_door_closes_at_the_limit_and_opens_after_the_window(doors: Doors) -> None:
    door = doors(limit=3, window=60)
    for moment in (0.0, 1.0, 2.0):
        assert door.wait_seconds("a", moment) == 0.0
        door.failed("a", moment)
    assert door.wait_seconds("a", 2.0) == 58.0
    assert door.wait_seconds("a", 59.9) > 0
    assert door.wait_seconds("a", 60.0) == 0.0


def test_tries_at_the_same_moment_count_before_they_are_decided(doors: Doors) -> None:
    door = doors(limit=3, window=60)
    assert [door.begin("a", moment) for moment in (0.0, 0.5, 1.0, 1.5, 2.0)] == [0, 0, 0, 58.5, 58.0]
    assert [door.closes("a", moment) for moment in (0.0, 0.5, 1.0)] == [False, False, True]


def test_a_try_that_waits_does_not_lengthen_the_pause(doors: Doors) -> None:
    door = doors(limit=1, window=60)
    door.begin("a", 0.0)
    assert door.begin("a", 59.0) == 1.0
    assert door.begin("a", 60.0) == 0.0


def test_a_right_try_is_taken_back_and_the_others_stay(doors: Doors) -> None:
    door = doors(limit=2, window=60)
    door.begin("a", 0.0)
    door.begin("a", 1.0)
    door.take_back("a", 1.0)
    assert door.wait_seconds("a", 2.0) == 0.0
    door.begin("a", 2.0)
    assert door.wait_seconds("a", 3.0) > 0
    door.take_back("b", 0.0)
    door.succeeded("a")
    assert door.wait_seconds("a", 3.0) == 0.0


def test_keys_are_apart(doors: Doors) -> None:
    door = doors(limit=1, window=60)
    door.failed("a", 0.0)
    assert door.wait_seconds("b", 0.0) == 0.0


def test_two_at_the_same_moment_are_two(doors: Doors) -> None:
    door = doors(limit=2, window=60)
    assert [door.begin("a", 5.0) for _ in range(3)] == [0, 0, 60]
    door.take_back("a", 5.0)
    assert door.begin("a", 6.0) == 0 and door.begin("a", 6.0) > 0


def test_two_processes_count_together_and_each_alone_while_redis_is_away(redis: Redis) -> None:
    connect(redis.url).flushall()
    here, there = together(redis.url, 2, 60), together(redis.url, 2, 60, shift=1000.0)  # booted later
    here.begin("张三|10.0.0.1", 1000.0)
    there.begin("张三|10.0.0.1", 1.0)
    assert (here.wait_seconds("张三|10.0.0.1", 1002.0), there.wait_seconds("张三|10.0.0.1", 2.0)) == (58, 58)
    assert there.closes("张三|10.0.0.1", 1.0) and not here.closes("张三|10.0.0.1", 1000.0)
    kept = connect(redis.url).keys()
    assert len(kept) == 1 and "张三".encode() not in kept[0] and b"10.0" not in kept[0]
    assert 0 < connect(redis.url).pttl(kept[0]) <= 60_000
    redis.kill()
    assert [here.begin("a", 1003.0), here.begin("a", 1003.0), here.begin("a", 1003.0)] == [0, 0, 60]
    assert there.wait_seconds("a", 3.0) == 0
    redis.start()


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
