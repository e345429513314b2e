"""One room in one sitting with everything its rules look at: policy, clock, seats' deadlines."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, cast

from sqlalchemy import ColumnElement, Select, Table, Text, bindparam, exists, func, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session, defer

from exam_rooms import clock
from exam_rooms.clock import Phase, RoomClock
from exam_rooms.seats import Act, AttemptState, IllegalMove, perform
from server.db.base import TO_CHANGE, Base, emit
from server.db.commands import PauseRow
from server.db.rooms import Room
from server.db.sittings import Attempt, Batch, Registration, RoomSitting, Sitting, TimeCredit
from server.errors import NotFound, Refused
from server.events import SeatChanged
from server.rules.accommodation import Extra, extra_minutes
from server.rules.policy import LevelPolicy
from server.rules.policy_components import DELIVERED
from server.services.batches import read_policy
from server.services.pauses import Pauses, pauses_of
from server.services.plain_rows import (
    AnyRoomSitting,
    BatchRow,
    RoomRow,
    RoomSittingRow,
    SittingRow,
    columns_of,
    cut,
)

AT_SEATS = tuple(sorted(map(str, DELIVERED)))
"""Methods of sittings that are held at seats; of the others a panel has the say (`services.assessments`)."""
CLOSED = frozenset(
    {AttemptState.SUBMITTED, AttemptState.AUTO_SUBMITTED, AttemptState.ENDED, AttemptState.ABSENT}
)
"""States in which nobody works at the seat any more."""
_EXTRA = Registration.extra_percent.is_not(None) | Registration.extra_minutes.is_not(None)


def _whole(*columns: ColumnElement[Any] | type[Base]) -> Select[Any]:
    """A room in one look: pauses and extra time, which hardly any has, are asked for where there are some.

    The frozen policy is read as the text that `read_policy` remembers.
    """
    return (
        select(*columns, *_BESIDES)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(RoomSitting.id == bindparam("here"))
    )


_BESIDES = (
    sql_cast(Batch.policy, Text),
    select(func.sum(TimeCredit.minutes))
    .where(TimeCredit.room_sitting_id == RoomSitting.id, TimeCredit.attempt_id.is_(None))
    .correlate(RoomSitting)
    .scalar_subquery(),
    exists().where(PauseRow.room_sitting_id == RoomSitting.id).correlate(RoomSitting),
    exists()
    .where(
        Registration.sitting_id == RoomSitting.sitting_id,
        Registration.room_id == RoomSitting.room_id,
        _EXTRA,
    )
    .correlate(RoomSitting),
)
_ROWS = (RoomSittingRow, SittingRow, BatchRow, RoomRow)
_TO_CHANGE = _whole(RoomSitting, Sitting, Batch, Room).options(defer(Batch.policy))
_TO_READ = _whole(
    *columns_of(RoomSittingRow, RoomSitting),
    *columns_of(SittingRow, Sitting),
    *columns_of(BatchRow, Batch),
    *columns_of(RoomRow, Room),
)
_rooms = cast("Table", RoomSitting.__table__)
_LOCK = (
    select(_rooms.c.id).where(_rooms.c.id == bindparam("here")).with_for_update(key_share=TO_CHANGE.key_share)
)
_LOCKED = (
    select(Attempt)
    .where(Attempt.id == bindparam("attempt"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
_EXTRAS = select(Registration.id, Registration.extra_percent, Registration.extra_minutes).where(
    Registration.sitting_id == bindparam("sitting"),
    Registration.room_id == bindparam("room"),
    _EXTRA,
)


class Timed(Protocol):
    """What the clock asks of an attempt."""

    @property
    def id(self) -> int: ...
    @property
    def registration_id(self) -> int: ...
    @property
    def state(self) -> str: ...
    @property
    def credit_minutes(self) -> Decimal: ...
    @property
    def closed_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomTimes:
    """The frozen policy of a room in a sitting and its clock (room-wide credits are in the clock).

    `extras`: the extra minutes of those registrations that have an approved accommodation. `pauses`: those of
    the room are in the clock, too.
    """

    policy: LevelPolicy
    clock: RoomClock
    extras: Mapping[int, Decimal] = field(default_factory=dict)
    pauses: Pauses = field(default_factory=Pauses)

    def phase(self, now: datetime) -> Phase:
        """What the room is doing at `now`."""
        return clock.phase(self.clock, now)

    def clock_of(self, attempt: Timed) -> RoomClock:
        """The clock of this seat: the room's with the seat's own pauses."""
        return self.pauses.clock_of(self.clock, attempt.id)

    def deadline(self, attempt: Timed) -> datetime:
        """When this seat's time is over: extra time, credits and pauses included; `NEVER` while it stands."""
        return clock.deadline(self.clock_of(attempt), self._own(attempt))

    def standing(self, attempt: Timed, now: datetime) -> datetime:
        """The deadline as people and the seat are told it: in a pause, as if that ended where it began."""
        return clock.standing(self.clock_of(attempt), now, self._own(attempt))

    def paused_since(self, attempt: Timed, now: datetime) -> datetime | None:
        """Since when this seat's time stands still, None when it goes on."""
        since = clock.paused_since(self.clock_of(attempt), now)
        return since if since is not None and since < self.standing(attempt, now) else None

    def submit_from(self, attempt: Timed) -> datetime:
        """From when on this candidate may hand in."""
        return clock.submit_allowed_at(self.clock_of(attempt), self._own(attempt))

    def credit(self, attempt: Timed) -> Decimal:
        """Minutes of compensation this candidate was given in all; extra time is not one of them."""
        return self.clock.credits_minutes + attempt.credit_minutes

    def extra_time(self, attempt: Timed) -> Decimal:
        """Minutes on top of the test by an approved accommodation."""
        return self.extras.get(attempt.registration_id, Decimal(0))

    def _own(self, attempt: Timed) -> Decimal:
        return attempt.credit_minutes + self.extra_time(attempt)

    def taken_until(self, attempt: Timed) -> datetime:
        """Until when answers of the attempt may be written: its deadline, or its end by a person."""
        ended = attempt.closed_at if attempt.state == AttemptState.ENDED else None
        return min(self.deadline(attempt), ended) if ended else self.deadline(attempt)

    def grace_over(self, attempt: Timed) -> datetime:
        """When the server closes the seat by itself: answers on their way have arrived by then."""
        return self.deadline(attempt) + timedelta(seconds=self.policy.grace_seconds)

    def first_grace_over(self) -> datetime:
        """No seat is closed by the clock before: what it has beyond the room's bare time only adds to it."""
        bare = replace(self.clock, pauses=())  # who worked on in a pause of the room has less of it, or none
        return clock.deadline(bare) + timedelta(seconds=self.policy.grace_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomSeen(RoomTimes):
    """A room in a sitting, with all that its times are made of, to be read."""

    row: AnyRoomSitting
    sitting: Sitting | SittingRow
    batch: Batch | BatchRow
    room: Room | RoomRow


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomState(RoomSeen):
    """The same, to be changed."""

    row: RoomSitting
    sitting: Sitting
    batch: Batch
    room: Room

    def may_begin(self, attempt: Timed, now: datetime) -> bool:
        """Whether a ready seat's paper may be open: the room was started, not ended, its own time goes on.

        `now` may lie a moment before the start that another transaction has just committed.
        """
        started = self.row.started_at is not None and self.row.ended_at is None
        return started and now < self.deadline(attempt)


def load(session: Session, room_sitting_id: int, *, lock: bool = False) -> RoomState:
    """The room in its sitting; `lock` keeps other writers of the row out until the commit.

    Who locks a room and attempts of it locks the room first, so that nobody waits for each other. What is
    done to seats is not done to a room that a panel assesses: `Refused` (`sitting_assessed`).
    """
    if lock:  # a look of its own: the one that follows must see what the writer before has committed
        session.flush()
        session.connection().execute(_LOCK, {"here": room_sitting_id})
    options = {"populate_existing": lock}
    found = session.execute(_TO_CHANGE, {"here": room_sitting_id}, execution_options=options).one_or_none()
    if found is None:
        raise NotFound("sitting")
    row, sitting, batch, room, *besides = found
    if lock and sitting.method not in AT_SEATS:
        raise Refused("sitting_assessed")
    times = _times(session, row, sitting, besides)
    return RoomState(row=row, sitting=sitting, batch=batch, room=room, **times)


def see(session: Session, room_sitting_id: int) -> RoomSeen:
    """The room in its sitting, to be read alone: by a plain statement."""
    session.flush()
    found = session.connection().execute(_TO_READ, {"here": room_sitting_id}).one_or_none()
    if found is None:
        raise NotFound("sitting")
    (row, sitting, batch, room), besides = cut(found, *_ROWS)
    times = _times(session, row, sitting, besides)
    return RoomSeen(row=row, sitting=sitting, batch=batch, room=room, **times)


def _times(
    session: Session, row: AnyRoomSitting, sitting: Sitting | SittingRow, besides: Sequence[Any]
) -> dict[str, Any]:
    """The fields of `RoomTimes`; `besides`: the columns of `_BESIDES`."""
    text, credit, paused, extra = besides
    policy, pauses = read_policy(text), pauses_of(session, row.id) if paused else Pauses()
    room_clock = RoomClock(
        schedule=policy.schedule(sitting.starts_at, sitting.minutes),
        started_at=row.started_at,
        ended_at=row.ended_at,
        credits_minutes=Decimal(credit or 0),
        pauses=pauses.room,
    )
    extras = extras_of(session, row, sitting) if extra else {}
    return {"policy": policy, "clock": room_clock, "extras": extras, "pauses": pauses}


def extras_of(session: Session, row: AnyRoomSitting, sitting: Sitting | SittingRow) -> dict[int, Decimal]:
    """Extra minutes by registration, of those in the room who have any."""
    found = session.execute(_EXTRAS, {"sitting": row.sitting_id, "room": row.room_id})
    return {
        registration: extra_minutes(Extra(percent, minutes), sitting.minutes)
        for registration, percent, minutes in found
    }


def locked_attempt(session: Session, attempt_id: int) -> Attempt:
    """An attempt, kept from other writers until the commit."""
    attempt = session.scalar(_LOCKED, {"attempt": attempt_id})
    if attempt is None:
        raise NotFound("attempt")
    return attempt


def attempts_of(session: Session, room_sitting_id: int, *, lock: bool = False) -> list[Attempt]:
    """All attempts of a room's sitting; `lock` waits for who changes one and keeps others out."""
    query = select(Attempt).where(Attempt.room_sitting_id == room_sitting_id).order_by(Attempt.id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return list(session.scalars(query))


def advance(session: Session, attempt: Attempt, act: Act) -> None:
    """Moves an attempt by an act and tells the seat and the monitor. Refused when the state forbids it."""
    attempt.state = _after(attempt, act)
    touch(session, attempt)


def start_all(session: Session, attempts: Sequence[Attempt], now: datetime) -> None:
    """The same by the start of a room, of all its ready attempts (locked) with one statement: a hundred would
    wait a hundred times for their turn in a busy server, and the room with them.
    """
    states = {_after(attempt, Act.START) for attempt in attempts}
    if not states:
        return
    (state,) = states
    session.execute(
        update(Attempt)
        .where(Attempt.id.in_([attempt.id for attempt in attempts]))
        .values(state=str(state), answering_at=now, version=Attempt.version + 1),
        execution_options={"synchronize_session": "evaluate"},
    )
    for attempt in attempts:
        emit(session, SeatChanged(attempt.room_sitting_id, attempt.seat_id))


def _after(attempt: Attempt, act: Act) -> AttemptState:
    try:
        return perform(AttemptState(attempt.state), act)
    except IllegalMove as fault:
        raise Refused("act_not_possible", state=attempt.state, act=str(act)) from fault


def touch(session: Session, attempt: Attempt) -> None:
    """The seat has something new to hear of."""
    attempt.version += 1
    emit(session, SeatChanged(attempt.room_sitting_id, attempt.seat_id))


def close(attempts: Iterable[Attempt], at: datetime, reason: str) -> None:
    """Notes when and why attempts were closed."""
    for attempt in attempts:
        attempt.closed_at, attempt.close_reason = at, reason


def lower_hand(session: Session, attempt: Attempt) -> None:
    """The candidate calls nobody any more; the incident is the caller's matter."""
    if attempt.hand_raised_at is not None:
        attempt.hand_raised_at, attempt.hand_reason = None, ""
        touch(session, attempt)
