"""Who serves where and may not, duty signed, rooms looked over before the start, and supervision."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, Date, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class StaffProfile(Base):
    """What the register says of a member of staff: employer, the card's number, its grade and last day."""

    __tablename__ = "staff_profiles"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    employer: Mapped[str] = mapped_column(String(120), default="")
    card_number: Mapped[str] = mapped_column(String(40), default="")
    card_grade: Mapped[str] = mapped_column(String(20), default="")
    valid_to: Mapped[date | None] = mapped_column(Date)
    changed_at: Mapped[datetime] = mapped_column(Moment)
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class StaffRecusal(Base):
    """A link for which a person stands back: with a candidate (blind index, never the number) or an employer.

    A withdrawn link stays as a row with `removed_at`.
    """

    __tablename__ = "staff_recusals"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    candidate_index: Mapped[str] = mapped_column(String(64), default="")
    employer: Mapped[str] = mapped_column(String(120), default="")
    note: Mapped[str] = mapped_column(String(200), default="")
    added_at: Mapped[datetime] = mapped_column(Moment)
    added_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    removed_at: Mapped[datetime | None] = mapped_column(Moment)
    removed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class StaffDraw(Base):
    """A draw of the people on duty in a sitting. `inputs` is the hash of everything that decided it.

    `shortages`: places that nobody could fill, each {"role", "rooms", "count"}.
    """

    __tablename__ = "staff_draws"

    id: Mapped[int] = mapped_column(primary_key=True)
    sitting_id: Mapped[int] = mapped_column(ForeignKey("sittings.id"), index=True)
    seed: Mapped[str] = mapped_column(String(40))
    inputs: Mapped[str] = mapped_column(String(64))
    shortages: Mapped[list[Any]] = mapped_column(JSON)
    drawn_at: Mapped[datetime] = mapped_column(Moment)
    drawn_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class DutySign(Base):
    """One stay of a person on duty in a room: from when to when, and who signed if somebody else did."""

    __tablename__ = "duty_signs"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    role: Mapped[str] = mapped_column(String(32))
    in_at: Mapped[datetime] = mapped_column(Moment)
    in_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    in_reason: Mapped[str] = mapped_column(String(200), default="")
    out_at: Mapped[datetime | None] = mapped_column(Moment)
    out_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    out_reason: Mapped[str] = mapped_column(String(200), default="")


class GateOverrule(Base):
    """The chief lets a room start with what a gate found; it holds for this very finding."""

    __tablename__ = "gate_overrules"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    gate: Mapped[str] = mapped_column(String(16))
    finding: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200))
    overruled_at: Mapped[datetime] = mapped_column(Moment)
    overruled_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class GateStand(Base):
    """How the gates of a room stood when it was started, each {"name", "state", "code", "params", ...}."""

    __tablename__ = "gate_stands"

    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), primary_key=True)
    taken_at: Mapped[datetime] = mapped_column(Moment)
    gates: Mapped[list[Any]] = mapped_column(JSON)


class SiteCheckSign(Base):
    """A system administrator's signature under what was found at the machines of a room.

    `finding` is the hash of `snapshot`; another finding later makes the signature outdated.
    """

    __tablename__ = "site_check_signs"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    finding: Mapped[str] = mapped_column(String(64))
    snapshot: Mapped[list[Any]] = mapped_column(JSON)
    remarks: Mapped[str] = mapped_column(String(500), default="")
    signed_at: Mapped[datetime] = mapped_column(Moment)
    signed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class SupervisionMark(Base):
    """One answer to an item of the supervisor's checklist; the newest of an item counts, all are kept."""

    __tablename__ = "supervision_marks"
    __table_args__ = (Index("ix_supervision_marks_item", "sitting_id", "item"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sitting_id: Mapped[int] = mapped_column(ForeignKey("sittings.id"))
    item: Mapped[str] = mapped_column(String(32))
    result: Mapped[str] = mapped_column(String(8))
    note: Mapped[str] = mapped_column(String(200), default="")
    marked_at: Mapped[datetime] = mapped_column(Moment)
    marked_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class SupervisionNote(Base):
    """What the supervisor noted, or found wrong (`finding`) with how it was put right."""

    __tablename__ = "supervision_notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    sitting_id: Mapped[int] = mapped_column(ForeignKey("sittings.id"), index=True)
    room_sitting_id: Mapped[int | None] = mapped_column(ForeignKey("room_sittings.id"))
    finding: Mapped[bool] = mapped_column(default=False)
    text: Mapped[str] = mapped_column(String(1000))
    noted_at: Mapped[datetime] = mapped_column(Moment)
    noted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    correction: Mapped[str] = mapped_column(String(1000), default="")
    corrected_at: Mapped[datetime | None] = mapped_column(Moment)


class SupervisionSign(Base):
    """The supervisor has signed the form of a sitting: nothing is added any more."""

    __tablename__ = "supervision_signs"
    __table_args__ = (UniqueConstraint("sitting_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sitting_id: Mapped[int] = mapped_column(ForeignKey("sittings.id"))
    opinion: Mapped[str] = mapped_column(String(500))
    mark: Mapped[str] = mapped_column(String(16))
    signed_at: Mapped[datetime] = mapped_column(Moment)
    signed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
