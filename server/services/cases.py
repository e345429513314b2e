"""Cases of violations up to the site head's signature: opened, written down, told, signed or refused.

What a case rests on was seen and recorded by people. The steps and their order are `rules.violations`.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.base import emit
from server.db.cases import Case, CaseIncident
from server.db.sittings import Attempt, Incident, Registration, Sitting
from server.errors import NotFound, Refused
from server.events import Activity
from server.rules.violations import OVER, CaseAct, CaseState
from server.services import audit
from server.services.case_file import (
    WHO,
    Done,
    advance,
    articles_for,
    by_a_person,
    evidence_of,
    locked,
    need_any,
    need_ground,
    need_no_link,
    rules_of,
    span,
    steps,
)
from server.services.duty import need_duty, on_duty
from server.services.signed import Signed, second_person

FACTS_MOST, HANDLING_MOST, TEXT_MOST = 1000, 400, 1000
METHODS = ("screen", "paper")
REFUSAL = "拒签"
"""The word that stands on the record when a candidate does not sign."""
_STROKES_MOST, _POINTS_MOST, _EXTENT = 200, 4000, 2000
_BEFORE_EXAM = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Opening:
    """About whom, and on which incidents; none: somebody writes down what was not on the list."""

    room_sitting: int
    attempt: int
    incidents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    """What happened and when, what was done on the spot, and the article."""

    text: str
    happened_at: datetime
    article: str
    handling: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """The candidate's signature: on paper, or drawn on a screen (`strokes`: lines of points, JSON);
    `statement`: what the candidate said about it.
    """

    method: str
    strokes: str = ""
    statement: str = ""


def open_case(session: Session, actor: Actor, opening: Opening, *, now: datetime) -> int:
    """Opens a case; its id. Refused for incidents that no person answers for, and for a second open one.

    Without incidents the moment of the facts is still to be told: until then it is that of the opening.
    """
    need_duty(session, actor, Permission.HANDLE_CASES, opening.room_sitting, now=now)
    attempt = session.get(Attempt, opening.attempt)
    if attempt is None or attempt.room_sitting_id != opening.room_sitting:
        raise NotFound("attempt")
    rows = [_usable(session, opening, number) for number in sorted(set(opening.incidents))]
    registration = session.get_one(Registration, attempt.registration_id)
    case = Case(
        room_sitting_id=opening.room_sitting,
        batch_id=session.get_one(Sitting, registration.sitting_id).batch_id,
        registration_id=registration.id,
        candidate_id=registration.candidate_id,
        attempt_id=attempt.id,
        state=str(CaseState.OPENED),
        opened_at=now,
        opened_by=actor.user_id,
        happened_at=max((row.last_at for row in rows), default=now),
    )
    session.add(case)
    session.flush()
    session.add_all(CaseIncident(case_id=case.id, incident_id=row.id) for row in rows)
    session.flush()
    stream = audit.sitting_stream(opening.room_sitting)
    found = {"attempt": attempt.id, "incidents": [row.id for row in rows]}
    audit.record(session, stream, actor, "case_opened", f"case/{case.id}", now=now, **found)
    params = (("actor", actor.name), ("number", str(case.id)))
    emit(session, Activity(opening.room_sitting, "line_case_opened", params, attempt.seat_id))
    return case.id


def state_facts(session: Session, actor: Actor, case_id: int, facts: Facts, *, now: datetime) -> None:
    """Writes down the facts, the evidence as it stands now, and the article; again until it is told.

    They happened while the incidents of the case lasted. An article that needs a warning is taken only when
    a logged one came before the facts.
    """
    case = _led(session, actor, case_id, now)
    text, handling = facts.text.strip(), facts.handling.strip()
    if not 1 <= len(text) <= FACTS_MOST or len(handling) > HANDLING_MOST:
        raise Refused("case_text_length", 422, field="facts", most=FACTS_MOST)
    _need_moment(session, case, facts.happened_at, now)
    if facts.article not in [a.number for a in articles_for(session, case, facts.happened_at)]:
        known = rules_of(session, case.batch_id).article(facts.article)
        code = "article_needs_warning" if known and known.needs_warning else "article_unknown"
        raise Refused(code, 422, field="article", article=facts.article)
    case.facts, case.handling = text, handling
    case.happened_at, case.article = facts.happened_at, facts.article
    case.evidence = evidence_of(session, case)
    data = {"facts": text, "handling": handling, "article": facts.article, "evidence": len(case.evidence)}
    advance(session, case, Done(CaseAct.STATE, actor, data=data), now=now)


def tell(session: Session, actor: Actor, case_id: int, note: str, *, now: datetime) -> None:
    """The candidate was told on the spot what was recorded; from now on the facts stay as they are."""
    case = _led(session, actor, case_id, now)
    advance(session, case, Done(CaseAct.TELL, actor, data={"note": _text(note)}), now=now)


def sign(session: Session, actor: Actor, case_id: int, signature: Signature, *, now: datetime) -> None:
    """The candidate signed, on this screen or on the printed form."""
    case = _led(session, actor, case_id, now)
    if signature.method not in METHODS:
        raise Refused("signature_method_unknown", 422, field="method")
    data: dict[str, Any] = {"method": signature.method, "statement": _text(signature.statement)}
    if signature.method == "screen":
        data["strokes"] = read_strokes(signature.strokes)
    advance(session, case, Done(CaseAct.SIGN, actor, data=data), now=now)


def refuse_signature(
    session: Session, signed: Signed, case_id: int, statement: str, *, now: datetime
) -> None:
    """The candidate does not sign: two different people on duty in the room sign for that (R28)."""
    case = _led(session, signed.actor, case_id, now)
    second = second_person(signed)
    for person in (signed.actor, second):
        if not person.can(Permission.HANDLE_CASES) or not on_duty(session, person, case.room_sitting_id):
            raise Refused("refusal_needs_two_on_duty", 403, field="cosign_username", name=person.name)
    data = {"method": "refused", "word": REFUSAL, "statement": _text(statement)}
    advance(session, case, Done(CaseAct.REFUSE, signed.actor, second, data), now=now)


def confirm(session: Session, actor: Actor, case_id: int, opinion: str, *, now: datetime) -> None:
    """The site head signs: somebody else than those who wrote the record or signed for a refusal."""
    need_any(actor, WHO[CaseAct.CONFIRM])
    case = locked(session, case_id)
    need_ground(session, case)
    need_no_link(session, actor, case)
    wrote = {CaseAct.STATE, CaseAct.REFUSE}
    before = [row for row in steps(session, case.id) if CaseAct(row.act) in wrote]
    if actor.user_id in {user for row in before for user in (row.by, row.cosigned_by)}:
        raise Refused("case_confirmer_wrote_it", 403)
    advance(session, case, Done(CaseAct.CONFIRM, actor, data={"opinion": _text(opinion)}), now=now)


def withdraw(session: Session, actor: Actor, case_id: int, reason: str, *, now: datetime) -> None:
    """Those who led it give it up; once it has the site head's signature, the site head does."""
    case = _led(session, actor, case_id, now)
    need_no_link(session, actor, case)
    signed_off = {CaseState.CONFIRMED, CaseState.NOTIFIED, CaseState.HEARD}
    if CaseState(case.state) in signed_off and not actor.can(Permission.COSIGN):
        raise Refused("withdraw_needs_site_head", 403)
    advance(session, case, Done(CaseAct.WITHDRAW, actor, data={"reason": need_text(reason)}), now=now)


