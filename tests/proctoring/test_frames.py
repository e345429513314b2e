"""Pictures: real JPEG and PNG bytes, good ones, poor ones and broken ones."""

import cv2
import numpy as np
import pytest

from proctoring.frames import FrameFault, Verdict, decode, portrait, quality

RANDOM = np.random.default_rng(7)


def scene(height: int = 480, width: int = 360) -> np.ndarray:
    picture = np.full((height, width, 3), 200, np.uint8)
    cv2.circle(picture, (width // 2, height // 3), width // 4, (60, 90, 140), -1)
    cv2.rectangle(picture, (width // 6, height * 2 // 3), (width * 5 // 6, height), (90, 40, 30), -1)
    noise = RANDOM.integers(0, 12, picture.shape, dtype=np.uint8)
    return cv2.add(picture, noise)


def jpeg(picture: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", picture)[1].tobytes()


def png(picture: np.ndarray) -> bytes:
    return cv2.imencode(".png", picture)[1].tobytes()


@pytest.mark.parametrize("encode", [jpeg, png])
def test_pictures_come_in_as_colour(encode) -> None:
    assert decode(encode(scene())).shape == (480, 360, 3)


def test_grey_and_sixteen_bit_pictures_come_in_as_colour() -> None:
    grey = cv2.cvtColor(scene(), cv2.COLOR_BGR2GRAY)
    deep = scene().astype(np.uint16) * 257
    for data in (jpeg(grey), png(deep)):
        assert decode(data).dtype == np.uint8
        assert decode(data).shape == (480, 360, 3)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "picture_not_jpeg_or_png"),
        (b"GIF89a" + b"\0" * 40, "picture_not_jpeg_or_png"),
        (b"<svg onload='x'/>", "picture_not_jpeg_or_png"),
        (png(scene())[:200], "picture_damaged"),
        (b"\xff\xd8\xff\xe0 no picture", "picture_damaged"),
        (jpeg(scene(100, 300)), "picture_too_small"),
    ],
)
def test_what_is_no_picture_is_named(data: bytes, code: str) -> None:
    with pytest.raises(FrameFault) as caught:
        decode(data)
    assert caught.value.code == code


def test_quality_tells_dark_covered_and_blurred_from_good() -> None:
    good = scene()
    dark = (good * 0.12).astype(np.uint8)
    covered = np.full_like(good, 70)
    blurred = cv2.GaussianBlur(good, (0, 0), 15)
    found = [quality(each).verdict for each in (good, dark, covered, blurred)]
    assert found[0] is Verdict.GOOD
    assert found[1] in {Verdict.DARK, Verdict.COVERED}
    assert found[2:] == [Verdict.COVERED, Verdict.BLURRED]


def test_a_portrait_is_a_small_jpeg_without_metadata() -> None:
    big = cv2.resize(scene(), (1200, 1600))
    marked = jpeg(big)
    marked = marked[:2] + b"\xff\xe1\x00\x10Exif\0\0secret!!" + marked[2:]
    result = portrait(marked)
    assert decode(result).shape[:2] == (640, 480)
    assert b"secret" not in result


def test_an_unusable_portrait_is_refused() -> None:
    with pytest.raises(FrameFault) as caught:
        portrait(jpeg(np.full((400, 300, 3), 5, np.uint8)))
    assert caught.value.code == "photo_not_usable"
