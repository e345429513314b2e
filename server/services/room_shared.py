"""What all seats of a room are told alike, and the memory of it: it is asked for again only when it changed.

A room of a hundred signs in one by one, and each seat's news would otherwise fetch the room's package, PIN
and announcements again. Whatever changes them for seats that were told before has to raise the room's
version, else no agent would take the news; besides, the facts that forget seats' states forget these, too.
"""

import threading
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import AnnouncementView, SebState
from server.db.kiosk import RoomPin
from server.db.papers import Package
from server.services import announcements, packages, seat_checks, seb
from server.services.roomstate import RoomSeen
from server.services.seat_checks import RoomRound

_PIN = select(RoomPin).where(RoomPin.room_sitting_id == bindparam("here"))
_KEPT_MOST = 256
"""Rooms: more have never worked at the same time on one server."""
Mark = tuple[int, str, datetime | None]
"""Version, state and start of a room in its sitting."""


@dataclass(frozen=True, slots=True)
class RoomShared:
    """Out of the store, and never changed here. `round`: while seats may be asked to prove themselves."""

    package: Package | None
    announcements: tuple[AnnouncementView, ...]
    pin: RoomPin | None
    round: RoomRound | None


class SharedRooms:
    """What was found, by room in a sitting. A look that began before `forget` is not kept."""

    def __init__(self) -> None:
        self._kept: dict[int, tuple[Mark, RoomShared]] = {}
        self._seb: dict[int, SebState] = {}
        """By room, whatever is held in it."""
        self._changes = 0
        self._lock = threading.Lock()

    def of(self, session: Session, room: RoomSeen) -> RoomShared:
        """What stands in the store, or stood there when the room last looked the same."""
        mark = room.row.version, room.row.state, room.row.started_at
        kept = self._kept.get(room.row.id)
        if kept is not None and kept[0] == mark:
            return kept[1]
        changes, found = self._changes, look_up(session, room)
        with self._lock:
            if changes == self._changes:
                if len(self._kept) >= _KEPT_MOST:
                    self._kept.clear()
                self._kept[room.row.id] = mark, found
        return found

    def seb(self, session: Session, room_id: int) -> SebState:
        """Whether seats of the room have to prove Safe Exam Browser."""
        kept = self._seb.get(room_id)
        if kept is not None:
            return kept
        changes, found = self._changes, seb.needed(session, room_id)
        with self._lock:
            if changes == self._changes:
                self._seb[room_id] = found
        return found

    def forget(self) -> None:
        """Something that seats of some room have in common may have changed."""
        with self._lock:
            self._changes += 1
            self._kept.clear()
            self._seb.clear()


def look_up(session: Session, room: RoomSeen) -> RoomShared:
    """The same without a memory."""
    here = room.row.id
    return RoomShared(
        package=packages.current(session, here),
        announcements=announcements.shown(session, here),
        pin=session.scalar(_PIN, {"here": here}),
        round=seat_checks.round_of(session, room),
    )
