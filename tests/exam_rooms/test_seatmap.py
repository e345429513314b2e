"""Geometry of a room: neighbours by distance, the smallest gap, and a drawing without overlaps."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.drawing import Box, drawing
from exam_rooms.seatmap import (
    Nearness,
    Point,
    RoomKind,
    RoomMap,
    SeatPosition,
    closest_pair,
    neighbour_table,
    neighbours,
    smallest_gap,
)
from tests.exam_rooms.rooms_for_tests import grid, standard


def test_the_middle_of_a_grid_has_eight_neighbours() -> None:
    around = neighbours(grid(3, 3), "2-2")
    assert set(around[Nearness.SIDE]) == {"2-1", "2-3"}
    assert set(around[Nearness.FRONT]) == {"1-2", "3-2"}
    assert set(around[Nearness.DIAGONAL]) == {"1-1", "1-3", "3-1", "3-3"}


def test_a_corner_has_three() -> None:
    around = neighbours(grid(4, 4), "1-1")
    assert around == {Nearness.SIDE: ("1-2",), Nearness.FRONT: ("2-1",), Nearness.DIAGONAL: ("2-2",)}


def test_an_unknown_seat_is_an_error() -> None:
    with pytest.raises(KeyError):
        neighbours(grid(2, 2), "9-9")


@given(rows=st.integers(1, 8), columns=st.integers(1, 8), dx=st.floats(0.8, 3.0), dy=st.floats(0.8, 3.0))
def test_a_grid_of_any_pitch_has_the_neighbours_of_its_rows_and_columns(
    rows: int, columns: int, dx: float, dy: float
) -> None:
    room = grid(rows, columns, dx=dx, dy=dy)
    table = neighbour_table(room)
    for seat in room.seats:
        for other in room.seats:
            across, along = abs(seat.column - other.column), abs(seat.row - other.row)
            near = any(other.number in numbers for numbers in table[seat.number].values())
            assert near == (0 < max(across, along) <= 1)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=25, unique=True))
def test_to_be_a_neighbour_is_mutual(points: list[tuple[int, int]]) -> None:
    seats = tuple(SeatPosition(str(n), 1, 1, x * 0.4, y * 0.4) for n, (x, y) in enumerate(points))
    table = neighbour_table(RoomMap("any", seats))
    for number, around in table.items():
        for nearness, others in around.items():
            assert all(number in table[other][nearness] for other in others)


@pytest.mark.parametrize(("aisle", "near"), [(1.94, True), (1.96, False)])
def test_a_wide_aisle_separates(aisle: float, near: bool) -> None:
    """Pitch 1.3 m: the reach of one and a half pitches is 1.95 m."""
    xs = [0.0, 1.3, 2.6, 2.6 + aisle, 3.9 + aisle, 5.2 + aisle]
    seats = tuple(SeatPosition(str(n), 1, n, x, 1.0) for n, x in enumerate(xs))
    assert ("3" in neighbours(RoomMap("row", seats), "2")[Nearness.SIDE]) is near


def test_a_staggered_row_still_has_a_seat_ahead() -> None:
    seats = (
        *(SeatPosition(f"a{n}", 1, n, n * 1.2, 0.0) for n in range(4)),
        *(SeatPosition(f"b{n}", 2, n, n * 1.2 + 0.3, 1.2) for n in range(4)),
    )
    around = neighbours(RoomMap("staggered", seats), "b1")
    assert around[Nearness.FRONT] == ("a1",)
    assert set(around[Nearness.SIDE]) == {"b0", "b2"}


@pytest.mark.parametrize(
    ("xs", "gap"), [([1.6, 2.4], 0.8), ([0.0, 0.8], 0.8), ([0.0, 0.799], 0.799), ([1.0, 1.0], 0.0)]
)
def test_the_smallest_gap_is_exact_to_the_millimetre(xs: list[float], gap: float) -> None:
    seats = tuple(SeatPosition(str(n), 1, n, x, 1.0) for n, x in enumerate(xs))
    assert smallest_gap(RoomMap("row", seats)) == gap
    assert closest_pair(RoomMap("row", seats)) == ("0", "1", gap)


def test_a_single_seat_has_no_gap() -> None:
    assert smallest_gap(grid(1, 1)) == float("inf")
    assert closest_pair(grid(1, 1)) is None


def test_normal_and_spare_seats() -> None:
    room = standard()
    assert (len(room.normal), len(room.spare)) == (30, 2)


def test_a_plan_comes_back_from_its_parts() -> None:
    room = standard()
    layout = json.loads(json.dumps(room.layout_json()))
    assert RoomMap.from_parts(room.name, room.seats, layout) == room
    bare = replace(room, door=None, desk=None, aisles=())
    assert RoomMap.from_parts(room.name, room.seats, bare.layout_json()) == bare
    assert RoomMap.from_parts(room.name, room.seats, {}) == bare


def test_a_smart_plan_comes_back_with_its_cameras() -> None:
    base = standard()
    seats = (replace(base.seats[0], camera="CAM-1"), *base.seats[1:])
    room = replace(base, seats=seats, kind=RoomKind.SMART)
    assert RoomMap.from_parts(room.name, room.seats, room.layout_json(), "smart") == room
    assert room.cameras == ("CAM-1",)
    assert base.cameras == ()
    with pytest.raises(ValueError):
        RoomMap.from_parts(room.name, room.seats, {}, "round")


# --- drawing -----------------------------------------------------------------------------------------


def overlap(a: Box, b: Box) -> bool:
    apart = a.x + a.width <= b.x or b.x + b.width <= a.x or a.y + a.height <= b.y or b.y + b.height <= a.y
    return not apart


def test_the_drawing_keeps_the_geometry() -> None:
    view = drawing(standard())
    boxes = {cell.number: cell.box for cell in view.cells}
    assert boxes["01"].x == boxes["02"].x and boxes["01"].y < boxes["02"].y
    assert boxes["01"].y == boxes["08"].y and boxes["01"].x < boxes["08"].x
    assert boxes["备1"].y == boxes["22"].y
    assert {cell.kind for cell in view.cells} == {"normal", "spare"}
    (aisle,) = view.aisles
    assert boxes["08"].x + boxes["08"].width < aisle.x1 < boxes["15"].x
    assert view.desk is not None and view.desk.y + view.desk.height <= boxes["01"].y
    assert view.door is not None and view.door.x + view.door.width <= boxes["01"].x


@pytest.mark.dear
@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=40, unique=True),
    st.tuples(st.floats(-2, 20), st.floats(-2, 20)),
)
def test_nothing_overlaps_and_all_lies_inside(
    points: list[tuple[int, int]], door: tuple[float, float]
) -> None:
    seats = tuple(SeatPosition(str(n), 1, 1, x * 0.8, y * 0.8) for n, (x, y) in enumerate(points))
    view = drawing(RoomMap("any", seats, door=Point(*door), desk=Point(1.0, -0.5)))
    boxes = [cell.box for cell in view.cells]
    for place, box in enumerate(boxes):
        assert not any(overlap(box, other) for other in boxes[place + 1 :])
    things = [thing for thing in (view.door, view.desk) if thing is not None]
    assert len(things) == 2
    assert not any(overlap(thing, box) for thing in things for box in boxes)
    for box in boxes + things:
        assert box.x >= 0 and box.x + box.width <= view.width
        assert box.y >= 0 and box.y + box.height <= view.height


def test_an_empty_room_is_an_empty_frame() -> None:
    view = drawing(RoomMap("empty", ()))
    assert view.cells == () and view.width > 0 and view.height > 0
