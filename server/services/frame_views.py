"""Pictures as screens show them, of seats' cameras and of the room's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.room_cameras import RoomCameraFrame
from server.db.watching import EvidenceFrame


@dataclass(frozen=True, slots=True)
class FrameView:
    """A picture. state: stored, awaited (announced, not received yet) or gone (no longer kept).

    `room`: it is the room camera's, and `id` one of its pictures.
    """

    id: int
    moment: str
    taken_at: datetime
    state: str
    room: bool = False


def frame_view(row: EvidenceFrame | RoomCameraFrame) -> FrameView:
    """A picture's row for a screen."""
    state = "stored" if row.file else ("gone" if row.stored_at else "awaited")
    return FrameView(row.id, row.moment, row.taken_at, state, isinstance(row, RoomCameraFrame))


def of_room(session: Session, incidents: Sequence[int]) -> dict[int, list[FrameView]]:
    """Incident -> the room camera's pictures of it that are there or on their way."""
    query = select(RoomCameraFrame).where(RoomCameraFrame.incident_id.in_(incidents))
    found: dict[int, list[FrameView]] = {}
    for row in session.scalars(query.order_by(RoomCameraFrame.taken_at, RoomCameraFrame.id)):
        found.setdefault(row.incident_id, []).append(frame_view(row))
    return found
