"""The draw of seats and forms in one room, for those whom a roster or a draw over rooms gave this room."""

from datetime import datetime

from sqlalchemy.orm import Session

from exam_rooms.arranging import draw as drawn
from exam_rooms.draw_parts import Rules
from exam_rooms.seating import SeatingRefused
from server.access import Actor, Permission
from server.services import arrangement_store, packages
from server.services.arrangement import new_seed, refused
from server.services.arrangement_question import ask_room
from server.services.signed import need


def draw(session: Session, actor: Actor, room_sitting_id: int, *, seed: str = "", now: datetime) -> str:
    """Seats every candidate of the room; returns the seed, which replays the draw. Until the seating is
    locked a new draw replaces an earlier one.

    Refused: roster_empty, papers_missing, draw_locked, draw_released, draw_too_late, draw_after_printing,
    and with `seating_…` when no draw is possible.
    """
    need(actor, Permission.MANAGE_BATCHES)
    sitting, row = packages.locked(session, room_sitting_id)  # nobody chooses other papers meanwhile
    asked = ask_room(session, row, sitting, Rules())
    try:
        outcome = drawn(asked.question, seed or new_seed())
    except SeatingRefused as refusal:
        raise refused(refusal) from refusal
    arrangement_store.store(session, actor, asked, outcome, now=now)
    return outcome.seed
