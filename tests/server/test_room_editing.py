"""Plans drawn in the browser: read, checked, stored, taken out and in again; what a sitting holds stays."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader
from sqlalchemy import func, select

from exam_rooms.seatmap import Aisle, Axis, Point, RoomKind, RoomMap, SeatKind, SeatPosition, VideoCamera
from itembank.importing.tables import read_table
from itembank.problems import InputRefused
from server.access import Actor
from server.db.rooms import Room, Seat
from server.errors import Forbidden, Refused
from server.host import Host
from server.jobs.results import results_xlsx
from server.rules.roomdraft import Draft, draft_json, read_draft
from server.rules.roomfile import read_rooms
from server.services import room_checks, room_editing, room_prints, rooms
from server.services.room_editing import NewRoom
from tests.server.delivery_kit import Scene, make_scene
from tests.server.desk import page
from tests.server.rules.sheets_for_tests import sheet

GRID = NewRoom("新考场", "standard", 3, 4, 1.2, 1.5)


@pytest.fixture
def administrator(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator")


@pytest.fixture
def room(host: Host, administrator: Actor) -> int:
    return int(host.db.write(room_editing.create, administrator, GRID, now=host.now()))


def drawn(host: Host, room_id: int) -> dict[str, Any]:
    with host.db.read() as session:
        return room_editing.draft(session, room_id)


def save(host: Host, who: Actor, room_id: int, plan: dict[str, Any]) -> int:
    return int(host.db.write(room_editing.save, who, room_id, read_draft(plan), now=host.now()))


# --- drafts and files ------------------------------------------------------------------------------------

texts = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)
coordinates = st.integers(-2000, 90_000).map(lambda millimetres: millimetres / 1000)
points = st.builds(Point, coordinates, coordinates)


@st.composite
def plans(draw: st.DrawFn) -> RoomMap:
    numbers = draw(st.lists(texts, min_size=1, max_size=6, unique=True))
    cameras = draw(st.lists(texts, min_size=len(numbers), max_size=len(numbers), unique=True))
    seats = tuple(
        SeatPosition(number, at + 1, 1, x, y, draw(st.sampled_from(list(SeatKind))), draw(st.sampled_from(["", camera])))
        for at, (number, camera, x, y) in enumerate(
            zip(numbers, cameras, draw(st.lists(coordinates, min_size=9, max_size=9)),
                draw(st.lists(coordinates, min_size=9, max_size=9)), strict=False)
        )
    )  # fmt: skip
    return RoomMap(
        "一号考场",
        (replace(seats[0], kind=SeatKind.NORMAL), *seats[1:]),
        tuple(draw(st.lists(st.builds(Aisle, st.sampled_from(list(Axis)), coordinates), max_size=2))),
        draw(st.none() | points),
        draw(st.none() | points),
        draw(st.sampled_from(list(RoomKind))),
        tuple(draw(st.lists(points, max_size=2))),
        True,  # seats may stand anywhere
        (VideoCamera("全景"), *draw(st.lists(st.builds(VideoCamera, texts), max_size=1))),
    )


@pytest.mark.dear
@given(plans())
def test_a_draft_comes_back_as_it_went(plan: RoomMap) -> None:
    ids = tuple(range(1, len(plan.seats) + 1))
    assert read_draft(draft_json(plan, ids) | {"version": 3}) == Draft(plan, ids, 3)


@pytest.mark.dear
@given(plans())
def test_a_file_comes_back_as_it_went(plan: RoomMap) -> None:
    payload = room_prints.sheet_work(plan)
    rows = [[row[key] for key, _title in payload["columns"]] for row in payload["rows"]]
    head = [title for _key, title in payload["columns"]]
    assert read_rooms([sheet(head, *rows)]) == [plan]


def test_a_workbook_is_read_back(host: Host, room: int) -> None:
    with host.db.read() as session:
        plan = rooms.map_of(rooms.get(session, room))
    data = results_xlsx(room_prints.sheet_work(plan), lambda *_: None)["data"]
    assert read_rooms(read_table(data, "r.xlsx")) == [plan]


SEAT = draft_json(RoomMap("r", (SeatPosition("1", 1, 1, 0, 0),)), [None])["seats"][0]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("name", ""), ("name", 3), ("name", "n" * 81), ("kind", "hall"), ("seats", None), ("seats", [3]),
        ("seats", [{"number": "1"}]), ("door", {"x": "1", "y": 1}), ("desk", {"x": float("nan"), "y": 1}),
        ("screens", {}), ("aisles", [{"axis": "z", "at": 1}]), ("video", [{"name": "v", "covers": [3]}]),
        ("desk", {"x": 201, "y": 1}), ("aisles", [{"axis": "x", "at": True}]),
        ("seats", [SEAT | {"id": 4}, SEAT | {"id": 4, "number": "2", "x": 3}]),
    ],
)  # fmt: skip
def test_a_draft_that_is_none(part: str, value: object) -> None:
    whole = draft_json(RoomMap("r", (SeatPosition("1", 1, 1, 0, 0),)), [None])
    with pytest.raises(InputRefused) as refused:
        read_draft(whole | {part: value})
    assert refused.value.problems[0].code == "plan_unreadable"


def test_a_draft_has_bounds() -> None:
    with pytest.raises(InputRefused, match="plan_too_many_seats"):
        read_draft({"name": "r", "kind": "standard", "seats": [SEAT] * 401})
    for data in (None, [], "plan", 3):
        with pytest.raises(InputRefused, match="plan_unreadable"):
            read_draft(data)


# --- new, changed, copied --------------------------------------------------------------------------------


def test_a_new_room_stands_in_rows_and_columns(host: Host, room: int) -> None:
    plan = drawn(host, room)
    assert [seat["number"] for seat in plan["seats"]] == [f"{n:02d}" for n in range(1, 13)]
    assert [(seat["x"], seat["y"]) for seat in plan["seats"][3:5]] == [(4.6, 1.5), (1.0, 3.0)]
    assert (plan["version"], plan["held"]) == (1, [])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": " "}, "room_name_needed"),
        ({"name": "新考场"}, "room_name_taken"),
        ({"rows": 0}, "room_size_range"),
        ({"columns": 41}, "room_size_range"),
        ({"across": 0.29}, "room_size_range"),
        ({"behind": 5.01}, "room_size_range"),
    ],
)
def test_a_room_that_is_not_made(
    host: Host, administrator: Actor, room: int, change: dict[str, Any], code: str
) -> None:
    asked = replace(replace(GRID, name="另一间"), **change)
    with pytest.raises(Refused, match=code):
        host.db.write(room_editing.create, administrator, asked, now=host.now())


@pytest.mark.both_stores
def test_numbers_may_be_exchanged_and_seats_added_and_removed(
    host: Host, administrator: Actor, room: int
) -> None:
    plan = drawn(host, room)
    first, second = plan["seats"][:2]
    ids = first["id"], second["id"]
    first["number"], second["number"] = second["number"], first["number"]
    first["kind"] = "broken"
    plan["seats"][11:] = [
        plan["seats"][0] | {"id": None, "number": "备1", "row": 9, "kind": "spare", "y": 9.0}
    ]
    plan |= {"partitioned": True, "screens": [{"x": 2, "y": 0.1}], "video": [{"name": "全景", "covers": []}]}
    assert save(host, administrator, room, plan) == 2
    after = drawn(host, room)
    found = {seat["id"]: seat["number"] for seat in after["seats"]}
    assert (found[ids[0]], found[ids[1]]) == ("02", "01")
    assert len(found) == 12 and "备1" in found.values() and "12" not in found.values()
    assert after["partitioned"] and after["screens"] == [{"x": 2.0, "y": 0.1}]
    with host.db.read() as session:
        broken = rooms.map_of(rooms.get(session, room)).broken
    assert [seat.number for seat in broken] == ["02"]


def test_who_saved_first_is_not_overwritten(host: Host, administrator: Actor, room: int) -> None:
    mine, theirs = drawn(host, room), drawn(host, room)
    save(host, administrator, room, theirs | {"name": "改名"})
    with pytest.raises(Refused, match="plan_changed"):
        save(host, administrator, room, mine)
    assert drawn(host, room)["name"] == "改名"


def test_a_plan_may_be_unfinished_but_not_ambiguous(host: Host, administrator: Actor, room: int) -> None:
    plan = drawn(host, room)
    plan["seats"][1]["x"] = plan["seats"][0]["x"] + 0.2
    save(host, administrator, room, plan)
    with host.db.read() as session:
        assert "seats_too_close" in {each.code for each in room_checks.findings(session, room)}
    again = drawn(host, room)
    again["seats"][1]["number"] = again["seats"][0]["number"]
    with pytest.raises(Refused, match="seat_named_twice"):
        save(host, administrator, room, again)
    assert drawn(host, room)["version"] == 2


def test_a_copy_has_the_plan_and_no_cameras(host: Host, administrator: Actor, room: int) -> None:
    plan = drawn(host, room)
    plan["seats"][0]["camera"] = "CAM-1"
    save(host, administrator, room, plan | {"door": {"x": 0, "y": 1}})
    other = host.db.write(room_editing.copy, administrator, room, "副本", now=host.now())
    made = drawn(host, other)
    assert made["door"] == {"x": 0.0, "y": 1.0} and len(made["seats"]) == 12
    assert {seat["camera"] for seat in made["seats"]} == {""}


def test_only_who_keeps_rooms_draws(host: Host, person_as: Callable[..., Actor], room: int) -> None:
    for role in ("invigilator", "chief_invigilator", "system_administrator", "auditor"):
        with pytest.raises(Forbidden):
            save(host, person_as(role), room, drawn(host, room))


# --- what a sitting holds --------------------------------------------------------------------------------


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    """Seats 1 to 3 hold candidates, seat 4 is spare."""
    return make_scene(host, person_as)


@pytest.mark.parametrize("change", [{"x": 3.3}, {"number": "9"}, {"kind": "broken"}, {"row": 2}])
def test_a_seat_with_a_candidate_stays_as_it_is(
    scene: Scene, administrator: Actor, change: dict[str, object]
) -> None:
    plan = drawn(scene.host, scene.room)
    assert plan["held"] == sorted(scene.seats[number] for number in "123")
    plan["seats"][0] |= change
    with pytest.raises(Refused, match="seat_in_sitting"):
        save(scene.host, administrator, scene.room, plan)


def test_its_camera_and_free_seats_may_change(scene: Scene, administrator: Actor) -> None:
    plan = drawn(scene.host, scene.room)
    plan["seats"][0]["camera"] = "CAM-9"
    plan["seats"][3]["kind"] = "broken"
    save(scene.host, administrator, scene.room, plan)
    with pytest.raises(Refused, match="room_kind_in_sitting"):
        save(scene.host, administrator, scene.room, drawn(scene.host, scene.room) | {"kind": "smart"})


def test_a_seat_with_history_is_put_out_of_order_and_not_removed(scene: Scene, administrator: Actor) -> None:
    plan = drawn(scene.host, scene.room)
    spare = plan["seats"].pop()
    with pytest.raises(Refused, match="seat_has_history"):  # its workstation is paired
        save(scene.host, administrator, scene.room, plan)
    with scene.host.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Seat)) == 4
    plan["seats"].append(spare | {"kind": "broken"})
    save(scene.host, administrator, scene.room, plan)


# --- capacity --------------------------------------------------------------------------------------------


def test_scenario_03_the_filing_form_counts_what_the_seat_maps_show(
    app: Flask, host: Host, administrator: Actor, client_as: Callable[..., FlaskClient]
) -> None:
    """A standard room of 30 and a smart room of 60 seats: printed counts equal the seat maps."""
    for name, kind, rows, columns in (("标准一", "standard", 5, 6), ("智能一", "smart", 6, 10)):
        new = NewRoom(name, kind, rows, columns, 1.2, 1.2)
        host.db.write(room_editing.create, administrator, new, now=host.now())
    smart = host.db.write(lambda session: session.scalar(select(Room.id).where(Room.name == "智能一")))
    plan = drawn(host, smart)
    plan["seats"].append(
        plan["seats"][0] | {"id": None, "number": "备1", "row": 7, "kind": "spare", "y": 9.9}
    )
    save(host, administrator, smart, plan)
    with host.db.read() as session:
        counted = rooms.capacity(rooms.summary(session))
        maps = {row.name: rooms.map_of(row) for row in rooms.rooms(session)}
    assert [(each.kind, each.rooms, each.seats, each.spare) for each in counted] == [
        ("standard", 1, len(maps["标准一"].normal), 0),
        ("smart", 1, len(maps["智能一"].normal), 1),
    ]
    assert (len(maps["标准一"].normal), len(maps["智能一"].normal)) == (30, 60)
    browser = client_as("administrator")
    printed = PdfReader(io.BytesIO(browser.get("/rooms/capacity.pdf").data))
    text = "".join("".join(page_.extract_text().split()) for page_ in printed.pages)
    assert "标准考场1300" in text and "智能考场1601" in text
    assert "单人单桌机位" in page(browser.get("/rooms"))


# --- the pages -------------------------------------------------------------------------------------------


def test_the_editors_requests(app: Flask, host: Host, client_as: Callable[..., FlaskClient]) -> None:
    browser = client_as("administrator")
    new = {"name": "一间", "kind": "smart", "rows": "2", "columns": "3", "across": "1.2", "behind": "1.2"}
    answer = browser.post("/rooms/new", data=new)
    assert answer.status_code == 302 and answer.location.endswith("/edit")
    path = answer.location.removesuffix("/edit")
    assert "编辑座位图" in page(browser.get(answer.location))
    plan = browser.get(f"{path}/plan").json
    assert {each["hard"] for each in plan["findings"]} == {False}
    plan["seats"][1]["x"] = plan["seats"][0]["x"] + 0.5
    told = browser.post(f"{path}/plan/check", json=plan).json["findings"]
    assert told[0] == {
        "text": "座位 02 与 01 相距 0.5 米，应不少于 0.8 米（规则 R19）。",
        "hard": True,
        "seats": ["02", "01"],
    }
    saved = browser.post(f"{path}/plan", json=plan)
    assert saved.json["version"] == 2 and saved.json["seats"][1]["x"] == plan["seats"][1]["x"]
    stale = browser.post(f"{path}/plan", json=plan)
    assert stale.status_code == 409 and "被别人修改过" in stale.json["problem"]
    broken = browser.post(f"{path}/plan", json={"name": "x"})
    assert broken.status_code == 422 and "没有保存" in broken.json["problem"]
    assert client_as("invigilator").post(f"{path}/plan", json=plan).status_code == 403


def test_a_plan_is_printed_and_taken_out(
    app: Flask, host: Host, room: int, client_as: Callable[..., FlaskClient]
) -> None:
    browser = client_as("auditor")
    pdf = browser.get(f"/rooms/{room}/plan.pdf")
    text = "".join("".join(page_.extract_text().split()) for page_ in PdfReader(io.BytesIO(pdf.data)).pages)
    assert "新考场座位图" in text and "普通座位12" in text and "第1页共1页" in text and "R18" in text
    book = browser.get(f"/rooms/{room}/plan.xlsx")
    assert read_rooms(read_table(book.data, "room.xlsx"))[0].name == "新考场"


def test_the_day_of_a_room_lists_its_sittings(
    scene: Scene, client_as: Callable[..., FlaskClient], app: Flask
) -> None:
    assert scene.starts_at > scene.host.now() - timedelta(days=1)
    assert "2026 年第 4 批" in page(client_as("administrator").get(f"/rooms/{scene.room}"))
