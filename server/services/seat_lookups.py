"""One look at the store for several seats of a room: what their states hold, in as few queries as for one.

A room of hundreds changes at once when it starts; looked up seat by seat, the queries would cost more than
everything else together.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import MessageView, SeatOrder
from server.db.checks import SeatCheck
from server.db.commands import SeatCommand, SeatMessage
from server.db.kiosk import SignedOrder
from server.db.rooms import Seat
from server.db.signins import SignInRow
from server.db.sittings import Attempt, Candidate, JournalGrant, Registration, SeatStay
from server.db.watching import CandidateWarning
from server.services import command_log, desk_marks, kiosk_orders, seat_checks, warnings
from server.services.agents import Agent
from server.services.consent import rules_of
from server.services.enrolments import seen_of
from server.services.kiosk_orders import IN_FORCE
from server.services.plain_rows import (
    AttemptRow,
    CandidateRow,
    CheckRow,
    EnrolmentRow,
    RegistrationRow,
    columns_of,
    cut,
)
from server.services.room_shared import RoomShared, SharedRooms
from server.services.roomstate import CLOSED, RoomSeen, see

_NUMBERS = select(Seat.id, Seat.number).where(Seat.id.in_(bindparam("seats", expanding=True)))
_AT_SEATS = (
    select(
        Seat.id,
        Seat.number,
        exists()
        .where(SeatCheck.room_sitting_id == bindparam("here"), SeatCheck.seat_id == Seat.id)
        .correlate(Seat),
        exists().where(
            SignedOrder.room_sitting_id == bindparam("here"), SignedOrder.issued_at > bindparam("after")
        ),
        exists().where(
            JournalGrant.workstation_id.in_(bindparam("workstations", expanding=True)),
            JournalGrant.final_seq.is_(None),
        ),
        *columns_of(AttemptRow, Attempt),
        *columns_of(RegistrationRow, Registration),
        *columns_of(CandidateRow, Candidate),
        select(func.max(JournalGrant.journal))
        .where(JournalGrant.attempt_id == Attempt.id)
        .correlate(Attempt)
        .scalar_subquery(),
        select(SignInRow.consent)
        .where(SignInRow.standing_for == Attempt.registration_id)
        .correlate(Attempt)
        .scalar_subquery(),
        exists()
        .where(CandidateWarning.attempt_id == Attempt.id, CandidateWarning.read_at.is_(None))
        .correlate(Attempt),
        exists()
        .where(SeatCommand.attempt_id == Attempt.id, SeatCommand.done_at.is_(None))
        .correlate(Attempt),
        exists().where(SeatMessage.attempt_id == Attempt.id).correlate(Attempt),
    )
    .outerjoin(Attempt, (Attempt.seat_id == Seat.id) & (Attempt.room_sitting_id == bindparam("here")))
    .outerjoin(Registration, Registration.id == Attempt.registration_id)
    .outerjoin(Candidate, Candidate.id == Registration.candidate_id)
    .where(Seat.id.in_(bindparam("seats", expanding=True)))
)
"""Seats with who sits there, and whether there is any of what hardly any seat has: that is asked for closely
only where there is.
"""
_LEFT = (
    select(SeatStay.seat_id, *columns_of(AttemptRow, Attempt))
    .join(Attempt, SeatStay.attempt_id == Attempt.id)
    .where(
        Attempt.room_sitting_id == bindparam("here"),
        SeatStay.seat_id.in_(bindparam("seats", expanding=True)),
        SeatStay.until_at.is_not(None),
    )
    .order_by(SeatStay.id)
)
_PEOPLE = (
    select(Registration.id, *columns_of(RegistrationRow, Registration), *columns_of(CandidateRow, Candidate))
    .join(Candidate, Candidate.id == Registration.candidate_id)
    .where(Registration.id.in_(bindparam("registrations", expanding=True)))
)
_JOURNALS = (
    select(JournalGrant.attempt_id, func.max(JournalGrant.journal))
    .where(JournalGrant.attempt_id.in_(bindparam("attempts", expanding=True)))
    .group_by(JournalGrant.attempt_id)
)
_OWED = (
    select(JournalGrant.workstation_id, Attempt.state, Attempt.seat_id)
    .join(Attempt, Attempt.id == JournalGrant.attempt_id)
    .where(
        JournalGrant.workstation_id.in_(bindparam("workstations", expanding=True)),
        JournalGrant.final_seq.is_(None),
    )
)


Person = tuple[RegistrationRow, CandidateRow]


@dataclass(frozen=True, slots=True)
class SeatFound:
    """What stands in the store about one seat. `left`: the attempt has moved to another seat."""

    agent: Agent
    number: str
    attempt: AttemptRow | None = None
    person: Person | None = None
    journal: int = 0
    """The attempt's latest journal."""
    owes: bool = False
    check: CheckRow | None = None
    """Only while seats of the room may be asked to prove themselves."""
    order: SignedOrder | None = None
    warnings: Sequence[CandidateWarning] = ()
    enrolment: EnrolmentRow | None = None
    desk_consent: bool | None = None
    """What the candidate said at the sign-in desk about face comparison."""
    commands: tuple[SeatOrder, ...] = ()
    messages: tuple[MessageView, ...] = ()


