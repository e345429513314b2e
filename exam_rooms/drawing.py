"""Coordinates for the drawing of a room: what an SVG needs, in pixels, and nothing of how it looks.

The drawing keeps the room's geometry; the scales of x and y are chosen so that no two seat cards touch.
Door, desk and screens stand on the wall nearest to them, outside the area of the seats.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from exam_rooms.seatmap import Axis, Point, RoomMap, SeatPosition

CARD = (96.0, 64.0)
GAP = 12.0
MARGIN = 48.0
DOOR = (44.0, 20.0)
DESK = (120.0, 28.0)
SCREEN = (100.0, 18.0)
LEAST_SCALE, MOST_SCALE = 20.0, 400.0  # pixels per metre


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle by its top left corner, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class SeatCell:
    """A seat's card."""

    number: str
    kind: str
    row: int
    column: int
    box: Box


@dataclass(frozen=True, slots=True)
class Line:
    """An aisle's middle line, from wall to wall."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawing of `width` by `height` pixels: the `viewBox` of its SVG."""

    width: float
    height: float
    cells: tuple[SeatCell, ...]
    aisles: tuple[Line, ...]
    door: Box | None
    desk: Box | None
    screens: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class _Frame:
    """How metres become pixels, and the area that holds all seat cards."""

    origin: Point
    scale: tuple[float, float]
    width: float
    height: float

    def place(self, x: float, y: float) -> Point:
        """The pixel of a point in metres; the seats' area begins at the margin."""
        left = MARGIN + CARD[0] / 2 + (x - self.origin.x) * self.scale[0]
        return Point(left, MARGIN + CARD[1] / 2 + (y - self.origin.y) * self.scale[1])


def drawing(room: RoomMap) -> Drawing:
    """The drawing of a plan; a room without seats is an empty frame."""
    frame = _frame(room.seats)
    return Drawing(
        width=frame.width,
        height=frame.height,
        cells=tuple(_cell(seat, frame) for seat in room.seats),
        aisles=tuple(_aisle(aisle.axis, aisle.at, frame) for aisle in room.aisles),
        door=None if room.door is None else _on_wall(frame.place(room.door.x, room.door.y), frame, DOOR),
        desk=None if room.desk is None else _on_wall(frame.place(room.desk.x, room.desk.y), frame, DESK),
        screens=tuple(_on_wall(frame.place(each.x, each.y), frame, SCREEN) for each in room.screens),
    )


def _frame(seats: Sequence[SeatPosition]) -> _Frame:
    if not seats:
        return _Frame(Point(0.0, 0.0), (LEAST_SCALE, LEAST_SCALE), 2 * MARGIN + CARD[0], 2 * MARGIN + CARD[1])
    scale = _scale(seats)
    xs, ys = [seat.x for seat in seats], [seat.y for seat in seats]
    width = (max(xs) - min(xs)) * scale[0] + CARD[0] + 2 * MARGIN
    height = (max(ys) - min(ys)) * scale[1] + CARD[1] + 2 * MARGIN
    return _Frame(Point(min(xs), min(ys)), scale, _round(width), _round(height))


def _scale(seats: Sequence[SeatPosition]) -> tuple[float, float]:
    """Every pair of seats is kept apart along the direction in which it is further apart."""
    beside, behind = [], []
    for place, seat in enumerate(seats):
        for other in seats[place + 1 :]:
            dx, dy = abs(seat.x - other.x), abs(seat.y - other.y)
            if dx > dy:
                beside.append(dx)
            elif dy > 0:
                behind.append(dy)
    return _fit(CARD[0] + GAP, beside), _fit(CARD[1] + GAP, behind)


def _fit(pixels: float, distances: Sequence[float]) -> float:
    wanted = pixels / min(distances) if distances else pixels
    return min(MOST_SCALE, max(LEAST_SCALE, wanted))


def _cell(seat: SeatPosition, frame: _Frame) -> SeatCell:
    middle = frame.place(seat.x, seat.y)
    return SeatCell(seat.number, str(seat.kind), seat.row, seat.column, _around(middle, CARD))


def _aisle(axis: Axis, at: float, frame: _Frame) -> Line:
    if axis is Axis.X:
        x = _round(_between(frame.place(at, 0).x, 0.0, frame.width))
        return Line(x, 0.0, x, frame.height)
    y = _round(_between(frame.place(0, at).y, 0.0, frame.height))
    return Line(0.0, y, frame.width, y)


def _on_wall(middle: Point, frame: _Frame, size: tuple[float, float]) -> Box:
    """A thing of `size` on the wall nearest to it, turned to lie along that wall, inside the drawing."""
    depth = MARGIN / 2
    to_walls = {
        "front": middle.y,
        "back": frame.height - middle.y,
        "left": middle.x,
        "right": frame.width - middle.x,
    }
    wall = min(to_walls, key=lambda name: to_walls[name])
    if wall in ("front", "back"):
        x = _between(middle.x, size[0] / 2, frame.width - size[0] / 2)
        return _around(Point(x, depth if wall == "front" else frame.height - depth), size)
    y = _between(middle.y, size[0] / 2, frame.height - size[0] / 2)
    return _around(Point(depth if wall == "left" else frame.width - depth, y), (size[1], size[0]))


def _around(middle: Point, size: tuple[float, float]) -> Box:
    return Box(_round(middle.x - size[0] / 2), _round(middle.y - size[1] / 2), *size)


def _between(value: float, least: float, most: float) -> float:
    return max(least, min(most, value))


def _round(value: float) -> float:
    return round(value, 1)
