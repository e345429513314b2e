"""A room's plan as the lines of a room file: what `roomfile.read_rooms` reads comes back equal."""

from exam_rooms.seatmap import Axis, Point, RoomKind, RoomMap, SeatKind, SeatPosition, VideoCamera

Cell = str | int | float
HEAD: tuple[str, ...] = (
    *("考场", "考场类型", "隔板", "座位号", "行", "列", "x(米)", "y(米)", "类型", "摄像头", "覆盖座位"),
)
_SEATS = {SeatKind.NORMAL: "普通", SeatKind.SPARE: "备用", SeatKind.BROKEN: "停用"}
_ROOMS = {RoomKind.STANDARD: "标准", RoomKind.SMART: "智能", RoomKind.PRACTICAL: "实操"}


def rows_of(plan: RoomMap) -> list[list[Cell]]:
    """The head and a line for each seat and thing of one room."""
    room = [plan.name, _ROOMS[RoomKind(plan.kind)], "有" if plan.partitioned else "无"]
    lines: list[list[Cell]] = [
        *(_seat(seat) for seat in plan.seats),
        *(_thing(point, word) for word, point in (("门", plan.door), ("讲台", plan.desk)) if point),
        *(_thing(point, "屏幕") for point in plan.screens),
        *(_aisle(aisle.axis, aisle.at) for aisle in plan.aisles),
        *(_video(camera) for camera in plan.video),
    ]
    return [[*HEAD], *[[*room, *line] for line in lines]]


def _seat(seat: SeatPosition) -> list[Cell]:
    kind = _SEATS[SeatKind(seat.kind)]
    return [seat.number, seat.row, seat.column, seat.x, seat.y, kind, seat.camera, ""]


def _thing(point: Point, word: str) -> list[Cell]:
    return ["", "", "", point.x, point.y, word, "", ""]


def _aisle(axis: Axis, at: float) -> list[Cell]:
    place: list[Cell] = [at, ""] if axis is Axis.X else ["", at]
    return ["", "", "", *place, "过道", "", ""]


def _video(camera: VideoCamera) -> list[Cell]:
    return [camera.name, "", "", "", "", "监控", "", "、".join(camera.covers)]
