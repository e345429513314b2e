"""A seat that is looked at: composed looks, a clock of its own, and a watcher around them."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from client import exchange as x
from client.agent import Agent, Parts
from client.board import Board
from client.books import Books
from client.brief import Brief
from client.camera import Camera
from client.clock import ServerClock
from client.device import DataFolder
from client.evidence import Evidence
from client.exchange import Lane, Request
from client.link import Link
from client.outbox import Outbox
from client.paper import Shelf
from client.seat import Seat, Surroundings
from client.watch import Watched, Watcher
from client.watch_attempt import AttemptWatch, Desk
from client.watch_memory import WatchStore
from exam_rooms.protocol import CandidateView, SeatState, Step
from exam_rooms.watch_messages import (
    AlertRequest,
    CameraReport,
    WatchPlan,
)
from tests.client.camera_kit import (
    ToldEyes,
    plan,
    shot,
)

KEY = bytes(range(32))
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
STEP = 0.2


class Bench:
    """An attempt under a camera whose looks are given one by one."""

    def __init__(self, folder: Path, boot_id: str = "boot-1", at: float = 1000.0) -> None:
        self.folder = folder
        self.at = at
        self.eyes = ToldEyes()
        self.evidence = Evidence(folder, KEY)
        self.desk = Desk(self.evidence, WatchStore(folder, KEY), boot_id)
        self.watch = AttemptWatch(7, self.desk, at)
        self.plan = plan()
        self.began = at
        self.number = 0
        self.photo: bytes | None = None
        self.linked = True

    def brief(self) -> Brief:
        has_photo = self.photo is not None
        started = self.at - self.began
        return Brief(True, 7, self.plan, has_photo, self.photo or b"", started, self.linked)

    def look(self, seconds: float = STEP, *, blind: bool = False, frame: Any = None) -> tuple[str, ...]:
        """Looks for some seconds in steps; returns what the last one could not check."""
        missing: tuple[str, ...] = ()
        for _ in range(max(1, round(seconds / STEP))):
            self.at = round(self.at + STEP, 6)
            self.number += 1
            seen = None if blind else shot(self.number, self.at)
            if seen is not None and frame is not None:
                seen = replace(seen, frame=frame[self.number % len(frame)])
            missing = self.watch.look(self.brief(), seen, self.eyes, self.at)
        return missing

    def told(self, kind: type) -> list[Any]:
        found = sorted(self.evidence._news.values(), key=lambda news: news.number)
        return [news.message for news in found if isinstance(news.message, kind)]

    def alerts(self) -> list[AlertRequest]:
        return self.told(AlertRequest)

    def restart(self, boot_id: str = "boot-1", at: float | None = None) -> "Bench":
        """The agent is killed and comes back with the same plan; what waited is still in the queue."""
        after = Bench(self.folder, boot_id, self.at if at is None else at)
        after.plan, after.began, after.number = self.plan, self.began, self.number
        return after


def moments(alert: AlertRequest) -> list[str]:
    return [frame.moment for frame in alert.frames]


# The watcher and its agent


class Studio:
    """A real agent without a network, a watcher, and a camera whose pictures are put into its slot."""

    def __init__(self, folder: Path) -> None:
        self.at = 1000.0
        self.folder = DataFolder(folder)
        outbox = Outbox()
        self.seat = Seat(ServerClock("boot-1"), outbox)
        self.seat.around = Surroundings(paired=True)
        self.board = Board(self.seat, lambda: self.at)
        self.evidence = Evidence(self.folder.evidence, KEY)
        signer = x.Credentials(3, lambda message: message, "1.0")
        self.link = Link(signer, outbox, random.Random(1), self.evidence)
        books = Books(self.folder, KEY, outbox, lambda: ("boot-1", int(self.at * 1e9)))
        shelf = Shelf(self.folder.packages, KEY)
        parts = Parts(self.board, books, self.link, outbox, shelf, KEY, "boot-1")
        self.agent = Agent(parts)
        self.eyes = ToldEyes()
        self.camera = Camera(None, lambda: self.at, lambda: "CAM-05")  # type: ignore[arg-type]
        desk = Desk(self.evidence, WatchStore(self.folder.evidence, KEY), "boot-1")
        watched = Watched(self.camera, lambda: self.at)
        self.watcher = Watcher(self.agent, watched, desk, lambda: self.eyes)
        self.version = 0

    def show(self, watch: WatchPlan | None, step: Step = Step.ANSWERING, attempt: int | None = 7) -> None:
        self.version += 1
        candidate = CandidateView("某人", "T1", "1***", "单位", False)
        state = SeatState(self.version, NOW, "5", step, None, candidate, attempt, started_at=NOW, watch=watch)
        self.agent.handle([x.TimeSeen(NOW, self.at, self.at), x.StateSeen(state)])
        self.link.bulk.heard = True

    def sample(self, count: int = 1, *, blind: bool = False) -> float:
        pace = 0.0
        for _ in range(count):
            self.at = round(self.at + STEP, 6)
            if not blind:
                number = self.camera._shot.number + 1 if self.camera._shot else 1
                self.camera._shot = shot(number, self.at)
            pace = self.watcher.sample(self.at)
        return pace

    @property
    def report(self) -> CameraReport:
        return self.link._beat.status.camera

    def asked(self) -> Request | None:
        """What the second lane would send now."""
        self.link._door.token = "token"
        request = self.link.next(Lane.BULK, self.at)
        return request if isinstance(request, Request) else None
