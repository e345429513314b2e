"""Commands of staff to a seat, a selection, a room or all rooms of a sitting, beside those of `commands`.

Pause and resume stop and start the clock; lock, unlock and the identity check cover the page while time goes
on; a message is for a candidate alone. All rooms at once is the chief's. A second click of a form does
nothing again. What the seats confirm stands in `command_log`.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import CommandKind
from exam_rooms.seats import PRESENT, AttemptState
from server.access import Permission
from server.db.base import brief, emit
from server.db.commands import IDENTITY, LOCKED, PauseRow, SeatMessage
from server.db.rooms import Room, Seat
from server.db.sittings import Attempt, RoomSitting
from server.errors import NotFound, Refused
from server.events import Activity
from server.services import audit, breaches, pauses
from server.services.announcements import TEXT_MOST
from server.services.command_log import issue, issue_messages, repeated
from server.services.duty import need_duty
from server.services.outage_gate import need_decided
from server.services.roomstate import CLOSED, RoomState, attempts_of, load, locked_attempt, touch
from server.services.signed import Signed, need_reason, note_room, params_of

COVERS = frozenset({LOCKED, IDENTITY})


@dataclass(frozen=True, slots=True)
class Whom:
    """Whom a command is for: seats of a room (None: the whole of it).

    `once`: the one-time number of the form; a number is obeyed a single time.
    """

    room_sitting: int
    seats: frozenset[int] | None = None
    once: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """Who commands whom, and when."""

    signed: Signed
    whom: Whom
    now: datetime


Act = Callable[[Session, RoomState, list[Attempt], Order], int]


@brief
def pause(session: Session, signed: Signed, whom: Whom, *, now: datetime) -> int:
    """Covers the papers and stops the clock; returns how many seats it reaches, 0 for a second click.

    Answers up to the pause count; nobody is handed in and no door closes while it lasts. Refused:
    `reason_missing`, `not_on_duty`, `room_not_running`, `already_paused`, `no_seat_meant`.
    """
    need_reason(signed)
    return _commanded(session, _pause, Order(signed, whom, now))


def _pause(session: Session, room: RoomState, meant: list[Attempt], order: Order) -> int:
    _need_running(room)
    if order.whom.seats is None:
        if room.row.paused_at is not None:
            raise Refused("already_paused")
        _begin_pause(session, room, None, order)
        room.row.paused_at = order.now
        reached = _at_work(meant)
    else:
        reached = [attempt for attempt in _at_work(meant) if attempt.paused_at is None]
        if not reached:
            raise Refused("already_paused" if _at_work(meant) else "nobody_at_work")
        for attempt in reached:
            _begin_pause(session, room, attempt, order)
            attempt.paused_at = order.now
    issue(session, CommandKind.PAUSE, reached, order.signed, now=order.now, once=order.whom.once)
    _tell(session, room, reached, order, "paused")
    return len(reached)


def _begin_pause(session: Session, room: RoomState, attempt: Attempt | None, order: Order) -> None:
    session.add(
        PauseRow(
            room_sitting_id=room.row.id,
            attempt_id=attempt.id if attempt else None,
            since_at=order.now,
            reason=order.signed.why()["reason"],
            paused_by=order.signed.actor.user_id,
        )
    )


@brief
def resume(session: Session, signed: Signed, whom: Whom, *, now: datetime) -> int:
    """Time goes on; every deadline has moved by exactly the pause. Returns how many seats it reaches.

    A room's resume leaves single seats paused that were paused by themselves. Refused: `outage_undecided`,
    `not_paused`, `not_on_duty`.
    """
    return _commanded(session, _resume, Order(signed, whom, now))


def _resume(session: Session, room: RoomState, meant: list[Attempt], order: Order) -> int:
    need_decided(session, room.row.id)
    rows, ids = pauses.open_rows(session, room.row.id), {attempt.id for attempt in meant}
    ended = [row for row in rows if (row.attempt_id is None) == (order.whom.seats is None)]
    if order.whom.seats is not None:
        ended = [row for row in ended if row.attempt_id in ids]
    if not ended:
        raise Refused("not_paused")
    pauses.close(ended, order.signed.actor.user_id, order.now)
    if order.whom.seats is None:
        room.row.paused_at = None
        freed = [attempt for attempt in meant if attempt.paused_at is None]
    else:
        stood = {row.attempt_id for row in ended}
        freed = [attempt for attempt in meant if attempt.id in stood]
        for attempt in freed:
            attempt.paused_at = None
    reached = _at_work(freed)
    issue(session, CommandKind.RESUME, reached, order.signed, now=order.now, once=order.whom.once)
    seconds = round(max((order.now - row.since_at).total_seconds() for row in ended))
    _tell(session, room, freed, order, "resumed", seconds=seconds)
    return len(reached)


@brief
def lock(session: Session, signed: Signed, whom: Whom, *, now: datetime) -> int:
    """Covers the pages while time goes on; a seat that is covered stays as it is. Needs a reason."""
    need_reason(signed)
    cover = _covering(CommandKind.LOCK, LOCKED, "locked")
    return _commanded(session, cover, Order(signed, whom, now))


@brief
def check_identity(session: Session, signed: Signed, whom: Whom, *, now: datetime) -> int:
    """Covers the pages until an invigilator has looked at person and document; the attempt goes on.

    Needs a reason. The look is put on the record by `identity_looked`.
    """
    need_reason(signed)
    cover = _covering(CommandKind.IDENTITY, IDENTITY, "identity_asked")
    return _commanded(session, cover, Order(signed, whom, now))


def _covering(kind: CommandKind, why: str, act: str) -> Act:
    def cover(session: Session, room: RoomState, meant: list[Attempt], order: Order) -> int:
        _need_running(room)
        reached = [attempt for attempt in _at_work(meant) if attempt.frozen_at is None]
        if not reached:
            raise Refused("already_covered" if _at_work(meant) else "nobody_at_work")
        for attempt in reached:
            attempt.frozen_at, attempt.frozen_why = order.now, why
        issue(session, kind, reached, order.signed, now=order.now, once=order.whom.once)
        _tell(session, room, reached, order, act)
        return len(reached)

    return cover


@brief
def unlock(session: Session, signed: Signed, whom: Whom, *, now: datetime) -> int:
    """Shows the pages again that a command covered; a breach's cover is released at its seat by a look."""
    return _commanded(session, _unlock, Order(signed, whom, now))


