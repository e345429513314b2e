"""Cases from the notice to the end: heard, decided by the institution, served, rechecked, closed.

Nothing here happens by itself: a term that is over lets a person take the next step, no more.
"""

from dataclasses import dataclass
from datetime import datetime, tzinfo

from sqlalchemy.orm import Session

from server.access import Actor
from server.db.cases import Case
from server.errors import Refused
from server.rules.violations import CaseAct, term_ends
from server.services import audit, batch_results, person_register, voids
from server.services.case_file import (
    WHO,
    Done,
    advance,
    article_of,
    by_a_person,
    locked,
    need_any,
    need_ground,
    need_no_link,
    need_warning,
    rules_of,
    steps,
    took_part,
)
from server.services.cases import need_text

SERVED_BY = ("in_person", "post", "public_notice")
"""How a notice or a decision reaches somebody."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How a paper reached the candidate, and a note about it (who received it, number of the parcel); `zone`
    is where the days of its term are counted.
    """

    method: str
    note: str
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the institution decides and why. `outcome`: none, subject or all; of a recheck: whether the
    decision stands.
    """

    outcome: str
    reason: str


UPHELD, OVERTURNED = "upheld", "overturned"
"""Outcomes of a recheck."""


def notify(session: Session, actor: Actor, case_id: int, delivery: Delivery, *, now: datetime) -> None:
    """The notice of facts, reason, basis and rights reached the candidate; the term of the statement runs."""
    case = locked(session, case_id)
    case.due_at = term_ends(now, rules_of(session, case.batch_id).statement_days, delivery.zone)
    data = _delivered(delivery) | {"until": case.due_at.isoformat()}
    advance(session, case, Done(CaseAct.NOTIFY, actor, data=data), now=now)


def hear(session: Session, actor: Actor, case_id: int, statement: str, *, now: datetime) -> None:
    """The candidate's statement came in; late ones are taken as long as nothing is decided."""
    case = locked(session, case_id)
    data = {"statement": need_text(statement, "statement")}
    advance(session, case, Done(CaseAct.HEAR, actor, data=data), now=now)


def waive(session: Session, actor: Actor, case_id: int, note: str, *, now: datetime) -> None:
    """The candidate declared, in writing, to say nothing."""
    case = locked(session, case_id)
    advance(session, case, Done(CaseAct.WAIVE, actor, data={"note": need_text(note, "note")}), now=now)


def lapse(session: Session, actor: Actor, case_id: int, *, now: datetime) -> None:
    """The term is over and nothing was said."""
    case = locked(session, case_id)
    _need_term_over(case, now)
    advance(session, case, Done(CaseAct.LAPSE, actor), now=now)


def decide(session: Session, actor: Actor, case_id: int, ruling: Ruling, *, now: datetime) -> tuple[int, ...]:
    """The institution's decision; the registrations whose results it changed.

    R29: only here a result becomes void, after notice and statement, by somebody who neither reported nor
    signed, and never for what a program alone has seen, or what was dismissed.
    """
    case = _judged_by(session, actor, case_id)
    rows = need_ground(session, case)
    if rows and not any(map(by_a_person, rows)):
        raise Refused("case_flag_alone", 409)
    article = article_of(session, case)
    need_warning(session, case, article)
    if ruling.outcome not in article.outcomes:
        raise Refused("outcome_beyond_article", 422, field="outcome", article=article.number)
    case.outcome, case.decided_at, case.due_at = ruling.outcome, now, None
    data = {"outcome": ruling.outcome, "reason": need_text(ruling.reason), "article": article.number}
    advance(session, case, Done(CaseAct.DECIDE, actor, data=data), now=now)
    if person_register.enter(session, case, article, now=now):
        _audit(session, actor, case, "person_registered", now, article=article.number)
    return _settle(session, actor, case, now)


