"""The draw of seats and forms for a room's sitting, with a stored seed; staff on duty."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from exam_rooms.seating import Arrangement, Person, SeatingRefused, arrange
from exam_rooms.seats import AttemptState
from server.access import Actor, Permission, Role
from server.db.base import emit
from server.db.papers import PaperSet
from server.db.people import User, UserRole
from server.db.rooms import Room, Seat
from server.db.sittings import Assignment, Attempt, Batch, Registration, RoomSitting, SeatStay, Sitting
from server.errors import Forbidden, NotFound, Refused
from server.events import RoomChanged
from server.rules.policy import invigilators_needed
from server.services import assembly_runs, audit, kiosk_orders, packages
from server.services.batches import policy_of
from server.services.rooms import map_of


@dataclass(frozen=True, slots=True)
class Staffing:
    """Who is on duty and how many the policy asks for."""

    needed: int
    assigned: tuple[tuple[int, str, str], ...]
    """(user id, name, role)"""


def draw(session: Session, actor: Actor, room_sitting_id: int, *, seed: str = "", now: datetime) -> str:
    """Seats every candidate of the room; returns the seed, which replays the draw. Once only."""
    _require(actor)
    room_sitting, sitting, room = _parts(session, room_sitting_id)
    session.refresh(sitting, with_for_update=True)  # nobody chooses other papers meanwhile
    if room_sitting.state != "planned":
        raise Refused("sitting_already_arranged")
    people = _people(session, room_sitting)
    if not people:
        raise Refused("roster_empty")
    seed = seed or secrets.token_hex(16)
    forms = packages.seat_forms(session, room_sitting_id)
    result = _arranged(room, people, list(forms), seed)
    by_number = {seat.number: seat.id for seat in room.seats}
    own = _own_forms(session, sitting, room)
    for person in people:
        number = result.seats[person.ref]
        form = own.get(number, result.forms[person.ref])
        _seat(session, room_sitting, person, (by_number[number], forms[form]), now)
    room_sitting.state = "arranged"
    room_sitting.seating_seed = seed
    room_sitting.seating_notes = [note.to_json() for note in result.exceptions]
    room_sitting.arranged_at = now
    stream = f"sitting/{room_sitting_id}"
    kiosk_orders.ensure_pin(session, room_sitting_id, now=now)
    audit.record(session, stream, actor, "seats_drawn", stream, now=now, seed=seed, candidates=len(people))
    emit(session, RoomChanged(room_sitting_id))
    return seed


def staffing(session: Session, room_sitting_id: int) -> Staffing:
    """Invigilators needed (R04 by the frozen policy) and assigned."""
    room_sitting, sitting, _room = _parts(session, room_sitting_id)
    batch = session.get_one(Batch, sitting.batch_id)
    candidates = session.scalar(
        select(func.count())
        .select_from(Registration)
        .where(Registration.sitting_id == sitting.id, Registration.room_id == room_sitting.room_id)
    )
    rows = session.execute(
        select(Assignment.user_id, User.name, Assignment.role)
        .join(User, User.id == Assignment.user_id)
        .where(Assignment.room_sitting_id == room_sitting_id)
        .order_by(Assignment.role, User.name)
    )
    needed = invigilators_needed(candidates or 0, policy_of(batch))
    return Staffing(needed, tuple((user, name, role) for user, name, role in rows))


def assign_staff(
    session: Session, actor: Actor, room_sitting_id: int, duties: dict[int, Role], *, now: datetime
) -> None:
    """Sets who is on duty in the room: user id -> chief invigilator or invigilator, a role they hold."""
    _require(actor)
    _parts(session, room_sitting_id)
    for user_id, role in duties.items():
        holds = session.get(UserRole, (user_id, str(role)))
        if holds is None or role not in {Role.CHIEF_INVIGILATOR, Role.INVIGILATOR}:
            raise Refused("duty_without_role", 422, user=user_id)
    session.execute(delete(Assignment).where(Assignment.room_sitting_id == room_sitting_id))
    session.add_all(
        Assignment(room_sitting_id=room_sitting_id, user_id=user_id, role=str(role))
        for user_id, role in duties.items()
    )
    stream = f"sitting/{room_sitting_id}"
    audit.record(session, stream, actor, "staff_assigned", stream, now=now, staff=len(duties))


def _own_forms(session: Session, sitting: Sitting, room: Room) -> dict[str, str]:
    """Seat number -> form, where the papers give each seat of the room a form of its own; else nothing."""
    row = session.get(PaperSet, sitting.paper_set_id) if sitting.paper_set_id else None
    return assembly_runs.forms_by_seat(session, row, room) if row else {}


def _arranged(room: Room, people: list[Person], forms: list[str], seed: str) -> Arrangement:
    try:
        return arrange(map_of(room), people, forms=forms, seed=seed)
    except SeatingRefused as refusal:
        raise Refused(f"seating_{refusal.code}", 422, **refusal.params) from refusal


def _require(actor: Actor) -> None:
    if not actor.can(Permission.MANAGE_BATCHES):
        raise Forbidden(Permission.MANAGE_BATCHES)


def _parts(session: Session, room_sitting_id: int) -> tuple[RoomSitting, Sitting, Room]:
    room_sitting = session.get(RoomSitting, room_sitting_id)
    if room_sitting is None:
        raise NotFound("sitting")
    return (
        room_sitting,
        session.get_one(Sitting, room_sitting.sitting_id),
        session.get_one(Room, room_sitting.room_id),
    )


def _people(session: Session, room_sitting: RoomSitting) -> list[Person]:
    rows = session.execute(
        select(Registration.id, Registration.employer)
        .where(
            Registration.sitting_id == room_sitting.sitting_id, Registration.room_id == room_sitting.room_id
        )
        .order_by(Registration.ticket)
    )
    return [Person(ref=str(registration), employer=employer) for registration, employer in rows]


def _seat(
    session: Session, room_sitting: RoomSitting, person: Person, place: tuple[int, str], now: datetime
) -> None:
    seat_id, form = place
    if session.get(Seat, seat_id) is None:
        raise NotFound("seat")
    attempt = Attempt(
        registration_id=int(person.ref),
        room_sitting_id=room_sitting.id,
        seat_id=seat_id,
        form=form,
        state=AttemptState.ASSIGNED,
    )
    session.add(attempt)
    session.flush()
    session.add(SeatStay(attempt_id=attempt.id, seat_id=seat_id, from_at=now, reason="drawn"))
