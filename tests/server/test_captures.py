"""Random pictures: taken once each, some looked at again by the server; a contradiction calls people."""

import base64
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
import pytest
from flask import Flask

from exam_rooms.captures import is_rechecked
from exam_rooms.protocol import Route
from exam_rooms.watching import ObservationNote, WatchRules
from exam_rooms.wire import decode, encode
from proctoring import models
from proctoring.observe import Eyes
from server.access import Actor
from server.db.sittings import Batch, Incident
from server.db.watching import Capture, EvidenceFrame
from server.errors import Refused
from server.host import Host
from server.live.rechecks import AT_ONCE, BUSY, JOB, Rechecks
from server.services import captures, evidence
from server.services.captures import GIVE_UP, CaptureLine
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, answering, equip, jpeg, note, rules, sha, vector


def policy(scene: Scene, **changed: Any) -> None:
    """Changes the level's rules for cameras."""

    def set_rules(session) -> None:
        batch = session.get_one(Batch, 1)
        batch.policy = batch.policy | {"watching": batch.policy["watching"] | changed}

    scene.host.db.write(set_rules)


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    made = equip(make_scene(host, person_as))
    policy(made, captures=4, recheck_share=1.0)
    return made


@pytest.fixture
def agent(app: Flask, scene: Scene, machine: Machine) -> CameraAgent:
    return answering(app, scene, machine, "1")[0]


def take(agent: CameraAgent, number: int = 0, seen: ObservationNote | None = None) -> bytes:
    """One capture with its picture; the bytes."""
    data = jpeg(number + 1)
    asked = agent.capture(number, note=seen or note(), frame=agent.frame(data))
    assert agent.taken(Route.CAPTURE, asked).wanted == (sha(data),)
    assert agent.picture(data).status_code == 200
    return data


def lines(scene: Scene) -> list[CaptureLine]:
    with scene.host.db.read() as session:
        return captures.listing(session, scene.room_sitting)


def rechecks(scene: Scene) -> list[str]:
    return [line.recheck for line in lines(scene)]


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


# --- the watch over them -----------------------------------------------------------------------------


