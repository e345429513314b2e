"""Handing in: what it costs the stores, and that its one look says what the room's own times say."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import Engine, event

from exam_rooms import protocol as p
from exam_rooms.protocol import RecordKind, Route
from exam_rooms.seats import AttemptState
from exam_rooms.wire import canonical, decode
from server.access import Actor
from server.db.commands import PauseRow
from server.db.sittings import Attempt, JournalGrant, Registration, TimeCredit
from server.host import Host
from server.services import audit, handing_in, roomstate
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene

pytestmark = pytest.mark.both_stores
MOST_STATEMENTS = 8
"""The stream; then in one transaction the attempt, what it depends on, two changes, and the audit's three."""


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def writer(app: Flask, machine: Machine, scene: Scene) -> TestAgent:
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    agent.answer(1)
    agent.sent()
    return agent


@contextmanager
def statements() -> Iterator[list[str]]:
    """What the stores are asked meanwhile, begin and commit left out."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_submission_costs_few_statements(writer: TestAgent, machine: Machine, scene: Scene) -> None:
    machine.advance(minutes=31)
    writer.get(Route.STATE)
    writer.write(RecordKind.SUBMIT)
    with statements() as seen:
        assert writer.sent(writer.records[-1]).refused == ()
    assert len(seen) <= MOST_STATEMENTS, seen
    attempt = scene.attempt("1")
    assert (attempt.state, attempt.close_reason) == (AttemptState.SUBMITTED, "submitted")
    assert attempt.collected_at is not None
    assert attempt.receipt is not None and attempt.receipt["answered"] == 1


def test_the_same_submission_again_changes_nothing(
    writer: TestAgent, machine: Machine, scene: Scene, host: Host
) -> None:
    machine.advance(minutes=31)
    writer.write(RecordKind.SUBMIT)
    writer.sent(writer.records[-1])
    before = scene.attempt("1")
    with statements() as seen:
        assert writer.sent(writer.records[-1]).refused == ()
    assert not [one for one in seen if one.startswith(("UPDATE", "INSERT"))]
    after = scene.attempt("1")
    assert (after.version, after.receipt) == (before.version, before.receipt)
    with host.db.read() as session:
        assert audit.verify(session, audit.sitting_stream(scene.room_sitting)).breaks == ()


def test_another_journal_that_is_open_keeps_an_attempt_from_being_collected(
    writer: TestAgent, machine: Machine, scene: Scene, host: Host
) -> None:
    writer.open_journal()
    machine.advance(minutes=31)
    writer.write(RecordKind.SUBMIT)
    assert writer.sent().refused == ()
    assert scene.attempt("1").collected_at is None
    with host.db.read() as session:
        ends = [session.get_one(JournalGrant, (writer.attempt, number)).final_seq for number in (1, 2)]
    assert ends == [None, len([record for record in writer.records if record.journal == 2])]


@pytest.mark.parametrize("what", ["plain", "extra", "credit", "own credit", "pause", "own pause"])
def test_the_one_look_says_the_times_of_the_room(
    what: str, writer: TestAgent, scene: Scene, host: Host
) -> None:
    now = host.now()
    with host.db.read() as session:
        attempt = session.get_one(Attempt, writer.attempt)
        room = attempt.room_sitting_id
        if what == "extra":
            session.get_one(Registration, attempt.registration_id).extra_percent = Decimal(25)
        if what in ("credit", "own credit"):
            own = attempt.id if what == "own credit" else None
            session.add(
                TimeCredit(
                    room_sitting_id=room, attempt_id=own, minutes=Decimal("7.5"), reason="x", granted_at=now
                )
            )
        if what == "own credit":
            attempt.credit_minutes = Decimal("7.5")
        if what in ("pause", "own pause"):
            own = attempt.id if what == "own pause" else None
            ended = now + timedelta(minutes=3)
            session.add(
                PauseRow(room_sitting_id=room, attempt_id=own, since_at=now, until_at=ended, reason="x")
            )
        session.flush()
        session.expire_all()
        whole = roomstate.load(session, room)
        standing = handing_in._standing(session, writer.attempt)
        times = handing_in._times(session, standing, handing_in._about(session, standing, 1))
        assert times.clock == whole.clock
        assert times.policy == whole.policy
        for say in ("deadline", "submit_from", "taken_until", "grace_over", "extra_time", "credit"):
            assert getattr(times, say)(standing) == getattr(whole, say)(attempt), say


def test_a_record_is_linked_by_the_canonical_form_of_its_fields() -> None:
    for text in ("", '题\n"\\', "\x7f\x01/é", "a" * 60):
        record = p.Record(1, 2, 3, RecordKind.ANSWER, text, "b" + text, text, 5, text, "")
        fields = [1, 2, 3, "answer", text, "b" + text, text, 5, text]
        assert record.digest() == hashlib.sha256(canonical(fields)).hexdigest()


def test_who_hands_in_later_finds_the_receipt(writer: TestAgent, machine: Machine) -> None:
    machine.advance(minutes=31)
    writer.write(RecordKind.SUBMIT)
    writer.sent(writer.records[-1])
    made = decode(p.Receipt, writer.get(Route.RECEIPT).get_json())
    assert (made.seq, made.head) == (len(writer.records), writer.records[-1].hash)
