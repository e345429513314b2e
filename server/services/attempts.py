"""What a candidate does at a seat after signing in: confirm, accept, open a journal.

And what the clock does: it closes what is open.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, bindparam, func, select
from sqlalchemy.orm import Session

from exam_rooms import clock
from exam_rooms.incidents import IncidentKind
from exam_rooms.protocol import AcceptRequest
from exam_rooms.seats import Act, AttemptState
from server.access import Actor
from server.db.base import brief
from server.db.breaches import Breach
from server.db.epochs import ServerEpoch
from server.db.rooms import Seat
from server.db.sittings import Attempt, JournalGrant, Registration
from server.errors import NotFound, Refused
from server.services import audit, breaches, consents, desk_marks
from server.services.agents import Agent
from server.services.captures import ensure_seed
from server.services.consent import rules_of
from server.services.incidents import Place, end_episodes, raise_incident
from server.services.link_gaps import end_elsewhere
from server.services.roomstate import (
    CLOSED,
    RoomState,
    Timed,
    advance,
    attempts_of,
    load,
    start_all,
)
from server.services.stream import Tail

JOURNALS_OF_AN_EPOCH = 1000
_SEATED = (
    select(Attempt, Seat.number)
    .join(Seat, Seat.id == Attempt.seat_id)
    .where(Attempt.room_sitting_id == bindparam("room"), Attempt.seat_id == bindparam("seat"))
    .with_for_update(key_share=True, of=Attempt)
    .execution_options(populate_existing=True)
)
_ASKED = (
    select(Attempt, Registration.ticket)
    .join(Registration, Registration.id == Attempt.registration_id)
    .where(Attempt.id.in_(bindparam("attempts", expanding=True)))
    .order_by(Attempt.id)
    .with_for_update(key_share=True, of=Attempt)
    .execution_options(populate_existing=True)
)
_LAST_JOURNALS = (
    select(JournalGrant.attempt_id, func.max(JournalGrant.journal))
    .where(JournalGrant.attempt_id.in_(bindparam("attempts", expanding=True)))
    .group_by(JournalGrant.attempt_id)
)
_EPOCH = select(func.max(ServerEpoch.number))
_TIMED = select(
    Attempt.id, Attempt.registration_id, Attempt.state, Attempt.credit_minutes, Attempt.closed_at
).where(Attempt.room_sitting_id == bindparam("room"), Attempt.state.in_(bindparam("states", expanding=True)))
"""Written once: every room at work is asked every second, and building a statement costs more than it."""
AT_SEAT = frozenset({AttemptState.READY, AttemptState.ANSWERING})


@dataclass(frozen=True, slots=True)
class JournalWanted:
    """A workstation asks for a new journal of an attempt; `end` is the head that it continues."""

    agent: Agent
    attempt: int
    end: Tail


@dataclass(frozen=True, slots=True)
class JournalOpened:
    """The journal, and the candidate's ticket."""

    grant: JournalGrant
    ticket: str


def seated_at(session: Session, agent: Agent, room_sitting_id: int) -> tuple[Attempt, str]:
    """The attempt at this agent's seat in a sitting, locked, and the seat's number."""
    found = session.execute(_SEATED, {"room": room_sitting_id, "seat": agent.seat}).one_or_none()
    if found is None:
        raise NotFound("attempt")
    attempt, number = found
    return attempt, number


@brief
def confirm(session: Session, agent: Agent, room_sitting_id: int, is_me: bool, *, now: datetime) -> None:
    """The candidate says whether photo and name are theirs; "no" calls the invigilator."""
    attempt, seat = seated_at(session, agent, room_sitting_id)
    advance(session, attempt, Act.CONFIRM if is_me else Act.DENY)
    attempt.workstation_id = agent.workstation
    if is_me:
        attempt.confirmed_at = now
    else:
        place = Place(attempt.room_sitting_id, attempt.seat_id, attempt.id)
        raise_incident(session, place, IncidentKind.IDENTITY_DENIED, now=now)
    _record_at(session, seat, attempt, "identity_confirmed" if is_me else "identity_denied", now)


@brief
def accept(
    session: Session, agent: Agent, room_sitting_id: int, choice: AcceptRequest, *, now: datetime
) -> None:
    """Rules and pledge accepted; face comparison is free, refusing it is as good a choice.

    Where no camera is used nobody is asked, and nothing stands on the record.
    """
    room = load(session, room_sitting_id, lock=True)  # either this or the start of the room comes first
    attempt, seat = seated_at(session, agent, room_sitting_id)
    advance(session, attempt, Act.ACCEPT)
    attempt.accepted_at, attempt.rules_version = now, choice.rules_version[:20]
    attempt.face_consent = choice.face_consent if rules_of(room) is not None else None
    if attempt.face_consent is not None:
        consents.note_answer(session, attempt.id, attempt.face_consent, choice.consent_version, now=now)
    _record_at(session, seat, attempt, "rules_accepted", now, face_consent=attempt.face_consent)
    if room.may_begin(attempt, now):
        begin(session, attempt, max(now, room.row.started_at or now))


