"""What the answer stream stores: its tables, and the values that go in and come out (design D1)."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text
from sqlalchemy import UniqueConstraint as Unique
from sqlalchemy.engine import Row as SqlRow

from exam_rooms.protocol import Record, RecordKind
from server.db.answer_writers import AsideRow, Key, Row
from server.db.base import NAMING

METADATA = MetaData(naming_convention=NAMING)
FORK = "fork"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS = {str(kind): kind for kind in RecordKind}

answer_events = Table(
    "answer_events",
    METADATA,
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("journal", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("item", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("boot_id", String(64), nullable=False),
    Column("boot_ns", BigInteger, nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("received_ns", BigInteger, nullable=False),
    Column("workstation", Integer, nullable=False),
)
"""`received_ns`: nanoseconds since 1970 UTC on the server's steady clock; `workstation`: who sent it."""

answer_current = Table(
    "answer_current",
    METADATA,
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("item", String(64), primary_key=True),
    Column("journal", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
)
"""The newest record of each item: an answer, or that it was cleared. For counting; marks fold the stream."""

answer_aside = Table(
    "answer_aside",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("journal", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("record", Text, nullable=False),
    Column("received_ns", BigInteger, nullable=False),
    Column("workstation", Integer, nullable=False),
    Unique("attempt", "journal", "seq", "hash", name="uq_answer_aside_place"),
    Index("ix_answer_aside_attempt", "attempt"),
)


class Outcome(StrEnum):
    """What became of one record; all but UNSTORABLE are durable."""

    STORED = "stored"
    KNOWN = "known"  # a resend
    FORK = "fork"  # its place is taken by another record; kept aside
    ASIDE = "aside"  # kept aside for the reason the caller gave
    UNSTORABLE = "unstorable"  # the store cannot keep it at all


@dataclass(frozen=True, slots=True)
class Received:
    """A record as it arrived. `aside`: why it is not to count as part of the stream, or ""."""

    record: Record
    received_ns: int
    workstation: int
    aside: str = ""

    @property
    def key(self) -> Key:
        """(attempt, journal, seq)."""
        return self.record.attempt, self.record.journal, self.record.seq


@dataclass(frozen=True, slots=True)
class Verdict:
    """`upto`: highest contiguous durable seq of the record's journal after the commit.

    `linked`: whether `prev` is the hash of the record before it; None while that one is missing.
    """

    outcome: Outcome
    upto: int = 0
    linked: bool | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A record of the stream and when it came in."""

    record: Record
    received_at: datetime
    workstation: int


@dataclass(frozen=True, slots=True)
class Aside:
    """A record that was kept but does not count."""

    attempt: int
    journal: int
    seq: int
    reason: str
    received_at: datetime


def to_ns(moment: datetime) -> int:
    """Nanoseconds since 1970 UTC of an aware time, exact to the microsecond."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def from_ns(value: int) -> datetime:
    """The aware UTC time of nanoseconds since 1970."""
    return _EPOCH + timedelta(microseconds=value // 1000)


def stream_row(entry: Received) -> Row:
    """The writer's form of a record of the stream."""
    record = entry.record
    place = (record.attempt, record.journal, record.seq, str(record.kind), record.item, record.body)
    stamps = (record.boot_id, record.boot_ns, record.prev, record.hash)
    return (*place, *stamps, entry.received_ns, entry.workstation)


def aside_row(entry: Received, reason: str) -> AsideRow:
    """The writer's form of a record that is kept aside."""
    record = entry.record
    text = json.dumps(asdict(record))  # ASCII: keeps what a text column would refuse
    return (*entry.key, record.hash, reason, text, entry.received_ns, entry.workstation)


def received_aside(row: SqlRow[Any]) -> Received:
    """A row of `answer_aside` as it once came."""
    fields = json.loads(row.record)
    record = Record(**(fields | {"kind": RecordKind(fields["kind"])}))
    return Received(record, row.received_ns, row.workstation, row.reason)


def stored(row: Sequence[Any]) -> Stored:
    """A row of `answer_events`, its columns in their order, as a value."""
    attempt, journal, seq, kind, item, body, boot_id, boot_ns, prev, digest, received_ns, workstation = row
    record = Record(attempt, journal, seq, _KINDS[kind], item, body, boot_id, boot_ns, prev, digest)
    return Stored(record, from_ns(received_ns), workstation)
