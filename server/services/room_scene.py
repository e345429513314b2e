"""What a room's camera is to look for now: the sitting under way, who sits where, who is away with leave."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import LEAVES
from exam_rooms.room_watching import SAME_CAUSE, RoomCameraRules
from exam_rooms.seats import AttemptState
from proctoring.room_state import Expected
from server.db.cases import StaffReport
from server.db.room_cameras import RoomCameraCalibration
from server.db.rooms import Seat
from server.db.sittings import Attempt, Incident, RoomSitting
from server.services import room_calibrations
from server.services.incidents import OPEN
from server.services.room_calibrations import Picture, Places
from server.services.roomstate import load
from server.services.sittings_now import open_sitting

Rules = dict[int, RoomCameraRules | None]
AT_SEAT = (str(AttemptState.READY), str(AttemptState.ANSWERING))


@dataclass(frozen=True, slots=True)
class Sitting:
    """A seat's candidate: ids of the seat and the attempt."""

    seat: int
    attempt: int


@dataclass(frozen=True)
class Scene:
    """`room_sitting` None: no sitting is under way. `why`: why no seat is judged, "" when seats are.

    `seats`: number -> id of all seats; `people`: number -> who is to sit there; `same`: (kind, number) of
    what a seat's own camera tells already.
    """

    room: int
    room_sitting: int | None
    rules: RoomCameraRules
    places: Places
    calibration: RoomCameraCalibration | None
    why: str
    seats: Mapping[str, int] = field(default_factory=dict)
    people: Mapping[str, Sitting] = field(default_factory=dict)
    away: frozenset[str] = frozenset()
    same: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @property
    def expected(self) -> Expected:
        """For the fold."""
        return Expected(frozenset(self.people), self.away)


def scene(session: Session, view: tuple[int, int], picture: Picture, known: Rules, *, now: datetime) -> Scene:
    """The scene of a room at this moment.

    `view`: ids of the room and its camera; `picture`: which camera gives it, and its size; `known`: rules of
    sittings that were asked for before, which is added to: they are frozen with the batch.
    """
    room_id, camera_id = view
    rows = session.execute(select(Seat.number, Seat.id, Seat.x, Seat.y).where(Seat.room_id == room_id)).all()
    places, seats = {row[0]: (row[2], row[3]) for row in rows}, {row[0]: row[1] for row in rows}
    row = room_calibrations.newest(session, camera_id)
    why = room_calibrations.why_not(row, places, picture)
    under_way = open_sitting(session, room_id, now)
    if under_way is not None and under_way not in known:
        known[under_way] = load(session, under_way).policy.room_camera
    rules = known[under_way] if under_way is not None else None
    if under_way is None or rules is None:
        return Scene(room_id, None, rules or RoomCameraRules(), places, row, why, seats)
    people = _people(session, under_way)
    by_attempt = {sitting.attempt: number for number, sitting in people.items()}
    return Scene(
        room=room_id,
        room_sitting=under_way,
        rules=rules,
        places=places,
        calibration=row,
        why=why,
        seats=seats,
        people=people,
        away=_standing(session, under_way, people)
        | frozenset(by_attempt[one] for one in _away(session, under_way, now) if one in by_attempt),
        same=_same(session, under_way, by_attempt),
    )


def _people(session: Session, room_sitting_id: int) -> dict[str, Sitting]:
    query = (
        select(Seat.number, Attempt.seat_id, Attempt.id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(Attempt.room_sitting_id == room_sitting_id, Attempt.state.in_(AT_SEAT))
    )
    return {number: Sitting(seat, attempt) for number, seat, attempt in session.execute(query)}


def _standing(session: Session, room_sitting_id: int, people: Mapping[str, Sitting]) -> frozenset[str]:
    """Seats that stand still: in a pause, at a fire alarm perhaps, nobody is missed at them."""
    if session.get_one(RoomSitting, room_sitting_id).paused_at is not None:
        return frozenset(people)
    query = select(Attempt.id).where(
        Attempt.room_sitting_id == room_sitting_id, Attempt.paused_at.is_not(None)
    )
    standing = set(session.scalars(query))
    return frozenset(number for number, sitting in people.items() if sitting.attempt in standing)


def _away(session: Session, room_sitting_id: int, now: datetime) -> set[int]:
    """Attempts whose candidate is out with leave and has not come back."""
    query = select(StaffReport.attempt_id).where(
        StaffReport.room_sitting_id == room_sitting_id,
        StaffReport.kind.in_([str(kind) for kind in LEAVES]),
        StaffReport.seen_at <= now,
        StaffReport.back_at.is_(None),
        StaffReport.attempt_id.is_not(None),
    )
    return {attempt for attempt in session.scalars(query) if attempt is not None}


def _same(
    session: Session, room_sitting_id: int, by_attempt: Mapping[int, str]
) -> dict[tuple[str, str], int]:
    """What the seats' own cameras tell now, as far as it has the same cause as a kind of ours."""
    kinds = {str(kind) for kinds in SAME_CAUSE.values() for kind in kinds}
    query = select(Incident).where(
        Incident.room_sitting_id == room_sitting_id,
        Incident.kind.in_(kinds),
        Incident.state.in_(OPEN),
        Incident.attempt_id.is_not(None),
    )
    found = {}
    for row in session.scalars(query.order_by(Incident.id)):
        number = by_attempt.get(row.attempt_id or 0)
        if number is not None and "ended_at" not in row.details:
            for kind, same in SAME_CAUSE.items():
                if row.kind in same:
                    found[str(kind), number] = row.id
    return found
