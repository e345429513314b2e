"""Looks, the check of cameras and the record of a watched room."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.protocol import Route
from server.access import Actor
from server.db.rooms import Seat
from server.host import Host
from server.services import captures, incidents
from server.services.incidents import Handling
from server.web.acts import ACTS
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.desk import page, said
from tests.server.smart_kit import CameraAgent, answering, equip, jpeg, note
from tests.server.watching_kit import HX, LIVE, acts, base, frames, raised, seat


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def staff(scene: Scene, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    """An invigilator's browser."""
    return sign_in(scene.invigilator)


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[CameraAgent]:
    """Seats 1 and 2 answer; seat 2 refused face comparison."""
    made = answering(app, scene, machine, "12", refusing="2")
    for agent in made:
        agent.beat(camera=LIVE)
    return made


@pytest.fixture
def agent(agents: list[CameraAgent]) -> CameraAgent:
    return agents[0]


# --- looks ---------------------------------------------------------------------------------------------


def ask(staff: FlaskClient, scene: Scene, *numbers: str) -> list[dict[str, object]]:
    form = {"seat": [str(scene.seats[number]) for number in numbers]}
    answer = staff.post(f"{base(scene)}/looks", data=form)
    assert answer.status_code == 200
    return answer.get_json()["looks"]


def test_a_look_brings_one_picture_and_keeps_none(
    staff: FlaskClient, agent: CameraAgent, scene: Scene, machine: Machine
) -> None:
    (asked,) = ask(staff, scene, "1")
    url = f"{base(scene)}/looks/{asked['ref']}"
    assert staff.get(url).status_code == 202
    data = jpeg(7)
    assert agent.look(str(asked["ref"]), data).status_code == 200
    answer = staff.get(url)
    assert (answer.status_code, answer.data, answer.mimetype) == (200, data, "image/jpeg")
    assert answer.headers["Cache-Control"] == "no-store"
    assert frames(scene) == []
    (told,) = acts(scene, "seat_looked_at")
    assert (told.actor_id, told.details) == (scene.invigilator.user_id, {"seats": "1"})
    machine.advance(seconds=21)
    assert staff.get(url).status_code == 404


