"""Leaving a kiosk: the PIN of a room in its sitting, and orders signed for single workstations."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class RoomPin(Base):
    """The invigilators' PIN of a room in one sitting, sealed; seats get `salt` and `hash` (base64) alone."""

    __tablename__ = "room_pins"

    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), primary_key=True)
    uid: Mapped[str] = mapped_column(String(32), unique=True)
    sealed_pin: Mapped[bytes] = mapped_column(LargeBinary)
    salt: Mapped[str] = mapped_column(String(44))
    hash: Mapped[str] = mapped_column(String(64))
    cost: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(Moment)


class SignedOrder(Base):
    """One order to one workstation, as it was signed; it is in force for some minutes."""

    __tablename__ = "kiosk_orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    workstation_id: Mapped[int] = mapped_column(ForeignKey("workstations.id"), index=True)
    action: Mapped[str] = mapped_column(String(16))
    nonce: Mapped[str] = mapped_column(String(32), unique=True)
    signature: Mapped[str] = mapped_column(String(88))
    issued_at: Mapped[datetime] = mapped_column(Moment)
    issued_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
