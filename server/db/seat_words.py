"""When seats were heard, told by way of the database while the server processes cannot talk to each other."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class SeatWord(Base):
    """The last word of a workstation that `worker` heard; `told_at`: when that was written down."""

    __tablename__ = "seat_words"

    workstation_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    worker: Mapped[str] = mapped_column(String(16), primary_key=True)
    heard_at: Mapped[datetime] = mapped_column(Moment)
    told_at: Mapped[datetime] = mapped_column(Moment, index=True)
