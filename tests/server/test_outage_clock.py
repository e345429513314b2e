"""Scenarios 20 to 22 on the clock: six, twenty and forty-five minutes that nobody waits for."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from exam_rooms.protocol import Step
from exam_rooms.seats import SeatLink
from server.access import Actor
from server.app import build_app
from server.db.sittings import Incident, LinkGapRow
from server.errors import Refused
from server.host import Host, open_host
from server.live.watch import Watch
from server.services import commands, marks, monitoring, outages, stream
from server.services.commands import Credit
from server.services.monitoring import SeatCard
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import MASTER, Machine
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def one(app: Flask, scene: Scene, machine: Machine) -> TestAgent:
    """Seat 1 answers since a minute ago."""
    agent = TestAgent(app, scene, "1")
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.state()
    agent.open_journal()
    agent.answer(1)
    agent.sent()
    agent.beat()
    machine.advance(minutes=1)
    agent.beat()
    return agent


def pass_minutes(host: Host, machine: Machine, minutes: int, act: Callable[[int], object]) -> None:
    """Minute by minute; the server looks at its seats ten seconds into each, `act` happens at its end."""
    for minute in range(minutes):
        machine.advance(seconds=10)
        Watch(host).tick()
        machine.advance(seconds=50)
        act(minute)


def card(host: Host, scene: Scene, seat: str) -> SeatCard:
    with host.db.read() as session:
        only = {scene.seats[seat]}
        (found,) = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting, only)
    return found


def whole(host: Host, agent: TestAgent) -> None:
    """Every record is there once, in order, and the chain holds."""
    events = host.answers.events(agent.attempt)
    assert [stored.record for stored in events] == agent.records
    parents = {agent.journal: agent.parent}
    assert stream.chain_faults(events, parents) == []


@pytest.mark.dear
@pytest.mark.both_stores
def test_scenario_21_twenty_minutes_without_a_switch(
    one: TestAgent, scene: Scene, machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    host = scene.host
    one.beat(waiting=2)  # its last word: two answers wait
    cut_at = machine.wall
    pass_minutes(host, machine, 20, lambda minute: one.answer(minute % 5 + 1, "ABCD"[minute % 4]))
    seen = card(host, scene, "1")
    assert (seen.link, seen.waiting, seen.state) == (SeatLink.LOST, 2, "answering")
    (away,) = outages.outages([seen], machine.wall)
    assert (away.minutes, away.rescue) == (19, True)
    assert away.since - cut_at == timedelta(seconds=10)
    drawer = sign_in(scene.invigilator).get(f"/monitor/{scene.room_sitting}/seats/{seen.seat}").text
    assert "已 19 分钟" in drawer and "至少 2 条待传" in drawer
    assert len(host.answers.events(one.attempt)) == 2
    one.sent()
    one.beat(waiting=0)
    whole(host, one)
    assert card(host, scene, "1").link == SeatLink.UP
    one.sent()  # the same batch again: nobody knows which reply was lost
    whole(host, one)
    with host.db.read() as session:
        assert marks.late(session, host.answers, one.attempt) == 0
        (gap,) = session.scalars(select(LinkGapRow))
        assert gap.back_at is not None
        kinds = [row.kind for row in session.scalars(select(Incident))]
    assert "LINK_LOST" in kinds
    assert not {"CHAIN_FORK", "CHAIN_ERROR", "LATE_RECORDS", "BOTH_WROTE"} & set(kinds)


@pytest.mark.dear
def test_scenario_22_the_server_is_started_anew_at_minute_45(
    one: TestAgent, scene: Scene, machine: Machine
) -> None:
    first = scene.host
    pass_minutes(first, machine, 44, lambda minute: (one.answer(minute % 5 + 1), one.sent(), one.beat()))
    ends = one.state().deadline
    started = scene.room_row().started_at
    assert started is not None and ends == started + timedelta(minutes=90)
    one.answer(2, "D")  # never reaches the first server
    machine.advance(seconds=40)
    machine.step_wall(hours=5)  # somebody also sets the clock while the server is away
    second = open_host(first.settings, MASTER, look=machine.look)
    try:
        again = TestAgent(build_app(second), scene, "1")
        again.attempt, again.journal, again.key = one.attempt, one.journal, one.key
        again.parent, again.records, again.boot_id = one.parent, one.records, one.boot_id
        again.token = one.token  # what the agent held is good at the new process
        assert second.now() < ends - timedelta(minutes=43)
        state = again.state()
        assert (state.step, state.deadline) == (Step.ANSWERING, ends)
        again.sent()
        whole(second, again)
        again.answer(3)
        again.sent()
        again.beat()
        whole(second, again)
        assert card(second, scene, "1").link == SeatLink.UP
        assert card(second, scene, "1").state == "answering"
    finally:
        second.close()


def test_scenario_20_six_minutes_are_given_by_two_people_or_not_at_all(
    one: TestAgent, scene: Scene, app: Flask, machine: Machine
) -> None:
    """Power is gone for six minutes; at the spare seat the time that is left is what it would have been."""
    ends = one.state().deadline
    assert ends is not None
    one.answer(2)
    one.sent()
    pass_minutes(scene.host, machine, 6, lambda _minute: None)
    scene.write(commands.move_seat, one.attempt, scene.seats["4"], Signed(scene.invigilator, "断电"))
    there = TestAgent(app, scene, "4")
    there.open_session()
    state = there.state()
    assert (state.step, state.deadline, state.attempt) == (Step.ANSWERING, ends, one.attempt)
    credit = Credit(scene.room_sitting, one.attempt, "b" * 32)
    for alone in (Signed(scene.invigilator, "断电"), Signed(scene.invigilator, "断电", scene.invigilator)):
        with pytest.raises(Refused, match="cosign"):
            scene.write(commands.add_time, credit, Decimal(6), alone)
    assert there.state().deadline == ends
    scene.write(commands.add_time, credit, Decimal(6), scene.signed("断电 6 分钟"))
    assert there.state().deadline == ends + timedelta(minutes=6)
    assert there.open_journal(one.attempt).status_code == 200
    inherited = [stored.record for stored in scene.host.answers.events(one.attempt)]
    assert inherited == one.records  # up to the last keystroke
