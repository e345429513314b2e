"""Papers: assembled forms with their proof, and sealed packages with their custodians."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, Numeric, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class PaperSet(Base):
    """K forms assembled together from one bank by one blueprint and one stored seed.

    state: assembling -> assembled | infeasible | failed; assembled -> approved -> retired.
    `outcome` holds proof and shortages as JSON; `snapshot` is the hash of the pool facts used.
    """

    __tablename__ = "paper_sets"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id"))
    blueprint_id: Mapped[int] = mapped_column(ForeignKey("blueprints.id"))
    seed: Mapped[str] = mapped_column(String(40))
    forms: Mapped[int]
    max_overlap: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    snapshot: Mapped[str] = mapped_column(String(64), default="")
    outcome: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None] = mapped_column(Moment)
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class FormItem(Base):
    """One item at its place in one form."""

    __tablename__ = "form_items"

    paper_set_id: Mapped[int] = mapped_column(ForeignKey("paper_sets.id"), primary_key=True)
    form: Mapped[str] = mapped_column(String(4), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    item_uid: Mapped[str] = mapped_column(String(64))
    item_version: Mapped[int]
    points: Mapped[Decimal] = mapped_column(Numeric(6, 3))


class Package(Base):
    """A sealed package for one room in one sitting. state: sealed -> released | superseded.

    `sealed_release_secret` is the server's third of the release; `sealed_content_key` is there only after
    two custodians released the package, so that a restarted server goes on.
    """

    __tablename__ = "packages"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    paper_set_id: Mapped[int] = mapped_column(ForeignKey("paper_sets.id"))
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"))
    state: Mapped[str] = mapped_column(String(16), default="sealed")
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    not_before: Mapped[datetime] = mapped_column(Moment)
    sealed_release_secret: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_content_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_at: Mapped[datetime] = mapped_column(Moment)
    sealed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    released_at: Mapped[datetime | None] = mapped_column(Moment)
    released_by: Mapped[list[int]] = mapped_column(JSON, default=list)


class PackageCustodian(Base):
    """Who holds a share of a package, and in which role (R20: the two must differ in it)."""

    __tablename__ = "package_custodians"

    package_id: Mapped[int] = mapped_column(ForeignKey("packages.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(32))
