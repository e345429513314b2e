"""When everything kept is forgotten at once, seats are looked up together: not one by one, not each by many."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from exam_rooms.protocol import SeatState, Step
from server.access import Actor
from server.bus.bus import Bus, Worker
from server.db.sittings import JournalGrant
from server.events import Events, RoomChanged
from server.host import Host
from server.live.together import Together, line_of
from server.services import delivery as services_delivery
from server.services.answers import AnswerDesk
from server.services.delivery import delivery_of
from server.services.seat_state import SeatView
from server.services.shared_look import SharedLook
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.several_kit import Ether

SEATS = ("1", "2", "3")


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> dict[str, TestAgent]:
    """Everybody works."""
    found = seated(app, scene, SEATS)
    machine.advance(minutes=10)
    scene.start()
    for agent in found.values():
        agent.state()
        agent.open_journal()
        agent.sent()
    return found


@contextmanager
def counted(host: Host) -> Iterator[list[str]]:
    """The statements to the main store."""
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    event.listen(host.db.engine, "before_cursor_execute", note)
    yield said
    event.remove(host.db.engine, "before_cursor_execute", note)


def selects(said: list[str]) -> int:
    return sum(statement.startswith("SELECT") for statement in said)


def asked_of(host: Host, agents: list[TestAgent]) -> int:
    """How often the store is looked at for a beat and an answer of each of them."""
    with counted(host) as said:
        for agent in agents:
            agent.beat()
            agent.answer(1)
            agent.sent()
    return selects(said)


@pytest.mark.parametrize("how", ["all", "room"])
def test_the_second_seat_after_everything_was_forgotten_costs_no_look(
    agents: dict[str, TestAgent], host: Host, scene: Scene, how: str
) -> None:
    first, *others = agents.values()
    asked_of(host, [first, *others])
    if how == "all":
        delivery_of(host).forget_all()
    else:
        host.events.publish([RoomChanged(scene.room_sitting)])
    assert asked_of(host, [first]) > 0
    assert asked_of(host, others) == 0


@pytest.mark.both_stores
def test_a_process_that_meets_a_room_looks_once_for_all_who_save(
    agents: dict[str, TestAgent], host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a start, or when seats whose lines were cut come to another process."""
    fresh = AnswerDesk(host.db, host.answers, host.vault, host.events)
    monkeypatch.setattr(delivery_of(host), "desk", fresh)
    first, *others = agents.values()
    for agent in agents.values():
        agent.answer(1)
    with counted(host) as said:
        first.sent()
    assert selects(said) > 0
    with counted(host) as said:
        for agent in others:
            assert agent.sent().refused == ()
    assert selects(said) == 0


class Queue:
    """A lock that knows how many have come to it."""

    def __init__(self, wanted: int) -> None:
        self._lock, self._wanted, self._come = threading.RLock(), wanted, 0
        self.all_there = threading.Event()

    def __enter__(self) -> None:
        self._come += 1
        if self._come == self._wanted:
            self.all_there.set()
        self._lock.acquire()

    def __exit__(self, *_fault: object) -> None:
        self._lock.release()


