"""Classical figures of items and papers from marked responses; arrays in, plain values out.

Formulas as in any textbook of classical test theory: facility is the mean share of the points, discrimination
the correlation of an item with the rest of the paper, D the difference between the best and the worst 27 per
cent where tied candidates at the border share the remaining weight.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
"""Candidates x items, each the share 0..1 of the item's points; NaN = the candidate did not have the item."""
LEAST_FOR_FACILITY = 50
LEAST_FOR_DISCRIMINATION = 100
GROUP_SHARE = 0.27


@dataclass(frozen=True, slots=True)
class ItemFigures:
    """One item: how many answered, mean share, corrected item-total correlation, D; None = not defined."""

    answered: int
    facility: float | None
    discrimination: float | None
    upper_lower: float | None

    def flags(self) -> list[str]:
        """What a person should look at: too_easy, too_hard, key_suspect, weak; [] while too few answered."""
        found = []
        if self.facility is not None and self.answered >= LEAST_FOR_FACILITY:
            found += ["too_hard"] if self.facility < 0.2 else ["too_easy"] if self.facility > 0.95 else []
        if self.discrimination is not None and self.answered >= LEAST_FOR_DISCRIMINATION:
            found += (
                ["key_suspect"] if self.discrimination < 0 else ["weak"] if self.discrimination < 0.15 else []
            )
        return found


def item_figures(scores: Scores, points: NDArray[np.float64]) -> list[ItemFigures]:
    """The figures of every column; `points` are the items' points."""
    weighted = np.where(np.isnan(scores), 0.0, scores) * points
    totals = weighted.sum(axis=1)
    return [_one(scores[:, i], totals - weighted[:, i], totals) for i in range(scores.shape[1])]


def alpha(scores: Scores, points: NDArray[np.float64]) -> float | None:
    """Cronbach's alpha of candidates who all had all items; None when it is not defined."""
    values = scores * points
    count = values.shape[1]
    if count < 2 or values.shape[0] < 2 or np.isnan(values).any():
        return None
    spread = float(values.sum(axis=1).var(ddof=1))
    return (
        None if spread == 0 else count / (count - 1) * (1 - float(values.var(axis=0, ddof=1).sum()) / spread)
    )


def _one(shares: NDArray[np.float64], rest: NDArray[np.float64], totals: NDArray[np.float64]) -> ItemFigures:
    had = ~np.isnan(shares)
    share, others, whole = shares[had], rest[had], totals[had]
    if share.size == 0:
        return ItemFigures(0, None, None, None)
    return ItemFigures(int(share.size), float(share.mean()), _correlation(share, others), _d(share, whole))


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    if one.size < 2 or one.std() == 0 or other.std() == 0:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _d(share: NDArray[np.float64], totals: NDArray[np.float64]) -> float | None:
    size = GROUP_SHARE * share.size
    if size < 1:
        return None
    upper, lower = _group(totals, size), _group(-totals, size)
    return float(((upper - lower) * share).sum() / size)


def _group(totals: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """Weights 0..1 of the `size` best; those who tie at the border share what is left."""
    weights = np.zeros(totals.size)
    left = size
    for value in np.unique(totals)[::-1]:
        tied = totals == value
        share = min(1.0, left / tied.sum())
        weights[tied] = share
        left -= share * float(tied.sum())
        if left <= 1e-12:
            break
    return weights
