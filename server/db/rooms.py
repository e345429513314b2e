"""Rooms, seats and the workstations paired to them (design D20)."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from server.db.base import Base, Moment


class Room(Base):
    """A room with its plan. `layout`: all but the seats, in metres, as `exam_rooms.seatmap` reads it.

    `plan_version` grows with every saved change: who drew on an older one is told.
    """

    __tablename__ = "rooms"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[str] = mapped_column(String(16), default="standard")
    layout: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(Moment)
    plan_version: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    seats: Mapped[list["Seat"]] = relationship(order_by="Seat.id", cascade="all, delete-orphan")


class Seat(Base):
    """One seat: its label, its place in rows and columns and in metres; `camera` belongs to it ("": any)."""

    __tablename__ = "seats"
    __table_args__ = (UniqueConstraint("room_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), index=True)
    number: Mapped[str] = mapped_column(String(8))
    row: Mapped[int]
    column: Mapped[int]
    x: Mapped[float]
    y: Mapped[float]
    kind: Mapped[str] = mapped_column(String(8), default="normal")
    camera: Mapped[str] = mapped_column(String(120), default="", server_default=text("''"))


class Workstation(Base):
    """A machine paired to a seat by its Ed25519 key; a new pairing retires the old row."""

    __tablename__ = "workstations"

    id: Mapped[int] = mapped_column(primary_key=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"), index=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    hostname: Mapped[str] = mapped_column(String(120))
    software: Mapped[str] = mapped_column(String(40))
    active: Mapped[bool] = mapped_column(default=True)
    paired_at: Mapped[datetime] = mapped_column(Moment)
    paired_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    retired_at: Mapped[datetime | None] = mapped_column(Moment)


class PairingCode(Base):
    """A one-time code for one seat, kept as a keyed hash."""

    __tablename__ = "pairing_codes"

    id: Mapped[int] = mapped_column(primary_key=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"), index=True)
    secret_index: Mapped[str] = mapped_column(String(64), unique=True)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class WorkstationClock(Base):
    """Least seen (server time - boot time) of one boot: places a stamp on the server's clock, never early."""

    __tablename__ = "workstation_clocks"

    workstation_id: Mapped[int] = mapped_column(ForeignKey("workstations.id"), primary_key=True)
    boot_id: Mapped[str] = mapped_column(String(40), primary_key=True)
    offset_ns: Mapped[int] = mapped_column(BigInteger)
