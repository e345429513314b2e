"""Where a seat's pictures come from: a video device, a network camera, a video file, pictures on disk.

Recorded ones play in a loop at their own pace; live ones are read as fast as they come, so that none waits
in a buffer, and only the newest is decoded. Everything here may block, fail or give nonsense.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2

from client.camera_name import SourceKind, device_index, numbered, source_kind
from client.camera_picture import LONG_SIDE, NoPicture, normalise
from proctoring.frames import PIXELS_LIMIT, Frame, decode_frame

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
PICTURE_SECONDS = 0.5
"""Pace of recorded pictures, and the least time between two decoded ones of a device or a video."""
FASTEST = 30.0
GRAB_REST = 0.005
"""Seconds between two readings of a device that are passed over: one that never waits must not spin."""
STALL_SECONDS = 2.5
"""Seconds without a new picture, though the source is open, after which it has stalled."""
OPEN_MS, READ_MS = 5000, 5000
"""Milliseconds that a network camera may take to open and for its next picture."""
TRANSPORT = "rtsp_transport;tcp"
"""RTSP over TCP: over UDP a busy network makes grey and torn pictures of it."""
QUIET = "-8"
"""The level at which the video library says nothing: its lines may hold addresses."""
FILE_LIMIT = 32 * 1024 * 1024

Size = tuple[int, int]
"""Width and height in pixels."""
USUAL: Size = (640, 480)
LEAST: Size = (320, 240)
"""A picture below it shows a face before a screen too small to be recognised."""
SMALLER, LARGER = 0.75, 3.0
"""Shares of the side that was asked for, beyond which a picture is of the wrong size: a camera that lacks
bandwidth falls back to small pictures, and far too large ones cost the seat its processor."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How pictures should be: `size` asked of the camera (None: a device's usual, of others nothing), and
    the `long_side` in pixels to which larger ones are shrunk.
    """

    size: Size | None = None
    long_side: int = LONG_SIDE


class CameraSource(Protocol):
    """Where pictures come from. Everything may block or raise anything.

    `longest_pause`: seconds between two attempts to open it, at most, when it fails; `size`: of the last
    picture as it came; `asked`: the size that it should have, None for any.
    """

    longest_pause: float
    size: Size
    asked: Size | None

    def open(self) -> None:
        """Gets ready to read."""
        ...

    def read(self, stopping: threading.Event) -> Frame:
        """The next picture, at the source's pace. Raises `NoPicture`; may be called again then."""
        ...

    def close(self) -> None:
        """Lets go; may be opened again."""
        ...


def is_odd(size: Size, asked: Size | None) -> bool:
    """Whether a picture's size is not one that the camera should give."""
    if max(size) < max(LEAST) or min(size) < min(LEAST):
        return True
    return asked is not None and not all(
        SMALLER * want <= side <= LARGER * want for side, want in zip(size, asked, strict=True)
    )


