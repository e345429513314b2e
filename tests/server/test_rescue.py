"""Rescue files: who may bring what, what counts of it, and bringing it twice."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms import rescue as form
from exam_rooms.protocol import RecordKind, Route
from exam_rooms.rescue import RescuedJournal, RescueReply
from exam_rooms.seats import AttemptState
from exam_rooms.wire import decode
from itembank.letters import new_letter_key, seal_letter
from server.access import Actor
from server.db.record import AuditEntry
from server.db.rooms import Workstation
from server.db.sittings import Incident, JournalGrant, SeatStay
from server.errors import Forbidden, Refused
from server.events import PairingChanged
from server.host import Host
from server.live.watch import Watch
from server.services import commands, marks, rescue
from server.services.rescue import Errand, Report
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.rescue_kit import device_of, rescue_file


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[TestAgent]:
    """Seats 1 and 2 answer."""
    made = list(seated(app, scene, "12").values())
    machine.advance(minutes=10)
    scene.start()
    for agent in made:
        agent.state()
        agent.open_journal()
        agent.sent()
        agent.beat()
    return made


def bring(scene: Scene, data: bytes, *, who: Actor | None = None, **errand: object) -> Report:
    wanted = Errand(who or scene.chief, **errand)  # type: ignore[arg-type]
    return rescue.bring(scene.host, data, wanted, now=scene.host.now(), boot_ns=1)


def silence(scene: Scene, machine: Machine, minutes: float) -> None:
    """Nobody is heard for some time; the server looks on."""
    machine.advance(seconds=10)
    Watch(scene.host).tick()
    machine.advance(minutes=minutes)


@pytest.mark.both_stores
def test_a_dead_machines_answers_come_by_hand_once_and_count(
    agents: list[TestAgent], scene: Scene, machine: Machine
) -> None:
    one = agents[0]
    one.answer(1)
    one.sent()
    one.answer(2)
    one.answer(3)
    data = rescue_file(scene.host, device_of(one), [(one, one.records)])
    foreseen = bring(scene, data, dry_run=True)
    assert [(line.taken, line.known) for line in foreseen.journals] == [(2, 2)]
    assert len(scene.host.answers.events(one.attempt)) == 2  # looked at, not taken
    done = bring(scene, data)
    (line,) = done.journals
    assert (line.seat, line.name, line.taken, line.known, line.refused, line.not_counted) == (
        *("1", "考生1"),
        *(2, 2, (), 0),
    )
    again = bring(scene, data)
    assert (again.taken, again.journals[0].known) == (0, 4)
    assert [stored.record for stored in scene.host.answers.events(one.attempt)] == one.records
    with scene.host.db.read() as session:
        acts = [row.act for row in session.scalars(select(AuditEntry)) if row.act == "rescue_imported"]
    assert len(acts) == 2


def test_what_only_its_own_machine_may_bring(agents: list[TestAgent], scene: Scene) -> None:
    one, two = agents
    one.answer(1)
    stolen = bring(scene, rescue_file(scene.host, device_of(two), [(one, one.records)]))
    assert [(line.code, line.taken) for line in stolen.journals] == [("rescue_journal_of_another", 0)]
    assert len(scene.host.answers.events(one.attempt)) == 1


def test_a_file_from_another_room_is_left(agents: list[TestAgent], scene: Scene) -> None:
    one = agents[0]
    one.answer(1)
    data = rescue_file(scene.host, device_of(one), [(one, one.records)])
    (line,) = bring(scene, data, room_sitting=scene.room_sitting + 1).journals
    assert (line.code, line.taken) == ("rescue_other_room", 0)


def test_an_unknown_journal_is_named_and_the_rest_is_taken(agents: list[TestAgent], scene: Scene) -> None:
    one = agents[0]
    one.answer(1)
    ghost = TestAgent(one.client.application, scene, "1")
    ghost.attempt, ghost.journal, ghost.parent = one.attempt, 9, "0" * 64
    ghost.key = one.key
    ghost.write(RecordKind.OPEN)
    found = bring(
        scene, rescue_file(scene.host, device_of(one), [(ghost, ghost.records), (one, one.records)])
    )
    assert [(line.journal, line.code, line.taken) for line in found.journals] == [
        (9, "rescue_journal_unknown", 0),
        (1, "", 1),
    ]


def test_changed_bytes_other_sites_and_strangers_are_refused(agents: list[TestAgent], scene: Scene) -> None:
    one = agents[0]
    one.answer(1)
    data = rescue_file(scene.host, device_of(one), [(one, one.records)])
    cases = {
        "rescue_not_one": b"EXJR1\n" + data,
        "rescue_broken": data[:-1],
        "rescue_not_signed": data.replace(b'"seat":"1"', b'"seat":"2"'),
    }
    for code, bad in cases.items():
        with pytest.raises(Refused, match=code):
            bring(scene, bad)
    with pytest.raises(Forbidden):
        bring(scene, data, who=Actor(None, "nobody"))


def test_a_file_for_another_site_does_not_open(agents: list[TestAgent], scene: Scene, host: Host) -> None:
    one = agents[0]
    device = device_of(one)
    head = form.head_bytes(form.RescueHead(device.workstation, "r", "1", "b", 1, True, ()))
    body = seal_letter(new_letter_key()[1], form.body_bytes(form.RescueBody(())), head)
    signed = device.signatures(form.signed_message(head, body))
    with pytest.raises(Refused, match="rescue_other_site"):
        bring(scene, form.assemble(head, body, signed))


def test_a_machine_paired_before_there_was_a_site_key_brings_records_unsealed(
    agents: list[TestAgent], scene: Scene
) -> None:
    one = agents[0]
    one.answer(1)
    assert (
        bring(scene, rescue_file(scene.host, device_of(one), [(one, one.records)], sealed=False)).taken == 1
    )


def test_a_fork_is_kept_and_told(agents: list[TestAgent], scene: Scene) -> None:
    one = agents[0]
    first = one.answer(1, "A")
    one.sent()
    one.records.pop()
    one.answer(1, "B")
    data = rescue_file(scene.host, device_of(one), [(one, one.records)])
    assert bring(scene, data, dry_run=True).journals[0].refused == ((2, "fork"),)
    (line,) = bring(scene, data).journals
    assert (line.taken, line.refused) == (0, ((2, "fork"),))
    assert scene.host.answers.events(one.attempt)[-1].record == first
    assert [row.reason for row in scene.host.answers.aside(one.attempt)] == ["fork"]


@pytest.mark.parametrize(
    ("minutes", "counted"),
    [(20, True), (49.5, True), (51, False)],
)
def test_late_records_count_within_the_silence_the_server_saw(
    agents: list[TestAgent], scene: Scene, machine: Machine, minutes: float, counted: bool
) -> None:
    """Written before the deadline, brought after it: the silence until then is what rule R45 measures."""
    one = agents[0]
    machine.wall += timedelta(minutes=85)
    machine.boot_ns += round(timedelta(minutes=85).total_seconds() * 1e9)
    one.beat()
    silence(scene, machine, 1)
    one.answer(1)
    data = rescue_file(scene.host, device_of(one), [(one, one.records)])
    machine.advance(minutes=minutes - 1)
    Watch(scene.host).tick()
    (line,) = bring(scene, data).journals
    assert (line.taken, line.not_counted) == (1, 0 if counted else 1)
    with scene.host.db.read() as session:
        left = marks.uncounted(session, scene.chief, scene.host.answers, one.attempt)
        told = session.scalars(select(Incident).where(Incident.kind == "LATE_RECORDS")).all()
    assert [row.reason for row in left] == ([] if counted else ["gap_too_long"])
    assert bool(told) is not counted


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


def test_the_reply_names_only_what_was_taken(agents: list[TestAgent], scene: Scene) -> None:
    """Of a journal that the server does not know, the agent must not think that it is safe."""
    one = agents[0]
    one.answer(1)
    ghost = TestAgent(one.client.application, scene, "1")
    ghost.attempt, ghost.journal, ghost.parent, ghost.key = one.attempt, 9, "0" * 64, one.key
    ghost.write(RecordKind.OPEN)
    data = rescue_file(scene.host, device_of(one), [(ghost, ghost.records), (one, one.records)])
    answer = one.client.post(Route.RESCUE, data=data, headers=one._headers())
    told = decode(RescueReply, answer.get_json())
    assert (answer.status_code, told.taken) == (200, 1)
    assert told.journals == (RescuedJournal(one.attempt, 1, 2),)


def test_the_reply_names_what_was_kept_aside(agents: list[TestAgent], scene: Scene) -> None:
    one = agents[0]
    one.answer(1, "A")
    one.sent()
    one.records.pop()
    one.answer(1, "B")
    data = rescue_file(scene.host, device_of(one), [(one, one.records)])
    answer = one.client.post(Route.RESCUE, data=data, headers=one._headers())
    (told,) = decode(RescueReply, answer.get_json()).journals
    assert [(refused.seq, refused.code) for refused in told.refused] == [(2, "fork")]


def test_only_who_is_on_duty_in_the_room_brings_its_records(
    agents: list[TestAgent], scene: Scene, person_as: Callable[..., Actor]
) -> None:
    one = agents[0]
    one.answer(1)
    data = rescue_file(scene.host, device_of(one), [(one, one.records)])
    stranger = person_as("invigilator")
    with pytest.raises(Refused, match="not_on_duty"):
        bring(scene, data, who=stranger, room_sitting=scene.room_sitting)
    (line,) = bring(scene, data, who=stranger).journals
    assert (line.code, line.taken) == ("not_on_duty", 0)
    assert bring(scene, data, who=scene.invigilator).taken == 1
    chief = person_as("chief_invigilator")
    bring(scene, data, who=chief, dry_run=True)
    assert acts(scene, "chief_stood_in") == []
    bring(scene, data, who=chief)
    assert acts(scene, "chief_stood_in") == [chief.name]


def acts(scene: Scene, act: str) -> list[str]:
    with scene.host.db.read() as session:
        return [row.actor for row in session.scalars(select(AuditEntry)) if row.act == act]


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
