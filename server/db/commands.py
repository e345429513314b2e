"""Pauses, commands to seats and what confirms them, compensation for lost time, outages people decide."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class PauseRow(Base):
    """Time that stood still, for one attempt or (attempt empty) the room; `until_at` empty: it lasts."""

    __tablename__ = "pauses"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"))
    since_at: Mapped[datetime] = mapped_column(Moment)
    until_at: Mapped[datetime | None] = mapped_column(Moment)
    reason: Mapped[str] = mapped_column(String(200))
    paused_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    resumed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class WorkedRow(Base):
    """Time in which a seat went on although it was paused, because it had not heard of it: no paused time.

    Said by the seat's agent on its boot clock, placed on the server's.
    """

    __tablename__ = "paused_work"
    __table_args__ = (UniqueConstraint("attempt_id", "since_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    since_at: Mapped[datetime] = mapped_column(Moment)
    until_at: Mapped[datetime] = mapped_column(Moment)


class SeatCommand(Base):
    """One command to one seat: `sent_at`, then what the seat confirmed.

    `received_at`: its agent has it; `done_at`: the candidate's page shows it. `superseded_at`: a newer
    command took its place before it was done. `once` is the one-time number of the form: the same for all
    seats of one act.
    """

    __tablename__ = "seat_commands"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"))
    kind: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(200), default="")
    sent_at: Mapped[datetime] = mapped_column(Moment)
    received_at: Mapped[datetime | None] = mapped_column(Moment)
    done_at: Mapped[datetime | None] = mapped_column(Moment)
    superseded_at: Mapped[datetime | None] = mapped_column(Moment)
    sent_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    once: Mapped[str | None] = mapped_column(String(32), index=True)


class SeatMessage(Base):
    """A sentence for one candidate, shown at the seat."""

    __tablename__ = "seat_messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    command_id: Mapped[int] = mapped_column(ForeignKey("seat_commands.id"))
    text: Mapped[str] = mapped_column(String(300))
    said_at: Mapped[datetime] = mapped_column(Moment)


class SeatLoss(Base):
    """Time in which a seat's candidate could not work, as the agent's own log says.

    kind: machine_off | page_gone. `since_at` and `until_at` are the agent's stamps placed on the server's
    clock; `ref` is the agent's name of it, so that a resend adds nothing.
    """

    __tablename__ = "seat_losses"
    __table_args__ = (UniqueConstraint("attempt_id", "ref"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    workstation_id: Mapped[int] = mapped_column(ForeignKey("workstations.id"))
    ref: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    since_at: Mapped[datetime] = mapped_column(Moment)
    until_at: Mapped[datetime] = mapped_column(Moment)
    told_at: Mapped[datetime] = mapped_column(Moment)


LOCKED, IDENTITY = "LOCKED", "IDENTITY"
"""Why a page is covered by a command (`attempts.frozen_why`); other covers carry an incident's kind."""


class CoverRow(Base):
    """A time for which a paper was covered and the clock went on; `kind` as in `attempts.frozen_why`."""

    __tablename__ = "covers"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    kind: Mapped[str] = mapped_column(String(32))
    since_at: Mapped[datetime] = mapped_column(Moment)
    until_at: Mapped[datetime] = mapped_column(Moment)


class CompensationRow(Base):
    """What a chief decided about one interval of lost time; nothing in it is decided a second time.

    decision: granted | declined | credited (a time credit entered by hand was for it). `evidence`: what both
    clocks said when it was decided.
    """

    __tablename__ = "compensations"
    __table_args__ = (UniqueConstraint("attempt_id", "since_at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    since_at: Mapped[datetime] = mapped_column(Moment)
    until_at: Mapped[datetime] = mapped_column(Moment)
    minutes: Mapped[Decimal] = mapped_column(Numeric(7, 2))
    decision: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(200), default="")
    evidence: Mapped[list[Any]] = mapped_column(JSON, default=list)
    credit_id: Mapped[int | None] = mapped_column(ForeignKey("time_credits.id"))
    decided_at: Mapped[datetime] = mapped_column(Moment)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class OutageRow(Base):
    """An outage of a room beyond what compensation covers (R26): a higher office decides what follows.

    cause: pause | link | told. decision: "" until then, continue | reschedule. `sitting_id`: the new one.
    """

    __tablename__ = "outages"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    cause: Mapped[str] = mapped_column(String(8))
    began_at: Mapped[datetime] = mapped_column(Moment)
    noticed_at: Mapped[datetime] = mapped_column(Moment)
    told_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    note: Mapped[str] = mapped_column(String(200), default="")
    decision: Mapped[str] = mapped_column(String(12), default="")
    reason: Mapped[str] = mapped_column(String(200), default="")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    sitting_id: Mapped[int | None] = mapped_column(ForeignKey("sittings.id"))
