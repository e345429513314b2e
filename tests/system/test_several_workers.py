"""Two real workers on PostgreSQL and Redis: one is killed, then Redis is away, and no seat is lost by it."""

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from server.access import SYSTEM, Actor, Role
from server.bus.redis_channel import RedisChannel, connect
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.staff import Address
from server.db.answers import AnswerStore
from server.db.sittings import Incident, LinkGapRow
from server.host import Host
from server.live.together import line_of
from server.services import staff
from tests.server import delivery_kit
from tests.server.agent_kit import TestAgent
from tests.server.delivery_kit import Scene, make_scene

pytestmark = pytest.mark.system
SEATS = ("1", "2", "3")


@dataclass
class Answer:
    """What the tests' agents look at of an answer."""

    status_code: int
    text: str

    def get_json(self) -> object:
        return json.loads(self.text)


class Lane:
    """A seat's connection; every third request comes over a new one, so both workers hear the seat."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.connection = address.connect()
        self.requests = 0

    def post(self, route: str, *, json: object = None, headers: dict[str, str] | None = None) -> Answer:
        return self._asked("POST", route, json, headers or {})

    def get(self, route: str, *, headers: dict[str, str] | None = None) -> Answer:
        return self._asked("GET", route, None, headers or {})

    def _asked(self, method: str, route: str, body: object, headers: dict[str, str]) -> Answer:
        text = json.dumps(body) if body is not None else None
        end = time.monotonic() + 8
        while True:
            self.requests += 1
            if self.requests % 3 == 0:
                self.connection.close()
            try:
                self.connection.request(method, route, text, {**headers, "Content-Type": "application/json"})
                answer = self.connection.getresponse()
                return Answer(answer.status, answer.read().decode())
            except (OSError, http.client.HTTPException):
                self.connection.close()
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)


@contextmanager
def joined(host: Host, url: str) -> Iterator[None]:
    """The test's own host is a third process: what it does is told, and it hears what is told."""
    channel = RedisChannel(connect(url), line_of(host))
    host.bus.join(channel, host.events)
    over = threading.Event()

    def tell() -> None:
        beats = 0
        while not over.wait(0.05):
            beats += 1
            host.bus.flush()
            if beats % 20 == 0:
                host.bus.beat()

    threads = [
        threading.Thread(target=channel.listen, args=(host.bus.receive,)),
        threading.Thread(target=tell),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        channel.close()
        for thread in threads:
            thread.join()


def people(host: Host) -> Callable[..., Actor]:
    def add(role: str) -> Actor:
        name = f"{role}{time.monotonic_ns()}"
        new = staff.NewPerson(name[:32], role, "-", frozenset({Role(role)}))
        return Actor(host.db.write(staff.add_person, SYSTEM, new, now=host.now()), role, new.roles)

    return add


class Room:
    """Seats that answer one question after another and say that they are there."""

    def __init__(self, hall: Hall, scene: Scene) -> None:
        self.hall, self.scene = hall, scene
        self.agents = [TestAgent(_NoApp(hall.address), scene, seat) for seat in SEATS]  # type: ignore[arg-type]
        self.longest = 0.0

    def begin(self) -> None:
        for agent in self.agents:
            agent.enter()
        self.scene.start()
        eventually(lambda: all(agent.state().deadline is not None for agent in self.agents), 3)
        for agent in self.agents:
            agent.open_journal()

    def go_on(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for agent in self.agents:
                began = time.monotonic()
                agent.answer(len(agent.records) % 5 + 1)
                agent.sent(*agent.records[-3:])
                agent.beat()
                self.longest = max(self.longest, time.monotonic() - began)
            time.sleep(0.5)


class _NoApp:
    def __init__(self, address: Address) -> None:
        self.address = address

    def test_client(self) -> Lane:
        return Lane(self.address)


def eventually(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def workers_of(hall: Hall) -> list[int]:
    assert hall.server is not None
    master = hall.server.child.pid
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def test_a_killed_worker_and_an_absent_redis_lose_nothing_and_alarm_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery_kit, "OPENS_BEFORE", timedelta(seconds=1))
    with private_hall(tls=False, store="postgres", workers=2) as hall:
        host = hall.host
        scene = make_scene(host, people(host))
        hall.serve()
        with joined(host, hall.variables["EXAMHALL_REDIS"]):
            assert eventually(lambda: len(host.bus.peers) == 2, 30)
            room = Room(hall, scene)
            room.begin()
            room.go_on(1.5)
            told = [peer.about for peer in host.bus.peers.values()]
            assert [about["linked"] for about in told] == [len(SEATS)] * 2  # either knows the seats of both
            assert sorted(about["leads"] for about in told) == [False, True]

            before = set(workers_of(hall))
            dead = before.pop()
            os.kill(dead, signal.SIGKILL)
            room.go_on(2.5)
            assert eventually(lambda: len(set(workers_of(hall)) - {dead}) == 2, 5)
            hall.kill("redis")
            room.go_on(6)
            hall.start("redis")
            room.go_on(3)
            assert eventually(lambda: not host.bus.away and len(host.bus.peers) == 2, 20)
            assert sum(peer.about["leads"] for peer in host.bus.peers.values()) == 1
        with host.db.read() as session:
            assert session.scalar(select(func.count()).select_from(Incident)) == 0
            assert [row.back_at for row in session.scalars(select(LinkGapRow)) if row.back_at is None] == []
        store = AnswerStore(host.settings.answers_url)
        for agent in room.agents:
            kept = [stored.record for stored in store.events(agent.attempt)]
            assert [record.hash for record in kept] == [record.hash for record in agent.records]
        store.close()
        assert room.longest < 8
