"""The papers that people signed, held against the audit chains of the store whenever they are read."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.people import SiteSecret
from server.db.record import AuditEntry
from server.db.record_book import AuditCheckpoint
from server.rules import signed_papers as rules
from server.rules.audit_chain import checkpoint_fault, entry_hash
from server.services import audit


def record_faults(
    session: Session, room_sitting_id: int, record: rules.Plain, checkpoint: AuditCheckpoint | None
) -> tuple[str, ...]:
    """What of a room record does not hold, as `rules.record_faults` says it; its checkpoint has to, too."""
    stream = audit.sitting_stream(room_sitting_id)
    hashes = list(
        session.scalars(select(AuditEntry.hash).where(AuditEntry.stream == stream).order_by(AuditEntry.seq))
    )
    found = rules.record_faults(record, _told(session, stream), hashes)
    if record["sealed_at"] and not _holds(session, checkpoint, stream, hashes) and "seal" not in found:
        return (*found, "seal")
    return found


def form_faults(session: Session, rooms: Iterable[int], form: rules.Plain) -> tuple[str, ...]:
    """What of the supervisor's form does not hold in the chains of the sitting's rooms."""
    streams = map(audit.sitting_stream, rooms)
    found = (fault for one in streams for fault in rules.form_faults(form, _told(session, one)))
    return tuple(dict.fromkeys(found))


def annexed_by(session: Session, room_sitting_id: int) -> dict[str, str]:
    """Who added each annex, by the name in the chain: "annex/12" -> name."""
    told = _told(session, audit.sitting_stream(room_sitting_id))
    return {entry["object"]: entry["actor"] for entry in told if entry["act"] == rules.ANNEXED}


def _told(session: Session, stream: str) -> list[dict[str, Any]]:
    """The entries that tell of papers; one that was altered itself tells of nothing."""
    query = select(AuditEntry).where(AuditEntry.stream == stream, AuditEntry.act.in_(rules.ACTS))
    rows = map(audit.as_json, session.scalars(query.order_by(AuditEntry.seq)))
    return [row for row in rows if row["hash"] == entry_hash(row)]


def _holds(session: Session, checkpoint: AuditCheckpoint | None, stream: str, hashes: list[str]) -> bool:
    site = session.get(SiteSecret, "signing")
    if checkpoint is None or checkpoint.stream != stream or site is None:
        return False
    try:
        return not checkpoint_fault(checkpoint.as_json(), hashes, site.public)
    except rules.UNREADABLE:
        return False
