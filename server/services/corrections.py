"""Corrections of results: proposed by one, approved by two others, each signed in alone; nothing is lost.

The approved one becomes a new row beside the old one, the whole is computed again, and the candidate's
publicity begins anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.people import User
from server.db.publicity import Correction, CorrectionVote, Objection, Recheck
from server.db.sittings import Batch
from server.errors import NotFound, Refused
from server.rules.results import OVERALL, Ground, Status, graded
from server.services import batch_results, publicity
from server.services.batch_results import ResultChange
from server.services.batches import policy_of
from server.services.signed import need
from server.services.votes import APPROVALS, Vote, check

MOST_TEXT = 400
SCORE, VETOED = "score", "vetoed"
CHANGES = (SCORE, VETOED, Status.ABSENT)
"""What a result may be corrected to: a score that passes or fails by the policy, one that a veto fails, or
absent. Void and exempt have procedures of their own."""
_NOT_CORRECTED = {
    Status.VOID: "correction_of_void",
    Status.EXEMPT: "correction_of_exempt",
    Status.PENDING: "correction_of_pending",
}
OWN, OBJECTION, RECHECK = "own", "objection", "recheck"
"""What a correction comes from."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is proposed. `to` is one of `CHANGES`; `source` {"kind", "id"} names what it comes from."""

    batch_id: int
    candidate_id: int
    component: str
    to: str
    score: Decimal | None
    reason: str
    evidence: str
    source: Mapping[str, Any] = field(default_factory=lambda: {"kind": OWN})


