"""Rooms and their seats, taken from a checked room plan."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from exam_rooms.seatmap import RoomKind, RoomMap, SeatKind, SeatPosition
from server.access import Actor, Permission
from server.db.assessing import Station
from server.db.base import emit
from server.db.rooms import PairingCode, Room, Seat, Workstation, WorkstationClock
from server.db.seb import SebRoom
from server.db.sittings import Batch, RoomSitting, Sitting
from server.errors import Forbidden, NotFound, Refused
from server.events import SebChanged
from server.services import audit, stations
from server.services.pairing import active_workstations


def store_rooms(session: Session, actor: Actor, maps: list[RoomMap], *, now: datetime) -> list[int]:
    """Adds rooms, all or none. A name already taken refuses the whole file."""
    if not actor.can(Permission.MANAGE_ROOMS):
        raise Forbidden(Permission.MANAGE_ROOMS)
    taken = session.scalars(select(Room.name).where(Room.name.in_([plan.name for plan in maps]))).all()
    if taken:
        raise Refused("room_name_taken", 422, name=taken[0])
    rooms = [_room(plan, now) for plan in maps]
    session.add_all(rooms)
    session.flush()
    for room in rooms:
        cameras = sum(bool(seat.camera) for seat in room.seats)
        numbers = {"seats": len(room.seats), "kind": room.kind, "cameras": cameras}
        audit.record(
            session, "system", actor, "room_added", f"room/{room.id}", now=now, name=room.name, **numbers
        )
    return [room.id for room in rooms]


def delete_room(session: Session, actor: Actor, room_id: int, *, now: datetime) -> None:
    """Removes a room that no sitting has used and no workstation is paired in, with its retired pairings."""
    if not actor.can(Permission.MANAGE_ROOMS):
        raise Forbidden(Permission.MANAGE_ROOMS)
    room = session.get(Room, room_id)
    if room is None:
        raise NotFound("room")
    if held_in(session, room_id):
        raise Refused("room_in_use", name=room.name)
    if active_workstations(session, room_id):
        raise Refused("room_has_workstations", name=room.name)
    _forget_pairings(session, room_id)
    session.execute(delete(SebRoom).where(SebRoom.room_id == room_id))
    session.execute(delete(Station).where(Station.room_id == room_id))
    session.delete(room)
    session.flush()
    audit.record(session, "system", actor, "room_deleted", f"room/{room_id}", now=now, name=room.name)
    emit(session, SebChanged(room_id))


@dataclass(frozen=True, slots=True)
class RoomSummary:
    """A room in numbers."""

    id: int
    name: str
    kind: str
    seats: int
    spare: int
    broken: int
    cameras: int
    paired: int
    stations: int = 0


def rooms(session: Session) -> list[Room]:
    """All rooms in the order in which they were made: a name's tenth would come before its second."""
    return list(session.scalars(select(Room).order_by(Room.id)))


def summary(session: Session) -> list[RoomSummary]:
    """All rooms in numbers; seat counts come from the plan, they are never typed."""
    places = stations.counts(session)
    return [
        RoomSummary(
            id=room.id,
            name=room.name,
            kind=room.kind,
            seats=sum(seat.kind == SeatKind.NORMAL for seat in room.seats),
            spare=sum(seat.kind == SeatKind.SPARE for seat in room.seats),
            broken=sum(seat.kind == SeatKind.BROKEN for seat in room.seats),
            cameras=sum(bool(seat.camera) for seat in room.seats),
            paired=len(active_workstations(session, room.id)),
            stations=places.get(room.id, 0),
        )
        for room in rooms(session)
    ]


@dataclass(frozen=True, slots=True)
class Capacity:
    """All rooms of one kind (a `RoomKind`) in numbers; `seats` are single desks that candidates are given,
    `stations` the places of practical assessment.
    """

    kind: str
    rooms: int
    seats: int
    spare: int
    broken: int
    stations: int


def capacity(found: Iterable[RoomSummary]) -> list[Capacity]:
    """Rooms and seats by kind, counted from the plans; kinds without a room are left out."""
    rows = list(found)
    kinds = [str(kind) for kind in RoomKind if any(row.kind == kind for row in rows)]
    return [_capacity(kind, [row for row in rows if row.kind == kind]) for kind in kinds]


def _capacity(kind: str, rows: list[RoomSummary]) -> Capacity:
    sums = (sum(getattr(row, name) for row in rows) for name in ("seats", "spare", "broken", "stations"))
    return Capacity(kind, len(rows), *sums)


def get(session: Session, room_id: int) -> Room:
    """One room with its seats."""
    room = session.get(Room, room_id)
    if room is None:
        raise NotFound("room")
    return room


def map_of(room: Room) -> RoomMap:
    """The plan of a stored room."""
    seats = [
        SeatPosition(
            number=seat.number,
            row=seat.row,
            column=seat.column,
            x=seat.x,
            y=seat.y,
            kind=seat.kind,
            camera=seat.camera,
        )
        for seat in room.seats
    ]
    return RoomMap.from_parts(room.name, seats, room.layout, room.kind)


@dataclass(frozen=True, slots=True)
class Held:
    """A sitting held or planned in a room."""

    id: int
    batch: str
    starts_at: datetime
    state: str


def held_in(session: Session, room_id: int) -> list[Held]:
    """The sittings of a room, latest first."""
    rows = session.execute(
        select(RoomSitting.id, Batch.name, Sitting.starts_at, RoomSitting.state)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .where(RoomSitting.room_id == room_id)
        .order_by(Sitting.starts_at.desc())
    )
    return [Held(*row) for row in rows]


def _forget_pairings(session: Session, room_id: int) -> None:
    seats = select(Seat.id).where(Seat.room_id == room_id)
    machines = select(Workstation.id).where(Workstation.seat_id.in_(seats))
    session.execute(delete(WorkstationClock).where(WorkstationClock.workstation_id.in_(machines)))
    session.execute(delete(Workstation).where(Workstation.seat_id.in_(seats)))
    session.execute(delete(PairingCode).where(PairingCode.seat_id.in_(seats)))


def _room(plan: RoomMap, now: datetime) -> Room:
    room = Room(name=plan.name, kind=str(plan.kind), layout=plan.layout_json(), created_at=now)
    room.seats = [
        Seat(
            number=seat.number,
            row=seat.row,
            column=seat.column,
            x=seat.x,
            y=seat.y,
            kind=str(seat.kind),
            camera=seat.camera,
        )
        for seat in plan.seats
    ]
    return room
