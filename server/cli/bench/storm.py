"""The start storm: every seat of a sitting gets its key in the same second and opens its paper.

Twice, each time against a fresh private server: with the package fetched before the start, and the naive way,
where everybody downloads it at the start. All rooms are started at once, each by its invigilator, who has the
room's screen open. The seats run the agents' own link in other processes.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace

from server.cli.bench.crowd import CONNECTING_PAUSE, Crowds
from server.cli.bench.halls import opened, staged
from server.cli.bench.logins import Logins, logged_in
from server.cli.bench.opening import opening_ms
from server.cli.bench.shape import Shape, ShapedLine
from server.cli.rehearse.acts import Shift
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.staff import StaffRefused
from server.cli.rehearse.usage import resident_bytes
from server.cli.rehearse.watch import percentile
from server.cli.words import _

READY_SECONDS = 300.0
"""How long the seats may take to connect, to fetch what they need and to get their journals."""
STORM_SECONDS = 25.0
"""How long they may take to open their papers. What has not happened by then is not waited for."""
CALM_SECONDS = 6.0
"""For so long the room is watched before the start: what heartbeats cost is taken off."""
MOST_LOGINS = 200
"""So many candidates sign in, all in one room: more would only take longer."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to bench; `told` gets lines of progress."""

    shape: Shape
    told: Callable[[str], None]

    @property
    def seats(self) -> int:
        """How many start at once."""
        return self.shape.seats


@dataclass(frozen=True, slots=True)
class Start:
    """One start. Milliseconds from the start command to the key and the package in hand, by percentile, of
    those seats that were `ready` before and `opened` in time; the others are not in the percentiles.

    `command_ms`: until the last room's start command was answered. `server_cpu_ms`, `driver_cpu_ms`,
    `bytes`: for each seat, from the command until the last paper could be opened, heartbeats taken off;
    database and broker are part of the server. `connecting_cpu_ms`: of the server for each seat, from its
    first connection until everything waits for the start; `memory_kib`: of the server for each connected
    seat, beyond that without any.
    """

    ready: int
    opened: int
    command_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    server_cpu_ms: float
    driver_cpu_ms: float
    connecting_cpu_ms: float
    memory_kib: float
    bytes: int
    loop_lag_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(ShapedLine):
    """Both ways beside each other; one that failed altogether is None. `opening_ms`: processor time to open
    one package at the seat. `load`: the machine's load average over a minute before and after. `errors`:
    seats that were not ready or did not open their paper, both times together. `login`: what it costs the
    server from the session to the first question, by the routes of a candidate, beside the floor.
    """

    load: tuple[float, float]
    package_bytes: int
    opening_ms: float
    prefetched: Start | None
    naive: Start | None
    errors: int
    login: Logins | None

    @property
    def complete(self) -> bool:
        """Whether every seat got everything, both times."""
        starts = (self.prefetched, self.naive)
        opened = all(start is not None and start.opened == self.seats for start in starts)
        return opened and self.login is not None

    def in_words(self) -> str:
        """The line for people."""
        ours, naive = self.prefetched, self.naive
        return _(
            "%(seats)d 个座位：预取 %(opened)d 个启封，p99 %(ours)d ms；"
            "开考时下载 %(late)d 个启封，p99 %(naive)d ms。",
            seats=self.seats,
            opened=ours.opened if ours else 0,
            ours=ours.p99_ms if ours else 0,
            late=naive.opened if naive else 0,
            naive=naive.p99_ms if naive else 0,
        )


@dataclass(frozen=True, slots=True)
class _Package:
    """What was opened: bytes of the sealed package, processor time of opening it in ms."""

    size: int
    opening_ms: float


def stormed(order: Order) -> Found:
    """Both starts, each on a server of its own. One that fails altogether is told and leaves the other."""
    before = os.getloadavg()[0]
    ours, package = _attempted(order, prefetch=True)
    naive, other = _attempted(order, prefetch=False)
    seen = package or other or _Package(0, 0.0)
    load = (round(before, 2), round(os.getloadavg()[0], 2))
    shape, opened = order.shape, sum(start.opened for start in (ours, naive) if start)
    return Found(
        **shape.facts(),
        load=load,
        package_bytes=seen.size,
        opening_ms=seen.opening_ms,
        prefetched=ours,
        naive=naive,
        errors=2 * shape.seats - opened,
        login=_logged_in(order),
    )


def _logged_in(order: Order) -> Logins | None:
    seats = min(MOST_LOGINS, order.seats)
    try:
        return logged_in(replace(order.shape, seats=seats, room_seats=seats), order.told)
    except (FleetFault, StaffRefused, OSError) as fault:
        order.told(f"{type(fault).__name__}: {fault}")
        return None


