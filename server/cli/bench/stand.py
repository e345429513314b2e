"""A private server with a started sitting at every seat, for the benches that speak raw HTTP to it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from sqlalchemy import select

from server.cli.bench.halls import BenchRoom, items_of, opened, staged
from server.cli.bench.shape import Shape
from server.cli.rehearse.acts import Shift
from server.cli.rehearse.count import Line, count, stored_records
from server.cli.rehearse.fleet import CLEAN, FleetFault
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.words import _
from server.db.base import make_engine
from server.db.rooms import Workstation
from server.db.sittings import Attempt

END_SECONDS = 20.0
Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stand:
    """The running server. `attempts`: workstation -> its candidate's attempt; `items` of that candidate."""

    hall: Hall
    rooms: Sequence[BenchRoom]
    shifts: Sequence[Shift]
    attempts: Mapping[int, int]
    items: Mapping[int, Sequence[str]]

    def seats(self, wanted: int) -> list[dict[str, Any]]:
        """What the load driver needs of the first seats."""
        keys = {number: key for room in self.rooms for number, key in room.keys.items()}
        return [
            {
                "workstation": number,
                "private_key": key,
                "attempt": self.attempts[number],
                "items": list(self.items[number]),
            }
            for number, key in list(keys.items())[:wanted]
        ]


@contextmanager
def answering(shape: Shape, told: Told) -> Iterator[Stand]:
    """Every seat's candidate is answering on a private server. Raises `FleetFault` and `StaffRefused`."""
    with private_hall(tls=shape.tls, store=shape.store, workers=shape.workers) as hall:
        rooms = staged(hall, shape.seats, shape.room_seats)
        hall.serve()
        shifts = opened(hall, rooms)
        for shift in shifts:
            shift.overrule_checks()  # nothing checks these seats
            shift.start()
        told(_("%(n)d 个座位已开考", n=shape.seats))
        yield Stand(hall, rooms, shifts, _attempts(hall, rooms), items_of(hall.host, rooms))


def _attempts(hall: Hall, rooms: Sequence[BenchRoom]) -> dict[int, int]:
    sittings = [room.stage.room_sitting for room in rooms]
    query = (
        select(Workstation.id, Attempt.id)
        .join(Attempt, Attempt.seat_id == Workstation.seat_id)
        .where(Attempt.room_sitting_id.in_(sittings))
    )
    with hall.host.db.read() as session:
        return {row[0]: row[1] for row in session.execute(query)}


class Driver:
    """A load driver's process (`server.cli.bench.pounding`), prepared when this opens; a context manager."""

    def __init__(self, hall: Hall, plan: Mapping[str, Any]) -> None:
        self._hall = hall
        self._plan = plan
        self.acked = hall.fleet.folder / "acked.jsonl"

    def __enter__(self) -> "Driver":
        file = self._hall.fleet.folder / "driver.json"
        file.touch(mode=0o600)
        address = self._hall.address
        plan = {"server": address.url, "ca_pem": address.ca_pem, "acked": str(self.acked)}
        file.write_text(json.dumps(plan | dict(self._plan)))
        self._log = (self._hall.fleet.logs / "driver.log").open("ab")
        self._child = subprocess.Popen(
            [sys.executable, "-m", "server.cli.bench.pounding", str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=CLEAN,
            cwd=self._hall.fleet.folder,
        )
        try:
            self._heard()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def race(self) -> dict[str, Any]:
        """Lets it race; what it found. Raises `FleetFault`."""
        assert self._child.stdin is not None
        self._child.stdin.write(b"go\n")
        self._child.stdin.flush()
        return self._heard()

    def race_costing(self, cpu_seconds: Callable[[], float]) -> tuple[dict[str, Any], float]:
        """What a race found, and the processor seconds that went meanwhile. Raises `FleetFault`."""
        began = cpu_seconds()
        found = self.race()
        return found, cpu_seconds() - began

    def _heard(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise FleetFault((self._hall.fleet.logs / "driver.log").read_text("utf-8", "replace")[-2000:])
        found: dict[str, Any] = json.loads(line)
        return found

    def _end(self) -> None:
        self._child.kill()
        self._child.wait(END_SECONDS)
        for stream in (self._child.stdin, self._child.stdout, self._log):
            if stream is not None:
                stream.close()

    def lines(self) -> list[Line]:
        """The records that were acknowledged."""
        with self.acked.open(encoding="utf-8") as file:
            return [Line(*json.loads(line)) for line in file]


@dataclass(frozen=True, slots=True)
class Tally:
    """What the store made of acknowledged records: `lost`: not there, `doubled`: there twice; `untold`:
    there, though the driver, whose race was over, was never told so.
    """

    lost: int
    doubled: int
    chain_errors: int
    untold: int


def counted(hall: Hall, lines: Sequence[Line]) -> Tally:
    """The acknowledged records against the store."""
    engine = make_engine(hall.host.settings.answers_url)
    try:
        records, aside = stored_records(engine, sorted({line.attempt for line in lines}))
    finally:
        engine.dispose()
    found = count(lines, records, aside=aside, broken=())
    doubled = len(records) - len({record.hash for record in records})
    return Tally(found.lost, doubled, found.chain_errors - found.unknown, found.unknown)


def load() -> float:
    """The machine's load average over a minute."""
    return round(os.getloadavg()[0], 2)
