"""Which markers get which scripts: by a stored seed, loads even, nobody twice and nobody who stands back."""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wanting:
    """A script that needs `count` more markers. `barred`: who had it, or stands back for its author."""

    script: int
    count: int
    barred: frozenset[int]


def allot(
    wanting: Sequence[Wanting], markers: Collection[int], loads: Mapping[int, int], seed: str
) -> tuple[dict[int, tuple[int, ...]], tuple[int, ...]]:
    """(markers by script, scripts for which too few people are left).

    Scripts are given out in an order of the seed, each to those who have fewest by then; so loads of people
    who may mark everything differ by one at most. A script is given to all it needs or to nobody.
    """
    given: dict[int, tuple[int, ...]] = {}
    short: list[int] = []
    carried = Counter({marker: loads.get(marker, 0) for marker in markers})
    for one in sorted(wanting, key=lambda each: _key(seed, each.script, 0)):
        free = [marker for marker in markers if marker not in one.barred]
        if len(free) < one.count:
            short.append(one.script)
            continue
        free.sort(key=lambda marker: (carried[marker], _key(seed, one.script, marker)))
        given[one.script] = tuple(free[: one.count])
        carried.update(given[one.script])
    return given, tuple(sorted(short))


def _key(seed: str, script: int, marker: int) -> bytes:
    return hashlib.sha256(f"{seed}/{script}/{marker}".encode()).digest()
