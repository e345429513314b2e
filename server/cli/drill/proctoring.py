"""`drill proctoring`: staged sequences before real agents and a real server, counted alert by alert."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from proctoring.frames import Frame
from proctoring.models import places, usable, verify
from server.cli.drill.scenes import Pictures, Staging, sequences
from server.cli.drill.watched_room import Decided, Recorded, Shown, WatchedRoom, watched_room, watching_terms
from server.cli.rehearse.cameras import Person
from server.cli.rehearse.watch import percentile
from server.cli.words import _

SHARES = {"p50": 0.5, "p99": 0.99, "max": 1.0}
NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Order:
    """What to drill. `only`: names of sequences, all when empty; `quiet_looks`: looks of the quiet one, of
    both seats together; `nobody`: pictures of empty places; `models`: folder of installed networks; `told`
    gets lines of progress.
    """

    people: Sequence[Person]
    told: Callable[[str], None]
    nobody: Sequence[Frame] = ()
    seed: int = 1
    only: tuple[str, ...] = ()
    quiet_looks: int = 1800
    models: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """One sequence. Episodes read "KIND@seat"; `missed`: expected and not raised; `extra`: raised and not
    expected; `unavailable`: missing models without which the expected could not be raised; `late`: decided at
    a seat, and not on the record and the monitor in time.
    """

    name: str
    seats: tuple[str, ...]
    looks: int
    expected: tuple[str, ...]
    raised: tuple[str, ...]
    missed: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()
    late: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether it raised exactly what it should; never without the models that it needs."""
        return not (self.missed or self.extra or self.unavailable or self.late)


@dataclass(frozen=True, slots=True)
class Report:
    """What a drill found. `delay_ms`: from the look that decided on an alert to its line on the monitor, of
    `delays` alerts.
    """

    seats: tuple[str, ...]
    sequences: tuple[Outcome, ...]
    delay_ms: dict[str, float]
    delays: int
    looks: int
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether nothing was missed, nothing came in excess, and all of it was told."""
        return not any(each.missed or each.extra or each.late for each in self.sequences)

    def to_json(self) -> dict[str, Any]:
        """The line that the command prints."""
        rows = [asdict(each) | {"passed": each.passed} for each in self.sequences]
        missing = sorted({purpose for each in self.sequences for purpose in each.unavailable})
        names = ("expected", "raised", "extra", "missed", "late")
        counts = {name: sum(len(row[name]) for row in rows) for name in names}
        return {
            "sequences": rows,
            **counts,
            "passed": sum(each.passed for each in self.sequences),
            "unavailable": missing,
            "seats": self.seats,
            "delay_ms": self.delay_ms,
            "delays": self.delays,
            "looks": self.looks,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Came:
    """What came of one round: by seat, on the record, and what was decided and did not arrive in time."""

    shown: Mapping[int, Shown]
    fresh: tuple[Recorded, ...]
    late: tuple[Decided, ...]


def drilled(order: Order) -> Report:
    """Plays every sequence. Raises `DrillStuck`, `FleetFault`, `StaffRefused`."""
    began = time.monotonic()
    rules = watching_terms().watching
    assert rules is not None  # the national profile has them
    wanted = [
        each for each in sequences(rules, order.quiet_looks) if not order.only or each.name in order.only
    ]
    there = usable(verify(places(order.models)))
    delays: list[float] = []
    outcomes = []
    with watched_room(
        Pictures(order.people, order.seed, order.nobody), str(order.seed), order.models
    ) as room:
        for together in rounds(wanted):
            found, taken = _played(room, together, there)
            outcomes += found
            delays += taken
            for outcome in found:
                order.told(_line(outcome))
        seats = room.seats
    ordered = sorted(delays)
    return Report(
        seats=seats,
        sequences=tuple(outcomes),
        delay_ms={name: percentile(ordered, share) for name, share in SHARES.items()},
        delays=len(ordered),
        looks=sum(each.looks for each in outcomes),
        seconds=round(time.monotonic() - began, 1),
    )


def rounds(wanted: Sequence[Staging]) -> list[list[Staging]]:
    """Sequences that may be played at the same time, since each has seats of its own; in order otherwise."""
    found: list[list[Staging]] = []
    for each in wanted:
        free = (one for one in found if all(set(each.plays).isdisjoint(other.plays) for other in one))
        together = next(free, None)
        if together is None:
            found.append([each])
        else:
            together.append(each)
    return found


def _played(
    room: WatchedRoom, together: Sequence[Staging], there: frozenset[str]
) -> tuple[list[Outcome], list[float]]:
    """Sequences of one round, from the first scene to the last line; the delays of the alerts (ms)."""
    known = set(room.recorded())
    shown = room.show({place: play for each in together for place, play in each.plays.items()})
    decided = [each for one in shown.values() for each in one.decided]
    late = room.await_arrival(decided)
    fresh = {name: row for name, row in room.recorded().items() if name not in known}
    delays = []
    for each in decided:
        row = fresh.get(each.episode)
        heard = None if row is None else room.ear.when(row.incident)
        if heard is not None:
            delays.append((heard - each.at_ns) / NS_PER_MS)
    room.settle()
    came = Came(shown, tuple(fresh.values()), tuple(late))
    return [_judged(room.seats, staging, came, there) for staging in together], delays


def _judged(seats: Sequence[str], staging: Staging, came: "Came", there: frozenset[str]) -> Outcome:
    mine = tuple(seats[place] for place in staging.plays)
    lacking = tuple(purpose for purpose in staging.needs if purpose not in there)
    expected = sorted(_word(str(kind), seats[place]) for place, kind in staging.expected.items())
    raised = sorted(_word(row.kind, row.seat) for row in came.fresh if row.seat in mine)
    extra, missed = list(raised), []
    for each in expected:
        if each in extra:
            extra.remove(each)
        elif not lacking:
            missed.append(each)
    return Outcome(
        name=staging.name,
        seats=mine,
        looks=sum(came.shown[place].looks for place in staging.plays),
        expected=tuple(expected),
        raised=tuple(raised),
        missed=tuple(missed),
        extra=tuple(extra),
        unavailable=lacking,
        late=tuple(_word(each.kind, each.seat) for each in came.late if each.seat in mine),
    )


def _word(kind: str, seat: str) -> str:
    return f"{kind}@{seat}"


def _line(outcome: Outcome) -> str:
    """A line of progress."""
    if outcome.passed:
        verdict = _("符合")
    elif outcome.missed or outcome.extra or outcome.late:
        verdict = _("不符合")
    else:
        verdict = _("缺少模型：%(names)s", names="、".join(outcome.unavailable))
    raised = "、".join(outcome.raised) or "—"
    return _("%(name)s：%(raised)s，%(verdict)s", name=outcome.name, raised=raised, verdict=verdict)
