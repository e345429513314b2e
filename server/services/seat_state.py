"""What a seat has to know: one `SeatState` built from the record, whole each time, so lost pushes heal.

A seat's version is made of the sitting's start minute and of the versions of room and attempt, so it
grows from sitting to sitting and with every change; the agent keeps the newest.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from exam_rooms import clock
from exam_rooms.clock import Phase
from exam_rooms.kiosk_messages import Accommodation, PauseView, SebState
from exam_rooms.protocol import CandidateView, PaperView, SeatState, SittingView, Step
from exam_rooms.seats import AttemptState
from exam_rooms.watch_messages import WarningView
from itembank.package import section_key
from server.db.base import vault_of
from server.db.papers import Package
from server.errors import NotFound
from server.services import accommodations, breaches, kiosk_orders, packages, seat_checks
from server.services.agents import Agent
from server.services.plain_rows import AttemptRow
from server.services.room_shared import SharedRooms
from server.services.roomstate import RoomSeen
from server.services.rosters import masked_id
from server.services.seat_lookups import RoomFound, SeatFound, look, numbers_of
from server.services.sittings_now import current_sitting
from server.services.watching import plan_for

RULES_VERSION = "2026-11"
"""Version of the examination rules and pledge that the candidate page shows."""
_FIRST_MINUTE = datetime(2020, 1, 1, tzinfo=UTC)
_ROOM_FOR_CHANGES = 1_000_000
_STEPS = {
    AttemptState.IDENTIFIED: Step.IDENTIFIED,
    AttemptState.ADMITTED: Step.ADMITTED,
    AttemptState.CONFIRMED: Step.CONFIRMED,
    AttemptState.READY: Step.READY,
    AttemptState.ANSWERING: Step.ANSWERING,
    AttemptState.SUBMITTED: Step.SUBMITTED,
    AttemptState.AUTO_SUBMITTED: Step.TIME_OVER,
    AttemptState.ENDED: Step.ENDED,
    AttemptState.ABSENT: Step.ABSENT,
}
_UNKNOWN_PERSON = frozenset({AttemptState.ASSIGNED, AttemptState.ABSENT})


@dataclass(frozen=True, slots=True)
class SeatView:
    """A seat's state, the sitting it is of, whether this workstation still owes records of closed work."""

    state: SeatState
    room_sitting: int | None = None
    owes: bool = False


def build(session: Session, agent: Agent, *, now: datetime, demo: bool) -> SeatView:
    """What this workstation shows at `now`. Raises `NotFound` when its seat is no more."""
    found = build_all(session, [agent], now=now, demo=demo)
    if agent.workstation not in found:
        raise NotFound("seat")
    return found[agent.workstation]


def build_all(
    session: Session,
    agents: Iterable[Agent],
    *,
    now: datetime,
    demo: bool,
    kept: SharedRooms | None = None,
) -> dict[int, SeatView]:
    """Workstation -> what it shows at `now`; one look for each room. Seats that are no more are left out.

    `kept`: what the seats of a room have in common, if that is remembered.
    """
    shared = kept or SharedRooms()
    rooms: dict[int, list[Agent]] = {}
    for agent in agents:
        rooms.setdefault(agent.room, []).append(agent)
    views: dict[int, SeatView] = {}
    for room, there in rooms.items():
        current = current_sitting(session, room, now)
        needed = shared.seb(session, room)
        if current is None:
            views |= _without_sitting(session, there, needed, now)
            continue
        found = look(session, current, there, shared, now=now)
        base = _base(found, now=now, demo=demo, needed=needed)
        views |= {seat.agent.workstation: _view(session, found, seat, base, now) for seat in found.seats}
    return views


def _without_sitting(
    session: Session, agents: Sequence[Agent], needed: SebState, now: datetime
) -> dict[int, SeatView]:
    numbers = numbers_of(session, agents)
    return {
        agent.workstation: SeatView(
            SeatState(version=0, server_time=now, seat=numbers[agent.seat], step=Step.UNASSIGNED, seb=needed)
        )
        for agent in agents
        if agent.seat in numbers
    }


def _base(found: RoomFound, *, now: datetime, demo: bool, needed: SebState) -> SeatState:
    """What all seats of a room are told."""
    room = found.room
    return SeatState(
        version=_version(room, None, now),
        server_time=now,
        seat="",
        step=Step.UNASSIGNED,
        sitting=_sitting_view(room, demo),
        started_at=room.row.started_at,
        tools=room.policy.tools,
        announcements=found.shared.announcements,
        kiosk=breaches.watched_for(room),
        seb=needed,
    )