@dataclass(slots=True)
class RoomFound:
    """A room, and what its seats have in common. `keys`: section keys by form, opened when first needed."""

    room: RoomSeen
    shared: RoomShared
    seats: list[SeatFound]
    keys: dict[str, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class _Seen:
    """What one look found of several seats; the sets name who has some of what hardly anybody has."""

    numbers: dict[int, str] = field(default_factory=dict)
    attempts: dict[int, AttemptRow] = field(default_factory=dict)
    """By seat."""
    people: dict[int, Person] = field(default_factory=dict)
    """By registration."""
    journals: dict[int, int] = field(default_factory=dict)
    said: dict[int, bool] = field(default_factory=dict)
    checked: set[int] = field(default_factory=set)
    warned: list[AttemptRow] = field(default_factory=list)
    commanded: set[int] = field(default_factory=set)
    addressed: set[int] = field(default_factory=set)
    ordered: bool = False
    """Whether an order to some workstation of the room is in force."""
    open: bool = False
    """Whether one of the workstations has a journal that is not complete."""

    def note(self, seat: int, who: Sequence[Any]) -> None:
        """Who is at a seat; `who`: the columns of `_AT_SEATS` from the attempt on."""
        (attempt, registration, candidate), rest = cut(who, AttemptRow, RegistrationRow, CandidateRow)
        journal, consent, warned, commanded, addressed = rest
        self.attempts[seat] = attempt
        self.people[attempt.registration_id] = registration, candidate
        self.journals[attempt.id] = journal or 0
        if consent is not None:
            self.said[attempt.registration_id] = consent
        if warned:
            self.warned.append(attempt)
        if commanded:
            self.commanded.add(attempt.id)
        if addressed:
            self.addressed.add(attempt.id)


def numbers_of(session: Session, agents: Iterable[Agent]) -> dict[int, str]:
    """Seat id -> number, of those seats that there are."""
    return dict(session.execute(_NUMBERS, {"seats": list({agent.seat for agent in agents})}).all())


def look(
    session: Session, room_sitting_id: int, agents: Sequence[Agent], kept: SharedRooms, *, now: datetime
) -> RoomFound:
    """All that the states of these workstations, all of one room, are made of."""
    room = see(session, room_sitting_id)
    seen = _seen(session, room_sitting_id, agents, now)
    agents = [agent for agent in agents if agent.seat in seen.numbers]
    ids = {attempt.id for attempt in seen.attempts.values()}
    owing = _owing(session, agents) if seen.open else set()
    shared = kept.of(session, room)
    asked = seen.checked if shared.round is not None else ()
    checks = seat_checks.of_seats(session, room_sitting_id, asked) if asked else {}
    stations = {agent.workstation for agent in agents}
    orders = kiosk_orders.in_force(session, room_sitting_id, stations, now=now) if seen.ordered else {}
    unread = warnings.unread(session, seen.warned)
    waiting = command_log.unconfirmed(session, seen.commanded) if seen.commanded else {}
    messages = command_log.messages_of(session, seen.addressed) if seen.addressed else {}
    enrolled = seen_of(session, ids) if rules_of(room) is not None else {}
    found = []
    for agent in agents:
        attempt = seen.attempts.get(agent.seat)
        key = attempt.id if attempt else 0
        found.append(
            SeatFound(
                agent=agent,
                number=seen.numbers[agent.seat],
                attempt=attempt,
                person=seen.people.get(attempt.registration_id) if attempt else None,
                journal=seen.journals.get(key, 0),
                owes=agent.workstation in owing,
                check=checks.get(agent.seat),
                order=orders.get(agent.workstation),
                warnings=unread.get(key, ()),
                enrolment=enrolled.get(key),
                desk_consent=seen.said.get(attempt.registration_id) if attempt else None,
                commands=waiting.get(key, ()),
                messages=messages.get(key, ()),
            )
        )
    return RoomFound(room=room, shared=shared, seats=found)


def _seen(session: Session, room_sitting_id: int, agents: Sequence[Agent], now: datetime) -> _Seen:
    """Who is at the seats, or has left them last: records may still lie there."""
    seen = _Seen()
    asked = {
        "here": room_sitting_id,
        "after": now - IN_FORCE,
        "seats": list({one.seat for one in agents}),
        "workstations": list({one.workstation for one in agents}),
    }
    rows = session.connection().execute(_AT_SEATS, asked).all()
    for seat, number, checked, seen.ordered, seen.open, *who in rows:
        seen.numbers[seat] = number
        if checked:
            seen.checked.add(seat)
        if who[0] is not None:
            seen.note(seat, who)
    empty = [seat for seat in seen.numbers if seat not in seen.attempts]
    if empty:
        _see_left(session, seen, {"here": room_sitting_id, "seats": empty})
    return seen


def _see_left(session: Session, seen: _Seen, asked: Mapping[str, Any]) -> None:
    """The attempts that have left these seats: few, so all that may belong to them is asked for."""
    connection = session.connection()
    left = {seat: AttemptRow._make(row) for seat, *row in connection.execute(_LEFT, asked)}
    if not left:
        return
    registrations, ids = [one.registration_id for one in left.values()], {one.id for one in left.values()}
    for key, *row in connection.execute(_PEOPLE, {"registrations": registrations}):
        (registration, candidate), _rest = cut(row, RegistrationRow, CandidateRow)
        seen.people[key] = registration, candidate
    seen.attempts |= left
    seen.journals |= dict(session.execute(_JOURNALS, {"attempts": list(ids)}).all())
    seen.said |= desk_marks.consents(session, registrations)
    seen.warned += left.values()
    seen.commanded |= ids
    seen.addressed |= ids


def _owing(session: Session, agents: Sequence[Agent]) -> set[int]:
    """Workstations on which records of a closed or moved attempt may still lie."""
    seats = {agent.workstation: agent.seat for agent in agents}
    found = session.connection().execute(_OWED, {"workstations": list(seats)})
    return {
        workstation for workstation, state, seat in found if state in CLOSED or seat != seats[workstation]
    }
