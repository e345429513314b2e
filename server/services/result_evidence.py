"""What the results of a batch rest on: what its sittings gave, exemptions, decided cases, corrections."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from exam_rooms.seats import AttemptState
from server.db.assessing import PanelScore, Turn
from server.db.cases import Case
from server.db.outcomes import Exemption, Result
from server.db.sittings import Attempt, Batch, Candidate, ComponentResult, Registration, RoomSitting, Sitting
from server.rules.policy import LevelPolicy
from server.rules.results import (
    OVERALL,
    Correction,
    Evidence,
    Ground,
    Outcome,
    Status,
    Try,
    fold_component,
    fold_overall,
)
from server.services.batches import policy_of
from server.services.voids import TAKING

Key = tuple[int, str]
"""A candidate and a component (`OVERALL`: the whole)."""
Tries = Mapping[Key, Sequence[Try]]
_PANEL_DONE = ("ended", "marked")
"""States of an assessed room in which a candidate who did not come is absent."""


def candidates_of(session: Session, batch_id: int) -> list[Candidate]:
    """Who has a place in a sitting of the batch, an exemption in it, or a result from before."""
    registered = (
        select(Registration.candidate_id)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .where(Sitting.batch_id == batch_id, Registration.void_at.is_(None))
    )
    exempted = select(Exemption.candidate_id).where(
        Exemption.batch_id == batch_id, Exemption.revoked_at.is_(None)
    )
    known = select(Result.candidate_id).where(Result.batch_id == batch_id)
    found = registered.union(exempted, known).subquery()
    return list(
        session.scalars(select(Candidate).where(Candidate.id.in_(select(found))).order_by(Candidate.id))
    )


def computed(session: Session, batch: Batch, tries: Tries | None = None) -> dict[Key, Outcome]:
    """What every result of a batch should be now, by candidate and component.

    `tries`: what the sittings gave, where it was worked out anew; without it what is stored.
    """
    policy = policy_of(batch)
    found = evidence(session, batch, stored_tries(session, batch.id) if tries is None else tries)
    outcomes: dict[Key, Outcome] = {}
    for candidate in candidates_of(session, batch.id):
        for component in policy.required:
            known = found.get((candidate.id, str(component)), Evidence())
            scale, counts = policy.terms_of(component).scale, policy.results.retake_counts
            outcomes[candidate.id, str(component)] = fold_component(scale, known, counts)
        outcomes[candidate.id, OVERALL] = whole(policy, candidate.id, outcomes)
    return outcomes


def whole(policy: LevelPolicy, candidate_id: int, outcomes: Mapping[Key, Outcome]) -> Outcome:
    """The overall result of one candidate from the components that are given."""
    parts = {
        str(each): outcomes[candidate_id, str(each)].status
        for each in policy.required
        if (candidate_id, str(each)) in outcomes
    }
    return fold_overall(map(str, policy.required), parts)


def evidence(session: Session, batch: Batch, tries: Tries) -> dict[Key, Evidence]:
    """All that decides each component of each candidate."""
    exempted = _exemptions(session, batch.id)
    corrected = _corrections(session, batch.id)
    components = [str(each) for each in policy_of(batch).required]
    taken = taken_by_cases(session, batch.id, components)
    keys = {*tries, *exempted, *corrected, *taken}
    return {
        key: Evidence(
            tries=tuple(tries.get(key, ())),
            exemption=exempted.get(key),
            case=taken.get(key),
            correction=corrected.get(key),
        )
        for key in keys
    }


def taken_by_cases(session: Session, batch_id: int, components: Iterable[str]) -> dict[Key, int]:
    """The components that standing decisions take away, each with its case (R29)."""
    judged = aliased(Sitting)
    query = (
        select(Case.id, Case.candidate_id, Case.outcome, judged.component)
        .join(RoomSitting, RoomSitting.id == Case.room_sitting_id)
        .join(judged, judged.id == RoomSitting.sitting_id)
        .where(Case.batch_id == batch_id, Case.outcome.in_(TAKING))
        .order_by(Case.id.desc())
    )
    every, taken = list(components), {}
    for case, candidate, outcome, component in session.execute(query):
        for each in every if outcome == "all" else [component]:
            taken[candidate, each] = case
    return taken


def stored_tries(session: Session, batch_id: int) -> dict[Key, list[Try]]:
    """What each sitting of the batch gave each of its candidates, as it is stored."""
    found: dict[Key, list[Try]] = defaultdict(list)
    for source in (_marked, absent_of_broken_off, _assessed, absent_from_panels):
        for key, one in source(session, batch_id):
            found[key].append(one)
    return found


def places(batch_id: int) -> Select[int, int, str, datetime]:
    """Query: registration, candidate, component and start of every valid place in a batch's sittings."""
    return (
        select(Registration.id, Registration.candidate_id, Sitting.component, Sitting.starts_at)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .where(Sitting.batch_id == batch_id, Registration.void_at.is_(None))
    )


