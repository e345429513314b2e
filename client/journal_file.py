"""The bytes of a journal: header, sealed frames, and how a torn end is told from damage.

Layout::

    b"EXJR1\\n" | header length, 4 bytes | header (canonical JSON) | frames
    frame: length, 4 bytes | CRC-32 of length and frame number, 4 bytes | sealed record

Numbers are big-endian. A record is sealed under a key derived from the device key, with the header's
SHA-256 and the frame's number as associated data, so frames cannot be moved, dropped or swapped. The CRC
guards the length: a damaged length in the middle must not look like the unfinished end of the file.
"""

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from exam_rooms.protocol import JournalReply, Record
from exam_rooms.wire import WireError, canonical, decode, encode
from itembank.sealing import TAG_BYTES, SealBroken, derive, open_sealed, seal

MAGIC = b"EXJR1\n"
HEADER_LIMIT = 4096
SECTOR = 512
"""Bytes that a disk writes as a whole or not at all."""
_LENGTH = struct.Struct(">I")
_FRAME = struct.Struct(">II")


class JournalFault(Exception):
    """The journal cannot be used or written; `code` is shown at the page and to the server."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class JournalBroken(JournalFault):
    """Damage that is not an unfinished last record; `records` are the sound ones before it.

    `attempt_key` opens their responses; it is empty when not even the header could be read.
    """

    def __init__(self, code: str, records: tuple[Record, ...] = (), attempt_key: bytes = b"") -> None:
        super().__init__(code)
        self.records = records
        self.attempt_key = attempt_key


@dataclass(frozen=True, slots=True)
class Header:
    """Whose journal it is; `size` is where the frames begin, `digest` the SHA-256 of everything before."""

    attempt: int
    journal: int
    parent: str
    attempt_key: bytes
    size: int
    digest: str
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """A journal as read: `earlier` came from other journals, `records` are its own; `size` is sound bytes."""

    header: Header
    earlier: tuple[Record, ...]
    records: tuple[Record, ...]
    frames: int
    size: int


def build_header(device_key: bytes, grant: JournalReply) -> tuple[bytes, Header]:
    """The first bytes of a new file, and what they say."""
    attempt_key = base64.b64decode(grant.key, validate=True)
    wrapped = seal(derive(device_key, "journal-key"), attempt_key, _key_aad(grant.attempt, grant.journal))
    fields = {
        "attempt": grant.attempt,
        "journal": grant.journal,
        "parent": grant.parent,
        "key": base64.b64encode(wrapped).decode(),
        "proof": grant.proof,
    }
    text = canonical(fields)
    data = MAGIC + _LENGTH.pack(len(text)) + text
    digest = hashlib.sha256(data).hexdigest()
    header = Header(
        grant.attempt, grant.journal, grant.parent, attempt_key, len(data), digest, proof=grant.proof
    )
    return data, header


def build_frame(device_key: bytes, header: Header, number: int, record: Record) -> bytes:
    """One sealed record as frame `number` (from 0)."""
    sealed = seal(_frame_key(device_key, header), canonical(encode(record)), _frame_aad(header, number))
    return _FRAME.pack(len(sealed), _guard(len(sealed), number)) + sealed


def read(data: bytes, device_key: bytes) -> Contents:
    """Reads a journal and checks its chain; an unfinished last record is left out.

    Raises `JournalFault("wrong_device_key")` or `JournalBroken`, which carries what could be read.
    """
    header = _read_header(data, device_key)
    chain = _Chain(header)
    key, offset, frames = _frame_key(device_key, header), header.size, 0
    for start, sealed in _frames(data, header.size, chain):
        try:
            record = decode(Record, json.loads(open_sealed(key, sealed, _frame_aad(header, frames))))
        except (SealBroken, WireError, ValueError) as fault:
            end = start + len(sealed)
            if _blank(data, end - TAG_BYTES) or (end == len(data) and _torn(data, offset, frames)):
                break
            raise chain.broken() from fault
        chain.add(record)
        frames += 1
        offset = start + len(sealed)
    return Contents(header, tuple(chain.earlier), tuple(chain.records), frames, offset)


class _Chain:
    """Checks each record against the one before it."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._head = header.parent
        self.earlier: list[Record] = []
        self.records: list[Record] = []

    def add(self, record: Record) -> None:
        mine = (self._header.attempt, self._header.journal)
        if record.digest() != record.hash or record.attempt != mine[0]:
            raise self.broken()
        if record.journal != mine[1] and not self.records:
            self.earlier.append(record)
            return
        if (record.journal, record.seq, record.prev) != (mine[1], len(self.records) + 1, self._head):
            raise self.broken()
        self.records.append(record)
        self._head = record.hash

    def broken(self) -> JournalBroken:
        return JournalBroken("journal_broken", tuple(self.records), self._header.attempt_key)


