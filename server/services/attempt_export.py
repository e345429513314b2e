"""Attempts as a signed document, and the check of such a document from the document alone."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.attempt_proof import (
    FORMAT,
    AttemptExport,
    ExportedAside,
    ExportedAttempt,
    ExportedJournal,
    ExportedRecord,
    Proof,
    export_message,
    prove,
)
from exam_rooms.protocol import Receipt, receipt_message
from exam_rooms.wire import WireError, decode, encode
from server.access import Actor, Permission
from server.db.answers import AnswerStore
from server.db.rooms import Seat, Workstation
from server.db.sittings import Attempt, JournalGrant, Registration
from server.errors import Forbidden, Refused
from server.services import audit
from server.services.site import Site

RECEIPT_MARK = "EXAMHALL-RECEIPT "
"""How the text of a receipt's QR code begins."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where records come from and who signs for them."""

    answers: AnswerStore
    site: Site


def find(session: Session, names: Sequence[str], room_sitting: int | None = None) -> list[int]:
    """Attempts by ticket or number, or all of a room. Raises `Refused` for a name that is neither."""
    if not names and room_sitting is None:
        raise Refused("export_nothing_chosen", 422)
    query = select(Attempt.id).join(Registration, Registration.id == Attempt.registration_id)
    found = []
    if room_sitting is not None:
        found += list(session.scalars(query.where(Attempt.room_sitting_id == room_sitting)))
    for name in names:
        attempt = session.scalar(query.where(Registration.ticket == name))
        if attempt is None and name.isascii() and name.isdigit() and len(name) < 10:
            attempt = session.scalar(query.where(Attempt.id == int(name)))
        if attempt is None:
            raise Refused("attempt_unknown", 404, name=name)
        found.append(attempt)
    return sorted(set(found))


def export(
    session: Session, actor: Actor, sources: Sources, attempts: Sequence[int], *, now: datetime
) -> bytes:
    """The signed document of these attempts; that it was made stands on the record of their rooms."""
    if not actor.can(Permission.SEE_RESULTS):
        raise Forbidden(Permission.SEE_RESULTS)
    rows = [session.get_one(Attempt, number) for number in attempts]
    unsigned = AttemptExport(
        format=FORMAT,
        site_key=_b64(sources.site.public_key),
        ca_pem=sources.site.ca_pem.decode(),
        exported_at=now,
        attempts=tuple(_exported(session, sources.answers, row) for row in rows),
    )
    signature = sources.site.signing_key.sign(export_message(unsigned))
    for room in sorted({row.room_sitting_id for row in rows}):
        stream = audit.sitting_stream(room)
        count = sum(row.room_sitting_id == room for row in rows)
        audit.record(session, stream, actor, "attempts_exported", stream, now=now, attempts=count)
    made = replace(unsigned, signature=_b64(signature))
    return json.dumps(encode(made), ensure_ascii=False, sort_keys=True, indent=1).encode()


def _exported(session: Session, store: AnswerStore, row: Attempt) -> ExportedAttempt:
    grants = session.execute(
        select(JournalGrant, Seat.number)
        .join(Workstation, Workstation.id == JournalGrant.workstation_id)
        .join(Seat, Seat.id == Workstation.seat_id)
        .where(JournalGrant.attempt_id == row.id)
        .order_by(JournalGrant.journal)
    )
    return ExportedAttempt(
        attempt=row.id,
        ticket=session.get_one(Registration, row.registration_id).ticket,
        seat=session.get_one(Seat, row.seat_id).number,
        form=row.form,
        state=row.state,
        journals=tuple(
            ExportedJournal(g.journal, g.parent, g.workstation_id, seat, g.opened_at, g.final_seq)
            for g, seat in grants
        ),
        records=tuple(ExportedRecord(one.record, one.received_at) for one in store.events(row.id)),
        aside=tuple(ExportedAside(one.journal, one.seq, one.reason) for one in store.aside(row.id)),
        receipt=decode(Receipt, row.receipt) if row.receipt else None,
    )


# --- the check: nothing but the document ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Checked:
    """What a document proves. `wrong`: (attempt or 0, code) of signatures and receipts that are not right:
    export_signature, site_key, receipt_signature, receipt_other, receipt_unknown.
    """

    site_key: str
    exported_at: datetime
    proofs: tuple[Proof, ...]
    wrong: tuple[tuple[int, str], ...]

    @property
    def good(self) -> bool:
        """Whether every paper in it is complete and what it says it is."""
        return not self.wrong and not any(proof.faults for proof in self.proofs)


def read(data: bytes) -> AttemptExport:
    """A document. Raises `Refused` (`export_broken`)."""
    try:
        found = decode(AttemptExport, json.loads(data))
    except (WireError, ValueError, RecursionError) as fault:
        raise Refused("export_broken", 422) from fault
    if found.format != FORMAT:
        raise Refused("export_broken", 422)
    return found


def read_receipt(text: str) -> Receipt:
    """The receipt in a QR code's text. Raises `Refused` (`receipt_unreadable`)."""
    try:
        return decode(Receipt, json.loads(text[text.index(RECEIPT_MARK) + len(RECEIPT_MARK) :]))
    except (WireError, ValueError, RecursionError) as fault:
        raise Refused("receipt_unreadable", 422) from fault


def check(
    document: AttemptExport, *, site_key: bytes | None = None, receipt: Receipt | None = None
) -> Checked:
    """Checks a document; `site_key` (raw) instead of the one it brings, `receipt` as the candidate has it."""
    own = _raw(document.site_key)
    key = site_key or own
    wrong: list[tuple[int, str]] = [] if key == own else [(0, "site_key")]
    if not _signed(key, export_message(document), document.signature):
        wrong.append((0, "export_signature"))
    present = [one for one in document.attempts if one.state != "absent" or one.records]
    for one in present:
        if one.receipt is not None and not _receipt_right(key, one, one.receipt):
            wrong.append((one.attempt, "receipt_signature"))
    if receipt is not None:
        wrong += _compare(key, present, receipt)
    proofs = tuple(prove(one) for one in present)
    return Checked(document.site_key, document.exported_at, proofs, tuple(wrong))


def _receipt_right(key: bytes, exported: ExportedAttempt, receipt: Receipt) -> bool:
    same = (receipt.attempt, receipt.ticket) == (exported.attempt, exported.ticket)
    return same and _signed(key, receipt_message(receipt), receipt.signature)


def _compare(key: bytes, present: Sequence[ExportedAttempt], receipt: Receipt) -> list[tuple[int, str]]:
    """A candidate's receipt against the document's: genuine, known, and the same."""
    if not _signed(key, receipt_message(receipt), receipt.signature):
        return [(receipt.attempt, "receipt_signature")]
    mine = [one for one in present if one.attempt == receipt.attempt]
    if not mine:
        return [(receipt.attempt, "receipt_unknown")]
    return [] if mine[0].receipt == receipt else [(receipt.attempt, "receipt_other")]


def _signed(key: bytes, message: bytes, signature: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(_raw(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return b""


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
