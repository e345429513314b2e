"""The room record (考场情况记录单): filled from events, corrected, signed, sealed, then only added to.

What it says is computed anew until it is sealed; a correction keeps the old text beside the new one. A
signature is of one content: when the record says something else, it holds no longer. Sealing needs the sums
to be right and all signatures in force, and ends with a signed checkpoint of the sitting's audit chain (D15).
What the store holds of seal, signatures and annexes is compared with that chain whenever a record is read.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from server.access import Actor, Permission, Role
from server.db.base import emit
from server.db.record_book import (
    AuditCheckpoint,
    RecordAnnex,
    RecordCorrection,
    RecordSignature,
    RoomRecordRow,
)
from server.db.sittings import Assignment
from server.errors import Refused
from server.events import RoomChanged
from server.rules.record_sums import COUNTED, Sums, outcome
from server.rules.signed_papers import record_mark, text_mark
from server.services import audit, checkpoints, record_events, signed_papers, staff
from server.services.dossier_tables import value_of
from server.services.duty import need_duty
from server.services.roomstate import RoomState, load
from server.services.signed import need

Content = Mapping[str, Any]
"""What a record says: facts, lines, notes, receipts, corrections, as plain values."""
FINISHED = ("ended", "collected", "marked")
FREE = ("unclear_items", "remarks")
"""Boxes that only people fill."""
ADDED = "added/"
MOST_TEXT = 1000
SIGNERS = (Role.INVIGILATOR, Role.ROVER, Role.CHIEF_INVIGILATOR)


@dataclass(frozen=True, slots=True)
class Page:
    """Whose record, and the zone in which its times are written down."""

    room_sitting: int
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Signer:
    """A signature that is asked for: who gave it, "" while nobody has."""

    role: str
    name: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Book:
    """A room record as it stands. `content` as `_content` makes it; `sums` is None once it is sealed.

    `altered`: what of it the audit chain does not bear out, as `signed_papers.record_faults` says it.
    """

    room_sitting: int
    content: Mapping[str, Any]
    sha256: str
    sums: Sums | None
    signers: tuple[Signer, ...]
    annexes: tuple[tuple[str, datetime, str], ...] = ()
    sealed_at: datetime | None = None
    checkpoint: AuditCheckpoint | None = None
    altered: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether every signature is there."""
        return all(signer.name for signer in self.signers)


def book(session: Session, page: Page) -> Book:
    """The record of a room, sealed or as it would be signed now."""
    room = load(session, page.room_sitting)
    sealed = session.get(RoomRecordRow, page.room_sitting)
    if sealed is None:
        content, sums = _content(session, room, page.zone)
        mark = record_mark(content)
        found = Book(room.row.id, content, mark, sums, _signers(session, room, mark))
    else:
        found = _sealed(session, room, sealed)
    faults = signed_papers.record_faults(session, room.row.id, as_json(found), found.checkpoint)
    return replace(found, altered=faults)


def as_json(found: Book) -> dict[str, Any]:
    """A record as plain values, as `server.rules.signed_papers` reads it."""
    return {
        "content": found.content,
        "sha256": found.sha256,
        "sealed_at": value_of(found.sealed_at),
        "root": found.checkpoint.root if found.checkpoint else "",
        "signatures": [[one.role, one.name, value_of(one.at)] for one in found.signers if one.name],
        "annexes": [[text, value_of(at), by] for text, at, by in found.annexes],
    }


def _sealed(session: Session, room: RoomState, sealed: RoomRecordRow) -> Book:
    return Book(
        room_sitting=room.row.id,
        content=sealed.content,
        sha256=sealed.content_sha256,
        sums=None,
        signers=_signers(session, room, sealed.content_sha256, sealed=True),
        annexes=_annexes(session, room.row.id),
        sealed_at=sealed.sealed_at,
        checkpoint=session.get(AuditCheckpoint, sealed.checkpoint_id),
    )


# --- acts ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A correction by hand. `field`: a fact's or an event's key, one of `FREE`, or "added" for a new line."""

    field: str
    new: str
    reason: str


