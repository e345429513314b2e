"""Pictures in: decoding under limits, what their light and sharpness say, and portraits for the record."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from proctoring.quality import Quality, Verdict

Frame = NDArray[np.uint8]
"""Height x width x 3, BGR, 8 bits."""
PIXELS_LIMIT = 40_000_000
LEAST_SIDE = 120  # pixels; below that nobody is recognised
PORTRAIT_HEIGHT = 640
DARK, COVERED, BLURRED = 40.0, 12.0, 25.0
"""Mean brightness (0-255) below which a picture is dark; its deviation below which the lens is covered;
variance of the Laplacian at 320 pixels width below which it is blurred."""


@dataclass
class FrameFault(Exception):
    """A picture that cannot be used; `code` is in the message table."""

    code: str
    params: Mapping[str, str | int] = field(default_factory=dict)


def decode(data: bytes) -> Frame:
    """A picture's pixels. Raises `FrameFault` for anything that is not a whole JPEG or PNG of sane size."""
    if not data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        raise FrameFault("picture_not_jpeg_or_png")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as fault:
        raise FrameFault("picture_damaged") from fault
    if pixels is None:
        raise FrameFault("picture_damaged")
    height, width = pixels.shape[:2]
    if height * width > PIXELS_LIMIT:
        raise FrameFault("picture_too_large", {"width": width, "height": height})
    if min(height, width) < LEAST_SIDE:
        raise FrameFault("picture_too_small", {"width": width, "height": height, "least": LEAST_SIDE})
    return np.asarray(pixels, dtype=np.uint8)


def quality(frame: Frame) -> Quality:
    """How bright and sharp a picture is."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    small = cv2.resize(
        grey, (320, max(1, round(grey.shape[0] * 320 / grey.shape[1]))), interpolation=cv2.INTER_AREA
    )
    brightness, deviation = float(small.mean()), float(small.std())
    sharpness = float(cv2.Laplacian(small, cv2.CV_64F).var())
    verdict = Verdict.GOOD
    if deviation < COVERED:
        verdict = Verdict.COVERED
    elif brightness < DARK:
        verdict = Verdict.DARK
    elif sharpness < BLURRED:
        verdict = Verdict.BLURRED
    return Quality(brightness, sharpness, verdict)


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
