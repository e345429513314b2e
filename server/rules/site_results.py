"""Whether results of a site hold, from the content alone: signatures, chains, receipts, sums. No store."""

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from exam_rooms.attempt_proof import FORMAT as DOCUMENT
from exam_rooms.attempt_proof import AttemptExport, ExportedAttempt
from exam_rooms.protocol import RecordKind, record_aad
from itembank.problems import Problem
from itembank.sealing import SealBroken, open_sealed
from server.rules import attempt_check, site_document
from server.rules.audit_chain import chain_faults, checkpoint_fault
from server.rules.site_document import StreamRow
from server.rules.site_file import RESULTS, FileBroken, Head, open_parts

FORMAT = 1
_WITHOUT_RECEIPT = {"no_receipt"}
"""No fault here: a paper closed by the clock has a receipt only when its machine asked for one."""
_GIVEN_UP = {"gap", "missing", "head", "parent", "link"}
"""No fault where the chief has given up on the rest of a lost machine: the note says so."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A file to open. `secret`: the receiver's X25519 key; `key`: the site's Ed25519 key, empty for what is
    not results; `sent`: ids of what went out to it, by table.
    """

    head: Head
    parts: Sequence[bytes]
    secret: bytes
    key: bytes = b""
    sent: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """What was in a file, and what does not hold in it.

    Of results `content` is without its document: that is `document`, compressed, and once more `streams`, by
    the site's number of the attempt.
    """

    content: dict[str, Any]
    wrong: list[Problem]
    document: bytes = b""
    streams: Mapping[str, Sequence[StreamRow]] = field(default_factory=dict)


def opened_all(files: Iterable[Sealed]) -> Iterator[Opened | FileBroken]:
    """Opens and checks files one after the other: what was in each, or why it did not open."""
    for sealed in files:
        try:
            yield opened(sealed)
        except FileBroken as fault:
            yield fault


def opened(sealed: Sealed) -> Opened:
    """Opens and checks one file. Raises `FileBroken`."""
    content = open_parts(sealed.head, sealed.parts, sealed.secret)
    if sealed.head.kind != RESULTS:
        return Opened(content, [])
    try:
        text = content.pop("document")
        found = site_document.read(text)
        # The document is mostly sealed and hashed: a higher level wins nothing and costs twice the time.
        packed = zlib.compress(text.encode(), 1)
    except _NO_FORM as fault:
        return Opened(content, [_no_form(fault)])
    wrong = problems(content, found, sealed.key, sealed.sent)
    return Opened(content, wrong, packed, site_document.named(found.streams))


_NO_FORM = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    RecursionError,
    OverflowError,
)
"""What content that has not the form raises while it is read."""


def _no_form(fault: Exception) -> Problem:
    return Problem("results_form", "", {"why": type(fault).__name__})


def problems(
    content: Mapping[str, Any], read: site_document.Read, site_key: bytes, sent: Mapping[str, Any]
) -> list[Problem]:
    """Everything that does not hold. Places are "room/seat"."""
    document = read.document
    try:
        if content["format"] != FORMAT or document.format != DOCUMENT:
            return [Problem("results_form", "", {})]
        return [
            *_shape(content, document),
            *_known(content, sent),
            *_everybody(content, sent),
            *_streams(content, read, site_key),
            *_keys(content, document),
            *_chains(content, site_key),
        ]
    except _NO_FORM as fault:
        return [_no_form(fault)]


def _shape(content: Mapping[str, Any], document: AttemptExport) -> Iterable[Problem]:
    """Whatever names a machine or an attempt names one that came along; no row comes twice."""
    tables = content["tables"]
    attempts, machines = ({row["id"] for row in tables[name]} for name in ("attempts", "workstations"))
    named = {journal.workstation for one in document.attempts for journal in one.journals}
    named |= {one["workstation"] for one in content["aside"]}
    spoken = {one["record"]["attempt"] for one in content["aside"]}
    twice = any(
        len({row["id"] for row in rows if "id" in row}) < len(rows)
        for rows in tables.values()
        if rows and "id" in rows[0]
    )
    twice = twice or len({one.attempt for one in document.attempts}) < len(document.attempts)
    others = any(one.site_key for one in document.attempts)
    if named - machines or spoken - attempts or twice or others:
        yield Problem("results_form", "", {})


