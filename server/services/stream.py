"""What an answer stream says: pure folds over stored records in their order (journal, seq)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from exam_rooms.protocol import ZERO_HEAD, RecordKind
from server.db.answers import Stored


@dataclass(frozen=True, slots=True)
class Tail:
    """The end of a stream: the last journal that holds records, its last seq and hash."""

    journal: int = 0
    seq: int = 0
    head: str = ZERO_HEAD


@dataclass(frozen=True, slots=True)
class Submission:
    """A SUBMIT record before which nothing is missing, and how many items were answered by then."""

    stored: Stored
    answered: int

    @property
    def received_at(self) -> datetime:
        """When it came in."""
        return self.stored.received_at


@dataclass(frozen=True, slots=True)
class ChainFault:
    """A place where a stream does not hold. `code`: gap | hash | link | parent | no_open."""

    journal: int
    seq: int
    code: str


def tail(events: Sequence[Stored]) -> Tail:
    """Where the stream ends."""
    if not events:
        return Tail()
    last = events[-1].record
    return Tail(last.journal, last.seq, last.hash)


def last_answers(events: Iterable[Stored]) -> dict[str, Stored]:
    """The record that holds each item's answer in the end; cleared items are left out."""
    last: dict[str, Stored] = {}
    for stored in events:
        if stored.record.kind is RecordKind.ANSWER:
            last[stored.record.item] = stored
        elif stored.record.kind is RecordKind.CLEAR:
            last.pop(stored.record.item, None)
    return last


def until(events: Iterable[Stored], journal: int, seq: int) -> list[Stored]:
    """The stream up to one record, itself included."""
    return [stored for stored in events if (stored.record.journal, stored.record.seq) <= (journal, seq)]


def unbroken(events: Iterable[Stored]) -> dict[int, int] | None:
    """The last seq of each journal when none of them has a gap, else None."""
    upto: dict[int, int] = {}
    for stored in events:
        journal, seq = stored.record.journal, stored.record.seq
        if seq != upto.get(journal, 0) + 1:
            return None
        upto[journal] = seq
    return upto


def submission(events: Sequence[Stored], upto: Mapping[int, int]) -> Submission | None:
    """The last SUBMIT record whose journal is complete up to it; `upto`: contiguous seq by journal."""
    for stored in reversed(events):
        record = stored.record
        if record.kind is RecordKind.SUBMIT and upto.get(record.journal, 0) >= record.seq:
            before = until(events, record.journal, record.seq)
            return Submission(stored, len(last_answers(before)))
    return None


def chain_faults(events: Sequence[Stored], parents: Mapping[int, str]) -> list[ChainFault]:
    """Everything that does not hold in a stream; `parents`: the head each journal was granted to continue."""
    faults: list[ChainFault] = []
    journal, seq, head = 0, 0, ZERO_HEAD
    for stored in events:
        record = stored.record
        if record.journal != journal:
            journal, seq, head = record.journal, 0, parents.get(record.journal, ZERO_HEAD)
            if record.kind is not RecordKind.OPEN:
                faults.append(ChainFault(journal, record.seq, "no_open"))
        if record.seq != seq + 1:
            faults.append(ChainFault(journal, record.seq, "gap"))
        elif record.prev != head:
            faults.append(ChainFault(journal, record.seq, "parent" if seq == 0 else "link"))
        if record.digest() != record.hash:
            faults.append(ChainFault(journal, record.seq, "hash"))
        seq, head = record.seq, record.hash
    return faults
