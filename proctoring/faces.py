"""Faces in a frame: where they are, upright cut-outs of them, and vectors that tell persons apart.

A detector answers on a grid of places: how likely a face is there, how large it is, and where its eyes, nose
and corners of the mouth are; `DECODERS` has the ways in which known kinds of them say so. The verifier turns
a cut-out of 112 x 112 pixels, in which these five points lie where the field's networks are trained to have
them, into a vector. Which networks these are is the manifest's affair.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from proctoring.frames import Frame
from proctoring.models import ModelCard, blob, forward
from proctoring.observation import FoundFace

Vector = NDArray[np.float32]
"""What a face looks like: as many numbers as the model's card says, of length 1 in all."""
Floats = NDArray[np.float32]
Found = tuple[Floats, Floats, Floats]
"""Boxes (n x 4: left, top, width, height), scores (n), points (n x 5 x 2): pixels of what the net saw."""
STRIDE = 4  # of CenterFace's grid, in pixels
STRIDES = (8, 16, 32)  # of YuNet's three grids
LARGEST = 8.0  # exponent of a box's side on the grid; a net that answers more is broken, not right
UPRIGHT = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Where the verifier wants the eyes, the nose and the corners of the mouth: the field's usual positions."""
CUT = 112
MARGIN = 0.6
"""Of a face's larger side: what is cut out around it before it is turned upright; nothing more is seen."""


def find(net: "cv2.dnn.Net", card: ModelCard, frame: Frame, side: int) -> tuple[FoundFace, ...]:
    """All faces, the likeliest first; none of them is marked as main.

    `side`: the frame's long side in pixels while looking, never more than it has. Boxes end at the frame.
    """
    height, width = frame.shape[:2]
    scale = min(1.0, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    shown = _padded(np.asarray(small, np.uint8), card.input.multiple)
    answers = forward(card, net, blob(card, shown))
    boxes, scores, points = DECODERS[card.kind](answers, shown.shape[:2], card.thresholds["score"])
    points = points[:, card.landmarks]
    kept = distinct(boxes, scores, card.thresholds["overlap"])
    back = np.array([width / size[0], height / size[1]])
    faces = (_face(boxes[place], scores[place], points[place], back, (width, height)) for place in kept)
    return tuple(face for face in faces if min(face.box[2:]) >= 1)  # not in what was added to the frame


def upright(frame: Frame, face: FoundFace) -> Frame:
    """A face as the verifier wants it: 112 x 112 x 3, turned and scaled by its five points."""
    points = np.asarray(face.landmarks, np.float64)
    around, corner = _around(frame, face)
    turn, shift = similarity(points - corner, UPRIGHT)
    scale = abs(turn) * 2
    if scale < 1:  # shrink by areas first: a far smaller picture taken point by point would be grainy
        height, width = around.shape[:2]
        size = max(1, round(width * scale)), max(1, round(height * scale))
        around = np.asarray(cv2.resize(around, size, interpolation=cv2.INTER_AREA), np.uint8)
        turn /= np.sqrt(size[0] / width * (size[1] / height))
    matrix = np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])
    return np.asarray(cv2.warpAffine(around, matrix, (CUT, CUT), flags=cv2.INTER_LINEAR), np.uint8)


def embed(net: "cv2.dnn.Net", card: ModelCard, cut: Frame) -> Vector:
    """The vector of an upright face."""
    size = card.input.width, card.input.height
    fitting = cut if size == (CUT, CUT) else np.asarray(cv2.resize(cut, size), np.uint8)
    return unit(forward(card, net, blob(card, fitting))[0].ravel())


def unit(vector: Floats) -> Vector:
    """The same direction with length 1."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


def cosine(one: Vector, other: Vector) -> float:
    """How alike two faces are: -1 to 1. Raises `ValueError` for vectors of different models' lengths."""
    return float(np.clip(np.dot(one, other), -1.0, 1.0))


def similarity(points: NDArray[np.float64], wanted: NDArray[np.float64]) -> tuple[complex, complex]:
    """The turn with scale, and the shift, that bring points (n x 2) closest to where they are wanted.

    As complex numbers: z goes to turn * z + shift; least squares. Points that all coincide are only shifted.
    """
    source, target = points[:, 0] + 1j * points[:, 1], wanted[:, 0] + 1j * wanted[:, 1]
    apart, aim = source - source.mean(), target - target.mean()
    spread = float((np.abs(apart) ** 2).sum())
    turn = complex((apart.conj() * aim).sum() / spread) if spread > 1e-9 else complex(1.0)
    return turn, complex(target.mean() - turn * source.mean())


