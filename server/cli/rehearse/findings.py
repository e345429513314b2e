"""What the stores hold of the cameras of a sitting: incidents by seat, captures, pictures, enrolments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.captures import capture_moments
from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import CAMERA_KINDS, WatchRules
from server.db.rooms import Seat
from server.db.sittings import Attempt, Incident, RoomSitting, Sitting
from server.db.watching import Capture, Enrolment, EvidenceFrame

WATCH_KINDS = (
    *CAMERA_KINDS,
    IncidentKind.SEAT_SWAP,
    IncidentKind.AGENT_DISAGREES,
    IncidentKind.ENROLMENT_DOUBT,
)
"""What cameras can raise, one way or the other."""
CAPTURE_SECONDS = 5.0
"""A capture due so shortly before its candidate handed in may be taken or not."""


@dataclass(frozen=True, slots=True)
class CameraFindings:
    """`captures`: taken, missed (of them untold: never heard of though due), rechecked (of them disagree),
    failed (could not be looked at again), due (still to be looked at).

    `frames_waiting`: announced pictures that have not arrived; `unconsented`: enrolments, pictures,
    captures and camera incidents of people who refused, which must be none.
    """

    captures: Mapping[str, int]
    frames_stored: int
    frames_waiting: int
    unconsented: int

    @property
    def settled(self) -> bool:
        """Whether nothing more is to come."""
        return not self.frames_waiting and not self.captures["untold"] and not self.captures["due"]


def incident_seats(session: Session, room_sitting: int) -> dict[str, list[str]]:
    """Incident kind -> numbers of the seats it was raised at, ascending, each once."""
    rows = session.execute(
        select(Incident.kind, Seat.number)
        .join(Seat, Seat.id == Incident.seat_id)
        .where(Incident.room_sitting_id == room_sitting)
        .distinct()
        .order_by(Incident.kind, Seat.number)
    )
    found: dict[str, list[str]] = {}
    for kind, seat in rows:
        found.setdefault(kind, []).append(seat)
    return found


def enrolled_seats(session: Session, room_sitting: int) -> set[str]:
    """Numbers of the seats whose candidate has an enrolment."""
    rows = session.scalars(
        select(Seat.number)
        .join(Attempt, Attempt.seat_id == Seat.id)
        .join(Enrolment, Enrolment.attempt_id == Attempt.id)
        .where(Attempt.room_sitting_id == room_sitting)
    )
    return set(rows)


def camera_findings(
    session: Session, room_sitting: int, rules: WatchRules, seats: Sequence[str]
) -> CameraFindings:
    """What came of the cameras at these seats."""
    refused = list(
        session.scalars(
            select(Attempt.id).where(Attempt.room_sitting_id == room_sitting, Attempt.face_consent.is_(False))
        )
    )
    here = EvidenceFrame.room_sitting_id == room_sitting
    stored = EvidenceFrame.stored_at.is_not(None)
    return CameraFindings(
        captures=_captures(session, room_sitting, rules, seats),
        frames_stored=_count(session, EvidenceFrame.id, here, stored),
        frames_waiting=_count(session, EvidenceFrame.id, here, ~stored),
        unconsented=sum(
            _count(session, table.id, table.attempt_id.in_(refused))
            for table in (Enrolment, EvidenceFrame, Capture)
        )
        + _count(session, Incident.id, Incident.attempt_id.in_(refused), Incident.kind.in_(WATCH_KINDS)),
    )


def _captures(session: Session, room_sitting: int, rules: WatchRules, seats: Sequence[str]) -> dict[str, int]:
    rows = list(session.scalars(select(Capture).where(Capture.room_sitting_id == room_sitting)))
    taken = {(row.attempt_id, row.number) for row in rows if row.state == "taken"}
    told = {(row.attempt_id, row.number) for row in rows if row.state == "missed"}
    never = _due(session, room_sitting, rules, seats) - taken - told
    verdicts = [row.recheck for row in rows]
    return {
        "taken": len(taken),
        "missed": len(told) + len(never),
        "untold": len(never),
        "rechecked": sum(verdict in ("agrees", "disagrees") for verdict in verdicts),
        "disagree": verdicts.count("disagrees"),
        "failed": verdicts.count("failed"),
        "due": verdicts.count("due"),
    }


def _due(
    session: Session, room_sitting: int, rules: WatchRules, seats: Sequence[str]
) -> set[tuple[int, int]]:
    """(attempt, number) of every capture whose moment came while a consenting candidate still answered."""
    room = session.get_one(RoomSitting, room_sitting)
    minutes = float(session.get_one(Sitting, room.sitting_id).minutes)
    rows = session.scalars(
        select(Attempt)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(Attempt.room_sitting_id == room_sitting, Seat.number.in_(seats))
        .where(Attempt.face_consent.is_(True), Attempt.answering_at.is_not(None))
    )
    due = set()
    for attempt in rows:
        end = attempt.closed_at or room.ended_at
        if room.started_at is None or end is None:
            continue
        lasted = (end - room.started_at).total_seconds() - CAPTURE_SECONDS
        moments = capture_moments(room.capture_seed, attempt.id, rules, minutes)
        due |= {(attempt.id, number) for number, at in enumerate(moments) if at <= lasted}
    return due


def _count(session: Session, column: object, *where: object) -> int:
    return int(session.scalar(select(func.count(column)).where(*where)) or 0)  # type: ignore[arg-type]
