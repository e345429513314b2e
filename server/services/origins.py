"""Attempts that were held at a site: under which number and key their records were written there."""

import base64
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from server.db.answers import Stored
from server.db.base import vault_of
from server.db.sites import AttemptOrigin, ExamSite, SiteSitting

KEY_PURPOSE = "attempt-key"


def number_and_key(session: Session, attempt_id: int) -> tuple[int, bytes]:
    """What the records of an attempt name it, and the key that opens its responses."""
    row = session.get(AttemptOrigin, attempt_id)
    vault = vault_of(session)
    if row is None:
        return attempt_id, vault.attempt_key(attempt_id)
    return row.number, vault.open_value(KEY_PURPOSE, str(attempt_id), row.sealed_key)


def whose(session: Session, attempt_id: int) -> tuple[int, str]:
    """The number in an attempt's records, and who signed its receipt: "" for us, else the key in base64."""
    row = session.get(AttemptOrigin, attempt_id)
    if row is None:
        return attempt_id, ""
    key = session.get_one(ExamSite, row.site_id).public_key
    return row.number, base64.b64encode(key).decode()


def proofs(session: Session, sitting: int) -> Iterator[tuple[str, bytes]]:
    """What sites proved of a sitting: code, and audit chains with checkpoints and records as JSON."""
    query = (
        select(ExamSite.code, SiteSitting.chains)
        .join(SiteSitting, SiteSitting.site == ExamSite.id)
        .where(SiteSitting.sitting_id == sitting, SiteSitting.chains.is_not(None))
        .order_by(ExamSite.code)
    )
    for code, packed in session.execute(query):
        yield code, zlib.decompress(packed or b"")


def keep(session: Session, site_id: int, origins: Mapping[int, tuple[int, bytes]]) -> None:
    """Keeps number and key of attempts of a site, by their own number here."""
    vault = vault_of(session)
    session.execute(delete(AttemptOrigin).where(AttemptOrigin.attempt_id.in_(origins)))
    rows = [
        {
            "attempt_id": own,
            "site_id": site_id,
            "number": number,
            "sealed_key": vault.seal_value(KEY_PURPOSE, str(own), key),
        }
        for own, (number, key) in origins.items()
    ]
    if rows:
        session.execute(insert(AttemptOrigin), rows)


def as_written(stored: list[Stored], number: int) -> list[Stored]:
    """The records as their agent wrote them: so they have their hashes."""
    return [replace(one, record=replace(one.record, attempt=number)) for one in stored]
