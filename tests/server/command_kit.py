"""A running room for tests of commands: candidates answer at paired seats, time is the test's own."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flask import Flask

from exam_rooms.kiosk_messages import CommandNote, SeatOrder
from exam_rooms.protocol import SeatState
from server.access import Actor
from server.host import Host
from server.live.watch import Watch
from server.services.seat_commands import Whom
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene


@dataclass
class Room:
    """A room that runs: `agents` by seat number, each with an open journal."""

    scene: Scene
    machine: Machine
    watch: Watch
    agents: dict[str, TestAgent] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return self.scene.room_sitting

    def whom(self, *numbers: str, once: str = "") -> Whom:
        """Seats by number, or (none named) the whole room."""
        seats = frozenset(self.scene.seats[number] for number in numbers) if numbers else None
        return Whom(self.id, seats, once=once)

    def by(self, reason: str = "power cut") -> Signed:
        return Signed(self.scene.invigilator, reason)

    def chief(self, reason: str = "power cut", second: Actor | None = None) -> Signed:
        return Signed(self.scene.chief, reason, second)

    def pass_time(self, *, beats: tuple[str, ...] = (), **delta: float) -> None:
        """Time passes in which these seats were heard; then the server looks."""
        self.machine.advance(**delta)
        for number in beats:
            self.agents[number].beat()
        self.watch.tick()

    def state(self, number: str) -> SeatState:
        return self.agents[number].state()

    def confirm(self, number: str, *, done: bool = True, worked_ns: int = 0) -> tuple[SeatOrder, ...]:
        """The seat confirms what it was commanded; returns the commands it knew of."""
        agent, boot = self.agents[number], self.machine.boot_ns
        waiting = agent.state().commands
        notes = tuple(CommandNote(order.command, boot, boot if done else 0, worked_ns) for order in waiting)
        agent.beat(commands=notes)
        self.watch.tick()
        return waiting


def running_room(
    app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine, *, candidates: int = 3
) -> Room:
    """A room that has just started; everybody answers."""
    scene = make_scene(host, person_as, candidates=candidates)
    room = Room(scene, machine, Watch(host))
    room.agents = seated(app, scene, (str(number) for number in range(1, candidates + 1)))
    machine.advance(minutes=10)
    scene.start()
    for agent in room.agents.values():
        agent.state()
        assert agent.open_journal().status_code == 200
        agent.sent()
        agent.beat()
    return room
