"""The monitor's pages: the map in its geometry, counts, the next step, the drawer and its acts."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.protocol import RecordKind
from server.access import Actor
from server.host import Host
from server.live.watch import Watch
from server.services import commands, incidents, monitoring
from tests.server.agent_kit import TestAgent
from tests.server.conftest import PASSWORD, Machine
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def staff(scene: Scene, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    """An invigilator's browser."""
    return sign_in(scene.invigilator)


@pytest.fixture
def agent(app: Flask, scene: Scene) -> TestAgent:
    made = TestAgent(app, scene, "1")
    made.open_session()
    return made


def board(scene: Scene) -> monitoring.RoomBoard:
    host = scene.host
    with host.db.read() as session:
        cards = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)
        return monitoring.board(session, scene.room_sitting, cards, now=host.now())


def cosigned(scene: Scene, **values: str) -> dict[str, str]:
    return {"cosign_username": scene.chief.name, "cosign_password": PASSWORD, "reason": "why", **values}


HX = {"HX-Request": "true"}


def test_the_map_shows_every_seat_with_its_state_in_words(staff: FlaskClient, scene: Scene) -> None:
    page = staff.get(f"/monitor/{scene.room_sitting}").text
    for seat in scene.seats.values():
        assert f'id="seat-{seat}"' in page
    for words in ("考生1", "未到", "备用"):
        assert words in page
    assert 'data-state="empty"' in page
    assert "style=" not in page
    assert "<script>" not in page


@pytest.mark.dear
@pytest.mark.both_stores
def test_counts_and_next_step_through_a_sitting(
    app: Flask, agent: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    assert (board(scene).next_step, board(scene).phase, board(scene).counts.expected) == ("start", "entry", 3)
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    agent.answer(1)
    agent.answer(2)
    agent.sent()
    seen = board(scene)
    assert (seen.next_step, seen.counts.present, seen.counts.answering) == ("end", 1, 1)
    with host.db.read() as session:
        card = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)[0]
    assert (card.answered, card.total, card.link) == (2, 5, "up")
    machine.advance(minutes=31)
    agent.write(RecordKind.SUBMIT)
    agent.sent()
    Watch(host).tick()
    seen = board(scene)
    assert (seen.counts.submitted, seen.counts.absent, seen.counts.answering) == (1, 2, 0)
    scene.write(commands.end_room, scene.room_sitting, scene.signed())
    assert board(scene).next_step == "collect"
    agent.state()
    agent.beat()
    Watch(host).tick()
    assert board(scene).next_step == "mark"


def test_a_lost_link_is_seen_and_told(agent: TestAgent, scene: Scene, machine: Machine, host: Host) -> None:
    agent.enter()
    watch = Watch(host)
    machine.advance(seconds=9)
    watch.tick()
    assert board(scene).counts.lost == 1
    assert board(scene).counts.alerts == 0
    machine.advance(seconds=2)
    watch.tick()
    assert board(scene).counts.alerts == 1
    agent.beat()
    assert (board(scene).counts.lost, board(scene).counts.alerts) == (0, 0)


def test_a_clock_step_is_told_once_and_moves_nothing(
    agent: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    deadline = agent.state().deadline
    watch = Watch(host)
    machine.step_wall(seconds=2)
    watch.tick()
    assert board(scene).counts.alerts == 0
    machine.step_wall(seconds=1)
    watch.tick()
    watch.tick()
    with host.db.read() as session:
        (row,) = incidents.open_incidents(session, scene.room_sitting)
        assert (row.kind, row.details) == ("CLOCK_STEP", {"count": 1, "seconds": "+3.0"})
    assert agent.state().deadline == deadline
    machine.advance(minutes=90)
    watch.tick()
    assert agent.state().step == "answering"  # the steady clock stands at the deadline, grace not over
    machine.advance(seconds=6)
    watch.tick()
    assert agent.state().step == "time_over"


# --- pages and acts ----------------------------------------------------------------------------------


def test_admitting_from_the_drawer(staff: FlaskClient, agent: TestAgent, scene: Scene) -> None:
    agent.sign_in()
    drawer = f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}"
    shown = staff.get(drawer).text
    assert "允许入场" in shown
    assert "考生1" in shown
    assert "11010119900307109X" not in shown
    assert staff.get(f"{drawer}/photo").data == b"\xff\xd8photo"
    assert "待核验身份" in staff.get(f"/monitor/{scene.room_sitting}/side").text
    answer = staff.post(f"{drawer}/admit", headers=HX)
    assert "已执行" in answer.text
    assert scene.attempt("1").state == "admitted"
    again = staff.post(f"{drawer}/admit", headers=HX)
    assert again.status_code == 200
    assert 'role="alert"' in again.text


def test_starting_with_too_few_invigilators_says_so(
    staff: FlaskClient, scene: Scene, machine: Machine
) -> None:
    machine.advance(minutes=10)
    page = f"/monitor/{scene.room_sitting}"
    dialog = staff.get(f"{page}/start", headers=HX).text
    assert "<html" not in dialog
    assert dialog.count('name="present"') == 2
    assert "<html" in staff.get(f"{page}/start").text
    staff.post(f"{page}/start", data={"present": [str(scene.staff[0].user_id)]})
    assert scene.room_row().state == "released"
    assert '<div role="status"><ul class="flash-list"><li' in staff.get(page).text  # a list stays a list
    staff.post(f"{page}/start", data={"present": [str(actor.user_id) for actor in scene.staff]})
    assert scene.room_row().state == "running"


