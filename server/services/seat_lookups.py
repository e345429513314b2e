"""One look at the store for several seats of a room: what their states hold, in as few queries as for one.

A room of hundreds changes at once when it starts; looked up seat by seat, the queries would cost more than
everything else together.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import AnnouncementView, MessageView, SeatOrder
from server.db.checks import SeatCheck
from server.db.kiosk import RoomPin, SignedOrder
from server.db.papers import Package
from server.db.rooms import Seat
from server.db.sittings import Attempt, Candidate, JournalGrant, Registration, SeatStay
from server.db.watching import CandidateWarning, Enrolment
from server.services import (
    announcements,
    command_log,
    desk_marks,
    kiosk_orders,
    packages,
    seat_checks,
    warnings,
)
from server.services.agents import Agent
from server.services.consent import rules_of
from server.services.enrolments import current_of
from server.services.roomstate import CLOSED, RoomState, load
from server.services.seat_checks import RoomRound

_NUMBERS = select(Seat.id, Seat.number).where(Seat.id.in_(bindparam("seats", expanding=True)))
_PIN = select(RoomPin).where(RoomPin.room_sitting_id == bindparam("here"))
_ATTEMPTS = select(Attempt).where(
    Attempt.room_sitting_id == bindparam("here"), Attempt.seat_id.in_(bindparam("seats", expanding=True))
)
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
    """What the seats of a room have in common. `keys`: section keys by form, opened when first needed."""

    room: RoomState
    package: Package | None
    announcements: tuple[AnnouncementView, ...]
    pin: RoomPin | None
    round: RoomRound | None
    seats: list[SeatFound]
    keys: dict[str, str | None] = field(default_factory=dict)


def numbers_of(session: Session, agents: Iterable[Agent]) -> dict[int, str]:
    """Seat id -> number, of those seats that there are."""
    return dict(session.execute(_NUMBERS, {"seats": list({agent.seat for agent in agents})}).all())


def look(session: Session, room_sitting_id: int, agents: Sequence[Agent], *, now: datetime) -> RoomFound:
    """All that the states of these workstations, all of one room, are made of."""
    room = load(session, room_sitting_id)
    numbers = numbers_of(session, agents)
    agents = [agent for agent in agents if agent.seat in numbers]
    seats, stations = {agent.seat for agent in agents}, {agent.workstation for agent in agents}
    attempts = _attempts(session, room_sitting_id, seats)
    ids = {attempt.id for attempt in attempts.values()}
    people = _people(session, attempts.values())
    journals = _journals(session, ids)
    owing = _owing(session, agents)
    checks = seat_checks.of_seats(session, room_sitting_id, seats)
    orders = kiosk_orders.in_force(session, room_sitting_id, stations, now=now)
    unread = warnings.unread(session, attempts.values())
    orders_waiting = command_log.unconfirmed(session, ids)
    messages = command_log.messages_of(session, ids)
    enrolled = current_of(session, ids) if rules_of(room) is not None else {}
    said = desk_marks.consents(session, people)
    found = []
    for agent in agents:
        attempt = attempts.get(agent.seat)
        key = attempt.id if attempt else 0
        found.append(
            SeatFound(
                agent=agent,
                number=numbers[agent.seat],
                attempt=attempt,
                person=people.get(attempt.registration_id) if attempt else None,
                journal=journals.get(key, 0),
                owes=agent.workstation in owing,
                check=checks.get(agent.seat),
                order=orders.get(agent.workstation),
                warnings=unread.get(key, ()),
                enrolment=enrolled.get(key),
                desk_consent=said.get(attempt.registration_id) if attempt else None,
                commands=orders_waiting.get(key, ()),
                messages=messages.get(key, ()),
            )
        )
    return RoomFound(
        room=room,
        package=packages.current(session, room_sitting_id),
        announcements=announcements.shown(session, room_sitting_id),
        pin=session.scalar(_PIN, {"here": room_sitting_id}),
        round=seat_checks.round_of(session, room),
        seats=found,
    )


def _attempts(session: Session, room_sitting_id: int, seats: Collection[int]) -> dict[int, Attempt]:
    """Seat -> the attempt there, or else the one that left it last: its records may still lie there."""
    here = session.scalars(_ATTEMPTS, {"here": room_sitting_id, "seats": list(seats)})
    found = {attempt.seat_id: attempt for attempt in here}
    empty = [seat for seat in seats if seat not in found]
    asked = {"here": room_sitting_id, "seats": empty}
    gone = dict(session.execute(_LEFT, asked).all()) if empty else {}
    return gone | found


def _people(session: Session, attempts: Iterable[Attempt]) -> Mapping[int, tuple[Registration, Candidate]]:
    found = session.execute(_PEOPLE, {"registrations": [attempt.registration_id for attempt in attempts]})
    return {registration.id: (registration, candidate) for registration, candidate in found}


def _journals(session: Session, attempts: Collection[int]) -> dict[int, int]:
    """Attempt -> its latest journal: whoever holds an older one must not go on in it."""
    return dict(session.execute(_JOURNALS, {"attempts": list(attempts)}).all())


def _owing(session: Session, agents: Sequence[Agent]) -> set[int]:
    """Workstations on which records of a closed or moved attempt may still lie."""
    seats = {agent.workstation: agent.seat for agent in agents}
    found = session.execute(_OWED, {"workstations": list(seats)})
    return {
        workstation for workstation, state, seat in found if state in CLOSED or seat != seats[workstation]
    }
