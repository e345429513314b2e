"""Whose enrolled face another one is, among the few who sit in the same rooms: clearly one, or nobody.

Vectors alone (numpy, no pictures, no models). An answer is a hint for people who go and look, never a proof;
whoever did not consent is not among those compared (the caller leaves them out).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Limits:
    """Cosines. `match_from`: two pictures of one person; `mismatch_below`: of two people.

    `margin`: how far the nearest must be ahead of the second nearest, so that two who look alike are not
    taken for each other.
    """

    match_from: float
    mismatch_below: float
    margin: float


@dataclass(frozen=True, slots=True)
class Found:
    """Whom a face is like: the key of the nearest, the cosine with it, and how far the next one follows.

    `ahead` is None when nobody else was compared.
    """

    key: int
    similarity: float
    ahead: float | None


def unpack(data: bytes) -> Vector:
    """A vector out of little-endian float32 values, brought to length 1.

    Raises ValueError for anything else, and for a vector without a direction.
    """
    values = np.frombuffer(data, dtype="<f4")
    length = float(np.linalg.norm(values.astype(np.float64)))
    if not np.isfinite(length) or length < 1e-6:
        raise ValueError("not a face vector")
    return (values / np.float32(length)).astype(np.float32)


def likeness(one: Vector, other: Vector) -> float | None:
    """The cosine of two unit vectors; None for those of different models, which cannot be compared."""
    return float(one @ other) if one.shape == other.shape else None


def nearest(probe: Vector, own: Vector | None, others: Mapping[int, Vector], limits: Limits) -> Found | None:
    """Which of the others the face at a seat clearly is; None when that cannot be said.

    `own`: the face enrolled at that seat. Without it, or when the probe is not clearly unlike it, nothing is
    claimed; nor when two of the others are almost as near.
    """
    mine = None if own is None else likeness(probe, own)
    if mine is None or mine >= limits.mismatch_below:
        return None
    near = {key: likeness(probe, vector) for key, vector in others.items()}
    ranked = sorted(((value, -key) for key, value in near.items() if value is not None), reverse=True)
    if not ranked or ranked[0][0] < limits.match_from:
        return None
    ahead = ranked[0][0] - ranked[1][0] if len(ranked) > 1 else None
    if ahead is not None and ahead < limits.margin:
        return None
    return Found(-ranked[0][1], ranked[0][0], ahead)
