"""The page of a draw and the lock on a room's page: files, draw by a child, results, workbook, scenario 15."""

import io
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.watch_messages import CameraReport, CameraState
from server.access import Actor
from server.db.rooms import Room, Seat, Workstation
from server.db.sittings import Attempt, Registration, RoomSitting
from server.host import Host
from tests.server import arrangement_kit, desk
from tests.server.arrangement_kit import Centre
from tests.server.desk import page, said, send

SignIn = Callable[[Actor], FlaskClient]


@pytest.fixture
def made(host: Host, person_as: Callable[..., Actor]) -> Centre:
    """Two occupations; the third room is planned for nobody."""
    plans = {"第一考场": 30, "第二考场": 20, "第三考场": 20}
    return arrangement_kit.centre(host, person_as, {"baoanyuan": 40, "baowei": 12}, plans, employers=4)


@pytest.fixture
def browser(made: Centre, sign_in: SignIn) -> FlaskClient:
    return sign_in(made.administrator)


def path(made: Centre, occupation: str = "baoanyuan") -> str:
    return f"/batches/{made.batches[occupation]}/arrange/{made.sittings[occupation]}"


def form(made: Centre, *rooms: str, **fields: object) -> dict[str, object]:
    chosen = {"sitting": list(made.sittings.values()), "rule": ["employers_apart", "even"], "seed": "n-1"}
    return {**chosen, "room": [made.rooms[room] for room in rooms or made.rooms], **fields}


@pytest.mark.dear
def test_candidates_of_two_batches_are_drawn_and_shown_by_room(
    host: Host, made: Centre, browser: FlaskClient
) -> None:
    before = page(browser.get(path(made)))
    assert "考生 52 人 · 可选考场 3 个、普通座位 70 个" in before and "空闲" in before
    assert browser.post(path(made), data=form(made)).status_code == 302
    shown = page(browser.get(path(made)))
    assert "52 名考生已编排到 3 个考场，种子 n-1 已保存。" in shown
    assert all(room in shown for room in made.rooms) and "没有：所有规则都做到了。" in shown
    rooms = {place[0] for place in made.map().values()}
    assert rooms == set(made.rooms.values())
    with host.db.read() as session:
        held = dict(session.execute(select(RoomSitting.room_id, RoomSitting.sitting_id)).all())
    assert len(set(held.values())) == 2, "the free room was given to one of the sittings"
    first = made.map()
    browser.post(path(made), data=form(made))
    assert made.map() == first


@pytest.mark.dear
def test_the_workbook_lists_everybody_by_room_and_seat(made: Centre, browser: FlaskClient) -> None:
    browser.post(path(made), data=form(made))
    answer = browser.get(f"{path(made)}/seating.xlsx")
    rows = list(load_workbook(io.BytesIO(answer.data)).active.iter_rows(values_only=True))
    assert any("n-1" in str(row[0]) for row in rows[:4])
    top = next(number for number, row in enumerate(rows) if row[0] == "考场")
    listed = {row[2]: (made.rooms[row[0]], row[1]) for row in rows[top + 1 :]}
    assert listed == {ticket: place[:2] for ticket, place in made.map().items()}


@pytest.mark.dear
def test_what_cannot_be_kept_is_listed_with_names(made: Centre, browser: FlaskClient) -> None:
    def one_employer(session: Session) -> None:
        for row in session.scalars(select(Registration)):
            row.employer = "同一公司"

    made.host.db.write(one_employer)
    browser.post(path(made), data=form(made))
    shown = page(browser.get(path(made)))
    assert "相邻且同单位" in shown and "同一公司" in shown and "演练考生" in shown


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"sitting": []}, "arrange_nothing_chosen"),
        ({"room": []}, "room_missing"),
        ({"seed": "s" * 41}, "field_too_long"),
    ],
)
def test_a_form_that_says_too_little_comes_back_as_filled_in(
    made: Centre, browser: FlaskClient, fields: dict[str, object], code: str
) -> None:
    answer = browser.post(path(made), data=form(made, **fields))
    assert answer.status_code == 422
    assert said(code, field="种子", limit=40)[:6] in page(answer)
    assert made.map() == {}


def test_rooms_that_are_too_small_are_told_in_numbers(made: Centre, browser: FlaskClient) -> None:
    answer = browser.post(path(made), data=form(made, "第一考场", "第二考场"))
    assert said("seating_rooms_not_enough", people=52, seats=50) in page(answer)


