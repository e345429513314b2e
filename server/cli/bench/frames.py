"""What a picture costs the server, and whether answers wait behind pictures.

The same saves three times: alone, beside pictures at an exam's pace, and beside as many pictures as the
server takes. The pictures are announced in the store and come by the agents' route. Beside it the floor,
which hashes each picture and makes a durable file of it, under the second load.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from server.cli.bench.figures import ratio
from server.cli.bench.floors import floor_beside
from server.cli.bench.pictures import SIZE, name_of
from server.cli.bench.saves import Run, run_of
from server.cli.bench.shape import Shape, ShapedLine
from server.cli.bench.stand import Driver, Stand, Told, answering, counted, load
from server.cli.rehearse.count import Line
from server.cli.words import _
from server.db.sittings import Attempt
from server.db.watching import EvidenceFrame

ALONE, BESIDE, FLOOD = "alone", "beside", "flood"
FASTEST = 1500
"""Pictures a second prepared for the flood: no server here is faster."""
FLOOD_LINES = 50
KEEP_DAYS = 1
Numbers = dict[int, list[int]]


@dataclass(frozen=True, slots=True)
class Order:
    """What to bench: answers and pictures a second over all seats."""

    shape: Shape
    rate: float
    frames_rate: float
    seconds: float
    told: Told


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures that were taken; `cpu_ms`: for each, beyond what the saves alone cost in the same time."""

    done: int
    errors: Mapping[str, int]
    rate: float
    cpu_ms: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Phase:
    """Saves and what came beside them; a save is taken to cost then what it costs alone."""

    saves: Run
    pictures: Pictures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(ShapedLine):
    """Three phases of ours, one of the floor. `stored`: pictures the store holds, of `sent` acknowledged."""

    picture_bytes: int
    load: tuple[float, float]
    ours: Mapping[str, Phase]
    floor: Phase
    ratio_to_floor: float
    sent: int
    stored: int
    lost: int
    chain_errors: int

    @property
    def complete(self) -> bool:
        """Whether no save failed, no record is lost and every acknowledged picture is there."""
        failed = any(phase.saves.errors for phase in self.ours.values())
        return not (failed or self.lost or self.chain_errors) and self.stored == self.sent

    def in_words(self) -> str:
        """The line for people."""
        beside, flood = self.ours[BESIDE], self.ours[FLOOD]
        return _(
            "每幅图片 %(cpu).2f ms 处理器时间；保存答案 p99：单独 %(alone).1f ms，有图片时 %(beside).1f ms，"
            "图片涌入时 %(flood).1f ms（提示 %(hint)d）。",
            cpu=beside.pictures.cpu_ms if beside.pictures else 0.0,
            alone=self.ours[ALONE].saves.p99_ms,
            beside=beside.saves.p99_ms,
            flood=flood.saves.p99_ms,
            hint=flood.saves.hint,
        )


def measured(order: Order) -> Found:
    """All phases in one hall. Raises `FleetFault` and `StaffRefused`."""
    before, shape = load(), order.shape
    with answering(shape, order.told) as stand:
        seats, announced = stand.seats(shape.seats), _Announced(stand)
        ours: dict[str, Phase] = {}
        lines: list[Line] = []
        for name in (ALONE, BESIDE, FLOOD):
            plan = _plan(order, name, announced.more(order, name)) | {"seats": seats}
            with Driver(stand.hall, plan) as driver:
                ours[name] = _raced(driver, stand.hall.cpu_seconds, ours.get(ALONE))
                lines += driver.lines()
            order.told(f"{name}: {ours[name]}")
        tally, stored = counted(stand.hall, lines), announced.stored()
        floor = _floor(stand, order, seats)
    return Found(
        **shape.facts(),
        picture_bytes=SIZE,
        load=(before, load()),
        ours=ours,
        floor=floor,
        ratio_to_floor=_ratio(ours[BESIDE], floor),
        sent=sum(phase.pictures.done for phase in ours.values() if phase.pictures),
        stored=stored,
        lost=tally.lost,
        chain_errors=tally.chain_errors + tally.untold,
    )


