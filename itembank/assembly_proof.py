"""The proof of a form: every demand counted again from the pool's facts, independently of the solver."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from itembank.assembly_model import Floats, Ints
from itembank.assembly_rows import ROUND, Family, Plan
from itembank.blueprint import WHOLE

_NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Constraint:
    """One line of a form's proof: what was counted, the inclusive range it must lie in, what it reaches.

    `name` is the name of a row family (kind, scope, band, importance, kind_area, area_points, length,
    per_point, enemy, stimulus, seconds, recent, key, characteristic, information, expected_score) with `of`
    its row, or: points (the sum), stimulus_whole (sets taken in part), fixed and forbidden (items missing,
    items held), overlap (`of` = the other form). `binding` is False for a wish.
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
        return required(self.low, self.high)

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


def required(low: Decimal, high: Decimal) -> str:
    """A range in short: "20", "18–22", "≥70" where nothing bounds it above."""
    if high.is_infinite():
        return f"≥{low}"
    return str(low) if low == high else f"{low}–{high}"


def exact(number: float) -> Decimal:
    """A counted or demanded number as people write it: without the arithmetic's last digits."""
    if not np.isfinite(number):
        return Decimal("Infinity")
    whole = round(float(number), ROUND)
    return Decimal(int(whole)) if whole == int(whole) else Decimal(str(whole))


def prove(plan: Plan, families: Sequence[Family], form: Ints) -> tuple[Constraint, ...]:
    """The lines of one form by itself; `form` holds numbers into the pool."""
    lines = []
    if plan.points:
        sums = sum((Decimal(plan.points[kind]) for kind in plan.kind[form]), _NONE)
        lines.append(Constraint("points", "", WHOLE, WHOLE, sums))
    for family in families:
        lines += _family_lines(family, form)
    lines += _set_lines(plan, form)
    held = {plan.uids[i] for i in form}
    fixed = [plan.uids[i] for i in np.flatnonzero(plan.fixed)]
    if fixed:
        lines.append(Constraint("fixed", "", _NONE, _NONE, Decimal(sum(uid not in held for uid in fixed))))
    if plan.forbidden:
        lines.append(Constraint("forbidden", "", _NONE, _NONE, Decimal(len(held & plan.forbidden))))
    return tuple(lines)


def overlap_line(name: str, most: tuple[int, bool], form: Ints, other: Ints) -> Constraint:
    """What a form shares with another; `most` is (the limit, whether it binds)."""
    limit, binding = most
    shared = len(np.intersect1d(form, other))
    return Constraint("overlap", name, _NONE, Decimal(limit), Decimal(shared), binding)


def _family_lines(family: Family, form: Ints) -> Iterator[Constraint]:
    reached = family.counted(form)
    fullest = family.brief and family.binding
    for g in _told(family, reached):
        low, high, got = (exact(x) for x in (family.low[g], family.high[g], reached[g]))
        yield Constraint(family.name, "" if fullest else family.of[g], low, high, got, family.binding)


def _told(family: Family, reached: Floats) -> list[int]:
    """The rows of a family that a proof shows."""
    if not family.binding:  # a wish is told only where it was not kept
        return [int(g) for g in np.flatnonzero((reached < family.low) | (reached > family.high))]
    if family.brief:
        return [int(np.argmax(reached - family.high))] if len(reached) else []
    return list(range(len(reached)))


def _set_lines(plan: Plan, form: Ints) -> Iterator[Constraint]:
    sizes = plan.units.sizes
    taken = Counter(int(unit) for unit in plan.units.of_item[form] if sizes[unit] > 1)
    if (sizes > 1).any():
        broken = sum(count != sizes[unit] for unit, count in taken.items())
        yield Constraint("stimulus_whole", "", _NONE, _NONE, Decimal(int(broken)))
