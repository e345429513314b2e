"""The agents' interface from the door to the receipt, and everybody who must stay outside."""

import base64
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask

from exam_rooms import protocol as p
from exam_rooms.protocol import RecordKind, Route, Step, receipt_message, record_digest
from exam_rooms.wire import decode
from itembank.package import open_section
from server.access import Actor
from server.db.rooms import Room
from server.host import Host
from server.services import audit
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agent(app: Flask, scene: Scene) -> TestAgent:
    made = TestAgent(app, scene, "1")
    made.open_session()
    return made


@pytest.mark.both_stores
def test_whole_way_to_the_receipt(agent: TestAgent, scene: Scene, machine: Machine, host: Host) -> None:
    assert agent.state().step is Step.SIGN_IN
    assert agent.state().candidate is None
    assert decode(p.SeatState, agent.sign_in().get_json()).step is Step.IDENTIFIED
    scene.write(_admit(), scene.invigilator, scene.attempts["1"])
    shown = agent.state()
    assert shown.step is Step.ADMITTED
    assert shown.candidate == p.CandidateView(
        "考生1", "T2026-0001", shown.candidate.id_masked, "某公司", has_photo=True
    )
    assert "0307109" not in shown.candidate.id_masked
    assert agent.get(Route.PHOTO).data == b"\xff\xd8photo"
    confirmed = decode(p.SeatState, agent.post(Route.CONFIRM, p.ConfirmRequest(True)).get_json())
    assert confirmed.step is Step.CONFIRMED
    accepted = agent.post(Route.ACCEPT, p.AcceptRequest("2026-11", False))
    assert decode(p.SeatState, accepted.get_json()).step is Step.READY
    assert scene.attempt("1").face_consent is None  # a standard room asks nobody
    assert agent.state().paper.key is None
    machine.advance(minutes=10)
    scene.start()
    running = agent.state()
    assert (running.step, running.deadline) == (Step.ANSWERING, machine.wall.replace(hour=2, minute=10))
    section = open_section(agent.get(Route.PACKAGE).data, "paper/A", base64.b64decode(running.paper.key))
    assert len(section["items"]) == 5
    assert agent.open_journal().status_code == 200
    agent.answer(1)
    agent.answer(2)
    assert agent.sent().upto == {"1": 3}
    machine.advance(minutes=31)
    agent.write(RecordKind.SUBMIT)
    assert agent.sent(agent.records[-1]).upto == {"1": 4}
    assert agent.state().step is Step.SUBMITTED
    receipt = decode(p.Receipt, agent.get(Route.RECEIPT).get_json())
    assert (receipt.head, receipt.seq, receipt.answered) == (agent.records[-1].hash, 4, 2)
    Ed25519PublicKey.from_public_bytes(host.site.public_key).verify(
        base64.b64decode(receipt.signature), receipt_message(receipt)
    )
    with host.db.read() as session:
        acts = [line.act for line in audit.page(session, stream=audit.sitting_stream(scene.room_sitting))]
    for act in ("signed_in", "admitted", "rules_accepted", "room_started", "submitted"):
        assert act in acts


@pytest.mark.parametrize(
    ("kind", "said", "kept"),
    [
        ("smart", True, True),
        ("smart", False, False),
        ("standard", True, None),
        ("standard", False, None),
    ],
)
def test_only_a_smart_room_keeps_what_was_said_of_faces(
    agent: TestAgent, scene: Scene, kind: str, said: bool, kept: bool | None
) -> None:
    scene.host.db.write(lambda session: setattr(session.get_one(Room, scene.room), "kind", kind))
    agent.sign_in()
    scene.write(_admit(), scene.invigilator, scene.attempts["1"])
    agent.post(Route.CONFIRM, p.ConfirmRequest(True))
    answer = agent.post(Route.ACCEPT, p.AcceptRequest("2026-11", said))
    assert decode(p.SeatState, answer.get_json()).step is Step.READY
    assert scene.attempt("1").face_consent is kept


def _admit() -> Callable[..., None]:
    from server.services.commands import admit

    return admit


# --- signing in --------------------------------------------------------------------------------------


def test_wrong_id_number_tells_nothing_and_is_slowed_down(agent: TestAgent, scene: Scene) -> None:
    asked = p.SignInRequest(scene.tickets["1"], "110101199003070000")
    codes = [agent.post(Route.SIGN_IN, asked).get_json()["code"] for _ in range(11)]
    assert codes == ["id_does_not_match"] * 10 + ["too_many_tries"]
    assert agent.sign_in().status_code == 429


@pytest.mark.both_stores
def test_right_ticket_at_the_wrong_seat_is_an_incident(agent: TestAgent, scene: Scene) -> None:
    answer = agent.sign_in("2")
    assert (answer.status_code, answer.get_json()["code"]) == (409, "wrong_seat")
    assert answer.get_json()["params"] == {"seat": "2"}
    assert incidents_of(scene) == ["WRONG_SEAT_SIGN_IN"]
    assert scene.attempt("2").state == "assigned"


