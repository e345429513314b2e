"""The watcher: a thread that looks at the seat's camera as the server's plan says, and tells how it is.

Nothing here may cost an answer: it computes outside of the agent's lock, at most half of one processor,
and whatever goes wrong with pictures ends in a line of the log and the word "unavailable".
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from client.agent import Agent
from client.brief import Brief
from client.camera import Camera, encode_jpeg
from client.watch_attempt import AttemptWatch, Desk, Rhythm
from exam_rooms.watch_messages import CameraReport, CameraState, WatchPlan
from proctoring.models import places
from proctoring.observe import Eyes, one_core

LOG = logging.getLogger("examhall.kiosk")
STANDBY_SECONDS = 1.0
FASTEST_SECONDS, SLOWEST_SECONDS = 0.2, 10.0
"""Bounds of the plan's pace."""
WAIT_SECONDS = 0.1
"""Until the slot is asked again when a look is due and the camera has given nothing new yet."""
EYES_AGAIN = 30.0
"""Seconds until models that failed to load in an unforeseen way are tried again."""
LOOK_WIDTH = 320


@dataclass(frozen=True, slots=True)
class Watched:
    """The camera of this seat, the clock (boot seconds), and where networks are installed: "" by standard."""

    camera: Camera
    boot: Callable[[], float]
    models: str = ""


def next_look(began: float, done: float, pace: float) -> float:
    """When to look again: at its pace (seconds), but never before resting as long as it worked."""
    return max(began + pace, done + (done - began))


