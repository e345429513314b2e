"""Draws of candidates to rooms and seats: what was asked, what came out, and what could not be kept."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class ArrangementRow(Base):
    """One draw over the rooms of one or several sittings of the same start.

    `inputs_hash` and `result_hash` (hex SHA-256 of canonical JSON) prove a replay: the same seed over the
    same inputs gives the same result. `rules` are the named rules it was made under; `notes` what could not
    be kept, each {"rule", "refs", "room", "seats", "shared"} with registration ids as refs.
    """

    __tablename__ = "arrangements"

    id: Mapped[int] = mapped_column(primary_key=True)
    seed: Mapped[str] = mapped_column(String(40))
    rules: Mapped[dict[str, Any]] = mapped_column(JSON)
    sittings: Mapped[list[int]] = mapped_column(JSON)
    candidates: Mapped[int]
    inputs_hash: Mapped[str] = mapped_column(String(64))
    result_hash: Mapped[str] = mapped_column(String(64))
    notes: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
