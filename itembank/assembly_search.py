"""Forms one after another, each a mixed-integer program that knows the forms before it."""

from collections.abc import Iterator

import numpy as np

from itembank.assembly_clash import clashes, whole_clashes
from itembank.assembly_form import FormProgram, Wanted
from itembank.assembly_model import INFINITY, Entries, Floats, Ints, Program
from itembank.assembly_rows import Flags, Offer, Plan, draws
from itembank.assembly_shortage import Shortage

COLUMN_LIMITS = (1_000, 4_000)  # units offered to the solver; the second when fewer do not suffice
SETS_OFFERED = (30, 120)  # stimulus sets among them
LEAST_SHARE = 3  # units that each stratum offers at least
GAP = 0.02  # relative; costs are random, so a proven optimum has no value of its own
USE_COST = 0.5  # per earlier paper of the item, counted up to USES_COUNTED
USES_COUNTED = 10
UNEQUAL_COST = 10.0  # per point by which a form is easier or harder than the first, beyond EQUAL_WITHIN
EQUAL_WITHIN = 0.5  # expected points


class FormSearch:
    """Keeps the forms found so far, by their number, and looks for the next one."""

    def __init__(self, plan: Plan, seed: int, attempt: int = 0) -> None:
        self.plan = plan
        self._program = FormProgram(plan)
        self.families = self._program.families
        self.used = np.zeros(len(plan.uids), dtype=np.int64)
        self.forms: dict[int, Ints] = {}
        self.objective = self.bound = 0.0
        self.clash: tuple[Shortage, ...] = ()
        self._seed = seed
        self._attempt = str(attempt)  # another try draws other numbers

    def extend(self, number: int, name: str, wanted: Wanted) -> bool:
        """Find one more form; False when none was found, `clash` then names the rows that cannot hold."""
        for offer in self._offers(name, wanted):
            form = self._solve(name, offer, wanted)
            if form is not None:
                self.forms[number] = form
                self.used[form] += 1
                return True
        return False

    def _offers(self, name: str, wanted: Wanted) -> Iterator[Offer]:
        """A thin offer; should it fail, a wider one with what fractions of the whole pool would take."""
        offer = self.offer(name, wanted, 0)
        yield offer
        self.clash, fetched = clashes(self._program, offer, wanted)
        if self.clash:
            return
        if offer.width < self._usable(wanted):
            more = np.union1d(fetched.units, self.offer(name, wanted, 1).units)
            yield Offer.of(self.plan.units, more)
        self.clash = whole_clashes(self._program, offer, wanted)

    def offer(self, name: str, wanted: Wanted, step: int) -> Offer:
        """About `COLUMN_LIMITS[step]` units: from each stratum the same number, least used first."""
        plan = self.plan
        open_units = np.ones(len(plan.units.sizes), dtype=bool) if wanted.barred is None else ~wanted.barred
        if int(open_units.sum()) <= COLUMN_LIMITS[step]:
            return Offer.of(plan.units, np.flatnonzero(open_units))
        rank = self._rank(name, wanted, open_units)
        is_set = plan.units.sizes > 1
        most = _largest_share(np.bincount(plan.stratum[plan.units.heads[open_units & ~is_set]]), step)
        kept = open_units & np.where(is_set, rank < SETS_OFFERED[step], rank < most)
        kept[plan.units.of_item[plan.fixed]] = True
        return Offer.of(plan.units, np.flatnonzero(kept))

    def _solve(self, name: str, offer: Offer, wanted: Wanted) -> Ints | None:
        program, _labels = self._program.build(offer, wanted, self._costs(name, offer, wanted))
        self._equal(program, offer)
        solution = program.solve(gap=GAP, seed=self._seed)
        if solution is None:
            return None
        form = np.sort(offer.items[solution.values[offer.column] > 0.5])
        if not all(family.met_by(form) for family in self.families if family.binding):
            return None  # the solver's arithmetic is not the proof's
        self.objective += solution.objective
        self.bound += solution.bound
        return form

    def _equal(self, program: Program, offer: Offer) -> None:
        """A wish: as hard as the first form, by expected points."""
        score = self.plan.score
        if score is None or not self.forms:
            return
        target = float(score[next(iter(self.forms.values()))].sum())
        values = np.bincount(offer.column, score[offer.items], minlength=offer.width)
        slack = program.columns([UNEQUAL_COST, UNEQUAL_COST], INFINITY)
        columns = np.concatenate([np.arange(offer.width), slack])
        entries = Entries(np.zeros(len(columns), dtype=np.int64), columns, np.append(values, [1.0, -1.0]))
        program.rows(target - EQUAL_WITHIN, target + EQUAL_WITHIN, entries)

    def _item_costs(self, wanted: Wanted) -> Floats:
        return wanted.pressure + USE_COST * np.minimum(self.plan.uses, USES_COUNTED)

    def _costs(self, name: str, offer: Offer, wanted: Wanted) -> Floats:
        units = self.plan.units
        costs = np.bincount(offer.column, self._item_costs(wanted)[offer.items], minlength=offer.width)
        drawn = draws(self._seed, len(units.sizes), "cost", self._attempt, name)[offer.units]
        return np.asarray(costs + drawn * units.sizes[offer.units], dtype=np.float64)

    def _rank(self, name: str, wanted: Wanted, open_units: Flags) -> Ints:
        """Each open unit's place in its stratum (sets: among all sets), least used first."""
        plan, units = self.plan, self.plan.units
        pressure = np.bincount(units.of_item, wanted.pressure) / units.sizes
        uses = np.bincount(units.of_item, plan.uses) / units.sizes
        drawn = draws(self._seed, len(units.sizes), "offer", self._attempt, name)
        stratum = np.where(units.sizes > 1, -1, plan.stratum[units.heads])
        order = np.lexsort((drawn, uses, pressure, stratum, ~open_units))
        rank = np.empty(len(order), dtype=np.int64)
        rank[order] = _running(stratum[order])
        return rank

    def _usable(self, wanted: Wanted) -> int:
        units = len(self.plan.units.sizes)
        return units if wanted.barred is None else units - int(wanted.barred.sum())


def _running(sorted_groups: Ints) -> Ints:
    """0, 1, 2 … within each run of equal values."""
    starts = np.flatnonzero(np.append(True, sorted_groups[1:] != sorted_groups[:-1]))
    lengths = np.diff(np.append(starts, len(sorted_groups)))
    return np.arange(len(sorted_groups)) - np.repeat(starts, lengths)


def _largest_share(sizes: Ints, step: int) -> int:
    """The largest m with sum(min(m, size)) within the limit, at least `LEAST_SHARE` times the step."""
    low: int = LEAST_SHARE * 3**step
    high = int(sizes.max(initial=1))
    while low < high:
        middle = -(-(low + high) // 2)
        if int(np.minimum(sizes, middle).sum()) <= COLUMN_LIMITS[step]:
            low = middle
        else:
            high = middle - 1
    return low
