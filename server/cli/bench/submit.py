"""What handing in costs: the last record of a hundred answers, checked as a chain, and the signed receipt.

The floor beside it keeps the record, reads the attempt's answers and signs. Marking comes later and is
measured apart: what the chief's command takes for each candidate.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from exam_rooms.seats import AttemptState
from server.cli.bench.figures import ratio
from server.cli.bench.floors import floor_beside
from server.cli.bench.shape import Shape, ShapedLine
from server.cli.bench.stand import Driver, Stand, Told, answering, counted, load
from server.cli.rehearse.acts import Shift
from server.cli.rehearse.fleet import FleetFault
from server.cli.rehearse.staff import StaffRefused
from server.cli.words import _
from server.db.sittings import Attempt

ITEMS = 100
COLLECTED_SECONDS = 20.0
ABREAST = 20
"""So many hand in at the same time, and again and again until all have."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to bench; `told` gets lines of progress."""

    shape: Shape
    told: Told


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of request of all seats; `cpu_ms` of program and database for each."""

    done: int
    errors: Mapping[str, int]
    cpu_ms: float
    rate: float
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Run:
    """Handing in and fetching the receipt; `cpu_ms`: of both together for each candidate."""

    submits: Part
    receipts: Part
    cpu_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(ShapedLine):
    """Ours and the floor. `submitted`: attempts that the store holds as handed in with a receipt;
    `marking_cpu_ms`: of marking all items of a candidate, 0 when it was refused.
    """

    items: int
    load: tuple[float, float]
    ours: Run
    floor: Run
    ratio_to_floor: float
    submitted: int
    marking_cpu_ms: float
    lost: int
    chain_errors: int

    @property
    def complete(self) -> bool:
        """Whether every candidate handed in, has a receipt, and nothing is missing."""
        return self.submitted == self.seats == self.ours.receipts.done and not (
            self.lost or self.chain_errors
        )

    def in_words(self) -> str:
        """The line for people."""
        return _(
            "%(done)d 人交卷，每人 %(ours).2f ms 处理器时间（下限 %(floor).2f ms），p99 %(p99).1f ms；"
            "阅卷每人 %(marking).2f ms。",
            done=self.submitted,
            ours=self.ours.cpu_ms,
            floor=self.floor.cpu_ms,
            p99=self.ours.submits.p99_ms,
            marking=self.marking_cpu_ms,
        )


def measured(order: Order) -> Found:
    """Both programs, one after the other in the same hall. Raises `FleetFault` and `StaffRefused`."""
    before, shape = load(), order.shape
    plan = {"race": "submits", "seconds": 0, "each": ITEMS, "abreast": ABREAST}
    with answering(shape, order.told) as stand:
        seats = stand.seats(shape.seats)
        with Driver(stand.hall, {**plan, "seats": seats}) as driver:
            ours = _run(driver, stand.hall.cpu_seconds)
            lines = driver.lines()
        tally, submitted = counted(stand.hall, lines), _submitted(stand)
        order.told(str(ours))
        marking = _marking(stand, order)
        with floor_beside(stand.hall, shape, seats) as floor, floor.driver(plan) as driver:
            beside = _run(driver, floor.cpu_seconds)
    return Found(
        **shape.facts(),
        items=ITEMS,
        load=(before, load()),
        ours=ours,
        floor=beside,
        ratio_to_floor=ratio(ours.cpu_ms, beside.cpu_ms),
        submitted=submitted,
        marking_cpu_ms=marking,
        lost=tally.lost,
        chain_errors=tally.chain_errors + tally.untold,
    )


def _run(driver: Driver, cpu_seconds: Callable[[], float]) -> Run:
    submits, receipts = (_part_of(*driver.race_costing(cpu_seconds)) for _step in ("submit", "receipt"))
    driver.race()  # it writes down what was acknowledged
    return Run(submits, receipts, round(submits.cpu_ms + receipts.cpu_ms, 3))


def _part_of(found: Mapping[str, Any], spent: float) -> Part:
    done = int(found["done"])
    if not done:
        raise FleetFault(f"driver: {found['errors']}")
    names = ("done", "errors", "p50_ms", "p99_ms", "max_ms")
    told = {name: found[name] for name in names}
    return Part(cpu_ms=round(1000 * spent / done, 3), rate=round(done / found["seconds"], 1), **told)


def _submitted(stand: Stand) -> int:
    sittings = [room.stage.room_sitting for room in stand.rooms]
    done = (Attempt.state == AttemptState.SUBMITTED) & Attempt.receipt.is_not(None)
    query = select(func.count()).where(Attempt.room_sitting_id.in_(sittings), done)
    with stand.hall.host.db.read() as session:
        return session.scalar(query) or 0


def _marking(stand: Stand, order: Order) -> float:
    """Milliseconds of processor time for each candidate; 0 when the rooms could not be ended."""
    spent = 0.0
    try:
        for shift in stand.shifts:
            shift.end()
            spent += _marked(stand, shift)
    except StaffRefused as refusal:
        order.told(str(refusal))
        return 0.0
    return round(1000 * spent / order.shape.seats, 3)


def _marked(stand: Stand, shift: Shift) -> float:
    """Processor seconds of the marking of a room, once the server has noticed that all is collected."""
    end = time.monotonic() + COLLECTED_SECONDS
    while True:
        began = stand.hall.cpu_seconds()
        try:
            shift.mark()
        except StaffRefused:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
        else:
            return stand.hall.cpu_seconds() - began
