"""Marks of a room (design section 4, step 6): counted answers against the frozen key of the sealed package.

The parent folds the streams and decides what counts; a child process opens the answers and marks them, so
neither keys nor responses touch the event loop. Item marks are stored sealed, the total in exact decimals.
"""

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.clock import Late
from exam_rooms.incidents import IncidentKind
from exam_rooms.seats import AttemptState
from itembank.key_fixes import added_up
from itembank.marking import EXAMINER, MARKED
from itembank.package import open_section, section_key
from server.access import Actor, Permission
from server.db.answers import AnswerStore, Stored
from server.db.base import emit, vault_of
from server.db.papers import EnteredMark, Package
from server.db.rooms import Room, Seat
from server.db.sittings import (
    Attempt,
    Batch,
    Candidate,
    ComponentResult,
    Incident,
    Registration,
    RoomSitting,
    Sitting,
)
from server.errors import NotFound, Refused
from server.events import Activity, RoomChanged
from server.rules.policy import passes
from server.rules.policy_components import DELIVERED, Scale
from server.services import (
    audit,
    entered_marks,
    key_fixes,
    marked_texts,
    merges,
    origins,
    packages,
    past_marks,
    stream,
    voids,
)
from server.services.counting import Judge
from server.services.incidents import Place, raise_incident
from server.services.marked_texts import MARKS_PURPOSE
from server.services.roomstate import CLOSED, RoomState, attempts_of, load
from server.services.rosters import masked_id
from server.services.signed import need


@dataclass(frozen=True, slots=True)
class Uncounted:
    """A record that was kept but not counted; `reason` is a `clock.Late` name or after_submit."""

    journal: int
    seq: int
    item: str
    received_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One line of the result list. `total` is None for an absent candidate and for a void result."""

    attempt: int
    seat: str
    ticket: str
    name: str
    id_masked: str
    employer: str
    status: str
    total: Decimal | None
    passed: bool | None
    answered: int
    not_counted: int
    form: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """What counts of one attempt: its last answers, and what was left out."""

    answers: Mapping[str, Stored]
    uncounted: tuple[Uncounted, ...]


def sheet(session: Session, store: AnswerStore, room: RoomState, attempt: Attempt) -> Sheet:
    """Folds an attempt's stream in its order; a submission ends it."""
    events = store.events(attempt.id)
    counted, late = Judge(session, room, attempt).split(events)
    left_out = [_uncounted(stored, Late(verdict.reason).name.lower()) for stored, verdict in late]
    dropped = merges.left_out(session, attempt.id)
    if dropped:
        passed_over = [stored for stored in counted if _dropped(stored, dropped)]
        left_out += [_uncounted(stored, "merge_left_out") for stored in passed_over]
        counted = [stored for stored in counted if stored not in passed_over]
    end = (attempt.receipt or {}) if attempt.state == AttemptState.SUBMITTED else {}
    if end:
        kept = stream.until(counted, end["journal"], end["seq"])
        left_out += [_uncounted(stored, "after_submit") for stored in counted[len(kept) :]]
        counted = kept
    return Sheet(stream.last_answers(counted), tuple(left_out))


def _dropped(stored: Stored, dropped: Mapping[int, int]) -> bool:
    """Whether two people left a former seat's late record out (`merges.left_out`)."""
    return stored.record.seq > dropped.get(stored.record.journal, stored.record.seq)


def _uncounted(stored: Stored, reason: str) -> Uncounted:
    record = stored.record
    return Uncounted(record.journal, record.seq, record.item, stored.received_at, reason)


def tell_late(session: Session, attempt_id: int, count: int, *, collected: bool, now: datetime) -> None:
    """Records of a closed attempt have come: the chief should know.

    `count` of them do not count. `collected`: all was thought to be here, so marks may lack what came.
    """
    attempt = session.get_one(Attempt, attempt_id)
    place = Place(attempt.room_sitting_id, attempt.seat_id, attempt_id)
    after = {"collected": True} if collected else {}
    raise_incident(session, place, IncidentKind.LATE_RECORDS, now=now, records=str(count), **after)


def late(session: Session, store: AnswerStore, attempt_id: int) -> int:
    """How many stored records of a closed attempt do not count."""
    attempt = session.get_one(Attempt, attempt_id)
    if AttemptState(attempt.state) not in CLOSED:
        return 0
    return len(sheet(session, store, load(session, attempt.room_sitting_id), attempt).uncounted)


def work(session: Session, actor: Actor, store: AnswerStore, room_sitting_id: int) -> dict[str, Any]:
    """The payload of the marking job: keys of the forms and the answers that count, still sealed."""
    need(actor, Permission.MARK_RESULTS)
    return payload(session, store, room_sitting_id)


