"""Judging the challenge: a pure fold over looks at whoever turns and blinks. No pixels, no clock.

Each try goes: look straight ahead (the *centre* that everything is measured from), then step after step,
coming back to the centre after each. What counts must be one movement of one head:

- it begins at the centre, passes a place in between and goes on look by look without a leap: another photo
  that is held up jumps;
- the head bends as a head does (`pose.bend`, `Pose.misfit`): a flat picture that is turned by hand looks
  narrower, but its nose stays between its cheeks;
- wherever the face can be compared it is the face of the beginning;
- another step than the one that is asked for ends the try: a recording does not know the order.

A look that shows nobody, two persons or too little tells nothing; time goes on.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import median
from types import MappingProxyType

from exam_rooms.challenge import ChallengeResult, ChallengeStep
from proctoring.observation import Attention, HeadShape, Observation
from proctoring.pose import bend

CENTRE_LOOKS = 3
"""Looks straight ahead that make the centre."""
STILL = 6.0  # degrees between these at most
STRAIGHT = 25.0  # degrees of yaw and pitch that count as straight ahead, however the camera stands
BACK = 9.0  # degrees from the centre: at it again
TURN, UP = 20.0, 12.0
"""Degrees from the centre that make a turn, and a look up."""
TURN_BEND, UP_BEND, MISFIT = 0.19, 0.07, 0.09
"""Least bend at these angles and greatest misfit. Measured: heads turned by 20 degrees and more bend by 0.217
or more (smallest of 54 pairs of photos of one person), photos turned by 25 to 55 degrees rarely seem turned
at all and then fit badly."""
LEAP, LEAP_UP = 25.0, 12.0
"""Degrees of yaw and of pitch between two looks in a row: 5 looks a second see a calm turn in steps of 15."""
GAP = 0.8  # seconds between looks that belong to one movement
AWAKE = 0.13
"""Least opening of eyes at the centre: shut ones have 0.09 to 0.12, the narrowest open ones seen 0.18."""
SHUT, OPEN = 0.6, 0.8
"""Of how far the eyes are open at the centre: below the first they are shut, from the second on open."""
SHUT_LOOKS = 2  # an involuntary blink is over after one
LONG_SHUT = 4  # looks in a row: somebody shuts the eyes on purpose
SEEN, DOUBTED = 2, 3
"""Looks that show a step, or that show what must not be, until that is believed."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a moment (boot seconds): where the head is turned, its shape, and how like the face of the
    beginning it is (None: not compared). Without exactly one person and a face that can be followed,
    `attention` is None. `unlike`: the comparison says that it is somebody else.
    """

    at: float
    attention: Attention | None = None
    shape: HeadShape | None = None
    similarity: float | None = None
    unlike: bool = False
    alike: bool = False


@dataclass(frozen=True, slots=True)
class Centre:
    """Straight ahead: the median of the first looks, and the shape of the last of them."""

    yaw: float
    pitch: float
    eyes: float
    shape: HeadShape


@dataclass(frozen=True, slots=True)
class Counts:
    """Looks in a row, or in all (`unlike`, `flat`), that showed something."""

    reached: int = 0
    between: int = 0
    shut: int = 0
    wrong: int = 0
    unlike: int = 0
    flat: int = 0


@dataclass(frozen=True, slots=True)
class Challenge:
    """One try. `place`: of the step that is asked for now; `since`: when what is asked now was first seen
    to be asked; `returning`: the way back to the centre is asked for; `joined`: the last looks are one
    movement from the centre on. `result` is empty while it runs; `reason` as in `ChallengeNote`.
    """

    order: tuple[ChallengeStep, ...]
    seconds: float
    place: int = 0
    since: float | None = None
    returning: bool = False
    joined: bool = False
    centre: Centre | None = None
    first: tuple[Attention, ...] = ()
    last: Sight | None = None
    counts: Counts = Counts()
    scores: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    result: ChallengeResult = ChallengeResult.NONE
    reason: str = ""

    @property
    def asked(self) -> str:
        """What the candidate is to do now: "centre" (look straight ahead) or a `ChallengeStep`."""
        return "centre" if self.centre is None or self.returning else str(self.order[self.place])

    def left(self, now: float) -> float:
        """Seconds left for what is asked now."""
        return self.seconds if self.since is None else max(0.0, self.since + self.seconds - now)


def begin(order: tuple[str, ...], seconds: float) -> Challenge:
    """A try that nothing was seen of. Raises `ValueError` for steps that this edition does not know."""
    if not order:
        raise ValueError("a challenge without steps")
    return Challenge(tuple(ChallengeStep(step) for step in order), seconds)


def sight(at: float, seen: Observation, alike_from: float, unlike_below: float) -> Sight:
    """What a look means for a challenge; the two cosines are the policy's `match_from`, `mismatch_below`."""
    if seen.persons != 1 or seen.attention is None or seen.shape is None:
        return Sight(at)
    similarity = None if seen.identity is None else seen.identity.similarity
    return Sight(
        at,
        seen.attention,
        seen.shape,
        similarity,
        unlike=similarity is not None and similarity < unlike_below,
        alike=similarity is not None and similarity >= alike_from,
    )


