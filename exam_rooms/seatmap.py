"""A room as geometry: where seats stand, who sits next to whom, and coordinates for its drawing.

Metres from the front left corner as one sees the room on paper: x to the right, y from the front (the
desk) to the back. A seat's point is the middle of its desk.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Any

REACH = 1.5
"""Seats further apart than this many pitches are no neighbours: a wide aisle separates them."""


class SeatKind(StrEnum):
    """Spare seats stay free until a workstation fails; nobody sits at one that is out of order."""

    NORMAL = "normal"
    SPARE = "spare"
    BROKEN = "broken"


class RoomKind(StrEnum):
    """A smart room has a camera at each seat; a standard one is watched by people alone.

    In a practical room the seats are stations for practical assessment.
    """

    STANDARD = "standard"
    SMART = "smart"
    PRACTICAL = "practical"


class Axis(StrEnum):
    """Which coordinate an aisle fixes: x runs front to back, y runs across."""

    X = "x"
    Y = "y"


class Nearness(StrEnum):
    """How a neighbour sits. `FRONT` is the seat ahead and the one behind: each sees the other's screen."""

    SIDE = "side"
    FRONT = "front"
    DIAGONAL = "diagonal"


@dataclass(frozen=True, slots=True)
class Point:
    """A place in metres."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Aisle:
    """A straight aisle: all points whose `axis` coordinate is `at` metres."""

    axis: Axis
    at: float


@dataclass(frozen=True, slots=True)
class SeatPosition:
    """A seat: its label, its place in rows and columns (from 1) and in metres; `kind` is a `SeatKind`.

    `camera` names the camera that belongs to the seat (serial, port or recording), "" without one.
    """

    number: str
    row: int
    column: int
    x: float
    y: float
    kind: str = SeatKind.NORMAL
    camera: str = ""


@dataclass(frozen=True, slots=True)
class VideoCamera:
    """A camera of the room's video; `covers` are the seats in its view, none named: the whole room."""

    name: str
    covers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RoomMap:
    """A room's plan. Seats stand in the order of the plan's file; `kind` is a `RoomKind`.

    `partitioned`: partitions stand between the seats. `screens` hang where everybody can see them.
    """

    name: str
    seats: tuple[SeatPosition, ...]
    aisles: tuple[Aisle, ...] = ()
    door: Point | None = None
    desk: Point | None = None
    kind: str = RoomKind.STANDARD
    screens: tuple[Point, ...] = ()
    partitioned: bool = False
    video: tuple[VideoCamera, ...] = ()

    @property
    def normal(self) -> tuple[SeatPosition, ...]:
        """The seats that candidates are given."""
        return tuple(seat for seat in self.seats if seat.kind == SeatKind.NORMAL)

    @property
    def spare(self) -> tuple[SeatPosition, ...]:
        """The seats kept free."""
        return tuple(seat for seat in self.seats if seat.kind == SeatKind.SPARE)

    @property
    def broken(self) -> tuple[SeatPosition, ...]:
        """The seats out of order."""
        return tuple(seat for seat in self.seats if seat.kind == SeatKind.BROKEN)

    @property
    def usable(self) -> tuple[SeatPosition, ...]:
        """The seats at which somebody may sit: normal and spare ones."""
        return tuple(seat for seat in self.seats if seat.kind != SeatKind.BROKEN)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The cameras that belong to seats."""
        return tuple(seat.camera for seat in self.seats if seat.camera)

    def layout_json(self) -> dict[str, Any]:
        """Everything but name, kind and seats as plain values; the seats are stored by themselves."""
        return {
            "aisles": [{"axis": str(aisle.axis), "at": aisle.at} for aisle in self.aisles],
            "door": _point_json(self.door),
            "desk": _point_json(self.desk),
            "screens": [_point_json(screen) for screen in self.screens],
            "partitioned": self.partitioned,
            "video": [{"name": camera.name, "covers": list(camera.covers)} for camera in self.video],
        }

    @classmethod
    def from_parts(
        cls,
        name: str,
        seats: Iterable[SeatPosition],
        layout: Mapping[str, Any],
        kind: str = RoomKind.STANDARD,
    ) -> "RoomMap":
        """A plan out of its seats and what `layout_json` made of the rest. ValueError: an unknown kind."""
        return cls(
            name,
            tuple(seats),
            tuple(Aisle(Axis(aisle["axis"]), float(aisle["at"])) for aisle in layout.get("aisles", ())),
            _point(layout.get("door")),
            _point(layout.get("desk")),
            RoomKind(kind),
            tuple(Point(float(screen["x"]), float(screen["y"])) for screen in layout.get("screens", ())),
            bool(layout.get("partitioned", False)),
            tuple(VideoCamera(each["name"], tuple(each["covers"])) for each in layout.get("video", ())),
        )


def _point_json(point: Point | None) -> dict[str, float] | None:
    return None if point is None else {"x": point.x, "y": point.y}


def _point(data: Mapping[str, Any] | None) -> Point | None:
    return None if data is None else Point(float(data["x"]), float(data["y"]))


# --- neighbours ------------------------------------------------------------------------------------

Neighbours = dict[Nearness, tuple[str, ...]]


def neighbours(room: RoomMap, number: str) -> Neighbours:
    """The seats around one seat, by nearness, in the plan's order. Raises KeyError for an unknown seat."""
    return neighbour_table(room)[number]


