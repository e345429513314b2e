"""Whether the page lives: its long poll at the agent is its heartbeat, and so is what the candidate does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Pulse:
    """When the page was last heard. One that waits in a poll was heard just now, a hung one asks no more."""

    def __init__(self, boot: Callable[[], float]) -> None:
        self._boot = boot
        self._lock = threading.Lock()
        self._waiting = 0
        self._seen: float | None = None

    @contextmanager
    def beat(self) -> Iterator[None]:
        """Around one poll of the page in charge."""
        with self._lock:
            self._waiting += 1
            self._seen = self._boot()
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                self._seen = self._boot()

    def heard(self) -> None:
        """The page in charge has sent something a candidate did."""
        with self._lock:
            self._seen = self._boot()

    def last_seen(self) -> float | None:
        """Boot seconds at which the page was last heard (now, while it waits); None before the first time."""
        with self._lock:
            return self._boot() if self._waiting else self._seen