def test_signing_in_twice(agent: TestAgent) -> None:
    agent.sign_in()
    assert agent.sign_in().get_json()["code"] == "already_signed_in"


def test_not_me_calls_the_invigilator(agent: TestAgent, scene: Scene) -> None:
    agent.sign_in()
    scene.write(_admit(), scene.invigilator, scene.attempts["1"])
    denied = decode(p.SeatState, agent.post(Route.CONFIRM, p.ConfirmRequest(False)).get_json())
    assert denied.step is Step.IDENTIFIED
    assert incidents_of(scene) == ["IDENTITY_DENIED"]


def test_steps_cannot_be_skipped(agent: TestAgent) -> None:
    assert agent.post(Route.CONFIRM, p.ConfirmRequest(True)).get_json()["code"] == "act_not_possible"
    assert agent.post(Route.ACCEPT, p.AcceptRequest("1", True)).status_code == 409
    assert agent.open_journal().get_json()["code"] == "journal_not_now"


def test_malformed_messages_are_named(agent: TestAgent) -> None:
    answer = agent.client.post(Route.SIGN_IN, json={"ticket": 5}, headers=agent._headers())
    assert (answer.status_code, answer.get_json()["params"]["fault"]) == (400, "ticket")
    answer = agent.client.post(Route.ANSWERS, data=b"{", headers=agent._headers())
    assert answer.status_code == 400


# --- answers -----------------------------------------------------------------------------------------


@pytest.fixture
def writing(agent: TestAgent, scene: Scene, machine: Machine) -> TestAgent:
    """Seat 1 with an open paper and journal."""
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.state()
    agent.open_journal()
    return agent


@pytest.mark.both_stores
def test_resend_and_out_of_order(writing: TestAgent, host: Host) -> None:
    for number in range(1, 5):
        writing.answer(number)
    records = writing.records
    assert writing.sent(*records[3:]).upto == {"1": 0}
    assert writing.sent(*records[:3]).upto == {"1": 5}
    assert writing.sent().upto == {"1": 5}
    assert len(host.answers.events(writing.attempt)) == 5


def test_other_seats_attempt_is_refused(writing: TestAgent, app: Flask, scene: Scene, host: Host) -> None:
    other = TestAgent(app, scene, "2")
    other.enter()
    writing.answer(1)
    answer = other.send(*writing.records)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "journal_not_yours")
    assert host.answers.events(writing.attempt) == []
    stolen = other.open_journal(scene.attempts["1"])
    assert (stolen.status_code, stolen.get_json()["code"]) == (403, "attempt_not_here")


@pytest.mark.both_stores
def test_a_wrong_hash_is_kept_aside(writing: TestAgent, scene: Scene, host: Host) -> None:
    writing.answer(1)
    bad = replace(writing.answer(2), item="item-3")
    reply = writing.sent(*writing.records[:2], bad)
    assert (reply.upto, reply.refused) == ({"1": 3}, (p.RefusedRecord(1, 3, "bad_hash"),))
    assert [aside.reason for aside in host.answers.aside(writing.attempt)] == ["bad_hash"]
    assert incidents_of(scene) == ["CHAIN_ERROR"]


def test_unknown_item_and_closed_body(writing: TestAgent, host: Host) -> None:
    writing.write(RecordKind.ANSWER, "item-99", ("A",))
    writing.key = b"0" * 32
    writing.answer(2)
    reply = writing.sent()
    assert [refused.code for refused in reply.refused] == ["unknown_item", "bad_body"]
    assert reply.upto == {"1": 3}


@pytest.mark.both_stores
def test_a_fork_is_an_incident_and_both_are_kept(writing: TestAgent, scene: Scene, host: Host) -> None:
    writing.answer(1)
    writing.sent()
    writing.records.pop()
    writing.answer(1, "D")
    reply = writing.sent(writing.records[-1])
    assert reply.refused == (p.RefusedRecord(1, 2, "fork"),)
    assert incidents_of(scene) == ["CHAIN_FORK"]
    assert len(host.answers.aside(writing.attempt)) == 1


def test_a_journal_that_does_not_continue_its_parent(writing: TestAgent, scene: Scene) -> None:
    record = replace(writing.records[0], prev="a" * 64)
    writing.sent(replace(record, hash=record_digest(record)))
    assert incidents_of(scene) == ["CHAIN_ERROR"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"seq": 0}, "record_malformed"),
        ({"journal": 2**31}, "record_malformed"),
        ({"boot_ns": -1}, "record_malformed"),
        ({"item": "x" * 65}, "record_malformed"),
        ({"body": "a\x00b"}, "message_malformed"),
    ],
)
def test_records_beyond_all_bounds(writing: TestAgent, change: dict[str, object], code: str) -> None:
    answer = writing.send(replace(writing.records[0], **change))
    assert (answer.status_code, answer.get_json()["code"]) == (400, code)


