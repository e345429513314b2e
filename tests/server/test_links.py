"""Silences of seats: they belong to the sitting that the room works on, whatever else was left open."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from exam_rooms.incidents import IncidentKind
from server.access import Actor
from server.db.sittings import Attempt, Incident, LinkGapRow
from server.events import SeatChanged
from server.host import Host
from server.live.watch import Watch
from server.services import marks
from server.services.delivery import delivery_of
from server.services.roomstate import load
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, another_sitting, make_scene

EARLIER = -5
"""A row's id below those of the scene, as of a sitting that was planned before it."""


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


def incidents(host: Host) -> list[tuple[int, str]]:
    with host.db.read() as session:
        return [(row.room_sitting_id, row.kind) for row in session.scalars(select(Incident))]


@pytest.mark.both_stores
def test_a_room_that_nobody_ended_yesterday_takes_no_silence_of_today(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    another_sitting(scene, -24, "running", row_id=EARLIER)
    agent = TestAgent(app, scene, "1")
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.state()
    agent.open_journal()
    agent.sent()
    machine.advance(minutes=88)
    agent.beat()
    watch = Watch(host)
    machine.advance(seconds=10)
    watch.tick()
    unsent = agent.answer(2)  # written before the deadline while the line is cut
    machine.advance(seconds=3)
    watch.tick()
    machine.advance(minutes=3)
    watch.tick()
    agent.sent(unsent)
    assert incidents(host) == [(scene.room_sitting, str(IncidentKind.LINK_LOST))]
    with host.db.read() as session:
        gap = session.scalars(select(LinkGapRow)).one()
        assert (gap.attempt_id, gap.back_at) == (scene.attempts["1"], machine.wall)
        attempt = session.get_one(Attempt, scene.attempts["1"])
        sheet = marks.sheet(session, host.answers, load(session, scene.room_sitting), attempt)
    assert (sorted(sheet.answers), sheet.uncounted) == (["item-2"], ())


def test_a_silence_before_the_start_is_told_of_todays_sitting(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    another_sitting(scene, 24, row_id=EARLIER)
    agent = TestAgent(app, scene, "1")
    agent.enter()
    agent.beat()
    told: list[SeatChanged] = []
    host.events.subscribe(SeatChanged, told.append)
    links = delivery_of(host).links
    for _ in range(2):
        machine.advance(seconds=10)
        links.check(machine.wall)
    assert {fact.room_sitting for fact in told} == {scene.room_sitting}
    assert incidents(host) == [(scene.room_sitting, str(IncidentKind.LINK_LOST))]
    agent.beat()
    with host.db.read() as session:
        assert session.scalars(select(Incident.state)).one() == "cleared"
