"""A defence before a panel: planned times, the questions that were put, and the minutes it must last.

The minutes are those between start and finish of the turn by the server's clock. A defence that ends before
the policy's least needs the leader's reason and a second member's signature first (`defence_minutes`).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.assessing import Turn
from server.db.base import vault_of
from server.db.reviewing import DefenceQuestion, DefenceShort
from server.db.sittings import Assignment
from server.errors import NotFound, Refused
from server.rules.policy_components import Component, Method
from server.services import assessment_room, audit, panels, staff, theses, thesis_views, turns
from server.services.assessment_room import DONE, PERFORMING, WAITING, AssessmentRoom, on_panel
from server.services.duty import need_duty
from server.services.signed import MOST_REASON, Signed, need, need_reason, second_person
from server.services.thesis_views import FileLine

PURPOSE = "defence-question"
QUESTION_MOST, ANSWER_MOST, QUESTIONS_MOST = 500, 1000, 40
LONGEST_PLAN = timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Plan:
    """When the first defence begins, the minutes for each and the pause between two."""

    first_at: datetime
    minutes_each: int
    pause: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as it is noted: who of the panel put it, its text, and a note of the answer."""

    by: int
    text: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A question that stands."""

    id: int
    number: int
    by: int
    by_name: str
    text: str
    answer: str
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class DefenceView:
    """One candidate's turn: what the panel needs before it. `seconds`: how long it lasted or lasts; `least`:
    minutes by policy; `short`: it may end earlier; `may_note`: the actor notes questions.
    """

    place: AssessmentRoom
    turn: Turn
    code: str
    title: str
    similarity: str
    files: tuple[FileLine, ...]
    questions: tuple[QuestionLine, ...]
    panel: tuple[panels.PanelSeat, ...]
    seconds: int | None
    least: int
    short: DefenceShort | None
    member: bool
    leader: bool
    may_note: bool


def schedule(session: Session, actor: Actor, room_sitting_id: int, plan: Plan, *, now: datetime) -> int:
    """Plans a time for every candidate who still waits, in the drawn order; how many got one.

    Raises `Refused`: schedule_no_order before the draw, schedule_too_short below the policy's minutes,
    schedule_too_early before the sitting begins, schedule_too_long beyond a day's work.
    """
    place = theses.managed(session, actor, room_sitting_id, lock=True)
    assessment_room.need_open(place)
    waiting = [turn for turn in turns.turns_of(session, room_sitting_id) if turn.state == WAITING]
    if not waiting:
        raise Refused("schedule_no_order", 409)
    least = place.terms.min_minutes
    if plan.minutes_each < max(least, 1) or plan.pause < 0:
        raise Refused("schedule_too_short", 422, field="minutes_each", least=least)
    if plan.first_at < place.sitting.starts_at.replace(microsecond=0):  # fields of forms know seconds
        raise Refused("schedule_too_early", 422, field="first_at")
    step = timedelta(minutes=plan.minutes_each + plan.pause)
    if step * len(waiting) > LONGEST_PLAN:
        raise Refused("schedule_too_long", 422, field="minutes_each")
    for position, turn in enumerate(waiting):
        turn.planned_at = plan.first_at + step * position
    stream = audit.sitting_stream(room_sitting_id)
    facts = {
        "first_at": plan.first_at,
        "minutes": plan.minutes_each,
        "pause": plan.pause,
        "turns": len(waiting),
    }
    audit.record(session, stream, actor, "defences_planned", stream, now=now, **facts)
    return len(waiting)


def ask(session: Session, actor: Actor, turn_id: int, asked: Asked, *, now: datetime) -> int:
    """Notes a question once the turn has begun, until the session is over; its id."""
    turn, place = _to_note(session, actor, turn_id, now)
    _check(turn, asked)
    count = session.scalar(select(func.count()).where(*_standing(turn_id))) or 0
    if count >= QUESTIONS_MOST:
        raise Refused("questions_most", 409, limit=QUESTIONS_MOST)
    last = session.scalar(select(func.max(DefenceQuestion.number)).where(DefenceQuestion.turn_id == turn_id))
    row = _keep(session, actor, turn, asked, (last or 0) + 1, now)
    _note(session, actor, place, "question_noted", turn, now, number=row.number)
    return row.id


def change(session: Session, actor: Actor, question_id: int, asked: Asked, *, now: datetime) -> int:
    """Words a question or its answer anew; what stood before is kept. Empty text takes it off the list."""
    old = session.get(DefenceQuestion, question_id)
    if old is None:
        raise NotFound("question")
    turn, place = _to_note(session, actor, old.turn_id, now)
    session.refresh(old)
    if old.replaced_at is not None:
        raise Refused("question_changed", 409)
    old.replaced_at = now
    if not asked.text.strip():
        _note(session, actor, place, "question_taken_off", turn, now, number=old.number)
        return 0
    _check(turn, asked)
    row = _keep(session, actor, turn, asked, old.number, now)
    _note(session, actor, place, "question_changed", turn, now, number=old.number)
    return row.id


def allow_short(session: Session, signed: Signed, turn_id: int, *, now: datetime) -> None:
    """The leader, with another member, lets a defence that is going on end before the policy's minutes."""
    turn, place = _of_review(session, turn_id)
    need_reason(signed)
    second = second_person(signed)
    if not _leads(session, signed.actor, place.row.id):
        raise Refused("defence_leader_only", 403)
    if second.user_id not in turn.panel:
        raise Refused("defence_second_member", 422, field="cosign_username")
    if turn.state != PERFORMING:
        raise Refused("turn_not_performing", number=turn.number)
    row = session.get(DefenceShort, turn_id) or DefenceShort(turn_id=turn_id)
    row.reason, row.allowed_at = signed.reason.strip()[:MOST_REASON], now
    row.allowed_by, row.cosigned_by = signed.actor.user_id, second.user_id
    session.add(row)
    _note(session, signed.actor, place, "defence_short_allowed", turn, now, **signed.why())


