"""Screens that look at a room in a bench: what each saw of each seat, and when.

Three kinds: a monitor's socket, a page that is fetched again every two seconds, and a monitor in a real
Chromium. All of them note (seat, answers seen, CLOCK_BOOTTIME in ns); `delays` compares that with when the
seats wrote their answers.
"""

import json
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from exam_rooms.protocol import EVENT_SEATS
from server.cli.rehearse.staff import Desk, StaffRefused
from server.cli.rehearse.watch import Line

POLL_SECONDS = 2.0
NS_PER_MS = 1_000_000
_SIZES = 50
Sight = tuple[int, int, int]
"""Seat id, answers counted there, CLOCK_BOOTTIME in ns."""
_SEAT = re.compile(r'data-seat="(\d+)"')
_COUNTED = re.compile(r'class="seat-note"[^>]*>\D*(\d+)/\d+<')


def boot_ns() -> int:
    """This moment."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Socket:
    """A monitor's socket; only what changes is heard."""

    def __init__(self, desk: Desk, room_sitting: int, ca_file: Path) -> None:
        self.sights: list[Sight] = []
        self.heard: list[int] = []
        """When each event came (CLOCK_BOOTTIME in ns)."""
        self.sizes: list[int] = []
        """Bytes of the first events."""
        self._known: dict[int, int] = {}
        self._line = Line(desk, room_sitting, ca_file)
        self._line.on(EVENT_SEATS, self._seats)

    def open(self) -> None:
        """Connects."""
        self._line.open(30)

    def close(self) -> None:
        """Ends it."""
        self._line.close()

    def _seats(self, cells: list[dict[str, Any]]) -> None:
        now = boot_ns()
        self.heard.append(now)
        if len(self.sizes) < _SIZES:
            self.sizes.append(len(json.dumps(cells, separators=(",", ":"))))
        for cell in cells:
            if cell.get("answered", 0) > self._known.get(cell["seat"], 0):
                self._known[cell["seat"]] = cell["answered"]
                self.sights.append((cell["seat"], cell["answered"], now))


class Poller:
    """A page without a socket: the same board fetched again and again."""

    def __init__(self, desk: Desk, room_sitting: int) -> None:
        self.sights: list[Sight] = []
        self.pages = 0
        self._known: dict[int, int] = {}
        self._desk, self._path = desk, f"/monitor/{room_sitting}"
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def open(self) -> None:
        """Begins to fetch."""
        self._thread.start()

    def close(self) -> None:
        """Ends it after the page that is on its way."""
        self._ending.set()
        self._thread.join(60.0)

    def _run(self) -> None:
        while not self._ending.is_set():
            began = time.monotonic()
            with suppress(OSError, StaffRefused):  # a server that cannot keep up: the next page may come
                self._take(self._desk.get(self._path).text)
            self._ending.wait(max(0.0, POLL_SECONDS - (time.monotonic() - began)))

    def _take(self, page: str) -> None:
        now = boot_ns()
        self.pages += 1
        for part in page.split('<g class="seat"')[1:]:
            seat, counted = _SEAT.search(part), _COUNTED.search(part)
            if seat and counted and int(counted[1]) > self._known.get(int(seat[1]), 0):
                self._known[int(seat[1])] = int(counted[1])
                self.sights.append((int(seat[1]), int(counted[1]), now))


def delays(
    sights: Iterable[Sight], written: Mapping[int, Sequence[int]], since_ns: int = 0, until_ns: int = 1 << 62
) -> list[float]:
    """Milliseconds from an answer at its seat to the screen, ascending; of answers written in a span.

    An answer that was overtaken by the next one before the screen showed it is seen with that one.
    """
    found: list[float] = []
    shown: dict[int, int] = {}
    for seat, counted, at in sights:
        for place in range(shown.get(seat, 0), min(counted, len(written.get(seat, ())))):
            wrote = written[seat][place]
            if since_ns <= wrote <= until_ns:
                found.append((at - wrote) / NS_PER_MS)
        shown[seat] = max(shown.get(seat, 0), counted)
    return sorted(found)
