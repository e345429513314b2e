"""The room of a drill: a private server, an agent process behind a wire at every seat, and its staff."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from sqlalchemy import or_, select

from exam_rooms.incidents import IncidentKind
from server.cli.drill.desk import LOOK_SECONDS, Desk, DrillStuck
from server.cli.drill.disks import Disk, DiskFault
from server.cli.drill.ledger import Ledger
from server.cli.drill.place import Place
from server.cli.drill.wire import Wire
from server.cli.opening import unlock
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.fleet import (
    PAIRING_SECONDS,
    SERVER_PATIENCE_SECONDS,
    SERVER_SECONDS,
    STARTING_AT_ONCE,
    Process,
    await_,
    start_agent,
)
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.play import Play
from server.cli.rehearse.stage import Entrant, Wish, fictional_people, staff_needed, stage_sitting
from server.cli.rehearse.telling import tell_step
from server.cli.words import _
from server.db.sittings import Attempt, Incident, Registration
from server.services.incidents import OPEN
from server.services.unlocked import keep_unlocked
from server.settings import Settings

MINUTES = Decimal(240)
"""The room is ended by its chief as soon as the rounds are over."""
ENTRY_SECONDS = 120.0
COLLECTING_SECONDS = 120.0
TELLING_SECONDS = 20.0
"""A dead disk is told within a heartbeat; more only because the server may be down or the line be cut."""
JUMPING = Path(__file__).with_name("jumping.py")


@dataclass(frozen=True, slots=True)
class Order:
    """What to drill; `told` gets lines of progress."""

    rounds: int
    seats: int
    seed: str
    told: Callable[[str], None]


class Room:
    """Seats, server and staff; a `faults.Yard`."""

    def __init__(self, play: Play, order: Order, ledger: Ledger) -> None:
        self.shared = threading.Lock()
        self.play = play
        self.ledger = ledger
        self.told: list[float] = []
        self.untold = 0
        self.places: dict[str, Place] = {}
        self.desks: list[Desk] = []
        self._order = order
        self._clock_file = play.hall.fleet.folder / "clock"
        self._settings = Settings.load(play.hall.variables)
        self._attempts = _attempts(play)
        self.spare: Place

    @property
    def hall(self) -> Hall:
        """Where the server is."""
        return self.play.hall

    # --- the server

    def start_server(self) -> None:
        """The server with a wall clock that can be set, up when this returns."""
        keep_unlocked(self._settings, unlock(self._settings))
        hall = self.hall
        command = ["-P", str(JUMPING), str(self._clock_file)]
        process = hall.fleet.start("server", command, hall.variables)
        process.patience = SERVER_PATIENCE_SECONDS
        await_(hall.address.alive, SERVER_SECONDS, process)
        hall.server = process

    def kill_server(self) -> None:
        """kill -9 of its process group."""
        assert self.hall.server is not None
        self.hall.server.kill()

    def jump(self, seconds: float) -> None:
        """Sets its wall clock that far from the true time."""
        self._clock_file.write_text(str(seconds))

    # --- seats

    def furnish(self) -> None:
        """An agent behind a wire at every seat, paired. Raises `FleetFault`."""
        stage = self.play.stage
        for number in stage.codes:
            await_(lambda: self._rising() < STARTING_AT_ONCE, PAIRING_SECONDS, *self._processes())
            self.places[number] = self._place(number)
        await_(lambda: self._rising() == 0, PAIRING_SECONDS, *self._processes())
        rng = random.Random(self._order.seed)  # noqa: S311 - a replayable drill, no secret
        for entrant in stage.entrants:
            own = random.Random(rng.random())  # noqa: S311
            self.desks.append(Desk(entrant, self.places[entrant.seat], self.ledger, own))
        self.spare = self.places[stage.spare_seats()[0]]

    def _processes(self) -> list[Process]:
        return [place.agent.process for place in self.places.values()]

    def _rising(self) -> int:
        return sum(not place.agent.up for place in self.places.values())

    def _place(self, number: str) -> Place:
        hall, stage = self.hall, self.play.stage
        disk = self._disk(number)
        wire = Wire(hall.address.parts)
        host, _port = hall.address.parts
        scheme = hall.address.url.partition("://")[0]
        through = replace(hall.address, url=f"{scheme}://{host}:{wire.port}")
        agent = start_agent(hall.fleet, through, number, stage.codes[number])
        return Place(number, stage.seats[number], agent, wire, hall.fleet, self.attempt_of, disk)

    def _disk(self, number: str) -> Disk | None:
        folder = self.hall.fleet.folder
        try:
            return Disk(folder / "seats" / number, folder / f"disk-{number}.img")
        except DiskFault:
            return None

    def attempt_of(self, entrant: Entrant) -> int:
        """The entrant's attempt."""
        return self._attempts[entrant.ticket]

    def move(self, desk: Desk, to: Place) -> None:
        """The invigilator lets the candidate go on at another seat."""
        self.play.shift.move(desk.place.seat, to.seat)
        desk.sit_at(to)

    def await_journal_fault(self, seat: int, since: datetime) -> None:
        """Waits until an incident says that a seat cannot write, and notes how long that took."""
        query = select(Incident.id).where(
            Incident.seat_id == seat,
            Incident.kind == str(IncidentKind.JOURNAL_FAILED),
            or_(Incident.last_at >= since, Incident.state.in_(OPEN)),
        )
        began = time.monotonic()
        while time.monotonic() - began < TELLING_SECONDS:
            with self.hall.host.db.read() as session:
                if session.scalar(query) is not None:
                    self.told.append(time.monotonic() - began)
                    return
            time.sleep(LOOK_SECONDS)
        self.untold += 1

    # --- before and after the rounds

    def open(self) -> None:
        """Everybody signs in and is admitted, the room starts, the papers open."""
        stopping = threading.Event()
        threads = [threading.Thread(target=desk.enter, args=(stopping,), daemon=True) for desk in self.desks]
        for thread in threads:
            thread.start()
        end = time.monotonic() + ENTRY_SECONDS
        while any(thread.is_alive() for thread in threads):
            self.play.tend()
            if time.monotonic() > end:
                stopping.set()
                raise DrillStuck(_("考生没有全部进入候考"))
            time.sleep(LOOK_SECONDS)
        self.play.start()
        for desk in self.desks:
            desk.open_paper()

    def collect(self) -> None:
        """The chief ends the room; every answer comes in. Raises `DrillStuck`."""
        self.play.shift.end()
        end = time.monotonic() + COLLECTING_SECONDS
        while self.play.room_state() != "collected":
            if time.monotonic() > end:
                raise DrillStuck(_("没有收齐"))
            self.play.tolerant(self.play.shift.settle_merges)
            time.sleep(LOOK_SECONDS)
        await_(self._nothing_waits, COLLECTING_SECONDS)

    def _nothing_waits(self) -> bool:
        return all(not cell.get("waiting") for cell in self.play.monitor.cards())

    def close(self) -> None:
        """Ends every seat."""
        for place in self.places.values():
            place.close()


def _attempts(play: Play) -> dict[str, int]:
    query = (
        select(Registration.ticket, Attempt.id)
        .join(Attempt, Attempt.registration_id == Registration.id)
        .where(Attempt.room_sitting_id == play.stage.room_sitting)
    )
    with play.hall.host.db.read() as session:
        return {row.ticket: row.id for row in session.execute(query)}


@contextmanager
def furnished(order: Order) -> Iterator[Room]:
    """A room with everybody at open papers; all of it is gone afterwards."""
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall())
        crew = hire(hall.host, Names("drill-", _("演练")), invigilators=staff_needed(order.seats))
        wish = Wish(
            title=_("演练"),
            entrants=fictional_people(order.seats),
            minutes=MINUTES,
            seed=order.seed,
            starts_in=timedelta(minutes=10),
        )
        staged = stage_sitting(hall.host, crew, wish, told=tell_step)
        play = stack.enter_context(Play(hall, crew, staged, told=order.told))
        room = Room(play, order, Ledger())
        stack.callback(room.close)
        room.start_server()
        play.prepare()
        room.furnish()
        room.open()
        yield room