def view(session: Session, actor: Actor, turn_id: int, *, now: datetime) -> DefenceView:
    """A turn for its panel, for who runs the room, and for who manages reviews."""
    turn, place = _of_review(session, turn_id)
    member = on_panel(session, actor, place.row.id)
    runs = thesis_views.runs(session, actor, place.row.id)
    if not member and not runs:
        theses.managed(session, actor, place.row.id)
    least = place.terms.least_characters
    files = thesis_views.files_of(session, [turn.registration_id], least).get(turn.registration_id, ())
    work = thesis_views.work_of(session, turn.registration_id)
    return DefenceView(
        place=place,
        turn=turn,
        code=turn.code,
        title=work.title if work else "",
        similarity=thesis_views.similarity_text(work),
        files=tuple(line for line in files if line.counts),
        questions=tuple(questions(session, turn_id)),
        panel=panels.panel(session, place.row.id),
        seconds=_seconds(turn, now),
        least=place.terms.min_minutes if place.sitting.method == Method.DEFENCE else 0,
        short=session.get(DefenceShort, turn_id),
        member=member,
        leader=member and _leads(session, actor, place.row.id),
        may_note=(member or runs) and turn.state in (PERFORMING, DONE) and place.row.state == "running",
    )


def questions(session: Session, turn_id: int) -> list[QuestionLine]:
    """The questions that stand, in their order. The caller has checked who asks."""
    rows = list(
        session.scalars(select(DefenceQuestion).where(*_standing(turn_id)).order_by(DefenceQuestion.number))
    )
    names, vault, found = staff.names(session, [row.asked_by for row in rows]), vault_of(session), []
    for row in rows:
        ident = f"{row.turn_id}/{row.number}"
        body: Mapping[str, Any] = json.loads(vault.open_value(PURPOSE, ident, row.sealed))
        found.append(
            QuestionLine(
                id=row.id,
                number=row.number,
                by=row.asked_by,
                by_name=names.get(row.asked_by, ""),
                text=body["text"],
                answer=body["answer"],
                noted_at=row.noted_at,
            )
        )
    return found


def may_see(session: Session, actor: Actor, room_sitting_id: int) -> bool:
    """Whether a review's room is for this person at all."""
    return (
        on_panel(session, actor, room_sitting_id)
        or thesis_views.runs(session, actor, room_sitting_id)
        or actor.can(Permission.MANAGE_REVIEWS)
    )


def _seconds(turn: Turn, now: datetime) -> int | None:
    if turn.started_at is None:
        return None
    return int(((turn.ended_at or now) - turn.started_at).total_seconds())


def _of_review(session: Session, turn_id: int, *, lock: bool = False) -> tuple[Turn, AssessmentRoom]:
    turn, place = assessment_room.turn_and_room(session, turn_id, lock=lock)
    if place.sitting.component != Component.REVIEW:
        raise NotFound("turn")
    return turn, place


def _to_note(session: Session, actor: Actor, turn_id: int, now: datetime) -> tuple[Turn, AssessmentRoom]:
    turn, place = _of_review(session, turn_id, lock=True)
    if not on_panel(session, actor, place.row.id):
        need_duty(session, actor, Permission.RUN_ASSESSMENT, place.row.id, now=now)
    else:
        need(actor, Permission.SCORE_SHEETS)
    if turn.state not in (PERFORMING, DONE):
        raise Refused("turn_not_performing", number=turn.number)
    assessment_room.need_running(place)
    return turn, place


def _check(turn: Turn, asked: Asked) -> None:
    if not asked.text.strip():
        raise Refused("question_missing", 422, field="question")
    if len(asked.text) > QUESTION_MOST or len(asked.answer) > ANSWER_MOST:
        raise Refused("field_too_long", 422, field="question", limit=QUESTION_MOST)
    if asked.by not in turn.panel:
        raise Refused("question_of_nobody", 422, field="by")


def _keep(  # noqa: PLR0913 - a question of a turn and its place
    session: Session, actor: Actor, turn: Turn, asked: Asked, number: int, now: datetime
) -> DefenceQuestion:
    body = json.dumps({"text": asked.text.strip(), "answer": asked.answer.strip()}, ensure_ascii=False)
    row = DefenceQuestion(
        turn_id=turn.id,
        number=number,
        asked_by=asked.by,
        sealed=vault_of(session).seal_value(PURPOSE, f"{turn.id}/{number}", body.encode()),
        noted_at=now,
        noted_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    return row


def _standing(turn_id: int) -> tuple[Any, Any]:
    return DefenceQuestion.turn_id == turn_id, DefenceQuestion.replaced_at.is_(None)


def _leads(session: Session, actor: Actor, room_sitting_id: int) -> bool:
    duty = session.get(Assignment, (room_sitting_id, actor.user_id or 0))
    return duty is not None and duty.leader and on_panel(session, actor, room_sitting_id)


def _note(  # noqa: PLR0913 - an act on a turn, in the chain of its room
    session: Session,
    actor: Actor,
    place: AssessmentRoom,
    act: str,
    turn: Turn,
    now: datetime,
    **facts: object,
) -> None:
    stream = audit.sitting_stream(place.row.id)
    audit.record(session, stream, actor, act, f"turn/{turn.id}", now=now, code=turn.code, **facts)
