"""The seat ledger: who sat where, on which machine, before which camera, and what was so at a moment.

Asked by seat and moment, by candidate (ticket) or by machine (fingerprint of its key, or host name).
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.answers import AnswerStore
from server.db.papers import FormItem
from server.db.record_book import CameraStay
from server.db.rooms import Room, Seat, Workstation, WorkstationClock
from server.db.sittings import (
    Attempt,
    Batch,
    Candidate,
    Incident,
    JournalGrant,
    LinkGapRow,
    Registration,
    RoomSitting,
    SeatStay,
    Sitting,
)
from server.db.watching import EvidenceFrame
from server.errors import NotFound, Refused
from server.rules import ledger as rules
from server.rules.ledger import Snapshot, Span
from server.services import paper_forms
from server.services.signed import need

MOST_FOUND = 200
_NEAR = 3
"""Pictures shown before and after a moment."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A workstation by what it is known: the SHA-256 of its public key (hex), and its host name."""

    id: int
    fingerprint: str
    hostname: str


@dataclass(frozen=True, slots=True)
class Line:
    """One span of the ledger with names; `journals`: those that this machine wrote for the attempt."""

    room_sitting: int
    room: str
    span: Span
    seat: str
    ticket: str
    name: str
    machine: Machine | None
    state: str
    journals: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Answered:
    """One question at the moment: its number for this candidate (0: not known), whether it held an answer."""

    number: int
    item: str
    answered: bool
    marked: bool
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Moment:
    """A seat at a moment. `line` None: nobody sat there; `last`: the question touched last."""

    seat: str
    at: datetime
    line: Line | None
    snapshot: Snapshot = field(default_factory=Snapshot)
    questions: tuple[Answered, ...] = ()
    last: Answered | None = None
    incidents: tuple[Incident, ...] = ()
    gaps: tuple[LinkGapRow, ...] = ()
    frames: tuple[EvidenceFrame, ...] = ()


def fingerprint(public_key: bytes) -> str:
    """By what a machine is known."""
    return hashlib.sha256(public_key).hexdigest()


def rooms(session: Session, actor: Actor) -> list[tuple[RoomSitting, Sitting, Room, Batch]]:
    """Rooms in their sittings that were started, the latest first."""
    need(actor, Permission.SEE_LEDGER)
    query = (
        select(RoomSitting, Sitting, Room, Batch)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .where(RoomSitting.started_at.is_not(None))
        .order_by(Sitting.starts_at.desc(), RoomSitting.id)
        .limit(MOST_FOUND)
    )
    return [(row, sitting, room, batch) for row, sitting, room, batch in session.execute(query)]


def room_lines(session: Session, actor: Actor, room_sitting_id: int) -> list[Line]:
    """The whole ledger of a room's sitting, seat by seat."""
    need(actor, Permission.SEE_LEDGER)
    if session.get(RoomSitting, room_sitting_id) is None:
        raise NotFound("sitting")
    query = select(Attempt.id).where(Attempt.room_sitting_id == room_sitting_id)
    return lines_of(session, list(session.scalars(query)))


def by_ticket(session: Session, actor: Actor, ticket: str) -> list[Line]:
    """Where a candidate sat."""
    need(actor, Permission.SEE_LEDGER)
    query = (
        select(Attempt.id)
        .join(Registration, Registration.id == Attempt.registration_id)
        .where(Registration.ticket == ticket.strip())
    )
    return lines_of(session, list(session.scalars(query)))


def by_machine(session: Session, actor: Actor, mark: str) -> list[Line]:
    """Who sat at a machine: by host name, or by the beginning of its key's fingerprint (8 signs at least)."""
    need(actor, Permission.SEE_LEDGER)
    wanted = mark.strip().lower()
    rows = session.execute(select(Workstation.id, Workstation.public_key, Workstation.hostname))
    machines = {
        number
        for number, key, name in rows
        if wanted and (name.lower() == wanted or (len(wanted) >= 8 and fingerprint(key).startswith(wanted)))
    }
    stays = (
        select(SeatStay.attempt_id)
        .join(Workstation, Workstation.seat_id == SeatStay.seat_id)
        .where(Workstation.id.in_(machines))
        .distinct()
        .limit(MOST_FOUND)
    )
    found = lines_of(session, list(session.scalars(stays)))
    return [line for line in found if line.machine is not None and line.machine.id in machines]


