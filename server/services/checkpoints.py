"""Checkpoints of audit chains: a signed root over all entries so far (design D15)."""

import base64
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.record import AuditEntry, AuditHead
from server.db.record_book import AuditCheckpoint
from server.errors import Refused
from server.rules.audit_chain import checkpoint_message, root_of
from server.services.site import signing_secret


def make(session: Session, stream: str, *, now: datetime) -> AuditCheckpoint:
    """Signs the root over every entry of a chain. The head stays locked, so nothing slips in between.

    Raises `Refused` (`chain_broken`) when the entries do not end where the head says.
    """
    head = session.get(AuditHead, stream, with_for_update=True)
    hashes = list(
        session.scalars(select(AuditEntry.hash).where(AuditEntry.stream == stream).order_by(AuditEntry.seq))
    )
    if head is None or (head.seq, head.hash) != (len(hashes), hashes[-1] if hashes else ""):
        raise Refused("chain_broken", stream=stream)
    key = Ed25519PrivateKey.from_private_bytes(signing_secret(session))
    before = of_stream(session, stream)
    row = AuditCheckpoint(
        stream=stream,
        size=head.seq,
        root=root_of(hashes),
        head=head.hash,
        previous=before[-1].root if before else "",
        at=now.astimezone(UTC),
        site_key=base64.b64encode(key.public_key().public_bytes_raw()).decode(),
        signature="",
    )
    row.signature = base64.b64encode(key.sign(checkpoint_message(row.as_json()))).decode()
    session.add(row)
    session.flush()
    return row


def of_stream(session: Session, stream: str) -> list[AuditCheckpoint]:
    """The checkpoints of a chain, the first one first."""
    query = select(AuditCheckpoint).where(AuditCheckpoint.stream == stream).order_by(AuditCheckpoint.id)
    return list(session.scalars(query))
