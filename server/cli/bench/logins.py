"""What it costs the server until a candidate sees the first question: every step on the way, by its route.

Session, ticket and ID number, "this is me", the rules, journal and package, and after the start the key.
What the staff do meanwhile is not counted. The floor beside it (`floor_login`) takes the same requests, asks
for the same proofs and is as durable; there is no staff.
"""

import base64
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from exam_rooms.seats import AttemptState
from exam_rooms.wire import encode
from server.cli.bench.figures import ratio
from server.cli.bench.floor_login_store import Kept, kept
from server.cli.bench.floors import floor_beside
from server.cli.bench.halls import BenchRoom, assigned, opened
from server.cli.bench.shape import Shape, ShapedLine
from server.cli.bench.stand import Driver, Told, load
from server.cli.rehearse.acts import Shift
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.words import _
from server.db.rooms import Workstation
from server.db.sittings import Attempt, JournalGrant
from server.services import packages, seat_state
from server.services.agents import find_agent

ABREAST = 8
STARTS_IN = timedelta(minutes=10)
"""The doors are open."""
SETTLE_SECONDS = 4.0
"""A server that has just started works for itself: most of a second of a processor, which is no session's."""
STEPS = ("sign-in", "confirm", "accept", "journal", "package", "state")
LOGGED = 3
"""Steps that leave an entry in the floor's log: sign-in, confirm, accept."""
Seats = Sequence[Mapping[str, Any]]
NOBODY: Mapping[str, Callable[[], None]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Order:
    """What to bench; `told` gets lines of progress."""

    shape: Shape
    told: Told


@dataclass(frozen=True, slots=True)
class Run:
    """Milliseconds of processor time of program and database for each candidate: all together, and by step
    (the session before those of `STEPS`).
    """

    cpu_ms: float
    by_step: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Logins:
    """Ours and the floor. `seats`: candidates who signed in, by what the store holds."""

    seats: int
    ours: Run
    floor: Run
    ratio_to_floor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(ShapedLine):
    """Ours and the floor. `signed_in`: attempts that the store holds as ready or answering with a journal."""

    load: tuple[float, float]
    ours: Run
    floor: Run
    ratio_to_floor: float
    signed_in: int

    @property
    def complete(self) -> bool:
        """Whether everybody is where the first question is."""
        return self.signed_in == self.seats

    def in_words(self) -> str:
        """The line for people."""
        return _(
            "%(done)d 人登录，每人从会话到第一题 %(ours).2f ms 处理器时间"
            "（下限 %(floor).2f ms，%(ratio).2f 倍）。",
            done=self.signed_in,
            ours=self.ours.cpu_ms,
            floor=self.floor.cpu_ms,
            ratio=self.ratio_to_floor,
        )


def measured(order: Order) -> Found:
    """The line. Raises `FleetFault` and `StaffRefused`."""
    before, shape = load(), order.shape
    found = logged_in(shape, order.told)
    return Found(
        **shape.facts(),
        load=(before, load()),
        ours=found.ours,
        floor=found.floor,
        ratio_to_floor=found.ratio_to_floor,
        signed_in=found.seats,
    )


def logged_in(shape: Shape, told: Told) -> Logins:
    """Candidates sign in on a server of their own and then, in the same hall, at the floor.

    Raises `FleetFault`, also when a store does not hold what was acknowledged, and `StaffRefused`.
    """
    told(_("%(n)d 名考生登录", n=shape.seats))
    plan = {"race": "logins", "seconds": 0, "abreast": ABREAST, "rules": seat_state.RULES_VERSION}
    with private_hall(tls=shape.tls, store=shape.store, workers=shape.workers) as hall:
        rooms = assigned(hall, shape.seats, shape.room_seats, STARTS_IN)
        seats = _seats(hall, rooms)
        hall.serve()
        driver, meanwhile = Driver(hall, {**plan, "seats": seats}), _staff(rooms, opened(hall, rooms))
        ours = _run(driver, hall.cpu_seconds, len(seats), meanwhile)
        told(str(ours))
        with floor_beside(hall, shape, seats, _needed(hall, rooms, seats)) as floor:
            signed_in = _signed_in(hall, rooms)  # after kill -9: what was acknowledged is there
            beside = _run(floor.driver(plan), floor.cpu_seconds, len(seats))
        held = kept(floor.store)  # likewise
    if signed_in != len(seats):
        raise FleetFault(f"store: {signed_in}/{len(seats)}")
    if held != Kept(ready=len(seats), entries=LOGGED * len(seats), whole=True):
        raise FleetFault(f"floor: {held}")
    return Logins(signed_in, ours, beside, ratio(ours.cpu_ms, beside.cpu_ms))


def _run(
    driver: Driver,
    cpu_seconds: Callable[[], float],
    seats: int,
    meanwhile: Mapping[str, Callable[[], None]] = NOBODY,
) -> Run:
    """`meanwhile`: step -> what the staff do after it."""
    time.sleep(SETTLE_SECONDS)
    began = cpu_seconds()
    with driver:
        spent = {"session": cpu_seconds() - began}
        for step in STEPS:
            _through(driver, step, seats)  # all beat: what that costs belongs to no step
            began = cpu_seconds()
            _through(driver, step, seats)
            spent[step] = cpu_seconds() - began
            meanwhile.get(step, lambda: None)()
    each = {step: round(1000 * seconds / seats, 3) for step, seconds in spent.items()}
    return Run(round(sum(each.values()), 3), each)


def _through(driver: Driver, step: str, seats: int) -> None:
    found = driver.race()
    if found["errors"] or found["done"] != seats:
        raise FleetFault(f"{step}: {found}")


def _staff(rooms: Sequence[BenchRoom], shifts: Sequence[Shift]) -> dict[str, Callable[[], None]]:
    return {"sign-in": lambda: _admitted(rooms, shifts), "package": lambda: _started(shifts)}


def _admitted(rooms: Sequence[BenchRoom], shifts: Sequence[Shift]) -> None:
    for room, shift in zip(rooms, shifts, strict=True):
        for entrant in room.stage.entrants:
            shift.admit(room.stage.seats[entrant.seat], unseen=True)


def _started(shifts: Sequence[Shift]) -> None:
    for shift in shifts:
        shift.overrule_checks()  # nothing checks these seats
        shift.start()


def _seats(hall: Hall, rooms: Sequence[BenchRoom]) -> list[dict[str, Any]]:
    """What the load driver needs of them."""
    query = select(Workstation.id, Workstation.seat_id, Attempt.id).join(
        Attempt, Attempt.seat_id == Workstation.seat_id
    )
    found = []
    for room in rooms:
        with hall.host.db.read() as session:
            rows = session.execute(query.where(Attempt.room_sitting_id == room.stage.room_sitting)).all()
        people = {room.stage.seats[entrant.seat]: entrant for entrant in room.stage.entrants}
        found += [
            {
                "workstation": station,
                "private_key": room.keys[station],
                "attempt": attempt,
                "items": [],
                "ticket": people[seat].ticket,
                "id_number": people[seat].id_number,
            }
            for station, seat, attempt in rows
        ]
    return found


def _signed_in(hall: Hall, rooms: Sequence[BenchRoom]) -> int:
    sittings = [room.stage.room_sitting for room in rooms]
    there = Attempt.state.in_([AttemptState.READY, AttemptState.ANSWERING])
    granted = Attempt.id.in_(select(JournalGrant.attempt_id))
    query = select(func.count()).where(Attempt.room_sitting_id.in_(sittings), there, granted)
    with hall.host.db.read() as session:
        return session.scalar(query) or 0


def _needed(hall: Hall, rooms: Sequence[BenchRoom], seats: Seats) -> dict[str, Any]:
    """What the floor has to know: who may sign in where, and what a package and a state of ours are like."""
    host = hall.host
    with host.db.read() as session:
        size = packages.needed(session, rooms[0].stage.room_sitting).size
        agent = find_agent(session, seats[0]["workstation"])[0]
        state = encode(seat_state.build(session, agent, now=host.now(), demo=True).state)
    names = ("workstation", "attempt", "ticket", "id_number")
    who = [{**{name: seat[name] for name in names}, "public_key": _public(seat)} for seat in seats]
    return {"seats": who, "package_bytes": size, "state": state}


def _public(seat: Mapping[str, Any]) -> str:
    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seat["private_key"]))
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()
