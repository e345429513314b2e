"""Whose signature a room record still waits for, by name."""

from collections import defaultdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.people import User
from server.db.record_book import RecordSignature
from server.db.sittings import Assignment
from server.services.record_book import Book


def awaited(session: Session, book: Book) -> tuple[tuple[str, ...], ...]:
    """For each of `book.signers` who of those on duty may fill the place; () where somebody has signed.

    As many people as open places: one name each; more people: all of them at every place.
    """
    waiting = _on_duty_unsigned(session, book)
    places: dict[str, int] = defaultdict(int)
    for signer in book.signers:
        places[signer.role] += not signer.name
    found: list[tuple[str, ...]] = []
    for signer in book.signers:
        names = waiting[signer.role]
        if signer.name or not names:
            found.append(())
        elif len(names) > places[signer.role]:
            found.append(tuple(names))
        else:
            found.append((names.pop(0),))
            places[signer.role] -= 1
    return tuple(found)


def _on_duty_unsigned(session: Session, book: Book) -> dict[str, list[str]]:
    signed = select(RecordSignature.user_id).where(
        RecordSignature.room_sitting_id == book.room_sitting, RecordSignature.content_sha256 == book.sha256
    )
    query = (
        select(Assignment.role, User.name)
        .join(User, User.id == Assignment.user_id)
        .where(Assignment.room_sitting_id == book.room_sitting, User.id.not_in(signed))
        .order_by(User.id)
    )
    found: dict[str, list[str]] = defaultdict(list)
    for role, name in session.execute(query):
        found[role].append(name)
    return found
