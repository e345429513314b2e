"""Sign-ins at the desk: who was looked at when, by whom, how it came out, and what the chief decided."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class SignInRow(Base):
    """One candidate at the desk.

    `result`: "" (looked at, nothing said yet) -> pass | doubt | refused, or looked (a look that is over, kept
    because the face differed or was found the same after that); a doubt waits for `decision`:
    admitted | refused. `standing_for` is the registration while the row holds, so that there is one such row
    for each; none when it was taken back. `method`: ticket (scanned code) | number (typed) | id | paper.
    `face` is an `exam_rooms.desk.Face`. `signed_at`: when the candidate stood there, on paper before
    `entered_at`. The picture is sealed in the row and emptied when `keep_until` is over.
    """

    __tablename__ = "signins"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"), index=True)
    standing_for: Mapped[int | None] = mapped_column(unique=True)
    method: Mapped[str] = mapped_column(String(8), default="")
    result: Mapped[str] = mapped_column(String(8), default="")
    reason: Mapped[str] = mapped_column(String(200), default="")
    consent: Mapped[bool | None]
    face: Mapped[str] = mapped_column(String(12))
    similarity: Mapped[float | None]
    models: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    late_minutes: Mapped[int] = mapped_column(default=0)
    signed_at: Mapped[datetime] = mapped_column(Moment)
    entered_at: Mapped[datetime] = mapped_column(Moment)
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    second_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decision: Mapped[str] = mapped_column(String(8), default="")
    decision_reason: Mapped[str] = mapped_column(String(200), default="")
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    decided_second: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    taken_back_at: Mapped[datetime | None] = mapped_column(Moment)
    taken_back_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    taken_back_reason: Mapped[str] = mapped_column(String(200), default="")
    sealed_picture: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    has_picture: Mapped[bool] = mapped_column(default=False)
    keep_until: Mapped[datetime | None] = mapped_column(Moment)


class WalkIn(Base):
    """A candidate whom the chief took into this room on the day: from another room, or from no list at all.

    kind: moved | unlisted; `from_room_sitting_id`: where the seat was, if there was one.
    """

    __tablename__ = "walk_ins"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"), index=True)
    kind: Mapped[str] = mapped_column(String(8))
    from_room_sitting_id: Mapped[int | None] = mapped_column(ForeignKey("room_sittings.id"))
    reason: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(Moment)
    by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
