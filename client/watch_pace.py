"""How often a seat is looked at, and which costly steps a look makes. Pure: states in, states out.

A calm seat is looked at less often, a doubtful one more, within the bounds of the policy and its share of
one processor. Two things stand above the share: no seat is looked at more seldom than the slowest pace, and
a look falls on the moment at which a cause will have held long enough, so that no alert comes later than its
hold time and the slowest pace after its cause began.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import OBJECT_KINDS, WatchRules
from proctoring import votes
from proctoring.episodes import EpisodeState
from proctoring.observe import Looks

VERIFY, GAZE, LIVENESS, OBJECTS = "verify", "gaze", "liveness", "objects"
HEAD = (IncidentKind.TURNED_AWAY, IncidentKind.GAZE_AWAY, IncidentKind.TALKING)
OF_THE_CAMERA = frozenset(
    {
        *(IncidentKind.CAMERA_COVERED, IncidentKind.DARK, IncidentKind.FROZEN, IncidentKind.CAMERA_LOST),
        *(IncidentKind.CAMERA_STALLED, IncidentKind.CAMERA_RESOLUTION),
    }
)
"""What looking more closely tells nothing more about."""
STRETCH = 3.0
"""How much more seldom gaze, liveness and objects are looked for while the share is used up."""
MOST_DEBT = 10.0
"""Seconds of the share that can be owed at most: one slow minute must not be paid back for an hour."""
EARLY = 0.05
"""Seconds by which a step may come too early: looks do not fall on the same moments to the millisecond."""
AFTER = 0.001
"""Seconds behind an edge at which it is looked at: pictures are stamped in whole milliseconds."""
SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class Wants:
    """What a look is to make: compare the face, and the costly steps."""

    compare: bool
    looks: Looks


@dataclass(frozen=True, slots=True)
class Pace:
    """What is remembered: since when nothing is doubtful (None: something is), processor seconds beyond the
    share, when they were counted, and when each costly step was made last. Boot seconds.
    """

    calm_since: float | None = None
    debt: float = 0.0
    at: float | None = None
    steps: Mapping[str, float] = field(default_factory=dict)


def asked(rules: WatchRules) -> Looks:
    """The costly steps that a policy's kinds need."""
    kinds = {rule.kind for rule in rules.episodes}
    return Looks(
        attention=not kinds.isdisjoint(HEAD),
        gaze=IncidentKind.GAZE_AWAY in kinds,
        liveness=IncidentKind.LIVENESS_DOUBT in kinds,
        objects=not kinds.isdisjoint(OBJECT_KINDS),
    )


def wants(pace: Pace, rules: WatchRules, now: float) -> Wants:
    """What a look at `now` is to make; head pose costs little and is part of every look that may need it."""
    looks, periods = asked(rules), rules.pace
    stretch = STRETCH if _owed(pace, rules, now) > 0.0 else 1.0
    due = {
        VERIFY: rules.verify_seconds,
        GAZE: periods.gaze_seconds * stretch,
        LIVENESS: periods.liveness_seconds * stretch,
        OBJECTS: periods.objects_seconds * stretch,
    }
    ready = {name for name, every in due.items() if now - pace.steps.get(name, -1e9) >= every - EARLY}
    return Wants(
        compare=VERIFY in ready,
        looks=replace(
            looks,
            gaze=looks.gaze and GAZE in ready,
            liveness=looks.liveness and LIVENESS in ready,
            objects=looks.objects and OBJECTS in ready,
        ),
    )


def looked(pace: Pace, made: Mapping[str, bool], now: float) -> Pace:
    """After a look at `now`: which of the costly steps were made."""
    steps = dict(pace.steps) | {name: now for name, done in made.items() if done}
    return replace(pace, steps=steps)


def spent(pace: Pace, fold: EpisodeState, rules: WatchRules, now: float, cost: float) -> Pace:
    """After all of a look is done, at `now`, for `cost` seconds of one processor."""
    share = rules.pace.cpu_share
    debt = min(_owed(pace, rules, now) + cost, MOST_DEBT * share)
    since = now if pace.calm_since is None else pace.calm_since
    return replace(pace, calm_since=since if _is_calm(fold, rules) else None, debt=debt, at=now)


def pause(pace: Pace, fold: EpisodeState, rules: WatchRules, now: float) -> float:
    """Seconds until the next look."""
    wanted = rules.sample_seconds
    if is_doubtful(fold, rules):
        wanted = rules.fastest
    elif pace.calm_since is not None and now - pace.calm_since >= rules.pace.calm_after - SLACK:
        wanted = rules.slowest
    wanted = min(max(wanted, _owed(pace, rules, now) / rules.pace.cpu_share), rules.slowest)
    edge = next_edge(fold, rules, now)
    return wanted if edge is None else min(wanted, edge + AFTER)


def is_doubtful(fold: EpisodeState, rules: WatchRules) -> bool:
    """Whether something holds or ends that may become an alert or the end of one, or a thing is suspected."""
    open_ends = (
        spell.kind not in OF_THE_CAMERA and (not spell.told or spell.gone is not None)
        for spell in fold.spells
    )
    return any(open_ends) or votes.suspects(fold.votes, rules)


def next_edge(fold: EpisodeState, rules: WatchRules, now: float) -> float | None:
    """Seconds until the first cause will have held, or been gone, long enough; None when none is near."""
    edges = []
    for spell in fold.spells:
        rule = rules.rule(spell.kind)
        if rule is None or spell.counted or (spell.told and spell.gone is None):
            continue
        since, lasts = (spell.gone, rule.clear_seconds) if spell.told else (spell.since, rule.hold_seconds)
        assert since is not None
        edges.append(since + lasts - now)
    return min((edge for edge in edges if edge > AFTER), default=None)


def _is_calm(fold: EpisodeState, rules: WatchRules) -> bool:
    """Nothing holds, is open or suspected, and whoever was compared last is clearly who should sit here."""
    unsure = bool(fold.compared) and fold.compared[-1].similarity < rules.match_from
    return not fold.spells and not unsure and not votes.suspects(fold.votes, rules)


def _owed(pace: Pace, rules: WatchRules, now: float) -> float:
    """Processor seconds beyond the share that are not paid back yet."""
    if pace.at is None:
        return 0.0
    return max(0.0, pace.debt - max(0.0, now - pace.at) * rules.pace.cpu_share)
