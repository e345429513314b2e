"""Rooms whose workstations run Safe Exam Browser; a room without a row is one of our own launcher."""

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class SebRoom(Base):
    """The settings of a room and what proves them.

    source: made (by this server) | uploaded. `sealed_settings`: the property list, sealed, because it holds
    a hash of the quit password; `sealed_quit_password` itself only for settings made here. `config_key`: the
    one that seats must prove; `exam_keys`: Browser Exam Keys to compare with, none to compare nothing.
    """

    __tablename__ = "seb_rooms"

    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), primary_key=True)
    source: Mapped[str] = mapped_column(String(8))
    port: Mapped[int]
    sealed_settings: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_quit_password: Mapped[bytes | None] = mapped_column(LargeBinary)
    config_key: Mapped[str] = mapped_column(String(64))
    exam_keys: Mapped[list[str] | None] = mapped_column(JSON)
    set_at: Mapped[datetime] = mapped_column(Moment)
    set_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
