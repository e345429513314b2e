"""Warnings: given by a person, shown until read, both on the record."""

from collections.abc import Callable

import pytest
from flask import Flask

from exam_rooms.protocol import Route
from exam_rooms.watch_messages import WarningReadRequest
from server.access import Actor
from server.db.record import AuditEntry
from server.db.sittings import Incident
from server.db.watching import CandidateWarning
from server.errors import Forbidden, NotFound, Refused
from server.events import Activity
from server.host import Host
from server.services import commands, incidents, warnings
from server.services.incidents import Handling
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, answering, equip


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[CameraAgent]:
    return answering(app, scene, machine, "12")


@pytest.fixture
def agent(agents: list[CameraAgent]) -> CameraAgent:
    return agents[0]


def warn(scene: Scene, attempt: int, text: str = "请坐正", incident: int | None = None) -> CandidateWarning:
    return scene.write(warnings.give, scene.invigilator, attempt, text, incident_id=incident)


def acts(host: Host, act: str) -> list[AuditEntry]:
    with host.db.read() as session:
        return session.query(AuditEntry).filter_by(act=act).order_by(AuditEntry.id).all()


@pytest.mark.both_stores
def test_a_warning_is_shown_until_it_is_read(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    told: list[Activity] = []
    host.events.subscribe(Activity, told.append)
    before = agent.state().version
    row = warn(scene, agent.attempt, "  请坐正  ")
    shown = agent.state()
    assert [(each.warning, each.text) for each in shown.warnings] == [(row.id, "请坐正")]
    assert shown.version > before
    machine.advance(seconds=7)
    for _ in range(2):
        answer = agent.post(Route.WARNING_READ, WarningReadRequest(row.id))
        assert (answer.status_code, answer.get_json()["warnings"]) == (200, [])
        machine.advance(seconds=1)
    with host.db.read() as session:
        (kept,) = warnings.of_attempt(session, agent.attempt)
    assert (kept.read_at - kept.given_at).total_seconds() == 7
    assert kept.given_by == scene.invigilator.user_id
    assert [line.code for line in told] == ["line_candidate_warned", "line_warning_read"]
    assert dict(told[0].params)["text"] == "请坐正"
    assert [len(acts(host, act)) for act in ("candidate_warned", "warning_read")] == [1, 1]
    assert acts(host, "warning_read")[0].actor == "seat 1"


def test_several_come_in_turn(agent: CameraAgent, scene: Scene) -> None:
    rows = [warn(scene, agent.attempt, text) for text in ("一", "二")]
    assert [each.text for each in agent.state().warnings] == ["一", "二"]
    agent.post(Route.WARNING_READ, WarningReadRequest(rows[0].id))
    assert [each.text for each in agent.state().warnings] == ["二"]


def test_a_text_has_its_length(agent: CameraAgent, scene: Scene) -> None:
    for text in ("字", "字" * 200):
        assert warn(scene, agent.attempt, text).text == text
    for text in ("", "   ", "字" * 201):
        with pytest.raises(Refused, match="warning_text_length"):
            warn(scene, agent.attempt, text)


def test_another_seat_neither_sees_nor_confirms_it(
    agents: list[CameraAgent], scene: Scene, host: Host
) -> None:
    one, two = agents
    row = warn(scene, one.attempt)
    assert two.state().warnings == ()
    for number in (row.id, 10_000):
        assert two.post(Route.WARNING_READ, WarningReadRequest(number)).status_code == 404
    assert [each.warning for each in one.state().warnings] == [row.id]
    assert acts(host, "warning_read") == []


def test_it_moves_with_the_candidate(app: Flask, agent: CameraAgent, scene: Scene) -> None:
    row = warn(scene, agent.attempt)
    scene.write(commands.move_seat, agent.attempt, scene.seats["4"], scene.signed())
    assert agent.state().warnings == ()
    other = CameraAgent(app, scene, "4")
    other.open_session()
    assert [each.warning for each in other.state().warnings] == [row.id]
    assert agent.post(Route.WARNING_READ, WarningReadRequest(row.id)).status_code == 404
    assert other.post(Route.WARNING_READ, WarningReadRequest(row.id)).status_code == 200


def test_only_who_sits_before_the_paper_is_warned(app: Flask, agent: CameraAgent, scene: Scene) -> None:
    with pytest.raises(Refused, match="warning_not_now"):
        warn(scene, scene.attempts["3"])  # nobody has come
    warn(scene, agent.attempt)
    scene.write(commands.end_seat, agent.attempt, scene.signed())
    assert agent.state().warnings == ()  # the work is closed: nothing to confirm
    with pytest.raises(Refused, match="warning_not_now"):
        warn(scene, agent.attempt)
    with pytest.raises(NotFound):
        warn(scene, 10_000)


def test_warning_is_for_who_runs_the_room(
    agent: CameraAgent, scene: Scene, person_as: Callable[..., Actor]
) -> None:
    with pytest.raises(Forbidden):
        scene.write(warnings.give, person_as("administrator"), agent.attempt, "x", incident_id=None)


@pytest.mark.both_stores
def test_a_warning_sees_to_the_incident_it_answers(
    agents: list[CameraAgent], scene: Scene, host: Host
) -> None:
    one, two = agents
    one.taken(Route.ALERT, one.alert())
    with host.db.read() as session:
        incident = session.query(Incident).one().id
    with pytest.raises(NotFound):
        warn(scene, two.attempt, incident=incident)  # somebody else's
    row = warn(scene, one.attempt, incident=incident)
    with host.db.read() as session:
        found = session.get_one(Incident, incident)
        assert (found.state, found.handled_by) == ("acknowledged", scene.invigilator.user_id)
    assert row.incident_id == incident
    scene.write(incidents.handle, scene.invigilator, incident, Handling("recorded"))
    warn(scene, one.attempt, incident=incident)  # what a person decided stays decided
    with host.db.read() as session:
        assert session.get_one(Incident, incident).state == "recorded"
