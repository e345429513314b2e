"""Whether a face is a living one before the camera or a picture of one, from a single frame.

MiniFASNet looks at the face with some of what is around it, where the edge of a phone or of a print shows.
Two networks that look at different widths work together; their mean is the score. A dark frame misleads
them: whoever asks must look at the light first.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from proctoring.frames import Frame
from proctoring.models import ModelCard, blob, forward
from proctoring.observation import FoundFace

ALIVE = 1  # of the three classes; the others are kinds of pictures


def score(nets: Sequence["cv2.dnn.Net"], cards: Sequence[ModelCard], frame: Frame, face: FoundFace) -> float:
    """How sure the networks are that a face of the frame is alive, 0-1: their mean."""
    return float(np.mean([_one(net, card, frame, face) for net, card in zip(nets, cards, strict=True)]))


def around(frame: Frame, box: Sequence[float], crop: float, size: tuple[int, int]) -> Frame:
    """The part of a frame that is `crop` times as wide and high as a box (left, top, width, height).

    Near the border the part is moved inward, and made smaller only when the frame itself is too small, as
    the networks were trained. `size`: width and height of what comes out, in pixels.
    """
    height, width = frame.shape[:2]
    left, top, wide, high = box
    crop = min((height - 1) / max(high, 1), (width - 1) / max(wide, 1), crop)
    half = wide * crop / 2, high * crop / 2
    middle = left + wide / 2, top + high / 2
    x = min(max(middle[0], half[0]), max(width - 1 - half[0], half[0]))
    y = min(max(middle[1], half[1]), max(height - 1 - half[1], half[1]))
    begin = max(0, int(x - half[0])), max(0, int(y - half[1]))
    end = int(x + half[0]), int(y + half[1])
    part = frame[begin[1] : max(end[1], begin[1]) + 1, begin[0] : max(end[0], begin[0]) + 1]
    return np.asarray(cv2.resize(part, size), np.uint8)


def _one(net: "cv2.dnn.Net", card: ModelCard, frame: Frame, face: FoundFace) -> float:
    cut = around(frame, face.box, card.crop, (card.input.width, card.input.height))
    logits = forward(card, net, blob(card, cut))[0].ravel().astype(np.float64)
    shares = np.exp(logits - logits.max())
    return float(shares[ALIVE] / shares.sum())
