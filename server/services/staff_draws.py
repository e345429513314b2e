"""The draw of a sitting's people on duty, with a stored seed; what nobody could fill is named."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from exam_rooms.wire import canonical
from server.access import Actor, Permission, Role
from server.db.people import User
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, RoomSitting, Sitting
from server.db.staffing import DutySign, StaffDraw
from server.errors import NotFound, Refused
from server.rules import staff_draw
from server.rules.policy import LevelPolicy
from server.rules.recusal import conflicts
from server.rules.staff_draw import Opening, Willing
from server.services import audit, eligibility, staffing
from server.services.batches import policy_of
from server.services.eligibility import Fit, Wanted
from server.services.signed import need

ROLES = (
    Role.CHIEF_INVIGILATOR,
    Role.SYSTEM_ADMINISTRATOR,
    Role.SUPERVISOR,
    Role.INVIGILATOR,
    Role.ROVER,
)
"""Which duties are drawn, in the order in which scarce people are given to them."""


@dataclass(frozen=True, slots=True)
class Shortage:
    """So many people are missing in a role, for these rooms (names)."""

    role: str
    rooms: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Draw:
    """A draw as it is shown. `by` is empty for the console's."""

    seed: str
    inputs: str
    at: datetime
    by: str
    shortages: tuple[Shortage, ...]