def _known(content: Mapping[str, Any], sent: Mapping[str, Any]) -> Iterable[Problem]:
    """A site may speak of the rows that went out to it, and of no others."""
    for place, rows in content["known"].items():
        if not set(rows.values()) <= set(sent.get(place, ())):
            yield Problem("results_of_others", place, {})
        if len(set(rows.values())) < len(rows):
            yield Problem("results_twice", place, {})


def _everybody(content: Mapping[str, Any], sent: Mapping[str, Any]) -> Iterable[Problem]:
    tables, back = content["tables"], set(content["known"]["attempts"].values())
    there = {str(row["id"]) for row in tables["attempts"]}
    if not set(content["known"]["attempts"]) <= there:
        yield Problem("results_missing", "", {"count": len(set(content["known"]["attempts"]) - there)})
    missing = set(sent["attempts"]) - back
    if missing:
        yield Problem("results_missing", "", {"count": len(missing)})
    rooms = set(sent["room_sittings"]) - set(content["known"]["room_sittings"].values())
    if rooms:
        yield Problem("results_room_missing", "", {"count": len(rooms)})
    for row in tables["room_sittings"]:
        if row["state"] != "collected" and not row["void_at"]:
            yield Problem("results_not_collected", content["rooms"][str(row["id"])], {})


def _streams(content: Mapping[str, Any], read: site_document.Read, key: bytes) -> Iterable[Problem]:
    document = read.document
    rows = {row["id"]: row for row in content["tables"]["attempts"]}
    places = {one.attempt: _place(content, rows, one) for one in document.attempts}
    if set(places) != set(rows):
        yield Problem("results_missing", "", {"count": len(set(rows) ^ set(places))})
    checked = attempt_check.check(document, site_key=key, message=read.message)
    for attempt, code in checked.wrong:
        yield Problem(f"results_{code}", places.get(attempt, ""), {})
    for proof in checked.proofs:
        row = rows.get(proof.attempt, {})
        passed = _WITHOUT_RECEIPT | (_GIVEN_UP if row.get("collect_note") else set())
        for fault in proof.faults:
            if fault.code not in passed:
                told: dict[str, str | int | float] = {
                    "journal": fault.journal,
                    "seq": fault.seq,
                    "fault": fault.code,
                }
                yield Problem("results_chain", places[proof.attempt], told)
    yield from _receipts(content, document, rows)


def _receipts(
    content: Mapping[str, Any], document: AttemptExport, rows: Mapping[int, Mapping[str, Any]]
) -> Iterable[Problem]:
    for one in document.attempts:
        row = rows.get(one.attempt, {})
        if one.receipt is None and row.get("receipt"):
            yield Problem("results_receipt", _place(content, rows, one), {})
        if (one.ticket, one.state) != (content["tickets"].get(str(one.attempt)), row.get("state")):
            yield Problem("results_receipt", _place(content, rows, one), {})


def _keys(content: Mapping[str, Any], document: AttemptExport) -> Iterable[Problem]:
    """The key that was sent opens what the candidate wrote: tried on one answer of each."""
    rows = {row["id"]: row for row in content["tables"]["attempts"]}
    for one in document.attempts:
        answer = next((e.record for e in one.records if e.record.kind is RecordKind.ANSWER), None)
        try:
            key = base64.b64decode(content["keys"][str(one.attempt)], validate=True)
            if answer is not None:
                aad = record_aad(answer.attempt, answer.journal, answer.seq)
                json.loads(open_sealed(key, base64.b64decode(answer.body), aad))
        except (SealBroken, KeyError, ValueError):
            yield Problem("results_unreadable", _place(content, rows, one), {})


def _chains(content: Mapping[str, Any], key: bytes) -> Iterable[Problem]:
    for room in content["tables"]["room_sittings"]:
        name, chain = content["rooms"][str(room["id"])], content["chains"][str(room["id"])]
        entries, points = chain["entries"], chain["checkpoints"]
        for fault in chain_faults(entries):
            yield Problem("results_audit", name, {"seq": fault.seq, "fault": fault.code})
        hashes = [entry["hash"] for entry in entries]
        if not points or points[-1]["size"] != len(hashes):
            yield Problem("results_unsealed", name, {})
        for point in points:
            wrong = checkpoint_fault(point, hashes, key)
            if wrong:
                yield Problem("results_audit", name, {"seq": point["size"], "fault": wrong})


def _place(content: Mapping[str, Any], rows: Mapping[int, Mapping[str, Any]], one: ExportedAttempt) -> str:
    room = rows.get(one.attempt, {}).get("room_sitting_id")
    return f"{content['rooms'].get(str(room), '')}/{one.seat}"
