"""What a standby still has to fetch, and whether what this server stores is protected. No files, no clock.

A store is shipped as files that each hold a run of its transactions, numbered from 1 without gaps. The same
transactions may lie in several files: each one alone (level 0), many merged into one (levels 1 to 8), and
everything up to a number (level 9, the whole store).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

SNAPSHOT_LEVEL = 9
PROTECTED_SECONDS = 2.0
"""A change that the standby has not confirmed after so long leaves the server unprotected.

Ten times what shipping takes on a quiet network (0.2 s), and about as long as a candidate who saw
"saved at the server" needs to answer the next question.
"""
SILENT_SECONDS = 3.0
"""A standby that asked for nothing for so long is away: it asks at least once a second."""
_NAME = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.ltx")


@dataclass(frozen=True, slots=True)
class Shipment:
    """A file with the transactions `first` to `last` of a store."""

    level: int
    first: int
    last: int

    @property
    def name(self) -> str:
        """Where it lies in the folder of its store."""
        return f"ltx/{self.level}/{self.first:016x}-{self.last:016x}.ltx"

    @classmethod
    def single(cls, number: int) -> "Shipment":
        """The file with one transaction alone."""
        return cls(0, number, number)

    @classmethod
    def of(cls, level: int, name: str) -> "Shipment | None":
        """The file of that name in a level; None for what is none (half written, another program's)."""
        found = _NAME.fullmatch(name)
        if found is None or not 0 <= level <= SNAPSHOT_LEVEL:
            return None
        first, last = (int(part, 16) for part in found.groups())
        return cls(level, first, last) if 1 <= first <= last else None


def next_shipments(found: Iterable[Shipment], have: int) -> list[Shipment]:
    """The files that lead on from transaction `have` (0: nothing yet), fewest first; [] when none does.

    A standby that has something takes no snapshot: it would have to begin anew.
    """
    usable = [one for one in found if one.level < SNAPSHOT_LEVEL or have == 0]
    chain: list[Shipment] = []
    while True:
        following = [one for one in usable if one.first <= have + 1 <= one.last]
        if not following:
            return chain
        best = max(following, key=lambda one: (one.last, -one.level))
        chain.append(best)
        have = best.last


@dataclass(frozen=True, slots=True)
class Protection:
    """Whether a second machine has what this server acknowledged.

    state: none (no standby is set up) | protected | unprotected. `lag_seconds`: how old the oldest change is
    that the standby lacks, or how long it has been silent; None when nobody knows. `since`: since when
    the state holds. `peer`: the standby's name.
    """

    state: str
    lag_seconds: float | None = None
    since: datetime | None = None
    peer: str = ""


def lag_of(pending: float, silent: float) -> float:
    """Seconds that a standby is behind.

    `pending`: age of the oldest change it lacks, 0 for none. `silent`: seconds since it asked last.
    """
    return max(pending, silent if silent > SILENT_SECONDS else 0.0)


def state_of(lag: float | None) -> str:
    """`protected` or `unprotected`."""
    return "protected" if lag is not None and lag <= PROTECTED_SECONDS else "unprotected"
