"""Warnings: what an invigilator tells a candidate through the screen, and that the candidate has read it.

A warning is a person's act. It stands on the record with both times, over the paper until it is confirmed.
"""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from server.access import Actor, Permission
from server.db.base import emit
from server.db.rooms import Seat
from server.db.sittings import Attempt, Incident
from server.db.watching import CandidateWarning
from server.errors import Forbidden, NotFound, Refused
from server.events import Activity
from server.services import audit
from server.services.agents import Agent
from server.services.duty import need_duty
from server.services.enrolments import AT_SEAT
from server.services.incidents import Handling, handle
from server.services.roomstate import Timed, locked_attempt, touch

TEXT_MOST = 200


def give(  # noqa: PLR0913 - who tells whom what, and why
    session: Session,
    actor: Actor,
    attempt_id: int,
    text: str,
    *,
    incident_id: int | None,
    now: datetime,
) -> CandidateWarning:
    """Shows a warning at the candidate's seat; a raised incident it answers counts as seen to.

    Only who sits before the paper, or waits for it, can be warned. Refused: `warning_text_length`,
    `warning_not_now`; `NotFound` for an incident of somebody else.
    """
    if not actor.can(Permission.RUN_ROOM):
        raise Forbidden(Permission.RUN_ROOM)
    text = text.strip()
    if not 1 <= len(text) <= TEXT_MOST:
        raise Refused("warning_text_length", 422, field="text", most=TEXT_MOST)
    attempt = locked_attempt(session, attempt_id)
    need_duty(session, actor, Permission.RUN_ROOM, attempt.room_sitting_id, now=now)
    if AttemptState(attempt.state) not in AT_SEAT:
        raise Refused("warning_not_now", state=attempt.state)
    if incident_id is not None:
        _seen_to(session, actor, attempt, incident_id, now)
    row = CandidateWarning(
        room_sitting_id=attempt.room_sitting_id,
        attempt_id=attempt.id,
        incident_id=incident_id,
        text=text,
        given_at=now,
        given_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    _record(session, attempt, actor, "candidate_warned", row, now)
    return row


def confirm_read(
    session: Session, agent: Agent, room_sitting_id: int, warning_id: int, *, now: datetime
) -> None:
    """The candidate at this seat has read a warning; confirmed again it changes nothing."""
    row = session.get(CandidateWarning, warning_id, with_for_update=True)
    if row is None or row.room_sitting_id != room_sitting_id:
        raise NotFound("warning")
    attempt = locked_attempt(session, row.attempt_id)
    if attempt.seat_id != agent.seat:
        raise NotFound("warning")
    if row.read_at is None:
        row.read_at = now
        seat = session.get_one(Seat, attempt.seat_id).number
        _record(session, attempt, Actor(None, f"seat {seat}"), "warning_read", row, now)


def of_attempt(session: Session, attempt_id: int) -> list[CandidateWarning]:
    """All warnings of an attempt, oldest first."""
    query = select(CandidateWarning).where(CandidateWarning.attempt_id == attempt_id)
    return list(session.scalars(query.order_by(CandidateWarning.id)))


_UNREAD = (
    select(CandidateWarning)
    .where(
        CandidateWarning.attempt_id.in_(bindparam("attempts", expanding=True)),
        CandidateWarning.read_at.is_(None),
    )
    .order_by(CandidateWarning.id)
)


def unread(session: Session, attempts: Iterable[Timed]) -> dict[int, list[CandidateWarning]]:
    """What seats have to show, by attempt: nothing any more once the work is closed."""
    working = [attempt.id for attempt in attempts if AttemptState(attempt.state) in AT_SEAT]
    found: dict[int, list[CandidateWarning]] = {}
    for row in session.scalars(_UNREAD, {"attempts": working}) if working else ():
        found.setdefault(row.attempt_id, []).append(row)
    return found


def _seen_to(session: Session, actor: Actor, attempt: Attempt, incident_id: int, now: datetime) -> None:
    incident = session.get(Incident, incident_id)
    if incident is None or incident.attempt_id != attempt.id:
        raise NotFound("incident")
    if incident.state == "raised":
        handle(session, actor, incident_id, Handling("acknowledged"), now=now)


def _record(  # noqa: PLR0913 - the facts of an act
    session: Session, attempt: Attempt, actor: Actor, act: str, row: CandidateWarning, now: datetime
) -> None:
    """On the audit record, to the seat, and to the monitor."""
    seat = session.get_one(Seat, attempt.seat_id).number
    stream, object_ = audit.sitting_stream(attempt.room_sitting_id), f"attempt/{attempt.id}"
    audit.record(
        session, stream, actor, act, object_, now=now, seat=seat, warning=row.id, incident=row.incident_id
    )
    touch(session, attempt)
    params = (("actor", actor.name), ("seat", seat), ("text", row.text))
    where = (attempt.seat_id, row.incident_id)
    emit(session, Activity(attempt.room_sitting_id, f"line_{act}", params, *where))
