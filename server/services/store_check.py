"""Whether what is stored holds together: audit chains, answer chains, receipts, pictures."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.base import vault_of
from server.db.evidence_store import EvidenceStore
from server.db.room_cameras import RoomCameraFrame
from server.db.sittings import Attempt
from server.db.watching import EvidenceFrame
from server.rules.attempt_check import check, read
from server.services import attempt_export, audit, evidence
from server.services.attempt_export import Sources

_AT_ONCE = 50
_INCOMPLETE = {"no_receipt", "gap", "missing"}
"""What an attempt under way may lack, and one whose workstation never brought the rest: no sign of damage."""


@dataclass(slots=True)
class StoreCheck:
    """What was looked at, and what is wrong: broken audit streams, (ticket, code) of attempts, picture files
    that are missing or do not open. `incomplete`: tickets of attempts without a receipt or with gaps.
    """

    streams: int = 0
    entries: int = 0
    attempts: int = 0
    records: int = 0
    pictures: int = 0
    broken: list[str] = field(default_factory=list)
    faults: list[tuple[str, str]] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing was changed or lost."""
        return not self.broken and not self.faults and not self.missing


def look_over(session: Session, sources: Sources, store: EvidenceStore, *, now: datetime) -> StoreCheck:
    """Verifies everything that can be verified; the work of minutes for a big store."""
    found = StoreCheck()
    for verdict in audit.verify_all(session):
        found.streams += 1
        found.entries += verdict.entries
        if verdict.breaks:
            found.broken.append(verdict.stream)
    _attempts(session, sources, found, now)
    _pictures(session, store, found)
    return found


def _attempts(session: Session, sources: Sources, found: StoreCheck, now: datetime) -> None:
    numbers = session.scalars(select(Attempt.id).order_by(Attempt.id)).all()
    for start in range(0, len(numbers), _AT_ONCE):
        chosen = numbers[start : start + _AT_ONCE]
        checked = check(read(attempt_export.document(session, sources, chosen, now=now)))
        tickets = {proof.attempt: proof.ticket for proof in checked.proofs}
        found.attempts += len(chosen)
        found.records += sum(proof.records for proof in checked.proofs)
        found.faults += [(tickets.get(number, str(number)), code) for number, code in checked.wrong]
        for proof in checked.proofs:
            codes = {fault.code for fault in proof.faults}
            found.faults += [(proof.ticket, code) for code in sorted(codes - _INCOMPLETE)]
            if codes & _INCOMPLETE:
                found.incomplete.append(proof.ticket)


def _pictures(session: Session, store: EvidenceStore, found: StoreCheck) -> None:
    vault, names = vault_of(session), set[str]()
    for file in (EvidenceFrame.file, RoomCameraFrame.file):
        names |= set(session.scalars(select(file).where(file != "")))
    found.pictures = len(names)
    found.missing = sorted(name for name in names if evidence.opened(vault, store, name) is None)
