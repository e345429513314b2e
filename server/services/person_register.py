"""Who stands in the register of persons: decisions that count for years or for ever.

Entries are found by the blind index of the ID number; no list of names and numbers is kept beside it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.cases import Case, RegisterEntry
from server.db.sittings import Candidate, Registration, RoomSitting
from server.rules.policy_violations import Article
from server.rules.violations import is_registered, registered_until


@dataclass(frozen=True, slots=True)
class Listed:
    """A registered person among candidates. `until` None: for ever."""

    name: str
    ticket: str
    article: str
    text: str
    until: datetime | None
    bars_certificate: bool


def enter(session: Session, case: Case, article: Article, *, now: datetime) -> bool:
    """Puts a decision that takes something away on the register, if its article says so."""
    if case.outcome == "none" or not is_registered(article):
        return False
    candidate = session.get_one(Candidate, case.candidate_id)
    session.add(
        RegisterEntry(
            case_id=case.id,
            id_index=candidate.id_index,
            article=article.number,
            text=article.text,
            from_at=now,
            until_at=registered_until(article, now),
            bars_certificate=article.bars_certificate,
        )
    )
    session.flush()
    return True


def lift(session: Session, case_id: int, *, now: datetime) -> None:
    """A decision was taken back: its entry stands no longer, and stays readable."""
    for row in session.scalars(select(RegisterEntry).where(RegisterEntry.case_id == case_id)):
        row.lifted_at = now


def standing(session: Session, indexes: Iterable[str], *, now: datetime) -> list[RegisterEntry]:
    """Entries that stand against persons, by the blind indexes of their ID numbers."""
    query = select(RegisterEntry).where(
        RegisterEntry.id_index.in_(list(indexes)),
        RegisterEntry.lifted_at.is_(None),
        RegisterEntry.until_at.is_(None) | (RegisterEntry.until_at > now),
    )
    return list(session.scalars(query.order_by(RegisterEntry.id)))


def listed_in_sitting(session: Session, sitting_id: int, *, now: datetime) -> list[Listed]:
    """Registered persons among a sitting's candidates, for who prepares it."""
    rows = session.execute(
        select(Candidate.id_index, Candidate.name, Registration.ticket)
        .join(Registration, Registration.candidate_id == Candidate.id)
        .where(Registration.sitting_id == sitting_id)
    ).all()
    people = {index: (name, ticket) for index, name, ticket in rows}
    found = standing(session, people, now=now)
    return [
        Listed(*people[row.id_index], row.article, row.text, row.until_at, row.bars_certificate)
        for row in found
    ]


def listed_in_room(session: Session, room_sitting_id: int, *, now: datetime) -> list[Listed]:
    """The same for the sitting that a room is in."""
    return listed_in_sitting(session, session.get_one(RoomSitting, room_sitting_id).sitting_id, now=now)


def bars_certificate(session: Session, candidate_id: int, *, now: datetime) -> bool:
    """Whether no certificate may be issued to a person now."""
    candidate = session.get_one(Candidate, candidate_id)
    return any(row.bars_certificate for row in standing(session, [candidate.id_index], now=now))
