"""Short silences of a busy server, and records that were held back before a silence."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import select

from exam_rooms.clock import Counted, Late, NotCounted
from exam_rooms.incidents import IncidentKind
from exam_rooms.protocol import Record, StatusReply
from server.access import Actor
from server.db.sittings import Attempt, LinkGapRow
from server.host import Host
from server.live.watch import Watch
from server.services import rescue
from server.services.agents import find_agent
from server.services.counting import Judge
from server.services.delivery import delivery_of
from server.services.rescue import Errand
from server.services.roomstate import load
from tests.server.agent_kit import seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.rescue_kit import device_of, rescue_file
from tests.server.silence_kit import incidents


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


class Late89:
    """Seat 1 in its last minutes, of a server that tells everybody this hint."""

    def __init__(self, app: Flask, scene: Scene, machine: Machine) -> None:
        self.scene, self.machine = scene, machine
        self.agent = seated(app, scene, "1")["1"]
        machine.advance(minutes=10)
        scene.start()
        ends = self.agent.state().deadline
        assert ends is not None
        self.ends: datetime = ends
        self.agent.open_journal()
        self.agent.sent()
        self.agent.beat()
        self._watch = Watch(scene.host)

    def reach(self, seconds: float) -> StatusReply:
        """A seat that was always there says a last word so many seconds after the deadline."""
        self.machine.advance(seconds=(self.ends - self.machine.wall).total_seconds() + seconds)
        host = self.scene.host
        with host.db.read() as session:
            agent = find_agent(session, self.scene.workstations["1"])[0]
        delivery_of(host).links.forget(agent)
        return self.agent.beat()

    def go(self, seconds: float) -> None:
        """To so many seconds after the deadline (before: less than 0), with a look each second."""
        left = (self.ends - self.machine.wall).total_seconds() + seconds
        whole = min(int(left), 40)
        for _ in range(whole):
            self.machine.advance(seconds=1)
            self._watch.tick()
        self.machine.advance(seconds=left - whole)
        self._watch.tick()

    def faults(self, records: Iterable[Record]) -> list[Late | None]:
        """Why each of these does not count, None for those that do."""
        wanted = {record.seq for record in records}
        with self.scene.host.db.read() as session:
            attempt = session.get_one(Attempt, self.agent.attempt)
            judge = Judge(session, load(session, attempt.room_sitting_id), attempt)
            events = self.scene.host.answers.events(attempt.id)
            verdicts = [judge.verdict(one) for one in events if one.record.seq in wanted]
        assert len(verdicts) == len(wanted)
        assert all(isinstance(one, Counted | NotCounted) for one in verdicts)
        return [one.reason if isinstance(one, NotCounted) else None for one in verdicts]

    def gaps(self) -> list[tuple[float, float | None]]:
        """From when to when, in seconds after the deadline."""

        def after(moment: datetime) -> float:
            return round((moment - self.ends).total_seconds(), 1)

        with self.scene.host.db.read() as session:
            rows = session.scalars(select(LinkGapRow).order_by(LinkGapRow.lost_at)).all()
            return [(after(row.lost_at), after(row.back_at) if row.back_at else None) for row in rows]


@pytest.fixture
def late(app: Flask, scene: Scene, machine: Machine) -> Late89:
    return Late89(app, scene, machine)


def busy(host: Host) -> None:
    """From now on everybody is told the highest hint."""
    for _ in range(1000):
        host.lag.note(1.0)


@pytest.mark.dear
@pytest.mark.parametrize("hint", [0, 10])
@pytest.mark.parametrize("back", [15, 60])
def test_a_short_outage_excuses_late_records_whatever_the_hint(
    late: Late89, host: Host, hint: int, back: int
) -> None:
    if hint:
        busy(host)
    assert late.reach(-25).hint == hint
    late.go(-15)
    written = [late.agent.answer(2), late.agent.answer(3)]
    late.go(0.5)
    written.append(late.agent.answer(4))
    late.go(back)
    assert (incidents(host) == []) is (hint == 10)  # nobody is told of a silence that was asked for
    late.agent.sent()
    assert late.faults(written) == [None, None, Late.WRITTEN_LATE]
    assert late.gaps() == [(-25.0, float(back))]
    late.agent.sent()  # a resend puts nothing more on record
    late.go(back + 3)
    late.agent.beat(waiting=0)
    assert late.gaps()[0] == (-25.0, float(back)) and len(late.gaps()) == 1


def test_an_outage_barely_longer_than_the_grace_excuses_as_well(late: Late89) -> None:
    late.reach(-1)
    written = late.agent.answer(2)
    late.go(5.5)
    late.agent.sent()
    assert late.faults([written]) == [None]


@pytest.mark.parametrize("hint", [0, 10])
def test_a_machine_that_fell_silent_just_before_the_deadline_is_excused_by_its_rescue_file(
    late: Late89, host: Host, hint: int
) -> None:
    """The silence is noticed when the clock has closed the attempt already."""
    if hint:
        busy(host)
    late.reach(-4)
    written = late.agent.answer(2)
    late.go(200)
    data = rescue_file(host, device_of(late.agent), [(late.agent, list(late.agent.records))])
    rescue.bring(host, data, Errand(late.scene.chief), now=host.now(), boot_ns=1)
    assert late.faults([written]) == [None]
    assert late.gaps() == [(-4.0, None)]


@pytest.mark.dear
def test_silences_that_were_asked_for_leave_no_trace_when_everything_came_in_time(
    late: Late89, host: Host
) -> None:
    busy(host)
    late.reach(-130)
    for second in (-100, -68, -36, -4):
        late.go(second)
        late.agent.answer(2)
        late.agent.sent()
        late.agent.beat()
    late.go(28)
    late.agent.beat(waiting=0)
    assert late.gaps() == [] and incidents(host) == []


def test_a_silence_that_began_after_the_deadline_excuses_nothing(late: Late89, host: Host) -> None:
    busy(host)
    late.reach(-10)
    written = late.agent.answer(2)
    for second in (-6, -2, 2):
        late.go(second)
        late.agent.beat(waiting=1)  # the line is there, the record is not sent
    late.go(30)
    late.agent.sent()
    assert late.faults([written]) == [Late.NO_GAP]


@pytest.mark.parametrize("word", ["notice", "answers refused", "state"])
def test_a_record_that_was_held_back_is_excused_by_the_outage_that_followed(late: Late89, word: str) -> None:
    late.reach(-120)
    written = late.agent.answer(2)  # held back: the server is busy, or does not take it
    late.go(-118)
    if word == "notice":
        late.agent.beat(waiting=1)
    elif word == "state":
        late.agent.state()
    else:
        broken = replace(written, attempt=late.agent.attempt + 99)
        assert late.agent.send(broken).status_code >= 400
    late.go(-117)
    after = late.agent.answer(3)
    late.go(400)
    late.agent.sent()
    assert late.faults([written, after]) == [None, None]
    assert late.gaps()[0][0] == -118.0  # on record is when it was heard for the last time


def test_what_came_before_an_all_clear_is_not_excused(late: Late89) -> None:
    late.reach(-120)
    early = late.agent.answer(2)
    late.go(-118)
    late.agent.beat(waiting=0)  # it says that nothing waits
    late.go(-116)
    late.agent.beat(waiting=1)
    late.go(400)
    late.agent.sent()
    assert late.faults([early]) == [Late.OUTSIDE_GAP]


def test_acknowledging_all_that_a_heartbeat_told_of_is_an_all_clear(late: Late89, machine: Machine) -> None:
    late.reach(-120)
    late.agent.answer(2)
    late.go(-114)
    late.agent.beat(waiting=3)  # one of this journal, two of an old pairing that stay for ever
    told_at = machine.wall
    machine.advance(seconds=1)
    late.agent.sent()
    machine.advance(seconds=1)
    late.go(400)
    with late.scene.host.db.read() as session:
        assert session.scalars(select(LinkGapRow.clear_at)).one() == told_at


def test_a_record_written_while_the_last_heartbeat_was_on_its_way_is_excused(
    late: Late89, machine: Machine
) -> None:
    late.reach(-122)
    machine.advance(seconds=2)
    left_ns = late.scene.host.clock._look().boot_ns
    machine.advance(seconds=1)
    written = late.agent.answer(2)
    machine.advance(seconds=2)
    late.agent.beat(waiting=0, boot_ns=left_ns)  # three seconds on its way
    late.go(400)
    late.agent.sent()
    assert late.faults([written]) == [None]


def test_a_seat_is_not_lost_when_the_load_recedes_between_two_heartbeats(
    late: Late89, host: Host, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = [0.3]
    monkeypatch.setattr(type(host.lag), "wait", lambda lag: waits[0])
    assert late.reach(-600).hint == 10
    machine.advance(seconds=5)
    waits[0] = 0.0
    late.agent.answer(1)
    assert late.agent.sent().hint == 0  # the next heartbeat was planned 33 seconds ahead
    watch = Watch(host)
    for _ in range(26):
        machine.advance(seconds=1)
        watch.tick()
    assert incidents(host) == [] and late.gaps() == []
    late.agent.beat()
    for _ in range(11):
        machine.advance(seconds=1)
        watch.tick()
    assert incidents(host) == [(late.scene.room_sitting, str(IncidentKind.LINK_LOST))]
