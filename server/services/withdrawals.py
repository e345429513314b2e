"""A candidate takes the consent to face comparison back, at any moment, also in the middle of the test (R38).

Told to a member of staff, put on the record by two. From that moment the seat's camera looks at nothing and
people check; vectors are gone with the commit, and so are pictures that no incident needs. Pictures of an
incident that waits for a person or was recorded stay as evidence of what happened while the consent held.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Permission
from server.db.base import emit
from server.db.rooms import Seat
from server.db.signins import SignInRow
from server.db.sittings import Attempt, Incident
from server.db.watching import Capture, EvidenceFrame
from server.errors import NotFound, Refused
from server.events import Activity
from server.services import audit, consents, enrolments, evidence, gallery, holds, look_logs
from server.services.duty import need_duty
from server.services.incidents import OPEN, end_episodes
from server.services.roomstate import locked_attempt, touch
from server.services.signed import Signed, second_person


def withdraw(session: Session, signed: Signed, attempt_id: int, *, now: datetime) -> tuple[str, ...]:
    """Puts a withdrawal on the record; the files that the caller removes from the store after the commit.

    By who is on duty in the room, or by an administrator afterwards; a second person beside. Refused:
    `consent_not_given` when there is nothing to take back.
    """
    if session.get(Attempt, attempt_id) is None:
        raise NotFound("attempt")
    attempt = locked_attempt(session, attempt_id)
    if not signed.actor.can(Permission.MANAGE_BATCHES):
        need_duty(session, signed.actor, Permission.RUN_ROOM, attempt.room_sitting_id, now=now)
    second_person(signed)
    if attempt.face_consent is not True:
        raise Refused("consent_not_given", 409)
    attempt.face_consent = False
    consents.note_withdrawal(session, signed, attempt.id, now=now)
    names = _forget(session, attempt, now)
    touch(session, attempt)
    _tell(session, attempt, signed, len(names), now)
    return names


def _forget(session: Session, attempt: Attempt, now: datetime) -> tuple[str, ...]:
    enrolments.forget(session, attempt.id, now=now)
    gallery.forget(session, attempt.id)
    look_logs.forget(session, attempt.id)
    evidence.drop_awaited(session, attempt.id, now=now)
    end_episodes(session, attempt.id, now=now)
    waiting = select(Capture).where(Capture.attempt_id == attempt.id, Capture.recheck == "due")
    for capture in session.scalars(waiting):
        capture.recheck, capture.rechecked_at = "failed", now
    if holds.held(session).covers(attempt.room_sitting_id, attempt.id):
        return ()
    _end_desk_pictures(session, attempt, now)
    return evidence.let_go(session, _unneeded(session, attempt))


def _unneeded(session: Session, attempt: Attempt) -> Sequence[EvidenceFrame]:
    """Pictures that belong to no incident which waits for a person or was recorded."""
    query = (
        select(EvidenceFrame)
        .outerjoin(Incident, Incident.id == EvidenceFrame.incident_id)
        .where(EvidenceFrame.attempt_id == attempt.id, EvidenceFrame.file != "")
        .where(EvidenceFrame.incident_id.is_(None) | Incident.state.not_in((*OPEN, "recorded")))
    )
    return list(session.scalars(query))


def _end_desk_pictures(session: Session, attempt: Attempt, now: datetime) -> None:
    """The picture of the sign-in desk is past its time: the next purge takes it, unless a doubt is open."""
    query = select(SignInRow).where(
        SignInRow.registration_id == attempt.registration_id, SignInRow.has_picture.is_(True)
    )
    for row in session.scalars(query):
        row.keep_until = now


def _tell(session: Session, attempt: Attempt, signed: Signed, files: int, now: datetime) -> None:
    seat = session.get_one(Seat, attempt.seat_id).number
    stream, object_ = audit.sitting_stream(attempt.room_sitting_id), f"attempt/{attempt.id}"
    facts = {"seat": seat, "pictures": files, **signed.why()}
    audit.record(session, stream, signed.actor, "consent_withdrawn", object_, now=now, **facts)
    params = (("actor", signed.actor.name), ("seat", seat))
    emit(session, Activity(attempt.room_sitting_id, "line_consent_withdrawn", params, attempt.seat_id))
