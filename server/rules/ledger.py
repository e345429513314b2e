"""Who sat where, when, at which machine, before which camera; and what a journal said at a moment.

Pure folds over intervals and records. Intervals are half open; an end of None is not known yet.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise

from exam_rooms.clock import NEVER, written_at
from exam_rooms.protocol import Record, RecordKind


@dataclass(frozen=True, slots=True)
class Stay:
    """An attempt at a seat."""

    attempt: int
    seat: int
    from_at: datetime
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class Paired:
    """A workstation that belonged to a seat."""

    seat: int
    workstation: int
    from_at: datetime
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera that a workstation reported."""

    workstation: int
    identity: str
    from_at: datetime
    until_at: datetime | None


@dataclass(frozen=True, slots=True)
class Span:
    """One attempt, seat, machine (None: none paired) and camera ("": none known), without a change."""

    attempt: int
    seat: int
    workstation: int | None
    camera: str
    from_at: datetime
    until_at: datetime | None

    def holds(self, moment: datetime) -> bool:
        """Whether the moment lies in it."""
        return holds(self, moment)


def holds(interval: Stay | Paired | Camera | Span, moment: datetime) -> bool:
    """Whether a moment lies in a half-open interval."""
    return interval.from_at <= moment < (interval.until_at or NEVER)


def spans(stays: Iterable[Stay], paired: Sequence[Paired], cameras: Sequence[Camera]) -> list[Span]:
    """Every stay cut where its machine or camera changed: the pieces cover it, and none of them twice."""
    found: list[Span] = []
    for stay in stays:
        own: list[Span] = []
        for begin, end in _pieces(stay, paired, cameras):
            piece = _at(stay, begin, end, paired, cameras)
            if own and replace(own[-1], from_at=begin, until_at=end) == piece:
                own[-1] = replace(own[-1], until_at=end)
            else:
                own.append(piece)
        found += own
    return found


def _pieces(
    stay: Stay, paired: Sequence[Paired], cameras: Sequence[Camera]
) -> list[tuple[datetime, datetime | None]]:
    begin, end = stay.from_at, stay.until_at or NEVER
    here = [one for one in paired if one.seat == stay.seat]
    machines = {one.workstation for one in here}
    edges = {begin, end}
    seen = [camera for camera in cameras if camera.workstation in machines]
    intervals: list[Paired | Camera] = [*here, *seen]
    for one in intervals:
        edges |= {edge for edge in (one.from_at, one.until_at) if edge and begin < edge < end}
    ordered = sorted(edges)
    return [(a, None if b == NEVER else b) for a, b in pairwise(ordered)]


def _at(
    stay: Stay,
    begin: datetime,
    end: datetime | None,
    paired: Sequence[Paired],
    cameras: Sequence[Camera],
) -> Span:
    machine = next((one.workstation for one in paired if one.seat == stay.seat and holds(one, begin)), None)
    seen = [one.identity for one in cameras if one.workstation == machine and holds(one, begin)]
    return Span(stay.attempt, stay.seat, machine, seen[-1] if seen else "", begin, end)


# --- a journal at a moment -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heard:
    """A record as it came in, and from which workstation."""

    record: Record
    received_at: datetime
    workstation: int


@dataclass(frozen=True, slots=True)
class Written:
    """A record and when it was written, on the server's clock."""

    at: datetime
    record: Record
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An attempt at a moment. `answers`: item -> the record that holds its answer then; `last`: the record
    written last; `marked`: items flagged for another look.
    """

    answers: Mapping[str, Written] = field(default_factory=dict)
    marked: frozenset[str] = frozenset()
    last: Written | None = None
    submitted: bool = False
    records: int = 0


def written(heard: Sequence[Heard], offsets: Mapping[tuple[int, str], int]) -> list[Written]:
    """When each record of one attempt was written, in the order (journal, seq) in which they are given.

    By the stamp of its machine's boot clock; by its arrival where that clock is not known. Never after its
    arrival, and never after the record that follows it in its journal. `offsets`: (workstation, boot id) ->
    nanoseconds from the boot clock to the server's.
    """
    found: list[Written] = []
    for one in reversed(heard):
        at = min(one.received_at, _stamped(one, offsets))
        if found and found[-1].record.journal == one.record.journal:
            at = min(at, found[-1].at)
        found.append(Written(at, one.record, one.received_at))
    return found[::-1]


def _stamped(heard: Heard, offsets: Mapping[tuple[int, str], int]) -> datetime:
    offset = offsets.get((heard.workstation, heard.record.boot_id[:40]))
    if offset is None or not 0 <= heard.record.boot_ns < 2**62:
        return heard.received_at
    return written_at(heard.record.boot_ns, offset)


def snapshot(records: Iterable[Written], moment: datetime) -> Snapshot:
    """The attempt as it was at a moment, what was written in that very moment included."""
    answers: dict[str, Written] = {}
    marked: set[str] = set()
    last, submitted, count = None, False, 0
    for one in records:
        if one.at > moment:
            continue
        kind, item, count = one.record.kind, one.record.item, count + 1
        last = one if last is None or one.at >= last.at else last
        submitted = kind is RecordKind.SUBMIT or (submitted and kind is not RecordKind.OPEN)
        if kind is RecordKind.ANSWER:
            answers[item] = one
        elif kind is RecordKind.CLEAR:
            answers.pop(item, None)
        elif kind is RecordKind.MARK:
            marked.add(item)
        elif kind is RecordKind.UNMARK:
            marked.discard(item)
    return Snapshot(answers, frozenset(marked), last, submitted, count)
