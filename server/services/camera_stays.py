"""Which camera a workstation reported, from when to when: the ledger's answer to "before which camera"."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.record_book import CameraStay
from server.services.agents import Agent


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


def _open(session: Session, agent: Agent, *, lock: bool = False) -> list[CameraStay]:
    query = select(CameraStay).where(
        CameraStay.workstation_id == agent.workstation, CameraStay.until_at.is_(None)
    )
    return list(session.scalars(query.with_for_update() if lock else query))
