"""Results of a batch: folded from what is known, checked by another person, and never overwritten.

A changed result is a new row; the one before keeps its moment of replacement. What the public has seen
changes by a correction, a decided case, an exemption or a further sitting, never by folding again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.base import TO_CHANGE
from server.db.cases import Case
from server.db.outcomes import Result
from server.db.sittings import Batch, Candidate
from server.errors import NotFound, Refused
from server.rules.policy import LevelPolicy
from server.rules.results import OVERALL, Ground, Outcome, Status, graded
from server.services import audit, publicity
from server.services.batches import policy_of
from server.services.result_evidence import Key, as_outcome, computed, whole
from server.services.result_lines import ResultLine
from server.services.result_lines import line_of as _line
from server.services.result_lines import lines as _lines
from server.services.signed import need

MOST_REASON = 400
APPROVERS = 2
NEW_RESULT, KEY_FIX = "new_result", "key_fix"
"""Why a candidate's publicity ends, as `publicity.restart` knows it."""
_OWN_WAY = frozenset({Ground.CASE, Ground.EXEMPTION})
"""Grounds that two people decided in a procedure of their own: they change what is public, too."""
_CORRECTED_TO = frozenset({Status.PASS, Status.FAIL, Status.ABSENT})


@dataclass(frozen=True, slots=True)
class Approved:
    """Who approved, and why, that public results may change: a key that was set right after the test.

    `candidates`: whom it concerns; whatever else differs waits for the usual fold and its check.
    """

    reason: str
    approvals: tuple[int, ...]
    candidates: frozenset[int]


@dataclass(frozen=True, slots=True)
class Folded:
    """What a fold did. `held`: candidates whose public result would change without an approval."""

    changed: int
    held: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """A result that is stored otherwise than it follows from what is known; `stored` None: not at all."""

    candidate: int
    component: str
    stored: Outcome | None
    computed: Outcome


@dataclass(frozen=True, slots=True)
class ResultChange:
    """One component's result that takes the place of the one in force. `approvals`: ids of who approved."""

    batch_id: int
    candidate_id: int
    component: str
    status: str
    score: Decimal | None
    origin: Mapping[str, object] = field(default_factory=dict)
    reason: str = ""
    approvals: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Stamp:
    batch_id: int
    actor: Actor
    now: datetime
    approved: Approved | None = None


def current(session: Session, batch_id: int) -> dict[Key, Result]:
    """The results in force by candidate and component ("overall": the whole)."""
    query = select(Result).where(Result.batch_id == batch_id, Result.replaced_at.is_(None))
    return {(row.candidate_id, row.component): row for row in session.scalars(query.order_by(Result.id))}


def lines(session: Session, batch_id: int) -> list[ResultLine]:
    """The results in force as lists show them, in ticket order; those without a result stand there, too."""
    return _lines(session, _batch(session, batch_id), current(session, batch_id))


def line_of(session: Session, batch: Batch, candidate: Candidate) -> ResultLine:
    """One candidate's results in force, as lists show them."""
    query = select(Result).where(
        Result.batch_id == batch.id, Result.candidate_id == candidate.id, Result.replaced_at.is_(None)
    )
    rows = {(row.candidate_id, row.component): row for row in session.scalars(query)}
    return _line(session, batch, candidate, rows)


def differences(session: Session, batch_id: int) -> list[Difference]:
    """Where the stored results are not what follows from marks, exemptions and cases as they are now."""
    batch = _batch(session, batch_id)
    if batch.rehearsal:
        return []
    stored = {key: as_outcome(row) for key, row in current(session, batch_id).items()}
    return [
        Difference(*key, stored.get(key), outcome)
        for key, outcome in computed(session, batch).items()
        if stored.get(key) != outcome
    ]


