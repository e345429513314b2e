"""Failures counted together by all server processes, in Redis, gone by themselves when their time is over.

A key is only a keyed hash there: neither names nor addresses of people.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Any, Protocol

import redis

REST = 1.0
"""Seconds for which a Redis that failed is not asked again."""
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


class RedisCounts:
    """`name`: which counter; `shift`: what makes this process's monotonic seconds those of all machines."""

    def __init__(
        self, client: "redis.Redis", name: str, secret: bytes, limits: tuple[int, float], shift: float = 0.0
    ) -> None:
        self._client = client
        self._name = name
        self._secret = secret
        self._limit, self._window = limits
        self._shift = shift
        self._mark = secrets.token_hex(4)
        self._made, self._back, self._closes = map(client.register_script, (_MADE, _BACK, _CLOSES))
        self._rests_until = 0.0

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
        arguments = (repr(began + self._shift), self._limit, self._window)
        return bool(self._asked(lambda: self._closes(keys=[self._key(key)], args=arguments)))

    def take_back(self, key: str, began: float) -> None:
        """One try of this process that began at this moment was none to count."""
        arguments = [repr(began + self._shift), self._mark]
        self._asked(lambda: self._back(keys=[self._key(key)], args=arguments))

    def succeeded(self, key: str) -> None:
        """Forgets the failures of a key."""
        self._asked(lambda: self._client.delete(self._key(key)))

    def _count(self, key: str, now: float, member: str, *, only_open: bool) -> float:
        arguments = (repr(now + self._shift), self._limit, self._window, member, int(only_open))
        return float(self._asked(lambda: self._made(keys=[self._key(key)], args=arguments)))

    def _asked(self, ask: Callable[[], Any]) -> Any:  # noqa: ANN401
        if time.monotonic() < self._rests_until:
            raise CountsAway
        try:
            return ask()
        except (redis.RedisError, OSError) as fault:
            self._rests_until = time.monotonic() + REST
            raise CountsAway from fault

    def _key(self, key: str) -> str:
        mark = hmac.new(self._secret, f"{self._name}|{key}".encode(), hashlib.sha256).hexdigest()[:32]
        return f"examhall:tries:{mark}"

    def _member(self) -> str:
        return f"{self._mark}{secrets.token_hex(6)}"
