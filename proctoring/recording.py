"""Recordings of a seat's camera, composed from photos: a person before a plain wall who moves a little.

For rehearsals, the demo and trials: the frames go through the same cameras, nets and rules as real ones.
Everything follows from the photo and a seed: the same seed gives the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from proctoring.frames import Frame, FrameFault

WIDTH, HEIGHT = 640, 480
FACE_SHARE = 0.35
"""Height of a face in a frame's height, as a webcam on a screen sees whoever sits before it."""
AROUND, ABOVE, BELOW = 1.7, 1.3, 2.6
"""What a cut-out takes, from the middle of the face in face heights: aside, above and below."""
HEAD, SHOULDERS, SOFT = (0.62, 0.85), (0.75, 1.5, 1.5), 0.025
"""In face heights: half axes of the head's ellipse; where the neck ends, where the shoulders are at their
full half width, and that width; deviation of the blur of the edge. Inside of it the outline is looked for."""
ROUNDS = 2
"""How often the outline is refined."""
SHIFT, TURN, GROWTH, LIGHT, NOISE = 9.0, 2.0, 0.03, 5.0, 2.5
"""Deviation of a frame from the next one: pixels, degrees, share of the size, brightness, grain (0-255)."""
HAND = (34.0, 30.0, 62.0)
"""Blue, green and red of skin that lies on a lens."""
JPEG_QUALITY = 88
ID_WIDTH, ID_HEIGHT, ID_FACE_SHARE = 360, 480, 0.45
"""A registration photo: its size in pixels, and the share of the face in its height."""

Mask = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Cutout:
    """Head and shoulders out of a photo: pixels, how much of each is shown (0-1), the face's box in them.

    `face`: left, top, width, height in pixels.
    """

    pixels: Frame
    mask: Mask
    face: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Sitter:
    """A person in the picture: where the middle of the face is (shares of width and height), how large."""

    cutout: Cutout
    across: float = 0.5
    down: float = 0.45
    size: float = 1.0
    """1: `FACE_SHARE` of the frame's height."""


