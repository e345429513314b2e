"""The papers of the day that were printed: a line for each, and whole sittings' files while they wait."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class DayPrint(Base):
    """One printing for a room, or (room empty) for all rooms of a sitting.

    `copies` counts what a person holds in the hand: tickets, labels, lists. `sha256` is of the file. Only a
    file of a whole sitting waits here, sealed, until `expires_at`; others go to who asked and nowhere else.
    """

    __tablename__ = "day_prints"

    id: Mapped[int] = mapped_column(primary_key=True)
    sitting_id: Mapped[int] = mapped_column(ForeignKey("sittings.id"), index=True)
    room_sitting_id: Mapped[int | None] = mapped_column(ForeignKey("room_sittings.id"))
    kind: Mapped[str] = mapped_column(String(16))
    copies: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    printed_at: Mapped[datetime] = mapped_column(Moment)
    printed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