def draw(session: Session, actor: Actor, sitting_id: int, *, seed: str = "", now: datetime) -> Draw:
    """Draws everybody on duty in all rooms of a sitting anew; the seed replays it.

    Refused (`duty_begun`) once somebody has signed in to duty there or a room has started. Places that
    nobody may fill stay empty and are named.
    """
    need(actor, Permission.MANAGE_STAFFING)
    sitting = session.get(Sitting, sitting_id, with_for_update=True)
    if sitting is None:
        raise NotFound("sitting")
    rows = staffing.rooms_of(session, sitting_id)
    _need_quiet(session, rows)
    seed = seed or secrets.token_hex(16)
    openings = _openings(session, sitting, rows)
    people = _people(session, sitting, rows)
    drawn = staff_draw.draw(openings, people, seed)
    by_place = {opening.place: opening for opening in openings}
    before = {row.id: staffing.held(session, row.id) for row in rows}
    drawn_duties = Assignment.role != str(Role.EXAMINER)  # a panel has a draw of its own
    here = Assignment.room_sitting_id.in_([row.id for row in rows])
    session.execute(delete(Assignment).where(here, drawn_duties))
    by_room = {row.room_id: row.id for row in rows}
    for place, person in drawn.taken.items():
        opening = by_place[place]
        session.add_all(
            Assignment(room_sitting_id=by_room[room], user_id=person, role=opening.role, drawn=True)
            for room in opening.rooms
        )
    missing = _shortages(session, [by_place[place] for place in drawn.empty])
    row = StaffDraw(
        sitting_id=sitting_id,
        seed=seed,
        inputs=_inputs(openings, people),
        shortages=[{"role": each.role, "rooms": list(each.rooms), "count": each.count} for each in missing],
        drawn_at=now,
        drawn_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    for held in rows:
        stream = audit.sitting_stream(held.id)
        facts = {"seed": seed, "inputs": row.inputs, "missing": sum(each.count for each in missing)}
        moved = staffing.changes(session, before[held.id], staffing.held(session, held.id))
        audit.record(session, stream, actor, "staff_drawn", stream, now=now, **facts, **moved)
    return _view(row, actor.name)


def last(session: Session, sitting_id: int) -> Draw | None:
    """The newest draw of a sitting."""
    query = (
        select(StaffDraw, User.name)
        .outerjoin(User, User.id == StaffDraw.drawn_by)
        .where(StaffDraw.sitting_id == sitting_id)
        .order_by(StaffDraw.id.desc())
    )
    found = session.execute(query.limit(1)).first()
    return _view(found[0], found[1] or "") if found else None


def _view(row: StaffDraw, by: str) -> Draw:
    missing = tuple(Shortage(each["role"], tuple(each["rooms"]), each["count"]) for each in row.shortages)
    return Draw(row.seed, row.inputs, row.drawn_at, by, missing)


def _need_quiet(session: Session, rows: Sequence[RoomSitting]) -> None:
    began = select(DutySign.id).where(DutySign.room_sitting_id.in_([row.id for row in rows]))
    if any(row.started_at is not None for row in rows) or session.scalar(began.limit(1)) is not None:
        raise Refused("duty_begun")


def _openings(session: Session, sitting: Sitting, rows: Sequence[RoomSitting]) -> list[Opening]:
    policy = policy_of(session.get_one(Batch, sitting.batch_id))
    needed = {
        row.room_id: staffing.needed_for(sitting, staffing.expected(session, row), policy) for row in rows
    }
    rooms = sorted(needed)
    shared = {role: _groups(role, rooms, policy) for role in ROLES if role is not Role.INVIGILATOR}
    found = []
    for role in ROLES:
        if role is Role.INVIGILATOR:
            # One for every room before the second of any: a shortage is shared.
            turns = range(max(needed.values(), default=0))
            chosen = [(turn, room) for turn in turns for room in rooms if turn < needed[room]]
            found += [Opening(f"{role}/{room}/{turn}", str(role), (room,)) for turn, room in chosen]
        else:
            found += [Opening(f"{role}/{group[0]}", str(role), group) for group in shared[role]]
    return found


def _groups(role: Role, rooms: Sequence[int], policy: LevelPolicy) -> list[tuple[int, ...]]:
    """Which rooms one person of a shared duty serves together."""
    each = {
        Role.ROVER: policy.gates.rooms_per_rover,
        Role.SYSTEM_ADMINISTRATOR: policy.gates.rooms_per_system_administrator,
    }.get(role, len(rooms))
    return [tuple(rooms[start : start + each]) for start in range(0, len(rooms), max(each, 1))]


def _people(session: Session, sitting: Sitting, rows: Sequence[RoomSitting]) -> list[Willing]:
    asked = eligibility.wanted(session, sitting)
    rooms = [row.room_id for row in rows]
    panels = {
        user for row in rows for user, role in staffing.held(session, row.id).items() if role == Role.EXAMINER
    }
    people = eligibility.fits(session)
    found = [_willing(asked, one, rooms) for one in people.values() if one.id not in panels]
    return [one for one in found if one.roles]


def _willing(asked: Wanted, one: Fit, rooms: Iterable[int]) -> Willing:
    roles = {str(role) for role in ROLES if role in one.roles}
    free = {role for role in roles if not asked.expired(one) and asked.elsewhere(one, role) is None}
    if not free:
        return Willing(one.id, frozenset())
    rooms = list(rooms)
    barred = {room for room in rooms if conflicts(one.links, asked.of_room(room))} if one.links else set()
    colleagues = {room for room in rooms if asked.colleagues(one, room)} if one.employer else set()
    return Willing(one.id, frozenset(free), frozenset(barred), frozenset(colleagues))


def _shortages(session: Session, empty: Sequence[Opening]) -> list[Shortage]:
    names = dict(session.execute(select(Room.id, Room.name)).all())
    counted: dict[tuple[str, tuple[int, ...]], int] = {}
    for opening in empty:
        key = (opening.role, opening.rooms)
        counted[key] = counted.get(key, 0) + 1
    return [
        Shortage(role, tuple(names[room] for room in rooms), count)
        for (role, rooms), count in counted.items()
    ]


def _inputs(openings: Sequence[Opening], people: Iterable[Willing]) -> str:
    """The hash of everything but the seed that decides a draw."""
    said = {
        "openings": [[each.place, each.role, list(each.rooms)] for each in openings],
        "people": [
            [one.person, sorted(one.roles), sorted(one.barred), sorted(one.last)]
            for one in sorted(people, key=lambda one: one.person)
        ],
    }
    return hashlib.sha256(canonical(said)).hexdigest()
