"""When the seats' reports suffice for a takeover, and what a takeover excuses. No clock, no store."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

VOTE_SECONDS = 10.0
"""A report counts for so long: a seat that means it repeats it every two seconds or so."""
LEAST_SEATS = 2
"""One seat alone never decides: its own cable is the likelier fault."""


@dataclass(slots=True)
class Votes:
    """Reports by workstation, each at its newest moment (seconds of any steady clock)."""

    _said: dict[int, float] = field(default_factory=dict)

    def gone(self, workstation: int, now: float) -> None:
        """This seat does not reach the server."""
        self._said[workstation] = now

    def count(self, electorate: Collection[int], now: float) -> int:
        """How many of the paired workstations of running rooms said so lately, each once."""
        return sum(1 for one in electorate if now - self._said.get(one, float("-inf")) <= VOTE_SECONDS)

    def carried(self, electorate: Collection[int], now: float) -> bool:
        """Whether at least half of them did."""
        found = self.count(electorate, now)
        return found >= LEAST_SEATS and 2 * found >= len(electorate)


ACKNOWLEDGING = timedelta(seconds=5)
"""A server may have acknowledged answers for so long after the last sign of life in its main store."""
_MOMENT = timedelta(milliseconds=1)


def unshipped(
    taken_until: datetime, last_sign: datetime, longest: timedelta, now: datetime
) -> tuple[datetime, datetime] | None:
    """The gap that stands for answers which the server before had and its copy may lack.

    The two stores are shipped each for itself: the main one may know that an attempt is over while the
    answers of its last moments are missing, and come again when it is late. A link gap (its two ends) that
    ends where answers stopped to count excuses what was written within `longest` before it; it lasts a
    moment, so that nothing counts as lost time. None: the attempt was over by more than that before the last
    sign of life, and its answers have long been shipped or people decide.
    """
    end = min(taken_until, last_sign + ACKNOWLEDGING, now)
    return None if end < last_sign - longest else (end - _MOMENT, end)