def _attempted(order: Order, *, prefetch: bool) -> tuple[Start | None, _Package | None]:
    try:
        return _storm(order, prefetch=prefetch)
    except (FleetFault, StaffRefused, OSError) as fault:
        order.told(f"{type(fault).__name__}: {fault}")
        return None, None


def _storm(order: Order, *, prefetch: bool) -> tuple[Start, _Package]:
    order.told(_("预取试卷包") if prefetch else _("开考时下载"))
    shape = order.shape
    with private_hall(tls=shape.tls, store=shape.store, workers=shape.workers) as hall:
        rooms = staged(hall, shape.seats, shape.room_seats)
        keys = {number: key for room in rooms for number, key in room.keys.items()}
        hall.serve()
        shifts = opened(hall, rooms)
        package = _Package(*opening_ms(hall.host, rooms[0].stage))
        connecting, empty = hall.cpu_seconds(), _memory(hall)
        with Crowds() as crowds:
            crowds.add(hall, keys, pause=CONNECTING_PAUSE, prefetch=prefetch)
            ready = _await(order, READY_SECONDS, lambda: int(crowds.total("waiting")))
            connecting, memory = hall.cpu_seconds() - connecting, _memory(hall) - empty
            for shift in shifts:
                shift.overrule_checks()  # simulated seats have nothing to check themselves by
            order.told(_("就绪 %(n)d/%(of)d，准备开考", n=ready, of=order.seats))
            start = replace(
                _measured(hall, crowds, shifts, order),
                connecting_cpu_ms=round(1000 * connecting / order.seats, 2),
                memory_kib=round(memory / 1024 / order.seats, 1),
            )
            order.told(json.dumps(asdict(start)))
            return start, package


def _memory(hall: Hall) -> float:
    assert hall.server is not None
    return resident_bytes(hall.server.child.pid)


def _await(order: Order, seconds: float, reached: Callable[[], int]) -> int:
    """How many seats have `reached` something: once all have, or after so many seconds."""
    end, told = time.monotonic() + seconds, 0
    while (count := reached()) < order.seats and time.monotonic() < end:
        if count >= told + order.seats // 4:
            told = count
            order.told(f"{count}/{order.seats}")
        time.sleep(0.5)
    return count


@dataclass(frozen=True, slots=True)
class _Look:
    """Counters at one moment."""

    at: float
    cpu: float
    driver: float
    bytes: float


def _look(hall: Hall, crowds: Crowds) -> _Look:
    moved = crowds.total("sent") + crowds.total("received")
    return _Look(time.monotonic(), hall.cpu_seconds(), crowds.total("cpu_seconds"), moved)


def _measured(hall: Hall, crowds: Crowds, shifts: Sequence[Shift], order: Order) -> Start:
    calm_seconds = CALM_SECONDS if order.seats >= 100 else 1.0  # a handful of heartbeats tells nothing
    time.sleep(calm_seconds)
    calm = _look(hall, crowds)
    time.sleep(calm_seconds)
    for shift in shifts:
        shift.look()
    shifts[0].mark_health()
    ready, before = int(crowds.total("waiting")), _look(hall, crowds)
    began = time.clock_gettime(time.CLOCK_BOOTTIME)
    with ThreadPoolExecutor(len(shifts)) as hands:
        list(hands.map(Shift.start, shifts))
    answered = time.clock_gettime(time.CLOCK_BOOTTIME)
    _await(order, STORM_SECONDS, lambda: len(crowds.opened_at()))
    after = _look(hall, crowds)
    opened = sorted(1000 * (moment - began) for moment in crowds.opened_at())
    calmly = (after.at - before.at) / (before.at - calm.at)

    def each(name: str) -> float:
        now, then, earlier = (float(getattr(look, name)) for look in (after, before, calm))
        return ((now - then) - calmly * (then - earlier)) / order.seats

    lag = shifts[0].health()["loop_lag_ms_since_mark"]
    assert isinstance(lag, dict)
    return Start(
        ready=ready,
        opened=len(opened),
        command_ms=round(1000 * (answered - began), 1),
        p50_ms=percentile(opened, 0.5),
        p99_ms=percentile(opened, 0.99),
        max_ms=percentile(opened, 1.0),
        server_cpu_ms=round(1000 * each("cpu"), 3),
        driver_cpu_ms=round(1000 * each("driver"), 3),
        connecting_cpu_ms=0.0,
        memory_kib=0.0,
        bytes=round(each("bytes")),
        loop_lag_ms=float(lag["max"]),
    )
