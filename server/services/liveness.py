"""Liveness at sign-in: what a seat is asked for, what comes of it, and whom it calls. It decides nothing.

A face that seems to be a picture, or a challenge in which one or another face was seen, is a LIVENESS_DOUBT.
Who did not get it done is checked by people like any doubtful enrolment, and nothing is suspected: a stiff
neck, a bad light, a mistake of left and right or having said "I cannot" are no pictures held up. A seat that
cannot look says so, and so does the record of one that says nothing: it is shown and calls nobody.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.challenge import ChallengeNote, ChallengePlan, ChallengeResult, ChallengeRules, draw
from exam_rooms.incidents import IncidentKind
from exam_rooms.seats import AttemptState
from exam_rooms.watch_messages import EnrolmentRequest
from server.db.base import vault_of
from server.db.watching import Enrolment
from server.rules import observed
from server.services.consent import Watched
from server.services.incidents import Place, raise_incident
from server.services.roomstate import RoomSeen, Timed

PURPOSE = "challenge"
TRIED = frozenset({ChallengeResult.PASSED, ChallengeResult.FAILED, ChallengeResult.TIMED_OUT})
UNDONE = frozenset(
    {
        ChallengeResult.FAILED,
        ChallengeResult.TIMED_OUT,
        ChallengeResult.DECLINED,
        ChallengeResult.SKIPPED,
    }
)
SUSPECT = frozenset({"other_face", "flat"})
"""Reasons of a failed one that look like a picture held up or like somebody else."""
REASONS: Iterable[str] = ("", *SUSPECT, "wrong_step", "no_face")


def asked_of(session: Session, room: RoomSeen, attempt: Timed) -> ChallengePlan | None:
    """What the policy asks of an attempt that is to be enrolled now; another order for each enrolment.

    The order hangs on a key that stays on the server, so that nobody knows it before. Nothing is asked of
    somebody at the paper whom an invigilator enrols again: they have just been looked at.
    """
    rules = room.policy.challenge
    if not rules.steps:
        return None
    before = session.scalar(select(func.count(Enrolment.id)).where(Enrolment.attempt_id == attempt.id))
    if before and AttemptState(attempt.state) is AttemptState.ANSWERING:
        return None
    return draw(vault_of(session).index(PURPOSE, f"{attempt.id}/{before}"), rules)


def columns(session: Session, seen: Watched, asked: EnrolmentRequest, message: str) -> dict[str, Any]:
    """The columns of an enrolment that tell of liveness. Raises `Refused` for values that cannot be.

    A seat that was asked for a challenge and says nothing of one could not make it, as far as anybody knows.
    """
    alive, note = asked.liveness, asked.challenge
    if alive is not None and not 0 <= alive <= 1:  # also refuses what is no number
        raise observed.malformed(message, "liveness")
    if note is None or not note.result:
        wanted = asked_of(session, seen.room, seen.attempt)
        result = ChallengeResult.UNAVAILABLE if wanted else ChallengeResult.NONE
        return {"liveness": alive, "challenge": str(result), "challenge_note": None}
    if not _can_be(note, seen.room.policy.challenge):
        raise observed.malformed(message, "challenge")
    scores = observed.score_values(note.scores, message)
    told = {"tries": note.tries, "reason": note.reason, "scores": scores}
    return {"liveness": alive, "challenge": note.result, "challenge_note": told}


def _can_be(note: ChallengeNote, rules: ChallengeRules) -> bool:
    """Whether a challenge can have ended so; also of a plan that an enrolment asked for anew has replaced."""
    if note.result not in set(ChallengeResult) or note.reason not in REASONS or not rules.steps:
        return False
    return (1 if note.result in TRIED else 0) <= note.tries <= rules.tries


def is_undone(row: Enrolment) -> bool:
    """Whether a challenge was not done, and people check without suspecting anything."""
    return row.challenge in UNDONE and not _is_suspect(row)


def doubt(session: Session, seen: Watched, row: Enrolment, *, now: datetime) -> int | None:
    """The id of the incident when an enrolment looks like a picture, or like somebody else."""
    picture = row.liveness is not None and row.liveness < seen.rules.hints.liveness_below
    if not picture and not _is_suspect(row):
        return None
    place = Place(seen.attempt.room_sitting_id, seen.attempt.seat_id, seen.attempt.id)
    note = row.challenge_note or {}
    scores = dict(note.get("scores", {}))
    if row.liveness is not None:
        scores["liveness"] = row.liveness
    told = {
        "scores": scores,
        "models": row.models,
        "challenge": row.challenge,
        "challenge_reason": note.get("reason", ""),
    }
    return raise_incident(session, place, IncidentKind.LIVENESS_DOUBT, now=now, **told).id


def _is_suspect(row: Enrolment) -> bool:
    reason = (row.challenge_note or {}).get("reason", "")
    return row.challenge == ChallengeResult.FAILED and reason in SUSPECT
