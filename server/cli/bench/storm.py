"""The start storm: every seat of one room gets its key in the same second and opens its paper.

Twice, each time against a fresh private server: with the package fetched before the start, and the naive way,
where everybody downloads it at the start. The seats run the agents' own link in one other process.
"""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from decimal import Decimal

from server.cli.bench.crowd import Crowd, paired, seated
from server.cli.bench.opening import opening_ms
from server.cli.bench.usage import cpu_seconds
from server.cli.rehearse.acts import Shift
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.staff import StaffRefused
from server.cli.rehearse.stage import Wish, fictional_people, staff_needed, stage_sitting
from server.cli.rehearse.telling import tell_step
from server.cli.rehearse.watch import percentile
from server.cli.words import _

MINUTES = Decimal(90)
READY_SECONDS = 120.0
"""How long the seats may take to connect, to fetch what they need and to get their journals."""
STORM_SECONDS = 25.0
"""How long they may take to open their papers. What has not happened by then is not waited for."""
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
    """One start. Milliseconds from the start command to the key and the package in hand, by percentile, of
    those seats that were `ready` before and `opened` in time; the others are not in the percentiles.

    `command_ms`: the start command itself. `server_cpu_ms`, `driver_cpu_ms`, `bytes`: for each seat, from
    the command until the last paper could be opened, heartbeats taken off. `connecting_cpu_ms`: of the
    server for each seat, from its first connection until everything waits for the start.
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
    bytes: int
    loop_lag_ms: float


@dataclass(frozen=True, slots=True)
class Found:
    """Both ways beside each other; one that failed altogether is None. `opening_ms`: processor time to open
    one package at the seat. `load`: the machine's load average over a minute before and after.
    """

    seats: int
    tls: bool
    load: tuple[float, float]
    package_bytes: int
    opening_ms: float
    prefetched: Start | None
    naive: Start | None

    @property
    def complete(self) -> bool:
        """Whether every seat got everything, both times."""
        return all(
            start is not None and start.opened == self.seats for start in (self.prefetched, self.naive)
        )

    def to_json(self) -> dict[str, object]:
        """The line."""
        return asdict(self)

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
    return Found(order.seats, order.tls, load, seen.size, seen.opening_ms, ours, naive)


def _attempted(order: Order, *, prefetch: bool) -> tuple[Start | None, _Package | None]:
    try:
        return _storm(order, prefetch=prefetch)
    except (FleetFault, StaffRefused, OSError) as fault:
        order.told(f"{type(fault).__name__}: {fault}")
        return None, None


def _storm(order: Order, *, prefetch: bool) -> tuple[Start, _Package]:
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
        package = _Package(*opening_ms(hall.host, staged))
        connecting = _server_cpu(hall)
        with Crowd(hall, keys, prefetch=prefetch) as crowd:
            seen = _await(crowd, order, READY_SECONDS, lambda seen: int(str(seen["waiting"])))
            connecting = _server_cpu(hall) - connecting
            shift.overrule_checks()  # simulated seats have nothing to check themselves by
            order.told(_("就绪 %(n)d/%(of)d，准备开考", n=int(str(seen["waiting"])), of=order.seats))
            start = replace(
                _measured(crowd, shift, order), connecting_cpu_ms=round(1000 * connecting / order.seats, 2)
            )
            order.told(json.dumps(asdict(start)))
            return start, package


def _server_cpu(hall: Hall) -> float:
    assert hall.server is not None
    return cpu_seconds(hall.server.child.pid)


def _await(
    crowd: Crowd, order: Order, seconds: float, reached: Callable[[dict[str, object]], int]
) -> dict[str, object]:
    """The seats' report once all have `reached` something, or after so many seconds."""
    end, told = time.monotonic() + seconds, 0
    while (count := reached(seen := crowd.report())) < order.seats and time.monotonic() < end:
        if count >= told + order.seats // 4:
            told = count
            order.told(f"{count}/{order.seats}")
        time.sleep(0.5)
    return seen


def _measured(crowd: Crowd, shift: Shift, order: Order) -> Start:
    calm_seconds = CALM_SECONDS if order.seats >= 100 else 1.0  # a handful of heartbeats tells nothing
    time.sleep(calm_seconds)
    calm_cpu, calm, calm_at = _server_cpu(crowd.hall), crowd.report(), time.monotonic()
    time.sleep(calm_seconds)
    shift.mark_health()
    cpu, before, at = _server_cpu(crowd.hall), crowd.report(), time.monotonic()
    span = at - calm_at
    began = time.clock_gettime(time.CLOCK_BOOTTIME)
    shift.start()
    answered = time.clock_gettime(time.CLOCK_BOOTTIME)
    after = _await(crowd, order, STORM_SECONDS, lambda seen: len(_list(seen)))
    spent, used = time.monotonic() - at, _server_cpu(crowd.hall) - cpu

    def each(now: float, then: float, calm_then: float) -> float:
        return ((now - then) - spent * (then - calm_then) / span) / order.seats

    def bytes_of(seen: dict[str, object]) -> float:
        return float(str(seen["sent"])) + float(str(seen["received"]))

    driver = [float(str(seen["cpu_seconds"])) for seen in (after, before, calm)]
    opened = sorted(1000 * (moment - began) for moment in _list(after))
    lag = shift.health()["loop_lag_ms_since_mark"]
    assert isinstance(lag, dict)
    return Start(
        ready=int(str(before["waiting"])),
        opened=len(opened),
        command_ms=round(1000 * (answered - began), 1),
        p50_ms=percentile(opened, 0.5),
        p99_ms=percentile(opened, 0.99),
        max_ms=percentile(opened, 1.0),
        server_cpu_ms=round(1000 * each(cpu + used, cpu, calm_cpu), 3),
        driver_cpu_ms=round(1000 * each(*driver), 3),
        connecting_cpu_ms=0.0,
        bytes=round(each(bytes_of(after), bytes_of(before), bytes_of(calm))),
        loop_lag_ms=float(lag["max"]),
    )


def _list(seen: dict[str, object]) -> Sequence[float]:
    moments = seen["opened_at"]
    assert isinstance(moments, list)
    return moments