def begin(session: Session, attempt: Attempt, now: datetime) -> None:
    """The paper opens at a ready seat; the first one in a room with cameras draws the random captures."""
    begin_all(session, [attempt], now)


def begin_all(session: Session, attempts: Sequence[Attempt], now: datetime) -> None:
    """The papers of a room's ready seats open, all at once."""
    told_of = select(Breach.attempt_id).where(
        Breach.attempt_id.in_([attempt.id for attempt in attempts]), Breach.ended_at.is_(None)
    )
    suspects = set(session.scalars(told_of))  # one look for all: hardly anybody is one
    for room_sitting in {attempt.room_sitting_id for attempt in attempts}:
        ensure_seed(session, room_sitting, now=now)
    start_all(session, attempts, now)
    for attempt in attempts:
        if attempt.id in suspects:
            breaches.cover_at_start(session, attempt, now=now)


def to_watch(session: Session, room: RoomState, now: datetime) -> Sequence[Timed]:
    """The attempts of a running room at which the clock may have something to do now: asked every second.

    As long as nobody's time can be over those at work are not even looked at.
    """
    states = {AttemptState(state) for state in AttemptState} - CLOSED
    if now <= room.first_grace_over():
        states = {AttemptState.READY, AttemptState.ASSIGNED}
    asked = {"room": room.row.id, "states": sorted(states)}
    return cast("Sequence[Timed]", session.execute(_TIMED, asked).all())


def somebody_waits(room: RoomState, attempts: Iterable[Timed], now: datetime) -> bool:
    """Whether a ready seat waits for a start that has long been."""
    return any(attempt.state == AttemptState.READY and room.may_begin(attempt, now) for attempt in attempts)


def begin_waiting(session: Session, room_sitting_id: int, *, now: datetime) -> list[int]:
    """Opens the paper at every ready seat of a running room; returns the attempts."""
    room = load(session, room_sitting_id, lock=True)
    waiting = [
        attempt
        for attempt in attempts_of(session, room_sitting_id, lock=True)
        if attempt.state == AttemptState.READY and room.may_begin(attempt, now)
    ]
    begin_all(session, waiting, now)
    return [attempt.id for attempt in waiting]


@brief
def open_journals(
    session: Session, wanted: Sequence[JournalWanted], *, now: datetime
) -> list[JournalOpened | Refused]:
    """Journals for seats that ask at the same moment, in one transaction; a refusal where one is not granted.

    Each epoch counts from a number of its own: the server before may have granted some that never came here.
    """
    ids = sorted({each.attempt for each in wanted})
    found = {row.Attempt.id: row for row in session.execute(_ASKED, {"attempts": ids})}
    last = {row[0]: row[1] for row in session.execute(_LAST_JOURNALS, {"attempts": ids})}
    first = (max(1, session.scalar(_EPOCH) or 0) - 1) * JOURNALS_OF_AN_EPOCH + 1
    opened: dict[int, JournalOpened | Refused] = {}
    for place in sorted(range(len(wanted)), key=lambda place: _order(found.get(wanted[place].attempt))):
        each = wanted[place]
        row = found.get(each.attempt)
        if row is None:
            opened[place] = NotFound("attempt")
            continue
        refusal = _journal_refused(row.Attempt, each.agent)
        if refusal is not None:
            opened[place] = refusal
            continue
        before = last.get(each.attempt)
        last[each.attempt] = max((before or 0) + 1, first)
        grant = _granted(session, row.Attempt, each, last[each.attempt], now)
        if before:
            facts = {"journal": grant.journal, "workstation": each.agent.workstation}
            _record(session, row.Attempt, "journal_opened", now, **facts)
        opened[place] = JournalOpened(grant, row.ticket)
    granted = [each.grant.attempt_id for each in opened.values() if isinstance(each, JournalOpened)]
    end_elsewhere(session, [found[attempt].Attempt for attempt in granted], now=now)
    return [opened[place] for place in range(len(wanted))]


def _order(row: Row[Attempt, str] | None) -> tuple[int, int]:
    """Chains of sittings are locked in the same order by all processes, or two wait for each other."""
    return (0, 0) if row is None else (row.Attempt.room_sitting_id, row.Attempt.id)


def _journal_refused(attempt: Attempt, agent: Agent) -> Refused | None:
    if attempt.seat_id != agent.seat:
        return Refused("attempt_not_here", 403)
    if AttemptState(attempt.state) not in AT_SEAT:
        return Refused("journal_not_now", state=attempt.state)
    return None


