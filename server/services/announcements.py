"""What an invigilator says to everybody in a room, or the chief to all rooms of a sitting."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import AnnouncementView
from server.access import Actor, Permission
from server.db.base import emit
from server.db.calls import Announcement
from server.db.sittings import RoomSitting
from server.errors import NotFound, Refused
from server.events import Activity, RoomChanged
from server.services import audit
from server.services.duty import need_duty
from server.services.signed import need
from server.services.staff import names

TEXT_MOST = 300
SHOWN_MOST = 20
"""Announcements a seat is told of: the newest ones; the record keeps all."""
HEARD = ("arranged", "released", "running")
"""States of a room in which somebody may sit before a screen."""


@dataclass(frozen=True, slots=True)
class Said:
    """An announcement to make. `everywhere`: in all rooms of the sitting, which only a chief does.

    `once`: the one-time number of the form; a number speaks a single time.
    """

    text: str
    everywhere: bool = False
    once: str = ""


@dataclass(frozen=True, slots=True)
class AnnouncementLine:
    """An announcement as staff see it."""

    id: int
    text: str
    at: datetime
    by: str


def announce(session: Session, actor: Actor, room_sitting_id: int, said: Said, *, now: datetime) -> list[int]:
    """Shows a sentence at every seat; returns the rooms (in the sitting) that hear it, none for a repeat.

    Refused: `announcement_length`, `announcement_not_now`, `not_on_duty`.
    """
    text = " ".join(said.text.split())
    if not 1 <= len(text) <= TEXT_MOST:
        raise Refused("announcement_length", 422, field="text", most=TEXT_MOST)
    if said.everywhere:
        need(actor, Permission.COSIGN)
    rooms = _rooms(session, room_sitting_id, everywhere=said.everywhere)
    need_duty(session, actor, Permission.RUN_ROOM, room_sitting_id, now=now)
    if _repeated(session, room_sitting_id, said.once):
        return []
    heard = [row for row in rooms if row.state in HEARD]
    if not heard:
        raise Refused("announcement_not_now")
    for row in heard:
        _say(session, actor, row, Said(text, said.everywhere, said.once), now)
    return [row.id for row in heard]


def shown(session: Session, room_sitting_id: int) -> tuple[AnnouncementView, ...]:
    """What the seats of a room are told, newest last."""
    rows = reversed(_newest(session, room_sitting_id, SHOWN_MOST))
    return tuple(AnnouncementView(row.id, row.text, row.said_at) for row in rows)


def listing(session: Session, room_sitting_id: int, most: int | None = None) -> list[AnnouncementLine]:
    """The newest announcements of a room for staff, newest first; all of them unless told how many."""
    rows = _newest(session, room_sitting_id, most)
    people = names(session, [row.said_by for row in rows])
    return [AnnouncementLine(row.id, row.text, row.said_at, people.get(row.said_by or 0, "")) for row in rows]


_NEWEST = (
    select(Announcement)
    .where(Announcement.room_sitting_id == bindparam("here"))
    .order_by(Announcement.id.desc())
    .limit(bindparam("most"))
)
_ALL = _NEWEST.limit(None)


def _newest(session: Session, room_sitting_id: int, most: int | None) -> list[Announcement]:
    if most is None:
        return list(session.scalars(_ALL, {"here": room_sitting_id}))
    return list(session.scalars(_NEWEST, {"here": room_sitting_id, "most": most}))


def _repeated(session: Session, room_sitting_id: int, once: str) -> bool:
    if not once:
        return False
    query = select(Announcement.id).where(
        Announcement.room_sitting_id == room_sitting_id, Announcement.once == once
    )
    return session.scalar(query) is not None


def _rooms(session: Session, room_sitting_id: int, *, everywhere: bool) -> list[RoomSitting]:
    """The room, or all rooms of its sitting, locked in the order of their ids: nobody waits in a ring."""
    room = session.get(RoomSitting, room_sitting_id)
    if room is None:
        raise NotFound("sitting")
    which = RoomSitting.sitting_id == room.sitting_id if everywhere else RoomSitting.id == room.id
    query = select(RoomSitting).where(which).order_by(RoomSitting.id)
    return list(
        session.scalars(query.with_for_update(key_share=True).execution_options(populate_existing=True))
    )


def _say(session: Session, actor: Actor, row: RoomSitting, said: Said, now: datetime) -> None:
    entry = Announcement(
        room_sitting_id=row.id,
        text=said.text,
        said_at=now,
        said_by=actor.user_id,
        once=said.once or None,
    )
    session.add(entry)
    session.flush()
    row.version += 1
    stream, act = audit.sitting_stream(row.id), "announced_everywhere" if said.everywhere else "announced"
    audit.record(session, stream, actor, act, stream, now=now, announcement=entry.id)
    emit(session, RoomChanged(row.id))
    emit(session, Activity(row.id, f"line_{act}", (("actor", actor.name), ("text", said.text))))
