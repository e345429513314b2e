"""Who stands at the desk: found by what was scanned or typed, with everything the desk shows of a person."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.desk import AGAIN, CONFIRM, Confirm, Entry, Face, entry
from exam_rooms.identity import clean_id
from exam_rooms.seats import AttemptState
from exam_rooms.ticket_code import PURPOSE, read_ticket
from server.access import Actor, Permission
from server.db.base import vault_of
from server.db.rooms import Room, Seat
from server.db.signins import SignInRow
from server.db.sittings import Attempt, Candidate, Registration, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.rules.accommodation import extra_minutes
from server.services import audit, desk_looks, staff
from server.services.accommodations import Granted, granted_of
from server.services.desk import Place
from server.services.desk_marks import hold_of, mark_of, standing
from server.services.duty import need_duty_to_look
from server.services.roomstate import RoomState, load
from server.services.rosters import ID_PURPOSE, masked_id

MOST_TYPED = 200


@dataclass(frozen=True, slots=True)
class Sighting:
    """One sign-in as the desk shows it. `mark`: `desk_marks.mark_of`, taken_back, or differs (a look)."""

    id: int
    mark: str
    at: datetime
    entered_at: datetime
    method: str
    face: str
    similarity: float | None
    operator: str
    second: str
    reason: str
    decision: str
    decision_reason: str
    late_minutes: int
    has_picture: bool


@dataclass(frozen=True, slots=True)
class Person:
    """A candidate at the desk. `stage` says what comes next:

    early, elsewhere (another room), unseated, absent, late (the door is closed), over, doubt (to be decided),
    refused, passed, seated (went to the seat without the desk), ask (consent first), confirm.
    `face`, `similarity`, `consent`, `differs`: all looks together (`desk_looks.weigh`).
    """

    registration: int
    method: str
    stage: str
    name: str
    ticket: str
    id_masked: str
    employer: str
    has_photo: bool
    seat: str
    room: str
    granted: Granted
    extra: Decimal
    entry: Entry
    face: Face
    similarity: float | None
    consent: bool | None
    differs: bool
    standing: Sighting | None
    former: tuple[Sighting, ...]

    @property
    def confirm(self) -> Confirm:
        """Who has to confirm."""
        return CONFIRM[self.face]

    @property
    def may_look_again(self) -> bool:
        """Whether another picture may help."""
        return self.consent is True and self.face in AGAIN


@dataclass(frozen=True, slots=True)
class Waiting:
    """One line of the desk's list; `mark` is "" for who has not come."""

    registration: int
    ticket: str
    name: str
    seat: str
    mark: str
    state: str


def find(session: Session, actor: Actor, room_sitting_id: int, typed: str, *, now: datetime) -> Person:
    """The candidate that a scanned code, a ticket number or an ID number names, whatever its width.

    Refused: a code that was not made here, somebody unknown, somebody of another sitting; who is not on duty
    in this room. What was found by an ID number is to be noted (`note_looked_up`).
    """
    need_duty_to_look(session, actor, Permission.ADMIT_CANDIDATES, room_sitting_id)
    room = load(session, room_sitting_id)
    registration, method = _registration(session, room, typed[:MOST_TYPED])
    return person(session, actor, Place(room_sitting_id, registration.id, method), now=now)


def person(session: Session, actor: Actor, place: Place, *, now: datetime) -> Person:
    """A candidate of this sitting as the desk of a room shows them to one of its operators, on duty there."""
    need_duty_to_look(session, actor, Permission.ADMIT_CANDIDATES, place.room_sitting)
    room, registration_id = load(session, place.room_sitting), place.registration
    registration = session.get(Registration, registration_id)
    if registration is None or registration.sitting_id != room.sitting.id:
        raise NotFound("candidate")
    candidate = session.get_one(Candidate, registration.candidate_id)
    attempt = session.scalar(select(Attempt).where(Attempt.registration_id == registration_id))
    rows = desk_looks.all_rows(session, registration_id)
    holds = standing(session, registration_id)
    mine = desk_looks.own(rows, actor.user_id)
    door = entry(room.clock, now)
    weighed = desk_looks.weigh(rows, mine, desk_looks.first_face(room, registration))
    names = staff.names(session, {each for row in rows for each in (row.operator_id, row.second_id)})
    seat = session.get(Seat, attempt.seat_id) if attempt else None
    granted = granted_of(registration)
    return Person(
        registration=registration_id,
        method=place.method,
        stage=_stage(room, attempt, holds, door, weighed.face),
        name=candidate.name,
        ticket=registration.ticket,
        id_masked=masked_id(session, candidate),
        employer=registration.employer,
        has_photo=registration.has_photo,
        seat=seat.number if seat else "",
        room=session.get_one(Room, seat.room_id).name if seat else "",
        granted=granted,
        extra=extra_minutes(granted.extra, room.sitting.minutes),
        entry=door,
        face=weighed.face,
        similarity=weighed.similarity,
        consent=weighed.consent,
        differs=weighed.differs,
        standing=_sighting(holds, names) if holds else None,
        former=tuple(_sighting(row, names) for row in rows if row is not holds and _is_told(row, mine)),
    )


