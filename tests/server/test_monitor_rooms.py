"""The monitor beside its single room: what comes first, all rooms at once, deltas by the socket, who only looks."""

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio import SocketIO, SocketIOTestClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.protocol import NAMESPACE_MONITOR
from server.access import Actor
from server.app import create_socketio
from server.bus.bus import Bus
from server.cli.bench.halls import parts, wide_room
from server.cli.bench.screens import delays
from server.db.people import User
from server.db.record import AuditEntry
from server.db.sittings import Assignment, Attempt
from server.host import Host
from server.live.monitor import MonitorSockets, difference
from server.live.watch import Watch
from server.services import alert_queue, incidents, monitoring, room_tiles
from server.services.alert_queue import Entry, EntryKind
from server.services.incidents import Handling, Place
from server.services.monitoring import SeatCard
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, another_sitting, make_scene
from tests.server.signin_kit import Desk


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def staff(scene: Scene, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(scene.invigilator)


def raised(scene: Scene, seat: str, kind: IncidentKind) -> int:
    """An incident at a seat, raised now."""
    place = Place(scene.room_sitting, scene.seats[seat], scene.attempts.get(seat))
    row = scene.write(lambda session, *, now: incidents.raise_incident(session, place, kind, now=now).id)
    return int(row)


def queue(scene: Scene) -> list[Entry]:
    host = scene.host
    with host.db.read() as session:
        cards = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)
        return alert_queue.queue(session, scene.room_sitting, cards, now=host.now())


def numbers(entries: list[Entry]) -> list[str]:
    return [entry.number for entry in entries if entry.kind is not EntryKind.UNCHECKED]


# --- the worst first ------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_the_worst_is_first_then_the_oldest_and_what_somebody_took_on_comes_after(
    scene: Scene, machine: Machine
) -> None:
    raised(scene, "1", IncidentKind.LINK_LOST)
    machine.advance(minutes=1)
    worst = raised(scene, "2", IncidentKind.MULTI_FACE)
    machine.advance(minutes=1)
    raised(scene, "3", IncidentKind.NO_FACE)
    assert numbers(queue(scene)) == ["2", "3", "1"]
    assert alert_queue.urgent(queue(scene)) == 2
    scene.host.db.write(
        incidents.handle, scene.invigilator, worst, Handling("acknowledged"), now=scene.host.now()
    )
    assert numbers(queue(scene)) == ["3", "1", "2"]
    assert [entry.number for entry in queue(scene) if entry.taken] == ["2"]
    assert alert_queue.urgent(queue(scene)) == 1


def test_a_doubt_of_the_desk_is_urgent_until_the_chief_decides(scene: Scene, staff: FlaskClient) -> None:
    host, desk = scene.host, Desk(scene, scene.invigilator)
    desk.look("1")
    desk.doubts("1")
    doubts = [entry for entry in queue(scene) if entry.kind is EntryKind.DOUBT]
    assert [(entry.number, entry.shade, entry.since is not None) for entry in doubts] == [("1", "act", True)]
    with host.db.read() as session:
        cards = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)
        board = monitoring.board(session, scene.room_sitting, cards, now=host.now())
    assert {card.number: card.alert for card in cards if card.alert} == {"1": "act"}
    assert board.counts.alerts == 1
    for page in (f"/monitor/{scene.room_sitting}/side", "/monitor/rooms"):
        shown = staff.get(page).text
        assert "签到存疑，等待主考决定" in shown
        assert f'href="/monitor/{scene.room_sitting}/desk"' in shown
    desk.decides("1", "admitted", scene.chief)
    assert [entry for entry in queue(scene) if entry.kind is EntryKind.DOUBT] == []


def entry(**values: object) -> Entry:
    given_values = {"kind": EntryKind.INCIDENT, "key": "k", "room_sitting": 1, "severity": 2} | values
    return Entry(**given_values)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 3)), max_size=12), st.randoms())
