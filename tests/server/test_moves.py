"""A candidate moves to another seat: nothing written is lost, and the old machine closes nothing."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from exam_rooms.protocol import RecordKind, Step
from server.access import Actor
from server.db.sittings import Attempt, SeatStay
from server.errors import Refused
from server.host import Host
from server.services import commands, marks
from server.services.commands import Signed
from server.services.roomstate import load
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agent(app: Flask, scene: Scene) -> TestAgent:
    return seated(app, scene, "1")["1"]


@pytest.fixture
def running(agent: TestAgent, scene: Scene, machine: Machine) -> TestAgent:
    """Seat 1 answers in a running room."""
    machine.advance(minutes=10)
    scene.start()
    agent.state()
    agent.open_journal()
    agent.answer(1)
    agent.sent()
    return agent


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code


@pytest.mark.both_stores
def test_a_move_with_unsent_records_loses_nothing(
    running: TestAgent, app: Flask, scene: Scene, host: Host
) -> None:
    unsent = [running.answer(2), running.answer(3)]
    old_version = running.state().version
    scene.write(
        commands.move_seat, scene.attempts["1"], scene.seats["4"], Signed(scene.invigilator, "screen broke")
    )
    moved = running.state()
    assert (moved.step, moved.attempt) == (Step.MOVED, scene.attempts["1"])
    assert moved.version > old_version
    new = TestAgent(app, scene, "4")
    new.open_session()
    assert new.state().step is Step.ANSWERING
    assert new.state().candidate.name == "考生1"
    assert new.open_journal(scene.attempts["1"]).status_code == 200
    new.answer(4)
    assert new.sent().upto == {"2": 2}
    # the old machine finds its line again
    assert running.sent(*unsent).upto == {"1": 4}
    stored = [(s.record.journal, s.record.seq) for s in host.answers.events(scene.attempts["1"])]
    assert stored == [(1, 1), (1, 2), (1, 3), (1, 4), (2, 1), (2, 2)]
    with host.db.read() as session:
        stays = session.scalars(select(SeatStay).where(SeatStay.attempt_id == scene.attempts["1"])).all()
        assert [(stay.seat_id, stay.until_at is None) for stay in stays] == [
            (scene.seats["1"], False),
            (scene.seats["4"], True),
        ]


def test_the_old_seat_cannot_go_on_writing_in_a_new_journal(running: TestAgent, scene: Scene) -> None:
    scene.write(
        commands.move_seat, scene.attempts["1"], scene.seats["4"], Signed(scene.invigilator, "screen broke")
    )
    answer = running.open_journal()
    assert (answer.status_code, answer.get_json()["code"]) == (403, "attempt_not_here")


@pytest.mark.both_stores
def test_a_submission_stranded_on_the_old_machine_closes_nothing_at_the_new_seat(
    running: TestAgent, app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    machine.advance(minutes=40)
    stranded = running.write(RecordKind.SUBMIT)  # handed in without a link; then the machine hangs
    scene.write(commands.move_seat, scene.attempts["1"], scene.seats["4"], scene.signed())
    new = TestAgent(app, scene, "4")
    new.open_session()
    new.open_journal(scene.attempts["1"])
    for number in (2, 3):
        new.answer(number)
    new.sent()
    late = running.sent(stranded)
    assert late.upto == {"1": 3}
    assert [(refused.journal, refused.seq, refused.code) for refused in late.refused] == [
        (1, 3, "submit_superseded")
    ]
    assert new.state().step is Step.ANSWERING
    kinds = [stored.record.kind for stored in host.answers.events(scene.attempts["1"])]
    assert kinds.count(RecordKind.SUBMIT) == 1
    new.write(RecordKind.SUBMIT)
    assert new.sent().refused == ()
    assert new.state().step is Step.SUBMITTED
    with host.db.read() as session:
        attempt = session.get_one(Attempt, scene.attempts["1"])
        sheet = marks.sheet(session, host.answers, load(session, scene.room_sitting), attempt)
    assert (sorted(sheet.answers), sheet.uncounted) == (["item-1", "item-2", "item-3"], ())


def test_a_move_needs_a_free_paired_seat(running: TestAgent, scene: Scene) -> None:
    from server.services import pairing

    signed = Signed(scene.invigilator, "screen broke")

    def move(seat: int) -> Callable[[], object]:
        return lambda: scene.write(commands.move_seat, scene.attempts["1"], seat, signed)

    assert refused(move(scene.seats["2"])) == "seat_taken"
    assert refused(move(99)) == "not_found"
    scene.write(pairing.release, scene.signed(), scene.seats["4"])
    assert refused(move(scene.seats["4"])) == "seat_not_paired"


def test_no_move_after_the_end(running: TestAgent, scene: Scene, machine: Machine) -> None:
    machine.advance(minutes=31)
    running.write(RecordKind.SUBMIT)
    running.sent()
    act = lambda: scene.write(  # noqa: E731
        commands.move_seat, scene.attempts["1"], scene.seats["4"], Signed(scene.invigilator, "x")
    )
    assert refused(act) == "act_not_possible"
