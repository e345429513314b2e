"""What protects candidates' personal data: answers about face comparison, faces that did not match, holds."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class Consent(Base):
    """What a candidate said about face comparison at the seat, or took back; never changed.

    how: seat (the candidate's own answer) | withdrawn (told to a member of staff, a second one beside).
    `text_version`: which text was shown.
    """

    __tablename__ = "consents"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    given: Mapped[bool]
    how: Mapped[str] = mapped_column(String(12))
    text_version: Mapped[str] = mapped_column(String(20), default="")
    at: Mapped[datetime] = mapped_column(Moment)
    reason: Mapped[str] = mapped_column(String(200), default="")
    by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    second_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class FaceProbe(Base):
    """The face of an open FACE_MISMATCH or SEAT_SWAP incident as a sealed vector; emptied when it has been
    handled, at `keep_until` at the latest. `model`: what made it.
    """

    __tablename__ = "face_probes"

    incident_id: Mapped[int] = mapped_column(ForeignKey("incidents.id"), primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    sealed_probe: Mapped[bytes | None] = mapped_column(LargeBinary)
    model: Mapped[str] = mapped_column(String(60), default="")
    taken_at: Mapped[datetime] = mapped_column(Moment)
    keep_until: Mapped[datetime] = mapped_column(Moment)


class LegalHold(Base):
    """Nothing of a room's sitting, or of one attempt in it, is deleted until the hold is lifted."""

    __tablename__ = "legal_holds"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    attempt_id: Mapped[int | None] = mapped_column(ForeignKey("attempts.id"), index=True)
    reason: Mapped[str] = mapped_column(String(200))
    placed_at: Mapped[datetime] = mapped_column(Moment)
    placed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    lifted_at: Mapped[datetime | None] = mapped_column(Moment)
    lifted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    lifted_second: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    lift_reason: Mapped[str] = mapped_column(String(200), default="")