class Child:
    """Stands for the child process: what it was given, and what it answers."""

    def __init__(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[dict[str, Any]] = []
        self.bad: set[bytes] = set()
        self.seen: ObservationNote | None = note()
        monkeypatch.setattr(host.jobs, "run", self.run)

    def run(self, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        assert kind == JOB
        self.calls.append(payload)
        pictures = {key: value for key, value in payload.items() if key.startswith("frame-")}
        if self.bad & set(pictures.values()):
            raise Refused("job_crashed")
        seen = None if self.seen is None else encode(self.seen)
        return {"notes": {key.removeprefix("frame-"): seen for key in pictures}}


@pytest.fixture
def child(host: Host, monkeypatch: pytest.MonkeyPatch) -> Child:
    return Child(host, monkeypatch)


def test_pictures_that_came_are_looked_at_with_the_enrolled_face(
    agent: CameraAgent, scene: Scene, host: Host, child: Child
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(7))
    data = take(agent)
    agent.taken(Route.CAPTURE, agent.capture(1, note=note(), frame=agent.frame(jpeg(2))))  # not here yet
    Rechecks(host).tick()
    (payload,) = child.calls
    (look,) = payload["looks"]
    assert payload[f"frame-{look['capture']}"] == data
    assert (look["template"], decode(WatchRules, look["rules"])) == (vector(7), rules(scene))
    assert rechecks(scene) == ["agrees", "due"]
    Rechecks(host).tick()
    assert len(child.calls) == 1


def test_few_at_once_and_never_while_the_server_is_busy(
    app: Flask, agent: CameraAgent, scene: Scene, host: Host, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(scene, captures=AT_ONCE + 2)
    for number in range(AT_ONCE + 2):
        take(agent, number)
    watch = Rechecks(host)
    monkeypatch.setattr(host.answers, "pressure", lambda: BUSY + 1)
    watch.tick()
    assert child.calls == []
    monkeypatch.setattr(host.answers, "pressure", lambda: BUSY)
    watch.tick()
    watch.tick()
    assert [len(payload["looks"]) for payload in child.calls] == [AT_ONCE, 2]


def test_one_bad_picture_spoils_only_itself(
    agent: CameraAgent, scene: Scene, host: Host, child: Child
) -> None:
    pictures = [take(agent, number) for number in range(3)]
    child.bad = {pictures[1]}
    Rechecks(host).tick()
    assert rechecks(scene) == ["agrees", "failed", "agrees"]
    assert [len(payload["looks"]) for payload in child.calls] == [3, 1, 1, 1]


def test_a_picture_that_is_gone_or_unreadable_has_failed(
    agent: CameraAgent, scene: Scene, host: Host, child: Child
) -> None:
    take(agent)
    with host.db.read() as session:
        (due,) = captures.due(session, 5)
    host.evidence.delete(due.file)
    Rechecks(host).tick()
    take(agent, 1)
    child.seen = None
    Rechecks(host).tick()
    assert rechecks(scene) == ["failed", "failed"]


def test_a_picture_that_never_comes_is_given_up(
    agent: CameraAgent, scene: Scene, host: Host, child: Child, machine: Machine
) -> None:
    agent.taken(Route.CAPTURE, agent.capture(0, note=note(), frame=agent.frame(jpeg(1))))
    machine.advance(seconds=GIVE_UP.total_seconds() - 1)
    Rechecks(host).tick()
    assert rechecks(scene) == ["due"]
    machine.advance(seconds=2)
    Rechecks(host).tick()
    assert rechecks(scene) == ["failed"]
    with host.db.read() as session:
        assert session.query(Capture).one().rechecked_at == machine.wall


def test_news_that_comes_late_gives_its_picture_as_long_as_any_other(
    agent: CameraAgent, scene: Scene, host: Host, child: Child, machine: Machine
) -> None:
    taken = agent.boot_ns()
    machine.advance(minutes=75)  # without a link
    agent.open_session()
    agent.taken(Route.CAPTURE, agent.capture(0, boot_ns=taken, note=note(), frame=agent.frame(jpeg(1))))
    Rechecks(host).tick()
    assert rechecks(scene) == ["due"]
    assert agent.picture(jpeg(1)).status_code == 200
    Rechecks(host).tick()
    assert rechecks(scene) == ["agrees"]


def test_a_picture_that_was_never_asked_for_is_given_up(
    agent: CameraAgent, scene: Scene, host: Host, child: Child, machine: Machine
) -> None:
    policy(scene, frame_limit=4)
    for number in range(4):
        agent.taken(Route.ENROLMENT, agent.enrolment(frames=(agent.frame(jpeg(90 + number)),)))
    asked = agent.capture(0, note=note(), frame=agent.frame(jpeg(1)))
    assert agent.taken(Route.CAPTURE, asked).wanted == ()
    machine.advance(seconds=GIVE_UP.total_seconds() + 1)
    Rechecks(host).tick()
    assert rechecks(scene) == ["failed"]


# --- the child ---------------------------------------------------------------------------------------


def encoded(frame: np.ndarray) -> bytes:
    return bytes(cv2.imencode(".jpg", frame)[1])


def test_a_real_child_looks_at_pictures(host: Host) -> None:
    grey = np.random.default_rng(1).integers(60, 200, (240, 320, 3), dtype=np.uint8)
    plain = {"rules": encode(WatchRules()), "template": ""}
    looks = [{"capture": 1, **plain}, {"capture": 2, **plain}]
    notes = host.jobs.run(JOB, {"looks": looks, "frame-1": encoded(grey), "frame-2": encoded(grey)[:300]})[
        "notes"
    ]
    seen = decode(ObservationNote, notes["1"])
    assert (seen.faces, seen.persons, seen.quality) == (0, 0, "good")
    assert notes["2"] is None


def test_the_child_compares_no_template_of_another_network(host: Host) -> None:
    """Of the same length: it says that it cannot compare, and no face is called a stranger's."""
    portrait = files("server").joinpath("samples", "faces", "obama.jpg").read_bytes()
    picture = encoded(cv2.imdecode(np.frombuffer(portrait, np.uint8), cv2.IMREAD_COLOR))
    dim, own = models.card("verify").dim, Eyes().models["verify"]
    template = base64.b64encode(np.full(dim, dim**-0.5, "<f4").tobytes()).decode()
    plain = {"rules": encode(WatchRules()), "template": template}
    looks = [{"capture": 1, "model": "another 1", **plain}, {"capture": 2, "model": own, **plain}]
    notes = host.jobs.run(JOB, {"looks": looks, "frame-1": picture, "frame-2": picture})["notes"]
    other, same = (decode(ObservationNote, notes[number]) for number in ("1", "2"))
    assert (other.similarity, other.unavailable) == (None, ("verify",))
    assert same.similarity is not None and "verify" not in same.unavailable


def test_the_child_and_the_seat_are_told_which_network_made_the_template(
    host: Host, scene: Scene, app: Flask, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (agent,) = answering(app, scene, machine, "1")
    agent.taken(Route.ENROLMENT, agent.enrolment(models={"verify": "one 1"}))
    plan = agent.state().watch
    assert plan is not None and (plan.model, bool(plan.template)) == ("one 1", True)
    agent.taken(Route.CAPTURE, agent.capture(0, note=note(), frame=agent.frame(jpeg(1))))
    agent.picture(jpeg(1))
    given: list[dict[str, Any]] = []

    def run(_job: str, payload: dict[str, Any]) -> dict[str, Any]:
        given.extend(payload["looks"])
        return {"notes": {}}

    monkeypatch.setattr(host.jobs, "run", run)
    Rechecks(host).tick()
    assert [look["model"] for look in given] == ["one 1"] * len(given) != []
