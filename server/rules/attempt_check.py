"""The check of exported attempts from the document alone: no store, no server."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from exam_rooms.attempt_proof import FORMAT, AttemptExport, ExportedAttempt, Proof, export_message, prove
from exam_rooms.protocol import Receipt, receipt_message
from exam_rooms.wire import WireError, decode
from server.errors import Refused
from server.rules.audit_chain import signed_by

RECEIPT_MARK = "EXAMHALL-RECEIPT "
"""How the text of a receipt's QR code begins."""


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
    document: AttemptExport,
    *,
    site_key: bytes | None = None,
    receipt: Receipt | None = None,
    message: bytes = b"",
) -> Checked:
    """Checks a document; `site_key` (raw) instead of the one it brings, `receipt` as the candidate has it.

    `message`: what its site signed where the caller has it at hand; else it is written anew.
    """
    own = _raw(document.site_key)
    key = site_key or own
    wrong: list[tuple[int, str]] = [] if key == own else [(0, "site_key")]
    if not signed_by(key, message or export_message(document), document.signature):
        wrong.append((0, "export_signature"))
    present = [one for one in document.attempts if one.state != "absent" or one.records]
    for one in present:
        if one.receipt is not None and not _receipt_right(_raw(one.site_key) or key, one, one.receipt):
            wrong.append((one.attempt, "receipt_signature"))
    if receipt is not None:
        wrong += _compare(key, present, receipt)
    proofs = tuple(prove(one) for one in present)
    return Checked(document.site_key, document.exported_at, proofs, tuple(wrong))


def _receipt_right(key: bytes, exported: ExportedAttempt, receipt: Receipt) -> bool:
    same = (receipt.attempt, receipt.ticket) == (exported.attempt, exported.ticket)
    return same and signed_by(key, receipt_message(receipt), receipt.signature)


def _compare(key: bytes, present: Sequence[ExportedAttempt], receipt: Receipt) -> list[tuple[int, str]]:
    """A candidate's receipt against the document's: genuine, known, and the same."""
    mine = [one for one in present if one.attempt == receipt.attempt]
    mine.sort(key=lambda one: one.ticket != receipt.ticket)  # two sites may have given one number
    whose = _raw(mine[0].site_key) or key if mine else key
    if not signed_by(whose, receipt_message(receipt), receipt.signature):
        return [(receipt.attempt, "receipt_signature")]
    if not mine:
        return [(receipt.attempt, "receipt_unknown")]
    return [] if mine[0].receipt == receipt else [(receipt.attempt, "receipt_other")]


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        return b""
