"""Candidates of a room's sitting: roster in, tickets given, photos sealed."""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.identity import mask_id
from server.access import Actor, Permission
from server.db.base import vault_of
from server.db.rooms import Seat
from server.db.sittings import Attempt, Candidate, Registration, RoomSitting, Sitting
from server.errors import Forbidden, NotFound, Refused
from server.rules.accommodation import extra_fault, extra_minutes
from server.rules.roster import RosterEntry
from server.rules.tickets import RUNNING_MOST, SITTING_MOST, ticket_number
from server.services import audit, licences
from server.services.accommodations import Granted, granted_of, put
from server.services.entitlement import Entitlement
from server.services.plain_rows import CandidateRow

ID_PURPOSE = "id-number"
PHOTO_PURPOSE = "photo"
_TICKETS_TOGETHER = 500
"""Numbers that are looked up in one go."""


@dataclass(frozen=True, slots=True)
class RosterRow:
    """One registered candidate as lists show them. `extra`: minutes that `granted` adds to this test."""

    registration: int
    ticket: str
    name: str
    id_masked: str
    employer: str
    has_photo: bool
    seat: str
    form: str
    state: str
    granted: Granted
    extra: Decimal


def store_roster(  # noqa: PLR0913 - the zone tells on which day the sitting is
    session: Session,
    actor: Actor,
    room_sitting_id: int,
    entries: list[RosterEntry],
    *,
    now: datetime,
    zone: tzinfo = UTC,
) -> int:
    """Registers all candidates of a roster or none; returns how many. Refused once seats are drawn.

    Ticket numbers carry the sitting's day in `zone`.
    """
    _require(actor)
    room_sitting = _planned(session, room_sitting_id)
    sitting = session.get_one(Sitting, room_sitting.sitting_id)
    on = sitting.starts_at.astimezone(zone).date()
    people = register_all(session, (sitting, room_sitting.room_id), entries, on=on, now=now)
    licences.keep_listed(session, actor, zip(people, entries, strict=True), now=now)
    audit.record(
        session,
        f"sitting/{room_sitting_id}",
        actor,
        "roster_imported",
        f"sitting/{room_sitting_id}",
        now=now,
        count=len(entries),
    )
    return len(entries)


def register_all(
    session: Session,
    place: tuple[Sitting, int | None],
    entries: list[RosterEntry],
    *,
    on: date,
    now: datetime,
) -> list[Candidate]:
    """Registers candidates of a list in a sitting and its room, or without a room until a draw gives one.

    The people in the order of the list.
    """
    sitting, room_id = place
    entering = _Entering(session, sitting, on, entries)
    people: list[Candidate] = []
    rows: list[Registration] = []
    for entry in entries:
        candidate, row = entering.registered(entry, now)
        if extra_fault(entry.extra, sitting.minutes):
            raise Refused("extra_time_range_in_row", 422, place=entry.place)
        put(row, Granted(entry.extra, entry.large_print, entry.approval, entry.own_room))
        row.room_id = room_id
        people.append(candidate)
        rows.append(row)
    _store(session, people, rows)
    return people


def register_one(  # noqa: PLR0913 - the zone tells on which day the sitting is
    session: Session, sitting: Sitting, room_id: int, entry: RosterEntry, *, on: date, now: datetime
) -> Registration:
    """Registers one candidate of no list in a sitting on its day `on`, with the next free ticket number.

    Whether that may be, and who decided it, is the caller's matter.
    """
    candidate, row = _Entering(session, sitting, on, [entry]).registered(entry, now)
    row.room_id = room_id
    _store(session, [candidate], [row])
    return row


def _store(session: Session, people: Sequence[Candidate], rows: Sequence[Registration]) -> None:
    session.add_all(people)
    session.flush()
    for candidate, row in zip(people, rows, strict=True):
        row.candidate_id = candidate.id
    session.add_all(rows)
    session.flush()


def store_photos(
    session: Session, actor: Actor, room_sitting_id: int, photos: dict[str, bytes], *, now: datetime
) -> list[str]:
    """Seals photos by ticket or ID number; returns the names that matched nobody."""
    _require(actor)
    owners = _owners(session, room_sitting_id, photos)
    seal_photos(session, owners, photos)
    unmatched = [name for name in photos if name not in owners]
    stored = len(photos) - len(unmatched)
    audit.record(
        session,
        f"sitting/{room_sitting_id}",
        actor,
        "photos_imported",
        f"sitting/{room_sitting_id}",
        now=now,
        count=stored,
    )
    return unmatched


