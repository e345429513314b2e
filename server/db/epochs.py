"""The reigns of an installation: who served from when on (`server.epoch`)."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class ServerEpoch(Base):
    """One epoch. `how`: first | takeover; `taken_by`: a person's name, "seats", or "" for the first."""

    __tablename__ = "server_epochs"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    began_at: Mapped[datetime] = mapped_column(Moment)
    how: Mapped[str] = mapped_column(String(16))
    taken_by: Mapped[str] = mapped_column(String(120), default="")
    reason: Mapped[str] = mapped_column(String(400), default="")
