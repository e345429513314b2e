"""`python -m client.drilled`: a seat agent before a staged camera, for `examhall drill proctoring`.

Everything is the agent's own but two things: its camera's source shows what a folder tells it to, and while
a play is shown the camera's clock runs as fast as looks are made. `--camera` names the folder: pictures in
`SCENE/000.jpg`, `001.jpg`, …; a file `NAME.play` is a list of [scene, seconds], and `NAME.done` is written
when it was shown. Between plays the scene `usual` is shown at the usual pace.
"""

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from client.__main__ import Kiosk, main
from client.agent import Agent
from client.camera import Camera, NoPicture
from client.camera_given import given_camera
from client.camera_picture import normalise
from client.camera_sources import USUAL, Size
from client.clock import boot_seconds
from client.device import Device
from client.evidence import Evidence
from client.watch import Watched, Watcher
from client.watch_attempt import Desk
from client.watch_memory import WatchStore
from proctoring.frames import Frame, FrameFault, decode_frame
from proctoring.observe import one_core

USUAL_SCENE, LOST, STALLED = "usual", "lost", "stalled"
"""Scenes that need no pictures: the camera gives none, or its driver does not answer."""
IDLE_SECONDS = 0.4
PATIENCE = 10.0
"""Real seconds that the camera's thread may take to pass a picture on."""


class StagedClock:
    """The camera's boot clock: the machine's, set ahead by every play."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self._fixed: float | None = None

    def __call__(self) -> float:
        return boot_seconds() + self._ahead if self._fixed is None else self._fixed

    def set(self, at: float) -> None:
        """Stands at a moment until it is set again or let go."""
        self._fixed = at

    def let_go(self) -> None:
        """Goes on from where it stands, at the machine's pace."""
        if self._fixed is not None:
            self._ahead, self._fixed = self._fixed - boot_seconds(), None


class StagedSource:
    """A camera's source that gives one picture each time it is told to."""

    longest_pause = 0.05
    asked: Size | None = USUAL

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wanted: Path | None = None
        self._told = threading.Event()
        self.left = threading.Event()
        """Set once the camera's thread has been told that there is no picture."""
        self._turns: dict[str, Iterator[Path]] = {}
        self.lost = False
        self.size: Size = (0, 0)

    def open(self) -> None:
        """Nothing to open."""

    def close(self) -> None:
        """Nothing is held."""

    def show(self, scene: str) -> None:
        """The next picture of a scene."""
        if scene not in self._turns:
            self._turns[scene] = itertools.cycle(sorted((self._folder / scene).glob("*.jpg")))
        self._wanted, self.lost = next(self._turns[scene]), False
        self.left.clear()
        self._told.set()

    def read(self, stopping: threading.Event) -> Frame:
        """Waits until it is told what to show."""
        while not self._told.wait(0.0 if self.lost else 0.02):
            if self.lost or stopping.is_set():
                self.left.set()
                raise NoPicture("lost", final=True)
        self._told.clear()
        assert self._wanted is not None
        try:
            pixels = decode_frame(self._wanted.read_bytes())
        except (OSError, FrameFault) as fault:
            raise NoPicture("no_file") from fault
        self.size = (pixels.shape[1], pixels.shape[0])
        return normalise(pixels)


@dataclass(slots=True)
class Shown:
    """What came of a play. `opened`: kind, name of the episode, and the machine's boot clock (nanoseconds)
    when the look began that decided; `missing`: checks that could not be made.
    """

    looks: int = 0
    seconds: float = 0.0
    opened: list[tuple[str, str, int]] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def as_json(self) -> str:
        """For the file that the drill reads."""
        return json.dumps({name: getattr(self, name) for name in ("looks", "seconds", "opened", "missing")})


class StagedWatcher(Watcher):
    """Looks when the stage says so."""

    def __init__(self, agent: Agent, evidence: Evidence, store: WatchStore, stage: "Stage") -> None:
        self._stage = stage
        camera = Camera(stage.source, stage.clock, stage.name)
        watched = Watched(camera, stage.clock, stage.models)
        super().__init__(agent, watched, Desk(evidence, store, stage.boot_id))

    def _run(self) -> None:
        one_core()
        self._eyes = None  # nets are not shared between threads
        while not self._stopping:
            for play in self._stage.waiting():
                shown = self._play(json.loads(play.read_bytes()))
                _write(play.with_suffix(".done"), shown.as_json())
            self._stage.clock.let_go()
            self._look_at(USUAL_SCENE, self._stage.clock())
            self._stage.clock.let_go()
            self._answer()
            time.sleep(IDLE_SECONDS)

    def _play(self, scenes: list[tuple[str, float]]) -> Shown:
        began, shown, known = time.monotonic(), Shown(), set(self._names())
        at = self._stage.clock()
        missing: set[str] = set()
        for scene, seconds in scenes:
            end = at + seconds
            while at < end and not self._stopping:
                real = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
                at += self._look_at(scene, at)
                shown.looks += 1
                missing |= set(self._missing)
                news = {name: kind for name, kind in self._names().items() if name not in known}
                shown.opened += [(kind, name, real) for name, kind in news.items()]
                known |= set(news)
            self._stage.clock.set(at)
        shown.seconds, shown.missing = round(time.monotonic() - began, 3), sorted(missing)
        return shown

    def _look_at(self, scene: str, at: float) -> float:
        """Shows a picture of the scene and looks at it; the seconds until the next look."""
        source, camera = self._stage.source, self._camera
        self._stage.clock.set(at)
        before = camera.latest(at)
        if scene == LOST:
            source.lost = True
            source.left.wait(PATIENCE)
        elif scene != STALLED:
            source.show(scene)
            end = time.monotonic() + PATIENCE
            while camera.latest(at) in (before, None) and time.monotonic() < end and not self._stopping:
                time.sleep(0.0005)
        return self.sample(at)

    def _names(self) -> dict[str, str]:
        """The open episodes of the attempt: name -> kind."""
        return {} if self._attempt is None else {each.episode: each.kind for each in self._attempt.told}


class Stage:
    """The folder that a staged camera is told by."""

    def __init__(self, folder: Path, name: str, models: str, boot_id: str) -> None:
        self.folder = folder
        self.models, self.boot_id = models, boot_id
        self.clock = StagedClock()
        self.source = StagedSource(folder)
        self._name = name

    def name(self) -> str:
        """Of the camera, in the room's plan."""
        return self._name

    def waiting(self) -> list[Path]:
        """Plays that were not shown yet, in the order of their names."""
        return [path for path in sorted(self.folder.glob("*.play")) if not path.with_suffix(".done").exists()]


class StagedKiosk(Kiosk):
    """The agent's process before a staged camera."""

    def _watcher(self, agent: Agent, evidence: Evidence, device: Device) -> Watcher | None:
        given = given_camera(self._arguments)
        stage = Stage(Path(given.source), given.name(), self._arguments.models, self._boot_id)
        store = WatchStore(self._folder.evidence, device.journal_secret)
        return StagedWatcher(agent, evidence, store, stage)


def _write(path: Path, text: str) -> None:
    """A file that is there only when it is whole."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    os.replace(fresh, path)


if __name__ == "__main__":
    sys.exit(main(make=StagedKiosk))
