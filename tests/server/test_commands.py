"""What staff do in a room: who may, what it needs, and what it changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from exam_rooms.protocol import RecordKind, Step
from server.access import Actor
from server.db.papers import Package
from server.db.sittings import Assignment, TimeCredit
from server.errors import Forbidden, Refused
from server.host import Host
from server.live.watch import Watch
from server.services import audit, commands
from server.services.commands import Credit, Signed, Start
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


# --- start -------------------------------------------------------------------------------------------


def test_start_opens_the_paper_for_everybody_ready(agent: TestAgent, scene: Scene, machine: Machine) -> None:
    machine.advance(minutes=10)
    scene.start()
    state = agent.state()
    assert (state.step, state.started_at) == (Step.ANSWERING, machine.wall)
    assert scene.room_row().anchor["boot_id"] == machine.boot_id
    assert scene.attempt("2").state == "assigned"


def test_start_needs_the_released_package(
    host: Host, person_as: Callable[..., Actor], machine: Machine
) -> None:
    scene = make_scene(host, person_as, released=False)
    machine.advance(minutes=10)
    assert refused(scene.start) == "package_not_released"
    with host.db.read() as session:
        assert session.scalar(select(Package.state)) == "sealed"


def test_start_before_the_planned_time(scene: Scene, machine: Machine) -> None:
    machine.advance(minutes=9, seconds=59)
    assert refused(scene.start) == "too_early_to_start"
    machine.advance(seconds=1)
    scene.start()
    assert refused(scene.start) == "room_already_started"


def test_start_needs_invigilators_in_the_room(scene: Scene, machine: Machine) -> None:
    machine.advance(minutes=10)

    def start(*present: int) -> None:
        scene.write(
            commands.start_room,
            scene.invigilator,
            scene.room_sitting,
            Start(frozenset(present), scene.host.clock.anchor, scene.host.presence),
        )

    one, chief = scene.staff[0].user_id, scene.chief.user_id
    with pytest.raises(Refused) as caught:
        start(one, chief, 999)
    assert (caught.value.code, caught.value.params["needed"], caught.value.params["present"]) == (
        "too_few_invigilators",
        "2",
        "1",
    )
    scene.start()


def test_start_counts_only_staff_assigned_to_the_room(scene: Scene, machine: Machine, host: Host) -> None:
    machine.advance(minutes=10)

    def unassign(session) -> None:
        session.delete(session.get_one(Assignment, (scene.room_sitting, scene.staff[1].user_id)))

    host.db.write(unassign)
    assert refused(scene.start) == "too_few_invigilators"


# --- admission ---------------------------------------------------------------------------------------


def test_refusing_admission_frees_the_seat_again(app: Flask, scene: Scene) -> None:
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.sign_in()
    signed = Signed(scene.invigilator, "photo differs")
    scene.write(commands.refuse, scene.attempts["1"], signed)
    assert agent.state().step is Step.SIGN_IN
    assert agent.sign_in().status_code == 200
    assert refused(lambda: scene.write(commands.refuse, scene.attempts["1"], Signed(scene.invigilator))) == (
        "reason_missing"
    )


def test_late_candidate_starts_at_once_with_the_common_deadline(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    machine.advance(minutes=10)
    scene.start()
    machine.advance(minutes=15)
    late = TestAgent(app, scene, "2")
    late.enter()
    assert late.state().step is Step.ANSWERING
    assert late.state().deadline == scene.starts_at + timedelta(minutes=90)


@pytest.mark.parametrize(("seconds", "state"), [(15 * 60, "assigned"), (15 * 60 + 1, "absent")])
def test_absent_once_the_door_is_closed(
    running: TestAgent, scene: Scene, machine: Machine, host: Host, seconds: int, state: str
) -> None:
    machine.advance(seconds=seconds)
    Watch(host).tick()
    assert scene.attempt("2").state == state
    assert scene.attempt("1").state == "answering"


# --- time --------------------------------------------------------------------------------------------


def test_time_for_one_seat(running: TestAgent, scene: Scene, host: Host) -> None:
    before = running.state()
    credit = Credit(scene.room_sitting, scene.attempts["1"])
    scene.write(commands.add_time, credit, Decimal("6.5"), scene.signed("power cut in row 1"))
    after = running.state()
    assert after.deadline - before.deadline == timedelta(minutes=6, seconds=30)
    assert (after.credit_minutes, after.version > before.version) == (6.5, True)
    with host.db.read() as session:
        row = session.scalars(select(TimeCredit)).one()
        assert (row.granted_by, row.cosigned_by) == (scene.invigilator.user_id, scene.chief.user_id)
        entry = audit.page(session, stream=audit.sitting_stream(scene.room_sitting), act="time_added")[0]
        assert entry.details["cosigned_by"] == scene.chief.name


def test_time_for_the_whole_room_reaches_latecomers_too(running: TestAgent, scene: Scene, app: Flask) -> None:
    scene.write(commands.add_time, Credit(scene.room_sitting), Decimal(10), scene.signed())
    late = TestAgent(app, scene, "3")
    late.enter()
    for agent in (running, late):
        assert agent.state().deadline == scene.starts_at + timedelta(minutes=100)


def test_a_credit_reopens_a_seat_that_the_clock_closed(
    running: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    machine.advance(minutes=90, seconds=6)
    Watch(host).tick()
    assert running.state().step is Step.TIME_OVER
    credit = Credit(scene.room_sitting, scene.attempts["1"])
    assert scene.write(commands.add_time, credit, Decimal(10), scene.signed()) == [scene.attempts["1"]]
    reopened = running.state()
    assert (reopened.step, reopened.collect) == (Step.ANSWERING, False)
    assert reopened.paper.key is not None
    running.answer(2)
    assert running.sent().upto == {"1": 3}


def test_a_submission_from_before_the_reopening_stays_void(
    running: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    machine.advance(minutes=90, seconds=6)
    Watch(host).tick()
    running.write(RecordKind.SUBMIT)
    assert [refused.code for refused in running.sent().refused] == ["submit_too_late"]
    credit = Credit(scene.room_sitting, scene.attempts["1"])
    scene.write(commands.add_time, credit, Decimal(10), scene.signed())
    running.sent()  # a restarted agent sends everything again
    assert running.state().step is Step.ANSWERING
    machine.advance(seconds=1)
    running.write(RecordKind.SUBMIT)
    assert running.sent().refused == ()
    assert running.state().step is Step.SUBMITTED


def test_a_credit_too_small_to_reopen(running: TestAgent, scene: Scene, machine: Machine, host: Host) -> None:
    machine.advance(minutes=95)
    Watch(host).tick()
    everybody, alone = Credit(scene.room_sitting), Credit(scene.room_sitting, scene.attempts["1"])
    for credit in (everybody, alone):
        with pytest.raises(Refused) as caught:
            scene.write(commands.add_time, credit, Decimal(5), scene.signed())
        assert (caught.value.code, caught.value.params["missing"]) == ("credit_reopens_nothing", "1")
    assert running.state().step is Step.TIME_OVER
    assert scene.attempt("1").credit_minutes == 0
    scene.write(commands.add_time, alone, Decimal(6), scene.signed())
    assert running.state().step is Step.ANSWERING


@pytest.mark.parametrize("minutes", ["0", "-1", "240.01"])
def test_time_within_bounds(running: TestAgent, scene: Scene, minutes: str) -> None:
    act = lambda: scene.write(  # noqa: E731
        commands.add_time, Credit(scene.room_sitting), Decimal(minutes), scene.signed()
    )
    assert refused(act) == "minutes_out_of_range"


def test_acts_on_time_need_a_second_person(running: TestAgent, scene: Scene) -> None:
    invigilator, other = scene.staff
    attempt = scene.attempts["1"]
    cases = [
        (Signed(invigilator, "why"), "cosign_missing"),
        (Signed(invigilator, "why", invigilator), "cosign_same_person"),
        (Signed(invigilator, "why", other), "forbidden"),
        (Signed(invigilator, " ", scene.chief), "reason_missing"),
    ]
    for signed, code in cases:
        for act in (
            lambda s=signed: scene.write(commands.add_time, Credit(scene.room_sitting), Decimal(5), s),
            lambda s=signed: scene.write(commands.end_seat, attempt, s),
        ):
            assert refused(act) == code
    assert running.state().step is Step.ANSWERING


@pytest.mark.parametrize("role", ["administrator", "auditor", "bank_keeper"])
def test_others_may_not(running: TestAgent, scene: Scene, person_as: Callable[..., Actor], role: str) -> None:
    stranger = person_as(role)
    signed = Signed(stranger, "why", scene.chief)
    attempt = scene.attempts["1"]
    for act in (
        lambda: scene.write(commands.admit, stranger, attempt),
        lambda: scene.write(commands.refuse, attempt, signed),
        lambda: scene.write(commands.add_time, Credit(scene.room_sitting), Decimal(5), signed),
        lambda: scene.write(commands.end_seat, attempt, signed),
        lambda: scene.write(commands.move_seat, attempt, scene.seats["4"], signed),
        lambda: scene.write(commands.end_room, scene.room_sitting, signed),
    ):
        with pytest.raises(Forbidden):
            act()


# --- end ---------------------------------------------------------------------------------------------


def test_ending_a_seat_and_taking_it_back(running: TestAgent, scene: Scene) -> None:
    scene.write(commands.end_seat, scene.attempts["1"], scene.signed("left the room"))
    state = running.state()
    assert (state.step, state.notice) == (Step.ENDED, "left the room")
    assert state.paper.key is None
    scene.write(commands.resume_seat, scene.attempts["1"], scene.signed("wrong seat chosen"))
    assert running.state().step is Step.ANSWERING


def test_ending_the_room_early_asks_for_the_chief(running: TestAgent, scene: Scene) -> None:
    alone = replace(scene.signed(), cosigner=None)
    assert refused(lambda: scene.write(commands.end_room, scene.room_sitting, alone)) == "cosign_missing"
    assert scene.write(commands.end_room, scene.room_sitting, scene.signed()) == 3
    assert [scene.attempt(seat).state for seat in "123"] == ["ended", "absent", "absent"]
    assert running.state().step is Step.ENDED


def test_ending_the_room_after_the_time(
    running: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    machine.advance(minutes=91)
    running.beat()
    Watch(host).tick()
    assert scene.write(commands.end_room, scene.room_sitting, Signed(scene.invigilator)) == 0
    assert scene.room_row().state == "ended"
    again = lambda: scene.write(commands.end_room, scene.room_sitting, scene.signed())  # noqa: E731
    assert refused(again) == "room_already_ended"


@pytest.mark.parametrize(("seconds", "step"), [(5, Step.ANSWERING), (6, Step.TIME_OVER)])
def test_the_clock_closes_a_seat_after_deadline_and_grace(
    running: TestAgent, machine: Machine, host: Host, scene: Scene, seconds: int, step: Step
) -> None:
    machine.advance(minutes=90, seconds=seconds)
    Watch(host).tick()
    assert running.state().step is step
    if step is Step.TIME_OVER:
        assert scene.attempt("1").closed_at == scene.starts_at + timedelta(minutes=90)
