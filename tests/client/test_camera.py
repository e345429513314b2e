"""The slot of a camera: sources that block, raise or vanish, and the names cameras go by."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from client import camera as c
from client.camera import Camera, NoPicture, PictureFiles, Stream, open_source
from client.camera_name import NAME_LIMIT, SourceKind, camera_name, device_index, numbered, source_kind
from client.camera_picture import normalise
from client.camera_sources import Size
from exam_rooms.watch_messages import CameraState
from proctoring.frames import Frame
from tests.client.grey_kit import grey, jpeg, shade

ROOT = Path(__file__).parents[2]


class Clock:
    """A boot clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def until(ready: Callable[[], object], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def start(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], Camera]]:
    """Starts cameras whose pauses are too short to notice."""
    monkeypatch.setattr(c, "FIRST_PAUSE", 0.001)
    started = []

    def make(source: Any) -> Camera:
        source.longest_pause = 0.002
        camera = Camera(source, clock)
        camera.start()
        started.append(camera)
        return camera

    yield make
    for camera in started:
        camera.stop(0.2)


# The slot


def test_a_camera_opens_lives_gets_lost_and_comes_back(
    tmp_path: Path, clock: Clock, start: Callable[[Any], Camera]
) -> None:
    path = tmp_path / "one.jpg"
    camera = start(PictureFiles(str(path), pace=0.001))
    assert camera.state(clock.at) is CameraState.OPENING and camera.latest(clock.at) is None
    # The clock is set ahead of a read that may be under way, which for that moment seems stalled.
    until(lambda: camera.state(clock.at + c.OPENING + 0.1) is CameraState.LOST)
    path.write_bytes(jpeg(50))
    until(lambda: camera.state(clock.at) is CameraState.LIVE)
    first = camera.latest(clock.at)
    assert first is not None and (shade(first.frame), first.boot) == (50, clock.at)
    path.unlink()
    until(lambda: camera._told == "no_file")
    clock.at += c.STALE
    assert camera.state(clock.at) is CameraState.LIVE
    clock.at += 0.01
    until(lambda: camera.state(clock.at) is CameraState.LOST)
    assert camera.latest(clock.at) is None
    path.write_bytes(jpeg(120))
    until(lambda: camera.state(clock.at) is CameraState.LIVE)
    again = camera.latest(clock.at)
    assert again is not None and shade(again.frame) == 120 and again.number > first.number


class Trouble:
    """A source that does what it is told."""

    longest_pause = 0.0
    size: Size = (640, 480)
    asked: Size | None = None

    def __init__(self, script: list[object]) -> None:
        self.script = script
        self.opened = 0
        self.closed = 0

    def open(self) -> None:
        self.opened += 1

    def close(self) -> None:
        self.closed += 1

    def read(self, stopping: threading.Event) -> Frame:
        told = self.script.pop(0) if self.script else None
        if isinstance(told, Exception):
            raise told
        if told is None:
            stopping.wait()
            raise NoPicture("stopped")
        return normalise(told)


def test_a_driver_that_raises_is_opened_anew(start: Callable[[Any], Camera], clock: Clock) -> None:
    source = Trouble([cv2.error("driver"), OSError("gone"), MemoryError(), ValueError(), grey(60)])
    camera = start(source)
    until(lambda: camera.latest(clock.at))
    assert (source.opened, source.closed) == (5, 4)


def test_a_camera_that_was_exchanged_goes_by_its_own_name_at_the_next_opening(clock: Clock) -> None:
    """Two cables were swapped while the agents run: the seat must not go on under the other's name."""
    names = iter(["CAM-1", "CAM-1", "CAM-2"])
    again = threading.Event()

    class Pulled(Trouble):
        def read(self, stopping: threading.Event) -> Frame:
            if self.opened == 1 and not self.script:
                again.wait(60)
                raise OSError("unplugged")
            return super().read(stopping)

    source = Pulled([grey(60)])
    camera = Camera(source, clock, lambda: next(names))
    assert camera.identity == "CAM-1"
    camera.start()
    until(lambda: camera.latest(clock.at))
    assert camera.identity == "CAM-1"
    again.set()
    until(lambda: source.opened == 2 and camera.identity == "CAM-2")
    camera.stop(0.5)


