"""Pictures: real JPEG and PNG bytes, good ones, poor ones and broken ones."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctoring.frames import (
    BLURRED,
    DARK,
    PIXELS_LIMIT,
    FrameFault,
    Verdict,
    decode,
    decode_frame,
    fingerprint,
    open_verdict,
    portrait,
    quality,
)
from proctoring.picture_size import declared_size

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


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of(width: int, height: int) -> bytes:
    """A tiny file that says it is as large as this."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


def jpeg_of(width: int, height: int) -> bytes:
    """A small picture whose header says it is as large as this."""
    data = bytearray(jpeg(scene()))
    start = data.index(b"\xff\xc0")
    data[start + 5 : start + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def with_segment(data: bytes, content: bytes, marker: int = 0xE1) -> bytes:
    return data[:2] + bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content + data[2:]


def turned() -> bytes:
    """EXIF, one entry: the camera was held upright, turn by a quarter."""
    return b"Exif\0\0" + b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)


@pytest.mark.parametrize("encode", [jpeg, png])
def test_pictures_come_in_as_colour(encode) -> None:
    assert decode(encode(scene())).shape == (480, 360, 3)


def test_grey_deep_and_transparent_pictures_come_in_as_colour() -> None:
    grey = cv2.cvtColor(scene(), cv2.COLOR_BGR2GRAY)
    deep = scene().astype(np.uint16) * 257
    clear = cv2.cvtColor(scene(), cv2.COLOR_BGR2BGRA)
    for data in (jpeg(grey), png(grey), png(deep), png(clear)):
        assert decode(data).dtype == np.uint8
        assert decode(data).shape == (480, 360, 3)


def test_how_the_camera_was_held_is_heeded() -> None:
    assert decode(with_segment(jpeg(scene()), turned())).shape == (360, 480, 3)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "picture_not_jpeg_or_png"),
        (b"GIF89a" + b"\0" * 40, "picture_not_jpeg_or_png"),
        (b"<svg onload='x'/>", "picture_not_jpeg_or_png"),
        (RANDOM.bytes(5000), "picture_not_jpeg_or_png"),
        (b"\x89PNG\r\n\x1a\n", "picture_damaged"),
        (b"\xff\xd8\xff", "picture_damaged"),
        (png(scene())[:200], "picture_damaged"),
        (png(scene())[:-30], "picture_damaged"),
        (jpeg(scene())[:-1000], "picture_damaged"),
        (jpeg(scene())[:-2], "picture_damaged"),
        (b"\xff\xd8\xff\xe0 no picture", "picture_damaged"),
        (png_of(1000, 1000), "picture_damaged"),
        (jpeg(scene(100, 300)), "picture_too_small"),
        (png_of(300, 0), "picture_too_small"),
    ],
)
def test_what_is_no_whole_picture_is_named(data: bytes, code: str) -> None:
    with pytest.raises(FrameFault) as caught:
        decode(data)
    assert caught.value.code == code


@pytest.mark.parametrize("data", [png_of(60_000, 60_000), jpeg_of(65_000, 65_000), png_of(40_001, 1_000)])
def test_size_is_refused_before_any_pixel_is_made(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    monkeypatch.setattr(cv2, "imdecode", lambda *words: decoded.append(words))
    with pytest.raises(FrameFault) as caught:
        decode(data)
    assert (caught.value.code, decoded) == ("picture_too_large", [])
    assert int(caught.value.params["width"]) * int(caught.value.params["height"]) > PIXELS_LIMIT


def test_a_whole_thumbnail_does_not_make_a_cut_picture_whole() -> None:
    cut = with_segment(jpeg(scene())[:-500], b"Exif\0\0" + jpeg(scene(40, 30)))
    assert declared_size(cut) is None
    assert declared_size(with_segment(jpeg(scene()), b"Exif\0\0" + jpeg(scene(40, 30)))) == (360, 480)


def test_a_camera_may_be_small_but_not_broken() -> None:
    assert decode_frame(jpeg(scene(60, 80))).shape == (60, 80, 3)
    with pytest.raises(FrameFault) as caught:
        decode_frame(jpeg(scene(60, 15)))
    assert (caught.value.code, caught.value.params["least"]) == ("picture_too_small", 16)


@pytest.mark.dear
@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([jpeg(scene(120, 130)), png(scene(120, 130))]),
    st.lists(st.tuples(st.integers(2, 3000), st.integers(0, 255)), max_size=12),
    st.integers(0, 4000),
)
def test_no_damage_raises_anything_but_a_fault(data: bytes, changes, end: int) -> None:
    broken = bytearray(data)
    for place, value in changes:
        broken[place % len(broken)] = value
    try:
        assert decode_frame(bytes(broken[: len(broken) - end % len(broken)])).ndim == 3
    except FrameFault as fault:
        assert fault.code.startswith("picture_")


