"""Item banks: facts in clear columns, bodies sealed (design D8); imports; blueprints."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class Bank(Base):
    """One item bank; its key is wrapped by the data key.

    While the bank gets a new key, `next_key` is that one and `wrapped_key` a ring of it and the old one
    (`itembank.vault.ring`): the vault takes `wrapped_key` in either form.
    """

    __tablename__ = "banks"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120), unique=True)
    occupation: Mapped[str] = mapped_column(String(32))
    level: Mapped[int]
    sample: Mapped[bool] = mapped_column(default=False)
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary)
    suite: Mapped[str] = mapped_column(String(8), default="intl", server_default=text("'intl'"))
    next_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    key_made_at: Mapped[datetime | None] = mapped_column(Moment)
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class BankItem(Base):
    """One item in its current version: what assembly may see in clear, what it asks sealed.

    `content_index` is a keyed hash of the normalised content: equal items are found, nothing is revealed;
    `stem_index` the same of the stem alone, "" for items from before it.
    status: draft -> reviewed -> trial -> active; active | trial -> suspended -> active; any -> retired. Only
    active items stand on papers. `facility` (mean share of the points), `discrimination` and `answered` come
    from marked papers.
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
    stem_index: Mapped[str] = mapped_column(String(64), default="", server_default=text("''"))
    sealed_body: Mapped[bytes] = mapped_column(LargeBinary)
    import_id: Mapped[int | None] = mapped_column(ForeignKey("bank_imports.id"))
    place: Mapped[str] = mapped_column(String(80), default="")
    path: Mapped[str] = mapped_column(String(200), default="", server_default=text("''"))
    enemy: Mapped[str] = mapped_column(String(40), default="", server_default=text("''"))
    seconds: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    flaw: Mapped[str] = mapped_column(String(32), default="", server_default=text("''"))
    sample: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    status_note: Mapped[str] = mapped_column(String(200), default="", server_default=text("''"))
    changed_at: Mapped[datetime | None] = mapped_column(Moment)
    last_used_at: Mapped[datetime | None] = mapped_column(Moment)
    facility: Mapped[float | None] = mapped_column(Float)
    discrimination: Mapped[float | None] = mapped_column(Float)
    answered: Mapped[int] = mapped_column(default=0, server_default=text("0"))


class ItemVersion(Base):
    """One version of an item, never changed: facts as JSON, body sealed with uid and version as AAD.

    Its origin is an import (file hash there, `place` here) or an author's edit with its `note`.
    """

    __tablename__ = "item_versions"

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    sealed_body: Mapped[bytes] = mapped_column(LargeBinary)
    content_index: Mapped[str] = mapped_column(String(64))
    import_id: Mapped[int | None] = mapped_column(ForeignKey("bank_imports.id"))
    place: Mapped[str] = mapped_column(String(80), default="")
    note: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(Moment)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reviewed_at: Mapped[datetime | None] = mapped_column(Moment)


class BankMedium(Base):
    """A picture, sound or film of a bank, sealed by the bank's key with its SHA-256 as AAD."""

    __tablename__ = "bank_media"

    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    mime: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class ImportMedium(Base):
    """A medium of a dry run, sealed; becomes a `BankMedium` at the commit and goes with a discarded run."""

    __tablename__ = "import_media"

    import_id: Mapped[int] = mapped_column(ForeignKey("bank_imports.id"), primary_key=True)
    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    mime: Mapped[str] = mapped_column(String(40))
    size: Mapped[int]
    width: Mapped[int] = mapped_column(default=0)
    height: Mapped[int] = mapped_column(default=0)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


class ImportMapping(Base):
    """What a layout's columns and type codes mean, remembered by the hash of its headings."""

    __tablename__ = "import_mappings"

    template: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), default="")
    mapping: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class BankImport(Base):
    """One import: dry run first, then committed whole. File, report and items are sealed until then.

    state: reading -> checked -> committed | discarded, or failed; mapping (columns or type codes need a
    decision, after which the kept file is read again). `mapping` is what was declared, `seconds` how long
    the reading took.
    """

    __tablename__ = "bank_imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id"))
    filename: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    sealed_reading: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    sealed_file: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    format: Mapped[str] = mapped_column(String(40), default="", server_default=text("''"))
    encoding: Mapped[str] = mapped_column(String(16), default="", server_default=text("''"))
    mapping: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    total: Mapped[int] = mapped_column(default=0)
    accepted: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[float | None] = mapped_column(Float)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class BlueprintRow(Base):
    """A blueprint as its file text; state: draft -> active (approved by a second person) -> retired.

    A draft may be discarded instead; `facts.writers` are those who wrote in it and cannot approve it.
    `family` is the id of the first version; a change of an active blueprint is a new draft of its family.
    """

    __tablename__ = "blueprints"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    occupation: Mapped[str] = mapped_column(String(32))
    level: Mapped[int]
    version: Mapped[int] = mapped_column(default=1)
    sample: Mapped[bool] = mapped_column(default=False)
    text: Mapped[str] = mapped_column(Text)
    facts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(16), default="draft")
    family: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None] = mapped_column(Moment)
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
