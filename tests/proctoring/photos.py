"""The sample photos that set-up fetches, and frames composed of them."""

from functools import cache
from importlib.resources import files

import cv2
import numpy as np

from proctoring.frames import Frame, decode

BOXES = {
    "astronaut.png": (181, 58, 88, 119),
    "biden.jpg": (427, 157, 288, 414),
    "obama.jpg": (368, 85, 251, 347),
    "obama2.jpg": (200, 238, 281, 401),
    "obama3.jpg": (642, 248, 277, 363),
}
"""Where the one face of each is: left, top, width, height, to some pixels."""
PERSONS = {"astronaut.png": "collins", "biden.jpg": "biden"} | dict.fromkeys(
    ("obama.jpg", "obama2.jpg", "obama3.jpg"), "obama"
)


@cache
def photo(name: str) -> Frame:
    """A sample photo's pixels."""
    pixels = decode(files("server").joinpath("samples", "faces", name).read_bytes())
    pixels.setflags(write=False)
    return pixels


def scaled(name: str, face_width: float) -> Frame:
    """A sample photo so large that its face is about as wide as this, in pixels."""
    share = face_width / BOXES[name][2]
    way = cv2.INTER_AREA if share < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(photo(name), None, fx=share, fy=share, interpolation=way), np.uint8)


def wall(height: int = 480, width: int = 640, seed: int = 1) -> Frame:
    """An empty place: a wall with a window, a desk and a chair's back, with a camera's noise."""
    picture = np.full((height, width, 3), (170, 175, 178), np.uint8)
    cv2.rectangle(picture, (width // 12, height // 10), (width // 4, height // 2), (225, 220, 205), -1)
    cv2.rectangle(picture, (0, height * 4 // 5), (width, height), (60, 80, 110), -1)
    cv2.rectangle(picture, (width * 3 // 8, height // 2), (width * 5 // 8, height * 4 // 5), (50, 45, 40), -1)
    return noisy(picture, 3.0, seed)


def placed(frame: Frame, name: str, face_width: float, left: int, *, height: float = 1.9) -> Frame:
    """A frame with head and shoulders of a sample photo, cut around the face, set on its lower edge."""
    x, y, wide, high = BOXES[name]
    rows = slice(max(0, int(y - 0.5 * high)), int(y + height * high))
    share = face_width / wide
    around = photo(name)[rows, max(0, x - wide) : x + 2 * wide]
    cut = cv2.resize(around, None, fx=share, fy=share, interpolation=cv2.INTER_AREA)
    tall, broad = min(cut.shape[0], frame.shape[0]), min(cut.shape[1], frame.shape[1] - left)
    done = frame.copy()
    done[frame.shape[0] - tall :, left : left + broad] = cut[:tall, :broad]
    return done


def noisy(frame: Frame, deviation: float, seed: int) -> Frame:
    """The same with a sensor's grain."""
    grain = np.random.default_rng(seed).normal(0, deviation, frame.shape)
    return np.clip(frame + grain, 0, 255).astype(np.uint8)


def lit(frame: Frame, gain: float, seed: int = 2) -> Frame:
    """The same in other light, with grain."""
    return noisy(np.asarray(np.clip(frame * gain, 0, 255), np.uint8), 3.0, seed)
