"""The raised hand: from every step after the sign-in, seen at once by the room, lowered by either side."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio import SocketIOTestClient
from werkzeug.test import TestResponse

from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import CallRequest
from exam_rooms.protocol import NAMESPACE_MONITOR, AcceptRequest, ConfirmRequest, RecordKind, Route
from server.access import Actor
from server.app import create_socketio
from server.db.record import AuditEntry
from server.db.sittings import Incident
from server.errors import Refused
from server.host import Host
from server.services import calls, commands, incidents, monitoring
from server.services.incidents import Handling
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene

HX = {"HX-Request": "true"}


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agent(app: Flask, scene: Scene) -> TestAgent:
    made = TestAgent(app, scene, "1")
    made.open_session()
    return made


@pytest.fixture
def staff(scene: Scene, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(scene.invigilator)


def hand(agent: TestAgent, reason: str = "", *, up: bool = True) -> TestResponse:
    return agent.post(Route.CALL, CallRequest(up, reason))


def card(scene: Scene, seat: str = "1") -> monitoring.SeatCard:
    host, only = scene.host, {scene.seats[seat]}
    with host.db.read() as session:
        return monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting, only)[0]


def raised(scene: Scene) -> list[Incident]:
    with scene.host.db.read() as session:
        return session.query(Incident).filter_by(kind=str(IncidentKind.HAND_RAISED)).all()


def acts(host: Host, *wanted: str) -> list[tuple[str, str]]:
    with host.db.read() as session:
        rows = session.query(AuditEntry).filter(AuditEntry.act.in_(wanted)).order_by(AuditEntry.id)
        return [(row.act, row.actor) for row in rows]


@pytest.mark.both_stores
def test_a_hand_goes_up_and_the_candidate_takes_it_down(
    agent: TestAgent, scene: Scene, host: Host, machine: Machine
) -> None:
    agent.enter()
    before = agent.state()
    answer = hand(agent, "technical")
    assert answer.status_code == 200, answer.text
    shown = agent.state()
    assert (before.hand_raised_at, shown.hand_raised_at) == (None, host.now())
    assert shown.version > before.version
    assert (card(scene).hand_since, card(scene).alert) == (host.now(), "look")
    with host.db.read() as session:
        (row,) = incidents.open_incidents(session, scene.room_sitting)
        assert (row.kind, row.attempt_id, row.details) == (
            "HAND_RAISED",
            scene.attempts["1"],
            {"count": 1, "reason": "technical"},
        )
    machine.advance(seconds=1)
    assert hand(agent, up=False).status_code == 200
    assert hand(agent, up=False).status_code == 200  # once more is no fault and no news
    assert agent.state().hand_raised_at is None
    assert (card(scene).hand_since, card(scene).alert) == (None, "")
    assert [row.state for row in raised(scene)] == ["cleared"]
    assert acts(host, "hand_raised", "hand_lowered") == [
        ("hand_raised", "seat 1"),
        ("hand_lowered", "seat 1"),
    ]


@pytest.mark.dear
def test_an_invigilator_at_the_seat_ends_the_call(
    agent: TestAgent, staff: FlaskClient, scene: Scene, host: Host, machine: Machine
) -> None:
    agent.enter()
    hand(agent, "unwell")
    side = staff.get(f"/monitor/{scene.room_sitting}/side").text
    assert "身体不适" in side
    assert "已到座位" in side
    drawer = f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}"
    assert "已到座位" in staff.get(drawer).text
    machine.advance(seconds=20)
    answer = staff.post(f"{drawer}/answer", data={"from": "drawer"}, headers=HX)
    assert "已执行" in answer.text
    assert agent.state().hand_raised_at is None
    (row,) = raised(scene)
    assert (row.state, row.handled_by) == ("recorded", scene.invigilator.user_id)
    assert "考生等了 20 秒" in staff.get(f"/monitor/{scene.room_sitting}/side").text
    late = staff.post(f"{drawer}/answer", data={"from": "drawer"}, headers=HX).text
    assert "考生没有举手" in late


@pytest.mark.parametrize("outcome", ["acknowledged", "recorded", "dismissed"])
def test_handling_the_alert_in_any_way_lowers_the_hand(agent: TestAgent, scene: Scene, outcome: str) -> None:
    agent.enter()
    hand(agent)
    (row,) = raised(scene)
    scene.write(incidents.handle, scene.invigilator, row.id, Handling(outcome, "note"))
    assert agent.state().hand_raised_at is None
    with scene.host.db.read() as session:
        assert incidents.open_incidents(session, scene.room_sitting) == []


def test_every_step_after_the_sign_in_may_call_and_none_before(
    agent: TestAgent, scene: Scene, machine: Machine
) -> None:
    assert hand(agent).get_json()["code"] == "call_not_now"
    agent.sign_in()

    def calls_now() -> bool:
        machine.advance(seconds=5)
        up, down = hand(agent).status_code, hand(agent, up=False).status_code
        return (up, down) == (200, 200)

    assert calls_now()  # identified
    scene.write(commands.admit, scene.invigilator, scene.attempts["1"])
    assert calls_now()
    agent.post(Route.CONFIRM, ConfirmRequest(True))
    assert calls_now()
    agent.post(Route.ACCEPT, AcceptRequest("2026-11", True))
    assert calls_now()  # ready
    machine.advance(minutes=10)
    scene.start()
    assert calls_now()
    scene.write(commands.end_seat, scene.attempts["1"], scene.signed())
    assert calls_now()  # the work is closed, the person still sits there


def test_calling_again_at_once_is_no_flood(agent: TestAgent, scene: Scene, machine: Machine) -> None:
    agent.enter()
    hand(agent)
    assert hand(agent).status_code == 200  # the same call: nothing happens
    hand(agent, up=False)
    for wait, status in ((0.0, 429), (calls.CALL_SECONDS - 0.1, 429), (0.1, 200)):
        machine.advance(seconds=wait)
        answer = hand(agent)
        assert answer.status_code == status, answer.text
    assert len(acts(scene.host, "hand_raised")) == 2


def test_a_call_soon_after_the_last_one_is_news_with_its_own_age(
    agent: TestAgent, scene: Scene, machine: Machine, app: Flask, staff: FlaskClient
) -> None:
    agent.enter()
    hand(agent)
    hand(agent, up=False)
    machine.advance(seconds=60)
    socket = SocketIOTestClient(
        app,
        create_socketio(app),
        namespace=NAMESPACE_MONITOR,
        auth={"room": scene.room_sitting},
        flask_test_client=staff,
    )
    socket.get_received(NAMESPACE_MONITOR)
    hand(agent, "question")
    told = socket.get_received(NAMESPACE_MONITOR)
    lines = [event["args"][0]["code"] for event in told if event["name"] == "activity"]
    assert lines == ["incident_hand_raised"]
    (row,) = raised(scene)
    assert row.first_at == scene.host.now()
    cells = [cell for event in told if event["name"] == "seats" for cell in event["args"][0]]
    assert cells[-1]["hand_since"] == scene.host.now().isoformat()
    boards = [event["args"][0] for event in told if event["name"] == "room"]
    assert boards[-1]["counts"]["hands"] == 1


def test_another_reason_corrects_the_call(agent: TestAgent, scene: Scene, machine: Machine) -> None:
    agent.enter()
    hand(agent, "question")
    began = agent.state().hand_raised_at
    machine.advance(seconds=10)
    hand(agent, "unwell")
    (row,) = raised(scene)
    assert (row.details["reason"], row.details["count"]) == ("unwell", 1)
    assert agent.state().hand_raised_at == began


def test_a_reason_is_one_of_the_known_ones(agent: TestAgent) -> None:
    agent.enter()
    for reason in ("Question", "<b>", "x" * 100):
        assert hand(agent, reason).get_json()["code"] == "call_reason_unknown"
    assert agent.state().hand_raised_at is None


def test_a_change_of_seat_ends_the_call(agent: TestAgent, scene: Scene) -> None:
    agent.enter()
    hand(agent)
    scene.write(commands.move_seat, scene.attempts["1"], scene.seats["4"], scene.signed())
    assert scene.attempt("1").hand_raised_at is None
    assert [row.state for row in raised(scene)] == ["cleared"]
    assert card(scene, "4").hand_since is None


def test_a_candidate_sent_back_to_the_door_calls_nobody(agent: TestAgent, scene: Scene) -> None:
    agent.sign_in()
    hand(agent)
    scene.write(commands.refuse, scene.attempts["1"], scene.signed())
    assert scene.attempt("1").hand_raised_at is None
    assert [row.state for row in raised(scene)] == ["cleared"]


def test_a_hand_does_not_touch_the_answers(agent: TestAgent, scene: Scene, machine: Machine) -> None:
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    agent.answer(1)
    hand(agent)
    agent.answer(2)
    assert agent.sent().upto == {"1": 3}
    machine.advance(minutes=31)
    agent.write(RecordKind.SUBMIT)
    assert agent.sent().refused == ()
    assert scene.attempt("1").state == "submitted"


def test_an_invigilator_of_another_room_does_not_answer(
    agent: TestAgent, scene: Scene, person_as: Callable[..., Actor]
) -> None:
    agent.enter()
    hand(agent)
    with pytest.raises(Refused, match="not_on_duty"):
        scene.write(calls.answer, person_as("invigilator"), scene.attempts["1"])
    assert scene.attempt("1").hand_raised_at is not None
