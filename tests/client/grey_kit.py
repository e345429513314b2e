"""Plain pictures, a clock that is set by hand, and waiting for a camera's thread."""

import cv2
import numpy as np

from proctoring.frames import Frame


def grey(value: int) -> Frame:
    return np.full((48, 64, 3), value, np.uint8)


def jpeg(value: int = 90, size: tuple[int, int] = (48, 64)) -> bytes:
    return cv2.imencode(".jpg", np.full((*size, 3), value, np.uint8))[1].tobytes()


def shade(frame: Frame) -> int:
    return round(float(frame.mean()))
