"""The seat's own record of answers: append-only, encrypted, chained, flushed record by record (D1, D2).

An answer is *saved here* when `append` returned. Only the agent that holds the file writes it, and only
the agent makes links of the chain. `python -m client.journal dump DIR` lists what a data folder holds,
without item texts and without answers.
"""

import base64
import errno
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from client.clock import boot_ns, read_boot_id
from client.device import disk_code, load_journal_key, write_atomically
from client.journal_file import (
    Contents,
    Header,
    JournalBroken,
    JournalFault,
    build_frame,
    build_header,
    read,
)
from client.machine import lock_alone, os
from exam_rooms.protocol import JournalReply, Record, RecordKind, record_aad
from exam_rooms.wire import canonical
from itembank.sealing import SealBroken, open_sealed, seal

SUFFIX = ".journal"
NAME = re.compile(rf"(\d+)-(\d+){re.escape(SUFFIX)}")
"""The name of a journal's file: attempt and number."""
Stamps = Callable[[], tuple[str, int]]
"""Gives boot id and boot nanoseconds of the moment of writing."""


def system_stamps() -> Stamps:
    """Stamps of this machine; the boot id cannot change while a process lives."""
    boot_id = read_boot_id()
    return lambda: (boot_id, boot_ns())


class Journal:
    """An open journal file, locked for this process."""

    def __init__(self, descriptor: int, device_key: bytes, contents: Contents, stamps: Stamps) -> None:
        self._descriptor = descriptor
        self._device_key = device_key
        self._header: Header = contents.header
        self._stamps = stamps
        self._records = list(contents.records)
        self._size = contents.size
        self._frames = contents.frames
        self._dirty = False
        self.earlier = contents.earlier

    @classmethod
    def create(cls, folder: Path, device_key: bytes, grant: JournalReply, stamps: Stamps) -> "Journal":
        """A new journal as the server granted it, with its OPEN record, durable when this returns.

        The attempt's earlier records are kept in the file too, so that a restart without the server still
        knows every answer. Raises `JournalFault`.
        """
        path = folder / f"{grant.attempt}-{grant.journal}{SUFFIX}"
        if path.exists():
            raise JournalFault("journal_exists")
        head, header = build_header(device_key, grant)
        first = new_record(header, 1, grant.parent, (RecordKind.OPEN, "", ()), stamps)
        frames = [
            build_frame(device_key, header, number, record)
            for number, record in enumerate([*grant.records, first])
        ]
        try:
            write_atomically(path, head + b"".join(frames))
        except OSError as fault:
            raise disk_fault(fault) from fault
        return cls.open(path, device_key, stamps)

    @classmethod
    def open(cls, path: Path, device_key: bytes, stamps: Stamps) -> "Journal":
        """Opens a journal for appending and cuts an unfinished last record, which nobody was told of.

        Raises `JournalFault` (`journal_in_use`, `wrong_device_key`, disk codes) or `JournalBroken`.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as fault:
            raise disk_fault(fault) from fault
        try:
            return cls._from_descriptor(descriptor, device_key, stamps)
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def _from_descriptor(cls, descriptor: int, device_key: bytes, stamps: Stamps) -> "Journal":
        try:
            lock_alone(descriptor)
        except BlockingIOError as fault:
            raise JournalFault("journal_in_use") from fault
        try:
            length = os.fstat(descriptor).st_size
            contents = read(whole(descriptor, length), device_key)
            if contents.size != length:
                os.ftruncate(descriptor, contents.size)
                os.fsync(descriptor)
        except OSError as fault:
            raise disk_fault(fault) from fault
        return cls(descriptor, device_key, contents, stamps)

    @property
    def attempt(self) -> int:
        """The attempt it belongs to."""
        return self._header.attempt

    @property
    def number(self) -> int:
        """The journal number the server granted."""
        return self._header.journal

    @property
    def proof(self) -> str:
        """What the site said when it granted this journal, "" for one of before protocol 6."""
        return self._header.proof

    @property
    def attempt_key(self) -> bytes:
        """The 32-byte key that seals this attempt's responses."""
        return self._header.attempt_key

    @property
    def records(self) -> tuple[Record, ...]:
        """This journal's own records in order."""
        return tuple(self._records)

    @property
    def seq(self) -> int:
        """The number of the last record, 0 before the first."""
        return len(self._records)

    @property
    def head(self) -> str:
        """The hash of the last record, or the parent head before the first."""
        return self._records[-1].hash if self._records else self._header.parent

    def append(self, kind: RecordKind, item: str = "", response: tuple[str, ...] = ()) -> Record:
        """Adds a record and flushes it to the disk. Raises `JournalFault`; nothing was added then."""
        record = new_record(self._header, self.seq + 1, self.head, (kind, item, response), self._stamps)
        frame = build_frame(self._device_key, self._header, self._frames, record)
        try:
            self._write(frame)
        except OSError as fault:
            raise disk_fault(fault) from fault
        self._size += len(frame)
        self._frames += 1
        self._records.append(record)
        return record

    def _write(self, frame: bytes) -> None:
        if self._dirty:
            self._cut()
        try:
            written = 0
            while written < len(frame):
                written += os.pwrite(self._descriptor, frame[written:], self._size + written)
            os.fdatasync(self._descriptor)  # flushes the new length too, which is all a reader needs
        except OSError:
            self._dirty = True
            self._cut()
            raise

    def _cut(self) -> None:
        """Takes away what a failed write left, durably: the next record must not be mixed with it."""
        os.ftruncate(self._descriptor, self._size)
        os.fdatasync(self._descriptor)
        self._dirty = False

    def close(self) -> None:
        """Releases the file."""
        os.close(self._descriptor)


