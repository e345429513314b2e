"""What it costs the server until a candidate sees the first question: every step on the way, by its route.

Session, ticket and ID number, "this is me", the rules, journal and package, and after the start the key.
What the staff do meanwhile is not counted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from server.cli.bench.crowd import paired
from server.cli.bench.shape import Shape
from server.cli.bench.stand import Driver, Told
from server.cli.rehearse.acts import Shift
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.stage import Stage, Wish, fictional_people, staff_needed, stage_sitting
from server.cli.rehearse.telling import tell_step
from server.cli.words import _
from server.db.rooms import Workstation
from server.db.sittings import Attempt
from server.services.seat_state import RULES_VERSION

MOST = 200
"""So many candidates sign in: more would only take longer."""
ABREAST = 8
STEPS = ("sign-in", "confirm", "accept", "journal", "package", "state")


@dataclass(frozen=True, slots=True)
class Logins:
    """Milliseconds of processor time of the server for each candidate: all together, and by step."""

    seats: int
    cpu_ms: float
    by_step: Mapping[str, float]


def logged_in(shape: Shape, told: Told) -> Logins:
    """Candidates sign in on a server of their own. Raises `FleetFault` and `StaffRefused`."""
    seats = min(MOST, shape.seats)
    told(_("%(n)d 名考生登录", n=seats))
    with private_hall(tls=shape.tls, store=shape.store, workers=shape.workers) as hall:
        crew = hire(hall.host, Names("bench-", _("压测")), invigilators=staff_needed(seats))
        wish = Wish(_("压测"), fictional_people(seats), Decimal(90), "1", timedelta(minutes=10))
        staged = stage_sitting(hall.host, crew, wish, told=tell_step)
        plans = _plans(hall, staged)
        hall.serve()
        shift = Shift(hall.address, crew, staged.room_sitting)
        shift.sign_in()
        shift.release()
        return _measured(hall, shift, staged, plans)


def _measured(hall: Hall, shift: Shift, staged: Stage, plans: list[dict[str, Any]]) -> Logins:
    taken = [staged.seats[entrant.seat] for entrant in staged.entrants]
    meanwhile: dict[str, Callable[[], None]] = {
        "sign-in": lambda: _admitted(shift, taken),
        "package": lambda: _started(shift),
    }
    began = hall.cpu_seconds()
    plan = {"race": "logins", "seconds": 0, "abreast": ABREAST, "rules": RULES_VERSION, "seats": plans}
    with Driver(hall, plan) as driver:
        spent = {"session": hall.cpu_seconds() - began}
        for step in STEPS:
            _through(driver, step, len(plans))  # all beat: what that costs belongs to no step
            began = hall.cpu_seconds()
            _through(driver, step, len(plans))
            spent[step] = hall.cpu_seconds() - began
            meanwhile.get(step, lambda: None)()
    each = {step: round(1000 * seconds / len(plans), 3) for step, seconds in spent.items()}
    return Logins(len(plans), round(sum(each.values()), 3), each)


def _through(driver: Driver, step: str, seats: int) -> None:
    found = driver.race()
    if found["errors"] or found["done"] != seats:
        raise FleetFault(f"{step}: {found}")


def _admitted(shift: Shift, seats: Sequence[int]) -> None:
    for seat in seats:
        shift.admit(seat, unseen=True)


def _started(shift: Shift) -> None:
    shift.overrule_checks()  # nothing checks these seats
    shift.start()


def _plans(hall: Hall, staged: Stage) -> list[dict[str, Any]]:
    keys = paired(hall.host, staged)
    query = select(Workstation.id, Workstation.seat_id, Attempt.id).join(
        Attempt, Attempt.seat_id == Workstation.seat_id
    )
    with hall.host.db.read() as session:
        rows = session.execute(query.where(Attempt.room_sitting_id == staged.room_sitting)).all()
    people = {staged.seats[entrant.seat]: entrant for entrant in staged.entrants}
    return [
        {
            "workstation": station,
            "private_key": keys[station],
            "attempt": attempt,
            "items": [],
            "ticket": people[seat].ticket,
            "id_number": people[seat].id_number,
        }
        for station, seat, attempt in rows
    ]
