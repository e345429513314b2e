"""What people decided about a turn: as a score's `detail` holds it, and as the chain of the sitting tells it.

A score is made with the first and computed again with the second, so that a decision which was altered in the
store, or put there without anybody deciding it, does not hold.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.assessing import Turn
from server.db.record import AuditEntry
from server.rules.audit_chain import entry_hash
from server.rules.panel_scores import Decisions
from server.services import audit

KEEP, SCORE, SECOND = "keep", "score", "second"
"""What an arbitration may come to: the combined score, a score put on record, two more examiners."""
ARBITRATED, RULED, RETURNED = "panel_arbitrated", "panel_veto_ruled", "panel_score_returned"
"""Acts of the chain that tell of a decision."""


def of_detail(detail: Mapping[str, Any]) -> Decisions:
    """The decisions that stand beside a score."""
    arbitration = detail.get("arbitration") or {}
    outcome = arbitration.get("outcome")
    return Decisions(
        rulings={code: bool(ruling["holds"]) for code, ruling in detail.get("rulings", {}).items()},
        settled=Decimal(arbitration["score"]) if outcome == SCORE else None,
        kept=outcome == KEEP,
        second_panel=bool(detail.get("second")),
        returned=bool(detail.get("returned")),
    )


def of_chain(session: Session, turn: Turn) -> Decisions:
    """The decisions that the sitting's chain tells of; an entry that was altered itself tells of nothing."""
    query = select(AuditEntry).where(
        AuditEntry.stream == audit.sitting_stream(turn.room_sitting_id),
        AuditEntry.object == f"turn/{turn.id}",
        AuditEntry.act.in_((ARBITRATED, RULED, RETURNED)),
    )
    decisions = Decisions()
    for entry in map(audit.as_json, session.scalars(query.order_by(AuditEntry.seq))):
        if entry["hash"] == entry_hash(entry):
            decisions = _after(decisions, entry["act"], entry["details"])
    return decisions


def _after(before: Decisions, act: str, said: Mapping[str, Any]) -> Decisions:
    if act == RULED:
        return replace(before, rulings={**before.rulings, said["veto"]: bool(said["holds"])})
    if act == RETURNED:
        return replace(before, rulings={}, settled=None, kept=False, returned=True)
    outcome = said["outcome"]
    if outcome == SECOND:
        return replace(before, second_panel=True, returned=False)
    settled = Decimal(said["score"]) if outcome == SCORE else None
    return replace(before, settled=settled, kept=outcome == KEEP)
