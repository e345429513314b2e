"""A takeover by a server that lacks the last moments: nothing acknowledged is lost, nothing doubled, chains hold."""

import base64
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete

from client.journal import new_record
from client.journal_file import Header
from client.outbox import Outbox
from exam_rooms import protocol as p
from exam_rooms.protocol import EPOCH_HEADER, JournalReply, Record, RecordKind, Route
from exam_rooms.standby_messages import (
    EpochReply,
    HeldJournal,
    ResumedJournal,
    ResumeReply,
    ResumeRequest,
    ServerState,
)
from exam_rooms.wire import decode
from server.access import Actor
from server.db.sittings import JournalGrant
from server.host import Host, open_host
from server.services import attempts, audit, epochs, resuming, stream
from server.services.agents import Agent, find_agent
from server.services.answers import Sender
from server.services.delivery import delivery_of
from server.services.shipping import STORES
from server.web.acts import ACTS
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import MASTER, Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.epoch_kit import later


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


def begin(scene: Scene, machine: Machine) -> None:
    machine.advance(minutes=10)
    scene.start()


def held_by(agent: TestAgent, proof: str) -> HeldJournal:
    return HeldJournal(agent.attempt, agent.journal, len(agent.records), agent.parent, proof)


def opened(agent: TestAgent) -> str:
    """A journal is granted; its proof."""
    answer = agent.open_journal()
    assert answer.status_code == 200, answer.text
    return decode(p.JournalReply, answer.get_json()).proof


def resumed(agent: TestAgent, *held: HeldJournal) -> tuple[ResumedJournal, ...]:
    answer = agent.post(Route.RESUME, ResumeRequest(held))
    assert answer.status_code == 200, answer.text
    return decode(ResumeReply, answer.get_json()).journals


def forget_grant(scene: Scene, attempt: int, journal: int) -> None:
    """As a standby that never heard of it."""
    grant = delete(JournalGrant).where(JournalGrant.attempt_id == attempt, JournalGrant.journal == journal)
    scene.host.db.write(lambda session: session.execute(grant))
    delivery_of(scene.host).desk.forget_room(scene.room_sitting)


