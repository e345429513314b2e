"""Pictures in: decoding under limits, what their light and sharpness say, and portraits for the record."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from proctoring.picture_size import JPEG_START, PNG_START, declared_size
from proctoring.quality import Quality, Verdict

Frame = NDArray[np.uint8]
"""Height x width x 3, BGR, 8 bits."""
PIXELS_LIMIT = 40_000_000
LEAST_SIDE = 120  # pixels; below that nobody is recognised
LEAST_FRAME_SIDE = 16  # pixels; a camera's picture is looked at whatever its size, this is for broken ones
PORTRAIT_HEIGHT = 640
RECORD_SIDE = 1600  # pixels of the long side of a photo that staff took
DARK, BLURRED = 30.0, 15.0
"""Mean brightness (0-255) below which a picture is dark, variance of the Laplacian (long side 320) below
which it is blurred. Measured on darkened and blurred portraits: from both on, no face was mistaken for
another person's; below them more and more were."""
GLARE, MOST_GLARE = 250, 0.35
"""Brightness of a pixel that says nothing any more, and the share of such pixels from which a picture with
nobody in it is blinded: webcams in rooms have 0.12 at most."""
TEXTURE = 0.10
"""Share of a picture's places with structure below which the lens is covered: rooms with or without people
have 0.2 and more, hands, cards and caps on a lens, noise included, below 0.1."""
STRUCTURE_FAINT, STRUCTURE_PLAIN = (10.0, 3.0), (40.0, 8.0)
"""(brightness, curvature in grey levels) of a place that has structure, dark and lit; in between in line."""


@dataclass
class FrameFault(Exception):
    """A picture that cannot be used; `code` is in the message table."""

    code: str
    params: Mapping[str, str | int] = field(default_factory=dict)


def decode(data: bytes, *, least_side: int = LEAST_SIDE) -> Frame:
    """A picture's pixels. Raises `FrameFault` for anything that is not a whole JPEG or PNG of sane size.

    `least_side`: pixels that width and height have at least. Grey, deep and transparent pictures come in as
    colour of 8 bits; how the camera was held (EXIF) is heeded.
    """
    if not data.startswith((JPEG_START, PNG_START)):
        raise FrameFault("picture_not_jpeg_or_png")
    declared = declared_size(data)
    if declared is None:
        raise FrameFault("picture_damaged")
    _check_size(*declared, least_side)
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as fault:
        raise FrameFault("picture_damaged") from fault
    if pixels is None:
        raise FrameFault("picture_damaged")
    height, width = pixels.shape[:2]
    _check_size(width, height, least_side)
    return np.asarray(pixels, dtype=np.uint8)


def decode_frame(data: bytes) -> Frame:
    """The same for a camera's picture, however small. Raises `FrameFault`."""
    return decode(data, least_side=LEAST_FRAME_SIDE)


def quality(frame: Frame) -> Quality:
    """How bright and sharp a picture is, and whether the lens is covered."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    small = _shrunk(np.asarray(grey, np.uint8), 320)
    brightness = float(small.mean())
    sharpness = float(cv2.Laplacian(small, cv2.CV_64F).var())
    if texture(small) < TEXTURE:
        return Quality(brightness, sharpness, Verdict.COVERED)
    if float((small >= GLARE).mean()) >= MOST_GLARE:
        return Quality(brightness, sharpness, Verdict.GLARE)
    return Quality(brightness, sharpness, open_verdict(brightness, sharpness))


def open_verdict(brightness: float, sharpness: float) -> Verdict:
    """What brightness and sharpness say of a picture through an open lens."""
    if brightness < DARK:
        return Verdict.DARK
    return Verdict.BLURRED if sharpness < BLURRED else Verdict.GOOD


def texture(grey: NDArray[np.uint8]) -> float:
    """Share of a grey picture's places (long side 64) where its brightness bends: 0-1.

    Neither an even shade nor a gradient counts, as light around the edge of a hand makes one; averaging
    takes the sensor's noise out first. In the dark fainter structure counts: a dark room is no covered lens.
    """
    small = _shrunk(grey, 64).astype(np.float32)
    bends = np.abs(cv2.Laplacian(small, cv2.CV_32F, borderType=cv2.BORDER_REPLICATE))
    (dark, faint), (lit, plain) = STRUCTURE_FAINT, STRUCTURE_PLAIN
    return float((bends > np.interp(small.mean(), (dark, lit), (faint, plain))).mean())


def fingerprint(frame: Frame) -> str:
    """Equal for pictures of the very same pixels; a sensor's noise makes every live picture differ.

    Every second pixel of every second line is looked at: a quarter of the time, and noise is everywhere.
    """
    digest = hashlib.blake2b(frame[::2, ::2].tobytes(), digest_size=16)
    digest.update(repr(frame.shape).encode())
    return digest.hexdigest()


def portrait(data: bytes) -> bytes:
    """A registration photo as a JPEG of at most 640 pixels height, without metadata. Raises `FrameFault`."""
    frame = decode(data)
    seen = quality(frame)
    if seen.verdict in {Verdict.DARK, Verdict.COVERED}:
        raise FrameFault("photo_not_usable", {"brightness": round(seen.brightness)})
    height, width = frame.shape[:2]
    if height > PORTRAIT_HEIGHT:
        size = (max(1, round(width * PORTRAIT_HEIGHT / height)), PORTRAIT_HEIGHT)
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    done, encoded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 88])
    if not done:
        raise FrameFault("picture_damaged")
    return encoded.tobytes()


def record_photo(data: bytes) -> bytes:
    """A photo that staff took as a JPEG of at most 1600 pixels, without metadata. Raises `FrameFault`.

    Dark and blurred ones are kept: they may be all there is.
    """
    frame = decode(data)
    height, width = frame.shape[:2]
    scale = RECORD_SIDE / max(height, width)
    if scale < 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    done, encoded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])
    if not done:
        raise FrameFault("picture_damaged")
    return encoded.tobytes()


def _check_size(width: int, height: int, least_side: int) -> None:
    if width * height > PIXELS_LIMIT:
        raise FrameFault("picture_too_large", {"width": width, "height": height})
    if min(width, height) < least_side:
        raise FrameFault("picture_too_small", {"width": width, "height": height, "least": least_side})


def _shrunk(grey: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """At most `side` pixels on the long side; never enlarged, which would blur it."""
    height, width = grey.shape
    scale = side / max(height, width)
    if scale >= 1:
        return grey
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
