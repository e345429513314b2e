"""When seats are back after a fault: the first answer given afterwards that the server has saved.

Moments are seconds of a clock that only goes forward (`time.monotonic`).
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class Return:
    """One seat's way back. `since`: when what held it was healed; `spoiled`: another fault came between."""

    since: float
    back: float | None = None
    spoiled: bool = False

    @property
    def open(self) -> bool:
        """Whether it is still waited for."""
        return self.back is None and not self.spoiled

    def confirmed(self, given: Mapping[str, float], now: float) -> None:
        """The page shows answers as saved at the server; `given`: when each was chosen, by item."""
        if self.open and any(moment > self.since for moment in given.values()):
            self.back = now


class Trouble:
    """Whether a fault holds the whole room, and since when none does.

    Its `calm` clock stands still meanwhile: nobody's patience runs out while the server is away. `label`:
    the fault that answers are counted under, until all seats are back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._began: float | None = None
        self._held = 0.0
        self.label = ""
        self.healed_at = 0.0

    @contextmanager
    def of(self, label: str) -> Iterator[None]:
        """Inside the block a fault of the room holds."""
        with self._lock:
            self._began, self.label = self._clock(), label
        try:
            yield
        finally:
            with self._lock:
                assert self._began is not None
                self._held += self._clock() - self._began
                self._began = None

    def heal(self) -> float:
        """From now on whatever held the room comes back; the moment."""
        self.healed_at = self._clock()
        return self.healed_at

    def calm(self) -> float:
        """Seconds in which no fault held the room."""
        with self._lock:
            now = self._clock() if self._began is None else self._began
            return now - self._held

    def seconds(self, way: Return) -> float:
        """How long a seat took from the latest healing of what held it back, its own or the room's."""
        assert way.back is not None
        room = self.healed_at if self.healed_at <= way.back else way.since
        return max(0.0, way.back - max(way.since, room))
