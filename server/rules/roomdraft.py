"""A room's plan as the editor sends it: plain JSON values, read and bounded before anything is done."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exam_rooms.seatmap import Aisle, Axis, Point, RoomKind, RoomMap, SeatKind, SeatPosition, VideoCamera
from itembank.problems import InputRefused, Problem
from server.rules.roomfile import CAMERA_LIMIT, METRES, NAME_LIMIT, NUMBERS, SEAT_LIMIT

SEATS_MOST = 400
THINGS_MOST = 60
"""Aisles, screens or cameras of the room's video."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan, which stored seat each of its seats is (None: a new one), and the version it was drawn on."""

    plan: RoomMap
    ids: tuple[int | None, ...]
    version: int = 0


def read_draft(data: object) -> Draft:
    """A draft from JSON. Raises `InputRefused` (`plan_unreadable` with the part, `plan_too_many_seats`)."""
    whole = _mapping(data, "plan")
    seats = _list(whole, "seats", SEATS_MOST)
    plan = RoomMap(
        name=_text(whole, "name", NAME_LIMIT),
        seats=tuple(_seat(_mapping(seat, "seats")) for seat in seats),
        aisles=tuple(_aisle(_mapping(each, "aisles")) for each in _list(whole, "aisles")),
        door=_point(whole.get("door"), "door"),
        desk=_point(whole.get("desk"), "desk"),
        kind=_one_of(whole, "kind", RoomKind),
        screens=tuple(filter(None, (_point(each, "screens") for each in _list(whole, "screens")))),
        partitioned=whole.get("partitioned") is True,
        video=tuple(_video(_mapping(each, "video")) for each in _list(whole, "video")),
    )
    ids = tuple(_id(_mapping(seat, "seats")) for seat in seats)
    stored = [ident for ident in ids if ident is not None]
    if len(set(stored)) < len(stored):  # one row cannot be two seats: one of them would be lost
        raise _unreadable("id")
    return Draft(plan, ids, _id(whole, "version") or 0)


def draft_json(plan: RoomMap, ids: Sequence[int | None]) -> dict[str, Any]:
    """The same values the other way round."""
    seats = [
        {
            "id": ident,
            "number": seat.number,
            "row": seat.row,
            "column": seat.column,
            "x": seat.x,
            "y": seat.y,
            "kind": str(seat.kind),
            "camera": seat.camera,
        }
        for seat, ident in zip(plan.seats, ids, strict=True)
    ]
    return {"name": plan.name, "kind": str(plan.kind), "seats": seats, **plan.layout_json()}


def _seat(data: Mapping[str, Any]) -> SeatPosition:
    return SeatPosition(
        number=_text(data, "number", SEAT_LIMIT),
        row=_whole(data, "row"),
        column=_whole(data, "column"),
        x=_metres(data, "x"),
        y=_metres(data, "y"),
        kind=_one_of(data, "kind", SeatKind),
        camera=_text(data, "camera", CAMERA_LIMIT, needed=False),
    )


def _aisle(data: Mapping[str, Any]) -> Aisle:
    return Aisle(Axis(_one_of(data, "axis", Axis)), _metres(data, "at"))


def _video(data: Mapping[str, Any]) -> VideoCamera:
    covers = _list(data, "covers", SEATS_MOST)
    if not all(isinstance(number, str) and len(number) <= SEAT_LIMIT for number in covers):
        raise _unreadable("covers")
    return VideoCamera(_text(data, "name", CAMERA_LIMIT), tuple(covers))


def _point(data: object, part: str) -> Point | None:
    if data is None:
        return None
    fields = _mapping(data, part)
    return Point(_metres(fields, "x"), _metres(fields, "y"))


def _mapping(data: object, part: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise _unreadable(part)
    return data


def _list(data: Mapping[str, Any], part: str, most: int = THINGS_MOST) -> list[Any]:
    found = data.get(part, [])
    if not isinstance(found, list):
        raise _unreadable(part)
    if len(found) > most:
        raise InputRefused(Problem("plan_too_many_seats", part, {"most": most}))
    return found


def _text(data: Mapping[str, Any], part: str, most: int, *, needed: bool = True) -> str:
    text = data.get(part, "")
    if not isinstance(text, str) or len(text.strip()) > most or "\0" in text:
        raise _unreadable(part)
    if needed and not text.strip():
        raise _unreadable(part)
    return text.strip()


def _one_of(data: Mapping[str, Any], part: str, known: type[Any]) -> str:
    try:
        return str(known(data.get(part)))
    except ValueError:
        raise _unreadable(part) from None


def _whole(data: Mapping[str, Any], part: str) -> int:
    number = data.get(part)
    if not isinstance(number, int) or isinstance(number, bool) or not NUMBERS[0] <= number <= NUMBERS[1]:
        raise _unreadable(part)
    return number


def _metres(data: Mapping[str, Any], part: str) -> float:
    number = data.get(part)
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
        raise _unreadable(part)
    if not METRES[0] <= number <= METRES[1]:
        raise _unreadable(part)
    return round(float(number), 3)


def _id(data: Mapping[str, Any], part: str = "id") -> int | None:
    ident = data.get(part)
    return ident if isinstance(ident, int) and not isinstance(ident, bool) and 0 < ident < 2**31 else None


def _unreadable(part: str) -> InputRefused:
    return InputRefused(Problem("plan_unreadable", part, {"part": part}))
