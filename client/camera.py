"""The seat's camera: one thread reads, the newest picture lies in a slot, nobody else ever waits for it.

Reading may block, fail or give nonsense: only the camera's thread notices, the slot grows old, and the
camera counts as stalled (it is there, but nothing new comes) or lost until pictures come again.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

import cv2

from client.camera_picture import NoPicture, encode_jpeg
from client.camera_sources import (
    FIRST_PAUSE,
    CameraSource,
    PictureFiles,
    Size,
    Stream,
    Wanted,
    is_odd,
    open_source,
)
from exam_rooms.watch_messages import CameraReport, CameraState
from proctoring.frames import Frame, FrameFault
from proctoring.frames import quality as quality_of

__all__ = [
    "Camera",
    "CameraSource",
    "Health",
    "NoPicture",
    "PictureFiles",
    "Shot",
    "Stream",
    "Wanted",
    "encode_jpeg",
    "open_source",
]

LOG = logging.getLogger("examhall.kiosk")
STALE = 2.5
"""Seconds after which the newest picture is no picture of now: less than the gap that ends a spell."""
HANGS = 2.0
"""Seconds after which a driver that does not answer hangs: before its last picture is too old."""
OPENING = 10.0
"""Seconds that a camera may take for its first picture before it counts as lost."""
MISSES = 5
"""Failed readings in a row after which a source is opened anew."""
STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture, its place in the row since the camera was started, and when it was read (boot seconds).

    `size`: width and height as it came; `odd`: the camera should give pictures of another size.
    """

    number: int
    frame: Frame
    boot: float
    size: Size = (0, 0)
    odd: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """How a camera has done since it was started: how often its pictures came again after it was opened
    anew (`reconnects`), and after a pause without that (`stalls`).
    """

    reconnects: int = 0
    stalls: int = 0


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
        self._reading: float | None = None
        self._fresh = True
        self._told = ""
        self.health = Health()

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
        if self._shot is None and now - self._started <= OPENING:
            return CameraState.OPENING
        reading = self._reading
        hangs = reading is not None and now - reading > HANGS
        return CameraState.STALLED if hangs or self._told == STALLED else CameraState.LOST

    def report(self, state: CameraState, checks: str = "", unavailable: tuple[str, ...] = ()) -> CameraReport:
        """What the server is told of the camera, beside what is looked for in its pictures."""
        shot, health = self._shot, self.health
        width, height = (0, 0) if shot is None else shot.size
        return CameraReport(
            state=state,
            identity=self.identity,
            checks=checks,
            unavailable=unavailable,
            width=width,
            height=height,
            odd_size=shot is not None and shot.odd,
            reconnects=health.reconnects,
            stalls=health.stalls,
        )

    def _run(self) -> None:
        cv2.setNumThreads(1)  # the seat's processor belongs to the candidate's page
        # A missing device is told as "lost", not line after line; and an address may hold a password.
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
            self._fresh = True
            while not self._stopping.is_set() and misses < MISSES:
                failed = self._read()
                misses = misses + failed if failed else 0
        except Exception as fault:  # noqa: BLE001 - whatever a driver does, the seat goes on
            self._say(fault)
        finally:
            self._reading = None
            self._close()

    def _read(self) -> int:
        """Reads once; how many misses it counts as, 0 for a picture."""
        self._reading = self._boot()
        try:
            frame = self._source.read(self._stopping)
        except NoPicture as fault:
            self._say(fault)
            return MISSES if fault.final else 1
        except FrameFault as fault:
            self._say(fault)
            return 1
        size = self._source.size
        self._take(Shot(1, frame, self._boot(), size, is_odd(size, self._source.asked)))
        return 0

    def _take(self, shot: Shot) -> None:
        before, fresh = self._shot, self._fresh
        self._fresh, self._told = False, ""
        if before is None:
            self._shot = shot
            return
        seen = self.health
        if fresh:
            self.health = Health(seen.reconnects + 1, seen.stalls)
        elif shot.boot - before.boot > STALE:
            self.health = Health(seen.reconnects, seen.stalls + 1)
        self._shot = Shot(before.number + 1, shot.frame, shot.boot, shot.size, shot.odd)

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