def _view(session: Session, found: RoomFound, seat: SeatFound, base: SeatState, now: datetime) -> SeatView:
    room, attempt, agent = found.room, seat.attempt, seat.agent
    kiosk, pin = base.kiosk or breaches.watched_for(room), found.shared.pin
    state = replace(
        base,
        version=_version(room, attempt, now),
        seat=seat.number,
        check=seat_checks.plan_for(room, found.shared.round, seat.check, agent),
        watch=plan_for(session, room, attempt, agent, seat.enrolment),
        kiosk=kiosk_orders.with_leaving(kiosk, pin, seat.order),
    )
    if attempt is not None:
        state = _with_attempt(session, state, found, seat, attempt, now)
    return SeatView(state, room.row.id, seat.owes)


def _version(room: RoomSeen, attempt: AttemptRow | None, now: datetime) -> int:
    minutes = int((room.sitting.starts_at - _FIRST_MINUTE).total_seconds() // 60)
    opened = 0 if room.phase(now) is Phase.BEFORE else 1
    return minutes * _ROOM_FOR_CHANGES + room.row.version + (attempt.version if attempt else 0) + opened


def _sitting_view(room: RoomSeen, demo: bool) -> SittingView:
    return SittingView(
        title=room.batch.name,
        room=room.room.name,
        occupation=room.policy.occupation_name,
        level_name=room.policy.level_name,
        starts_at=room.sitting.starts_at,
        minutes=float(room.sitting.minutes),
        rules_version=RULES_VERSION,
        demo=demo,
        rehearsal=room.batch.rehearsal,
    )


def _with_attempt(  # noqa: PLR0913 - one state from its sources
    session: Session, state: SeatState, found: RoomFound, seat: SeatFound, attempt: AttemptRow, now: datetime
) -> SeatState:
    room, here = found.room, attempt.seat_id == seat.agent.seat
    step = _step(room, attempt, now) if here else Step.MOVED
    own = here and AttemptState(attempt.state) not in _UNKNOWN_PERSON
    paused = room.paused_since(attempt, now) if step is Step.ANSWERING else None
    return replace(
        state,
        step=step,
        candidate=_candidate_view(session, seat) if own else None,
        attempt=attempt.id if own or not here else None,
        paper=_paper_view(session, found, attempt, step) if here else None,
        deadline=room.standing(attempt, now) if room.row.started_at else None,
        submit_from=room.submit_from(attempt) if room.row.started_at else None,
        paused=PauseView(paused) if paused is not None else None,
        paused_minutes=float(clock.paused_minutes(room.clock_of(attempt), now)),
        commands=seat.commands if here else (),
        messages=seat.messages if own else (),
        credit_minutes=float(room.credit(attempt)),
        accommodation=_accommodation(room, seat, attempt) if own else Accommodation(),
        hand_raised_at=attempt.hand_raised_at if here else None,
        collect=attempt.collected_at is not None,
        journal=seat.journal,
        notice=attempt.close_reason if step is Step.ENDED else "",
        warnings=tuple(WarningView(row.id, row.text) for row in seat.warnings) if here else (),
        frozen=breaches.frozen_view(attempt) if here else None,
    )


def _accommodation(room: RoomSeen, seat: SeatFound, attempt: AttemptRow) -> Accommodation:
    if seat.person is None:
        return Accommodation()
    return accommodations.view(room, seat.person[0], attempt)


def _step(room: RoomSeen, attempt: AttemptRow, now: datetime) -> Step:
    if attempt.state == AttemptState.ASSIGNED:
        return Step.SIGN_IN if clock.entry_open(room.clock, now) else Step.UNASSIGNED
    return _STEPS[AttemptState(attempt.state)]


def _candidate_view(session: Session, seat: SeatFound) -> CandidateView | None:
    if seat.person is None:
        return None
    registration, candidate = seat.person
    return CandidateView(
        name=candidate.name,
        ticket=registration.ticket,
        id_masked=masked_id(session, candidate),
        employer=registration.employer,
        has_photo=registration.has_photo,
        face_consent=seat.desk_consent,
    )


def _paper_view(session: Session, found: RoomFound, attempt: AttemptRow, step: Step) -> PaperView | None:
    """The package to fetch; its section's key goes out only while this seat is answering."""
    package = found.shared.package
    if package is None:
        return None
    key = None
    if step is Step.ANSWERING:
        if attempt.form not in found.keys:
            found.keys[attempt.form] = _section_key(session, package, attempt.form)
        key = found.keys[attempt.form]
    return PaperView(package.uid, package.sha256, package.size, attempt.form, key)


def _section_key(session: Session, package: Package, form: str) -> str | None:
    if package.sealed_content_key is None:
        return None
    content_key = vault_of(session).open_value(
        packages.CONTENT_PURPOSE, package.uid, package.sealed_content_key
    )
    return base64.b64encode(section_key(content_key, f"paper/{form}")).decode()