def _around(frame: Frame, face: FoundFace) -> tuple[Frame, NDArray[np.float64]]:
    """The part of a frame that an upright cut-out is taken from, and where its corner is."""
    left, top, width, height = face.box
    margin = MARGIN * max(width, height)
    x, y = max(0, int(left - margin)), max(0, int(top - margin))
    right, bottom = int(left + width + margin) + 1, int(top + height + margin) + 1
    return frame[y : max(bottom, y + 1), x : max(right, x + 1)], np.array([x, y], np.float64)


def _padded(small: Frame, multiple: int) -> Frame:
    height, width = small.shape[:2]
    below, right = -height % multiple, -width % multiple
    return np.asarray(cv2.copyMakeBorder(small, 0, below, 0, right, cv2.BORDER_CONSTANT), np.uint8)


def centerface(found: Sequence[Floats], _shape: tuple[int, ...], least: float) -> Found:
    """CenterFace: heat, sizes, offsets and landmarks, each 1 x channels x rows x columns."""
    heat, sizes, offsets, landmarks = (output[0] for output in found)
    rows, columns = np.nonzero(heat[0] >= least)
    high, wide = np.exp(np.minimum(sizes[:, rows, columns], LARGEST)) * STRIDE
    top = (rows + offsets[0, rows, columns] + 0.5) * STRIDE - high / 2
    left = (columns + offsets[1, rows, columns] + 0.5) * STRIDE - wide / 2
    down, right = landmarks[0::2, rows, columns], landmarks[1::2, rows, columns]
    points = np.stack([right * wide + left, down * high + top], axis=-1).transpose(1, 0, 2)
    return np.stack([left, top, wide, high], axis=-1), heat[0, rows, columns], points


def yunet(found: Sequence[Floats], shape: tuple[int, ...], least: float) -> Found:
    """YuNet: class, object, box and points, each for three grids, 1 x places x values, row by row.

    `shape`: height and width of what the net was shown.
    """
    grids = []
    for grid, stride in enumerate(STRIDES):
        sure, there, box, marks = (found[kind * len(STRIDES) + grid][0] for kind in range(4))
        scores = np.sqrt(np.clip(sure[:, 0], 0, 1) * np.clip(there[:, 0], 0, 1))
        (places,) = np.nonzero(scores >= least)
        corner = np.stack(np.divmod(places, shape[1] // stride)[::-1], axis=-1)
        middle = (corner + box[places, :2]) * stride
        size = np.exp(np.minimum(box[places, 2:], LARGEST)) * stride
        points = (corner[:, None] + marks[places].reshape(-1, 5, 2)) * stride
        grids.append((np.concatenate([middle - size / 2, size], axis=1), scores[places], points))
    boxes, likely, points = (np.concatenate(parts) for parts in zip(*grids, strict=True))
    return boxes, likely, points


DECODERS: Mapping[str, Callable[[Sequence[Floats], tuple[int, ...], float], Found]] = MappingProxyType(
    {"centerface": centerface, "yunet": yunet}
)


def distinct(boxes: Floats, scores: Floats, overlap: float) -> list[int]:
    """Places of the faces that stay when of boxes that overlap too much (IoU) the likeliest is kept."""
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    areas = boxes[:, 2] * boxes[:, 3]
    waiting = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(waiting):
        best, waiting = int(waiting[0]), waiting[1:]
        kept.append(best)
        wide = np.minimum(right[best], right[waiting]) - np.maximum(left[best], left[waiting])
        high = np.minimum(bottom[best], bottom[waiting]) - np.maximum(top[best], top[waiting])
        shared = np.maximum(wide, 0) * np.maximum(high, 0)
        waiting = waiting[shared <= overlap * (areas[best] + areas[waiting] - shared)]
    return kept


def _face(
    box: Floats, score: np.float32, points: Floats, back: NDArray[np.float64], limits: tuple[int, int]
) -> FoundFace:
    corners = np.clip([box[:2] * back, (box[:2] + box[2:]) * back], 0, limits)
    left, top, right, bottom = (float(value) for value in corners.ravel())
    marks = tuple((float(x), float(y)) for x, y in points * back)
    return FoundFace((left, top, right - left, bottom - top), float(score), marks)
