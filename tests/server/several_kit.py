"""Two server processes for the tests: two hosts on one database, joined by a line in memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from flask import Flask

from server.app import build_app
from server.bus.bus import ChannelDown
from server.host import Host, open_host
from server.live.together import Together
from server.live.watch import Watch
from server.settings import Settings
from tests.server.agent_kit import TestAgent
from tests.server.conftest import MASTER, Machine


@dataclass
class Ether:
    """Delivers to everybody who listens, at once; nothing while it is down."""

    listeners: list[Callable[[bytes], None]] = field(default_factory=list)
    down: bool = False
    deaf: set[int] = field(default_factory=set)
    """Listeners, by place, that miss what is said."""
    said: list[bytes] = field(default_factory=list)

    def publish(self, data: bytes) -> None:
        if self.down:
            raise ChannelDown
        self.said.append(data)
        for place, listener in enumerate(self.listeners):
            if place not in self.deaf:
                listener(data)


@dataclass
class Worker:
    """One process: `dead` ones are not looked after any more."""

    host: Host
    together: Together
    watch: Watch
    dead: bool = False

    @cached_property
    def app(self) -> Flask:
        """Its routes, for the tests that speak to them."""
        made = build_app(self.host)
        made.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
        return made


class Workers:
    """Two processes or more, of one machine or of several with clocks of their own."""

    def __init__(self, settings: Settings, machine: Machine) -> None:
        self.settings, self.machine, self.ether = settings, machine, Ether()
        self.machines = [machine]
        self.all: list[Worker] = []

    def add(self, machine: Machine | None = None) -> Worker:
        """A process more, of another machine when one is given."""
        here = machine or self.machine
        if here not in self.machines:
            self.machines.append(here)
        host = open_host(self.settings, MASTER, look=here.look)
        host.bus.clock = lambda: here.boot_ns / 1e9
        with host.membership.arrival():
            pass
        worker = Worker(host, Together(host), Watch(host))
        host.bus.join(self.ether, host.events)
        self.ether.listeners.append(host.bus.receive)
        self.all.append(worker)
        self._meet()
        return worker

    def _meet(self) -> None:
        """Everybody has heard that everybody hears it: what it says is believed."""
        for worker in [worker for worker in self.all if not worker.dead] * 2:
            worker.host.bus.beat()

    def news(self) -> None:
        """What waits is sent."""
        for worker in [worker for worker in self.all if not worker.dead] * 2:
            worker.host.bus.flush()

    def second(self, seconds: float = 1.0) -> None:
        """Time passes, and everybody does what is done once a second."""
        for machine in self.machines:
            machine.advance(seconds=seconds)
        self.tick()

    def tick(self) -> None:
        for worker in [worker for worker in self.all if not worker.dead]:
            worker.together.tick()
            worker.host.bus.flush()
        for worker in [worker for worker in self.all if not worker.dead]:
            worker.watch.tick()
        self.news()

    def kill(self, worker: Worker) -> None:
        """kill -9: its connections are gone and it says nothing any more.

        PostgreSQL lets its locks go only when it has seen the connection end, which takes a moment.
        """
        worker.dead = True
        self.ether.deaf.add(self.all.index(worker))
        worker.host.close()
        alive = next((one for one in self.all if not one.dead), None)
        if alive is not None:
            name = worker.host.bus.worker.id
            assert soon(lambda: not alive.host.membership.there(name)), "its locks were never let go"

    def close(self) -> None:
        for worker in self.all:
            if not worker.dead:
                worker.host.close()


def soon(true: Callable[[], bool]) -> bool:
    """Whether it comes true while a database takes its time."""
    return any(true() or time.sleep(0.05) for _ in range(1200))


def at(worker: Worker, agent: TestAgent) -> TestAgent:
    """From now on the agent's requests come to this process."""
    agent.client = worker.app.test_client()
    return agent


def settings_for_two(settings: Settings) -> Settings:
    return replace(settings, workers=2, redis="")