def fold(
    session: Session, actor: Actor, batch_id: int, *, now: datetime, approved: Approved | None = None
) -> Folded:
    """Stores what follows from what is known, as new rows; a candidate's rows change together or not at all.

    Without `approved` a public result stays as it is, unless a case, an exemption or a further sitting
    changes it. Refused: rehearsal_no_results.
    """
    need(actor, Permission.APPROVE_CORRECTION if approved else Permission.FOLD_RESULTS)
    batch = _locked(session, batch_id)
    differing: dict[int, list[Difference]] = {}
    for each in differences(session, batch.id):
        if approved is None or each.candidate in approved.candidates:
            differing.setdefault(each.candidate, []).append(each)
    public, stamp = _public(session, batch_id), _Stamp(batch_id, actor, now, approved)
    stored, changed, held = current(session, batch_id), [], []
    for candidate, found in sorted(differing.items()):
        if approved is None and candidate in public and not _new_grounds(found):
            held.append(candidate)
            continue
        for each in found:
            _replace(session, each, stored.get((candidate, each.component)), stamp)
        changed.append(candidate)
    session.flush()
    why = KEY_FIX if approved else NEW_RESULT
    publicity.restart(session, batch_id, public.intersection(changed), why, now=now)
    facts = {"changed": len(changed), "held": len(held), **({"reason": approved.reason} if approved else {})}
    audit.record(session, "system", actor, "results_folded", f"batch/{batch_id}", now=now, **facts)
    return Folded(len(changed), tuple(held))


def follow_case(session: Session, actor: Actor, case: Case, *, now: datetime) -> int:
    """A decision takes a person's results in the batch away at once, or gives them back; how many changed.

    Only where results were folded before, and never more than the decision reaches.
    """
    if (batch := session.get_one(Batch, case.batch_id)).rehearsal:
        return 0
    _locked(session, batch.id)
    stored = current(session, batch.id)
    own = [each for each in differences(session, batch.id) if each.candidate == case.candidate_id]
    own = [each for each in own if (each.candidate, each.component) in stored]
    if not any(Ground.CASE in _grounds(each) for each in own):
        return 0
    reached = [each for each in own if Ground.CASE in _grounds(each) or each.component == OVERALL]
    for each in reached:
        stamp = _Stamp(batch.id, actor, now)
        _replace(session, each, stored[each.candidate, each.component], stamp)
    session.flush()
    publicity.restart(session, batch.id, [case.candidate_id], NEW_RESULT, now=now)
    return len(reached)


def check(session: Session, actor: Actor, batch_id: int, *, now: datetime) -> int:
    """The mark checker has compared what was folded; how many results that concerns.

    Refused while something is computed otherwise (results_stale), nothing waits (results_nothing_to_check),
    or who folded would check (check_needs_another).
    """
    need(actor, Permission.CHECK_MARKS)
    batch = _locked(session, batch_id)
    waiting = [row for row in current(session, batch_id).values() if row.checked_at is None]
    if not waiting:
        raise Refused("results_nothing_to_check")
    if any(row.made_by == actor.user_id for row in waiting):
        raise Refused("check_needs_another")
    public = _public(session, batch_id)
    open_ones = [each for each in differences(session, batch.id) if each.candidate not in public]
    if open_ones:
        raise Refused("results_stale", count=len(open_ones))
    for row in waiting:
        row.checked_at, row.checked_by = now, actor.user_id
    place = f"batch/{batch_id}"
    audit.record(session, "system", actor, "results_checked", place, now=now, count=len(waiting))
    return len(waiting)


def append(session: Session, actor: Actor, change: ResultChange, *, now: datetime) -> Result:
    """Puts a corrected result of one component in force.

    The whole that follows is put in force with it. `actor` is who proposed it. Refused without a reason or
    two approvals by others, for a component that the level does not have, for a status and a score that do
    not go together, or when nothing changes. To void leads a decided case alone (R29), to exempt an exemption
    alone (R10).
    """
    batch = _locked(session, change.batch_id)
    policy = policy_of(batch)
    _check_change(policy, actor, change)
    stored = current(session, batch.id)
    key = change.candidate_id, change.component
    if key not in stored:
        raise NotFound("result")
    origin = {**change.origin, "kind": str(Ground.CORRECTION)}
    outcome = Outcome(Status(change.status), change.score, origin)
    before = stored[key]
    if before.origin.get("kind") == Ground.CASE:
        raise Refused("correction_of_void")
    if before.status == Status.PENDING:
        raise Refused("correction_of_pending")
    if (before.status, before.score) == (change.status, change.score):
        raise Refused("correction_changes_nothing", 422, field="score")
    approved = Approved(
        change.reason.strip()[:MOST_REASON], change.approvals, frozenset({change.candidate_id})
    )
    stamp = _Stamp(batch.id, actor, now, approved)
    made = _replace(session, Difference(*key, as_outcome(before), outcome), before, stamp)
    known = {each: as_outcome(row) for each, row in stored.items()} | {key: outcome}
    overall = whole(policy, change.candidate_id, known)
    above = change.candidate_id, OVERALL
    if above not in known or known[above] != overall:
        _replace(session, Difference(*above, known.get(above), overall), stored.get(above), stamp)
    session.flush()
    return made


