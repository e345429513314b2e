"""Pictures of room cameras as evidence: only the part around the seat, sealed as those of the seats are."""

import hashlib
from collections.abc import Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.room_camera_messages import WantedPicture
from proctoring.roomview import RoomView
from server.access import Actor, Permission
from server.db.base import emit, vault_of
from server.db.evidence_store import EvidenceStore, frame_name
from server.db.room_cameras import RoomCameraFrame
from server.db.sittings import Incident
from server.errors import Forbidden, NotFound, Refused
from server.events import SeatChanged
from server.services import audit, holds
from server.services.agents import Agent
from server.services.evidence import JPEG, opened

PICTURE_MOST = 512 << 10
AROUND = 1.1
"""Seat pitches to each side that an incident's picture shows: the seat, and who leans over to it."""
HEAD_ROOM = 0.6
"""Of the part's height that is added above and below, for shoulders and whoever stands behind."""
PREFIX = "frame-"


def cut_out(view: RoomView, seats: Sequence[str], ref: str, number: int) -> WantedPicture:
    """Which part of a look's picture shows these seats."""
    middles = np.array([view.places[seat] for seat in seats if seat in view.places])
    reach = AROUND * view.pitch
    steps = [np.array((dx, dy)) for dx in (-reach, reach) for dy in (-reach, reach)]
    corners = np.concatenate([middles + step for step in steps])
    points = view.calibration.to_picture(corners)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return WantedPicture(ref, number)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    extra = HEAD_ROOM * (bottom - top)
    left, right = np.clip([left, right], 0, 1)
    top, bottom = np.clip([top - extra, bottom + extra], 0, 1)
    return WantedPicture(
        ref, number, float(left), float(top), float(max(right - left, 0.05)), float(max(bottom - top, 0.05))
    )


def awaited(session: Session, agent: Agent, ref: str, data: bytes) -> tuple[int, str, str]:
    """(row, name in the store, SHA-256) of a picture that an incident waits for; the name is "" when there
    is nothing to keep. Raises `Refused` for any other and for what is no JPEG.
    """
    number = ref.removeprefix(PREFIX)
    row = session.get(RoomCameraFrame, int(number)) if number.isdecimal() and len(number) < 10 else None
    if row is None or row.camera_id != agent.workstation or not ref.startswith(PREFIX):
        raise Refused("frame_not_announced", 404)
    if len(data) > PICTURE_MOST:
        raise Refused("frame_too_large", 413, limit_kb=PICTURE_MOST >> 10)
    if data and not data.startswith(JPEG):
        raise Refused("frame_not_jpeg", 422)
    sha256 = hashlib.sha256(data).hexdigest()
    wanted = bool(data) and row.stored_at is None
    return row.id, frame_name(row.id, sha256) if wanted else "", sha256


def arrived(session: Session, row_id: int, name: str, sha256: str, *, now: datetime) -> None:
    """The picture is durable under its name; without one (`name` "") the agent had none any more."""
    row = session.get_one(RoomCameraFrame, row_id, with_for_update=True)
    if row.stored_at is not None:
        return
    row.stored_at, row.file, row.sha256 = now, name, sha256 if name else ""
    incident = session.get_one(Incident, row.incident_id)
    if incident.seat_id is not None:
        emit(session, SeatChanged(row.room_sitting_id, incident.seat_id))


def frames_of(session: Session, incident_id: int) -> list[RoomCameraFrame]:
    """The pictures of an incident that are there, in the order in which they were taken."""
    query = select(RoomCameraFrame).where(
        RoomCameraFrame.incident_id == incident_id, RoomCameraFrame.file != ""
    )
    return list(session.scalars(query.order_by(RoomCameraFrame.taken_at, RoomCameraFrame.id)))


def picture(session: Session, store: EvidenceStore, actor: Actor, which: tuple[int, int]) -> bytes:
    """A stored picture, JPEG. Whoever shows it to a person also calls `note_viewed`.

    `which`: ids of the room's sitting and of the picture.
    """
    row = _viewable(session, actor, which)
    data = opened(vault_of(session), store, row.file) if row.file else None
    if data is None:
        raise NotFound("picture")
    return data


def note_viewed(session: Session, actor: Actor, which: tuple[int, int], *, now: datetime) -> None:
    """Puts on the record, once for each person and picture, that it was looked at."""
    row = _viewable(session, actor, which)
    stream, frame = audit.sitting_stream(row.room_sitting_id), f"room-frame/{row.id}"
    audit.record_once(session, stream, actor, "frame_viewed", frame, now=now, purpose="alert")


def _viewable(session: Session, actor: Actor, which: tuple[int, int]) -> RoomCameraFrame:
    room_sitting_id, frame_id = which
    if not actor.can(Permission.MONITOR_ROOM):
        raise Forbidden(Permission.MONITOR_ROOM)
    row = session.get(RoomCameraFrame, frame_id)
    if row is None or row.room_sitting_id != room_sitting_id:
        raise NotFound("picture")
    return row


def expired(session: Session, *, now: datetime) -> list[RoomCameraFrame]:
    """Pictures past their time; those of recorded incidents, and what a legal hold or an open case covers,
    stay (as in `evidence`).
    """
    query = (
        select(RoomCameraFrame, Incident.state, Incident.attempt_id)
        .join(Incident, Incident.id == RoomCameraFrame.incident_id)
        .where(RoomCameraFrame.keep_until <= now, RoomCameraFrame.file != "")
        .order_by(RoomCameraFrame.id)
    )
    kept = holds.held(session)
    return [
        row
        for row, state, attempt in session.execute(query)
        if state != "recorded" and not kept.covers(row.room_sitting_id, attempt)
    ]


def purge(session: Session, *, now: datetime) -> tuple[str, ...]:
    """Empties the rows of pictures past their time; the files, which the caller removes after the commit."""
    over = expired(session, now=now)
    names = tuple(row.file for row in over)
    for row in over:
        row.file = ""
    return names