def lines_of(session: Session, attempts: Collection[int]) -> list[Line]:
    """Every span of these attempts, in the order of seats and time."""
    rows = _rows(session, attempts)
    stays = _stays(session, rows)
    seats = dict(
        session.execute(select(Seat.id, Seat.number).where(Seat.id.in_({s.seat for s in stays}))).all()
    )
    machines = _machines(session, seats)
    paired = [rules.Paired(row.seat_id, row.id, row.paired_at, row.retired_at) for row in machines.values()]
    found = rules.spans(stays, paired, _cameras(session, machines))
    grants = _grants(session, attempts)
    lines = [_line(rows[span.attempt], span, seats, machines, grants) for span in found]
    return sorted(lines, key=lambda line: (line.room_sitting, line.span.seat, line.span.from_at))


def at(
    session: Session, actor: Actor, store: AnswerStore, place: tuple[int, str], moment: datetime
) -> Moment:
    """A seat (`place`: room's sitting and seat number) at a moment: who, which machine, which camera, what
    was answered by then, incidents that were open, pictures taken nearest. No response is opened for it.
    """
    room_sitting_id, number = place
    lines = room_lines(session, actor, room_sitting_id)
    room = session.get_one(RoomSitting, room_sitting_id).room_id
    seat = session.scalar(select(Seat).where(Seat.room_id == room, Seat.number == number.strip()))
    if seat is None:
        raise Refused("ledger_no_seat", 404, field="seat", seat=number[:8])
    here = [line for line in lines if line.span.seat == seat.id and line.span.holds(moment)]
    # A walk-in is admitted to a seat that somebody absent was drawn for: who was there counts.
    line = next(iter(sorted(here, key=lambda one: one.state == "absent")), None)
    incidents = open_then(session, room_sitting_id, seat.id, moment)
    if line is None:
        return Moment(number, moment, None, incidents=incidents)
    attempt = session.get_one(Attempt, line.span.attempt)
    snapshot = rules.snapshot(written(session, store, attempt.id), moment)
    questions = questions_of(session, actor, attempt, snapshot)
    touched = snapshot.last.record.item if snapshot.last else ""
    return Moment(
        seat=number,
        at=moment,
        line=line,
        snapshot=snapshot,
        questions=questions,
        last=next((one for one in questions if one.item == touched), None),
        incidents=incidents,
        gaps=_gaps(session, attempt.id, moment),
        frames=_frames(session, attempt.id, moment),
    )


def written(session: Session, store: AnswerStore, attempt_id: int) -> list[rules.Written]:
    """Every record of an attempt with the time at which it was written."""
    heard = [rules.Heard(one.record, one.received_at, one.workstation) for one in store.events(attempt_id)]
    stations = {one.workstation for one in heard}
    rows = session.execute(
        select(WorkstationClock.workstation_id, WorkstationClock.boot_id, WorkstationClock.offset_ns).where(
            WorkstationClock.workstation_id.in_(stations)
        )
    )
    return rules.written(heard, {(station, boot): offset for station, boot, offset in rows})


def numbers(session: Session, actor: Actor, attempt: Attempt) -> dict[str, int]:
    """Item -> its number on this candidate's screen; by the form while the package is not open here."""
    try:
        seen = paper_forms.seen_by(session, actor, attempt.id)
    except Refused:
        sitting = session.get_one(RoomSitting, attempt.room_sitting_id).sitting_id
        papers = session.get_one(Sitting, sitting).paper_set_id
        query = select(FormItem.item_uid, FormItem.number).where(
            FormItem.paper_set_id == papers, FormItem.form == attempt.form
        )
        return dict(session.execute(query).all())
    return {str(row["id"]): int(row["number"]) for row in seen}


def questions_of(
    session: Session, actor: Actor, attempt: Attempt, snapshot: Snapshot
) -> tuple[Answered, ...]:
    """Every question of the attempt's form as it stood in a snapshot, in the candidate's order."""
    known = numbers(session, actor, attempt)
    items = [*known, *(item for item in snapshot.answers if item not in known)]
    found = [
        Answered(
            known.get(item, 0),
            item,
            item in snapshot.answers,
            item in snapshot.marked,
            snapshot.answers[item].at if item in snapshot.answers else None,
        )
        for item in items
    ]
    return tuple(sorted(found, key=lambda one: (one.number == 0, one.number, one.item)))


