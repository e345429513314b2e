"""The sealed file between an authority and a site: signed by one, readable by the other alone, in parts.

A file is `MAGIC`, the length of the head (4 bytes, big endian), the head, then the parts, each with its
length before it. The head is canonical JSON under an Ed25519 signature: who sends what to whom, a letter
(HPKE) with the key of the parts, and size and SHA-256 of every sealed part, so that each is checked when it
arrives and a broken transfer goes on where it stopped.
"""

import base64
import hashlib
import io
import json
import uuid
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exam_rooms.wire import canonical
from itembank.letters import open_letter, seal_letter
from itembank.sealing import SUITES, SealBroken, new_key, open_sealed, seal
from server.rules.audit_chain import signed_by

MAGIC = b"EXSF1\n"
DISPATCH, RESULTS, PICTURES = "dispatch", "results", "pictures"
KINDS = (DISPATCH, RESULTS, PICTURES)
PART_BYTES = 512 << 10
HEAD_LIMIT = 256 << 10
MOST_PARTS = 512
CONTENT_LIMIT = 1 << 30
"""Bytes of the opened content: what claims to be more is refused before it fills the memory."""
_LENGTH = 4
_OVERHEAD = 1 << 10


class FileBroken(Exception):
    """A file that does not hold. `code`: shape | signature | part | seal; `part`: the part's number or 0."""

    def __init__(self, code: str, part: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.part = part


@dataclass(frozen=True, slots=True)
class Subject:
    """What a file is about: `about` is the uid of the sitting at the site, `number` counts its files.

    `peer` is the fingerprint of the receiver's signing key; `made_at` is aware.
    """

    kind: str
    about: str
    number: int
    peer: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Head:
    """The signed head. `content`: SHA-256 of what is inside; `parts`: (size, SHA-256) of the sealed ones."""

    raw: bytes
    uid: str
    kind: str
    about: str
    number: int
    peer: str
    made_at: datetime
    sender: bytes
    content: str
    suite: str
    letter: bytes
    parts: tuple[tuple[int, str], ...]

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(size for size, _hash in self.parts)


def fingerprint(public_key: bytes) -> str:
    """How a key is named: the first 16 bytes of its SHA-256, in hex."""
    return hashlib.sha256(public_key).hexdigest()[:32]


def content_hash(content: dict[str, Any]) -> str:
    """What makes two contents the same."""
    return hashlib.sha256(canonical(content)).hexdigest()


def make(
    subject: Subject,
    content: dict[str, Any],
    letter_key: bytes,
    signing_key: Ed25519PrivateKey,
    *,
    suite: str = "intl",
) -> tuple[Head, list[bytes]]:
    """Seals content to the holder of `letter_key` (raw X25519) and signs; the head and the sealed parts."""
    plain, uid, key = canonical(content), str(uuid.uuid4()), new_key()
    packed = zlib.compress(plain, 6)
    pieces = [packed[start : start + PART_BYTES] for start in range(0, len(packed), PART_BYTES)]
    sealed = [
        seal(key, piece, _about(uid, number, len(pieces)), suite=suite)
        for number, piece in enumerate(pieces, 1)
    ]
    fields = {
        "v": 1,
        "uid": uid,
        "kind": subject.kind,
        "about": subject.about,
        "number": subject.number,
        "peer": subject.peer,
        "made_at": subject.made_at.astimezone(UTC).isoformat(),
        "sender": _b64(signing_key.public_key().public_bytes_raw()),
        "content": hashlib.sha256(plain).hexdigest(),
        "suite": suite,
        "letter": _b64(seal_letter(letter_key, key, uid.encode())),
        "parts": [[len(part), hashlib.sha256(part).hexdigest()] for part in sealed],
    }
    signature = _b64(signing_key.sign(_message(fields)))
    return read_head(canonical(fields | {"signature": signature})), sealed


def read_head(raw: bytes) -> Head:
    """A head whose signature is its own sender's; whether that one is known is the caller's question.

    Raises `FileBroken` (shape, signature).
    """
    if len(raw) > HEAD_LIMIT:
        raise FileBroken("shape")
    try:
        fields = json.loads(raw)
        signature = fields.pop("signature")
        head = _head(raw, fields)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as fault:
        raise FileBroken("shape") from fault
    if not signed_by(head.sender, _message(fields), str(signature)):
        raise FileBroken("signature")
    return head


def check_part(head: Head, number: int, data: bytes) -> None:
    """Raises `FileBroken` (part) unless the bytes are the sealed part of this number, from 1."""
    if not 1 <= number <= len(head.parts):
        raise FileBroken("part", number)
    if (len(data), hashlib.sha256(data).hexdigest()) != head.parts[number - 1]:
        raise FileBroken("part", number)


def open_parts(head: Head, parts: Sequence[bytes], private_key: bytes) -> dict[str, Any]:
    """The content, for the receiver alone. Raises `FileBroken`."""
    for number, part in enumerate(parts, 1):
        check_part(head, number, part)
    if len(parts) != len(head.parts):
        raise FileBroken("part", len(parts) + 1)
    try:
        key = open_letter(private_key, head.letter, head.uid.encode())
        total = len(parts)
        packed = b"".join(
            open_sealed(key, part, _about(head.uid, number, total)) for number, part in enumerate(parts, 1)
        )
        unpacking = zlib.decompressobj()
        plain = unpacking.decompress(packed, CONTENT_LIMIT)
        if unpacking.unconsumed_tail or not unpacking.eof or unpacking.unused_data:
            raise FileBroken("shape")
        content = json.loads(plain)
    except (SealBroken, zlib.error, ValueError, RecursionError) as fault:
        raise FileBroken("seal") from fault
    if hashlib.sha256(plain).hexdigest() != head.content or not isinstance(content, dict):
        raise FileBroken("seal")
    return content


def joined(head: Head, parts: Sequence[bytes]) -> bytes:
    """The file of head and parts."""
    blocks = (head.raw, *parts)
    return MAGIC + b"".join(len(block).to_bytes(_LENGTH, "big") + block for block in blocks)


def read_file(data: bytes) -> tuple[Head, dict[int, bytes]]:
    """The head of a file and its whole parts by number, from 1: a cut file gives what it has.

    Raises `FileBroken` (shape, signature; part for bytes that are not what the head says).
    """
    source = io.BytesIO(data)
    if source.read(len(MAGIC)) != MAGIC:
        raise FileBroken("shape")
    raw = _block(source, HEAD_LIMIT)
    if raw is None:
        raise FileBroken("shape")
    head = read_head(raw)
    parts: dict[int, bytes] = {}
    for number in range(1, len(head.parts) + 1):
        part = _block(source, PART_BYTES + _OVERHEAD)
        if part is None:
            return head, parts
        check_part(head, number, part)
        parts[number] = part
    if source.read(1):
        raise FileBroken("shape")
    return head, parts


def _block(source: io.BytesIO, limit: int) -> bytes | None:
    """The next block; None when the file ends before it does."""
    length = source.read(_LENGTH)
    if len(length) < _LENGTH:
        return None
    size = int.from_bytes(length, "big")
    if size > limit:
        raise FileBroken("shape")
    data = source.read(size)
    return data if len(data) == size else None


def _head(raw: bytes, fields: dict[str, Any]) -> Head:
    if fields["v"] != 1 or fields["kind"] not in KINDS or fields["suite"] not in SUITES:
        raise ValueError("no head")
    parts = tuple((int(size), str(digest)) for size, digest in fields["parts"])
    if not 0 < len(parts) <= MOST_PARTS or not all(0 < size <= PART_BYTES + _OVERHEAD for size, _ in parts):
        raise ValueError("no parts")
    made_at = datetime.fromisoformat(fields["made_at"])
    if made_at.tzinfo is None or not 0 < int(fields["number"]) < 1 << 31:
        raise ValueError("no head")
    return Head(
        raw=raw,
        uid=str(uuid.UUID(fields["uid"])),
        kind=str(fields["kind"]),
        about=str(uuid.UUID(fields["about"])),
        number=int(fields["number"]),
        peer=str(fields["peer"])[:32],
        made_at=made_at,
        sender=base64.b64decode(fields["sender"], validate=True),
        content=str(fields["content"])[:64],
        suite=str(fields["suite"]),
        letter=base64.b64decode(fields["letter"], validate=True),
        parts=parts,
    )


def _message(fields: dict[str, Any]) -> bytes:
    return canonical(["examhall/site-file", fields])


def _about(uid: str, number: int, total: int) -> bytes:
    return f"{uid}|{number}|{total}".encode()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
