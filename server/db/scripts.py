"""Written papers on their way to a mark: scanned pages, scripts under blind codes, what each marker gave."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class Script(Base):
    """One candidate's written paper under a blind code.

    state: waiting (no scan needed, nobody marks it yet) -> marking -> third -> settled; waiting -> none (no
    paper was handed in, `note` says why). `settled`: {"rule", "readings": [ids], "totals": [texts], "wide"}
    with the points in force; `mark_id` is the entered mark that they became.
    """

    __tablename__ = "scripts"
    __table_args__ = (UniqueConstraint("room_sitting_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), unique=True)
    code: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(12), default="waiting")
    note: Mapped[str] = mapped_column(String(200), default="")
    made_at: Mapped[datetime] = mapped_column(Moment)
    settled_at: Mapped[datetime | None] = mapped_column(Moment)
    points: Mapped[Decimal | None] = mapped_column(Numeric(6, 3))
    settled: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    mark_id: Mapped[int | None] = mapped_column(ForeignKey("entered_marks.id"))


class ScanUpload(Base):
    """One file of scans as it was brought in: its hash, and how many pages it gave."""

    __tablename__ = "scan_uploads"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    pages: Mapped[int]
    uploaded_at: Mapped[datetime] = mapped_column(Moment)
    uploaded_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class ScanPage(Base):
    """One scanned page in three strips, so that markers are never shown seat, ticket or name.

    `code`: what its QR said, "" for none. `matched_by`: code | hand, "" while it belongs to no script.
    `place`: its place among the pages of its script. The strips are JPEG, each sealed.
    """

    __tablename__ = "scan_pages"
    __table_args__ = (UniqueConstraint("room_sitting_id", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    upload_id: Mapped[int] = mapped_column(ForeignKey("scan_uploads.id"), index=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    script_id: Mapped[int | None] = mapped_column(ForeignKey("scripts.id"), index=True)
    number: Mapped[int]
    place: Mapped[int] = mapped_column(default=0)
    code: Mapped[str] = mapped_column(String(120), default="")
    matched_by: Mapped[str] = mapped_column(String(8), default="")
    sha256: Mapped[str] = mapped_column(String(64))
    sealed_stamp: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sealed_head: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sealed_body: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    set_aside_at: Mapped[datetime | None] = mapped_column(Moment)


class ScriptMarker(Base):
    """Somebody who may be given scripts of a room."""

    __tablename__ = "script_markers"

    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    named_at: Mapped[datetime] = mapped_column(Moment)
    named_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class ScriptReading(Base):
    """One marker's marking of one script; from `handed_at` on it never changes.

    `turn`: 1 and 2 mark independently, 3 decides. `given`: points by item as text, "" for a whole paper;
    drafts too. A reading that was taken back before it was handed in keeps its `withdrawn_at`.
    """

    __tablename__ = "script_readings"

    id: Mapped[int] = mapped_column(primary_key=True)
    script_id: Mapped[int] = mapped_column(ForeignKey("scripts.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    turn: Mapped[int]
    given: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    total: Mapped[Decimal | None] = mapped_column(Numeric(6, 3))
    note: Mapped[str] = mapped_column(String(200), default="")
    allotted_at: Mapped[datetime] = mapped_column(Moment)
    allotted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    opened_at: Mapped[datetime | None] = mapped_column(Moment)
    handed_at: Mapped[datetime | None] = mapped_column(Moment)
    withdrawn_at: Mapped[datetime | None] = mapped_column(Moment)
    withdrawn_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    withdrawn_reason: Mapped[str] = mapped_column(String(200), default="")


class ScriptObjective(Base):
    """What a candidate answered in the questions that a key marks, typed from the sheet by two people.

    `sealed`: {item uid: response}; `points` what the frozen key gives for it. A second typing that differs
    ends the row (`replaced_at`), as with every entered mark; a confirmed one ends when another is confirmed.
    """

    __tablename__ = "script_objectives"
    id: Mapped[int] = mapped_column(primary_key=True)
    script_id: Mapped[int] = mapped_column(ForeignKey("scripts.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    points: Mapped[Decimal] = mapped_column(Numeric(6, 3))
    typed_at: Mapped[datetime] = mapped_column(Moment)
    typed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    replaced_at: Mapped[datetime | None] = mapped_column(Moment)
