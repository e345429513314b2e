"""What must not be deleted although its time is over: legal holds that people place, and open cases.

A hold covers a whole room of a sitting or one candidate in it; a case covers its candidate until it is over.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.admission import clean_ticket
from server.access import Permission
from server.db.cases import Case
from server.db.people import User
from server.db.privacy import LegalHold
from server.db.rooms import Room, Seat
from server.db.sittings import Attempt, Batch, Registration, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.rules.violations import OVER
from server.services import audit
from server.services.signed import MOST_REASON, Signed, need, need_reason, second_person

MOST_PLACES = 300


@dataclass(frozen=True, slots=True)
class Held:
    """Rooms in sittings, and attempts, of which nothing is deleted."""

    rooms: frozenset[int]
    attempts: frozenset[int]

    def covers(self, room_sitting_id: int | None, attempt_id: int | None) -> bool:
        """Whether something of this room and attempt is held."""
        return room_sitting_id in self.rooms or attempt_id in self.attempts


@dataclass(frozen=True, slots=True)
class HoldLine:
    """One hold for the screen; `seat` and `ticket` are "" when it covers the whole room."""

    id: int
    room_sitting: int
    room: str
    seat: str
    ticket: str
    reason: str
    placed_at: datetime
    by: str


def held(session: Session) -> Held:
    """What is held now."""
    standing = list(session.scalars(select(LegalHold).where(LegalHold.lifted_at.is_(None))))
    over = [str(state) for state in OVER]
    cases = session.scalars(select(Case.attempt_id).where(Case.state.not_in(over)))
    return Held(
        frozenset(row.room_sitting_id for row in standing if row.attempt_id is None),
        frozenset({row.attempt_id for row in standing if row.attempt_id is not None} | set(cases)),
    )


def place(
    session: Session, signed: Signed, room_sitting_id: int, ticket: str = "", *, now: datetime
) -> LegalHold:
    """Keeps everything of a room, or of the candidate with this ticket there, until the hold is lifted.

    One person is enough to keep something. Refused: `reason_missing`, `ticket_not_here`.
    """
    need(signed.actor, Permission.MANAGE_BATCHES)
    need_reason(signed)
    if session.get(RoomSitting, room_sitting_id) is None:
        raise NotFound("sitting")
    row = LegalHold(
        room_sitting_id=room_sitting_id,
        attempt_id=_attempt(session, room_sitting_id, ticket) if ticket else None,
        reason=signed.reason.strip()[:MOST_REASON],
        placed_at=now,
        placed_by=signed.actor.user_id,
    )
    session.add(row)
    session.flush()
    stream, object_ = audit.sitting_stream(room_sitting_id), f"hold/{row.id}"
    whole = row.attempt_id is None
    audit.record(
        session, stream, signed.actor, "hold_placed", object_, now=now, **signed.why(), whole_room=whole
    )
    return row


def _attempt(session: Session, room_sitting_id: int, ticket: str) -> int:
    query = select(Attempt.id).join(Registration, Registration.id == Attempt.registration_id)
    spellings = {clean_ticket(ticket), ticket.strip()}
    found = session.scalar(
        query.where(Attempt.room_sitting_id == room_sitting_id, Registration.ticket.in_(spellings))
    )
    if found is None:
        raise Refused("ticket_not_here", 422, field="ticket", ticket=ticket[:32])
    return found


def lift(session: Session, signed: Signed, hold_id: int, *, now: datetime) -> None:
    """From now on the usual time counts again: two people, since things may be deleted the same night."""
    need(signed.actor, Permission.MANAGE_BATCHES)
    need_reason(signed)
    second = second_person(signed)
    row = session.get(LegalHold, hold_id)
    if row is None:
        raise NotFound("hold")
    if row.lifted_at is not None:
        raise Refused("hold_lifted_already")
    row.lifted_at, row.lifted_by, row.lifted_second = now, signed.actor.user_id, second.user_id
    row.lift_reason = signed.reason.strip()[:MOST_REASON]
    stream = audit.sitting_stream(row.room_sitting_id)
    audit.record(session, stream, signed.actor, "hold_lifted", f"hold/{row.id}", now=now, **signed.why())


def places(session: Session) -> list[tuple[int, str]]:
    """Rooms in sittings that a hold can name, the newest first: id, batch with number and room."""
    query = (
        select(RoomSitting.id, Batch.name, Sitting.number, Room.name)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .order_by(RoomSitting.id.desc())
    )
    return [
        (number, f"{batch} · {sitting} · {room}")
        for number, batch, sitting, room in session.execute(query.limit(MOST_PLACES))
    ]


def lines(session: Session) -> list[HoldLine]:
    """The holds that stand, the oldest first."""
    query = (
        select(LegalHold, Room.name, Seat.number, Registration.ticket, User.name)
        .join(RoomSitting, RoomSitting.id == LegalHold.room_sitting_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .outerjoin(Attempt, Attempt.id == LegalHold.attempt_id)
        .outerjoin(Seat, Seat.id == Attempt.seat_id)
        .outerjoin(Registration, Registration.id == Attempt.registration_id)
        .outerjoin(User, User.id == LegalHold.placed_by)
        .where(LegalHold.lifted_at.is_(None))
        .order_by(LegalHold.id)
    )
    return [
        HoldLine(
            id=row.id,
            room_sitting=row.room_sitting_id,
            room=room,
            seat=seat or "",
            ticket=ticket or "",
            reason=row.reason,
            placed_at=row.placed_at,
            by=by or "",
        )
        for row, room, seat, ticket, by in session.execute(query)
    ]
