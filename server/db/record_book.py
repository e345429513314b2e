"""The room record, checkpoints of audit chains, which camera stood before whom, and dossiers taken out."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class CameraStay(Base):
    """From when to when (half open) a workstation reported this camera; `identity` "" stands in no row."""

    __tablename__ = "camera_stays"

    id: Mapped[int] = mapped_column(primary_key=True)
    workstation_id: Mapped[int] = mapped_column(ForeignKey("workstations.id"), index=True)
    seat_id: Mapped[int] = mapped_column(ForeignKey("seats.id"))
    identity: Mapped[str] = mapped_column(String(120))
    from_at: Mapped[datetime] = mapped_column(Moment)
    until_at: Mapped[datetime | None] = mapped_column(Moment)


class AuditCheckpoint(Base):
    """A signed root over the first `size` entries of a chain (RFC 6962, design D15).

    `head`: hash of the last of them; `previous`: root of the checkpoint before, "" for the first one;
    `site_key` and `signature` are base64.
    """

    __tablename__ = "audit_checkpoints"

    id: Mapped[int] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(String(40), index=True)
    size: Mapped[int]
    root: Mapped[str] = mapped_column(String(64))
    head: Mapped[str] = mapped_column(String(64))
    previous: Mapped[str] = mapped_column(String(64), default="")
    at: Mapped[datetime] = mapped_column(Moment)
    site_key: Mapped[str] = mapped_column(String(64))
    signature: Mapped[str] = mapped_column(String(120))

    def as_json(self) -> dict[str, Any]:
        """Plain values, as `server.rules.audit_chain` reads them."""
        return {
            "stream": self.stream,
            "size": self.size,
            "root": self.root,
            "head": self.head,
            "previous": self.previous,
            "at": self.at.astimezone(UTC).isoformat(),
            "site_key": self.site_key,
            "signature": self.signature,
        }


class RoomRecordRow(Base):
    """A sealed room record: `content` as it was signed, its hash, the checkpoint that seals it."""

    __tablename__ = "room_records"

    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), primary_key=True)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    content_sha256: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime] = mapped_column(Moment)
    sealed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    checkpoint_id: Mapped[int] = mapped_column(ForeignKey("audit_checkpoints.id"))


class RecordCorrection(Base):
    """What a person changed on a room record: the old and the new text, and why. Nothing is overwritten."""

    __tablename__ = "record_corrections"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    field: Mapped[str] = mapped_column(String(80))
    old: Mapped[str] = mapped_column(String(1000))
    new: Mapped[str] = mapped_column(String(1000))
    reason: Mapped[str] = mapped_column(String(200))
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class RecordSignature(Base):
    """Who signed which content of a room record; it holds while the record says the same."""

    __tablename__ = "record_signatures"
    __table_args__ = (UniqueConstraint("room_sitting_id", "user_id", "content_sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(32))
    content_sha256: Mapped[str] = mapped_column(String(64))
    signed_at: Mapped[datetime] = mapped_column(Moment)


class RecordAnnex(Base):
    """What was added to a room record after it was sealed."""

    __tablename__ = "record_annexes"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    text: Mapped[str] = mapped_column(String(1000))
    added_at: Mapped[datetime] = mapped_column(Moment)
    added_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class DossierRow(Base):
    """A dossier that somebody asked for. state: making -> done | failed; `file` lies sealed until purged.

    `whole`: all rooms of the sitting; `root`: Merkle root over its files.
    """

    __tablename__ = "dossiers"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    whole: Mapped[bool] = mapped_column(default=False)
    with_frames: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(8), default="making")
    asked_at: Mapped[datetime] = mapped_column(Moment)
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    made_at: Mapped[datetime | None] = mapped_column(Moment)
    sha256: Mapped[str] = mapped_column(String(64), default="")
    root: Mapped[str] = mapped_column(String(64), default="")
    size: Mapped[int] = mapped_column(default=0)
    file: Mapped[str] = mapped_column(String(80), default="")
