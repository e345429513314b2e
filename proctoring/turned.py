"""A head that turns, out of one photo: the points of the mesh are turned in space, the pixels follow them.

For drills and trials that need a person who looks aside. The shape of the face is the mesh's; two rings
around it stand for the sides of the head, behind the face; what lies beyond does not move. From about 60
degrees on too little of the far side is left to be a face.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from proctoring.recording import Cutout

RINGS = ((1.22, 0.22), (1.45, 0.55))
"""Sides of the head: how much wider than the face's outline, how far behind it in widths of the face."""
STILL = 2.3
"""How much wider than the outline the ring is beyond which nothing moves."""
AXIS = 0.55
"""How far behind the face its axis lies, in widths of the face."""

Points = NDArray[np.float64]


def turned(cutout: Cutout, points: Points, degrees: float) -> Cutout:
    """The cut-out with its head turned; to the picture's right with positive degrees.

    `points`: the face's mesh (n x 3) in the pixels of the cut-out, depth in the same unit, smaller is nearer.
    """
    flat = points[:, :2]
    middle, width = (flat.min(axis=0) + flat.max(axis=0)) / 2, float(np.ptp(flat[:, 0]))
    outline = np.asarray(cv2.convexHull(flat.astype(np.float32))[:, 0], np.float64)
    nearest = ((outline[:, None] - flat[None]) ** 2).sum(axis=2).argmin(axis=1)
    edge = points[nearest, 2]
    head = np.vstack(
        [
            points,
            *(np.column_stack([_wider(outline, middle, wide), edge + back * width]) for wide, back in RINGS),
        ]
    )
    still = _wider(outline, middle, STILL)
    axis = np.array((middle[0], points[:, 2].mean() + AXIS * width))
    across, depth = _around(head[:, (0, 2)] - axis, np.deg2rad(degrees))
    before = np.vstack([head[:, :2], still])
    after = np.vstack([np.column_stack([across + axis[0], head[:, 1]]), still])
    far_first = np.concatenate([depth, np.full(len(still), 2 * width)])
    return _warped(cutout, before.astype(np.float32), after.astype(np.float32), far_first)


def _wider(outline: Points, middle: Points, times: float) -> Points:
    return (outline - middle) * times + middle


def _around(places: Points, turn: float) -> tuple[Points, Points]:
    """Across and depth (n x 2) after a turn; who is near goes to the right with a positive one."""
    across, depth = places[:, 0], places[:, 1]
    return (
        across * np.cos(turn) - depth * np.sin(turn),
        across * np.sin(turn) + depth * np.cos(turn),
    )


def _warped(cutout: Cutout, before: NDArray[np.float32], after: NDArray[np.float32], depth: Points) -> Cutout:
    """The pixels moved triangle by triangle, the far ones first; what turned its back is left out."""
    pixels, mask = cutout.pixels.copy(), cutout.mask.copy()
    triangles = _triangles(before, cutout.pixels.shape[1], cutout.pixels.shape[0])
    for corners in sorted(triangles, key=lambda corners: -depth[corners].mean()):
        source, target = before[corners], after[corners]
        if _area(source) * _area(target) <= 0:
            continue
        _paint((cutout.pixels, pixels), source, target)
        _paint((cutout.mask, mask), source, target)
    return Cutout(pixels, mask, cutout.face)


def _triangles(places: NDArray[np.float32], width: int, height: int) -> list[list[int]]:
    """A net over the points (Delaunay), as three of their numbers each."""
    net = cv2.Subdiv2D((-width, -height, 3 * width, 3 * height))
    numbers: dict[tuple[float, float], int] = {}
    inside = (places > (-width, -height)).all(axis=1) & (places < (2 * width - 1, 2 * height - 1)).all(axis=1)
    for number in np.flatnonzero(inside):
        x, y = map(float, places[number])
        net.insert((x, y))
        numbers[round(x, 2), round(y, 2)] = int(number)
    found = []
    for triangle in np.asarray(net.getTriangleList(), np.float32).reshape(-1, 3, 2):
        corners = [numbers.get((round(float(x), 2), round(float(y), 2))) for x, y in triangle]
        if None not in corners:
            found.append([corner for corner in corners if corner is not None])
    return found


def _area(triangle: NDArray[np.float32]) -> float:
    (x1, y1), (x2, y2) = triangle[1] - triangle[0], triangle[2] - triangle[0]
    return float(x1 * y2 - x2 * y1)


def _paint(
    pictures: tuple["NDArray[np.generic]", "NDArray[np.generic]"],
    source: NDArray[np.float32],
    target: NDArray[np.float32],
) -> None:
    """One triangle of the first picture into the second."""
    seen, painted = pictures
    high, wide = painted.shape[:2]
    left, top = np.maximum(np.floor(target.min(axis=0)).astype(int), 0)
    right, bottom = np.minimum(np.ceil(target.max(axis=0)).astype(int) + 1, (wide, high))
    if right <= left or bottom <= top:
        return
    place = (target - (left, top)).astype(np.float32)
    size = (int(right - left), int(bottom - top))
    moved = cv2.warpAffine(seen, cv2.getAffineTransform(source, place), size, borderMode=cv2.BORDER_REPLICATE)
    shape = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillConvexPoly(shape, np.rint(place).astype(np.int32), 1)
    painted[top:bottom, left:right][shape > 0] = moved[shape > 0]