def open_then(session: Session, room_sitting_id: int, seat_id: int, moment: datetime) -> tuple[Incident, ...]:
    """Incidents of a seat whose time, from the first sight to its handling or end, held the moment."""
    query = select(Incident).where(
        Incident.room_sitting_id == room_sitting_id,
        Incident.seat_id == seat_id,
        Incident.first_at <= moment,
        or_(Incident.last_at >= moment, Incident.handled_at.is_(None), Incident.handled_at >= moment),
    )
    return tuple(session.scalars(query.order_by(Incident.severity.desc(), Incident.first_at)))


# --- rows ----------------------------------------------------------------------------------------------

_Row = tuple[Attempt, Registration, Candidate, RoomSitting, Room, Batch]


def _rows(session: Session, attempts: Collection[int]) -> dict[int, _Row]:
    query = (
        select(Attempt, Registration, Candidate, RoomSitting, Room, Batch)
        .join(Registration, Registration.id == Attempt.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .join(RoomSitting, RoomSitting.id == Attempt.room_sitting_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .where(Attempt.id.in_(attempts))
    )
    return {
        one.id: (one, two, three, four, five, six)
        for one, two, three, four, five, six in session.execute(query)
    }


def _stays(session: Session, rows: Mapping[int, _Row]) -> list[rules.Stay]:
    """From the admission on: a seat that was only drawn for somebody held nobody."""
    query = select(SeatStay).where(SeatStay.attempt_id.in_(rows)).order_by(SeatStay.attempt_id, SeatStay.id)
    found = []
    for stay in session.scalars(query):
        attempt = rows[stay.attempt_id][0]
        if attempt.admitted_at is None:
            continue
        begin = max(stay.from_at, attempt.admitted_at)
        end = stay.until_at or attempt.closed_at
        if end is None or begin < end:
            found.append(rules.Stay(stay.attempt_id, stay.seat_id, begin, end))
    return found


def _machines(session: Session, seats: Collection[int]) -> dict[int, Workstation]:
    query = select(Workstation).where(Workstation.seat_id.in_(seats)).order_by(Workstation.id)
    return {row.id: row for row in session.scalars(query)}


def _cameras(session: Session, machines: Collection[int]) -> list[rules.Camera]:
    query = select(CameraStay).where(CameraStay.workstation_id.in_(machines)).order_by(CameraStay.id)
    return [
        rules.Camera(row.workstation_id, row.identity, row.from_at, row.until_at)
        for row in session.scalars(query)
    ]


def _grants(session: Session, attempts: Collection[int]) -> dict[tuple[int, int], list[int]]:
    query = select(JournalGrant).where(JournalGrant.attempt_id.in_(attempts)).order_by(JournalGrant.journal)
    found: dict[tuple[int, int], list[int]] = defaultdict(list)
    for row in session.scalars(query):
        found[row.attempt_id, row.workstation_id].append(row.journal)
    return found


def _line(
    row: _Row,
    span: Span,
    seats: Mapping[int, str],
    machines: Mapping[int, Workstation],
    grants: Mapping[tuple[int, int], Sequence[int]],
) -> Line:
    attempt, registration, candidate, room_sitting, room, _batch = row
    station = machines.get(span.workstation or 0)
    machine = Machine(station.id, fingerprint(station.public_key), station.hostname) if station else None
    return Line(
        room_sitting=room_sitting.id,
        room=room.name,
        span=span,
        seat=seats[span.seat],
        ticket=registration.ticket,
        name=candidate.name,
        machine=machine,
        state=attempt.state,
        journals=tuple(grants.get((attempt.id, span.workstation or 0), ())),
    )


def _gaps(session: Session, attempt_id: int, moment: datetime) -> tuple[LinkGapRow, ...]:
    query = select(LinkGapRow).where(
        LinkGapRow.attempt_id == attempt_id,
        LinkGapRow.lost_at <= moment,
        or_(LinkGapRow.back_at.is_(None), LinkGapRow.back_at > moment),
    )
    return tuple(session.scalars(query.order_by(LinkGapRow.lost_at)))


def _frames(session: Session, attempt_id: int, moment: datetime) -> tuple[EvidenceFrame, ...]:
    frames = select(EvidenceFrame).where(EvidenceFrame.attempt_id == attempt_id)
    before = frames.where(EvidenceFrame.taken_at <= moment).order_by(EvidenceFrame.taken_at.desc())
    after = frames.where(EvidenceFrame.taken_at > moment).order_by(EvidenceFrame.taken_at)
    found: Iterable[EvidenceFrame] = (
        *list(session.scalars(before.limit(_NEAR)))[::-1],
        *session.scalars(after.limit(_NEAR)),
    )
    return tuple(found)
