"""A seat's picture: whatever a driver gives becomes a frame of bounded size, and a frame becomes a JPEG."""

from typing import Any

import cv2
import numpy as np

from proctoring.frames import Frame

LONG_SIDE = 640
"""Pixels; larger pictures are shrunk at once, since a face before a screen is large enough then."""
JPEG_LIMIT = 200 * 1024
"""Bytes of a picture that is sent: several times what a seat's frame takes, less than the server allows."""
QUALITIES = (80, 60, 40, 20)


class NoPicture(Exception):
    """What was read is no picture; `code` says why. `final`: nothing more comes until it is opened anew."""

    def __init__(self, code: str, *, final: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.final = final


def normalise(pixels: Any, long_side: int = LONG_SIDE) -> Frame:  # noqa: ANN401 - whatever a driver gives
    """Any picture as height x width x 3, BGR, 8 bits, its long side at most `long_side`.

    Takes grey, one, three or four channels, 8 or 16 bits, or floats of 0-1. Raises `NoPicture`.
    """
    found = np.asarray(pixels)
    if found.ndim not in (2, 3) or found.size == 0:
        raise NoPicture("no_pixels")
    if found.ndim == 3 and found.shape[2] not in (1, 3, 4):
        raise NoPicture("no_colours")
    small = _shrunk(_eight_bits(found), long_side)
    channels = 1 if small.ndim == 2 else small.shape[2]
    if channels != 3:
        small = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR if channels == 1 else cv2.COLOR_BGRA2BGR)
    return np.ascontiguousarray(small, dtype=np.uint8)


def encode_jpeg(frame: Frame, width: int | None = None) -> bytes:
    """A frame as a JPEG of at most `JPEG_LIMIT` bytes, shrunk to `width` pixels if it is wider.

    Raises `NoPicture`.
    """
    if width is not None and frame.shape[1] > width:
        size = (width, max(1, round(frame.shape[0] * width / frame.shape[1])))
        frame = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    for quality in QUALITIES:
        done, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
        if done and len(data) <= JPEG_LIMIT:
            return bytes(data.tobytes())
    raise NoPicture("not_encoded")


def _eight_bits(pixels: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    if pixels.dtype.kind == "f":
        return np.asarray(np.nan_to_num(pixels).clip(0, 1) * 255, dtype=np.uint8)
    raise NoPicture("no_depth")


def _shrunk(pixels: "np.ndarray[Any, Any]", long_side: int) -> "np.ndarray[Any, Any]":
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
