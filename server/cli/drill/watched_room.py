"""The room of `drill proctoring`: a private server, agents before staged cameras, a monitor that listens."""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.protocol import EVENT_ACTIVITY
from exam_rooms.seatmap import RoomKind
from server.cli.drill.desk import DrillStuck
from server.cli.drill.scenes import SEATS, USUAL, Pictures, Timed
from server.cli.rehearse.crew import Crew, Names, hire
from server.cli.rehearse.findings import WATCH_KINDS, enrolled_seats
from server.cli.rehearse.fleet import PAIRING_SECONDS, POLITE, Agent, await_
from server.cli.rehearse.hall import private_hall
from server.cli.rehearse.play import Play
from server.cli.rehearse.stage import (
    LEVEL,
    OCCUPATION,
    Entrant,
    Wish,
    fictional_people,
    import_photos,
    staff_needed,
    stage_sitting,
)
from server.cli.rehearse.telling import tell, tell_step
from server.cli.rehearse.watch import Line
from server.cli.words import _
from server.db.rooms import Seat
from server.db.sittings import Batch, Incident, RoomSitting, Sitting
from server.rules.policy import LevelPolicy, policy_for
from server.services import batches
from server.services.incidents import OPEN

MINUTES = Decimal(240)
ENROLMENT_SECONDS = 90.0
PLAY_SECONDS = 600.0
ARRIVAL_SECONDS = 10.0
"""How long an alert may take from the seat to the record and the monitor."""
LOOK_SECONDS = 0.1
NOTE = "演练"
NATIONAL = "national"


@dataclass(frozen=True, slots=True)
class Decided:
    """An episode that a seat's agent began: its kind, its name, and when the look began that decided (boot
    clock of this machine, nanoseconds).
    """

    seat: str
    kind: str
    episode: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """An episode on the record: the incident's kind and id, and the number of its seat."""

    incident: int
    kind: str
    seat: str


@dataclass(slots=True)
class Shown:
    """What came of one play at one seat."""

    looks: int
    seconds: float
    decided: tuple[Decided, ...]
    missing: tuple[str, ...]


