"""What a rehearsal reads from the stores about its cameras, on a room whose workstations spoke by hand."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from flask import Flask

from exam_rooms.captures import capture_moments
from exam_rooms.protocol import Route
from server.access import Actor
from server.cli.rehearse.findings import (
    CAPTURE_SECONDS,
    CameraFindings,
    camera_findings,
    enrolled_seats,
    incident_seats,
)
from server.db.sittings import Attempt, Sitting
from server.db.watching import Enrolment
from server.host import Host
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, answering, equip, jpeg, note, rules

pytestmark = pytest.mark.both_stores


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[CameraAgent]:
    """Seat 1 agreed to face comparison, seat 2 refused."""
    return answering(app, scene, machine, "12", refusing="2")


def findings(scene: Scene, seats: Sequence[str] = ("1",)) -> CameraFindings:
    with scene.host.db.read() as session:
        return camera_findings(session, scene.room_sitting, rules(scene), seats)


def moments(scene: Scene, seat: str = "1") -> tuple[float, ...]:
    row = scene.room_row()
    with scene.host.db.read() as session:
        minutes = float(session.get_one(Sitting, row.sitting_id).minutes)
    return capture_moments(row.capture_seed, scene.attempts[seat], rules(scene), minutes)


def hand_in(scene: Scene, seat: str, seconds: float) -> None:
    """The candidate of a seat is done so many seconds after the start."""

    def close(session) -> None:
        started = scene.room_row().started_at
        assert started is not None
        session.get_one(Attempt, scene.attempts[seat]).closed_at = started + timedelta(seconds=seconds)

    scene.host.db.write(close)


def test_a_room_that_still_runs_owes_no_capture(agents: list[CameraAgent], scene: Scene) -> None:
    found = findings(scene)
    assert set(found.captures.values()) == {0}
    assert (found.frames_stored, found.frames_waiting, found.unconsented, found.settled) == (0, 0, 0, True)


@pytest.mark.parametrize(("after", "owed"), [(-0.1, 0), (0.1, 1)])
def test_a_capture_is_owed_once_its_moment_came_while_the_candidate_answered(
    agents: list[CameraAgent], scene: Scene, after: float, owed: int
) -> None:
    hand_in(scene, "1", moments(scene)[0] + CAPTURE_SECONDS + after)
    found = findings(scene)
    assert (found.captures["missed"], found.captures["untold"], found.settled) == (owed, owed, not owed)
    assert findings(scene, ()).captures["missed"] == 0  # a seat without a camera owes none


def test_a_refusal_owes_no_capture(agents: list[CameraAgent], scene: Scene) -> None:
    hand_in(scene, "2", moments(scene, "2")[-1] + 60)
    assert findings(scene, ("1", "2")).captures["missed"] == 0


def test_taken_and_missed_captures_are_told_apart(agents: list[CameraAgent], scene: Scene) -> None:
    hand_in(scene, "1", moments(scene)[-1] + 60)
    first = agents[0]
    data = jpeg(1)
    first.taken(Route.CAPTURE, first.capture(0, note=note(), frame=first.frame(data)))
    found = findings(scene)
    assert (found.captures["taken"], found.captures["missed"], found.frames_waiting) == (1, 1, 1)
    assert not found.settled
    first.taken(Route.CAPTURE, first.capture(1))
    first.picture(data)
    found = findings(scene)
    assert (found.captures["taken"], found.captures["missed"], found.captures["untold"]) == (1, 1, 0)
    assert (found.frames_stored, found.frames_waiting, found.unconsented) == (1, 0, 0)


def test_incidents_and_enrolments_are_found_by_seat(agents: list[CameraAgent], scene: Scene) -> None:
    first = agents[0]
    first.taken(Route.ALERT, first.alert())
    first.taken(Route.ALERT, first.alert(episode="fedcba9876543210", kind="MULTI_FACE"))
    first.taken(Route.ENROLMENT, first.enrolment())
    with scene.host.db.read() as session:
        assert incident_seats(session, scene.room_sitting) == {"MULTI_FACE": ["1"], "NO_FACE": ["1"]}
        assert enrolled_seats(session, scene.room_sitting) == {"1"}


def test_whatever_is_kept_of_a_refusal_is_counted(agents: list[CameraAgent], scene: Scene) -> None:
    agents[0].taken(Route.ENROLMENT, agents[0].enrolment())
    assert findings(scene).unconsented == 0

    def change_hands(session) -> None:
        session.query(Enrolment).one().attempt_id = scene.attempts["2"]

    scene.host.db.write(change_hands)
    assert findings(scene).unconsented == 1
