"""Random pictures: taken once each, some looked at again by the server; a contradiction calls people."""

from collections.abc import Callable

import pytest
from flask import Flask

from exam_rooms.captures import is_rechecked
from exam_rooms.protocol import Route
from exam_rooms.watching import ObservationNote
from server.access import Actor
from server.db.sittings import Incident
from server.db.watching import EvidenceFrame
from server.host import Host
from server.services import captures, evidence
from tests.server.capture_kit import lines, policy, rechecks, take
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, answering, equip, jpeg, note


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    made = equip(make_scene(host, person_as))
    policy(made, captures=4, recheck_share=1.0)
    return made


@pytest.fixture
def agent(app: Flask, scene: Scene, machine: Machine) -> CameraAgent:
    return answering(app, scene, machine, "1")[0]


def settle(scene: Scene, seen: ObservationNote | None) -> None:
    scene.write(captures.settle_recheck, lines(scene)[0].capture, seen)


def contradictions(host: Host) -> list[Incident]:
    with host.db.read() as session:
        return session.query(Incident).filter_by(kind="AGENT_DISAGREES").all()


# --- taken -------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_capture_is_kept_with_what_the_seat_saw(agent: CameraAgent, scene: Scene, machine: Machine) -> None:
    seen = note(similarity=0.7, likeness="match", models={"detect": "d 1"})
    data = jpeg(1)
    asked = agent.capture(0, note=seen, frame=agent.frame(data))
    agent.taken(Route.CAPTURE, asked)
    (line,) = lines(scene)
    assert (line.seat, line.number, line.state, line.note, line.stored) == ("1", 0, "taken", seen, False)
    assert abs((line.taken_at - machine.wall).total_seconds()) < 0.01
    agent.picture(data)
    assert agent.taken(Route.CAPTURE, asked).wanted == ()
    (line,) = lines(scene)
    assert (line.stored, line.recheck) == (True, "due")
    with scene.host.db.read() as session:
        assert evidence.picture(session, scene.host.evidence, scene.invigilator, line.frame or 0) == data


def test_a_camera_without_a_picture_is_a_capture_missed(agent: CameraAgent, scene: Scene) -> None:
    assert agent.taken(Route.CAPTURE, agent.capture(1)).wanted == ()
    (line,) = lines(scene)
    assert (line.state, line.note, line.frame, line.recheck) == ("missed", None, None, "")


@pytest.mark.both_stores
def test_of_two_pictures_for_one_moment_the_first_counts(
    agent: CameraAgent, scene: Scene, host: Host, machine: Machine
) -> None:
    first = take(agent, 0, note())
    machine.advance(minutes=1)  # the agent was killed before it remembered, and takes one anew
    empty = note(faces=0, persons=0)
    again = agent.capture(0, note=empty, frame=agent.frame(jpeg(99)))
    assert agent.taken(Route.CAPTURE, again).wanted == ()
    assert agent.picture(jpeg(99)).get_json()["code"] == "frame_not_announced"
    (line,) = lines(scene)
    with host.db.read() as session:
        (due,) = captures.due(session, 9)
        assert evidence.picture(session, host.evidence, scene.invigilator, line.frame or 0) == first
        (frame,) = evidence.frames_of(session, capture_id=line.capture)
    assert (due.capture, due.file, line.note) == (line.capture, frame.file, note())


def test_a_capture_that_was_missed_stays_missed(agent: CameraAgent, scene: Scene) -> None:
    agent.taken(Route.CAPTURE, agent.capture(1))
    assert agent.taken(Route.CAPTURE, agent.capture(1, note=note(), frame=agent.frame(jpeg(1)))).wanted == ()
    assert [(line.state, line.frame) for line in lines(scene)] == [("missed", None)]


def test_the_list_names_a_capture_once_whatever_lies_in_the_store(
    agent: CameraAgent, scene: Scene, host: Host
) -> None:
    take(agent)

    def twice(session) -> int:
        (frame,) = evidence.frames_of(session, capture_id=1)
        twin = {key: getattr(frame, key) for key in EvidenceFrame.__mapper__.columns.keys() if key != "id"}  # noqa: SIM118
        session.add(EvidenceFrame(**twin | {"sha256": "f" * 64}))
        return frame.id

    first = host.db.write(twice)
    assert [line.frame for line in lines(scene)] == [first]
    with host.db.read() as session:
        assert len(captures.due(session, 9)) == 1


