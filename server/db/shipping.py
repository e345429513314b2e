"""Standby servers that may fetch everything this server stores, and the codes by which they are paired."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class StandbyServer(Base):
    """One paired standby, known by the keyed hash of its token. At most one is active."""

    __tablename__ = "standby_servers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    address: Mapped[str] = mapped_column(String(200))
    token_index: Mapped[str] = mapped_column(String(64), unique=True)
    active: Mapped[bool] = mapped_column(default=True)
    paired_at: Mapped[datetime] = mapped_column(Moment)
    paired_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class StandbyCode(Base):
    """A one-time code that pairs a standby server, kept as a keyed hash."""

    __tablename__ = "standby_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    secret_index: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
