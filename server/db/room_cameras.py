"""Cameras that see a whole room: their pairing, calibrations, what they were watching, their pictures.

Nobody is recognised by them: what they tell is where heads are. Pictures are sealed files in the evidence
store, as those of the seats.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class RoomCamera(Base):
    """The machine with a room's camera, by its Ed25519 key; a new pairing retires the old row."""

    __tablename__ = "room_cameras"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), index=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    hostname: Mapped[str] = mapped_column(String(120))
    software: Mapped[str] = mapped_column(String(40))
    active: Mapped[bool] = mapped_column(default=True)
    paired_at: Mapped[datetime] = mapped_column(Moment)
    paired_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class RoomCameraCode(Base):
    """A one-time pairing code for the camera of a room, kept as a keyed hash."""

    __tablename__ = "room_camera_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), index=True)
    secret_index: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class RoomCameraCalibration(Base):
    """From the picture to the room: nine numbers of the head plane's homography; the newest one counts.

    `samples`: {seat number: [x, y]} in shares of the picture; `places`: {seat number: [x, y]} in metres, as
    the plan was then; `left_out`: seats whose samples do not fit; `residual` in metres; `identity` of the
    camera, `width` and `height` of its pictures. how: clicked | automatic.
    """

    __tablename__ = "room_camera_calibrations"

    id: Mapped[int] = mapped_column(primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("room_cameras.id"), index=True)
    identity: Mapped[str] = mapped_column(String(64), default="")
    width: Mapped[int]
    height: Mapped[int]
    matrix: Mapped[list[Any]] = mapped_column(JSON)
    residual: Mapped[float]
    samples: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    places: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    left_out: Mapped[list[Any]] = mapped_column(JSON, default=list)
    how: Mapped[str] = mapped_column(String(12))
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class RoomCameraRun(Base):
    """What a camera remembers of a room's sitting: the fold's state, so that a restart goes on from there."""

    __tablename__ = "room_camera_runs"
    __table_args__ = (UniqueConstraint("room_sitting_id", "camera_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("room_cameras.id"))
    state: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    samples: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    saved_at: Mapped[datetime] = mapped_column(Moment)


class RoomCameraFrame(Base):
    """A part of the room camera's picture around a seat, for one incident. `moment`: before | at.

    `file` and `sha256` are empty until the sealed picture is durable, and `file` again after it was purged.
    """

    __tablename__ = "room_camera_frames"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), index=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("room_cameras.id"))
    moment: Mapped[str] = mapped_column(String(8))
    taken_at: Mapped[datetime] = mapped_column(Moment)
    sha256: Mapped[str] = mapped_column(String(64), default="")
    file: Mapped[str] = mapped_column(String(80), default="")
    stored_at: Mapped[datetime | None] = mapped_column(Moment)
    keep_until: Mapped[datetime] = mapped_column(Moment)
