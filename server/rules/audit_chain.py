"""What an audit chain and its checkpoints are, without a store: hashes, links, signed roots (design D15)."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from exam_rooms.wire import canonical
from server.rules import merkle

FIRST_HASH = "0" * 64
HASHED = ("stream", "seq", "at", "actor_id", "actor", "act", "object", "details", "prev")
"""Fields of an entry in the order in which they are hashed; `at` is ISO 8601 in UTC."""
CHECKPOINT_MARK = "EXAMHALL-CHECKPOINT "
"""How the text of a checkpoint's QR code begins."""
_SIGNED = ("stream", "size", "root", "at", "previous")


@dataclass(frozen=True, slots=True)
class RowFault:
    """An entry that does not hold. `code`: gap | prev | hash | shape."""

    seq: int
    code: str


def entry_hash(entry: Mapping[str, Any]) -> str:
    """SHA-256 hex over the canonical form of every field but the hash itself."""
    return hashlib.sha256(canonical([entry[name] for name in HASHED])).hexdigest()


def chain_faults(rows: Iterable[Mapping[str, Any]]) -> list[RowFault]:
    """Reads a chain from its first entry: every number, link and hash that is not what it must be."""
    seq, last = 0, FIRST_HASH
    faults = []
    for row in rows:
        try:
            found = [
                code
                for code, wrong in (
                    ("gap", row["seq"] != seq + 1),
                    ("prev", row["prev"] != last),
                    ("hash", row["hash"] != entry_hash(row)),
                )
                if wrong
            ]
            seq, last = int(row["seq"]), str(row["hash"])
        except (KeyError, OverflowError, RecursionError, TypeError, ValueError):
            found, seq = ["shape"], seq + 1
        faults += [RowFault(seq, code) for code in found]
    return faults


def root_of(hashes: Sequence[str]) -> str:
    """The Merkle root (hex) over the entries' hashes (hex)."""
    return merkle.root([bytes.fromhex(one) for one in hashes]).hex()


def checkpoint_message(checkpoint: Mapping[str, Any]) -> bytes:
    """What the site signs of a checkpoint."""
    return canonical(["examhall/checkpoint", *(checkpoint[name] for name in _SIGNED)])


def checkpoint_text(checkpoint: Mapping[str, Any]) -> str:
    """A checkpoint as the text of a QR code."""
    fields = {name: checkpoint[name] for name in (*_SIGNED, "signature")}
    return CHECKPOINT_MARK + canonical(fields).decode()


def checkpoint_fault(checkpoint: Mapping[str, Any], hashes: Sequence[str], key: bytes) -> str:
    """Why a checkpoint does not hold for a chain of these entry hashes: size | root | signature, or "".

    `key`: the site's raw Ed25519 public key.
    """
    size = checkpoint["size"]
    if not isinstance(size, int) or not 0 < size <= len(hashes):
        return "size"
    if checkpoint["root"] != root_of(hashes[:size]) or checkpoint["head"] != hashes[size - 1]:
        return "root"
    return "" if signed_by(key, checkpoint_message(checkpoint), str(checkpoint["signature"])) else "signature"


def signed_by(key: bytes, message: bytes, signature: str) -> bool:
    """Whether a base64 Ed25519 signature over the message is of this raw public key."""
    try:
        signed = base64.b64decode(signature.encode("ascii"), validate=True)
        Ed25519PublicKey.from_public_bytes(key).verify(signed, message)
    except (InvalidSignature, ValueError):
        return False
    return True
