"""Room files: the shipped plan, every fault with its place, and the limits' edges."""

from collections import Counter
from importlib.resources import files

import pytest

from exam_rooms.drawing import drawing
from exam_rooms.seatmap import Aisle, Axis, Point, RoomKind, RoomMap, smallest_gap
from itembank.importing.cells import Sheet
from itembank.importing.tables import read_table
from itembank.problems import InputRefused, Problem
from server.rules.policy import RoomLimits
from server.rules.roomfile import national_limits, read_rooms, room_warnings
from tests.server.rules.sheets_for_tests import sheet

HEAD = ("考场", "座位号", "行", "列", "x(米)", "y(米)", "类型")
LIMITS = RoomLimits(
    standard_max_seats=60,
    smart_max_seats=99,
    practical_max_seats=60,
    smallest_gap_metres=0.8,
    seats_per_spare=10,
)
SMART = (*HEAD, "考场类型", "摄像头")
VIDEO = ("一号", "全景 1", "", "", "", "", "监控")
SEAT = ("一号", "01", "1", "1", "1.0", "1.0", "普通")
NEXT = ("一号", "02", "1", "2", "2.2", "1.0", "")


def problems(*lines: tuple[object, ...]) -> list[Problem]:
    return faults([sheet(HEAD, *lines)])


def faults(sheets: list[Sheet]) -> list[Problem]:
    try:
        read_rooms(sheets, LIMITS)
    except InputRefused as refused:
        return list(refused.problems)
    return []


def rooms(*lines: tuple[object, ...]) -> list[RoomMap]:
    return read_rooms([sheet(HEAD, *lines)], LIMITS)


def told(*lines: tuple[object, ...]) -> list[tuple[str, str, object]]:
    return [(each.code, each.place, each.params.get("column")) for each in problems(*lines)]


def test_the_shipped_room() -> None:
    data = (files("server") / "samples" / "room_standard_30.csv").read_bytes()
    (room,) = read_rooms(read_table(data, "room_standard_30.csv"))
    assert (len(room.normal), len(room.spare)) == (30, 3)
    assert Counter(seat.column for seat in room.normal) == {1: 7, 2: 7, 3: 8, 4: 8}
    assert {seat.number for seat in room.normal} == {f"{n:02d}" for n in range(1, 31)}
    assert smallest_gap(room) >= national_limits().smallest_gap_metres
    assert room.door and room.desk and room.aisles
    assert room_warnings([room]) == []
    assert drawing(room).width < 900
    assert "示例" in room.name


def test_the_shipped_smart_room() -> None:
    data = (files("server") / "samples" / "room_smart_24.csv").read_bytes()
    (room,) = read_rooms(read_table(data, "room_smart_24.csv"))
    assert (room.kind, len(room.normal), len(room.spare)) == (RoomKind.SMART, 24, 3)
    assert Counter(seat.column for seat in room.normal) == {1: 6, 2: 6, 3: 6, 4: 6}
    assert {seat.number: seat.camera for seat in room.normal} == {
        f"{n:02d}": f"CAM-{n:02d}" for n in range(1, 25)
    }
    assert len(set(room.cameras)) == len(room.seats) == 27
    assert room.door and room.desk and room.aisles
    assert room_warnings([room]) == []
    assert drawing(room).width < 900
    assert "示例" in room.name


def test_the_limits_are_those_of_the_national_profile() -> None:
    assert national_limits() == LIMITS


def test_a_plan_with_everything() -> None:
    (room,) = rooms(
        SEAT,
        NEXT,
        ("", "备1", 2, 1, 1, 2.2, "备用"),
        ("", "", "", "", "0", "0.5", "门"),
        ("", "", "", "", "1.6", "0", "讲台"),
        ("", "", "", "", "1.6", "", "过道"),
        ("", "", "", "", "", "1.6", "过道"),
    )
    assert [seat.number for seat in room.normal] == ["01", "02"]
    assert [(seat.number, seat.x, seat.y) for seat in room.spare] == [("备1", 1.0, 2.2)]
    assert (room.door, room.desk) == (Point(0.0, 0.5), Point(1.6, 0.0))
    assert room.aisles == (Aisle(Axis.X, 1.6), Aisle(Axis.Y, 1.6))