def whole_file(path: Path) -> bytes:
    """All of a file that is only read. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return whole(descriptor, os.fstat(descriptor).st_size)
    finally:
        os.close(descriptor)


def whole(descriptor: int, length: int) -> bytes:
    """All of a file. Raises OSError when it ends early: a disk that reads no further cut no record off."""
    parts, found = list[bytes](), 0
    while found < length:
        parts.append(os.pread(descriptor, length - found, found))
        if not parts[-1]:
            raise OSError(errno.EIO, "short read")
        found += len(parts[-1])
    return b"".join(parts)


def unseal_response(attempt_key: bytes, record: Record) -> tuple[str, ...]:
    """The option keys inside a record's sealed body, empty for all kinds but ANSWER.

    Raises `JournalBroken` when the body does not open.
    """
    try:
        aad = record_aad(record.attempt, record.journal, record.seq)
        body = json.loads(open_sealed(attempt_key, base64.b64decode(record.body), aad))
        return tuple(str(key) for key in body.get("response", ()))
    except (SealBroken, ValueError, AttributeError) as fault:
        raise JournalBroken("record_unreadable") from fault


def new_record(
    header: Header, seq: int, prev: str, content: tuple[RecordKind, str, tuple[str, ...]], stamps: Stamps
) -> Record:
    """The record that follows `prev`, sealed and linked; `content`: its kind, item and response."""
    kind, item, response = content
    body = canonical({"response": list(response)} if kind is RecordKind.ANSWER else {})
    sealed = seal(header.attempt_key, body, record_aad(header.attempt, header.journal, seq))
    boot_id, now = stamps()
    text = base64.b64encode(sealed).decode()
    record = Record(header.attempt, header.journal, seq, kind, item, text, boot_id, now, prev, "")
    return replace(record, hash=record.digest())


def disk_fault(fault: OSError) -> JournalFault:
    """What a failed write means: disk_full, read_only or disk_error."""
    return JournalFault(disk_code(fault))


def dump(folder: Path) -> Iterator[dict[str, object]]:
    """Every record in a data folder's journals without its answer; unreadable journals by name and reason.

    Works beside a running agent: files are only read, a record being written is left out.
    """
    try:
        key = load_journal_key(folder)
    except (OSError, ValueError) as fault:
        yield {"broken": str(folder), "why": type(fault).__name__}
        return
    for path in sorted((folder / "journals").glob(f"*{SUFFIX}")):
        records: tuple[Record, ...] = ()
        try:
            records = read(path.read_bytes(), key).records
        except JournalBroken as fault:
            records = fault.records
            yield {"broken": str(path), "why": fault.code}
        except (JournalFault, OSError) as fault:
            yield {"broken": str(path), "why": getattr(fault, "code", type(fault).__name__)}
        yield from (_line(record) for record in records)


def _line(record: Record) -> dict[str, object]:
    return {
        "attempt": record.attempt,
        "journal": record.journal,
        "seq": record.seq,
        "hash": record.hash,
        "prev": record.prev,
        "kind": record.kind.value,
        "item": record.item,
    }


def main(arguments: list[str]) -> int:
    """`dump DIR`: one JSON line per record."""
    if len(arguments) != 2 or arguments[0] != "dump":
        sys.stderr.write("usage: python -m client.journal dump DIR\n")
        return 2
    for line in dump(Path(arguments[1])):
        sys.stdout.write(json.dumps(line) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
