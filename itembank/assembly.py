"""From a blueprint and a pool to forms, or the exact reason why not.

Each form is a mixed-integer program: every demand is a row, costs are random numbers keyed by the seed
(unpredictable without it, repeatable with it), used items cost more, two forms share a bounded number of
items, and neighbouring seats none where the pool allows. Every form is then counted again, independently of
the solver, and that count is the proof shown to people. Blueprints and plain tables both come here as rows.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from itembank.assembly_form import Shared, Wanted
from itembank.assembly_model import Ints
from itembank.assembly_pool import Choice, PoolItem, plan_of
from itembank.assembly_proof import Constraint, overlap_line, prove
from itembank.assembly_rows import ROUND, Plan, draws, form_name
from itembank.assembly_search import FormSearch
from itembank.assembly_seats import SeatPlan, barred_beside, closest_group, dealt_sets, wanted_at
from itembank.assembly_shortage import (
    Shortage,
    least_mean_overlap,
    overlap_shortages,
    supply_shortages,
)
from itembank.blueprint import Blueprint

FORMS_LIMIT = 120
REUSE_COST = 5.0  # an item used k times in this assembly costs k * k of these more
FEW_SHARED = 0.1  # of the paper: the overlap first tried where no bound is asked for
# Shares of the unavoidable overlap that every pair is asked to carry, one try after another.
_EVEN_SPREADS = (1.0, 0.95, 0.85, 0.7, 0.0)
_LOOSE_SPREADS = (0.0, 0.0, 0.85)
_TIGHT = 0.5  # unavoidable overlap as a share of the allowed from which it must be spread evenly
_EXTRAS = (1, 2, 4, 8, 16, 32)  # items by which the overlap is eased to find out what would work
_TRIES = 6  # forms searched per form wanted, all tries together: keeps a failure from lasting for ever

__all__ = [
    "FORMS_LIMIT",
    "Assembly",
    "Constraint",
    "PoolItem",
    "Rules",
    "Shortage",
    "assemble",
    "assemble_plan",
    "form_name",
]

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """What binds the forms of one assembly.

    `forms` counts all of them; the last `spares` are kept in reserve. `max_overlap` is the most items that
    any two forms share; None asks for as few as can be. With `seats` ([x, y] in seats, one a form that is no
    spare) it binds neighbours only, forms of neighbouring seats share as little as possible. `per_point_max`
    is a wish, kept wherever the pool allows it; where it does not, the proof says so. `fixed` items stand in
    every form, `forbidden` ones in none, at most `recent_max` recent ones in each.
    """

    forms: int
    max_overlap: int | None
    per_point_max: int = 1
    fixed: frozenset[str] = field(default_factory=frozenset)
    forbidden: frozenset[str] = field(default_factory=frozenset)
    recent_max: int | None = None
    seats: tuple[tuple[float, float], ...] = ()
    spares: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers outside 1..120 forms, negative limits and seats that are not one a form."""
        limits = [x for x in (self.max_overlap, self.recent_max) if x is not None]
        if not 1 <= self.forms <= FORMS_LIMIT or min(limits, default=0) < 0 or self.per_point_max < 1:
            raise ValueError("rules out of range")
        if not 0 <= self.spares < self.forms or self.fixed & self.forbidden:
            raise ValueError("rules out of range")
        if self.seats and len(self.seats) != self.forms - self.spares:
            raise ValueError("seats out of range: one a form that is no spare")