def _unlock(session: Session, room: RoomState, meant: list[Attempt], order: Order) -> int:
    reached = [attempt for attempt in meant if attempt.frozen_why == LOCKED]
    if not reached:
        raise Refused("not_locked")
    for attempt in reached:
        breaches.uncover(session, attempt, now=order.now)
    issue(session, CommandKind.UNLOCK, reached, order.signed, now=order.now, once=order.whom.once)
    _tell(session, room, reached, order, "unlocked")
    return len(reached)


def identity_looked(session: Session, signed: Signed, attempt_id: int, *, same: bool, now: datetime) -> None:
    """An invigilator has looked: the same person goes on; a doubt leaves the page covered for the chief.

    Refused: `identity_not_asked`, `reason_missing` for a doubt.
    """
    attempt = locked_attempt(session, attempt_id)
    need_duty(session, signed.actor, Permission.COMMAND_SEATS, attempt.room_sitting_id, now=now)
    if attempt.frozen_why != IDENTITY:
        raise Refused("identity_not_asked")
    if not same:
        need_reason(signed)
    else:
        breaches.uncover(session, attempt, now=now)
        issue(session, CommandKind.UNLOCK, [attempt], signed, now=now)
    seat = session.get_one(Seat, attempt.seat_id).number
    act = "identity_confirmed_again" if same else "identity_doubted"
    stream, object_ = audit.sitting_stream(attempt.room_sitting_id), f"attempt/{attempt.id}"
    audit.record(session, stream, signed.actor, act, object_, now=now, seat=seat, **signed.why())
    line = (f"line_{act}", params_of(signed, seat=seat))
    emit(session, Activity(attempt.room_sitting_id, *line, attempt.seat_id))
    touch(session, attempt)


