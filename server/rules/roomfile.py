"""Room plans out of a file's sheets: geometry checked against the limits of a policy.

One line a seat: 考场, 座位号, 行, 列, x (metres), y (metres), 类型 (普通, 备用, 停用). Lines of 类型 门, 讲台
and 屏幕 place the door, the desk and a screen, a line 过道 an aisle by its x or its y alone, and a line 监控
names in 座位号 a camera of the room's video. A blank 考场 is the one above.

Columns more: 考场类型 (标准, 智能, 实操) and 隔板 (有, 无), said in any line of a room, standard and none
when in no line; 摄像头, the camera that belongs to a seat (serial, port or recording), once in a room;
覆盖座位, the seats in the view of a 监控, blank for the whole room.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

from exam_rooms import room_checks
from exam_rooms.room_checks import Finding, Limits
from exam_rooms.seatmap import (
    Aisle,
    Axis,
    Point,
    RoomKind,
    RoomMap,
    SeatKind,
    SeatPosition,
    VideoCamera,
)
from itembank.importing.cells import Row, Sheet
from itembank.problems import InputRefused, Param, Problem
from server.rules.columns import Columns, find_columns
from server.rules.policy import Profile, RoomLimits, load_profile

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "room": ("考场", "考场名称", "考场号", "room"),
    "seat": ("座位号", "座号", "机位号", "座位", "机位", "seat"),
    "row": ("行", "排", "行号", "row"),
    "column": ("列", "列号", "column"),
    "x": ("x", "x坐标", "x米", "横坐标"),
    "y": ("y", "y坐标", "y米", "纵坐标"),
    "kind": ("类型", "座位类型", "kind", "type"),
    "room_kind": ("考场类型", "房间类型", "roomkind", "roomtype"),
    "camera": ("摄像头", "摄像头编号", "摄像头标识", "相机", "camera"),
    "partition": ("隔板", "partition"),
    "covers": ("覆盖座位", "covers"),
}
NEEDED = ("room", "seat", "row", "column", "x", "y")
KINDS: Mapping[str, str] = {
    **dict.fromkeys(("", "普通", "普通座位", "normal"), "normal"),
    **dict.fromkeys(("备用", "备用座位", "spare"), "spare"),
    **dict.fromkeys(("停用", "停用座位", "broken"), "broken"),
    **dict.fromkeys(("门", "door"), "door"),
    **dict.fromkeys(("讲台", "desk"), "desk"),
    **dict.fromkeys(("屏幕", "screen"), "screen"),
    **dict.fromkeys(("过道", "aisle"), "aisle"),
    **dict.fromkeys(("监控", "视频", "video"), "video"),
}
ROOM_KINDS: Mapping[str, RoomKind] = {
    **dict.fromkeys(("标准", "标准考场", "standard"), RoomKind.STANDARD),
    **dict.fromkeys(("智能", "智能考场", "smart"), RoomKind.SMART),
    **dict.fromkeys(("实操", "实操考场", "practical"), RoomKind.PRACTICAL),
}
PARTITIONS: Mapping[str, bool] = {
    **dict.fromkeys(("有", "是", "yes"), True),
    **dict.fromkeys(("无", "否", "no"), False),
}
NAME_LIMIT, SEAT_LIMIT, CAMERA_LIMIT = 80, 8, 64  # characters; an agent names no camera with more
_SEPARATORS = re.compile(r"[\s,，、;；]+")
METRES = (-20.0, 200.0)
NUMBERS = (1, 200)  # rows and columns


@dataclass(slots=True)
class _Room:
    """A room being read; `at` and `cameras` keep where each seat and camera stands in the file.

    `kind` is None until a line says it.
    """

    name: str
    place: str
    seats: list[SeatPosition] = field(default_factory=list)
    aisles: list[Aisle] = field(default_factory=list)
    door: Point | None = None
    desk: Point | None = None
    kind: RoomKind | None = None
    screens: list[Point] = field(default_factory=list)
    partitioned: bool = False
    video: list[VideoCamera] = field(default_factory=list)
    at: dict[str, str] = field(default_factory=dict)
    cameras: dict[str, str] = field(default_factory=dict)
    cells: dict[tuple[int, int], str] = field(default_factory=dict)

    def plan(self) -> RoomMap:
        """The finished plan."""
        return RoomMap(
            self.name,
            tuple(self.seats),
            tuple(self.aisles),
            self.door,
            self.desk,
            self.kind or RoomKind.STANDARD,
            tuple(self.screens),
            self.partitioned,
            tuple(self.video),
        )


def read_rooms(sheets: Sequence[Sheet], limits: RoomLimits | None = None) -> list[RoomMap]:
    """All rooms of a file. Raises `InputRefused` with every fault in it.

    Without `limits` those of the national profile hold.
    """
    columns = find_columns(sheets, COLUMNS, NEEDED)
    if columns is None or not all(each in columns.at for each in NEEDED):
        raise InputRefused(*_missing(columns))
    reader = _Rooms(columns)
    for row in columns.rows():
        reader.take(row)
    for room in reader.rooms.values():
        reader.problems.extend(_room_faults(room, limits or national_limits()))
    if not reader.rooms and not reader.problems:
        raise InputRefused(Problem("rooms_without_rows", columns.sheet.name))
    if reader.problems:
        raise InputRefused(*reader.problems)
    return [room.plan() for room in reader.rooms.values()]


def room_warnings(rooms: Sequence[RoomMap], limits: RoomLimits | None = None) -> list[Problem]:
    """What deserves a look but refuses no file: too few spare seats, no video said, cameras not used."""
    bounds = limits_of(limits or national_limits())
    return [
        _problem(finding, room.name)
        for room in rooms
        for finding in room_checks.findings(room, bounds)
        if not finding.refuses
    ]


def limits_of(limits: RoomLimits) -> Limits:
    """A policy's numbers as the rules of a plan take them."""
    most = {
        str(RoomKind.STANDARD): limits.standard_max_seats,
        str(RoomKind.SMART): limits.smart_max_seats,
        str(RoomKind.PRACTICAL): limits.practical_max_seats,
    }
    return Limits(most, limits.smallest_gap_metres, limits.seats_per_spare)


