"""An outage beyond what compensation covers (R26): noticed or told, then decided by a higher office.

While it waits the room may only be paused and spoken to (`outage_gate`). The chief brings the decision, an
administrator or the head of the institution signs it: go on, or hold the sitting again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from server.access import SYSTEM, Permission, Role
from server.db.base import Moment, emit
from server.db.commands import OutageRow
from server.db.sittings import Attempt, LinkGapRow
from server.errors import Refused
from server.events import RoomChanged
from server.services.duty import need_duty
from server.services.outage_gate import undecided
from server.services.rescheduling import Again, break_off, cases_with_them, hold_again
from server.services.roomstate import RoomState, load
from server.services.signed import Signed, need, need_reason, note_room, second_person

CONTINUE, RESCHEDULE = "continue", "reschedule"
OFFICES = frozenset({Role.ADMINISTRATOR, Role.INSTITUTION_HEAD})
"""Who decides above the chief of the site."""
_WORKING = (Attempt.room_sitting_id == bindparam("room"), Attempt.state == str(AttemptState.ANSWERING))
_EVERYBODY = select(func.count(Attempt.id)).where(*_WORKING)
_HERE = Attempt.workstation_id.is_(None) | (Attempt.workstation_id == LinkGapRow.workstation_id)
"""Of a silence: the candidate works nowhere else by now."""
_AWAY = (
    select(LinkGapRow.attempt_id, func.min(LinkGapRow.lost_at, type_=Moment))
    .join(Attempt, Attempt.id == LinkGapRow.attempt_id)
    .where(*_WORKING, _HERE, LinkGapRow.back_at.is_(None))
    .group_by(LinkGapRow.attempt_id)
)
"""Since when each working seat of a room has been without a link; of those that are now."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Why a decision is due: cause (pause, link) and since when the room stands still or hears nothing."""

    cause: str
    began_at: datetime


def due(session: Session, room: RoomState, now: datetime) -> Outage | None:
    """The outage of a running room that has just become too long, None when there is none to notice."""
    return too_long(room, standing(session, room), now)


def too_long(room: RoomState, found: Iterable[Outage], now: datetime) -> Outage | None:
    """The one of the outages that stand that has to be noticed now.

    The policy's minutes themselves are still covered.
    """
    limit = now - most_of(room)
    long = [each for each in found if each.began_at < limit]
    return min(long, key=lambda each: each.began_at, default=None)


def most_of(room: RoomState) -> timedelta:
    """How long an outage may last before it is noticed."""
    return timedelta(minutes=room.policy.outage.most_minutes)


def standing(session: Session, room: RoomState) -> list[Outage]:
    """The outages of a running room, however short; one that was decided is not noticed again."""
    if room.row.state != "running" or undecided(session, room.row.id) is not None:
        return []
    query = select(OutageRow).where(OutageRow.room_sitting_id == room.row.id).order_by(OutageRow.id.desc())
    before = session.scalars(query).first()
    decided = before.decided_at if before is not None else None
    found = [each for each in (_paused(room), _unlinked(session, room)) if each is not None]
    return [each for each in found if decided is None or each.began_at > decided]


def _paused(room: RoomState) -> Outage | None:
    since = room.row.paused_at
    return Outage("pause", since) if since is not None else None


def _unlinked(session: Session, room: RoomState) -> Outage | None:
    """Since when as many working seats as the policy says have been without a link at once."""
    away = sorted(lost_at for _attempt, lost_at in session.execute(_AWAY, {"room": room.row.id}))
    if not away:
        return None
    everybody = session.scalar(_EVERYBODY, {"room": room.row.id}) or 0
    needed = max(1, ceil(everybody * room.policy.outage.room_percent / 100))
    return Outage("link", away[needed - 1]) if len(away) >= needed else None


