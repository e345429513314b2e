"""How fast the machine is at any moment: one seat that saves to the floor while a bench runs on it."""

import select
import threading
import time
from types import TracebackType

from server.cli.bench.floors import Floor
from server.cli.bench.lines import GOOD, Line
from server.cli.bench.pounding import Book, Door, saving
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.watch import percentile

EVERY_SECONDS = 0.1
REPLY_SECONDS = 30.0
"""So slow is no machine; the floor has ended."""


class Gauge:
    """Saves to the floor ten times a second, one record after the other; a context manager.

    Whatever else slows the machine slows this as well, and nothing that the server under test keeps can.
    """

    def __init__(self, floor: Floor) -> None:
        self._seat = Door(floor.address).seat(dict(floor.seats[0]))
        context = floor.address.context() if floor.address.ca_pem else None
        self._line = Line(floor.address.parts, context, [])
        self._ms: list[float] = []
        self._fault: Exception | None = None
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gauge", daemon=True)

    def __enter__(self) -> "Gauge":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        self._thread.join(REPLY_SECONDS)
        self._line.sock.close()

    def median(self) -> float:
        """Milliseconds of a save since the last call, 0 when none was done. Raises `FleetFault`."""
        if self._fault is not None:
            raise FleetFault(f"floor: {self._fault!r}") from self._fault
        done, self._ms = self._ms, []
        return percentile(sorted(done), 0.5, 2)

    def _run(self) -> None:
        book = Book(self._seat)
        try:
            while not self._ends.wait(EVERY_SECONDS):
                self._save(saving(self._seat.token, book.answers(1)))
        except (OSError, ValueError) as fault:
            self._fault = fault

    def _save(self, job: bytes) -> None:
        began = time.monotonic()
        self._line.jobs.append(job)
        self._line.send()
        while (reply := self._line.read()) is None:
            if self._line.unsent:
                self._line.flush()
            ready, _, _ = select.select([self._line.sock], [], [], REPLY_SECONDS)
            if not ready:
                raise TimeoutError
        if reply[0] != GOOD:
            raise ValueError(reply[0])
        self._ms.append(1000 * (time.monotonic() - began))
