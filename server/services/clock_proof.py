"""What time it is after a reboot in mid-sitting: a workstation that stayed up knows, else a person is asked.

A workstation's boot clock goes on while the server is away, and how far it stands from the server's was
stored before. Until somebody has said what time it is, `SteadyClock.proven` is false.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.clock import written_at
from exam_rooms.incidents import IncidentKind
from server.db.base import emit
from server.db.rooms import WorkstationClock
from server.db.sittings import Incident, RoomSitting
from server.events import RoomChanged
from server.services.incidents import Place, clear, raise_incident
from server.services.steady import Reading, keep_anchor

_CHECKED = ("dismissed", "recorded")
"""What a person made of the question when the hardware clock has been looked at."""


def true_time(session: Session, workstation: int, boot_id: str, boot_ns: int) -> datetime | None:
    """The server's time at a moment of a workstation's boot clock; None when that boot was never heard."""
    known = session.get(WorkstationClock, (workstation, boot_id[:40]))
    if known is None or not 0 <= boot_ns < 2**62:
        return None
    return written_at(boot_ns, known.offset_ns)


def keep(session: Session, anchor: Reading, *, now: datetime) -> None:
    """The time is known: kept for the next start, the question is answered, and every seat hears it."""
    keep_anchor(session, anchor)
    for room in _running(session):
        clear(session, Place(room), IncidentKind.CLOCK_UNPROVEN, now=now)
        emit(session, RoomChanged(room))


def ask(session: Session, *, now: datetime) -> None:
    """No workstation could say what time it is: people have to look at the hardware clock."""
    for room in _running(session):
        raise_incident(session, Place(room), IncidentKind.CLOCK_UNPROVEN, now=now)


def checked(session: Session, *, since: datetime) -> bool:
    """Whether somebody has looked at the hardware clock since the question was asked and found it right."""
    query = select(Incident.id).where(
        Incident.kind == str(IncidentKind.CLOCK_UNPROVEN),
        Incident.state.in_(_CHECKED),
        Incident.handled_at >= since,
    )
    return session.scalar(query.limit(1)) is not None


def _running(session: Session) -> list[int]:
    return list(session.scalars(select(RoomSitting.id).where(RoomSitting.state == "running")))
