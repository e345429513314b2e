"""What is staged before a camera beside people who sit there: bad light, passers-by, things in the hand.

Drawn and composed, for drills and trials: whether a detector takes a drawing for the thing is what those
measure. Everything follows from the picture and a seed. Colours are BGR, places shares of width and height.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from proctoring.frames import Frame
from proctoring.recording import HEIGHT, NOISE, WIDTH, Cutout, Sitter, record

BODY, GLASS, TEXT, SKIN = (50, 48, 48), (245, 240, 235), (90, 90, 90), (120, 150, 205)
PHONE = 110.0
"""Height in pixels of a telephone held up beside a face."""
BUST = 1.6  # heights of the face from its top
WALKER = 0.2  # size of somebody some rows behind, against who sits here
LAMP = 0.3
"""Reach of a lamp's glare, in heights of the frame."""


def dark(frames: Sequence[Frame], share: float, seed: int) -> list[Frame]:
    """The same scene with this share of its light, and the grain that a sensor then adds."""
    rng = np.random.default_rng([seed, 11])
    return [_bytes(frame * np.float32(share) + _grain(frame, rng)) for frame in frames]


def glaring(frames: Sequence[Frame], seed: int, at: tuple[float, float] = (0.84, 0.2)) -> list[Frame]:
    """A lamp or the sun shines into the lens: white around `at`, washed out everywhere."""
    rng = np.random.default_rng([seed, 12])
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    away = np.hypot(x - at[0] * WIDTH, y - at[1] * HEIGHT) / HEIGHT
    light = 330 * np.exp(-((away / LAMP) ** 2))[:, :, None] + 40
    return [_bytes(frame * 0.75 + light + _grain(frame, rng)) for frame in frames]


def bust(cutout: Cutout) -> Cutout:
    """Head and neck alone: what somebody wears must not be what is found."""
    _left, top, _wide, high = cutout.face
    rows = np.arange(cutout.mask.shape[0], dtype=np.float32)[:, None]
    shown = np.clip((top + BUST * high - rows) / (0.12 * high), 0, 1)
    return Cutout(cutout.pixels, np.asarray(cutout.mask * shown, np.float32), cutout.face)


def headless(cutout: Cutout) -> Cutout:
    """The shoulders alone, as of somebody whose head cannot be made out."""
    head = bust(cutout).mask
    return Cutout(cutout.pixels, np.asarray(cutout.mask - head, np.float32), cutout.face)


def blurred(frames: Sequence[Frame], pixels: float) -> list[Frame]:
    """Out of focus, or a smeared lens; deviation in pixels."""
    return [np.asarray(cv2.GaussianBlur(frame, (0, 0), pixels), np.uint8) for frame in frames]


def shrunk(frames: Sequence[Frame], width: int, height: int) -> list[Frame]:
    """What a camera gives that lacks bandwidth."""
    size = (width, height)
    return [np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8) for frame in frames]


def passing(background: Frame, here: Cutout, other: Cutout, seed: int, count: int) -> list[Frame]:
    """Somebody small walks through behind whoever sits here, from left to right."""
    frames: list[Frame] = []
    for number in range(count):
        across = 0.08 + 0.84 * number / max(1, count - 1)
        walker = Sitter(other, across=across, down=0.28, size=WALKER)
        frames += record(background, (walker, Sitter(here)), seed + number, 1)
    return frames


def with_phone(frames: Sequence[Frame], at: tuple[float, float] = (0.2, 0.7)) -> list[Frame]:
    """A telephone with a text on its screen, held up beside the face."""
    wide, high = 200, 400
    side = np.full((high, wide, 3), BODY, np.uint8)
    cv2.rectangle(side, (8, 20), (wide - 9, high - 21), GLASS, -1)
    for row in range(9):
        cv2.rectangle(side, (20, 40 + row * 36), (wide - 30 - (row * 37) % 60, 52 + row * 36), TEXT, -1)
    corners = _corners(at, (PHONE / 2, PHONE), 0)
    return [_held(_laid(frame, side, corners), at) for frame in frames]


