"""A case's row, its chain of steps, who may do what in it, and the evidence it rests on."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.catalogue import articles_after
from exam_rooms.incidents import SEEN_BY_PEOPLE, IncidentKind
from server.access import Actor, Permission
from server.db.cases import Case, CaseIncident, CaseStep, ReportPhoto, StaffReport
from server.db.sittings import Batch, Candidate, Incident, Registration
from server.db.watching import CandidateWarning, EvidenceFrame
from server.errors import Forbidden, NotFound, Refused
from server.rules.policy_violations import Article, ViolationRules
from server.rules.recusal import Examinee, conflicts
from server.rules.violations import TAKES_PART, CaseAct, CaseState, IllegalStep, offered, step
from server.services import audit, eligibility, staff
from server.services.batches import policy_of, read_profile
from server.services.duty import rooms_of_duty

USUAL = "national"
"""The profile whose articles stand for batches that were frozen before policies had any."""
_ROOM, _SITE_HEAD = (Permission.HANDLE_CASES,), (Permission.COSIGN,)
_INSTITUTION = (Permission.DECIDE_CASES,)
_EITHER = (*_SITE_HEAD, *_INSTITUTION)
WHO: Mapping[CaseAct, tuple[Permission, ...]] = {
    CaseAct.STATE: _ROOM,
    CaseAct.TELL: _ROOM,
    CaseAct.SIGN: _ROOM,
    CaseAct.REFUSE: _ROOM,
    CaseAct.WITHDRAW: _ROOM,
    CaseAct.CONFIRM: _SITE_HEAD,
    CaseAct.NOTIFY: _SITE_HEAD,
    CaseAct.HEAR: _EITHER,
    CaseAct.WAIVE: _EITHER,
    CaseAct.LAPSE: _EITHER,
    CaseAct.SERVE: _EITHER,
    CaseAct.ASK_RECHECK: _EITHER,
    CaseAct.CLOSE: _EITHER,
    CaseAct.DECIDE: _INSTITUTION,
    CaseAct.DROP: _INSTITUTION,
    CaseAct.UPHOLD: _INSTITUTION,
    CaseAct.OVERTURN: _INSTITUTION,
}
"""Who may do each act: the room's staff up to the signature, the chief as site head, the institution."""


@dataclass(frozen=True, slots=True)
class Done:
    """An act in a case as it is put on its chain; `cosigner` signed beside the actor."""

    act: CaseAct
    actor: Actor
    cosigner: Actor | None = None
    data: dict[str, Any] = field(default_factory=dict)


def locked(session: Session, case_id: int) -> Case:
    """A case, kept from other writers until the commit."""
    case = session.get(Case, case_id, with_for_update=True, populate_existing=True)
    if case is None:
        raise NotFound("case")
    return case


def need_any(actor: Actor, permissions: Iterable[Permission]) -> None:
    """Raises `Forbidden` for an actor who holds none of the permissions."""
    wanted = tuple(permissions)
    if not any(map(actor.can, wanted)):
        raise Forbidden(wanted[0])


def may_do(actor: Actor, act: CaseAct) -> bool:
    """Whether the table lets the person do an act at all."""
    return any(map(actor.can, WHO[act]))


def need_sight(session: Session, actor: Actor, case: Case) -> None:
    """Raises for who may not see the case: room staff see those of the rooms of their duty."""
    if not actor.can(Permission.SEE_CASES):
        raise Forbidden(Permission.SEE_CASES)
    if only_own_rooms(actor) and case.room_sitting_id not in rooms_of_duty(session, actor):
        raise NotFound("case")


def only_own_rooms(actor: Actor) -> bool:
    """Whether a person sees cases of their own rooms alone: invigilators do."""
    return actor.can(Permission.RUN_ROOM) and not actor.can(Permission.COSIGN)


def advance(session: Session, case: Case, done: Done, *, now: datetime) -> CaseStep:
    """Moves a case by an act and puts the act on its chain and on the sitting's audit record."""
    need_any(done.actor, WHO[done.act])
    try:
        case.state = step(CaseState(case.state), done.act)
    except IllegalStep as fault:
        raise Refused("case_step_not_possible", 409, state=fault.state, act=fault.act) from fault
    return note(session, case, done, now=now)


