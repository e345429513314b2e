"""While an outage waits for its decision (R26), nothing in the room but pauses, words and help goes on."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.commands import OutageRow
from server.errors import Refused


def undecided(session: Session, room_sitting_id: int) -> OutageRow | None:
    """The outage of a room that waits for a decision, if there is one."""
    query = select(OutageRow).where(OutageRow.room_sitting_id == room_sitting_id, OutageRow.decision == "")
    return session.scalars(query.order_by(OutageRow.id)).first()


def need_decided(session: Session, room_sitting_id: int) -> None:
    """Raises `Refused` (`outage_undecided`) while one waits."""
    if undecided(session, room_sitting_id) is not None:
        raise Refused("outage_undecided")
