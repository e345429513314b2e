"""An attempt as it leaves the server, and the proof that nothing is missing of it: no store, no network.

`AttemptExport` is a document signed by the site. What makes a paper complete is not that signature but the
receipt: it names the head of the chain, every record names the one before it by hash, the first record of a
journal names the head it continued. Walking back from the receipt's head to the beginning meets every
record that the candidate saw saved when the receipt was made, or the gap is found and named.

Records beside that walk are no fault: those that a former seat sent after the move, or that came after the
receipt. Signatures are checked by the caller, who knows keys; hashes are checked here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exam_rooms.protocol import ZERO_HEAD, Receipt, Record, RecordKind
from exam_rooms.wire import canonical, encode

FORMAT = "examhall-attempts/1"
MOST_GAPS = 1000
"""Gaps that are named in one journal; an altered number of its last record makes no endless list."""


@dataclass(frozen=True, slots=True)
class ExportedJournal:
    """A journal as it was granted; `final_seq`: where its workstation said that it ends, None for unknown."""

    journal: int
    parent: str
    workstation: int
    seat: str
    opened_at: datetime
    final_seq: int | None


@dataclass(frozen=True, slots=True)
class ExportedRecord:
    """A record and when it came."""

    record: Record
    received_at: datetime


@dataclass(frozen=True, slots=True)
class ExportedAside:
    """A record that was kept beside the stream, and why."""

    journal: int
    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class ExportedAttempt:
    """One attempt without the person's name; `seat` is the last one.

    `site_key`: who signed the receipt where that is another site than the document's, Ed25519, base64.
    """

    attempt: int
    ticket: str
    seat: str
    form: str
    state: str
    journals: tuple[ExportedJournal, ...]
    records: tuple[ExportedRecord, ...]
    aside: tuple[ExportedAside, ...]
    receipt: Receipt | None
    site_key: str = ""


@dataclass(frozen=True, slots=True)
class AttemptExport:
    """The document. `site_key`: Ed25519 public key, base64; `signature` over `export_message`, base64."""

    format: str
    site_key: str
    ca_pem: str
    exported_at: datetime
    attempts: tuple[ExportedAttempt, ...]
    signature: str = ""


def export_message(export: AttemptExport) -> bytes:
    """What the site signs: everything but the signature, and a key only where there is one."""
    return fields_message(encode(export))


def fields_message(fields: Mapping[str, Any]) -> bytes:
    """The same of a document's plain JSON values, as its site wrote them. Raises KeyError, TypeError."""
    bare = {name: value for name, value in fields.items() if name != "signature"}
    bare["attempts"] = [
        one if one.get("site_key") else {name: value for name, value in one.items() if name != "site_key"}
        for one in bare["attempts"]
    ]
    return canonical(["examhall/export", bare])


