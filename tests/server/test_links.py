"""Silences of seats: they belong to the sitting that the room works on, and outlast a store that is away."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from server.access import Actor
from server.db.sittings import Attempt, Batch, Incident, LinkGapRow
from server.events import Activity, LinkChanged, SeatChanged
from server.host import Host
from server.live.watch import Watch
from server.services import marks
from server.services.agents import Agent, find_agent
from server.services.delivery import delivery_of
from server.services.roomstate import load
from tests.server.agent_kit import TestAgent
from tests.server.command_kit import running_room
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, another_sitting, make_scene
from tests.server.silence_kit import incidents

EARLIER = -5
"""A row's id below those of the scene, as of a sitting that was planned before it."""


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.mark.both_stores
def test_a_room_that_nobody_ended_yesterday_takes_no_silence_of_today(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    another_sitting(scene, -24, "running", row_id=EARLIER)
    agent = TestAgent(app, scene, "1")
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.state()
    agent.open_journal()
    agent.sent()
    machine.advance(minutes=88)
    agent.beat()
    watch = Watch(host)
    machine.advance(seconds=10)
    watch.tick()
    unsent = agent.answer(2)  # written before the deadline while the line is cut
    machine.advance(seconds=3)
    watch.tick()
    machine.advance(minutes=3)
    watch.tick()
    agent.sent(unsent)
    assert incidents(host) == [(scene.room_sitting, str(IncidentKind.LINK_LOST))]
    with host.db.read() as session:
        gap = session.scalars(select(LinkGapRow)).one()
        assert (gap.attempt_id, gap.back_at) == (scene.attempts["1"], machine.wall)
        attempt = session.get_one(Attempt, scene.attempts["1"])
        sheet = marks.sheet(session, host.answers, load(session, scene.room_sitting), attempt)
    assert (sorted(sheet.answers), sheet.uncounted) == (["item-2"], ())


def test_a_silence_before_the_start_is_told_of_todays_sitting(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    another_sitting(scene, 24, row_id=EARLIER)
    agent = TestAgent(app, scene, "1")
    agent.enter()
    agent.beat()
    told: list[SeatChanged] = []
    host.events.subscribe(SeatChanged, told.append)
    links = delivery_of(host).links
    for _ in range(2):
        machine.advance(seconds=10)
        links.check(machine.wall)
    assert {fact.room_sitting for fact in told} == {scene.room_sitting}
    assert incidents(host) == [(scene.room_sitting, str(IncidentKind.LINK_LOST))]
    agent.beat()
    with host.db.read() as session:
        assert session.scalars(select(Incident.state)).one() == "cleared"


@pytest.mark.parametrize(
    ("rules", "told_after"), [({}, 2), ({"holds": [{"kind": "LINK_LOST", "seconds": 4}]}, 4)]
)
def test_a_policy_says_how_long_a_line_is_lost_before_people_are_told(
    app: Flask, scene: Scene, machine: Machine, host: Host, rules: dict[str, object], told_after: int
) -> None:
    def frozen(session: Session) -> None:
        batch = session.scalars(select(Batch)).one()
        batch.policy = batch.policy | {"incidents": rules}

    host.db.write(frozen)
    TestAgent(app, scene, "1").enter()
    links = delivery_of(host).links
    machine.advance(seconds=10)
    links.check(machine.wall)  # the line counts as lost from here
    seen = []
    for _ in range(5):
        machine.advance(seconds=1)
        links.check(machine.wall)
        seen.append(len(incidents(host)))
    assert seen == [0] * (told_after - 1) + [1] * (6 - told_after)


# A store that is away for a moment


class Flaky:
    """Between the lines and the store: what `before` does comes before the first writing of one act."""

    def __init__(self, host: Host, act: str, before: Callable[[], None]) -> None:
        self._write, self._act, self._before = host.db.write, act, before
        self._over = False

    def __call__(self, act: Callable[..., object], *args: object, **kwargs: object) -> object:
        if act.__name__ == self._act and not self._over:
            self._over = True
            self._before()
        return self._write(act, *args, **kwargs)


def away() -> None:
    raise OperationalError("write", None, Exception("the store is away"))


@pytest.fixture
def silent(app: Flask, scene: Scene, machine: Machine) -> TestAgent:
    """Somebody works, and then nothing is heard for ten seconds."""
    agent = TestAgent(app, scene, "1")
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.state()
    agent.open_journal()
    agent.sent()
    agent.beat()
    machine.advance(seconds=10)
    return agent


def silences(host: Host) -> list[tuple[datetime, datetime | None]]:
    with host.db.read() as session:
        return [(row.lost_at, row.back_at) for row in session.scalars(select(LinkGapRow))]


def test_a_return_that_the_store_did_not_take_is_put_on_record_later(
    silent: TestAgent, host: Host, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = Watch(host)
    watch.tick()
    back_at = host.now()
    with monkeypatch.context() as broken, pytest.raises(AssertionError):
        broken.setattr(host.db, "write", Flaky(host, "close_gaps", away))
        silent.beat()
    machine.advance(seconds=2)
    silent.beat()
    watch.tick()
    assert [back for _, back in silences(host)] == [back_at]


def test_a_loss_that_the_store_did_not_take_is_neither_forgotten_nor_told_too_soon(
    silent: TestAgent, host: Host, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, since = Watch(host), host.now() - timedelta(seconds=10)
    with monkeypatch.context() as broken, pytest.raises(ExceptionGroup):
        broken.setattr(host.db, "write", Flaky(host, "open_gaps", away))
        watch.tick()
    machine.advance(seconds=1)
    watch.tick()
    assert silences(host) == [(since, None)]
    assert incidents(host) == []
    machine.advance(seconds=10)
    watch.tick()
    assert len(incidents(host)) == 1


def test_a_word_while_its_loss_is_written_leaves_no_open_silence(
    silent: TestAgent, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL writes both at once: what ends the silence may find nothing to end."""
    links, now = delivery_of(host).links, host.now()
    with host.db.read() as session:
        me = find_agent(session, silent.scene.workstations["1"])[0]
    flaky = Flaky(host, "open_gaps", lambda: links.heard(me, now) and None)
    monkeypatch.setattr(host.db, "write", flaky)
    Watch(host).tick()
    assert [back for _, back in silences(host)] == [now]
    assert host.presence.of(me.workstation).linked


# A dead switch


class Counted:
    """The acts that are written, one by one."""

    def __init__(self, host: Host) -> None:
        self._write, self.acts = host.db.write, list[str]()

    def __call__(self, act: Callable[..., object], *args: object, **kwargs: object) -> object:
        self.acts.append(act.__name__)
        return self._write(act, *args, **kwargs)


@pytest.mark.parametrize(("at_once", "transactions"), [(50, 1), (3, 2)])
def test_seats_that_fall_silent_together_are_written_together(
    app: Flask,
    host: Host,
    person_as: Callable[..., Actor],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    at_once: int,
    transactions: int,
) -> None:
    room = running_room(app, host, person_as, machine, candidates=4)
    monkeypatch.setattr("server.services.links._AT_ONCE", at_once)
    told: list[LinkChanged | Activity] = []
    host.events.subscribe(LinkChanged, told.append)
    host.events.subscribe(Activity, told.append)
    links, counted = delivery_of(host).links, Counted(host)
    monkeypatch.setattr(host.db, "write", counted)
    machine.advance(seconds=10)
    links.check(host.now())
    assert counted.acts == ["open_gaps"] * transactions
    seats = [room.scene.seats[number] for number in "1234"]
    assert [fact.seat for fact in told] == seats
    assert {(lost, back) for lost, back in silences(host)} == {(host.now() - timedelta(seconds=10), None)}
    assert len(silences(host)) == 4
    machine.advance(seconds=2)
    links.check(host.now())
    links.check(host.now())
    assert counted.acts == ["open_gaps"] * transactions + ["tell_silences"] * transactions
    lines = [fact.seat for fact in told if isinstance(fact, Activity)]
    assert lines == seats and len(incidents(host)) == 4


def agents_of(host: Host, scene: Scene) -> list[Agent]:
    with host.db.read() as session:
        return [find_agent(session, scene.workstations[number])[0] for number in "1234"]


def test_a_word_while_the_silences_of_others_are_written_is_no_silence(
    app: Flask,
    host: Host,
    person_as: Callable[..., Actor],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = running_room(app, host, person_as, machine, candidates=4)
    monkeypatch.setattr("server.services.links._AT_ONCE", 3)
    links, last = delivery_of(host).links, agents_of(host, room.scene)[3]
    machine.advance(seconds=10)
    spoken = host.now()
    monkeypatch.setattr(
        host.db, "write", Flaky(host, "open_gaps", lambda: links.heard(last, spoken) and None)
    )
    links.check(spoken)
    assert len(silences(host)) == 3
    assert host.presence.of(last.workstation).linked


def test_one_return_that_the_store_did_not_take_leaves_the_others_no_open_silence(
    app: Flask,
    host: Host,
    person_as: Callable[..., Actor],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All speak while their silences are written."""
    room = running_room(app, host, person_as, machine, candidates=4)
    links, agents = delivery_of(host).links, agents_of(host, room.scene)
    machine.advance(seconds=10)
    spoken = host.now()

    def speak() -> None:
        for agent in agents:
            links.heard(agent, spoken)
        monkeypatch.setattr(host.db, "write", Flaky(host, "close_gaps", away))

    monkeypatch.setattr(host.db, "write", Flaky(host, "open_gaps", speak))
    with pytest.raises(OperationalError):
        links.check(spoken)
    links.check(spoken)
    assert [back for _, back in silences(host)] == [spoken] * 4


def test_a_word_while_its_silence_is_told_leaves_no_open_incident(
    silent: TestAgent, host: Host, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL writes both at once, as above."""
    links = delivery_of(host).links
    with host.db.read() as session:
        me = find_agent(session, silent.scene.workstations["1"])[0]
    links.check(host.now())
    machine.advance(seconds=5)
    spoken = host.now()
    monkeypatch.setattr(
        host.db, "write", Flaky(host, "tell_silences", lambda: links.heard(me, spoken) and None)
    )
    links.check(spoken)
    with host.db.read() as session:
        assert [row.state for row in session.scalars(select(Incident))] == ["cleared"]


def test_a_telling_that_the_store_did_not_take_is_told_at_the_next_look(
    silent: TestAgent, host: Host, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = delivery_of(host).links
    links.check(host.now())
    machine.advance(seconds=5)
    with monkeypatch.context() as broken, pytest.raises(OperationalError):
        broken.setattr(host.db, "write", Flaky(host, "tell_silences", away))
        links.check(host.now())
    assert incidents(host) == []
    links.check(host.now())
    assert len(incidents(host)) == 1
