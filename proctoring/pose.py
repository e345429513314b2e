"""Where a head is turned, from the mesh: the rigid points are laid over those of an upright head (Kabsch).

Angles are those of the picture, in degrees: `yaw` to the right edge, `pitch` up, `roll` clockwise are
positive. Who turns to their own left turns to the picture's right.
"""

from dataclasses import dataclass
from math import asin, atan2, degrees

import numpy as np
from numpy.typing import NDArray

from proctoring.mesh import Mesh, Points

MIDDLE = {
    10: (0.0, -1.064, -0.140), 151: (0.0, -0.791, -0.223), 9: (0.0, -0.478, -0.297), 8: (0.0, -0.334, -0.292),
    168: (0.0, -0.224, -0.296), 6: (0.0, -0.113, -0.384), 197: (0.0, 0.001, -0.478),
    195: (0.0, 0.107, -0.582), 5: (0.0, 0.221, -0.689), 4: (0.0, 0.364, -0.742),
    1: (0.0, 0.481, -0.716), 2: (0.0, 0.604, -0.462),
}  # fmt: skip
"""Points of forehead and nose that do not move by themselves."""
SIDES = {
    (33, 263): (0.764, -0.120, 0.078), (133, 362): (0.297, -0.110, -0.012), (127, 356): (1.194, 0.021, 0.893),
    (234, 454): (1.180, 0.278, 0.945), (67, 297): (0.594, -0.991, -0.006), (103, 332): (0.848, -0.867, 0.171),
    (54, 284): (1.018, -0.693, 0.371), (162, 389): (1.179, -0.256, 0.749), (116, 345): (1.073, 0.175, 0.260),
    (118, 347): (0.758, 0.168, -0.041), (50, 280): (0.844, 0.393, -0.074), (36, 266): (0.532, 0.402, -0.209),
    (48, 278): (0.345, 0.447, -0.445), (98, 327): (0.323, 0.558, -0.319), (193, 417): (0.129, -0.202, -0.223),
    (122, 351): (0.097, -0.081, -0.344), (93, 323): (1.163, 0.534, 0.926),
}  # fmt: skip
"""Pairs of right and left points of eyes, temples, cheeks and nose; the numbers are the left one's.

An upright head: the mean of what the mesh network answers for the sample portraits and their mirror
pictures, laid over each other, made symmetric and turned until the chin is right below the top of the
forehead. Unit: the root of the mean squared distance from the middle. tests/proctoring/test_pose.py makes
it anew and compares.
"""
RIGID = (*MIDDLE, *(place for pair in SIDES for place in pair))


def _upright() -> Points:
    sides = [each for x, y, z in SIDES.values() for each in ((-x, y, z), (x, y, z))]
    return np.array([*MIDDLE.values(), *sides])


UPRIGHT = _upright()


@dataclass(frozen=True, slots=True)
class Pose:
    """Degrees, and how badly an upright head, turned so, fits the points: 0.03 to 0.06 for heads that sit
    before a camera; a flat picture that is turned goes beyond 0.1.
    """

    yaw: float
    pitch: float
    roll: float
    misfit: float


def head_pose(mesh: Mesh) -> Pose:
    """The pose of a head."""
    points = mesh.points[list(RIGID)]
    turn, scale = laid_over(UPRIGHT, points)
    middle = UPRIGHT.mean(axis=0)
    off = (UPRIGHT - middle) @ turn.T * scale - (points - points.mean(axis=0))
    across, facing = turn @ (1.0, 0.0, 0.0), turn @ (0.0, 0.0, -1.0)
    return Pose(
        yaw=degrees(atan2(facing[0], -facing[2])),
        pitch=degrees(asin(max(-1.0, min(1.0, -facing[1])))),
        roll=degrees(atan2(across[1], across[0])),
        misfit=float(np.sqrt((off**2).sum(axis=1).mean())) / max(scale, 1e-9),
    )


def laid_over(shape: Points, points: Points) -> tuple[NDArray[np.float64], float]:
    """The rotation (3 x 3) and scale that bring a shape (n x 3) closest to points, both about their middle.

    Kabsch and Umeyama: least squares by a singular value decomposition, never a mirror image.
    """
    source, target = shape - shape.mean(axis=0), points - points.mean(axis=0)
    left, weights, right = np.linalg.svd(source.T @ target)
    signs = np.array([1.0, 1.0, 1.0 if np.linalg.det(left @ right) > 0 else -1.0])
    turn = right.T @ np.diag(signs) @ left.T
    return turn, float((weights * signs).sum() / max((source**2).sum(), 1e-12))


def rigid_points(mesh: Mesh) -> Points:
    """The rigid points in the picture: n x 2, in pixels."""
    return np.asarray(mesh.points[list(RIGID), :2])


def bend(before: Points, now: Points) -> float:
    """How far points (n x 2) moved in a way that no flat picture's can: 0 for a flat one turned at a
    distance, about 0.2 for a head turned by 20 degrees, since its nose stands before its cheeks.

    What the best affine map leaves over, as a share of the points' spread.
    """
    flat = np.column_stack([before, np.ones(len(before))])
    best, *_rest = np.linalg.lstsq(flat, now, rcond=None)
    spread = float(np.sqrt(((now - now.mean(axis=0)) ** 2).sum(axis=1).mean()))
    return float(np.sqrt(((flat @ best - now) ** 2).sum(axis=1).mean())) / max(spread, 1e-9)