@pytest.mark.both_stores
def test_a_grant_that_never_came_here_is_put_back_and_its_records_are_taken(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    agent = seated(app, scene, "1")["1"]
    begin(scene, machine)
    proof = opened(agent)
    forget_grant(scene, agent.attempt, agent.journal)
    assert agent.send(agent.answer(1)).status_code == 403
    assert resumed(agent, held_by(agent, proof)) == (ResumedJournal(agent.attempt, agent.journal, 0),)
    assert agent.sent(*agent.records).upto == {str(agent.journal): 2}
    with scene.host.db.read() as session:
        grant = session.get_one(JournalGrant, (agent.attempt, agent.journal))
        assert (grant.workstation_id, grant.parent) == (scene.workstations["1"], agent.parent)
        acts = audit.acts(session)
    assert "journal_granted_again" in acts and "journal_granted_again" in ACTS
    assert resumed(agent, held_by(agent, proof)) == (ResumedJournal(agent.attempt, agent.journal, 2),)


def test_only_what_the_site_granted_to_this_workstation_is_put_back(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    agents = seated(app, scene, "12")
    begin(scene, machine)
    mine, other = agents["1"], agents["2"]
    proof, of_other = opened(mine), opened(other)
    held = held_by(mine, proof)
    forget_grant(scene, mine.attempt, mine.journal)
    wrong = [
        replace(held, proof=""),
        replace(held, proof="é"),
        replace(held, proof=of_other),
        replace(held, parent="1" * 64),
        replace(held, journal=held.journal + 1),
        replace(held, attempt=other.attempt, journal=7),
        replace(held, attempt=10**6),
        replace(held, journal=2**40),
    ]
    for one in wrong:
        assert resumed(mine, one)[0].code == "journal_unknown", one
    assert resumed(other, held)[0].code == "journal_unknown"  # a stolen proof opens nothing elsewhere
    assert resumed(mine, held_by(other, of_other))[0].code == "journal_not_yours"
    assert resumed(mine, held)[0].code == ""
    assert mine.post(Route.RESUME, ResumeRequest((held,) * 201)).status_code == 413


def test_after_a_takeover_journals_are_numbered_beyond_all_that_may_still_come(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    agent = seated(app, scene, "1")["1"]
    begin(scene, machine)
    first = held_by(agent, opened(agent))
    actor = Actor(None, "console/admin")
    assert scene.write(epochs.take_over, actor, "fire", 1) == 2
    opened(agent)
    assert (first.journal, agent.journal) == (1, 1001)
    opened(agent)
    assert agent.journal == 1002
    assert scene.write(epochs.take_over, actor, "again", 7) == 8


def test_a_server_that_meets_a_higher_epoch_acknowledges_nothing_any_more(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    agent = seated(app, scene, "1")["1"]
    begin(scene, machine)
    opened(agent)
    second = str(later(scene.host))
    seen = agent.client.get(Route.EPOCH, headers={EPOCH_HEADER: "1"})
    assert decode(EpochReply, seen.get_json()) == EpochReply(1, ServerState.ACTIVE)
    assert agent.get(Route.STATE).headers[EPOCH_HEADER] == "1"
    for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {agent.token}"}):
        told = agent.client.post(Route.PRIMARY_GONE, headers=headers | {EPOCH_HEADER: second})
        assert decode(EpochReply, told.get_json()).state is ServerState.ACTIVE, "a stranger ends no server"
        assert agent.client.post(Route.CHALLENGE, headers=headers | {EPOCH_HEADER: second}).status_code == 200
    assert not scene.host.epoch.fenced
    told = agent.client.post(Route.PRIMARY_GONE, headers=agent._headers() | {EPOCH_HEADER: second})
    assert decode(EpochReply, told.get_json()).state is ServerState.FENCED
    for answer in (agent.send(), agent.get(Route.STATE), agent.post(Route.RESUME, ResumeRequest(()))):
        assert (answer.status_code, answer.get_json()["code"]) == (503, "server_fenced")
        assert answer.headers[EPOCH_HEADER] == "1"
    assert scene.host.answers.events(agent.attempt) == []
    assert (scene.host.settings.data / "fenced").read_text() == "2\n"


# --- any moment of shipping, any moment of the takeover -------------------------------------------------


class Seat:
    """A workstation's journals in memory, with the agent's own outbox; it speaks to one host at a time."""

    def __init__(self, agent: Agent, attempt: int) -> None:
        self.agent, self.attempt = agent, attempt
        self.outbox = Outbox()
        self.header: Header | None = None
        self.written: dict[tuple[int, int], Record] = {}
        self.saved: dict[tuple[int, int], str] = {}
        self._head, self._seq, self._ns = "", 0, 0

    def open_journal(self, host: Host) -> None:
        end = stream.tail(host.answers.events(self.attempt))
        wanted = attempts.JournalWanted(self.agent, self.attempt, end)
        opened = host.db.write(attempts.open_journals, [wanted], now=host.now())[0]
        assert isinstance(opened, attempts.JournalOpened)
        grant, proof = opened.grant, resuming.proof_of(host.site.token_key, opened.grant, opened.ticket)
        key = base64.b64encode(host.vault.attempt_key(self.attempt)).decode()
        reply = JournalReply(self.attempt, grant.journal, grant.parent, key, proof=proof)
        assert (self.attempt, grant.journal, 1) not in self.written
        self.header = Header(self.attempt, reply.journal, reply.parent, base64.b64decode(key), 0, "")
        self.outbox.granted(self.attempt, reply.journal, reply.proof)
        self._head, self._seq = reply.parent, 0
        self._write(RecordKind.OPEN, "", ())

    def answer(self, number: int) -> None:
        self._write(RecordKind.ANSWER, f"item-{number % 5 + 1}", ("ABCD"[number % 4],))

    def _write(self, kind: RecordKind, item: str, response: tuple[str, ...]) -> None:
        assert self.header is not None
        self._ns += 1
        record = new_record(
            self.header, self._seq + 1, self._head, (kind, item, response), lambda: ("boot", self._ns)
        )
        self._head, self._seq = record.hash, record.seq
        assert (record.journal, record.seq) not in self.written
        self.written[record.journal, record.seq] = record
        self.outbox.add([record])

    def send(self, host: Host) -> None:
        batch = self.outbox.batch(self.attempt)
        if batch:
            sender = Sender(self.agent.workstation, host.now(), self._ns)
            self.outbox.acknowledge(self.attempt, delivery_of(host).desk.take(batch, sender).reply)
            for record in batch:
                if self.outbox.is_acknowledged(record):
                    self.saved[record.journal, record.seq] = record.hash

    def follow(self, host: Host) -> None:
        """The first words to a server that took over."""
        self.outbox.rewind()
        for told in resuming.resume(host, self.agent, self.outbox.held(200), now=host.now()):
            assert told.code == ""
            self.outbox.resume(told)
        while self.outbox.batch(self.attempt):
            self.send(host)


def copied(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(target)) as there:
        here.backup(there)


@contextmanager
def served(host: Host, stores: dict[str, Path], folder: Path, machine: Machine) -> Iterator[Host]:
    for store, file in STORES.items():
        copied(stores[store], folder / file)
    opened = open_host(replace(host.settings, data=folder), MASTER, look=machine.look)
    try:
        yield opened
    finally:
        opened.close()


steps = st.lists(
    st.sampled_from(["answer", "answer", "send", "journal", "ship main", "ship answers"]), max_size=14
)


@pytest.mark.dear
@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(before=steps, after=steps)
def test_whatever_was_shipped_nothing_acknowledged_is_lost_or_doubled(
    scene: Scene, app: Flask, machine: Machine, tmp_path: Path, before: list[str], after: list[str]
) -> None:
    if not scene.room_row().started_at:
        seated(app, scene, "1")
        begin(scene, machine)
    began = {store: scene.host.settings.data / file for store, file in STORES.items()}
    with scene.host.db.read() as session:
        seat = Seat(find_agent(session, scene.workstations["1"])[0], scene.attempts["1"])
    shipped = {store: tmp_path / f"shipped-{file}" for store, file in STORES.items()}
    for store in STORES:
        copied(began[store], shipped[store])

    def play(host: Host, plan: list[str]) -> None:
        for number, step in enumerate(plan):
            if step == "journal" or seat.header is None:
                seat.open_journal(host)
            if step == "answer":
                seat.answer(number)
            elif step == "send":
                seat.send(host)
            elif step.startswith("ship"):
                store = step.removeprefix("ship ")
                copied(host.settings.data / STORES[store], shipped[store])

    with served(scene.host, began, tmp_path / "primary", machine) as primary:
        play(primary, before)
    with served(scene.host, shipped, tmp_path / "standby", machine) as standby:
        standby.db.write(epochs.take_over, Actor(None, "console/admin"), "kill", 1, now=standby.now())
        seat.follow(standby)
        play(standby, after)
        seat.follow(standby)
        events = standby.answers.events(seat.attempt)
        found = {(one.record.journal, one.record.seq): one.record.hash for one in events}
        assert found == {place: record.hash for place, record in seat.written.items()}
        assert seat.saved.items() <= found.items()
        assert standby.answers.aside(seat.attempt) == []
        assert stream.chain_faults(events, delivery_of(standby).desk.parents(seat.attempt)) == []
        assert seat.outbox.waiting() == 0
