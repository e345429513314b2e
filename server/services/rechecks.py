"""Recheck requests (R35): in the policy's days, about omissions and sums alone, answered by two people."""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.publicity import PublicityEntry, PublicityList, Recheck
from server.db.sittings import Batch
from server.errors import NotFound, Refused
from server.rules.publicity import local_day, recheck_until, reply_due
from server.rules.results import OVERALL, Status
from server.services import batch_results, publicity, recheck_sums, workdays
from server.services.filings import Filing, seal
from server.services.signed import Signed, need, second_person

PURPOSE = "recheck"
OMISSION, SUM, STANDARD = "omission", "sum", "standard"
GROUNDS = (OMISSION, SUM, STANDARD)
UNCHANGED, FOUND, OUT_OF_SCOPE = "unchanged", "found", "out_of_scope"
OUTCOMES = (UNCHANGED, FOUND, OUT_OF_SCOPE)
MOST_ANSWER = 400
_WITHOUT_MARKS = frozenset({Status.EXEMPT, Status.VOID, Status.PENDING})


@dataclass(frozen=True, slots=True)
class Request:
    """What a candidate asks for. `grounds`: one of `GROUNDS`; the standard of marking is out of scope."""

    filing: Filing
    component: str
    grounds: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the check came to, one of `OUTCOMES`, and the words of the letter."""

    outcome: str
    text: str


def receive(session: Session, actor: Actor, request: Request, zone: tzinfo, *, now: datetime) -> int:
    """Takes a request and starts the clock of the answer; its id.

    Refused: recheck_grounds, recheck_no_marks, recheck_not_public, recheck_too_late (`until`), recheck_open.
    """
    need(actor, Permission.HANDLE_RECHECKS)
    if request.grounds not in GROUNDS:
        raise Refused("recheck_grounds", 422, field="grounds")
    batch_id, candidate_id = request.filing.batch_id, request.filing.candidate_id
    batch = publicity.locked_batch(session, batch_id)
    result = batch_results.current(session, batch_id).get((candidate_id, request.component))
    if result is None or request.component == OVERALL or result.status in _WITHOUT_MARKS:
        raise Refused("recheck_no_marks", 422, field="component")
    today = local_day(now, zone)
    until = ask_until(session, batch, candidate_id)
    if until is None:
        raise Refused("recheck_not_public")
    if today > until:
        raise Refused("recheck_too_late", until=until)
    if session.scalar(_open(batch_id, candidate_id, request.component)):
        raise Refused("recheck_open")
    row = Recheck(
        batch_id=batch_id,
        candidate_id=candidate_id,
        component=request.component,
        grounds=request.grounds,
        sealed=seal(session, PURPOSE, request.filing.said),
        received_at=now,
        received_by=actor.user_id,
        due_on=reply_due(workdays.calendar(session), today, publicity.rules_of(batch)),
    )
    session.add(row)
    session.flush()
    facts = {"recheck": row.id, "candidate": candidate_id, "component": row.component}
    publicity.note(session, actor, "recheck_received", batch_id, now, grounds=row.grounds, **facts)
    return row.id


def ask_until(session: Session, batch: Batch, candidate_id: int) -> date | None:
    """The last day on which the candidate may ask, counted from the newest list with them; None: on none."""
    query = (
        select(PublicityList.published_on)
        .join(PublicityEntry, PublicityEntry.list_id == PublicityList.id)
        .where(PublicityEntry.batch_id == batch.id, PublicityEntry.candidate_id == candidate_id)
        .order_by(PublicityList.number.desc())
    )
    published_on = session.scalar(query.limit(1))
    if published_on is None:
        return None
    return recheck_until(workdays.calendar(session), published_on, publicity.rules_of(batch))


def _open(batch_id: int, candidate_id: int, component: str) -> Select[int]:
    return select(Recheck.id).where(
        Recheck.batch_id == batch_id,
        Recheck.candidate_id == candidate_id,
        Recheck.component == component,
        Recheck.state == "open",
    )


def answer(session: Session, signed: Signed, recheck_id: int, given: Answer, *, now: datetime) -> None:
    """Two people answer; what the sums came to is kept with it. A finding needs a correction next.

    Refused: recheck_closed, outcome_unknown, recheck_scope (the standard is never looked at again),
    recheck_sums_differ (an answer that nothing was found although the sums say otherwise),
    recheck_answer_missing.
    """
    need(signed.actor, Permission.HANDLE_RECHECKS)
    second = second_person(signed)
    need(second, Permission.HANDLE_RECHECKS)
    row = get(session, recheck_id)
    publicity.locked_batch(session, row.batch_id)
    session.refresh(row)
    if row.state != "open":
        raise Refused("recheck_closed")
    sums = recheck_sums.sums(session, row)
    _need_fitting(row, given, differ=any(line.differs for line in sums))
    row.state, row.outcome, row.answer = "answered", given.outcome, given.text.strip()[:MOST_ANSWER]
    row.sums = [line.to_json() for line in sums] if row.grounds != STANDARD else []
    row.answered_at, row.answered_by, row.cosigned_by = now, signed.actor.user_id, second.user_id
    session.flush()
    facts = {"recheck": row.id, "candidate": row.candidate_id, "outcome": row.outcome}
    publicity.note(
        session, signed.actor, "recheck_answered", row.batch_id, now, cosigned_by=second.name, **facts
    )


def _need_fitting(row: Recheck, given: Answer, *, differ: bool) -> None:
    if given.outcome not in OUTCOMES:
        raise Refused("outcome_unknown", 422, field="outcome")
    if (row.grounds == STANDARD) != (given.outcome == OUT_OF_SCOPE):
        raise Refused("recheck_scope", 422, field="outcome")
    if given.outcome == UNCHANGED and differ:
        raise Refused("recheck_sums_differ", 422, field="outcome")
    if not given.text.strip():
        raise Refused("recheck_answer_missing", 422, field="answer")


def get(session: Session, recheck_id: int) -> Recheck:
    """One request. Raises `NotFound`."""
    row = session.get(Recheck, recheck_id)
    if row is None:
        raise NotFound("recheck")
    return row
