"""Portraits that look up and shut their eyes: a photo moved point by point as its mesh would move."""

import cv2
import numpy as np

from proctoring.frames import Frame
from proctoring.mesh import EYES, Mesh, Points, apart
from tests.proctoring.heads import turned

GRID = 10  # pixels between the places whose movement is worked out
REACH = 0.05  # of the face's width: how far a point takes the pixels around it along
BEHIND = 0.45  # of the face's width: the axis of the neck, behind the middle of the points
BORDER = 24  # places on the frame's border that stay where they are


def lift(frame: Frame, found: Mesh, pitch: float) -> Frame:
    """The portrait with its head lifted by so many degrees, some two thirds of which the network sees."""
    points = found.points
    wide = float(np.ptp(points[:, 0]))
    middle = points.mean(axis=0) + np.array([0, 0, BEHIND * wide])
    there = (points - middle) @ turned(0, pitch).T + middle
    return _moved(frame, points[:, :2], there[:, :2], REACH * wide)


def shut(frame: Frame, found: Mesh) -> Frame:
    """The portrait with skin over both eyes."""
    done = frame.copy()
    for outer, inner in EYES:
        middle = found.points[[outer, inner], :2].mean(axis=0)
        wide = apart(found, outer, inner)
        skin = frame[int(middle[1] + 0.9 * wide), int(middle[0])].tolist()
        x, y = int(middle[0]), int(middle[1])
        cv2.ellipse(done, (x, y), (int(0.62 * wide), int(0.36 * wide)), 0, 0, 360, skin, -1)
        lashes = (x, int(y + 0.12 * wide))
        cv2.ellipse(done, lashes, (int(0.5 * wide), max(1, int(0.05 * wide))), 0, 0, 180, (40, 40, 50), 2)
    return np.asarray(cv2.GaussianBlur(done, (0, 0), 0.6), np.uint8)


def _moved(frame: Frame, before: Points, after: Points, reach: float) -> Frame:
    """Every pixel taken from where the points around it came from; the border stays."""
    height, width = frame.shape[:2]
    x, y = np.meshgrid(np.arange(0, width + GRID, GRID), np.arange(0, height + GRID, GRID))
    places = np.column_stack([x.ravel(), y.ravel()]).astype(np.float64)
    edge = _border(width, height)
    anchors, moves = np.concatenate([after, edge]), np.concatenate([before - after, np.zeros_like(edge)])
    squared = ((places[:, None, :] - anchors[None]) ** 2).sum(axis=2)
    weights = 1 / (squared + reach**2) ** 1.6
    shift = (weights @ moves / weights.sum(axis=1, keepdims=True)).reshape(*x.shape, 2)
    fine = cv2.resize(shift.astype(np.float32), None, fx=GRID, fy=GRID, interpolation=cv2.INTER_LINEAR)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    fine = fine[:height, :width]
    return np.asarray(
        cv2.remap(
            frame,
            columns + fine[..., 0],
            rows + fine[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def _border(width: int, height: int) -> Points:
    along = np.linspace(0, 1, BORDER)
    sides = [(along * width, 0 * along), (along * width, 0 * along + height)]
    sides += [(0 * along, along * height), (0 * along + width, along * height)]
    return np.concatenate([np.column_stack(side) for side in sides])