class Watcher:
    """Looks for one agent. `asked` may be called from any thread, the rest from the one that made it."""

    def __init__(
        self, agent: Agent, watched: Watched, desk: Desk, make_eyes: Callable[[], Eyes] | None = None
    ) -> None:
        self._agent = agent
        self._watched = watched
        self._camera = watched.camera
        self._desk = desk
        self._make_eyes = make_eyes or (lambda: Eyes(places(watched.models)))
        self._eyes: Eyes | None = None
        self._eyes_due = 0.0
        self._attempt: AttemptWatch | None = None
        self._unfinished = list(desk.store.unfinished())
        self._seen = 0
        self._missing: tuple[str, ...] = ()
        self._rhythm = Rhythm()
        self._told = ""
        self._refs: deque[str] = deque(maxlen=1)
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        agent.on_look = self.asked

    def start(self) -> None:
        """Starts what does not run: camera and thread at first, later whichever died of a fault."""
        self._camera.start()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread and the camera. Open episodes stay open: a restarted agent goes on with them."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(2.0)
        self._camera.stop()

    def light(self) -> str:
        """How bright and sharp the seat's picture is now, in one word; "" without a picture."""
        try:
            return self._camera.light(self._watched.boot())
        except Exception as fault:  # noqa: BLE001 - as in `sample`
            self._note(fault)
            return ""

    def asked(self, ref: str) -> None:
        """An invigilator asks for a picture; the newest question is answered."""
        self._refs.append(ref)
        self._wake.set()

    def _run(self) -> None:
        one_core()
        self._eyes = None  # nets are not shared between threads
        due = 0.0
        while not self._stopping:
            now = self._watched.boot()
            if now >= due:
                pace = self.sample(now)
                due = next_look(now, self._watched.boot(), pace)
            self._answer()
            self._wake.wait(max(0.0, due - self._watched.boot()))
            self._wake.clear()

    # One sample

    def sample(self, now: float) -> float:
        """Looks once if there is anything to look at; returns the seconds until the next time."""
        brief, begun, fresh = Brief(), time.thread_time(), True
        try:
            brief = self._agent.brief()
            fresh = self._look(brief, now)
            self._tell(self._report(brief, now))
            self._told = ""
        except Exception as fault:  # noqa: BLE001 - a fault in looking must never reach the answers
            self._note(fault)
            self._tell(replace(self._report(brief, now), state=CameraState.UNAVAILABLE))
        if brief.plan is None or not brief.looks:
            return STANDBY_SECONDS
        if not fresh:
            return WAIT_SECONDS
        return min(
            max(self._pause(brief.plan, now, time.thread_time() - begun), FASTEST_SECONDS), SLOWEST_SECONDS
        )

    def _pause(self, plan: WatchPlan, now: float, cost: float) -> float:
        """Seconds until the next look, which was asked for at `now` and cost so much of one processor."""
        if self._attempt is None:
            return plan.rules.sample_seconds
        if not plan.watch:
            return self._attempt.enrol_pause(plan)
        self._attempt.took(plan.rules, now, cost)
        return self._attempt.pause(plan.rules, now)

    def _look(self, brief: Brief, now: float) -> bool:
        """Looks at the newest picture; false when there is none since the last look."""
        eyes = self._open_eyes(now)
        if brief.known:
            self._turn_to(brief, now)
        if self._attempt is None or eyes is None:
            self._missing = () if eyes is None else eyes.unavailable
            return True
        shot = self._camera.latest(now)
        if shot is not None and shot.number == self._seen:
            return False
        if shot is not None:
            self._seen = shot.number
            self._rhythm.looked(shot.boot)
        stalled = self._camera.state(now) is CameraState.STALLED
        self._missing = self._attempt.look(brief, shot, eyes, now, stalled=stalled)
        return True

    def _turn_to(self, brief: Brief, now: float) -> None:
        """Ends what is over, also what an earlier process left open, and takes up what the plan asks for."""
        wanted = brief.attempt if brief.looks else None
        while self._unfinished:
            attempt = self._unfinished.pop()
            if attempt != wanted:
                AttemptWatch(attempt, self._desk, now).end(now)
        current = self._attempt
        if current is not None and current.attempt != wanted:
            self._attempt = None
            current.end(now)
        if brief.attempt is not None and brief.plan is not None and brief.plan.manual:
            self._desk.store.forget(brief.attempt)
        if wanted is not None and self._attempt is None:
            self._attempt = AttemptWatch(wanted, self._desk, now)
            self._rhythm = Rhythm()

    def _open_eyes(self, now: float) -> Eyes | None:
        if self._eyes is None and now >= self._eyes_due:
            self._eyes_due = now + EYES_AGAIN
            self._eyes = self._make_eyes()
        return self._eyes

    def _report(self, brief: Brief, now: float) -> CameraReport:
        plan = brief.plan
        checks = "" if plan is None or not brief.looks else "watch" if plan.watch else "enrol"
        state, missing = self._camera.state(now), self._missing
        if self._eyes is None:
            state, missing = CameraState.UNAVAILABLE, ("detect", "verify")
        elif state is CameraState.LIVE and checks == "watch" and self._is_slow(plan):
            state = CameraState.UNAVAILABLE  # no alert could come of it: not "live"
        return self._camera.report(state, checks, missing)

    def _is_slow(self, plan: WatchPlan | None) -> bool:
        return plan is not None and self._rhythm.is_slow(plan.rules.slowest)

    def _tell(self, report: CameraReport) -> None:
        self._agent.camera_says(report)
        if any(self._desk.evidence.waiting()):
            self._agent.evidence_waits()

    def _note(self, fault: Exception) -> None:
        """Into the log by its type alone, once until looking works again: a message may hold anything."""
        word = type(fault).__name__
        if word != self._told:
            self._told = word
            LOG.error("watching: %s", word)

    # A look on demand

    def _answer(self) -> None:
        """Sends what was asked for: nothing at a seat that people check, an empty picture without one."""
        try:
            ref = self._refs.pop()
        except IndexError:
            return
        data = b""
        try:
            plan = self._agent.brief().plan
            if plan is not None and plan.manual:
                return
            shot = self._camera.latest(self._watched.boot())
            data = b"" if shot is None else encode_jpeg(shot.frame, LOOK_WIDTH)
        except Exception as fault:  # noqa: BLE001 - as above
            self._note(fault)
        self._agent.show_picture(ref, data)
