"""Which camera a workstation reported, from when to when: the ledger's answer to "before which camera"."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import SYSTEM
from server.db.base import emit
from server.db.record_book import CameraStay
from server.db.rooms import Seat
from server.events import Activity
from server.services import audit
from server.services.agents import Agent
from server.services.sittings_now import open_sitting


def differs(session: Session, agent: Agent, identity: str) -> bool:
    """Whether the ledger says something else about the camera that the workstation has now."""
    standing = [(row.identity, row.seat_id) for row in _open(session, agent)]
    return standing != ([(identity, agent.seat)] if identity else [])


def keep(session: Session, agent: Agent, identity: str, *, now: datetime) -> None:
    """From now on the workstation has this camera ("": none that has a name)."""
    rows = _open(session, agent, lock=True)
    standing = [row for row in rows if (row.identity, row.seat_id) == (identity, agent.seat)]
    for row in rows:
        if row not in standing:
            row.until_at = now
    if identity and not standing:
        place = {"workstation_id": agent.workstation, "seat_id": agent.seat}
        session.add(CameraStay(**place, identity=identity, from_at=now))


def tell_returns(session: Session, agent: Agent, reconnects: int, stalls: int, *, now: datetime) -> None:
    """The pictures of a seat's camera came again: so often after it was opened anew, so often without.

    A line of the room whose paper is open; at other times people plug and try, which is nobody's news.
    """
    seat = session.get_one(Seat, agent.seat)
    room_sitting = open_sitting(session, seat.room_id, now)
    if room_sitting is None:
        return
    stream = audit.sitting_stream(room_sitting)
    told = {"seat": seat.number, "reconnects": str(reconnects), "stalls": str(stalls)}
    audit.record(session, stream, SYSTEM, "camera_back", f"seats/{seat.id}", now=now, **told)
    emit(session, Activity(room_sitting, "line_camera_back", tuple(told.items()), seat.id))


def _open(session: Session, agent: Agent, *, lock: bool = False) -> list[CameraStay]:
    query = select(CameraStay).where(
        CameraStay.workstation_id == agent.workstation, CameraStay.until_at.is_(None)
    )
    return list(session.scalars(query.with_for_update() if lock else query))
