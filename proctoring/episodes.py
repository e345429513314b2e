"""From looks to alerts: a pure fold over what one seat's camera saw. No pixels, no clock.

Every kind of `CAMERA_KINDS` has a cause; what one look says of each stands in `causes` (light, lens, people),
`attention` (head, eyes, mouth) and `votes` (what small networks only suspect). A cause that holds long enough
opens an episode, one alert; the episode ends when the cause has been seen to be gone long enough. Looks that
tell nothing neither open nor end one. After its end a kind may have to cool down: what comes back meanwhile
is counted and told with the next episode.

The fold reads notes (`ObservationNote`) and nothing else of a look, so looks that were kept as notes replay
to the very same episodes, also under other settings.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

from exam_rooms import wire
from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import CAMERA_KINDS, EpisodeRule, ObservationNote, WatchRules
from proctoring import attention, votes
from proctoring.attention import Habits
from proctoring.causes import (
    CLEAR_PICTURES,
    ODD_SIZE,
    SILENT,
    STALLED,
    Sight,
    noted,
    of_camera,
    of_people,
    seeing,
)
from proctoring.observation import Observation
from proctoring.votes import Votes

__all__ = ["START", "Closed", "EpisodeState", "Opened", "Sight", "close_all", "repeats", "replay", "step"]

MISSED = 0.75  # sample times without the cause that a spell not yet told survives: a detector blinks
BLINK = 1.5  # times the slowest pace from a look without the cause to the next with it, for a blink at most
MISS_EVERY = 4  # more than one look in so many without the cause, and its spell is over, blinks or not
GAP = 3.0  # times the slowest pace; with no look for longer than this nobody knows whether a cause held on
AGE = 2.0  # times the usual span of the compared frames; older ones no longer speak for who sits here
SLACK = 1e-6  # seconds; differences of clock readings carry the rounding of binary fractions
OF_WHOEVER_SITS = (
    *(IncidentKind.TURNED_AWAY, IncidentKind.GAZE_AWAY, IncidentKind.TALKING),
    IncidentKind.LIVENESS_DOUBT,
)
"""Causes that are gone once the chair is told to be empty."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An episode began: its cause is there since `since` and has held long enough at `at` (boot seconds).

    `scores`: the numbers of the look that decided (brightness, sharpness, persons; for FACE_MISMATCH the
    median similarity and of how many frames; for the others what they were judged by), and `again`: how
    often the cause had come back while its kind cooled down.
    """

    kind: IncidentKind
    since: float
    at: float
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Closed:
    """An episode ended: its cause was gone from `at` on, `seconds` after it began at `since`."""

    kind: IncidentKind
    since: float
    at: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Compared:
    """A good frame's similarity (cosine) to the enrolled face, and when it was taken (boot seconds)."""

    at: float
    similarity: float


@dataclass(frozen=True, slots=True)
class Spell:
    """A cause that holds: first seen at `since`. Boot seconds.

    `told`: it is an open episode. Before that `looks` counts all looks since then and `misses` those of
    them that did not show it, `missed` is the first of the latter in a row, and `counted` says that it held
    long enough while its kind cooled down; after that `gone` is the first of the looks in a row that showed
    it gone.
    """

    kind: IncidentKind
    since: float
    missed: float | None = None
    looks: int = 1
    misses: int = 0
    told: bool = False
    gone: float | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """When the last episode of a kind ended (boot seconds), and how often its cause came back too soon."""

    kind: IncidentKind
    at: float
    again: int = 0


@dataclass(frozen=True, slots=True)
class EpisodeState:
    """All that the fold remembers: the last look and picture, the compared frames, the causes that hold, what
    ended a while ago, and what is known of this candidate's habits and suspected of things.
    """

    at: float | None = None
    fingerprint: str = ""
    compared: tuple[Compared, ...] = ()
    spells: tuple[Spell, ...] = ()
    ended: tuple[Ended, ...] = ()
    habits: Habits = field(default_factory=Habits)
    votes: Votes = field(default_factory=Votes)

    @property
    def open(self) -> tuple[IncidentKind, ...]:
        """The kinds with an open episode."""
        return tuple(spell.kind for spell in self.spells if spell.told)


START = EpisodeState()
Told = tuple[Opened | Closed, ...]


def encode(state: EpisodeState) -> dict[str, Any]:
    """A state as plain JSON values."""
    return wire.encode(state)


def decode(data: object) -> EpisodeState:
    """The inverse of `encode`. Raises `wire.WireError` for anything else."""
    return wire.decode(EpisodeState, data)


def replay(sights: Iterable[Sight], rules: WatchRules) -> Told:
    """What a stream of looks tells from the start on; episodes still open at its end stay open."""
    state = START
    told: list[Opened | Closed] = []
    for sight in sights:
        state, news = step(state, sight, rules)
        told.extend(news)
    return tuple(told)


