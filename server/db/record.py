"""The audit chains (design D15) and the record of long work (design D19)."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class AuditEntry(Base):
    """One act. `hash` is SHA-256 over the canonical form of all other fields, `prev` the entry before."""

    __tablename__ = "audit_entries"
    __table_args__ = (UniqueConstraint("stream", "seq"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(String(40))
    seq: Mapped[int]
    at: Mapped[datetime] = mapped_column(Moment)
    actor_id: Mapped[int | None]
    actor: Mapped[str] = mapped_column(String(80))
    act: Mapped[str] = mapped_column(String(48))
    object: Mapped[str] = mapped_column(String(120))
    details: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    prev: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHead(Base):
    """The end of one chain; its row is locked in the transaction that appends."""

    __tablename__ = "audit_heads"

    stream: Mapped[str] = mapped_column(String(40), primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class JobRow(Base):
    """One piece of long work. state: running -> done | failed | cancelled; `progress` 0..1.

    `worker`: the server process that does it; `unwanted`: somebody asked to end it.
    """

    __tablename__ = "jobs"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(16))
    progress: Mapped[float] = mapped_column(Float, default=0.0)
    note: Mapped[str] = mapped_column(String(120), default="")
    fault: Mapped[str] = mapped_column(String(64), default="")
    fault_params: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    link: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(Moment)
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    worker: Mapped[str] = mapped_column(String(16), default="", server_default=text("''"))
    unwanted: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
