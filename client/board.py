"""What the page sees, with a version: long polls wait here until something changed."""

import json
import threading
from collections.abc import Callable

from client.seat import Seat

LONGEST_POLL = 20.0


class Board:
    """One lock for the whole agent, and the numbered view of the seat under it."""

    def __init__(self, seat: Seat, boot: Callable[[], float]) -> None:
        self.seat = seat
        self.boot = boot
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.on_seen: Callable[[int], None] = lambda version: None
        self._shown = ""
        self._version = 0
        self._seen = 0

    @property
    def version(self) -> int:
        """The number of the view that is shown now."""
        return self._version

    def refresh(self) -> None:
        """Looks at the seat again; wakes the page when it would see something new."""
        with self.lock:
            shown = json.dumps(self.seat.view(self.boot()), sort_keys=True)
            if shown != self._shown:
                self._shown = shown
                self._version += 1
            self.changed.notify_all()

    def view(self, after: int, patience: float, wanted: Callable[[], bool]) -> dict[str, object]:
        """The view as soon as its version differs from `after`, else when patience (seconds) ends.

        `wanted` is asked at every change: false ends the wait at once (another page took over).
        """
        end = self.boot() + min(patience, LONGEST_POLL)
        with self.lock:
            self.refresh()
            if self._seen < after <= self._version:  # who asks for what comes after it has it
                self._seen = after
                self.on_seen(after)
            while self._version == after and wanted():
                left = end - self.boot()
                if left <= 0:
                    break
                edge = self.seat.edges(self.boot())
                self.changed.wait(left if edge is None else min(left, edge + 0.005))
                self._look()
            return self._numbered()

    def _look(self) -> None:
        shown = json.dumps(self.seat.view(self.boot()), sort_keys=True)
        if shown != self._shown:
            self.refresh()

    def _numbered(self) -> dict[str, object]:
        now = self.boot()
        view, times = self.seat.view(now), self.seat.times(now)
        link = view["link"]
        assert isinstance(link, dict)
        view["link"] = {**link, "since": times.pop("link_since")}
        return {"version": self._version, **view, **times}
