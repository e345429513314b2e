"""Pairing of a standby server: a one-time code in, a token out; one standby at a time.

Whoever holds the token gets a copy of everything stored, sealed and clear columns alike. So the code is made
at the server by whoever may unlock it, and a new pairing ends the one before.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from exam_rooms.pairing import encode_code
from server.access import SYSTEM, Actor, Permission
from server.db.base import vault_of
from server.db.shipping import StandbyCode, StandbyServer
from server.errors import Refused
from server.services import audit
from server.services.signed import need

CODE_LIFETIME = timedelta(minutes=30)
TOKEN_BYTES = 32
_CODE, _TOKEN = "standby-code", "standby-token"
NAME_MOST, ADDRESS_MOST = 120, 200
EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
"""Where a server may listen, and nobody can be sent to."""


@dataclass(frozen=True, slots=True)
class Paired:
    """What the new standby is told: its number and its token."""

    standby: int
    token: str


@dataclass(frozen=True, slots=True)
class Standby:
    """A paired standby: its number, host name and the address where it will serve."""

    id: int
    name: str
    address: str


def usable_address(text: str) -> str:
    """The address that a standby gives, "" for none; seats and people's browsers are sent there.

    Raises `Refused` (standby_address_wrong).
    """
    if not text:
        return ""
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for what is no port
    except ValueError:
        parts = urlsplit("")
    plain = parts.scheme in {"http", "https"} and parts.path in {"", "/"}
    if not plain or not parts.hostname or parts.query or parts.fragment or "@" in parts.netloc:
        raise Refused("standby_address_wrong", 422, address=text[:ADDRESS_MOST])
    if parts.hostname in EVERYWHERE or not text.isprintable() or len(text) > ADDRESS_MOST:
        raise Refused("standby_address_wrong", 422, address=text[:ADDRESS_MOST])
    return text


def issue_code(session: Session, actor: Actor, fingerprint: bytes, *, now: datetime) -> str:
    """A code for a standby, good for half an hour and one use; earlier codes die.

    `fingerprint`: the first ten bytes of the SHA-256 of the site CA certificate.
    """
    need(actor, Permission.MANAGE_VAULT)
    session.execute(update(StandbyCode).where(StandbyCode.used_at.is_(None)).values(used_at=now))
    secret = secrets.token_bytes(5)
    index = vault_of(session).index(_CODE, secret.hex())
    session.add(
        StandbyCode(secret_index=index, expires_at=now + CODE_LIFETIME, created_by=actor.user_id),
    )
    audit.record(session, audit.SYSTEM_STREAM, actor, "standby_code_issued", "standby", now=now)
    return encode_code(secret, fingerprint)


def pair(session: Session, secret: bytes, name: str, address: str, *, now: datetime) -> Paired:
    """Takes a standby in by its code. Raises `Refused` (pairing_code_invalid)."""
    vault = vault_of(session)
    index = vault.index(_CODE, secret.hex())
    code = session.scalar(select(StandbyCode).where(StandbyCode.secret_index == index).with_for_update())
    if code is None or code.used_at is not None or code.expires_at <= now:
        raise Refused("pairing_code_invalid", 403)
    code.used_at = now
    retire(session, SYSTEM, now=now)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    row = StandbyServer(
        name=name[:NAME_MOST],
        address=address[:ADDRESS_MOST],
        token_index=vault.index(_TOKEN, token),
        paired_at=now,
        paired_by=code.created_by,
    )
    session.add(row)
    session.flush()
    audit.record(
        session, audit.SYSTEM_STREAM, SYSTEM, "standby_paired", f"standby/{row.id}", now=now, name=row.name
    )
    return Paired(row.id, token)


def retire(session: Session, actor: Actor, *, now: datetime) -> int:
    """Ends every pairing; how many there were. Also the first act of a standby that took over."""
    rows = session.scalars(select(StandbyServer).where(StandbyServer.active.is_(True))).all()
    for row in rows:
        row.active, row.retired_at = False, now
        audit.record(session, audit.SYSTEM_STREAM, actor, "standby_retired", f"standby/{row.id}", now=now)
    return len(rows)


def active(session: Session) -> Standby | None:
    """The paired standby."""
    row = session.scalar(
        select(StandbyServer).where(StandbyServer.active.is_(True)).order_by(StandbyServer.id.desc()).limit(1)
    )
    return None if row is None else Standby(row.id, row.name, row.address)


def bearer(session: Session, token: str) -> Standby:
    """Who shows this token. Raises `Refused` (standby_unknown, 401)."""
    index = vault_of(session).index(_TOKEN, token)
    row = session.scalar(select(StandbyServer).where(StandbyServer.token_index == index))
    if row is None or not row.active:
        raise Refused("standby_unknown", 401)
    return Standby(row.id, row.name, row.address)
