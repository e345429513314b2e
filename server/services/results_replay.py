"""Every result of a batch worked out again from what was done, and compared with what is kept.

Answers are marked again by the frozen keys (with the fixes of keys that were approved), examiners' records
are added up again, exemptions and corrections are held against their rules, decided cases are applied; then
components and the whole are folded again. Nothing is written.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from itembank.marking import EXAMINER
from server.db.answers import AnswerStore
from server.db.assessing import PanelScore, Turn
from server.db.outcomes import Exemption, Result
from server.db.publicity import Correction
from server.db.sittings import Batch, ComponentResult, Registration, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.rules.exemptions import exempt
from server.rules.policy_components import DELIVERED
from server.rules.results import Ground, Try, score_text
from server.services import (
    batch_results,
    correction_views,
    corrections,
    entered_marks,
    key_fixes,
    marks,
    panel_scores,
    result_evidence,
    voids,
)
from server.services.batches import policy_of
from server.services.result_evidence import Key, as_outcome, panel_try
from server.services.roomstate import attempts_of
from server.services.votes import APPROVALS

Marker = Callable[[dict[str, Any]], dict[str, Any]]
"""Marks the payload of `marks.payload`; the caller decides in which process."""
Mark = tuple[str, Decimal | None]
"""Status and total of one attempt."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it follows. `component` and `candidate` say whose; `place`: the row it is in.

    `what`: result | marks | panel | exemption | correction | key_fix | history | not_replayable.
    """

    what: str
    place: str
    candidate: int
    component: str
    stored: str
    computed: str


@dataclass(frozen=True, slots=True)
class Replay:
    """What was gone through, and every finding."""

    batch: int
    name: str
    candidates: int
    results: int
    findings: tuple[Finding, ...]


def replay(session: Session, store: AnswerStore, batch_id: int, mark: Marker) -> Replay:
    """Works all results of a batch out again. Refused for a rehearsal, which has none."""
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise NotFound("batch")
    if batch.rehearsal:
        raise Refused("rehearsal_no_results")
    tries: dict[Key, list[Try]] = defaultdict(list)
    findings = [
        *_delivered(session, store, batch_id, mark, tries),
        *_assessed(session, batch_id, tries),
        *_exemptions(session, batch),
        *_rows(session, batch_id),
        *_corrections(session, batch_id),
        *_key_fixes(session, batch_id),
        *_folded(session, batch, tries),
    ]
    current = batch_results.current(session, batch_id)
    people = {candidate for candidate, _component in current}
    return Replay(batch_id, batch.name, len(people), len(current), tuple(findings))


def _delivered(
    session: Session, store: AnswerStore, batch_id: int, mark: Marker, tries: dict[Key, list[Try]]
) -> Iterator[Finding]:
    """Tests at seats and on paper: answers to marks, room by room."""
    query = (
        select(RoomSitting.id, Sitting)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(Sitting.batch_id == batch_id, Sitting.method.in_([str(each) for each in DELIVERED]))
        .order_by(RoomSitting.id)
    )
    for room, sitting in session.execute(query).all():
        row = session.get_one(RoomSitting, room)
        if row.void_at is not None or row.state != "marked":
            continue
        try:
            again = marked_again(session, mark(marks.payload(session, store, room)), room)
        except Refused as refusal:
            yield Finding("not_replayable", f"sitting/{room}", 0, sitting.component, "", refusal.code)
            again = {}
        yield from _compared(session, row, sitting, again, tries)
    for key, one in result_evidence.absent_of_broken_off(session, batch_id):
        tries[key].append(one)


def marked_again(session: Session, result: Mapping[str, Any], room_sitting_id: int) -> dict[int, Mark]:
    """What storing these marks would come to, by attempt; nothing is stored."""
    attempts = attempts_of(session, room_sitting_id)
    known = [attempt.id for attempt in attempts]
    examined = entered_marks.in_force(session, known)
    on_paper = entered_marks.whole_papers(session, known)
    given = {int(entry["attempt"]): entry for entry in result["attempts"]}
    found: dict[int, Mark] = {}
    for attempt in attempts:
        entry = marks.with_examiners(session, given.get(attempt.id), examined)
        if attempt.id in on_paper:
            found[attempt.id] = "scored", on_paper[attempt.id]
        elif attempt.state == AttemptState.ABSENT:
            found[attempt.id] = "absent", None
        elif entry is not None and not any(item["state"] == EXAMINER for item in entry["items"]):
            found[attempt.id] = "scored", Decimal(entry["total"])
        else:
            found[attempt.id] = "pending", None
    return found


def _compared(
    session: Session,
    room: RoomSitting,
    sitting: Sitting,
    again: Mapping[int, Mark],
    tries: dict[Key, list[Try]],
) -> Iterator[Finding]:
    """Stored marks of a room against those worked out again; what was worked out goes on to the fold."""
    query = (
        select(ComponentResult, Registration)
        .join(Registration, Registration.id == ComponentResult.registration_id)
        .where(ComponentResult.room_sitting_id == room.id, Registration.void_at.is_(None))
        .order_by(ComponentResult.id)
    )
    for row, place in session.execute(query):
        stored = _stored_mark(session, row)
        found = again.get(row.attempt_id, stored)
        if stored != found:
            names = f"component_results/{row.id}", place.candidate_id, sitting.component
            yield Finding("marks", *names, _said(*stored), _said(*found))
        score, absent = (found[1] if found[0] == "scored" else None), found[0] == "absent"
        key = place.candidate_id, sitting.component
        tries[key].append(Try(sitting.starts_at, place.id, Ground.MARKS, score, absent))


def _stored_mark(session: Session, row: ComponentResult) -> Mark:
    """A stored mark; of one that a case made void, what it was before."""
    if row.sealed_before_void is None:
        return row.status, row.total
    return voids.before(session, row)


def _assessed(session: Session, batch_id: int, tries: dict[Key, list[Try]]) -> Iterator[Finding]:
    """What panels scored: records to sheets to scores, turn by turn."""
    query = (
        select(Turn, PanelScore, Registration, Sitting)
        .join(PanelScore, PanelScore.turn_id == Turn.id)
        .join(Registration, Registration.id == Turn.registration_id)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .join(RoomSitting, RoomSitting.id == Turn.room_sitting_id)
        .where(Sitting.batch_id == batch_id, Registration.void_at.is_(None), RoomSitting.void_at.is_(None))
        .where(PanelScore.state == "checked", PanelScore.replaced_at.is_(None))
        .order_by(Turn.id)
    )
    for turn, row, place, sitting in session.execute(query).all():
        score, vetoed = row.score, row.vetoed
        key, names = (place.candidate_id, sitting.component), f"panel_scores/{row.id}"
        try:
            value = panel_scores.recompute(session, turn)
        except Refused as refusal:
            yield Finding("not_replayable", names, *key, "", refusal.code)
        else:
            if panel_scores.differs(row, value):
                told = _scored(row.score, vetoed=row.vetoed), _scored(value.score, vetoed=value.vetoed)
                yield Finding("panel", names, *key, *told)
            score, vetoed = value.score, value.vetoed
        tries[key].append(panel_try(sitting.starts_at, place.id, score, vetoed=vetoed))
    for key, one in result_evidence.absent_from_panels(session, batch_id):
        tries[key].append(one)


def _exemptions(session: Session, batch: Batch) -> Iterator[Finding]:
    """Exemptions in force against the frozen policy, by the dates two people decided them on (R10)."""
    rules = {str(rule.component): rule for rule in policy_of(batch).exemptions}
    query = select(Exemption).where(Exemption.batch_id == batch.id, Exemption.revoked_at.is_(None))
    for row in session.scalars(query.order_by(Exemption.id)):
        rule = rules.get(row.component)
        signed = row.cosigned_by is not None and row.cosigned_by != row.decided_by
        if rule is None or not signed or not exempt(rule, row.issued_on, row.anchor):
            names = f"exemptions/{row.id}", row.candidate_id, row.component
            yield Finding("exemption", *names, "exempt", "not_exempt")


def _rows(session: Session, batch_id: int) -> Iterator[Finding]:
    """The kept rows themselves: gapless revisions, the last one in force, corrections with approvals."""
    query = select(Result).where(Result.batch_id == batch_id).order_by(Result.revision)
    chains: dict[Key, list[Result]] = defaultdict(list)
    for row in session.scalars(query):
        chains[row.candidate_id, row.component].append(row)
        others = set(row.approvals) - {row.made_by}
        if row.origin.get("kind") == Ground.CORRECTION and (
            len(others) < batch_results.APPROVERS or not row.reason
        ):
            names = f"results/{row.id}", row.candidate_id, row.component
            yield Finding("correction", *names, str(len(others)), str(batch_results.APPROVERS))
    for (candidate, component), rows in sorted(chains.items()):
        revisions = [row.revision for row in rows]
        in_force = [row.revision for row in rows if row.replaced_at is None]
        if revisions != list(range(1, len(rows) + 1)) or in_force != revisions[-1:]:
            told = f"{revisions} in force {in_force}", f"1..{len(rows)} in force [{len(rows)}]"
            yield Finding("history", f"results/{rows[-1].id}", candidate, component, *told)


def _corrections(session: Session, batch_id: int) -> Iterator[Finding]:
    """Corrected results against the corrections that two people approved, each for exactly one of them."""
    applied = select(Correction).where(Correction.batch_id == batch_id, Correction.state == "applied")
    records = {row.id: row for row in session.scalars(applied.order_by(Correction.id))}
    query = select(Result).where(Result.batch_id == batch_id).order_by(Result.id)
    for row in session.scalars(query):
        if row.origin.get("kind") != Ground.CORRECTION:
            continue
        number = row.origin.get("correction")
        record = records.pop(number, None) if isinstance(number, int) else None
        if record is None or not _is_of(session, row, record):
            told = _said(record.new_status, record.new_score) if record else ""
            names = f"results/{row.id}", row.candidate_id, row.component
            yield Finding("correction", *names, _said(row.status, row.score), told)
    for record in records.values():
        names = f"corrections/{record.id}", record.candidate_id, record.component
        yield Finding("correction", *names, "", _said(record.new_status, record.new_score))


def _is_of(session: Session, row: Result, record: Correction) -> bool:
    """Whether a result is what this correction says, approved by those who voted for it."""
    votes = {each.user_id for each in corrections.votes_of(session, record.id) if each.approved}
    said = record.candidate_id, record.component, record.new_status, record.new_score, record.proposed_by
    stored = row.candidate_id, row.component, row.status, row.score, row.made_by
    return said == stored and votes == set(row.approvals)


def _key_fixes(session: Session, batch_id: int) -> Iterator[Finding]:
    """Keys put right: each by two people besides who proposed it."""
    for fix in key_fixes.of_papers(session, correction_views.papers_of(session, batch_id)):
        votes = {each.user_id for each in key_fixes.votes_of(session, fix.id) if each.approved}
        others = len(votes - {fix.proposed_by})
        if fix.state in ("approved", "applied") and others < APPROVALS:
            yield Finding("key_fix", f"key_fixes/{fix.id}", 0, "theory", str(others), str(APPROVALS))


def _folded(session: Session, batch: Batch, tries: Mapping[Key, list[Try]]) -> Iterator[Finding]:
    """Results in force against the fold of all this."""
    stored = batch_results.current(session, batch.id)
    again = result_evidence.computed(session, batch, tries)
    for key in sorted(stored.keys() | again.keys()):
        row, outcome = stored.get(key), again.get(key)
        if row is not None and outcome is not None and as_outcome(row) == outcome:
            continue
        if row is None and outcome is not None and not stored:
            continue  # a batch that nobody has folded yet has nothing to compare
        told = (
            _said(row.status, row.score) if row else "",
            _said(outcome.status, outcome.score) if outcome else "",
        )
        if row is not None and outcome is not None and told[0] == told[1]:
            told = f"{told[0]} ({row.origin.get('kind')})", f"{told[1]} ({outcome.ground})"
        yield Finding("result", f"results/{row.id}" if row else "", *key, *told)


def _said(status: str, score: Decimal | None) -> str:
    return str(status) if score is None else f"{status} {score_text(score)}"


def _scored(score: Decimal | None, *, vetoed: bool) -> str:
    return ("—" if score is None else score_text(score)) + (" vetoed" if vetoed else "")
