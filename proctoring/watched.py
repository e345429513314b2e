"""How long the camera of a seat could see while somebody worked there, and for how long and why it could not.

Plain spans of seconds, half open; no pictures, no clock. What is not known counts as not seen.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from exam_rooms.incidents import IncidentKind
from proctoring.measure import BLIND_KINDS

DETECT, VERIFY, MESH, IRIS, LIVENESS, OBJECTS = "detect", "verify", "mesh", "iris", "liveness", "objects"
NEEDS: Mapping[str, tuple[str, ...]] = {
    IncidentKind.NO_FACE: (DETECT,),
    IncidentKind.MULTI_FACE: (DETECT,),
    IncidentKind.FACE_MISMATCH: (DETECT, VERIFY),
    IncidentKind.SEAT_SWAP: (DETECT, VERIFY),
    IncidentKind.LIVENESS_DOUBT: (DETECT, LIVENESS),
    IncidentKind.TURNED_AWAY: (DETECT, MESH),
    IncidentKind.GAZE_AWAY: (DETECT, MESH, IRIS),
    IncidentKind.TALKING: (DETECT, MESH),
    IncidentKind.PHONE_HINT: (OBJECTS,),
    IncidentKind.BOOK_HINT: (OBJECTS,),
    IncidentKind.PERSON_HINT: (OBJECTS,),
}
"""Check of a seat's camera -> the networks without which it sees nothing."""

MANUAL, UNLINKED, UNKNOWN, IDLE, BLIND = "manual", "unlinked", "unknown", "idle", "detect"
REASONS = (UNLINKED, "none", "opening", "lost", "stalled", "unavailable", BLIND, IDLE, UNKNOWN)
"""Why a camera could not see: no link to its seat; its own word; no network that finds faces; it followed no
plan; nobody said. A seat where people check by hand (R38) is none of these.
"""


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` to before `until`, in seconds."""

    since: float
    until: float


@dataclass(frozen=True, slots=True)
class Sight(Span):
    """What a camera said of itself: `state` and `checks` as in its heartbeats, `missing` networks."""

    state: str
    checks: str = "watch"
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SeatTime:
    """Seconds at one seat. `work` = `watched` + `manual` + the sum of `blind` (reason -> seconds).

    `lacking`: network -> how much of the watched time it was missing; `told`: how long the camera could at
    least have said that it sees nothing.
    """

    work: float = 0.0
    watched: float = 0.0
    manual: float = 0.0
    told: float = 0.0
    blind: Mapping[str, float] = field(default_factory=dict)
    lacking: Mapping[frozenset[str], float] = field(default_factory=dict)

    @property
    def unavailable(self) -> float:
        """Seconds in which the camera should have seen and did not."""
        return sum(self.blind.values())

    @property
    def missing(self) -> Mapping[str, float]:
        """Network -> seconds of the watched time in which it was missing."""
        by_name: dict[str, float] = {}
        for names, seconds in self.lacking.items():
            for name in names:
                by_name[name] = by_name.get(name, 0.0) + seconds
        return dict(sorted(by_name.items()))

    def seconds_of(self, kind: str) -> float:
        """How long a check could see anything: all it needs was there."""
        if kind in BLIND_KINDS:
            return self.told
        needs = frozenset(NEEDS.get(kind, ()))
        return self.watched - sum(seconds for names, seconds in self.lacking.items() if names & needs)


def seat_time(
    work: Sequence[Span],
    sights: Iterable[Sight],
    *,
    unlinked: Sequence[Span] = (),
    manual: Sequence[Span] = (),
) -> SeatTime:
    """Every second of `work` has one reason. `sights` do not overlap; gaps between them are unknown."""
    ordered = sorted(sights, key=lambda sight: sight.since)
    return total(
        _one(
            piece.until - piece.since,
            _at(ordered, piece.since),
            unlinked=_covers(unlinked, piece.since),
            manual=_covers(manual, piece.since),
        )
        for piece in _pieces(work, [*ordered, *unlinked, *manual])
    )


def _one(seconds: float, sight: Sight | None, *, unlinked: bool, manual: bool) -> SeatTime:
    """A piece of time in which nothing changes."""
    if manual:
        return SeatTime(work=seconds, manual=seconds)
    reason = UNLINKED if unlinked else _reason(sight)
    told = seconds if sight is not None and not unlinked and sight.state != "none" else 0.0
    if reason or sight is None:
        return SeatTime(work=seconds, told=told, blind={reason: seconds})
    lacking = {sight.missing: seconds} if sight.missing else {}
    return SeatTime(work=seconds, watched=seconds, told=told, lacking=lacking)


def total(times: Iterable[SeatTime]) -> SeatTime:
    """The same for several seats together."""
    all_of = list(times)
    blind: dict[str, float] = {}
    lacking: dict[frozenset[str], float] = {}
    for each in all_of:
        for reason, seconds in each.blind.items():
            blind[reason] = blind.get(reason, 0.0) + seconds
        for names, seconds in each.lacking.items():
            lacking[names] = lacking.get(names, 0.0) + seconds
    return SeatTime(
        work=sum(each.work for each in all_of),
        watched=sum(each.watched for each in all_of),
        manual=sum(each.manual for each in all_of),
        told=sum(each.told for each in all_of),
        blind={reason: blind[reason] for reason in REASONS if reason in blind},
        lacking=lacking,
    )


def _reason(sight: Sight | None) -> str:
    """Why nothing is seen, "" when something is."""
    if sight is None:
        return UNKNOWN
    if sight.state != "live":
        return sight.state if sight.state in REASONS else UNKNOWN
    if DETECT in sight.missing:
        return BLIND
    return "" if sight.checks in {"watch", "enrol"} else IDLE


def _pieces(work: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """`work` without overlaps, cut wherever any other span begins or ends."""
    edges = sorted({edge for span in (*work, *others) for edge in (span.since, span.until)})
    pieces = [Span(since, until) for since, until in pairwise(edges)]
    return [piece for piece in pieces if _covers(work, piece.since)]


def _covers(spans: Sequence[Span], at: float) -> bool:
    return any(span.since <= at < span.until for span in spans)


def _at(ordered: Sequence[Sight], at: float) -> Sight | None:
    place = bisect_right(ordered, at, key=lambda sight: sight.since) - 1
    return ordered[place] if place >= 0 and at < ordered[place].until else None