def propose(session: Session, actor: Actor, change: Change, *, now: datetime) -> int:
    """Puts a correction before the others; its id.

    Refused: correction_unknown, correction_no_result, correction_of_void, correction_of_exempt,
    correction_of_pending, correction_open, correction_changes_nothing, correction_score,
    correction_text_missing, correction_source_unknown.
    """
    need(actor, Permission.PROPOSE_CORRECTION)
    batch = publicity.locked_batch(session, change.batch_id)
    reason, evidence = _text(change.reason, "reason"), _text(change.evidence, "evidence")
    _need_source(session, change)
    place = change.candidate_id, change.component
    old = batch_results.current(session, batch.id).get(place)
    if old is None or change.component == OVERALL:
        raise Refused("correction_no_result", 422, field="component")
    if old.status in _NOT_CORRECTED:
        raise Refused(_NOT_CORRECTED[Status(old.status)], 422, field="component")
    status, score = _new(batch, change)
    if (status, score) == (old.status, old.score):
        raise Refused("correction_changes_nothing", 422, field="score")
    if session.scalar(_open(change)):
        raise Refused("correction_open")
    row = Correction(
        batch_id=batch.id,
        candidate_id=change.candidate_id,
        component=change.component,
        old_revision=old.revision,
        old_status=old.status,
        old_score=old.score,
        new_status=status,
        new_score=score,
        reason=reason,
        evidence=evidence,
        source=dict(change.source),
        proposed_at=now,
        proposed_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    publicity.note(session, actor, "correction_proposed", batch.id, now, correction=row.id, **_facts(row))
    return row.id


def _open(change: Change) -> Select[int]:
    return select(Correction.id).where(
        Correction.batch_id == change.batch_id,
        Correction.candidate_id == change.candidate_id,
        Correction.component == change.component,
        Correction.state == "proposed",
    )


def _facts(row: Correction) -> dict[str, object]:
    return {"candidate": row.candidate_id, "component": row.component, "from": row.source["kind"]}


def _text(value: str, name: str) -> str:
    text = value.strip()
    if not text:
        raise Refused("correction_text_missing", 422, field=name)
    return text[:MOST_TEXT]


def _need_source(session: Session, change: Change) -> None:
    """An objection must have been upheld, a recheck must have found something, of this candidate."""
    kind = change.source.get("kind")
    if kind == OWN:
        return
    row: Objection | Recheck | None = None
    if kind == OBJECTION:
        row = session.get(Objection, int(change.source["id"]))
        right = row is not None and row.state == "upheld"
    else:
        row = session.get(Recheck, int(change.source["id"])) if kind == RECHECK else None
        right = row is not None and row.outcome == "found" and row.correction_id is None
    if (
        row is None
        or not right
        or (row.batch_id, row.candidate_id)
        != (
            change.batch_id,
            change.candidate_id,
        )
    ):
        raise Refused("correction_source_unknown", 422)


def _new(batch: Batch, change: Change) -> tuple[str, Decimal | None]:
    if change.to not in CHANGES:
        raise Refused("correction_unknown", 422, field="to")
    if change.to not in (SCORE, VETOED):
        return str(change.to), None
    scale = policy_of(batch).terms_of(change.component).scale
    if change.score is None:
        raise Refused("correction_score", 422, field="score", most=scale.max)
    try:
        return str(graded(change.score, scale, vetoed=change.to == VETOED)), change.score
    except ValueError as fault:
        raise Refused("correction_score", 422, field="score", most=scale.max) from fault


def vote(session: Session, actor: Actor, correction_id: int, said: Vote, *, now: datetime) -> str:
    """One person's word on a correction; the state after it. The second approval applies it.

    Refused: what `votes.check` refuses, correction_closed, correction_outdated (the result has changed
    meanwhile).
    """
    row = _locked(session, correction_id)
    votes = votes_of(session, correction_id)
    check(actor, said, row.proposed_by, {each.user_id for each in votes})
    mine = CorrectionVote(
        correction_id=row.id, user_id=actor.user_id, approved=said.approved, note=said.text, at=now
    )
    session.add(mine)
    act = "correction_approved" if said.approved else "correction_rejected"
    publicity.note(session, actor, act, row.batch_id, now, correction=row.id, **_facts(row))
    if not said.approved:
        row.state, row.closed_at = "rejected", now
    elif len(votes) + 1 >= APPROVALS:
        _apply(session, actor, row, [*(each.user_id for each in votes), mine.user_id], now)
    session.flush()
    return row.state


def votes_of(session: Session, correction_id: int) -> list[CorrectionVote]:
    """Who said what, in the order of their ids."""
    query = select(CorrectionVote).where(CorrectionVote.correction_id == correction_id)
    return list(session.scalars(query.order_by(CorrectionVote.at, CorrectionVote.user_id)))


def withdraw(session: Session, actor: Actor, correction_id: int, *, now: datetime) -> None:
    """The proposer takes it back before it is applied."""
    need(actor, Permission.PROPOSE_CORRECTION)
    row = _locked(session, correction_id)
    if actor.user_id != row.proposed_by:
        raise Refused("correction_not_own", 403)
    row.state, row.closed_at = "withdrawn", now
    publicity.note(session, actor, "correction_withdrawn", row.batch_id, now, correction=row.id)


def _locked(session: Session, correction_id: int) -> Correction:
    row = session.get(Correction, correction_id)
    if row is None:
        raise NotFound("correction")
    publicity.locked_batch(session, row.batch_id)
    session.refresh(row)
    if row.state != "proposed":
        raise Refused("correction_closed")
    return row


def _apply(session: Session, actor: Actor, row: Correction, approvals: list[int], now: datetime) -> None:
    old = batch_results.current(session, row.batch_id).get((row.candidate_id, row.component))
    if old is None or old.revision != row.old_revision:
        raise Refused("correction_outdated")
    change = ResultChange(
        batch_id=row.batch_id,
        candidate_id=row.candidate_id,
        component=row.component,
        status=row.new_status,
        score=row.new_score,
        origin={"kind": str(Ground.CORRECTION), "correction": row.id},
        reason=row.reason,
        approvals=tuple(approvals),
    )
    # The row is made by who proposed it; who approved stands beside.
    proposer = session.get_one(User, row.proposed_by)
    batch_results.append(session, Actor(proposer.id, proposer.name), change, now=now)
    session.flush()
    row.state, row.closed_at = "applied", now
    publicity.restart(session, row.batch_id, [row.candidate_id], "correction", now=now)
    _settle(session, row)
    publicity.note(session, actor, "correction_applied", row.batch_id, now, correction=row.id, **_facts(row))


def _settle(session: Session, row: Correction) -> None:
    """What the correction came from is answered by it; upheld objections to the same result are too."""
    upheld = select(Objection).where(
        Objection.batch_id == row.batch_id,
        Objection.candidate_id == row.candidate_id,
        Objection.state == "upheld",
    )
    for objection in session.scalars(upheld):
        objection.state, objection.correction_id = "settled", row.id
    if row.source.get("kind") == RECHECK:
        session.get_one(Recheck, int(row.source["id"])).correction_id = row.id
