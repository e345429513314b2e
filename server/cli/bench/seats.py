"""What a connected seat costs while it only lives: heartbeats, memory, and what connecting took.

The same server with more and more seats. They run the agents' own link, socket and all, and wait for a start
that does not come: what is measured is what every seat costs in every second of an exam.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice

from server.cli.bench.crowd import Crowds, Keys
from server.cli.bench.figures import drawing
from server.cli.bench.halls import opened, staged
from server.cli.bench.shape import Shape, ShapedLine
from server.cli.bench.stand import Told, load
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.usage import resident_bytes
from server.cli.words import _

STEPS = (100, 300, 1000, 2000, 5000)
READY_SECONDS = 600.0
SETTLE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to bench: `pause` between two seats that connect, each step watched for so many `seconds`."""

    shape: Shape
    seconds: float
    pause: float
    told: Told

    @property
    def steps(self) -> tuple[int, ...]:
        """With how many seats."""
        upto = self.shape.seats
        return (*(step for step in STEPS if step < upto), upto)


@dataclass(frozen=True, slots=True)
class Step:
    """One number of seats. `cpu_ms`: of the server, its database and broker for each seat and second;
    `busy`: cores in use; `memory_kib`: of the server for each seat, beyond that without any;
    `connect_cpu_ms`: for each seat that came in this step, until it waits for the start.
    """

    seats: int
    linked: int
    cpu_ms: float
    busy: float
    memory_kib: float
    connect_cpu_ms: float
    connect_seconds: float
    driver_busy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(ShapedLine):
    """All steps. `empty_busy`: cores in use without any seat; `errors`: seats that were not linked; `growth`:
    the most by which a seat-second is dearer with more seats than with fewer, from the first step with at
    least 300 seats on, where the server's own housekeeping no longer shows: at most 1 when it never is.
    """

    load: tuple[float, float]
    empty_busy: float
    steps: tuple[Step, ...]
    errors: int
    growth: float

    @property
    def complete(self) -> bool:
        """Whether every seat was linked at every step."""
        return not self.errors

    def in_words(self) -> str:
        """The line for people."""
        last = self.steps[-1]
        return _(
            "%(seats)d 个座位：每座位每秒 %(cpu).3f ms 处理器时间，%(memory).0f KB；未连上 %(errors)d 个。",
            seats=last.seats,
            cpu=last.cpu_ms,
            memory=last.memory_kib,
            errors=self.errors,
        )

    def plot(self) -> str:
        """The steps as an SVG drawing."""
        return drawing(
            [
                (_("每座位每秒的处理器时间（毫秒）"), [(step.seats, step.cpu_ms) for step in self.steps]),
                (_("每座位的内存（KB）"), [(step.seats, step.memory_kib) for step in self.steps]),
                (_("每座位连接所用的处理器时间（毫秒）"), [(s.seats, s.connect_cpu_ms) for s in self.steps]),
            ],
            _("座位数"),
        )


def measured(order: Order) -> Found:
    """All steps on one private server. Raises `FleetFault` and `StaffRefused`."""
    before, shape = load(), order.shape
    with private_hall(tls=shape.tls, store=shape.store, workers=shape.workers) as hall:
        rooms = staged(hall, shape.seats, shape.room_seats)
        hall.serve()
        opened(hall, rooms)
        keys = {number: key for room in rooms for number, key in room.keys.items()}
        time.sleep(SETTLE_SECONDS / 2)
        empty = _busy(hall, order.seconds)
        steps = _steps(hall, order, keys, empty)
    return Found(
        **shape.facts(),
        load=(before, load()),
        empty_busy=round(empty, 3),
        steps=tuple(steps),
        errors=sum(step.seats - step.linked for step in steps),
        growth=growth(steps),
    )


def growth(steps: Sequence[Step]) -> float:
    """The most by which a seat-second is dearer with more seats than with fewer."""
    costs = [step.cpu_ms for step in steps if step.seats >= STEPS[1]]
    dearer = [more / fewer for fewer, more in combinations(costs, 2) if fewer > 0]
    return round(max(dearer, default=1.0), 2)


def _busy(hall: Hall, seconds: float) -> float:
    """Cores in use in the next seconds."""
    cpu, began = hall.cpu_seconds(), time.monotonic()
    time.sleep(seconds)
    return (hall.cpu_seconds() - cpu) / (time.monotonic() - began)


def _steps(hall: Hall, order: Order, keys: Keys, empty_busy: float) -> list[Step]:
    found: list[Step] = []
    empty, waiting = _memory(hall), iter(keys.items())
    with Crowds() as crowds:
        for seats in order.steps:
            more = dict(islice(waiting, seats - (found[-1].seats if found else 0)))
            began, cpu = time.monotonic(), hall.cpu_seconds()
            crowds.add(hall, more, pause=order.pause)
            _await(crowds, order, seats)
            took, connecting = time.monotonic() - began, hall.cpu_seconds() - cpu
            time.sleep(SETTLE_SECONDS)
            step = _watched(hall, order, crowds, seats)
            beating = took * (found[-1].busy if found else empty_busy)  # what went on all the same
            step = replace(
                step,
                memory_kib=round((_memory(hall) - empty) / 1024 / seats, 1),
                connect_cpu_ms=round(1000 * max(0.0, connecting - beating) / len(more), 2),
                connect_seconds=round(took, 1),
            )
            found.append(step)
            order.told(str(found[-1]))
    return found


def _watched(hall: Hall, order: Order, crowds: Crowds, seats: int) -> Step:
    cpu, driver, began = hall.cpu_seconds(), crowds.total("cpu_seconds"), time.monotonic()
    time.sleep(order.seconds)
    span = time.monotonic() - began
    used = hall.cpu_seconds() - cpu
    linked, driving = int(crowds.total("linked")), crowds.total("cpu_seconds") - driver
    return Step(
        seats=seats,
        linked=linked,
        cpu_ms=round(1000 * used / seats / span, 4),
        busy=round(used / span, 3),
        memory_kib=0.0,
        connect_cpu_ms=0.0,
        connect_seconds=0.0,
        driver_busy=round(driving / span, 3),
    )


def _await(crowds: Crowds, order: Order, seats: int) -> None:
    """Until all wait for the start, or have had time enough."""
    end, told = time.monotonic() + READY_SECONDS, 0
    while (ready := int(crowds.total("waiting"))) < seats and time.monotonic() < end:
        if ready >= told + max(1, seats // 4):
            told = ready
            order.told(f"{ready}/{seats}")
        time.sleep(1.0)


def _memory(hall: Hall) -> float:
    assert hall.server is not None
    return resident_bytes(hall.server.child.pid)