@brief
def message(session: Session, signed: Signed, whom: Whom, text: str, *, now: datetime) -> int:
    """A sentence for these candidates alone; its words stand in no audit row. Refused: `message_length`."""
    text = " ".join(text.split())
    if not 1 <= len(text) <= TEXT_MOST:
        raise Refused("message_length", 422, field="text", most=TEXT_MOST)

    def say(session: Session, room: RoomState, meant: list[Attempt], order: Order) -> int:
        reached = [a for a in meant if AttemptState(a.state) in PRESENT - CLOSED]
        if not reached:
            raise Refused("nobody_at_work")
        sent = issue_messages(session, reached, order.signed, now=order.now, once=order.whom.once)
        for attempt, command in zip(reached, sent, strict=True):
            session.add(SeatMessage(attempt_id=attempt.id, command_id=command, text=text, said_at=order.now))
        _tell(session, room, reached, order, "messaged")
        return len(reached)

    return _commanded(session, say, Order(signed, whom, now))


# --- whom it is for -----------------------------------------------------------------------------------


def _commanded(session: Session, act: Act, order: Order) -> int:
    """The act at the seats that are meant, unless this very form was obeyed before; the room is locked."""
    whom = order.whom
    need_duty(session, order.signed.actor, Permission.COMMAND_SEATS, whom.room_sitting, now=order.now)
    room = load(session, whom.room_sitting, lock=True)
    if repeated(session, whom.room_sitting, whom.once):
        return 0
    return act(session, room, _meant(attempts_of(session, whom.room_sitting, lock=True), whom), order)


@dataclass(frozen=True, slots=True)
class RoomMeant:
    """A room that a command to all rooms of a sitting goes to; `id` is the room's in the sitting."""

    id: int
    name: str
    state: str


def rooms_meant(session: Session, room_sitting_id: int) -> list[RoomMeant]:
    """All rooms of the sitting that this room is in, in the order of their ids."""
    row = session.get(RoomSitting, room_sitting_id)
    if row is None:
        raise NotFound("sitting")
    query = (
        select(RoomSitting.id, Room.name, RoomSitting.state)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(RoomSitting.sitting_id == row.sitting_id)
        .order_by(RoomSitting.id)
    )
    return [RoomMeant(*found) for found in session.execute(query)]


def _meant(attempts: Iterable[Attempt], whom: Whom) -> list[Attempt]:
    if whom.seats is None:
        return list(attempts)
    meant = [attempt for attempt in attempts if attempt.seat_id in whom.seats]
    if not meant:
        raise Refused("no_seat_meant", 422, field="seats")
    return meant


def _at_work(attempts: Iterable[Attempt]) -> list[Attempt]:
    return [attempt for attempt in attempts if attempt.state == AttemptState.ANSWERING]


def _need_running(room: RoomState) -> None:
    if room.row.state != "running":
        raise Refused("room_not_running")


def _tell(
    session: Session, room: RoomState, reached: list[Attempt], order: Order, act: str, **details: object
) -> None:
    """On the record once for all of them; seats and monitors hear of it."""
    signed, whom, now = order.signed, order.whom, order.now
    if whom.seats is None:
        room.row.version += 1
        note_room(session, room.row.id, signed, f"room_{act}", now, count=len(reached), **details)
        return
    seats = _numbers(session, reached)
    for attempt in reached:
        touch(session, attempt)
    told = {"seats": seats, "count": len(reached), **details}
    stream = audit.sitting_stream(room.row.id)
    audit.record(session, stream, signed.actor, f"seats_{act}", stream, now=now, **signed.why(), **told)
    only = reached[0].seat_id if len(reached) == 1 else None
    emit(session, Activity(room.row.id, f"line_seats_{act}", params_of(signed, **told), only))


def _numbers(session: Session, attempts: Iterable[Attempt]) -> str:
    query = select(Seat.number).where(Seat.id.in_([attempt.seat_id for attempt in attempts]))
    return ", ".join(session.scalars(query.order_by(Seat.id)))