def need_text(text: str, field: str = "reason") -> str:
    """A text that has to be there. Raises `Refused` (`reason_missing`, `case_text_length`)."""
    if not text.strip():
        raise Refused("reason_missing", 422, field=field)
    return _text(text)


def read_strokes(text: str) -> list[list[list[int]]]:
    """A drawn signature: lines of [x, y] in whole pixels. Refused when it is none, or nothing was drawn."""
    if len(text) > 20 * _POINTS_MOST or not re.fullmatch(r"[\[\],0-9\s]*", text):
        raise Refused("signature_not_drawn", 422, field="strokes")
    try:
        lines = json.loads(text or "[]")
    except (ValueError, RecursionError) as fault:
        raise Refused("signature_not_drawn", 422, field="strokes") from fault
    if not _is_drawing(lines):
        raise Refused("signature_not_drawn", 422, field="strokes")
    drawn: list[list[list[int]]] = lines
    return drawn


def _is_drawing(lines: object) -> bool:
    if not isinstance(lines, list) or not 1 <= len(lines) <= _STROKES_MOST:
        return False
    if not all(isinstance(line, list) for line in lines):
        return False
    points = [point for line in lines for point in line]
    return 2 <= len(points) <= _POINTS_MOST and all(map(_is_point, points))


def _is_point(point: object) -> bool:
    return (
        isinstance(point, list)
        and len(point) == 2
        and all(isinstance(value, int) and 0 <= value <= _EXTENT for value in point)
    )


def _text(text: str) -> str:
    found = text.strip()
    if len(found) > TEXT_MOST:
        raise Refused("case_text_length", 422, field="text", most=TEXT_MOST)
    return found


def _led(session: Session, actor: Actor, case_id: int, now: datetime) -> Case:
    case = locked(session, case_id)
    need_duty(session, actor, Permission.HANDLE_CASES, case.room_sitting_id, now=now)
    return case


def _need_moment(session: Session, case: Case, happened_at: datetime, now: datetime) -> None:
    rows = need_ground(session, case)
    first, last = span(rows) if rows else (case.opened_at - _BEFORE_EXAM, now)
    if not first <= happened_at <= min(last, now):
        code = "case_moment_outside" if rows else "case_moment_wrong"
        raise Refused(code, 422, field="happened_at")


def _usable(session: Session, opening: Opening, number: int) -> Incident:
    row = session.get(Incident, number, with_for_update=True, populate_existing=True)
    if row is None or row.room_sitting_id != opening.room_sitting:
        raise NotFound("incident")
    if row.attempt_id != opening.attempt:
        raise Refused("case_incident_of_another", 422)
    if row.state == "dismissed":
        raise Refused("case_incident_dismissed", 409)
    if not by_a_person(row):
        raise Refused("case_flag_alone", 409)
    if "leave" in row.details:
        raise Refused("case_leave_was_logged", 409)
    in_use = session.scalar(
        select(Case.id)
        .join(CaseIncident, CaseIncident.case_id == Case.id)
        .where(CaseIncident.incident_id == row.id, Case.state.not_in([str(state) for state in OVER]))
    )
    if in_use is not None:
        raise Refused("case_exists", 409, number=in_use)
    return row
