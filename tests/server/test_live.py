"""The sockets: whole states to seats, changed cards to monitors, nothing to strangers."""

import time
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio import SocketIO, SocketIOTestClient

from exam_rooms.protocol import NAMESPACE_MONITOR, NAMESPACE_SEAT, SeatState, Step
from exam_rooms.wire import decode
from server.access import Actor
from server.app import create_socketio
from server.db.sittings import LinkGapRow
from server.events import SeatChanged
from server.host import Host
from server.live import seat
from server.live.seat import SeatSockets
from server.live.watch import Watch
from server.services import commands, link_gaps, pairing
from server.services.delivery import delivery_of
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def socketio(app: Flask) -> SocketIO:
    return create_socketio(app)


@pytest.fixture
def agent(app: Flask, socketio: SocketIO, scene: Scene) -> TestAgent:
    made = TestAgent(app, scene, "1")
    made.open_session()
    return made


@pytest.fixture
def connect(app: Flask, socketio: SocketIO) -> Callable[..., SocketIOTestClient]:
    """`connect(namespace, auth, browser)`: a socket, perhaps refused."""

    def made(namespace: str, auth: object, browser: FlaskClient | None = None) -> SocketIOTestClient:
        return SocketIOTestClient(app, socketio, namespace=namespace, auth=auth, flask_test_client=browser)

    return made


def states(socket: SocketIOTestClient) -> list[SeatState]:
    return [decode(SeatState, event["args"][0]) for event in socket.get_received(NAMESPACE_SEAT)]


def told(socket: SocketIOTestClient) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {"room": [], "seats": [], "activity": [], "server": []}
    for event in socket.get_received(NAMESPACE_MONITOR):
        found[event["name"]].append(event["args"][0])
    return found


# --- seats -------------------------------------------------------------------------------------------