def note(session: Session, case: Case, done: Done, *, now: datetime) -> CaseStep:
    """The chain's next entry; on the audit record stand act and people, never facts or statements."""
    seq = (session.scalar(select(func.max(CaseStep.seq)).where(CaseStep.case_id == case.id)) or 0) + 1
    row = CaseStep(
        case_id=case.id,
        seq=seq,
        act=str(done.act),
        at=now,
        by=done.actor.user_id,
        cosigned_by=done.cosigner.user_id if done.cosigner else None,
        data=done.data,
    )
    session.add(row)
    session.flush()
    facts = {"article": case.article} if case.article else {}
    facts |= {"outcome": case.outcome} if case.outcome else {}
    facts |= {"cosigned_by": done.cosigner.name} if done.cosigner else {}
    stream = audit.sitting_stream(case.room_sitting_id)
    audit.record(session, stream, done.actor, f"case_{done.act}", f"case/{case.id}", now=now, **facts)
    return row


def steps(session: Session, case_id: int) -> list[CaseStep]:
    """The chain of a case in the order of time."""
    return list(session.scalars(select(CaseStep).where(CaseStep.case_id == case_id).order_by(CaseStep.seq)))


def rules_of(session: Session, batch_id: int) -> ViolationRules:
    """The articles and terms that a batch froze."""
    frozen = policy_of(session.get_one(Batch, batch_id)).violations
    return frozen if frozen.articles else read_profile(USUAL).terms.violations


def article_of(session: Session, case: Case) -> Article:
    """The article of a case whose facts stand."""
    found = rules_of(session, case.batch_id).article(case.article)
    if found is None:
        raise Refused("article_unknown", 422, field="article")
    return found


def incidents_of(session: Session, case_id: int) -> list[Incident]:
    """The incidents that a case rests on, in the order of time."""
    query = select(Incident).join(CaseIncident, CaseIncident.incident_id == Incident.id)
    return list(session.scalars(query.where(CaseIncident.case_id == case_id).order_by(Incident.first_at)))


def by_a_person(row: Incident) -> bool:
    """Whether a person stands for an incident: it was reported, or looked at and recorded.

    What only a program brought, or what nobody answered for, leads nowhere.
    """
    return row.kind in [str(kind) for kind in SEEN_BY_PEOPLE] or "recorded_by" in row.details


def need_ground(session: Session, case: Case) -> list[Incident]:
    """The incidents of a case that goes on. Refused (`case_ground_gone`) when one of them was dismissed."""
    rows = incidents_of(session, case.id)
    if any(row.state == "dismissed" for row in rows):
        raise Refused("case_ground_gone", 409)
    return rows


def need_no_link(session: Session, actor: Actor, case: Case) -> None:
    """Nobody has a say in the case of a relative, or of whom else they stand back for (R16)."""
    held = eligibility.fits(session, [actor.user_id] if actor.user_id else [])
    candidate = session.get_one(Candidate, case.candidate_id)
    employer = session.get_one(Registration, case.registration_id).employer
    examinee = Examinee(candidate.id_index, candidate.name, employer)
    if any(conflicts(one.links, [examinee]) for one in held.values()):
        raise Refused("case_recused", 403, name=candidate.name)


def span(rows: Sequence[Incident]) -> tuple[datetime, datetime]:
    """From when to when incidents (one at least) lasted, the beginning in whole seconds as forms give it."""
    return min(row.first_at for row in rows).replace(microsecond=0), max(row.last_at for row in rows)


def warned_at(session: Session, attempt_id: int) -> list[datetime]:
    """When the candidate was warned on the record."""
    return list(
        session.scalars(select(CandidateWarning.given_at).where(CandidateWarning.attempt_id == attempt_id))
    )


def articles_for(session: Session, case: Case, happened_at: datetime) -> tuple[Article, ...]:
    """What may be chosen for facts of that moment, which is never later than the last of the incidents."""
    rows = incidents_of(session, case.id)
    allowed = articles_after(tuple(IncidentKind(row.kind) for row in rows if "leave" not in row.details))
    return _offered(session, case, allowed, happened_at, rows)


