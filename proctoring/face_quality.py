"""Whether a face is seen well enough to say whose it is: size, light, sharpness, nothing in front of it.

What is not so seen is told as that, never as a stranger.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from proctoring.frames import Frame
from proctoring.observation import FoundFace
from proctoring.quality import Quality, Verdict

LEAST_WIDTH = 40.0  # pixels of a face that is compared, in the frame as it came
LEAST_LIGHT, MOST_GLARE, GLARE, LEAST_DETAIL = 25.0, 0.40, 250, 0.025
"""A face is compared when its mean brightness is at least the first, at most the second share of it is as
bright as GLARE, and its detail (see `detail`) is at least the last. Measured on darkened, overexposed,
blurred and shaken portraits: beyond these more and more faces were mistaken for another person's."""
LEAST_SCORE = 0.7
"""Of the detector. Faces in plain sight have 0.8 and more, half covered ones 0.55 to 0.85."""
PARTS = ((38, 52, 10, 6), (73, 52, 10, 6), (56, 92, 16, 8))
"""Right eye, left eye and mouth in an upright cut-out: middle and half size, in pixels."""
LEAST_PARTS = (0.08, 0.08, 0.12)
"""Least contrast of each of these, as a share of the face's. Behind a mask, dark glasses, a hand or a card it
was 0.01 to 0.06, in plain sight 0.09 and more for eyes (closed ones too) and 0.24 for a mouth."""
INNER = slice(16, 96)  # rows and columns of an upright cut-out that are face, not hair or background
DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows and columns from a pixel to its neighbour
DETAIL_SIDE = 40  # pixels; a face that is just wide enough must not seem blurred by being enlarged


def is_comparable(face: FoundFace, cut: Frame, seen: Quality) -> bool:
    """Whether a face is large, sure, sharp, lit and free enough to say who it is. `cut`: the face upright."""
    if seen.verdict is not Verdict.GOOD or face.box[2] < LEAST_WIDTH or face.score < LEAST_SCORE:
        return False
    whole = np.asarray(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY), np.uint8)
    grey = whole[INNER, INNER]
    light, glare = float(grey.mean()), float((grey >= GLARE).mean())
    if light < LEAST_LIGHT or glare > MOST_GLARE:
        return False
    return detail(grey) >= LEAST_DETAIL and is_free(whole)


def is_free(cut: NDArray[np.uint8]) -> bool:
    """Whether nothing plain covers an eye or the mouth of an upright face (grey)."""
    contrast = max(float(cut[INNER, INNER].std()), 1.0)
    return all(
        float(cut[y - high : y + high + 1, x - wide : x + wide + 1].std()) >= least * contrast
        for (x, y, wide, high), least in zip(PARTS, LEAST_PARTS, strict=True)
    )


def detail(grey: NDArray[np.uint8]) -> float:
    """How much of a face's contrast is fine, whatever the light: near 0 when blurred or shaken.

    The variance of its bends along the direction that has least, as a share of the variance of its
    brightness: a shake takes the detail along its own direction only.
    """
    side = (DETAIL_SIDE, DETAIL_SIDE)
    small = cv2.resize(grey, side, interpolation=cv2.INTER_AREA).astype(np.float32)
    middle, last = small[1:-1, 1:-1], DETAIL_SIDE - 1
    bends = []
    for down, right in DIRECTIONS:
        before = small[1 - down : last - down, 1 - right : last - right]
        after = small[1 + down : last + down, 1 + right : last + right]
        bends.append(float((before + after - 2 * middle).var()) / (abs(down) + abs(right)))
    return min(bends) / max(float(small.var()), 1.0)
