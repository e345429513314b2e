"""From when to when a seat's camera did what: a row whenever a heartbeat says something else than before."""

from datetime import datetime

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from exam_rooms.watch_messages import CameraReport
from server.db.proctoring import CameraSpan
from server.db.rooms import Room
from server.services.agents import Agent

SMART = "smart"
Said = tuple[str, str, tuple[str, ...]]


def said_by(report: CameraReport) -> Said:
    """What of a heartbeat a span holds: the same for as long as nothing of it changes."""
    return str(report.state), report.checks, tuple(sorted(set(report.unavailable)))


def differs(session: Session, agent: Agent, said: Said) -> bool:
    """Whether what stands there says something else; never in a room where no cameras are used."""
    if session.get_one(Room, agent.room).kind != SMART:
        return False
    standing = list(session.scalars(_open(agent)))
    return len(standing) != 1 or not _is(standing[0], agent, said)


def keep(session: Session, agent: Agent, said: Said, *, now: datetime) -> None:
    """From now on the seat's camera does this. Said again it changes nothing, also after a restart."""
    state, checks, unavailable = said
    standing = None
    for row in session.scalars(_open(agent).with_for_update()):
        if _is(row, agent, said):
            standing = row
        else:
            row.until_at = max(now, row.from_at)
    if standing is None:
        session.add(
            CameraSpan(
                seat_id=agent.seat,
                workstation_id=agent.workstation,
                state=state,
                checks=checks,
                unavailable=list(unavailable),
                from_at=now,
            )
        )


def _open(agent: Agent) -> Select[CameraSpan]:
    return select(CameraSpan).where(
        CameraSpan.until_at.is_(None),
        or_(CameraSpan.seat_id == agent.seat, CameraSpan.workstation_id == agent.workstation),
    )


def _is(row: CameraSpan, agent: Agent, said: Said) -> bool:
    here = (row.seat_id, row.workstation_id) == (agent.seat, agent.workstation)
    return here and (row.state, row.checks, tuple(row.unavailable)) == said
