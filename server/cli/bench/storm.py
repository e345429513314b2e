"""The start storm: every seat of one room gets its key in the same second and opens its paper.

Twice, each time against a fresh private server: with the package fetched before the start, and the naive way,
where everybody downloads it at the start. The seats run the agents' own link in one other process.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal

from server.cli.bench.crowd import Crowd, paired, seated
from server.cli.bench.opening import opening_ms
from server.cli.bench.usage import cpu_seconds
from server.cli.rehearse.acts import Shift
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.hall import private_hall
from server.cli.rehearse.stage import Wish, fictional_people, staff_needed, stage_sitting
from server.cli.rehearse.telling import tell_step
from server.cli.rehearse.watch import percentile
from server.cli.words import _

MINUTES = Decimal(90)
READY_SECONDS = 240.0
"""How long the seats may take to connect, to fetch what they need and to get their journals."""
STORM_SECONDS = 120.0
CALM_SECONDS = 6.0
"""For so long the room is watched before the start: what heartbeats cost is taken off."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to bench; `told` gets lines of progress."""

    seats: int
    tls: bool
    told: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Start:
    """One start. Milliseconds from the start command to the key and the package in hand, by percentile.

    `command_ms`: the start command itself. `server_cpu_ms`, `driver_cpu_ms`, `bytes`: for each seat, from
    the command until the last paper could be opened, heartbeats taken off.
    """

    opened: int
    command_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    server_cpu_ms: float
    driver_cpu_ms: float
    bytes: int
    loop_lag_ms: float


@dataclass(frozen=True, slots=True)
class Found:
    """Both ways beside each other. `opening_ms`: processor time to open one package at the seat."""

    seats: int
    tls: bool
    package_bytes: int
    opening_ms: float
    prefetched: Start
    naive: Start

    @property
    def complete(self) -> bool:
        """Whether every seat got everything, both times."""
        return self.prefetched.opened == self.naive.opened == self.seats

    def to_json(self) -> dict[str, object]:
        """The line."""
        return asdict(self)

    def in_words(self) -> str:
        """The line for people."""
        return _(
            "%(seats)d 个座位：预取 p99 %(ours)d ms，开考时下载 p99 %(naive)d ms。",
            seats=self.seats,
            ours=self.prefetched.p99_ms,
            naive=self.naive.p99_ms,
        )


def stormed(order: Order) -> Found:
    """Both starts. Raises `FleetFault`, `StaffRefused`."""
    ours, package = _storm(order, prefetch=True)
    naive, _package = _storm(order, prefetch=False)
    size, cost = package
    return Found(order.seats, order.tls, size, cost, ours, naive)


def _storm(order: Order, *, prefetch: bool) -> tuple[Start, tuple[int, float]]:
    order.told(_("预取试卷包") if prefetch else _("开考时下载"))
    with private_hall(tls=order.tls) as hall:
        crew = hire(hall.host, Names("bench-", _("压测")), invigilators=staff_needed(order.seats))
        people = fictional_people(order.seats)
        wish = Wish(_("压测"), people, MINUTES, "1", timedelta(minutes=10))
        staged = stage_sitting(hall.host, crew, wish, told=tell_step)
        keys = paired(hall.host, staged)
        seated(hall.host, staged)
        hall.serve()
        shift = Shift(hall.address, crew, staged.room_sitting)
        shift.sign_in()
        shift.release()
        package = opening_ms(hall.host, staged)
        with Crowd(hall, keys, prefetch=prefetch) as crowd:
            _await(crowd, order, READY_SECONDS, lambda seen: int(str(seen["waiting"])))
            shift.overrule_checks()  # simulated seats have nothing to check themselves by
            order.told(_("全部就绪，准备开考"))
            start = _measured(crowd, shift, order)
            order.told(json.dumps(asdict(start)))
            return start, package


def _await(
    crowd: Crowd, order: Order, seconds: float, reached: Callable[[dict[str, object]], int]
) -> dict[str, object]:
    end, told = time.monotonic() + seconds, 0
    while (count := reached(seen := crowd.report())) < order.seats:
        if time.monotonic() > end:
            raise FleetFault(_("只有 %(n)d/%(of)d", n=count, of=order.seats))
        if count >= told + order.seats // 4:
            told = count
            order.told(f"{count}/{order.seats}")
        time.sleep(0.5)
    return seen


def _measured(crowd: Crowd, shift: Shift, order: Order) -> Start:
    server = crowd.hall.server
    assert server is not None
    calm_seconds = CALM_SECONDS if order.seats >= 100 else 1.0  # a handful of heartbeats tells nothing
    time.sleep(calm_seconds)
    calm_cpu, calm, calm_at = cpu_seconds(server.child.pid), crowd.report(), time.monotonic()
    time.sleep(calm_seconds)
    shift.mark_health()
    cpu, before, at = cpu_seconds(server.child.pid), crowd.report(), time.monotonic()
    span = at - calm_at
    began = time.clock_gettime(time.CLOCK_BOOTTIME)
    shift.start()
    answered = time.clock_gettime(time.CLOCK_BOOTTIME)
    after = _await(crowd, order, STORM_SECONDS, lambda seen: len(_list(seen)))
    spent, used = time.monotonic() - at, cpu_seconds(server.child.pid) - cpu

    def each(now: float, then: float, calm_then: float) -> float:
        return ((now - then) - spent * (then - calm_then) / span) / order.seats

    def bytes_of(seen: dict[str, object]) -> float:
        return float(str(seen["sent"])) + float(str(seen["received"]))

    driver = [float(str(seen["cpu_seconds"])) for seen in (after, before, calm)]
    opened = sorted(1000 * (moment - began) for moment in _list(after))
    lag = shift.health()["loop_lag_ms_since_mark"]
    assert isinstance(lag, dict)
    return Start(
        opened=len(opened),
        command_ms=round(1000 * (answered - began), 1),
        p50_ms=percentile(opened, 0.5),
        p99_ms=percentile(opened, 0.99),
        max_ms=percentile(opened, 1.0),
        server_cpu_ms=round(1000 * each(cpu + used, cpu, calm_cpu), 3),
        driver_cpu_ms=round(1000 * each(*driver), 3),
        bytes=round(each(bytes_of(after), bytes_of(before), bytes_of(calm))),
        loop_lag_ms=float(lag["max"]),
    )


def _list(seen: dict[str, object]) -> Sequence[float]:
    moments = seen["opened_at"]
    assert isinstance(moments, list)
    return moments