def test_looks_that_are_outdated_before_they_end_still_serve_whoever_waited(
    agents: dict[str, TestAgent], host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow server forgets everything once a second, and each look takes longer than that."""
    delivery, now = delivery_of(host), host.now()
    found = [delivery.door.admit(agent.token, now) for agent in agents.values()]
    look, queue, looks = delivery._look[found[0].room], Queue(len(found)), []
    monkeypatch.setattr(look, "_looking", queue)
    build_all = services_delivery.build_all

    def outdated(*facts: Any, **named: Any) -> dict[int, SeatView]:
        views = build_all(*facts, **named)
        assert queue.all_there.wait(30)
        delivery.forget_all()
        looks.append(len(views))
        return views

    monkeypatch.setattr(services_delivery, "build_all", outdated)
    delivery.forget_all()
    seen: list[SeatState] = []
    threads = [
        threading.Thread(target=lambda agent=agent: seen.append(delivery.kept(agent, now).state))
        for agent in found
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == len(found) and all(state.step is Step.ANSWERING for state in seen)
    assert len(looks) == 2  # the first, and one for all who came during it
    assert delivery.views.get(found[0]) is None


def test_what_was_looked_up_before_somebody_came_is_no_answer_to_them() -> None:
    look, kept, store = SharedLook[str, int](), dict[str, int](), {"a": 1}
    assert look.find("a", lambda: kept.get("a"), lambda: dict(store)) == 1
    store["a"] = 2
    assert look.find("a", lambda: kept.get("a"), lambda: dict(store)) == 2
    with pytest.raises(KeyError):
        look.find("b", lambda: kept.get("b"), lambda: dict(store))


def test_many_at_once_look_once(agents: dict[str, TestAgent], host: Host) -> None:
    """Whoever comes while somebody looks waits and finds it."""
    delivery = delivery_of(host)
    tokens, now = [agent.token for agent in agents.values()], host.now()
    delivery.forget_all()
    ready = threading.Barrier(len(tokens))

    def come(token: str) -> None:
        ready.wait()
        delivery.door.admit(token, now)

    with counted(host) as said:
        threads = [threading.Thread(target=come, args=(token,)) for token in tokens]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert selects(said) == 3  # the workstation, its seat, and the others of the room


def test_what_is_looked_up_together_is_what_is_looked_up_alone(
    agents: dict[str, TestAgent], host: Host
) -> None:
    delivery = delivery_of(host)
    desk, attempts = delivery.desk, [agent.attempt for agent in agents.values()]
    alone = [(desk.parents(attempt), desk.machines(attempt)) for attempt in attempts]
    delivery.forget_all()
    agents["1"].answer(1)
    agents["1"].sent()
    assert [(desk.parents(attempt), desk.machines(attempt)) for attempt in attempts] == alone
    for number, agent in enumerate(agents.values()):
        agent.answer(1 + number)
        assert agent.sent().refused == ()


def test_a_version_that_no_look_can_find_is_sought_once(agents: dict[str, TestAgent], host: Host) -> None:
    """As after a takeover by a standby that lacks the last changes: seats know more than the store."""
    agent = agents["1"]
    agent.beat(state_version=agent.version + 5)
    with counted(host) as said:
        agent.beat(state_version=agent.version + 5)
    assert selects(said) == 0
    with counted(host) as said:
        agent.beat(state_version=agent.version + 6)
    assert selects(said) > 0


# What another process says of itself


class Other:
    """Another process of this installation, by its words."""

    def __init__(self, host: Host, about: dict[str, object]) -> None:
        self.ether = Ether()
        self.bus = Bus(Worker("other", "elsewhere"), host.bus._sealer, now=lambda: 0.0)
        self.bus.about = lambda: about
        self.bus.join(self.ether, Events())
        self.ether.listeners.append(host.bus.receive)

    def beat(self) -> None:
        self.bus.beat()


@pytest.mark.parametrize(("behind", "fenced"), [(0, True), (1, False)])
def test_a_process_of_the_reign_before_does_not_stop_this_one(host: Host, behind: int, fenced: bool) -> None:
    Together(host)
    Other(host, {"fenced": True, "epoch": host.epoch.number - behind}).beat()
    assert host.epoch.fenced is fenced


def test_reigns_do_not_share_a_line(host: Host) -> None:
    line = line_of(host)
    host.epoch.number += 1
    assert line_of(host) != line


@pytest.mark.parametrize("fresh", [False, True])
def test_a_beat_from_before_this_process_began_does_not_set_its_clock(
    host: Host, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    together = Together(host)
    settled: list[float] = []
    monkeypatch.setattr(together, "_settle", settled.append)
    host.clock.proven = False
    hears = [host.bus.worker.id] if fresh else ["one of yesterday"]
    Other(host, {"proven": True, "hears": hears}).beat()
    assert len(settled) == fresh


def test_a_journal_granted_by_another_process_is_known_here(agents: dict[str, TestAgent], host: Host) -> None:
    """An old workstation comes back with records while the candidate works at a new one."""
    delivery, agent = delivery_of(host), agents["1"]
    assert len(delivery.desk.parents(agent.attempt)) == 1
    Together(host)
    other = Other(host, {})
    host.db.write(granted_elsewhere, agent.attempt, host.now())
    other.bus.send("journal", agent.attempt)
    other.bus.flush()
    assert len(delivery.desk.parents(agent.attempt)) == 2


def granted_elsewhere(session: Session, attempt: int, now: datetime) -> None:
    session.add(JournalGrant(attempt_id=attempt, journal=99, workstation_id=1, parent="", opened_at=now))
