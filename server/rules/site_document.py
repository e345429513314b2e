"""The signed attempts in results of a site, read once: for the check, and as rows of the answer streams.

A document of fifty candidates holds some six thousand records, so each is read by one look at its types
instead of one look a field; what is read is the same (`exam_rooms.wire.decode`).
"""

import json
import operator
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from exam_rooms.attempt_proof import (
    AttemptExport,
    ExportedAttempt,
    ExportedRecord,
    fields_message,
)
from exam_rooms.protocol import Record, RecordKind
from exam_rooms.wire import MOST_INT, canonical, decode

StreamRow = list[Any]
"""journal, seq, kind, item, body, boot_id, boot_ns, prev, hash, received_ns, workstation (the site's)."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_NAMES = tuple(field.name for field in fields(Record))
_PICK = operator.itemgetter(*_NAMES)
_TYPES = (int, int, int, str, str, str, str, int, str, str)
_KINDS = {str(kind): kind for kind in RecordKind}
_SURROGATES = re.compile("[\ud800-\udfff]")
_MOST_PLACE = 2**31 - 1
_MOST_TEXT = 64
"""What the columns of the answer stream hold: numbers of places, and texts other than the body."""


@dataclass(frozen=True, slots=True)
class Read:
    """A document, the bytes that its site signed, and the stream of every attempt by the site's number."""

    document: AttemptExport
    message: bytes
    streams: dict[int, list[StreamRow]]


def compact(document: bytes) -> str:
    """A document as results carry it: what is signed can be cut out of this text as it stands."""
    told = json.loads(document)
    told["attempts"] = [
        one if one.get("site_key") else {name: value for name, value in one.items() if name != "site_key"}
        for one in told["attempts"]
    ]
    return canonical(told).decode()


def read(text: str) -> Read:
    """Reads a document. Raises ValueError, KeyError, TypeError, AttributeError, RecursionError."""
    told = json.loads(text)
    bare = decode(AttemptExport, {**told, "attempts": []})
    attempts = tuple(_attempt(one) for one in told["attempts"])
    streams = {one.attempt: _rows(one) for one in attempts}
    return Read(replace(bare, attempts=attempts), _signed(text, told), streams)


def _signed(text: str, told: Mapping[str, Any]) -> bytes:
    """The signed bytes: the text without its signature, where it is compact; else written anew."""
    signature = f',"signature":{json.dumps(told["signature"])}'
    place = text.rfind(signature)
    if place < 0 or not text.startswith('{"attempts":['):
        return fields_message(told)
    return f'["examhall/export",{text[:place]}{text[place + len(signature) :]}]'.encode()


def _attempt(told: Mapping[str, Any]) -> ExportedAttempt:
    bare = decode(ExportedAttempt, {**told, "records": []})
    return replace(bare, records=tuple([_record(one) for one in told["records"]]))


def _record(told: Mapping[str, Any]) -> ExportedRecord:
    attempt, journal, seq, kind, *texts, prev, digest = values = _PICK(told["record"])
    item, body, boot_id, boot_ns = texts
    if tuple(map(type, values)) != _TYPES:
        raise TypeError("mistyped")
    all_text = f"{item}{body}{boot_id}{prev}{digest}"
    if "\0" in all_text or (not all_text.isascii() and _SURROGATES.search(all_text)):
        raise ValueError("no text")
    placed = 0 < journal <= _MOST_PLACE and 0 < seq <= _MOST_PLACE and 0 <= boot_ns <= MOST_INT
    if not placed or max(len(item), len(boot_id), len(prev), len(digest)) > _MOST_TEXT:
        raise ValueError("beyond the stream")
    received_at = datetime.fromisoformat(told["received_at"])
    if received_at.tzinfo is None:
        raise ValueError("no moment")
    record = Record(attempt, journal, seq, _KINDS[kind], item, body, boot_id, boot_ns, prev, digest)
    return ExportedRecord(record, received_at)


def _rows(one: ExportedAttempt) -> list[StreamRow]:
    """The records as the stream holds them; the machine of one that names no journal of its own is None."""
    senders = {journal.journal: journal.workstation for journal in one.journals}
    return [_row(entry, senders) for entry in one.records]


def _row(entry: ExportedRecord, senders: Mapping[int, int]) -> StreamRow:
    record, received_ns = entry.record, (entry.received_at - _EPOCH) // _MICROSECOND * 1000
    place = [record.journal, record.seq, record.kind.value, record.item, record.body, record.boot_id]
    return [*place, record.boot_ns, record.prev, record.hash, received_ns, senders.get(record.journal)]


def named(streams: Mapping[int, Sequence[StreamRow]]) -> dict[str, Sequence[StreamRow]]:
    """Streams with names that JSON has."""
    return {str(attempt): rows for attempt, rows in streams.items()}
