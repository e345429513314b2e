"""What the sockets of the monitor are told: deltas of a room, boards of all rooms, and to whom."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio import SocketIO, SocketIOTestClient
from socketio.packet import CONNECT_ERROR, Packet
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.protocol import NAMESPACE_MONITOR
from server.access import Actor
from server.app import create_socketio
from server.bus.bus import Bus
from server.db.people import User
from server.events import SeatChanged
from server.host import Host
from server.live import monitor
from server.live.cards import difference
from server.live.monitor import MonitorSockets
from server.live.watch import Watch
from server.services import monitoring
from server.services.monitoring import SeatCard
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, another_sitting, make_scene
from tests.server.monitor_kit import raised


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def socketio(app: Flask) -> SocketIO:
    return create_socketio(app)


@pytest.fixture
def connect(
    app: Flask, socketio: SocketIO, sign_in: Callable[[Actor], FlaskClient]
) -> Callable[..., SocketIOTestClient]:
    def made(auth: object, who: Actor) -> SocketIOTestClient:
        return SocketIOTestClient(
            app, socketio, namespace=NAMESPACE_MONITOR, auth=auth, flask_test_client=sign_in(who)
        )

    return made


def heard(socket: SocketIOTestClient, name: str) -> list:
    return [event["args"][0] for event in socket.get_received(NAMESPACE_MONITOR) if event["name"] == name]


def test_a_change_brings_what_changed_and_nothing_else(
    app: Flask, scene: Scene, connect: Callable[..., SocketIOTestClient], machine: Machine
) -> None:
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    socket = connect({"room": scene.room_sitting}, scene.invigilator)
    (whole,) = heard(socket, "seats")
    assert set(whole[0]) == {*SeatCard.__slots__, "changed_ns"}
    agent.answer(1)
    agent.sent()
    ((cell,),) = heard(socket, "seats")
    assert set(cell) == {"seat", "number", "answered", "changed_ns"}
    assert cell["answered"] == 1


def test_while_others_cannot_be_heard_cards_are_made_anew_now_and_then_and_people_asked_each_second(
    scene: Scene,
    host: Host,
    connect: Callable[..., SocketIOTestClient],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host.bus.clock = lambda: machine.boot_ns / 1e9
    socket, other = (connect({"room": scene.room_sitting}, who) for who in (scene.invigilator, scene.chief))
    socket.get_received(NAMESPACE_MONITOR)
    made: list[int] = []
    cards = monitoring.seat_cards
    monkeypatch.setattr(monitoring, "seat_cards", lambda *given: (made.append(1), cards(*given))[1])
    monkeypatch.setattr(Bus, "away", True)
    for _ in range(12):
        machine.advance(seconds=1)
        host.bus._forget()
    assert 3 <= len(made) <= 4
    assert socket.get_received(NAMESPACE_MONITOR) == []  # nothing was new
    host.db.write(_closed, scene.chief.user_id)  # by a process that cannot be heard
    host.bus._forget()
    assert not other.is_connected(NAMESPACE_MONITOR) and socket.is_connected(NAMESPACE_MONITOR)
    made.clear()
    monkeypatch.setattr(Bus, "away", False)
    host.bus._forget()
    assert made == [1]


def test_what_could_not_be_sent_while_the_database_was_away_is_sent_afterwards(
    app: Flask, scene: Scene, connect: Callable[..., SocketIOTestClient], machine: Machine, host: Host
) -> None:
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    early = connect({"room": scene.room_sitting}, scene.invigilator)
    early.get_received(NAMESPACE_MONITOR)
    with away(host):
        host.presence.report(scene.workstations["1"], waiting=3)
        with suppress(OperationalError):  # the server's sender catches it
            host.events.publish([SeatChanged(scene.room_sitting, scene.seats["1"])])
    assert early.get_received(NAMESPACE_MONITOR) == []
    host.events.publish([SeatChanged(scene.room_sitting, scene.seats["2"])])
    (cells,) = heard(early, "seats")
    assert {cell["number"]: cell.get("waiting") for cell in cells} == {"1": 3, "2": None}


def test_a_monitor_that_comes_while_the_database_is_away_is_welcomed_afterwards(
    scene: Scene, connect: Callable[..., SocketIOTestClient], socketio: SocketIO, host: Host
) -> None:
    socket = connect({"room": scene.room_sitting}, scene.invigilator)
    socket.get_received(NAMESPACE_MONITOR)
    sockets: MonitorSockets = socketio.server.namespace_handlers[NAMESPACE_MONITOR]
    (sid,) = sockets.viewers
    with away(host):
        sockets.rooms[scene.room_sitting].newcomers.add(sid)
        with pytest.raises(OperationalError):
            sockets.flush()
    assert socket.get_received(NAMESPACE_MONITOR) == []
    sockets.flush()
    assert len(heard(socket, "seats")[0]) == len(scene.seats)


@pytest.mark.parametrize("woken", [True, False], ids=["something changed", "a look at the load"])
def test_nothing_ends_the_sender_of_the_monitors(
    scene: Scene,
    connect: Callable[..., SocketIOTestClient],
    socketio: SocketIO,
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    woken: bool,
) -> None:
    """Every restart of the database had ended it: the monitors of that process stood still for good."""
    connect({"room": scene.room_sitting}, scene.invigilator)
    sockets: MonitorSockets = socketio.server.namespace_handlers[NAMESPACE_MONITOR]
    waits = iter([woken, woken])

    def wait(_seconds: float) -> bool:
        for answer in waits:
            return answer
        raise KeyboardInterrupt

    monkeypatch.setattr(monitor, "AGAIN_SECONDS", 0)
    monkeypatch.setattr(sockets._wake, "wait", wait)
    monkeypatch.setattr(type(host.shipping), "protection", _no_database)
    with pytest.raises(KeyboardInterrupt):
        sockets.run()
    assert list(waits) == []


def test_who_may_look_no_more_is_asked_for_as_soon_as_the_database_is_back(
    scene: Scene, connect: Callable[..., SocketIOTestClient], socketio: SocketIO, host: Host
) -> None:
    sockets: MonitorSockets = socketio.server.namespace_handlers[NAMESPACE_MONITOR]
    socket, other = (connect({"room": scene.room_sitting}, who) for who in (scene.invigilator, scene.chief))
    with away(host), suppress(OperationalError):
        sockets._lost()
    assert sockets.rooms[scene.room_sitting].whole
    host.db.write(_closed, scene.chief.user_id)  # by a process that cannot be heard
    sockets.flush()
    assert not sockets.rooms[scene.room_sitting].whole
    assert not other.is_connected(NAMESPACE_MONITOR) and socket.is_connected(NAMESPACE_MONITOR)


@pytest.mark.parametrize("late", [False, True], ids=["at once", "after it was let in"])
def test_who_connects_while_the_database_is_away_is_told_to_ask_again(
    scene: Scene,
    connect: Callable[..., SocketIOTestClient],
    socketio: SocketIO,
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
    late: bool,
) -> None:
    """The page would wait for an answer for good: a line that is neither let in nor refused never comes back."""
    socket = connect({"room": scene.room_sitting}, scene.invigilator)
    socket.disconnect(NAMESPACE_MONITOR)
    sockets: MonitorSockets = socketio.server.namespace_handlers[NAMESPACE_MONITOR]
    words, send = [], socketio.server._send_packet

    def noting(sid: str, packet: Packet) -> None:
        words.extend([packet.data] if packet.packet_type == CONNECT_ERROR else [])
        send(sid, packet)

    monkeypatch.setattr(socketio.server, "_send_packet", noting)
    with monkeypatch.context() as later, ExitStack() as stack:
        if late:
            later.setattr(type(host.shipping), "protection", _no_database)
        else:
            stack.enter_context(away(host))
        socket.connect(NAMESPACE_MONITOR, auth={"room": scene.room_sitting})
        assert not socket.is_connected(NAMESPACE_MONITOR)
    assert words == [{"message": "store_unavailable"}]  # the word that static/js/live.js waits for
    assert (sockets.viewers, sockets.people, sockets.rooms) == ({}, {}, {})
    socket.connect(NAMESPACE_MONITOR, auth={"room": scene.room_sitting})
    assert socket.is_connected(NAMESPACE_MONITOR)


def _no_database(*_about: object) -> None:
    raise OperationalError("SELECT", {}, Exception("the database system is starting up"))


@contextmanager
def away(host: Host) -> Iterator[None]:
    """The database answers nobody meanwhile."""

    event.listen(host.db.engine, "before_cursor_execute", _no_database)
    try:
        yield
    finally:
        event.remove(host.db.engine, "before_cursor_execute", _no_database)


def _closed(session: Session, user: int) -> None:
    session.get_one(User, user).active = False


def test_the_socket_of_a_room_is_for_who_may_see_into_it(
    scene: Scene, connect: Callable[..., SocketIOTestClient], person_as: Callable[..., Actor]
) -> None:
    other = person_as("invigilator")
    assert not connect({"room": scene.room_sitting}, other).is_connected(NAMESPACE_MONITOR)
    everywhere, mine = connect({"rooms": "all"}, other), connect({"room": scene.room_sitting}, scene.chief)
    raised(scene, "1", IncidentKind.LINK_LOST)
    told, known = heard(everywhere, "activity"), heard(mine, "activity")
    assert [line["code"] for line in told] == [line["code"] for line in known] != []
    assert [line["params"] for line in known] == [{"seat": "1"}]
    assert [line["params"] for line in told] == [{}]


def test_who_comes_later_gets_the_whole_room_alone(
    scene: Scene, connect: Callable[..., SocketIOTestClient]
) -> None:
    first = connect({"room": scene.room_sitting}, scene.invigilator)
    heard(first, "seats")
    second = connect({"room": scene.room_sitting}, scene.chief)
    assert len(heard(second, "seats")[0]) == 4
    assert heard(first, "seats") == []


def test_a_seat_that_changed_in_the_record_is_told_even_when_its_card_looks_the_same(
    scene: Scene, connect: Callable[..., SocketIOTestClient]
) -> None:
    raised(scene, "1", IncidentKind.LINK_LOST)
    socket = connect({"room": scene.room_sitting}, scene.invigilator)
    heard(socket, "seats")
    raised(scene, "1", IncidentKind.LINK_LOST)
    cells = heard(socket, "seats")
    assert [(cell["number"], set(cell)) for cell in cells[0]] == [("1", {"seat", "number", "changed_ns"})]


def test_the_screen_of_all_rooms_hears_boards_and_lines_and_no_cards(
    scene: Scene, connect: Callable[..., SocketIOTestClient]
) -> None:
    other = another_sitting(scene, 3)
    socket = connect({"rooms": "all"}, scene.chief)
    received = socket.get_received(NAMESPACE_MONITOR)
    boards = {event["args"][0]["room_sitting"] for event in received if event["name"] == "room"}
    assert boards == {scene.room_sitting, other}
    raised(scene, "1", IncidentKind.MULTI_FACE)
    received = socket.get_received(NAMESPACE_MONITOR)
    names = [event["name"] for event in received]
    assert "seats" not in names
    assert next(e["args"][0] for e in received if e["name"] == "room")["counts"]["alerts"] == 1
    lines = [event["args"][0] for event in received if event["name"] == "activity"]
    assert [line["room_sitting"] for line in lines] == [scene.room_sitting]


@pytest.mark.dear
def test_one_change_is_written_once_for_fifty_monitors(
    scene: Scene, connect: Callable[..., SocketIOTestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    sockets = [connect({"room": scene.room_sitting}, scene.invigilator) for _ in range(50)]
    for socket in sockets:
        socket.get_received(NAMESPACE_MONITOR)
    sent: list[str] = []
    emit = MonitorSockets.emit

    def counted(self: MonitorSockets, event: str, *args: object, **named: object) -> None:
        sent.append(event)
        emit(self, event, *args, **named)

    monkeypatch.setattr(MonitorSockets, "emit", counted)
    raised(scene, "1", IncidentKind.LINK_LOST)
    assert sorted(sent) == ["activity", "room", "seats"]
    assert all(len(heard(socket, "seats")) == 1 for socket in sockets)


def test_who_has_just_come_is_told_the_whole_room_before_any_part_of_it(
    scene: Scene, connect: Callable[..., SocketIOTestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    early = connect({"room": scene.room_sitting}, scene.invigilator)
    early.get_received(NAMESPACE_MONITOR)
    sockets = early.socketio.server.namespace_handlers[NAMESPACE_MONITOR]
    with monkeypatch.context() as held:
        held.setattr(sockets, "_due", lambda: None)  # both wait for the same sending
        raised(scene, "1", IncidentKind.LINK_LOST)
        late = connect({"room": scene.room_sitting}, scene.invigilator)
    sockets.flush()
    assert [[cell["number"] for cell in cells] for cells in heard(early, "seats")] == [["1"]]
    whole, *rest = heard(late, "seats")
    assert all("name" in cell for cell in whole)
    assert len(whole) == len(scene.seats)
    assert rest == []
    raised(scene, "2", IncidentKind.LINK_LOST)
    assert [cell["number"] for cell in heard(late, "seats")[0]] == ["2"]


def test_the_load_is_told_when_it_changes(
    app: Flask, scene: Scene, connect: Callable[..., SocketIOTestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = connect({"room": scene.room_sitting}, scene.invigilator)
    assert [told["load"] for told in heard(socket, "server")] == [0]
    sockets = socket.socketio.server.namespace_handlers[NAMESPACE_MONITOR]
    sockets.pulse()
    assert heard(socket, "server") == []
    monkeypatch.setattr(Host, "hint", lambda _self: 4)
    sockets.pulse()
    sockets.pulse()
    assert [told["load"] for told in heard(socket, "server")] == [4]


def test_a_difference_names_a_change_back_to_nothing() -> None:
    before = SeatCard(1, "1", "normal", alert="act", waiting=3)
    after = SeatCard(1, "1", "normal")
    assert difference(before, after) == {"seat": 1, "number": "1", "alert": "", "waiting": 0}
    assert difference(None, after)["alert"] == ""


def test_a_lost_seat_tells_when_it_was_heard_last(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.enter()
    last = machine.wall
    machine.advance(seconds=9)
    Watch(host).tick()
    with host.db.read() as session:
        card = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)[0]
    assert (card.link, card.heard_at, card.link_since) == ("lost", last, machine.wall)
    agent.beat()
    with host.db.read() as session:
        card = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)[0]
    assert (card.link, card.heard_at) == ("up", None)