def payload(session: Session, store: AnswerStore, room_sitting_id: int) -> dict[str, Any]:
    """The same for somebody whose right to mark again was looked at elsewhere."""
    room = load(session, room_sitting_id)
    _need_markable(room)
    if room.row.state not in ("collected", "marked"):
        raise Refused("room_not_collected")
    merges.check_decided(session, room_sitting_id)
    attempts = [a for a in attempts_of(session, room_sitting_id) if a.state != AttemptState.ABSENT]
    package = packages.needed(session, room_sitting_id)
    return {
        "keys": _keys(session, package, {attempt.form for attempt in attempts}),
        "fixes": key_fixes.overrides(session, package.paper_set_id),
        "attempts": [_attempt_work(session, store, room, attempt) for attempt in attempts],
    }


def _need_markable(room: RoomState) -> None:
    """A room that was broken off and is held again is never marked."""
    if room.row.void_at is not None:
        raise Refused("room_void")


def _keys(session: Session, package: Package, forms: set[str]) -> dict[str, object]:
    content_key = packages.content_key(session, package)
    return {
        form: open_section(package.data, f"key/{form}", section_key(content_key, f"key/{form}"))
        for form in sorted(forms)
    }


def _attempt_work(
    session: Session, store: AnswerStore, room: RoomState, attempt: Attempt
) -> dict[str, object]:
    time.sleep(0)  # a room takes a while: others run between two attempts
    found = sheet(session, store, room, attempt)
    records = {item: stored.record for item, stored in found.answers.items()}
    number, key = origins.number_and_key(session, attempt.id)
    return {
        "attempt": attempt.id,
        "number": number,
        "form": attempt.form,
        "key": base64.b64encode(key).decode(),
        "answers": {item: [each.journal, each.seq, each.body] for item, each in records.items()},
        "not_counted": len(found.uncounted),
    }


def store_marks(
    session: Session, actor: Actor, room_sitting_id: int, result: dict[str, Any], *, now: datetime
) -> int:
    """Keeps the marks of a whole room, all or none; returns how many candidates have a result.

    `now`: when the answers were read for it (`work`); what came later is not in these marks.
    """
    need(actor, Permission.MARK_RESULTS)
    return store_again(session, actor, room_sitting_id, result, now=now)


def store_again(
    session: Session, actor: Actor, room_sitting_id: int, result: dict[str, Any], *, now: datetime
) -> int:
    """The same for somebody whose right was looked at elsewhere; `result` may name its `key_fix`."""
    key_fixes.need_followed(session, room_sitting_id, result.get("fixes", {}))
    room = load(session, room_sitting_id, lock=True)
    _need_markable(room)
    if room.row.state not in ("collected", "marked"):
        raise Refused("room_not_collected")
    merges.check_decided(session, room_sitting_id)
    marks = {int(entry["attempt"]): entry for entry in result["attempts"]}
    old = session.scalars(
        select(ComponentResult).where(ComponentResult.room_sitting_id == room_sitting_id)
    ).all()
    past_marks.keep(session, actor, old, result.get("key_fix"), now=now)
    for row in old:
        session.delete(row)
    session.flush()
    attempts = attempts_of(session, room_sitting_id)
    known = [attempt.id for attempt in attempts]
    examined = entered_marks.in_force(session, known)
    on_paper = entered_marks.whole_papers(session, known)
    made: list[ComponentResult] = []
    for attempt in attempts:
        row = _result(session, room, attempt, with_examiners(session, marks.get(attempt.id), examined), now)
        if attempt.id in on_paper:  # two people read it: it is the mark, whatever reached the server
            row.status, row.total = "scored", on_paper[attempt.id]
            row.passed, row.sealed_marks = passes(row.total, _scale(room)), None
        session.add(row)
        made.append(row)
    session.flush()
    voids.settle(session, made)
    room.row.state, room.row.marked_at = "marked", now
    room.row.version += 1
    name = audit.sitting_stream(room_sitting_id)
    audit.record(
        session, name, actor, "room_marked", name, now=now, candidates=len(attempts), again=bool(old)
    )
    emit(session, RoomChanged(room_sitting_id))
    emit(
        session,
        Activity(
            room_sitting_id, "line_room_marked", (("actor", actor.name), ("candidates", str(len(attempts))))
        ),
    )
    return len(attempts)


def _scale(room: RoomState) -> Scale:
    return room.policy.terms_of(room.sitting.component).scale


def with_examiners(
    session: Session, marks: dict[str, Any] | None, examined: Mapping[tuple[int, str], EnteredMark]
) -> dict[str, Any] | None:
    """The marks with what two people agreed on for these texts; a text without it, or another one, waits."""
    if marks is None:
        return None
    items = []
    for item in marks["items"]:
        place = (int(marks["attempt"]), item["item"])
        given = examined.get(place) if item["state"] != MARKED else None
        text = marked_texts.text_of(item)
        if given is not None and given.response_index == marked_texts.index(session, *place, text):
            item = {**item, "awarded": str(given.points), "state": MARKED}
        items.append(item)
    return {**marks, "items": items, "total": str(added_up(items))}