def note_looked_up(session: Session, actor: Actor, place: Place, *, now: datetime) -> None:
    """Puts on the record that somebody was looked up by the ID number, which itself is not said there."""
    stream = audit.sitting_stream(place.room_sitting)
    audit.record(session, stream, actor, "desk_looked_up", f"registration/{place.registration}", now=now)


def people(session: Session, room_sitting_id: int) -> list[Waiting]:
    """Everybody of the room in the order of the seats' drawing, with what the desk made of them."""
    query = (
        select(Registration, Candidate.name, Attempt.state, Seat.number, SignInRow)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .join(Attempt, Attempt.registration_id == Registration.id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .outerjoin(SignInRow, SignInRow.standing_for == Registration.id)
        .where(Attempt.room_sitting_id == room_sitting_id)
        .order_by(Seat.id)
    )
    return [
        Waiting(registration.id, registration.ticket, name, seat, mark_of(row) if row else "", state)
        for registration, name, state, seat, row in session.execute(query)
    ]


def _registration(session: Session, room: RoomState, typed: str) -> tuple[Registration, str]:
    vault = vault_of(session)
    code = read_ticket(typed, lambda text: vault.index(PURPOSE, text))
    if code is None:
        raise Refused("ticket_code_forged", 422, field="typed")
    if not code.ticket:
        raise Refused("desk_nothing_typed", 422, field="typed")
    by_ticket = select(Registration).where(Registration.ticket.in_(code.spellings))
    found = session.scalars(by_ticket).first()
    if found is not None:
        if found.sitting_id != room.sitting.id:
            raise _elsewhere(session, found)
        return found, "ticket" if code.marked else "number"
    person_id = session.scalar(
        select(Candidate.id).where(Candidate.id_index == vault.index(ID_PURPOSE, clean_id(typed)))
    )
    rows = list(session.scalars(select(Registration).where(Registration.candidate_id == person_id)))
    here = [row for row in rows if row.sitting_id == room.sitting.id]
    if here:
        return here[0], "id"
    if rows and person_id is not None:
        raise _elsewhere(session, rows[-1])
    raise Refused("desk_nobody_found", 404, field="typed")


def _elsewhere(session: Session, row: Registration) -> Refused:
    starts_at = session.get_one(Sitting, row.sitting_id).starts_at
    return Refused("desk_other_sitting_at", 422, field="typed", starts_at=starts_at.isoformat())


def _stage(room: RoomState, attempt: Attempt | None, holds: SignInRow | None, door: Entry, face: Face) -> str:
    if attempt is None:
        return "unseated"
    if attempt.room_sitting_id != room.row.id:
        return "elsewhere"
    if holds is not None:
        return {"": "passed", "desk_doubt_open": "doubt"}.get(hold_of(holds), "refused")
    if attempt.state not in (AttemptState.ASSIGNED, AttemptState.IDENTIFIED, AttemptState.ABSENT):
        return "seated"
    if not door.is_open:
        return {"early": "early", "closed": "late"}.get(str(door.door), "over")
    if attempt.state == AttemptState.ABSENT:
        return "absent"
    return "ask" if CONFIRM[face] is Confirm.ASK else "confirm"


def _is_told(row: SignInRow, mine: SignInRow | None) -> bool:
    """Whether a row is part of what was before: sign-ins, and looks that found another face."""
    return not _is_look(row) or (row.face == Face.MISMATCH and row is not mine)


def _is_look(row: SignInRow) -> bool:
    return row.result in ("", desk_looks.LOOKED)


def _mark(row: SignInRow) -> str:
    if row.taken_back_at:
        return "taken_back"
    return "differs" if _is_look(row) else mark_of(row)


def _sighting(row: SignInRow, names: dict[int, str]) -> Sighting:
    return Sighting(
        id=row.id,
        mark=_mark(row),
        at=row.signed_at,
        entered_at=row.entered_at,
        method=row.method,
        face=row.face,
        similarity=row.similarity,
        operator=names.get(row.operator_id or 0, ""),
        second=names.get(row.second_id or 0, ""),
        reason=row.reason,
        decision=row.decision,
        decision_reason=row.decision_reason,
        late_minutes=row.late_minutes,
        has_picture=row.has_picture,
    )


def room_of(session: Session, room_sitting_id: int) -> RoomSitting:
    """The room in its sitting. Raises `NotFound`."""
    row = session.get(RoomSitting, room_sitting_id)
    if row is None:
        raise NotFound("sitting")
    return row