def history(session: Session, batch_id: int, candidate_id: int) -> list[Result]:
    """Every result a candidate ever had in a batch, those in force and those replaced, the newest first."""
    query = select(Result).where(Result.batch_id == batch_id, Result.candidate_id == candidate_id)
    return list(session.scalars(query.order_by(Result.made_at.desc(), Result.id.desc())))


def _check_change(policy: LevelPolicy, actor: Actor, change: ResultChange) -> None:
    if change.component not in map(str, policy.required):
        raise NotFound("component")
    if not change.reason.strip():
        raise Refused("reason_missing", 422, field="reason")
    if len(set(change.approvals) - {actor.user_id}) < APPROVERS:
        raise Refused("correction_needs_two", 422, needed=APPROVERS)
    if not _fits(policy, change):
        raise Refused("correction_not_a_result", 422, field="score")


def _fits(policy: LevelPolicy, change: ResultChange) -> bool:
    """Whether status and score go together: a pass needs a passing score, a fail may come from a veto."""
    scale = policy.terms_of(change.component).scale
    if change.status not in _CORRECTED_TO:
        return False
    if change.status == Status.ABSENT or change.score is None:
        return change.status == Status.ABSENT and change.score is None
    if not 0 <= change.score <= scale.max:
        return False
    return change.status == Status.FAIL or graded(change.score, scale) is Status.PASS


def _new_grounds(found: Collection[Difference]) -> bool:
    """Whether these differences of one published candidate may be stored without anybody's approval."""
    return all(_new_ground(each) for each in found if each.component != OVERALL)


def _grounds(each: Difference) -> frozenset[Ground]:
    return frozenset({each.computed.ground} | ({each.stored.ground} if each.stored else set()))


def _new_ground(each: Difference) -> bool:
    """Whether a public result changes for a reason that is on record elsewhere, or was none before."""
    if each.stored is None or each.stored.status is Status.PENDING:
        return True
    if _grounds(each) & _OWN_WAY:
        return True
    place = each.computed.origin.get("registration")
    return place is not None and place != each.stored.origin.get("registration")


def _public(session: Session, batch_id: int) -> set[int]:
    """The candidates who stand on a list with the results in force."""
    return set(publicity.standings(session, batch_id, now=None))


def _replace(session: Session, each: Difference, before: Result | None, stamp: _Stamp) -> Result:
    """A new row in force; the one before stays with its moment of replacement. An approved one is checked."""
    approved = stamp.approved
    row = Result(
        batch_id=stamp.batch_id,
        candidate_id=each.candidate,
        component=each.component,
        revision=before.revision + 1 if before else 1,
        status=str(each.computed.status),
        score=each.computed.score,
        origin=dict(each.computed.origin),
        reason=approved.reason if approved else "",
        approvals=list(approved.approvals) if approved else [],
        made_at=stamp.now,
        made_by=stamp.actor.user_id,
        checked_at=stamp.now if approved else None,
        checked_by=approved.approvals[0] if approved else None,
    )
    session.add(row)
    if before is None:
        return row
    before.replaced_at = stamp.now
    if before.status != Status.PENDING:
        facts = {"component": row.component, "before": before.status, "after": row.status}
        place, batch = f"candidate/{each.candidate}", stamp.batch_id
        audit.record(
            session, "system", stamp.actor, "result_replaced", place, now=stamp.now, batch=batch, **facts
        )
    return row


def _batch(session: Session, batch_id: int) -> Batch:
    row = session.get(Batch, batch_id)
    if row is None:
        raise NotFound("batch")
    return row


def _locked(session: Session, batch_id: int) -> Batch:
    """The batch, kept from who would fold it at the same time. A rehearsal has no results."""
    row = session.get(Batch, batch_id, with_for_update=TO_CHANGE, populate_existing=True)
    if row is None:
        raise NotFound("batch")
    if row.rehearsal:
        raise Refused("rehearsal_no_results")
    return row
