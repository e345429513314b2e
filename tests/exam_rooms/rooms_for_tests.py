"""Rooms that several tests use."""

from exam_rooms.seatmap import Aisle, Axis, Point, RoomMap, SeatKind, SeatPosition


def grid(rows: int, columns: int, *, dx: float = 1.3, dy: float = 1.2) -> RoomMap:
    """A full rectangle; seat "r-c"."""
    seats = [
        SeatPosition(f"{row}-{column}", row, column, column * dx, row * dy)
        for column in range(1, columns + 1)
        for row in range(1, rows + 1)
    ]
    return RoomMap(f"{rows}x{columns}", tuple(seats))


def standard() -> RoomMap:
    """Thirty seats in columns of 7, 7, 8 and 8, and two spare ones behind the short columns."""
    seats = []
    for column, length in enumerate((7, 7, 8, 8), start=1):
        for row in range(1, length + 1):
            number = f"{len(seats) + 1:02d}"
            seats.append(SeatPosition(number, row, column, column * 1.3, row * 1.2))
    seats += [SeatPosition(f"备{c}", 8, c, c * 1.3, 8 * 1.2, SeatKind.SPARE) for c in (1, 2)]
    return RoomMap(
        "标准考场", tuple(seats), (Aisle(Axis.X, 3.25),), door=Point(0.0, 1.0), desk=Point(3.25, 0.0)
    )
