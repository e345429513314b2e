"""One form a seat: who sits beside whom, and what that costs an item.

Neighbours are seats at Chebyshev distance 1 or less: a side, the row in front, the diagonals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itembank.assembly_form import Shared, Wanted
from itembank.assembly_model import Floats, Ints
from itembank.assembly_rows import Flags, Plan, draws, form_name
from itembank.assembly_search import FormSearch

NEAR = 1.0  # Chebyshev distance of neighbours, in seats
SIDE_WEIGHT, DIAGONAL_WEIGHT, TWO_AWAY_WEIGHT = 1.0, 0.7, 0.3
SHARED_COST = 10.0  # of an item that a neighbour has, times the weight of where that neighbour sits
REUSE_COST = 0.3  # of an item for each form anywhere in the room that has it
_SLACK = 1e-9

Seats = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, eq=False)
class SeatPlan:
    """The seats of a room for the search: `weights[i, j]` of sharing an item, `near[i, j]` neighbours."""

    weights: Floats
    near: NDArray[np.bool_]
    colours: Ints

    @classmethod
    def of(cls, seats: Seats) -> "SeatPlan":
        """From positions in seats (x to the side, y to the back)."""
        at = np.array(seats, dtype=np.float64).reshape(-1, 2)
        apart = np.abs(at[:, None, :] - at[None, :, :])
        far, walk = apart.max(axis=2), np.hypot(apart[..., 0], apart[..., 1])
        near = (far <= NEAR + _SLACK) & ~np.eye(len(at), dtype=bool)
        weights = np.where(walk <= NEAR + _SLACK, SIDE_WEIGHT, DIAGONAL_WEIGHT)
        weights = np.where(near, weights, np.where(far <= 2 * NEAR + _SLACK, TWO_AWAY_WEIGHT, 0.0))
        np.fill_diagonal(weights, 0.0)
        return cls(weights, near, _colours(at, near))


def closest_group(seats: Seats) -> int:
    """The most seats that are all neighbours of each other: so many forms must be kept apart."""
    at = np.array(seats, dtype=np.float64).reshape(-1, 2)
    best = 1
    for x in at[:, 0]:
        column = (at[:, 0] >= x - _SLACK) & (at[:, 0] <= x + NEAR + _SLACK)
        for y in at[column, 1]:
            best = max(best, int((column & (at[:, 1] >= y - _SLACK) & (at[:, 1] <= y + NEAR + _SLACK)).sum()))
    return best


def dealt_sets(plan: Plan, seats: SeatPlan, seed: int) -> list[Flags] | None:
    """For each colour of seats the stimulus sets it must leave to the others.

    A form takes a set whole, so neighbours collide soonest there. None where the blueprint asks for no sets
    or there are too few for every colour: then the costs alone decide.
    """
    asked = next((int(f.low[0]) for f in plan.families if f.name == "stimulus"), 0)
    sets = np.flatnonzero(plan.units.sizes > 1)
    colours = int(seats.colours.max(initial=0)) + 1
    if not asked or len(sets) < asked * colours:
        return None
    shuffled = sets[np.argsort(draws(seed, len(sets), "sets"), kind="stable")]
    barred = []
    for colour in range(colours):
        flags = np.zeros(len(plan.units.sizes), dtype=bool)
        flags[np.delete(shuffled, np.s_[colour::colours])] = True
        flags[plan.units.of_item[plan.fixed]] = False
        barred.append(flags)
    return barred


def wanted_at(search: FormSearch, seats: SeatPlan, seat: int, most: int | None) -> Wanted:
    """What binds the form of one seat; `most` items shared with a neighbour, None: as few as can be."""
    pressure = REUSE_COST * search.used.astype(np.float64)
    shared = []
    for other, form in search.forms.items():
        weight = seats.weights[seat, other] if max(seat, other) < len(seats.near) else 0.0
        pressure[form] += SHARED_COST * weight
        if most is not None and weight and seats.near[seat, other]:
            shared.append(Shared(form_name(other), form, 0, most))
    return Wanted(pressure, tuple(shared))


def barred_beside(search: FormSearch, seats: SeatPlan, seat: int) -> Flags:
    """The units that neighbours' forms hold, but for fixed items, which all forms hold."""
    units = search.plan.units
    flags = np.zeros(len(units.sizes), dtype=bool)
    for other, form in search.forms.items():
        if max(seat, other) < len(seats.near) and seats.near[seat, other]:
            flags[units.of_item[form]] = True
    flags[units.of_item[search.plan.fixed]] = False
    return flags


def _colours(at: Floats, near: NDArray[np.bool_]) -> Ints:
    """Colours such that neighbours differ, row by row; a full grid takes four, in squares of 2 x 2."""
    colours = np.full(len(at), -1)
    for seat in np.lexsort((at[:, 0], at[:, 1])):
        taken = set(colours[near[seat]].tolist())
        colours[seat] = next(c for c in range(len(at)) if c not in taken)
    return colours
