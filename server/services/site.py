"""The site's identity (design D20): signing key, token and session keys, and its certificate authority.

Private keys rest in `site_secrets`, sealed by the vault, and are made at the first start.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.letters import new_letter_key
from server.access import SYSTEM
from server.db.base import vault_of
from server.db.people import SiteSecret
from server.services import audit
from server.services.certificates import Authority, load_authority, new_authority

FINGERPRINT_BYTES = 10
"""As many bytes of the CA certificate's SHA-256 as a pairing code carries."""


@dataclass(frozen=True, slots=True)
class Site:
    """What the server is known by. `ca_fingerprint`: first bytes of SHA-256 over the CA certificate (DER)."""

    signing_key: Ed25519PrivateKey
    public_key: bytes
    token_key: bytes = field(repr=False)
    session_key: bytes = field(repr=False)
    rescue_key: bytes = field(repr=False)
    """Raw X25519 private key: opens rescue files."""
    rescue_public: bytes
    ca_pem: bytes
    ca_fingerprint: bytes


def ensure_site(session: Session, *, now: datetime) -> Site:
    """Opens the site's secrets; the first start makes them."""
    _held = session.scalars(select(SiteSecret)).all()  # one question; held, each is found by name
    signing = Ed25519PrivateKey.from_private_bytes(_secret(session, "signing", _new_signing_key, now=now))
    certificate = authority(session, now=now).certificate
    letter_secret(session, now=now)
    fingerprint = hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()
    return Site(
        signing_key=signing,
        public_key=signing.public_key().public_bytes_raw(),
        token_key=_secret(session, "token", _new_secret, now=now),
        session_key=_secret(session, "session", _new_secret, now=now),
        rescue_key=_secret(session, "rescue", new_letter_key, now=now),
        rescue_public=session.get_one(SiteSecret, "rescue").public,
        ca_pem=certificate.public_bytes(Encoding.PEM),
        ca_fingerprint=fingerprint[:FINGERPRINT_BYTES],
    )


def letter_secret(session: Session, *, now: datetime) -> bytes:
    """The raw X25519 private key to which authority and sites seal what they send each other."""
    return _secret(session, "letters", new_letter_key, now=now)


def letter_public(session: Session, *, now: datetime) -> bytes:
    """Its public half, for introductions."""
    letter_secret(session, now=now)
    return session.get_one(SiteSecret, "letters").public


def signing_secret(session: Session) -> bytes:
    """The site's raw Ed25519 private key, for who seals inside a transaction. The site has been opened."""
    row = session.get_one(SiteSecret, "signing")
    return vault_of(session).open_value("site", "signing", row.sealed)


def authority(session: Session, *, now: datetime) -> Authority:
    """The site's certificate authority with its private key."""
    key = _secret(session, "ca", lambda: new_authority(now), now=now)
    return load_authority(key, x509.load_der_x509_certificate(session.get_one(SiteSecret, "ca").public))


def _secret(session: Session, name: str, make: Callable[[], tuple[bytes, bytes]], *, now: datetime) -> bytes:
    row = session.get(SiteSecret, name)
    if row is None:
        secret, public = make()
        row = SiteSecret(name=name, sealed=vault_of(session).seal_value("site", name, secret), public=public)
        session.add(row)
        audit.record(session, audit.SYSTEM_STREAM, SYSTEM, "site_secret_made", name, now=now)
    return vault_of(session).open_value("site", name, row.sealed)


def _new_secret() -> tuple[bytes, bytes]:
    return secrets.token_bytes(32), b""


def _new_signing_key() -> tuple[bytes, bytes]:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes_raw(), key.public_key().public_bytes_raw()
