"""Exemptions of a component (R10): licences as somebody saw them, what the policy proposes, what two decided.

A licence's number is sealed and never shown whole again. An exemption is a decision of two people about one
component of one batch; it is revoked with a reason, never deleted.
"""

from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.assessing import Turn
from server.db.base import TO_CHANGE, vault_of
from server.db.outcomes import Exemption, GuardLicence
from server.db.sittings import Attempt, Batch, Candidate, Registration, Sitting
from server.errors import NotFound, Refused
from server.rules.exemptions import exempt, last_day
from server.rules.policy_components import ExemptionRule
from server.services import audit, licences, rosters
from server.services.batches import policy_of
from server.services.licences import Licence
from server.services.result_evidence import candidates_of
from server.services.result_lines import tickets_of
from server.services.rosters import PHOTO_PURPOSE, masked_id
from server.services.signed import Signed, need, need_reason, second_person

EVIDENCE = "guard_licence"
"""The only kind of evidence that is known: 保安员证."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the policy says of one candidate and component.

    `why`: "" when the policy exempts, else no_licence | licence_revoked | too_old | issued_later. `number`:
    the licence's last characters. `last`: the last exam day that it exempts on. `row`: the decision.
    """

    candidate: int
    ticket: str
    name: str
    id_masked: str
    component: str
    number: str
    issued_on: date | None
    last: date | None
    anchor: date
    why: str
    row: Exemption | None


def note_licence(
    session: Session, actor: Actor, candidate_id: int, licence: Licence, *, now: datetime
) -> int:
    """Keeps what was seen; a licence noted before stays on record as replaced. Returns the row's id.

    Refused: licence_number_shape, licence_from_the_future, licence_state_unknown.
    """
    need(actor, Permission.DECIDE_EXEMPTIONS)
    candidate = session.get(Candidate, candidate_id, with_for_update=TO_CHANGE)
    if candidate is None:
        raise NotFound("candidate")
    row = licences.keep(session, actor, candidate, licence, now=now)
    place = f"candidate/{candidate_id}"
    audit.record(session, "system", actor, "licence_noted", place, now=now, state=licence.state)
    return row.id


def proposals(session: Session, batch_id: int, zone: tzinfo) -> list[Proposal]:
    """Every candidate of the batch against every exemption that its policy knows."""
    batch = _batch(session, batch_id)
    rules = policy_of(batch).exemptions
    if not rules:
        return []
    tickets = tickets_of(session, batch_id)
    people = candidates_of(session, batch_id)
    found = []
    for rule in rules:
        anchor = anchor_of(session, batch_id, rule, zone)
        if anchor is None:
            continue
        decided = in_force(session, batch_id, str(rule.component))
        for person in people:
            ticket = tickets.get(person.id, ("", ""))[0]
            found.append(_proposal(session, rule, anchor, (person, ticket), decided.get(person.id)))
    return found


def _proposal(
    session: Session, rule: ExemptionRule, anchor: date, who: tuple[Candidate, str], row: Exemption | None
) -> Proposal:
    person, ticket = who
    licence = licences.in_force(session, person.id)
    return Proposal(
        candidate=person.id,
        ticket=ticket,
        name=person.name,
        id_masked=masked_id(session, person),
        component=str(rule.component),
        number=licences.shown_number(session, licence) if licence else "",
        issued_on=licence.issued_on if licence else None,
        last=last_day(licence.issued_on, rule.within_years) if licence else None,
        anchor=anchor,
        why=_why_not(rule, licence, anchor),
        row=row,
    )


def _why_not(rule: ExemptionRule, licence: GuardLicence | None, anchor: date) -> str:
    if licence is None or rule.evidence != EVIDENCE:
        return "no_licence"
    if licence.state != "valid":
        return "licence_revoked"
    if exempt(rule, licence.issued_on, anchor):
        return ""
    return "too_old" if licence.issued_on <= anchor else "issued_later"


def anchor_of(session: Session, batch_id: int, rule: ExemptionRule, zone: tzinfo) -> date | None:
    """The day evidence is held against: the first exam day of the component, else of the batch; None before
    any sitting is planned. Make-up sittings move it for nobody.
    """
    first = select(func.min(Sitting.starts_at)).where(Sitting.batch_id == batch_id, Sitting.retake.is_(False))
    own = session.scalar(first.where(Sitting.component == str(rule.component)))
    starts_at = own or session.scalar(first)
    return starts_at.astimezone(zone).date() if starts_at else None


def in_force(session: Session, batch_id: int, component: str) -> dict[int, Exemption]:
    """Candidate -> exemption from the component that was not revoked."""
    query = select(Exemption).where(
        Exemption.batch_id == batch_id, Exemption.component == component, Exemption.revoked_at.is_(None)
    )
    return {row.candidate_id: row for row in session.scalars(query)}