def cut_out(photo: Frame, face: tuple[float, float, float, float]) -> Cutout:
    """Head and shoulders of the face with this box, their edges softened."""
    left, top, wide, high = face
    x, y = left + wide / 2, top + high / 2
    first, above = max(0, round(x - AROUND * high)), max(0, round(y - ABOVE * high))
    last, below = round(x + AROUND * high) + 1, round(y + BELOW * high) + 1
    part = photo[above:below, first:last]
    scale = 1.2 * FACE_SHARE * HEIGHT / high  # as large as it will be shown, and a little more
    size = (max(2, round(part.shape[1] * scale)), max(2, round(part.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    pixels = np.asarray(cv2.resize(part, size, interpolation=way), np.uint8)
    box = ((left - first) * scale, (top - above) * scale, wide * scale, high * scale)
    mask = _outline(pixels, (box[0] + box[2] / 2, box[1] + box[3] / 2), box[3])
    return Cutout(pixels, mask, box)


def id_photo(photo: Frame, face: tuple[float, float, float, float]) -> Frame:
    """The part of a photo that a registration photo shows; where the photo ends, its edge is repeated."""
    left, top, wide, high = face
    scale = ID_FACE_SHARE * ID_HEIGHT / high
    matrix = np.array(
        [
            [scale, 0, ID_WIDTH / 2 - (left + wide / 2) * scale],
            [0, scale, 0.46 * ID_HEIGHT - (top + high / 2) * scale],
        ]
    )
    if scale < 1:  # shrinking by a matrix alone would leave jagged edges
        photo = np.asarray(cv2.GaussianBlur(photo, (0, 0), 0.4 / scale), np.uint8)
    size = (ID_WIDTH, ID_HEIGHT)
    return np.asarray(cv2.warpAffine(photo, matrix, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def backdrop(seed: int) -> Frame:
    """A wall with a shelf and a door frame, lit from one side, with the grain of plaster."""
    rng = np.random.default_rng([seed, 1])
    x = np.linspace(-1, 1, WIDTH, dtype=np.float32)
    y = np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None]
    wall = np.asarray(rng.uniform(140, 180, 3), np.float32)
    light = float(rng.choice((-1.0, 1.0))) * float(rng.uniform(14, 26)) * x - 12 * y
    picture = wall[None, None, :] + light[:, :, None]
    shelf, door = int(rng.integers(60, 120)), int(rng.integers(20, 80))
    picture[shelf : shelf + 10, :] -= 45
    picture[:, door : door + 14] -= 40
    picture[:, WIDTH - door - 8 : WIDTH - door] -= 30
    plaster = rng.normal(0, 1, (HEIGHT // 4, WIDTH // 4, 1)).astype(np.float32)
    picture += 7 * cv2.resize(plaster, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)[:, :, None]
    return _bytes(picture)


def record(background: Frame, sitters: Sequence[Sitter], seed: int, count: int) -> list[Frame]:
    """`count` frames of these people before a backdrop; without people: an empty chair's view."""
    rng = np.random.default_rng([seed, 2])
    return [_frame(background, sitters, rng) for _ in range(count)]


def record_covered(seed: int, count: int) -> list[Frame]:
    """`count` frames of a lens under a hand: dim reddish light, no edges, the grain of the sensor."""
    rng = np.random.default_rng([seed, 3])
    y = np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None, None]
    hand = np.asarray(HAND, np.float32) + 4 * y + np.zeros((1, WIDTH, 1), np.float32)
    return [_grainy(hand + float(rng.normal(0, 1)), rng) for _ in range(count)]


def encode(frame: Frame, quality: int = JPEG_QUALITY) -> bytes:
    """A frame as JPEG. Raises `FrameFault`."""
    done, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise FrameFault("picture_damaged")
    return data.tobytes()


def _frame(background: Frame, sitters: Sequence[Sitter], rng: np.random.Generator) -> Frame:
    picture = background.astype(np.float32)
    for sitter in sitters:
        pixels, mask = _moved(sitter, rng)
        picture += mask[:, :, None] * (pixels - picture)
    return _grainy(picture + float(rng.normal(0, LIGHT)), rng)


def _moved(sitter: Sitter, rng: np.random.Generator) -> tuple[NDArray[np.float32], Mask]:
    """A person's pixels and mask in the frame's coordinates, a little aside of the usual place."""
    left, top, wide, high = sitter.cutout.face
    scale = sitter.size * FACE_SHARE * HEIGHT / high * float(1 + np.clip(rng.normal(0, GROWTH), -0.08, 0.08))
    turn = float(np.clip(rng.normal(0, TURN), -6, 6))
    aside, along = np.clip(rng.normal(0, SHIFT, 2), -25, 25)
    middle = (left + wide / 2, top + high / 2)
    matrix = cv2.getRotationMatrix2D(middle, turn, scale)
    matrix[0, 2] += sitter.across * WIDTH + float(aside) - middle[0]
    matrix[1, 2] += sitter.down * HEIGHT + float(along) * 0.5 - middle[1]
    size = (WIDTH, HEIGHT)
    pixels = cv2.warpAffine(
        sitter.cutout.pixels.astype(np.float32), matrix, size, borderMode=cv2.BORDER_REPLICATE
    )
    mask = cv2.warpAffine(sitter.cutout.mask, matrix, size)
    return np.asarray(pixels, np.float32), np.asarray(mask, np.float32)


def _outline(pixels: Frame, middle: tuple[float, float], high: float) -> Mask:
    """1 on head and shoulders, 0 beside them, with a soft edge; `middle` and `high` are the face's."""
    size = (pixels.shape[1], pixels.shape[0])
    half = cv2.resize(
        pixels, (size[0] // 2, size[1] // 2), interpolation=cv2.INTER_AREA
    )  # four times as fast
    y, x = 2 * np.mgrid[0 : half.shape[0], 0 : half.shape[1]].astype(np.float32)
    across, down = np.abs(x - middle[0]) / high, (y - middle[1]) / high
    parts = np.full(half.shape[:2], cv2.GC_BGD, np.uint8)
    parts[_figure(across, down, 1.0)] = cv2.GC_PR_FGD
    parts[_figure(across, down, 0.7)] = cv2.GC_FGD
    cv2.setRNGSeed(1)
    cv2.grabCut(half, parts, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    inside = np.isin(parts, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    inside *= np.clip(np.minimum(x, size[0] - 2 - x) / (0.2 * high), 0, 1)  # a photo's side is no outline
    soft = cv2.GaussianBlur(inside, (0, 0), SOFT * high / 2)
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR), np.float32)


def _figure(across: Mask, down: Mask, share: float) -> NDArray[np.bool_]:
    """Where head and shoulders can be, in face heights from the face's middle; `share` makes them thinner."""
    head = (across / (HEAD[0] * share)) ** 2 + (down / (HEAD[1] * share)) ** 2 <= 1
    neck, full, wide = SHOULDERS
    reach = 0.35 + (wide - 0.35) * np.clip((down - neck) / (full - neck), 0, 1) ** 0.5
    inside: NDArray[np.bool_] = head | ((down > 0.3) & (across < share * np.where(down < neck, 0.35, reach)))
    return inside


def _grainy(picture: NDArray[np.float32], rng: np.random.Generator) -> Frame:
    return _bytes(picture + NOISE * rng.standard_normal(picture.shape, dtype=np.float32))


def _bytes(picture: NDArray[np.float32]) -> Frame:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
