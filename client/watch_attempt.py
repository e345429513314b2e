"""One attempt under its camera: looks become enrolment, alerts and random captures. No thread, no clock.

Whatever is told goes into the queue of evidence; what must outlive a restart into the memory. An alert
leaves as soon as it is decided, with a picture from before and one of the moment; one from a few seconds
after follows by itself, or with the news that the episode ended.
"""

import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise

from client.brief import Brief
from client.camera import Shot
from client.challenge_desk import ChallengeDesk
from client.evidence import Evidence, Worth
from client.watch_album import Album, Print, Wish, chosen
from client.watch_enrol import Enroller
from client.watch_log import LookLogger
from client.watch_memory import OpenEpisode, WatchStore
from client.watch_pace import GAZE, LIVENESS, OBJECTS, VERIFY, Pace, asked, looked, pause, spent, wants
from client.watch_probe import Probes, vector_of
from exam_rooms.incidents import IncidentKind
from exam_rooms.look_log import LoggedLook
from exam_rooms.watch_messages import AlertRequest, CaptureRequest, Moment, WatchPlan
from exam_rooms.watching import WatchRules
from proctoring import episodes
from proctoring.causes import ODD_SIZE, STALLED, Sight, noted
from proctoring.episodes import Closed, Opened
from proctoring.faces import Vector
from proctoring.observation import Observation
from proctoring.observe import Eyes

AFTER_SECONDS = 4.0
"""From an alert to its last picture."""
UNKNOWN = 20
"""Times the pace of comparing for which somebody may sit there uncompared until that is told."""
REMEMBERED = 600
"""Looks whose fingerprints are remembered: ten minutes of a recording that is played instead of a camera."""
RECENT, SLOW = 5, 2
"""Pictures whose distances in time are judged, and how many long ones among these make a camera slow: a
single one is a camera that was away for once."""
LATE_SECONDS = 60.0
"""A random capture that could not be taken for so long was missed."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Where what was seen goes, and the id of this start of the machine.

    `device`: the pictures come from a device, and not from a recording, which repeats itself rightly.
    `challenge`: where the candidate's page shows what is asked at sign-in.
    """

    evidence: Evidence
    store: WatchStore
    boot_id: str
    device: bool = False
    challenge: ChallengeDesk = field(default_factory=ChallengeDesk)


@dataclass(frozen=True, slots=True)
class Look:
    """One look at a moment (boot seconds). Without a picture `shot`, `seen` and `made` are None; `stalled`:
    the camera is there all the same.
    """

    now: float
    shot: Shot | None = None
    seen: Observation | None = None
    made: Print | None = field(default=None, repr=False)
    stalled: bool = False

    @property
    def camera(self) -> str:
        """What the camera is beside its picture, as `Sight` has it."""
        if self.shot is None:
            return STALLED if self.stalled else ""
        return ODD_SIZE if self.shot.odd else ""


class Rhythm:
    """How far apart the last pictures were that were looked at."""

    def __init__(self) -> None:
        self._moments: deque[float] = deque(maxlen=RECENT)

    def looked(self, moment: float) -> None:
        """Another picture was looked at; boot seconds of when it was taken."""
        self._moments.append(moment)

    def is_slow(self, slowest: float) -> bool:
        """Whether looks come so rarely that no cause can hold long enough to be told; the pace in seconds."""
        limit = episodes.GAP * slowest
        return sum(later - earlier > limit for earlier, later in pairwise(self._moments)) >= SLOW


