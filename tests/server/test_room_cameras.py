"""Room cameras at the server: pairing, calibration by hand and by itself, pictures, the page."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.incidents import IncidentKind
from exam_rooms.protocol import Route
from exam_rooms.seats import AttemptState
from server.access import Actor
from server.db.record import AuditEntry
from server.db.room_cameras import RoomCamera, RoomCameraCalibration, RoomCameraFrame
from server.db.rooms import Seat
from server.db.sittings import Attempt, Incident
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import (
    incident_views,
    room_calibrations,
    room_cameras,
    room_frames,
)
from server.services.room_calibrations import Picture
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene
from tests.server.room_camera_kit import RoomAgent
from tests.server.room_watch_kit import SEATED, SPARE, calibrated, three_by_three, wanted
from tests.server.smart_kit import jpeg


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor], monkeypatch: pytest.MonkeyPatch) -> Scene:
    return three_by_three(host, person_as, monkeypatch)


@pytest.fixture
def camera(app: Flask, scene: Scene, machine: Machine, system: Actor) -> RoomAgent:
    return calibrated(app, scene, machine)


@pytest.fixture
def system(person_as: Callable[..., Actor]) -> Actor:
    return person_as("system_administrator")


def acts(scene: Scene, act: str) -> list[AuditEntry]:
    with scene.host.db.read() as session:
        return session.query(AuditEntry).filter_by(act=act).all()


# --- pairing -------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_camera_is_paired_by_its_own_kind_of_code_once(app: Flask, scene: Scene, machine: Machine) -> None:
    host, agent = scene.host, RoomAgent(app, scene, machine)
    signed = Signed(scene.chief, "set up")
    code = host.db.write(
        room_cameras.issue_code, signed, scene.room, host.site.ca_fingerprint, now=host.now()
    )
    assert agent.ask(code, Route.PAIR).status_code == 403, "no workstation comes of it"
    assert agent.ask(code).status_code == 200
    assert agent.ask(code).status_code == 403
    other = agent.pair(scene.chief)
    with host.db.read() as session:
        rows = session.query(RoomCamera).order_by(RoomCamera.id).all()
    assert [row.active for row in rows] == [False, True]
    assert other.camera == rows[1].id
    assert acts(scene, "room_camera_paired")


def test_a_token_of_a_camera_opens_no_door_of_a_seat_and_dies_with_the_pairing(
    camera: RoomAgent, scene: Scene
) -> None:
    answer = camera.client.get(Route.STATE, headers=camera.headers())
    assert answer.status_code in (401, 403)
    assert camera.open(Route.CHALLENGE, Route.ROOM_SESSION).status_code == 401, "nonce of the other door"
    assert camera.open().status_code == 200
    scene.write(room_cameras.release, Signed(scene.chief, "camera broken"), scene.room)
    assert camera.report([]).status_code == 403


def test_in_a_sitting_only_those_on_duty_change_or_look_and_with_a_reason(
    app: Flask, scene: Scene, machine: Machine, system: Actor, person_as: Callable[..., Actor]
) -> None:
    host = scene.host
    issue = (scene.room, host.site.ca_fingerprint)
    with pytest.raises(Forbidden):
        host.db.write(room_cameras.issue_code, Signed(person_as("auditor")), *issue, now=host.now())
    with pytest.raises(Refused, match="not_on_duty_here"):
        host.db.write(room_cameras.issue_code, Signed(system, "new"), *issue, now=host.now())
    with pytest.raises(Refused, match="reason_missing"):
        host.db.write(room_cameras.issue_code, Signed(scene.invigilator), *issue, now=host.now())
    assert host.db.write(room_cameras.issue_code, Signed(scene.invigilator, "new"), *issue, now=host.now())


NONSENSE: tuple[dict[str, object], ...] = (
    {"heads": [{"x": 1.5, "y": 0.5, "width": 0.1, "score": 0.9}]},
    {"heads": [{"x": 0.5, "y": float("nan"), "width": 0.1, "score": 0.9}]},
    {"heads": [{"x": 0.5, "y": 0.5, "width": 0.1, "score": 0.9}] * 200},
    {"heads": [{"x": 0.5, "y": 0.5, "width": 0.1, "score": 0.9}], "blind": "dark"},
    {"blind": "asleep"},
    {"width": -1},
    {"state": "dreaming"},
    {"boot_id": "b" * 200},
    {"models": {"detect": "x" * 5000}},
    {"models": {str(number): "x" for number in range(500)}},
    {"unavailable": ["detect"] * 500},
    {"cost_ms": float("nan")},
    {"cost_ms": -1.0},
)


def test_nonsense_from_a_camera_is_refused(camera: RoomAgent) -> None:
    good: dict[str, object] = {"boot_id": "b", "boot_ns": 1, "number": 1, "state": "live"}
    for fault in NONSENSE:
        answer = camera.client.post(Route.ROOM_REPORT, json=good | fault, headers=camera.headers())
        assert (answer.status_code, answer.get_json().get("code")) == (400, "message_malformed"), fault
    assert camera.client.post(Route.ROOM_REPORT, json=good, headers=camera.headers()).status_code == 200


# --- calibration -----------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_calibration_is_kept_with_its_residual_and_a_bad_one_is_refused_with_words(
    camera: RoomAgent, scene: Scene
) -> None:
    with scene.host.db.read() as session:
        row = room_calibrations.newest(session, camera.camera)
    assert row is not None
    assert (row.how, row.made_by, row.width) == ("clicked", scene.chief.user_id, 1280)
    assert row.residual < 0.01
    swapped = camera.samples("1379")
    swapped[0], swapped[1] = (
        type(swapped[0])("3", swapped[0].x, swapped[0].y),
        type(swapped[1])("1", swapped[1].x, swapped[1].y),
    )
    given = swapped, Picture(1280, 720)
    with pytest.raises(Refused, match="calibration_mixed_up"):
        scene.write(room_calibrations.calibrate, Signed(scene.chief), scene.room, given)
    with scene.host.db.read() as session:
        assert session.query(RoomCameraCalibration).count() == 1


def test_moved_seats_another_camera_and_another_form_of_picture_need_a_new_calibration(
    camera: RoomAgent, scene: Scene
) -> None:
    camera.sees(SEATED)
    assert camera.sight.why == ""

    def move(session) -> None:
        session.get_one(Seat, scene.seats["9"]).x += 0.5

    with scene.host.db.read() as session:
        row = room_calibrations.newest(session, camera.camera)
        places = room_calibrations.places_of(session, scene.room)
    assert room_calibrations.why_not(row, places, Picture(1280, 960)) == "picture_changed"
    assert room_calibrations.why_not(row, places, Picture(1920, 1080)) == ""
    assert room_calibrations.why_not(row, places, Picture(1280, 720, "OTHER")) == "camera_changed"
    scene.host.db.write(move)
    camera.sees(SEATED)
    assert camera.sight.why == "plan_changed_since"
    assert camera.sight.mark("1") == "unavailable"


@pytest.mark.dear
def test_a_calibration_makes_itself_as_candidates_are_admitted_one_by_one(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    agent = RoomAgent(app, scene, machine)
    agent.pair(scene.chief)
    agent.sees("")
    seated = ""
    for seat in SEATED:
        seated += seat
        agent.sees(seated, looks=5)

        def admit(session, seat: str = seat) -> None:
            session.get_one(Attempt, scene.attempts[seat]).state = str(AttemptState.READY)

        scene.host.db.write(admit)
        agent.sees(seated)
    with scene.host.db.read() as session:
        row = room_calibrations.newest(session, agent.camera)
    assert row is not None
    assert row.how == "automatic"
    assert row.residual < 0.05
    assert len(row.samples) >= 6
    agent.sees(seated, looks=6)
    assert agent.sight.mark("1") == "taken"
    assert agent.sight.mark(SPARE) == "empty"


# --- pictures --------------------------------------------------------------------------------------------


@pytest.mark.dear
@pytest.mark.both_stores
def test_pictures_around_the_seat_are_asked_for_and_kept_sealed(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    asked = wanted(scene, machine, camera)
    before, at = asked.values()
    assert before <= 6 < at
    for mark, ref in enumerate(asked):
        assert camera.send(ref, jpeg(mark)).status_code == 200
    assert camera.sees("1235678").wanted == ()
    with scene.host.db.read() as session:
        rows = session.query(RoomCameraFrame).order_by(RoomCameraFrame.id).all()
        (view,) = incident_views.record(session, scene.room_sitting)
        which = scene.room_sitting, rows[0].id
        data = room_frames.picture(session, scene.host.evidence, scene.invigilator, which)
    assert [row.moment for row in rows] == ["before", "at"]
    assert [(frame.room, frame.state) for frame in view.frames] == [(True, "stored")] * 2
    assert data == jpeg(0)
    assert jpeg(0) not in (scene.host.evidence.get(rows[0].file) or b"")
    assert rows[0].taken_at < rows[1].taken_at


@pytest.mark.dear
def test_a_picture_that_nobody_asked_for_or_that_is_none_is_refused(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    refs = list(wanted(scene, machine, camera))
    assert camera.send("frame-99", jpeg()).status_code == 404
    assert camera.send("nothing", jpeg()).status_code == 404
    assert camera.send(refs[0], b"GIF89a").status_code == 422
    assert camera.send(refs[0], jpeg(0, (512 << 10) + 1)).status_code == 413
    assert camera.send(refs[0], b"").status_code == 200, "the agent has it no more"
    with scene.host.db.read() as session:
        (view,) = incident_views.record(session, scene.room_sitting)
    assert [frame.state for frame in view.frames] == ["gone", "awaited"]


@pytest.mark.dear
def test_pictures_past_their_time_go_but_those_of_a_recorded_incident(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    for ref in wanted(scene, machine, camera):
        camera.send(ref, jpeg())
    later = scene.host.now() + timedelta(days=400)
    with scene.host.db.read() as session:
        assert room_frames.purge(session, now=scene.host.now()) == ()
        assert len(room_frames.purge(session, now=later)) == 2

    def record(session) -> None:
        session.query(Incident).one().state = "recorded"

    scene.host.db.write(record)
    with scene.host.db.read() as session:
        assert room_frames.purge(session, now=later) == ()


# --- the page --------------------------------------------------------------------------------------------


def page(client: FlaskClient, scene: Scene) -> str:
    answer = client.get(f"/rooms/{scene.room}/camera")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_page_pairs_looks_and_calibrates(
    app: Flask, scene: Scene, machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    client = sign_in(scene.chief)
    assert "这个考场没有考场摄像头" in page(client, scene)
    answer = client.post(f"/rooms/{scene.room}/camera/code", data={"reason": "set up"})
    assert "pairing-code" in answer.text
    agent = RoomAgent(app, scene, machine)
    agent.pair(scene.chief)
    assert "还没有标定" in page(client, scene)
    answer = client.post(f"/rooms/{scene.room}/camera/still")
    ref = answer.location.partition("still=")[2]
    where = f"/rooms/{scene.room}/camera/still/{ref}"
    assert client.get(where).status_code == 202
    (asked,) = agent.sees(SEATED).wanted
    assert (asked.ref, asked.number, asked.width) == (ref, 0, 1.0)
    assert agent.send(ref, jpeg()).status_code == 200
    shown = client.get(where)
    assert (shown.status_code, shown.data) == (200, jpeg())
    assert shown.headers["Cache-Control"] == "no-store"
    assert len(acts(scene, "room_camera_looked")) == 2  # of the system and of the room
    fields: dict[str, str] = {}
    for sample in agent.samples("1379" + "5"):
        seat = scene.seats[sample.seat]
        fields[f"x-{seat}"], fields[f"y-{seat}"] = f"{100 * sample.x:.2f}", f"{100 * sample.y:.2f}"
    answer = client.post(f"/rooms/{scene.room}/camera/calibrate", data=fields, follow_redirects=True)
    assert "采用 5 个座位" in answer.text
    assert "人工标定" in answer.text


def test_a_bad_calibration_comes_back_with_the_reason_and_what_was_marked(
    scene: Scene, camera: RoomAgent, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    client = sign_in(scene.chief)
    fields = {f"{axis}-{scene.seats['1']}": "12.34" for axis in "xy"}
    answer = client.post(f"/rooms/{scene.room}/camera/calibrate", data=fields)
    assert answer.status_code == 422
    assert "至少标出 4 个座位，现在只有 1 个" in answer.text
    assert "12.34" in answer.text


@pytest.mark.dear
def test_pictures_of_an_incident_are_shown_to_those_of_the_room_and_it_is_on_the_record(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    for ref in wanted(scene, machine, camera):
        camera.send(ref, jpeg())
    client = sign_in(scene.invigilator)
    with scene.host.db.read() as session:
        frame = session.query(RoomCameraFrame).first()
    assert frame is not None
    where = f"/monitor/{scene.room_sitting}/room-frames/{frame.id}"
    assert where in client.get(f"/monitor/{scene.room_sitting}/incidents").text
    assert client.get(where).data == jpeg()
    assert len(acts(scene, "frame_viewed")) == 1
    assert client.get(f"/monitor/{scene.room_sitting + 7}/room-frames/{frame.id}").status_code in (403, 404)


def test_kinds_without_a_rule_are_not_told() -> None:
    from exam_rooms.room_watching import RoomCameraRules

    rules = RoomCameraRules(episodes=())
    assert rules.rule(IncidentKind.LEFT_SEAT) is None