@pytest.mark.dear
def test_a_roster_of_the_whole_sitting_and_its_draw_taken_back(
    host: Host, made: Centre, browser: FlaskClient
) -> None:
    head = ["姓名", "身份证号", "单位", "单独考场", "依据"]
    (entry,) = arrangement_kit.people("baoanyuan", 1, 0, skip=40)
    rows = [head, ["示例丙", entry.id_number, "甲", "是", "批 2026-1"]]
    data = desk.xlsx({"名册": rows})
    browser.post(path(made), data=form(made))
    late = send(browser, f"{path(made)}/roster", data, "more.xlsx")
    assert said("sitting_already_arranged") in page(late)
    assert browser.post(f"{path(made)}/withdraw").status_code == 302
    assert len(made.map()) == 12, "the other sitting keeps its seats"
    assert send(browser, f"{path(made)}/roster", data, "more.xlsx").status_code == 302
    with host.db.read() as session:
        row = session.scalars(select(Registration).where(Registration.own_room.is_(True))).one()
    assert (row.room_id, row.accommodation_note) == (None, "批 2026-1")


@pytest.mark.dear
def test_locking_all_rooms_tells_which_were_left(made: Centre, browser: FlaskClient) -> None:
    browser.post(path(made), data=form(made))

    def shrink(session: Session) -> None:
        seats = session.scalars(select(Seat).where(Seat.room_id == made.rooms["第一考场"])).all()
        seats[1].x, seats[1].y = seats[0].x + 0.2, seats[0].y

    made.host.db.write(shrink)
    for occupation in made.sittings:
        browser.post(f"{path(made, occupation)}/lock")
    shown = page(browser.get(path(made)))
    assert "这些考场有待解决的问题，没有锁定：第一考场。" in shown
    with made.host.db.read() as session:
        locked = {row.room_id for row in session.scalars(select(RoomSitting)) if row.locked_at}
    assert locked == {made.rooms["第二考场"], made.rooms["第三考场"]}
    again = browser.post(path(made), data=form(made))
    assert said("draw_locked", room="第二考场") in page(again)


@pytest.mark.dear
def test_scenario_15_a_camera_at_another_seats_machine_keeps_the_seating_open(
    host: Host, made: Centre, browser: FlaskClient, password: str
) -> None:
    browser.post(path(made), data=form(made))
    room_id = made.rooms["第一考场"]

    def plug(session: Session) -> list[int]:
        session.get_one(Room, room_id).kind = "smart"
        seats = session.scalars(select(Seat).where(Seat.room_id == room_id).order_by(Seat.id)).all()
        stations = []
        for number, seat in enumerate(seats, 1):
            seat.camera = f"CAM-{number}"
            key = bytes([number]) * 32
            station = Workstation(
                seat_id=seat.id, public_key=key, hostname="pc", software="t", paired_at=host.now()
            )
            session.add(station)
            stations.append(station)
        session.flush()
        return [station.id for station in stations]

    stations = host.db.write(plug)
    host.presence.link(stations[20], True, host.now())
    host.presence.report(stations[20], camera=CameraReport(CameraState.LIVE, "CAM-12"))
    row = made.row("第一考场").id
    shown = page(browser.get(f"/sittings/{row}"))
    told = said("lock_camera_of_other", seat="21", owner="12", found="CAM-12")
    assert told in shown and "须解决" in shown
    alone = browser.post(f"/sittings/{row}/lock")
    assert alone.status_code == 409 and said("lock_findings_open", count=1) in page(alone)
    sign = {"cosign_username": made.chief.name, "cosign_password": password}
    assert browser.post(f"/sittings/{row}/lock", data=sign).status_code == 422, "without a reason"
    signed = browser.post(f"/sittings/{row}/lock", data={**sign, "reason": "备用线已换"})
    assert signed.status_code == 302
    after = page(browser.get(f"/sittings/{row}"))
    assert told in after and "备用线已换" in after and made.chief.name in after
    assert browser.post(f"/sittings/{row}/unlock", data={"reason": "x"}).status_code == 422
    assert browser.post(f"/sittings/{row}/unlock", data={**sign, "reason": "再排"}).status_code == 302
    host.presence.report(stations[20], camera=CameraReport(CameraState.LIVE, "CAM-21"))
    assert browser.post(f"/sittings/{row}/lock").status_code == 302, "put right, it needs nobody's signature"
    with host.db.read() as session:
        assert session.get_one(RoomSitting, row).lock_overruled is None
        assert session.scalar(select(Attempt.id).where(Attempt.room_sitting_id == row).limit(1))


@pytest.mark.parametrize("role", ["invigilator", "rover", "supervisor", "custodian"])
def test_who_only_sees_batches_draws_and_locks_nothing(
    made: Centre, client_as: Callable[..., FlaskClient], role: str
) -> None:
    other = client_as(role)
    assert other.get(path(made)).status_code == 200
    assert "重新编排" not in page(other.get(path(made)))
    for act in ("", "/withdraw", "/lock", "/roster", "/photos"):
        assert other.post(f"{path(made)}{act}").status_code == 403
    row = made.row("第一考场").id
    assert [other.post(f"/sittings/{row}/{act}").status_code for act in ("lock", "unlock")] == [403, 403]