def decide(  # noqa: PLR0913 - whom, of what, in which zone's days
    session: Session,
    signed: Signed,
    batch_id: int,
    candidate_id: int,
    component: str,
    *,
    now: datetime,
    zone: tzinfo,
) -> int:
    """Two people exempt a candidate whom the policy exempts; returns the exemption's id.

    A place in a sitting of the component that nobody has seated is given up with it. Refused:
    exemption_not_in_policy, exemption_no_exam_day, exemption_there, exemption_has_seat, and as `Proposal.why`
    with the prefix exemption_.
    """
    batch = _two_decide(session, signed, batch_id)
    rule = next((one for one in policy_of(batch).exemptions if str(one.component) == component), None)
    if rule is None:
        raise Refused("exemption_not_in_policy", 422)
    anchor = anchor_of(session, batch_id, rule, zone)
    if anchor is None:
        raise Refused("exemption_no_exam_day")
    if candidate_id not in {person.id for person in candidates_of(session, batch_id)}:
        raise NotFound("candidate")
    if candidate_id in in_force(session, batch_id, component):
        raise Refused("exemption_there")
    licence = licences.in_force(session, candidate_id)
    why = _why_not(rule, licence, anchor)
    if why or licence is None:
        days = {"issued": licence.issued_on, "years": rule.within_years} if licence else {}
        raise Refused(f"exemption_{why}", 422, anchor=anchor, **days)
    _give_up_place(session, signed.actor, batch_id, candidate_id, component, now)
    row = Exemption(
        batch_id=batch_id,
        candidate_id=candidate_id,
        component=component,
        licence_id=licence.id,
        issued_on=licence.issued_on,
        anchor=anchor,
        decided_at=now,
        decided_by=signed.actor.user_id,
        cosigned_by=second_person(signed).user_id,
    )
    session.add(row)
    session.flush()
    _note(session, signed, "exemption_decided", row, now)
    return row.id


def revoke(session: Session, signed: Signed, exemption_id: int, *, now: datetime) -> None:
    """Two people take an exemption back, with a reason; the component then has to be sat."""
    row = session.get(Exemption, exemption_id, with_for_update=TO_CHANGE, populate_existing=True)
    if row is None:
        raise NotFound("exemption")
    _two_decide(session, signed, row.batch_id)
    need_reason(signed)
    if row.revoked_at is not None:
        raise Refused("exemption_revoked_already")
    row.revoked_at, row.revoked_by = now, signed.actor.user_id
    row.revoked_reason = signed.why()["reason"]
    _note(session, signed, "exemption_revoked", row, now)


def _two_decide(session: Session, signed: Signed, batch_id: int) -> Batch:
    need(signed.actor, Permission.DECIDE_EXEMPTIONS)
    need(second_person(signed), Permission.DECIDE_EXEMPTIONS)
    batch = session.get(Batch, batch_id, with_for_update=TO_CHANGE, populate_existing=True)
    if batch is None:
        raise NotFound("batch")
    return batch


def _give_up_place(  # noqa: PLR0913 - whose place, where, by whom
    session: Session, actor: Actor, batch_id: int, candidate_id: int, component: str, now: datetime
) -> None:
    """Takes the candidate off the lists of the component's sittings; refused for who has a seat or turn."""
    query = (
        select(Registration, func.coalesce(Attempt.id, Turn.id))
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .outerjoin(Attempt, Attempt.registration_id == Registration.id)
        .outerjoin(Turn, Turn.registration_id == Registration.id)
        .where(
            Sitting.batch_id == batch_id,
            Sitting.component == component,
            Registration.candidate_id == candidate_id,
        )
    )
    for place, seated in session.execute(query).all():
        if seated is not None:
            raise Refused("exemption_has_seat", ticket=place.ticket)
        _keep_photo(session, place, batch_id)
        where = f"candidate/{candidate_id}"
        audit.record(session, "system", actor, "place_given_up", where, now=now, ticket=place.ticket)
        session.delete(place)
    session.flush()


def _keep_photo(session: Session, place: Registration, batch_id: int) -> None:
    """The photo goes on to another place of the person in the batch that has none."""
    photo = rosters.photo_of(session, place)
    other = session.scalars(
        select(Registration)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .where(
            Sitting.batch_id == batch_id,
            Registration.candidate_id == place.candidate_id,
            Registration.id != place.id,
            Registration.has_photo.is_(False),
        )
    ).first()
    if photo is not None and other is not None:
        other.sealed_photo = vault_of(session).seal_value(PHOTO_PURPOSE, str(other.id), photo)
        other.has_photo = True


def _note(session: Session, signed: Signed, act: str, row: Exemption, now: datetime) -> None:
    facts = {"exemption": row.id, "candidate": row.candidate_id, "component": row.component}
    place = f"batch/{row.batch_id}"
    audit.record(session, "system", signed.actor, act, place, now=now, **signed.why(), **facts)


def _batch(session: Session, batch_id: int) -> Batch:
    row = session.get(Batch, batch_id)
    if row is None:
        raise NotFound("batch")
    return row
