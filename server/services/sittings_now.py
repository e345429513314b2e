"""Which rooms are in their sitting at this moment: what must not be disturbed."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.sittings import RoomSitting

IN_SITTING = ("released", "running")
"""From the opening of the package to the end of the room."""


def running_rooms(session: Session) -> list[int]:
    """Ids of rooms in a sitting that is open or running."""
    return list(session.scalars(select(RoomSitting.id).where(RoomSitting.state.in_(IN_SITTING))))
