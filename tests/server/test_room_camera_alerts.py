"""What a room camera tells of seats and of itself: alerts, when they end, and what is no alert."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy.exc import OperationalError

from exam_rooms.incidents import Severity
from exam_rooms.protocol import Route
from exam_rooms.room_camera_messages import RoomCameraReport
from exam_rooms.seats import AttemptState
from exam_rooms.watch_messages import CameraState
from exam_rooms.wire import encode
from proctoring.calibration import Sample
from server.access import Actor
from server.db.room_cameras import RoomCameraRun
from server.db.sittings import Attempt, Incident, RoomSitting
from server.errors import NotFound
from server.host import Host
from server.services import (
    monitoring,
    room_calibrations,
    room_incidents,
    staff_incidents,
)
from server.services.delivery import delivery_of
from server.services.room_calibrations import Picture
from server.services.signed import Signed
from server.services.staff_incidents import Sighting
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene
from tests.server.room_camera_kit import RoomAgent
from tests.server.room_watch_kit import HOLD, SEATED, SPARE, calibrated, started, three_by_three, wanted
from tests.server.smart_kit import CameraAgent, jpeg


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor], monkeypatch: pytest.MonkeyPatch) -> Scene:
    return three_by_three(host, person_as, monkeypatch)


@pytest.fixture
def camera(app: Flask, scene: Scene, machine: Machine, system: Actor) -> RoomAgent:
    return calibrated(app, scene, machine)


@pytest.fixture
def system(person_as: Callable[..., Actor]) -> Actor:
    return person_as("system_administrator")


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


# --- incidents -------------------------------------------------------------------------------------------


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
def test_a_refused_picture_is_not_asked_for_for_ever(
    scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    refs = list(wanted(scene, machine, camera))
    assert camera.send(refs[0], jpeg(0, (512 << 10) + 1)).status_code == 413
    assert [each.ref for each in camera.sees("1235678").wanted] == refs[1:]


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
def test_no_consent_to_face_comparison_changes_nothing_since_nobody_is_recognised(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine, refusing="4")
    camera.sees(SEATED, looks=6)
    camera.sees("1235678", looks=HOLD)
    assert [row.kind for row in incidents(scene)] == ["LEFT_SEAT"]


@pytest.mark.dear
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


@pytest.mark.dear
def test_a_pushed_camera_is_told_and_seats_are_not_judged(
    app: Flask, scene: Scene, machine: Machine, camera: RoomAgent
) -> None:
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    pushed = [(x + 0.08, y) for x, y in (camera.head(seat) for seat in SEATED)]
    for _ in range(30):
        camera.report(pushed)
    assert [row.kind for row in incidents(scene)] == ["ROOM_CAMERA_MOVED"]


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
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
