"""What seats' agents told of their own workstations. What it means for a candidate is decided by people."""

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class Breach(Base):
    """One breach, named `ref` by the workstation that told of it.

    `began_at` and `ended_at` are the agent's stamps placed on the server's clock, `told_at` is when the word
    arrived; `count`: how often it happened since the word before; `froze`: it covered the paper.
    """

    __tablename__ = "breaches"
    __table_args__ = (UniqueConstraint("workstation_id", "ref"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"))
    workstation_id: Mapped[int] = mapped_column(ForeignKey("workstations.id"))
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"))
    ref: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(32))
    detail: Mapped[str] = mapped_column(String(80), default="")
    count: Mapped[int] = mapped_column(default=1)
    froze: Mapped[bool] = mapped_column(default=False)
    began_at: Mapped[datetime] = mapped_column(Moment)
    told_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
