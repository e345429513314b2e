"""Pictures, drawer and warnings of a watched room, as staff see them."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.protocol import Route
from exam_rooms.watch_messages import WarningReadRequest
from server.access import Actor
from server.db.sittings import Incident
from server.db.watching import CandidateWarning, EvidenceFrame
from server.host import Host
from server.web import watching
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.desk import page, said
from tests.server.smart_kit import CameraAgent, answering, equip, jpeg
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


# --- pictures ----------------------------------------------------------------------------------------


def test_a_picture_is_shown_to_staff_and_noted_once(
    staff: FlaskClient, agent: CameraAgent, scene: Scene
) -> None:
    data = jpeg(1)
    raised(agent, (data,))
    (row,) = frames(scene)
    url = f"{base(scene)}/frames/{row.id}"
    assert staff.get(url).status_code == 404  # announced, not received
    assert agent.picture(data).status_code == 200
    for _ in range(2):
        answer = staff.get(url)
        assert (answer.data, answer.mimetype) == (data, "image/jpeg")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    (told,) = acts(scene, "frame_viewed")
    assert (told.actor_id, told.object) == (scene.invigilator.user_id, f"frame/{row.id}")


def test_pictures_of_another_room_are_not_found(
    staff: FlaskClient, agent: CameraAgent, scene: Scene, client_as: Callable[..., FlaskClient]
) -> None:
    data = jpeg(1)
    incident = raised(agent, (data,))
    agent.picture(data)
    (row,) = frames(scene)
    for path in (f"frames/{row.id}", f"incidents/{incident}/frames", f"incidents/{incident}/dismiss"):
        assert staff.get(f"/monitor/999/{path}").status_code == 404
        assert client_as("auditor").get(f"{base(scene)}/{path}").status_code == 403
    assert staff.get(f"{base(scene)}/frames/999").status_code == 404
    answer = staff.post(f"/monitor/999/incidents/{incident}", data={"outcome": "acknowledged"})
    assert answer.status_code == 404
    assert acts(scene, "frame_viewed") == []


def test_pictures_of_an_incident_are_small_links_and_placeholders(
    staff: FlaskClient, agent: CameraAgent, scene: Scene, machine: Machine
) -> None:
    first, second, third = jpeg(1), jpeg(2), jpeg(3)
    incident = raised(agent, (first, second, third))
    agent.picture(second)
    strip = f"{base(scene)}/incidents/{incident}/frames"
    shown = staff.get(strip).text
    assert [words for words in ("之前", "当时", "之后") if words in shown] == ["之前", "当时", "之后"]
    assert shown.count("data-picture") == 1
    assert shown.count("画面尚未收到") == 2
    assert 'hx-trigger="every 2s"' in shown  # asks again while pictures are on their way
    machine.advance(minutes=4)
    assert "hx-trigger" not in staff.get(strip).text  # but not for ever
    agent.picture(first)
    agent.picture(third)
    assert staff.get(strip).text.count("data-picture") == 3

    def purge(session) -> None:
        session.get_one(EvidenceFrame, frames(scene)[0].id).file = ""

    scene.host.db.write(purge)
    assert "画面已删除" in staff.get(strip).text


def test_the_side_shows_what_waits_with_a_picture_and_who_decides(
    staff: FlaskClient, agent: CameraAgent, scene: Scene, machine: Machine
) -> None:
    data = jpeg(1)
    raised(agent, (jpeg(9), data))
    side = staff.get(f"{base(scene)}/side").text
    assert "座位无人" in side
    assert "画面尚未收到" in side
    assert 'hx-trigger="load delay:2s"' in side
    agent.picture(data)
    side = staff.get(f"{base(scene)}/side").text
    assert f'data-src="{base(scene)}/frames/{frames(scene)[1].id}"' in side
    assert "如何处理由监考员决定" in side
    assert "作弊" not in side
    for words in ("已知晓", "警告", "不属实", "记录"):
        assert words in side
    assert 'class="alert-card act"' in side
    ended = agent.alert(closed=True, since_ns=agent.boot_ns())
    machine.advance(seconds=1)
    agent.taken(Route.ALERT, ended)
    side = staff.get(f"{base(scene)}/side").text
    assert "持续 8 秒，已恢复" in side  # an alert that is over waits on, more calmly
    assert 'class="alert-card act"' not in side


def test_worst_comes_first_and_what_is_over_last(
    staff: FlaskClient, agent: CameraAgent, scene: Scene
) -> None:
    kinds = {"MULTI_FACE": "a1", "DARK": "b2", "FACE_MISMATCH": "c3"}
    for kind, episode in kinds.items():
        agent.taken(Route.ALERT, agent.alert(kind=kind, episode=episode * 8))
    agent.taken(
        Route.ALERT, agent.alert(kind="MULTI_FACE", episode="a1" * 8, closed=True, since_ns=agent.boot_ns())
    )
    side = staff.get(f"{base(scene)}/side").text.split("全部动态")[0]
    places = [side.index(words) for words in ("人脸与登记不一致", "光线过暗", "出现多人")]
    assert places == sorted(places)


def test_alerts_are_lines_of_the_list(staff: FlaskClient, agent: CameraAgent, scene: Scene) -> None:
    raised(agent)
    staff.post(f"{seat(scene)}/warn", data={"preset": "请坐正"}, headers=HX)
    data = jpeg(5)
    raised(agent, (data,), kind="MULTI_FACE", episode="feedfeed")
    agent.picture(data)
    staff.get(f"{base(scene)}/frames/{frames(scene)[0].id}")
    lines = page(staff.get(f"{base(scene)}/side")).split("全部动态")[1]
    assert said("incident_no_face", seat="1") in lines
    assert said("line_candidate_warned", seat="1", actor=scene.invigilator.name, text="请坐正") in lines
    assert "line_" not in lines
    assert "frame_viewed" not in lines  # looking is on the record, and no news of the room


# --- the drawer ----------------------------------------------------------------------------------------


def test_the_drawer_of_a_watched_seat(staff: FlaskClient, agent: CameraAgent, scene: Scene) -> None:
    assert "尚未采集" in staff.get(seat(scene)).text
    assert "不能比对人脸" in staff.get(seat(scene)).text
    agent.taken(Route.ENROLMENT, agent.enrolment(likeness="unsure", similarity=0.42))
    drawer = staff.get(seat(scene)).text
    for words in ("摄像头工作中", "存疑", "相似度 0.42", "查看画面", "重新采集", "入场比对存疑"):
        assert words in drawer
    assert f'data-look="{scene.seats["1"]}"' in drawer


def test_the_drawer_of_who_refused_offers_no_look(
    staff: FlaskClient, agents: list[CameraAgent], scene: Scene
) -> None:
    drawer = staff.get(seat(scene, "2")).text
    assert "人工核验" in drawer
    assert "data-look" not in drawer
    assert "重新采集" not in drawer
    assert "在考生屏幕上警告" in drawer


def test_the_drawer_tells_what_cannot_be_checked(
    staff: FlaskClient, agent: CameraAgent, scene: Scene
) -> None:
    agent.beat(camera=replace(LIVE, unavailable=("detect", "verify")))
    drawer = staff.get(seat(scene)).text
    assert "无法检测" in drawer
    assert "人脸检测" in drawer
    assert "人脸比对" in drawer
    assert "摄像头工作中" not in drawer


def test_enrolling_again_from_the_drawer(staff: FlaskClient, agent: CameraAgent, scene: Scene) -> None:
    refused = staff.post(f"{seat(scene)}/enrol", headers=HX)
    assert 'role="alert"' in refused.text
    agent.taken(Route.ENROLMENT, agent.enrolment())
    assert "已执行" in staff.post(f"{seat(scene)}/enrol", headers=HX).text
    assert agent.state().watch.enrol
    assert staff.post(f"{seat(scene)}/enrol").status_code == 302


# --- warnings ------------------------------------------------------------------------------------------


def test_warning_a_candidate_about_an_incident(
    staff: FlaskClient, agent: CameraAgent, scene: Scene, machine: Machine
) -> None:
    incident = raised(agent)
    dialog = staff.get(f"{seat(scene)}/warn?incident={incident}", headers=HX).text
    assert "<html" not in dialog
    first = re.search(r'name="preset" value="([^"]+)" checked', dialog)
    assert first is not None
    assert "座位" in first[1]  # what fits an empty seat comes first
    answer = staff.post(
        f"{seat(scene)}/warn", data={"preset": first[1], "incident": str(incident)}, headers=HX
    )
    assert "已执行" in answer.text
    assert "考生尚未读" in answer.text
    (shown,) = agent.state().warnings
    assert shown.text == first[1]
    with scene.host.db.read() as session:
        assert session.get_one(Incident, incident).state == "acknowledged"
    machine.advance(seconds=5)
    agent.post(Route.WARNING_READ, WarningReadRequest(shown.warning))
    assert "考生已读" in staff.get(seat(scene)).text
    record = staff.get(f"{base(scene)}/incidents").text
    assert first[1] in record
    assert "考生已读" in record


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"preset": "请坐正", "text": "  "}, "请坐正"),
        ({"preset": "请坐正", "text": "请把手机交给监考员"}, "请把手机交给监考员"),
        ({"preset": "", "text": "请安静"}, "请安静"),
        ({"preset": "", "text": ""}, None),
        ({}, None),
        ({"text": "长" * 201}, None),
    ],
)
def test_own_words_come_before_the_preset(
    staff: FlaskClient, agent: CameraAgent, scene: Scene, form: dict[str, str], text: str | None
) -> None:
    answer = staff.post(f"{seat(scene)}/warn", data=form, headers=HX)
    assert answer.status_code == 200
    assert ('role="alert"' in answer.text) == (text is None)
    with scene.host.db.read() as session:
        assert [row.text for row in session.query(CandidateWarning)] == ([text] if text else [])


def test_the_words_for_the_candidate_stay_chinese_on_english_screens(
    staff: FlaskClient, agent: CameraAgent, scene: Scene
) -> None:
    staff.set_cookie("language", "en")
    dialog = page(staff.get(f"{seat(scene)}/warn", headers=HX))
    for _kind, text in watching.SENTENCES:
        assert f'value="{text}"' in dialog
    glosses = re.findall(r"<br><span class=\"muted\">([^<]+)</span>", dialog)
    assert len(glosses) == len(watching.SENTENCES)
    assert all(gloss.isascii() for gloss in glosses)


def test_a_free_seat_cannot_be_warned(staff: FlaskClient, agent: CameraAgent, scene: Scene) -> None:
    for answer in (staff.get(f"{seat(scene, '4')}/warn"), staff.post(f"{seat(scene, '4')}/warn")):
        assert answer.status_code == 404
    assert 'role="alert"' in staff.post(f"{seat(scene, '3')}/warn", data={"text": "x"}, headers=HX).text


def test_a_dialog_asks_why_an_alert_was_none(staff: FlaskClient, agent: CameraAgent, scene: Scene) -> None:
    incident = raised(agent)
    dialog = staff.get(f"{base(scene)}/incidents/{incident}/dismiss", headers=HX).text
    assert 'value="dismissed"' in dialog
    assert 'name="note" required' in dialog
    form = {"outcome": "dismissed", "note": "picked up a pen"}
    staff.post(f"{base(scene)}/incidents/{incident}", data=form, headers=HX)
    with scene.host.db.read() as session:
        row = session.get_one(Incident, incident)
    assert (row.state, row.note) == ("dismissed", "picked up a pen")
