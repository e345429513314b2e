"""The draw over the rooms of one or several sittings, drawn anew until it is locked; the lock.

From the lock on the seats of a room stand: ledger, door list and sign-in rest on them. Only the chief's
signature with a reason opens it again, and only while the paper is sealed and nobody has signed in.
"""

import secrets
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from exam_rooms.arranging import draw
from exam_rooms.draw_parts import Outcome
from exam_rooms.room_checks import Finding
from exam_rooms.seating import SeatingRefused
from exam_rooms.seatmap import SeatKind
from server.access import Actor, Permission
from server.db.arrangements import ArrangementRow
from server.db.base import emit
from server.db.rooms import Seat
from server.db.sittings import Attempt, Registration, RoomSitting, Sitting
from server.errors import Refused
from server.events import RoomChanged
from server.presence import Presence
from server.services import arrangement_store, audit, cameras, packages, room_checks
from server.services.arrangement_question import Asked, Choice, ask, need_open, payload
from server.services.signed import Signed, need, need_cosigner

SEED_BYTES = 16


def arrange(  # noqa: PLR0913 - the seed and the rules make the draw
    session: Session,
    actor: Actor,
    sitting_ids: Collection[int],
    *,
    seed: str = "",
    rules: Choice | None = None,
    now: datetime,
) -> int:
    """Seats all candidates of sittings that start together; the id of the arrangement. An earlier draw is
    replaced, ticket numbers stay.

    Refused as `arrangement_question.ask` and `arrangement_store.store` say, and with `seating_…` when no draw
    is possible.
    """
    need(actor, Permission.MANAGE_BATCHES)
    asked = ask(session, sitting_ids, rules or Choice(), lock=True)
    outcome = _drawn(asked, seed or new_seed())
    return arrangement_store.store(session, actor, asked, outcome, now=now)


def prepare(
    session: Session, actor: Actor, sitting_ids: Collection[int], rules: Choice, *, seed: str = ""
) -> dict[str, Any]:
    """What a child process draws from; `take_in` stores what it gives. Refused like `arrange`."""
    need(actor, Permission.MANAGE_BATCHES)
    asked = ask(session, sitting_ids, rules)
    return payload(asked, seed or new_seed()) | {"mark": asked.mark}


def take_in(  # noqa: PLR0913 - what was asked, what came out, and the moment
    session: Session,
    actor: Actor,
    sitting_ids: Collection[int],
    rules: Choice,
    mark: str,
    result: Mapping[str, Any],
    *,
    now: datetime,
) -> int:
    """Stores a child's draw; the id of the arrangement. Refused (`arrange_inputs_changed`) when rooms or
    candidates are not those any more that the draw was made of.
    """
    need(actor, Permission.MANAGE_BATCHES)
    asked = ask(session, sitting_ids, rules, lock=True)
    if asked.mark != mark:
        raise Refused("arrange_inputs_changed")
    return arrangement_store.store(session, actor, asked, Outcome.from_json(result), now=now)


def redraw(  # noqa: PLR0913 - the seed and the rules make the draw
    session: Session,
    signed: Signed,
    sitting_ids: Collection[int],
    *,
    seed: str = "",
    rules: Choice | None = None,
    now: datetime,
) -> int:
    """A new draw after the lock, with the chief's signature and a reason; locked rooms are unlocked first."""
    need(signed.actor, Permission.MANAGE_BATCHES)
    need_cosigner(signed)
    chosen = rules or Choice()
    query = select(RoomSitting).where(
        RoomSitting.sitting_id.in_(list(sitting_ids)), RoomSitting.locked_at.is_not(None)
    )
    for row in session.scalars(query.order_by(RoomSitting.id)).all():
        if chosen.rooms is None or row.room_id in chosen.rooms:
            unlock(session, signed, row.id, now=now)
    return arrange(session, signed.actor, sitting_ids, seed=seed, rules=chosen, now=now)


def withdraw(session: Session, actor: Actor, sitting_id: int, *, now: datetime) -> int:
    """Takes back the draw in all rooms of a sitting, so that its roster can change; how many rooms.

    Refused like a new draw, and when nothing is drawn (`seats_not_drawn`).
    """
    need(actor, Permission.MANAGE_BATCHES)
    session.get(Sitting, sitting_id, with_for_update=True, populate_existing=True)
    query = select(RoomSitting).where(
        RoomSitting.sitting_id == sitting_id, RoomSitting.arranged_at.is_not(None)
    )
    rows = list(session.scalars(query.order_by(RoomSitting.id).with_for_update()))
    if not rows:
        raise Refused("seats_not_drawn")
    for row in rows:
        need_open(row, packages.place(session, row.id)[0])
    arrangement_store.clear(session, rows)
    rooms = [row.room_id for row in rows]
    session.execute(
        update(Registration)
        .where(
            Registration.sitting_id == sitting_id,
            Registration.room_id.in_(rooms),
            Registration.drawn_room.is_(True),
        )
        .values(room_id=None, drawn_room=False)
    )
    for row in rows:
        stream = audit.sitting_stream(row.id)
        audit.record(session, stream, actor, "seats_withdrawn", stream, now=now)
        emit(session, RoomChanged(row.id))
    return len(rows)


