"""Enrolment at the seat: good live frames and the registration photo become the attempt's template.

Where the plan asks for a challenge, it is taken before the enrolment is sent, and goes with it.
"""

import base64
import logging
from collections import deque

from client.brief import Brief
from client.camera import Shot, encode_jpeg
from client.challenge_desk import ChallengeDesk
from client.evidence import Evidence, Worth
from client.watch_album import Print, Wish, chosen
from client.watch_challenge import PACE, Challenger, Setting
from exam_rooms.watch_messages import EnrolmentRequest, WatchPlan
from proctoring.frames import Frame, FrameFault, decode
from proctoring.observation import Observation
from proctoring.observe import Enrolment, Eyes, enrol

LOG = logging.getLogger("examhall.kiosk")
PHOTO_SECONDS = 120.0
"""How long good frames wait for a photo that the server announced but does not deliver over a link that is
up. While it is down they wait on: an enrolment made without the photo would be held against nobody."""
AGAIN_SECONDS = 10.0
"""Pause after the server has an enrolment before another is made: its new plan is on the way."""
TRIES = 5
"""Sets of frames that may disagree among themselves before one is sent all the same: the server tells by
its spread that people have to look at it."""


class Enroller:
    """Collects frames for one attempt until there is an enrolment, once for each time it is asked for."""

    def __init__(self, attempt: int, boot_id: str, evidence: Evidence, desk: ChallengeDesk) -> None:
        self._desk = desk
        self._challenger = Challenger(desk)
        self._attempt = attempt
        self._boot_id = boot_id
        self._evidence = evidence
        self._shots: deque[Shot] = deque()
        self._ready_since: float | None = None
        self._rests_until = 0.0
        self._tries = 0

    def forget(self) -> None:
        """The plan asks for no enrolment (any more)."""
        self._shots.clear()
        self._ready_since, self._rests_until, self._tries = None, 0.0, 0
        self._challenger = Challenger(self._desk)

    def pause(self, plan: WatchPlan) -> float:
        """Seconds until this seat should be looked at again while it enrols."""
        return PACE if self._challenger.running else plan.rules.sample_seconds

    def observe(self, plan: WatchPlan, shot: Shot, eyes: Eyes) -> Observation:
        """A look at somebody who is being enrolled; only what a challenge needs is looked for beside."""
        if not plan.enrol or plan.challenge is None:
            return eyes.observe(shot.frame, None, plan.rules, compare=False)
        return self._challenger.observe(eyes, shot.frame, plan.rules)

    def look(self, brief: Brief, shot: Shot, observation: Observation, eyes: Eyes, now: float) -> int:
        """One look more; returns how many pictures were announced with an enrolment, 0 for none made."""
        assert brief.plan is not None
        rules = brief.plan.rules
        if self._evidence.pending(EnrolmentRequest, self._attempt):
            self._rests_until = now + AGAIN_SECONDS
        if now < self._rests_until or {"detect", "verify"} & set(observation.unavailable):
            return 0
        self._challenger.took(observation)
        good = observation.persons == 1 and observation.comparable
        if good and self._challenger.keeps(observation, rules):
            self._shots.append(shot)
            while len(self._shots) > rules.enrol_frames:
                self._shots.popleft()
        if len(self._shots) < rules.enrol_frames or self._waits_for_photo(brief, now):
            return 0
        if self._is_challenged(brief, eyes, observation, now):
            return 0
        return self._enrol(brief, eyes, now)

    def _is_challenged(self, brief: Brief, eyes: Eyes, observation: Observation, now: float) -> bool:
        """Whether the challenge of the plan still goes on, or waits for the candidate."""
        assert brief.plan is not None
        plan = brief.plan.challenge
        if plan is None:
            return False
        setting = Setting(plan, brief.plan.rules, brief.since_start is not None, now)
        self._challenger.go_on(setting, eyes, observation, self._shots)
        return self._challenger.note is None

    def _waits_for_photo(self, brief: Brief, now: float) -> bool:
        if self._ready_since is None or not brief.linked:
            self._ready_since = now
        return brief.has_photo and not brief.photo and now - self._ready_since < PHOTO_SECONDS

    def _enrol(self, brief: Brief, eyes: Eyes, now: float) -> int:
        assert brief.plan is not None
        shots = tuple(self._shots)
        rules = brief.plan.rules
        made = enrol(eyes, _photo(brief.photo), [shot.frame for shot in shots], rules)
        self._shots.clear()
        if made is None or (made.spread < rules.match_from and self._tries < TRIES):
            self._tries += 1
            return 0
        self._tries, self._rests_until = 0, now + AGAIN_SECONDS
        if not self._challenger.agrees(made.template, rules):
            self._challenger.doubt()
        return self._send(made, shots, eyes, now)

    def _send(self, made: Enrolment, shots: tuple[Shot, ...], eyes: Eyes, now: float) -> int:
        prints = [Print(shot.boot, encode_jpeg(shot.frame)) for shot in shots]
        notes, pictures = chosen([Wish(one, Worth.ENROLMENT) for one in prints], len(prints))
        request = EnrolmentRequest(
            attempt=self._attempt,
            template=base64.b64encode(made.template.astype("<f4").tobytes()).decode(),
            likeness=str(made.likeness),
            count=made.frames,
            spread=round(float(made.spread), 4),
            boot_id=self._boot_id,
            boot_ns=int(now * 1e9),
            similarity=None if made.similarity is None else round(float(made.similarity), 4),
            models=dict(eyes.models),
            frames=notes,
            challenge=self._challenger.note,
            liveness=_short(self._challenger.liveness),
        )
        self._evidence.put(request, pictures)
        return len(notes)


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _photo(data: bytes) -> Frame | None:
    """The registration photo's pixels; one that cannot be used is none, and the server is told so."""
    if not data:
        return None
    try:
        return decode(data)
    except FrameFault as fault:
        LOG.warning("registration photo: %s", fault.code)
        return None