def seal_photos(session: Session, owners: Mapping[str, Registration], photos: Mapping[str, bytes]) -> None:
    """Keeps photos (JPEG by name) with their owners, sealed."""
    vault = vault_of(session)
    for name, registration in owners.items():
        registration.sealed_photo = vault.seal_value(PHOTO_PURPOSE, str(registration.id), photos[name])
        registration.has_photo = True


def unmatched_photos(session: Session, room_sitting_id: int, names: Iterable[str]) -> list[str]:
    """Which of these file names (without ending) are neither ticket nor ID number of a candidate."""
    given = list(names)
    owners = _owners(session, room_sitting_id, given)
    return [name for name in given if name not in owners]


def photo_of(session: Session, registration: Registration) -> bytes | None:
    """The registration photo, JPEG, or None."""
    if registration.sealed_photo is None:
        return None
    return vault_of(session).open_value(PHOTO_PURPOSE, str(registration.id), registration.sealed_photo)


def masked_id(session: Session, candidate: Candidate | CandidateRow) -> str:
    """The ID number as screens may show it."""
    return mask_id(vault_of(session).open_value(ID_PURPOSE, candidate.id_index, candidate.sealed_id).decode())


def roster(session: Session, room_sitting_id: int) -> list[RosterRow]:
    """The candidates of a room's sitting in ticket order, with their seats once drawn."""
    room_sitting = session.get(RoomSitting, room_sitting_id)
    if room_sitting is None:
        raise NotFound("sitting")
    attempts = {
        row.registration_id: row
        for row in session.scalars(select(Attempt).where(Attempt.room_sitting_id == room_sitting_id))
    }
    seats = _seat_numbers(session, room_sitting)
    minutes = session.get_one(Sitting, room_sitting.sitting_id).minutes
    rows = []
    for registration, candidate in _registrations(session, room_sitting):
        attempt = attempts.get(registration.id)
        rows.append(
            RosterRow(
                registration=registration.id,
                ticket=registration.ticket,
                name=candidate.name,
                id_masked=masked_id(session, candidate),
                employer=registration.employer,
                has_photo=registration.has_photo,
                seat=seats[attempt.seat_id] if attempt else "",
                form=attempt.form if attempt else "",
                state=attempt.state if attempt else "",
                granted=granted_of(registration),
                extra=extra_minutes(granted_of(registration).extra, minutes),
            )
        )
    return rows


def _require(actor: Actor) -> None:
    if not actor.can(Permission.MANAGE_BATCHES):
        raise Forbidden(Permission.MANAGE_BATCHES)


def _planned(session: Session, room_sitting_id: int) -> RoomSitting:
    room_sitting = session.get(RoomSitting, room_sitting_id)
    if room_sitting is None:
        raise NotFound("sitting")
    if room_sitting.state != "planned":
        raise Refused("sitting_already_arranged")
    return room_sitting


def _registrations(session: Session, room_sitting: RoomSitting) -> list[tuple[Registration, Candidate]]:
    rows = session.execute(
        select(Registration, Candidate)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(
            Registration.sitting_id == room_sitting.sitting_id, Registration.room_id == room_sitting.room_id
        )
        .order_by(Registration.ticket)
    )
    return [(registration, candidate) for registration, candidate in rows]


def _seat_numbers(session: Session, room_sitting: RoomSitting) -> dict[int, str]:
    return {
        seat.id: seat.number
        for seat in session.scalars(select(Seat).where(Seat.room_id == room_sitting.room_id))
    }


def _owners(session: Session, room_sitting_id: int, names: Iterable[str]) -> dict[str, Registration]:
    room_sitting = session.get(RoomSitting, room_sitting_id)
    if room_sitting is None:
        raise NotFound("sitting")
    return owners_among(session, _registrations(session, room_sitting), names)


def owners_among(
    session: Session, rows: Sequence[tuple[Registration, Candidate]], names: Iterable[str]
) -> dict[str, Registration]:
    """Whose ticket or ID number each name is; names of nobody are left out."""
    vault = vault_of(session)
    by_ticket = {registration.ticket: registration for registration, _ in rows}
    by_index = {candidate.id_index: registration for registration, candidate in rows}
    found = {
        name: by_ticket.get(name) or by_index.get(vault.index(ID_PURPOSE, name.upper())) for name in names
    }
    return {name: registration for name, registration in found.items() if registration is not None}


