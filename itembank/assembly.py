"""From a blueprint and a pool to forms, or the exact reason why not.

Each form is a mixed-integer program: every demand of the blueprint is a row, costs are random numbers keyed
by the seed (unpredictable without it, repeatable with it), used items cost more, and two forms share a
bounded number of items. Every form is then counted again, independently of the solver, and that count is
the proof shown to people.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from string import ascii_uppercase
from typing import Any

from itembank.assembly_pool import Pool, PoolItem, usable_pool
from itembank.assembly_search import FormSearch, Limits, keyed_number
from itembank.assembly_shortage import Shortage, least_mean_overlap, overlap_shortages, supply_shortages
from itembank.blueprint import WHOLE, Blueprint, lies_in
from itembank.items import ItemKind

FORMS_LIMIT = len(ascii_uppercase)
# Shares of the unavoidable overlap that every pair is asked to carry, one try after another.
_SPREADS = (1.0, 0.95, 0.85, 0.7, 0.0)
_EXTRAS = (1, 2, 4, 8, 16, 32)  # items by which the overlap is eased to find out what would work

__all__ = ["FORMS_LIMIT", "Assembly", "Constraint", "PoolItem", "Rules", "Shortage", "assemble"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What binds the forms of one assembly.

    `max_overlap` is the most items that any two forms share. `per_point_max` is a wish, kept wherever the
    pool allows it; where it does not, the proof says so.
    """

    forms: int
    max_overlap: int
    per_point_max: int = 1

    def __post_init__(self) -> None:
        """Refuse numbers outside 1..26 forms and negative limits."""
        if not 1 <= self.forms <= FORMS_LIMIT or self.max_overlap < 0 or self.per_point_max < 1:
            raise ValueError("rules out of range")


