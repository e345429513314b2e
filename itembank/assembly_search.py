"""Forms one after another, each a mixed-integer program that knows the forms before it."""

import hashlib
import hmac
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from itembank.assembly_model import INFINITY, Program
from itembank.assembly_pool import Cell, Pool, PoolItem

COLUMN_LIMITS = (1_000, 4_000, 16_000)  # items offered to the solver; the next only when fewer do not suffice
GAP = 0.02  # relative; costs are random, so a proven optimum has no value of its own
REUSE_COST = 5.0  # an item used k times in this assembly costs k * k of these more
USE_COST = 0.5  # per earlier paper of the item, counted up to USES_COUNTED
USES_COUNTED = 10
CROWD_COST = 20.0  # of the first item of one point beyond the wished most; the second costs two of these ...
CROWD_STEPS = 8  # ... and from here on the cost stays the same
_RANDOM_BITS = 53


@dataclass(frozen=True, slots=True)
class Limits:
    """What binds forms to each other: every pair shares `common_low` to `common_high` items."""

    common_low: int
    common_high: int
    per_point: int


def keyed_number(seed: int, *parts: str) -> float:
    """A number in [0, 1) that looks random without the seed and is the same on every machine with it."""
    digest = hmac.digest(str(seed).encode(), "|".join(parts).encode(), hashlib.sha256)
    return (int.from_bytes(digest[:8], "big") >> (64 - _RANDOM_BITS)) / 2.0**_RANDOM_BITS


class FormSearch:
    """Keeps the forms found so far and looks for the next one."""

    def __init__(self, pool: Pool, limits: Limits, seed: int, attempt: int = 0) -> None:
        self._pool = pool
        self._limits = limits
        self._seed = seed
        self._attempt = str(attempt)  # another try draws other numbers
        self._used: Counter[str] = Counter()
        self.forms: list[frozenset[str]] = []

    def extend(self, letter: str) -> bool:
        """Find one more form; False when none exists within the limits."""
        for limit in COLUMN_LIMITS:
            offered = self._offer(letter, limit)
            form = self._solve(letter, offered)
            if form is not None:
                self.forms.append(form)
                self._used.update(form)
                return True
            if len(offered) == len(self._pool.items):
                return False
        return False

    def _offer(self, letter: str, limit: int) -> list[PoolItem]:
        """At most about `limit` items: from each cell the same number, least used first."""
        if len(self._pool.items) <= limit:
            return list(self._pool.items)
        by_cell: dict[Cell, list[PoolItem]] = defaultdict(list)
        for item in self._pool.items:
            by_cell[self._pool.cells[item.uid]].append(item)
        most = _largest_share([len(items) for items in by_cell.values()], limit)
        offered = []
        for items in by_cell.values():
            offered += sorted(items, key=lambda item: self._rank(letter, item))[:most]
        return sorted(offered, key=lambda item: item.uid)

    def _rank(self, letter: str, item: PoolItem) -> tuple[int, int, float]:
        return self._used[item.uid], item.uses, self._draw("offer", letter, item.uid)

    def _cost(self, letter: str, item: PoolItem) -> float:
        reuse = REUSE_COST * self._used[item.uid] ** 2
        earlier = USE_COST * min(item.uses, USES_COUNTED)
        return reuse + earlier + self._draw("cost", letter, item.uid)

    def _draw(self, purpose: str, letter: str, uid: str) -> float:
        return keyed_number(self._seed, purpose, self._attempt, letter, uid)

    def _solve(self, letter: str, offered: Sequence[PoolItem]) -> frozenset[str] | None:
        program = Program()
        columns = {item.uid: program.column(self._cost(letter, item), whole=True) for item in offered}
        for demand in self._pool.demands:
            matching = (uid for uid in columns if self._pool.cells[uid].counts_for(demand))
            program.row(demand.low, demand.high, [(columns[uid], 1.0) for uid in matching])
        for form in self.forms:
            shared = [(column, 1.0) for uid, column in columns.items() if uid in form]
            program.row(self._limits.common_low, self._limits.common_high, shared)
        self._point_rows(program, offered, columns)
        solution = program.solve(gap=GAP, seed=self._seed)
        if solution is None:
            return None
        return frozenset(uid for uid, column in columns.items() if solution.values[column] > 0.5)

    def _point_rows(self, program: Program, offered: Iterable[PoolItem], columns: dict[str, int]) -> None:
        by_point: dict[str, list[int]] = defaultdict(list)
        for item in offered:
            by_point[item.point].append(columns[item.uid])
        for members in by_point.values():
            excess = len(members) - self._limits.per_point
            steps = range(1, min(excess, CROWD_STEPS) + 1)
            beyond = [
                (program.column(CROWD_COST * step, 1.0 if step < CROWD_STEPS else INFINITY), -1.0)
                for step in steps
            ]
            if beyond:
                entries = [(column, 1.0) for column in members]
                program.row(-INFINITY, self._limits.per_point, [*entries, *beyond])


def _largest_share(sizes: Sequence[int], limit: int) -> int:
    """The largest m with sum(min(m, size)) <= limit, at least 3."""
    low, high = 3, max(sizes, default=3)
    while low < high:
        middle = math.ceil((low + high) / 2)
        if sum(min(middle, size) for size in sizes) <= limit:
            low = middle
        else:
            high = middle - 1
    return low
