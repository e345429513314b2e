"""Whether a rescue file completes an attempt: where a journal ends, and who may say so."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.protocol import Route
from exam_rooms.rescue import RescuedJournal, RescueReply
from exam_rooms.seats import AttemptState
from exam_rooms.wire import decode
from server.access import Actor
from server.db.rooms import Workstation
from server.db.sittings import JournalGrant, SeatStay
from server.events import PairingChanged
from server.host import Host
from server.live.watch import Watch
from server.services import commands
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.rescue_kit import acts, answering, bring, device_of, rescue_file, silence


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[TestAgent]:
    return answering(app, scene, machine)


def test_the_file_of_a_dead_machine_completes_its_attempt(
    agents: list[TestAgent], scene: Scene, machine: Machine
) -> None:
    one, two = agents
    one.answer(1)
    machine.advance(minutes=80)
    two.beat()
    machine.advance(minutes=11)
    Watch(scene.host).tick()
    assert scene.attempt("1").state == AttemptState.AUTO_SUBMITTED
    assert scene.attempt("1").collected_at is None
    part = rescue_file(scene.host, device_of(one), [(one, one.records[:1])], whole=False)
    bring(scene, part)
    assert scene.attempt("1").collected_at is None  # a damaged journal may have held more
    bring(scene, rescue_file(scene.host, device_of(one), [(one, one.records)]))
    assert scene.attempt("1").collected_at is not None


def dead_line(scene: Scene, machine: Machine, one: TestAgent, minutes: float) -> None:
    """The seat was last heard so many minutes after the start."""
    machine.advance(minutes=minutes)
    one.beat()
    silence(scene, machine, 1)


def journal_end(scene: Scene, one: TestAgent, journal: int = 1) -> int | None:
    with scene.host.db.read() as session:
        return session.get_one(JournalGrant, (one.attempt, journal)).final_seq


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_file_made_before_the_deadline_completes_nothing(
    agents: list[TestAgent], scene: Scene, machine: Machine
) -> None:
    """The candidate answered on after it; the machine holds what the old file does not."""
    one = agents[0]
    dead_line(scene, machine, one, 75)
    one.answer(1)
    old = rescue_file(scene.host, device_of(one), [(one, one.records)])
    one.answer(2)
    machine.advance(minutes=15)
    Watch(scene.host).tick()
    assert bring(scene, old).taken == 1
    assert scene.attempt("1").state == AttemptState.AUTO_SUBMITTED
    assert (scene.attempt("1").collected_at, journal_end(scene, one)) == (None, None)
    bring(scene, rescue_file(scene.host, device_of(one), [(one, one.records)]))
    assert journal_end(scene, one) == 3
    assert scene.attempt("1").collected_at is not None


def test_a_file_of_a_boot_that_was_never_heard_completes_nothing(
    agents: list[TestAgent], scene: Scene, machine: Machine
) -> None:
    """Nobody knows when it was made; the records count all the same."""
    one = agents[0]
    dead_line(scene, machine, one, 75)
    one.answer(1)
    machine.advance(minutes=16)
    Watch(scene.host).tick()
    elsewhere = replace(device_of(one), seat="another boot")
    assert bring(scene, rescue_file(scene.host, elsewhere, [(one, one.records)])).taken == 1
    assert (scene.attempt("1").collected_at, journal_end(scene, one)) == (None, None)


@pytest.mark.parametrize("after_the_move", [True, False])
def test_a_former_seats_file_completes_its_journal_when_made_after_the_move(
    agents: list[TestAgent], scene: Scene, machine: Machine, after_the_move: bool
) -> None:
    one = agents[0]
    one.answer(1)
    old = rescue_file(scene.host, device_of(one), [(one, one.records)])
    machine.advance(minutes=1)
    scene.write(commands.move_seat, one.attempt, scene.seats["4"], Signed(scene.invigilator, "screen"))
    machine.advance(minutes=1)
    new = rescue_file(scene.host, device_of(one), [(one, one.records)])
    bring(scene, new if after_the_move else old)
    assert journal_end(scene, one) == (2 if after_the_move else None)


def paired_anew(app: Flask, scene: Scene) -> TestAgent:
    """The machine of seat 1 is paired anew to its seat."""

    def pair_anew(session: Session) -> int:
        old = session.get_one(Workstation, scene.workstations["1"])
        old.active, old.retired_at = False, scene.host.now()
        made = Workstation(
            seat_id=old.seat_id,
            public_key=scene.keys["3"].public_key().public_bytes_raw(),
            hostname="pc1",
            software="test",
            paired_at=scene.host.now(),
        )
        session.add(made)
        session.flush()
        return made.id

    number = scene.host.db.write(pair_anew)
    scene.host.events.publish([PairingChanged(scene.room)])
    scene.workstations["new"], scene.keys["new"] = number, scene.keys["3"]
    scene.seats["new"] = scene.seats["1"]
    new = TestAgent(app, scene, "new")
    new.open_session()
    return new


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_machine_paired_anew_tells_where_its_former_journal_ends(
    agents: list[TestAgent], scene: Scene, machine: Machine, app: Flask
) -> None:
    """Nothing is unsent, so nothing else would ever complete the journal of the pairing before."""
    one = agents[0]
    one.answer(1)
    one.sent()
    new = paired_anew(app, scene)
    new.state()
    assert new.open_journal(one.attempt).status_code == 200
    new.answer(2)
    new.sent()
    machine.advance(minutes=91)
    Watch(scene.host).tick()
    new.state()
    new.beat(waiting=0)
    assert (scene.attempt("1").collected_at, journal_end(scene, one)) == (None, None)
    data = rescue_file(scene.host, device_of(new, [one]), [(one, one.records), (new, new.records)])
    answer = new.client.post(Route.RESCUE, data=data, headers=new._headers())
    told = decode(RescueReply, answer.get_json())
    assert told.journals == (RescuedJournal(one.attempt, 1, 2), RescuedJournal(one.attempt, 2, 2))
    assert scene.attempt("1").collected_at is not None
    assert acts(scene, "rescue_imported") == []  # nothing came: there is nothing to tell


def test_a_machine_paired_anew_brings_what_it_wrote_before(
    agents: list[TestAgent], scene: Scene, machine: Machine, app: Flask
) -> None:
    """The candidate was moved away; the old machine was paired anew to its seat and holds unsent answers."""
    one = agents[0]
    one.answer(1)
    scene.write(commands.move_seat, one.attempt, scene.seats["4"], Signed(scene.invigilator, "screen"))
    former_device = device_of(one)

    new = paired_anew(app, scene)
    new.beat()
    machine.advance(seconds=1)
    refused = new.send(*one.records)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "journal_not_yours")
    device = device_of(new, [one])
    assert device.former[0].workstation == former_device.workstation
    data = rescue_file(scene.host, device, [(one, one.records)])
    answer = new.client.post("/agent/rescue", data=data, headers=new._headers())
    named = [{"attempt": one.attempt, "journal": 1, "upto": 2, "refused": []}]
    assert (answer.status_code, answer.get_json()) == (200, {"taken": 1, "known": 1, "journals": named})
    with scene.host.db.read() as session:
        assert session.get_one(JournalGrant, (one.attempt, 1)).final_seq == 2
        assert [stay.seat_id for stay in session.scalars(select(SeatStay).where(SeatStay.attempt_id == 1))]
    two = agents[1]
    foreign = rescue_file(scene.host, device_of(two), [(two, two.records)])
    assert new.client.post("/agent/rescue", data=foreign, headers=new._headers()).status_code == 403
