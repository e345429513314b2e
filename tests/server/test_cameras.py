"""Cameras of a smart room: one word for each, the right camera at the right seat, the gate before the start."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio import SocketIOTestClient

from exam_rooms.protocol import NAMESPACE_MONITOR, Route
from exam_rooms.watch_messages import CameraReport, CameraState
from server.access import Actor
from server.app import create_socketio
from server.db.record import AuditEntry
from server.db.rooms import Room, Seat
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.services import cameras, commands, enrolments, monitoring, warnings
from server.services.cameras import CameraSeat, CameraWord, camera_word
from server.services.signed import Signed
from server.services.steady import keep_anchor
from server.web.camera_words import CAMERAS
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, answering, equip

ROOT = Path(__file__).parents[2]
LIVE = CameraReport(CameraState.LIVE, "CAM-01")
WATCH = replace(LIVE, checks="watch")
ENROL = replace(LIVE, checks="enrol")


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    """A smart room whose seats have the cameras CAM-01 to CAM-04."""
    made = equip(make_scene(host, person_as))

    def name_cameras(session) -> None:
        for number, seat in made.seats.items():
            session.get_one(Seat, seat).camera = f"CAM-0{number}"

    host.db.write(name_cameras)
    return made


def reports(agent: CameraAgent, state: CameraState = CameraState.LIVE, identity: str = "", **more) -> None:
    """A heartbeat that tells of the camera; of the seat's own one unless another is named."""
    identity = identity or f"CAM-0{agent.seat}"
    agent.beat(camera=CameraReport(state, identity if state is not CameraState.NONE else "", **more))


def linked(app: Flask, scene: Scene, seats: str = "123") -> list[CameraAgent]:
    agents = [CameraAgent(app, scene, seat) for seat in seats]
    for agent in agents:
        agent.open_session()
        reports(agent)
    return agents


def check(scene: Scene) -> list[cameras.CameraLine]:
    with scene.host.db.read() as session:
        return list(cameras.check(session, scene.host.presence, scene.room_sitting))


def card(scene: Scene, number: str) -> monitoring.SeatCard:
    host = scene.host
    with host.db.read() as session:
        cards = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)
    return next(card for card in cards if card.number == number)


def counted(scene: Scene) -> int:
    host = scene.host
    with host.db.read() as session:
        cards = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)
        return monitoring.board(session, scene.room_sitting, cards, now=host.now()).counts.cameras


def overrule(scene: Scene, who: Actor, reason: str = "no spare camera") -> int:
    return scene.write(cameras.overrule, scene.host.presence, Signed(who, reason), scene.room_sitting)


# --- one word ----------------------------------------------------------------------------------------

SEATED = CameraSeat(state="answering", consent=True, enrolled=True)


@pytest.mark.parametrize(
    ("place", "report", "word"),
    [
        (replace(SEATED, smart=False), WATCH, ""),
        (replace(SEATED, smart=False, consent=False), WATCH, ""),
        (SEATED, CameraReport(), "none"),
        (SEATED, CameraReport(CameraState.OPENING), "opening"),
        (SEATED, CameraReport(CameraState.LOST, "CAM-01"), "lost"),
        (SEATED, CameraReport(CameraState.UNAVAILABLE, "CAM-01"), "unavailable"),
        (SEATED, LIVE, "live"),
        (SEATED, WATCH, "watching"),
        (replace(SEATED, enrolled=False), WATCH, "no_identity"),
        (replace(SEATED, enrolled=False), ENROL, "no_identity"),
        (CameraSeat(state="ready", consent=True), ENROL, "enrolling"),
        (CameraSeat(state="ready", consent=True, enrolled=True), LIVE, "live"),
        # without consent nothing is looked at, whatever the camera says
        (replace(SEATED, consent=False), WATCH, "manual"),
        (replace(SEATED, consent=False), CameraReport(), "manual"),
        (replace(SEATED, consent=False, misplaced=True), LIVE, "manual"),
        # what cannot be looked for is told, with a good picture too
        (SEATED, replace(WATCH, unavailable=("detect",)), "unavailable"),
        (SEATED, replace(WATCH, unavailable=("verify",)), "no_identity"),
        (SEATED, replace(WATCH, unavailable=("detect", "verify")), "unavailable"),
        (CameraSeat(), replace(LIVE, unavailable=("detect",)), "unavailable"),
        # old news is no news
        (replace(SEATED, linked=False), WATCH, "lost"),
        (replace(SEATED, linked=False), CameraReport(), "none"),
        (replace(SEATED, misplaced=True), WATCH, "wrong"),
        (replace(SEATED, misplaced=True), CameraReport(CameraState.LOST, "CAM-02"), "wrong"),
        (replace(SEATED, misplaced=True, linked=False), WATCH, "lost"),
        (CameraSeat(), LIVE, "live"),
    ],
)
def test_one_word_for_every_camera(place: CameraSeat, report: CameraReport, word: str) -> None:
    assert camera_word(place, report) == word


