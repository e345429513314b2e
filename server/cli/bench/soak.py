"""A whole exam at an accelerated pace, to see whether memory or latency grow with what the server has done.

Seats run the agents' own link with heartbeats and socket: a hundred answers each, flags, and a submission
at the end. Memory, processor time and the time from a record to its acknowledgement are sampled; straight
lines through the samples say how much grows with a thousand saves, and with a minute.

Delays are told as the machine's usual pace would have made them: beside the server one seat saves to the
floor, and where that takes twice its median, the machine was half as fast. What a server does more minute by
minute shows in its processor time too, to which other programs add nothing: it cannot hide in the floor.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import ceil
from statistics import median

from server.cli.bench.crowd import Crowds
from server.cli.bench.figures import slope
from server.cli.bench.floors import floor_along
from server.cli.bench.gauge import Gauge
from server.cli.bench.halls import items_of, opened, staged
from server.cli.bench.shape import Shape
from server.cli.bench.stand import Told, load
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.usage import resident_bytes
from server.cli.rehearse.watch import percentile
from server.cli.words import _

MEMORY_BOUND, LATENCY_BOUND, CPU_BOUND = 0.25, 1.0, 0.1
"""What may grow: MB for a thousand saves; for a minute, milliseconds of the median delay, and milliseconds of
processor time for a save with all that seats do meanwhile.
"""
ITEMS = 100
SAMPLES = 30
WARM_SHARE = 0.2
"""The first samples are left out of the lines: caches fill, and every seat is met for the first time."""
SUBMIT_SHARE = 0.1
"""Of the time in which candidates hand in, after the answers."""
READY_SECONDS, LAST_SECONDS = 600.0, 60.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to bench, and in how many minutes."""

    shape: Shape
    minutes: float
    told: Told

    @property
    def rate(self) -> float:
        """Answers a second over all seats."""
        return self.shape.seats * ITEMS / (self.minutes * 60 * (1 - SUBMIT_SHARE))


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: seconds since the start, saves so far, memory of the server; since the last look delays, the
    floor's median, and processor seconds.
    """

    seconds: float
    saves: int
    memory_mb: float
    p50_ms: float
    p99_ms: float
    floor_ms: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Found:
    """The line. `memory_slope`: MB for a thousand saves; `latency_slope`: ms of the median for a minute, at
    the machine's usual pace; `latency_seen`: the same as the clock saw it; `floor_slope`: that of the floor
    beside; `cpu_slope`: ms of processor time of a save, for a minute.
    """

    store: str
    workers: int
    seats: int
    tls: bool
    minutes: float
    load: tuple[float, float]
    rate: float
    saves: int
    submitted: int
    memory_slope: float
    memory_bound: float
    latency_slope: float
    latency_bound: float
    latency_seen: float
    floor_slope: float
    cpu_slope: float
    cpu_bound: float
    p99_ms: float
    samples: tuple[Sample, ...]

    @property
    def complete(self) -> bool:
        """Whether everybody handed in and nothing grows beyond its bound."""
        flat = self.memory_slope <= self.memory_bound and self.latency_slope <= self.latency_bound
        return flat and self.cpu_slope <= self.cpu_bound and self.submitted == self.seats

    def to_json(self) -> dict[str, object]:
        """The line."""
        return asdict(self)

    def in_words(self) -> str:
        """The line for people."""
        return _(
            "%(saves)d 次保存、%(submitted)d 人交卷：每千次保存内存 %(memory)+.3f MB（界限 %(most).2f），"
            "每分钟延迟 %(latency)+.3f ms（界限 %(late).2f），"
            "每次保存的处理器时间 %(cpu)+.3f ms（界限 %(dear).2f）。",
            saves=self.saves,
            submitted=self.submitted,
            memory=self.memory_slope,
            most=self.memory_bound,
            latency=self.latency_slope,
            late=self.latency_bound,
            cpu=self.cpu_slope,
            dear=self.cpu_bound,
        )


def measured(order: Order) -> Found:
    """The whole exam on a private server. Raises `FleetFault` and `StaffRefused`."""
    before, shape = load(), order.shape
    with private_hall(tls=shape.tls, store=shape.store, workers=shape.workers) as hall, Crowds() as crowds:
        rooms = staged(hall, shape.seats, shape.room_seats)
        hall.serve()
        shifts = opened(hall, rooms)
        keys = {number: key for room in rooms for number, key in room.keys.items()}
        items = items_of(hall.host, rooms)
        crowds.add(hall, keys, pause=0.01, items=items)
        _await(crowds, "waiting", shape.seats, READY_SECONDS)
        for shift in shifts:
            shift.overrule_checks()  # simulated seats have nothing to check themselves by
            shift.start()
        order.told(_("开考：每秒 %(rate).0f 次作答", rate=order.rate))
        one = next(iter(keys))
        beside = [{"workstation": one, "attempt": one, "items": items[one]}]
        with floor_along(hall, shape, beside) as floor, Gauge(floor) as gauge:
            samples = _played(hall, crowds, order, gauge)
        ends = int(crowds.total("answers")), int(crowds.total("submitted"))
    return found_of(order, samples, ends, (before, load()))


def found_of(
    order: Order, samples: Sequence[Sample], ends: tuple[int, int], loads: tuple[float, float]
) -> Found:
    """What the samples say; `ends`: answers written and seats that handed in."""
    answers, submitted = ends
    kept = [sample for sample in samples if sample.seconds >= WARM_SHARE * order.minutes * 60]
    shape = order.shape
    return Found(
        store=shape.store,
        workers=shape.workers,
        seats=shape.seats,
        tls=shape.tls,
        minutes=order.minutes,
        load=loads,
        rate=round(order.rate, 1),
        saves=answers,
        submitted=submitted,
        memory_slope=round(slope([(sample.saves / 1000, sample.memory_mb) for sample in kept]), 4),
        memory_bound=MEMORY_BOUND,
        latency_slope=round(slope(_at_usual_pace(kept)), 4),
        latency_bound=LATENCY_BOUND,
        latency_seen=round(slope([(sample.seconds / 60, sample.p50_ms) for sample in kept]), 4),
        floor_slope=round(slope([(sample.seconds / 60, sample.floor_ms) for sample in kept]), 4),
        cpu_slope=round(slope(_costs(samples, kept)), 4),
        cpu_bound=CPU_BOUND,
        p99_ms=max((sample.p99_ms for sample in kept), default=0.0),
        samples=tuple(samples),
    )


def _at_usual_pace(kept: Sequence[Sample]) -> list[tuple[float, float]]:
    """Minutes and median delays; each delay times what the floor usually takes, over what it took then."""
    told = [sample for sample in kept if sample.floor_ms > 0]
    usual = median(sample.floor_ms for sample in told) if told else 0.0
    return [(sample.seconds / 60, sample.p50_ms * usual / sample.floor_ms) for sample in told]


def _costs(samples: Sequence[Sample], kept: Sequence[Sample]) -> list[tuple[float, float]]:
    """Minutes, and milliseconds of processor time for each save since the look before."""
    return [
        (later.seconds / 60, 1000 * later.cpu_seconds / (later.saves - before.saves))
        for before, later in pairwise(samples)
        if later in kept and later.saves > before.saves
    ]


def _played(hall: Hall, crowds: Crowds, order: Order, gauge: Gauge) -> list[Sample]:
    assert hall.server is not None
    began, server = time.monotonic(), hall.server.child.pid
    answering = order.minutes * 60 * (1 - SUBMIT_SHARE)
    every = answering / SAMPLES
    samples: list[Sample] = []
    spent = hall.cpu_seconds()
    gauge.median()
    crowds.delays()
    crowds.share("answers", order.rate)
    for number in range(1, SAMPLES + 1):
        time.sleep(max(0.0, began + number * every - time.monotonic()))
        delays = crowds.delays()
        saves = int(crowds.total("answers"))
        memory = round(resident_bytes(server) / (1 << 20), 2)
        passed = round(time.monotonic() - began, 1)
        p50, p99 = percentile(delays, 0.5, 2), percentile(delays, 0.99, 2)
        before, spent = spent, hall.cpu_seconds()
        samples.append(Sample(passed, saves, memory, p50, p99, gauge.median(), round(spent - before, 2)))
        order.told(str(samples[-1]))
    _await(crowds, "answers", order.shape.seats * ITEMS, LAST_SECONDS)
    crowds.share("submit", ceil(order.shape.seats / (order.minutes * 60 * SUBMIT_SHARE)))
    _await(crowds, "submitted", order.shape.seats, LAST_SECONDS + order.minutes * 60 * SUBMIT_SHARE)
    return samples


def _await(crowds: Crowds, what: str, wanted: int, seconds: float) -> None:
    """Until all have got so far, or have had time enough."""
    end = time.monotonic() + seconds
    while int(crowds.total(what)) < wanted and time.monotonic() < end:
        time.sleep(0.5)