def _granted(
    session: Session, attempt: Attempt, wanted: JournalWanted, number: int, now: datetime
) -> JournalGrant:
    grant = JournalGrant(
        attempt_id=attempt.id,
        journal=number,
        workstation_id=wanted.agent.workstation,
        parent=wanted.end.head,
        opened_at=now,
    )
    session.add(grant)
    attempt.workstation_id = wanted.agent.workstation
    return grant


def tell_broken_chain(session: Session, attempt_id: int, *, now: datetime) -> None:
    """The whole stream was looked at before a submission is confirmed, and does not hold."""
    attempt = session.get_one(Attempt, attempt_id)
    place = Place(attempt.room_sitting_id, attempt.seat_id, attempt_id)
    raise_incident(session, place, IncidentKind.CHAIN_ERROR, now=now, cause="submission")


def something_due(
    room: RoomState, attempts: Iterable[Timed], now: datetime, coming: Collection[int] = ()
) -> bool:
    """Whether the clock has to close some seat: asked every second, so that idle seconds write nothing.

    `coming`: attempts of those who were at the desk in time (`desk_marks.coming`).
    """
    if room.row.started_at is None or room.row.ended_at is not None:
        return False
    door_closed = now > clock.late_entry_closes(room.clock)
    return any(
        now > room.grace_over(attempt)
        or (door_closed and attempt.state == AttemptState.ASSIGNED and attempt.id not in coming)
        for attempt in attempts
        if AttemptState(attempt.state) not in CLOSED
    )


def next_moments(
    room: RoomState, attempts: Iterable[Timed], now: datetime, coming: Collection[int] = ()
) -> list[datetime]:
    """When something may next be due at seats (`something_due`) if nothing happens; `NEVER` among them."""
    if room.row.started_at is None or room.row.ended_at is not None:
        return []
    seats = [attempt for attempt in attempts if AttemptState(attempt.state) not in CLOSED]
    first = room.first_grace_over()
    found = [first] if now <= first else [room.grace_over(attempt) for attempt in seats]
    if any(seat.state == AttemptState.ASSIGNED and seat.id not in coming for seat in seats):
        found.append(clock.late_entry_closes(room.clock))
    return found


def close_overdue(session: Session, room_sitting_id: int, *, now: datetime) -> list[int]:
    """Closes every seat whose deadline and grace have passed; returns the attempts closed.

    Until then a submission on its way still arrives; from the deadline on the seat itself is locked.
    """
    room = load(session, room_sitting_id, lock=True)
    if room.row.started_at is None or room.row.ended_at is not None:
        return []
    over = []
    for attempt in _open_attempts(session, room_sitting_id):
        if now > room.grace_over(attempt):
            advance(session, attempt, Act.TIME_OVER)
            attempt.closed_at, attempt.close_reason = room.deadline(attempt), "time_over"
            end_episodes(session, attempt.id, now=room.deadline(attempt))
            _record(session, attempt, "time_over", now, state=attempt.state)
            over.append(attempt.id)
    return over


def mark_latecomers_absent(session: Session, room_sitting_id: int, *, now: datetime) -> list[int]:
    """Seats nobody came to are absent once late entry has closed, unless the desk has seen them in time."""
    room = load(session, room_sitting_id, lock=True)
    if room.row.started_at is None or now <= clock.late_entry_closes(room.clock):
        return []
    absent, coming = [], desk_marks.coming(session, room_sitting_id)
    for attempt in _open_attempts(session, room_sitting_id):
        if attempt.state == AttemptState.ASSIGNED and attempt.id not in coming:
            advance(session, attempt, Act.MARK_ABSENT)
            attempt.closed_at, attempt.close_reason = now, "late_entry_closed"
            _record(session, attempt, "absent", now)
            absent.append(attempt.id)
    return absent


def _open_attempts(session: Session, room_sitting_id: int) -> list[Attempt]:
    closed = [str(state) for state in CLOSED]
    query = select(Attempt).where(Attempt.room_sitting_id == room_sitting_id, Attempt.state.not_in(closed))
    return list(session.scalars(query.order_by(Attempt.id).with_for_update(key_share=True)))


def _record(session: Session, attempt: Attempt, act: str, now: datetime, **details: Any) -> None:  # noqa: ANN401
    _record_at(session, session.get_one(Seat, attempt.seat_id).number, attempt, act, now, **details)


def _record_at(
    session: Session,
    seat: str,
    attempt: Attempt,
    act: str,
    now: datetime,
    **details: Any,  # noqa: ANN401
) -> None:
    stream = audit.sitting_stream(attempt.room_sitting_id)
    who = Actor(None, f"seat {seat}")
    audit.record(session, stream, who, act, f"attempt/{attempt.id}", now=now, seat=seat, **details)