def lock(
    session: Session,
    signed: Signed,
    room_sitting_id: int,
    *,
    now: datetime,
    presence: Presence | None = None,
) -> None:
    """Fixes the seats of a room. What is wrong with the room is mended first, or the chief signs for it.

    Refused: seats_not_drawn, seating_already_locked, lock_people_without_seat; lock_findings_open while hard
    findings (`lock_findings`) have no chief's signature with a reason.
    """
    need(signed.actor, Permission.MANAGE_BATCHES)
    sitting, row = packages.locked(session, room_sitting_id)
    if row.locked_at is not None:
        raise Refused("seating_already_locked")
    if row.state not in ("arranged", "released"):
        raise Refused("room_already_started" if row.started_at else "seats_not_drawn")
    _need_all_seated(session, sitting, row)
    hard = [found for found in lock_findings(session, row, presence) if found.hard]
    if hard and signed.cosigner is None:
        raise Refused("lock_findings_open", count=len(hard))
    if hard:
        need_cosigner(signed)
    row.locked_at, row.locked_by = now, signed.actor.user_id
    row.lock_overruled = _overruled(signed, hard) if hard else None
    stream = audit.sitting_stream(row.id)
    facts = {**signed.why(), "overruled": [found.code for found in hard]} if hard else {}
    audit.record(session, stream, signed.actor, "seating_locked", stream, now=now, **facts)
    emit(session, RoomChanged(row.id))


def lock_all(
    session: Session, actor: Actor, sitting_id: int, *, now: datetime, presence: Presence | None = None
) -> tuple[int, list[str]]:
    """Locks every drawn room of a sitting of which nothing is wrong: how many; the names of the others."""
    need(actor, Permission.MANAGE_BATCHES)
    query = select(RoomSitting.id).where(
        RoomSitting.sitting_id == sitting_id,
        RoomSitting.locked_at.is_(None),
        RoomSitting.state.in_(("arranged", "released")),
    )
    done, left = 0, []
    for number in session.scalars(query.order_by(RoomSitting.id)).all():
        try:
            lock(session, Signed(actor), number, now=now, presence=presence)
            done += 1
        except Refused:
            left.append(packages.place(session, number)[0])
    return done, left


def unlock(session: Session, signed: Signed, room_sitting_id: int, *, now: datetime) -> None:
    """Opens a locked room for a new draw, with the chief's signature and a reason.

    Refused: seating_not_locked, draw_released, draw_too_late, draw_after_printing.
    """
    need(signed.actor, Permission.MANAGE_BATCHES)
    need_cosigner(signed)
    _sitting, row = packages.locked(session, room_sitting_id)
    if row.locked_at is None:
        raise Refused("seating_not_locked")
    if row.state != "arranged":
        raise Refused("draw_released", room=packages.place(session, row.id)[0])
    arrangement_store.need_untouched(session, [row.id])
    row.locked_at = row.locked_by = row.lock_overruled = None
    stream = audit.sitting_stream(row.id)
    audit.record(session, stream, signed.actor, "seating_unlocked", stream, now=now, **signed.why())
    emit(session, RoomChanged(row.id))


def lock_findings(
    session: Session, row: RoomSitting, presence: Presence | None = None
) -> tuple[Finding, ...]:
    """What is to be said of a room before its seats are fixed: its plan, seats that are out of use since the
    draw, and cameras that agents report at another seat than their own (scenario 15).
    """
    return (
        *room_checks.findings(session, row.room_id),
        *_unusable(session, row),
        *(_misplaced(session, row, presence) if presence is not None else ()),
    )


def new_seed() -> str:
    """A seed that nobody chose."""
    return secrets.token_hex(SEED_BYTES)


def latest(session: Session, room_sitting_id: int) -> ArrangementRow | None:
    """The arrangement that seated a room, None before one or where a room was drawn by itself long ago."""
    row = session.get(RoomSitting, room_sitting_id)
    return session.get(ArrangementRow, row.arrangement_id) if row and row.arrangement_id else None


def refused(refusal: SeatingRefused) -> Refused:
    """A pure refusal as hosts show it."""
    return Refused(f"seating_{refusal.code}", 422, **refusal.params)


def _drawn(asked: Asked, seed: str) -> Outcome:
    try:
        return draw(asked.question, seed)
    except SeatingRefused as refusal:
        raise refused(refusal) from refusal


def _need_all_seated(session: Session, sitting: Sitting, row: RoomSitting) -> None:
    query = (
        select(func.count())
        .select_from(Registration)
        .outerjoin(Attempt, Attempt.registration_id == Registration.id)
        .where(
            Registration.sitting_id == sitting.id,
            Registration.room_id == row.room_id,
            Attempt.id.is_(None),
        )
    )
    count = session.scalar(query) or 0
    if count:
        raise Refused("lock_people_without_seat", count=count)


def _unusable(session: Session, row: RoomSitting) -> Iterable[Finding]:
    query = (
        select(Seat.number)
        .join(Attempt, Attempt.seat_id == Seat.id)
        .where(Attempt.room_sitting_id == row.id, Seat.kind != str(SeatKind.NORMAL))
        .order_by(Seat.id)
    )
    numbers = tuple(session.scalars(query))
    if numbers:
        yield Finding("", True, "lock_seat_out_of_use", {"seats": "、".join(numbers)}, numbers)


def _misplaced(session: Session, row: RoomSitting, presence: Presence) -> Iterable[Finding]:
    for line in cameras.wrong(cameras.check(session, presence, row.id)):
        code = "lock_camera_of_other" if line.owner else "lock_camera_not_own"
        params = {"seat": line.number, "owner": line.owner, "found": line.found or "—"}
        yield Finding("R17", True, code, params, tuple(filter(None, (line.number, line.owner))))


def _overruled(signed: Signed, hard: Iterable[Finding]) -> dict[str, Any]:
    second = signed.cosigner
    return {
        "by": second.name if second else "",
        "reason": signed.why()["reason"],
        "findings": [{"code": found.code, "params": dict(found.params)} for found in hard],
    }
