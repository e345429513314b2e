"""Lost time as a seat's agent logged it, put on the record: evidence for a chief, no credit by itself."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import LossKind, LossNote
from server.db.base import emit
from server.db.commands import SeatLoss
from server.db.sittings import Attempt
from server.events import LinkChanged
from server.rules import observed
from server.services.agents import Agent
from server.services.boot_clocks import placed_surely

NOTES_MOST = 50
ROWS_MOST = 200
"""Losses of one attempt that are kept: a seat that loses its page more often has another problem."""
_REF = re.compile(r"[0-9a-f]{32}")
_KINDS = frozenset(str(kind) for kind in LossKind)


def take(
    session: Session, agent: Agent, attempt: Attempt, told: Sequence[LossNote], *, now: datetime
) -> None:
    """Keeps what is new of it. Refused: `message_malformed`.

    A loss whose boots nobody knows cannot be placed; there the server's own evidence is all there is.
    """
    if len(told) > NOTES_MOST:
        raise observed.malformed("BreachRequest", "losses")
    known = set(session.scalars(select(SeatLoss.ref).where(SeatLoss.attempt_id == attempt.id)))
    for note in told:
        if not _REF.fullmatch(note.ref) or note.kind not in _KINDS:
            raise observed.malformed("LossNote", "kind" if _REF.fullmatch(note.ref) else "ref")
        if note.ref in known or len(known) >= ROWS_MOST:
            continue
        since = placed_surely(session, agent.workstation, note.since_boot, note.since_ns, now=now)
        until = placed_surely(session, agent.workstation, note.until_boot, note.until_ns, now=now)
        if since is None or until is None or since >= until:
            continue
        known.add(note.ref)
        session.add(
            SeatLoss(
                room_sitting_id=attempt.room_sitting_id,
                attempt_id=attempt.id,
                workstation_id=agent.workstation,
                ref=note.ref,
                kind=note.kind,
                since_at=since,
                until_at=until,
                told_at=now,
            )
        )
        emit(session, LinkChanged(attempt.room_sitting_id, attempt.seat_id))
