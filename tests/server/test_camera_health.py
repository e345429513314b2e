"""What a workstation says of its camera's pictures: how large they are, and how often they came again."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.watch_messages import CameraReport, CameraState
from server.access import Actor
from server.db.record import AuditEntry
from server.db.rooms import Seat
from server.events import Activity
from server.host import Host
from server.services import cameras
from server.services.cameras import BROKEN, CameraSeat, CameraWord, camera_word
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, answering, equip


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    made = equip(make_scene(host, person_as))

    def name_camera(session) -> None:
        session.get_one(Seat, made.seats["1"]).camera = "CAM-01"

    host.db.write(name_camera)
    return made


@pytest.fixture
def news(host: Host) -> list[Activity]:
    """Lines of the room about cameras that came again."""
    told: list[Activity] = []
    host.events.subscribe(Activity, lambda fact: told.append(fact) if "camera" in fact.code else None)
    return told


def beat(agent: CameraAgent, reconnects: int = 0, stalls: int = 0, **more: object) -> None:
    size = {"width": 640, "height": 480} | more
    agent.beat(
        camera=CameraReport(CameraState.LIVE, "CAM-01", "watch", reconnects=reconnects, stalls=stalls, **size)
    )


def rows(scene: Scene) -> list[dict[str, str]]:
    with scene.host.db.read() as session:
        found = session.query(AuditEntry).filter_by(act="camera_back").order_by(AuditEntry.id)
        return [entry.details for entry in found]


def test_a_stalled_camera_has_a_word_of_its_own_and_counts_as_broken() -> None:
    seat = CameraSeat(state="answering", consent=True, enrolled=True)
    word = camera_word(seat, CameraReport(CameraState.STALLED, "CAM-01", "watch"))
    assert word is CameraWord.STALLED and word in BROKEN


@pytest.mark.both_stores
def test_a_camera_that_comes_again_is_a_line_of_the_room(
    app: Flask, scene: Scene, machine: Machine, news: list[Activity]
) -> None:
    (agent,) = answering(app, scene, machine, "1")
    beat(agent, 3, 1)
    assert rows(scene) == []  # the first word: it happened before anybody listened
    beat(agent, 4, 1)
    assert rows(scene) == [{"seat": "1", "reconnects": "1", "stalls": "0"}]
    assert [(fact.code, fact.seat) for fact in news] == [("line_camera_back", scene.seats["1"])]
    beat(agent, 4, 1)
    assert len(rows(scene)) == 1


def test_a_camera_that_flaps_is_told_once_a_minute_with_what_happened_meanwhile(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    (agent,) = answering(app, scene, machine, "1")
    beat(agent)
    for times in range(1, 6):
        beat(agent, times, times - 1)
        machine.advance(seconds=10)
    assert rows(scene) == [{"seat": "1", "reconnects": "1", "stalls": "0"}]
    machine.advance(seconds=10)
    beat(agent, 5, 5)
    assert rows(scene)[1:] == [{"seat": "1", "reconnects": "4", "stalls": "5"}]


def test_an_agent_that_starts_again_counts_from_nothing(app: Flask, scene: Scene, machine: Machine) -> None:
    (agent,) = answering(app, scene, machine, "1")
    beat(agent, 7, 2)
    beat(agent, 0, 0)
    assert rows(scene) == []
    beat(agent, 0, 1)
    assert rows(scene) == [{"seat": "1", "reconnects": "0", "stalls": "1"}]


def test_in_a_quiet_room_people_may_plug_and_try(
    app: Flask, scene: Scene, machine: Machine, news: list[Activity]
) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.open_session()
    scene_state(scene, "arranged")
    beat(agent)
    beat(agent, 1)
    assert rows(scene) == [] == news


def scene_state(scene: Scene, state: str) -> None:
    from server.db.sittings import RoomSitting

    def change(session) -> None:
        session.get_one(RoomSitting, scene.room_sitting).state = state

    scene.host.db.write(change)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"width": 10**9, "height": -5, "reconnects": -1, "stalls": 10**9}, (99_999, 0, 0, 999_999)),
        ({"width": 640, "height": 480, "reconnects": 2, "stalls": 3}, (640, 480, 2, 3)),
    ],
)
def test_numbers_of_a_heartbeat_are_bounded(
    app: Flask, scene: Scene, host: Host, given: dict[str, int], kept: tuple[int, ...]
) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.open_session()
    agent.beat(camera=CameraReport(CameraState.LIVE, "CAM-01", odd_size=True, **given))
    found = host.presence.of(scene.workstations["1"]).camera
    assert (found.width, found.height, found.reconnects, found.stalls) == kept
    assert found.odd_size


@pytest.mark.dear
def test_sizes_stand_in_the_camera_check_and_beside_the_seat(
    app: Flask, scene: Scene, machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    (agent,) = answering(app, scene, machine, "1")
    browser = sign_in(scene.invigilator)
    pages = (
        f"/monitor/{scene.room_sitting}/cameras",
        f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}",
    )
    beat(agent)
    for page in pages:
        text = browser.get(page).text
        assert "640×480" in text and "与应有尺寸不符" not in text
    beat(agent, 2, 1, width=160, height=120, odd_size=True)
    for page in pages:
        text = browser.get(page).text
        assert "160×120" in text and "与应有尺寸不符" in text
    assert "重新接通 2 次，停顿 1 次" in text
    with scene.host.db.read() as session:
        line = next(
            line for line in cameras.check(session, scene.host.presence, scene.room_sitting) if line.found
        )
    assert (line.report.width, line.report.odd_size) == (160, True)
