"""How late the event loop runs: a pulse every 20 ms notes how much later than asked it came (design D19)."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

PERIOD_SECONDS = 0.02
KEPT_SECONDS = 600
RECENT_PULSES = 100
"""Pulses that tell how long a request waits now: the last two seconds of a loop at ease."""


@dataclass(frozen=True, slots=True)
class Lag:
    """Lateness of the pulses in milliseconds, and how many there were."""

    p50: float
    p99: float
    max: float
    pulses: int


class LoopLag:
    """Keeps ten minutes of pulses. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._late: deque[float] = deque(maxlen=int(KEPT_SECONDS / PERIOD_SECONDS))
        self._since_mark: deque[float] = deque(maxlen=int(6 * KEPT_SECONDS / PERIOD_SECONDS))
        self._wait: float | None = 0.0
        """What `wait` says until the next pulse; None before it was worked out."""

    def note(self, late_seconds: float) -> None:
        """One pulse came this much later than asked."""
        self._late.append(late_seconds)
        self._since_mark.append(late_seconds)
        self._wait = None

    def wait(self) -> float:
        """Seconds that a request coming at any moment has lately waited for the loop, on average."""
        if self._wait is None:  # every save asks
            late = list(islice(reversed(self._late), RECENT_PULSES))
            span = sum(late) + PERIOD_SECONDS * len(late)
            self._wait = sum(seconds * seconds for seconds in late) / 2 / span if late else 0.0
        return self._wait

    def mark(self) -> None:
        """Begins a new measurement: `since_mark` counts from here (at most one hour)."""
        self._since_mark.clear()

    def recent(self) -> Lag:
        """The last ten minutes."""
        return summary(self._late)

    def since_mark(self) -> Lag:
        """Since the last `mark`."""
        return summary(self._since_mark)

    def run(self, sleep: Callable[[float], object]) -> None:
        """Pulses for ever; started as a greenlet by the server."""
        while True:
            before = time.monotonic()
            sleep(PERIOD_SECONDS)
            self.note(max(0.0, time.monotonic() - before - PERIOD_SECONDS))


def summary(late: deque[float]) -> Lag:
    """Percentiles (nearest rank) of lateness, in ms."""
    ordered = sorted(late)
    if not ordered:
        return Lag(0.0, 0.0, 0.0, 0)
    p50, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.99))
    return Lag(round(p50 * 1000, 2), round(p99 * 1000, 2), round(ordered[-1] * 1000, 2), len(ordered))
