"""Who sits at a seat, as its agent enrolled the face from good frames at the start: sealed, never shown.

The newest enrolment of an attempt that nobody dropped is current; its vector goes back to the seat with
the plan, so that a restarted agent, or another machine after a move, compares with the same face.
"""

import base64
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.seats import AttemptState
from exam_rooms.watch_messages import EnrolmentRequest, Taken
from exam_rooms.watching import Likeness
from server.access import Actor, Permission
from server.db.base import emit, vault_of
from server.db.rooms import Seat
from server.db.sittings import Attempt, Registration
from server.db.watching import Enrolment
from server.errors import Forbidden, Refused
from server.events import Activity
from server.rules import observed
from server.services import audit, liveness
from server.services.agents import Agent
from server.services.boot_clocks import placed
from server.services.consent import Watched, check_moment, watched
from server.services.duty import need_duty
from server.services.evidence import Subject, announce
from server.services.incidents import Place, clear, raise_incident
from server.services.plain_rows import EnrolmentRow, columns_of
from server.services.roomstate import locked_attempt, touch

TEMPLATE_PURPOSE = "face-template"
AT_SEAT = frozenset({AttemptState.READY, AttemptState.ANSWERING})
_DOUBTFUL = frozenset({Likeness.MISMATCH, Likeness.UNSURE, Likeness.NO_FACE})
_MOST_FRAMES = 1000
_NAME = "EnrolmentRequest"
_SEEN = (
    select(*columns_of(EnrolmentRow, Enrolment))
    .where(Enrolment.attempt_id.in_(bindparam("attempts", expanding=True)), Enrolment.dropped_at.is_(None))
    .order_by(Enrolment.id)
)


def enrol(session: Session, agent: Agent, asked: EnrolmentRequest, *, now: datetime) -> Taken:
    """Keeps who was enrolled at this seat; the same enrolment again changes nothing.

    Another one is refused until an invigilator asks for it (`again`): nobody is replaced unnoticed. A face
    that does not clearly agree with the registration photo, frames that do not clearly show one person, a
    challenge that was not passed, and a face that seems to be a picture call the invigilators, and decide
    nothing.
    """
    seen = watched(session, agent, asked.attempt)
    if seen.attempt.seat_id != agent.seat:
        raise Refused("attempt_not_here", 403)
    template = observed.template_bytes(asked.template, _NAME)
    doubt = None
    at = placed(session, agent.workstation, asked.boot_id, asked.boot_ns, now=now)
    check_moment(session, agent, seen.attempt, at)
    if not _known(session, seen.attempt.id, template, at):
        _check_wanted(session, seen)
        row = _row(session, agent, seen, asked, template)
        row.enrolled_at, row.keep_until = at, now + timedelta(days=seen.rules.keep_days)
        doubt = _keep(session, seen, row, now)
    subject = Subject(seen, "enrolment", asked.boot_id, incident=doubt)
    return Taken(announce(session, agent, subject, asked.frames, now=now))


def latest(session: Session, attempt_id: int) -> Enrolment | None:
    """The current enrolment of an attempt."""
    query = select(Enrolment).where(Enrolment.attempt_id == attempt_id, Enrolment.dropped_at.is_(None))
    return session.scalars(query.order_by(Enrolment.id.desc()).limit(1)).first()


def current_of(session: Session, attempts: Collection[int]) -> dict[int, Enrolment]:
    """The current enrolments of several attempts, by attempt."""
    query = select(Enrolment).where(Enrolment.attempt_id.in_(attempts), Enrolment.dropped_at.is_(None))
    return {row.attempt_id: row for row in session.scalars(query.order_by(Enrolment.id))}


def seen_of(session: Session, attempts: Collection[int]) -> dict[int, EnrolmentRow]:
    """The same, to be read alone."""
    session.flush()
    rows = session.connection().execute(_SEEN, {"attempts": list(attempts)})
    return {row.attempt_id: EnrolmentRow._make(row) for row in rows}


def template_of(session: Session, row: Enrolment | EnrolmentRow | None) -> str:
    """An enrolment's vector as it travels (base64); "" without one. For the seat itself and for re-checks."""
    if row is None or row.sealed_template is None:
        return ""
    return base64.b64encode(_opened(session, row)).decode()


def model_of(row: Enrolment | EnrolmentRow | None) -> str:
    """The network that made an enrolment's vector, by name and version; "" without one, or when not told."""
    return "" if row is None else str(row.models.get("verify", ""))


def again(session: Session, actor: Actor, attempt_id: int, *, now: datetime) -> None:
    """An invigilator asks for a new enrolment; the old one stays on the record but is not current."""
    if not actor.can(Permission.RUN_ROOM):
        raise Forbidden(Permission.RUN_ROOM)
    attempt = locked_attempt(session, attempt_id)
    need_duty(session, actor, Permission.RUN_ROOM, attempt.room_sitting_id, now=now)
    row = latest(session, attempt_id)
    if row is None or AttemptState(attempt.state) not in AT_SEAT:
        raise Refused("nothing_to_enrol_again")
    row.dropped_at = now
    touch(session, attempt)
    seat = session.get_one(Seat, attempt.seat_id).number
    stream, object_ = _stream(attempt), f"attempt/{attempt.id}"
    audit.record(session, stream, actor, "enrolment_again", object_, now=now, seat=seat)
    params = (("actor", actor.name), ("seat", seat))
    emit(session, Activity(attempt.room_sitting_id, "line_enrolment_again", params, attempt.seat_id))


