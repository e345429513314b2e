"""Whatever a camera, a file or a driver gives: the agent's thread goes on, and nobody becomes a stranger by it."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from client import camera as c
from client import camera_sources as s
from client.brief import Brief
from client.camera import Camera, NoPicture, PictureFiles, Shot, Stream
from client.camera_picture import LONG_SIDE, normalise
from client.camera_sources import Size
from client.evidence import Evidence
from client.watch_attempt import AttemptWatch, Desk
from client.watch_memory import WatchStore
from exam_rooms.incidents import IncidentKind
from exam_rooms.watch_messages import AlertRequest, WatchPlan
from exam_rooms.watching import EpisodeRule, WatchRules
from proctoring.frames import Frame, FrameFault, decode_frame
from tests.client.camera_kit import eyes, photo, scene, template_of

STOP = threading.Event()
OF_IDENTITY = {"FACE_MISMATCH", "SEAT_SWAP", "LIVENESS_DOUBT"}
EAGER = WatchRules(
    verify_seconds=0.5,
    mismatch_frames=2,
    episodes=tuple(
        EpisodeRule(str(kind), 0.0, 1.0)
        for kind in (IncidentKind.FACE_MISMATCH, IncidentKind.NO_FACE, IncidentKind.CAMERA_LOST)
    ),
)
"""Rules that would tell of a stranger after two frames."""


@cache
def portrait() -> bytes:
    """The enrolled person before a wall, as a camera sends it."""
    frame = scene("obama.jpg")[0]
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


@cache
def template() -> str:
    return template_of(*scene("obama.jpg"))


def is_frame(frame: Frame) -> bool:
    return (
        frame.dtype == np.uint8
        and frame.ndim == 3
        and frame.shape[2] == 3
        and 0 < max(frame.shape[:2]) <= LONG_SIDE
    )


# Pixels of every kind

SHAPES = st.one_of(
    st.tuples(*[st.integers(0, 40)] * 2),
    st.tuples(*[st.integers(0, 40)] * 3),
    st.tuples(st.integers(1, 700), st.integers(1, 3), st.sampled_from([1, 3, 4])),
    st.tuples(st.integers(0, 9)),
    st.just(()),
)
TYPES = [np.uint8, np.uint16, np.int16, np.int64, np.float16, np.float32, np.float64, np.bool_, np.complex64]


@pytest.mark.dear
@settings(max_examples=150, deadline=None)
@given(SHAPES, st.sampled_from(TYPES), st.sampled_from(["zero", "noise", "nan", "inf", "ends"]))
def test_pixels_of_any_shape_and_depth_are_a_picture_or_none(
    shape: tuple[int, ...], kind: Any, filled: str
) -> None:
    pixels = np.zeros(shape, kind)
    if filled == "noise":
        pixels = (np.random.default_rng(len(shape)).random(shape) * 300).astype(kind)
    elif np.issubdtype(kind, np.floating) and filled in ("nan", "inf"):
        pixels = np.full(shape, np.nan if filled == "nan" else -np.inf, kind)
    elif np.issubdtype(kind, np.integer) and filled == "ends":
        pixels = np.full(shape, np.iinfo(kind).max, kind)
    try:
        frame = normalise(pixels)
    except NoPicture:
        return
    assert is_frame(frame)
    eyes().observe(frame, None, WatchRules())


# Files


@pytest.mark.dear
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_file_with_flipped_and_cut_bytes_is_a_picture_or_none(data: st.DataObject) -> None:
    spoilt = bytearray(portrait())
    for place in data.draw(st.lists(st.integers(0, len(spoilt) - 1), max_size=12)):
        spoilt[place] ^= 1 << data.draw(st.integers(0, 7))
    spoilt = spoilt[: data.draw(st.integers(0, len(spoilt)))]
    try:
        frame = normalise(decode_frame(bytes(spoilt)))
    except (NoPicture, FrameFault):
        return
    assert is_frame(frame)


def spoilt_portraits(count: int, seed: int) -> Iterator[Frame]:
    """What a broken cable makes of the enrolled person: bits flipped in the coded picture, its end missing."""
    rng = np.random.default_rng(seed)
    whole = portrait()
    while count:
        data = bytearray(whole)
        for place in rng.integers(700, len(data), int(rng.integers(1, 30))):
            data[place] ^= 1 << int(rng.integers(8))
        if rng.random() < 0.5:
            data = data[: int(rng.integers(len(data) // 3, len(data)))]
        try:
            yield normalise(decode_frame(bytes(data)))
        except (NoPicture, FrameFault):
            continue
        count -= 1


class Bench:
    """An attempt under its camera, without threads: frames go in, alerts come out."""

    def __init__(self, folder: Path, rules: WatchRules = EAGER) -> None:
        self.evidence = Evidence(folder / "evidence", b"k" * 32)
        desk = Desk(self.evidence, WatchStore(folder / "memory", b"k" * 32), "boot-1", device=True)
        self.watch = AttemptWatch(7, desk, 0.0)
        self.plan = WatchPlan(rules, watch=True, template=template())
        self.at = 1.0

    def feed(self, frames: Iterable[Frame]) -> set[str]:
        """One look a second; the kinds of alert that were raised."""
        brief = Brief(known=True, attempt=7, plan=self.plan, since_start=1.0)
        for number, frame in enumerate(frames, 1):
            self.at += 1
            self.watch.look(brief, Shot(number, frame, self.at, (640, 480)), eyes(), self.at)
        return {alert.kind for alert in self.evidence.about(AlertRequest, 7)}


@pytest.mark.dear
def test_the_bench_knows_a_stranger_and_the_enrolled_person(tmp_path: Path) -> None:
    assert Bench(tmp_path / "a").feed(scene("biden.jpg")) == {"FACE_MISMATCH"}
    assert Bench(tmp_path / "b").feed(scene("obama.jpg", seed=4)) == set()


@pytest.mark.dear
def test_a_spoilt_picture_of_the_enrolled_person_is_no_stranger(tmp_path: Path) -> None:
    """With the rules of a real room: the median over several frames, and a time for which it must hold."""
    real = replace(EAGER, mismatch_frames=5, episodes=(EpisodeRule("FACE_MISMATCH", 5.0, 6.0),))
    assert not OF_IDENTITY & Bench(tmp_path, real).feed(spoilt_portraits(60, 1))


def grey_halves() -> Iterator[Frame]:
    """A picture that was cut in transit: its lower part is grey."""
    for share in np.linspace(0.1, 0.95, 12):
        frame = scene("obama.jpg")[0].copy()
        frame[int(share * frame.shape[0]) :] = 128
        yield frame


def wild() -> Iterator[Frame]:
    rng = np.random.default_rng(2)
    for shape in ((480, 640, 3), (1, 1, 3), (2, 640, 3), (16, 16, 3)):
        for value in (0, 128, 255):
            yield np.full(shape, value, np.uint8)
        yield rng.integers(0, 255, shape, np.uint8)
    stripes = np.zeros((480, 640, 3), np.uint8)
    stripes[::2] = 255
    yield stripes
    shifted = np.roll(scene("obama.jpg")[0], 300, axis=1)
    yield np.ascontiguousarray(shifted[..., ::-1])
    yield normalise(photo("obama.jpg").astype(np.float32) / 255)
    yield normalise(photo("obama.jpg").astype(np.uint16) * 257)


@pytest.mark.dear
@pytest.mark.parametrize("frames", [grey_halves, wild], ids=lambda made: made.__name__)
def test_cut_and_wild_pictures_are_nobody_and_never_a_stranger(
    tmp_path: Path, frames: Callable[[], Iterator[Frame]]
) -> None:
    assert not OF_IDENTITY & Bench(tmp_path).feed(frames())


# Sources and threads


class Wild:
    """A driver that gives one thing after another, of any kind, and raises in between."""

    longest_pause = 0.0
    size: Size = (0, 0)
    asked: Size | None = (640, 480)

    def __init__(self, script: list[object]) -> None:
        self.script = script
        self.done = threading.Event()

    def open(self) -> None: ...

    def close(self) -> None: ...

    def read(self, stopping: threading.Event) -> Frame:
        if not self.script:
            self.done.set()
            stopping.wait(0.01)
            raise NoPicture("over")
        told = self.script.pop(0)
        if isinstance(told, BaseException):
            raise told
        return normalise(told)


ANYTHING = st.one_of(
    st.builds(
        np.zeros, st.tuples(*[st.integers(0, 30)] * 3), st.sampled_from(["u1", "u2", "f4", "i8", "c8"])
    ),
    st.sampled_from([None, "text", b"\xff\xd8", 3.5, [[1, 2], [3]], {"a": 1}]),
    st.sampled_from(
        [OSError("gone"), cv2.error("x"), MemoryError(), ValueError(), SystemError(), RuntimeError()]
    ),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ANYTHING, max_size=12))
def test_the_thread_of_the_camera_outlives_any_driver(
    monkeypatch: pytest.MonkeyPatch, script: list[object]
) -> None:
    monkeypatch.setattr(c, "FIRST_PAUSE", 0.0)
    source = Wild([*script, np.full((48, 64, 3), 77, np.uint8)])
    camera = Camera(source, time.monotonic)
    camera.start()
    assert source.done.wait(60)
    shot = camera._shot
    assert shot is not None and round(float(shot.frame.mean())) == 77
    assert camera._thread is not None and camera._thread.is_alive()
    camera.stop(2.0)


def film(path: Path, frames: int = 12) -> bytes:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (320, 240))
    rng = np.random.default_rng(4)
    for _ in range(frames):
        writer.write(rng.integers(0, 255, (240, 320, 3), np.uint8))
    writer.release()
    return path.read_bytes()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return film(tmp_path_factory.mktemp("film") / "a.avi")


@pytest.mark.parametrize("seed", range(12))
def test_a_film_that_was_cut_or_spoilt_gives_pictures_or_none(
    tmp_path: Path, whole: bytes, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(whole[: int(rng.integers(1, len(whole)))])
    for place in rng.integers(0, len(data), seed * 8):
        data[place] = int(rng.integers(256))
    (tmp_path / "b.avi").write_bytes(data)
    source = Stream(str(tmp_path / "b.avi"), pace=0.0)
    source._rate = 1e6
    for _ in range(3):
        try:
            source.open()
            source._rate = 1e6
            for _ in range(8):
                assert is_frame(source.read(STOP))
        except NoPicture:
            pass
        finally:
            source.close()


def test_a_picture_too_large_to_hold_is_refused_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """40,001 x 1,000 pixels of black compress to some kilobytes."""
    monkeypatch.setattr(s, "FILE_LIMIT", 1 << 20)
    cv2.imwrite(str(tmp_path / "big.png"), np.zeros((1000, 40_001), np.uint8))
    with pytest.raises(FrameFault, match="picture_too_large"):
        PictureFiles(str(tmp_path / "big.png"), pace=0).read(STOP)