def _result(
    session: Session, room: RoomState, attempt: Attempt, marks: dict[str, Any] | None, now: datetime
) -> ComponentResult:
    row = ComponentResult(
        room_sitting_id=room.row.id,
        registration_id=attempt.registration_id,
        attempt_id=attempt.id,
        component=room.sitting.component,
        status="absent",
        marked_at=now,
    )
    if attempt.state == AttemptState.ABSENT:
        return row
    if marks is None:
        raise Refused("marks_incomplete", attempt=attempt.id)
    if any(item["state"] == EXAMINER for item in marks["items"]):
        row.status = "pending"  # a text is still to be read: nothing is final
    else:
        row.status, row.total = "scored", Decimal(marks["total"])
        row.passed = passes(row.total, _scale(room))
    row.answered, row.not_counted = int(marks["answered"]), int(marks["not_counted"])
    text = json.dumps(marks["items"], ensure_ascii=False).encode()
    row.sealed_marks = vault_of(session).seal_value(MARKS_PURPOSE, str(attempt.id), text)
    return row


def results(session: Session, actor: Actor, room_sitting_id: int) -> list[ResultRow]:
    """The result list in ticket order; empty before marking."""
    need(actor, Permission.SEE_RESULTS)
    rows = session.execute(
        select(ComponentResult, Attempt, Registration, Candidate, Seat.number)
        .join(Attempt, Attempt.id == ComponentResult.attempt_id)
        .join(Registration, Registration.id == ComponentResult.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(ComponentResult.room_sitting_id == room_sitting_id)
        .order_by(Registration.ticket)
    )
    return [
        ResultRow(
            attempt=attempt.id,
            seat=seat,
            ticket=registration.ticket,
            name=candidate.name,
            id_masked=masked_id(session, candidate),
            employer=registration.employer,
            status=row.status,
            total=row.total,
            passed=row.passed,
            answered=row.answered,
            not_counted=row.not_counted,
            form=attempt.form,
        )
        for row, attempt, registration, candidate, seat in rows
    ]


def arrived_since(session: Session, store: AnswerStore, room: RoomState) -> tuple[str, ...]:
    """Seats of which a record came after their room was marked: it has to be marked again."""
    if room.row.state != "marked" or room.row.marked_at is None:
        return ()
    marked_at = room.row.marked_at
    newest = store.newest([attempt.id for attempt in attempts_of(session, room.row.id)])
    late = [attempt for attempt, received_at in newest.items() if received_at > marked_at]
    query = select(Seat.number).join(Attempt, Attempt.seat_id == Seat.id).where(Attempt.id.in_(late))
    return tuple(sorted(session.scalars(query)))


def void(row: RoomSitting) -> bool:
    """Whether the room's marks do not stand: a merge was decided otherwise after they were given."""
    return row.state == "collected" and row.marked_at is not None


def uncounted(session: Session, actor: Actor, store: AnswerStore, attempt_id: int) -> tuple[Uncounted, ...]:
    """What was kept but not counted of one attempt, for the chief."""
    need(actor, Permission.SEE_RESULTS)
    attempt = session.get(Attempt, attempt_id)
    if attempt is None:
        raise NotFound("attempt")
    return sheet(session, store, load(session, attempt.room_sitting_id), attempt).uncounted


@dataclass(frozen=True, slots=True)
class FinishedRoom:
    """A room whose sitting is over, for the list of results. `arrived`: its marks lack something that came or
    was decided afterwards.
    """

    room_sitting: int
    batch: str
    room: str
    starts_at: datetime
    state: str
    rehearsal: bool
    arrived: bool


def finished(session: Session) -> list[FinishedRoom]:
    """Rooms with seats that ended, were collected or are marked; the latest first."""
    told = select(Incident.id).where(
        Incident.room_sitting_id == RoomSitting.id,
        Incident.kind == str(IncidentKind.LATE_RECORDS),
        Incident.last_at > RoomSitting.marked_at,
    )
    rows = session.execute(
        select(RoomSitting, Sitting.starts_at, Batch, Room.name, told.exists())
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(RoomSitting.state.in_(["ended", "collected", "marked"]))
        .where(Sitting.method.in_([str(each) for each in DELIVERED]))
        .order_by(Sitting.starts_at.desc(), Room.name)
        .limit(200)
    )
    return [
        FinishedRoom(row.id, batch.name, room, starts_at, row.state, batch.rehearsal, arrived or void(row))
        for row, starts_at, batch, room, arrived in rows
    ]
