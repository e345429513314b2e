"""Sources of pictures: real files of every bad kind, videos, devices."""

import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from client import camera_picture as p
from client import camera_sources as s
from client.camera import NoPicture, PictureFiles, Stream, encode_jpeg, open_source
from client.camera_picture import normalise
from proctoring.frames import Frame, FrameFault
from tests.client.camera_kit import stage, write_scene
from tests.client.grey_kit import grey, jpeg, shade

RUNS = threading.Event()


# What a picture becomes


@pytest.mark.parametrize(
    ("pixels", "shape"),
    [
        (np.full((48, 64), 80, np.uint8), (48, 64, 3)),
        (np.full((48, 64, 1), 80, np.uint8), (48, 64, 3)),
        (np.full((48, 64, 3), 80, np.uint8), (48, 64, 3)),
        (np.full((48, 64, 4), 80, np.uint8), (48, 64, 3)),
        (np.full((48, 64), 80 << 8, np.uint16), (48, 64, 3)),
        (np.full((48, 64, 3), 80 / 255, np.float64), (48, 64, 3)),
        (np.full((640, 640, 3), 80, np.uint8), (640, 640, 3)),
        (np.full((720, 1280, 3), 80, np.uint8), (360, 640, 3)),
        (np.full((3, 5000), 80, np.uint8), (1, 640, 3)),
        (np.full((1, 1), 80, np.uint8), (1, 1, 3)),
    ],
)
def test_any_picture_becomes_colour_of_bounded_size(pixels: Any, shape: tuple[int, ...]) -> None:
    frame = normalise(pixels)
    assert (frame.shape, frame.dtype, shade(frame)) == (shape, np.uint8, 80)


@pytest.mark.parametrize(
    "pixels",
    [
        None,
        np.zeros((0, 64, 3), np.uint8),
        np.zeros((48, 0), np.uint8),
        np.zeros((48, 64, 2), np.uint8),
        np.zeros((48, 64, 3, 1), np.uint8),
        np.zeros(64, np.uint8),
        np.zeros((48, 64), np.int64),
        np.array([["x"]]),
    ],
)
def test_what_is_no_picture_is_said_to_be_none(pixels: Any) -> None:
    with pytest.raises(NoPicture):
        normalise(pixels)


def test_a_picture_to_send_is_small_enough_whatever_it_shows() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (640, 640, 3), np.uint8)
    assert len(cv2.imencode(".jpg", noise, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]) > p.JPEG_LIMIT
    assert len(encode_jpeg(noise)) <= p.JPEG_LIMIT
    small = cv2.imdecode(np.frombuffer(encode_jpeg(noise, 320), np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (320, 320, 3)
    assert cv2.imdecode(np.frombuffer(encode_jpeg(grey(9), 320), np.uint8), 1).shape == (48, 64, 3)


# Files


def big_png(width: int, height: int) -> bytes:
    """A PNG whose header promises far more pixels than there are."""
    data = bytearray(cv2.imencode(".png", np.zeros((16, 16), np.uint8))[1].tobytes())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return bytes(data)


BROKEN = {
    "empty": b"",
    "garbage": bytes(range(256)) * 9,
    "text": b"no picture",
    "cut jpeg": jpeg(size=(480, 640))[:600],
    "head only": jpeg()[:3],
    "promises 60,000 x 60,000": big_png(60_000, 60_000),
    "bitmap": cv2.imencode(".bmp", grey(5))[1].tobytes(),
    "8 x 8": jpeg(size=(8, 8)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_no_picture_and_the_next_one_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "0.jpg").write_bytes(BROKEN[name])
    (tmp_path / "1.jpg").write_bytes(jpeg(90))
    source = PictureFiles(str(tmp_path / "%d.jpg"), pace=0)
    source.open()
    before = time.process_time()
    with pytest.raises((NoPicture, FrameFault)):
        source.read(RUNS)
    assert time.process_time() - before < 5  # decoding its promise would take minutes, and gigabytes
    assert shade(source.read(RUNS)) == 90


@pytest.mark.parametrize(
    "pixels",
    [
        np.full((48, 64), 90, np.uint8),
        np.full((48, 64, 4), (90, 90, 90, 255), np.uint8),
        np.full((48, 64, 3), 90 * 257, np.uint16),
        np.full((48, 64), 90 * 257, np.uint16),
    ],
)
def test_grey_deep_and_transparent_files_are_pictures(tmp_path: Path, pixels: Any) -> None:
    path = tmp_path / "one.png"
    cv2.imwrite(str(path), pixels)
    assert shade(PictureFiles(str(path), pace=0).read(RUNS)) == 90


def test_a_file_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s, "FILE_LIMIT", 100)
    (tmp_path / "one.jpg").write_bytes(jpeg())
    with pytest.raises(NoPicture, match="file_too_large"):
        PictureFiles(str(tmp_path / "one.jpg"), pace=0).read(RUNS)


@pytest.mark.parametrize("first", [0, 1])
def test_a_row_of_pictures_plays_in_a_loop(tmp_path: Path, first: int) -> None:
    for n, value in enumerate((40, 80, 120)):
        (tmp_path / f"{n + first:03d}.jpg").write_bytes(jpeg(value))
    source = PictureFiles(str(tmp_path / "%03d.jpg"), pace=0)
    source.open()
    assert [shade(source.read(RUNS)) for _ in range(5)] == [40, 80, 120, 40, 80]


def test_a_folder_may_be_exchanged_while_it_plays(tmp_path: Path) -> None:
    write_scene(tmp_path / "long", [grey(40)] * 5)
    write_scene(tmp_path / "short", [grey(200)] * 2)
    stage(tmp_path / "now", tmp_path / "long")
    source = PictureFiles(str(tmp_path / "now/%03d.jpg"), pace=0)
    seen = [shade(source.read(RUNS)) for _ in range(4)]
    stage(tmp_path / "now", tmp_path / "short")
    seen += [shade(source.read(RUNS)) for _ in range(4)]
    assert seen == [40] * 4 + [200] * 4
    (tmp_path / "now").unlink()
    with pytest.raises(NoPicture, match="no_file"):
        source.read(RUNS)
    stage(tmp_path / "now", tmp_path / "long")
    assert shade(source.read(RUNS)) == 40


def test_one_picture_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "one.jpg"
    path.write_bytes(jpeg(40))
    source = PictureFiles(str(path), pace=0)
    assert shade(source.read(RUNS)) == 40
    path.write_bytes(jpeg(120))
    assert shade(source.read(RUNS)) == 120


# Videos and devices


def video(path: Path, values: list[int], rate: float = 30.0) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), rate, (64, 48))
    for value in values:
        writer.write(grey(value))
    writer.release()
    return path