@dataclass(frozen=True, slots=True)
class Fault:
    """What does not hold. `code`: foreign, twice, hash, gap, no_open, link, parent, missing, head, short,
    answered, no_receipt.
    """

    attempt: int
    journal: int
    seq: int
    code: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found of one attempt. `proven`: records on the way from the receipt's head to the beginning;
    `beside`: records that are not on it; `answered`: questions that hold an answer at the receipt.
    """

    attempt: int
    ticket: str
    records: int
    proven: int
    beside: int
    answered: int
    faults: tuple[Fault, ...]


def prove(exported: ExportedAttempt) -> Proof:
    """Looks at every record, then walks the chain of the receipt."""
    records = [entry.record for entry in exported.records]
    faults = [*_each(exported, records), *_journals(exported, records)]
    way, broken = _way(exported, records)
    faults += broken
    receipt = exported.receipt
    answered = len(_answers(way))
    if receipt is not None and not broken and receipt.answered not in {answered, *_counts(exported, way)}:
        faults.append(Fault(exported.attempt, receipt.journal, receipt.seq, "answered"))
    return Proof(
        attempt=exported.attempt,
        ticket=exported.ticket,
        records=len(records),
        proven=len(way),
        beside=len(records) - len(way),
        answered=answered,
        faults=tuple(dict.fromkeys(faults)),
    )


def _counts(exported: ExportedAttempt, way: list[Record]) -> Iterable[int]:
    """How many questions may have held an answer when the receipt was made.

    What a former seat had sent by then was counted as well, although the head does not name it; what came
    later was not. A hand-in is confirmed when it has arrived; a paper closed by the clock or a person gets
    its receipt at some moment after that.
    """
    receipt = exported.receipt
    assert receipt is not None
    upto = [e for e in exported.records if (e.record.journal, e.record.seq) <= (receipt.journal, receipt.seq)]
    on_way = {record.hash for record in way}
    made = max([receipt.submitted_at, *(e.received_at for e in upto if e.record.hash in on_way)])
    later = {e.received_at for e in upto if e.received_at > made}
    handed_in = bool(way) and way[-1].kind is RecordKind.SUBMIT
    for moment in (made, *(() if handed_in else sorted(later))):
        yield len(_answers(e.record for e in upto if e.received_at <= moment))


def _each(exported: ExportedAttempt, records: Iterable[Record]) -> Iterable[Fault]:
    seen: set[tuple[int, int]] = set()
    granted = {one.journal for one in exported.journals}
    for record in records:
        place = (record.journal, record.seq)
        if record.attempt != exported.attempt or record.journal not in granted:
            yield Fault(exported.attempt, *place, "foreign")
        if place in seen:
            yield Fault(exported.attempt, *place, "twice")
        if record.digest() != record.hash:
            yield Fault(exported.attempt, *place, "hash")
        seen.add(place)


def _journals(exported: ExportedAttempt, records: list[Record]) -> Iterable[Fault]:
    """Within each journal: it opens, no number is left out, every record continues the one before."""
    for journal in exported.journals:
        own = {record.seq: record for record in records if record.journal == journal.journal}
        aside = {one.seq for one in exported.aside if one.journal == journal.journal}
        last = min(max([*own, journal.final_seq or 0]), len(own) + len(aside) + MOST_GAPS)
        head = journal.parent
        for seq in range(1, last + 1):
            record = own.get(seq)
            if record is None:
                if seq not in aside:
                    yield Fault(exported.attempt, journal.journal, seq, "gap")
                head = ""
                continue
            if seq == 1 and record.kind is not RecordKind.OPEN:
                yield Fault(exported.attempt, journal.journal, 1, "no_open")
            if head and record.prev != head:
                yield Fault(exported.attempt, journal.journal, seq, "parent" if seq == 1 else "link")
            head = record.hash


def _way(exported: ExportedAttempt, records: list[Record]) -> tuple[list[Record], list[Fault]]:
    """The records from the beginning to the receipt's head, and where the walk back from it ends early."""
    receipt = exported.receipt
    if receipt is None:
        return [], [Fault(exported.attempt, 0, 0, "no_receipt")]
    by_hash = {record.hash: record for record in records}
    if receipt.head == ZERO_HEAD:
        return [], []
    end = by_hash.get(receipt.head)
    if end is None or (end.journal, end.seq) != (receipt.journal, receipt.seq):
        return [], [Fault(exported.attempt, receipt.journal, receipt.seq, "head")]
    way, head = [end], end.prev
    while head != ZERO_HEAD:
        before = by_hash.pop(head, None)
        if before is None:
            last = way[-1]
            return way[::-1], [Fault(exported.attempt, last.journal, last.seq, "missing")]
        way.append(before)
        head = before.prev
    return way[::-1], []


def _answers(records: Iterable[Record]) -> Mapping[str, Record]:
    last: dict[str, Record] = {}
    for record in records:
        if record.kind is RecordKind.ANSWER:
            last[record.item] = record
        elif record.kind is RecordKind.CLEAR:
            last.pop(record.item, None)
    return last
