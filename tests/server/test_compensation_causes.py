"""Lost time: pauses, locks and checks heard of late, restarts, and what was given by hand."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select

from exam_rooms.compensation import Cause
from exam_rooms.protocol import Step
from server.access import Actor
from server.db.commands import CompensationRow
from server.db.sittings import TimeCredit
from server.errors import Refused
from server.host import Host
from server.services import commands, compensation, lost_time, seat_commands
from server.services.commands import Credit
from server.services.lost_time import Pick
from server.services.roomstate import load
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.command_kit import Room, running_room
from tests.server.conftest import Machine
from tests.server.lost_time_kit import cut, offered, picks, rebooted, refused


@pytest.fixture
def room(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Room:
    return running_room(app, host, person_as, machine)


ALL = ("1", "2", "3")


def lost(room: Room, number: str) -> list[tuple[Decimal, Cause, int]]:
    """Minutes, first cause and answers of each proposal for a seat."""
    line = offered(room).get(number)
    found = line.proposals if line else ()
    return [(each.minutes, each.evidence[0].cause, each.evidence[0].answers) for each in found]


def moved(room: Room, number: str, to: str) -> TestAgent:
    """The candidate of a seat goes on at another one."""
    scene = room.scene
    scene.write(commands.move_seat, scene.attempts[number], scene.seats[to], scene.signed())
    scene.attempts[to] = scene.attempts[number]
    spare = room.agents[to] = TestAgent(room.agents[number].client.application, scene, to)
    spare.open_session()
    spare.state()
    return spare


@pytest.mark.parametrize("confirms", [True, False])
def test_a_seat_that_hears_late_of_the_end_of_a_pause_has_lost_that_time(room: Room, confirms: bool) -> None:
    room.pass_time(minutes=20, beats=ALL)
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    assert room.state("2").paused
    for number in ALL if confirms else ("1", "3"):
        room.confirm(number)
    cut(room, 10, "2")
    room.scene.write(seat_commands.resume, room.by(""), room.whom())
    for number in ("1", "3"):
        room.confirm(number)
    cut(room, 15, "2")
    assert offered(room) == {}  # nobody knows yet whether it heard
    room.confirm("2")
    assert lost(room, "2") == [(Decimal(15), Cause.UNHEARD, 0)]
    assert lost(room, "1") == lost(room, "3") == []


def test_a_seat_that_never_heard_of_the_pause_worked_and_lost_nothing_by_its_end(room: Room) -> None:
    room.pass_time(minutes=20, beats=ALL)
    cut(room, 1, "2")
    began = room.machine.boot_ns
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    cut(room, 10, "2")
    room.scene.write(seat_commands.resume, room.by(""), room.whom())
    cut(room, 15, "2")
    room.confirm("2", worked_ns=began - 21 * 60 * 10**9)
    assert [minutes for minutes, _cause, _answers in lost(room, "2")] == [Decimal(0)]


def test_a_seat_that_hears_late_that_it_is_unlocked_has_lost_the_whole_lock(room: Room) -> None:
    room.pass_time(minutes=20, beats=ALL)
    room.scene.write(seat_commands.lock, room.by("座位看错"), room.whom("2"))
    room.confirm("2")
    room.pass_time(minutes=2, beats=ALL)
    cut(room, 1, "2")
    room.scene.write(seat_commands.unlock, room.by(""), room.whom("2"))
    cut(room, 5, "2")
    room.confirm("2")
    (found,) = offered(room)["2"].proposals
    assert found.minutes == 8
    assert {each.cause for each in found.evidence} == {Cause.COVERED, Cause.UNHEARD}


@pytest.mark.dear
@pytest.mark.both_stores
def test_time_under_an_identity_check_is_offered_and_the_check_goes_along_to_another_seat(room: Room) -> None:
    room.pass_time(minutes=20, beats=ALL)
    for number in ("1", "2"):
        room.scene.write(seat_commands.check_identity, room.by("与照片不像"), room.whom(number))
    room.confirm("1")  # seat 2 does not hear of it before it is over
    room.pass_time(minutes=4, beats=ALL)
    room.scene.write(seat_commands.identity_looked, room.by(), room.scene.attempts["2"], same=True)
    spare = moved(room, "1", "4")
    frozen = spare.state().frozen
    assert frozen is not None and frozen.kind == "IDENTITY"
    room.pass_time(minutes=2, beats=ALL)
    room.scene.write(seat_commands.identity_looked, room.by(), room.scene.attempts["1"], same=True)
    assert spare.state().frozen is None
    assert [minutes for minutes, _cause, _answers in lost(room, "4")] == [Decimal(6)]
    assert lost(room, "2") == []


@pytest.mark.parametrize("wait", [1, 13, 60])
def test_time_granted_after_the_end_leaves_what_was_left_at_the_cut(room: Room, wait: int) -> None:
    room.pass_time(minutes=80, beats=ALL)
    cut(room, 12, "2")
    rebooted(room, "2")
    cut(room, wait, "2")
    room.scene.write(compensation.grant, room.chief(), room.id, picks(offered(room)["2"]))
    after = room.state("2")
    assert after.step is Step.ANSWERING and after.deadline is not None
    assert after.deadline - room.scene.host.now() == timedelta(minutes=10)
    assert offered(room) == {}
    cut(room, 11, "2")
    assert room.scene.attempt("2").state == "auto_submitted" and offered(room) == {}


def test_ending_the_room_over_lost_time_needs_the_chief(room: Room) -> None:
    scene, alone = room.scene, Signed(room.scene.invigilator)
    room.pass_time(minutes=80, beats=ALL)
    cut(room, 10.1, "2")
    assert [scene.attempt(number).state for number in ALL] == ["auto_submitted"] * 3
    refused(room, "reason_missing", commands.end_room, room.id, alone)  # nobody knows what goes on there
    rebooted(room, "2")
    refused(room, "reason_missing", commands.end_room, room.id, alone)
    with scene.host.db.read() as session:
        assert lost_time.undecided(session, load(session, room.id), now=scene.host.now()) == ["2"]
    scene.write(compensation.decline, room.chief("考生自行关机"), room.id, picks(offered(room)["2"]))
    assert scene.write(commands.end_room, room.id, alone) == 0


def test_a_loss_begins_at_the_last_record_that_was_written_in_the_silence(room: Room) -> None:
    agent = room.agents["1"]
    room.pass_time(minutes=10, beats=ALL)
    for item, minutes in enumerate((8, 8, 3), 1):
        cut(room, minutes, "1", "2")
        agent.answer(item)
    cut(room, 1, "1", "2")
    spare = moved(room, "1", "4")
    assert spare.open_journal(room.scene.attempts["1"]).status_code == 200
    assert [minutes for minutes, _cause, _answers in lost(room, "4")] == [Decimal(20)]
    agent.beat()
    agent.send(*agent.records)
    assert lost(room, "4") == [(Decimal(0), Cause.LINK, 3), (Decimal(1), Cause.MOVED, 0)]
    found = picks(offered(room)["4"])
    store = room.scene.host.answers
    given = room.scene.host.db.write(
        compensation.grant, room.chief(), room.id, found, now=room.scene.host.now(), store=store
    )
    assert given == 1


def test_a_machine_that_was_started_anew_lost_only_the_time_it_was_off(room: Room) -> None:
    agent = room.agents["1"]
    room.pass_time(minutes=10, beats=ALL)
    cut(room, 18, "1")
    agent.answer(1)
    records = list(agent.records)
    cut(room, 2, "1")
    rebooted(room, "1")
    assert agent.send(*records).status_code == 200
    assert lost(room, "1") == [(Decimal(0), Cause.LINK, 1), (Decimal(2), Cause.MACHINE_OFF, 0)]


def test_time_given_by_hand_counts_against_the_bound_and_is_shown(room: Room) -> None:
    room.scene.write(commands.add_time, Credit(room.id), Decimal(45), room.scene.signed())
    cut(room, 40, "2")
    rebooted(room, "2")
    line = offered(room)["2"]
    assert (line.granted, line.minutes) == (Decimal(45), Decimal(5))
    assert line.proposals[0].bounded


def test_a_credit_by_hand_decides_the_proposals_that_it_was_for(room: Room) -> None:
    scene, seat = room.scene, room.scene.attempts["2"]
    room.pass_time(minutes=10, beats=ALL)
    before = room.state("2").deadline
    assert before is not None
    cut(room, 6, "1", "2")
    rebooted(room, "1")
    rebooted(room, "2")
    found = offered(room)
    credit = Credit(room.id, seat, once="a" * 32)

    def give(*covers: Pick) -> list[int] | None:
        now, signed = scene.host.now(), scene.signed("断电")
        return scene.host.db.write(compensation.add_time, signed, credit, Decimal(6), covers=covers, now=now)

    with pytest.raises(Refused) as caught:
        give(*picks(found["1"]))
    assert caught.value.code == "covers_other_seat"
    assert give(*picks(found["2"])) == []
    assert give(*picks(found["2"])) is None  # a second click
    assert set(offered(room)) == {"1"}
    assert room.state("2").deadline == before + timedelta(minutes=6)
    with scene.host.db.read() as session:
        (row,) = session.scalars(select(CompensationRow))
        (given,) = session.scalars(select(TimeCredit))
    assert (row.decision, row.minutes, row.credit_id) == ("credited", Decimal(0), given.id)
