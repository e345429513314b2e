"""What people signed, held against the audit chain: the room record and the form of the supervisor.

Whoever holds the store can write such a paper anew, its hash with it. The chain tells of every signature what
it was of, and a checkpoint signed by the site tells what stood in the chain; the server before it shows or
prints a paper and the check of a dossier ask the same questions here.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from exam_rooms.wire import canonical
from server.rules.audit_chain import root_of

SEALED, SIGNED, ANNEXED, FORM_SIGNED = (
    "record_sealed",
    "record_signed",
    "record_annexed",
    "supervision_signed",
)
"""Acts of the chain that tell of a paper."""
ACTS = (SEALED, SIGNED, ANNEXED, FORM_SIGNED)
UNREADABLE = (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What reading plain values of an unknown shape may raise."""

Plain = Mapping[str, Any]


def record_mark(content: Plain) -> str:
    """SHA-256 hex over what a room record says."""
    return hashlib.sha256(canonical(dict(content))).hexdigest()


def form_mark(content: Plain) -> str:
    """16 hex digits over what a form of the supervisor says, the opinion included."""
    return record_mark(content)[:16]


def text_mark(text: str) -> str:
    """SHA-256 hex over an annex."""
    return hashlib.sha256(text.encode()).hexdigest()


def record_faults(record: Plain, entries: Iterable[Plain], hashes: Sequence[str]) -> tuple[str, ...]:
    """What of a room record its chain does not bear out: content, seal, signatures, annexes, shape.

    `record`: `content`, `sha256`, `sealed_at` (None: not yet), `root` of the seal, `signatures` (role, name,
    moment), `annexes` (text, moment, name). `entries`: the chain or its `ACTS`; `hashes`: of all its entries.
    """
    try:
        return tuple(_record_faults(record, list(entries), hashes))
    except UNREADABLE:
        return ("shape",)


def form_faults(form: Plain, entries: Iterable[Plain]) -> tuple[str, ...]:
    """What of the supervisor's form a chain of the sitting does not bear out: content, signature, shape.

    `form`: `content`, and of the signature `mark` ("" for none), `at`, `user` (an id).
    """
    try:
        return tuple(_form_faults(form, entries))
    except UNREADABLE:
        return ("shape",)


def _record_faults(record: Plain, entries: Sequence[Plain], hashes: Sequence[str]) -> Iterator[str]:
    mark = record["sha256"]
    if record_mark(record["content"]) != mark:
        yield "content"
    seal = [(record["sealed_at"], mark, record["root"])] if record["sealed_at"] else []
    if seal != [(e["at"], e["details"]["sha256"], root_of(hashes[: e["seq"]])) for e in _of(entries, SEALED)]:
        yield "seal"
    given = {(role, name, at) for role, name, at in record["signatures"]}
    told = ((entry["details"], entry) for entry in _of(entries, SIGNED))
    if given != {(said["role"], e["actor"], e["at"]) for said, e in told if said["sha256"] == mark}:
        yield "signatures"
    added = sorted((at, by, text_mark(text)) for text, at, by in record["annexes"])
    if added != sorted((e["at"], e["actor"], e["details"]["sha256"]) for e in _of(entries, ANNEXED)):
        yield "annexes"


def _form_faults(form: Plain, entries: Iterable[Plain]) -> Iterator[str]:
    mark = form["mark"]
    if mark and form_mark(form["content"]) != mark:
        yield "content"
    told = [(e["details"]["mark"], e["at"], e["actor_id"]) for e in _of(entries, FORM_SIGNED)]
    if told != ([(mark, form["at"], form["user"])] if mark else []):
        yield "signature"


def _of(entries: Iterable[Plain], act: str) -> list[Plain]:
    return [entry for entry in entries if entry.get("act") == act]
