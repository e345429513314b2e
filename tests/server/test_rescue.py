"""Rescue files: who may bring what, what counts of it, and bringing it twice."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from exam_rooms import rescue as form
from exam_rooms.protocol import RecordKind, Route
from exam_rooms.rescue import RescuedJournal, RescueReply
from exam_rooms.wire import decode
from itembank.letters import new_letter_key, seal_letter
from server.access import Actor
from server.db.record import AuditEntry
from server.db.sittings import Incident
from server.errors import Forbidden, Refused
from server.host import Host
from server.live.watch import Watch
from server.services import marks
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