@pytest.mark.dear
def test_acts_with_the_chiefs_signature(
    staff: FlaskClient, agent: TestAgent, scene: Scene, machine: Machine
) -> None:
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    page = f"/monitor/{scene.room_sitting}"
    drawer = f"{page}/seats/{scene.seats['1']}"
    once = {"minutes": "5", "once": "0" * 32}
    refused = staff.post(f"{drawer}/add_time", data={**once, "reason": "x"}, headers=HX)
    assert 'role="alert"' in refused.text
    wrong = cosigned(scene, **once, cosign_password="no")
    assert 'role="alert"' in staff.post(f"{drawer}/add_time", data=wrong, headers=HX).text
    assert scene.attempt("1").credit_minutes == 0
    assert "已执行" in staff.post(f"{drawer}/add_time", data=cosigned(scene, **once), headers=HX).text
    assert scene.attempt("1").credit_minutes == 5
    staff.post(f"{page}/time", data=cosigned(scene, minutes="2.5", once="1" * 32))
    assert agent.state().credit_minutes == 7.5
    staff.post(f"{drawer}/end", data=cosigned(scene), headers=HX)
    assert scene.attempt("1").state == "ended"
    staff.post(f"{drawer}/resume", data=cosigned(scene), headers=HX)
    assert scene.attempt("1").state == "answering"
    moved = staff.post(f"{drawer}/move", data={"seat": str(scene.seats["4"]), "reason": "x"}, headers=HX)
    assert "4 号座位" in moved.text
    assert "仍在考试" in staff.get(f"{page}/end", headers=HX).text
    staff.post(f"{page}/end", data=cosigned(scene))
    assert scene.room_row().state == "ended"


def test_closing_a_seat_that_is_gone_is_for_the_chief(
    staff: FlaskClient,
    agent: TestAgent,
    scene: Scene,
    machine: Machine,
    sign_in: Callable[[Actor], FlaskClient],
) -> None:
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    scene.write(commands.end_room, scene.room_sitting, scene.signed())
    drawer = f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}"
    assert "按已收到的收卷" not in staff.get(drawer).text
    staff.post(f"{drawer}/close_missing", data={"reason": "gone"}, headers=HX)
    assert scene.attempt("1").collected_at is None
    chief = sign_in(scene.chief)
    assert "按已收到的收卷" in chief.get(drawer).text
    chief.post(f"{drawer}/close_missing", data={"reason": "gone"}, headers=HX)
    assert scene.attempt("1").collected_at is not None


def test_handling_an_incident(staff: FlaskClient, agent: TestAgent, scene: Scene) -> None:
    agent.sign_in("2")
    with scene.host.db.read() as session:
        (row,) = incidents.open_incidents(session, scene.room_sitting)
    page = f"/monitor/{scene.room_sitting}/incidents/{row.id}"
    assert "坐错座位登录" in staff.get(f"/monitor/{scene.room_sitting}/side").text
    seat = str(scene.seats["1"])
    refused = staff.post(page, data={"outcome": "dismissed", "seat": seat}, headers=HX)
    assert 'role="alert"' in refused.text
    staff.post(page, data={"outcome": "acknowledged", "seat": seat}, headers=HX)
    assert board(scene).counts.alerts == 1
    staff.post(page, data={"outcome": "dismissed", "note": "family names mixed up", "seat": seat}, headers=HX)
    assert board(scene).counts.alerts == 0
    assert "坐错座位" not in staff.get(f"/monitor/{scene.room_sitting}/side").text.split("全部动态")[0]


@pytest.mark.parametrize("role", ["bank_keeper", "custodian", "auditor"])
def test_the_monitor_is_not_for_everybody(
    scene: Scene, client_as: Callable[..., FlaskClient], role: str
) -> None:
    browser = client_as(role)
    page = f"/monitor/{scene.room_sitting}"
    seat = scene.seats["1"]
    for path in ("/monitor", page, f"{page}/side", f"{page}/bar", f"{page}/start", f"{page}/seats/{seat}"):
        assert browser.get(path).status_code == 403
    for path in ("start", "end", "time", f"seats/{seat}/admit", "incidents/1"):
        assert browser.post(f"{page}/{path}").status_code == 403


def test_an_administrator_may_look_but_not_act(
    scene: Scene, agent: TestAgent, client_as: Callable[..., FlaskClient]
) -> None:
    agent.sign_in()
    browser = client_as("administrator")
    drawer = f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}"
    assert "允许入场" not in browser.get(drawer).text
    browser.post(f"{drawer}/admit", headers=HX)
    assert scene.attempt("1").state == "identified"


def test_all_rooms_as_tiles(staff: FlaskClient, scene: Scene) -> None:
    assert f'href="/monitor/{scene.room_sitting}"' in staff.get("/monitor").text


def test_every_line_of_the_list_has_words(
    staff: FlaskClient, agent: TestAgent, scene: Scene, machine: Machine
) -> None:
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    assert "line_" not in staff.get(f"/monitor/{scene.room_sitting}/side").text


def test_unknown_rooms_and_seats(staff: FlaskClient, scene: Scene) -> None:
    for path in ("/monitor/999", "/monitor/999/bar", "/monitor/999/side", "/monitor/999/seats/1"):
        assert staff.get(path).status_code == 404
    assert staff.get(f"/monitor/{scene.room_sitting}/seats/999").status_code == 404
    answer = staff.post(f"/monitor/{scene.room_sitting}/seats/{scene.seats['4']}/admit", headers=HX)
    assert 'role="alert"' in answer.text
