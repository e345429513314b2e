"""What a draw of seats is asked, out of the store: sittings of one start, their rooms and candidates."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from exam_rooms.draw_parts import Entrant, Hall, Question, Rules
from server.db.papers import Package, PaperSet
from server.db.rooms import Room, Seat
from server.db.sittings import Assignment, Attempt, Registration, RoomSitting, SeatStay, Sitting
from server.errors import NotFound, Refused
from server.rules.policy_components import ASSESSED
from server.services import packages
from server.services.rooms import map_of


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chooses for a draw. `rooms`: ids of the rooms to use, None for those of the sittings."""

    rules: Rules = field(default_factory=Rules)
    rooms: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A draw's question with the rows it is about. `rows`: by room id, without rooms that are still free."""

    sittings: Mapping[int, Sitting]
    rows: Mapping[int, RoomSitting]
    rooms: Mapping[int, Room]
    question: Question

    @property
    def mark(self) -> str:
        """Hex SHA-256 of the question."""
        return marked(self.question.to_json())


def marked(plain: object) -> str:
    """Hex SHA-256 of plain values as canonical JSON."""
    text = json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def ask(session: Session, sitting_ids: Collection[int], choice: Choice, *, lock: bool = False) -> Asked:
    """The question of a draw over sittings; `lock` keeps other writers of them out until the commit.

    Refused: arrange_nothing_chosen, arrange_other_start, papers_missing, room_busy, draw_locked,
    draw_released, roster_empty.
    """
    sittings = _sittings(session, sitting_ids, lock)
    held = _rows(session, sittings, lock)
    rooms = _rooms(session, held, choice.rooms)
    rows = {row.room_id: row for row in held if row.room_id in rooms}
    for row in rows.values():
        need_open(row, rooms[row.room_id].name)
    _need_free(session, sittings.values(), rooms)
    open_ = or_(Registration.room_id.is_(None), Registration.room_id.in_(list(rooms)))
    entrants = _entrants(session, sittings, rooms, open_)
    if not entrants:
        raise Refused("roster_empty")
    halls = _halls(session, sittings, rows, rooms)
    forms = {str(number): _forms(session, sitting) for number, sitting in sittings.items()}
    return Asked(sittings, rows, rooms, Question(entrants, halls, forms, choice.rules))


def ask_room(session: Session, row: RoomSitting, sitting: Sitting, rules: Rules) -> Asked:
    """The question of a draw over one room, for those whom a roster or a draw gave this room."""
    _need_seats(sitting)
    room = session.get_one(Room, row.room_id)
    need_open(row, room.name)
    here = Registration.room_id == room.id
    found = _entrants(session, [sitting.id], [room.id], here)
    if not found:
        raise Refused("roster_empty")
    entrants = tuple(replace(entrant, room=str(room.id)) for entrant in found)
    halls = (Hall(str(room.id), map_of(room), str(sitting.id)),)
    forms = {str(sitting.id): _forms(session, sitting)}
    question = Question(entrants, halls, forms, rules)
    return Asked({sitting.id: sitting}, {room.id: row}, {room.id: room}, question)


def need_open(row: RoomSitting, room: str) -> None:
    """Raises `Refused` when the seats of a room are not to be drawn (again): draw_released, draw_locked."""
    if row.state not in ("planned", "arranged"):
        raise Refused("draw_released", room=room)
    if row.locked_at is not None:
        raise Refused("draw_locked", room=room)


