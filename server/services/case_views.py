"""Cases as people see them: the list with the one next act of each, and one case as a line of steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import SEEN_BY_PEOPLE
from exam_rooms.seats import AttemptState
from server.access import Actor, Permission
from server.db.base import vault_of
from server.db.cases import Case, CaseIncident, CaseStep, RegisterEntry
from server.db.evidence_store import EvidenceStore
from server.db.rooms import Room, Seat
from server.db.sittings import Attempt, Batch, Candidate, Incident, Registration, RoomSitting, Sitting
from server.db.watching import EvidenceFrame
from server.errors import Forbidden, NotFound
from server.rules.policy_violations import Article
from server.rules.violations import MOVES, OVER, STEPS, CaseAct, CaseState
from server.services import audit, evidence, staff, staff_incidents
from server.services.case_file import (
    article_of,
    articles_for,
    by_a_person,
    evidence_of,
    incidents_of,
    may_do,
    need_sight,
    only_own_rooms,
    rules_of,
    span,
    steps,
)
from server.services.duty import may_act, rooms_of_duty
from server.services.roomstate import CLOSED
from server.services.rosters import masked_id

LISTED = 200


@dataclass(frozen=True, slots=True)
class CaseLine:
    """A case in the list. `next`: the acts that bring it on; `mine`: whether one of them is this person's."""

    id: int
    state: str
    name: str
    ticket: str
    seat: str
    batch: str
    room: str
    room_sitting: int
    article: str
    happened_at: datetime
    due_at: datetime | None
    outcome: str
    next: tuple[str, ...]
    mine: bool