def _frames(data: bytes, offset: int, chain: _Chain) -> Iterator[tuple[int, bytes]]:
    number = 0
    while len(data) - offset >= _FRAME.size:
        length, guard = _FRAME.unpack_from(data, offset)
        if guard != _guard(length, number):
            if _blank(data, offset + _FRAME.size) or _torn(data, offset, number):
                return
            raise chain.broken()
        start = offset + _FRAME.size
        if start + length > len(data):
            return
        yield start, data[start : start + length]
        offset, number = start + length, number + 1


def _blank(data: bytes, offset: int) -> bool:
    """Whether only zero bytes follow: a file that grew before its last page reached the disk."""
    return not data[offset:].strip(b"\0")


def _torn(data: bytes, offset: int, number: int) -> bool:
    """Whether frame `number`, the last one, was being written when the power went.

    Sectors reach a disk in any order; a missing one is still all zeros, which sealed bytes are not. A frame
    behind it says that this one was complete once, so that its damage is no torn end.
    """
    edges = [offset, *range((offset // SECTOR + 1) * SECTOR, len(data), SECTOR), len(data)]
    missing = any(_blank(data[:end], start) for start, end in pairwise(edges))
    return missing and not _frame_follows(data, offset + 1, number + 1)


def _frame_follows(data: bytes, offset: int, number: int) -> bool:
    for place in range(offset, len(data) - _FRAME.size + 1):
        length, guard = _FRAME.unpack_from(data, place)
        if 0 < length <= len(data) and guard == _guard(length, number):
            return True
    return False


def _read_header(data: bytes, device_key: bytes) -> Header:
    start = len(MAGIC) + _LENGTH.size
    if not data.startswith(MAGIC) or len(data) < start:
        raise JournalBroken("journal_broken")
    (length,) = _LENGTH.unpack_from(data, len(MAGIC))
    end = start + length
    try:
        if not 0 < length <= HEADER_LIMIT or end > len(data):
            raise ValueError("header length")
        fields = json.loads(data[start:end])
        attempt, journal, parent = int(fields["attempt"]), int(fields["journal"]), str(fields["parent"])
        wrapped = base64.b64decode(fields["key"], validate=True)
    except (ValueError, KeyError, TypeError) as fault:
        raise JournalBroken("journal_broken") from fault
    try:
        key = open_sealed(derive(device_key, "journal-key"), wrapped, _key_aad(attempt, journal))
    except SealBroken as fault:
        raise JournalFault("wrong_device_key") from fault
    digest = hashlib.sha256(data[:end]).hexdigest()
    return Header(attempt, journal, parent, key, end, digest, proof=str(fields.get("proof", "")))


def _key_aad(attempt: int, journal: int) -> bytes:
    return f"journal-key|{attempt}|{journal}".encode()


def _frame_key(device_key: bytes, header: Header) -> bytes:
    return derive(device_key, f"journal|{header.attempt}|{header.journal}")


def _frame_aad(header: Header, number: int) -> bytes:
    return f"{header.digest}|{number}".encode()


def _guard(length: int, number: int) -> int:
    return zlib.crc32(_FRAME.pack(length, number))