def test_every_word_has_words_of_its_own() -> None:
    assert set(CAMERAS) == {str(word) for word in CameraWord if word}
    assert len({text for _shade, text in CAMERAS.values()}) == len(CAMERAS)
    shades = {word: CAMERAS[word][0] for word in ("watching", "no_identity", "unavailable", "lost", "wrong")}
    assert [shade for word, shade in shades.items() if shade == "good"] == ["good"]


def test_page_and_script_say_the_same_words() -> None:
    script = (ROOT / "server/static/js/seatmap.js").read_text("utf-8")
    assert dict(re.findall(r"^    (\w+): _\('(\S+)'\),$", script, re.MULTILINE)).items() >= {
        (word, text) for word, (_shade, text) in CAMERAS.items()
    }
    signs = (ROOT / "server/templates/monitor/glyphs.html").read_text("utf-8")
    assert set(re.findall(r'<symbol id="camera-(\w+)"', signs)) == set(CAMERAS)


@pytest.mark.parametrize(
    ("own", "identity", "state", "wrong"),
    [
        ("CAM-01", "CAM-01", CameraState.LIVE, False),
        ("CAM-01", "CAM-02", CameraState.LIVE, True),
        ("CAM-01", "CAM-99", CameraState.LIVE, True),
        ("CAM-01", "", CameraState.LIVE, True),  # it cannot say which it is
        ("CAM-01", "", CameraState.OPENING, False),
        ("", "", CameraState.LIVE, False),
        ("", "CAM-99", CameraState.LIVE, False),  # any camera will do
        ("", "CAM-02", CameraState.LIVE, True),  # but not the one of another seat
    ],
)
def test_which_camera_belongs_where(own: str, identity: str, state: CameraState, wrong: bool) -> None:
    seat = Seat(number="1", camera=own)
    assert cameras.misplaced(seat, CameraReport(state, identity), {"CAM-01": "1", "CAM-02": "2"}) is wrong


# --- the check before the start ------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_camera_at_the_wrong_seat_is_named_with_its_owner(app: Flask, scene: Scene) -> None:
    agents = linked(app, scene)
    assert [(line.number, line.state, line.expected) for line in check(scene)] == [
        ("1", "live", "CAM-01"),
        ("2", "live", "CAM-02"),
        ("3", "live", "CAM-03"),
        ("4", "none", "CAM-04"),
    ]
    reports(agents[2], identity="CAM-01")
    first = check(scene)[0]
    assert (first.number, first.state, first.found, first.owner) == ("3", "wrong", "CAM-01", "1")
    assert (card(scene, "3").camera, card(scene, "1").camera) == ("wrong", "live")
    reports(agents[2], identity="CAM-77")
    assert (check(scene)[0].state, check(scene)[0].owner) == ("wrong", "")


def test_a_wrong_camera_keeps_the_room_from_starting(app: Flask, scene: Scene, machine: Machine) -> None:
    agents = linked(app, scene)
    reports(agents[0], identity="CAM-02")
    reports(agents[1], identity="CAM-01")
    machine.advance(minutes=10)
    with pytest.raises(Refused) as caught:
        scene.start()
    assert (caught.value.code, caught.value.params["seats"]) == ("cameras_wrong", "1、2")
    assert scene.room_row().state == "released"
    reports(agents[0])
    reports(agents[1])
    scene.start()
    assert scene.room_row().state == "running"


