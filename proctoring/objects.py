"""Phones, books and persons in a frame: hints for the invigilator, never proof.

NanoDet answers on three grids: for each place how likely each of 80 classes is there, and for each side of
the box a distribution over whole numbers of grid steps, whose mean is the side's distance.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from proctoring.faces import distinct
from proctoring.frames import Frame
from proctoring.models import ModelCard, blob, forward
from proctoring.observation import FoundObject

Floats = NDArray[np.float32]
STRIDES = (8, 16, 32)
GREY = 0  # what is added around a frame to make it square


def find(net: "cv2.dnn.Net", card: ModelCard, frame: Frame) -> tuple[FoundObject, ...]:
    """What the card's classes name, the likeliest first, from its `score` on; boxes end at the frame.

    Boxes of one class that overlap more than the card's `overlap` (IoU) count once.
    """
    side = card.input.width
    square, scale, corner = _letterbox(frame, side)
    boxes, scores = decode(forward(card, net, blob(card, square)), side)
    height, width = frame.shape[:2]
    found = []
    for kind, number in card.classes.items():
        (places,) = np.nonzero(scores[:, number] >= card.thresholds["score"])
        likely, around = scores[places, number], (boxes[places] - np.tile(corner, 2)) / scale
        limits = np.clip(around, 0, (width, height, width, height))
        flat = np.concatenate([limits[:, :2], limits[:, 2:] - limits[:, :2]], axis=1)
        for place in distinct(flat, likely, card.thresholds["overlap"]):
            left, top, wide, high = map(float, flat[place])
            found.append(FoundObject(kind, float(likely[place]), (left, top, wide, high)))
    return tuple(sorted((each for each in found if min(each.box[2:]) >= 1), key=lambda each: -each.score))


def decode(answers: Sequence[Floats], side: int) -> tuple[Floats, Floats]:
    """Boxes (n x 4: left, top, right, bottom, pixels of the square) and scores (n x classes) of all places.

    `answers`: scores by grid, then distances by grid, each 1 x places x values; how many numbers a distance
    is spread over is told by the shape: NanoDet's editions differ in that.
    """
    boxes, scores = [], []
    for grid, stride in enumerate(STRIDES):
        likely, sides = answers[grid][0], answers[grid + len(STRIDES)][0]
        down, right = np.divmod(np.arange(len(likely)), side // stride)
        middle = (np.stack([right, down], axis=-1) + 0.5) * stride
        spread = sides.reshape(len(sides), 4, -1)
        weights = np.exp(spread - spread.max(axis=2, keepdims=True))
        steps = np.arange(spread.shape[2], dtype=np.float32)
        away = (weights @ steps) / weights.sum(axis=2) * stride
        boxes.append(np.concatenate([middle - away[:, :2], middle + away[:, 2:]], axis=1))
        scores.append(likely)
    return np.asarray(np.concatenate(boxes), np.float32), np.concatenate(scores)


def _letterbox(frame: Frame, side: int) -> tuple[Frame, float, NDArray[np.float64]]:
    """A frame inside a square, how much it is magnified there, and where its corner is."""
    height, width = frame.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(frame, size, interpolation=how)
    left, top = (side - size[0]) // 2, (side - size[1]) // 2
    edges = (top, side - size[1] - top, left, side - size[0] - left)
    square = cv2.copyMakeBorder(small, *edges, cv2.BORDER_CONSTANT, value=(GREY,) * 3)
    return np.asarray(square, np.uint8), scale, np.array([left, top], np.float64)
