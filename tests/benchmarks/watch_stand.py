"""A seat's watching at full speed, for `bench_watch`: real files, nets, fold, album and queue; time is told."""

import json
import time
from pathlib import Path
from threading import Event
from typing import Any

from client.brief import Brief
from client.camera import PictureFiles, Shot
from client.evidence import ROUTES, Evidence
from client.watch_attempt import AttemptWatch, Desk
from client.watch_memory import WatchStore
from client.watch_pace import asked
from exam_rooms.watch_messages import LookLog, WatchPlan
from exam_rooms.watching import WatchRules
from exam_rooms.wire import decode
from proctoring import faces, gaze, liveness, mesh, objects
from proctoring.observation import Observation
from proctoring.observe import Eyes, one_core

KEY = bytes(32)
ROUND = (0,) * 60 + (1,) * 12 + (0,) * 60 + (2,) * 24 + (0,) * 30 + (3,) * 8
"""Which scene each look of a round sees: mostly the candidate, now and then something to tell."""
CALM, DOUBTFUL = (0,), (0, 3)
NETWORKS = (faces, gaze, liveness, mesh, objects)


class TimedEyes(Eyes):
    """Keeps what the last look took, by step."""

    last: Observation

    def observe(self, *arguments: object, **options: object) -> Observation:
        self.last = super().observe(*arguments, **options)  # type: ignore[arg-type]
        return self.last


class InsideModels:
    """Processor seconds of this thread inside the networks, through the one door that leads there."""

    spent = 0.0

    def __init__(self) -> None:
        for module in NETWORKS:
            module.forward = self._timed(module.forward)  # type: ignore[attr-defined]

    def _timed(self, forward: Any) -> Any:
        def timed(*arguments: Any) -> Any:
            begun = time.thread_time()
            try:
                return forward(*arguments)
            finally:
                InsideModels.spent += time.thread_time() - begun

        return timed


INSIDE = InsideModels()


class Stand:
    """One attempt by a clock that does not wait."""

    def __init__(self, folder: Path, scenes: tuple[int, ...]) -> None:
        one_core()
        self.rules = decode(WatchRules, json.loads((folder / "rules").read_text()))
        self.eyes = TimedEyes()
        self.unavailable = self.eyes.missing(asked(self.rules))
        assert not {"detect", "verify"} & set(self.unavailable)
        home = folder / f"evidence-{len(scenes)}"
        self.evidence = Evidence(home, KEY)
        self.watch = AttemptWatch(1, Desk(self.evidence, WatchStore(home, KEY), "boot"), 0.0)
        self.plan = WatchPlan(self.rules, watch=True, template=(folder / "template").read_text())
        self.sources = [PictureFiles(str(folder / f"{n}/%03d.jpg"), pace=0) for n in range(4)]
        self.scenes = scenes
        self.running = Event()
        self.number = self.alerts = self.logged = 0

    def look(self, now: float) -> dict[str, float]:
        """One look; processor milliseconds by step, `look` for all of it, `models` inside the networks,
        `read` for file to frame.
        """
        begun = time.thread_time()
        frame = self.sources[self.scenes[self.number % len(self.scenes)]].read(self.running)
        self.number += 1
        read, inside = time.thread_time(), InsideModels.spent
        brief = Brief(True, 1, self.plan, since_start=now)
        self.watch.look(brief, Shot(self.number, frame, now), self.eyes, now)
        done = time.thread_time()
        self._drain()
        steps = dict(self.eyes.last.ms)
        whole = (done - read) * 1000
        models = (InsideModels.spent - inside) * 1000
        rest = whole - sum(steps.values())
        return {**steps, "read": (read - begun) * 1000, "rest": rest, "models": models, "look": whole}

    def pause(self, now: float, cost: float) -> float:
        """Seconds to the next look, as the watcher would wait."""
        self.watch.took(self.rules, now, cost)
        return self.watch.pause(self.rules, now)

    def _drain(self) -> None:
        """The server takes everything at once."""
        for route in ROUTES:
            while (news := self.evidence.next_news(route)) is not None:
                if isinstance(news.message, LookLog):
                    self.logged += len(news.message.body)
                else:
                    self.alerts += 1
                self.evidence.news_taken(news.number, news.frames)
        while (sha256 := self.evidence.next_picture()) is not None:
            self.evidence.load(sha256)
            self.evidence.picture_taken(sha256)