def serve(session: Session, actor: Actor, case_id: int, delivery: Delivery, *, now: datetime) -> None:
    """The decision reached the candidate; the term of the recheck runs."""
    case = locked(session, case_id)
    case.due_at = term_ends(now, rules_of(session, case.batch_id).recheck_days, delivery.zone)
    data = _delivered(delivery) | {"until": case.due_at.isoformat()}
    advance(session, case, Done(CaseAct.SERVE, actor, data=data), now=now)


def ask_recheck(session: Session, actor: Actor, case_id: int, grounds: str, *, now: datetime) -> None:
    """The candidate asks for a recheck within its term."""
    case = locked(session, case_id)
    if case.due_at is not None and now >= case.due_at:
        raise Refused("case_term_over", 409)
    data = {"grounds": need_text(grounds, "grounds")}
    advance(session, case, Done(CaseAct.ASK_RECHECK, actor, data=data), now=now)


def answer_recheck(
    session: Session, actor: Actor, case_id: int, ruling: Ruling, *, now: datetime
) -> tuple[int, ...]:
    """The decision stands, or is taken back with all that followed from it; whose results changed.

    Somebody else answers than who decided.
    """
    case = _judged_by(session, actor, case_id)
    if actor.user_id in {row.by for row in steps(session, case.id) if row.act == CaseAct.DECIDE}:
        raise Refused("case_recheck_by_decider", 403)
    if ruling.outcome not in (UPHELD, OVERTURNED):
        raise Refused("outcome_unknown", 422, field="outcome")
    data = {"reason": need_text(ruling.reason)}
    act = CaseAct.UPHOLD if ruling.outcome == UPHELD else CaseAct.OVERTURN
    case.due_at = None
    if act is CaseAct.OVERTURN:
        case.outcome = "none"
        person_register.lift(session, case.id, now=now)
    advance(session, case, Done(act, actor, data=data), now=now)
    return _settle(session, actor, case, now)


def close(session: Session, actor: Actor, case_id: int, *, now: datetime) -> None:
    """The term of the recheck is over and nobody asked for one."""
    case = locked(session, case_id)
    _need_term_over(case, now)
    case.due_at = None
    advance(session, case, Done(CaseAct.CLOSE, actor), now=now)


def drop(session: Session, actor: Actor, case_id: int, reason: str, *, now: datetime) -> None:
    """The institution gives a case up before it is decided."""
    case = locked(session, case_id)
    need_no_link(session, actor, case)
    advance(session, case, Done(CaseAct.DROP, actor, data={"reason": need_text(reason)}), now=now)


def _judged_by(session: Session, actor: Actor, case_id: int) -> Case:
    """A case in which the actor may decide: nobody judges what they reported or signed, or a relative."""
    need_any(actor, WHO[CaseAct.DECIDE])
    case = locked(session, case_id)
    if actor.user_id in took_part(session, case):
        raise Refused("case_decider_took_part", 403)
    need_no_link(session, actor, case)
    return case


def _delivered(delivery: Delivery) -> dict[str, str]:
    if delivery.method not in SERVED_BY:
        raise Refused("service_method_unknown", 422, field="method")
    return {"method": delivery.method, "note": delivery.note.strip()[:200]}


def _need_term_over(case: Case, now: datetime) -> None:
    if case.due_at is not None and now < case.due_at:
        raise Refused("case_term_runs", 409, until=case.due_at.isoformat())


def _settle(session: Session, actor: Actor, case: Case, now: datetime) -> tuple[int, ...]:
    session.flush()
    changed = voids.settle_candidate(session, case)
    if changed:
        act = "results_voided" if case.outcome in voids.TAKING else "results_restored"
        _audit(session, actor, case, act, now, results=len(changed))
    batch_results.follow_case(session, actor, case, now=now)
    return tuple(changed)


def _audit(session: Session, actor: Actor, case: Case, act: str, now: datetime, **facts: object) -> None:
    stream = audit.sitting_stream(case.room_sitting_id)
    audit.record(session, stream, actor, act, f"case/{case.id}", now=now, **facts)
