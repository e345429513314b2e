"""One form as a program: its columns are the units of an offer, its rows what binds it."""

from dataclasses import dataclass

import numpy as np

from itembank.assembly_model import INFINITY, Entries, Floats, Ints, Program
from itembank.assembly_rows import Family, Flags, Offer, Plan

CROWD_COST = 20.0  # of the first item of one point beyond the wished most; the second costs two of these ...
CROWD_STEPS = 8  # ... and from here on the cost stays the same


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What binds one form to those before it.

    `pressure` is the cost of each item for having been used; `barred` units may not be used at all.
    """

    pressure: Floats
    shared: tuple["Shared", ...] = ()
    barred: Flags | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """The earlier form of this name (its items) shares `least` to `most` items with the form wanted."""

    name: str
    items: Ints
    least: int
    most: int


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """What a row of the program says: row `row` of a family, or the overlap with an earlier form."""

    family: Family | None
    row: int = 0
    shared: Shared | None = None


class FormProgram:
    """Builds the program of a form over an offer of units; a column each, in the offer's order."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.families = plan.families_by_item()

    def build(
        self, offer: Offer, wanted: Wanted, costs: Floats | None = None, *, whole: bool = True
    ) -> tuple[Program, list[Label]]:
        """The program and what its rows say. Without costs only what binds, no wishes."""
        program = Program()
        fixed = np.isin(offer.units, self.plan.units.of_item[self.plan.fixed])
        columns = np.zeros(offer.width) if costs is None else costs
        program.columns(columns, lower=fixed.astype(np.float64), whole=whole)
        labels = self._binding_rows(program, offer, wanted)
        if costs is not None:
            for family in self.families:
                kept, entries = family.entries(offer)
                if not family.binding and len(kept):
                    _wish(program, family.high[kept], entries)
        return program, labels

    def _binding_rows(self, program: Program, offer: Offer, wanted: Wanted) -> list[Label]:
        labels = []
        for family in self.families:
            kept, entries = family.entries(offer)
            low, high = family.inner()
            if family.binding and len(kept):
                program.rows(low[kept], high[kept], entries)
                labels += [Label(family, int(row)) for row in kept]
        for shared in wanted.shared:
            program.rows(shared.least, shared.most, _common(offer, shared.items))
            labels.append(Label(None, shared=shared))
        return labels


def _common(offer: Offer, form: Ints) -> Entries:
    inside = np.isin(offer.items, form)
    columns, counts = np.unique(offer.column[inside], return_counts=True)
    return Entries(np.zeros(len(columns), dtype=np.int64), columns, counts.astype(np.float64))


def _wish(program: Program, high: Floats, entries: Entries) -> None:
    """Rows that may be missed at a rising price."""
    counts = np.bincount(entries.rows, minlength=len(high))
    steps = np.clip(counts - np.floor(high), 0, CROWD_STEPS).astype(np.int64)
    rows = np.repeat(np.arange(len(high)), steps)
    step = np.arange(len(rows)) - np.repeat(np.cumsum(steps) - steps, steps) + 1
    slack = program.columns(CROWD_COST * step, np.where(step < CROWD_STEPS, 1.0, INFINITY))
    everything = Entries(
        np.concatenate([entries.rows, rows]),
        np.concatenate([entries.columns, slack]),
        np.concatenate([entries.values, np.full(len(slack), -1.0)]),
    )
    program.rows(np.full(len(high), -INFINITY), high, everything)
