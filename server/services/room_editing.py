"""Plans of rooms drawn in the browser: new, changed, copied; what a sitting relies on does not move.

A plan may be saved while the rules still object to it: seats are locked for a sitting only when they do not.
A seat that candidates were ever given keeps its row; it can be put out of order and not be removed.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from exam_rooms import room_checks
from exam_rooms.room_checks import Finding
from exam_rooms.seatmap import RoomKind, RoomMap, SeatKind, SeatPosition
from server.access import Actor, Permission
from server.db.base import Base, emit
from server.db.rooms import Room, Seat
from server.db.sittings import Attempt, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.events import PairingChanged
from server.rules.roomdraft import Draft, draft_json
from server.rules.roomfile import NAME_LIMIT, limits_of, national_limits
from server.services import audit
from server.services.rooms import map_of, store_rooms
from server.services.signed import need

SIZE = (1, 40)
PITCH = (0.3, 5.0)
_FINISHED = ("ended", "collected", "marked", "aborted")
_MUST_DIFFER = frozenset({"seat_named_twice", "seat_place_shared"})


@dataclass(frozen=True, slots=True)
class NewRoom:
    """An empty room to begin with: so many rows and columns of seats, metres between them."""

    name: str
    kind: str
    rows: int
    columns: int
    across: float
    behind: float


def checked(plan: RoomMap) -> tuple[Finding, ...]:
    """What the rules say of a draft."""
    return room_checks.findings(plan, limits_of(national_limits()))


def draft(session: Session, room_id: int) -> dict[str, Any]:
    """A stored plan for the editor, with its version and the seats that a sitting holds."""
    room = _room(session, room_id)
    held = _held(session, room_id)
    return draft_json(map_of(room), [seat.id for seat in room.seats]) | {
        "version": room.plan_version,
        "held": sorted(held),
    }


def create(session: Session, actor: Actor, new: NewRoom, *, now: datetime) -> int:
    """A room of seats in rows and columns, numbered row by row."""
    name = new.name.strip()
    if not 1 <= len(name) <= NAME_LIMIT:
        raise Refused("room_name_needed", 422, field="name")
    sizes = SIZE[0] <= min(new.rows, new.columns) and max(new.rows, new.columns) <= SIZE[1]
    if not sizes or not all(PITCH[0] <= metres <= PITCH[1] for metres in (new.across, new.behind)):
        raise Refused("room_size_range", 422, field="rows")
    (number,) = store_rooms(session, actor, [_grid(replace(new, name=name))], now=now)
    return number


def copy(session: Session, actor: Actor, room_id: int, name: str, *, now: datetime) -> int:
    """The same plan under another name; cameras belong to seats and are not copied."""
    if not 1 <= len(name.strip()) <= NAME_LIMIT:
        raise Refused("room_name_needed", 422, field="name")
    plan = map_of(_room(session, room_id))
    seats = tuple(replace(seat, camera="") for seat in plan.seats)
    made = replace(plan, name=name.strip(), seats=seats, video=())
    (number,) = store_rooms(session, actor, [made], now=now)
    return number


def save(session: Session, actor: Actor, room_id: int, drawn: Draft, *, now: datetime) -> int:
    """Stores a drawn plan and returns its version.

    Refused: `plan_changed` when somebody saved since, `plan_not_allowed`, `seat_in_sitting`,
    `seat_has_history`, `room_kind_in_sitting`, `room_name_taken`.
    """
    need(actor, Permission.MANAGE_ROOMS)
    room = session.get(Room, room_id, with_for_update=True, populate_existing=True)
    if room is None:
        raise NotFound("room")
    if room.plan_version != drawn.version:
        raise Refused("plan_changed", 409, name=room.name)
    _refuse_doubles(drawn.plan)
    _refuse_name(session, room, drawn.plan.name)
    held = _held(session, room_id)
    if held and drawn.plan.kind != room.kind:
        raise Refused("room_kind_in_sitting")
    _put_seats(session, room, drawn, held)
    room.name, room.kind, room.layout = drawn.plan.name, str(drawn.plan.kind), drawn.plan.layout_json()
    room.plan_version += 1
    session.flush()
    numbers = {"seats": len(drawn.plan.normal), "spare": len(drawn.plan.spare)}
    audit.record(
        session, "system", actor, "room_changed", f"room/{room_id}", now=now, name=room.name, **numbers
    )
    emit(session, PairingChanged(room_id))
    return room.plan_version


# --- parts -----------------------------------------------------------------------------------------------


def _room(session: Session, room_id: int) -> Room:
    room = session.get(Room, room_id)
    if room is None:
        raise NotFound("room")
    return room


def _grid(new: NewRoom) -> RoomMap:
    seats = tuple(
        SeatPosition(
            number=f"{row * new.columns + column + 1:02d}",
            row=row + 1,
            column=column + 1,
            x=round(1 + column * new.across, 3),
            y=round(1.5 + row * new.behind, 3),
        )
        for row in range(new.rows)
        for column in range(new.columns)
    )
    return RoomMap(new.name, seats, kind=RoomKind(new.kind))


def _refuse_doubles(plan: RoomMap) -> None:
    """A label names one seat and a place holds one: the store and the seats' screens rely on it."""
    for finding in checked(plan):
        if finding.code in _MUST_DIFFER:
            raise Refused(finding.code, 422, **finding.params)


