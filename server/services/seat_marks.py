"""What stands on a seat of the map beside its state: a command on its way, a pause, the word of the desk."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.db.commands import SeatCommand
from server.db.sittings import Attempt, RoomSitting
from server.services import desk_marks


@dataclass(frozen=True, slots=True)
class CommandMark:
    """The last command to a seat: its kind, how far it has come (sent, received, done), and since when."""

    kind: str = ""
    state: str = ""
    at: datetime | None = None


NONE = CommandMark()


@dataclass(frozen=True, slots=True)
class SeatMarks:
    """Marks of a room's seats: `commands` by seat, `desk` (a word of `desk_marks.mark_of`) by attempt."""

    paused: bool = False
    commands: Mapping[int, CommandMark] = field(default_factory=dict)
    desk: Mapping[int, str] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        session: Session,
        row: RoomSitting,
        attempts: Collection[Attempt],
        only: Collection[int] | None,
    ) -> "SeatMarks":
        """The marks of a room; `only`: of these seats, whose attempts these are."""
        wanted = None if only is None else [attempt.id for attempt in attempts]
        desk = desk_marks.marks(session, row.id, wanted)
        return cls(row.paused_at is not None, _commands(session, row.id, only), desk)

    def fields(self, seat: int, attempt: Attempt | None) -> dict[str, Any]:
        """The marks of one seat by the names of a card's fields; no command is left once it is collected."""
        collected = attempt is not None and attempt.collected_at is not None
        command = NONE if collected else self.commands.get(seat, NONE)
        told = {"command": command.kind, "command_state": command.state, "command_at": command.at}
        if attempt is None:
            return told
        paused = self.paused or attempt.paused_at is not None
        return told | {"paused": paused, "desk": self.desk.get(attempt.id, "")}


def _commands(session: Session, room_sitting_id: int, only: Collection[int] | None) -> dict[int, CommandMark]:
    newest = select(func.max(SeatCommand.id)).where(
        SeatCommand.room_sitting_id == room_sitting_id, SeatCommand.superseded_at.is_(None)
    )
    if only is not None:
        newest = newest.where(SeatCommand.seat_id.in_(only))
    found = select(SeatCommand).where(SeatCommand.id.in_(newest.group_by(SeatCommand.seat_id)))
    return {row.seat_id: _mark(row) for row in session.scalars(found)}


def _mark(row: SeatCommand) -> CommandMark:
    if row.done_at is not None:
        return CommandMark(row.kind, "done", row.done_at)
    if row.received_at is not None:
        return CommandMark(row.kind, "received", row.received_at)
    return CommandMark(row.kind, "sent", row.sent_at)
