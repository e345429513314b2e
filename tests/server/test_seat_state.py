"""What a seat is told: the right sitting, the right step, versions that only grow, keys only when needed."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask

from exam_rooms.protocol import Step
from server.access import Actor
from server.db.sittings import RoomSitting
from server.host import Host
from server.live.watch import Watch
from server.services import commands
from server.services.commands import Credit, Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, another_sitting, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agent(app: Flask, scene: Scene) -> TestAgent:
    made = TestAgent(app, scene, "1")
    made.open_session()
    return made


@pytest.mark.parametrize(
    ("minutes_before", "step"), [(30, Step.SIGN_IN), (30.02, Step.UNASSIGNED), (59, Step.UNASSIGNED)]
)
def test_sign_in_opens_half_an_hour_before(
    agent: TestAgent, scene: Scene, machine: Machine, minutes_before: float, step: Step
) -> None:
    machine.advance(minutes=10 - minutes_before)  # the scene begins ten minutes before the start
    agent.open_session()
    state = agent.state()
    assert state.step is step
    assert state.paper.sha256  # the sealed package may be fetched before
    assert (state.paper.key, state.candidate, state.attempt) == (None, None, None)


def test_opening_the_door_changes_the_version(
    agent: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    machine.advance(minutes=-30)
    agent.open_session()
    watch = Watch(host)
    watch.tick()
    before = agent.state()
    machine.advance(minutes=10)
    watch.tick()
    after = agent.state()
    assert (before.step, after.step) == (Step.UNASSIGNED, Step.SIGN_IN)
    assert after.version > before.version


def test_a_spare_seat_has_nobody(app: Flask, scene: Scene) -> None:
    spare = TestAgent(app, scene, "4")
    spare.open_session()
    state = spare.state()
    assert (state.step, state.seat, state.paper) == (Step.UNASSIGNED, "4", None)
    assert state.sitting.title == "2026 年第 4 批"


def test_versions_only_grow(app: Flask, agent: TestAgent, scene: Scene, machine: Machine, host: Host) -> None:
    versions = [agent.state().version]

    def next_version() -> None:
        versions.append(agent.state().version)

    agent.enter()
    next_version()
    machine.advance(minutes=10)
    scene.start()
    next_version()
    scene.write(commands.add_time, Credit(scene.room_sitting), Decimal(5), scene.signed())
    next_version()
    scene.write(
        commands.add_time, Credit(scene.room_sitting, scene.attempts["1"]), Decimal(5), scene.signed()
    )
    next_version()
    spare = TestAgent(app, scene, "4")
    spare.open_session()
    spare_before = spare.state().version
    scene.write(commands.move_seat, scene.attempts["1"], scene.seats["4"], Signed(scene.invigilator, "x"))
    next_version()
    assert spare.state().version > spare_before
    scene.write(commands.move_seat, scene.attempts["1"], scene.seats["1"], Signed(scene.invigilator, "back"))
    next_version()
    scene.write(commands.end_room, scene.room_sitting, scene.signed())
    next_version()
    another_sitting(scene, 4)
    machine.advance(hours=3)
    Watch(host).tick()
    next_version()
    assert versions == sorted(set(versions))


def test_other_seats_hear_of_a_move_too(app: Flask, agent: TestAgent, scene: Scene) -> None:
    """A freed seat shows nobody's name and no key."""
    agent.enter()
    scene.write(commands.move_seat, scene.attempts["1"], scene.seats["4"], Signed(scene.invigilator, "x"))
    state = agent.state()
    assert (state.step, state.candidate, state.paper) == (Step.MOVED, None, None)


def test_the_first_sitting_until_it_is_collected(
    agent: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    second = another_sitting(scene, 2.5)
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    machine.advance(minutes=91)
    watch = Watch(host)
    watch.tick()
    machine.advance(minutes=30)  # the second sitting's door is open, the first is not collected
    assert agent.state().step is Step.TIME_OVER
    scene.write(commands.end_room, scene.room_sitting, scene.signed())
    watch.tick()
    assert agent.state().sitting.starts_at == scene.starts_at + timedelta(hours=2.5)
    assert agent.state().step is Step.UNASSIGNED
    assert second


def test_after_the_last_sitting_the_seat_goes_on_showing_it(
    agent: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    machine.advance(minutes=91)
    watch = Watch(host)
    watch.tick()
    scene.write(commands.end_room, scene.room_sitting, scene.signed())
    watch.tick()
    machine.advance(hours=1)
    watch.tick()
    state = agent.state()
    assert (state.step, state.collect) == (Step.TIME_OVER, True)


def test_a_room_that_nobody_drew_is_not_shown(agent: TestAgent, scene: Scene, host: Host) -> None:
    def undo(session) -> None:
        session.get_one(RoomSitting, scene.room_sitting).state = "planned"

    host.db.write(undo)
    agent.open_session()
    assert agent.state().sitting is None


def test_times_of_a_running_seat(agent: TestAgent, scene: Scene, machine: Machine) -> None:
    agent.enter()
    assert (agent.state().deadline, agent.state().submit_from) == (None, None)
    machine.advance(minutes=12)
    scene.start()
    state = agent.state()
    assert state.started_at == machine.wall
    assert state.deadline == machine.wall + timedelta(minutes=90)
    assert state.submit_from == machine.wall + timedelta(minutes=30)
    assert state.server_time == machine.wall


def test_the_clock_of_a_kept_state_is_fresh(agent: TestAgent, machine: Machine) -> None:
    agent.state()
    machine.advance(seconds=7)
    assert agent.state().server_time == machine.wall
