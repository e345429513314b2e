"""Network cameras over real sockets, pauses and returns, sizes, and the newest picture for slow readers."""

import argparse
import logging
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from client import camera as c
from client import camera_sources as s
from client.__main__ import _parser
from client.camera import Camera, NoPicture, Shot, Stream, Wanted, open_source
from client.camera_given import GivenCamera, given_camera, login_of, size_of
from client.camera_name import SourceKind, camera_name, signed_in, source_kind
from client.camera_sources import Size, is_odd
from exam_rooms.watch_messages import CameraState
from proctoring.frames import Frame
from tests.client.rtsp_kit import NetworkCamera

SIZE = (240, 320)
SECRET = "s3cret/word"


def counting(number: int) -> Frame:
    """A picture whose grey says which it is."""
    return np.full((*SIZE, 3), number % 250, np.uint8)


def until(ready: Callable[[], object], seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s, "OPEN_MS", 1500)
    monkeypatch.setattr(s, "READ_MS", 900)
    monkeypatch.setattr(s, "STALL_SECONDS", 0.4)
    monkeypatch.setattr(c, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(c, "HANGS", 0.4)
    monkeypatch.setattr(c, "STALE", 0.5)


@pytest.fixture
def watch() -> Iterator[Callable[..., Camera]]:
    """Starts cameras on the real clock."""
    started = []

    def make(address: str, **options: float) -> Camera:
        source = Stream(address, **{"pace": 0.05, **options})  # type: ignore[arg-type]
        source.longest_pause = 0.1
        camera = Camera(source, time.monotonic, lambda: camera_name(address))
        camera.start()
        started.append(camera)
        return camera

    yield make
    for camera in started:
        camera.stop(3.0)


def latest(camera: Camera) -> Shot | None:
    return camera.latest(time.monotonic())


def state(camera: Camera) -> CameraState:
    return camera.state(time.monotonic())


def test_a_network_camera_lives_is_cut_and_comes_back_by_itself(watch: Callable[..., Camera]) -> None:
    with NetworkCamera(counting, login=f"seat:{SECRET}") as place:
        address = signed_in(place.address(), f"seat:{SECRET}")
        camera = watch(address)
        until(lambda: state(camera) is CameraState.LIVE)
        shot = camera.latest(time.monotonic())
        assert shot is not None and shot.frame.shape == (*SIZE, 3) and shot.size == (320, 240)
        place.cut()
        until(lambda: state(camera) is CameraState.LOST)
        place.rise()
        until(lambda: state(camera) is CameraState.LIVE)
        report = camera.report(CameraState.LIVE)
        assert (report.reconnects, report.stalls, report.width, report.height) == (1, 0, 320, 240)
        assert report.identity == f"127.0.0.1:{place.port}/room/1"


def test_a_network_camera_that_goes_silent_has_stalled_until_it_speaks(watch: Callable[..., Camera]) -> None:
    with NetworkCamera(counting) as place:
        camera = watch(place.address())
        until(lambda: state(camera) is CameraState.LIVE)
        place.silent.set()
        until(lambda: state(camera) is not CameraState.LIVE)
        until(lambda: state(camera) is CameraState.STALLED)
        place.silent.clear()
        until(lambda: state(camera) is CameraState.LIVE)
        assert sum((camera.health.reconnects, camera.health.stalls)) == 1


def test_pictures_with_the_stamp_of_an_old_one_are_no_new_pictures(watch: Callable[..., Camera]) -> None:
    with NetworkCamera(counting) as place:
        camera = watch(place.address())
        until(lambda: state(camera) is CameraState.LIVE)
        place.pace = 0
        until(lambda: state(camera) is CameraState.STALLED)
        place.pace = 3600
        until(lambda: state(camera) is CameraState.LIVE)
        assert (camera.health.reconnects, camera.health.stalls) == (0, 1)


def test_a_slow_reader_gets_the_newest_picture_and_never_one_from_a_buffer(
    watch: Callable[..., Camera],
) -> None:
    made: dict[int, float] = {}

    def stamped(number: int) -> Frame:
        made[number % 250] = time.monotonic()
        return counting(number)

    with NetworkCamera(stamped) as place:
        camera = watch(place.address())
        until(lambda: camera.latest(time.monotonic()))
        ages = []
        for _ in range(3):
            time.sleep(0.6)  # fifteen pictures pass meanwhile
            shot = camera.latest(time.monotonic())
            assert shot is not None
            ages.append(shot.boot - made[round(float(shot.frame.mean()))])
        assert max(ages) < 0.4


def test_without_the_login_there_is_no_picture_and_no_word_of_it(
    watch: Callable[..., Camera], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with NetworkCamera(counting, login="seat:right") as place:
        camera = watch(place.address("seat:wr0ng"))
        until(lambda: camera._told == "not_opened")
        place.cut()
        camera.stop(3.0)
    told = caplog.text + "".join(capfd.readouterr()) + camera.identity
    assert "not_opened" in told and "wr0ng" not in told


@pytest.mark.parametrize("harm", ["rubbish", "cut", "flipped"])
def test_a_network_camera_that_sends_rubbish_is_only_lost(harm: str, watch: Callable[..., Camera]) -> None:
    rng = np.random.default_rng(3)

    def spoil(packet: bytes) -> bytes:
        if harm == "rubbish":
            return rng.bytes(len(packet))
        if harm == "cut":
            return packet[: max(1, len(packet) // 3)]
        spoilt = bytearray(packet)
        for place in rng.integers(12, len(spoilt), 20):
            spoilt[place] ^= 1 << int(rng.integers(8))
        return bytes(spoilt)

    with NetworkCamera(counting) as place:
        camera = watch(place.address())
        until(lambda: state(camera) is CameraState.LIVE)
        place.harm = spoil
        time.sleep(1.0)
        assert camera._thread is not None and camera._thread.is_alive()
        place.harm = lambda packet: packet
        until(lambda: state(camera) is CameraState.LIVE)
        shot = camera.latest(time.monotonic())
        assert shot is not None and shot.frame.shape[2] == 3


def test_something_else_than_a_camera_is_not_waited_for_long() -> None:
    """A port that takes connections and says nothing, as another device may."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as mute:
        source = open_source(f"rtsp://127.0.0.1:{mute.getsockname()[1]}/x")
        began = time.monotonic()
        with pytest.raises(NoPicture, match="not_opened"):
            source.open()
        assert time.monotonic() - began < 25  # the library itself waits for 30


# Sizes


@pytest.mark.parametrize(
    ("size", "asked", "odd"),
    [
        ((640, 480), None, False),
        ((320, 240), None, False),
        ((240, 320), None, False),  # a camera that stands on its side
        ((319, 240), None, True),
        ((320, 239), None, True),
        ((160, 120), None, True),
        ((640, 480), (640, 480), False),
        ((480, 360), (640, 480), False),
        ((479, 360), (640, 480), True),
        ((480, 359), (640, 480), True),
        ((1280, 720), (640, 480), False),  # no harm: it is shrunk
        ((1920, 1440), (640, 480), False),
        ((1921, 1440), (640, 480), True),
        ((3840, 2160), (640, 480), True),
        ((640, 480), (1280, 720), True),
    ],
)
def test_which_sizes_are_odd(size: tuple[int, int], asked: tuple[int, int] | None, odd: bool) -> None:
    assert is_odd(size, asked) is odd


def test_a_picture_says_how_large_it_came_whatever_it_is_shrunk_to(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "one.png"), np.full((720, 1280, 3), 90, np.uint8))
    for wanted, shape, odd in (
        (None, (360, 640, 3), False),
        (Wanted(long_side=1280), (720, 1280, 3), False),
        (Wanted((1920, 1080)), (360, 640, 3), True),
    ):
        source = open_source(str(tmp_path / "one.png"), wanted)
        camera = Camera(source, time.monotonic)
        camera.start()
        until(partial(latest, camera))
        shot = latest(camera)
        camera.stop()
        assert shot is not None
        assert (shot.frame.shape, shot.size, shot.odd) == (shape, (1280, 720), odd)
        assert camera.report(CameraState.LIVE).odd_size is odd


# Names and what is given on the command line


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("rtsp://10.0.0.5/stream", "10.0.0.5/stream"),
        ("rtsp://10.0.0.5:8554/", "10.0.0.5:8554"),
        (f"rtsp://seat:{SECRET}@10.0.0.5/a", "10.0.0.5/a"),
        ("rtsp://u:p@ss@10.0.0.5/a", "10.0.0.5/a"),
        ("rtsp://u:p?ss@10.0.0.5/a", "network"),
        ("rtsp://u:p#ss@10.0.0.5/a", "network"),
        ("http://cam-3/mjpeg?user=a&password=b", "cam-3/mjpeg"),
        ("HTTPS://cam-3/mjpeg#b", "cam-3/mjpeg"),
    ],
)
def test_a_network_camera_goes_by_its_place_alone(source: str, name: str) -> None:
    assert source_kind(source) is SourceKind.NETWORK
    assert isinstance(open_source(source), Stream)
    assert camera_name(source) == name


@pytest.mark.parametrize("address", ["rtsp://cam/a?b=1", "rtsp://old:one@cam/a?b=1"])
def test_a_login_is_put_into_an_address_whatever_signs_it_has(address: str) -> None:
    assert signed_in(address, "us@er:p/w:#") == "rtsp://us%40er:p%2Fw%3A%23@cam/a?b=1"
    assert camera_name(signed_in(address, "us@er:p/w:#")) == "cam/a"


def test_what_the_options_say_together(tmp_path: Path) -> None:
    file = tmp_path / "login"
    file.write_text(f"seat:{SECRET}\nmore\n")
    words = ["--data", str(tmp_path), "--server", "https://x", "--camera-login", str(file)]
    given = given_camera(
        _parser().parse_args([*words, "--camera", "rtsp://c/a", "--camera-size", "1280x720"])
    )
    assert (given.size, given.live, given.name()) == ((1280, 720), True, "c/a")
    assert given.source == "rtsp://seat:s3cret%2Fword@c/a"
    assert "s3cret" not in repr(given)
    assert given_camera(_parser().parse_args([*words, "--camera", "0"])).source == "0"
    assert given_camera(_parser().parse_args(words)) == GivenCamera()
    assert not GivenCamera("film.mp4").live


@pytest.mark.parametrize("text", ["", "640", "640x", "x480", "6x4", "640x480x3", "640*480"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        size_of(text)


@pytest.mark.parametrize("content", [b"", b"no-colon-s3cret", b"\xff\xfe"])
def test_a_login_file_that_holds_none_is_refused_without_a_word_of_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "login").write_bytes(content)
    for path in (tmp_path / "login", tmp_path / "missing", tmp_path):
        with pytest.raises(argparse.ArgumentTypeError) as caught:
            login_of(str(path))
        assert "s3cret" not in str(caught.value)


def test_a_driver_that_never_answers_is_stalled_and_stops_nobody() -> None:
    """The thread hangs in the driver for good: whoever looks, asks or stops goes on at once."""
    never = threading.Event()

    class Stuck:
        longest_pause = 0.0
        size: Size = (0, 0)
        asked: Size | None = None

        def open(self) -> None: ...

        def close(self) -> None: ...

        def read(self, stopping: threading.Event) -> Frame:
            never.wait(30)
            raise NoPicture("freed")

    now = [100.0]
    camera = Camera(Stuck(), lambda: now[0])
    camera.start()
    until(lambda: camera._reading is not None)
    now[0] += c.OPENING + 1
    began = time.monotonic()
    assert camera.state(now[0]) is CameraState.STALLED
    assert camera.latest(now[0]) is None and camera.light(now[0]) == ""
    camera.stop(0.05)
    assert time.monotonic() - began < 25  # the driver would hold it for 30
    never.set()