class PictureFiles:
    """Pictures on disk, read anew in each turn: a folder behind a link may be exchanged while it plays."""

    longest_pause = PICTURE_SECONDS

    def __init__(self, source: str, pace: float = PICTURE_SECONDS, wanted: Wanted | None = None) -> None:
        self._source = source
        self._row = source_kind(source) is SourceKind.PICTURES
        self._pace = pace
        self._long_side = (wanted or Wanted()).long_side
        self._next = 0
        self._began = False
        self.asked = (wanted or Wanted()).size
        self.size: Size = (0, 0)

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
        pixels = decode_frame(data)
        self.size = (pixels.shape[1], pixels.shape[0])
        return normalise(pixels, self._long_side)

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
    """A video device or network camera, whose pictures come by themselves, or a video file, which is paced
    and looped.

    `clock`: any seconds that go forward; `pace` is measured by it.
    """

    longest_pause = LONGEST_PAUSE

    def __init__(
        self,
        source: str,
        pace: float = PICTURE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        wanted: Wanted | None = None,
    ) -> None:
        self._source = source
        self._device = device_index(source)
        self._live = source_kind(source) in (SourceKind.DEVICE, SourceKind.NETWORK)
        self._pace = pace
        self._clock = clock
        self._long_side = (wanted or Wanted()).long_side
        self._capture: Any = None
        self._rate = FASTEST
        self._decoded = 0.0
        self._stamp = 0.0
        usual = None if self._device is None else USUAL
        self.asked = (wanted or Wanted()).size or usual
        self.size: Size = (0, 0)

    def open(self) -> None:
        """Opens the device, the connection or the file. Raises `NoPicture`."""
        capture = self._opened()
        if not capture.isOpened():
            raise NoPicture("not_opened")
        if _is_too_large(capture):
            capture.release()
            raise NoPicture("picture_too_large")
        rate = capture.get(cv2.CAP_PROP_FPS)
        self._rate = min(rate, FASTEST) if rate >= 1 else FASTEST
        self._capture, self._decoded, self._stamp = capture, self._clock(), 0.0

    def _opened(self) -> Any:  # noqa: ANN401 - cv2 has no types
        if self._device is None:
            os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = TRANSPORT  # noqa: TID251 - read by the library
            os.environ["OPENCV_FFMPEG_LOGLEVEL"] = QUIET  # noqa: TID251
            limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_MS]
            return cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1, *limits])
        capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2)
        width, height = self.asked or USUAL
        for name, value in ((cv2.CAP_PROP_FRAME_WIDTH, width), (cv2.CAP_PROP_FRAME_HEIGHT, height)):
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

        A live source is due by the clock: in poor light a device gives far fewer pictures than it promised.
        A recording is due by its number of pictures, and begins anew when it has ended.
        """
        if self._live:
            self._pass_over_live(stopping)
        else:
            self._pass_over_recorded(stopping)
        if _is_too_large(self._capture):
            raise NoPicture("picture_too_large", final=True)
        done, pixels = self._capture.retrieve()
        if not done:
            raise NoPicture("not_decoded")
        frame = normalise(pixels, self._long_side)
        self.size = (pixels.shape[1], pixels.shape[0])
        return frame

    def _pass_over_recorded(self, stopping: threading.Event) -> None:
        for _ in range(max(1, round(self._pace * self._rate))):
            stopping.wait(1 / self._rate)
            if stopping.is_set() or not (self._grab() or self._anew()):
                raise NoPicture("no_more")

    def _pass_over_live(self, stopping: threading.Event) -> None:
        began = self._clock()
        while not stopping.is_set():
            grabbed = self._grab()
            now = self._clock()
            stalled = now - began >= max(STALL_SECONDS, self._pace)
            if not grabbed:  # a connection that ended is over; a device may only have been slow
                raise NoPicture("stalled" if stalled else "no_more", final=self._device is None)
            if now - self._decoded >= self._pace and self._is_new():
                self._decoded = now
                return
            if stalled:
                raise NoPicture("stalled")
            stopping.wait(GRAB_REST)
        raise NoPicture("no_more")

    def _is_new(self) -> bool:
        """Whether the picture at hand is another than the last decoded one, by its stamp if it has one."""
        stamp = float(self._capture.get(cv2.CAP_PROP_POS_MSEC))
        same = stamp > 0 and stamp == self._stamp
        self._stamp = stamp
        return not same

    def _grab(self) -> bool:
        return self._capture is not None and bool(self._capture.grab())

    def _anew(self) -> bool:
        """The first picture of a recording once more; false for one without pictures."""
        self.close()
        self.open()
        return self._grab()


def open_source(source: str, wanted: Wanted | None = None) -> CameraSource:
    """The source that the word after `--camera` names."""
    pictures = source_kind(source) in (SourceKind.PICTURE, SourceKind.PICTURES)
    return PictureFiles(source, wanted=wanted) if pictures else Stream(source, wanted=wanted)


def _is_too_large(capture: Any) -> bool:  # noqa: ANN401 - cv2 has no types
    width, height = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
    return bool(width * height > PIXELS_LIMIT)


def _content(path: Path) -> bytes | None:
    try:
        with path.open("rb") as stream:
            data = stream.read(FILE_LIMIT + 1)
    except OSError:
        return None
    if len(data) > FILE_LIMIT:
        raise NoPicture("file_too_large")
    return data
