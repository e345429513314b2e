"""How a check did, by what people made of its flags: counts, a rate with its interval, whether too many.

Plain values, no pictures. A flag says nothing about a candidate, and a rate of false alarms says nothing
about what was missed: for that a trial with labelled photos is needed (`proctoring.accuracy`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

from exam_rooms.incidents import IncidentKind

Z95 = 1.959964
"""Quantile of the normal distribution for an interval of 95 %."""

BLIND_KINDS = frozenset(
    {
        *(IncidentKind.CAMERA_COVERED, IncidentKind.DARK, IncidentKind.FROZEN, IncidentKind.CAMERA_LOST),
        *(IncidentKind.CAMERA_STALLED, IncidentKind.CAMERA_RESOLUTION),
        *(IncidentKind.ROOM_CAMERA_LOST, IncidentKind.ROOM_CAMERA_MOVED),
    }
)
"""Who cannot see says so: these are never muted."""
IDENTITY_KINDS = frozenset({IncidentKind.FACE_MISMATCH, IncidentKind.SEAT_SWAP, IncidentKind.LIVENESS_DOUBT})
"""Whether the right person sits here: muted only where a policy says so."""
SIGHT_KINDS = (
    *(IncidentKind.NO_FACE, IncidentKind.MULTI_FACE, IncidentKind.FACE_MISMATCH, IncidentKind.SEAT_SWAP),
    *(IncidentKind.LIVENESS_DOUBT, IncidentKind.TURNED_AWAY, IncidentKind.GAZE_AWAY, IncidentKind.TALKING),
    *(IncidentKind.PHONE_HINT, IncidentKind.BOOK_HINT, IncidentKind.PERSON_HINT),
    *(IncidentKind.LEFT_SEAT, IncidentKind.TWO_AT_SEAT, IncidentKind.CHANGED_SEAT),
)
"""What a camera says of a person."""
MEASURED_KINDS = (
    *SIGHT_KINDS,
    *(kind for kind in IncidentKind if kind in BLIND_KINDS),
    *(IncidentKind.ENROLMENT_DOUBT, IncidentKind.AGENT_DISAGREES),
)
"""All checks of a report, in its order."""


class Outcome(StrEnum):
    """What became of a flag. Only the last two are a person's word of what it was."""

    WAITING = "waiting"  # nobody has said anything yet
    CLEARED = "cleared"  # its cause ended before anybody looked
    SEEN = "seen"  # somebody was on the way; its cause ended, and nothing was said
    CONFIRMED = "confirmed"  # recorded, or the candidate was warned for it
    DISMISSED = "dismissed"  # looked at: not so


@dataclass(frozen=True, slots=True)
class Flag:
    """One incident of a check. `episodes`: how often its cause came; `muted`: it called nobody."""

    kind: str
    outcome: Outcome
    episodes: int = 1
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of `hits` among `of` (above 0) with its Wilson interval of 95 %."""

    hits: int
    of: int
    share: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CheckFigures:
    """One check over some watched time. `hours`: seat hours in which it could see; None where that has no
    meaning. `per_hour` and `false_alarms` are None where there is nothing to divide by.
    """

    kind: str
    hours: float | None
    flags: int
    episodes: int
    muted: int
    waiting: int
    cleared: int
    seen: int
    confirmed: int
    dismissed: int
    per_hour: float | None
    false_alarms: Rate | None

    @property
    def reviewed(self) -> int:
        """Flags of which a person has said what they were."""
        return self.confirmed + self.dismissed


@dataclass(frozen=True, slots=True)
class Target:
    """What a check may be wrong in, and after how many reviewed flags a room may judge it."""

    share: float
    least_reviewed: int


def wilson(hits: int, of: int, z: float = Z95) -> Rate | None:
    """A share with its score interval (Wilson 1927), which holds for few and for none; None of nothing."""
    if of <= 0:
        return None
    share = hits / of
    bottom = 1 + z * z / of
    middle = (share + z * z / (2 * of)) / bottom
    spread = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / bottom
    # Where nothing or everything hit, the interval ends there; rounding must not say otherwise.
    low = 0.0 if hits == 0 else max(0.0, middle - spread)
    high = 1.0 if hits == of else min(1.0, middle + spread)
    return Rate(hits, of, share, low, high)


def figures(flags: Iterable[Flag], hours: Mapping[str, float | None]) -> tuple[CheckFigures, ...]:
    """One line for each check that watched (`hours`: kind -> seat hours) or flagged, in their order."""
    by_kind: dict[str, list[Flag]] = {}
    for flag in flags:
        by_kind.setdefault(flag.kind, []).append(flag)
    known = [str(kind) for kind in MEASURED_KINDS]
    others = sorted((by_kind.keys() | hours.keys()) - set(known))
    wanted = [kind for kind in (*known, *others) if kind in by_kind or kind in hours]
    return tuple(_figures(kind, by_kind.get(kind, []), hours.get(kind)) for kind in wanted)


def _figures(kind: str, flags: list[Flag], hours: float | None) -> CheckFigures:
    counted = Counter(flag.outcome for flag in flags)
    confirmed, dismissed = counted[Outcome.CONFIRMED], counted[Outcome.DISMISSED]
    return CheckFigures(
        kind=kind,
        hours=hours,
        flags=len(flags),
        episodes=sum(flag.episodes for flag in flags),
        muted=sum(flag.muted for flag in flags),
        waiting=counted[Outcome.WAITING],
        cleared=counted[Outcome.CLEARED],
        seen=counted[Outcome.SEEN],
        confirmed=confirmed,
        dismissed=dismissed,
        per_hour=len(flags) / hours if hours else None,
        false_alarms=wilson(dismissed, confirmed + dismissed),
    )


def is_above(dismissed: int, reviewed: int, target: Target | None) -> bool:
    """Whether a check is wrong more often than its target beyond doubt: enough reviewed flags, and the whole
    interval above it. Without a target never.
    """
    rate = wilson(dismissed, reviewed)
    return (
        target is not None
        and rate is not None
        and reviewed >= target.least_reviewed
        and rate.low > target.share
    )


def may_mute(kind: str, *, identity: bool) -> bool:
    """Whether a check may ever be muted; `identity`: the policy allows it for checks of identity."""
    if kind in IDENTITY_KINDS:
        return identity
    return kind in SIGHT_KINDS