def test_whoever_starts_a_room_waits_until_its_seats_were_told(
    agent: TestAgent,
    scene: Scene,
    connect: Callable[..., SocketIOTestClient],
    socketio: SocketIO,
    machine: Machine,
    sign_in: Callable[[Actor], FlaskClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent.enter()
    machine.advance(minutes=10)
    browser, delivery = sign_in(scene.chief), delivery_of(scene.host)
    socket = connect(NAMESPACE_SEAT, {"token": agent.token})
    sockets: SeatSockets = socketio.server.namespace_handlers[NAMESPACE_SEAT]
    monkeypatch.setattr(seat, "under_gevent", lambda: True)  # there a greenlet of its own pushes
    seen = []

    def waits(seconds: float) -> bool:
        states(socket)
        seen.append((scene.room_row().state, seconds > 0, delivery.told.is_set()))
        sockets.push()
        seen.append((states(socket)[-1].step, delivery.told.is_set()))
        return True

    monkeypatch.setattr(delivery.told, "wait", waits)
    present = [str(member.user_id) for member in scene.staff]
    browser.post(f"/monitor/{scene.room_sitting}/start", data={"present": present})
    assert seen == [("running", True, False), (Step.ANSWERING, True)]


def test_a_push_that_fails_keeps_nobody_waiting(
    agent: TestAgent,
    scene: Scene,
    connect: Callable[..., SocketIOTestClient],
    socketio: SocketIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connect(NAMESPACE_SEAT, {"token": agent.token})
    sockets: SeatSockets = socketio.server.namespace_handlers[NAMESPACE_SEAT]
    monkeypatch.setattr(seat, "under_gevent", lambda: True)
    scene.host.events.publish([SeatChanged(scene.room_sitting, scene.seats["1"])])
    assert not sockets.delivery.told.is_set()
    monkeypatch.setattr(sockets, "emit", lambda *_args, **_named: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sockets.push()
    assert sockets.delivery.told.is_set()


def test_a_seat_hears_its_state_at_once_and_at_every_change(
    agent: TestAgent, scene: Scene, connect: Callable[..., SocketIOTestClient], machine: Machine
) -> None:
    socket = connect(NAMESPACE_SEAT, {"token": agent.token})
    assert [state.step for state in states(socket)] == [Step.SIGN_IN]
    agent.sign_in()
    assert states(socket)[-1].step is Step.IDENTIFIED
    scene.write(commands.admit, scene.invigilator, scene.attempts["1"])
    assert states(socket)[-1].step is Step.ADMITTED
    machine.advance(minutes=10)
    scene.start()
    assert states(socket)[-1].started_at == machine.wall


def test_a_seat_hears_nothing_of_other_seats_and_of_its_own_answers(
    app: Flask, agent: TestAgent, scene: Scene, connect: Callable[..., SocketIOTestClient], machine: Machine
) -> None:
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    socket = connect(NAMESPACE_SEAT, {"token": agent.token})
    states(socket)
    agent.answer(1)
    agent.sent()
    TestAgent(app, scene, "2").enter()
    assert states(socket) == []


@pytest.mark.parametrize("auth", [None, {}, {"token": ""}, {"token": "forged"}, "text", {"token": 5}])
def test_a_socket_needs_a_token(connect: Callable[..., SocketIOTestClient], auth: object) -> None:
    assert not connect(NAMESPACE_SEAT, auth).is_connected(NAMESPACE_SEAT)


def test_a_released_workstation_loses_its_socket(
    agent: TestAgent, scene: Scene, connect: Callable[..., SocketIOTestClient]
) -> None:
    socket = connect(NAMESPACE_SEAT, {"token": agent.token})
    scene.write(pairing.release, scene.signed(), scene.seats["1"])
    assert not socket.is_connected(NAMESPACE_SEAT)


@pytest.mark.both_stores
def test_losing_the_socket_is_a_gap_until_the_next_word(
    agent: TestAgent,
    scene: Scene,
    connect: Callable[..., SocketIOTestClient],
    machine: Machine,
    host: Host,
) -> None:
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    socket = connect(NAMESPACE_SEAT, {"token": agent.token})
    agent.beat()
    machine.advance(seconds=4)
    socket.disconnect(NAMESPACE_SEAT)
    assert not host.presence.of(scene.workstations["1"]).linked
    machine.advance(seconds=6)
    agent.beat()
    assert host.presence.of(scene.workstations["1"]).linked
    with host.db.read() as session:
        gap = session.query(LinkGapRow).one()
        assert (gap.back_at - gap.lost_at).total_seconds() == 10
        assert gap.boot_id == "boot-1"


def test_a_second_socket_of_the_same_workstation_keeps_the_line(
    agent: TestAgent, scene: Scene, connect: Callable[..., SocketIOTestClient], host: Host
) -> None:
    first = connect(NAMESPACE_SEAT, {"token": agent.token})
    connect(NAMESPACE_SEAT, {"token": agent.token})
    first.disconnect(NAMESPACE_SEAT)
    assert host.presence.of(scene.workstations["1"]).linked


@pytest.mark.both_stores
def test_after_a_crash_of_the_server_its_absence_is_a_gap(
    agent: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.beat()
    agent.open_journal()
    watch = Watch(host)
    watch.tick()
    watch.tick()
    last_look = machine.wall
    machine.advance(minutes=3)
    host.db.write(link_gaps.gaps_after_restart, now=host.now())
    with host.db.read() as session:
        gap = session.query(LinkGapRow).one()
        assert (gap.lost_at, gap.back_at, gap.boot_id) == (last_look, None, "boot-1")


# --- monitors ----------------------------------------------------------------------------------------


@pytest.fixture
def monitor(
    scene: Scene, sign_in: Callable[[Actor], FlaskClient], connect: Callable[..., SocketIOTestClient]
) -> SocketIOTestClient:
    return connect(NAMESPACE_MONITOR, {"room": scene.room_sitting}, sign_in(scene.invigilator))


def test_a_monitor_gets_the_whole_room_first(monitor: SocketIOTestClient, scene: Scene) -> None:
    first = told(monitor)
    assert [cell["number"] for cell in first["seats"][0]] == ["1", "2", "3", "4"]
    assert first["room"][0]["counts"]["expected"] == 3
    assert first["room"][0]["next_step"] == "start"


def test_changes_reach_the_monitor_with_the_time_of_their_cause(
    agent: TestAgent, monitor: SocketIOTestClient, scene: Scene, machine: Machine
) -> None:
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    told(monitor)
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    agent.answer(1)
    agent.sent()
    cells = told(monitor)["seats"][-1]
    assert [(cell["number"], cell["answered"]) for cell in cells] == [("1", 1)]
    assert before <= cells[0]["changed_ns"] <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    agent.beat(waiting=4)
    assert told(monitor)["seats"][-1][0]["waiting"] == 4


def test_acts_and_incidents_are_lines_of_the_list(
    agent: TestAgent, monitor: SocketIOTestClient, scene: Scene
) -> None:
    agent.sign_in("2")
    lines = told(monitor)["activity"]
    assert lines[-1]["code"] == "incident_wrong_seat_sign_in"
    assert lines[-1]["params"] == {"seat": "2"} or lines[-1]["seat"] == scene.seats["1"]
    agent.enter()
    codes = [line["code"] for line in told(monitor)["activity"]]
    assert codes[:2] == ["line_signed_in", "line_admitted"]


def test_what_a_monitor_is_told_holds_no_id_number(
    agent: TestAgent, monitor: SocketIOTestClient, scene: Scene
) -> None:
    agent.enter()
    assert "110101" not in repr(told(monitor))


@pytest.mark.parametrize("role", ["bank_keeper", "custodian", "auditor"])
def test_others_get_no_monitor(
    scene: Scene,
    client_as: Callable[..., FlaskClient],
    connect: Callable[..., SocketIOTestClient],
    role: str,
) -> None:
    socket = connect(NAMESPACE_MONITOR, {"room": scene.room_sitting}, client_as(role))
    assert not socket.is_connected(NAMESPACE_MONITOR)


@pytest.mark.parametrize("auth", [None, {}, {"room": 999}, {"room": "1"}])
def test_a_monitor_needs_a_room(
    scene: Scene,
    sign_in: Callable[[Actor], FlaskClient],
    connect: Callable[..., SocketIOTestClient],
    auth: object,
) -> None:
    assert not connect(NAMESPACE_MONITOR, auth, sign_in(scene.invigilator)).is_connected(NAMESPACE_MONITOR)


def test_nobody_signed_in_gets_no_monitor(
    app: Flask, scene: Scene, connect: Callable[..., SocketIOTestClient]
) -> None:
    socket = connect(NAMESPACE_MONITOR, {"room": scene.room_sitting}, app.test_client())
    assert not socket.is_connected(NAMESPACE_MONITOR)


def test_a_room_nobody_looks_at_costs_nothing(
    monitor: SocketIOTestClient, agent: TestAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.services import monitoring

    monitor.disconnect(NAMESPACE_MONITOR)
    monkeypatch.setattr(monitoring, "seat_cards", lambda *_: pytest.fail("built cards for nobody"))
    agent.enter()
