"""The seat's camera: one thread reads, the newest picture lies in a slot, nobody else ever waits for it.

A source is a video device, a video file, a numbered row of pictures, or one picture; recorded ones play in
a loop at their own pace. Reading may block, fail or give nonsense: only the camera's thread notices, the
slot grows old, and the camera counts as lost until pictures come again.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from client.camera_name import SourceKind, device_index, numbered, source_kind
from exam_rooms.watch_messages import CameraState
from proctoring.frames import PIXELS_LIMIT, Frame, FrameFault, decode_frame
from proctoring.frames import quality as quality_of

LOG = logging.getLogger("examhall.kiosk")
LONG_SIDE = 640
"""Pixels; larger pictures are shrunk at once, since a face before a screen is large enough then."""
STALE = 2.5
"""Seconds after which the newest picture is no picture of now: less than the gap that ends a spell."""
OPENING = 10.0
"""Seconds that a camera may take for its first picture before it counts as lost."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
PICTURE_SECONDS = 0.5
"""Pace of recorded pictures, and the least time between two decoded ones of a device or a video."""
FASTEST = 30.0
GRAB_REST = 0.005
"""Seconds between two readings of a device that are passed over: one that never waits must not spin."""
MISSES = 5
"""Failed readings in a row after which a device or a video is opened anew."""
FILE_LIMIT = 32 * 1024 * 1024
JPEG_LIMIT = 200 * 1024
"""Bytes of a picture that is sent: several times what a seat's frame takes, less than the server allows."""
QUALITIES = (80, 60, 40, 20)


class NoPicture(Exception):
    """What was read is no picture; `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture, its place in the row since the camera was started, and when it was read (boot seconds)."""

    number: int
    frame: Frame
    boot: float


class CameraSource(Protocol):
    """Where pictures come from. Everything may block or raise anything.

    `longest_pause`: seconds between two attempts to open it, at most, when it fails.
    """

    longest_pause: float

    def open(self) -> None:
        """Gets ready to read."""
        ...

    def read(self, stopping: threading.Event) -> Frame:
        """The next picture, at the source's pace. Raises `NoPicture`; may be called again then."""
        ...

    def close(self) -> None:
        """Lets go; may be opened again."""
        ...


class PictureFiles:
    """Pictures on disk, read anew in each turn: a folder behind a link may be exchanged while it plays."""

    longest_pause = PICTURE_SECONDS

    def __init__(self, source: str, pace: float = PICTURE_SECONDS) -> None:
        self._source = source
        self._row = source_kind(source) is SourceKind.PICTURES
        self._pace = pace
        self._next = 0
        self._began = False

    def open(self) -> None:
        """Starts with the first picture, without a pause."""
        self._next, self._began = 0, False

    def close(self) -> None:
        """Nothing is held open."""

    def read(self, stopping: threading.Event) -> Frame:
        """The next picture of the row after the pace's pause; after the last comes the first (0 or 1)."""
        if self._began:
            stopping.wait(self._pace)
        self._began = True
        data = self._following()
        if data is None:
            raise NoPicture("no_file")
        return _decoded(data)

    def _following(self) -> bytes | None:
        if not self._row:
            return _content(Path(self._source))
        for number in dict.fromkeys((self._next, 0, 1)):
            data = _content(numbered(self._source, number))
            if data is not None:
                self._next = number + 1
                return data
        return None