def correct(session: Session, actor: Actor, page: Page, change: Change, *, now: datetime) -> None:
    """Puts another text where the record says something; the old one stays to be seen. Not once sealed.

    Raises `Refused`: record_sealed, record_too_early, record_field_counted, record_field_unknown,
    record_same_text, reason_missing.
    """
    need(actor, Permission.RUN_ROOM)
    room = _open_room(session, actor, page.room_sitting, now)
    content, _ = _content(session, room, page.zone)
    if not change.reason.strip():
        raise Refused("reason_missing", 422, field="reason")
    field, old = change.field, ""
    if field in COUNTED:
        raise Refused("record_field_counted", 422, field="field")
    if field == "added":
        field = f"{ADDED}{sum(key.startswith(ADDED) for key in _texts(content)) + 1}"
    elif field in _texts(content):
        old = _texts(content)[field]
    else:
        raise Refused("record_field_unknown", 422, field="field")
    new = change.new.strip()[:MOST_TEXT]
    if new == old:
        raise Refused("record_same_text", 422, field="new")
    row = RecordCorrection(
        room_sitting_id=page.room_sitting,
        field=field,
        old=old,
        new=new,
        reason=change.reason.strip()[:200],
        made_at=now,
        made_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    stream = audit.sitting_stream(page.room_sitting)
    told = {"field": field, "reason": row.reason}
    audit.record(session, stream, actor, "record_corrected", f"record/{row.id}", now=now, **told)
    emit(session, RoomChanged(page.room_sitting))


def sign(session: Session, signer: Actor, page: Page, sha256: str, *, now: datetime) -> str:
    """A person signs what the record says (`sha256` as it was shown), in the role of the room; that role.

    Raises `Refused`: record_sealed, record_too_early, record_sums, record_changed, record_signed_before.
    """
    room = _open_room(session, signer, page.room_sitting, now)
    role = _role(session, signer, page.room_sitting)
    content, found = _content(session, room, page.zone)
    _need_sums(found)
    mark = record_mark(content)
    if sha256 != mark:
        raise Refused("record_changed", 409)
    if any(row.user_id == signer.user_id for row in _in_force(session, page.room_sitting, mark)):
        raise Refused("record_signed_before", 409, name=signer.name)
    session.add(
        RecordSignature(
            room_sitting_id=page.room_sitting,
            user_id=signer.user_id,
            name=signer.name,
            role=str(role),
            content_sha256=mark,
            signed_at=now,
        )
    )
    stream = audit.sitting_stream(page.room_sitting)
    audit.record(session, stream, signer, "record_signed", stream, now=now, role=str(role), sha256=mark)
    return str(role)


def seal(session: Session, actor: Actor, page: Page, *, now: datetime) -> str:
    """The chief closes the record for good; the root of the checkpoint that seals it.

    Raises `Refused`: record_sealed, record_too_early, record_sums (with the seats), record_unsigned,
    record_altered.
    """
    need(actor, Permission.COSIGN)
    room = _open_room(session, actor, page.room_sitting, now)
    found = book(session, page)
    assert found.sums is not None
    _need_sums(found.sums)
    missing = [signer.role for signer in found.signers if not signer.name]
    if missing:
        raise Refused("record_unsigned", roles=" ".join(missing))
    if found.altered:
        raise Refused("record_altered", room=room.room.name)
    stream = audit.sitting_stream(page.room_sitting)
    audit.record(session, stream, actor, "record_sealed", stream, now=now, sha256=found.sha256)
    checkpoint = checkpoints.make(session, stream, now=now)
    session.add(
        RoomRecordRow(
            room_sitting_id=page.room_sitting,
            content=found.content,
            content_sha256=found.sha256,
            sealed_at=now,
            sealed_by=actor.user_id,
            checkpoint_id=checkpoint.id,
        )
    )
    emit(session, RoomChanged(page.room_sitting))
    return checkpoint.root


def add(session: Session, actor: Actor, room_sitting_id: int, text: str, *, now: datetime) -> None:
    """An annex to a sealed record: the only thing that can be said after it."""
    need_duty(session, actor, Permission.SIGN_RECORD, room_sitting_id, now=now)
    load(session, room_sitting_id, lock=True)
    if session.get(RoomRecordRow, room_sitting_id) is None:
        raise Refused("record_not_sealed")
    if not text.strip():
        raise Refused("record_text_missing", 422, field="text")
    row = RecordAnnex(
        room_sitting_id=room_sitting_id,
        text=text.strip()[:MOST_TEXT],
        added_at=now,
        added_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    stream = audit.sitting_stream(room_sitting_id)
    mark = text_mark(row.text)
    audit.record(session, stream, actor, "record_annexed", f"annex/{row.id}", now=now, sha256=mark)


def _open_room(session: Session, actor: Actor, room_sitting_id: int, now: datetime) -> RoomState:
    need_duty(session, actor, Permission.SIGN_RECORD, room_sitting_id, now=now)
    room = load(session, room_sitting_id, lock=True)
    if session.get(RoomRecordRow, room_sitting_id) is not None:
        raise Refused("record_sealed")
    if room.row.state not in FINISHED:
        raise Refused("record_too_early")
    return room


def _need_sums(found: Sums) -> None:
    """Expected = submitted + ended + absent, every answer here, or the record cannot be closed."""
    if found.gaps:
        named = "、".join(dict.fromkeys(gap.seat or gap.ticket for gap in found.gaps))
        raise Refused("record_sums", seats=named, expected=found.expected, open=len(found.gaps))


def _role(session: Session, signer: Actor, room_sitting_id: int) -> Role:
    row = session.get(Assignment, (room_sitting_id, signer.user_id or 0))
    if row is not None and row.role in SIGNERS:
        return Role(row.role)
    if Role.CHIEF_INVIGILATOR in signer.roles:
        return Role.CHIEF_INVIGILATOR
    raise Refused("record_not_a_signer", 403, name=signer.name)


# --- what it says --------------------------------------------------------------------------------------


def _content(session: Session, room: RoomState, zone: ZoneInfo) -> tuple[dict[str, Any], Sums]:
    """Everything the record says as plain values: facts, lines, notes, receipts, corrections."""
    everybody = record_events.people(session, room)
    lines = [
        {
            "key": event.key,
            "at": record_events.moment(event.at, zone),
            "seat": event.seat,
            "name": event.name,
            "text": event.text,
        }
        for event in record_events.events(session, room, everybody)
    ]
    content: dict[str, Any] = {
        "facts": record_events.facts(room, everybody, zone),
        "lines": lines,
        "notes": dict.fromkeys(FREE, ""),
        "receipts": [_receipt(one, zone) for one in everybody if one.attempt is not None],
        "corrections": [],
    }
    _corrected(session, room.row.id, content, zone)
    return content, record_events.sums_of(everybody)


def _receipt(who: record_events.Person, zone: ZoneInfo) -> dict[str, str]:
    attempt = who.attempt
    assert attempt is not None
    receipt = attempt.receipt or {}
    closed = attempt.closed_at if attempt.state != AttemptState.ABSENT else None
    return {
        "seat": who.seat,
        "name": who.name,
        "ticket": who.ticket,
        "state": outcome(attempt.state, attempt.close_reason),
        "at": record_events.moment(closed, zone),
        "answered": str(receipt.get("answered", "")),
        "head": str(receipt.get("head", "")),
    }


def _corrected(session: Session, room_sitting_id: int, content: dict[str, Any], zone: ZoneInfo) -> None:
    """Puts every correction where it belongs, in their order, and lists them all."""
    query = select(RecordCorrection).where(RecordCorrection.room_sitting_id == room_sitting_id)
    rows = list(session.scalars(query.order_by(RecordCorrection.id)))
    names = staff.names(session, [row.made_by for row in rows])
    lines = {line["key"]: line for line in content["lines"]}
    for row in rows:
        at, by = record_events.moment(row.made_at, zone), names.get(row.made_by or 0, "")
        if row.field.startswith(ADDED) and row.field not in lines:
            lines[row.field] = {"key": row.field, "at": at, "seat": "", "name": "", "text": ""}
            content["lines"].append(lines[row.field])
        if row.field in lines:
            lines[row.field]["text"] = row.new
        elif row.field not in COUNTED:
            content["notes" if row.field in FREE else "facts"][row.field] = row.new
        content["corrections"].append(
            {"field": row.field, "old": row.old, "new": row.new, "reason": row.reason, "at": at, "by": by}
        )


def _texts(content: Mapping[str, Any]) -> dict[str, str]:
    """Every text that can be corrected, by its key."""
    return {
        **content["facts"],
        **content["notes"],
        **{line["key"]: line["text"] for line in content["lines"]},
    }


# --- signatures ----------------------------------------------------------------------------------------


def _in_force(session: Session, room_sitting_id: int, mark: str) -> list[RecordSignature]:
    query = select(RecordSignature).where(
        RecordSignature.room_sitting_id == room_sitting_id, RecordSignature.content_sha256 == mark
    )
    return list(session.scalars(query.order_by(RecordSignature.id)))


def _signers(session: Session, room: RoomState, mark: str, *, sealed: bool = False) -> tuple[Signer, ...]:
    """The places for signatures in their order, filled as far as they are; more than asked for are shown."""
    given = _in_force(session, room.row.id, mark)
    asked = Counter[str]() if sealed else _asked(session, room)
    found = []
    for role in SIGNERS:
        own = [Signer(row.role, row.name, row.signed_at) for row in given if row.role == role]
        found += [*own, *([Signer(str(role))] * (asked[str(role)] - len(own)))]
    return tuple(found)


def _asked(session: Session, room: RoomState) -> Counter[str]:
    rules = room.policy.record
    asked = Counter({str(Role.INVIGILATOR): rules.invigilators, str(Role.CHIEF_INVIGILATOR): 1})
    rovers = select(Assignment.user_id).where(
        Assignment.room_sitting_id == room.row.id, Assignment.role == str(Role.ROVER)
    )
    if rules.rover and session.scalar(rovers.limit(1)) is not None:
        asked[str(Role.ROVER)] = 1
    return asked


def _annexes(session: Session, room_sitting_id: int) -> tuple[tuple[str, datetime, str], ...]:
    query = select(RecordAnnex).where(RecordAnnex.room_sitting_id == room_sitting_id)
    rows = list(session.scalars(query.order_by(RecordAnnex.id)))
    names = signed_papers.annexed_by(session, room_sitting_id)
    return tuple((row.text, row.added_at, names.get(f"annex/{row.id}", "")) for row in rows)