def _refuse_name(session: Session, room: Room, name: str) -> None:
    if name != room.name and session.scalar(select(Room.id).where(Room.name == name)):
        raise Refused("room_name_taken", 422, name=name)


def _held(session: Session, room_id: int) -> dict[int, datetime]:
    """Seats that hold a candidate of a sitting that is not over -> when that begins."""
    rows = session.execute(
        select(Attempt.seat_id, Sitting.starts_at)
        .join(RoomSitting, RoomSitting.id == Attempt.room_sitting_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(RoomSitting.room_id == room_id, RoomSitting.state.not_in(_FINISHED))
    )
    return dict(rows.all())


def _put_seats(session: Session, room: Room, drawn: Draft, held: dict[int, datetime]) -> None:
    stored = {seat.id: seat for seat in room.seats}
    rows = [stored.get(ident or 0) for ident in drawn.ids]
    wanted = list(zip(rows, drawn.plan.seats, strict=True))
    _keep_held(wanted, held)
    kept = {row.id for row in rows if row is not None}
    for seat in [seat for ident, seat in stored.items() if ident not in kept]:
        _refuse_removal(session, seat, held)
        room.seats.remove(seat)
    for ident in kept:  # numbers are unique in a room: exchanged ones pass through values that no seat has
        stored[ident].number = f"~{ident:x}"
    session.flush()
    for row, place in wanted:
        _put(room, row, place)


def _keep_held(wanted: list[tuple[Seat | None, SeatPosition]], held: dict[int, datetime]) -> None:
    for row, place in wanted:
        if row is not None and row.id in held and _differs(row, place):
            raise Refused("seat_in_sitting", 422, seat=row.number, held_from=held[row.id].isoformat())


def _put(room: Room, row: Seat | None, place: SeatPosition) -> None:
    if row is None:
        room.seats.append(Seat(**_columns(place)))
        return
    for name, value in _columns(place).items():
        setattr(row, name, value)


def _differs(row: Seat, place: SeatPosition) -> bool:
    """Whether a seat that holds a candidate would be another one; its camera may change."""
    before = (row.number, row.row, row.column, row.x, row.y, row.kind)
    return before != (place.number, place.row, place.column, place.x, place.y, str(place.kind))


def _columns(place: SeatPosition) -> dict[str, Any]:
    return {
        "number": place.number,
        "row": place.row,
        "column": place.column,
        "x": place.x,
        "y": place.y,
        "kind": str(SeatKind(place.kind)),
        "camera": place.camera,
    }


def _refuse_removal(session: Session, seat: Seat, held: dict[int, datetime]) -> None:
    if seat.id in held:
        raise Refused("seat_in_sitting", 422, seat=seat.number, held_from=held[seat.id].isoformat())
    if any(session.execute(query).first() for query in _references(seat.id)):
        raise Refused("seat_has_history", 422, seat=seat.number)


def _references(seat_id: int) -> list[Select[Any]]:
    """One question for each column anywhere that may point at the seat."""
    columns = [
        column
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if any(key.column is Seat.__table__.c.id for key in column.foreign_keys)
    ]
    return [select(column).where(column == seat_id).limit(1) for column in columns]
