"""The register of a person on duty: employer, card, and the people or employers they stand back for."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.identity import IdFault, check_id_number, clean_id
from server.access import Actor, Permission
from server.db.base import vault_of
from server.db.people import User
from server.db.sittings import Candidate
from server.db.staffing import StaffProfile, StaffRecusal
from server.errors import NotFound, Refused
from server.rules.recusal import LinkKind
from server.services import audit
from server.services.rosters import ID_PURPOSE
from server.services.signed import need

GRADES = ("", "examiner", "senior_examiner", "invigilator", "technician", "supervisor")
"""What a card says of its holder; the words stand with the screens."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What the register says of a person."""

    employer: str = ""
    card_number: str = ""
    card_grade: str = ""
    valid_to: date | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it is asked for: an ID number in clear, which is not kept, or an employer."""

    kind: str
    id_number: str = ""
    employer: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link as it is shown. `candidate`: the name of a known candidate; `by_number`: a number is meant."""

    id: int
    kind: str
    by_number: bool
    candidate: str
    employer: str
    note: str
    added_at: datetime


def profile(session: Session, user_id: int) -> Profile:
    """What the register says; an empty profile for somebody without one."""
    row = session.get(StaffProfile, user_id)
    if row is None:
        return Profile()
    return Profile(row.employer, row.card_number, row.card_grade, row.valid_to)


def set_profile(session: Session, actor: Actor, user_id: int, wanted: Profile, *, now: datetime) -> None:
    """Writes a person's profile. Refused: `card_grade_unknown`."""
    need(actor, Permission.MANAGE_STAFF)
    _user(session, user_id)
    if wanted.card_grade not in GRADES:
        raise Refused("card_grade_unknown", 422, field="card_grade")
    row = session.get(StaffProfile, user_id) or StaffProfile(user_id=user_id)
    row.employer, row.card_number = wanted.employer.strip(), wanted.card_number.strip()
    row.card_grade, row.valid_to = wanted.card_grade, wanted.valid_to
    row.changed_at, row.changed_by = now, actor.user_id
    session.add(row)
    stream = audit.SYSTEM_STREAM
    audit.record(session, stream, actor, "staff_profile_set", f"user/{user_id}", now=now)


def links(session: Session, user_id: int) -> list[LinkView]:
    """The links in force of a person, oldest first."""
    query = (
        select(StaffRecusal, Candidate.name)
        .outerjoin(Candidate, Candidate.id_index == StaffRecusal.candidate_index)
        .where(StaffRecusal.user_id == user_id, StaffRecusal.removed_at.is_(None))
        .order_by(StaffRecusal.id)
    )
    return [
        LinkView(
            row.id, row.kind, bool(row.candidate_index), name or "", row.employer, row.note, row.added_at
        )
        for row, name in session.execute(query)
    ]


def add_link(session: Session, actor: Actor, user_id: int, wanted: Link, *, now: datetime) -> int:
    """Adds a link: a person's with one ID number, or with one employer.

    Refused: `recusal_kind_unknown`, `recusal_of_nobody` without or with both, `recusal_id_number`,
    `recusal_known` when it is there already. The number is kept as its blind index alone.
    """
    need(actor, Permission.MANAGE_STAFF)
    _user(session, user_id)
    if wanted.kind not in set(LinkKind):
        raise Refused("recusal_kind_unknown", 422, field="kind")
    number, employer = clean_id(wanted.id_number), wanted.employer.strip()
    if bool(number) == bool(employer):
        raise Refused("recusal_of_nobody", 422, field="id_number")
    if number and isinstance(check_id_number(number), IdFault):
        raise Refused("recusal_id_number", 422, field="id_number")
    index = vault_of(session).index(ID_PURPOSE, number) if number else ""
    known = select(StaffRecusal.id).where(
        StaffRecusal.user_id == user_id,
        StaffRecusal.removed_at.is_(None),
        StaffRecusal.candidate_index == index,
        StaffRecusal.employer == employer,
    )
    if session.scalar(known.limit(1)) is not None:
        raise Refused("recusal_known", 422, field="id_number")
    row = StaffRecusal(
        user_id=user_id,
        kind=wanted.kind,
        candidate_index=index,
        employer=employer,
        note=wanted.note.strip(),
        added_at=now,
        added_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    facts = {"kind": wanted.kind, "link": row.id}
    audit.record(session, audit.SYSTEM_STREAM, actor, "recusal_added", f"user/{user_id}", now=now, **facts)
    return row.id


def remove_link(session: Session, actor: Actor, user_id: int, link_id: int, *, now: datetime) -> None:
    """Withdraws a link; the row stays."""
    need(actor, Permission.MANAGE_STAFF)
    row = session.get(StaffRecusal, link_id)
    if row is None or row.user_id != user_id or row.removed_at is not None:
        raise NotFound("recusal")
    row.removed_at, row.removed_by = now, actor.user_id
    stream = audit.SYSTEM_STREAM
    audit.record(session, stream, actor, "recusal_removed", f"user/{user_id}", now=now, link=link_id)


def _user(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotFound("user")
    return user