def test_the_check_looks_at_the_camera_alone(app: Flask, scene: Scene, machine: Machine) -> None:
    first, second = answering(app, scene, machine, "12", refusing="2")
    reports(first, checks="watch")
    reports(second, unavailable=("detect",))
    found = {line.number: (line.state, line.manual) for line in check(scene)}
    assert found["1"] == ("live", False)
    assert found["2"] == ("unavailable", True)


@pytest.mark.parametrize("state", [CameraState.NONE, CameraState.LOST, CameraState.UNAVAILABLE])
def test_a_camera_that_does_not_work_is_shown_and_keeps_nobody_waiting(
    app: Flask, scene: Scene, machine: Machine, state: CameraState
) -> None:
    agents = linked(app, scene)
    reports(agents[0], state)
    assert card(scene, "1").camera == str(state)
    machine.advance(minutes=10)
    scene.start()


def test_a_standard_room_asks_nothing_of_cameras(
    host: Host, app: Flask, person_as: Callable[..., Actor], machine: Machine
) -> None:
    plain = make_scene(host, person_as)
    agent = CameraAgent(app, plain, "1")
    agent.open_session()
    reports(agent, identity="CAM-02")
    assert check(plain) == []
    assert (card(plain, "1").camera, counted(plain)) == ("", 0)
    machine.advance(minutes=10)
    plain.start()


