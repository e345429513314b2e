"""The epochs in the store: the one that holds, and the next one at a takeover (docs/standby.md)."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.standby_messages import Reign
from server.access import Actor
from server.db.epochs import ServerEpoch
from server.services import audit

REASON_MOST = 400
TOLD_MOST = 1_500_000
"""No higher number is taken over from what was heard: journals are numbered by epoch and would run out."""
_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
BY_SEATS = "seats"
"""Who took over when the seats reported their server gone."""


def current(session: Session) -> int:
    """The highest epoch on record; 0 in a store that no server ever opened."""
    return session.scalar(select(func.max(ServerEpoch.number))) or 0


def reign(session: Session) -> Reign:
    """The highest epoch on record with its beginning, without proof; number 0 in a store never opened."""
    row = session.scalars(select(ServerEpoch).order_by(ServerEpoch.number.desc()).limit(1)).first()
    return Reign() if row is None else Reign(row.number, (row.began_at - _UNIX) // timedelta(microseconds=1))


def ensure_epoch(session: Session, *, now: datetime) -> Reign:
    """The epoch to serve under; the first start of an installation begins the first."""
    if current(session) == 0:
        session.add(ServerEpoch(number=1, began_at=now, how="first"))
        session.flush()
    return reign(session)


def take_over(session: Session, actor: Actor, reason: str, heard: int, *, now: datetime) -> int:
    """Begins the next epoch, above every one on record and above `heard`, the highest told by anybody."""
    number = max(current(session), min(heard, TOLD_MOST), 1) + 1
    name = actor.name if actor.user_id is not None or actor.name else BY_SEATS
    session.add(
        ServerEpoch(number=number, began_at=now, how="takeover", taken_by=name, reason=reason[:REASON_MOST])
    )
    facts = {"epoch": number, "reason": reason[:REASON_MOST]}
    audit.record(session, audit.SYSTEM_STREAM, actor, "standby_promoted", f"epoch/{number}", now=now, **facts)
    return number


def forget_fence(session: Session, actor: Actor, seen: int, reason: str, *, now: datetime) -> int:
    """A server that was replaced shall serve again: it begins an epoch above the one that replaced it.

    What the other one took in meanwhile is not here; the reason stands in the audit.
    """
    number = max(current(session), min(seen, TOLD_MOST)) + 1
    session.add(
        ServerEpoch(
            number=number, began_at=now, how="unfenced", taken_by=actor.name, reason=reason[:REASON_MOST]
        )
    )
    facts = {"epoch": number, "met": seen, "reason": reason[:REASON_MOST]}
    audit.record(session, audit.SYSTEM_STREAM, actor, "fence_forgotten", f"epoch/{number}", now=now, **facts)
    return number
