"""Time that stood still in a room: the room's pauses, those of single seats, and what was worked in them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from exam_rooms.clock import Pause, RoomClock, merged, with_pauses
from server.db.commands import PauseRow, WorkedRow

Own = Mapping[int, tuple[Pause, ...]]
_OF_ROOM = select(PauseRow).where(PauseRow.room_sitting_id == bindparam("here"))


@dataclass(frozen=True, slots=True)
class Pauses:
    """`room`: of everybody; `own` and `worked` by attempt (`clock.with_pauses`)."""

    room: tuple[Pause, ...] = ()
    own: Own = field(default_factory=dict)
    worked: Own = field(default_factory=dict)

    def clock_of(self, room: RoomClock, attempt: int) -> RoomClock:
        """The clock of one attempt, out of the room's."""
        own, worked = self.own.get(attempt, ()), self.worked.get(attempt, ())
        return with_pauses(room, own, worked) if own or worked else room


def pauses_of(session: Session, room_sitting_id: int) -> Pauses:
    """All pauses of a room in its sitting; one query as long as there is none."""
    rows = session.scalars(_OF_ROOM, {"here": room_sitting_id}).all()
    if not rows:
        return Pauses()
    own: dict[int, list[Pause]] = defaultdict(list)
    worked: dict[int, list[Pause]] = defaultdict(list)
    for row in rows:
        own[row.attempt_id or 0].append(Pause(row.since_at, row.until_at))
    query = select(WorkedRow).where(WorkedRow.room_sitting_id == room_sitting_id)
    for done in session.scalars(query):
        worked[done.attempt_id].append(Pause(done.since_at, done.until_at))
    everybody = merged(own.pop(0, ()))
    return Pauses(everybody, _settled(own), _settled(worked))


def open_rows(session: Session, room_sitting_id: int) -> list[PauseRow]:
    """The pauses that go on, the room's and single seats'."""
    query = select(PauseRow).where(PauseRow.room_sitting_id == room_sitting_id, PauseRow.until_at.is_(None))
    return list(session.scalars(query))


def close(rows: list[PauseRow], by: int | None, now: datetime) -> None:
    """Ends pauses; none gets a negative length from a clock that another process read."""
    for row in rows:
        row.until_at, row.resumed_by = max(now, row.since_at), by


def _settled(found: Mapping[int, list[Pause]]) -> dict[int, tuple[Pause, ...]]:
    return {attempt: merged(pauses) for attempt, pauses in found.items()}
