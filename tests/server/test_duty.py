"""Acts belong to who is on duty in the room; a chief stands in everywhere, on the record."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.incidents import IncidentKind
from server.access import Actor
from server.db.record import AuditEntry
from server.errors import Refused
from server.host import Host
from server.services import announcements, commands, incidents, warnings
from server.services.announcements import Said
from server.services.commands import Credit, Start
from server.services.incidents import Handling, Place
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def stranger(person_as: Callable[..., Actor]) -> Actor:
    """An invigilator on duty elsewhere."""
    return person_as("invigilator")


@pytest.fixture
def other_chief(person_as: Callable[..., Actor]) -> Actor:
    return person_as("chief_invigilator")


def order(scene: Scene) -> Start:
    present = frozenset(actor.user_id or 0 for actor in scene.staff)
    return Start(present, scene.host.clock.anchor, scene.host.presence)


def every_act(scene: Scene, who: Actor) -> dict[str, Callable[[], object]]:
    """Each act that staff do in a room, done by `who` at seat 1."""
    attempt, room = scene.attempts["1"], scene.room_sitting
    signed = Signed(who, "reason", scene.chief)
    place = Place(room, scene.seats["1"], attempt)

    def handled() -> object:
        row = scene.write(incidents.raise_incident, place, IncidentKind.JOURNAL_FAILED, fault="disk")
        return scene.write(incidents.handle, who, row.id, Handling("acknowledged"))

    return {
        "admit": lambda: scene.write(commands.admit, who, attempt),
        "refuse": lambda: scene.write(commands.refuse, attempt, signed),
        "start": lambda: scene.write(commands.start_room, who, room, order(scene)),
        "time": lambda: scene.write(commands.add_time, Credit(room), Decimal(5), signed),
        "seat time": lambda: scene.write(commands.add_time, Credit(room, attempt), Decimal(5), signed),
        "end seat": lambda: scene.write(commands.end_seat, attempt, signed),
        "resume": lambda: scene.write(commands.resume_seat, attempt, signed),
        "move": lambda: scene.write(commands.move_seat, attempt, scene.seats["4"], signed),
        "end": lambda: scene.write(commands.end_room, room, signed),
        "announce": lambda: scene.write(announcements.announce, who, room, Said("请坐好")),
        "warn": lambda: scene.write(warnings.give, who, attempt, "请坐好", incident_id=None),
        "incident": handled,
    }


def test_nobody_acts_in_a_room_of_others(app: Flask, scene: Scene, stranger: Actor) -> None:
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.sign_in()
    before = scene.attempt("1"), scene.room_row()
    for act, perform in every_act(scene, stranger).items():
        with pytest.raises(Refused, match="not_on_duty") as refusal:
            perform()
        assert (act, refusal.value.status) == (act, 403)
    after = scene.attempt("1"), scene.room_row()
    assert [(row.state, row.version) for row in before] == [(row.state, row.version) for row in after]


def test_a_chief_of_another_room_stands_in_on_the_record(
    app: Flask, scene: Scene, other_chief: Actor, machine: Machine, host: Host
) -> None:
    TestAgent(app, scene, "1").enter()
    machine.advance(minutes=10)
    acts = every_act(scene, other_chief)
    for act in ("start", "seat time", "warn", "incident", "announce", "end seat", "end"):
        acts[act]()
    assert scene.room_row().state == "ended"
    with host.db.read() as session:
        rows = session.query(AuditEntry).filter_by(act="chief_stood_in").all()
    assert {row.actor for row in rows} == {other_chief.name}
    assert len(rows) == 7


def test_a_chief_on_duty_does_not_stand_in(scene: Scene, host: Host) -> None:
    every_act(scene, scene.chief)["announce"]()
    with host.db.read() as session:
        assert session.query(AuditEntry).filter_by(act="chief_stood_in").count() == 0


@pytest.mark.dear
def test_a_stranger_is_told_why_nothing_of_the_room_is_shown(
    app: Flask, scene: Scene, stranger: Actor, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.sign_in()
    page, browser = f"/monitor/{scene.room_sitting}", sign_in(stranger)
    drawer = f"{page}/seats/{scene.seats['1']}"
    for path in (page, f"{page}/side", f"{page}/bar", drawer, f"{drawer}/photo"):
        answer = browser.get(path, headers={"Accept": "text/html"})
        assert answer.status_code == 403
        assert "没有被安排在本考场监考" in answer.text
        assert "考生1" not in answer.text
    refused = browser.post(f"{drawer}/admit", headers={"HX-Request": "true"})
    assert (refused.status_code, refused.get_json()["code"]) == (403, "not_on_duty")
    assert scene.attempt("1").state == "identified"
    assert "允许入场" in sign_in(scene.chief).get(drawer).text


def test_dialogs_that_are_posted_anyway_come_back_with_the_reason(
    scene: Scene, stranger: Actor, sign_in: Callable[[Actor], FlaskClient], machine: Machine
) -> None:
    machine.advance(minutes=10)
    browser, page = sign_in(stranger), f"/monitor/{scene.room_sitting}"
    present = [str(actor.user_id) for actor in scene.staff]
    answer = browser.post(f"{page}/start", data={"present": present}, follow_redirects=True)
    assert "没有被安排在本考场监考" in answer.text
    assert scene.room_row().state == "released"