class Stream:
    """A video device, whose pictures come by themselves, or a video file, which is paced and looped.

    `clock`: any seconds that go forward; `pace` is measured by it.
    """

    longest_pause = LONGEST_PAUSE

    def __init__(
        self, source: str, pace: float = PICTURE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._source = source
        self._device = device_index(source)
        self._pace = pace
        self._clock = clock
        self._capture: Any = None
        self._rate = FASTEST
        self._decoded = 0.0

    def open(self) -> None:
        """Opens the device or the file. Raises `NoPicture`."""
        capture = self._opened()
        if not capture.isOpened():
            raise NoPicture("not_opened")
        width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        if width * height > PIXELS_LIMIT:
            capture.release()
            raise NoPicture("picture_too_large")
        rate = capture.get(cv2.CAP_PROP_FPS)
        self._rate = min(rate, FASTEST) if rate >= 1 else FASTEST
        self._capture, self._decoded = capture, self._clock()

    def _opened(self) -> Any:  # noqa: ANN401 - cv2 has no types
        if self._device is None:
            return cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2)
        for name, value in ((cv2.CAP_PROP_FRAME_WIDTH, 640), (cv2.CAP_PROP_FRAME_HEIGHT, 480)):
            capture.set(name, value)
        capture.set(cv2.CAP_PROP_FPS, 10)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture

    def close(self) -> None:
        """Gives the device back."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def read(self, stopping: threading.Event) -> Frame:
        """Passes over pictures until one is due, so that the newest is decoded and no other.

        A device is due by the clock: in poor light it gives far fewer pictures than it promised. A
        recording is due by its number of pictures, and begins anew when it has ended.
        """
        if self._device is None:
            self._pass_over_recorded(stopping)
        else:
            self._pass_over_live(stopping)
        done, pixels = self._capture.retrieve()
        if not done:
            raise NoPicture("not_decoded")
        return normalise(pixels)

    def _pass_over_recorded(self, stopping: threading.Event) -> None:
        for _ in range(max(1, round(self._pace * self._rate))):
            stopping.wait(1 / self._rate)
            if stopping.is_set() or not (self._grab() or self._anew()):
                raise NoPicture("no_more")

    def _pass_over_live(self, stopping: threading.Event) -> None:
        while not stopping.is_set() and self._grab():
            now = self._clock()
            if now - self._decoded >= self._pace:
                self._decoded = now
                return
            stopping.wait(GRAB_REST)
        raise NoPicture("no_more")

    def _grab(self) -> bool:
        return self._capture is not None and bool(self._capture.grab())

    def _anew(self) -> bool:
        """The first picture of a recording once more; false for one without pictures."""
        self.close()
        self.open()
        return self._grab()


def open_source(source: str) -> CameraSource:
    """The source that the word after `--camera` names."""
    pictures = source_kind(source) in (SourceKind.PICTURE, SourceKind.PICTURES)
    return PictureFiles(source) if pictures else Stream(source)


class Camera:
    """Keeps the newest picture of a source. Start it again whenever: what runs is left alone."""

    def __init__(
        self, source: CameraSource, boot: Callable[[], float], name: Callable[[], str] = lambda: ""
    ) -> None:
        """`boot`: boot clock in seconds; `name`: which camera is plugged in at the moment."""
        self._source = source
        self._name = name
        self.identity = name()
        """The name of the camera that was opened last: cables may be swapped while the agent runs."""
        self._boot = boot
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._shot: Shot | None = None
        self._started = boot()
        self._told = ""

    def start(self) -> None:
        """Starts the thread unless it runs."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
            self._thread.start()

    def stop(self, patience: float = 1.0) -> None:
        """Ends the thread; one that is stuck in a driver is left to the end of the process."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(patience)

    def latest(self, now: float) -> Shot | None:
        """The newest picture, None when there is none of now (boot seconds)."""
        shot = self._shot
        return shot if shot is not None and now - shot.boot <= STALE else None

    def light(self, now: float) -> str:
        """The word for light and sharpness of the newest picture, "" without one; no face is looked for."""
        shot = self.latest(now)
        return "" if shot is None else str(quality_of(shot.frame).verdict)

    def state(self, now: float) -> CameraState:
        """How the camera is at a moment (boot seconds)."""
        if self.latest(now) is not None:
            return CameraState.LIVE
        opening = self._shot is None and now - self._started <= OPENING
        return CameraState.OPENING if opening else CameraState.LOST

    def _run(self) -> None:
        cv2.setNumThreads(1)  # the seat's processor belongs to the candidate's page
        # A missing device is told as "lost", not line after line.
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            before = self._shot
            self._play()
            pause = FIRST_PAUSE if self._shot is not before else min(2 * pause, self._source.longest_pause)
            self._stopping.wait(pause)

    def _play(self) -> None:
        """One life of the source: from opening until it has failed too often."""
        misses = 0
        try:
            self._source.open()
            self.identity = self._name()
            while not self._stopping.is_set() and misses < MISSES:
                misses = 0 if self._read() else misses + 1
        except Exception as fault:  # noqa: BLE001 - whatever a driver does, the seat goes on
            self._say(fault)
        finally:
            self._close()

    def _read(self) -> bool:
        try:
            frame = self._source.read(self._stopping)
        except (NoPicture, FrameFault) as fault:
            self._say(fault)
            return False
        number = self._shot.number + 1 if self._shot else 1
        self._shot = Shot(number, frame, self._boot())
        self._told = ""
        return True

    def _close(self) -> None:
        try:
            self._source.close()
        except Exception as fault:  # noqa: BLE001 - as above
            self._say(fault)

    def _say(self, fault: Exception) -> None:
        """Into the log, once until it changes; never more than a name."""
        word = getattr(fault, "code", type(fault).__name__)
        if word != self._told and not self._stopping.is_set():
            self._told = word
            LOG.info("camera: %s", word)


def normalise(pixels: Any) -> Frame:  # noqa: ANN401 - whatever a driver gives
    """Any picture as height x width x 3, BGR, 8 bits, its long side at most `LONG_SIDE`.

    Takes grey, one, three or four channels, 8 or 16 bits, or floats of 0-1. Raises `NoPicture`.
    """
    found = np.asarray(pixels)
    if found.ndim not in (2, 3) or found.size == 0:
        raise NoPicture("no_pixels")
    if found.ndim == 3 and found.shape[2] not in (1, 3, 4):
        raise NoPicture("no_colours")
    small = _shrunk(_eight_bits(found))
    channels = 1 if small.ndim == 2 else small.shape[2]
    if channels != 3:
        small = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR if channels == 1 else cv2.COLOR_BGRA2BGR)
    return np.ascontiguousarray(small, dtype=np.uint8)


def _eight_bits(pixels: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype == np.uint16:
        return (pixels >> 8).astype(np.uint8)
    if pixels.dtype.kind == "f":
        return np.asarray(np.nan_to_num(pixels).clip(0, 1) * 255, dtype=np.uint8)
    raise NoPicture("no_depth")


def _shrunk(pixels: "np.ndarray[Any, Any]", long_side: int = LONG_SIDE) -> "np.ndarray[Any, Any]":
    height, width = pixels.shape[:2]
    scale = long_side / max(height, width)
    if scale >= 1:
        return pixels
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


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


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(FILE_LIMIT + 1)
    except OSError:
        return None
    if len(data) > FILE_LIMIT:
        raise NoPicture("file_too_large")
    return data


def _decoded(data: bytes) -> Frame:
    return normalise(decode_frame(data))
