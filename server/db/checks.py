"""Self-checks before the bell: a room's canary paper, each seat's round, and what the chief overruled."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class CanaryPackage(Base):
    """The synthetic paper that every seat of a room's sitting answers. `paper_key` opens nothing else.

    The seed says what is asked and what it brings (`itembank.canary`); it never leaves the server.
    """

    __tablename__ = "canary_packages"

    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), primary_key=True)
    seed: Mapped[str] = mapped_column(String(64))
    data: Mapped[bytes] = mapped_column(LargeBinary)
    paper_key: Mapped[bytes] = mapped_column(LargeBinary)
    made_at: Mapped[datetime] = mapped_column(Moment)


class SeatCheck(Base):
    """The check of one seat: how often a person asked for it (`round`), and the last report.

    `ref` is the round that the report is of; `workstation_id` who made it; `verdict` the worst of `results`,
    each {"name", "verdict", "found"}.
    """

    __tablename__ = "seat_checks"
    __table_args__ = (UniqueConstraint("room_sitting_id", "seat_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"))
    workstation_id: Mapped[int | None] = mapped_column(ForeignKey("workstations.id"))
    round: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime | None] = mapped_column(Moment)
    ref: Mapped[str] = mapped_column(String(32), default="")
    reported_at: Mapped[datetime | None] = mapped_column(Moment)
    verdict: Mapped[str] = mapped_column(String(8), default="")
    results: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON)


class CheckOverrule(Base):
    """The chief lets the room start with what was found at a seat; it holds for this very finding."""

    __tablename__ = "check_overrules"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"))
    finding: Mapped[str] = mapped_column(String(200))
    reason: Mapped[str] = mapped_column(String(200))
    overruled_at: Mapped[datetime] = mapped_column(Moment)
    overruled_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
