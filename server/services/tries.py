"""Counting failed tries in memory: so many in a window, then a pause. A restart forgets them."""

from collections import OrderedDict

LIMIT = 10
WINDOW_SECONDS = 300.0
KEPT = 10_000


class Tries:
    """Failures by key (an account and an address). `now` is monotonic seconds."""

    def __init__(self, limit: int = LIMIT, window: float = WINDOW_SECONDS) -> None:
        self.limit = limit
        self.window = window
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def wait_seconds(self, key: str, now: float) -> float:
        """How long this key must wait before its next try; 0 when it may try."""
        failed = self._recent(key, now)
        if len(failed) < self.limit:
            return 0.0
        return failed[-self.limit] + self.window - now

    def failed(self, key: str, now: float) -> bool:
        """Counts one failure; true when this was the one that closes the door."""
        failed = [*self._recent(key, now), now]
        self._failed[key] = failed
        self._failed.move_to_end(key)
        while len(self._failed) > KEPT:
            self._failed.popitem(last=False)
        return len(failed) == self.limit

    def succeeded(self, key: str) -> None:
        """Forgets the failures of a key."""
        self._failed.pop(key, None)

    def _recent(self, key: str, now: float) -> list[float]:
        return [moment for moment in self._failed.get(key, []) if moment > now - self.window]
