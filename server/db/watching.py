"""What cameras bring: enrolments, pictures, captures, and the warnings that people give.

Vectors are sealed in their rows, pictures are sealed files in the evidence store (`EvidenceFrame.file`).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class Enrolment(Base):
    """Who sits at the seat, as its agent enrolled it; the newest of an attempt counts, unless it was dropped
    because somebody asked for a new one.

    `likeness` and `similarity` compare with the registration photo. `challenge` is a `ChallengeResult`, ""
    when none was asked for, with tries, reason and scores in `challenge_note`; `liveness` the passive score,
    None without one. The vector is emptied when `keep_until` is over.
    """

    __tablename__ = "enrolments"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    workstation_id: Mapped[int] = mapped_column(ForeignKey("workstations.id"))
    sealed_template: Mapped[bytes | None] = mapped_column(LargeBinary)
    likeness: Mapped[str] = mapped_column(String(16))
    similarity: Mapped[float | None]
    count: Mapped[int]
    spread: Mapped[float]
    models: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    challenge: Mapped[str] = mapped_column(String(12), default="", server_default=text("''"))
    challenge_note: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    liveness: Mapped[float | None]
    enrolled_at: Mapped[datetime] = mapped_column(Moment)
    dropped_at: Mapped[datetime | None] = mapped_column(Moment)
    keep_until: Mapped[datetime] = mapped_column(Moment)


class EvidenceFrame(Base):
    """One picture, announced by its hash and stored when it arrives.

    purpose: enrolment | alert | capture. `moment` of an alert's picture: before | at | after.
    `file` is empty until the sealed picture is durable, and again after `keep_until` was enforced; with
    `stored_at` alone the picture is gone or, with the `size` 0, never came and is not to be taken any more.
    """

    __tablename__ = "evidence_frames"
    __table_args__ = (UniqueConstraint("workstation_id", "sha256", "purpose", "incident_id", "capture_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"))
    workstation_id: Mapped[int] = mapped_column(ForeignKey("workstations.id"))
    purpose: Mapped[str] = mapped_column(String(12))
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"), index=True)
    capture_id: Mapped[int | None] = mapped_column(ForeignKey("captures.id"), index=True)
    moment: Mapped[str] = mapped_column(String(8), default="")
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    size: Mapped[int]
    taken_at: Mapped[datetime] = mapped_column(Moment)
    announced_at: Mapped[datetime] = mapped_column(Moment)
    stored_at: Mapped[datetime | None] = mapped_column(Moment)
    file: Mapped[str] = mapped_column(String(80), default="")
    keep_until: Mapped[datetime] = mapped_column(Moment)


class Capture(Base):
    """One random picture of a seat: when it was due, what the seat saw, what the server saw again.

    state: taken | missed (the camera gave none). recheck: "" (not chosen), due, agrees, disagrees, failed.
    """

    __tablename__ = "captures"
    __table_args__ = (UniqueConstraint("attempt_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"))
    number: Mapped[int]
    state: Mapped[str] = mapped_column(String(8))
    taken_at: Mapped[datetime] = mapped_column(Moment)
    note: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    recheck: Mapped[str] = mapped_column(String(12), default="")
    recheck_note: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    rechecked_at: Mapped[datetime | None] = mapped_column(Moment)


class CandidateWarning(Base):
    """What an invigilator told a candidate through the screen, and when the candidate confirmed it."""

    __tablename__ = "warnings"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    incident_id: Mapped[int | None] = mapped_column(ForeignKey("incidents.id"))
    text: Mapped[str] = mapped_column(String(200))
    given_at: Mapped[datetime] = mapped_column(Moment)
    given_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    read_at: Mapped[datetime | None] = mapped_column(Moment)