def test_a_camera_without_a_picture_says_so(staff: FlaskClient, agent: CameraAgent, scene: Scene) -> None:
    (asked,) = ask(staff, scene, "1")
    agent.look(str(asked["ref"]), b"")
    answer = staff.get(f"{base(scene)}/looks/{asked['ref']}", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.get_json()["message"] == said("look_without_picture")


def test_who_refused_is_never_looked_at(staff: FlaskClient, agents: list[CameraAgent], scene: Scene) -> None:
    second, third = ask(staff, scene, "2", "3")
    assert second["problem"] == said("no_face_consent")
    assert third["problem"] == said("seat_not_linked")
    assert "ref" not in second
    assert acts(scene, "seat_looked_at") == []


def test_who_has_not_been_asked_yet_is_not_looked_at(
    staff: FlaskClient, agents: list[CameraAgent], scene: Scene, app: Flask
) -> None:
    """An empty seat's camera may be tried; from the sign-in on somebody sits there who has not agreed."""
    coming = CameraAgent(app, scene, "3")
    coming.open_session()
    assert ask(staff, scene, "3")[0].get("problem") != said("no_face_consent")
    assert coming.sign_in().status_code == 200
    assert ask(staff, scene, "3")[0]["problem"] == said("no_face_consent")


def test_looks_are_asked_in_small_groups_by_staff_only(
    staff: FlaskClient, agent: CameraAgent, scene: Scene, client_as: Callable[..., FlaskClient]
) -> None:
    form = {"seat": [str(scene.seats[number]) for number in "1234"] * 5}
    assert len(staff.post(f"{base(scene)}/looks", data=form).get_json()["looks"]) == 4
    assert staff.post(f"{base(scene)}/looks", data={"seat": ["999"]}).status_code == 404
    assert staff.post(f"{base(scene)}/looks", data={"seat": ["x"]}).get_json()["looks"] == []
    assert staff.post("/monitor/999/looks", data=form).status_code == 404
    assert client_as("auditor").post(f"{base(scene)}/looks", data=form).status_code == 403


# --- the camera check ----------------------------------------------------------------------------------


@pytest.fixture
def named(scene: Scene) -> Scene:
    """Seats 1 and 2 have cameras of their own."""

    def name(session) -> None:
        for number in "12":
            session.get_one(Seat, scene.seats[number]).camera = f"CAM-0{number}"

    scene.host.db.write(name)
    return scene


def test_the_check_shows_wrong_cameras_first(
    staff: FlaskClient, agents: list[CameraAgent], named: Scene
) -> None:
    shown = page(staff.get(f"{base(named)}/cameras"))
    assert "该摄像头属于 1 号" in shown  # seat 2 reports the camera of seat 1
    tiles = re.findall(r'<article class="card camera-tile ([^"]*)" id="seat-(\d+)"', shown)
    assert [(shade.strip(), int(found)) for shade, found in tiles][:2] == [
        ("act", named.seats["2"]),
        ("", named.seats["1"]),
    ]
    assert f'data-look-at="{named.seats["1"]}"' in shown
    assert f'data-look-at="{named.seats["2"]}"' not in shown
    assert "主考放行" not in shown  # for the chief alone
    assert "style=" not in shown
    assert "<script>" not in shown
    again = staff.get(f"{base(named)}/cameras/states").text
    assert again.count("hx-swap-oob") == 1 + len(named.seats)


def test_the_start_dialog_and_the_bar_lead_to_the_check(
    app: Flask, staff: FlaskClient, named: Scene, machine: Machine
) -> None:
    agent = CameraAgent(app, named, "2")
    agent.open_session()
    agent.beat(camera=LIVE)
    machine.advance(minutes=10)
    assert f"{base(named)}/cameras" in staff.get(f"{base(named)}/bar").text
    told = staff.get(f"{base(named)}/start", headers=HX).text
    assert "2 号的摄像头不是该座位的" in told
    staff.post(f"{base(named)}/start", data={"present": [str(who.user_id) for who in named.staff]})
    assert named.room_row().state == "released"
    assert said("cameras_wrong", seats="2") in page(staff.get(base(named)))


def test_overruling_is_the_chiefs(
    app: Flask,
    staff: FlaskClient,
    named: Scene,
    sign_in: Callable[[Actor], FlaskClient],
) -> None:
    agent = CameraAgent(app, named, "2")
    agent.open_session()
    agent.beat(camera=LIVE)
    where = f"{base(named)}/cameras/overrule"
    assert staff.post(where, data={"reason": "x"}).status_code == 403
    chief = sign_in(named.chief)
    assert "主考放行" in chief.get(f"{base(named)}/cameras").text
    chief.post(where, data={"reason": " "})
    assert named.room_row().cameras_overruled is None
    chief.post(where, data={"reason": "备用摄像头"})
    shown = page(chief.get(f"{base(named)}/cameras"))
    assert "备用摄像头" in shown
    assert "已放行" in shown
    lines = page(staff.get(f"{base(named)}/side"))
    assert said("line_cameras_overruled", actor=named.chief.name, seats="2", reason="备用摄像头") in lines


def test_a_standard_room_has_nothing_of_cameras(
    host: Host, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    plain = make_scene(host, person_as)
    browser = sign_in(plain.invigilator)
    room = browser.get(base(plain)).text
    assert "seat-camera" not in room
    assert "摄像头" not in room
    assert "不使用摄像头" in browser.get(f"{base(plain)}/cameras").text
    assert "摄像头" not in browser.get(seat(plain)).text
    assert "随机抓拍" not in browser.get(f"{base(plain)}/incidents").text


def test_the_map_has_a_sign_and_words_for_every_camera(
    staff: FlaskClient, agents: list[CameraAgent], scene: Scene
) -> None:
    room = staff.get(base(scene)).text
    signs = re.findall(
        r'class="seat-camera" data-camera="(\w+)"><title>([^<]+)</title><use href="#camera-(\w+)"', room
    )
    assert signs == [
        ("no_identity", "不能比对人脸", "no_identity"),
        ("manual", "人工核验", "manual"),
        ("none", "没有摄像头", "none"),
        ("none", "没有摄像头", "none"),
    ]
    for word, _title, _href in signs:
        assert f'<symbol id="camera-{word}"' in room
    assert "摄像头异常" in room


# --- the record ----------------------------------------------------------------------------------------


def test_the_record_tells_everything_in_the_order_of_time(
    staff: FlaskClient, agent: CameraAgent, scene: Scene, machine: Machine
) -> None:
    data = jpeg(1)
    first = raised(agent, (data,), scores={"similarity": 0.1234, "frames": 5.0}, kind="FACE_MISMATCH")
    agent.picture(data)
    machine.advance(seconds=30)
    raised(agent, kind="DARK", episode="beefbeef")
    scene.write(incidents.handle, scene.invigilator, first, Handling("recorded", "document checked"))
    staff.post(f"{seat(scene)}/warn", data={"text": "请安静"}, headers=HX)
    record = page(staff.get(f"{base(scene)}/incidents"))
    assert record.index("人脸与登记不一致") < record.index("光线过暗")
    for words in ("相似度 0.12", "比对画面数 5", "detector 1", "document checked", "没有人处理", "请安静"):
        assert words in record
    assert scene.invigilator.name in record
    assert 'loading="lazy"' in record
    printed = staff.get(f"{base(scene)}/incidents?print=1").text
    assert 'loading="lazy"' not in printed
    assert f'src="{base(scene)}/frames/' in printed


def test_the_record_of_one_seat(staff: FlaskClient, agent: CameraAgent, scene: Scene) -> None:
    raised(agent)
    assert "座位无人" in staff.get(f"{base(scene)}/incidents?seat=1").text
    other = staff.get(f"{base(scene)}/incidents?seat=2").text
    assert "座位无人" not in other
    assert "没有告警" in other


def test_random_captures_with_what_was_seen_and_the_second_look(
    staff: FlaskClient, agent: CameraAgent, scene: Scene
) -> None:
    data = jpeg(3)
    told = note(similarity=0.62, likeness="match")
    agent.taken(Route.CAPTURE, agent.capture(0, note=told, frame=agent.frame(data)))
    agent.taken(Route.CAPTURE, agent.capture(1))
    agent.picture(data)
    shown = page(staff.get(f"{base(scene)}/incidents"))
    assert "1 人，画面清晰，与登记一致（相似度 0.62）" in shown
    assert "未拍到 1 张" in shown

    def look_again(session) -> int:
        row = session.query(captures.Capture).filter_by(number=0).one()
        row.recheck = "due"
        return row.id

    capture = scene.host.db.write(look_again)
    scene.write(captures.settle_recheck, capture, note(persons=2, faces=2))
    shown = page(staff.get(f"{base(scene)}/incidents"))
    assert "复核不符（2 人，画面清晰）" in shown
    assert "抓拍复核结果不符" in shown
    assert "复核所见" in shown
    side = staff.get(f"{base(scene)}/side").text
    assert f"/frames/{frames(scene)[0].id}" in side  # the incident shows the capture's own picture


def test_every_act_about_cameras_has_words() -> None:
    assert ACTS.keys() >= {"seat_looked_at", "frame_viewed", "enrolled", "enrolment_again", "captures_drawn"}
    assert ACTS.keys() >= {"candidate_warned", "warning_read", "evidence_purged", "cameras_overruled"}
