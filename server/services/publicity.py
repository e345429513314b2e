"""Publicity of results (R34): who is on a list in force, what holds a result, and when it is final.

A list is published by two people (`publishing`) and never changes; a candidate whose result is corrected
leaves it and comes on a later one, alone if need be, with days of its own. What a stage is follows from
the rows and the clock, so a server that was off changes nothing; `settle` only puts on the record what has
become final. A line whose results are no longer those in force counts no more, whatever changed them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.base import TO_CHANGE
from server.db.outcomes import Result
from server.db.publicity import Objection, PublicityEntry
from server.db.sittings import Batch
from server.errors import NotFound
from server.rules.policy_components import ResultRules
from server.rules.publicity import HOLDING, Stage
from server.rules.publicity import stage as stage_at
from server.services import audit
from server.services.batches import policy_of


@dataclass(frozen=True, slots=True)
class Standing:
    """A candidate's line in force and what holds it; `stage` is as of the moment that was asked about."""

    entry: PublicityEntry
    stage: Stage


def stage(session: Session, batch_id: int, candidate_id: int, *, now: datetime | None = None) -> Stage:
    """Where a candidate's result stands; without `now` only what is on the record counts as final."""
    found = standings(session, batch_id, now=now, candidates=[candidate_id])
    return found[candidate_id].stage if found else Stage.PROVISIONAL


def standings(
    session: Session, batch_id: int, *, now: datetime | None, candidates: Iterable[int] | None = None
) -> dict[int, Standing]:
    """Candidate -> the line in force; who stands on no list with the results in force is missing."""
    lines = select(PublicityEntry).where(
        PublicityEntry.batch_id == batch_id, PublicityEntry.replaced_at.is_(None)
    )
    rows = select(Result.candidate_id, Result.id).where(
        Result.batch_id == batch_id, Result.replaced_at.is_(None)
    )
    if candidates is not None:
        wanted = list(candidates)
        lines = lines.where(PublicityEntry.candidate_id.in_(wanted))
        rows = rows.where(Result.candidate_id.in_(wanted))
    results: dict[int, list[int]] = defaultdict(list)
    for candidate, row_id in session.execute(rows.order_by(Result.id)):
        results[candidate].append(row_id)
    held = _objections(session, [batch_id])
    return {
        entry.candidate_id: Standing(entry, _stage(entry, held[batch_id, entry.candidate_id], now))
        for entry in session.scalars(lines)
        if entry.results == results[entry.candidate_id]
    }


def _stage(entry: PublicityEntry, objections: Iterable[str], now: datetime | None) -> Stage:
    moment = now or (entry.final_at if entry.finalised_at else None)
    if moment is None:
        return Stage.HELD if HOLDING & set(objections) else Stage.PUBLICITY
    return stage_at(entry.final_at, objections, moment)


def _objections(session: Session, batches: Iterable[int]) -> dict[tuple[int, int], list[str]]:
    found: dict[tuple[int, int], list[str]] = defaultdict(list)
    columns = select(Objection.batch_id, Objection.candidate_id, Objection.state)
    for batch, candidate, state in session.execute(columns.where(Objection.batch_id.in_(list(batches)))):
        found[batch, candidate].append(state)
    return found


def rules_of(batch: Batch) -> ResultRules:
    """What the batch's frozen policy says of publicity and rechecks."""
    return policy_of(batch).results


def locked_batch(session: Session, batch_id: int) -> Batch:
    """A batch to which something is done after the marks. Raises `NotFound`."""
    batch = session.get(Batch, batch_id, with_for_update=TO_CHANGE, populate_existing=True)
    if batch is None:
        raise NotFound("batch")
    return batch


def restart(session: Session, batch_id: int, candidates: Iterable[int], why: str, *, now: datetime) -> int:
    """Takes candidates off the lists in force: what was published no longer is their result; how many.

    They are provisional until a new list names them. `why`: correction | key_fix | new_result.
    """
    changed = session.execute(
        update(PublicityEntry)
        .where(
            PublicityEntry.batch_id == batch_id,
            PublicityEntry.candidate_id.in_(list(candidates)),
            PublicityEntry.replaced_at.is_(None),
        )
        .values(replaced_at=now, replaced_why=why)
    )
    return int(changed.rowcount)  # type: ignore[attr-defined]


def outdated(session: Session, batch_id: int) -> list[int]:
    """Candidates whose line in force says what is no longer their result."""
    query = select(PublicityEntry.candidate_id).where(
        PublicityEntry.batch_id == batch_id, PublicityEntry.replaced_at.is_(None)
    )
    return sorted(set(session.scalars(query)) - standings(session, batch_id, now=None).keys())


def settle(session: Session, actor: Actor, *, now: datetime) -> int:
    """Puts on the record whose results have become final; how many."""
    count = 0
    for batch_id in session.scalars(_due(now)).all():
        locked_batch(session, batch_id)
        final = [
            standing.entry
            for standing in standings(session, batch_id, now=now).values()
            if standing.stage is Stage.FINAL and standing.entry.finalised_at is None
        ]
        for entry in final:
            entry.finalised_at = now
        if final:
            who = sorted(entry.candidate_id for entry in final)
            note(session, actor, "results_final", batch_id, now, candidates=len(final), who=who)
        count += len(final)
    session.flush()
    return count


def due(session: Session, *, now: datetime) -> bool:
    """Whether `settle` would find something: asked before a write is begun."""
    return any(
        standing.stage is Stage.FINAL and standing.entry.finalised_at is None
        for batch_id in session.scalars(_due(now))
        for standing in standings(session, batch_id, now=now).values()
    )


def _due(now: datetime) -> Select[int]:
    """Batches with lines whose days are over and that nothing is put on the record of."""
    query = select(PublicityEntry.batch_id).where(
        PublicityEntry.finalised_at.is_(None),
        PublicityEntry.replaced_at.is_(None),
        PublicityEntry.final_at <= now,
    )
    return query.distinct().order_by(PublicityEntry.batch_id)


def note(session: Session, actor: Actor, act: str, batch_id: int, now: datetime, **facts: object) -> None:
    """Puts an act on results of a batch on the record."""
    audit.record(session, audit.SYSTEM_STREAM, actor, act, f"batch/{batch_id}", now=now, **facts)