def close_all(state: EpisodeState, at: float) -> tuple[EpisodeState, tuple[Closed, ...]]:
    """Ends what is open because the watching ends at `at` (boot seconds); nothing is remembered."""
    closed = []
    for spell in state.spells:
        if spell.told:
            end = max(spell.since, at) if spell.gone is None else spell.gone
            closed.append(Closed(spell.kind, spell.since, end, end - spell.since))
    return START, tuple(closed)


def repeats(state: EpisodeState, sight: Sight) -> bool:
    """Whether a look shows a picture that was seen before: what a note of it has to say as `repeated`."""
    seen = sight.observation
    if sight.repeated or not isinstance(seen, Observation):
        return sight.repeated
    return bool(state.fingerprint) and seen.fingerprint == state.fingerprint


def step(state: EpisodeState, sight: Sight, rules: WatchRules) -> tuple[EpisodeState, Told]:
    """One look more: the new state and the episodes that it opens and closes, at most one for each kind.

    A look from before the last one is left out: time only goes forward on a boot clock.
    """
    if state.at is not None and sight.at < state.at:
        return state, ()
    fold = _Fold(state, sight, rules)
    answers = of_camera(fold.note, fold.repeats) if fold.note else {fold.silence(): True}
    sees = seeing(fold.note, answers)
    if fold.note is not None:  # a picture of the wrong size still shows who sits there
        answers[IncidentKind.CAMERA_RESOLUTION] = sight.camera == ODD_SIZE
    if sees is not None:
        answers |= of_people(sees)
    fold.judge(sees, answers)
    for kind in CAMERA_KINDS:
        if kind is not IncidentKind.FACE_MISMATCH:
            fold.advance(kind, answers.get(kind))
    fold.compare(sees)
    return fold.state(), tuple(fold.told)


# --- how causes become episodes ----------------------------------------------------------------------


