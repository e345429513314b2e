"""Random pictures: the server's watch over them, and the child that looks again."""

import base64
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
import pytest
from flask import Flask

from exam_rooms.protocol import Route
from exam_rooms.watching import ObservationNote, WatchRules
from exam_rooms.wire import decode, encode
from proctoring import models
from proctoring.observe import Eyes
from server.access import Actor
from server.db.watching import Capture
from server.errors import Refused
from server.host import Host
from server.live.rechecks import AT_ONCE, BUSY, JOB, Rechecks
from server.services import captures
from server.services.captures import GIVE_UP
from tests.server.capture_kit import policy, rechecks, take
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, answering, equip, jpeg, note, rules, vector


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    made = equip(make_scene(host, person_as))
    policy(made, captures=4, recheck_share=1.0)
    return made


@pytest.fixture
def agent(app: Flask, scene: Scene, machine: Machine) -> CameraAgent:
    return answering(app, scene, machine, "1")[0]


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


@pytest.mark.dear
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