def busy_rooms(
    session: Session, starts_at: datetime, ends_at: datetime, besides: Collection[int]
) -> dict[int, str]:
    """Rooms (id -> name) held at the time by sittings other than `besides`; early ends do not count."""
    query = (
        select(Room.id, Room.name, Sitting.starts_at, Sitting.minutes)
        .join(RoomSitting, RoomSitting.room_id == Room.id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(RoomSitting.ended_at.is_(None), Sitting.starts_at < ends_at, Sitting.id.not_in(list(besides)))
    )
    return {
        room: name
        for room, name, begins, minutes in session.execute(query)
        if begins + timedelta(minutes=float(minutes)) > starts_at
    }


def span(sittings: Iterable[Sitting]) -> tuple[datetime, datetime]:
    """From the start to the end of the longest."""
    found = list(sittings)
    return found[0].starts_at, max(each.starts_at + timedelta(minutes=float(each.minutes)) for each in found)


def _need_seats(sitting: Sitting) -> None:
    """Raises `Refused` (sitting_assessed) where a panel sees one candidate after the other."""
    if sitting.method in ASSESSED:
        raise Refused("sitting_assessed")


def _sittings(session: Session, chosen: Collection[int], lock: bool) -> dict[int, Sitting]:
    query = select(Sitting).where(Sitting.id.in_(list(chosen))).order_by(Sitting.id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = {sitting.id: sitting for sitting in session.scalars(query)}
    if not found:
        raise Refused("arrange_nothing_chosen", 422, field="sittings")
    if len(found) < len(set(chosen)):
        raise NotFound("sitting")
    for sitting in found.values():
        _need_seats(sitting)
    if len({sitting.starts_at for sitting in found.values()}) > 1:
        raise Refused("arrange_other_start", 422, field="sittings")
    return found


def _rows(session: Session, sittings: Collection[int], lock: bool) -> list[RoomSitting]:
    query = select(RoomSitting).where(RoomSitting.sitting_id.in_(list(sittings))).order_by(RoomSitting.id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(query))


def _rooms(session: Session, rows: Iterable[RoomSitting], chosen: Sequence[int] | None) -> dict[int, Room]:
    wanted = {row.room_id for row in rows} if chosen is None else set(chosen)
    found = list(session.scalars(select(Room).where(Room.id.in_(list(wanted)))))
    if not found:
        raise Refused("room_missing", 422, field="rooms")
    if len(found) < len(wanted):
        raise NotFound("room")
    return {room.id: room for room in sorted(found, key=lambda room: room.id)}


def _need_free(session: Session, sittings: Iterable[Sitting], rooms: Collection[int]) -> None:
    known = list(sittings)
    for room, name in busy_rooms(session, *span(known), [each.id for each in known]).items():
        if room in rooms:
            raise Refused("room_busy", 422, field="rooms", name=name)


def _halls(
    session: Session,
    sittings: Mapping[int, Sitting],
    rows: Mapping[int, RoomSitting],
    rooms: Mapping[int, Room],
) -> tuple[Hall, ...]:
    """With one sitting every room is its own; with more, those on which something of it depends."""
    bound = _bound(session, [row.id for row in rows.values()])
    only = str(next(iter(sittings))) if len(sittings) == 1 else None
    halls = []
    for number, room in rooms.items():
        row = rows.get(number)
        sitting = str(row.sitting_id) if row is not None and row.id in bound else only
        halls.append(Hall(str(number), map_of(room), sitting))
    return tuple(halls)


def _bound(session: Session, rows: Collection[int]) -> set[int]:
    """Rooms in a sitting that stay in it: a package was sealed for them, or people are on duty there."""
    sealed = select(Package.room_sitting_id).where(
        Package.room_sitting_id.in_(rows), Package.state.in_(("sealed", "released"))
    )
    staffed = select(Assignment.room_sitting_id).where(Assignment.room_sitting_id.in_(rows))
    return set(session.scalars(sealed)) | set(session.scalars(staffed))


def _forms(session: Session, sitting: Sitting) -> tuple[str, ...]:
    row = session.get(PaperSet, sitting.paper_set_id) if sitting.paper_set_id else None
    if row is None:
        raise Refused("papers_missing")
    return tuple(packages.letters(session, row)[0])


def _entrants(
    session: Session, sittings: Collection[int], rooms: Collection[int], which: ColumnElement[bool]
) -> tuple[Entrant, ...]:
    """The candidates of sittings that `which` chooses."""
    query = select(Registration).where(Registration.sitting_id.in_(list(sittings)), which)
    found = list(session.scalars(query.order_by(Registration.id)))
    sat = _sat_at(session, sittings, rooms)
    return tuple(
        Entrant(
            ref=str(row.id),
            sitting=str(row.sitting_id),
            employer=row.employer,
            ticket=row.ticket,
            room=None if row.room_id is None or row.drawn_room else str(row.room_id),
            alone=row.own_room,
            apart=row.large_print or row.extra_percent is not None or row.extra_minutes is not None,
            sat_at=frozenset(sat.get(row.candidate_id, ())),
        )
        for row in found
    )


def _sat_at(
    session: Session, sittings: Collection[int], rooms: Collection[int]
) -> dict[int, set[tuple[str, str]]]:
    """Candidate -> (room, seat number) where the candidate sat in other sittings."""
    query = (
        select(Registration.candidate_id, Seat.room_id, Seat.number)
        .join(Attempt, Attempt.registration_id == Registration.id)
        .join(SeatStay, SeatStay.attempt_id == Attempt.id)
        .join(Seat, Seat.id == SeatStay.seat_id)
        .where(Seat.room_id.in_(list(rooms)), Registration.sitting_id.not_in(list(sittings)))
    )
    found: dict[int, set[tuple[str, str]]] = defaultdict(set)
    for candidate, room, number in session.execute(query):
        found[candidate].add((str(room), number))
    return found


def payload(asked: Asked, seed: str) -> dict[str, Any]:
    """What the child is given."""
    return {"question": asked.question.to_json(), "seed": seed}
