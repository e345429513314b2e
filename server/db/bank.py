"""Item banks: facts in clear columns, bodies sealed (design D8); imports; blueprints."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class Bank(Base):
    """One item bank; its key is wrapped by the master key."""

    __tablename__ = "banks"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    occupation: Mapped[str] = mapped_column(String(32))
    level: Mapped[int]
    sample: Mapped[bool] = mapped_column(default=False)
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class BankItem(Base):
    """One item: what assembly may see in clear, what it asks sealed with uid and version as AAD.

    `content_index` is a keyed hash of the normalised content: equal items are found, nothing is revealed.
    """

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("bank_id", "uid"),
        Index("ix_items_bank_point", "bank_id", "point"),
        Index("ix_items_bank_content", "bank_id", "content_index"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id"))
    uid: Mapped[str] = mapped_column(String(64))
    version: Mapped[int] = mapped_column(default=1)
    point: Mapped[str] = mapped_column(String(32))
    kind: Mapped[str] = mapped_column(String(16))
    difficulty: Mapped[int]
    consistency: Mapped[int | None]
    importance: Mapped[str] = mapped_column(String(1), default="")
    status: Mapped[str] = mapped_column(String(16), default="active")
    uses: Mapped[int] = mapped_column(default=0)
    content_index: Mapped[str] = mapped_column(String(64))
    sealed_body: Mapped[bytes] = mapped_column(LargeBinary)
    import_id: Mapped[int | None] = mapped_column(ForeignKey("bank_imports.id"))
    place: Mapped[str] = mapped_column(String(80), default="")


class BankImport(Base):
    """One import: dry run first, then committed whole. Report and items are sealed until then.

    state: reading -> checked -> committed | discarded, or failed; mapping (a type code needs a decision).
    """

    __tablename__ = "bank_imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id"))
    filename: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    sealed_reading: Mapped[bytes | None] = mapped_column(LargeBinary)
    total: Mapped[int] = mapped_column(default=0)
    accepted: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class BlueprintRow(Base):
    """A blueprint as its file text, with version; state: draft -> active -> retired."""

    __tablename__ = "blueprints"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    occupation: Mapped[str] = mapped_column(String(32))
    level: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
    sample: Mapped[bool] = mapped_column(default=False)
    text: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(16), default="active")
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
