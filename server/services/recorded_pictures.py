"""Pictures of recorded incidents whose time is over: records, that go by the word of two people (R37)."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Permission
from server.db.cases import CaseIncident
from server.db.room_cameras import RoomCameraFrame
from server.db.rooms import Room, Seat
from server.db.sittings import Incident, RoomSitting
from server.db.watching import EvidenceFrame
from server.errors import Refused
from server.services import audit, evidence, holds
from server.services.signed import Signed, need, need_reason, second_person

SEAT, ROOM = "seat", "room"
"""Which camera took a picture: the seat's own, or the room's."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Ids of pictures, by the camera that took them."""

    seat: Collection[int] = ()
    room: Collection[int] = ()


@dataclass(frozen=True, slots=True)
class RecordedPicture:
    """A picture of a recorded incident that is past its time. `camera`: seat | room; `case`: the case it
    belongs to, if any.
    """

    camera: str
    frame: int
    room_sitting: int
    room: str
    seat: str
    kind: str
    taken_at: datetime
    keep_until: datetime
    case: int | None


def listing(session: Session, *, now: datetime) -> tuple[RecordedPicture, ...]:
    """All of them, by room and time; what a hold or an open case covers is left out."""
    lines = [_line(session, SEAT, frame) for frame in evidence.expired(session, now=now).held]
    lines += [_line(session, ROOM, frame) for frame in _of_rooms(session, now)]
    return tuple(sorted(lines, key=lambda line: (line.room_sitting, line.taken_at, line.camera, line.frame)))


def delete(session: Session, signed: Signed, chosen: Chosen, *, now: datetime) -> tuple[str, ...]:
    """Two people decide that these pictures may go; the files that the caller removes after the commit.

    Refused: `frame_not_deletable` for one that is not past its time, belongs to no recorded incident, or is
    held.
    """
    need(signed.actor, Permission.MANAGE_BATCHES)
    need_reason(signed)
    second_person(signed)
    seats = {frame.id: frame for frame in evidence.expired(session, now=now).held}
    rooms = {frame.id: frame for frame in _of_rooms(session, now)}
    if not (chosen.seat or chosen.room) or not seats.keys() >= set(chosen.seat):
        raise Refused("frame_not_deletable", 409)
    if not rooms.keys() >= set(chosen.room):
        raise Refused("frame_not_deletable", 409)
    mine, theirs = [seats[number] for number in chosen.seat], [rooms[number] for number in chosen.room]
    _note(session, signed, [*mine, *theirs], now)
    names = [frame.file for frame in theirs]
    for frame in theirs:
        frame.file = ""
    return (*evidence.let_go(session, mine), *names)


def _of_rooms(session: Session, now: datetime) -> list[RoomCameraFrame]:
    query = (
        select(RoomCameraFrame, Incident.attempt_id)
        .join(Incident, Incident.id == RoomCameraFrame.incident_id)
        .where(RoomCameraFrame.keep_until <= now, RoomCameraFrame.file != "", Incident.state == "recorded")
        .order_by(RoomCameraFrame.id)
    )
    kept = holds.held(session)
    return [row for row, attempt in session.execute(query) if not kept.covers(row.room_sitting_id, attempt)]


def _line(session: Session, camera: str, frame: EvidenceFrame | RoomCameraFrame) -> RecordedPicture:
    incident = session.get_one(Incident, frame.incident_id)
    place = session.get_one(RoomSitting, frame.room_sitting_id)
    seat = session.get(Seat, incident.seat_id) if incident.seat_id else None
    case = select(CaseIncident.case_id).where(CaseIncident.incident_id == incident.id)
    return RecordedPicture(
        camera=camera,
        frame=frame.id,
        room_sitting=place.id,
        room=session.get_one(Room, place.room_id).name,
        seat=seat.number if seat else "",
        kind=incident.kind,
        taken_at=frame.taken_at,
        keep_until=frame.keep_until,
        case=session.scalar(case.order_by(CaseIncident.case_id.desc()).limit(1)),
    )


def _note(
    session: Session, signed: Signed, frames: Collection[EvidenceFrame | RoomCameraFrame], now: datetime
) -> None:
    by_room: dict[int, list[EvidenceFrame | RoomCameraFrame]] = defaultdict(list)
    for frame in frames:
        by_room[frame.room_sitting_id].append(frame)
    for room, rows in by_room.items():
        stream = audit.sitting_stream(room)
        hashes = sorted(frame.sha256[:16] for frame in rows)
        facts = {"pictures": len(rows), "sha256": hashes, **signed.why()}
        audit.record(session, stream, signed.actor, "recorded_frames_deleted", stream, now=now, **facts)
