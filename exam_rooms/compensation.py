"""How much time a candidate lost through no fault of theirs, and how much of it may be given back (R26).

Evidence comes from two clocks: the server's (silences, covers) and the seat agent's own log. Nothing here
grants anything: it proposes, a chief decides. Times are aware datetimes on the server's clock.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from exam_rooms.clock import Pause, merged, without

LEAST = timedelta(seconds=10)
"""A shorter loss is no fault but a hiccup: not proposed."""


class Cause(StrEnum):
    """Why time was lost."""

    MACHINE_OFF = "machine_off"  # off, or started anew
    AGENT_OFF = "agent_off"
    PAGE_GONE = "page_gone"
    COVERED = "covered"  # the paper was covered for a breach that was none
    MOVED = "moved"  # the machine gave nothing until the candidate worked at another seat
    UNHEARD = "unheard"  # the seat stood on: that a pause or a cover was over reached it late
    WAITED = "waited"  # the seat's time had run out before anybody decided: until then it stood
    LINK = "link"  # no link, but the seat worked on: nothing was lost


class Clock(StrEnum):
    """Whose clock says it."""

    SERVER = "server"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Lost:
    """One piece of evidence. `answers`: records written meanwhile, which show that somebody could work."""

    cause: Cause
    clock: Clock
    since: datetime
    until: datetime
    answers: int = 0


@dataclass(frozen=True, slots=True)
class CreditRule:
    """Lost time is rounded up to whole steps; one candidate gets `most_minutes` at most."""

    step_seconds: int
    most_minutes: Decimal


@dataclass(frozen=True, slots=True)
class Case:
    """What bounds the proposals of one seat.

    From the start (`since`) to the seat's deadline (`until`), which bounds what a candidate can lose.
    `over_at`: the moment of asking, when it lies after that deadline and nobody had handed in; the time
    between is given on top, or what was lost would be over before it began. `closed`: the candidate had
    handed in or was ended. `pauses` were given back already, `decided` are intervals that were granted or
    declined; `granted` minutes count against the most.
    """

    since: datetime
    until: datetime
    closed: datetime | None = None
    pauses: tuple[Pause, ...] = ()
    decided: tuple[Pause, ...] = ()
    granted: Decimal = Decimal(0)
    over_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """An interval without work, what it is worth, and why. `bounded`: more was lost than may be given.

    `minutes` 0 with the cause LINK: the link was away and the candidate went on.
    """

    since: datetime
    until: datetime
    minutes: Decimal
    evidence: tuple[Lost, ...]
    bounded: bool = False

    @property
    def waited(self) -> bool:
        """Whether it only carries a loss beyond a deadline that has passed: none itself, never alone."""
        return bool(self.evidence) and self.evidence[0].cause is Cause.WAITED


def proposals(lost: Sequence[Lost], case: Case, rule: CreditRule) -> tuple[Proposal, ...]:
    """What to give back, in order of time; evidence that overlaps is one loss, counted once.

    Times in a pause, before the start, after the seat's time and in intervals decided before are left out.
    When that time has run out, what has passed since is added once, outside the bound: nobody can work in it.
    """
    found: list[Proposal] = []
    left = max(Decimal(0), rule.most_minutes - case.granted)
    for since, until in _open_time(lost, case):
        why = tuple(each for each in lost if each.cause is not Cause.LINK and _touch(each, since, until))
        worth = rounded_up(until - since, rule.step_seconds)
        minutes = min(worth, left)
        left -= minutes
        found.append(Proposal(since, until, minutes, why, bounded=minutes < worth))
    found += _waited(case, rule) if any(each.minutes for each in found) else []
    return tuple(sorted([*found, *_harmless(lost, found, case)], key=lambda each: (each.since, each.until)))


def _waited(case: Case, rule: CreditRule) -> list[Proposal]:
    """What has passed since the seat's deadline; a pause in it will move the new deadline by itself."""
    if case.over_at is None:
        return []
    found = []
    for part in without([Pause(case.until, case.over_at)], case.pauses):
        until = part.until or case.over_at
        why = (Lost(Cause.WAITED, Clock.SERVER, part.since, until),)
        found.append(Proposal(part.since, until, rounded_up(until - part.since, rule.step_seconds), why))
    return found


def rounded_up(lasted: timedelta, step_seconds: int) -> Decimal:
    """Minutes in whole steps, a begun step counting whole."""
    steps = -(-lasted // timedelta(seconds=step_seconds))
    return Decimal(steps * step_seconds) / 60


def _open_time(lost: Iterable[Lost], case: Case) -> list[tuple[datetime, datetime]]:
    """Disjoint intervals that nobody could work in and nobody has decided, not shorter than `LEAST`."""
    times = [
        Pause(max(each.since, case.since), min(each.until, case.until, case.closed or each.until))
        for each in lost
        if each.cause is not Cause.LINK and each.since < case.until
    ]
    rest = without(times, (*case.pauses, *case.decided))
    return [(each.since, each.until) for each in rest if each.until and each.until - each.since >= LEAST]


def _harmless(lost: Iterable[Lost], found: Sequence[Proposal], case: Case) -> list[Proposal]:
    """Silences of a seat that worked on: shown with 0 minutes, unless a loss explains them or was decided."""
    told = [Pause(each.since, each.until) for each in found]
    known = merged((*told, *case.decided))
    return [
        Proposal(each.since, each.until, Decimal(0), (each,))
        for each in lost
        if each.cause is Cause.LINK
        and each.until - each.since >= LEAST
        and each.since < case.until
        and not any(_touch(each, other.since, other.until or each.until) for other in known)
    ]


def _touch(each: Lost, since: datetime, until: datetime) -> bool:
    return each.since < until and since < each.until
