"""Collecting a room: every record is here, or a person says why not."""

from collections.abc import Callable

import pytest
from flask import Flask

from exam_rooms import protocol as p
from exam_rooms.protocol import RecordKind, Route
from exam_rooms.wire import decode
from server.access import Actor
from server.errors import Forbidden, Refused
from server.host import Host
from server.live.watch import Watch
from server.services import collection, commands
from server.services.commands import Signed
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[TestAgent]:
    """Seats 1 and 2 answer; candidate 3 does not come."""
    made = list(seated(app, scene, "12").values())
    machine.advance(minutes=10)
    scene.start()
    for agent in made:
        agent.state()
        agent.open_journal()
        agent.answer(1)
        agent.sent()
    return made


def tally(scene: Scene) -> collection.Tally:
    with scene.host.db.read() as session:
        return collection.tally(session, scene.room_sitting)


def end(scene: Scene, machine: Machine) -> None:
    """The time runs out and an invigilator ends the room."""
    machine.advance(minutes=91)
    Watch(scene.host).tick()
    scene.write(commands.end_room, scene.room_sitting, scene.signed())


def test_expected_is_submitted_ended_and_absent(
    agents: list[TestAgent], scene: Scene, machine: Machine, host: Host
) -> None:
    machine.advance(minutes=31)
    agents[0].write(RecordKind.SUBMIT)
    agents[0].sent()
    scene.write(commands.end_seat, scene.attempts["2"], scene.signed("ill"))
    assert agents[0].state().collect  # its SUBMIT record is the end of its only journal
    Watch(host).tick()
    sums = tally(scene)
    assert (sums.expected, sums.submitted, sums.ended, sums.absent, sums.open) == (3, 1, 1, 1, 0)
    assert sums.missing == ((scene.attempts["2"], "2"),)
    assert not sums.complete


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_room_is_collected_when_every_seat_has_said_that_nothing_waits(
    agents: list[TestAgent], scene: Scene, machine: Machine, host: Host
) -> None:
    end(scene, machine)
    watch = Watch(host)
    watch.tick()
    assert scene.room_row().state == "ended"
    for agent in agents:
        agent.state()
        agent.beat(waiting=0)
    watch.tick()
    assert scene.room_row().state == "collected"
    assert tally(scene).complete
    assert agents[0].state().collect


def test_records_still_on_a_seat_keep_the_room_open(
    agents: list[TestAgent], scene: Scene, machine: Machine, host: Host
) -> None:
    agents[0].answer(2)
    end(scene, machine)
    for agent in agents:
        agent.state()
    agents[0].beat(waiting=1)
    agents[1].beat(waiting=0)
    Watch(host).tick()
    assert tally(scene).missing == ((scene.attempts["1"], "1"),)
    agents[0].sent(agents[0].records[-1])
    agents[0].beat(waiting=0)
    Watch(host).tick()
    assert scene.room_row().state == "collected"


def test_a_heartbeat_that_knows_nothing_of_the_end_proves_nothing(
    agents: list[TestAgent], scene: Scene, machine: Machine
) -> None:
    end(scene, machine)
    agents[0].beat(waiting=0)  # its state_version is from before the end
    assert scene.attempt("1").collected_at is None


def test_an_acknowledgement_that_got_lost_is_noticed(
    agents: list[TestAgent], scene: Scene, machine: Machine
) -> None:
    end(scene, machine)
    agents[0].state()
    agents[0].beat(waiting=0, seq=9)  # says it wrote nine records; the server has two
    assert scene.attempt("1").collected_at is None


def test_the_chief_closes_a_seat_whose_machine_is_gone(
    agents: list[TestAgent], scene: Scene, machine: Machine, host: Host
) -> None:
    end(scene, machine)
    agents[1].state()
    agents[1].beat(waiting=0)
    with pytest.raises(Forbidden):
        scene.write(collection.close_missing, scene.invigilator, scene.attempts["1"], "disk broke")
    with pytest.raises(Refused, match="reason_missing"):
        scene.write(collection.close_missing, scene.chief, scene.attempts["1"], " ")
    scene.write(collection.close_missing, scene.chief, scene.attempts["1"], "disk broke")
    Watch(host).tick()
    assert scene.room_row().state == "collected"
    assert scene.attempt("1").collect_note == "disk broke"
    with pytest.raises(Refused, match="nothing_to_collect"):
        scene.write(collection.close_missing, scene.chief, scene.attempts["3"], "never came")


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_moved_candidate_is_collected_only_with_the_old_machine(
    agents: list[TestAgent], app: Flask, scene: Scene, machine: Machine
) -> None:
    old = agents[0]
    unsent = old.answer(2)
    scene.write(commands.move_seat, scene.attempts["1"], scene.seats["4"], Signed(scene.invigilator, "broke"))
    new = TestAgent(app, scene, "4")
    new.open_session()
    new.state()
    new.open_journal(scene.attempts["1"])
    new.answer(3)
    new.sent()
    end(scene, machine)
    new.state()
    new.beat(waiting=0)
    assert scene.attempt("1").collected_at is None
    old.state()
    old.beat(waiting=1)
    old.sent(unsent)
    old.beat(waiting=0)
    assert scene.attempt("1").collected_at is not None


def test_a_seat_closed_by_the_clock_gets_its_receipt_once_collected(
    agents: list[TestAgent], scene: Scene, machine: Machine
) -> None:
    end(scene, machine)
    agents[0].state()
    answer = agents[0].get(Route.RECEIPT)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "receipt_not_ready")
    agents[0].beat(waiting=0)
    receipt = decode(p.Receipt, agents[0].get(Route.RECEIPT).get_json())
    assert (receipt.seq, receipt.head, receipt.answered) == (2, agents[0].records[-1].hash, 1)


def test_somebody_ended_before_the_paper_was_open_owes_nothing(
    agents: list[TestAgent], app: Flask, scene: Scene
) -> None:
    late = TestAgent(app, scene, "3")
    late.open_session()
    late.sign_in()
    scene.write(commands.end_seat, scene.attempts["3"], scene.signed("not the person"))
    assert scene.attempt("3").collected_at is not None


@pytest.mark.both_stores
def test_nobody_came(scene: Scene, host: Host) -> None:
    scene.write(commands.end_room, scene.room_sitting, scene.signed("cancelled"))
    Watch(host).tick()
    assert scene.room_row().state == "collected"
    assert tally(scene).absent == 3