def on_lens(kind: str, noise: float) -> np.ndarray:
    """What a camera sees with something on it: red light through a hand, a cap, a card with light beside."""
    down, right = np.mgrid[0:480, 0:640] / 480.0
    shade = {
        "hand": 60 + 60 * np.exp(-((right - 0.2) ** 2 + (down - 0.3) ** 2) / 0.3),
        "gradient": 40 + 150 * right,
        "cap": np.full((480, 640), 3.0),
        "leaking cap": 5 + 80 * np.exp(-((right - 1.3) ** 2 + (down - 0.9) ** 2) / 0.02),
        "white card": np.full((480, 640), 245.0),
        "finger": 50 + cv2.GaussianBlur(np.where(right > 1.1, 120.0, 0.0), (0, 0), 30),
    }[kind]
    light = np.stack([shade * 0.5, shade * 0.6, shade * 1.3], axis=-1)
    grain = np.random.default_rng(3).normal(0, noise, light.shape)
    return np.clip(light + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["hand", "gradient", "cap", "leaking cap", "white card", "finger"])
@pytest.mark.parametrize("noise", [0.0, 3.0, 8.0])
def test_a_covered_lens_is_covered_whatever_its_brightness(kind: str, noise: float) -> None:
    assert quality(on_lens(kind, noise)).verdict is Verdict.COVERED


@pytest.mark.parametrize("light", [0.06, 0.1, 0.14])
def test_a_dark_room_is_dark_not_covered(light: float) -> None:
    room = scene() * light + np.random.default_rng(5).normal(0, 2, (480, 360, 3))
    assert quality(np.clip(room, 0, 255).astype(np.uint8)).verdict is Verdict.DARK


@pytest.mark.parametrize(("share", "verdict"), [(0.33, Verdict.GOOD), (0.37, Verdict.GLARE)])
def test_a_picture_is_blinded_from_a_third_of_white_on(share: float, verdict: Verdict) -> None:
    room = np.minimum(scene(), 240)
    room[: round(share * room.shape[0])] = 255
    assert quality(room).verdict is verdict


def test_quality_tells_blurred_from_good() -> None:
    good = quality(scene())
    blurred = quality(cv2.GaussianBlur(scene(), (0, 0), 8))
    assert (good.verdict, blurred.verdict) == (Verdict.GOOD, Verdict.BLURRED)
    assert 100 < good.brightness < 200
    assert good.sharpness > 4 * blurred.sharpness


@pytest.mark.parametrize(
    ("brightness", "sharpness", "verdict"),
    [
        (DARK, BLURRED, Verdict.GOOD),
        (DARK - 0.01, BLURRED, Verdict.DARK),
        (DARK, BLURRED - 0.01, Verdict.BLURRED),
        (DARK - 0.01, BLURRED - 0.01, Verdict.DARK),
    ],
)
def test_limits_of_light_and_sharpness(brightness: float, sharpness: float, verdict: Verdict) -> None:
    assert open_verdict(brightness, sharpness) is verdict


def test_sharpness_does_not_hang_on_the_pictures_size() -> None:
    small = quality(scene(320, 240)).sharpness
    large = quality(cv2.resize(scene(320, 240), (960, 1280), interpolation=cv2.INTER_NEAREST)).sharpness
    assert large == pytest.approx(small, rel=0.1)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 90), st.integers(1, 900), st.integers(0, 255))
def test_quality_of_any_shape_is_finite(height: int, width: int, level: int) -> None:
    seen = quality(np.full((height, width, 3), level, np.uint8))
    assert (seen.brightness, seen.sharpness, seen.verdict) == (level, 0.0, Verdict.COVERED)


def test_a_fingerprint_changes_with_the_least_noise_and_with_the_shape_only() -> None:
    frame = scene()
    live = frame.copy()
    live[::7, ::5] ^= 1
    flat = np.zeros((48, 64, 3), np.uint8)
    assert fingerprint(frame) == fingerprint(frame.copy())
    assert fingerprint(frame) == fingerprint(np.asfortranarray(frame))
    assert fingerprint(frame) != fingerprint(live)
    assert fingerprint(flat) != fingerprint(flat.reshape(64, 48, 3))


def test_a_portrait_is_a_small_jpeg_without_metadata() -> None:
    big = cv2.resize(scene(), (1200, 1600))
    result = portrait(with_segment(jpeg(big), b"Exif\0\0secret!!"))
    assert decode(result).shape[:2] == (640, 480)
    assert b"secret" not in result


@pytest.mark.parametrize("level", [5, 128, 250])
def test_an_unusable_portrait_is_refused(level: int) -> None:
    with pytest.raises(FrameFault) as caught:
        portrait(jpeg(np.full((400, 300, 3), level, np.uint8)))
    assert caught.value.code == "photo_not_usable"
