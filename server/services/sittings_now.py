"""Which sitting a room works on at this moment, and which rooms must not be disturbed."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from server.db.sittings import RoomSitting, Sitting
from server.rules.policy_components import ASSESSED

IN_SITTING = ("released", "running")
"""From the opening of the package to the end of the room."""
_DONE = ("collected", "marked")
_SHOWN_AFTER = timedelta(minutes=20)
"""How long a seat goes on showing a collected sitting while none is open."""
_ABANDONED_AFTER = timedelta(hours=12)
"""A sitting that nobody ended or collected stops holding its room so long after its planned start."""
_OF_ROOM = (
    select(
        RoomSitting.id, RoomSitting.state, RoomSitting.collected_at, RoomSitting.void_at, Sitting.starts_at
    )
    .join(Sitting, Sitting.id == RoomSitting.sitting_id)
    .where(RoomSitting.room_id == bindparam("room"), RoomSitting.state != "planned")
    .where(Sitting.method.not_in(sorted(ASSESSED)))  # machines have no part in what a panel assesses
    .order_by(Sitting.starts_at, RoomSitting.id)
)
"""Worked out once, as all statements here and elsewhere that seats need all the time: to make one costs more
than to run it.
"""


def running_rooms(session: Session) -> list[int]:
    """Ids of rooms in a sitting that is open or running."""
    return list(session.scalars(select(RoomSitting.id).where(RoomSitting.state.in_(IN_SITTING))))


def open_sitting(session: Session, room_id: int, now: datetime) -> int | None:
    """The sitting whose paper is open in a room: released or running. None when the room is quiet."""
    current = current_sitting(session, room_id, now)
    row = session.get(RoomSitting, current) if current is not None else None
    return row.id if row is not None and row.state in IN_SITTING else None


def broken_off_before(session: Session, room_sitting_id: int) -> list[int]:
    """Earlier sittings of the same room that were broken off and are not collected, by id in the room."""
    here = session.get_one(RoomSitting, room_sitting_id)
    query = (
        select(RoomSitting.id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(
            RoomSitting.room_id == here.room_id,
            RoomSitting.void_at.is_not(None),
            RoomSitting.state.not_in(_DONE),
            Sitting.starts_at < session.get_one(Sitting, here.sitting_id).starts_at,
        )
    )
    return list(session.scalars(query.order_by(RoomSitting.id)))


def current_sitting(session: Session, room_id: int, now: datetime) -> int | None:
    """The sitting a room works on: one that is open or not yet collected, else the last, else the next.

    One that was broken off gives way to any that is arranged after it; its records are taken all the same.
    """
    session.flush()  # a plain statement costs half of one that the session runs, but flushes nothing
    rows = session.connection().execute(_OF_ROOM, {"room": room_id}).all()
    done = [row for row in rows if row.state in _DONE]
    ahead = [row for row in rows if row.state not in _DONE and row.starts_at > now - _ABANDONED_AFTER]
    ahead = [row for row in ahead if row.void_at is None] or ahead
    if ahead and ahead[0].starts_at - timedelta(hours=1) <= now:
        return int(ahead[0].id)
    if done and (not ahead or now - (done[-1].collected_at or now) < _SHOWN_AFTER):
        return int(done[-1].id)
    return int(ahead[0].id) if ahead else None
