"""Comprehensive reviews: what candidates hand in, when it is due, what was asked at a defence."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, LargeBinary, Numeric, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class ReviewPlan(Base):
    """What holds for the works of one sitting: until when they are handed in."""

    __tablename__ = "review_plans"

    sitting_id: Mapped[int] = mapped_column(ForeignKey("sittings.id"), primary_key=True)
    due_at: Mapped[datetime | None] = mapped_column(Moment)
    set_at: Mapped[datetime] = mapped_column(Moment)
    set_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class ReviewWork(Base):
    """A candidate's work as a whole: its title, and the similarity that somebody read from a report.

    `similarity` in percent, with the service that found it and the hash of its report (hex, "" when no
    report was kept).
    """

    __tablename__ = "review_works"

    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"), primary_key=True)
    title: Mapped[str] = mapped_column(String(200), default="")
    similarity: Mapped[Decimal | None] = mapped_column(Numeric(5, 2))
    similarity_source: Mapped[str] = mapped_column(String(80), default="")
    similarity_sha256: Mapped[str] = mapped_column(String(64), default="")
    similarity_at: Mapped[datetime | None] = mapped_column(Moment)
    similarity_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class ReviewFile(Base):
    """One version of a file that was handed in; nothing is overwritten.

    `kind`: thesis, or one of the kinds of materials. `late`: it came after the sitting's due time and counts
    only from `accepted_at` on. `withdrawn_at`: it counts no more. `pages` None: the file does not say.
    """

    __tablename__ = "review_files"
    __table_args__ = (UniqueConstraint("registration_id", "kind", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    version: Mapped[int]
    mime: Mapped[str] = mapped_column(String(80))
    size: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    pages: Mapped[int | None]
    characters: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    uploaded_at: Mapped[datetime] = mapped_column(Moment)
    uploaded_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    late: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    accepted_at: Mapped[datetime | None] = mapped_column(Moment)
    accepted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    accepted_reason: Mapped[str] = mapped_column(String(200), default="")
    withdrawn_at: Mapped[datetime | None] = mapped_column(Moment)
    withdrawn_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    withdrawn_reason: Mapped[str] = mapped_column(String(200), default="")


class DefenceQuestion(Base):
    """A question that a member of the panel put at a defence, with a note of the answer; both sealed.

    A correction is a new row, the old one keeps its `replaced_at`.
    """

    __tablename__ = "defence_questions"

    id: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id"), index=True)
    number: Mapped[int]
    asked_by: Mapped[int] = mapped_column(ForeignKey("users.id"))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    noted_at: Mapped[datetime] = mapped_column(Moment)
    noted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    replaced_at: Mapped[datetime | None] = mapped_column(Moment)


class DefenceShort(Base):
    """A defence may end before the policy's minutes: the leader's reason and a second member's signature."""

    __tablename__ = "defence_shorts"

    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id"), primary_key=True)
    reason: Mapped[str] = mapped_column(String(200))
    allowed_at: Mapped[datetime] = mapped_column(Moment)
    allowed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