def photo_held(background: Frame, portrait: Frame, seed: int, count: int, share: float = 0.92) -> list[Frame]:
    """A telephone or tablet that shows a portrait is held before the lens: a bezel, a tilt, the pattern that
    two rasters make together, a reflection. `share`: its height in the frame's.
    """
    rng = np.random.default_rng([seed, 13])
    screen = _screen(portrait)
    frames = []
    for _ in range(count):
        at = (0.5 + float(rng.normal(0, 0.006)), 0.5 + float(rng.normal(0, 0.006)))
        high = share * HEIGHT * float(1 + rng.normal(0, 0.01))
        size = (high * screen.shape[1] / screen.shape[0], high)
        shown = _laid(background, screen, _corners(at, size, 4 + float(rng.normal(0, 0.8)), 0.05))
        frames.append(_bytes(shown + _grain(shown, rng)))
    return frames


def _held(frame: Frame, at: tuple[float, float]) -> Frame:
    """A hand around it: four fingers, the thumb, the ball of the hand."""
    seen = frame.copy()
    x, y = at[0] * WIDTH, at[1] * HEIGHT
    parts = [((0.24, -0.15 + 0.16 * finger), (0.12, 0.065), 0.0) for finger in range(4)]
    for (aside, down), half, turn in (
        *parts,
        ((-0.22, 0.05), (0.08, 0.25), 20.0),
        ((0, 0.55), (0.3, 0.3), 0.0),
    ):
        middle = (round(x + PHONE * aside), round(y + PHONE * down))
        cv2.ellipse(seen, middle, (round(PHONE * half[0]), round(PHONE * half[1])), turn, 0, 360, SKIN, -1)
    return np.asarray(cv2.GaussianBlur(seen, (0, 0), 0.8), np.uint8)


def _screen(portrait: Frame) -> Frame:
    """A portrait on a screen: its raster, a bluish light, a stripe of reflection, and the frame around it."""
    high = 720
    wide = round(high * portrait.shape[1] / portrait.shape[0])
    shown = cv2.resize(portrait, (wide, high), interpolation=cv2.INTER_AREA).astype(np.float32)
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    raster = 1 + 0.10 * np.sin(2 * np.pi * (x * 0.37 + y * 0.06)) * np.sin(2 * np.pi * y * 0.31)
    shown = shown * raster[:, :, None] * np.asarray((1.08, 1.0, 0.94), np.float32) * 0.9 + 14
    stripe = np.exp(-(((x + 0.5 * y - 0.7 * wide) / (0.10 * wide)) ** 2))
    shown += 38 * stripe[:, :, None]
    return np.asarray(
        cv2.copyMakeBorder(_bytes(shown), 34, 46, 22, 22, cv2.BORDER_CONSTANT, value=BODY), np.uint8
    )


def _corners(
    at: tuple[float, float], size: tuple[float, float], tilt: float, lean: float = 0.0
) -> NDArray[np.float32]:
    """Corners of a flat thing around a place, turned by `tilt` degrees, its right side farther by `lean`."""
    turn = np.deg2rad(tilt)
    middle = np.array((at[0] * WIDTH, at[1] * HEIGHT))
    half = np.array(size) / 2
    signs = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1)))
    places = signs * half
    places[1:3, 1] *= 1 - lean
    around = np.array(((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))))
    return np.asarray(places @ around + middle, np.float32)


def _laid(frame: Frame, thing: Frame, corners: NDArray[np.float32]) -> Frame:
    """A flat thing in the picture, its corners at these places, its edge as soft as the lens."""
    high, wide = thing.shape[:2]
    flat = np.array(((0, 0), (wide, 0), (wide, high), (0, high)), np.float32)
    matrix = cv2.getPerspectiveTransform(flat, corners)
    mask = cv2.warpPerspective(np.ones((high, wide), np.float32), matrix, (WIDTH, HEIGHT))
    soft = cv2.GaussianBlur(mask, (0, 0), 0.8)[:, :, None]
    seen = cv2.warpPerspective(thing.astype(np.float32), matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
    return _bytes(frame * (1 - soft) + seen * soft)


def _grain(frame: Frame, rng: np.random.Generator) -> NDArray[np.float32]:
    return np.float32(NOISE) * rng.standard_normal(frame.shape, dtype=np.float32)


def _bytes(picture: NDArray[np.float32]) -> Frame:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
