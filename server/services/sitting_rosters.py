"""Candidates of a whole sitting, before a draw gives each of them a room; their photos."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.sittings import Attempt, Candidate, Registration, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.rules.roster import RosterEntry
from server.services import audit, licences, rosters
from server.services.signed import need


@dataclass(frozen=True, slots=True)
class Count:
    """How many candidates a sitting has, and how many of them have no seat."""

    candidates: int
    unseated: int
    photos: int


def store_roster(  # noqa: PLR0913 - the zone tells on which day the sitting is
    session: Session,
    actor: Actor,
    sitting_id: int,
    entries: list[RosterEntry],
    *,
    now: datetime,
    zone: tzinfo = UTC,
) -> int:
    """Registers all candidates of a roster without a room, or none of them; returns how many.

    Refused (sitting_already_arranged) once seats of the sitting are drawn. Tickets carry its day in `zone`.
    """
    need(actor, Permission.MANAGE_BATCHES)
    sitting = _sitting(session, sitting_id, lock=True)
    arranged = select(RoomSitting.id).where(
        RoomSitting.sitting_id == sitting_id, RoomSitting.state != "planned"
    )
    if session.scalar(arranged.limit(1)) is not None:
        raise Refused("sitting_already_arranged")
    on = sitting.starts_at.astimezone(zone).date()
    people = rosters.register_all(session, (sitting, None), entries, on=on, now=now)
    licences.keep_listed(session, actor, zip(people, entries, strict=True), now=now)
    place = f"sitting/{sitting_id}"
    audit.record(session, "system", actor, "roster_imported", place, now=now, count=len(entries))
    return len(entries)


def store_photos(
    session: Session, actor: Actor, sitting_id: int, photos: dict[str, bytes], *, now: datetime
) -> list[str]:
    """Seals photos by ticket or ID number; returns the names that matched nobody."""
    need(actor, Permission.MANAGE_BATCHES)
    owners = _owners(session, sitting_id, photos)
    rosters.seal_photos(session, owners, photos)
    place = f"sitting/{sitting_id}"
    audit.record(session, "system", actor, "photos_imported", place, now=now, count=len(owners))
    return [name for name in photos if name not in owners]


def unmatched_photos(session: Session, sitting_id: int, names: Iterable[str]) -> list[str]:
    """Which of these file names (without ending) are neither ticket nor ID number of a candidate."""
    given = list(names)
    owners = _owners(session, sitting_id, given)
    return [name for name in given if name not in owners]


def count(session: Session, sitting_id: int) -> Count:
    """How a sitting's candidates stand."""
    query = (
        select(
            func.count(Registration.id),
            func.count(Registration.id) - func.count(Attempt.id),
            func.count(Registration.id).filter(Registration.has_photo.is_(True)),
        )
        .outerjoin(Attempt, Attempt.registration_id == Registration.id)
        .where(Registration.sitting_id == sitting_id)
    )
    return Count(*session.execute(query).one())


def _owners(session: Session, sitting_id: int, names: Iterable[str]) -> dict[str, Registration]:
    _sitting(session, sitting_id)
    query = (
        select(Registration, Candidate)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Registration.sitting_id == sitting_id)
        .order_by(Registration.ticket)
    )
    rows = [(registration, candidate) for registration, candidate in session.execute(query)]
    return rosters.owners_among(session, rows, names)


def _sitting(session: Session, sitting_id: int, *, lock: bool = False) -> Sitting:
    row = session.get(Sitting, sitting_id, with_for_update=lock or None, populate_existing=lock)
    if row is None:
        raise NotFound("sitting")
    return row
