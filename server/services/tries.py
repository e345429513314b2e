"""Counting tries: so many failures in a window, then a pause; and so many at once.

A try with slow work is counted before that begins and taken back when it was right: many at the same moment
are no way around the limit. One process counts in memory, and a restart forgets; several count together, and
each for itself while they cannot.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

from server.bus.counts import Counts, CountsAway
from server.errors import Refused

T = TypeVar("T")
LIMIT = 10
ADDRESS_LIMIT = 60
"""Failures of one address over all names: more than of one name, since a whole staff may share it."""
WINDOW_SECONDS = 300.0
KEPT = 10_000
PLACES = 24
"""Password checks at work or waiting: about a second of work for the two threads that do them."""


class Tries:
    """Failures by key (an account and an address). `now` is monotonic seconds.

    `together`: what counts for all server processes; whatever it misses, this process counts alone.
    """

    def __init__(
        self, limit: int = LIMIT, window: float = WINDOW_SECONDS, together: Counts | None = None
    ) -> None:
        self._own = OwnCounts(limit, window)
        self._together = together

    @property
    def limit(self) -> int:
        """How many failures close a key."""
        return self._own.limit

    def wait_seconds(self, key: str, now: float) -> float:
        """How long this key must wait before its next try; 0 when it may try."""
        return self._asked(lambda counts: counts.wait_seconds(key, now))

    def failed(self, key: str, now: float) -> None:
        """Counts one failure."""
        self._asked(lambda counts: counts.failed(key, now))

    def begin(self, key: str, now: float) -> float:
        """Counts a try that is about to be made as a failure and returns 0; else how long it must wait."""
        return self._asked(lambda counts: counts.begin(key, now))

    def closes(self, key: str, began: float) -> bool:
        """Whether the try that began at this moment is the one after which the key has to wait."""
        return self._asked(lambda counts: counts.closes(key, began))

    def take_back(self, key: str, began: float) -> None:
        """The try that began at this moment was none to count."""
        self._own.take_back(key, began)  # it may have been counted here while nobody counted together
        if self._together is not None:
            self._asked(lambda counts: counts.take_back(key, began))

    def succeeded(self, key: str) -> None:
        """Forgets the failures of a key."""
        self._own.succeeded(key)
        if self._together is not None:
            self._asked(lambda counts: counts.succeeded(key))

    def _asked(self, ask: Callable[[Counts], T]) -> T:
        if self._together is not None:
            try:
                return ask(self._together)
            except CountsAway:
                pass
        return ask(self._own)


class OwnCounts:
    """Counts in the memory of one process."""

    def __init__(self, limit: int = LIMIT, window: float = WINDOW_SECONDS) -> None:
        self.limit = limit
        self.window = window
        self._failed: OrderedDict[str, list[float]] = OrderedDict()
        self._one_by_one = Lock()

    def wait_seconds(self, key: str, now: float) -> float:
        """How long this key must wait before its next try; 0 when it may try."""
        failed = self._recent(key, now)
        if len(failed) < self.limit:
            return 0.0
        return failed[-self.limit] + self.window - now

    def failed(self, key: str, now: float) -> None:
        """Counts one failure."""
        self._failed[key] = [*self._recent(key, now), now]
        self._failed.move_to_end(key)
        while len(self._failed) > KEPT:
            self._failed.popitem(last=False)

    def begin(self, key: str, now: float) -> float:
        """Counts a try that is about to be made as a failure and returns 0; else how long it must wait."""
        with self._one_by_one:
            wait = self.wait_seconds(key, now)
            if wait == 0:
                self.failed(key, now)
        return wait

    def closes(self, key: str, began: float) -> bool:
        """Whether the try that began at this moment is the one after which the key has to wait."""
        failed = self._recent(key, began)
        return len(failed) >= self.limit and failed[-1] == began

    def take_back(self, key: str, began: float) -> None:
        """The try that began at this moment was none to count."""
        failed = self._failed.get(key, [])
        if began in failed:
            failed.remove(began)
        if not failed:
            self._failed.pop(key, None)

    def succeeded(self, key: str) -> None:
        """Forgets the failures of a key."""
        self._failed.pop(key, None)

    def _recent(self, key: str, now: float) -> list[float]:
        return [moment for moment in self._failed.get(key, []) if moment > now - self.window]


class Places:
    """So many at once; whoever comes beyond them is turned away and told to come again."""

    def __init__(self, most: int = PLACES) -> None:
        self.most = most
        self._taken = 0
        self._one_by_one = Lock()

    @contextmanager
    def one(self, *, field: str) -> Iterator[None]:
        """Holds a place. Raises `Refused` (`server_busy`, 429) for the form's `field` when all are taken."""
        with self._one_by_one:
            if self._taken >= self.most:
                raise Refused("server_busy", 429, field=field)
            self._taken += 1
        try:
            yield
        finally:
            with self._one_by_one:
                self._taken -= 1
