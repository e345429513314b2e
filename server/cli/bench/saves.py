"""What saving an answer costs, durable and checked, beside the floor in the same run.

The seats of a started sitting save prepared records over raw kept connections. Paced as in an exam they also
send their heartbeats, to both programs, and these count in the cost of a save. Processor time is that of the
server with all its workers, and of PostgreSQL and Redis where there are any. Afterwards every record that was
acknowledged is looked for in the store.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from server.cli.bench.floors import floor_beside
from server.cli.bench.shape import Shape
from server.cli.bench.stand import Driver, Stand, Tally, Told, answering, counted, load
from server.cli.rehearse.fleet import FleetFault
from server.cli.words import _

PACED, SATURATED, CLOSED, SAVERS = "paced", "saturated", "closed", "savers"
REGIMES = (PACED, SATURATED, CLOSED, SAVERS)
SEATS = {PACED: 1000, SATURATED: 100, CLOSED: 1, SAVERS: 500}
"""As many seats save, unless told otherwise: an exam, enough to fill the server, one, and all at once."""
FASTEST = {SATURATED: 12_000, CLOSED: 4_000}
"""So many records a second are prepared at most: no server here is faster."""
BURST_PAUSE = 0.5
STAGED_LEAST = 2


@dataclass(frozen=True, slots=True)
class Order:
    """What to bench. `rate`: answers a second of all seats when paced; `told` gets lines of progress."""

    shape: Shape
    regime: str
    rate: float
    seconds: float
    told: Told

    @property
    def savers(self) -> int:
        """How many seats save."""
        return self.shape.seats

    def plan(self) -> dict[str, Any]:
        """What the driver is told about the pace."""
        paced = self.regime == PACED
        total = FASTEST.get(self.regime, self.rate) * self.seconds
        each = int(self.seconds / BURST_PAUSE) if self.regime == SAVERS else int(total / self.savers)
        return {
            "race": "saves",
            "seconds": self.seconds,
            "rate": self.rate if paced else 0.0,
            "burst_pause": BURST_PAUSE if self.regime == SAVERS else None,
            "each": each + 2,
            "beats": paced,
        }


@dataclass(frozen=True, slots=True)
class Run:
    """One program under the load. `cpu_ms` for each save: program, database, broker and all children;
    `errors`: by HTTP status, 0 for a connection that was cut; milliseconds from when a save was due; `hint`:
    the most that a seat was told to slow down, 0 to 10; `beats`: heartbeats beside the saves,
    whose cost is in `cpu_ms` and whose errors are in `errors`.
    """

    saves: int
    errors: Mapping[str, int]
    rate: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    driver_cpu_ms: float
    hint: int
    beats: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """Ours and the floor. `lost`: acknowledged and not in the store, `doubled`: stored twice; `untold`:
    stored, and its acknowledgement did not come in time.
    """

    store: str
    workers: int
    seats: int
    tls: bool
    regime: str
    load: tuple[float, float]
    ours: Run
    floor: Run
    ratio_to_floor: float
    acknowledged: int
    lost: int
    doubled: int
    chain_errors: int
    untold: int

    @property
    def complete(self) -> bool:
        """Whether everything was answered, and everything acknowledged is there once."""
        wrong = self.lost or self.doubled or self.chain_errors
        return not (self.ours.errors or self.floor.errors or wrong) and self.ours.saves > 0

    def to_json(self) -> dict[str, object]:
        """The line."""
        return asdict(self)

    def in_words(self) -> str:
        """The line for people."""
        return _(
            "每次保存 %(ours).3f ms 处理器时间（下限 %(floor).3f ms，%(ratio).2f 倍），每秒 %(rate)d 次，"
            "p99 %(p99).1f ms；确认 %(acked)d 条，丢失 %(lost)d 条。",
            ours=self.ours.cpu_ms,
            floor=self.floor.cpu_ms,
            ratio=self.ratio_to_floor,
            rate=self.ours.rate,
            p99=self.ours.p99_ms,
            acked=self.acknowledged,
            lost=self.lost,
        )


def measured(order: Order) -> Found:
    """Both programs, one after the other in the same hall. Raises `FleetFault` and `StaffRefused`."""
    before = load()
    staged = replace(order.shape, seats=max(STAGED_LEAST, order.savers))
    with answering(staged, order.told) as stand:
        seats = stand.seats(order.savers)
        order.told(order.regime)
        ours, tally, acknowledged = _ours(stand, order, seats)
        order.told(json.dumps(asdict(ours)))
        floor = _floor(stand, order, seats)
    shape = order.shape
    return Found(
        store=shape.store,
        workers=shape.workers,
        seats=order.savers,
        tls=shape.tls,
        regime=order.regime,
        load=(before, load()),
        ours=ours,
        floor=floor,
        ratio_to_floor=round(ours.cpu_ms / floor.cpu_ms, 2) if floor.cpu_ms else 0.0,
        acknowledged=acknowledged,
        lost=tally.lost,
        doubled=tally.doubled,
        chain_errors=tally.chain_errors,
        untold=tally.untold,
    )


def _ours(stand: Stand, order: Order, seats: list[dict[str, Any]]) -> tuple[Run, Tally, int]:
    with Driver(stand.hall, order.plan() | {"seats": seats}) as driver:
        began = stand.hall.cpu_seconds()
        found = driver.race()
        run = run_of(found, stand.hall.cpu_seconds() - began)
        lines = driver.lines()
    return run, counted(stand.hall, lines), len(lines)


def _floor(stand: Stand, order: Order, seats: list[dict[str, Any]]) -> Run:
    with floor_beside(stand.hall, order.shape, seats) as floor, floor.driver(order.plan()) as driver:
        began = floor.cpu_seconds()
        found = driver.race()
        return run_of(found, floor.cpu_seconds() - began)


def run_of(found: dict[str, Any], spent: float) -> Run:
    """What the driver found, with the processor seconds spent meanwhile. Raises `FleetFault`."""
    told, beats = found["saves"], found.get("beats", {"done": 0, "errors": {}})
    done = told["done"]
    if not done:
        raise FleetFault(f"driver: {told['errors']}")
    return Run(
        saves=done,
        errors=dict(Counter(told["errors"]) + Counter(beats["errors"])),
        rate=round(done / found["seconds"], 1),
        cpu_ms=round(1000 * spent / done, 4),
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        max_ms=told["max_ms"],
        driver_cpu_ms=round(1000 * found["driver_cpu"] / done, 4),
        hint=found["hint"],
        beats=beats["done"],
    )
