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
from server.db.watching import CandidateWarning, Enrolment
from server.services import command_log, desk_marks, kiosk_orders, seat_checks, warnings
from server.services.agents import Agent
from server.services.consent import rules_of
from server.services.enrolments import current_of
from server.services.kiosk_orders import IN_FORCE
from server.services.room_shared import RoomShared, SharedRooms
from server.services.roomstate import CLOSED, RoomState, load

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
        Attempt,
        Registration,
        Candidate,
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
    select(SeatStay.seat_id, Attempt)
    .join(Attempt, SeatStay.attempt_id == Attempt.id)
    .where(
        Attempt.room_sitting_id == bindparam("here"),
        SeatStay.seat_id.in_(bindparam("seats", expanding=True)),
        SeatStay.until_at.is_not(None),
    )
    .order_by(SeatStay.id)
)
_PEOPLE = (
    select(Registration, Candidate)
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


@dataclass(frozen=True, slots=True)
class SeatFound:
    """What stands in the store about one seat. `left`: the attempt has moved to another seat."""

    agent: Agent
    number: str
    attempt: Attempt | None = None
    person: tuple[Registration, Candidate] | None = None
    journal: int = 0
    """The attempt's latest journal."""
    owes: bool = False
    check: SeatCheck | None = None
    order: SignedOrder | None = None
    warnings: Sequence[CandidateWarning] = ()
    enrolment: Enrolment | None = None
    desk_consent: bool | None = None
    """What the candidate said at the sign-in desk about face comparison."""
    commands: tuple[SeatOrder, ...] = ()
    messages: tuple[MessageView, ...] = ()


@dataclass(slots=True)
class RoomFound:
    """A room, and what its seats have in common. `keys`: section keys by form, opened when first needed."""

    room: RoomState
    shared: RoomShared
    seats: list[SeatFound]
    keys: dict[str, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class _Seen:
    """What one look found of several seats; the sets name who has some of what hardly anybody has."""

    numbers: dict[int, str] = field(default_factory=dict)
    attempts: dict[int, Attempt] = field(default_factory=dict)
    """By seat."""
    people: dict[int, tuple[Registration, Candidate]] = field(default_factory=dict)
    journals: dict[int, int] = field(default_factory=dict)
    said: dict[int, bool] = field(default_factory=dict)
    checked: set[int] = field(default_factory=set)
    warned: list[Attempt] = field(default_factory=list)
    commanded: set[int] = field(default_factory=set)
    addressed: set[int] = field(default_factory=set)
    ordered: bool = False
    """Whether an order to some workstation of the room is in force."""
    open: bool = False
    """Whether one of the workstations has a journal that is not complete."""

    def note(self, seat: int, attempt: Attempt, rest: Sequence[Any]) -> None:
        """Who is at a seat; `rest`: the columns of `_AT_SEATS` behind the attempt."""
        registration, candidate, journal, consent, warned, commanded, addressed = rest
        self.attempts[seat] = attempt
        self.people[registration.id] = registration, candidate
        self.journals[attempt.id] = journal or 0
        if consent is not None:
            self.said[registration.id] = consent
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
    room = load(session, room_sitting_id)
    seen = _seen(session, room_sitting_id, agents, now)
    agents = [agent for agent in agents if agent.seat in seen.numbers]
    ids = {attempt.id for attempt in seen.attempts.values()}
    owing = _owing(session, agents) if seen.open else set()
    checks = seat_checks.of_seats(session, room_sitting_id, seen.checked) if seen.checked else {}
    stations = {agent.workstation for agent in agents}
    orders = kiosk_orders.in_force(session, room_sitting_id, stations, now=now) if seen.ordered else {}
    unread = warnings.unread(session, seen.warned)
    waiting = command_log.unconfirmed(session, seen.commanded) if seen.commanded else {}
    messages = command_log.messages_of(session, seen.addressed) if seen.addressed else {}
    enrolled = current_of(session, ids) if rules_of(room) is not None else {}
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
    return RoomFound(room=room, shared=kept.of(session, room), seats=found)


def _seen(session: Session, room_sitting_id: int, agents: Sequence[Agent], now: datetime) -> _Seen:
    """Who is at the seats, or has left them last: records may still lie there."""
    seen = _Seen()
    asked = {
        "here": room_sitting_id,
        "after": now - IN_FORCE,
        "seats": list({one.seat for one in agents}),
        "workstations": list({one.workstation for one in agents}),
    }
    for seat, number, checked, seen.ordered, seen.open, attempt, *rest in session.execute(_AT_SEATS, asked):
        seen.numbers[seat] = number
        if checked:
            seen.checked.add(seat)
        if attempt is not None:
            seen.note(seat, attempt, rest)
    empty = [seat for seat in seen.numbers if seat not in seen.attempts]
    if empty:
        _see_left(session, seen, {"here": room_sitting_id, "seats": empty})
    return seen


def _see_left(session: Session, seen: _Seen, asked: Mapping[str, Any]) -> None:
    """The attempts that have left these seats: few, so all that may belong to them is asked for."""
    left = dict(session.execute(_LEFT, asked).all())
    if not left:
        return
    registrations, ids = [one.registration_id for one in left.values()], {one.id for one in left.values()}
    for registration, candidate in session.execute(_PEOPLE, {"registrations": registrations}):
        seen.people[registration.id] = registration, candidate
    seen.attempts |= left
    seen.journals |= dict(session.execute(_JOURNALS, {"attempts": list(ids)}).all())
    seen.said |= desk_marks.consents(session, registrations)
    seen.warned += left.values()
    seen.commanded |= ids
    seen.addressed |= ids


def _owing(session: Session, agents: Sequence[Agent]) -> set[int]:
    """Workstations on which records of a closed or moved attempt may still lie."""
    seats = {agent.workstation: agent.seat for agent in agents}
    found = session.execute(_OWED, {"workstations": list(seats)})
    return {
        workstation for workstation, state, seat in found if state in CLOSED or seat != seats[workstation]
    }