def step(state: Challenge, seen: Sight) -> Challenge:
    """One look more. A look from before the last one, and any after the end, changes nothing."""
    if state.result or (state.since is not None and seen.at < _latest(state)):
        return state
    since = seen.at if state.since is None else state.since
    state = replace(state, since=since)
    if seen.at - since > state.seconds:
        reason = "no_face" if state.last is None else ""
        return _ended(state, ChallengeResult.TIMED_OUT, reason)
    if seen.attention is None or seen.shape is None:
        return state
    if state.centre is None:
        return _centred(state, seen)
    moved = _joined(_noted(state, seen), seen)
    return replace(_judged(moved, seen), last=seen)


def _latest(state: Challenge) -> float:
    assert state.since is not None
    return state.since if state.last is None else max(state.since, state.last.at)


# --- straight ahead ----------------------------------------------------------------------------------


def _centred(state: Challenge, seen: Sight) -> Challenge:
    """Looks straight ahead until enough of them in a row agree."""
    now = seen.attention
    assert now is not None and seen.shape is not None
    straight = max(abs(now.yaw), abs(now.pitch)) <= STRAIGHT and now.eyes >= AWAKE
    kept = [one for one in state.first if max(abs(one.yaw - now.yaw), abs(one.pitch - now.pitch)) <= STILL]
    first = (*kept, now) if straight and len(kept) == len(state.first) else (now,) if straight else ()
    state = replace(state, first=first, last=seen)
    if len(first) < CENTRE_LOOKS:
        return state
    yaw, pitch, eyes = (median(getattr(one, name) for one in first) for name in ("yaw", "pitch", "eyes"))
    return replace(state, centre=Centre(yaw, pitch, eyes, seen.shape), since=seen.at, joined=True)


# --- a movement --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Move:
    """Where the head is, from the centre: degrees; `shut` and `open` of the eyes, `bent` of the shape."""

    yaw: float
    pitch: float
    bent: float
    fits: bool
    shut: bool
    open: bool

    @property
    def home(self) -> bool:
        return max(abs(self.yaw), abs(self.pitch)) <= BACK


def _move(state: Challenge, seen: Sight) -> _Move:
    now, centre = seen.attention, state.centre
    assert now is not None and centre is not None and seen.shape is not None
    return _Move(
        now.yaw - centre.yaw,
        now.pitch - centre.pitch,
        bend(centre.shape.points, seen.shape.points),
        seen.shape.misfit <= MISFIT,
        now.eyes < SHUT * centre.eyes,
        now.eyes >= OPEN * centre.eyes,
    )


def _joined(state: Challenge, seen: Sight) -> Challenge:
    """Whether this look goes on from the last one; at the centre every movement begins anew."""
    before, now = state.last, seen.attention
    assert before is not None and before.attention is not None and now is not None
    near = abs(now.yaw - before.attention.yaw) <= LEAP and abs(now.pitch - before.attention.pitch) <= LEAP_UP
    goes_on = near and seen.at - before.at <= GAP
    home = _move(state, seen).home
    counts = state.counts
    if home or not goes_on:
        counts = replace(counts, between=0, reached=0)
    return replace(state, joined=home or (state.joined and goes_on), counts=counts)