def test_several_rooms_in_one_file() -> None:
    two = rooms(SEAT, NEXT, ("二号", "01", 1, 1, 1, 1, ""), ("二号", "02", 1, 2, 1.8, 1, ""))
    assert [(room.name, len(room.seats)) for room in two] == [("一号", 2), ("二号", 2)]


def test_without_a_kind_every_line_is_a_seat() -> None:
    (room,) = read_rooms([sheet(HEAD[:6], SEAT[:6])], LIMITS)
    assert len(room.normal) == 1


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (("一号", "", 2, 1, 1, 3, ""), ("cell_missing", "row 3", "座位号")),
        (("一号", "02", "", 1, 1, 3, ""), ("cell_missing", "row 3", "行")),
        (("一号", "02", 2, 1, "", 3, ""), ("cell_missing", "row 3", "x(米)")),
        (("一号", "02", 2, 1, 1, "三", ""), ("cell_not_a_number", "row 3", "y(米)")),
        (("一号", "02", 2, 1, 1, "nan", ""), ("cell_not_a_number", "row 3", "y(米)")),
        (("一号", "02", 2, 1, 1, "1e999", ""), ("cell_not_a_number", "row 3", "y(米)")),
        (("一号", "02", 2, 1, 1, 200.5, ""), ("cell_out_of_range", "row 3", "y(米)")),
        (("一号", "02", 0, 1, 1, 3, ""), ("cell_out_of_range", "row 3", "行")),
        (("一号", "02", 2, 1.5, 1, 3, ""), ("cell_out_of_range", "row 3", "列")),
        (("一号", "02", 2, 201, 1, 3, ""), ("cell_out_of_range", "row 3", "列")),
        (("一号", "01", 2, 1, 1, 3, ""), ("seat_twice", "row 3", "座位号")),
        (("一号", "02", 1, 1, 1, 3, ""), ("seat_place_twice", "row 3", "行")),
        (("一号", "123456789", 2, 1, 1, 3, ""), ("cell_too_long", "row 3", "座位号")),
        (("号" * 81, "02", 2, 1, 1, 3, ""), ("cell_too_long", "row 3", "考场")),
        (("一号", "02", 2, 1, 1, 3, "贵宾"), ("room_line_kind", "row 3", "类型")),
        (("一号", "", "", "", 1, 1, "过道"), ("aisle_needs_one", "row 3", "x(米)")),
        (("一号", "", "", "", "", "", "过道"), ("aisle_needs_one", "row 3", "x(米)")),
        (("一号", "", "", "", "", 1, "门"), ("cell_missing", "row 3", "x(米)")),
    ],
)
def test_a_fault_of_a_line(line: tuple[object, ...], expected: tuple[str, str, str]) -> None:
    assert told(SEAT, line) == [expected]


def test_two_doors() -> None:
    door = ("一号", "", "", "", 0, 1, "门")
    assert told(SEAT, door, door) == [("fixture_twice", "row 4", "类型")]


def test_a_first_line_without_a_room() -> None:
    assert told(("", *SEAT[1:])) == [("cell_missing", "row 2", "考场")]


@pytest.mark.parametrize(
    ("x", "codes"), [(1.79, ["seats_too_close"]), (1.799, ["seats_too_close"]), (1.8, []), (1.81, [])]
)
def test_the_smallest_distance(x: float, codes: list[str]) -> None:
    found = problems(SEAT, ("一号", "02", 1, 2, x, 1.0, ""))
    assert [problem.code for problem in found] == codes
    for problem in found:
        assert (problem.place, problem.params["other"], problem.params["rule"]) == ("row 3", "01", "R19")


def test_a_close_seat_is_told_once_with_its_nearest() -> None:
    found = problems(SEAT, ("一号", "02", 1, 2, 1.5, 1, ""), ("一号", "03", 1, 3, 1.7, 1, ""))
    assert [(each.place, each.params["other"]) for each in found] == [("row 3", "01"), ("row 4", "02")]


