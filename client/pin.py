"""The invigilators' PIN at a seat: whoever knows it may do what no candidate may."""

import threading
from collections.abc import Callable

from client.clock import boot_seconds
from client.leaving import Tries
from client.seat import PageRefused
from exam_rooms.kiosk_messages import QuitPin
from exam_rooms.pins import pin_matches
from exam_rooms.protocol import SeatState

PIN_LIMIT = 32


class PinGate:
    """Compares what was typed with the hash of the newest state; wrong tries wait longer and longer."""

    def __init__(self, wrong: Callable[[], None] = lambda: None) -> None:
        """`wrong` is called for every wrong try."""
        self._wrong = wrong
        self._pin: QuitPin | None = None
        self._tries = Tries()
        self._lock = threading.Lock()

    def take_state(self, state: SeatState) -> None:
        """The server's newest word (`Agent.listeners`)."""
        self._pin = state.kiosk.pin

    def check(self, typed: object) -> None:
        """Raises `PageRefused` (`quit_no_pin`, `quit_wait`, `quit_wrong_pin`) unless it is the PIN."""
        if not isinstance(typed, str) or len(typed) > PIN_LIMIT:
            raise PageRefused("bad_request", 400, {"field": "pin"})
        with self._lock:  # one try at a time, however many pages ask
            self._check(typed)

    def _check(self, typed: str) -> None:
        now = boot_seconds()
        if self._pin is None:
            raise PageRefused("quit_no_pin")
        wait = self._tries.wait(now)
        if wait > 0:
            raise PageRefused("quit_wait", 429, {"seconds": str(int(wait) + 1)})
        if not pin_matches(typed, self._pin):
            self._tries.failed(now)
            self._wrong()
            raise PageRefused("quit_wrong_pin", 422)