def _problem(finding: Finding, place: str) -> Problem:
    rule: dict[str, Param] = {"rule": finding.rule} if finding.rule else {}
    return Problem(finding.code, place, rule | dict(finding.params))


@cache
def national_limits() -> RoomLimits:
    """The room limits of the shipped national profile."""
    text = (files("server") / "policies" / "national.yaml").read_text(encoding="utf-8")
    profile = load_profile(text)
    assert isinstance(profile, Profile)
    return profile.rooms


def _missing(columns: Columns | None) -> list[Problem]:
    if columns is None:
        return [Problem("rooms_no_header", "", {"columns": "、".join(COLUMNS[each][0] for each in NEEDED)})]
    place = columns.place(columns.header)
    lacking = [COLUMNS[each][0] for each in NEEDED if each not in columns.at]
    return [Problem("heading_missing", place, {"column": column}) for column in lacking]


def _room_faults(room: _Room, limits: RoomLimits) -> list[Problem]:
    """What is wrong with a room as a whole: no seats, too many, too close together, out of the video."""
    hard = [each for each in room_checks.findings(room.plan(), limits_of(limits)) if each.refuses]
    whole = [each for each in hard if not each.seats]
    return [
        _problem(finding, room.at.get(finding.seats[0], room.place) if finding.seats else room.place)
        for finding in whole or hard
        if finding.code not in _SAID_IN_LINES
    ]


_SAID_IN_LINES = frozenset({"seat_named_twice", "seat_place_shared", "camera_named_twice"})
"""Findings that a line's own fault has told better already."""