def _floor(stand: Stand, order: Order, seats: Sequence[Mapping[str, Any]]) -> Phase:
    alone: Phase | None = None
    with floor_beside(stand.hall, order.shape, seats) as floor:
        for journal, name in enumerate((ALONE, BESIDE), 1):
            numbers = _numbers(order, name, [seat["workstation"] for seat in seats], 0)
            with floor.driver(_plan(order, name, numbers), journal) as driver:
                phase = _raced(driver, floor.cpu_seconds, alone)
            alone = phase
    return phase


def _ratio(ours: Phase, floor: Phase) -> float:
    if ours.pictures is None or floor.pictures is None:
        return 0.0
    return ratio(ours.pictures.cpu_ms, floor.pictures.cpu_ms)


def _plan(order: Order, name: str, numbers: Numbers) -> dict[str, Any]:
    each = int(order.rate * order.seconds / order.shape.seats) + 2
    return {
        "race": "frames",
        "seconds": order.seconds,
        "rate": order.rate,
        "burst_pause": None,
        "each": each,
        "pictures": numbers,
        "frames_rate": order.frames_rate if name == BESIDE else 0.0,
    }


def _numbers(order: Order, name: str, stations: Sequence[int], first: int) -> Numbers:
    """Workstation -> its pictures: of all seats at a pace, of some in a closed loop for the flood."""
    if name == ALONE:
        return {}
    rate = order.frames_rate if name == BESIDE else FASTEST
    senders = stations if name == BESIDE else stations[:FLOOD_LINES]
    each = int(rate * order.seconds / len(senders)) + 2
    return {
        number: list(range(first + place * each, first + (place + 1) * each))
        for place, number in enumerate(senders)
    }


def _raced(driver: Driver, cpu_seconds: Callable[[], float], alone: Phase | None) -> Phase:
    found, spent = driver.race_costing(cpu_seconds)
    saves = run_of(found, spent)
    told = found.get("frames")
    if told is None or alone is None:
        return Phase(saves, None)
    mine = replace(saves, cpu_ms=alone.saves.cpu_ms)
    more = spent - saves.saves * alone.saves.cpu_ms / 1000
    pictures = Pictures(
        done=told["done"],
        errors=told["errors"],
        rate=round(told["done"] / found["seconds"], 1),
        cpu_ms=round(1000 * more / max(1, told["done"]), 3),
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
    )
    return Phase(mine, pictures)


class _Announced:
    """The pictures that the store expects, as announcements of alerts leave them."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self._made = 0
        stand.hall.host.db.write(self._agreed)

    def _agreed(self, session: Session) -> None:
        attempts = list(self._stand.attempts.values())
        session.execute(update(Attempt).where(Attempt.id.in_(attempts)).values(face_consent=True))

    def more(self, order: Order, name: str) -> Numbers:
        """Expects what a phase will send."""
        found = _numbers(order, name, list(self._stand.attempts), self._made)
        self._made += sum(map(len, found.values()))
        self._stand.hall.host.db.write(self._noted, found, self._stand.hall.host.now())
        return found

    def _noted(self, session: Session, numbers: Numbers, now: datetime) -> None:
        homes = {attempt.id: attempt for attempt in session.scalars(select(Attempt))}
        for station, wanted in numbers.items():
            attempt = homes[self._stand.attempts[station]]
            for number in wanted:
                session.add(
                    EvidenceFrame(
                        room_sitting_id=attempt.room_sitting_id,
                        attempt_id=attempt.id,
                        seat_id=attempt.seat_id,
                        workstation_id=station,
                        purpose="alert",
                        moment="at",
                        sha256=name_of(number),
                        size=SIZE,
                        taken_at=now,
                        announced_at=now,
                        keep_until=now + timedelta(days=KEEP_DAYS),
                    )
                )

    def stored(self) -> int:
        """How many pictures the store holds."""
        query = select(func.count()).where(EvidenceFrame.stored_at.is_not(None), EvidenceFrame.file != "")
        with self._stand.hall.host.db.read() as session:
            return session.scalar(query) or 0
