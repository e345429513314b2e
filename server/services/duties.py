"""One's own duties, and signing in to them and out: the times are the server's.

Who serves several rooms of a sitting signs once for all of them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.people import User
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, RoomSitting, Sitting
from server.db.staffing import DutySign
from server.errors import NotFound, Refused
from server.services import staffing
from server.services.batches import policy_of
from server.services.duty import need_duty
from server.services.signed import Signed, need, need_reason, note_room

PAST, SHOWN = timedelta(hours=18), 60
OVER = ("collected", "marked")


@dataclass(frozen=True, slots=True)
class OwnDuty:
    """One room in one sitting where a person is on duty. `opens_at`: from when on they may sign in."""

    room_sitting: int
    batch: str
    number: int
    room: str
    role: str
    starts_at: datetime
    opens_at: datetime
    state: str
    rehearsal: bool
    in_at: datetime | None
    out_at: datetime | None

    def may_sign_in(self, now: datetime) -> bool:
        """Whether signing in is open."""
        away = self.in_at is None or self.out_at is not None
        return away and now >= self.opens_at and self.state not in OVER

    @property
    def here(self) -> bool:
        """Whether the person is signed in."""
        return self.in_at is not None and self.out_at is None


def mine(session: Session, actor: Actor, *, now: datetime) -> list[OwnDuty]:
    """A person's duties from the last hours on, by time and room."""
    query = (
        select(Assignment, RoomSitting, Sitting, Batch, Room)
        .join(RoomSitting, RoomSitting.id == Assignment.room_sitting_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(Assignment.user_id == actor.user_id, Sitting.starts_at > now - PAST)
        .order_by(Sitting.starts_at, Room.name)
        .limit(SHOWN)
    )
    stays = {
        sign.room_sitting_id: sign
        for sign in session.scalars(
            select(DutySign).where(DutySign.user_id == actor.user_id).order_by(DutySign.id)
        )
    }
    return [_own(row, stays.get(row[1].id)) for row in session.execute(query)]


def _own(row: "tuple[Assignment, RoomSitting, Sitting, Batch, Room]", stay: DutySign | None) -> OwnDuty:
    assigned, held, sitting, batch, room = row
    return OwnDuty(
        room_sitting=held.id,
        batch=batch.name,
        number=sitting.number,
        room=room.name,
        role=assigned.role,
        starts_at=sitting.starts_at,
        opens_at=_opens(sitting, batch),
        state=held.state,
        rehearsal=batch.rehearsal,
        in_at=stay.in_at if stay else None,
        out_at=stay.out_at if stay else None,
    )


def sign_in(session: Session, actor: Actor, room_sitting_id: int, *, now: datetime) -> int:
    """Signs oneself in, in every room of the sitting where one has this duty; returns in how many.

    Refused: `not_assigned`, `duty_not_yet`, `duty_over`, `duty_already_in`.
    """
    need(actor, Permission.SIGN_DUTY)
    return _sign_in(session, Signed(actor), room_sitting_id, actor.user_id or 0, now)


def sign_in_for(
    session: Session, signed: Signed, room_sitting_id: int, user_id: int, *, now: datetime
) -> int:
    """The chief signs in somebody who cannot, with a reason; refused as `sign_in` does."""
    need_duty(session, signed.actor, Permission.COSIGN, room_sitting_id, now=now)
    need_reason(signed)
    return _sign_in(session, signed, room_sitting_id, user_id, now)


def sign_out(session: Session, signed: Signed, room_sitting_id: int, *, now: datetime) -> int:
    """Signs oneself out of every room of the sitting; returns of how many.

    Who leaves while a room runs says why. Refused: `not_assigned`, `duty_not_in`, `reason_missing`.
    """
    need(signed.actor, Permission.SIGN_DUTY)
    return _sign_out(session, signed, room_sitting_id, signed.actor.user_id or 0, now)


def sign_out_for(
    session: Session, signed: Signed, room_sitting_id: int, user_id: int, *, now: datetime
) -> int:
    """The chief signs out somebody who has left, with a reason."""
    need_duty(session, signed.actor, Permission.COSIGN, room_sitting_id, now=now)
    need_reason(signed)
    return _sign_out(session, signed, room_sitting_id, user_id, now)


def _sign_in(session: Session, signed: Signed, room_sitting_id: int, user_id: int, now: datetime) -> int:
    _row, sitting, _room = staffing.parts(session, room_sitting_id)
    duties = _duties(session, sitting, room_sitting_id, user_id)
    if now < _opens(sitting, session.get_one(Batch, sitting.batch_id)):
        raise Refused("duty_not_yet")
    open_rooms = [(duty, held) for duty, held in duties if held.state not in OVER]
    if not open_rooms:
        raise Refused("duty_over")
    here = {room for room, _ in _open_signs(session, sitting, user_id)}
    fresh = [(duty, held) for duty, held in open_rooms if held.id not in here]
    if not fresh:
        raise Refused("duty_already_in")
    act = "duty_signed_in" if signed.actor.user_id == user_id else "duty_signed_in_for"
    for duty, held in fresh:
        sign = DutySign(room_sitting_id=held.id, user_id=user_id, role=duty.role, in_at=now)
        sign.in_by, sign.in_reason = signed.actor.user_id, signed.why().get("reason", "")
        session.add(sign)
        session.flush()
        note_room(session, held.id, signed, act, now, person=_name(session, user_id), duty=duty.role)
    return len(fresh)


def _sign_out(session: Session, signed: Signed, room_sitting_id: int, user_id: int, now: datetime) -> int:
    _row, sitting, _room = staffing.parts(session, room_sitting_id)
    found = _open_signs(session, sitting, user_id)
    if not found:
        raise Refused("duty_not_in")
    running = any(session.get_one(RoomSitting, room).state == "running" for room, _ in found)
    if running:
        need_reason(signed)
    act = "duty_signed_out" if signed.actor.user_id == user_id else "duty_signed_out_for"
    act = "duty_left" if running and act == "duty_signed_out" else act
    for room, sign in found:
        sign.out_at, sign.out_by, sign.out_reason = now, signed.actor.user_id, signed.why().get("reason", "")
        note_room(session, room, signed, act, now, person=_name(session, user_id), duty=sign.role)
    return len(found)


def _duties(
    session: Session, sitting: Sitting, room_sitting_id: int, user_id: int
) -> list[tuple[Assignment, RoomSitting]]:
    """The person's rooms of the sitting, locked; that room must be one of them."""
    query = (
        select(Assignment, RoomSitting)
        .join(RoomSitting, RoomSitting.id == Assignment.room_sitting_id)
        .where(RoomSitting.sitting_id == sitting.id, Assignment.user_id == user_id)
        .order_by(RoomSitting.id)
        .with_for_update()
    )
    found = [(duty, held) for duty, held in session.execute(query)]
    if room_sitting_id not in {held.id for _duty, held in found}:
        raise Refused("not_assigned", 403)
    return found


def _open_signs(session: Session, sitting: Sitting, user_id: int) -> list[tuple[int, DutySign]]:
    query = (
        select(DutySign)
        .join(RoomSitting, RoomSitting.id == DutySign.room_sitting_id)
        .where(RoomSitting.sitting_id == sitting.id, DutySign.user_id == user_id, DutySign.out_at.is_(None))
        .order_by(DutySign.room_sitting_id)
    )
    return [(sign.room_sitting_id, sign) for sign in session.scalars(query)]


def _opens(sitting: Sitting, batch: Batch) -> datetime:
    return sitting.starts_at - timedelta(minutes=policy_of(batch).gates.sign_in_opens_minutes)


def _name(session: Session, user_id: int) -> str:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("user")
    return user.name