def _marked(session: Session, batch_id: int) -> Iterable[tuple[Key, Try]]:
    """Marks at seats and on paper. A void one says nothing here: its case does."""
    query = (
        places(batch_id)
        .join(ComponentResult, ComponentResult.registration_id == Registration.id)
        .join(RoomSitting, RoomSitting.id == ComponentResult.room_sitting_id)
        .add_columns(ComponentResult.status, ComponentResult.total)
        .where(RoomSitting.state == "marked", RoomSitting.void_at.is_(None))
    )
    for registration, candidate, component, starts_at, status, total in session.execute(query):
        score = total if status == "scored" else None
        absent = status == "absent"
        yield (candidate, component), Try(starts_at, registration, Ground.MARKS, score, absent)


def absent_of_broken_off(session: Session, batch_id: int) -> Iterable[tuple[Key, Try]]:
    """Who did not come to a sitting that was broken off has no place in the one that is held again."""
    query = (
        places(batch_id)
        .join(Attempt, Attempt.registration_id == Registration.id)
        .join(RoomSitting, RoomSitting.id == Attempt.room_sitting_id)
        .where(RoomSitting.void_at.is_not(None), Attempt.state == str(AttemptState.ABSENT))
    )
    for registration, candidate, component, starts_at in session.execute(query):
        yield (candidate, component), Try(starts_at, registration, absent=True)


def _assessed(session: Session, batch_id: int) -> Iterable[tuple[Key, Try]]:
    """Scores of panels that were checked."""
    query = (
        places(batch_id)
        .join(Turn, Turn.registration_id == Registration.id)
        .join(RoomSitting, RoomSitting.id == Turn.room_sitting_id)
        .join(PanelScore, PanelScore.turn_id == Turn.id)
        .add_columns(PanelScore.score, PanelScore.vetoed)
        .where(RoomSitting.void_at.is_(None))
        .where(PanelScore.replaced_at.is_(None), PanelScore.state == "checked")
    )
    for registration, candidate, component, starts_at, score, vetoed in session.execute(query):
        yield (candidate, component), panel_try(starts_at, registration, score, vetoed=vetoed)


def absent_from_panels(session: Session, batch_id: int) -> Iterable[tuple[Key, Try]]:
    """Who did not come before a panel; nobody is absent while the room goes on."""
    query = (
        places(batch_id)
        .join(Turn, Turn.registration_id == Registration.id)
        .join(RoomSitting, RoomSitting.id == Turn.room_sitting_id)
        .where(Turn.state == "absent", RoomSitting.state.in_(_PANEL_DONE), RoomSitting.void_at.is_(None))
    )
    for registration, candidate, component, starts_at in session.execute(query):
        yield (candidate, component), Try(starts_at, registration, absent=True)


def panel_try(starts_at: datetime, registration: int, score: Decimal | None, *, vetoed: bool) -> Try:
    """What a panel gave; a veto without a sum is 0."""
    points = Decimal(0) if vetoed and score is None else score
    return Try(starts_at, registration, Ground.PANEL, points, vetoed=vetoed)


def _exemptions(session: Session, batch_id: int) -> dict[Key, int]:
    query = select(Exemption).where(Exemption.batch_id == batch_id, Exemption.revoked_at.is_(None))
    return {
        (row.candidate_id, row.component): row.id for row in session.scalars(query.order_by(Exemption.id))
    }


def _corrections(session: Session, batch_id: int) -> dict[Key, Correction]:
    """Corrections in force: a later correction, and nothing but that, takes the place of one."""
    query = select(Result).where(Result.batch_id == batch_id, Result.component != OVERALL)
    return {
        (row.candidate_id, row.component): Correction(as_outcome(row), row.made_at)
        for row in session.scalars(query.order_by(Result.revision))
        if row.origin.get("kind") == Ground.CORRECTION
    }


def as_outcome(row: Result) -> Outcome:
    """A stored result as the rules see it."""
    return Outcome(Status(row.status), row.score, row.origin)
