"""What is to be said of a stored room before candidates are seated there."""

from sqlalchemy.orm import Session

from exam_rooms import room_checks
from exam_rooms.room_checks import Finding
from server.db.rooms import Room
from server.errors import NotFound
from server.rules.roomfile import limits_of, national_limits
from server.services.rooms import map_of


def findings(session: Session, room_id: int) -> tuple[Finding, ...]:
    """Everything the rules say about the plan of a room, what is hard first."""
    room = session.get(Room, room_id)
    if room is None:
        raise NotFound("room")
    return room_checks.findings(map_of(room), limits_of(national_limits()))