def test_a_video_plays_in_a_loop(tmp_path: Path) -> None:
    source = Stream(str(video(tmp_path / "a.avi", [40, 80, 120])), pace=0)
    source.open()
    seen = [shade(source.read(RUNS)) for _ in range(5)]
    source.close()
    assert seen == pytest.approx([40, 80, 120, 40, 80], abs=3)


def test_a_video_shorter_than_its_pace_still_gives_pictures(tmp_path: Path) -> None:
    source = Stream(str(video(tmp_path / "a.avi", [70, 100])), pace=0.1)  # three pictures at a time
    source.open()
    assert [shade(source.read(RUNS)) for _ in range(4)] == pytest.approx([70, 100] * 2, abs=3)
    source.close()


@pytest.mark.parametrize("harm", ["missing", "garbage", "cut"])
def test_a_broken_video_is_no_camera(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "a.avi"
    if harm == "garbage":
        path.write_bytes(bytes(range(256)) * 50)
    elif harm == "cut":
        whole = video(tmp_path / "whole.avi", [40] * 5).read_bytes()
        path.write_bytes(whole[:300])
    source = Stream(str(path), pace=0)
    with pytest.raises(NoPicture):
        source.open()
        source.read(RUNS)
    source.close()


def test_a_video_of_giant_pictures_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s, "PIXELS_LIMIT", 64 * 48 - 1)
    with pytest.raises(NoPicture, match="picture_too_large"):
        Stream(str(video(tmp_path / "a.avi", [40])), pace=0).open()


def test_a_device_that_is_not_there_is_no_camera() -> None:
    source = open_source("250")
    assert isinstance(source, Stream)
    with pytest.raises(NoPicture, match="not_opened"):
        source.open()


class Webcam:
    """A device that says 30 pictures a second and gives one every `every` seconds of its own clock."""

    def __init__(self, every: float) -> None:
        self.every = every
        self.at = 50.0
        self.grabs = 0
        self.decodes: list[float] = []

    def isOpened(self) -> bool:
        return True

    def get(self, key: int) -> float:
        return {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_POS_MSEC: self.stamp()}.get(key, 64.0)

    def stamp(self) -> float:
        return 1000 * self.at

    def set(self, *_: object) -> bool:
        return False

    def grab(self) -> bool:
        self.at += self.every
        self.grabs += 1
        return True

    def retrieve(self) -> tuple[bool, Frame]:
        self.decodes.append(self.at)
        return True, grey(60)

    def release(self) -> None:
        """Nothing is held."""


def webcam(every: float, monkeypatch: pytest.MonkeyPatch) -> tuple[Webcam, Stream]:
    device = Webcam(every)
    monkeypatch.setattr(s, "GRAB_REST", 0.0)
    monkeypatch.setattr(cv2, "VideoCapture", lambda *_: device)
    source = Stream("0", clock=lambda: device.at)
    source.open()
    return device, source


@pytest.mark.parametrize("every", [1 / 60, 1 / 30, 0.1, 0.2, 0.4, 0.6, 2.0])
def test_a_device_gives_pictures_by_the_clock_however_slow_it_is(
    every: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In poor light a webcam gives 5 pictures a second and not the 30 that it says."""
    device, source = webcam(every, monkeypatch)
    for _ in range(6):
        source.read(RUNS)
    apart = np.diff([50.0, *device.decodes])
    assert apart.min() >= s.PICTURE_SECONDS - 1e-6
    assert apart.max() <= max(s.PICTURE_SECONDS, every) + every + 1e-6


def test_a_device_that_is_told_to_stop_or_fails_gives_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    device, source = webcam(0.01, monkeypatch)
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(NoPicture, match="no_more"):
        source.read(stopping)
    assert device.grabs == 0
    monkeypatch.setattr(device, "grab", lambda: False)
    with pytest.raises(NoPicture, match="no_more"):
        source.read(RUNS)
    assert device.decodes == []