def test_the_draw_says_which_are_looked_at_again(agent: CameraAgent, scene: Scene) -> None:
    policy(scene, recheck_share=0.5)
    for number in range(4):
        take(agent, number)
    seed = scene.room_row().capture_seed
    expected = ["due" if is_rechecked(seed, agent.attempt, number, 0.5) else "" for number in range(4)]
    assert rechecks(scene) == expected
    assert expected.count("due") == 2


def test_only_captures_of_the_plan_are_taken(app: Flask, agent: CameraAgent, scene: Scene) -> None:
    for number in (-1, 4):
        assert agent.refused(Route.CAPTURE, agent.capture(number)) == (400, "message_malformed")
    stranger = CameraAgent(app, scene, "2")
    stranger.wait()
    stranger.attempt = agent.attempt
    assert stranger.refused(Route.CAPTURE, stranger.capture()) == (403, "attempt_not_here")
    assert lines(scene) == []


def test_not_before_the_paper_is_open(app: Flask, scene: Scene) -> None:
    early = CameraAgent(app, scene, "2")
    early.wait()
    assert early.refused(Route.CAPTURE, early.capture()) == (409, "capture_not_now")


# --- looked at again ---------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_the_same_seen_twice_agrees(agent: CameraAgent, scene: Scene, host: Host) -> None:
    take(agent)
    settle(scene, note(similarity=0.7))
    (line,) = lines(scene)
    assert (line.recheck, line.recheck_note) == ("agrees", note(similarity=0.7))
    assert contradictions(host) == []


@pytest.mark.both_stores
def test_a_contradiction_calls_people_with_both_notes_and_the_picture(
    agent: CameraAgent, scene: Scene, host: Host
) -> None:
    take(agent)
    settle(scene, note(faces=2, persons=2))
    settle(scene, note())  # settled once
    assert rechecks(scene) == ["disagrees"]
    (row,) = contradictions(host)
    assert (row.seat_id, row.attempt_id, row.state) == (scene.seats["1"], agent.attempt, "raised")
    assert row.details["differs"] == "persons"
    assert (row.details["note"]["persons"], row.details["recheck_note"]["persons"]) == (1, 2)
    with host.db.read() as session:
        (frame,) = evidence.frames_of(session, incident_id=row.id)
    assert frame.capture_id == lines(scene)[0].capture
    again = agent.capture(0, note=note(), frame=agent.frame(jpeg(1)))
    assert agent.taken(Route.CAPTURE, again).wanted == ()


def test_what_nobody_could_see_is_never_an_agreement(agent: CameraAgent, scene: Scene, host: Host) -> None:
    blind = note(faces=0, persons=0, unavailable=("detect",))
    for number, (seat, server) in enumerate([(note(), None), (note(), blind), (blind, note())]):
        take(agent, number, seat)
        scene.write(captures.settle_recheck, lines(scene)[-1].capture, server)
    data = jpeg(9)
    agent.taken(Route.CAPTURE, agent.capture(3, frame=agent.frame(data)))  # the seat did not look
    agent.picture(data)
    scene.write(captures.settle_recheck, lines(scene)[-1].capture, note())
    assert rechecks(scene) == ["failed"] * 4
    assert contradictions(host) == []


@pytest.mark.parametrize(
    ("seat", "server", "expected"),
    [
        ("", "mismatch", "disagrees"),
        ("no_face", "mismatch", "disagrees"),
        ("match", "mismatch", "disagrees"),
        ("mismatch", "mismatch", "agrees"),
        ("unsure", "unsure", "agrees"),
        ("", "match", "failed"),
        ("", "unsure", "failed"),
        ("match", "", "failed"),
        ("mismatch", "no_face", "failed"),
        ("", "", "agrees"),  # nobody was enrolled
    ],
)
def test_a_face_that_one_side_did_not_compare_never_simply_agrees(
    agent: CameraAgent, scene: Scene, host: Host, seat: str, server: str, expected: str
) -> None:
    take(agent, 0, note(likeness=seat))
    settle(scene, note(likeness=server))
    assert rechecks(scene) == [expected]
    assert [row.details["differs"] for row in contradictions(host)] == ["likeness"] * (
        expected == "disagrees"
    )
