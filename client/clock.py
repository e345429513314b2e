"""Time at a seat: the kernel's boot clock, and an estimate of the server's clock built on it.

The wall clock is never read: setting it forward or back must not change what a candidate has left.
CLOCK_BOOTTIME counts through suspend, which CLOCK_MONOTONIC does not.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from client import machine

EXCHANGES_KEPT = 8
"""Samples compared for the lowest round trip: some 24 s of heartbeats, so drift stays below a millisecond."""


def boot_ns() -> int:
    """Nanoseconds since the machine was started, suspend included."""
    return machine.boot_ns()


def boot_seconds() -> float:
    """The same in seconds."""
    return boot_ns() / 1e9


def read_boot_id(path: Path = machine.BOOT_ID_FILE) -> str:
    """The kernel's id of this start of the machine; boot times are comparable only under one id."""
    return machine.boot_id(path)


@dataclass(frozen=True, slots=True)
class ClockAnchor:
    """The server's time at one moment of this machine's boot clock; kept on disk across a restart."""

    boot_id: str
    boot: float
    server: datetime


class ServerClock:
    """Estimates the server's time from request and reply stamps; the lowest round trip wins."""

    def __init__(self, boot_id: str) -> None:
        self._boot_id = boot_id
        self._samples: deque[tuple[float, float, datetime]] = deque(maxlen=EXCHANGES_KEPT)
        self._anchor: ClockAnchor | None = None

    @property
    def anchor(self) -> ClockAnchor | None:
        """The relation in use, or None before the first exchange of this boot."""
        return self._anchor

    @property
    def uncertainty(self) -> float | None:
        """Seconds by which the estimate may be off: half of the best round trip; None before an exchange."""
        return min(trip for trip, _, _ in self._samples) / 2 if self._samples else None

    @property
    def spread(self) -> float:
        """Seconds by which exchanges contradict the best one beyond what their round trips explain."""
        if not self._samples:
            return 0.0
        best_trip, best_middle, best_server = min(self._samples, key=lambda sample: sample[0])
        return max(
            abs((server - best_server).total_seconds() - (middle - best_middle)) - (trip + best_trip) / 2
            for trip, middle, server in self._samples
        )

    def restore(self, anchor: ClockAnchor) -> None:
        """Go on with an anchor saved before a restart; one of another boot says nothing."""
        if anchor.boot_id == self._boot_id and not self._samples:
            self._anchor = anchor

    def observe(self, server_time: datetime, *, sent: float, received: float) -> None:
        """One exchange: boot seconds at sending and receiving, the server's time somewhere between."""
        trip = received - sent
        if trip < 0:
            return
        self._samples.append((trip, (sent + received) / 2, server_time))
        _, middle, server = min(self._samples, key=lambda sample: sample[0])
        self._anchor = ClockAnchor(self._boot_id, middle, server)

    def now(self, boot: float) -> datetime | None:
        """The server's time at a moment of the boot clock (seconds), None when it is not known."""
        if self._anchor is None:
            return None
        return self._anchor.server + timedelta(seconds=boot - self._anchor.boot)

    def until(self, moment: datetime | None, boot: float) -> float | None:
        """Seconds left until a moment of server time (negative afterwards), None when unknown."""
        now = self.now(boot)
        return None if moment is None or now is None else (moment - now).total_seconds()
