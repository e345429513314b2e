"""What a seat has to know: one `SeatState` built from the record, whole each time, so lost pushes heal.

A seat's version is made of the sitting's start minute and of the versions of room and attempt, so it
grows from sitting to sitting and with every change; the agent keeps the newest.
"""

import base64
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms import clock
from exam_rooms.clock import Phase
from exam_rooms.protocol import CandidateView, PaperView, SeatState, SittingView, Step
from exam_rooms.seats import AttemptState
from exam_rooms.watch_messages import WarningView
from itembank.package import section_key
from server.db.base import vault_of
from server.db.papers import Package
from server.db.rooms import Seat
from server.db.sittings import Attempt, Candidate, JournalGrant, Registration, SeatStay
from server.services import packages, warnings
from server.services.agents import Agent
from server.services.roomstate import CLOSED, RoomState, load
from server.services.rosters import masked_id
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
    """What this workstation shows at `now`."""
    number = session.get_one(Seat, agent.seat).number
    current = current_sitting(session, agent.room, now)
    if current is None:
        return SeatView(SeatState(version=0, server_time=now, seat=number, step=Step.UNASSIGNED))
    room = load(session, current)
    here = select(Attempt).where(Attempt.room_sitting_id == current, Attempt.seat_id == agent.seat)
    attempt = session.scalar(here) or _moved_away(session, agent, current)
    state = SeatState(
        version=_version(room, attempt, now),
        server_time=now,
        seat=number,
        step=Step.UNASSIGNED,
        sitting=_sitting_view(room, demo),
        started_at=room.row.started_at,
        watch=plan_for(session, room, attempt, agent),
    )
    if attempt is not None:
        state = _with_attempt(session, state, room, attempt, agent, now)
    return SeatView(state, current, _owes(session, agent))


def _moved_away(session: Session, agent: Agent, room_sitting_id: int) -> Attempt | None:
    """The attempt that left this seat while this workstation may still hold records of it."""
    query = (
        select(Attempt)
        .join(SeatStay, SeatStay.attempt_id == Attempt.id)
        .where(
            Attempt.room_sitting_id == room_sitting_id,
            SeatStay.seat_id == agent.seat,
            SeatStay.until_at.is_not(None),
        )
        .order_by(SeatStay.id.desc())
    )
    return session.scalars(query).first()


def _owes(session: Session, agent: Agent) -> bool:
    """Whether records of a closed or moved attempt may still lie on this workstation."""
    query = (
        select(JournalGrant.attempt_id)
        .join(Attempt, Attempt.id == JournalGrant.attempt_id)
        .where(
            JournalGrant.workstation_id == agent.workstation,
            JournalGrant.final_seq.is_(None),
            Attempt.state.in_([str(state) for state in CLOSED]) | (Attempt.seat_id != agent.seat),
        )
        .limit(1)
    )
    return session.scalar(query) is not None


def _version(room: RoomState, attempt: Attempt | None, now: datetime) -> int:
    minutes = int((room.sitting.starts_at - _FIRST_MINUTE).total_seconds() // 60)
    opened = 0 if room.phase(now) is Phase.BEFORE else 1
    return minutes * _ROOM_FOR_CHANGES + room.row.version + (attempt.version if attempt else 0) + opened


def _sitting_view(room: RoomState, demo: bool) -> SittingView:
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


def _with_attempt(  # noqa: PLR0913 - one state from its six sources
    session: Session, state: SeatState, room: RoomState, attempt: Attempt, agent: Agent, now: datetime
) -> SeatState:
    here = attempt.seat_id == agent.seat
    step = _step(room, attempt, now) if here else Step.MOVED
    own = here and AttemptState(attempt.state) not in _UNKNOWN_PERSON
    return replace(
        state,
        step=step,
        candidate=_candidate_view(session, attempt) if own else None,
        attempt=attempt.id if own or not here else None,
        paper=_paper_view(session, room, attempt, step) if here else None,
        deadline=room.deadline(attempt) if room.row.started_at else None,
        submit_from=_submit_from(room, attempt),
        credit_minutes=float(room.credit(attempt)),
        collect=attempt.collected_at is not None,
        notice=attempt.close_reason if step is Step.ENDED else "",
        warnings=_warnings(session, attempt) if here else (),
    )


def _warnings(session: Session, attempt: Attempt) -> tuple[WarningView, ...]:
    return tuple(WarningView(row.id, row.text) for row in warnings.unread(session, attempt))


def _step(room: RoomState, attempt: Attempt, now: datetime) -> Step:
    if attempt.state == AttemptState.ASSIGNED:
        return Step.SIGN_IN if clock.entry_open(room.clock, now) else Step.UNASSIGNED
    return _STEPS[AttemptState(attempt.state)]


def _submit_from(room: RoomState, attempt: Attempt) -> datetime | None:
    if room.row.started_at is None:
        return None
    return clock.submit_allowed_at(room.clock, attempt.credit_minutes)


def _candidate_view(session: Session, attempt: Attempt) -> CandidateView:
    registration = session.get_one(Registration, attempt.registration_id)
    candidate = session.get_one(Candidate, registration.candidate_id)
    return CandidateView(
        name=candidate.name,
        ticket=registration.ticket,
        id_masked=masked_id(session, candidate),
        employer=registration.employer,
        has_photo=registration.has_photo,
    )


def _paper_view(session: Session, room: RoomState, attempt: Attempt, step: Step) -> PaperView | None:
    """The package to fetch; its section's key goes out only while this seat is answering."""
    package = packages.current(session, room.row.id)
    if package is None:
        return None
    key = _section_key(session, package, attempt.form) if step is Step.ANSWERING else None
    return PaperView(package.uid, package.sha256, package.size, attempt.form, key)


def _section_key(session: Session, package: Package, form: str) -> str | None:
    if package.sealed_content_key is None:
        return None
    content_key = vault_of(session).open_value(
        packages.CONTENT_PURPOSE, package.uid, package.sealed_content_key
    )
    return base64.b64encode(section_key(content_key, f"paper/{form}")).decode()


class SeatViews:
    """Views by workstation, kept until something about the seat or its room changes.

    A view that was built from a look at the store before a change must not be kept after it: `changes`
    counts what was forgotten, and who builds says which count the look began with.
    """

    def __init__(self) -> None:
        self._views: dict[int, tuple[int, SeatView]] = {}
        self._lock = threading.Lock()
        self.changes = 0

    def get(self, agent: Agent) -> SeatView | None:
        """The kept view of a workstation at its present seat."""
        seat, view = self._views.get(agent.workstation, (0, None))
        return view if seat == agent.seat else None

    def keep(self, agent: Agent, view: SeatView, changes: int) -> None:
        """Keeps a view just built, unless something was forgotten since the count was `changes`."""
        with self._lock:
            if self.changes == changes:
                self._views[agent.workstation] = (agent.seat, view)

    def forget_seat(self, seat: int) -> None:
        """A seat's state has changed."""
        with self._lock:
            self.changes += 1
            for workstation in [key for key, (kept, _) in self._views.items() if kept == seat]:
                del self._views[workstation]

    def forget_all(self) -> None:
        """A room, a phase or a pairing has changed."""
        with self._lock:
            self.changes += 1
            self._views.clear()