def block(seats: int, spare: int = 0) -> list[tuple[object, ...]]:
    kinds = ["普通"] * seats + ["备用"] * spare
    return [
        ("一号", str(n), n // 8 + 1, n % 8 + 1, n % 8 + 1.0, n // 8 + 1.0, kind)
        for n, kind in enumerate(kinds)
    ]


@pytest.mark.parametrize(("seats", "codes"), [(60, []), (61, ["too_many_seats"])])
def test_seats_of_a_standard_room(seats: int, codes: list[str]) -> None:
    assert [problem.code for problem in problems(*block(seats, spare=6))] == codes


@pytest.mark.parametrize(
    ("seats", "spare", "warned"),
    [(30, 3, False), (30, 2, True), (31, 3, True), (31, 4, False), (10, 1, False)],
)
def test_spare_seats(seats: int, spare: int, warned: bool) -> None:
    warnings = room_warnings(rooms(VIDEO, *block(seats, spare)), LIMITS)
    assert [warning.code for warning in warnings] == (["few_spare_seats"] if warned else [])


def test_a_room_of_spare_seats_only() -> None:
    assert told(("一号", "01", 1, 1, 1, 1, "备用")) == [("room_without_seats", "row 2", None)]


@pytest.mark.parametrize(
    ("sheets", "codes"),
    [
        ([], ["rooms_no_header"]),
        ([sheet(("a", "b"))], ["rooms_no_header"]),
        (
            [sheet(("考场", "座位号", "行", "列"), ("一号", "1", "1", "1"))],
            ["heading_missing", "heading_missing"],
        ),
        ([sheet(HEAD)], ["rooms_without_rows"]),
    ],
)
def test_files_that_hold_no_room(sheets: list[Sheet], codes: list[str]) -> None:
    assert [problem.code for problem in faults(sheets)] == codes


# --- smart rooms


def smart(
    number: str, column: int, *, kind: object = "", camera: object = "", **changed: str
) -> tuple[object, ...]:
    place = changed.get("room", "一号"), number, 1, column, column * 1.2, 1, changed.get("seat", "")
    return (*place, kind, camera)


def smart_rooms(*lines: tuple[object, ...]) -> list[RoomMap]:
    return read_rooms([sheet(SMART, *lines)], LIMITS)


def smart_problems(*lines: tuple[object, ...]) -> list[tuple[str, str, object]]:
    found = faults([sheet(SMART, *lines)])
    return [(each.code, each.place, each.params.get("column")) for each in found]


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("", ""), RoomKind.STANDARD),
        (("标准", ""), RoomKind.STANDARD),
        (("智能", ""), RoomKind.SMART),
        (("", "智能"), RoomKind.SMART),
        (("智能", "智能考场"), RoomKind.SMART),
        (("Smart", "smart"), RoomKind.SMART),
        (("standard", "标准考场"), RoomKind.STANDARD),
    ],
)
def test_one_line_tells_the_kind_of_its_room(kinds: tuple[str, str], expected: RoomKind) -> None:
    (room,) = smart_rooms(smart("01", 1, kind=kinds[0]), smart("02", 2, kind=kinds[1]))
    assert room.kind is expected


def test_the_kind_of_one_room_says_nothing_of_the_next() -> None:
    lines = smart("01", 1, kind="智能", camera="A"), smart("01", 1, room="二号", camera="A")
    assert [(room.kind, room.cameras) for room in smart_rooms(*lines)] == [
        (RoomKind.SMART, ("A",)),
        (RoomKind.STANDARD, ("A",)),
    ]


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (smart("02", 2, kind="标准"), ("room_kind_differs", "row 3", "考场类型")),
        (smart("02", 2, kind="普通"), ("room_kind_unknown", "row 3", "考场类型")),
        (smart("02", 2, camera="CAM-1"), ("camera_twice", "row 3", "摄像头")),
        (smart("02", 2, camera="C" * 65), ("cell_too_long", "row 3", "摄像头")),
    ],
)
def test_a_fault_of_a_smart_room(second: tuple[object, ...], expected: tuple[str, str, str]) -> None:
    assert smart_problems(smart("01", 1, kind="智能", camera="CAM-1"), second) == [expected]


def test_a_camera_twice_names_the_first_place() -> None:
    found = faults([sheet(SMART, smart("01", 1, camera="CAM-1"), smart("02", 2, camera="CAM-1"))])
    assert [each.params["first"] for each in found] == ["row 2"]


def test_the_longest_name_of_a_camera() -> None:
    (room,) = smart_rooms(smart("01", 1, kind="智能", camera="C" * 64))
    assert room.cameras == ("C" * 64,)