@dataclass(frozen=True, slots=True)
class Constraint:
    """One line of a form's proof: what was counted, the inclusive range it must lie in, what it reaches.

    `name` is kind, scope, band, importance, overlap (`of` = the other form's letter), points (the sum), or
    per_point (`of` = a point). `binding` is False for a wish.
    """

    name: str
    of: str
    low: Decimal
    high: Decimal
    reached: Decimal
    binding: bool = True

    @property
    def required(self) -> str:
        """The range in short: "20" or "18–22"."""
        return str(self.low) if self.low == self.high else f"{self.low}–{self.high}"

    @property
    def met(self) -> bool:
        """True when the form lies in the range."""
        return self.low <= self.reached <= self.high

    def to_json(self) -> dict[str, object]:
        """Plain values, `required` and `met` included."""
        return {
            "name": self.name,
            "of": self.of,
            "low": str(self.low),
            "high": str(self.high),
            "reached": str(self.reached),
            "binding": self.binding,
            "required": self.required,
            "met": self.met,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "Constraint":
        """The inverse of `to_json`."""
        low, high, reached = (Decimal(str(data[key])) for key in ("low", "high", "reached"))
        return cls(str(data["name"]), str(data["of"]), low, high, reached, bool(data["binding"]))


@dataclass(frozen=True, slots=True)
class Assembly:
    """Forms as item uids in the order of the paper, with a proof each; or no form and the shortages."""

    seed: int
    forms: tuple[tuple[str, ...], ...] = ()
    proof: tuple[tuple[Constraint, ...], ...] = ()
    shortages: tuple[Shortage, ...] = ()

    @property
    def letters(self) -> tuple[str, ...]:
        """The letters of the forms, "A" first."""
        return tuple(ascii_uppercase[: len(self.forms)])

    def to_json(self) -> dict[str, object]:
        """Plain values for a job's answer or a stored record."""
        return {
            "seed": str(self.seed),  # text: seeds may exceed what JavaScript counts exactly
            "status": "met" if self.forms else "infeasible",
            "forms": [list(form) for form in self.forms],
            "proof": [[constraint.to_json() for constraint in lines] for lines in self.proof],
            "shortages": [shortage.to_json() for shortage in self.shortages],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Assembly":
        """The inverse of `to_json`."""
        return cls(
            int(data["seed"]),
            tuple(tuple(map(str, form)) for form in data["forms"]),
            tuple(tuple(map(Constraint.from_json, lines)) for lines in data["proof"]),
            tuple(map(Shortage.from_json, data["shortages"])),
        )


def assemble(blueprint: Blueprint, pool: Iterable[PoolItem], rules: Rules, seed: int) -> Assembly:
    """Forms that meet the blueprint and the rules, or named shortages.

    The same seed and pool give the same forms, whatever the order of the pool. Run it in a child process: a
    large pool takes seconds of CPU.
    """
    usable = usable_pool(blueprint, pool)
    missing = supply_shortages(blueprint, usable)
    if not missing and rules.forms > 1:
        missing = overlap_shortages(blueprint, usable, rules.forms, rules.max_overlap)
    if missing:
        return Assembly(seed, shortages=missing)
    found = _find(blueprint, usable, rules, seed)
    if isinstance(found, Shortage):
        return Assembly(seed, shortages=(found,))
    by_uid = {item.uid: item for item in usable.items}
    forms = tuple(
        _ordered([by_uid[uid] for uid in form], seed, letter)
        for form, letter in zip(found, ascii_uppercase, strict=False)
    )
    proof = tuple(_prove(blueprint, usable, rules, forms[: i + 1]) for i in range(len(forms)))
    return Assembly(seed, forms, proof)


def _find(blueprint: Blueprint, pool: Pool, rules: Rules, seed: int) -> list[frozenset[str]] | Shortage:
    """All forms; failing that, the form that could not be found and the overlap with which all could."""
    unavoidable = least_mean_overlap(blueprint, pool, rules.forms)
    found = _try_spreads(pool, rules, seed, unavoidable)
    if not isinstance(found, str):
        return found
    for extra in _EXTRAS if rules.forms > 1 else ():
        eased = replace(rules, max_overlap=rules.max_overlap + extra)
        if not isinstance(_try_spreads(pool, eased, seed, unavoidable), str):
            return Shortage("search", form=found, overlap=eased.max_overlap)
    return Shortage("search", form=found)


def _try_spreads(pool: Pool, rules: Rules, seed: int, unavoidable: float) -> list[frozenset[str]] | str:
    """All forms, trying ever less even spreads of the unavoidable overlap; or the letter that failed."""
    failed = ""
    for attempt, spread in enumerate(_SPREADS):
        low = min(math.ceil(unavoidable * spread), rules.max_overlap)
        limits = Limits(low, rules.max_overlap, rules.per_point_max)
        search = FormSearch(pool, limits, seed, attempt)
        failed = next((x for x in ascii_uppercase[: rules.forms] if not search.extend(x)), "")
        if not failed:
            return search.forms
    return failed


def _ordered(form: Iterable[PoolItem], seed: int, letter: str) -> tuple[str, ...]:
    kinds = list(ItemKind)
    return tuple(
        item.uid
        for item in sorted(
            form, key=lambda x: (kinds.index(x.kind), keyed_number(seed, "order", letter, x.uid), x.uid)
        )
    )


def _prove(
    blueprint: Blueprint, pool: Pool, rules: Rules, forms: tuple[tuple[str, ...], ...]
) -> tuple[Constraint, ...]:
    """Count the last of the forms afresh, from the pool's facts and the forms before it."""
    facts = {item.uid: item for item in pool.items}
    form = [facts[uid] for uid in forms[-1]]
    points = sum((blueprint.kinds[item.kind].points for item in form), Decimal(0))
    lines = [Constraint("points", "", WHOLE, WHOLE, points)]
    for demand in pool.demands:
        reached = sum(_counts_for(item, demand.name, demand.of) for item in form)
        lines.append(
            Constraint(demand.name, demand.of, Decimal(demand.low), Decimal(demand.high), Decimal(reached))
        )
    for letter, other in zip(ascii_uppercase, forms[:-1], strict=False):
        shared = len(set(other) & set(forms[-1]))
        lines.append(Constraint("overlap", letter, Decimal(0), Decimal(rules.max_overlap), Decimal(shared)))
    crowded = Counter(item.point for item in form)
    most = Decimal(rules.per_point_max)
    for point, n in sorted(crowded.items()):
        if n > most:
            lines.append(Constraint("per_point", point, Decimal(0), most, Decimal(n), binding=False))
    return tuple(lines)


def _counts_for(item: PoolItem, name: str, of: str) -> bool:
    if name == "scope":
        return lies_in(item.point, of)
    values = {"kind": item.kind.value, "band": str(item.difficulty), "importance": item.importance}
    return values[name] == of