def test_empty_and_oversized_batches(writing: TestAgent) -> None:
    assert writing.post(Route.ANSWERS, p.AnswersRequest(())).status_code == 400
    answer = writing.send(*writing.records * 201)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_many_records")


@pytest.mark.both_stores
def test_submit_waits_for_what_is_missing(writing: TestAgent, machine: Machine, scene: Scene) -> None:
    machine.advance(minutes=40)
    missing = writing.answer(1)
    submit = writing.write(RecordKind.SUBMIT)
    writing.sent(writing.records[0], submit)
    assert writing.state().step is Step.ANSWERING
    writing.sent(missing, submit)
    assert writing.state().step is Step.SUBMITTED


def test_the_whole_chain_is_checked_before_a_submission_is_confirmed(
    writing: TestAgent, machine: Machine, scene: Scene
) -> None:
    machine.advance(minutes=40)
    writing.answer(1)
    broken = replace(writing.answer(2), prev="b" * 64)
    broken = replace(broken, hash=record_digest(broken))
    writing.records[-1] = broken
    submit = writing.write(RecordKind.SUBMIT)
    writing.sent(broken, submit)  # its predecessor is not here yet: nothing to compare with
    assert incidents_of(scene) == []
    writing.sent(*writing.records[:2], submit)
    assert incidents_of(scene) == ["CHAIN_ERROR"]
    assert writing.state().step is Step.SUBMITTED


def test_submit_before_it_is_allowed(writing: TestAgent, machine: Machine) -> None:
    machine.advance(minutes=29, seconds=59)
    early = writing.write(RecordKind.SUBMIT)
    assert [refused.code for refused in writing.sent().refused] == ["submit_too_early"]
    assert writing.state().step is Step.ANSWERING
    machine.advance(seconds=1)
    assert writing.sent(early).refused != ()  # it came too early once and for all
    writing.write(RecordKind.SUBMIT)
    assert writing.sent().refused == ()
    assert writing.state().step is Step.SUBMITTED


@pytest.mark.both_stores
def test_another_machine_resumes_with_all_answers(writing: TestAgent, app: Flask, scene: Scene) -> None:
    writing.answer(1)
    writing.sent()
    key = writing.key
    again = TestAgent(app, scene, "1")
    again.open_session()
    answer = again.open_journal()
    granted = decode(p.JournalReply, answer.get_json())
    assert (granted.journal, granted.parent, again.key) == (2, writing.records[-1].hash, key)
    assert list(granted.records) == writing.records
    again.answer(2)
    assert again.sent().upto == {"2": 2}


def test_acknowledged_answers_survive_a_restart(writing: TestAgent, host: Host) -> None:
    writing.answer(1)
    writing.sent()
    assert writing.sent().upto == {"1": 2}
    assert [stored.record for stored in host.answers.events(writing.attempt)] == writing.records


# --- heartbeat ---------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_heartbeat_tells_waiting_and_clock(writing: TestAgent, host: Host, scene: Scene) -> None:
    reply = writing.beat(waiting=3)
    assert reply.state_version == writing.version
    seen = host.presence.of(scene.workstations["1"])
    assert (seen.linked, seen.waiting, seen.journal) == (True, 3, 1)


def test_a_failing_journal_is_an_alert_until_it_works(writing: TestAgent, scene: Scene) -> None:
    writing.beat(journal_fault="disk_full")
    assert incidents_of(scene) == ["JOURNAL_FAILED"]
    writing.beat(journal_fault="")
    assert incidents_of(scene) == []


def test_a_journal_that_failed_before_the_sitting_is_an_alert_in_it(
    agent: TestAgent, scene: Scene, host: Host
) -> None:
    agent.open_session()
    host.presence.report(scene.workstations["1"], journal_fault="read_only")  # said when no room was set up
    agent.beat(journal_fault="read_only")
    assert incidents_of(scene) == ["JOURNAL_FAILED"]
    agent.beat(journal_fault="read_only")
    agent.beat(journal_fault="")
    assert incidents_of(scene) == []


def incidents_of(scene: Scene) -> list[str]:
    """The kinds of the open incidents."""
    from server.services.incidents import open_incidents

    with scene.host.db.read() as session:
        return [row.kind for row in open_incidents(session, scene.room_sitting)]


def test_the_documentation_names_every_step_and_channel() -> None:
    from pathlib import Path

    text = (Path(__file__).parents[2] / "docs" / "protocol.md").read_text(encoding="utf-8")
    for word in (*map(str, Step), p.NAMESPACE_SEAT, p.NAMESPACE_MONITOR, p.VERSION_HEADER):
        assert f"`{word}" in text, word
    assert f"Version {p.VERSION}." in text
