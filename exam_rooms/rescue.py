"""The rescue file: what a workstation's journals hold, for somebody who carries it to the server.

Layout (numbers big-endian)::

    b"EXRS1\\n" | length, 4 bytes | head (canonical JSON of `RescueHead`)
               | length, 4 bytes | body (canonical JSON of `RescueBody`, sealed to the site when `sealed`)
               | length, 4 bytes | signatures (canonical JSON of `Signatures`)

The responses in the records are sealed by the attempt's key as they always are. Each signature is Ed25519
by the device key of one pairing of the machine over `signed_message`; a machine that was paired anew signs
with its earlier keys too, so the server knows whose journals it may bring. Sealing and signing are the
hosts' work: nothing here knows a key.
"""

import base64
import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from exam_rooms.protocol import Record, RefusedRecord
from exam_rooms.wire import WireError, canonical, decode, encode

MAGIC = b"EXRS1\n"
SUFFIX = ".exrs"
MOST_BYTES = 16 << 20
"""A machine's journals of a day take some 100 kB; what is larger is no rescue file."""
MOST_SIGNATURES = 16
MOST_JOURNALS = 64
"""Journals that a machine may hold: a handful of candidates, each with a journal for every move."""
_LENGTH = struct.Struct(">I")


class RescueBroken(Exception):
    """Not a rescue file, or a damaged one; `code` is shown to who brought it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class RescueJournal:
    """One journal in the file. `whole`: it was read to its end; else what was sound before the damage."""

    attempt: int
    journal: int
    parent: str
    records: int
    whole: bool = True


@dataclass(frozen=True, slots=True)
class RescueHead:
    """What stands in clear: which machine made the file, when on its boot clock, and what is inside."""

    workstation: int
    room: str
    seat: str
    boot_id: str
    boot_ns: int
    sealed: bool
    journals: tuple[RescueJournal, ...]


@dataclass(frozen=True, slots=True)
class RescueBody:
    """The records, by attempt, journal and seq."""

    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Signature:
    """Base64 of Ed25519 by the key of one pairing."""

    workstation: int
    signature: str


@dataclass(frozen=True, slots=True)
class Signatures:
    """By every pairing whose key the machine still has, the one in force first."""

    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class RescueFile:
    """A file taken apart, nothing of it believed yet: `message` is what the signatures cover."""

    head: RescueHead
    head_bytes: bytes
    body: bytes
    message: bytes
    signatures: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class RescuedJournal:
    """What is durable of a journal of a rescue file: up to seq `upto`; `refused` was kept aside."""

    attempt: int
    journal: int
    upto: int
    refused: tuple[RefusedRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class RescueReply:
    """A rescue file was read: how many records are new to the server, and how many it had already.

    Only the `journals` named were taken: of any other the agent keeps what it holds, as still waiting.
    """

    taken: int
    known: int
    journals: tuple[RescuedJournal, ...] = ()


def head_bytes(head: RescueHead) -> bytes:
    """The head as it stands in the file; a sealed body is bound to it."""
    return canonical(encode(head))


def body_bytes(body: RescueBody) -> bytes:
    """The body before it is sealed."""
    return canonical(encode(body))


def signed_message(head: bytes, body: bytes) -> bytes:
    """What the device keys sign."""
    return b"examhall/rescue|" + hashlib.sha256(_framed(head) + _framed(body)).hexdigest().encode()


def assemble(head: bytes, body: bytes, signatures: Mapping[int, bytes]) -> bytes:
    """The bytes of a file."""
    made = Signatures(tuple(Signature(one, base64.b64encode(by).decode()) for one, by in signatures.items()))
    return MAGIC + _framed(head) + _framed(body) + _framed(canonical(encode(made)))


def take_apart(data: bytes) -> RescueFile:
    """Reads a file's frame. Raises `RescueBroken` (`rescue_not_one`, `rescue_too_large`, `rescue_broken`)."""
    if not data.startswith(MAGIC):
        raise RescueBroken("rescue_not_one")
    if len(data) > MOST_BYTES:
        raise RescueBroken("rescue_too_large")
    head, body, signatures = _parts(data)
    try:
        found = decode(Signatures, json.loads(signatures)).signatures
        if not 0 < len(found) <= MOST_SIGNATURES:
            raise RescueBroken("rescue_broken")
        return RescueFile(
            head=_bounded(decode(RescueHead, json.loads(head))),
            head_bytes=head,
            body=body,
            message=signed_message(head, body),
            signatures={one.workstation: base64.b64decode(one.signature, validate=True) for one in found},
        )
    except (WireError, ValueError, RecursionError) as fault:
        raise RescueBroken("rescue_broken") from fault


def _bounded(head: RescueHead) -> RescueHead:
    """A head that names no more journals than a machine has, and each once."""
    named = {(one.attempt, one.journal) for one in head.journals}
    if len(head.journals) > MOST_JOURNALS or len(named) != len(head.journals):
        raise RescueBroken("rescue_broken")
    return head


def _parts(data: bytes) -> list[bytes]:
    parts, offset = [], len(MAGIC)
    for _part in range(3):
        start = offset + _LENGTH.size
        if start > len(data):
            raise RescueBroken("rescue_broken")
        offset = start + _LENGTH.unpack_from(data, start - _LENGTH.size)[0]
        parts.append(data[start:offset])
    if offset != len(data):
        raise RescueBroken("rescue_broken")
    return parts


def read_body(data: bytes) -> tuple[Record, ...]:
    """The records of an opened body. Raises `RescueBroken`."""
    try:
        return decode(RescueBody, json.loads(data)).records
    except (WireError, ValueError, RecursionError) as fault:
        raise RescueBroken("rescue_broken") from fault


def _framed(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data
