"""Authority and sites: who is known to whom, the files between them, and whose rows came from where."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class ExamSite(Base):
    """A site in the register of the authority. Keys are raw Ed25519 and X25519 public keys.

    `status` is the last small report of the site about its rooms, `status_at` when it was written there.
    """

    __tablename__ = "exam_sites"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(32), unique=True)
    name: Mapped[str] = mapped_column(String(120))
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    fingerprint: Mapped[str] = mapped_column(String(32), unique=True)
    letter_key: Mapped[bytes] = mapped_column(LargeBinary)
    address: Mapped[str] = mapped_column(String(200), default="")
    registered_at: Mapped[datetime] = mapped_column(Moment)
    registered_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
    contact_at: Mapped[datetime | None] = mapped_column(Moment)
    status: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    status_at: Mapped[datetime | None] = mapped_column(Moment)


class SiteRoom(Base):
    """A room of the authority's plan that is a site's."""

    __tablename__ = "site_rooms"

    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("exam_sites.id"), index=True)


class SiteAuthority(Base):
    """The authority that a site takes dispatches from, in one row. `code`: what it calls this site."""

    __tablename__ = "site_authority"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    code: Mapped[str] = mapped_column(String(32))
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    letter_key: Mapped[bytes] = mapped_column(LargeBinary)
    ca_pem: Mapped[str] = mapped_column(default="")
    accepted_at: Mapped[datetime] = mapped_column(Moment)
    accepted_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class SiteFile(Base):
    """A sealed file between authority and site: a dispatch, or results.

    `site_id` is empty at the site. state: made -> confirmed | replaced (outgoing); coming -> whole -> taken |
    refused (incoming). `content` is the hash of what is inside, so that the same
    is made and taken once; `number` counts the files about one sitting; `wrong`: what failed, as problems.
    """

    __tablename__ = "site_files"
    __table_args__ = (Index("ix_site_files_about", "about", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    kind: Mapped[str] = mapped_column(String(12))
    incoming: Mapped[bool]
    site_id: Mapped[int | None] = mapped_column(ForeignKey("exam_sites.id"), index=True)
    about: Mapped[str] = mapped_column(String(36))
    number: Mapped[int]
    content: Mapped[str] = mapped_column(String(64))
    head: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int]
    state: Mapped[str] = mapped_column(String(12))
    made_at: Mapped[datetime] = mapped_column(Moment)
    kept_at: Mapped[datetime] = mapped_column(Moment)
    done_at: Mapped[datetime | None] = mapped_column(Moment)
    done_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    told: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    wrong: Mapped[list[Any]] = mapped_column(JSON, default=list)


class SiteFilePart(Base):
    """One sealed part of such a file, checked against its hash when it came."""

    __tablename__ = "site_file_parts"

    file_id: Mapped[int] = mapped_column(ForeignKey("site_files.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class PeerRow(Base):
    """A row here that is a row of another installation: `peer` is the fingerprint of its signing key."""

    __tablename__ = "peer_rows"
    __table_args__ = (Index("ix_peer_rows_own", "peer", "place", "own"),)

    peer: Mapped[str] = mapped_column(String(32), primary_key=True)
    place: Mapped[str] = mapped_column(String(40), primary_key=True)
    theirs: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    own: Mapped[int]


class SiteSitting(Base):
    """A sitting of the authority at one site: what went out and what came back.

    `documents`: the site's signed attempts, compressed; `chains`: its audit chains with their checkpoints.
    At the site `site_id` is 0 and `uid` names what the authority calls the sitting there.
    """

    __tablename__ = "site_sittings"
    __table_args__ = (UniqueConstraint("sitting_id", "site"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    sitting_id: Mapped[int] = mapped_column(ForeignKey("sittings.id"), index=True)
    site: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    sent: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    sent_at: Mapped[datetime | None] = mapped_column(Moment)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    returned_at: Mapped[datetime | None] = mapped_column(Moment)
    documents: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    chains: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class AttemptOrigin(Base):
    """An attempt that was held at a site: its number in the records, and its key, sealed anew.

    The agent has written the number into every record's hash and seal, so records keep it.
    """

    __tablename__ = "attempt_origins"

    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    number: Mapped[int]
    site_id: Mapped[int] = mapped_column(ForeignKey("exam_sites.id"))
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary)
