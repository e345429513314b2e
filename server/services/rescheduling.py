"""A sitting that was broken off is held again (scenario 23): other papers, new tickets, old attempts void.

The old attempts stay sealed with their package and are never marked. Who was absent when the room was broken
off stays absent: only those who came, or still could have come, are registered again. A case about one of
them, and a result that it takes away, goes on in the new sitting (`voids`).
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import CommandKind
from exam_rooms.seats import Act, AttemptState
from server.db.base import vault_of
from server.db.cases import Case
from server.db.sittings import Attempt, Registration, RoomSitting, Sitting
from server.rules.record_sums import RESCHEDULED
from server.rules.violations import CaseState
from server.services import batches, pauses
from server.services.batches import SittingPlan
from server.services.command_log import issue
from server.services.incidents import end_episodes
from server.services.roomstate import CLOSED, RoomState, advance, attempts_of, close
from server.services.rosters import PHOTO_PURPOSE, Tickets
from server.services.signed import Signed

BROKEN_OFF = RESCHEDULED
"""`end_reason` of a room that was broken off, `close_reason` of its attempts."""


@dataclass(frozen=True, slots=True)
class Again:
    """When the sitting is held again, and in which time zone its tickets tell the day."""

    starts_at: datetime
    zone: ZoneInfo


def break_off(session: Session, signed: Signed, room: RoomState, *, now: datetime) -> int:
    """Ends the room for good: open attempts end, nothing of it is marked. Returns how many were open."""
    attempts = attempts_of(session, room.row.id, lock=True)
    still_open = [attempt for attempt in attempts if AttemptState(attempt.state) not in CLOSED]
    pauses.close(pauses.open_rows(session, room.row.id), signed.actor.user_id, now)
    for attempt in attempts:
        attempt.paused_at = None
    for attempt in still_open:
        advance(session, attempt, Act.END)
        end_episodes(session, attempt.id, now=now)
    close(still_open, now, BROKEN_OFF)
    issue(session, CommandKind.END, still_open, signed, now=now)
    row = room.row
    row.state, row.ended_at, row.void_at, row.paused_at = "ended", now, now, None
    row.end_reason = BROKEN_OFF
    row.version += 1
    return len(still_open)


def hold_again(session: Session, signed: Signed, room: RoomState, again: Again, *, now: datetime) -> int:
    """Plans the room anew with new tickets for its candidates; returns the new sitting.

    Rooms of one sitting that are broken off for the same new time share the new sitting. Refused as
    `batches.add_sitting` refuses a plan.
    """
    row = _room_again(session, signed, room, again, now)
    sitting = session.get_one(Sitting, row.sitting_id)
    tickets = Tickets(session, sitting, sitting.starts_at.astimezone(again.zone).date())
    came = select(Registration).join(Attempt, Attempt.registration_id == Registration.id)
    query = came.where(Attempt.room_sitting_id == room.row.id, Attempt.state != str(AttemptState.ABSENT))
    for old in session.scalars(query.order_by(Registration.ticket)).all():
        _register_again(session, old, row, tickets.next())
        old.void_at = now
    return sitting.id


def cases_with_them(session: Session, room_sitting_id: int) -> list[int]:
    """Cases about candidates of a room that were not given up: they, and what they decide, go on."""
    given_up = [str(CaseState.WITHDRAWN), str(CaseState.DROPPED)]
    query = select(Case.id).where(Case.room_sitting_id == room_sitting_id, Case.state.not_in(given_up))
    return list(session.scalars(query.order_by(Case.id)))


def _room_again(
    session: Session, signed: Signed, room: RoomState, again: Again, now: datetime
) -> RoomSitting:
    before = select(Sitting).where(
        Sitting.replaces_id == room.sitting.id, Sitting.starts_at == again.starts_at
    )
    shared = session.scalars(before).first()
    plan = SittingPlan(
        again.starts_at,
        room.sitting.minutes,
        (room.room.id,),
        component=room.sitting.component,
        method=room.sitting.method,
        retake=room.sitting.retake,
        joins=shared.id if shared else None,
    )
    made = batches.planned(session, signed.actor, room.batch.id, plan, now=now)
    row = session.get_one(RoomSitting, made[0])
    session.get_one(Sitting, row.sitting_id).replaces_id = room.sitting.id
    session.flush()
    return row


def _register_again(session: Session, old: Registration, row: RoomSitting, ticket: str) -> None:
    new = Registration(
        sitting_id=row.sitting_id,
        room_id=row.room_id,
        candidate_id=old.candidate_id,
        ticket=ticket,
        employer=old.employer,
        extra_percent=old.extra_percent,
        extra_minutes=old.extra_minutes,
        large_print=old.large_print,
        own_room=old.own_room,
        accommodation_note=old.accommodation_note,
    )
    session.add(new)
    session.flush()
    if old.sealed_photo is not None:
        vault = vault_of(session)
        photo = vault.open_value(PHOTO_PURPOSE, str(old.id), old.sealed_photo)
        new.sealed_photo, new.has_photo = vault.seal_value(PHOTO_PURPOSE, str(new.id), photo), True
