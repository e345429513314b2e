"""Counting tries: both sides of the limit and of the window; tries that are made at the same moment.

What one process counts by itself and what several count together in Redis must not differ.
"""

from collections.abc import Callable, Iterator

import pytest

from server.bus import redis_channel
from server.bus.counts import REST, CountingRedis, RedisCounts
from server.bus.redis_channel import connect
from server.errors import Refused
from server.services import tries
from server.services.tries import Tries
from tests.server.redis_kit import Impostor, Redis

Doors = Callable[..., Tries]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    server = Redis(tmp_path_factory.mktemp("r"))
    yield server
    server.kill()


def together(url: str, limit: int, window: float, shift: float = 0.0) -> Tries:
    redis = CountingRedis(connect(url), b"secret", shift)
    return Tries(limit, window, RedisCounts(redis, "test", (limit, window)))


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


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    made = Impostor()
    yield made
    made.close()


def test_a_redis_that_hangs_holds_up_one_try_and_not_one_of_each_counter(
    impostor: Impostor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_channel, "TIMEOUT", 0.05)
    clock = [100.0]
    shared = CountingRedis(connect(impostor.url), b"secret", clock=lambda: clock[0])
    five = [Tries(3, 60, RedisCounts(shared, str(number), (3, 60))) for number in range(5)]
    assert [door.begin("a", 1.0) for door in five] == [0.0] * 5
    assert impostor.asked == 1
    clock[0] += REST
    assert [door.begin("a", 2.0) for door in five] == [0.0] * 5
    assert impostor.asked == 2
    assert [five[0].begin("a", moment) for moment in (3.0, 4.0)] == [0.0, 57.0]  # each counts alone


@pytest.mark.parametrize(
    "answer",
    [
        b"+what\r\n",
        b":x\r\n",
        b"$-7\r\n",
        b"$3\r\nnan\r\n",
        b"$5\r\n1e300\r\n",
        b"HTTP/1.1 400\r\n\r\n",
        b"\0" * 99,
    ],
)
def test_what_is_no_answer_of_redis_lets_each_count_alone(
    impostor: Impostor, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_channel, "TIMEOUT", 0.05)
    impostor.answer = answer
    door = Tries(2, 60, RedisCounts(CountingRedis(connect(impostor.url), b"secret"), "test", (2, 60)))
    assert [door.begin("a", moment) for moment in (1.0, 2.0, 3.0)] == [0.0, 0.0, 58.0]
    assert door.closes("a", 2.0)
    door.take_back("a", 2.0)
    assert door.wait_seconds("a", 3.0) == 0.0
    door.succeeded("a")


def test_a_redis_without_room_still_closes_the_door(redis: Redis) -> None:
    client = connect(redis.url)
    client.flushall()
    door = together(redis.url, 1, 60)
    client.config_set("maxmemory", 1)
    try:
        assert [door.begin("a", 1.0), door.begin("a", 2.0)] == [0.0, 59.0]
    finally:
        client.config_set("maxmemory", 0)


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
