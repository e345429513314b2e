"""Portraits for people who do not exist: drawn silhouettes, so that no third party's picture is needed."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 360, 480
_BACKGROUNDS = ((188, 208, 226), (205, 214, 196), (222, 208, 190), (206, 198, 220), (190, 214, 212))
_SKINS = ((231, 196, 168), (214, 172, 141), (240, 210, 184))
_CLOTHES = ((44, 62, 92), (70, 70, 74), (96, 52, 56), (46, 84, 74))
_HAIR = (38, 34, 34)

Picture = NDArray[np.uint8]


def silhouette(number: int) -> bytes:
    """A PNG of a head and shoulders; numbers differ in colours and proportions."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    centre, wide = WIDTH / 2, 62 + 3 * (number % 4)
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[:] = _BACKGROUNDS[number % len(_BACKGROUNDS)]
    _paint(picture, _ellipse(x, y, centre, HEIGHT + 20, 150, 175), _CLOTHES[number % len(_CLOTHES)])
    _paint(picture, _ellipse(x, y, centre, 178, wide + 10, 102 - number % 3 * 4), _HAIR)
    skin = _SKINS[number % len(_SKINS)]
    _paint(picture, (np.abs(x - centre) < 30) & (y > 250) & (y < 330), skin)
    _paint(picture, _ellipse(x, y, centre, 200, wide, 88), skin)
    for side in (-1, 1):
        _paint(picture, _ellipse(x, y, centre + side * 26, 192, 7, 4), _HAIR)
    _paint(picture, _ellipse(x, y, centre, 246, 20, 4), (168, 96, 88))
    return _png(picture)


def _ellipse(x: NDArray[np.float32], y: NDArray[np.float32], *shape: float) -> NDArray[np.bool_]:
    """Inside of an ellipse given by centre x, centre y, half width, half height."""
    centre_x, centre_y, wide, high = shape
    inside: NDArray[np.bool_] = ((x - centre_x) / wide) ** 2 + ((y - centre_y) / high) ** 2 <= 1
    return inside


def _paint(picture: Picture, where: NDArray[np.bool_], colour: tuple[int, int, int]) -> None:
    picture[where] = colour


def _png(picture: Picture) -> bytes:
    rows = np.zeros((HEIGHT, WIDTH * 3 + 1), np.uint8)  # a filter byte (none) before each row
    rows[:, 1:] = picture.reshape(HEIGHT, WIDTH * 3)
    head = struct.pack(">2I5B", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
