"""The seats of a bench: paired and seated in the store, driven by one process of greenlets."""

import base64
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from itembank.version import VERSION
from server.cli.rehearse.fleet import CLEAN, FleetFault
from server.cli.rehearse.hall import Hall
from server.cli.rehearse.stage import Stage
from server.db.rooms import Workstation
from server.db.sittings import Attempt
from server.host import Host

END_SECONDS = 20.0
CONNECTING_PAUSE = 0.02
DRIVEN_AT_ONCE = 2000
"""Seats of one driver process: more would wait for each other in its single loop."""
Keys = dict[int, str]
"""Workstation -> its Ed25519 private key, raw, in base64."""


def paired(host: Host, staged: Stage) -> Keys:
    """A workstation at every seat that has a candidate, as pairing leaves it."""
    made = {seat: Ed25519PrivateKey.generate() for seat in _taken(staged)}

    def store(session: Session) -> dict[int, int]:
        rows = {
            seat: Workstation(
                seat_id=seat,
                public_key=key.public_key().public_bytes_raw(),
                hostname="bench",
                software=VERSION,
                paired_at=host.now(),
            )
            for seat, key in made.items()
        }
        session.add_all(rows.values())
        session.flush()
        return {seat: row.id for seat, row in rows.items()}

    numbers = host.db.write(store)
    return {numbers[seat]: base64.b64encode(key.private_bytes_raw()).decode() for seat, key in made.items()}


def _taken(staged: Stage) -> list[int]:
    return [staged.seats[entrant.seat] for entrant in staged.entrants]


def seated(host: Host, staged: Stage) -> None:
    """Every candidate waits for the start, as signing in, admission, confirming and accepting leave it."""

    def store(session: Session) -> None:
        now = host.now()
        for attempt in session.scalars(select(Attempt).where(Attempt.room_sitting_id == staged.room_sitting)):
            attempt.state = AttemptState.READY
            attempt.identified_at = attempt.confirmed_at = attempt.accepted_at = now
            attempt.version += 4

    host.db.write(store)


class Crowd:
    """The driver's process; use it as a context manager."""

    def __init__(
        self,
        hall: Hall,
        keys: Keys,
        *,
        prefetch: bool,
        items: Mapping[int, Sequence[str]] | None = None,
        pause: float = CONNECTING_PAUSE,
    ) -> None:
        """`items`: workstation -> what its candidate may answer, where candidates shall answer; `pause`:
        seconds between two seats that connect.
        """
        self.hall = hall
        asked = items or {}
        plan = {
            "server": hall.address.url,
            "ca_pem": hall.address.ca_pem,
            "prefetch": prefetch,
            "pause": pause,
            "seats": [
                {"workstation": number, "private_key": key, "items": list(asked.get(number, ()))}
                for number, key in keys.items()
            ],
        }
        name = f"crowd-{next(iter(keys))}"
        file = hall.fleet.folder / f"{name}.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(plan))
        self._log_file = hall.fleet.logs / f"{name}.log"
        self._log = self._log_file.open("ab")
        self._child = subprocess.Popen(
            [sys.executable, "-m", "client.gevent_driver", str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=CLEAN,
            cwd=hall.fleet.folder,
        )

    def __enter__(self) -> "Crowd":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.kill()
        self._child.wait(END_SECONDS)
        for stream in (self._child.stdin, self._child.stdout, self._log):
            if stream is not None:
                stream.close()

    def report(self) -> dict[str, Any]:
        """How the seats are now. Raises `FleetFault` when the driver has ended."""
        return self.ask("report")

    def ask(self, order: str) -> dict[str, Any]:
        """The driver's answer to a line (`client.gevent_driver`). Raises `FleetFault` when it has ended."""
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            child.stdin.write(f"{order}\n".encode())
            child.stdin.flush()
            line = child.stdout.readline()
        except OSError as fault:
            raise FleetFault("driver") from fault
        if not line:
            raise FleetFault(self._log_file.read_text("utf-8", "replace")[-2000:])
        found: dict[str, Any] = json.loads(line)
        return found


class Crowds:
    """As many drivers as the seats need, spoken to together; use it as a context manager."""

    def __init__(self) -> None:
        self._crowds: list[Crowd] = []
        self._seats: list[int] = []

    def __enter__(self) -> "Crowds":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        for crowd in self._crowds:
            crowd.__exit__(kind, fault, trace)

    def add(
        self,
        hall: Hall,
        keys: Keys,
        *,
        pause: float,
        prefetch: bool = True,
        items: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        """More seats connect."""
        numbers = list(keys)
        for first in range(0, len(numbers), DRIVEN_AT_ONCE):
            part = {number: keys[number] for number in numbers[first : first + DRIVEN_AT_ONCE]}
            self._crowds.append(Crowd(hall, part, prefetch=prefetch, items=items, pause=pause))
            self._seats.append(len(part))

    def total(self, what: str) -> float:
        """The sum of one number of all reports. Raises `FleetFault` when a driver has ended."""
        return sum(float(crowd.report()[what]) for crowd in self._crowds)

    def share(self, order: str, rate: float) -> None:
        """An order with a rate over all seats."""
        for crowd, count in zip(self._crowds, self._seats, strict=True):
            crowd.ask(f"{order} {rate * count / sum(self._seats)}")

    def delays(self) -> list[float]:
        """Milliseconds until records were acknowledged since the last call, in order of size."""
        return sorted(ms for crowd in self._crowds for ms in crowd.ask("delays")["ms"])

    def written(self) -> dict[str, list[int]]:
        """Workstation -> when it wrote each of its answers."""
        return {
            station: moments for crowd in self._crowds for station, moments in crowd.ask("written").items()
        }

    def burst(self, first: int, count: int) -> list[int]:
        """One answer of each of these seats at once; when each driver began, CLOCK_BOOTTIME in ns."""
        began, before = [], 0
        for crowd, seats in zip(self._crowds, self._seats, strict=True):
            start, end = max(first, before), min(first + count, before + seats)
            if start < end:
                began.append(int(crowd.ask(f"burst {start - before} {end - start}")["began_ns"]))
            before += seats
        return began

    def opened_at(self) -> list[float]:
        """When each seat that could open its paper did, CLOCK_BOOTTIME in seconds."""
        return [moment for crowd in self._crowds for moment in crowd.report()["opened_at"]]
