"""Failures counted together by all server processes, in Redis, gone by themselves when their time is over.

A key is only a keyed hash there: neither names nor addresses of people.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import redis

from server.bus.redis_channel import TIMEOUT

T = TypeVar("T")
REST = 1.0
"""Seconds for which a Redis that failed is not asked again."""
PROBE = TIMEOUT + REST
"""Then one asks it for all, and nobody else for so many seconds: only one waits for a Redis that hangs."""
SKEW = 60.0
"""Seconds by which a pause may seem longer than its window, since machines' clocks differ."""
_MADE = """
local now, limit, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local full = redis.call('ZCARD', KEYS[1]) >= limit
if ARGV[4] ~= '' and not (full and ARGV[5] == '1') then
  redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4])
  redis.call('PEXPIRE', KEYS[1], math.ceil(window * 1000))
end
if not full then return '0' end
local oldest = redis.call('ZRANGE', KEYS[1], -limit, -limit, 'WITHSCORES')
return string.format('%.6f', tonumber(oldest[2]) + window - now)
"""
_BACK = """
for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], ARGV[1])) do
  if string.sub(member, 1, #ARGV[2]) == ARGV[2] then return redis.call('ZREM', KEYS[1], member) end
end
return 0
"""
_CLOSES = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', tonumber(ARGV[1]) - tonumber(ARGV[3]))
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[2]) then return 0 end
local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
return (tonumber(newest[2]) == tonumber(ARGV[1])) and 1 or 0
"""


class CountsAway(Exception):
    """Nobody counts together now."""


class Counts(Protocol):
    """Failures by key within a window of seconds. `now` is monotonic seconds. All raise `CountsAway`."""

    def wait_seconds(self, key: str, now: float) -> float: ...
    def failed(self, key: str, now: float) -> None: ...
    def begin(self, key: str, now: float) -> float: ...
    def closes(self, key: str, began: float) -> bool: ...
    def take_back(self, key: str, began: float) -> None: ...
    def succeeded(self, key: str) -> None: ...


class CountingRedis:
    """The Redis of all counters of a process, which rest together once it fails one of them.

    `shift`: what makes this process's monotonic seconds those of all machines.
    """

    def __init__(
        self,
        client: "redis.Redis",
        secret: bytes,
        shift: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = client
        self.shift = shift
        self.mark = secrets.token_hex(4)
        self.made, self.back, self.closes = map(client.register_script, (_MADE, _BACK, _CLOSES))
        self._secret = secret
        self._clock = clock
        self._rests_until: float | None = None

    def asked(self, ask: Callable[[], T]) -> T:
        """What it answers. Raises `CountsAway` when it does not, or what it says is no answer."""
        if self._rests_until is not None:
            if self._clock() < self._rests_until:
                raise CountsAway
            self._rests_until = self._clock() + PROBE
        try:
            found = ask()
        except Exception as fault:  # away, full, or something else that answers in its place
            self._rests_until = self._clock() + REST
            raise CountsAway from fault
        self._rests_until = None
        return found

    def key(self, name: str, key: str) -> str:
        """Where a counter keeps the failures of a key."""
        mark = hmac.new(self._secret, f"{name}|{key}".encode(), hashlib.sha256).hexdigest()[:32]
        return f"examhall:tries:{mark}"


class RedisCounts:
    """One counter: its `name`, and its limit within so many seconds."""

    def __init__(self, redis: CountingRedis, name: str, limits: tuple[int, float]) -> None:
        self._redis = redis
        self._name = name
        self._limit, self._window = limits

    def wait_seconds(self, key: str, now: float) -> float:
        """How long this key must wait; 0 when it may try."""
        return self._count(key, now, "", only_open=False)

    def failed(self, key: str, now: float) -> None:
        """Counts one failure."""
        self._count(key, now, self._member(), only_open=False)

    def begin(self, key: str, now: float) -> float:
        """Counts a try and returns 0; else how long it must wait."""
        return self._count(key, now, self._member(), only_open=True)

    def closes(self, key: str, began: float) -> bool:
        """Whether the try that began at this moment is the newest, and the last that was free."""
        arguments = (repr(began + self._redis.shift), self._limit, self._window)
        return self._redis.asked(lambda: bool(int(self._redis.closes(keys=self._keys(key), args=arguments))))

    def take_back(self, key: str, began: float) -> None:
        """One try of this process that began at this moment was none to count."""
        arguments = (repr(began + self._redis.shift), self._redis.mark)
        self._redis.asked(lambda: self._redis.back(keys=self._keys(key), args=arguments))

    def succeeded(self, key: str) -> None:
        """Forgets the failures of a key."""
        self._redis.asked(lambda: self._redis.client.delete(*self._keys(key)))

    def _count(self, key: str, now: float, member: str, *, only_open: bool) -> float:
        arguments = (repr(now + self._redis.shift), self._limit, self._window, member, int(only_open))
        return self._redis.asked(lambda: self._wait(self._redis.made(keys=self._keys(key), args=arguments)))

    def _keys(self, key: str) -> list[str]:
        return [self._redis.key(self._name, key)]

    def _member(self) -> str:
        return f"{self._redis.mark}{secrets.token_hex(6)}"

    def _wait(self, answer: Any) -> float:  # noqa: ANN401 - whatever answers
        """Raises `ValueError` for what is no pause of this counter; one without an end shuts people out."""
        found = float(answer)
        if not 0 <= found <= self._window + SKEW:
            raise ValueError("no pause of this counter")
        return found
