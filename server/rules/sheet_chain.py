"""The chain of an examiner's records: what a tablet sends, what a hash covers, what a lock is signed over.

A record is one thing done on one sheet. Its body is JSON text `{"action", "at", "salt"}`: the salt keeps a
hash from being guessed back to a mark. Only the tablet makes links; the server compares them. A lock is
signed by the tablet's key, ECDSA over P-256 with SHA-256, the form that browsers have.
"""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from exam_rooms.protocol import ZERO_HEAD
from exam_rooms.wire import canonical

__all__ = ["ZERO_HEAD", "Body", "SheetRecord", "lock_text", "p256_key", "read_body", "signed_by"]

BODY_MOST = 4096
"""Characters of a body: a note of several hundred characters, each escaped."""
SALT_LEAST = 16
SEQ_MOST = 1_000_000
"""The last place in a journal; every store holds it."""
_HASH = re.compile("[0-9a-f]{64}")
_UNSOUND = re.compile("[\0\ud800-\udfff]")
_HALF = 32  # bytes of each half of a raw P-256 signature


@dataclass(frozen=True, slots=True)
class SheetRecord:
    """One record as it travels. `signature` (base64, raw r and s) comes with one that locks the sheet."""

    sheet: str
    journal: int
    seq: int
    body: str
    prev: str
    hash: str
    signature: str = ""

    def whole(self) -> bool:
        """Whether place, links and length are such as a record can have, and the hash is its own."""
        links = all(_HASH.fullmatch(link) for link in (self.prev, self.hash))
        bounded = 1 <= self.seq <= SEQ_MOST and len(self.body) <= BODY_MOST
        return links and bounded and self.digest() == self.hash

    def digest(self) -> str:
        """The hash it must carry: SHA-256 hex over the canonical form of place, body and link."""
        return hashlib.sha256(
            canonical([self.sheet, self.journal, self.seq, self.body, self.prev])
        ).hexdigest()


@dataclass(frozen=True, slots=True)
class Body:
    """A body read: what was done, and when by the tablet's own clock, which decides nothing."""

    action: Mapping[str, Any]
    at: datetime


def read_body(text: str) -> Body | None:
    """The body of a record, None for what is none."""
    try:
        data = json.loads(text)
        at = datetime.fromisoformat(data["at"])
        action, salt = data["action"], data["salt"]
        if at.tzinfo is None or not isinstance(action, dict) or not isinstance(salt, str):
            return None
        if len(salt) < SALT_LEAST:
            return None
        body = Body(action, at.astimezone(UTC))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    return body if _within(action) else None


def _within(action: Mapping[str, Any]) -> bool:
    """Whether an action holds nothing but texts, small whole numbers and yes or no."""
    return all(isinstance(value, bool) or _sound(value) or _small(value) for value in action.values())


def _sound(value: object) -> bool:
    """Whether it is a text that every store and page can hold: without NUL and halves of characters."""
    return isinstance(value, str) and _UNSOUND.search(value) is None


def _small(value: object) -> bool:
    return type(value) is int and abs(value) < 1 << 31


def lock_text(record: SheetRecord) -> bytes:
    """What the tablet signs when a sheet is locked: the place and the hash of the record that locks it."""
    return f"examhall-sheet-lock|{record.sheet}|{record.journal}|{record.seq}|{record.hash}".encode()


def p256_key(spki: bytes) -> ec.EllipticCurvePublicKey | None:
    """A public key of P-256 out of its SPKI DER, None for anything else."""
    try:
        key = load_der_public_key(spki)
    except (ValueError, TypeError):
        return None
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    return None


def signed_by(spki: bytes, text: bytes, signature: str) -> bool:
    """Whether a raw signature (base64 of r and s, 32 bytes each) over `text` is the key's."""
    key = p256_key(spki)
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if key is None or len(raw) != 2 * _HALF:
        return False
    numbers = (int.from_bytes(raw[:_HALF], "big"), int.from_bytes(raw[_HALF:], "big"))
    try:
        key.verify(encode_dss_signature(*numbers), text, ec.ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True