def _noted(state: Challenge, seen: Sight) -> Challenge:
    """The numbers that a person will see: the greatest angles, the least similarity."""
    move, scores = _move(state, seen), dict(state.scores)
    for name, value in (("yaw", abs(move.yaw)), ("pitch", move.pitch), ("bend", move.bent)):
        scores[name] = round(max(scores.get(name, 0.0), value), 3)
    if seen.similarity is not None:
        scores["similarity"] = round(min(scores.get("similarity", 1.0), seen.similarity), 3)
    return replace(state, scores=MappingProxyType(scores))


# --- judging -----------------------------------------------------------------------------------------


def _judged(state: Challenge, seen: Sight) -> Challenge:
    move = _move(state, seen)
    counts = state.counts
    ahead = abs(move.yaw) <= TURN and abs(move.pitch) <= UP
    plain = ahead and not move.shut  # turned, lifted or with shut eyes one seems less like oneself
    counts = replace(counts, unlike=counts.unlike + int(seen.unlike and plain), shut=_shut(move, counts.shut))
    before, state = state.counts, replace(state, counts=counts)
    if counts.unlike >= SEEN:
        return _ended(state, ChallengeResult.FAILED, "other_face")
    if state.returning:
        return _returned(state, seen, move)
    return _acted(state, seen, move, before.shut)


def _shut(move: _Move, before: int) -> int:
    """Looks in a row with shut eyes; eyes that are half open end nothing. Turned heads do not show it."""
    if not move.home or move.open:
        return 0
    return before + 1 if move.shut else before


def _returned(state: Challenge, seen: Sight, move: _Move) -> Challenge:
    """Back at the centre with open eyes, and it is still the face of the beginning."""
    if not (move.home and move.open and seen.alike):
        return state
    if state.place + 1 == len(state.order):
        return _ended(state, ChallengeResult.PASSED, "")
    return replace(state, place=state.place + 1, returning=False, since=seen.at, joined=True, counts=Counts())


def _acted(state: Challenge, seen: Sight, move: _Move, shut_before: int) -> Challenge:
    wanted, counts = state.order[state.place], state.counts
    if wanted is ChallengeStep.BLINK:
        done = move.open and shut_before >= SHUT_LOOKS and state.joined and move.home
        wrong = abs(move.yaw) >= TURN
    else:
        done, state = _turned(state, wanted, move)
        counts = state.counts
        wrong = _other_way(wanted, move) or (move.home and counts.shut >= LONG_SHUT)
    counts = replace(counts, wrong=counts.wrong + 1 if wrong else 0)
    state = replace(state, counts=counts)
    if counts.flat >= DOUBTED:
        return _ended(state, ChallengeResult.FAILED, "flat")
    if counts.wrong >= SEEN:
        return _ended(state, ChallengeResult.FAILED, "wrong_step")
    return _returned(replace(state, returning=True, since=seen.at), seen, move) if done else state


def _turned(state: Challenge, wanted: ChallengeStep, move: _Move) -> tuple[bool, Challenge]:
    """Whether the head is where it was asked to be, in one movement, as a head and not as a picture."""
    angle, least, bent = _angle(wanted, move)
    counts = state.counts
    if angle < least:
        passed = counts.between + int(state.joined and not move.home)
        return False, replace(state, counts=replace(counts, reached=0, between=passed))
    if move.bent < bent or not move.fits:
        return False, replace(state, counts=replace(counts, reached=0, flat=counts.flat + 1))
    if not state.joined or (counts.between == 0 and wanted is not ChallengeStep.LOOK_UP):
        return False, state
    counts = replace(counts, reached=counts.reached + 1)
    return counts.reached >= SEEN, replace(state, counts=counts)


def _angle(wanted: ChallengeStep, move: _Move) -> tuple[float, float, float]:
    """How far the head is towards a step, how far it must be, and how much it bends there at least."""
    if wanted is ChallengeStep.LOOK_UP:
        return move.pitch, UP, UP_BEND
    return (move.yaw if wanted is ChallengeStep.TURN_LEFT else -move.yaw), TURN, TURN_BEND


def _other_way(wanted: ChallengeStep, move: _Move) -> bool:
    """Whether the head is clearly turned where it was not asked to be."""
    if wanted is ChallengeStep.LOOK_UP:
        return abs(move.yaw) >= TURN
    return (-move.yaw if wanted is ChallengeStep.TURN_LEFT else move.yaw) >= TURN


def _ended(state: Challenge, result: ChallengeResult, reason: str) -> Challenge:
    return replace(state, result=result, reason=reason)