def notice(session: Session, room_sitting_id: int, *, now: datetime) -> int | None:
    """Puts the outage that is due on the record; from then on the room waits for its decision."""
    room = load(session, room_sitting_id, lock=True)
    found = due(session, room, now)
    if found is None:
        return None
    row = OutageRow(
        room_sitting_id=room_sitting_id, cause=found.cause, began_at=found.began_at, noticed_at=now
    )
    session.add(row)
    session.flush()
    minutes = int((now - found.began_at).total_seconds() // 60)
    note_room(session, room_sitting_id, Signed(SYSTEM), "outage_noticed", now, minutes=minutes)
    return row.id


def tell(session: Session, signed: Signed, room_sitting_id: int, began_at: datetime, *, now: datetime) -> int:
    """The chief says that an outage will not be over in time (a power cut, a fault of the server).

    Refused: `reason_missing`, `outage_known`, `outage_in_future`, `room_not_running`.
    """
    need_reason(signed)
    need(signed.actor, Permission.COSIGN)
    need_duty(session, signed.actor, Permission.RUN_ROOM, room_sitting_id, now=now)
    room = load(session, room_sitting_id, lock=True)
    if room.row.state != "running" or room.row.started_at is None:
        raise Refused("room_not_running")
    if undecided(session, room_sitting_id) is not None:
        raise Refused("outage_known")
    if not room.row.started_at <= began_at <= now:
        raise Refused("outage_in_future", 422, field="began_at")
    row = OutageRow(
        room_sitting_id=room_sitting_id,
        cause="told",
        began_at=began_at,
        noticed_at=now,
        told_by=signed.actor.user_id,
        note=signed.why()["reason"],
    )
    session.add(row)
    session.flush()
    note_room(session, room_sitting_id, signed, "outage_told", now, began_at=began_at.isoformat())
    return row.id


def go_on(session: Session, signed: Signed, room_sitting_id: int, *, now: datetime) -> None:
    """The higher office lets the room go on; a pause ends by its own command. Refused as `_decided` says."""
    load(session, room_sitting_id, lock=True)
    _decided(session, signed, room_sitting_id, CONTINUE, now)
    note_room(session, room_sitting_id, signed, "outage_continued", now)


def reschedule(session: Session, signed: Signed, room_sitting_id: int, again: Again, *, now: datetime) -> int:
    """The sitting of this room is broken off and held again; returns the new sitting.

    Attempts are kept sealed and void for scoring, candidates get new tickets, and the new sitting may start
    with papers alone that they have not seen.
    """
    room = load(session, room_sitting_id, lock=True)
    row = _decided(session, signed, room_sitting_id, RESCHEDULE, now)
    open_seats = break_off(session, signed, room, now=now)
    session.flush()
    row.sitting_id = hold_again(session, signed, room, again, now=now)
    told = {"open": open_seats, "sitting": row.sitting_id, "starts_at": again.starts_at.isoformat()}
    cases = cases_with_them(session, room_sitting_id)
    note_room(session, room_sitting_id, signed, "outage_rescheduled", now, **told, cases=cases)
    emit(session, RoomChanged(room_sitting_id))
    return row.sitting_id


def _decided(
    session: Session, signed: Signed, room_sitting_id: int, decision: str, now: datetime
) -> OutageRow:
    """Signs the decision. Refused: `no_outage`, `reason_missing`, `cosign_...`, `office_missing`."""
    need_reason(signed)
    need(signed.actor, Permission.COSIGN)
    need_duty(session, signed.actor, Permission.RUN_ROOM, room_sitting_id, now=now)
    row = undecided(session, room_sitting_id)
    if row is None:
        raise Refused("no_outage")
    office = second_person(signed)
    if not OFFICES & office.roles:
        raise Refused("office_missing", 422, field="cosign_username", name=office.name)
    row.decision, row.reason = decision, signed.why()["reason"]
    row.decided_at, row.decided_by, row.cosigned_by = now, signed.actor.user_id, office.user_id
    session.flush()
    return row
