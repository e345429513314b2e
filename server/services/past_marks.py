"""What a room was given before it was marked again: kept as it was, with who replaced it."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy.orm import Session

from server.access import Actor
from server.db.publicity import PastMarks
from server.db.sittings import ComponentResult

_COLUMNS = (
    "room_sitting_id",
    "registration_id",
    "attempt_id",
    "component",
    "status",
    "total",
    "passed",
    "answered",
    "not_counted",
    "sealed_marks",
    "sealed_before_void",
    "marked_at",
)


def keep(
    session: Session, actor: Actor, rows: Iterable[ComponentResult], key_fix: int | None, *, now: datetime
) -> None:
    """Copies marks that are about to be replaced; `key_fix`: because of which fix, None for another cause."""
    for row in rows:
        copied = {name: getattr(row, name) for name in _COLUMNS}
        session.add(PastMarks(**copied, replaced_at=now, replaced_by=actor.user_id, key_fix_id=key_fix))