@dataclass(frozen=True, slots=True)
class Assembly:
    """Forms as item uids in the order of the paper, with a proof each; or no form and the shortages.

    `spares` names the forms in reserve. `objective` is the cost of all forms, `bound` what it could not
    have been below, both without a unit.
    """

    seed: int
    forms: tuple[tuple[str, ...], ...] = ()
    proof: tuple[tuple[Constraint, ...], ...] = ()
    shortages: tuple[Shortage, ...] = ()
    spares: tuple[str, ...] = ()
    objective: float = 0.0
    bound: float = 0.0

    @property
    def letters(self) -> tuple[str, ...]:
        """The names of the forms, "A" first."""
        return tuple(map(form_name, range(len(self.forms))))

    def to_json(self) -> dict[str, object]:
        """Plain values for a job's answer or a stored record."""
        return {
            "seed": str(self.seed),  # text: seeds may exceed what JavaScript counts exactly
            "status": "met" if self.forms else "infeasible",
            "forms": [list(form) for form in self.forms],
            "spares": list(self.spares),
            "proof": [[constraint.to_json() for constraint in lines] for lines in self.proof],
            "shortages": [shortage.to_json() for shortage in self.shortages],
            "objective": self.objective,
            "bound": self.bound,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Assembly":
        """The inverse of `to_json`."""
        return cls(
            int(data["seed"]),
            tuple(tuple(map(str, form)) for form in data["forms"]),
            tuple(tuple(map(Constraint.from_json, lines)) for lines in data["proof"]),
            tuple(map(Shortage.from_json, data["shortages"])),
            tuple(map(str, data.get("spares", ()))),
            float(data.get("objective", 0)),
            float(data.get("bound", 0)),
        )


def assemble(
    blueprint: Blueprint,
    pool: Iterable[PoolItem],
    rules: Rules,
    seed: int,
    report: Progress = lambda _share: None,
) -> Assembly:
    """Forms that meet the blueprint and the rules, or named shortages.

    The same seed and pool give the same forms, whatever the order of the pool. Run it in a child process: a
    large pool takes seconds of CPU, a room of sixty seats a minute. `report` hears the share done.
    """
    choice = Choice(rules.per_point_max, rules.recent_max, rules.fixed, rules.forbidden)
    return assemble_plan(plan_of(blueprint, pool, choice), rules, seed, report)


def assemble_plan(plan: Plan, rules: Rules, seed: int, report: Progress = lambda _share: None) -> Assembly:
    """The same for rows that already are a plan; of the rules only forms, overlap, seats and spares count."""
    missing = tuple(Shortage("stray", of=uid) for uid in plan.stray) or supply_shortages(plan)
    if not missing:
        missing = _overlaps(plan, rules)
    found = missing or _Run(plan, rules, seed, report).find()
    if isinstance(found, tuple):
        return Assembly(seed, shortages=found)
    forms = [found.forms[number] for number in range(rules.forms)]
    proof = tuple(_prove(found, rules, forms, number) for number in range(rules.forms))
    return Assembly(
        seed,
        tuple(_ordered(plan, form, seed, form_name(number)) for number, form in enumerate(forms)),
        proof,
        spares=tuple(map(form_name, range(rules.forms - rules.spares, rules.forms))),
        objective=round(found.objective, ROUND),
        bound=round(found.bound, ROUND),
    )


def _overlaps(plan: Plan, rules: Rules) -> tuple[Shortage, ...]:
    apart = closest_group(rules.seats) if rules.seats else rules.forms
    if apart < 2 or rules.max_overlap is None:
        return ()
    return overlap_shortages(plan, apart, rules.max_overlap)


class _Run:
    """All tries of one assembly."""

    def __init__(self, plan: Plan, rules: Rules, seed: int, report: Progress) -> None:
        self._plan = plan
        self._rules = rules
        self._seed = seed
        self._report = report
        self._left = _TRIES * rules.forms + _TRIES
        self._attempt = 0

    def find(self) -> FormSearch | tuple[Shortage, ...]:
        """All forms; failing that, what clashes, or the form not found and the overlap that would do."""
        found = self._seated() if self._rules.seats else self._parallel()
        if isinstance(found, FormSearch):
            return found
        name, search, wanted = found
        if search.clash and not wanted.shared:
            return search.clash
        return (Shortage("search", form=name, overlap=self._eased()),)

    def _parallel(self) -> FormSearch | tuple[str, FormSearch, Wanted]:
        most = self._rules.max_overlap
        unavoidable = least_mean_overlap(self._plan, self._rules.forms)
        if most is not None:
            return self._try_spreads(most, unavoidable)
        few = max(
            math.ceil(FEW_SHARED * self._plan.size), math.ceil(2 * unavoidable), int(self._plan.fixed.sum())
        )
        found = self._try_spreads(few, unavoidable)
        if isinstance(found, FormSearch) or not found[1].forms:
            return found
        return self._one_try(0, self._plan.size)

    def _try_spreads(self, most: int, unavoidable: float) -> FormSearch | tuple[str, FormSearch, Wanted]:
        """Ever less even spreads of the unavoidable overlap, the even ones first where it is tight."""
        tight = unavoidable >= _TIGHT * most and unavoidable > 0
        failed: FormSearch | tuple[str, FormSearch, Wanted] | None = None
        for spread in _EVEN_SPREADS if tight else _LOOSE_SPREADS:
            found = self._one_try(min(math.ceil(unavoidable * spread), most), most)
            if isinstance(found, FormSearch) or not found[1].forms or self._left <= 0:
                return found
            failed = failed or found
        assert failed is not None
        return failed

    def _one_try(self, least: int, most: int) -> FormSearch | tuple[str, FormSearch, Wanted]:
        search = self._fresh()
        for number in range(self._rules.forms):
            shared = tuple(Shared(form_name(n), form, least, most) for n, form in search.forms.items())
            pressure = REUSE_COST * search.used.astype(np.float64) ** 2
            wanted = Wanted(pressure, shared if most < self._plan.size else ())
            if not self._extend(search, number, wanted):
                return form_name(number), search, wanted
        return search

    def _seated(self) -> FormSearch | tuple[str, FormSearch, Wanted]:
        """Seat after seat: neighbours share nothing; where that fails, as little as can be.

        Stimulus sets are dealt to the colours of the room first, where there are enough.
        """
        seats = SeatPlan.of(self._rules.seats)
        dealt = dealt_sets(self._plan, seats, self._seed)
        strict = least_mean_overlap(self._plan, closest_group(self._rules.seats)) == 0
        search = self._fresh()
        for number in range(self._rules.forms):
            wanted = wanted_at(search, seats, number, self._rules.max_overlap)
            tries = [wanted]
            if strict and number < len(self._rules.seats):
                apart = barred_beside(search, seats, number)
                tries.insert(0, replace(wanted, shared=(), barred=apart))
                if dealt is not None:
                    own = apart | dealt[int(seats.colours[number])]
                    tries.insert(0, replace(wanted, shared=(), barred=own))
            if not any(self._extend(search, number, each) for each in tries):
                return form_name(number), search, wanted
        return search

    def _eased(self) -> int:
        """The smallest overlap tried with which all forms are found; 0 for none."""
        most = self._rules.max_overlap
        if self._rules.forms < 2 or most is None or self._rules.seats:
            return 0
        for extra in _EXTRAS:
            if self._left > 0 and isinstance(self._one_try(0, most + extra), FormSearch):
                return most + extra
        return 0

    def _fresh(self) -> FormSearch:
        self._attempt += 1
        return FormSearch(self._plan, self._seed, self._attempt - 1)

    def _extend(self, search: FormSearch, number: int, wanted: Wanted) -> bool:
        self._left -= 1
        self._report(len(search.forms) / self._rules.forms)
        return search.extend(number, form_name(number), wanted)


def _ordered(plan: Plan, form: Ints, seed: int, name: str) -> tuple[str, ...]:
    """Kind by kind, shuffled inside a kind; the items of a stimulus set stand together, as in the pool."""
    units = plan.units.of_item[form]
    drawn = draws(seed, len(plan.units.sizes), "order", name)[units]
    return tuple(plan.uids[form[i]] for i in np.lexsort((form, units, drawn, plan.kind[form])))


def _prove(search: FormSearch, rules: Rules, forms: list[Ints], number: int) -> tuple[Constraint, ...]:
    """A form's own lines, then what it shares with forms before it: all of them, or neighbours'."""
    lines = list(prove(search.plan, search.families, forms[number]))
    near = SeatPlan.of(rules.seats).near if rules.seats else None
    most = rules.max_overlap if rules.max_overlap is not None else 0
    for other in range(number):
        if near is None or (number < len(near) and near[number, other]):
            limit = (most, rules.max_overlap is not None)
            lines.append(overlap_line(form_name(other), limit, forms[number], forms[other]))
    return tuple(lines)
