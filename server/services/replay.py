"""The course of one seat in a sitting, as a list in the order of time: for the table and for the scrubber.

Answers by their numbers, the link, incidents, pictures (named, not opened), commands, time given, and
whatever acts stand in the sitting's audit chain about the candidate or the whole room.
"""

import base64
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from exam_rooms.clock import NEVER
from exam_rooms.protocol import RecordKind, record_aad
from itembank.sealing import SealBroken, open_sealed
from server.access import Actor, Permission
from server.db.answers import AnswerStore
from server.db.cases import Case
from server.db.commands import PauseRow, SeatCommand
from server.db.record import AuditEntry
from server.db.rooms import Seat
from server.db.sittings import Attempt, Incident, LinkGapRow, RoomSitting
from server.db.watching import EvidenceFrame
from server.errors import NotFound, Refused
from server.rules import ledger as rules
from server.services import audit, ledger, origins, staff
from server.services.ledger import Line
from server.services.signed import Signed, need, need_reason

TRACKS = ("answers", "link", "incidents", "frames", "acts")
"""In which order the lines of the picture stand."""
_SHOWN = (RecordKind.OPEN, RecordKind.ANSWER, RecordKind.CLEAR, RecordKind.MARK, RecordKind.SUBMIT)
_FINISHED = ("ended", "collected", "marked")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. `kind` within its track: a `RecordKind`, gap, an `IncidentKind`, a frame's
    purpose, an act's code. `number`: the question, 0 for none; `ref`: row of an incident or a frame.
    """

    track: str
    kind: str
    at: datetime
    until: datetime | None = None
    lasts: bool = False
    number: int = 0
    item: str = ""
    ref: int = 0
    by: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Course:
    """What happened at a seat: who sat there, and every event between the first and the last moment."""

    seat: str
    attempt: int
    lines: tuple[Line, ...]
    events: tuple[Event, ...]
    begins: datetime | None = None
    ends: datetime | None = None


def course(session: Session, actor: Actor, store: AnswerStore, place: tuple[int, int]) -> Course:
    """Everything at a seat (`place`: room's sitting and seat), of everybody who sat there."""
    need(actor, Permission.SEE_LEDGER)
    room_sitting_id, seat_id = place
    row, seat = session.get(RoomSitting, room_sitting_id), session.get(Seat, seat_id)
    if row is None or seat is None or seat.room_id != row.room_id:
        raise NotFound("seat")
    here = [line for line in ledger.room_lines(session, actor, room_sitting_id) if line.span.seat == seat_id]
    attempts = {line.span.attempt: session.get_one(Attempt, line.span.attempt) for line in here}
    found: list[Event] = [*_incidents(session, room_sitting_id, seat_id)]
    for attempt in attempts.values():
        spans = [line.span for line in here if line.span.attempt == attempt.id]
        own = [*_answers(session, actor, store, attempt), *_gaps(session, attempt.id)]
        own += [*_frames(session, attempt.id, seat_id), *_acts(session, room_sitting_id, attempt.id)]
        own += [*_commands(session, attempt.id), *_pauses(session, attempt)]
        found += [event for event in own if _near(event, spans)]
    events = tuple(sorted(_unique(found), key=lambda event: (event.at, TRACKS.index(event.track))))
    moments = [event.at for event in events] + [line.span.from_at for line in here]
    ends = [event.until or event.at for event in events] + [
        line.span.until_at for line in here if line.span.until_at
    ]
    return Course(
        seat=seat.number,
        attempt=here[-1].span.attempt if here else 0,
        lines=tuple(here),
        events=events,
        begins=min(moments, default=None),
        ends=max([*ends, *moments], default=None),
    )


def response(
    session: Session, signed: Signed, store: AnswerStore, attempt_id: int, place: tuple[str, datetime]
) -> tuple[str, ...]:
    """What a candidate had answered to an item (`place`: its id and the moment), after the room has ended.

    Raises `Forbidden`, `Refused`: reason_missing, response_too_early, response_none. Opening it stands on
    the record (`note_response`) before anybody sees it.
    """
    need(signed.actor, Permission.MARK_RESULTS)
    need_reason(signed)
    attempt = session.get(Attempt, attempt_id)
    if attempt is None:
        raise NotFound("attempt")
    if session.get_one(RoomSitting, attempt.room_sitting_id).state not in _FINISHED:
        raise Refused("response_too_early")
    item, moment = place
    held = rules.snapshot(ledger.written(session, store, attempt_id), moment).answers.get(item)
    if held is None:
        raise Refused("response_none", 404)
    record = held.record
    number, key = origins.number_and_key(session, attempt_id)
    try:
        sealed, aad = base64.b64decode(record.body), record_aad(number, record.journal, record.seq)
        plain = open_sealed(key, sealed, aad)
    except (SealBroken, ValueError) as fault:
        raise Refused("response_unreadable", 422) from fault
    return tuple(str(part) for part in json.loads(plain)["response"])


def note_response(session: Session, signed: Signed, attempt_id: int, number: int, *, now: datetime) -> None:
    """Puts on the record that somebody opened one response, and why."""
    need(signed.actor, Permission.MARK_RESULTS)
    attempt = session.get_one(Attempt, attempt_id)
    stream, object_ = audit.sitting_stream(attempt.room_sitting_id), f"attempt/{attempt_id}"
    audit.record(
        session, stream, signed.actor, "response_seen", object_, now=now, number=number, **signed.why()
    )


def _answers(session: Session, actor: Actor, store: AnswerStore, attempt: Attempt) -> Iterable[Event]:
    numbers = ledger.numbers(session, actor, attempt)
    for one in ledger.written(session, store, attempt.id):
        record = one.record
        if record.kind in _SHOWN:
            delay = round((one.received_at - one.at).total_seconds())
            details = {"journal": record.journal, "seq": record.seq, "delay": delay}
            number = numbers.get(record.item, 0)
            yield Event("answers", str(record.kind), one.at, number=number, item=record.item, details=details)


def _gaps(session: Session, attempt_id: int) -> Iterable[Event]:
    for row in session.scalars(select(LinkGapRow).where(LinkGapRow.attempt_id == attempt_id)):
        yield Event("link", "gap", row.lost_at, row.back_at, lasts=True)


def _incidents(session: Session, room_sitting_id: int, seat_id: int) -> Iterable[Event]:
    query = select(Incident).where(Incident.room_sitting_id == room_sitting_id, Incident.seat_id == seat_id)
    for row in session.scalars(query):
        details = {"state": row.state, "note": row.note, "severity": row.severity}
        yield Event("incidents", row.kind, row.first_at, row.last_at, lasts=True, ref=row.id, details=details)


def _frames(session: Session, attempt_id: int, seat_id: int) -> Iterable[Event]:
    query = select(EvidenceFrame).where(
        EvidenceFrame.attempt_id == attempt_id, EvidenceFrame.seat_id == seat_id
    )
    for row in session.scalars(query):
        stored = {"stored": bool(row.file), "moment": row.moment}
        yield Event("frames", row.purpose, row.taken_at, ref=row.id, details=stored)


def _acts(session: Session, room_sitting_id: int, attempt_id: int) -> Iterable[Event]:
    """What people and the server did to the candidate, a case about it, the whole room; no looks."""
    stream = audit.sitting_stream(room_sitting_id)
    cases = [f"case/{case}" for case in session.scalars(select(Case.id).where(Case.attempt_id == attempt_id))]
    query = select(AuditEntry).where(
        AuditEntry.stream == stream,
        AuditEntry.object.in_([stream, f"attempt/{attempt_id}", *cases]),
        AuditEntry.act.not_in(LOOKS),
        AuditEntry.act.not_like("seats_%"),  # told seat by seat, by the commands themselves
    )
    for row in session.scalars(query.order_by(AuditEntry.seq)):
        yield Event("acts", row.act, row.at, ref=row.seq, by=row.actor, details=row.details)


def _commands(session: Session, attempt_id: int) -> Iterable[Event]:
    rows = list(session.scalars(select(SeatCommand).where(SeatCommand.attempt_id == attempt_id)))
    names = staff.names(session, [row.sent_by for row in rows])
    for row in rows:
        told = {"command": row.kind, "reason": row.reason, "received": row.received_at, "done": row.done_at}
        yield Event(
            "acts", COMMAND, row.sent_at, ref=row.id, by=names.get(row.sent_by or 0, ""), details=told
        )


def _pauses(session: Session, attempt: Attempt) -> Iterable[Event]:
    query = select(PauseRow).where(
        PauseRow.room_sitting_id == attempt.room_sitting_id,
        or_(PauseRow.attempt_id == attempt.id, PauseRow.attempt_id.is_(None)),
    )
    for row in session.scalars(query):
        told = {"reason": row.reason}
        yield Event("acts", PAUSE, row.since_at, row.until_at, lasts=True, ref=row.id, details=told)


COMMAND, PAUSE = "command", "pause"
"""Kinds of events that are no acts of the audit chain: a command to the seat, a time that stood still."""
LOOKS = (
    *("seat_looked_at", "attempts_exported", "essays_read", "response_seen"),
    *("dossier_exported", "dossier_fetched", "case_printed"),
    "commands_confirmed",
)
"""Acts of who looked at the record later: nothing that happened at the seat; what seats of the whole room
confirmed stands with each command of this one.
"""


def _near(event: Event, spans: Collection[rules.Span]) -> bool:
    """Whether it falls into a stay at the seat; what comes after the last stay still belongs to it."""
    last = max(spans, key=lambda span: span.from_at)
    return any(span.from_at <= event.at < (span.until_at or NEVER) for span in spans) or (
        event.at >= last.from_at and (event.track == "acts" or last.until_at == event.at)
    )


def _unique(events: Iterable[Event]) -> list[Event]:
    """Two people at one seat share what happened to the whole room."""
    seen: dict[tuple[object, ...], Event] = {}
    for event in events:
        seen.setdefault((event.track, event.kind, event.at, event.ref, event.item), event)
    return list(seen.values())