@dataclass(slots=True)
class Ear:
    """The lines that a monitor heard: incident id -> boot clock (nanoseconds) of its first line."""

    line: Line
    heard: dict[int, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def listen(self) -> None:
        """Opens the monitor."""
        self.line.on(EVENT_ACTIVITY, self._told)
        self.line.open(15, retry=True)

    def _told(self, line: dict[str, Any]) -> None:
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        with self.lock:
            if line.get("incident") is not None and str(line.get("code", "")).startswith("incident_"):
                self.heard.setdefault(int(line["incident"]), now)

    def when(self, incident: int) -> int | None:
        """When an incident was first told."""
        with self.lock:
            return self.heard.get(incident)


class WatchedRoom:
    """Two candidates before staged cameras, in a sitting that runs."""

    def __init__(self, play: Play, crew: Crew, pictures: Pictures, models: Path | None) -> None:
        self.play = play
        self._crew = crew
        self.seats: tuple[str, ...] = tuple(entrant.seat for entrant in play.stage.entrants)
        self._pictures = pictures
        self._models = models
        self._number = 0
        self.ear = Ear(Line(play.shift.invigilator, play.stage.room_sitting, play.hall.ca_file))

    # --- before the start

    def open(self) -> None:
        """Staff, agents, candidates, enrolments, start. Raises `DrillStuck`, `FleetFault`, `StaffRefused`."""
        play = self.play
        for place in range(SEATS):
            self._pictures.write(place, USUAL, self._folder(place))
        photos = {
            entrant.ticket: self._pictures.registered(place)
            for place, entrant in enumerate(play.stage.entrants)
        }
        import_photos(play.hall.host, self._crew, play.stage, photos)
        play.hall.serve()
        play.prepare()
        self.ear.listen()
        for place, entrant in enumerate(play.stage.entrants):
            play.agents[entrant.seat] = self._agent(place, entrant)
        processes = [agent.process for agent in play.agents.values()]
        await_(lambda: all(agent.up for agent in play.agents.values()), PAIRING_SECONDS, *processes)
        play.enter()
        self._await_enrolments()
        play.start()

    def _agent(self, place: int, entrant: Entrant) -> Agent:
        fleet, stage = self.play.hall.fleet, self.play.stage
        folder = fleet.folder / "seats" / entrant.seat
        folder.mkdir(parents=True, mode=0o700)
        camera = ("--camera", str(self._folder(place)), "--camera-id", stage.cameras[entrant.seat])
        models = ("--models", str(self._models)) if self._models else ()
        where = ("--data", str(folder), "--server", self.play.hall.address.url)
        arguments = (
            *("-m", "client.drilled", *where, "--pair", stage.codes[entrant.seat], *camera, *models),
            *("--shared-machine", "--no-browser", "--log-level", "warning"),
        )
        process = fleet.start(f"seat-{entrant.seat}", arguments, python=POLITE)
        return Agent(entrant.seat, folder, arguments, process)

    def _await_enrolments(self) -> None:
        end = time.monotonic() + ENROLMENT_SECONDS
        while True:
            with self.play.hall.host.db.read() as session:
                lacking = set(self.seats) - enrolled_seats(session, self.play.stage.room_sitting)
            if not lacking:
                return
            if time.monotonic() > end:
                told = "\n".join(self.play.agents[seat].process.tail()[-600:] for seat in sorted(lacking))
                raise DrillStuck(_("仍未采集：%(seats)s", seats="、".join(sorted(lacking))) + "\n" + told)
            self.play.tend()
            time.sleep(LOOK_SECONDS)

    def _folder(self, place: int) -> Path:
        return self.play.hall.fleet.folder / "stages" / str(place)

    # --- plays

    def show(self, plays: Mapping[int, Timed]) -> dict[int, Shown]:
        """Plays scenes at some seats at the same time, and waits until they are over. Raises `DrillStuck`."""
        self._number += 1
        name = f"{self._number:04d}"
        for place, play in plays.items():
            for scene, _seconds in play:
                self._pictures.write(place, scene, self._folder(place))
        for place, play in plays.items():
            target = self._folder(place) / f"{name}.play"
            fresh = target.with_suffix(".new")
            fresh.write_text(json.dumps(play))
            os.replace(fresh, target)
        return {place: self._await_shown(place, name) for place in plays}

    def _await_shown(self, place: int, name: str) -> Shown:
        done, agent = self._folder(place) / f"{name}.done", self.play.agents[self.seats[place]]
        await_(done.exists, PLAY_SECONDS, agent.process)
        found = json.loads(done.read_text())
        decided = tuple(Decided(agent.seat, *each) for each in found["opened"])
        return Shown(found["looks"], found["seconds"], decided, tuple(found["missing"]))

    # --- what came of them

    def recorded(self) -> dict[str, Recorded]:
        """Every episode of a camera on the record, by its name."""
        query = (
            select(Incident, Seat.number)
            .join(Seat, Seat.id == Incident.seat_id)
            .where(Incident.room_sitting_id == self.play.stage.room_sitting)
            .where(Incident.kind.in_([str(kind) for kind in WATCH_KINDS]))
        )
        with self.play.hall.host.db.read() as session:
            return {
                name: Recorded(row.id, row.kind, number)
                for row, number in session.execute(query)
                for name in row.details.get("episodes", {str(row.id): ""})
            }

    def await_arrival(self, decided: Sequence[Decided]) -> list[Decided]:
        """Waits until all of these are on the record and on the monitor; those that are not after all."""
        end = time.monotonic() + ARRIVAL_SECONDS
        while True:
            known = self.recorded()
            late = [
                each
                for each in decided
                if each.episode not in known or self.ear.when(known[each.episode].incident) is None
            ]
            if not late or time.monotonic() > end:
                return late
            time.sleep(LOOK_SECONDS)

    def settle(self) -> None:
        """The invigilator has looked at every alert: the next one is news again."""
        waiting = select(Incident.id).where(
            Incident.room_sitting_id == self.play.stage.room_sitting,
            Incident.state.in_((*OPEN, "cleared")),
        )
        with self.play.hall.host.db.read() as session:
            incidents = list(session.scalars(waiting))
        for incident in incidents:
            path = f"/monitor/{self.play.stage.room_sitting}/incidents/{incident}"
            self.play.shift.invigilator.post(path, [("outcome", "dismissed"), ("note", NOTE)])

    def close(self) -> None:
        """Closes the monitor."""
        self.ear.line.close()


def watching_terms() -> LevelPolicy:
    """What cameras look for in earnest: rehearsals leave out what recordings of few people cannot show."""
    return policy_for(batches.read_profile(NATIONAL), OCCUPATION, LEVEL)


def _watch_as_in_earnest(session: Session, room_sitting: int) -> None:
    """The room keeps the terms of a rehearsal but for its cameras."""
    sitting = session.get_one(RoomSitting, room_sitting).sitting_id
    batch = session.get_one(Batch, session.get_one(Sitting, sitting).batch_id)
    terms = watching_terms().to_json()
    batch.policy = batch.policy | {name: terms[name] for name in ("watching", "seat_swap")}


@contextmanager
def watched_room(pictures: Pictures, seed: str, models: Path | None) -> Iterator[WatchedRoom]:
    """A room whose sitting runs; all of it is gone afterwards."""
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall())
        crew = hire(hall.host, Names("drill-", _("演练")), invigilators=staff_needed(SEATS))
        wish = Wish(
            title=_("演练"),
            entrants=fictional_people(SEATS),
            minutes=MINUTES,
            seed=seed,
            starts_in=timedelta(minutes=10),
            kind=RoomKind.SMART,
        )
        staged = stage_sitting(hall.host, crew, wish, told=tell_step)
        hall.host.db.write(_watch_as_in_earnest, staged.room_sitting)
        play = stack.enter_context(Play(hall, crew, staged, told=tell))
        room = WatchedRoom(play, crew, pictures, models)
        stack.callback(room.close)
        room.open()
        yield room