@pytest.mark.both_stores
def test_the_chief_overrules_with_a_reason_for_these_cameras_alone(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    agents = linked(app, scene)
    reports(agents[0], identity="CAM-77")
    machine.advance(minutes=10)
    with pytest.raises(Forbidden):
        overrule(scene, scene.invigilator)
    with pytest.raises(Refused, match="reason_missing"):
        overrule(scene, scene.chief, "  ")
    assert overrule(scene, scene.chief) == 1
    reports(agents[1], identity="CAM-78")  # another one turns up wrong after that
    with pytest.raises(Refused) as caught:
        scene.start()
    assert caught.value.params["seats"] == "2"
    reports(agents[0], identity="CAM-79")  # or the same seat gets a third camera
    with pytest.raises(Refused) as caught:
        scene.start()
    assert caught.value.params["seats"] == "1、2"
    assert overrule(scene, scene.chief, "all spare") == 2
    scene.start()
    with scene.host.db.read() as session:
        told = session.query(AuditEntry).filter_by(act="cameras_overruled").order_by(AuditEntry.id).all()
        by = cameras.overruled(session, scene.room_sitting)
    assert [(entry.details["seats"], entry.details["reason"]) for entry in told] == [
        ("1", "no spare camera"),
        ("1、2", "all spare"),
    ]
    assert by is not None
    assert (by.by, by.seats, by.at) == (scene.chief.name, ("1", "2"), machine.wall)
    with pytest.raises(Refused, match="room_already_started"):
        overrule(scene, scene.chief)


def test_nothing_to_overrule(app: Flask, scene: Scene) -> None:
    linked(app, scene)
    with pytest.raises(Refused, match="no_camera_wrong"):
        overrule(scene, scene.chief)
    with pytest.raises(NotFound):
        scene.write(cameras.overrule, scene.host.presence, Signed(scene.chief, "x"), 999)


# --- on the monitor ------------------------------------------------------------------------------------


def test_a_camera_through_a_sitting(app: Flask, scene: Scene, machine: Machine) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.wait()
    reports(agent, CameraState.OPENING)
    assert card(scene, "1").camera == "opening"
    reports(agent, checks="enrol")
    assert card(scene, "1").camera == "enrolling"
    agent.taken(Route.ENROLMENT, agent.enrolment())
    machine.advance(minutes=10)
    scene.start()
    reports(agent, checks="watch")
    assert card(scene, "1").camera == "watching"
    scene.write(enrolments.again, scene.invigilator, agent.attempt)
    assert card(scene, "1").camera == "no_identity"
    machine.advance(seconds=9)
    scene.host.presence.link(scene.workstations["1"], False, machine.wall)
    assert card(scene, "1").camera == "lost"


def test_who_refuses_is_checked_by_people(app: Flask, scene: Scene, machine: Machine) -> None:
    (agent,) = answering(app, scene, machine, "1", refusing="1")
    reports(agent)
    assert card(scene, "1").camera == "manual"


def test_broken_cameras_are_counted_at_open_seats(app: Flask, scene: Scene, machine: Machine) -> None:
    first, second = answering(app, scene, machine, "12", refusing="2")
    reports(first, checks="watch")
    reports(second, CameraState.LOST)
    assert counted(scene) == 1  # seat 3 has none; seat 2 is checked by people, the spare seat has nobody
    reports(first, CameraState.LOST)
    assert counted(scene) == 2
    scene.write(commands.end_seat, scene.attempts["1"], scene.signed())
    assert counted(scene) == 1


def connect(app: Flask, scene: Scene, browser: FlaskClient) -> SocketIOTestClient:
    """A monitor's socket."""
    auth = {"room": scene.room_sitting}
    socketio = create_socketio(app)
    return SocketIOTestClient(
        app, socketio, namespace=NAMESPACE_MONITOR, auth=auth, flask_test_client=browser
    )


def test_changes_of_a_camera_reach_the_monitor_with_the_count(
    app: Flask, scene: Scene, machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    (agent,) = answering(app, scene, machine, "1")
    agent.open_journal()
    reports(agent, checks="watch")
    socket = connect(app, scene, sign_in(scene.invigilator))

    def told() -> tuple[list[str], list[int]]:
        received = socket.get_received(NAMESPACE_MONITOR)
        cells = [cell for event in received if event["name"] == "seats" for cell in event["args"][0]]
        seen = [cell["camera"] for cell in cells if "camera" in cell]
        counts = [event["args"][0]["counts"]["cameras"] for event in received if event["name"] == "room"]
        return seen, counts

    told()
    reports(agent, CameraState.LOST)
    assert told() == (["lost"], [3])
    agent.answer(1)
    agent.sent()
    assert told()[0] == []  # an answer changes nothing of the camera
    reports(agent, checks="watch")
    assert told() == (["no_identity"], [2])


def test_an_alerts_line_carries_the_moment_of_its_cause(
    app: Flask, scene: Scene, machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    (agent,) = answering(app, scene, machine, "1")
    socket = connect(app, scene, sign_in(scene.invigilator))
    asked = agent.alert(boot_id=machine.boot_id, since_ns=3, boot_ns=5)  # any machine has been up longer
    scene.host.db.write(keep_anchor, machine.look())
    agent.taken(Route.ALERT, asked)
    lines = [
        event["args"][0] for event in socket.get_received(NAMESPACE_MONITOR) if event["name"] == "activity"
    ]
    told = [(line["code"], line["seat"], line["cause_ns"]) for line in lines]
    assert told == [("incident_no_face", scene.seats["1"], asked.boot_ns)]
    scene.write(warnings.give, scene.invigilator, agent.attempt, "请坐正", incident_id=None)
    (line,) = [
        event["args"][0] for event in socket.get_received(NAMESPACE_MONITOR) if event["name"] == "activity"
    ]
    assert (line["code"], line["cause_ns"]) == ("line_candidate_warned", 0)


def test_who_was_sent_away_is_nobody_to_compare_with(app: Flask, scene: Scene) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.wait()
    agent.taken(Route.ENROLMENT, agent.enrolment())
    scene.write(commands.refuse, agent.attempt, Signed(scene.invigilator, "somebody else"))
    with scene.host.db.read() as session:
        assert enrolments.latest(session, agent.attempt) is None


# --- looks ---------------------------------------------------------------------------------------------


def looks(scene: Scene, *numbers: str) -> list[str]:
    with scene.host.db.read() as session:
        seats = [scene.seats[number] for number in numbers]
        asked = cameras.looked_at(session, scene.host.presence, scene.room_sitting, seats)
    return [each.refusal for each in asked]


def test_whom_a_picture_can_be_asked_of(app: Flask, scene: Scene, machine: Machine) -> None:
    answering(app, scene, machine, "12", refusing="2")
    assert looks(scene, "1", "2", "3", "1") == ["", "no_face_consent", "seat_not_linked"]
    with scene.host.db.read() as session, pytest.raises(NotFound):
        cameras.looked_at(session, scene.host.presence, scene.room_sitting, [999])

    def plain(session) -> None:
        session.get_one(Room, scene.room).kind = "standard"

    scene.host.db.write(plain)
    assert looks(scene, "1") == ["room_without_cameras"]
