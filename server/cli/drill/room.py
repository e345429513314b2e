"""The room of a drill: a private server, an agent process behind a wire at every seat, and its staff."""

import random
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Select, or_, select
from sqlalchemy.exc import DBAPIError

from exam_rooms.incidents import IncidentKind
from server.cli.drill.desk import LOOK_SECONDS, Desk, DrillStuck, Notes
from server.cli.drill.disks import Disk, DiskFault
from server.cli.drill.ledger import Ledger
from server.cli.drill.machines import SERVER, Machines, move_database, small_disk
from server.cli.drill.nursery import Nursery
from server.cli.drill.place import Place, workstation
from server.cli.drill.returns import Return, Trouble
from server.cli.drill.schedule import Kinds
from server.cli.drill.wire import Wire
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.fleet import (
    PAIRING_SECONDS,
    STARTING_AT_ONCE,
    Fleet,
    FleetFault,
    await_,
)
from server.cli.rehearse.hall import POSTGRES, SQLITE, Hall, private_hall
from server.cli.rehearse.play import Play
from server.cli.rehearse.stage import Entrant, Wish, fictional_people, staff_needed, stage_sitting
from server.cli.rehearse.telling import tell_step
from server.cli.words import _
from server.db.sittings import Attempt, Incident, Registration
from server.services.incidents import OPEN

MINUTES = Decimal(240)
"""The room is ended by its chief as soon as the rounds are over."""
ENTRY_SECONDS = 120.0
COLLECTING_SECONDS = 120.0
TELLING_SECONDS = 20.0
"""A dead disk is told within a heartbeat; more only because the server may be down or the line be cut."""
MOVING_SECONDS = 60.0
UNMOUNTING_TRIES = 50


@dataclass(frozen=True, slots=True)
class Order:
    """What to drill; `told` gets lines of progress, `logs` what the processes wrote.

    `takeovers`: how often a standby takes over, each time in a room of its own.
    """

    rounds: int
    seats: int
    seed: str
    told: Callable[[str], None]
    kinds: Kinds
    store: str = SQLITE
    workers: int = 1
    logs: Path | None = None
    takeovers: int = 0


class Room:
    """Seats, machines and staff; a `faults.Yard`."""

    def __init__(self, play: Play, order: Order, machines: Machines, agents: Fleet) -> None:
        self.shared = threading.Lock()
        self.play = play
        self.machines = machines
        self.notes = Notes(Ledger(), machines.trouble)
        self.told: list[float] = []
        self.untold = 0
        self.places: dict[str, Place] = {}
        self.desks: list[Desk] = []
        self.ways: list[Return] = []
        self._order = order
        self._agents = agents
        self._nursery = Nursery(agents)
        self._attempts = _attempts(play)
        self.spare: Place
        machines.on_heal = self._expect_everybody

    @property
    def hall(self) -> Hall:
        """Where the server is."""
        return self.play.hall

    @property
    def trouble(self) -> Trouble:
        """Whether a fault holds the whole room."""
        return self.machines.trouble

    def _expect_everybody(self, moment: float) -> None:
        """From this moment on every seat's way back is looked for."""
        self.ways = [desk.expect(moment) for desk in self.desks]

    # --- seats

    def furnish(self) -> None:
        """An agent behind a wire at every seat, paired. Raises `FleetFault`."""
        stage = self.play.stage
        for number in stage.codes:
            await_(lambda: self._rising() < STARTING_AT_ONCE, PAIRING_SECONDS)
            self.places[number] = self._place(number)
        await_(lambda: self._rising() == 0, PAIRING_SECONDS)
        rng = random.Random(self._order.seed)  # noqa: S311 - a replayable drill, no secret
        for entrant in stage.entrants:
            own = random.Random(rng.random())  # noqa: S311
            self.desks.append(Desk(entrant, self.places[entrant.seat], self.notes, own))
        self.spare = self.places[stage.spare_seats()[0]]

    def _rising(self) -> int:
        """How many agents are on their way up. Raises `FleetFault` for one that has ended."""
        for place in self.places.values():
            if not place.process.running:
                raise FleetFault(f"{place.process.name}\n{place.process.tail()}")
        return sum(not place.up for place in self.places.values())

    def _place(self, number: str) -> Place:
        hall, stage = self.hall, self.play.stage
        folder = self._agents.folder / "seats" / number
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        disk = self._disk(number, folder)
        wire = Wire(hall.address.parts, f"{self._order.seed} {number}")
        host, _port = hall.address.parts
        scheme = hall.address.url.partition("://")[0]
        where = ("--server", f"{scheme}://{host}:{wire.port}", "--pair", stage.codes[number])
        machine = workstation(number, folder, where, self._nursery)
        return Place(stage.seats[number], machine, machine.start(), wire, self.attempt_of, disk)

    def _disk(self, number: str, folder: Path) -> Disk | None:
        try:
            return Disk(folder, self._agents.folder / f"disk-{number}.img")
        except DiskFault:
            return None

    def attempt_of(self, entrant: Entrant) -> int:
        """The entrant's attempt."""
        return self._attempts[entrant.ticket]

    def move(self, desk: Desk, to: Place) -> None:
        """The invigilator lets the candidate go on at another seat. Raises `DrillStuck`."""
        attempt, end = self.attempt_of(desk.entrant), time.monotonic() + MOVING_SECONDS
        here = select(Attempt.seat_id).where(Attempt.id == attempt)
        while self._asked(here) != to.seat:
            if time.monotonic() > end:
                raise DrillStuck(_("换座没有办成：%(seat)s", seat=desk.place.number))
            self.play.tolerant(self.play.shift.move, desk.place.seat, to.seat)
        desk.sit_at(to)

    def _asked(self, query: Select[Any]) -> Any:  # noqa: ANN401 - whatever the column holds
        """A value out of the record; None as well while the database is away."""
        try:
            with self.hall.host.db.read() as session:
                return session.scalar(query)
        except DBAPIError:
            return None

    def await_journal_fault(self, seat: int, since: datetime) -> None:
        """Waits until an incident says that a seat cannot write, and notes how long that took.

        One that an earlier fault of the seat left open tells it already, in no time that counts.
        """
        query = select(Incident.id).where(
            Incident.seat_id == seat,
            Incident.kind == str(IncidentKind.JOURNAL_FAILED),
            or_(Incident.last_at >= since, Incident.state.in_(OPEN)),
        )
        if self._asked(query) is not None:
            return
        began = self.trouble.calm()
        while self.trouble.calm() - began < TELLING_SECONDS:
            if self._asked(query) is not None:
                self.told.append(self.trouble.calm() - began)
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
        end = time.monotonic() + COLLECTING_SECONDS
        while (state := self.play.room_state()) != "collected":
            if time.monotonic() > end:
                raise DrillStuck(_("没有收齐"))
            self.play.tolerant(self.play.shift.end if state == "running" else self.play.shift.settle_merges)
            time.sleep(LOOK_SECONDS)
        try:
            await_(lambda: not self._waiting(), COLLECTING_SECONDS)
        except FleetFault as fault:
            raise DrillStuck(_("监控屏上仍有未送达的记录：%(seats)s", seats=self._waiting())) from fault

    def _waiting(self) -> dict[str, int]:
        """Seats whose card says that records wait there, and how many."""
        cards = self.play.monitor.cards()
        return {cell["number"]: cell["waiting"] for cell in cards if cell.get("waiting")}

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


