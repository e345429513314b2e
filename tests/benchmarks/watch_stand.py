"""A seat's watching at full speed, for `bench_watch`: real files, nets, fold, album and queue; time is told."""

import time
from pathlib import Path
from threading import Event

from client.brief import Brief
from client.camera import PictureFiles, Shot
from client.evidence import ROUTES, Evidence
from client.watch_attempt import AttemptWatch, Desk
from client.watch_memory import WatchStore
from exam_rooms.watch_messages import WatchPlan
from exam_rooms.watching import CAMERA_KINDS, EpisodeRule, WatchRules
from proctoring.observation import Observation
from proctoring.observe import Eyes, one_core

KEY = bytes(32)
RULES = WatchRules(episodes=tuple(EpisodeRule(kind, 5.0, 3.0) for kind in CAMERA_KINDS))
SCENES = (0,) * 60 + (1,) * 12 + (0,) * 60 + (2,) * 24 + (0,) * 30 + (3,) * 8
"""Which scene each look of a round sees: mostly the candidate, now and then something to tell."""


class TimedEyes(Eyes):
    """Keeps what the last look took, by step."""

    last: Observation

    def observe(self, *arguments: object, **options: object) -> Observation:
        self.last = super().observe(*arguments, **options)  # type: ignore[arg-type]
        return self.last


class Stand:
    """One attempt, one look a second by a clock that does not wait."""

    def __init__(self, folder: Path) -> None:
        one_core()
        self.eyes = TimedEyes()
        assert self.eyes.unavailable == ()
        self.evidence = Evidence(folder / "evidence", KEY)
        desk = Desk(self.evidence, WatchStore(folder / "evidence", KEY), "boot")
        self.watch = AttemptWatch(1, desk, 0.0)
        self.plan = WatchPlan(RULES, watch=True, template=(folder / "template").read_text())
        self.sources = [PictureFiles(str(folder / f"{n}/%03d.jpg"), pace=0) for n in range(4)]
        self.running = Event()
        self.alerts = 0

    def look(self, number: int) -> dict[str, float]:
        """One look; processor milliseconds by step, `look` for all of it, `read` for file to frame."""
        begun = time.thread_time()
        frame = self.sources[SCENES[number % len(SCENES)]].read(self.running)
        read = time.thread_time()
        now = 10.0 + number
        brief = Brief(True, 1, self.plan, since_start=float(number))
        self.watch.look(brief, Shot(number + 1, frame, now), self.eyes, now)
        done = time.thread_time()
        self._drain()
        steps = dict(self.eyes.last.ms)
        whole = (done - read) * 1000
        rest = whole - sum(steps.values())
        return {**steps, "read": (read - begun) * 1000, "encode_and_fold": rest, "look": whole}

    def _drain(self) -> None:
        """The server takes everything at once."""
        for route in ROUTES:
            while (news := self.evidence.next_news(route)) is not None:
                self.alerts += 1
                self.evidence.news_taken(news.number, news.frames)
        while (sha256 := self.evidence.next_picture()) is not None:
            self.evidence.load(sha256)
            self.evidence.picture_taken(sha256)