def big_block(count: int, kind: str) -> list[tuple[object, ...]]:
    return [(*line, kind, f"CAM-{number}") for number, line in enumerate(block(count, count // 10 + 1))]


@pytest.mark.parametrize(
    ("seats", "kind", "codes"),
    [
        (60, "标准", []),
        (61, "标准", ["too_many_seats"]),
        (61, "智能", []),
        (99, "智能", []),
        (100, "智能", ["too_many_seats_smart"]),
    ],
)
def test_each_kind_has_its_own_limit_of_seats(seats: int, kind: str, codes: list[str]) -> None:
    assert [code for code, _place, _column in smart_problems(*big_block(seats, kind))] == codes


@pytest.mark.parametrize(
    ("kind", "cameras", "warned"),
    [
        ("智能", ("A", "B", "C"), {}),
        ("智能", ("A", "", ""), {"seats_without_camera": {"n": 2, "seats": "02、备1"}}),
        ("标准", ("", "", ""), {}),
        ("标准", ("A", "", ""), {"cameras_not_used": {"cameras": 1}}),
    ],
)
def test_cameras_that_lack_or_are_not_used_are_a_warning(
    kind: str, cameras: tuple[str, str, str], warned: dict[str, dict[str, object]]
) -> None:
    lines = (
        smart("01", 1, kind=kind, camera=cameras[0]),
        smart("02", 2, camera=cameras[1]),
        smart("备1", 3, seat="备用", camera=cameras[2]),
        (*VIDEO, "", ""),
    )
    found = room_warnings(smart_rooms(*lines), LIMITS)
    assert {each.code: {key: each.params[key] for key in warned[each.code]} for each in found} == warned


# --- partitions, screens, video, seats out of order ------------------------------------------------------

WIDE = (*HEAD, "考场类型", "隔板", "覆盖座位")


def wide(*lines: tuple[object, ...]) -> RoomMap:
    (room,) = read_rooms([sheet(WIDE, *lines)], LIMITS)
    return room


def test_everything_a_plan_may_hold() -> None:
    room = wide(
        ("一号", "01", 1, 1, 1, 1, "普通", "实操", "有", ""),
        ("", "02", 1, 2, 1.5, 1, "备用", "", "", ""),
        ("", "03", 1, 3, 2.0, 1, "停用", "", "", ""),
        ("", "", "", "", 3, 0, "屏幕", "", "", ""),
        ("", "", "", "", 6, 0, "屏幕", "", "", ""),
        ("", "全景 1", "", "", "", "", "监控", "", "", "01、02"),
    )
    assert (room.kind, room.partitioned, len(room.screens)) == (RoomKind.PRACTICAL, True, 2)
    assert [len(each) for each in (room.normal, room.spare, room.broken)] == [1, 1, 1]
    assert [(camera.name, camera.covers) for camera in room.video] == [("全景 1", ("01", "02"))]
    assert room_warnings([room], LIMITS) == []


def test_a_plan_without_video_is_told() -> None:
    assert [warning.code for warning in room_warnings(rooms(*block(10, 1)), LIMITS)] == ["video_not_said"]


def test_a_seat_out_of_the_video_refuses_the_file() -> None:
    lines = (("一号", "01", 1, 1, 1, 1, ""), ("", "02", 1, 2, 3, 1, ""), ("", "全景", "", "", "", "", "监控"))
    rows = [(*line, "", "", "") for line in lines[:2]] + [(*lines[2], "", "", "01")]
    (problem,) = faults([sheet(WIDE, *rows)])
    assert (problem.code, problem.params["seats"], problem.params["rule"]) == (
        "seats_without_video",
        "02",
        "R17",
    )


@pytest.mark.parametrize(
    ("said", "code"), [("有", None), ("", "seats_too_close"), ("也许", "partition_unknown")]
)
def test_partitions_do_instead_of_distance(said: str, code: str | None) -> None:
    lines = [("一号", "01", 1, 1, 1, 1, "", "", said, ""), ("", "02", 1, 2, 1.5, 1, "", "", "", "")]
    assert code is None or code in [each.code for each in faults([sheet(WIDE, *lines)])]
    assert code is not None or wide(*lines).partitioned