@dataclass(frozen=True, slots=True)
class StepLine:
    """One act of the chain: who, with whom, when, and what was said."""

    act: str
    at: datetime
    by: str
    cosigned_by: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the procedure. state: done, current, todo, or skipped when the case was given up."""

    name: str
    state: str
    lines: tuple[StepLine, ...]


@dataclass(frozen=True, slots=True)
class CaseView:
    """Everything of one case. `acts`: what this person may do now; `offered`: articles for the facts as they
    stand; `between`: from when to when the incidents lasted, None without any; `evidence`: the list as it was
    written down, or as it is now before that, with what people have made of its incidents since.
    """

    line: CaseLine
    id_masked: str
    employer: str
    facts: str
    handling: str
    article: Article | None
    offered: tuple[Article, ...]
    between: tuple[datetime, datetime] | None
    evidence: tuple[dict[str, Any], ...]
    stages: tuple[Stage, ...]
    ending: tuple[StepLine, ...]
    acts: frozenset[str]
    basis: str
    registered: RegisterEntry | None


def listing(session: Session, actor: Actor, room_sitting_id: int | None = None) -> list[CaseLine]:
    """The cases that a person may see: open ones first, then by number, the latest first."""
    if not actor.can(Permission.SEE_CASES):
        raise Forbidden(Permission.SEE_CASES)
    query = _lines().order_by(Case.id.desc()).limit(LISTED)
    if room_sitting_id is not None:
        query = query.where(Case.room_sitting_id == room_sitting_id)
    if only_own_rooms(actor):
        query = query.where(Case.room_sitting_id.in_(rooms_of_duty(session, actor)))
    lines = [_line(session, actor, row) for row in session.execute(query)]
    return sorted(lines, key=lambda line: (line.state in OVER, not line.mine, -line.id))


def view(session: Session, actor: Actor, case_id: int) -> CaseView:
    """One case for the person who looks; raises `NotFound` for one of another room."""
    case = session.get(Case, case_id)
    if case is None:
        raise NotFound("case")
    need_sight(session, actor, case)
    row = session.execute(_lines().where(Case.id == case_id)).one()
    candidate = session.get_one(Candidate, case.candidate_id)
    chain = _chain(session, steps(session, case_id))
    state = CaseState(case.state)
    rows = incidents_of(session, case_id)
    return CaseView(
        line=_line(session, actor, row),
        id_masked=masked_id(session, candidate),
        employer=session.get_one(Registration, case.registration_id).employer,
        facts=case.facts,
        handling=case.handling,
        article=article_of(session, case) if case.article else None,
        offered=articles_for(session, case, max(case.opened_at, case.happened_at)),
        between=span(rows) if rows else None,
        evidence=tuple(_as_it_stands(case.evidence or evidence_of(session, case), rows)),
        stages=_stages(state, chain),
        ending=tuple(line for line in chain if line.act in _ENDING),
        acts=frozenset(str(act) for act in MOVES[state] if _open_to(session, actor, case, act)),
        basis=rules_of(session, case.batch_id).basis,
        registered=session.scalar(select(RegisterEntry).where(RegisterEntry.case_id == case_id)),
    )


def open_attempt(session: Session, actor: Actor, case_id: int) -> int | None:
    """The attempt of an open case as long as its candidate may still answer; for who acts in the room."""
    case = _seen(session, actor, case_id)
    attempt = session.get(Attempt, case.attempt_id) if case.attempt_id is not None else None
    if attempt is None or case.state in OVER or AttemptState(attempt.state) in CLOSED:
        return None
    acts = actor.can(Permission.RUN_ROOM) and may_act(session, actor, attempt.room_sitting_id)
    return attempt.id if acts else None


def frame(session: Session, store: EvidenceStore, actor: Actor, case_id: int, frame_id: int) -> bytes:
    """A picture that a case rests on, JPEG, for who may see the case. The caller notes the look."""
    row = session.get(EvidenceFrame, frame_id)
    case = _seen(session, actor, case_id)
    if row is None or row.incident_id not in {incident.id for incident in incidents_of(session, case.id)}:
        raise NotFound("picture")
    data = evidence.opened(vault_of(session), store, row.file) if row.file else None
    if data is None:
        raise NotFound("picture")
    return data


def photo(session: Session, actor: Actor, case_id: int, photo_id: int) -> bytes:
    """A photo of a report that a case rests on."""
    case = _seen(session, actor, case_id)
    if photo_id not in {line["id"] for line in evidence_of(session, case) if line["what"] == "photo"}:
        raise NotFound("picture")
    return staff_incidents.photo(session, photo_id)


def note_frame_viewed(session: Session, actor: Actor, case_id: int, frame_id: int, *, now: datetime) -> None:
    """Puts on the record that a picture was looked at in a case."""
    case = _seen(session, actor, case_id)
    stream, object_ = audit.sitting_stream(case.room_sitting_id), f"frame/{frame_id}"
    if not staff_incidents.looked_before(session, actor, stream, object_):
        audit.record(session, stream, actor, "frame_viewed", object_, now=now, case=case_id)


def flags_without_effect(session: Session, room_sitting_id: int) -> list[Incident]:
    """What programs brought and no person answered for, in the order of time: nothing follows from it."""
    query = select(Incident).where(
        Incident.room_sitting_id == room_sitting_id,
        Incident.kind.not_in([str(kind) for kind in SEEN_BY_PEOPLE]),
    )
    return [row for row in session.scalars(query.order_by(Incident.first_at)) if not by_a_person(row)]


def of_incidents(session: Session, incidents: Sequence[int]) -> dict[int, int]:
    """Incident -> the case that rests on it, the latest one."""
    query = select(CaseIncident.incident_id, CaseIncident.case_id).where(
        CaseIncident.incident_id.in_(incidents)
    )
    return dict(session.execute(query.order_by(CaseIncident.case_id)).all())


_GIVING_UP = (CaseAct.WITHDRAW, CaseAct.DROP)
_ENDING = frozenset(
    str(act)
    for act in (
        *(CaseAct.ASK_RECHECK, CaseAct.UPHOLD, CaseAct.OVERTURN),
        *(CaseAct.CLOSE, *_GIVING_UP),
    )
)


def _seen(session: Session, actor: Actor, case_id: int) -> Case:
    case = session.get(Case, case_id)
    if case is None:
        raise NotFound("case")
    need_sight(session, actor, case)
    return case


def _open_to(session: Session, actor: Actor, case: Case, act: CaseAct) -> bool:
    if not may_do(actor, act):
        return False
    in_the_room = act in (CaseAct.STATE, CaseAct.TELL, CaseAct.SIGN, CaseAct.REFUSE, CaseAct.WITHDRAW)
    return not in_the_room or may_act(session, actor, case.room_sitting_id)


def _lines() -> Select[Case, str, str, str, str, str]:
    return (
        select(Case, Candidate.name, Registration.ticket, Seat.number, Batch.name, Room.name)
        .join(Candidate, Candidate.id == Case.candidate_id)
        .join(Registration, Registration.id == Case.registration_id)
        .join(Attempt, Attempt.id == Case.attempt_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .join(RoomSitting, RoomSitting.id == Case.room_sitting_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
    )


def _line(session: Session, actor: Actor, row: Any) -> CaseLine:  # noqa: ANN401 - a joined row
    case, name, ticket, seat, batch, room = row
    acts = [
        act for act, to in MOVES[CaseState(case.state)].items() if act not in _GIVING_UP and to != case.state
    ]
    return CaseLine(
        id=case.id,
        state=case.state,
        name=name,
        ticket=ticket,
        seat=seat,
        batch=batch,
        room=room,
        room_sitting=case.room_sitting_id,
        article=case.article,
        happened_at=case.happened_at,
        due_at=case.due_at,
        outcome=case.outcome,
        next=tuple(str(act) for act in acts),
        mine=any(_open_to(session, actor, case, act) for act in acts),
    )


def _as_it_stands(evidence: Sequence[dict[str, Any]], rows: Sequence[Incident]) -> Iterator[dict[str, Any]]:
    """Evidence with the present state of its incidents, and why one was dismissed."""
    now = {row.id: row for row in rows}
    for line in evidence:
        row = now.get(line["id"]) if line["what"] == "incident" else None
        yield line if row is None else line | {"state": row.state, "note": row.note}


def _chain(session: Session, rows: Sequence[CaseStep]) -> list[StepLine]:
    people = staff.names(session, [user for row in rows for user in (row.by, row.cosigned_by)])
    return [
        StepLine(row.act, row.at, people.get(row.by or 0, ""), people.get(row.cosigned_by or 0, ""), row.data)
        for row in rows
    ]


def _stages(state: CaseState, chain: Sequence[StepLine]) -> tuple[Stage, ...]:
    """The steps in their order; the first that nothing did yet is the current one."""
    found, waiting = [], False
    for reached, acts in STEPS:
        lines = tuple(line for line in chain if line.act in acts)
        if lines:
            word = "done"
        elif state in OVER:
            word = "skipped"
        else:
            word = "todo" if waiting else "current"
            waiting = True
        found.append(Stage(str(reached), word, lines))
    return tuple(found)