def test_the_order_does_not_depend_on_who_came_first(facts: list[tuple[bool, bool, int]], random) -> None:
    entries = [
        entry(key=str(number), ended=ended, taken=taken, severity=severity)
        for number, (ended, taken, severity) in enumerate(facts)
    ]
    shuffled = random.sample(entries, len(entries))
    ranks = [(one.ended, one.taken, -one.severity) for one in alert_queue.in_order(shuffled)]
    assert ranks == sorted(ranks)


def test_a_raised_hand_goes_before_others_as_urgent_and_what_ended_goes_last(machine: Machine) -> None:
    now = machine.wall
    hand = entry(key="hand", kind=EntryKind.CALL, since=now)
    older = entry(key="older", since=now - timedelta(minutes=5))
    ended = entry(key="ended", severity=3, ended=True, since=now - timedelta(minutes=9))
    timeless = entry(key="timeless", since=None)
    for order in permutations([hand, older, ended, timeless]):
        assert [one.key for one in alert_queue.in_order(order)] == ["hand", "older", "timeless", "ended"]
    assert ended.shade == "look"


def test_the_list_on_the_page_has_the_same_order_and_tells_how_many_are_urgent(
    staff: FlaskClient, scene: Scene, machine: Machine
) -> None:
    raised(scene, "1", IncidentKind.LINK_LOST)
    machine.advance(seconds=30)
    incident = raised(scene, "3", IncidentKind.MULTI_FACE)
    side = staff.get(f"/monitor/{scene.room_sitting}/side").text
    assert side.index(f'data-goto="{scene.seats["3"]}"') < side.index(f'data-goto="{scene.seats["1"]}"')
    assert 'data-urgent="1"' in side
    assert f'data-entry="incident-{incident}"' in side


# --- all rooms ------------------------------------------------------------------------------------------