def test_a_driver_that_gives_nothing_is_opened_anew(start: Callable[[Any], Camera], clock: Clock) -> None:
    source = Trouble([NoPicture("x")] * c.MISSES + [np.zeros((0, 4, 3))] * (c.MISSES - 1) + [grey(60)])
    camera = start(source)
    until(lambda: camera.latest(clock.at))
    assert source.opened == 2


def test_a_source_that_blocks_for_ever_hurts_nobody_else(
    tmp_path: Path, clock: Clock, start: Callable[[Any], Camera]
) -> None:
    """A pipe that nobody writes to: opening it never returns."""
    pipe = tmp_path / "one.jpg"
    os.mkfifo(pipe)
    camera = start(PictureFiles(str(pipe), pace=0.001))
    time.sleep(0.05)  # until the thread hangs
    found: list[object] = []

    def others() -> None:
        found.append(camera.latest(clock.at))
        found.append(camera.state(clock.at + 11))
        camera.stop(0.05)
        found.append("stopped")

    asking = threading.Thread(target=others, daemon=True)
    asking.start()
    asking.join(60)  # the pipe is still closed: who waited for it would wait for ever
    assert found == [None, CameraState.STALLED, "stopped"]
    assert camera._thread is not None and camera._thread.is_alive()
    os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))  # lets the thread of this test go
    camera._thread.join(60)
    assert not camera._thread.is_alive()


def test_a_thread_that_died_is_started_again(start: Callable[[Any], Camera], clock: Clock) -> None:
    source = Trouble([])
    camera = start(source)
    until(lambda: source.opened)
    running = camera._thread
    camera.start()
    assert camera._thread is running
    camera.stop()
    assert running is not None and not running.is_alive()
    camera._stopping.clear()
    camera.start()
    until(lambda: source.opened == 2)


# Names


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("0", SourceKind.DEVICE),
        ("/dev/video12", SourceKind.DEVICE),
        ("frames/%03d.jpg", SourceKind.PICTURES),
        ("frames/%d.PNG", SourceKind.PICTURES),
        ("a/one.JPEG", SourceKind.PICTURE),
        ("100%/one.png", SourceKind.PICTURE),
        ("a/film.mjpeg", SourceKind.VIDEO),
        ("a/film.y4m", SourceKind.VIDEO),
    ],
)
def test_what_a_source_is(source: str, kind: SourceKind) -> None:
    assert source_kind(source) is kind
    assert isinstance(open_source(source), PictureFiles if kind in ("picture", "pictures") else Stream)


def test_numbers_in_patterns() -> None:
    assert numbered("a/%03d.jpg", 7) == Path("a/007.jpg")
    assert numbered("a%d/f%d.jpg", 12) == Path("a%d/f12.jpg")
    assert numbered("100%s/%2d.jpg", 3) == Path("100%s/03.jpg")
    assert [device_index(word) for word in ("3", "/dev/video4", "x3", "/dev/null")] == [3, 4, None, None]


@pytest.mark.parametrize(
    ("serial", "name"),
    [
        ("4C2A91F0\n", "4C2A91F0"),
        ("0000000\n", "usb-1-1.4"),
        ("12345", "usb-1-1.4"),
        (None, "usb-1-1.4"),
        ("CAM\x00\x1b 7" + "7" * 99, ("CAM 7" + "7" * 99)[:NAME_LIMIT]),
    ],
)
def test_a_device_goes_by_its_serial_or_its_port(tmp_path: Path, serial: str | None, name: str) -> None:
    port = tmp_path / "usb1/1-1.4"
    (port / "1-1.4:1.0").mkdir(parents=True)
    (port / "idVendor").write_text("046d\n")
    if serial is not None:
        (port / "serial").write_text(serial)
    (tmp_path / "devices/video2").mkdir(parents=True)
    (tmp_path / "devices/video2/device").symlink_to(port / "1-1.4:1.0")
    assert camera_name("/dev/video2", tmp_path / "devices") == name
    assert camera_name("3", tmp_path / "devices") == "video3"


def test_a_recording_goes_by_its_file() -> None:
    assert camera_name("some/where/seat 5.mp4") == "seat 5.mp4"


@pytest.mark.dear
def test_a_seat_without_a_camera_loads_no_vision() -> None:
    code = (
        "import sys\n"
        "for name in ('cv2', 'numpy', 'proctoring'): sys.modules[name] = None\n"
        "import client.__main__, client.simulate\n"
        "from client.camera_name import camera_name\n"
        "print(camera_name('/dev/video250'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "video250\n"), done.stderr
