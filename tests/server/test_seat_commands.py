"""Commands to seats: what they do, who may, and how a seat confirms them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from exam_rooms.kiosk_messages import CommandNote
from exam_rooms.protocol import RecordKind, Step
from server.access import Actor
from server.db.commands import LOCKED, CoverRow
from server.db.record import AuditEntry
from server.db.sittings import Attempt
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import audit, command_log, commands, link_gaps, marks, seat_commands
from server.services.command_log import CommandView
from server.services.delivery import delivery_of
from server.services.roomstate import load
from server.services.seat_commands import Whom
from server.services.signed import Signed
from tests.server.command_kit import Room, running_room
from tests.server.conftest import Machine


@pytest.fixture
def room(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Room:
    return running_room(app, host, person_as, machine)


def last(room: Room, number: str) -> CommandView:
    with room.scene.host.db.read() as session:
        return command_log.commands_of(session, room.id)[room.scene.seats[number]]


def acts(room: Room) -> list[str]:
    with room.scene.host.db.read() as session:
        return [line.act for line in audit.page(session, stream=audit.sitting_stream(room.id))]


def refused(room: Room, code: str, act: Callable[..., Any], *args: object, **named: object) -> None:
    with pytest.raises(Refused) as caught:
        room.scene.write(act, *args, **named)
    assert caught.value.code == code


# --- pause ---------------------------------------------------------------------------------------------


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_paused_room_stands_still_and_goes_on_where_it_stood(room: Room) -> None:
    before = room.state("1").deadline
    assert before is not None
    room.pass_time(minutes=20, beats=("1", "2", "3"))
    began = room.scene.host.now()
    assert room.scene.write(seat_commands.pause, room.by(), room.whom()) == 3
    shown = room.state("1")
    assert shown.paused is not None and shown.paused.since == began
    assert shown.deadline == before  # as if the pause ended where it began
    room.pass_time(minutes=49)
    assert room.scene.attempt("1").state == "answering"
    assert room.scene.write(seat_commands.resume, room.by(""), room.whom()) == 3
    after = room.state("1")
    assert after.paused is None
    assert after.deadline == before + timedelta(minutes=49)
    assert after.paused_minutes == 49
    assert after.credit_minutes == 0
    assert {"room_paused", "room_resumed"} <= set(acts(room))


def test_after_the_pause_the_clock_closes_the_seat_at_the_moved_deadline(room: Room) -> None:
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    room.pass_time(minutes=7)
    room.scene.write(seat_commands.resume, room.by(""), room.whom())
    room.pass_time(minutes=90)
    assert room.scene.attempt("1").state == "answering"  # the grace of some seconds
    room.pass_time(seconds=6)
    assert room.scene.attempt("1").state == "auto_submitted"


def test_a_seat_paused_by_itself_stays_paused_when_the_room_goes_on(room: Room) -> None:
    room.scene.write(seat_commands.pause, room.by(), room.whom("2"))
    room.pass_time(minutes=5)
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    room.pass_time(minutes=5)
    room.scene.write(seat_commands.resume, room.by(""), room.whom())
    assert room.state("1").paused is None
    assert room.state("2").paused is not None
    room.pass_time(minutes=2)
    room.scene.write(seat_commands.resume, room.by(""), room.whom("2"))
    one, two = room.state("1").deadline, room.state("2").deadline
    assert one is not None and two is not None
    assert two - one == timedelta(minutes=7)


def test_a_pause_outlives_a_restart_of_the_server(room: Room, machine: Machine) -> None:
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    since = room.state("1").paused
    room.scene.host.events.publish([])  # nothing in memory may matter
    machine.advance(minutes=100)
    with room.scene.host.db.read() as session:
        state = load(session, room.id)
        attempt = session.get_one(Attempt, room.scene.attempts["1"])
        assert since is not None
        assert state.paused_since(attempt, room.scene.host.now()) == since.since
    room.scene.write(link_gaps.gaps_after_restart)
    room.watch.tick()
    assert room.scene.attempt("1").state == "answering"


@pytest.mark.parametrize("delay", [0, 3])
def test_answers_up_to_the_pause_count_and_come_while_it_lasts(room: Room, delay: int) -> None:
    agent = room.agents["1"]
    record = agent.answer(1)
    room.pass_time(minutes=1)
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    room.pass_time(minutes=delay)
    agent.sent(record)
    with room.scene.host.db.read() as session:
        state, attempt = load(session, room.id), session.get_one(Attempt, room.scene.attempts["1"])
        sheet = marks.sheet(session, room.scene.host.answers, state, attempt)
    assert list(sheet.answers) == ["item-1"]


def test_pausing_needs_a_reason_and_a_running_room_and_happens_once(room: Room) -> None:
    refused(room, "reason_missing", seat_commands.pause, room.by(" "), room.whom())
    refused(room, "not_paused", seat_commands.resume, room.by(""), room.whom())
    room.scene.write(seat_commands.pause, room.by(), room.whom("1"))
    refused(room, "already_paused", seat_commands.pause, room.by(), room.whom("1"))
    refused(room, "no_seat_meant", seat_commands.pause, room.by(), Whom(room.id, frozenset({10**6})))
    room.scene.write(commands.end_room, room.id, room.scene.signed())
    refused(room, "room_not_running", seat_commands.pause, room.by(), room.whom())


def test_ending_a_paused_room_ends_the_pause(room: Room) -> None:
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    room.scene.write(seat_commands.pause, room.by(), room.whom("1"))
    room.pass_time(minutes=3)
    room.scene.write(commands.end_room, room.id, room.scene.signed())
    assert room.scene.room_row().paused_at is None
    assert room.scene.attempt("1").paused_at is None
    with room.scene.host.db.read() as session:
        state = load(session, room.id)
        assert all(pause.until is not None for pause in state.pauses.room)
    assert room.state("1").step is Step.ENDED


# --- a seat that did not hear -----------------------------------------------------------------------------


@pytest.mark.dear
@pytest.mark.both_stores
@pytest.mark.parametrize("heard_after", [4, 10])
def test_what_a_seat_worked_before_it_heard_of_the_pause_does_not_come_back(
    room: Room, heard_after: int
) -> None:
    agent, before = room.agents["1"], room.state("1").deadline
    assert before is not None
    room.pass_time(minutes=5)
    worked_since = room.machine.boot_ns
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    room.pass_time(minutes=heard_after)
    if heard_after == 10:  # it hears of the end only
        room.scene.write(seat_commands.resume, room.by(""), room.whom())
    room.confirm("1", worked_ns=worked_since)
    room.pass_time(minutes=10 - heard_after)
    if heard_after != 10:
        room.scene.write(seat_commands.resume, room.by(""), room.whom())
    assert room.state("1").deadline == before + timedelta(minutes=10 - heard_after)
    assert room.state("2").deadline == before + timedelta(minutes=10)
    # Said twice it is the same.
    agent.beat()
    assert room.state("1").deadline == before + timedelta(minutes=10 - heard_after)


def test_a_seat_that_hears_at_once_gets_the_whole_pause(room: Room) -> None:
    before, since = room.state("1").deadline, room.machine.boot_ns
    assert before is not None
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    room.pass_time(seconds=2)
    room.confirm("1", worked_ns=since)
    room.pass_time(minutes=10)
    room.scene.write(seat_commands.resume, room.by(""), room.whom())
    assert room.state("1").deadline == before + timedelta(minutes=10, seconds=2)


# --- confirmations ----------------------------------------------------------------------------------------


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_command_is_sent_received_and_done(room: Room) -> None:
    room.scene.write(seat_commands.pause, room.by(), room.whom("1"))
    assert last(room, "1").state == "sent"
    room.pass_time(seconds=1)
    (order,) = room.confirm("1", done=False)[-1:]
    assert order.kind == "pause"
    assert last(room, "1").state == "received"
    room.pass_time(seconds=1)
    room.confirm("1")
    found = last(room, "1")
    assert found.state == "done"
    assert found.received_at is not None and found.done_at is not None
    assert found.sent_at < found.received_at < found.done_at
    assert "commands_confirmed" in acts(room)
    delivery_of(room.scene.host).views.forget_all()
    assert room.state("1").commands == ()


def test_a_newer_command_takes_the_place_of_one_that_waits(room: Room) -> None:
    room.confirm("1")  # the start
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    room.pass_time(minutes=1)
    room.scene.write(seat_commands.resume, room.by(""), room.whom())
    assert [order.kind for order in room.state("1").commands] == ["resume"]
    with room.scene.host.db.read() as session:
        mine = [v for v in command_log.listing(session, room.id) if v.seat == room.scene.seats["1"]]
    assert [(view.kind, view.state) for view in mine] == [
        ("start", "done"),
        ("pause", "superseded"),
        ("resume", "sent"),
    ]


def test_a_seat_confirms_for_itself_alone(room: Room) -> None:
    room.scene.write(seat_commands.pause, room.by(), room.whom("1"))
    waiting, boot = room.state("1").commands, room.machine.boot_ns
    stranger = room.agents["2"]
    stranger.beat(commands=tuple(CommandNote(order.command, boot, boot) for order in waiting))
    room.watch.tick()
    assert last(room, "1").state == "sent"


def test_every_act_on_a_seat_is_a_command(room: Room) -> None:
    scene = room.scene
    scene.write(commands.add_time, commands.Credit(room.id, scene.attempts["1"]), 5, scene.signed())
    assert last(room, "1").kind == "credit"
    scene.write(commands.move_seat, scene.attempts["1"], scene.seats["4"], scene.signed())
    assert last(room, "4").kind == "move"
    scene.write(commands.end_seat, scene.attempts["2"], scene.signed())
    assert last(room, "2").kind == "end"
    scene.write(commands.resume_seat, scene.attempts["2"], scene.signed())
    assert last(room, "2").kind == "reopen"


def test_a_second_click_does_nothing_again(room: Room) -> None:
    whom = room.whom("1", once="a" * 32)
    assert room.scene.write(seat_commands.message, room.by(""), whom, "请看监考员") == 1
    assert room.scene.write(seat_commands.message, room.by(""), whom, "请看监考员") == 0
    assert len(room.state("1").messages) == 1


# --- covers and words ---------------------------------------------------------------------------------------


def test_a_locked_seat_is_covered_while_its_time_goes_on(room: Room) -> None:
    before = room.state("1").deadline
    room.scene.write(seat_commands.lock, room.by(), room.whom("1"))
    frozen = room.state("1").frozen
    assert frozen is not None and frozen.kind == LOCKED
    refused(room, "already_covered", seat_commands.lock, room.by(), room.whom("1"))
    refused(room, "not_locked", seat_commands.unlock, room.by(""), room.whom("2"))
    room.pass_time(minutes=4)
    room.scene.write(seat_commands.unlock, room.by(""), room.whom("1"))
    after = room.state("1")
    assert after.frozen is None and after.deadline == before
    with room.scene.host.db.read() as session:
        (cover,) = session.scalars(select(CoverRow)).all()
    assert cover.until_at - cover.since_at == timedelta(minutes=4)


def test_an_identity_check_ends_with_a_look_and_a_doubt_keeps_the_cover(room: Room) -> None:
    attempt = room.scene.attempts["1"]
    refused(room, "identity_not_asked", seat_commands.identity_looked, room.by(), attempt, same=True)
    room.scene.write(seat_commands.check_identity, room.by("换人举报"), room.whom("1"))
    refused(room, "reason_missing", seat_commands.identity_looked, room.by(""), attempt, same=False)
    room.scene.write(seat_commands.identity_looked, room.by("与照片不符"), attempt, same=False)
    assert room.state("1").frozen is not None
    room.scene.write(seat_commands.identity_looked, room.by(""), attempt, same=True)
    assert room.state("1").frozen is None
    assert room.state("1").step is Step.ANSWERING
    assert {"identity_doubted", "identity_confirmed_again"} <= set(acts(room))


def test_a_message_reaches_its_candidate_alone_and_stands_in_no_audit_row(room: Room) -> None:
    room.scene.write(seat_commands.message, room.by(""), room.whom("1"), " 请把 准考证  放在桌上 ")
    assert [one.text for one in room.state("1").messages] == ["请把 准考证 放在桌上"]
    assert room.state("2").messages == ()
    with room.scene.host.db.read() as session:
        lines = audit.page(session, stream=audit.sitting_stream(room.id), act="seats_messaged")
        assert "准考证" not in str([audit.as_json(entry) for entry in _entries(session, room)])
    assert len(lines) == 1
    refused(room, "message_length", seat_commands.message, room.by(""), room.whom("1"), "字" * 301)
    refused(room, "message_length", seat_commands.message, room.by(""), room.whom("1"), "  ")


def _entries(session: Any, room: Room) -> list[Any]:

    return list(session.scalars(select(AuditEntry).where(AuditEntry.stream == audit.sitting_stream(room.id))))


# --- who may -----------------------------------------------------------------------------------------------


def test_who_only_looks_commands_nothing(room: Room, person_as: Callable[..., Actor]) -> None:
    for role in ("rover", "supervisor", "administrator", "system_administrator", "auditor"):
        stranger = Signed(person_as(role), "x")
        with pytest.raises(Forbidden):
            room.scene.write(seat_commands.pause, stranger, room.whom())
    stranger = Signed(person_as("invigilator"), "x")
    refused(room, "not_on_duty", seat_commands.pause, stranger, room.whom())


def test_a_late_submission_in_a_pause_is_kept(room: Room) -> None:
    agent = room.agents["1"]
    room.pass_time(minutes=40)
    agent.write(RecordKind.SUBMIT)
    room.scene.write(seat_commands.pause, room.by(), room.whom("2"))
    agent.sent()
    assert room.scene.attempt("1").state == "submitted"
