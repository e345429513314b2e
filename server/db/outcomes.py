"""Results of candidates in a batch: by component and over all, exemptions, and the licences they rest on."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, LargeBinary, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class Result(Base):
    """One candidate's result in one component ("overall": the whole); append-only.

    status: pass | fail | exempt | absent | void | pending; `score` only with pass and fail. The row with the
    highest revision is in force, the others keep their `replaced_at`. `origin` names what it was computed
    from ({"kind": "marks" | "panel" | "exemption" | "absence" | "case" | "correction" | "components", ...}).
    `approvals`: who approved a correction.
    """

    __tablename__ = "results"
    __table_args__ = (UniqueConstraint("batch_id", "candidate_id", "component", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    component: Mapped[str] = mapped_column(String(16))
    revision: Mapped[int]
    status: Mapped[str] = mapped_column(String(16))
    score: Mapped[Decimal | None] = mapped_column(Numeric(8, 3))
    origin: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    reason: Mapped[str] = mapped_column(String(400), default="")
    approvals: Mapped[list[int]] = mapped_column(JSON, default=list)
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    checked_at: Mapped[datetime | None] = mapped_column(Moment)
    checked_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    replaced_at: Mapped[datetime | None] = mapped_column(Moment)


class GuardLicence(Base):
    """A candidate's 保安员证 as somebody saw it; the number is sealed. state: valid | revoked."""

    __tablename__ = "guard_licences"

    id: Mapped[int] = mapped_column(primary_key=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    sealed_number: Mapped[bytes] = mapped_column(LargeBinary)
    issued_on: Mapped[date] = mapped_column(Date)
    state: Mapped[str] = mapped_column(String(12), default="valid")
    noted_at: Mapped[datetime] = mapped_column(Moment)
    noted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    replaced_at: Mapped[datetime | None] = mapped_column(Moment)


class Exemption(Base):
    """A candidate need not sit a component of a batch: evidence, the day it was held against, who decided."""

    __tablename__ = "exemptions"

    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    component: Mapped[str] = mapped_column(String(16))
    licence_id: Mapped[int | None] = mapped_column(ForeignKey("guard_licences.id"))
    issued_on: Mapped[date] = mapped_column(Date)
    anchor: Mapped[date] = mapped_column(Date)
    decided_at: Mapped[datetime] = mapped_column(Moment)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)
    revoked_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    revoked_reason: Mapped[str] = mapped_column(String(200), default="")
