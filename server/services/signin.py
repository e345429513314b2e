"""Signing in at a seat: ticket and ID number at the assigned paired seat, nothing else (design D14)."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from exam_rooms.admission import Booking, Door, Reason, SignIn, clean_ticket, may_sign_in
from exam_rooms.admission import Refused as NotAdmitted
from exam_rooms.incidents import IncidentKind
from exam_rooms.protocol import SignInRequest
from exam_rooms.seats import PRESENT, Act, AttemptState
from server.access import Actor
from server.db.base import brief, emit, vault_of
from server.db.rooms import Seat
from server.db.signins import SignInRow
from server.db.sittings import Attempt, Candidate, Incident, Registration, RoomSitting
from server.events import Activity
from server.services import audit, desk_marks
from server.services.agents import Agent
from server.services.incidents import Place, clear, raise_incident
from server.services.roomstate import advance, load
from server.services.rosters import ID_PURPOSE


@dataclass(frozen=True, slots=True)
class Outcome:
    """A sign-in that worked (`code` empty) or why not. A refusal is committed too: it may be an incident."""

    code: str = ""
    params: dict[str, str] = field(default_factory=dict)


@brief
def sign_in(
    session: Session, agent: Agent, room_sitting_id: int | None, asked: SignInRequest, *, now: datetime
) -> Outcome:
    """A candidate at this agent's seat gives ticket and ID number."""
    if room_sitting_id is None:
        return Outcome(str(Reason.TOO_EARLY))
    room = load(session, room_sitting_id)
    attempt, booking = _booking(session, asked)
    if attempt is not None and booking is not None and attempt.seat_id == agent.seat:
        number = booking.seat
    else:
        number = session.get_one(Seat, agent.seat).number
    form = SignIn(asked.ticket, asked.id_number, number, seat_paired=True)
    came = desk_marks.came_at(session, attempt, room, now) if attempt else now
    verdict = may_sign_in(form, booking, Door(room.row.uid, room.clock), came)
    if isinstance(verdict, NotAdmitted):
        if verdict.reason is Reason.WRONG_SEAT and attempt is not None:
            return _at_another_seat(session, Place(room_sitting_id, agent.seat, attempt.id), attempt, now)
        return Outcome(str(verdict.reason), dict(verdict.params))
    assert attempt is not None
    if attempt.state == AttemptState.ABSENT:
        return Outcome(str(Reason.CLOSED))
    advance(session, attempt, Act.SIGN_IN)
    attempt.identified_at, attempt.workstation_id = now, agent.workstation
    stream = audit.sitting_stream(room_sitting_id)
    who = Actor(None, f"seat {number}")
    audit.record(session, stream, who, "signed_in", f"attempt/{attempt.id}", now=now, seat=number)
    emit(session, Activity(room_sitting_id, "line_signed_in", (("seat", number),), agent.seat))
    _meet_desk(session, attempt, now)
    return Outcome()


def _meet_desk(session: Session, attempt: Attempt, now: datetime) -> None:
    """What the sign-in desk knows of who sits down; asked with the attempt locked, as there."""
    asked = {"room": attempt.room_sitting_id, "one": attempt.id, "registration": attempt.registration_id}
    missed, at_desk = session.execute(_DESK, asked).one()
    if missed:
        here = Place(attempt.room_sitting_id, attempt.seat_id, attempt.id)
        clear(session, here, IncidentKind.NOT_AT_SEAT, now=now)
    if at_desk:
        desk_marks.meet(session, attempt, now=now)


def _at_another_seat(session: Session, here: Place, attempt: Attempt, now: datetime) -> Outcome:
    """Right ticket and number, other seat: a candidate lost in the room, or two people with one ticket.

    Whoever is signed in already sits elsewhere now, so people have to look at both seats.
    """
    own = session.get_one(Seat, attempt.seat_id).number
    if AttemptState(attempt.state) not in PRESENT:
        raise_incident(session, here, IncidentKind.WRONG_SEAT_SIGN_IN, now=now, seat=own)
        return Outcome(str(Reason.WRONG_SEAT), {"seat": own})
    other = session.get_one(Seat, here.seat or 0).number
    there = Place(attempt.room_sitting_id, attempt.seat_id, attempt.id)
    raise_incident(session, here, IncidentKind.SECOND_SIGN_IN, now=now, other=own)
    raise_incident(session, there, IncidentKind.SECOND_SIGN_IN, now=now, other=other)
    return Outcome(str(Reason.ELSEWHERE), {"seat": own})


_BOOKED = (
    select(
        Attempt, Registration.ticket, Candidate.id_index, Candidate.sealed_id, Seat.number, RoomSitting.uid
    )
    .join(Registration, Registration.id == Attempt.registration_id)
    .join(Candidate, Candidate.id == Registration.candidate_id)
    .join(Seat, Seat.id == Attempt.seat_id)
    .join(RoomSitting, RoomSitting.id == Attempt.room_sitting_id)
    .where(Registration.ticket.in_(bindparam("tickets", expanding=True)))
    .with_for_update(key_share=True, of=Attempt)
    .execution_options(populate_existing=True)
)
_DESK = select(
    exists().where(
        Incident.room_sitting_id == bindparam("room"),
        Incident.attempt_id == bindparam("one"),
        Incident.kind == str(IncidentKind.NOT_AT_SEAT),
    ),
    exists().where(SignInRow.standing_for == bindparam("registration")),
)


def _booking(session: Session, asked: SignInRequest) -> tuple[Attempt | None, Booking | None]:
    """The attempt behind a ticket, kept from other writers, and what the door has to know of it."""
    tickets = {"tickets": sorted({clean_ticket(asked.ticket), asked.ticket.strip()})}
    # Whose seat changes while the lock is waited for falls out of PostgreSQL's join: it is asked once more.
    found = session.execute(_BOOKED, tickets).first() or session.execute(_BOOKED, tickets).first()
    if found is None:
        return None, None
    attempt, ticket, index, sealed, seat, room_uid = found
    number = vault_of(session).open_value(ID_PURPOSE, index, sealed).decode()
    state = AttemptState(attempt.state)
    where = seat if state in PRESENT else None
    return attempt, Booking(ticket, number, room_uid, seat, state, where)