@dataclass(slots=True)
class _Rooms:
    """Takes lines one by one into rooms."""

    columns: Columns
    rooms: dict[str, _Room] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    last: str = ""

    def take(self, row: Row) -> None:
        """One line: a seat, the door, the desk or an aisle."""
        room = self._room(row)
        said = self.columns.text(row, "kind")
        kind = KINDS.get(said.lower())
        if kind is None:
            self._fault("room_line_kind", row, "kind", value=said[:20])
        elif room is not None:
            self._room_kind(row, room)
            self._partition(row, room)
            self._line(row, room, kind)

    def _line(self, row: Row, room: _Room, kind: str) -> None:
        if kind == "aisle":
            self._aisle(row, room)
        elif kind in ("door", "desk", "screen"):
            self._fixture(row, room, kind)
        elif kind == "video":
            self._video(row, room)
        else:
            self._seat(row, room, SeatKind(kind))

    def _fault(self, code: str, row: Row, field_name: str, **params: Param) -> None:
        column = self.columns.heading.get(field_name, COLUMNS[field_name][0])
        self.problems.append(Problem(code, self.columns.place(row), {"column": column, **params}))

    def _room(self, row: Row) -> _Room | None:
        name = self.columns.text(row, "room") or self.last
        if not name:
            self._fault("cell_missing", row, "room")
            return None
        if len(name) > NAME_LIMIT:
            self._fault("cell_too_long", row, "room", limit=NAME_LIMIT)
            return None
        self.last = name
        return self.rooms.setdefault(name, _Room(name, self.columns.place(row)))

    def _room_kind(self, row: Row, room: _Room) -> None:
        said = self.columns.text(row, "room_kind")
        kind = ROOM_KINDS.get(said.lower())
        if not said:
            return
        if kind is None:
            self._fault("room_kind_unknown", row, "room_kind", value=said[:20])
        elif room.kind not in (None, kind):
            self._fault("room_kind_differs", row, "room_kind", value=said, room=room.name)
        else:
            room.kind = kind

    def _seat(self, row: Row, room: _Room, kind: SeatKind) -> None:
        number = self.columns.text(row, "seat")
        whole = self._whole(row, "row"), self._whole(row, "column")
        x, y = self._metres(row, "x"), self._metres(row, "y")
        fits, camera = self._seat_number(row, room, number), self._camera(row, room)
        if fits and whole[0] is not None and whole[1] is not None and x is not None and y is not None:
            self._place_seat(row, room, SeatPosition(number, whole[0], whole[1], x, y, kind, camera))

    def _camera(self, row: Row, room: _Room) -> str:
        """The seat's camera, "" when it has none or a wrong one, which is then a fault."""
        camera = self.columns.text(row, "camera")
        if len(camera) > CAMERA_LIMIT:
            self._fault("cell_too_long", row, "camera", limit=CAMERA_LIMIT)
        elif camera in room.cameras:
            self._fault("camera_twice", row, "camera", camera=camera, first=room.cameras[camera])
        elif camera:
            room.cameras[camera] = self.columns.place(row)
            return camera
        return ""

    def _seat_number(self, row: Row, room: _Room, number: str) -> bool:
        if not number:
            self._fault("cell_missing", row, "seat")
        elif len(number) > SEAT_LIMIT:
            self._fault("cell_too_long", row, "seat", limit=SEAT_LIMIT)
        elif number in room.at:
            self._fault("seat_twice", row, "seat", seat=number, first=room.at[number])
        else:
            room.at[number] = self.columns.place(row)
            return True
        return False

    def _place_seat(self, row: Row, room: _Room, seat: SeatPosition) -> None:
        taken = room.cells.setdefault((seat.row, seat.column), seat.number)
        if taken != seat.number:
            self._fault("seat_place_twice", row, "row", seat=seat.number, other=taken)
        room.seats.append(seat)

    def _fixture(self, row: Row, room: _Room, kind: str) -> None:
        x, y = self._metres(row, "x"), self._metres(row, "y")
        if kind != "screen" and getattr(room, kind) is not None:
            self._fault("fixture_twice", row, "kind", value=self.columns.text(row, "kind"))
        elif x is not None and y is not None:
            if kind == "screen":
                room.screens.append(Point(x, y))
            else:
                setattr(room, kind, Point(x, y))

    def _partition(self, row: Row, room: _Room) -> None:
        said = self.columns.text(row, "partition")
        if said and said.lower() not in PARTITIONS:
            self._fault("partition_unknown", row, "partition", value=said[:20])
        elif said:
            room.partitioned = PARTITIONS[said.lower()] or room.partitioned

    def _video(self, row: Row, room: _Room) -> None:
        name = self.columns.text(row, "seat")
        if not name:
            self._fault("cell_missing", row, "seat")
        elif len(name) > CAMERA_LIMIT:
            self._fault("cell_too_long", row, "seat", limit=CAMERA_LIMIT)
        else:
            seats = tuple(filter(None, _SEPARATORS.split(self.columns.text(row, "covers"))))
            room.video.append(VideoCamera(name, seats))

    def _aisle(self, row: Row, room: _Room) -> None:
        said = [axis for axis in Axis if self.columns.text(row, str(axis))]
        if len(said) != 1:
            self._fault("aisle_needs_one", row, "x")
            return
        at = self._metres(row, str(said[0]))
        if at is not None:
            room.aisles.append(Aisle(said[0], at))

    def _metres(self, row: Row, field_name: str) -> float | None:
        number = self._number(row, field_name)
        if number is not None and not METRES[0] <= number <= METRES[1]:
            self._fault("cell_out_of_range", row, field_name, value=number, low=METRES[0], high=METRES[1])
            return None
        return number

    def _whole(self, row: Row, field_name: str) -> int | None:
        number = self._number(row, field_name)
        if number is None:
            return None
        if number != int(number) or not NUMBERS[0] <= number <= NUMBERS[1]:
            self._fault("cell_out_of_range", row, field_name, value=number, low=NUMBERS[0], high=NUMBERS[1])
            return None
        return int(number)

    def _number(self, row: Row, field_name: str) -> float | None:
        text = self.columns.text(row, field_name)
        if not text:
            self._fault("cell_missing", row, field_name)
            return None
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self._fault("cell_not_a_number", row, field_name, value=text[:20])
            return None
        return number
