"""Merges of answers that two workstations wrote, and what a person decided about them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class AttemptMerge(Base):
    """Answers of one attempt from its former seat came after the new seat had been written at.

    `old_journal` is the former seat's, from which records after seq `upto` were unknown at the move;
    `new_journal` the first one of another workstation. `items`: uids of the questions that the former
    seat's late records are about; never an answer. `last`: the last seq of `old_journal` that a decision is
    about; when more comes, the merge is open again. state: open -> confirmed (the records count like any
    other) | left_out (they are kept and do not count).
    """

    __tablename__ = "attempt_merges"
    __table_args__ = (UniqueConstraint("attempt_id", "old_journal"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    old_journal: Mapped[int]
    new_journal: Mapped[int]
    upto: Mapped[int]
    last: Mapped[int]
    items: Mapped[list[Any]] = mapped_column(JSON, default=list)
    arrived_at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(String(16), default="open")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    note: Mapped[str] = mapped_column(String(200), default="")