def _nobody(_hall: Hall) -> AbstractContextManager[None]:
    return nullcontext()


@contextmanager
def furnished(
    order: Order, beside: Callable[[Hall], AbstractContextManager[None]] = _nobody
) -> Iterator[Room]:
    """A room with everybody at open papers; all of it is gone afterwards. Raises `Refused` as well.

    `beside`: what stands beside the server before the first seat asks it for anything.
    """
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="examhall-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        hall, disk = _hall(stack, folder, order)
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
        rng = random.Random(f"{order.seed} room")  # noqa: S311 - a replayable drill, no secret
        machines = Machines(hall, folder, disk, rng)
        room = Room(play, order, machines, stack.enter_context(Fleet(folder)))
        stack.callback(room.close)
        machines.start(SERVER)
        stack.enter_context(beside(hall))
        play.prepare()
        room.furnish()
        room.open()
        yield room


def _hall(stack: ExitStack, folder: Path, order: Order) -> tuple[Hall, Disk | None]:
    """The private hall with its store on a small disk of its own, where such a thing may be mounted."""
    home, image = folder / "hall", folder / "store.img"
    disk = small_disk(home, image) if order.store == SQLITE else None
    leaving = stack.enter_context(ExitStack())  # what is done once the hall's processes have ended
    if disk is not None:
        leaving.callback(_given_back, disk)
    if order.logs is not None:
        leaving.callback(_keep_logs, (folder, home), order.logs)
    hall = stack.enter_context(private_hall(home, store=order.store, workers=order.workers))
    if order.store == POSTGRES:
        disk = move_database(hall, image)
        if disk is not None:
            leaving.callback(shutil.rmtree, hall.stores[POSTGRES].folder, ignore_errors=True)
            leaving.callback(_given_back, disk)
    return hall, disk


def _given_back(disk: Disk) -> None:
    """Takes a disk away as soon as the last process has let go of it."""
    for _turn in range(UNMOUNTING_TRIES):
        with suppress(DiskFault):
            disk.unmount()
            return
        time.sleep(LOOK_SECONDS)


def _keep_logs(folders: tuple[Path, ...], target: Path) -> None:
    for folder in folders:
        if (folder / "logs").is_dir():
            shutil.copytree(folder / "logs", target, dirs_exist_ok=True)
