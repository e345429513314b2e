"""Handing in: an attempt is closed by its SUBMIT record, and its signed receipt is made.

A whole room hands in within minutes, so all that a submission depends on is asked for in two statements: the
attempt, locked, and then everything about it. What hardly anybody has (pauses, open episodes of a camera,
lateness) is looked at closely only where there is any.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Table, Text, bindparam, exists, func, select, update
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from exam_rooms.clock import NotCounted, RoomClock, in_time
from exam_rooms.protocol import Receipt, receipt_message
from exam_rooms.seats import Act, AttemptState, IllegalMove, perform
from exam_rooms.wire import decode, encode
from server.access import Actor
from server.db.base import TO_CHANGE, brief, emit
from server.db.commands import PauseRow
from server.db.rooms import Seat
from server.db.sittings import (
    Attempt,
    Batch,
    Incident,
    JournalGrant,
    Registration,
    RoomSitting,
    Sitting,
    TimeCredit,
)
from server.errors import NotFound, Refused
from server.events import SeatChanged
from server.rules.accommodation import Extra, extra_minutes
from server.services import audit
from server.services.batches import read_policy
from server.services.counting import Judge
from server.services.incidents import end_episodes
from server.services.pauses import Pauses, pauses_of
from server.services.roomstate import CLOSED, RoomTimes, load, locked_attempt
from server.services.stream import Submission, Tail

_attempt, _journal = cast("Table", Attempt.__table__), cast("Table", JournalGrant.__table__)
_STANDING = (
    select(
        _attempt.c.id,
        _attempt.c.registration_id,
        _attempt.c.room_sitting_id,
        _attempt.c.seat_id,
        _attempt.c.state,
        _attempt.c.credit_minutes,
        _attempt.c.closed_at,
        _attempt.c.reopened_at,
        _attempt.c.receipt,
        _attempt.c.collected_at,
        _attempt.c.version,
    )
    .where(_attempt.c.id == bindparam("one"))
    .with_for_update(key_share=TO_CHANGE.key_share)
)
_RECEIPT = select(_attempt.c.receipt).where(_attempt.c.id == bindparam("one"))
_OWN_JOURNALS = JournalGrant.attempt_id == bindparam("one")
_ABOUT = (
    select(
        RoomSitting.started_at,
        RoomSitting.ended_at,
        Sitting.starts_at,
        Sitting.minutes,
        sql_cast(Batch.policy, Text).label("policy"),
        Registration.ticket,
        Registration.extra_percent,
        Registration.extra_minutes,
        ((Registration.sitting_id == Sitting.id) & (Registration.room_id == RoomSitting.room_id)).label(
            "held"
        ),
        Seat.number,
        select(func.max(JournalGrant.journal)).where(_OWN_JOURNALS).scalar_subquery().label("last_journal"),
        select(func.sum(TimeCredit.minutes))
        .where(TimeCredit.room_sitting_id == RoomSitting.id, TimeCredit.attempt_id.is_(None))
        .correlate(RoomSitting)
        .scalar_subquery()
        .label("credit"),
        exists().where(PauseRow.room_sitting_id == RoomSitting.id).correlate(RoomSitting).label("pauses"),
        exists()
        .where(_OWN_JOURNALS, JournalGrant.journal != bindparam("journal"), JournalGrant.final_seq.is_(None))
        .label("others_open"),
        exists()
        .where(
            Incident.room_sitting_id == RoomSitting.id,
            Incident.attempt_id == bindparam("one"),
            Incident.episode != "",
        )
        .correlate(RoomSitting)
        .label("episodes"),
    )
    .join(Sitting, Sitting.id == RoomSitting.sitting_id)
    .join(Batch, Batch.id == Sitting.batch_id)
    .join(Registration, Registration.id == bindparam("registration"))
    .join(Seat, Seat.id == bindparam("seat"))
    .where(RoomSitting.id == bindparam("room"))
)
_CLOSE = update(_attempt).where(_attempt.c.id == bindparam("one"))
_COMPLETE = update(_journal).where(
    _journal.c.attempt_id == bindparam("one"), _journal.c.journal == bindparam("last")
)


@dataclass(frozen=True, slots=True)
class _Standing:
    """An attempt as it is now, kept from other writers."""

    id: int
    registration_id: int
    room_sitting_id: int
    seat_id: int
    state: str
    credit_minutes: Decimal
    closed_at: datetime | None
    reopened_at: datetime | None
    receipt: dict[str, Any] | None
    collected_at: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class _About:
    """What a submission depends on beside the attempt. `held`: the candidate is registered for this room.

    `others_open`: another journal of the attempt is not complete; `episodes`: its cameras have told of some.
    """

    started_at: datetime | None
    ended_at: datetime | None
    starts_at: datetime
    minutes: Decimal
    policy: str
    ticket: str
    extra_percent: Decimal | None
    extra_minutes: Decimal | None
    held: bool
    seat: str
    last_journal: int | None
    credit: Decimal | None
    pauses: bool
    others_open: bool
    episodes: bool


@brief
def submit(
    session: Session,
    attempt_id: int,
    submission: Submission,
    signing_key: Ed25519PrivateKey,
    *,
    now: datetime,
) -> Receipt:
    """Closes an attempt by its SUBMIT record and signs the receipt; the same record again changes nothing.

    Refused when too early or too late, and from a journal that another one continues: whoever handed in
    without a link and was then moved has gone on answering at the new seat, and hands in there.
    """
    record = submission.stored.record
    attempt = _standing(session, attempt_id)
    if attempt.state == AttemptState.SUBMITTED and attempt.receipt:
        return decode(Receipt, attempt.receipt)
    about = _about(session, attempt, record.journal)
    if record.journal < (about.last_journal or 0):
        raise Refused("submit_superseded")
    _need_in_time(session, attempt, _times(session, attempt, about), submission)
    try:
        state = perform(AttemptState(attempt.state), Act.SUBMIT)
    except IllegalMove as fault:
        raise Refused("act_not_possible", state=attempt.state, act=str(Act.SUBMIT)) from fault
    closed_at = submission.received_at
    if about.episodes:
        end_episodes(session, attempt_id, now=closed_at)
    made = _unsigned(attempt_id, about.ticket, Tail(record.journal, record.seq, record.hash), closed_at)
    made = _signed(replace(made, answered=submission.answered), signing_key)
    changes = {"state": str(state), "closed_at": closed_at, "close_reason": "submitted"}
    _keep(session, attempt, changes | {"receipt": encode(made)}, collected=not about.others_open, now=now)
    session.connection().execute(
        _COMPLETE, {"one": attempt_id, "last": record.journal, "final_seq": record.seq}
    )
    stream = audit.sitting_stream(attempt.room_sitting_id)
    who, what = Actor(None, f"seat {about.seat}"), {"head": record.hash, "answered": submission.answered}
    audit.record(session, stream, who, "submitted", f"attempt/{attempt_id}", now=now, seat=about.seat, **what)
    return made


def _standing(session: Session, attempt_id: int) -> _Standing:
    row = session.connection().execute(_STANDING, {"one": attempt_id}).one_or_none()
    if row is None:
        raise NotFound("attempt")
    return _Standing(*row)


def _about(session: Session, attempt: _Standing, journal: int) -> _About:
    places = {
        "room": attempt.room_sitting_id,
        "registration": attempt.registration_id,
        "seat": attempt.seat_id,
    }
    row = (
        session.connection().execute(_ABOUT, {"one": attempt.id, "journal": journal, **places}).one_or_none()
    )
    if row is None:
        raise NotFound("sitting")
    values: Sequence[Any] = row
    return _About(*values)


def _times(session: Session, attempt: _Standing, about: _About) -> RoomTimes:
    """The times of the room as `roomstate.load` says them, for this one attempt."""
    policy = read_policy(about.policy)
    pauses = pauses_of(session, attempt.room_sitting_id) if about.pauses else Pauses()
    extra: Mapping[int, Decimal] = {}
    if about.held and not (about.extra_percent is None and about.extra_minutes is None):
        own = Extra(about.extra_percent, about.extra_minutes)
        extra = {attempt.registration_id: extra_minutes(own, about.minutes)}
    clock = RoomClock(
        schedule=policy.schedule(about.starts_at, about.minutes),
        started_at=about.started_at,
        ended_at=about.ended_at,
        credits_minutes=Decimal(about.credit or 0),
        pauses=pauses.room,
    )
    return RoomTimes(policy=policy, clock=clock, extras=extra, pauses=pauses)


def _need_in_time(session: Session, attempt: _Standing, times: RoomTimes, submission: Submission) -> None:
    allowed = times.submit_from(attempt)
    if submission.received_at < allowed:
        raise Refused("submit_too_early", allowed=allowed.isoformat())
    stale = attempt.reopened_at is not None and submission.received_at <= attempt.reopened_at
    if stale or not _counts(session, attempt, times, submission):
        raise Refused("submit_too_late")


def _counts(session: Session, attempt: _Standing, times: RoomTimes, submission: Submission) -> bool:
    if in_time(submission.received_at, times.taken_until(attempt), times.policy.late_rule):
        return True
    room = load(session, attempt.room_sitting_id)
    judge = Judge(session, room, session.get_one(Attempt, attempt.id))
    return not isinstance(judge.verdict(submission.stored), NotCounted)


def _keep(
    session: Session, attempt: _Standing, changes: dict[str, Any], *, collected: bool, now: datetime
) -> None:
    """Writes what has changed and tells of it; an attempt whose journals are complete is collected."""
    changes |= {"version": attempt.version + 1}
    if collected and attempt.collected_at is None:
        changes |= {"collected_at": now}
    session.connection().execute(_CLOSE, {"one": attempt.id, **changes})
    emit(session, SeatChanged(attempt.room_sitting_id, attempt.seat_id))


def receipt_of(session: Session, attempt_id: int) -> Receipt | None:
    """The receipt that an attempt has already: the whole room asks for its own, and nothing more is read."""
    made = session.connection().execute(_RECEIPT, {"one": attempt_id}).scalar_one_or_none()
    return decode(Receipt, made) if made else None


@brief
def receipt(
    session: Session, attempt_id: int, end: Tail, answered: int, signing_key: Ed25519PrivateKey
) -> Receipt:
    """The receipt of a closed attempt; one closed by the clock or a person gets it once it is collected."""
    attempt = locked_attempt(session, attempt_id)
    if attempt.receipt:
        return decode(Receipt, attempt.receipt)
    if AttemptState(attempt.state) not in CLOSED or attempt.collected_at is None:
        raise Refused("receipt_not_ready")
    assert attempt.closed_at is not None
    ticket = session.get_one(Registration, attempt.registration_id).ticket
    unsigned = replace(_unsigned(attempt_id, ticket, end, attempt.closed_at), answered=answered)
    made = _signed(unsigned, signing_key)
    attempt.receipt = encode(made)
    return made


def _unsigned(attempt_id: int, ticket: str, end: Tail, closed_at: datetime) -> Receipt:
    return Receipt(
        attempt=attempt_id,
        ticket=ticket,
        journal=end.journal,
        seq=end.seq,
        head=end.head,
        answered=0,
        submitted_at=closed_at,
        signature="",
    )


def _signed(unsigned: Receipt, signing_key: Ed25519PrivateKey) -> Receipt:
    signature = signing_key.sign(receipt_message(unsigned))
    return replace(unsigned, signature=base64.b64encode(signature).decode())
