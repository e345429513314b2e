"""Lost time: proposed from both clocks, granted or declined by the chief, never twice."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.compensation import Cause, Clock
from exam_rooms.kiosk_messages import BreachRequest, LossNote
from exam_rooms.protocol import Route, Step
from server.access import Actor
from server.db.commands import CompensationRow
from server.db.sittings import Attempt, Incident, TimeCredit
from server.errors import Forbidden
from server.host import Host
from server.services import audit, breaches, commands, compensation, marks, outage_decision, seat_commands
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


@pytest.mark.dear
@pytest.mark.both_stores
def test_scenario_20_a_row_without_power_gets_its_minutes_only_from_the_chief(room: Room) -> None:
    scene, before = room.scene, room.state("2").deadline
    assert before is not None
    room.pass_time(minutes=20, beats=("1", "2", "3"))
    last = room.agents["1"].answer(1)
    room.agents["1"].sent(last)
    lost_at = scene.host.now()
    cut(room, 6, "1", "2")
    assert offered(room) == {}  # nobody knows yet what goes on there
    # Seat 1 moves to the spare seat and goes on there; seat 2's own machine comes back.
    scene.write(commands.move_seat, scene.attempts["1"], scene.seats["4"], scene.signed())
    scene.attempts["4"] = scene.attempts["1"]
    spare = TestAgent(room.agents["1"].client.application, scene, "4")
    spare.open_session()
    shown = spare.state()
    assert shown.step is Step.ANSWERING
    assert spare.open_journal(scene.attempts["1"]).status_code == 200
    spare.sent()
    rebooted(room, "2")
    found = offered(room)
    assert set(found) == {"4", "2"}
    assert [each.minutes for line in found.values() for each in line.proposals] == [Decimal(6)] * 2
    assert {line.proposals[0].evidence[0].cause for line in found.values()} == {
        Cause.MOVED,
        Cause.MACHINE_OFF,
    }
    assert all(line.proposals[0].since == lost_at for line in found.values())
    assert room.state("2").deadline == before  # proposed is not given
    refused(room, "reason_missing", compensation.grant, room.chief(""), room.id, picks(found["2"]))
    with pytest.raises(Forbidden):
        scene.write(compensation.grant, room.by(), room.id, picks(found["2"]))
    given = scene.write(compensation.grant, room.chief(), room.id, picks(*found.values()))
    assert given == 12
    assert room.state("2").deadline == spare.state().deadline == before + timedelta(minutes=6)
    assert offered(room) == {}
    with scene.host.db.read() as session:
        sheet = marks.sheet(session, scene.host.answers, load(session, room.id), scene.attempt("1"))
        lines = audit.page(session, stream=audit.sitting_stream(room.id), act="compensation_granted")
    assert sheet.answers["item-1"].record.hash == last.hash  # the last keystroke survived
    assert len(lines) == 2


def test_nothing_is_given_twice_and_a_refusal_stands(room: Room) -> None:
    room.pass_time(minutes=10, beats=("1", "2", "3"))
    cut(room, 6, "1", "2")
    rebooted(room, "1")
    rebooted(room, "2")
    found = offered(room)
    chosen = picks(found["1"])
    room.scene.write(compensation.grant, room.chief(), room.id, chosen)
    refused(room, "proposal_gone", compensation.grant, room.chief(), room.id, chosen)
    refused(room, "proposal_gone", compensation.decline, room.chief(), room.id, chosen)
    refused(room, "proposal_gone", compensation.grant, room.chief(), room.id, [])
    refused(room, "reason_missing", compensation.decline, room.chief(" "), room.id, picks(found["2"]))
    assert room.scene.write(compensation.decline, room.chief("考生自行关机"), room.id, picks(found["2"])) == 1
    assert offered(room) == {}
    with room.scene.host.db.read() as session:
        rows = {row.decision: row for row in session.scalars(select(CompensationRow))}
        credits_given = session.scalars(select(TimeCredit)).all()
    assert rows["granted"].minutes == 6 and rows["declined"].minutes == 0
    assert [credit.id for credit in credits_given] == [rows["granted"].credit_id]
    assert rows["granted"].evidence[0]["clock"] == "server"


def test_a_gap_in_which_the_candidate_went_on_is_worth_nothing(room: Room) -> None:
    room.pass_time(minutes=5, beats=("1", "2", "3"))
    room.machine.advance(minutes=10)
    record = room.agents["1"].answer(2)
    cut(room, 10, "1")
    room.agents["1"].sent(record)
    room.agents["1"].beat()
    room.watch.tick()
    line = offered(room)["1"]
    (found,) = line.proposals
    assert found.minutes == line.minutes == 0
    assert [(each.cause, each.answers) for each in found.evidence] == [(Cause.LINK, 1)]
    refused(
        room, "proposal_gone", compensation.grant, room.chief(), room.id, [Pick(line.attempt, found.since)]
    )


def loss(room: Room, number: str, kind: str, since: datetime, until: datetime) -> BreachRequest:
    boot = room.agents[number].boot_id
    now, here = room.scene.host.now(), room.machine.boot_ns
    stamps = [here - int((now - moment).total_seconds() * 1e9) for moment in (since, until)]
    note = LossNote("ab" * 16, kind, boot, stamps[0], boot, stamps[1])
    return BreachRequest(room.scene.attempts[number], (), losses=(note,))


def test_the_agents_own_log_is_evidence_and_said_twice_the_same(room: Room) -> None:
    room.pass_time(minutes=20, beats=("1",))
    now = room.scene.host.now()
    told = loss(room, "1", "page_gone", now - timedelta(minutes=3), now - timedelta(seconds=20))
    for _ in range(2):
        assert room.agents["1"].post(Route.BREACHES, told).status_code == 200
    (found,) = offered(room)["1"].proposals
    assert found.minutes == 3
    assert [(each.cause, each.clock) for each in found.evidence] == [(Cause.PAGE_GONE, Clock.AGENT)]
    strange = loss(room, "1", "holiday", now - timedelta(minutes=3), now)
    assert room.agents["1"].post(Route.BREACHES, strange).status_code == 400


def test_a_cover_is_lost_time_only_when_the_breach_was_none(room: Room) -> None:
    scene = room.scene

    def cover(session: Session) -> None:
        attempt = session.get_one(Attempt, scene.attempts["1"])
        attempt.frozen_at, attempt.frozen_why = scene.host.now(), "SECOND_SCREEN"
        row = Incident(room_sitting_id=room.id, attempt_id=attempt.id, seat_id=attempt.seat_id)
        row.kind, row.severity, row.first_at, row.last_at = (
            "SECOND_SCREEN",
            3,
            scene.host.now(),
            scene.host.now(),
        )
        session.add(row)

    room.pass_time(minutes=20, beats=("1",))
    scene.host.db.write(cover)
    room.pass_time(minutes=4, beats=("1",))
    scene.write(breaches.release, scene.attempts["1"], room.by("误报"))
    assert offered(room) == {}

    def dismiss(session: Session) -> None:
        for row in session.scalars(select(Incident)):
            row.state = "dismissed"

    scene.host.db.write(dismiss)
    (found,) = offered(room)["1"].proposals
    assert found.minutes == 4 and found.evidence[0].cause is Cause.COVERED


def test_a_pause_is_no_lost_time(room: Room) -> None:
    room.pass_time(minutes=10, beats=("1", "2", "3"))
    cut(room, 2, "1")
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    cut(room, 10, "1")
    room.scene.write(seat_commands.resume, room.by(""), room.whom())
    cut(room, 3, "1")
    rebooted(room, "1")
    assert [each.minutes for each in offered(room)["1"].proposals] == [Decimal(2), Decimal(3)]


def test_while_an_outage_waits_for_its_decision_nothing_is_granted(room: Room) -> None:
    room.pass_time(minutes=10, beats=("1", "2", "3"))
    cut(room, 6, "1")
    rebooted(room, "1")
    chosen = picks(offered(room)["1"])
    since = room.scene.host.now() - timedelta(minutes=6)
    room.scene.write(outage_decision.tell, room.chief("停电"), room.id, since)
    refused(room, "outage_undecided", compensation.grant, room.chief(), room.id, chosen)


def test_what_is_left_at_the_cut_is_left_when_the_machine_is_back(room: Room) -> None:
    """Five minutes before the end the power goes, long after it comes back: five minutes are left."""
    room.pass_time(minutes=85, beats=("1", "2", "3"))
    cut(room, 35, "1")
    assert room.scene.attempt("1").state == "auto_submitted"
    rebooted(room, "1")
    found = offered(room)["1"]
    assert found.minutes == 35
    room.scene.write(compensation.grant, room.chief(), room.id, picks(found))
    after = room.state("1")
    assert after.step is Step.ANSWERING
    assert after.deadline is not None
    assert timedelta(minutes=4, seconds=50) < after.deadline - room.scene.host.now() <= timedelta(minutes=5)
    assert isinstance(room.chief(), Signed)
