"""Words of seats by way of the database: what keeps a seat that another process hears from counting as lost.

Only while the server processes cannot talk to each other; what is older than an hour is of no use.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from server.db.seat_words import SeatWord

_KEPT = timedelta(hours=1)


def tell(session: Session, worker: str, words: Mapping[int, datetime], *, now: datetime) -> None:
    """Writes down when this process heard these workstations: one statement, in one round trip for all."""
    kind = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = kind.insert(SeatWord)
    newest = {"heard_at": row.excluded.heard_at, "told_at": row.excluded.told_at}
    upsert = row.on_conflict_do_update(index_elements=[SeatWord.workstation_id, SeatWord.worker], set_=newest)
    rows = [
        {"workstation_id": workstation, "worker": worker, "heard_at": heard_at, "told_at": now}
        for workstation, heard_at in sorted(words.items())
    ]
    if rows:
        session.execute(upsert, rows)


def told(session: Session, worker: str, since: datetime) -> list[tuple[int, str, datetime]]:
    """Workstation, process and moment of what other processes wrote down since then."""
    query = select(SeatWord.workstation_id, SeatWord.worker, SeatWord.heard_at).where(
        SeatWord.told_at > since, SeatWord.worker != worker
    )
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def clear(session: Session, *, now: datetime) -> None:
    """Forgets what is old."""
    session.execute(delete(SeatWord).where(SeatWord.told_at < now - _KEPT))
