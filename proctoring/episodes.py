"""From looks to alerts: a pure fold over what one seat's camera saw. No pixels, no clock.

Every kind of `CAMERA_KINDS` has a cause. A look says of each cause that it is there, that it is not, or
nothing at all: who cannot see does not know. From the strongest down,

- no picture (CAMERA_LOST) tells nothing about anything else;
- a covered lens (CAMERA_COVERED) and a picture that repeats (FROZEN) tell nothing about light and people;
  a covered picture that repeats is covered: flat pictures do repeat;
- a dark picture with nobody found (DARK) tells nothing about people;
- without a detector nothing is told about people at all; that is shown elsewhere as unavailable.

So darkness, glare or a hand on the lens never become an empty chair or a stranger: they are told as what
they are. A cause that holds long enough opens an episode, one alert; the episode ends when the cause has
been seen to be gone long enough. Looks that tell nothing neither open nor end one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from exam_rooms import wire
from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import CAMERA_KINDS, EpisodeRule, WatchRules
from proctoring.observation import Observation
from proctoring.quality import Verdict

MISSED = 1  # looks in a row without the cause that a spell not yet told survives: a detector blinks
MISS_EVERY = 4  # more than one look in so many without the cause, and its spell is over, blinks or not
GAP = 3.0  # sample times; with no look for longer than this nobody knows whether a cause held on
AGE = 2.0  # times the usual span of the compared frames; older ones no longer speak for who sits here
SLACK = 1e-6  # seconds; differences of clock readings carry the rounding of binary fractions
CLEAR_PICTURES = (Verdict.GOOD, Verdict.BLURRED)


@dataclass(frozen=True, slots=True)
class Sight:
    """One look: boot clock in seconds, and what was seen; None when the camera gave no picture.

    `repeated`: the very same picture was seen some looks ago, which a live camera never does.
    """

    at: float
    observation: Observation | None
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """An episode began: its cause is there since `since` and has held long enough at `at` (boot seconds).

    `scores`: the numbers of the look that decided (brightness, sharpness, persons; for FACE_MISMATCH the
    median similarity and of how many frames).
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
    them that did not show it, `missed` the latter in a row; after that `gone` is the first of the looks in
    a row that showed it gone.
    """

    kind: IncidentKind
    since: float
    missed: int = 0
    looks: int = 1
    misses: int = 0
    told: bool = False
    gone: float | None = None


@dataclass(frozen=True, slots=True)
class EpisodeState:
    """All that the fold remembers: the last look and picture, the compared frames, the causes that hold."""

    at: float | None = None
    fingerprint: str = ""
    compared: tuple[Compared, ...] = ()
    spells: tuple[Spell, ...] = ()

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


def step(state: EpisodeState, sight: Sight, rules: WatchRules) -> tuple[EpisodeState, Told]:
    """One look more: the new state and the episodes that it opens and closes, at most one for each kind.

    A look from before the last one is left out: time only goes forward on a boot clock.
    """
    if state.at is not None and sight.at < state.at:
        return state, ()
    fold = _Fold(state, sight, rules)
    answers = _of_camera(sight, state.fingerprint)
    sees = _sees(sight.observation, answers)
    if sees is not None:
        answers |= _of_people(sees)
    for kind in CAMERA_KINDS:
        if kind is not IncidentKind.FACE_MISMATCH:
            fold.advance(kind, answers.get(kind))
    fold.compare(sees)
    return fold.state(), tuple(fold.told)


# --- what a look says of each cause; a kind that is absent from an answer is not known ---------------


def _of_camera(sight: Sight, fingerprint: str) -> dict[IncidentKind, bool]:
    observation = sight.observation
    if observation is None:
        return {IncidentKind.CAMERA_LOST: True}
    verdict = observation.quality.verdict
    repeats = sight.repeated or (bool(fingerprint) and observation.fingerprint == fingerprint)
    covered = verdict is Verdict.COVERED and not observation.faces
    answers = {IncidentKind.CAMERA_LOST: False, IncidentKind.CAMERA_COVERED: covered}
    if not (covered and repeats):
        answers[IncidentKind.FROZEN] = repeats
    if not (covered or repeats):
        answers[IncidentKind.DARK] = verdict is Verdict.DARK and observation.persons == 0
    return answers


def _sees(observation: Observation | None, answers: Mapping[IncidentKind, bool]) -> Observation | None:
    """The look, if nothing stands in its way: it found somebody, or was clear enough to."""
    if observation is None or any(answers.values()) or "detect" in observation.unavailable:
        return None
    if observation.persons == 0 and observation.quality.verdict not in CLEAR_PICTURES:
        return None
    return observation


def _of_people(observation: Observation) -> dict[IncidentKind, bool]:
    persons = observation.persons
    return {IncidentKind.NO_FACE: persons == 0, IncidentKind.MULTI_FACE: persons >= 2}


# --- how causes become episodes ----------------------------------------------------------------------


class _Fold:
    """One step of the fold, kind by kind."""

    def __init__(self, state: EpisodeState, sight: Sight, rules: WatchRules) -> None:
        gap = state.at is not None and _over(sight.at - state.at, GAP * rules.sample_seconds)
        self.sight, self.rules, self.gap = sight, rules, gap
        self.asked = {rule.kind: rule for rule in rules.episodes}
        self.fingerprint = state.fingerprint
        self.compared = state.compared
        self.spells = {spell.kind: spell for spell in state.spells}
        self.told: list[Opened | Closed] = []

    def state(self) -> EpisodeState:
        """What is remembered of this step."""
        seen = self.sight.observation
        fingerprint = self.fingerprint if seen is None else seen.fingerprint
        return EpisodeState(self.sight.at, fingerprint, self.compared, tuple(self.spells.values()))

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
            if spell is not None and not spell.missed and self._lasts(spell.since, rule.hold_seconds):
                self.told.append(Opened(kind, spell.since, self.sight.at, self._scores(kind)))
                spell = replace(spell, told=True)
        if spell is not None:
            self.spells[kind] = spell

    def _growing(self, spell: Spell | None, kind: IncidentKind, there: bool) -> Spell | None:
        """A cause that is no alert yet: it must be seen, with a blink now and then at most."""
        if spell is None or self.gap:
            return Spell(kind, self.sight.at) if there else None
        looks = spell.looks + 1
        if there:
            return replace(spell, missed=0, looks=looks)
        misses = spell.misses + 1
        if spell.missed >= MISSED or (misses > 1 and misses * MISS_EVERY > looks):
            return None
        return replace(spell, missed=spell.missed + 1, looks=looks, misses=misses)

    def _running(self, spell: Spell, there: bool | None, rule: EpisodeRule) -> Spell | None:
        """An open episode: it ends once its cause was seen to be gone, look after look, long enough."""
        if there is not False:
            return replace(spell, gone=None)
        gone = self.sight.at if spell.gone is None or self.gap else spell.gone
        if not self._lasts(gone, rule.clear_seconds):
            return replace(spell, gone=gone)
        self.told.append(Closed(spell.kind, spell.since, gone, gone - spell.since))
        return None

    def compare(self, sees: Observation | None) -> None:
        """FACE_MISMATCH: the median over the last good frames of whoever has sat here without leaving."""
        if any(isinstance(one, Opened) and one.kind is IncidentKind.NO_FACE for one in self.told):
            self.compared = ()  # who comes back may be somebody else, and is judged by new frames only
        limit = AGE * self.rules.verify_seconds * self.rules.mismatch_frames
        recent = [each for each in self.compared if not _over(self.sight.at - each.at, limit)]
        clear = sees if sees is not None and sees.quality.verdict in CLEAR_PICTURES else None
        if clear is not None and clear.comparable and clear.identity is not None:
            recent.append(Compared(self.sight.at, clear.identity.similarity))
        self.compared = tuple(recent[-self.rules.mismatch_frames :])
        self.advance(IncidentKind.FACE_MISMATCH, self._unlike(clear))

    def _unlike(self, clear: Observation | None) -> bool | None:
        """Whether somebody else sits here; None when the frames, or a look in poor light, do not say."""
        if clear is None:
            return None
        left = self.spells.get(IncidentKind.NO_FACE)
        if clear.persons == 0 and left is not None and left.told:
            return False
        if len(self.compared) < self.rules.mismatch_frames:
            return None
        return self._median() < self.rules.mismatch_below

    def _median(self) -> float:
        return median(each.similarity for each in self.compared)

    def _lasts(self, since: float, seconds: float) -> bool:
        return self.sight.at - since >= seconds - SLACK

    def _scores(self, kind: IncidentKind) -> dict[str, float]:
        seen = self.sight.observation
        if seen is None:
            return {}
        if kind is IncidentKind.FACE_MISMATCH:
            return {"similarity": round(self._median(), 4), "frames": float(len(self.compared))}
        quality = seen.quality
        scores = {"brightness": round(quality.brightness, 1), "sharpness": round(quality.sharpness, 1)}
        return scores if "detect" in seen.unavailable else {**scores, "persons": float(seen.persons)}


def _over(seconds: float, limit: float) -> bool:
    return seconds > limit + SLACK
