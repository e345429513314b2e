"""What is said to a whole room. A candidate's raised hand stands in the attempt (`db.sittings.Attempt`)."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class Announcement(Base):
    """One sentence shown at every seat of a room. Said to all rooms of a sitting, it is one row in each.

    `once` is the one-time number of the form, so that a second click says nothing again.
    """

    __tablename__ = "announcements"
    __table_args__ = (UniqueConstraint("room_sitting_id", "once"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    text: Mapped[str] = mapped_column(String(300))
    said_at: Mapped[datetime] = mapped_column(Moment)
    said_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    once: Mapped[str | None] = mapped_column(String(32))
