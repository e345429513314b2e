"""What a candidate's steps to the paper cost the store: few statements, and no more in a larger room."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import event

from exam_rooms import protocol as p
from exam_rooms.protocol import Route, Step
from server.access import Actor
from server.host import Host
from server.services import announcements, commands, roomstate
from server.services.announcements import Said
from server.services.room_shared import RoomShared, SharedRooms
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.test_handing_in import statements

MOST = {"sign-in": 10, "confirm": 8, "accept": 10, "journal": 6}
"""Statements of each step: the act with its three of the audit chain, and the seat's new state."""


def cost(app: Flask, scene: Scene) -> dict[str, int]:
    """Statements of the steps of one seat, in a room where everybody else waits at the door."""
    agents = [TestAgent(app, scene, number) for number in scene.attempts]
    for agent in agents:
        agent.open_session()
        agent.state()
    first, agent = agents[0], agents[-1]
    first.enter()  # what is remembered of the room is in memory now
    found: dict[str, int] = {}

    def count(name: str, step: Callable[[], object]) -> None:
        with statements() as seen:
            step()
        found[name] = len(seen)

    count("sign-in", agent.sign_in)
    scene.write(commands.admit, scene.invigilator, scene.attempts[agent.seat])
    agent.state()
    count("confirm", lambda: agent.post(Route.CONFIRM, p.ConfirmRequest(True)))
    count("accept", lambda: agent.post(Route.ACCEPT, p.AcceptRequest("2026-11", True)))
    assert agent.state().step is Step.READY
    count("journal", agent.open_journal)
    return found


@pytest.mark.both_stores
def test_a_login_costs_few_statements(host: Host, app: Flask, person_as: Callable[..., Actor]) -> None:
    assert cost(app, make_scene(host, person_as, candidates=5)) == MOST


@pytest.mark.dear
def test_it_costs_no_more_in_a_large_room(host: Host, app: Flask, person_as: Callable[..., Actor]) -> None:
    assert cost(app, make_scene(host, person_as, candidates=60)) == MOST


def test_a_receipt_that_is_made_is_only_read(
    host: Host, app: Flask, machine: Machine, person_as: Callable[..., Actor]
) -> None:
    scene = make_scene(host, person_as)
    agent = TestAgent(app, scene, "1")
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    agent.answer(1)
    agent.sent(*agent.records)
    machine.advance(minutes=31)
    agent.state()
    agent.write(p.RecordKind.SUBMIT)
    assert agent.sent(agent.records[-1]).refused == ()
    made = agent.get(Route.RECEIPT)
    with statements() as seen:
        again = agent.get(Route.RECEIPT)
    assert again.status_code == 200 and again.get_json() == made.get_json()
    assert len(seen) == 1, seen


def shared(host: Host, scene: Scene, rooms: SharedRooms) -> tuple[RoomShared, int]:
    """What is said of the scene's room, and the statements beyond the look at the room itself."""
    with host.db.read() as session:
        room = roomstate.load(session, scene.room_sitting)
        with statements() as seen:
            return rooms.of(session, room), len(seen)


def test_what_a_room_has_in_common_is_asked_for_once_until_it_changes(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    scene, rooms = make_scene(host, person_as), SharedRooms()
    before, asked = shared(host, scene, rooms)
    assert asked > 0 and before.announcements == ()
    assert shared(host, scene, rooms) == (before, 0)
    scene.write(announcements.announce, scene.invigilator, scene.room_sitting, Said("安静"))
    after, asked = shared(host, scene, rooms)
    assert asked > 0 and [one.text for one in after.announcements] == ["安静"]
    rooms.forget()
    assert shared(host, scene, rooms)[1] > 0


def test_a_look_that_was_overtaken_by_news_is_not_kept(host: Host, person_as: Callable[..., Actor]) -> None:
    scene, rooms = make_scene(host, person_as), SharedRooms()

    def news(*_about: object) -> None:
        rooms.forget()

    event.listen(host.db.engine, "after_cursor_execute", news)
    try:
        shared(host, scene, rooms)
    finally:
        event.remove(host.db.engine, "after_cursor_execute", news)
    assert shared(host, scene, rooms)[1] > 0
