"""Which demands cannot hold together: every row may be missed at a price, and the misses are made few.

The linear program starts from the units that the search was offered and fetches more of the pool by their
price until none would help, so what it proves holds for the whole pool, however large, in a fraction of a
second. Where fractions of items would do and only whole ones cannot, the same is asked of whole ones.
"""

import math

import numpy as np

from itembank.assembly_form import FormProgram, Label, Wanted
from itembank.assembly_model import Floats, Ints, Program, Solution
from itembank.assembly_rows import Flags, Offer
from itembank.assembly_shortage import Shortage, row_shortage

_EPSILON = 1e-5
_FETCHED = 400  # units fetched at a time
_ROUNDS = 30
_AVOIDED = 1e3  # times its price for a row that shall not be named
_WHOLE_GAP = 0.5  # relative: naming rows needs no proof of the least
_WHOLE_NODES = 5
_WHOLE_UNITS = 1_200  # judged at once


def clashes(form: FormProgram, offer: Offer, wanted: Wanted) -> tuple[tuple[Shortage, ...], Offer]:
    """The rows that one form must miss, as few as were found, and the offer with what was fetched for it.

    No row when fractions of the whole pool's items would miss none.
    """
    elastic = _Elastic(form, wanted)
    found = elastic.fetched(offer)
    missed = elastic.missed(found)
    return elastic.named(elastic.fewest(found, missed)) if missed.size else (), found.offer


def whole_clashes(form: FormProgram, offer: Offer, wanted: Wanted) -> tuple[Shortage, ...]:
    """The rows that whole items must miss where fractions need not, judged by a share of a large offer."""
    units = form.plan.units
    fixed = np.isin(offer.units, units.of_item[form.plan.fixed])
    step = -(-offer.width // _WHOLE_UNITS)
    kept = (np.arange(offer.width) % step == 0) | fixed | (units.sizes[offer.units] > 1)
    return _Elastic(form, wanted).whole(Offer.of(units, offer.units[kept]))


class _Found:
    """A solved program with its rows."""

    def __init__(
        self, offer: Offer, labels: list[Label], slack: tuple[Floats, Floats], prices: Floats
    ) -> None:
        self.offer = offer
        self.labels = labels
        self.lacking, self.beyond = slack
        self.prices = prices


class _Elastic:
    def __init__(self, form: FormProgram, wanted: Wanted) -> None:
        self._form = form
        self._wanted = wanted

    def fetched(self, offer: Offer) -> _Found:
        """The least misses over the whole pool; the offer grows by the units that lessen them."""
        units = self._form.plan.units
        found = self._solved(offer)
        for _ in range(_ROUNDS):
            gain = self._gain(found)
            gain[found.offer.units] = 0.0
            if self._wanted.barred is not None:
                gain[self._wanted.barred] = 0.0
            best = np.argsort(-gain, kind="stable")[:_FETCHED]
            best = best[gain[best] > _EPSILON]
            if not best.size or not self.missed(found).size:
                break
            found = self._solved(Offer.of(units, np.sort(np.concatenate([found.offer.units, best]))))
        return found

    def missed(self, found: _Found) -> Ints:
        """Numbers of the rows that are missed."""
        return np.flatnonzero(found.lacking + found.beyond > _EPSILON)

    def fewest(self, found: _Found, missed: Ints) -> _Found:
        """The same with as few rows missed as dropping them one by one finds, the least missed first."""
        amount = (found.lacking + found.beyond) * self._prices(found.labels, found.offer)
        avoided = np.zeros(len(found.labels), dtype=bool)
        avoided[np.setdiff1d(np.arange(len(avoided)), missed)] = True
        for row in missed[np.argsort(amount[missed], kind="stable")]:
            if avoided.sum() == len(avoided) - 1:
                break
            tried = avoided.copy()
            tried[row] = True
            other = self._solved(found.offer, tried)
            if not np.any((other.lacking + other.beyond)[tried] > _EPSILON):
                found, avoided = other, tried
        return found

    def whole(self, offer: Offer) -> tuple[Shortage, ...]:
        """The rows that whole items miss at least cost, as far as was searched."""
        return self.named(self._solved(offer, whole=True))

    def named(self, found: _Found) -> tuple[Shortage, ...]:
        """The missed rows in the words of a proof."""
        lacking, beyond = found.lacking, found.beyond
        return tuple(_named(found.labels[i], float(lacking[i]), float(beyond[i])) for i in self.missed(found))

    def _solved(self, offer: Offer, avoided: Flags | None = None, *, whole: bool = False) -> _Found:
        program, labels = self._form.build(offer, self._wanted, whole=whole)
        prices = self._prices(labels, offer)
        if avoided is not None:
            prices = np.where(avoided, prices * _AVOIDED, prices)
        below, above = program.elastic(prices)
        solution = _solve(program, whole=whole)
        if solution is None:
            nothing = np.zeros(len(labels))
            return _Found(offer, labels, (nothing, nothing), nothing)
        return _Found(offer, labels, (solution.values[below], solution.values[above]), solution.prices)

    def _prices(self, labels: list[Label], offer: Offer) -> Floats:
        """One item's worth of a row's sum costs the same in every row."""
        worth: dict[int, float] = {}
        for label in labels:
            family = label.family
            if family is not None and family.value is not None and id(family) not in worth:
                values = family.value[offer.items]
                worth[id(family)] = float(values[values > 0].mean()) if (values > 0).any() else 1.0
        return np.array([1.0 / worth.get(id(label.family), 1.0) for label in labels])

    def _gain(self, found: _Found) -> Floats:
        """By how much a whole unit more would lessen the misses, for every unit of the pool."""
        plan = self._form.plan
        gain = np.zeros(len(plan.uids))
        rows: dict[int, tuple[list[int], list[float]]] = {}
        for label, price in zip(found.labels, found.prices, strict=True):
            if label.shared is not None:
                gain[label.shared.items] += price
            elif price:
                numbers, prices = rows.setdefault(id(label.family), ([], []))
                numbers.append(label.row)
                prices.append(float(price))
        for family in self._form.families:
            if id(family) in rows:
                numbers, prices = rows[id(family)]
                by_group = np.zeros(len(family.of) + 1)  # the last for group -1
                by_group[numbers] = prices
                gain += by_group[family.group] * (1.0 if family.value is None else family.value)
        by_unit = np.bincount(plan.units.of_item, gain, minlength=len(plan.units.sizes))
        return by_unit.astype(np.float64)


def _solve(program: Program, *, whole: bool) -> Solution | None:
    return program.solve(gap=_WHOLE_GAP, nodes=_WHOLE_NODES) if whole else program.solve()


def _named(label: Label, lacking: float, beyond: float) -> Shortage:
    if label.shared is not None:
        shared = label.shared
        required = f"{shared.least}–{shared.most}" if shared.least != shared.most else str(shared.most)
        missing = math.ceil(lacking + beyond - _EPSILON)
        return Shortage("row", name="overlap", of=shared.name, required=required, missing=missing)
    assert label.family is not None
    family, row = label.family, label.row
    low, high = (float(end[row]) for end in family.inner())  # what the solver was held to
    got = low - lacking if lacking > beyond else high + beyond
    short = float(family.low[row]) - got if lacking > beyond else got - float(family.high[row])
    return row_shortage(family, row, short, got)
