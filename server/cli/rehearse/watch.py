"""An invigilator's monitor: a real Socket.IO client that keeps the room as the screen would show it."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import socketio

from exam_rooms.protocol import EVENT_ACTIVITY, EVENT_ROOM, EVENT_SEATS, NAMESPACE_MONITOR
from server.cli.rehearse.staff import Desk

NS_PER_MS = 1_000_000


class Line:
    """A monitor's socket to one room, trusting the site's certificate; `on` takes the handlers."""

    def __init__(self, desk: Desk, room_sitting: int, ca_file: Path, **options: Any) -> None:  # noqa: ANN401
        self._desk, self._room = desk, room_sitting
        tls = {"sslopt": {"ca_certs": str(ca_file), "check_hostname": False}} if ca_file.exists() else {}
        self._client = socketio.Client(websocket_extra_options=tls, **options)

    def on(self, event: str, told: Callable[..., None]) -> None:
        """What to do with an event of the monitors."""
        self._client.on(event, told, namespace=NAMESPACE_MONITOR)

    def open(self, seconds: float, *, retry: bool = False) -> None:
        """Connects within this time."""
        self._client.connect(
            self._desk.address.url,
            headers={"Cookie": self._desk.cookie},
            auth={"room": self._room},
            transports=["websocket"],
            namespaces=[NAMESPACE_MONITOR],
            wait_timeout=seconds,
            retry=retry,
        )

    def close(self) -> None:
        """Closes it for good."""
        self._client.shutdown()


class Monitor:
    """The room's board and seat cards as last heard, and how long changes and alerts took to arrive (ms)."""

    def __init__(self, desk: Desk, room_sitting: int, ca_file: Path) -> None:
        self._lock = threading.Lock()
        self._cells: dict[int, dict[str, Any]] = {}
        self._board: dict[str, Any] = {}
        self._delays: list[float] = []
        self._alert_delays: list[float] = []
        self._line = Line(desk, room_sitting, ca_file, reconnection_delay=0.5, reconnection_delay_max=2)
        self._line.on(EVENT_SEATS, self._seats)
        self._line.on(EVENT_ROOM, self._took_board)
        self._line.on(EVENT_ACTIVITY, self._took_line)

    def connect(self) -> None:
        """Opens the monitor; it reconnects by itself afterwards."""
        self._line.open(15, retry=True)

    def close(self) -> None:
        """Closes it for good."""
        self._line.close()

    def _seats(self, cells: list[dict[str, Any]]) -> None:
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        with self._lock:
            for cell in cells:
                self._cells[cell["seat"]] = self._cells.get(cell["seat"], {}) | cell
                if cell["changed_ns"]:
                    self._delays.append((now - cell["changed_ns"]) / NS_PER_MS)

    def _took_line(self, line: dict[str, Any]) -> None:
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        if cause := line.get("cause_ns"):  # a seat's agent on this machine decided on an alert
            with self._lock:
                self._alert_delays.append((now - cause) / NS_PER_MS)

    def _took_board(self, board: dict[str, Any]) -> None:
        with self._lock:
            self._board = board

    @property
    def board(self) -> dict[str, Any]:
        """The room as a whole; empty before the first word."""
        with self._lock:
            return self._board

    def cards(self) -> list[dict[str, Any]]:
        """The cards of seats with a candidate."""
        with self._lock:
            return [cell for cell in self._cells.values() if cell["attempt"] is not None]

    def in_state(self, *states: str) -> list[dict[str, Any]]:
        """The cards in one of these states."""
        return [card for card in self.cards() if card["state"] in states]

    def alert_delays(self) -> dict[str, float]:
        """Median, 99th percentile and greatest time from an agent's decision to its line here, in ms."""
        with self._lock:
            ordered = sorted(self._alert_delays)
        shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
        return {name: percentile(ordered, share) for name, share in shares.items()}

    def delays(self) -> dict[str, float]:
        """Median and 99th percentile of the time from a change to its arrival here, in ms."""
        with self._lock:
            ordered = sorted(self._delays)
        return {"p50": percentile(ordered, 0.5), "p99": percentile(ordered, 0.99)}


def percentile(ordered: Sequence[float], share: float, digits: int = 1) -> float:
    """The value at a share (nearest rank) of an ascending sequence, to a tenth or so; 0 for none."""
    if not ordered:
        return 0.0
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], digits)
