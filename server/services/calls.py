"""The raised hand: a candidate calls an invigilator, who comes to the seat.

While the hand is up an incident HAND_RAISED of the attempt is open; both end together.
"""

from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import CallRequest
from exam_rooms.seats import AttemptState
from server.access import Actor, Permission
from server.db.base import emit
from server.db.rooms import Seat
from server.db.sittings import Attempt, Incident
from server.errors import Refused
from server.events import Activity
from server.services import audit
from server.services.agents import Agent
from server.services.attempts import seated_at
from server.services.duty import need_duty
from server.services.incidents import OPEN, Place, clear, raise_incident
from server.services.roomstate import locked_attempt, lower_hand, touch

REASONS = ("", "question", "technical", "unwell")
CALL_SECONDS = 3.0
"""How soon a seat may call again, or say another reason: a key held down is no flood of alerts."""
_NOBODY = frozenset({AttemptState.ASSIGNED, AttemptState.ABSENT})


def call(session: Session, agent: Agent, room_sitting_id: int, asked: CallRequest, *, now: datetime) -> None:
    """The candidate at this seat raises or lowers the hand; the same again changes nothing.

    Refused: `call_reason_unknown`, `call_not_now` before the sign-in, `call_too_often`.
    """
    if asked.reason not in REASONS:
        raise Refused("call_reason_unknown", 422, field="reason")
    attempt, _number = seated_at(session, agent, room_sitting_id)
    if AttemptState(attempt.state) in _NOBODY:
        raise Refused("call_not_now")
    if asked.raised:
        _raise(session, attempt, asked.reason, now)
    elif attempt.hand_raised_at is not None:
        drop(session, attempt, now=now)
        _note(session, attempt, _candidate(session, attempt), "hand_lowered", now)


def answer(session: Session, actor: Actor, attempt_id: int, *, now: datetime) -> None:
    """An invigilator stands at the seat: the hand is down, the call is on the record as answered.

    Refused: `hand_not_raised` when the candidate has lowered it, or somebody else has come.
    """
    attempt = locked_attempt(session, attempt_id)
    need_duty(session, actor, Permission.RUN_ROOM, attempt.room_sitting_id, now=now)
    if attempt.hand_raised_at is None:
        raise Refused("hand_not_raised")
    waited = round((now - attempt.hand_raised_at).total_seconds())
    for row in session.scalars(_calls(attempt).where(Incident.state.in_(OPEN)).with_for_update()):
        row.state, row.handled_at, row.handled_by, row.last_at = "recorded", now, actor.user_id, now
    lower_hand(session, attempt)
    _note(session, attempt, actor, "hand_answered", now, seconds=waited)


def drop(session: Session, attempt: Attempt, *, now: datetime) -> None:
    """The call has come to an end by itself, wherever the candidate sat when it began."""
    seats = set(session.scalars(_calls(attempt).with_only_columns(Incident.seat_id)))
    for seat in seats:
        clear(session, Place(attempt.room_sitting_id, seat, attempt.id), IncidentKind.HAND_RAISED, now=now)
    lower_hand(session, attempt)


def _raise(session: Session, attempt: Attempt, reason: str, now: datetime) -> None:
    if attempt.hand_raised_at is not None and attempt.hand_reason == reason:
        return
    last = session.scalars(_calls(attempt).order_by(Incident.last_at.desc()).limit(1)).first()
    if last is not None and now - last.last_at < timedelta(seconds=CALL_SECONDS):
        raise Refused("call_too_often", 429, seconds=int(CALL_SECONDS))
    place = Place(attempt.room_sitting_id, attempt.seat_id, attempt.id)
    if attempt.hand_raised_at is not None and last is not None:
        last.details, last.last_at = {**last.details, "reason": reason}, now
    else:
        row = raise_incident(session, place, IncidentKind.HAND_RAISED, now=now, reason=reason)
        if row.first_at != now:  # soon after the last one: one incident, but people are called again
            row.first_at = now
            _tell(session, attempt, row)
        attempt.hand_raised_at = now
    attempt.hand_reason = reason
    touch(session, attempt)
    _audit(session, attempt, _candidate(session, attempt), "hand_raised", now, reason=reason)


def _tell(session: Session, attempt: Attempt, row: Incident) -> None:
    params = (("reason", attempt.hand_reason), ("seat", _number(session, attempt)))
    where = (attempt.seat_id, row.id)
    emit(session, Activity(attempt.room_sitting_id, "incident_hand_raised", params, *where))


def _calls(attempt: Attempt) -> Select[Incident]:
    return select(Incident).where(
        Incident.room_sitting_id == attempt.room_sitting_id,
        Incident.attempt_id == attempt.id,
        Incident.kind == str(IncidentKind.HAND_RAISED),
    )


def _candidate(session: Session, attempt: Attempt) -> Actor:
    return Actor(None, f"seat {_number(session, attempt)}")


def _number(session: Session, attempt: Attempt) -> str:
    return session.get_one(Seat, attempt.seat_id).number


def _audit(
    session: Session, attempt: Attempt, actor: Actor, act: str, now: datetime, **details: object
) -> None:
    stream, object_ = audit.sitting_stream(attempt.room_sitting_id), f"attempt/{attempt.id}"
    seat = _number(session, attempt)
    audit.record(session, stream, actor, act, object_, now=now, seat=seat, **details)


def _note(
    session: Session, attempt: Attempt, actor: Actor, act: str, now: datetime, **details: object
) -> None:
    """On the record and to the monitor's list."""
    _audit(session, attempt, actor, act, now, **details)
    seat = _number(session, attempt)
    shown = {"actor": actor.name, "seat": seat, **{name: str(value) for name, value in details.items()}}
    params = tuple(sorted(shown.items()))
    emit(session, Activity(attempt.room_sitting_id, f"line_{act}", params, attempt.seat_id))