def forget(session: Session, attempt_id: int, *, now: datetime) -> None:
    """Who comes next may be somebody else: nobody is compared with the one who was there, and the vectors
    are gone at once.
    """
    for row in session.scalars(select(Enrolment).where(Enrolment.attempt_id == attempt_id)):
        row.dropped_at = row.dropped_at or now
        row.sealed_template = None


def _check_wanted(session: Session, seen: Watched) -> None:
    if AttemptState(seen.attempt.state) not in AT_SEAT:
        raise Refused("enrolment_not_now", state=seen.attempt.state)
    if latest(session, seen.attempt.id) is not None:
        raise Refused("enrolled_already")


def _row(
    session: Session, agent: Agent, seen: Watched, asked: EnrolmentRequest, template: bytes
) -> Enrolment:
    """The row of an enrolment whose values can be true."""
    if not seen.rules.enrol_frames <= asked.count <= _MOST_FRAMES:
        raise observed.malformed(_NAME, "count")
    attempt = seen.attempt
    return Enrolment(
        attempt_id=attempt.id,
        workstation_id=agent.workstation,
        sealed_template=vault_of(session).seal_value(TEMPLATE_PURPOSE, str(attempt.id), template),
        likeness=str(observed.likeness_word(asked.likeness, _NAME)),
        similarity=observed.cosine_or_none(asked.similarity, _NAME, "similarity"),
        count=asked.count,
        spread=observed.cosine_or_none(asked.spread, _NAME, "spread"),
        models=observed.model_names(asked.models, _NAME),
        **liveness.columns(session, seen, asked, _NAME),
    )


def _keep(session: Session, seen: Watched, row: Enrolment, now: datetime) -> int | None:
    """Stores an enrolment and tells of it; the id of the incident that a doubtful one raises."""
    attempt, likeness = seen.attempt, row.likeness
    session.add(row)
    session.flush()
    touch(session, attempt)
    seat = session.get_one(Seat, attempt.seat_id).number
    stream, who, object_ = _stream(attempt), Actor(None, f"seat {seat}"), f"attempt/{attempt.id}"
    audit.record(session, stream, who, "enrolled", object_, now=now, seat=seat, likeness=likeness)
    doubt = _doubt(session, seen, row, now)
    return liveness.doubt(session, seen, row, now=now) or doubt


def _doubt(session: Session, seen: Watched, row: Enrolment, now: datetime) -> int | None:
    """The incident that a doubtful enrolment raises; a good one clears what stood open.

    Doubtful is what does not agree with the registration photo or could not be compared with it although
    there is one, frames that may not all show the same person, and a challenge that was not taken.
    """
    attempt, kind = seen.attempt, IncidentKind.ENROLMENT_DOUBT
    place = Place(attempt.room_sitting_id, attempt.seat_id, attempt.id)
    mixed = row.spread < seen.rules.match_from
    unlike = mixed or row.likeness in _DOUBTFUL or _photo_passed_over(session, attempt, row)
    undone = liveness.is_undone(row)
    if unlike or undone:
        scores = {"similarity": row.similarity, "spread": row.spread if mixed else None}
        facts: dict[str, Any] = {
            "likeness": row.likeness,
            "models": row.models,
            "scores": {name: value for name, value in scores.items() if value is not None},
        } | (_challenge_facts(row) if undone else {})
        return raise_incident(session, place, kind, now=now, **facts).id
    if row.likeness == Likeness.MATCH:
        clear(session, place, kind, now=now)
    return None


def _challenge_facts(row: Enrolment) -> dict[str, str]:
    return {"challenge": row.challenge, "challenge_reason": (row.challenge_note or {}).get("reason", "")}


def _photo_passed_over(session: Session, attempt: Attempt, row: Enrolment) -> bool:
    return (
        row.likeness == Likeness.NO_PHOTO and session.get_one(Registration, attempt.registration_id).has_photo
    )


def _known(session: Session, attempt_id: int, template: bytes, at: datetime) -> bool:
    """Whether this enrolment of the moment `at` is here already, be it dropped since."""
    return any(
        row.sealed_template is not None
        and (row.dropped_at is None or at < row.dropped_at)
        and _opened(session, row) == template
        for row in session.scalars(select(Enrolment).where(Enrolment.attempt_id == attempt_id))
    )


def _stream(attempt: Attempt) -> str:
    return audit.sitting_stream(attempt.room_sitting_id)


def _opened(session: Session, row: Enrolment | EnrolmentRow) -> bytes:
    assert row.sealed_template is not None
    return vault_of(session).open_value(TEMPLATE_PURPOSE, str(row.attempt_id), row.sealed_template)
