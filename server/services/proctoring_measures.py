"""How the cameras of a sitting did: flags and what people made of them, and when nothing could be seen.

Figures of checks, rooms and seats; no candidate, no picture. What a check missed they cannot say.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.room_watching import SEAT_KINDS
from proctoring.measure import BLIND_KINDS, CheckFigures, Flag, figures, is_above
from proctoring.watched import UNLINKED, SeatTime, Span, seat_time, total
from server.db.room_cameras import RoomCameraRun
from server.db.sittings import Incident, RoomSitting, Sitting
from server.db.watching import Capture
from server.errors import NotFound
from server.rules.policy_targets import TargetRules
from server.services import flag_outcomes, muting, roomstate, seat_sight
from server.services.consent import rules_of
from server.services.muting import Muted
from server.services.roomstate import RoomState

HOUR = 3600.0
_ROOM_CAMERA = (IncidentKind.ROOM_CAMERA_LOST, IncidentKind.ROOM_CAMERA_MOVED)


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One check: its figures, its target (None without one), whether it is above that beyond doubt."""

    figures: CheckFigures
    target: float | None = None
    above: bool = False
    muted: tuple[Muted, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether it calls nobody now, in any of the rooms."""
        return any(each.stands for each in self.muted)


@dataclass(frozen=True, slots=True)
class SeatLine:
    """How long the camera of a seat could see while somebody worked there."""

    seat: str
    time: SeatTime


@dataclass(frozen=True, slots=True)
class CaptureSums:
    """Random pictures: taken, missed, looked at again by the server, and how often it saw something else."""

    taken: int = 0
    missed: int = 0
    agree: int = 0
    disagree: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class RoomMeasures:
    """One room in its sitting. `smart` false: it has no seat cameras, and nothing was watched by them."""

    room_sitting: int
    room: str
    batch: str
    sitting: int
    starts_at: datetime
    smart: bool
    checks: tuple[CheckLine, ...]
    seats: tuple[SeatLine, ...]
    time: SeatTime
    captures: CaptureSums


@dataclass(frozen=True, slots=True)
class Measures:
    """Several rooms, and all of them together."""

    rooms: tuple[RoomMeasures, ...]
    checks: tuple[CheckLine, ...]
    time: SeatTime
    captures: CaptureSums


def of_room(session: Session, room_sitting_id: int, *, now: datetime) -> Measures:
    """One room. Raises `NotFound`."""
    if session.get(RoomSitting, room_sitting_id) is None:
        raise NotFound("sitting")
    return of_rooms(session, [room_sitting_id], now=now)


def of_rooms(session: Session, rooms: Iterable[int], *, now: datetime) -> Measures:
    """Some rooms of one batch or several, each and together; held against the targets of the first."""
    found = [_Room.of(session, room, now) for room in rooms]
    flags = [flag for room in found for flag in room.flags]
    hours: dict[str, float] = {}
    for room in found:
        for kind, value in room.hours.items():
            hours[kind] = hours.get(kind, 0.0) + value
    mutings = tuple(each for room in found for each in room.mutings)
    targets = found[0].targets if found else TargetRules()
    return Measures(
        rooms=tuple(room.measures() for room in found),
        checks=_lines(flags, hours, targets, mutings),
        time=total(room.time for room in found),
        captures=_sum([room.captures for room in found]),
    )


def rooms_of_batch(session: Session, batch_id: int) -> list[int]:
    """Rooms of a batch's sittings in which an exam has begun, in the order of time."""
    return _begun(session, Sitting.batch_id == batch_id)


def rooms_begun(session: Session) -> list[int]:
    """All rooms in which an exam has begun, in the order of time."""
    return _begun(session)


def _begun(session: Session, *conditions: object) -> list[int]:
    query = (
        select(RoomSitting.id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(RoomSitting.started_at.is_not(None), *conditions)  # type: ignore[arg-type]
        .order_by(Sitting.starts_at, RoomSitting.id)
    )
    return list(session.scalars(query))


# --- one room ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Room:
    """What one room brings to the sums."""

    state: RoomState
    flags: Sequence[Flag]
    hours: Mapping[str, float]
    seats: tuple[SeatLine, ...]
    time: SeatTime
    captures: CaptureSums
    mutings: tuple[Muted, ...]
    targets: TargetRules

    @classmethod
    def of(cls, session: Session, room_sitting_id: int, now: datetime) -> "_Room":
        state = roomstate.load(session, room_sitting_id)
        watched = rules_of(state) is not None
        found = seat_sight.times(session, state, now=now) if watched else []
        seats = tuple(SeatLine(number, time) for number, time in found)
        time = total(line.time for line in seats)
        return cls(
            state=state,
            flags=flag_outcomes.flags(session, room_sitting_id),
            hours=_hours(state, time) | _room_hours(session, state, now),
            seats=seats,
            time=time,
            captures=_captures(session, room_sitting_id),
            mutings=muting.all_of(session, room_sitting_id),
            targets=state.policy.targets,
        )

    def measures(self) -> RoomMeasures:
        return RoomMeasures(
            room_sitting=self.state.row.id,
            room=self.state.room.name,
            batch=self.state.batch.name,
            sitting=self.state.sitting.number,
            starts_at=self.state.sitting.starts_at,
            smart=rules_of(self.state) is not None,
            checks=_lines(self.flags, self.hours, self.targets, self.mutings),
            seats=self.seats,
            time=self.time,
            captures=self.captures,
        )


def _lines(
    flags: Iterable[Flag], hours: Mapping[str, float], targets: TargetRules, mutings: Iterable[Muted]
) -> tuple[CheckLine, ...]:
    by_kind: dict[str, list[Muted]] = {}
    for each in mutings:
        by_kind.setdefault(each.kind, []).append(each)
    return tuple(
        CheckLine(
            one,
            targets.false_alarms.get(one.kind),
            is_above(one.dismissed, one.reviewed, targets.target(one.kind)),
            tuple(by_kind.get(one.kind, ())),
        )
        for one in figures(flags, hours)
    )


def _hours(state: RoomState, time: SeatTime) -> dict[str, float]:
    """Seat hours of the checks that the seats' cameras make under the room's policy."""
    rules = rules_of(state)
    if rules is None:
        return {}
    kinds = [rule.kind for rule in rules.episodes]
    if state.policy.seat_swap.search != "none" and rules.rule(IncidentKind.FACE_MISMATCH) is not None:
        kinds.append(str(IncidentKind.SEAT_SWAP))
    return {str(kind): time.seconds_of(kind) / HOUR for kind in kinds}


def _room_hours(session: Session, state: RoomState, now: datetime) -> dict[str, float]:
    """Seat hours of what the room's own camera looks for: consent is not asked, nobody is recognised."""
    rules = state.policy.room_camera
    run = select(RoomCameraRun.id).where(RoomCameraRun.room_sitting_id == state.row.id)
    if rules is None or session.scalar(run.limit(1)) is None:
        return {}
    kinds = [rule.kind for rule in rules.episodes]
    lost = _room_camera_lost(session, state, now)
    worked = seat_sight.work(session, state, now=now).values()
    seen = total(seat_time(spans, [], unlinked=lost) for spans in worked)
    seconds = seen.work - seen.blind.get(UNLINKED, 0.0)
    return {
        kind: (seen.work if kind in BLIND_KINDS else seconds) / HOUR
        for kind in kinds
        if kind in (*SEAT_KINDS, *_ROOM_CAMERA)
    }


def _room_camera_lost(session: Session, state: RoomState, now: datetime) -> list[Span]:
    query = select(Incident).where(
        Incident.room_sitting_id == state.row.id, Incident.kind.in_([str(kind) for kind in _ROOM_CAMERA])
    )
    spans = []
    for row in session.scalars(query):
        ended = row.details.get("ended_at")
        until = datetime.fromisoformat(ended) if ended else now
        spans.append(Span(row.first_at.timestamp(), until.timestamp()))
    return spans


def _captures(session: Session, room_sitting_id: int) -> CaptureSums:
    query = (
        select(Capture.state, Capture.recheck, func.count())
        .where(Capture.room_sitting_id == room_sitting_id)
        .group_by(Capture.state, Capture.recheck)
    )
    rows = [(state, recheck, count) for state, recheck, count in session.execute(query)]

    def counted(place: int, word: str) -> int:
        return sum(row[2] for row in rows if row[place] == word)

    return CaptureSums(
        taken=counted(0, "taken"),
        missed=counted(0, "missed"),
        agree=counted(1, "agrees"),
        disagree=counted(1, "disagrees"),
        failed=counted(1, "failed"),
    )


def _sum(sums: Sequence[CaptureSums]) -> CaptureSums:
    return CaptureSums(
        taken=sum(each.taken for each in sums),
        missed=sum(each.missed for each in sums),
        agree=sum(each.agree for each in sums),
        disagree=sum(each.disagree for each in sums),
        failed=sum(each.failed for each in sums),
    )
