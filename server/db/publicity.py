"""After the marks: publicity lists, objections, recheck requests, corrections, keys put right after a test.

Nothing here is overwritten: a line of a list is replaced by one on a later list, marks that were given again
leave the former ones behind, and what was decided keeps who decided it.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, LargeBinary, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class PublicityList(Base):
    """A list of results as it was published: numbered in its batch, by two people.

    `sealed` holds the lines as they stood; `sha256` is of these lines as canonical JSON. `token` names the
    public page. `published_on` and `last_on` are days on the site's clock, the last of them included;
    `final_at` is the beginning of the working day after it, `report_due` the last day for the report.
    """

    __tablename__ = "publicity_lists"
    __table_args__ = (UniqueConstraint("batch_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    number: Mapped[int]
    token: Mapped[str] = mapped_column(String(43), unique=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sha256: Mapped[str] = mapped_column(String(64))
    candidates: Mapped[int]
    published_on: Mapped[date] = mapped_column(Date)
    last_on: Mapped[date] = mapped_column(Date)
    final_at: Mapped[datetime] = mapped_column(Moment)
    report_due: Mapped[date] = mapped_column(Date)
    published_at: Mapped[datetime] = mapped_column(Moment)
    published_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class PublicityEntry(Base):
    """A candidate on a list. In force until `replaced_at`; `replaced_why`: correction | key_fix | new_result.

    `results`: ids of the results that were published, in their order; once others are in force the line says
    what no longer holds. `finalised_at`: when it was put on the record that the result is final; it is so
    from `final_at` on, unless an objection holds it.
    """

    __tablename__ = "publicity_entries"
    __table_args__ = (UniqueConstraint("list_id", "candidate_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    list_id: Mapped[int] = mapped_column(ForeignKey("publicity_lists.id"), index=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    results: Mapped[list[int]] = mapped_column(JSON, default=list)
    final_at: Mapped[datetime] = mapped_column(Moment)
    finalised_at: Mapped[datetime | None] = mapped_column(Moment)
    replaced_at: Mapped[datetime | None] = mapped_column(Moment)
    replaced_why: Mapped[str] = mapped_column(String(16), default="")


class Objection(Base):
    """What somebody said against a published result; it holds that candidate's result alone.

    state: open -> upheld | rejected; upheld -> settled (by a correction) | rejected. `sealed` is who said it,
    how they are reached and what they said.
    """

    __tablename__ = "objections"

    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("publicity_entries.id"), index=True)
    state: Mapped[str] = mapped_column(String(12), default="open")
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(Moment)
    received_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str] = mapped_column(String(400), default="")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("corrections.id"))


class Recheck(Base):
    """A candidate's request to look again whether something was left out or added up wrongly (R35).

    state: open -> answered. `grounds`: omission | sum | standard. `outcome`: unchanged | found |
    out_of_scope. `sums` is what the check saw: [{"what", "stored", "again"}]. Days are on the site's clock.
    """

    __tablename__ = "rechecks"

    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    component: Mapped[str] = mapped_column(String(16))
    grounds: Mapped[str] = mapped_column(String(12))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(12), default="open")
    received_at: Mapped[datetime] = mapped_column(Moment)
    received_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    due_on: Mapped[date] = mapped_column(Date)
    outcome: Mapped[str] = mapped_column(String(12), default="")
    answer: Mapped[str] = mapped_column(String(400), default="")
    sums: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    correction_id: Mapped[int | None] = mapped_column(ForeignKey("corrections.id"))


class Correction(Base):
    """A change of one result, proposed by one person and approved by two others.

    state: proposed -> applied | rejected | withdrawn. `old_revision` is the row that it replaces. `source`:
    {"kind": "objection" | "recheck" | "own", "id"}.
    """

    __tablename__ = "corrections"

    id: Mapped[int] = mapped_column(primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("batches.id"), index=True)
    candidate_id: Mapped[int] = mapped_column(ForeignKey("candidates.id"), index=True)
    component: Mapped[str] = mapped_column(String(16))
    old_revision: Mapped[int]
    old_status: Mapped[str] = mapped_column(String(16))
    old_score: Mapped[Decimal | None] = mapped_column(Numeric(8, 3))
    new_status: Mapped[str] = mapped_column(String(16))
    new_score: Mapped[Decimal | None] = mapped_column(Numeric(8, 3))
    reason: Mapped[str] = mapped_column(String(400))
    evidence: Mapped[str] = mapped_column(String(400))
    source: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(12), default="proposed")
    proposed_at: Mapped[datetime] = mapped_column(Moment)
    proposed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    closed_at: Mapped[datetime | None] = mapped_column(Moment)


class CorrectionVote(Base):
    """What one person, signed in alone, said to a correction."""

    __tablename__ = "correction_votes"

    correction_id: Mapped[int] = mapped_column(ForeignKey("corrections.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    approved: Mapped[bool]
    note: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime] = mapped_column(Moment)


class KeyFix(Base):
    """One question of a paper set whose key is put right, or that is taken out, after the test.

    `item`: its id on the paper, `item_uid` and `item_version` the bank's item. `effect`: key | credit | drop.
    `sealed_entries` holds the keys that are right now (a list; the best of them counts), with key alone.
    `preview`: per room what would change (`rules.key_fixes.RoomChange` as plain values).
    state: proposed -> approved -> applied; proposed -> rejected | withdrawn. Once applied every marking
    follows it.
    """

    __tablename__ = "key_fixes"

    id: Mapped[int] = mapped_column(primary_key=True)
    paper_set_id: Mapped[int] = mapped_column(ForeignKey("paper_sets.id"), index=True)
    item: Mapped[str] = mapped_column(String(64))
    item_uid: Mapped[str] = mapped_column(String(64))
    item_version: Mapped[int]
    places: Mapped[list[str]] = mapped_column(JSON, default=list)
    effect: Mapped[str] = mapped_column(String(8))
    sealed_entries: Mapped[bytes | None] = mapped_column(LargeBinary)
    reason: Mapped[str] = mapped_column(String(400))
    evidence: Mapped[str] = mapped_column(String(400))
    preview: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    state: Mapped[str] = mapped_column(String(12), default="proposed")
    proposed_at: Mapped[datetime] = mapped_column(Moment)
    proposed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None] = mapped_column(Moment)
    applied_at: Mapped[datetime | None] = mapped_column(Moment)


class KeyFixVote(Base):
    """What one person, signed in alone, said to a key fix."""

    __tablename__ = "key_fix_votes"

    key_fix_id: Mapped[int] = mapped_column(ForeignKey("key_fixes.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    approved: Mapped[bool]
    note: Mapped[str] = mapped_column(String(200), default="")
    at: Mapped[datetime] = mapped_column(Moment)


class PastMarks(Base):
    """The mark of an attempt as it stood before the room was marked again; columns as in ComponentResult."""

    __tablename__ = "past_marks"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    component: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    total: Mapped[Decimal | None] = mapped_column(Numeric(8, 3))
    passed: Mapped[bool | None]
    answered: Mapped[int] = mapped_column(default=0)
    not_counted: Mapped[int] = mapped_column(default=0)
    sealed_marks: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    sealed_before_void: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    marked_at: Mapped[datetime] = mapped_column(Moment)
    replaced_at: Mapped[datetime] = mapped_column(Moment)
    replaced_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    key_fix_id: Mapped[int | None] = mapped_column(ForeignKey("key_fixes.id"))
