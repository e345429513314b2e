"""How well scores tell two things apart, on labelled examples: ROC, thresholds, errors, errors by group.

Plain arrays. A score is the higher the more alike (or alive); an example is positive when it should score
high. False accepts (FAR) are negatives at or above a threshold, false rejects (FRR) positives below it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from proctoring.measure import Rate, wilson

Scores = NDArray[np.float64]
FEW = 30
"""Fewer examples than these say nothing of a rate: whoever sees none wrong in 30 cannot exclude 11 %."""
RARE_NEEDS = 3
"""To state a false accept rate of f, at least this many over f negatives are needed (the rule of three)."""


@dataclass(frozen=True, slots=True)
class Point:
    """One threshold of the ROC with its two rates."""

    threshold: float
    far: float
    frr: float


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors at one threshold; a rate is None where there was no example."""

    threshold: float
    false_accepts: Rate | None
    false_rejects: Rate | None


@dataclass(frozen=True, slots=True)
class Recommended:
    """The lowest threshold whose share of false accepts is at most `far`, and what it costs.

    `sure` false: too few negatives to speak of so small a share; the threshold lies above all of them.
    """

    far: float
    threshold: float
    errors: Errors
    sure: bool


@dataclass(frozen=True, slots=True)
class GroupErrors:
    """One value of a column: examples inside it and their errors; `enough` false: too few to say anything."""

    column: str
    value: str
    positives: int
    negatives: int
    errors: Errors
    enough: bool


def auc(positives: Scores, negatives: Scores) -> float | None:
    """The chance that a positive scores above a negative, ties counting half; None without one of each."""
    if not len(positives) or not len(negatives):
        return None
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, side="left")
    upto = np.searchsorted(ordered, positives, side="right")
    return float((below + upto).sum() / 2 / (len(positives) * len(negatives)))


def errors(positives: Scores, negatives: Scores, threshold: float) -> Errors:
    """The errors at one threshold."""
    return Errors(
        threshold,
        wilson(int((negatives >= threshold).sum()), len(negatives)),
        wilson(int((positives < threshold).sum()), len(positives)),
    )


def roc(positives: Scores, negatives: Scores, points: int = 21) -> tuple[Point, ...]:
    """So many points of the curve, by thresholds evenly from the lowest score to just above the highest.

    Empty without examples of both sorts.
    """
    if not len(positives) or not len(negatives):
        return ()
    every = np.concatenate([positives, negatives])
    low, high = float(every.min()), float(np.nextafter(every.max(), np.inf))
    return tuple(
        Point(float(limit), float((negatives >= limit).mean()), float((positives < limit).mean()))
        for limit in np.linspace(low, high, points)
    )


def recommended(positives: Scores, negatives: Scores, far: float) -> Recommended | None:
    """A threshold for a share of false accepts; None without negatives."""
    if not len(negatives):
        return None
    ordered = np.sort(negatives)[::-1]
    allowed = int(np.floor(far * len(ordered) + 1e-9))
    # Equal scores stand or fall together: just above the first one that may not be accepted any more.
    limit = float(np.nextafter(ordered[allowed], np.inf)) if allowed < len(ordered) else float(ordered[-1])
    return Recommended(far, limit, errors(positives, negatives, limit), len(ordered) * far >= RARE_NEEDS)


def by_group(
    column: str,
    positives: Mapping[str, Sequence[float]],
    negatives: Mapping[str, Sequence[float]],
    threshold: float,
) -> tuple[GroupErrors, ...]:
    """Errors within each value of a column, at one threshold, those with the fewest examples last."""
    found = []
    for value in sorted(positives.keys() | negatives.keys()):
        high = np.asarray(positives.get(value, ()), np.float64)
        low = np.asarray(negatives.get(value, ()), np.float64)
        enough = min(len(high), len(low)) >= FEW
        found.append(GroupErrors(column, value, len(high), len(low), errors(high, low, threshold), enough))
    return tuple(sorted(found, key=lambda group: (not group.enough, group.value)))
