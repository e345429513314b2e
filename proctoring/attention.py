"""Where head, eyes and mouth are against the candidate's own usual place: a fold without pixels or clock.

Nobody is measured against others: what is usual is learned from the first good looks at this candidate and
follows slowly, since people sink into their chairs; but only half of the way to what counts as away, so that
nobody can teach it another place bit by bit. A look without a clear face tells nothing and teaches nothing.

What was learned may be wrong: somebody talked to the candidate meanwhile. Whoever then sits for minutes where
people must have been told of it is learned anew, so that nobody is told as away for the rest of an exam.
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from statistics import median

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import AttentionRules, ObservationNote, WatchRules
from proctoring.quality import Verdict

KEPT = 30
"""Values that make the usual place."""
LEAST = 10
"""Values without which nothing is called usual yet: with fewer a single glance aside weighs too much."""
FOLLOW = 10.0
"""How much slower the usual place follows than it was learned: 30 seconds, then five minutes."""
REACH = 0.5
"""Share of what counts as away by which the usual place may follow from where it was learned."""
STILL = 0.5
"""Share of the angle that is away within which the head counts as still, so that the eyes may be judged."""
STALE = 2.0
"""Times a step's own pace for which what it saw last still holds between two looks."""
SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Value:
    """What was measured, and when (boot seconds)."""

    at: float
    value: float


@dataclass(frozen=True, slots=True)
class Usual:
    """One number's usual place. `home`: as it was learned at first, None until then."""

    kept: tuple[Value, ...] = ()
    home: float | None = None

    def place(self, away: float) -> float | None:
        """The usual place now; it moves from `home` by half of `away` at most. None: not known yet."""
        if self.home is None:
            return None
        now, reach = median(each.value for each in self.kept), away * REACH
        return min(max(now, self.home - reach), self.home + reach)

    def learned(self, value: Value, seconds: float, away: float = inf) -> "Usual":
        """With one more value; those that come too close after the last one are passed over.

        The home moves when half of the values kept lie where they count as away from every place that it
        allows: they were told, and are how the candidate sits.
        """
        apart = seconds / KEPT * (1.0 if self.home is None else FOLLOW)
        if self.kept and value.at - self.kept[-1].at < apart - SLACK:
            return self
        kept = (*self.kept, value)[-KEPT:]
        ripe = len(kept) >= LEAST and value.at - kept[0].at >= seconds * (1 - 1 / KEPT) - SLACK
        home = median(each.value for each in kept) if self.home is None and ripe else self.home
        now = median(each.value for each in kept)
        if home is not None and abs(now - home) > away * (1 + REACH):
            home = now
        return Usual(kept, home)


@dataclass(frozen=True, slots=True)
class Habits:
    """What is remembered of one candidate: usual places, the last gaze, since when the head is bent down, and
    the last openings of the mouth.
    """

    yaw: Usual = Usual()
    pitch: Usual = Usual()
    gaze: Usual = Usual()
    looked: Value | None = None
    down_since: float | None = None
    mouths: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Attentive:
    """What a look says: the habits after it, the causes it answers, and the numbers behind each."""

    habits: Habits
    answers: dict[IncidentKind, bool]
    scores: dict[IncidentKind, dict[str, float]]

    def adding(
        self, kind: IncidentKind, there: bool, numbers: dict[str, float], habits: Habits | None = None
    ) -> "Attentive":
        """The same with one more answer."""
        answers, scores = self.answers | {kind: there}, self.scores | {kind: numbers}
        return Attentive(self.habits if habits is None else habits, answers, scores)


def attend(habits: Habits, at: float, note: ObservationNote | None, rules: WatchRules) -> Attentive:
    """One look more. `note` None: it tells nothing of people; of two nobody knows whose the face is."""
    if note is None or note.persons != 1 or note.quality != Verdict.GOOD or note.yaw is None:
        return Attentive(habits, {}, {})
    wants = rules.attention
    habits = _seen(habits, at, note, rules)
    told = Attentive(habits, {}, {})
    yaw = habits.yaw.place(wants.yaw_away)
    if yaw is not None:
        told = _of_head(told, at, note, wants)
        told = _of_eyes(told, abs(note.yaw - yaw), wants)
    return _of_mouth(told, wants)


def _of_head(told: Attentive, at: float, note: ObservationNote, wants: AttentionRules) -> Attentive:
    """Turned aside, or bent down for long: who writes on scrap paper looks down, too."""
    yaw, pitch = told.habits.yaw.place(wants.yaw_away), told.habits.pitch.place(wants.pitch_down)
    if note.yaw is None or note.pitch is None or yaw is None or pitch is None:
        return told
    since = told.habits.down_since
    down = (at if since is None else since) if note.pitch - pitch < -wants.pitch_down else None
    bent = down is not None and at - down >= wants.down_seconds - SLACK
    numbers = _rounded(yaw=note.yaw, pitch=note.pitch, usual_yaw=yaw, usual_pitch=pitch)
    answer = bent or abs(note.yaw - yaw) > wants.yaw_away
    return told.adding(IncidentKind.TURNED_AWAY, answer, numbers, replace(told.habits, down_since=down))


def _of_eyes(told: Attentive, turned: float, wants: AttentionRules) -> Attentive:
    """Eyes aside while the head is still."""
    looked, usual = told.habits.looked, told.habits.gaze.place(wants.gaze_away)
    if looked is None or usual is None or turned > STILL * wants.yaw_away:
        return told
    numbers = _rounded(gaze=looked.value, usual_gaze=usual)
    return told.adding(IncidentKind.GAZE_AWAY, abs(looked.value - usual) > wants.gaze_away, numbers)


def _of_mouth(told: Attentive, wants: AttentionRules) -> Attentive:
    """Opened and closed again and again from look to look."""
    values = [each.value for each in told.habits.mouths]
    if len(values) < 2:
        return told
    moves = sum(abs(later - earlier) >= wants.mouth_moves for earlier, later in pairwise(values))
    numbers = {"moves": float(moves), "looks": float(len(values))}
    return told.adding(IncidentKind.TALKING, moves >= wants.mouth_count, numbers)


def rested(habits: Habits) -> Habits:
    """After a time without looks nobody knows what went on meanwhile; what is usual stays."""
    return replace(habits, looked=None, down_since=None, mouths=())


def _seen(habits: Habits, at: float, note: ObservationNote, rules: WatchRules) -> Habits:
    """Learns from a look at one person alone."""
    wants, long_ago = rules.attention, at - STALE * rules.pace.gaze_seconds - SLACK
    looked = habits.looked if habits.looked is not None and habits.looked.at >= long_ago else None
    yaw, pitch, gaze, mouths = habits.yaw, habits.pitch, habits.gaze, habits.mouths
    if note.yaw is not None and note.pitch is not None:
        yaw = yaw.learned(Value(at, note.yaw), wants.baseline_seconds, wants.yaw_away)
        pitch = pitch.learned(Value(at, note.pitch), wants.baseline_seconds, wants.pitch_down)
    if note.gaze is not None:
        looked = Value(at, note.gaze)
        gaze = gaze.learned(looked, wants.baseline_seconds, wants.gaze_away)
    if note.mouth is not None:
        mouths = (*mouths, Value(at, note.mouth))[-wants.mouth_looks :]
    return replace(habits, yaw=yaw, pitch=pitch, gaze=gaze, looked=looked, mouths=mouths)


def _rounded(**numbers: float) -> dict[str, float]:
    return {name: round(number, 3) for name, number in numbers.items()}