class _Fold:
    """One step of the fold, kind by kind."""

    def __init__(self, state: EpisodeState, sight: Sight, rules: WatchRules) -> None:
        gap = state.at is not None and _over(sight.at - state.at, GAP * rules.slowest)
        self.sight, self.rules, self.gap = sight, rules, gap
        self.note = noted(sight.observation)
        self.fingerprint = state.fingerprint
        self.repeats = repeats(state, sight)
        if isinstance(sight.observation, Observation):
            self.fingerprint = sight.observation.fingerprint
        self.asked = {rule.kind: rule for rule in rules.episodes}
        self.compared = state.compared
        self.spells = {spell.kind: spell for spell in state.spells}
        self.ended = {each.kind: each for each in state.ended}
        self.habits = attention.rested(state.habits) if gap else state.habits
        self.votes = state.votes
        self.scores: dict[IncidentKind, dict[str, float]] = {}
        self.told: list[Opened | Closed] = []

    def silence(self) -> IncidentKind:
        """What a camera without a picture is told to be: one thing for as long as it gives none."""
        known = [kind for kind in SILENT if kind in self.spells]
        if known:
            return max(known, key=lambda kind: self.spells[kind].told)
        stalled = self.sight.camera == STALLED and IncidentKind.CAMERA_STALLED in self.asked
        return IncidentKind.CAMERA_STALLED if stalled else IncidentKind.CAMERA_LOST

    def state(self) -> EpisodeState:
        """What is remembered of this step."""
        spells, ended = tuple(self.spells.values()), tuple(self.ended.values())
        return EpisodeState(
            self.sight.at, self.fingerprint, self.compared, spells, ended, self.habits, self.votes
        )

    def judge(self, sees: ObservationNote | None, answers: dict[IncidentKind, bool]) -> None:
        """What head, eyes, mouth and suspicious things say, added to the answers."""
        seen = attention.attend(self.habits, self.sight.at, sees, self.rules)
        counted = votes.count(self.votes, self.sight.at, sees, self.rules)
        self.habits, self.votes = seen.habits, counted.votes
        self.scores = seen.scores | counted.scores
        answers |= seen.answers | counted.answers
        if sees is not None and sees.persons == 0 and self._left():
            answers |= dict.fromkeys(OF_WHOEVER_SITS, False)

    def _left(self) -> bool:
        """Whether the chair is told to be empty."""
        left = self.spells.get(IncidentKind.NO_FACE)
        return left is not None and left.told

    def advance(self, kind: IncidentKind, there: bool | None) -> None:
        """Takes what the look says of one kind's cause: there, not there, or not known (None)."""
        rule = self.asked.get(kind)
        if rule is None:
            return
        spell = self.spells.pop(kind, None)
        if spell is not None and spell.told:
            spell = self._running(spell, there, rule)
        else:
            spell = self._growing(spell, kind, there is True)
            if spell is not None and spell.missed is None and self._lasts(spell.since, rule.hold_seconds):
                spell = self._ripe(spell, rule)
        if spell is not None:
            self.spells[kind] = spell

    def _ripe(self, spell: Spell, rule: EpisodeRule) -> Spell:
        """A cause that has held long enough: an episode, unless its kind has just had one."""
        ended = self.ended.get(spell.kind)
        if ended is not None and not self._lasts(ended.at, rule.cool_down_seconds):
            if not spell.counted:
                self.ended[spell.kind] = replace(ended, again=ended.again + 1)
            return replace(spell, counted=True)
        scores = self._scores(spell.kind)
        again = 0 if ended is None else ended.again - spell.counted
        self.told.append(
            Opened(
                spell.kind, spell.since, self.sight.at, scores | ({"again": float(again)} if again else {})
            )
        )
        return replace(spell, told=True)

    def _growing(self, spell: Spell | None, kind: IncidentKind, there: bool) -> Spell | None:
        """A cause that is no alert yet: it must be seen, with a blink now and then at most."""
        if spell is None or self.gap:
            return Spell(kind, self.sight.at) if there else None
        looks = spell.looks + 1
        if there:
            if spell.missed is not None and _over(self.sight.at - spell.missed, BLINK * self.rules.slowest):
                return Spell(kind, self.sight.at)  # so few looks do not show that it was a blink only
            return replace(spell, missed=None, looks=looks)
        misses, missed = spell.misses + 1, self.sight.at if spell.missed is None else spell.missed
        long = self._lasts(missed, MISSED * self.rules.sample_seconds)
        if long or (misses > 1 and misses * MISS_EVERY > looks):
            return None
        return replace(spell, missed=missed, looks=looks, misses=misses)

    def _running(self, spell: Spell, there: bool | None, rule: EpisodeRule) -> Spell | None:
        """An open episode: it ends once its cause was seen to be gone, look after look, long enough."""
        if there is not False:
            return replace(spell, gone=None)
        gone = self.sight.at if spell.gone is None or self.gap else spell.gone
        if not self._lasts(gone, rule.clear_seconds):
            return replace(spell, gone=gone)
        self.told.append(Closed(spell.kind, spell.since, gone, gone - spell.since))
        self.ended.pop(spell.kind, None)
        if rule.cool_down_seconds:
            self.ended[spell.kind] = Ended(spell.kind, gone)
        return None

    def compare(self, sees: ObservationNote | None) -> None:
        """FACE_MISMATCH: the median over the last good frames of whoever has sat here without leaving."""
        if any(isinstance(one, Opened) and one.kind is IncidentKind.NO_FACE for one in self.told):
            # Who comes back may be somebody else, and is judged by new frames, habits and votes only.
            self.compared, self.habits = (), Habits()
            self.votes = self.votes.of_things()
        limit = AGE * self.rules.verify_seconds * self.rules.mismatch_frames
        recent = [each for each in self.compared if not _over(self.sight.at - each.at, limit)]
        clear = sees if sees is not None and sees.quality in CLEAR_PICTURES else None
        if clear is not None and clear.similarity is not None:
            recent.append(Compared(self.sight.at, clear.similarity))
        self.compared = tuple(recent[-self.rules.mismatch_frames :])
        growing = self.spells.get(IncidentKind.FACE_MISMATCH)
        if clear is None and growing and self.compared and not (growing.told or self.gap):
            return  # who hides the lens again and again is judged by the clear looks between
        self.advance(IncidentKind.FACE_MISMATCH, self._unlike(clear))

    def _unlike(self, clear: ObservationNote | None) -> bool | None:
        """Whether somebody else sits here; None when the frames, or a look in poor light, do not say."""
        if clear is None:
            return None
        if clear.persons == 0 and self._left():
            return False
        if len(self.compared) < self.rules.mismatch_frames:
            return None
        return self._median() < self.rules.mismatch_below

    def _median(self) -> float:
        return median(each.similarity for each in self.compared)

    def _lasts(self, since: float, seconds: float) -> bool:
        return self.sight.at - since >= seconds - SLACK

    def _scores(self, kind: IncidentKind) -> dict[str, float]:
        note = self.note
        if note is None:
            return {}
        if kind is IncidentKind.FACE_MISMATCH:
            return {"similarity": round(self._median(), 4), "frames": float(len(self.compared))}
        if kind in self.scores:
            return self.scores[kind]
        scores = {"brightness": round(note.brightness, 1), "sharpness": round(note.sharpness, 1)}
        return scores if "detect" in note.unavailable else {**scores, "persons": float(note.persons)}


def _over(seconds: float, limit: float) -> bool:
    return seconds > limit + SLACK