def need_warning(session: Session, case: Case, article: Article) -> None:
    """Refused (`article_needs_warning`) when R27 does not hold for the facts of a case as they stand."""
    rows = incidents_of(session, case.id)
    if article not in _offered(session, case, (article.number,), case.happened_at, rows):
        raise Refused("article_needs_warning", 422, field="article", article=article.number)


def _offered(
    session: Session, case: Case, allowed: Collection[str], at: datetime, rows: Sequence[Incident]
) -> tuple[Article, ...]:
    moment = min([at, *([span(rows)[1]] if rows else [])])
    return offered(rules_of(session, case.batch_id), allowed, warned_at(session, case.attempt_id), moment)


def took_part(session: Session, case: Case) -> set[int]:
    """Who opened, reported, stated, told or signed: none of them decides."""
    found = {case.opened_by}
    for row in steps(session, case.id):
        if CaseAct(row.act) in TAKES_PART:
            found |= {row.by, row.cosigned_by}
    query = select(StaffReport.reported_by, Incident.handled_by).join_from(
        CaseIncident, Incident, Incident.id == CaseIncident.incident_id
    )
    query = query.outerjoin(StaffReport, StaffReport.incident_id == Incident.id)
    for reported_by, handled_by in session.execute(query.where(CaseIncident.case_id == case.id)):
        found |= {reported_by, handled_by}
    return {user for user in found if user is not None}


# --- evidence ------------------------------------------------------------------------------------------


def evidence_of(session: Session, case: Case) -> list[dict[str, Any]]:
    """What there is, as plain values in the order of time: incidents, pictures with hashes, warnings."""
    rows = incidents_of(session, case.id)
    found: list[dict[str, Any]] = []
    for row in rows:
        found += [_incident_line(session, row), *_frame_lines(session, row), *_photo_lines(session, row)]
    people = staff.names(session, [w.given_by for w in _warnings(session, case)])
    for warning in _warnings(session, case):
        found.append(
            {
                "what": "warning",
                "id": warning.id,
                "at": warning.given_at.isoformat(),
                "text": warning.text,
                "by": people.get(warning.given_by or 0, ""),
                "read_at": warning.read_at.isoformat() if warning.read_at else "",
            }
        )
    return sorted(found, key=lambda line: (line["at"], line["what"], line["id"]))


def _warnings(session: Session, case: Case) -> list[CandidateWarning]:
    query = select(CandidateWarning).where(CandidateWarning.attempt_id == case.attempt_id)
    return list(session.scalars(query.order_by(CandidateWarning.id)))


def _incident_line(session: Session, row: Incident) -> dict[str, Any]:
    kept = session.scalar(select(StaffReport).where(StaffReport.incident_id == row.id))
    who = kept.reported_by if kept else row.handled_by
    return {
        "what": "incident",
        "id": row.id,
        "at": row.first_at.isoformat(),
        "kind": row.kind,
        "source": "staff" if kept else "system",
        "by": staff.names(session, [who]).get(who or 0, ""),
        "text": kept.note if kept else row.note,
        "state": row.state,
        "note": row.note if kept else "",
        "witnesses": list(kept.witnesses) if kept else [],
    }


def _frame_lines(session: Session, row: Incident) -> list[dict[str, Any]]:
    query = select(EvidenceFrame).where(EvidenceFrame.incident_id == row.id).order_by(EvidenceFrame.id)
    return [
        {
            "what": "frame",
            "id": frame.id,
            "at": frame.taken_at.isoformat(),
            "moment": frame.moment,
            "sha256": frame.sha256,
        }
        for frame in session.scalars(query)
    ]


def _photo_lines(session: Session, row: Incident) -> list[dict[str, Any]]:
    query = (
        select(ReportPhoto.id, ReportPhoto.number, ReportPhoto.sha256, StaffReport.seen_at)
        .join(StaffReport, StaffReport.id == ReportPhoto.report_id)
        .where(StaffReport.incident_id == row.id)
        .order_by(ReportPhoto.number)
    )
    return [
        {"what": "photo", "id": photo, "at": at.isoformat(), "moment": str(number), "sha256": sha256}
        for photo, number, sha256, at in session.execute(query)
    ]
