"""The challenge at one seat: from the offer on the page to its result, try after try. No thread, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from statistics import median

from client.camera import Shot
from client.challenge_desk import AGAIN, BEGIN, CANNOT, OFFERED, RUNNING, ChallengeDesk, ChallengeView
from exam_rooms.challenge import ChallengeNote, ChallengePlan, ChallengeResult
from exam_rooms.watching import WatchRules
from proctoring import challenge
from proctoring.challenge import Challenge
from proctoring.faces import Vector, cosine
from proctoring.frames import Frame
from proctoring.observation import Observation
from proctoring.observe import Eyes, Looks, enrol

PACE = 0.2
"""Seconds between looks while a try runs."""
WAITING, WATCHING = Looks(liveness=True), Looks(attention=True, gaze=True, liveness=True)
NEEDED = Looks(attention=True, gaze=True)
"""What the challenge cannot do without; a missing liveness model is only told."""
SCORES = 60  # liveness scores that are kept


@dataclass(frozen=True, slots=True)
class Setting:
    """What holds for one look: the plan, the rules, whether the attempt has begun, and the moment."""

    plan: ChallengePlan
    rules: WatchRules
    begun: bool
    now: float


class Challenger:
    """One enrolment's challenge. `note` is None until it is over."""

    def __init__(self, desk: ChallengeDesk) -> None:
        """Nothing is shown yet, and nothing any more of one before."""
        self._desk = desk
        desk.show(None)
        self.note: ChallengeNote | None = None
        self._tries = 0
        self._reference: Vector | None = None
        self._try: Challenge | None = None
        self._alive: list[float] = []

    @property
    def running(self) -> bool:
        """Whether a try runs, which needs looks at `PACE`."""
        return self._try is not None

    @property
    def liveness(self) -> float | None:
        """The median over the looks so far, None without any."""
        return median(self._alive) if self._alive else None

    def observe(self, eyes: Eyes, frame: Frame, rules: WatchRules) -> Observation:
        """A look as the challenge needs it now."""
        look = WATCHING if self.running else WAITING
        return eyes.observe(frame, self._reference, rules, compare=self.running, look=look)

    def took(self, seen: Observation) -> None:
        """Remembers how alive the face seemed."""
        if seen.liveness is not None and seen.persons == 1:
            self._alive = [*self._alive, seen.liveness][-SCORES:]

    def keeps(self, seen: Observation, rules: WatchRules) -> bool:
        """Whether a frame may become part of the enrolment: during a try only the face of its beginning."""
        if not self.running:
            return True
        return seen.identity is not None and seen.identity.similarity >= rules.match_from

    def go_on(self, setting: Setting, eyes: Eyes, seen: Observation, shots: Sequence[Shot]) -> None:
        """One look more, with the good shots so far; sets `note` when the challenge is over."""
        if self.note is not None:
            return
        pressed = self._desk.take()
        if pressed == CANNOT:
            self._over(ChallengeResult.DECLINED)
        elif setting.begun:
            self._over(ChallengeResult.SKIPPED)
        elif eyes.missing(NEEDED):
            self._over(ChallengeResult.UNAVAILABLE)
        elif self._try is not None:
            self._step(setting, seen)
        else:
            self._offered(setting, eyes, pressed == BEGIN, shots)

    def agrees(self, template: Vector, rules: WatchRules) -> bool:
        """Whether an enrolment made afterwards shows the face that took the challenge; true without one."""
        return self._reference is None or cosine(self._reference, template) >= rules.match_from

    def doubt(self) -> None:
        """The enrolment does not show who took the challenge."""
        assert self.note is not None
        self.note = replace(self.note, result=str(ChallengeResult.FAILED), reason="other_face")

    def _offered(self, setting: Setting, eyes: Eyes, begin: bool, shots: Sequence[Shot]) -> None:
        """Waits for the candidate; a try begins with what the face looks like now."""
        made = enrol(eyes, None, [shot.frame for shot in shots], setting.rules) if begin else None
        if made is None:
            self._desk.show(self._offer(setting))
            return
        self._reference = made.template
        order = setting.plan.orders[self._tries % len(setting.plan.orders)]
        try:
            self._try = challenge.begin(order, setting.plan.seconds)
        except ValueError:  # a step that this edition does not know: people check
            self._over(ChallengeResult.UNAVAILABLE)
            return
        self._tries += 1
        self._show(setting, self._try)

    def _offer(self, setting: Setting) -> ChallengeView:
        left = len(setting.plan.orders) - self._tries
        shown = self._desk.view()
        reason = "" if shown is None else str(shown["reason"])
        return ChallengeView(AGAIN if self._tries else OFFERED, tries=left, reason=reason)

    def _step(self, setting: Setting, seen: Observation) -> None:
        assert self._try is not None
        rules = setting.rules
        look = challenge.sight(setting.now, seen, rules.match_from, rules.mismatch_below)
        state = self._try = challenge.step(self._try, look)
        if not state.result:
            self._show(setting, state)
        elif state.result is ChallengeResult.PASSED or self._tries >= len(setting.plan.orders):
            self._over(state.result, state)
        else:
            self._try = None
            left = len(setting.plan.orders) - self._tries
            self._desk.show(ChallengeView(AGAIN, tries=left, reason=state.reason or str(state.result)))

    def _show(self, setting: Setting, state: Challenge) -> None:
        view = ChallengeView(
            RUNNING,
            ask=state.asked,
            number=state.place + 1,
            steps=len(state.order),
            left=ceil(state.left(setting.now)),
            seconds=ceil(state.seconds),
            tries=len(setting.plan.orders) - self._tries + 1,
        )
        self._desk.show(view)

    def _over(self, result: ChallengeResult, state: Challenge | None = None) -> None:
        state = state or self._try
        scores = {} if state is None else dict(state.scores)
        reason = "" if state is None or result is not state.result else state.reason
        self.note = ChallengeNote(str(result), self._tries, reason, scores)
        self._try = None
        self._desk.show(None)
