"""What is needed to say how the cameras did: when each could see, and which checks were muted where."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class CameraSpan(Base):
    """From when to when (half open) the camera of a seat did the same, as its heartbeats said.

    `state` is an `exam_rooms.watch_messages.CameraState`, `checks` the plan it followed ("", enrol, watch),
    `unavailable` the purposes for which it has no model. Of a time without a row nothing is known.
    """

    __tablename__ = "camera_spans"

    id: Mapped[int] = mapped_column(primary_key=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"), index=True)
    workstation_id: Mapped[int] = mapped_column(ForeignKey("workstations.id"))
    state: Mapped[str] = mapped_column(String(12))
    checks: Mapped[str] = mapped_column(String(40), default="")
    unavailable: Mapped[list[str]] = mapped_column(JSON, default=list)
    from_at: Mapped[datetime] = mapped_column(Moment)
    until_at: Mapped[datetime | None] = mapped_column(Moment)


class MutedCheck(Base):
    """A check that was wrong too often in a room's sitting: since then its flags call nobody.

    `reviewed` and `dismissed` are the counts that muted it, `low` the lower end of its interval. Lifted by a
    chief with a reason it stays lifted for this sitting.
    """

    __tablename__ = "muted_checks"
    __table_args__ = (UniqueConstraint("room_sitting_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"))
    kind: Mapped[str] = mapped_column(String(32))
    muted_at: Mapped[datetime] = mapped_column(Moment)
    reviewed: Mapped[int]
    dismissed: Mapped[int]
    low: Mapped[float]
    target: Mapped[float]
    lifted_at: Mapped[datetime | None] = mapped_column(Moment)
    lifted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    lift_reason: Mapped[str] = mapped_column(String(200), default="")
