"""Seats in threads and a third process that listens: what tests of several workers and machines share."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import select

from server.access import SYSTEM, Actor, Role
from server.bus.redis_channel import RedisChannel, connect
from server.cli.rehearse.staff import Address
from server.db.answers import AnswerStore
from server.db.sittings import Incident, LinkGapRow
from server.host import Host
from server.live.together import line_of
from server.services import passwords, staff
from tests.server.agent_kit import TestAgent
from tests.server.delivery_kit import Scene

SEATS = ("1", "2", "3")
PASSWORD = "correct horse battery"


@dataclass
class Answer:
    """What the tests' agents look at of an answer."""

    status_code: int
    text: str

    def get_json(self) -> object:
        return json.loads(self.text)


PROXY_ALONE = (502, 504)
"""A proxy speaks for a machine that is gone: agents send again."""


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
                told = Answer(answer.status, answer.read().decode())
                if told.status_code not in PROXY_ALONE:
                    return told
                raise OSError(told.status_code)
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
    """Adds people, all with `PASSWORD`."""
    hashed = passwords.hash_password(PASSWORD)

    def add(role: str) -> Actor:
        name = f"{role}{time.monotonic_ns()}"
        new = staff.NewPerson(name[:32], role, hashed, frozenset({Role(role)}))
        return Actor(host.db.write(staff.add_person, SYSTEM, new, now=host.now()), role, new.roles)

    return add


class Room:
    """Seats that answer one question after another and say that they are there."""

    def __init__(self, address: Address, scene: Scene) -> None:
        self.scene = scene
        self.agents = [TestAgent(_NoApp(address), scene, seat) for seat in SEATS]  # type: ignore[arg-type]
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

    @contextmanager
    def staying(self) -> Iterator[None]:
        """They say that they are there while something else is waited for: a start may take longer than the
        silence after which people are alarmed.
        """
        over = threading.Event()

        def stay() -> None:
            while not over.wait(1.0):
                for agent in self.agents:
                    agent.beat()

        with ThreadPoolExecutor(1) as pool:
            told = pool.submit(stay)
            try:
                yield
            finally:
                over.set()
        told.result()

    def until(self, true: Callable[[], bool], seconds: float) -> bool:
        """`eventually`, while the seats stay."""
        with self.staying():
            return eventually(true, seconds)


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


def nothing_lost(host: Host, room: Room) -> None:
    """What the seats wrote is what the store has, and nobody was alarmed."""
    with host.db.read() as session:
        assert list(session.scalars(select(Incident.kind))) == []
        assert [row.back_at for row in session.scalars(select(LinkGapRow)) if row.back_at is None] == []
    store = AnswerStore(host.settings.answers_url)
    for agent in room.agents:
        kept = [stored.record for stored in store.events(agent.attempt)]
        assert [record.hash for record in kept] == [record.hash for record in agent.records]
    store.close()
