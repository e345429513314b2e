"""The naive way of telling faces apart, for comparison: histograms of local binary patterns."""

import cv2
import numpy as np
from numpy.typing import NDArray

CELLS = 7


def local_patterns(cut: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Histograms (7 x 7 cells, 256 values each) of which of a pixel's eight neighbours are as bright."""
    grey = cv2.equalizeHist(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY)).astype(np.int16)
    middle = grey[1:-1, 1:-1]
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    codes = np.zeros(middle.shape, np.int64)
    for bit, (down, right) in enumerate(around):
        shifted = grey[down : down + middle.shape[0], right : right + middle.shape[1]]
        codes |= (shifted >= middle).astype(np.int64) << bit
    cells = (cell for band in np.array_split(codes, CELLS) for cell in np.array_split(band, CELLS, axis=1))
    return np.concatenate([np.bincount(cell.ravel(), minlength=256) / cell.size for cell in cells])


def chi_square(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Distance of two histograms, 0 for equal ones."""
    return float(((one - other) ** 2 / (one + other + 1e-9)).sum())


def auc(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Share of (same, different) pairs that the scores put in the right order; ties count half."""
    high, low = scores[same], np.sort(scores[~same])
    if not len(high) or not len(low):
        return float("nan")
    below, up_to = np.searchsorted(low, high, "left"), np.searchsorted(low, high, "right")
    return round(float((below + up_to).mean() / (2 * len(low))), 5)