def test_the_worst_room_is_the_first_tile_and_all_alerts_are_in_one_list(
    scene: Scene, host: Host, machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    staff, other = sign_in(scene.chief), another_sitting(scene, 3)
    place = Place(other, scene.seats["2"])
    host.db.write(incidents.raise_incident, place, IncidentKind.CHAIN_FORK, now=host.now())
    machine.advance(seconds=10)
    raised(scene, "1", IncidentKind.LINK_LOST)
    with host.db.read() as session:
        hall = hall_of(session, scene.chief, host)
    assert [tile.board.room_sitting for tile in hall.tiles] == [other, scene.room_sitting]
    assert [tile.shade for tile in hall.tiles] == ["act", "look"]
    assert [one.room_sitting for one in hall.entries if one.incident] == [other, scene.room_sitting]
    page = staff.get("/monitor").text
    assert page.index(f'data-room="{other}"') < page.index(f'data-room="{scene.room_sitting}"')
    assert f'href="/monitor/{other}#seat-{scene.seats["2"]}"' in page
    part = staff.get("/monitor/rooms").text
    assert "<html" not in part
    assert 'data-urgent="1"' in part


def hall_of(session: Session, who: Actor, host: Host) -> room_tiles.Hall:
    sources = room_tiles.Sources(host.answers, host.presence)
    return room_tiles.hall(session, who, sources, now=host.now())


def test_a_room_of_others_shows_its_counts_and_nobody_of_it(
    scene: Scene, host: Host, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    other = another_sitting(scene, 3)
    place = Place(other, scene.seats["2"])
    host.db.write(incidents.raise_incident, place, IncidentKind.CHAIN_FORK, now=host.now())
    mine = raised(scene, "1", IncidentKind.LINK_LOST)
    shown = sign_in(scene.invigilator).get("/monitor").text
    assert f'data-room="{other}"' in shown
    assert f'href="/monitor/{other}' not in shown
    assert f'href="/monitor/{scene.room_sitting}"' in shown
    with host.db.read() as session:
        hall = hall_of(session, scene.invigilator, host)
    assert [one.incident.id for one in hall.entries if one.incident] == [mine]
    assert hall.near == {scene.room_sitting}


def test_progress_is_that_of_those_who_answer(scene: Scene, host: Host, app: Flask, machine: Machine) -> None:
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    agent.answer(1)
    agent.answer(2)
    agent.sent()
    with host.db.read() as session:
        hall = hall_of(session, scene.chief, host)
    assert hall.tiles[0].progress == 40


# --- what the sockets are told ----------------------------------------------------------------------------


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


# --- who only looks ---------------------------------------------------------------------------------------

SEAT_ACTS = ("admit", "refuse", "add_time", "end", "resume", "move", "unfreeze", "close_missing")
OPEN_TO_THEM = {"watching.look", "incident_reports.make"}
"""Looking through a camera stands on the record by itself; what a person saw is not an act on the room."""


@pytest.mark.parametrize("role", ["rover", "supervisor", "system_administrator"])
def test_rovers_and_supervisors_see_every_room_and_act_in_none(
    app: Flask,
    scene: Scene,
    person_as: Callable[..., Actor],
    sign_in: Callable[[Actor], FlaskClient],
    role: str,
) -> None:
    who = person_as(role)
    scene.host.db.write(_assigned, scene.room_sitting, who, role)
    browser = sign_in(who)
    raised(scene, "1", IncidentKind.MULTI_FACE)
    page = browser.get(f"/monitor/{scene.room_sitting}")
    drawer = browser.get(f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}")
    assert page.status_code == drawer.status_code == browser.get("/monitor").status_code == 200
    for text in (page.text, drawer.text):
        assert "data-dialog" not in text
        assert "hx-post" not in text
    assert 'data-acting="no"' in page.text
    assert "不在考场里操作" in page.text
    before = scene.host.db.write(_acts_on_record)
    for endpoint, path in _acts(app, scene):
        answer = browser.post(path, data={"reason": "why", "minutes": "5", "seat": str(scene.seats["4"])})
        assert (
            answer.status_code in (302, 403)
            if endpoint == "monitor.act_on_seat"
            else (answer.status_code == 403)
        ), f"{endpoint} {answer.status_code}"
    assert scene.host.db.write(_acts_on_record) == before
    assert scene.attempt("1").state == "assigned"


def _assigned(session: Session, room_sitting: int, who: Actor, role: str) -> None:
    session.add(Assignment(room_sitting_id=room_sitting, user_id=who.user_id, role=role))


def _acts_on_record(session: Session) -> tuple[int, int]:
    rows = session.scalar(select(func.count()).select_from(AuditEntry)) or 0
    return rows, session.scalar(select(func.sum(Attempt.version))) or 0


def _acts(app: Flask, scene: Scene) -> list[tuple[str, str]]:
    """Every form of the monitor: endpoint and address."""
    found = []
    values = {"room_sitting_id": scene.room_sitting, "seat_id": scene.seats["1"]}
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/monitor/") or "POST" not in (rule.methods or ()):
            continue
        if rule.endpoint in OPEN_TO_THEM:
            continue
        given_values = {name: values.get(name, 1) for name in rule.arguments}
        for act in SEAT_ACTS if "act" in rule.arguments else ("",):
            with app.test_request_context():
                adapter = app.url_map.bind("")
                chosen = given_values | ({"act": act} if act else {})
                found.append((rule.endpoint, adapter.build(rule.endpoint, chosen, method="POST")))
    return found


# --- the bench's own arithmetic -----------------------------------------------------------------------------


def test_a_delay_counts_for_every_answer_also_for_one_that_was_overtaken() -> None:
    written = {7: [1_000_000, 5_000_000, 9_000_000], 8: [2_000_000]}
    sights = [(7, 2, 11_000_000), (8, 1, 4_000_000), (7, 3, 12_000_000), (7, 3, 99_000_000), (9, 1, 5)]
    assert delays(sights, written) == [2.0, 3.0, 6.0, 10.0]
    assert delays(sights, written, since_ns=5_000_000) == [3.0, 6.0]


@pytest.mark.parametrize(
    ("seats", "size", "rooms"),
    [(1, 100, [1]), (100, 100, [100]), (241, 240, [240, 1]), (1000, 240, [240, 240, 240, 240, 40])],
)
def test_seats_fill_rooms_of_a_size(seats: int, size: int, rooms: list[int]) -> None:
    assert parts(seats, size) == rooms
    room = wide_room("hall", rooms[0])
    assert len({(seat.x, seat.y) for seat in room.seats}) == rooms[0]
