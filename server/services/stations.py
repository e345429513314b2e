"""Stations of a room: where one candidate performs, what stands there; the capacity report counts them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.seatmap import SeatKind
from server.access import Actor, Permission
from server.db.assessing import Station, Turn
from server.db.rooms import Room
from server.errors import Forbidden, NotFound, Refused
from server.services import audit

NUMBER = re.compile(r"[0-9A-Za-z\u4e00-\u9fff-]{1,8}")
EQUIPMENT_MOST, EQUIPMENT_LIMIT, STATIONS_MOST = 40, 80, 200


@dataclass(frozen=True, slots=True)
class StationPlan:
    """A station as it is asked for; `equipment`: one line for each thing that stands there."""

    number: str
    equipment: tuple[str, ...] = ()
    active: bool = True


def of_room(session: Session, room_id: int) -> list[Station]:
    """All stations of a room by number: 2 comes before 10."""
    found = session.scalars(select(Station).where(Station.room_id == room_id))
    return sorted(found, key=lambda station: _natural(station.number))


def active(session: Session, room_id: int) -> list[Station]:
    """Those that are in use, by number."""
    return [station for station in of_room(session, room_id) if station.active]


def counts(session: Session) -> dict[int, int]:
    """Stations in use by room: what the capacity report counts."""
    query = select(Station.room_id, func.count()).where(Station.active).group_by(Station.room_id)
    return dict(session.execute(query).all())


def numbers(session: Session, room_id: int) -> dict[int, str]:
    """Station id -> number."""
    return {station.id: station.number for station in of_room(session, room_id)}


def add(session: Session, actor: Actor, room_id: int, plan: StationPlan, *, now: datetime) -> int:
    """Adds a station. Refused: `station_number`, `station_taken`, `station_equipment`, `stations_most`."""
    _require(actor)
    room = _room(session, room_id)
    known = of_room(session, room_id)
    _check(plan, known)
    if len(known) >= STATIONS_MOST:
        raise Refused("stations_most", 422, most=STATIONS_MOST)
    station = Station(room_id=room_id, number=plan.number.strip(), active=plan.active)
    station.equipment = list(plan.equipment)
    session.add(station)
    session.flush()
    _record(session, actor, room, "station_added", [station.number], now)
    return station.id


def change(session: Session, actor: Actor, station_id: int, plan: StationPlan, *, now: datetime) -> int:
    """Writes a station anew; returns its room. What was drawn for it stays with it."""
    _require(actor)
    station = _station(session, station_id)
    known = [each for each in of_room(session, station.room_id) if each.id != station_id]
    _check(plan, known)
    station.number, station.equipment = plan.number.strip(), list(plan.equipment)
    station.active = plan.active
    session.flush()
    _record(session, actor, _room(session, station.room_id), "station_changed", [station.number], now)
    return station.room_id


def remove(session: Session, actor: Actor, station_id: int, *, now: datetime) -> int:
    """Removes a station that nobody was ever drawn for; returns its room. Refused: `station_used`."""
    _require(actor)
    station = _station(session, station_id)
    if session.scalar(select(Turn.id).where(Turn.station_id == station_id).limit(1)):
        raise Refused("station_used", number=station.number)
    room, number = _room(session, station.room_id), station.number
    session.delete(station)
    session.flush()
    _record(session, actor, room, "station_removed", [number], now)
    return room.id


def from_plan(session: Session, actor: Actor, room_id: int, *, now: datetime) -> int:
    """A station for every normal seat of the room's plan that has none of that number; returns how many."""
    _require(actor)
    room = _room(session, room_id)
    known = {station.number for station in of_room(session, room_id)}
    normal = [seat.number for seat in room.seats if seat.kind == SeatKind.NORMAL]
    new = [number for number in normal if number not in known]
    if not new:
        raise Refused("stations_all_there", 422)
    if len(known) + len(new) > STATIONS_MOST:
        raise Refused("stations_most", 422, most=STATIONS_MOST)
    session.add_all(Station(room_id=room_id, number=number, equipment=[]) for number in new)
    session.flush()
    _record(session, actor, room, "station_added", new, now)
    return len(new)


def _check(plan: StationPlan, others: Sequence[Station]) -> None:
    number = plan.number.strip()
    if not NUMBER.fullmatch(number):
        raise Refused("station_number", 422, field="number")
    if any(station.number == number for station in others):
        raise Refused("station_taken", 422, field="number", number=number)
    long = any(len(line) > EQUIPMENT_LIMIT for line in plan.equipment)
    if long or len(plan.equipment) > EQUIPMENT_MOST:
        told = {"most": EQUIPMENT_MOST, "limit": EQUIPMENT_LIMIT}
        raise Refused("station_equipment", 422, field="equipment", **told)


def _require(actor: Actor) -> None:
    if not (actor.can(Permission.MANAGE_ROOMS) or actor.can(Permission.ARRANGE_ASSESSMENT)):
        raise Forbidden(Permission.ARRANGE_ASSESSMENT)


def _room(session: Session, room_id: int) -> Room:
    room = session.get(Room, room_id)
    if room is None:
        raise NotFound("room")
    return room


def _station(session: Session, station_id: int) -> Station:
    station = session.get(Station, station_id)
    if station is None:
        raise NotFound("station")
    return station


def _record(  # noqa: PLR0913 - what an entry of the record says
    session: Session, actor: Actor, room: Room, act: str, numbers: Sequence[str], now: datetime
) -> None:
    told = {"name": room.name, "stations": list(numbers)}
    audit.record(session, "system", actor, act, f"room/{room.id}", now=now, **told)


def _natural(number: str) -> tuple[object, ...]:
    """Runs of digits compare as numbers."""
    parts = re.split(r"([0-9]+)", number)
    return tuple(part.zfill(8) if part.isdigit() else part for part in parts)
