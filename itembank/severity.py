"""How strict each examiner is, and whether that moves during a session.

An additive model: a total is what the candidate is worth plus what the examiner usually adds or takes away.
Few sheets say little about an examiner, so the effect is shrunk towards zero by the ratio of the variance
that is not explained (standard deviation 4) to that between examiners (3): 16/9.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from itembank.agreement import Ratings

SHRINKAGE = 16 / 9
_T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
"""Student's t at 97.5 per cent with 1..30 degrees of freedom."""
_NORMAL_975 = 1.96
_NOTHING = 1e-9
"""Points that only rounding makes."""


@dataclass(frozen=True, slots=True)
class Effect:
    """A figure in points with half the width of its 95 per cent interval; None = too few sheets to say."""

    value: float
    margin: float | None

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero, by more than rounding may do."""
        return self.margin is not None and abs(self.value) - self.margin > _NOTHING


@dataclass(frozen=True, slots=True)
class Severity:
    """One examiner: how many sheets that others marked too, and the points given (+) or taken (-)."""

    sheets: int
    effect: Effect


@dataclass(frozen=True, slots=True)
class Drift:
    """One examiner over a session: `offsets` from the others' mean, turn by turn in their order (NaN = no
    sheet), and by how many points they move from one turn to the next.
    """

    offsets: tuple[float, ...]
    per_turn: Effect | None


def severities(totals: Ratings) -> list[Severity]:
    """Every examiner's effect; `totals`: turns x examiners. Turns with one sheet tell nothing about it."""
    people = totals.shape[1]
    used = totals[(~np.isnan(totals)).sum(axis=1) >= 2]
    here = ~np.isnan(used)
    sheets = [int(count) for count in here.sum(axis=0)]
    if used.shape[0] == 0:
        return [Severity(0, Effect(0.0, None)) for _ in range(people)]
    effects, inverse, variance = _solve(used, here)
    freedom = int(here.sum()) - used.shape[0] - people + 1
    return [
        Severity(
            sheets[i],
            Effect(
                float(effects[i]), _margin(float(variance * inverse[i, i]), freedom) if sheets[i] else None
            ),
        )
        for i in range(people)
    ]


def drifts(totals: Ratings) -> list[Drift]:
    """Every examiner's course over the turns in their order; `totals`: turns x examiners."""
    here = ~np.isnan(totals)
    filled = np.where(here, totals, 0.0)
    others = here.sum(axis=1, keepdims=True) - here
    means = (filled.sum(axis=1, keepdims=True) - filled) / np.where(others == 0, 1, others)
    offsets = np.where(here & (others > 0), totals - means, np.nan)
    return [Drift(tuple(float(each) for each in column), _slope(column)) for column in offsets.T]


def _solve(used: Ratings, here: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Examiners' shrunk effects, the inverse of their equations, and the residual variance.

    Candidates are eliminated: only the differences between the sheets of one turn say anything.
    """
    weight = here / here.sum(axis=1, keepdims=True)
    own = np.where(here, used, 0.0)
    centred = np.where(here, used - own.sum(axis=1, keepdims=True) / here.sum(axis=1, keepdims=True), 0.0)
    equations = np.diag(here.sum(axis=0).astype(np.float64)) - here.T @ weight
    inverse = np.linalg.inv(equations + SHRINKAGE * np.eye(used.shape[1]))
    # Only differences between examiners can be told: what all have in common is taken out.
    apart = np.eye(used.shape[1]) - 1 / used.shape[1]
    inverse = apart @ inverse @ apart
    effects = inverse @ centred.sum(axis=0)
    given = np.where(here, effects, 0.0)
    left = np.where(
        here, centred - (effects - given.sum(axis=1, keepdims=True) / here.sum(axis=1, keepdims=True)), 0
    )
    freedom = max(int(here.sum()) - used.shape[0] - used.shape[1] + 1, 1)
    return effects, inverse, float((left**2).sum() / freedom)


def _slope(offsets: NDArray[np.float64]) -> Effect | None:
    here = ~np.isnan(offsets)
    if here.sum() < 3:
        return None
    order = np.flatnonzero(here).astype(np.float64)
    values = offsets[here]
    place = order - order.mean()
    square = float((place**2).sum())
    slope = float((place * values).sum() / square)
    left = values - values.mean() - slope * place
    freedom = values.size - 2
    return Effect(slope, _margin(float((left**2).sum()) / freedom / square, freedom))


def _margin(variance: float, freedom: int) -> float | None:
    if freedom < 1:
        return None
    factor = _T_975[freedom - 1] if freedom <= len(_T_975) else _NORMAL_975
    return factor * math.sqrt(max(variance, 0.0))
