"""How well several examiners agree: coefficients of ratings that several people gave to the same things.

Intraclass correlations after Shrout and Fleiss (1979), alpha after Krippendorff (2011), W after Kendall with
ties. Arrays in, plain values out; NaN = that examiner gave that thing no rating. `None` = not defined.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Ratings = NDArray[np.float64]
"""Things x examiners; NaN = not rated."""


@dataclass(frozen=True, slots=True)
class IntraClass:
    """Six forms of the intraclass correlation: of one examiner (`one_*`) and of the mean of all (`mean_*`).

    1: other examiners for each thing; 2: examiners drawn from many, their severity counts as disagreement;
    3: these examiners alone, severity left out.
    """

    one_1: float
    one_2: float
    one_3: float
    mean_1: float
    mean_2: float
    mean_3: float


class Metric(StrEnum):
    """How far two ratings are from each other, for `krippendorff`."""

    NOMINAL = "nominal"
    ORDINAL = "ordinal"
    INTERVAL = "interval"
    RATIO = "ratio"


def intraclass(ratings: Ratings) -> IntraClass | None:
    """The intraclass correlations of a table without gaps; None below 2 x 2 or when nothing differs.

    A form whose denominator is zero counts as 0: nothing in these ratings tells the things apart.
    """
    things, people = ratings.shape
    if things < 2 or people < 2 or np.isnan(ratings).any() or np.ptp(ratings) == 0:
        return None
    between, columns, rest, within = _mean_squares(ratings)
    severity = (columns - rest) / things
    more = people - 1
    return IntraClass(
        _share(between - within, between + more * within),
        _share(between - rest, between + more * rest + people * severity),
        _share(between - rest, between + more * rest),
        _share(between - within, between),
        _share(between - rest, between + severity),
        _share(between - rest, between),
    )


def krippendorff(ratings: Ratings, metric: Metric) -> float | None:
    """Krippendorff's alpha, gaps allowed; None when fewer than two ratings can be paired or none differ."""
    paired = ratings[(~np.isnan(ratings)).sum(axis=1) >= 2]
    if paired.size == 0:
        return None
    values, coincidences = _coincidences(paired)
    counts = coincidences.sum(axis=1)
    total = counts.sum()
    distance = _DISTANCES[metric](values, counts)
    expected = (np.outer(counts, counts) * distance).sum()
    if expected == 0:
        return None
    return float(1 - (total - 1) * (coincidences * distance).sum() / expected)


def kendall_w(ratings: Ratings) -> float | None:
    """Kendall's coefficient of concordance of a table without gaps, corrected for ties; None if undefined."""
    things, people = ratings.shape
    if things < 2 or people < 2 or np.isnan(ratings).any():
        return None
    ranks = np.column_stack([_ranks(column) for column in ratings.T])
    ties = sum(_tied(column) for column in ratings.T)
    sums = ranks.sum(axis=1)
    most = people**2 * things * (things**2 - 1) - people * ties
    if most == 0:
        return None
    return float((12 * (sums**2).sum() - 3 * people**2 * things * (things + 1) ** 2) / most)


def exact_share(ratings: Ratings) -> float | None:
    """The share of things that at least two people rated and all of these alike; None without such things."""
    paired = ratings[(~np.isnan(ratings)).sum(axis=1) >= 2]
    if paired.shape[0] == 0:
        return None
    return float((np.nanmax(paired, axis=1) == np.nanmin(paired, axis=1)).mean())


def _mean_squares(ratings: Ratings) -> tuple[float, float, float, float]:
    """Between things, between examiners, residual, within things."""
    things, people = ratings.shape
    whole = ratings.mean()
    between = people * ((ratings.mean(axis=1) - whole) ** 2).sum()
    columns = things * ((ratings.mean(axis=0) - whole) ** 2).sum()
    inside = ((ratings - ratings.mean(axis=1, keepdims=True)) ** 2).sum()
    # A rounding error may leave the residual of equal columns just below zero.
    rest = max(float(inside - columns), 0.0)
    return (
        float(between / (things - 1)),
        float(columns / (people - 1)),
        rest / ((things - 1) * (people - 1)),
        float(inside / (things * (people - 1))),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole != 0 else 0.0


def _coincidences(paired: Ratings) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values = np.unique(paired[~np.isnan(paired)])
    counted = (paired[:, :, None] == values).sum(axis=1).astype(np.float64)
    pairs = np.einsum("uc,uk->uck", counted, counted) - np.eye(values.size) * counted[:, :, None]
    each = counted.sum(axis=1) - 1
    return values, (pairs / each[:, None, None]).sum(axis=0)


Distance = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]


def _nominal(values: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - np.eye(counts.size) + 0 * values


def _ordinal(values: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    # The distance counts how many ratings lie from the middle of one rank to the middle of the other.
    middle = np.cumsum(counts) - counts / 2 + 0 * values
    return np.asarray((middle[:, None] - middle) ** 2)


def _interval(values: NDArray[np.float64], _counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((values[:, None] - values) ** 2)


def _ratio(values: NDArray[np.float64], _counts: NDArray[np.float64]) -> NDArray[np.float64]:
    sums = values[:, None] + values
    return np.asarray(((values[:, None] - values) / np.where(sums == 0, 1, sums)) ** 2)


_DISTANCES: dict[Metric, Distance] = {
    Metric.NOMINAL: _nominal,
    Metric.ORDINAL: _ordinal,
    Metric.INTERVAL: _interval,
    Metric.RATIO: _ratio,
}


def _ranks(column: NDArray[np.float64]) -> NDArray[np.float64]:
    _values, places, counts = np.unique(column, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places])


def _tied(column: NDArray[np.float64]) -> float:
    counts = np.unique(column, return_counts=True)[1].astype(np.float64)
    return float((counts**3 - counts).sum())