def neighbour_table(room: RoomMap) -> dict[str, Neighbours]:
    """The neighbours of every seat, judged by distance alone and not by row and column numbers."""
    pitch_x, pitch_y = _pitch(room.seats)
    table: dict[str, Neighbours] = {}
    for seat in room.seats:
        around: dict[Nearness, list[str]] = {nearness: [] for nearness in Nearness}
        for other in room.seats:
            nearness = _nearness(abs(seat.x - other.x) / pitch_x, abs(seat.y - other.y) / pitch_y)
            if other is not seat and nearness is not None:
                around[nearness].append(other.number)
        table[seat.number] = {nearness: tuple(numbers) for nearness, numbers in around.items()}
    return table


def _nearness(across: float, along: float) -> Nearness | None:
    """By the distances in pitches: less than half a pitch aside is the same row or column."""
    if across > REACH or along > REACH:
        return None
    if along < 0.5:
        return Nearness.SIDE
    return Nearness.FRONT if across < 0.5 else Nearness.DIAGONAL


def _pitch(seats: Sequence[SeatPosition]) -> tuple[float, float]:
    """The usual distance to the next seat beside and to the next one behind, in metres."""
    beside, behind = [], []
    for seat in seats:
        offsets = [(abs(seat.x - other.x), abs(seat.y - other.y)) for other in seats if other is not seat]
        beside += _least(dx for dx, dy in offsets if dx > dy)
        behind += _least(dy for dx, dy in offsets if dy >= dx)
    return (median(beside) if beside else 1.0), (median(behind) if behind else 1.0)


def _least(distances: Iterable[float]) -> list[float]:
    nearest = min((distance for distance in distances if distance > 0), default=None)
    return [] if nearest is None else [nearest]


def closest_pair(room: RoomMap) -> tuple[str, str, float] | None:
    """The two seats nearest to each other and their distance in metres, to the millimetre."""
    best: tuple[str, str, float] | None = None
    for place, seat in enumerate(room.seats):
        for other in room.seats[place + 1 :]:
            gap = distance(seat, other)
            if best is None or gap < best[2]:
                best = (seat.number, other.number, gap)
    return best


def smallest_gap(room: RoomMap) -> float:
    """The least distance between the middles of two seats in metres; infinite for fewer than two."""
    pair = closest_pair(room)
    return float("inf") if pair is None else pair[2]


def distance(seat: SeatPosition, other: SeatPosition) -> float:
    """Metres between two seats, to the millimetre: 2.4 - 1.6 in binary is a little less than 0.8."""
    return float(round(((seat.x - other.x) ** 2 + (seat.y - other.y) ** 2) ** 0.5, 3))
