"""The log of looks that seat cameras keep, batch by batch, sealed as it came."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class LookBatch(Base):
    """About a minute of looks at one attempt, in plain values without pictures (`exam_rooms.look_log`).

    `name` is the agent's own; the stamps are its boot clock of `boot_id`, `since_at` the first of them on the
    server's clock. The sealed looks are emptied when `keep_until` is over.
    """

    __tablename__ = "look_batches"
    __table_args__ = (UniqueConstraint("attempt_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"))
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"))
    workstation_id: Mapped[int] = mapped_column(ForeignKey("workstations.id"))
    name: Mapped[str] = mapped_column(String(32))
    boot_id: Mapped[str] = mapped_column(String(64))
    since_ns: Mapped[int] = mapped_column(BigInteger)
    until_ns: Mapped[int] = mapped_column(BigInteger)
    since_at: Mapped[datetime] = mapped_column(Moment)
    looks: Mapped[int]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    keep_until: Mapped[datetime] = mapped_column(Moment, index=True)