class Tickets:
    """Free ticket numbers of a sitting, one after the other; numbers given by rosters are passed over.

    `taken`: numbers that are about to be in use, beside those in the store.
    """

    def __init__(self, session: Session, sitting: Sitting, on: date, taken: Collection[str] = ()) -> None:
        count = select(func.count()).select_from(Registration).where(Registration.sitting_id == sitting.id)
        self._session, self._on, self._taken = session, on, taken
        self._running = session.scalar(count) or 0
        # Two sittings share these digits only if 999 others lie between them, then never on one day.
        self._sitting = (sitting.id - 1) % SITTING_MOST + 1
        self._free: deque[str] = deque()

    def next(self) -> str:
        """The next free number."""
        while self._free or self._running < RUNNING_MOST:
            if not self._free:
                self._look()
            elif (ticket := self._free.popleft()) not in self._taken:
                return ticket
        raise Refused("tickets_used_up", 422, limit=RUNNING_MOST)

    def _look(self) -> None:
        """The next numbers that nobody has."""
        last = min(RUNNING_MOST, self._running + _TICKETS_TOGETHER)
        wanted = [ticket_number(self._on, self._sitting, n) for n in range(self._running + 1, last + 1)]
        query = select(Registration.ticket).where(Registration.ticket.in_(wanted))
        used = set(self._session.scalars(query))
        self._free.extend(ticket for ticket in wanted if ticket not in used)
        self._running = last


class _Entering:
    """Registers people of a list in one sitting: whatever the rows are held against is looked up once.

    Nothing is in the store before the caller puts it there, so rows are held against those before them, too.
    """

    def __init__(self, session: Session, sitting: Sitting, on: date, entries: Sequence[RosterEntry]) -> None:
        self._sitting = sitting
        self._vault = vault_of(session)
        self._entitlement = Entitlement(session, sitting)
        self._index = {entry.id_number: self._vault.index(ID_PURPOSE, entry.id_number) for entry in entries}
        known = select(Candidate).where(Candidate.id_index.in_(self._index.values()))
        self._people = {candidate.id_index: candidate for candidate in session.scalars(known)}
        self._given = _tickets_of(session, sitting)
        wanted = {entry.ticket for entry in entries if entry.ticket}
        found = session.scalars(select(Registration.ticket).where(Registration.ticket.in_(wanted)))
        self._taken = set(found) if wanted else set()
        self._tickets = Tickets(session, sitting, on, self._taken)

    def registered(self, entry: RosterEntry, now: datetime) -> tuple[Candidate, Registration]:
        """The person and the place in the sitting, both not yet stored. Refused by the row's place."""
        candidate = self._candidate(entry, now)
        said = {"place": entry.place, "name": entry.name}
        if candidate.id_index in self._given:
            raise Refused("already_registered", 422, ticket=self._given[candidate.id_index], **said)
        if entry.ticket and entry.ticket in self._taken:
            raise Refused("ticket_taken", 422, place=entry.place, ticket=entry.ticket)
        self._entitlement.need(candidate, entry.place)
        ticket = entry.ticket or self._tickets.next()
        self._taken.add(ticket)
        self._given[candidate.id_index] = ticket
        return candidate, Registration(sitting_id=self._sitting.id, ticket=ticket, employer=entry.employer)

    def _candidate(self, entry: RosterEntry, now: datetime) -> Candidate:
        index = self._index[entry.id_number]
        candidate = self._people.get(index)
        if candidate is None:
            sealed = self._vault.seal_value(ID_PURPOSE, index, entry.id_number.encode())
            candidate = Candidate(id_index=index, sealed_id=sealed, name=entry.name, created_at=now)
            self._people[index] = candidate
        elif candidate.name != entry.name:
            raise Refused("name_differs_from_record", 422, place=entry.place, name=entry.name)
        return candidate


def _tickets_of(session: Session, sitting: Sitting) -> dict[str, str]:
    """Index of the ID number -> ticket, of those who are in a sitting already."""
    query = (
        select(Candidate.id_index, Registration.ticket)
        .join(Registration, Registration.candidate_id == Candidate.id)
        .where(Registration.sitting_id == sitting.id)
    )
    return dict(session.execute(query).all())
