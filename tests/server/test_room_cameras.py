"""Room cameras at the server: pairing, calibration by hand and by itself, incidents, links, pictures, silence."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from exam_rooms.incidents import IncidentKind, Severity
from exam_rooms.protocol import Route
from exam_rooms.room_camera_messages import RoomCameraReport
from exam_rooms.seats import AttemptState
from exam_rooms.watch_messages import CameraState
from exam_rooms.wire import encode
from proctoring.calibration import Sample
from server.access import Actor
from server.db.record import AuditEntry
from server.db.room_cameras import RoomCamera, RoomCameraCalibration, RoomCameraFrame, RoomCameraRun
from server.db.rooms import Seat
from server.db.sittings import Attempt, Incident, RoomSitting
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.services import (
    incident_views,
    monitoring,
    room_calibrations,
    room_cameras,
    room_frames,
    room_incidents,
    staff_incidents,
)
from server.services.delivery import delivery_of
from server.services.room_calibrations import Picture
from server.services.signed import Signed
from server.services.staff_incidents import Sighting
from tests.server import delivery_kit
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.kept_stage import further
from tests.server.room_camera_kit import RoomAgent
from tests.server.smart_kit import CameraAgent, equip, jpeg

SEATED = "12345678"
SPARE = "9"
MORE_NUMBERS = ("110101199003070329", "110101199003070337", "110101199003070345", "110101199003070353")
HOLD = 17
"""Looks after which whatever was there from the first on has been told."""


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor], monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A smart room of three by three seats, eight candidates and a spare seat."""
    monkeypatch.setattr(delivery_kit, "ID_NUMBERS", (*delivery_kit.ID_NUMBERS, *MORE_NUMBERS))
    made = make_scene(host, person_as, candidates=8)

    def in_rows(session) -> None:
        for number, seat in made.seats.items():
            row = session.get_one(Seat, seat)
            place = int(number) - 1
            row.x, row.y = 1.2 * (place % 3), 1.5 + 1.2 * (place // 3)

    def prepare() -> None:
        equip(made)
        host.db.write(in_rows)

    further(host, "in rows of three", prepare)
    return made


@pytest.fixture
def system(person_as: Callable[..., Actor]) -> Actor:
    return person_as("system_administrator")


@pytest.fixture
def camera(app: Flask, scene: Scene, machine: Machine, system: Actor) -> RoomAgent:
    """A paired camera, calibrated by the corners and two more seats."""
    agent = RoomAgent(app, scene, machine)

    def prepare() -> tuple[int, bytes]:
        agent.pair(scene.chief, "set up")
        agent.calibrate(scene.chief, "1379" + "26")
        return agent.camera, agent.key.private_bytes_raw()

    agent.camera, key = further(scene.host, "room camera", prepare)
    agent.key = Ed25519PrivateKey.from_private_bytes(key)
    agent.open()
    return agent


def started(scene: Scene, machine: Machine, refusing: str = "") -> None:
    """The room works on its papers; no machine of a seat is there."""

    def ready(session) -> None:
        for seat in SEATED:
            attempt = session.get_one(Attempt, scene.attempts[seat])
            attempt.state, attempt.face_consent = str(AttemptState.READY), seat not in refusing
            attempt.workstation_id, attempt.accepted_at = scene.workstations[seat], scene.host.now()

    def prepare() -> None:
        scene.host.db.write(ready)
        machine.advance(minutes=10)
        scene.start()

    now = scene.host.now()
    further(scene.host, ("started", refusing), prepare)
    if scene.host.now() == now:
        machine.advance(minutes=10)


def at_seat(app: Flask, scene: Scene, number: str) -> CameraAgent:
    """The machine of one seat, when the room has started."""
    agent = CameraAgent(app, scene, number)
    agent.open_session()
    agent.attempt = scene.attempts[number]
    agent.beat()  # tells the clock of its boot
    return agent


def incidents(scene: Scene, kind: str = "") -> list[Incident]:
    with scene.host.db.read() as session:
        query = session.query(Incident).filter_by(room_sitting_id=scene.room_sitting).order_by(Incident.id)
        return [row for row in query if not kind or row.kind == kind]


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


# --- incidents -------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_an_empty_chair_is_one_alert_at_its_seat_and_ends_with_the_return(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    orders = camera.sees("1235678", looks=HOLD)
    (row,) = incidents(scene, "LEFT_SEAT")
    assert (row.seat_id, row.attempt_id) == (scene.seats["4"], scene.attempts["4"])
    assert (row.severity, row.state) == (int(Severity.ALERT), "raised")
    assert row.details["by"] == "room_camera"
    assert orders.watching
    camera.sees(SEATED, looks=6)
    (row,) = incidents(scene, "LEFT_SEAT")
    assert row.state == "raised"
    assert "ended_at" in row.details
    assert row.first_at < row.last_at


def test_the_map_shows_what_the_room_camera_sees(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    camera.sees("1235678", looks=6)
    with scene.host.db.read() as session:
        cards = monitoring.seat_cards(session, scene.host.answers, scene.host.presence, scene.room_sitting)
    assert {card.number: card.room_seen for card in cards} == {
        **dict.fromkeys("1235678", "taken"),
        "4": "empty",
        SPARE: "empty",
    }


def test_an_empty_chair_that_the_seat_tells_already_is_no_second_alert(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    seat = at_seat(app, scene, "4")
    camera.sees(SEATED, looks=6)
    seat.taken(Route.ALERT, seat.alert(kind="NO_FACE"))
    camera.sees("1235678", looks=HOLD)
    (row,) = incidents(scene)
    assert row.kind == "NO_FACE"
    assert row.details["room_camera"] == "LEFT_SEAT"


def test_what_the_seat_tells_later_takes_the_room_cameras_alert_over(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    seat = at_seat(app, scene, "4")
    camera.sees(SEATED, looks=6)
    camera.sees("1235678", looks=HOLD)
    seat.taken(Route.ALERT, seat.alert(kind="NO_FACE"))
    camera.sees("1235678", looks=2)
    left, face = incidents(scene)
    assert (left.kind, left.state, left.details["same_as"]) == ("LEFT_SEAT", "cleared", face.id)
    assert face.details["room_camera"] == "LEFT_SEAT"
    assert face.state == "raised"


def test_nobody_is_missed_in_a_pause_and_all_have_time_to_sit_down_after_it(
    scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)

    def pause(session, at: datetime | None) -> None:
        session.get_one(RoomSitting, scene.room_sitting).paused_at = at

    scene.host.db.write(pause, scene.host.now())
    camera.sees("12356", looks=HOLD)
    scene.host.db.write(pause, None)
    camera.sees("12356", looks=8)
    camera.sees(SEATED, looks=5)
    assert incidents(scene) == []


def test_what_could_not_be_put_on_the_record_is_told_again(
    scene: Scene, machine: Machine, camera: RoomAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    camera.sees("1235678", looks=14)

    def locked(*_given: object, **_named: object) -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    with monkeypatch.context() as broken:
        broken.setattr(room_incidents, "tell", locked)
        for _ in range(4):
            with suppress(OperationalError):
                camera.report([camera.head(seat) for seat in "1235678"])
    assert incidents(scene) == []
    camera.sees("1235678")
    assert [row.kind for row in incidents(scene)] == ["LEFT_SEAT"]


def test_who_waits_for_a_picture_over_a_restart_does_not_blind_the_camera(
    scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    watch = delivery_of(scene.host).room_cameras
    for gone in (lambda: watch.still(camera.camera, "x"), lambda: camera.send("x", jpeg())):
        watch._sights.clear()
        with suppress(NotFound):
            gone()
        assert camera.sees(SEATED).watching


def test_looks_one_upon_the_other_count_once(scene: Scene, machine: Machine, camera: RoomAgent) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    told = RoomCameraReport("b", 1, 99, CameraState.LIVE, "CAM-ROOM", width=1280, height=720)
    for _ in range(30):
        answer = camera.client.post(Route.ROOM_REPORT, json=encode(told), headers=camera.headers())
        assert answer.status_code == 200
    assert camera.sight.mark("1") == "taken"


def test_a_refused_picture_is_not_asked_for_for_ever(
    scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    refs = list(wanted(scene, machine, camera))
    assert camera.send(refs[0], jpeg(0, (512 << 10) + 1)).status_code == 413
    assert [each.ref for each in camera.sees("1235678").wanted] == refs[1:]


def test_a_logged_leave_is_no_empty_chair(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    seat, now = scene.seats["4"], scene.host.now()
    sighting = Sighting(scene.room_sitting, "LEAVE_ALLOWED", seat, now, escort="Zhang")
    scene.write(staff_incidents.report, scene.invigilator, sighting)
    camera.sees("1235678", looks=HOLD)
    assert incidents(scene, "LEFT_SEAT") == []


def test_two_at_a_seat_and_a_changed_seat_are_told_and_a_walker_is_not(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    for look in range(10):
        camera.sees(SEATED, (camera.head("5", 0.6, 0.1 * look),))
    assert incidents(scene) == []
    camera.sees(SEATED, (camera.head("5", 0.3),), looks=HOLD)
    camera.sees(SEATED, looks=8)
    (two,) = incidents(scene)
    assert (two.kind, two.seat_id, two.state) == ("TWO_AT_SEAT", scene.seats["5"], "cleared")
    camera.sees("1234567" + SPARE, looks=HOLD)
    (changed,) = incidents(scene)[1:]
    assert (changed.kind, changed.seat_id) == ("CHANGED_SEAT", scene.seats["8"])
    assert changed.details["other"] == SPARE


def test_who_has_handed_in_is_not_missed(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)

    def hand_in(session) -> None:
        session.get_one(Attempt, scene.attempts["4"]).state = str(AttemptState.SUBMITTED)

    scene.host.db.write(hand_in)
    camera.sees("1235678", looks=HOLD)
    assert incidents(scene) == []


def test_no_consent_to_face_comparison_changes_nothing_since_nobody_is_recognised(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine, refusing="4")
    camera.sees(SEATED, looks=6)
    camera.sees("1235678", looks=HOLD)
    assert [row.kind for row in incidents(scene)] == ["LEFT_SEAT"]


def test_a_camera_that_falls_silent_or_sees_nothing_is_lost_and_comes_back(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    watch = delivery_of(scene.host).room_cameras
    for _ in range(12):
        machine.advance(seconds=5)
        watch.tick(now=scene.host.now())
    (row,) = incidents(scene)
    assert (row.kind, row.seat_id, row.details["why"]) == ("ROOM_CAMERA_LOST", None, "lost")
    camera.sees(SEATED, looks=4)
    assert incidents(scene)[0].state == "cleared"
    for _ in range(10):
        assert camera.report([], blind="dark").status_code == 200
    assert incidents(scene)[-1].details["why"] == "dark"
    assert camera.sight.mark("1") == "unavailable"


def test_a_pushed_camera_is_told_and_seats_are_not_judged(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    pushed = [(x + 0.08, y) for x, y in (camera.head(seat) for seat in SEATED)]
    for _ in range(30):
        camera.report(pushed)
    assert [row.kind for row in incidents(scene)] == ["ROOM_CAMERA_MOVED"]


def test_a_new_calibration_ends_the_alert_of_a_moved_camera_and_judges_again(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=21)
    camera.sees("1235678", looks=HOLD)
    pushed = {seat: (x + 0.08, y) for seat in SEATED for x, y in (camera.head(seat),)}
    for _ in range(24):
        camera.report([pushed[seat] for seat in "1235678"])
    left, moved = incidents(scene)
    assert "ended_at" not in left.details, "nobody saw the candidate come back"
    samples = [Sample(seat, *pushed[seat]) for seat in "13578"]
    given = samples, Picture(1280, 720, "CAM-ROOM")
    scene.write(room_calibrations.calibrate, Signed(scene.chief), scene.room, given)
    for _ in range(12):
        camera.report(list(pushed.values()))
    left, moved = incidents(scene)
    assert moved.state == "cleared"
    assert "ended_at" in left.details
    assert camera.sight.mark("4") == "taken"


def test_a_restart_of_the_server_goes_on_with_what_was_open(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    camera.sees("1235678", looks=HOLD)
    delivery_of(scene.host).room_cameras._sights.clear()
    camera.sees("1235678", looks=HOLD)
    assert [row.details["count"] for row in incidents(scene)] == [1]
    camera.sees(SEATED, looks=8)
    assert "ended_at" in incidents(scene)[0].details


def test_the_end_of_the_room_ends_what_is_open(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    camera.sees("1235678", looks=HOLD)

    def end(session) -> None:
        session.get_one(type(scene.room_row()), scene.room_sitting).state = "ended"

    scene.host.db.write(end)
    camera.sees("1235678")
    assert "ended_at" in incidents(scene)[0].details
    with scene.host.db.read() as session:
        assert session.query(RoomCameraRun).one().state == {}


# --- pictures --------------------------------------------------------------------------------------------


def wanted(scene: Scene, machine: Machine, camera: RoomAgent) -> dict[str, int]:
    """After an alert: which pictures the server asks for, and of which look."""
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    orders = camera.sees("1235678", looks=HOLD)
    return {each.ref: each.number for each in orders.wanted}


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