class AttemptWatch:
    """What was seen of one attempt so far. One thread uses it."""

    def __init__(self, attempt: int, desk: Desk, now: float) -> None:
        """Goes on where an earlier process stopped; episodes of an earlier start of the machine end."""
        self.attempt = attempt
        self._desk = desk
        self._album = Album()
        self._enroller = Enroller(attempt, desk.boot_id, desk.evidence, desk.challenge)
        self._template: tuple[tuple[str, int], Vector | None] = (("", 0), None)
        self._pace = Pace()
        self._probes = Probes()
        self._log = LookLogger(attempt, desk.boot_id, desk.evidence)
        self._unknown_since: float | None = None
        self._prints: deque[str] = deque(maxlen=REMEMBERED)
        self._fold = episodes.START
        self._kept = desk.store.load(attempt)
        self._memory = self._kept
        self._take_up(now)

    def _take_up(self, now: float) -> None:
        if self._kept.boot_id == self._desk.boot_id:
            try:
                self._fold = episodes.decode(self._kept.fold) if self._kept.fold else episodes.START
            except ValueError:
                self._end_all(now)
        elif self._kept.boot_id:
            self._end_all(now)  # the boot clock began anew: nobody can say what held on meanwhile
        self._memory = replace(self._memory, boot_id=self._desk.boot_id)
        self._take_up_queue(now)
        self._save()

    def _take_up_queue(self, now: float) -> None:
        """Recalls what was queued just before the process was killed, and not remembered any more.

        A capture is not taken twice; an episode that only the queue knows of ends, since the fold does not
        know it either: if its cause is still there a new one begins.
        """
        captures = {one.number for one in self._desk.evidence.about(CaptureRequest, self.attempt)}
        if new := sorted(captures - set(self._memory.captures)):
            self._memory = replace(self._memory, captures=(*self._memory.captures, *new))
        alerts = self._desk.evidence.about(AlertRequest, self.attempt)
        known = {episode.alert.episode for episode in self._memory.open}
        known |= {alert.episode for alert in alerts if alert.closed}
        for alert in {alert.episode: alert for alert in alerts if alert.episode not in known}.values():
            self._end(None, OpenEpisode(replace(alert, frames=())), int(now * 1e9), Look(now))

    # One look

    def look(
        self, brief: Brief, shot: Shot | None, eyes: Eyes, now: float, *, stalled: bool = False
    ) -> tuple[str, ...]:
        """Looks once, as the plan says; returns the checks that cannot be made ("detect", "verify")."""
        plan = brief.plan
        assert plan is not None
        due = self._capture_due(brief)
        seen = None if shot is None else self._observe(plan, shot, eyes, now, due is not None)
        if plan.enrol and shot is not None and seen is not None:
            self._spend(self._enroller.look(brief, shot, seen, eyes, now))
        elif not plan.enrol:
            self._enroller.forget()
        if plan.watch:
            made = None if shot is None else self._album.add(shot)
            look = Look(now, shot, seen, made, stalled)
            self._follow(plan, look)
            if due is not None and brief.since_start is not None:
                self._capture(due, brief.since_start - plan.captures[due], look)
        elif self._memory.open:
            self._end_all(now)
        self._save()
        missing = eyes.missing(asked(plan.rules)) if plan.watch else eyes.unavailable
        blind = plan.template and (self._enrolled(plan, eyes) is None or self._is_unknown(plan, seen, now))
        return (*missing, "verify") if blind and "verify" not in missing else missing

    @property
    def told(self) -> tuple[AlertRequest, ...]:
        """The alerts of the episodes that are open."""
        return tuple(episode.alert for episode in self._memory.open)

    def took(self, rules: WatchRules, now: float, cost: float) -> None:
        """The last look is done at `now` and cost so many seconds of one processor."""
        self._pace = spent(self._pace, self._fold, rules, now, cost)

    def enrol_pause(self, plan: WatchPlan) -> float:
        """The same before that."""
        return self._enroller.pause(plan)

    def pause(self, rules: WatchRules, now: float) -> float:
        """Seconds until this seat should be looked at again, once the paper is open."""
        return pause(self._pace, self._fold, rules, now)

    def _is_unknown(self, plan: WatchPlan, seen: Observation | None, now: float) -> bool:
        """Whether somebody has sat here for long whose face could not be compared even once.

        An empty chair is told as such and asks for no face.
        """
        left = IncidentKind.NO_FACE in self._fold.open
        if not plan.watch or left or (seen is not None and seen.identity is not None):
            self._unknown_since = None
        elif self._unknown_since is None and seen is not None and seen.persons:
            self._unknown_since = now
        since = self._unknown_since
        return since is not None and now - since >= UNKNOWN * plan.rules.verify_seconds

    def _observe(self, plan: WatchPlan, shot: Shot, eyes: Eyes, now: float, capture: bool) -> Observation:
        if not plan.watch:
            return self._enroller.observe(plan, shot, eyes)
        enrolled, wanted = self._enrolled(plan, eyes), wants(self._pace, plan.rules, now)
        compare = enrolled is not None and (capture or wanted.compare)
        seen = eyes.observe(
            shot.frame, enrolled if compare else None, plan.rules, compare=compare, look=wanted.looks
        )
        made = {
            VERIFY: seen.identity is not None,
            GAZE: seen.attention is not None and seen.attention.gaze is not None,
            LIVENESS: seen.liveness is not None,
            OBJECTS: seen.objects is not None,
        }
        self._pace = looked(self._pace, made, now)
        self._probes.take(seen, plan.rules.mismatch_frames)
        return seen

    def _enrolled(self, plan: WatchPlan, eyes: Eyes) -> Vector | None:
        """The enrolled vector; None without one, when it is no vector, and when another network made it than
        this seat looks with: what the two say of one face has nothing in common.
        """
        if plan.model and plan.model != eyes.models.get("verify"):
            return None
        if (plan.template, eyes.dim) != self._template[0]:
            self._template = ((plan.template, eyes.dim), vector_of(plan.template, eyes.dim))
        return self._template[1]

    # Episodes

    def _follow(self, plan: WatchPlan, look: Look) -> None:
        moment = look.now if look.shot is None else look.shot.boot
        at_ms = round((moment if self._fold.at is None else max(moment, self._fold.at)) * 1000)
        sight = Sight(at_ms / 1000, look.seen, self._is_repeated(look.seen), look.camera)
        entry = LoggedLook(at_ms, noted(look.seen), episodes.repeats(self._fold, sight), look.camera)
        self._log.take(entry, plan.rules.log_seconds)
        self._fold, told = episodes.step(self._fold, sight, plan.rules)
        for news in told:
            if isinstance(news, Opened):
                self._open(plan, news, look)
            else:
                self._close(plan, news, look)
        self._after(plan, look)
        self._album.keep(spell.since for spell in self._fold.spells if not spell.told)

    def _is_repeated(self, seen: Observation | None) -> bool:
        """Whether a device shows a picture once more: a loop is played to it."""
        if seen is None or not seen.fingerprint or not self._desk.device:
            return False
        repeated = seen.fingerprint in self._prints
        if not repeated:
            self._prints.append(seen.fingerprint)
        return repeated

    def _open(self, plan: WatchPlan, news: Opened, look: Look) -> None:
        if news.kind is IncidentKind.NO_FACE:
            self._probes.forget()  # who comes back may be somebody else
        alert = AlertRequest(
            attempt=self.attempt,
            episode=secrets.token_hex(16),
            kind=str(news.kind),
            boot_id=self._desk.boot_id,
            since_ns=int(news.since * 1e9),
            boot_ns=int(look.now * 1e9),
            scores=_numbers(news.scores),
            models={} if look.seen is None else dict(look.seen.models),
            note=None if look.seen is None else look.seen.note(),
        )
        wishes = [
            Wish(look.made, Worth.ALERT, Moment.AT),
            Wish(self._album.before(news.since), Worth.SIDE, Moment.BEFORE),
        ]
        probe = self._probes.stranger() if news.kind is IncidentKind.FACE_MISMATCH else ""
        self._tell(plan, replace(alert, probe=probe), wishes)
        episode = OpenEpisode(alert, look.now + AFTER_SECONDS)
        self._memory = replace(self._memory, open=(*self._memory.open, episode))

    def _close(self, plan: WatchPlan, news: Closed, look: Look) -> None:
        for episode in self._memory.open:
            if episode.alert.kind == news.kind:
                made = None if episode.after_due is None else look.made
                self._end(plan, episode, int(news.at * 1e9), replace(look, made=made))

    def _end(self, plan: WatchPlan | None, episode: OpenEpisode, since_ns: int, look: Look) -> None:
        alert = replace(
            episode.alert,
            boot_id=self._desk.boot_id,
            since_ns=since_ns,
            boot_ns=int(look.now * 1e9),
            closed=True,
            scores={},
            note=None if look.seen is None else look.seen.note(),
        )
        self._tell(plan, alert, [Wish(look.made, Worth.SIDE, Moment.AFTER)])
        rest = tuple(other for other in self._memory.open if other is not episode)
        self._memory = replace(self._memory, open=rest)

    def _after(self, plan: WatchPlan, look: Look) -> None:
        """The same alert again with the picture from after its beginning."""
        if look.made is None:
            return
        kept = []
        for episode in self._memory.open:
            if episode.after_due is not None and episode.after_due <= look.now:
                self._tell(plan, episode.alert, [Wish(look.made, Worth.SIDE, Moment.AFTER)])
                episode = replace(episode, after_due=None)
            kept.append(episode)
        self._memory = replace(self._memory, open=tuple(kept))

    def _tell(self, plan: WatchPlan | None, alert: AlertRequest, wishes: list[Wish]) -> None:
        notes, pictures = chosen(wishes, 0 if plan is None else self._allowed(plan))
        self._desk.evidence.put(replace(alert, frames=notes), pictures)
        self._spend(len(notes))

    def end(self, now: float) -> None:
        """The watching of this attempt is over: every open episode ends."""
        self._enroller.forget()
        self._probes.forget()
        self._end_all(now)
        self._log.send()
        self._save()

    def _end_all(self, now: float) -> None:
        self._fold, closed = episodes.close_all(self._fold, now)
        ends = {str(news.kind): news.at for news in closed}
        for episode in self._memory.open:
            at = ends.get(episode.alert.kind, now)
            self._end(None, episode, int(at * 1e9), Look(now))

    # Random captures

    def _capture_due(self, brief: Brief) -> int | None:
        """The number of the capture to take now."""
        plan = brief.plan
        if plan is None or not plan.watch or brief.since_start is None:
            return None
        open_ones = set(range(len(plan.captures))) - set(self._memory.captures)
        due = [number for number in open_ones if plan.captures[number] <= brief.since_start]
        return min(due, default=None)

    def _capture(self, number: int, late: float, look: Look) -> None:
        """Takes a random picture that is `late` seconds overdue; without one it waits until it was missed."""
        missed = late > LATE_SECONDS
        if look.made is None and not missed:
            return
        made = None if missed else look.made
        notes, pictures = chosen([Wish(made, Worth.CAPTURE)], 1)
        request = CaptureRequest(
            attempt=self.attempt,
            number=number,
            boot_id=self._desk.boot_id,
            boot_ns=int(look.now * 1e9),
            note=look.seen.note() if notes and look.seen else None,
            frame=notes[0] if notes else None,
        )
        self._desk.evidence.put(request, pictures)
        self._memory = replace(self._memory, captures=(*self._memory.captures, number))
        self._spend(len(notes))

    # Pictures and memory

    def _allowed(self, plan: WatchPlan) -> int:
        """Pictures that an alert may still carry: captures to come keep their place."""
        coming = max(0, plan.rules.captures - len(self._memory.captures))
        return max(0, plan.rules.frame_limit - self._memory.pictures - coming)

    def _spend(self, pictures: int) -> None:
        if pictures:
            self._memory = replace(self._memory, pictures=self._memory.pictures + pictures)

    def _save(self) -> None:
        """Keeps what changed, but not every look: only open episodes have a past worth keeping."""
        if self._memory != self._kept:
            self._memory = replace(self._memory, fold=episodes.encode(self._fold))
            self._desk.store.save(self._memory)
            self._kept = self._memory


def _numbers(scores: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in scores.items()}
