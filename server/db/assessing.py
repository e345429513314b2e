"""What a panel assesses: templates of sheets, stations, turns of candidates, sheets and what became of them.

Practical assessment and comprehensive review share these tables: a *turn* is one candidate before one panel,
a *sheet* is one examiner's marks of one turn. Marks are append-only, chained and sealed like answers.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, Numeric, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment


class SheetTemplate(Base):
    """One version of what a panel scores by (`itembank.sheet_template`), sealed until the day.

    state: draft -> approved -> retired. `component` is practical or review. `sample`: ours, marked 示例.
    """

    __tablename__ = "sheet_templates"
    __table_args__ = (UniqueConstraint("uid", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), index=True)
    version: Mapped[int]
    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id"), index=True)
    component: Mapped[str] = mapped_column(String(16))
    title: Mapped[str] = mapped_column(String(120))
    minutes: Mapped[Decimal] = mapped_column(Numeric(7, 2))
    sample: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(16), default="draft")
    sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sha256: Mapped[str] = mapped_column(String(64))
    note: Mapped[str] = mapped_column(String(200), default="")
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None] = mapped_column(Moment)
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Station(Base):
    """A place in a practical room where one candidate performs, with what stands there."""

    __tablename__ = "stations"
    __table_args__ = (UniqueConstraint("room_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_id: Mapped[int] = mapped_column(ForeignKey("rooms.id"), index=True)
    number: Mapped[str] = mapped_column(String(8))
    equipment: Mapped[list[str]] = mapped_column(JSON, default=list)
    active: Mapped[bool] = mapped_column(default=True)


class OrderDraw(Base):
    """A draw of the order and stations of a room's candidates by a stored seed; the newest is in force."""

    __tablename__ = "order_draws"

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    seed: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str] = mapped_column(String(200), default="")
    drawn_at: Mapped[datetime] = mapped_column(Moment)
    drawn_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class Turn(Base):
    """One candidate before one panel: drawn `number`, blind `code`, station, and how it went.

    state: waiting -> called -> performing -> done; waiting | called -> absent. `overtime_seconds` is what the
    candidate took beyond the template's minutes. `panel`: user ids whose sheets the turn needs, fixed
    when it begins. `planned_at`: of a defence schedule. Examiners are told the code, never the registration.
    """

    __tablename__ = "turns"
    __table_args__ = (
        UniqueConstraint("room_sitting_id", "number"),
        UniqueConstraint("room_sitting_id", "code", name="uq_turns_code"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    registration_id: Mapped[int] = mapped_column(ForeignKey("registrations.id"), unique=True)
    number: Mapped[int]
    code: Mapped[str] = mapped_column(String(12))
    station_id: Mapped[int | None] = mapped_column(ForeignKey("stations.id"))
    state: Mapped[str] = mapped_column(String(12), default="waiting")
    panel: Mapped[list[int]] = mapped_column(JSON, default=list)
    planned_at: Mapped[datetime | None] = mapped_column(Moment)
    called_at: Mapped[datetime | None] = mapped_column(Moment)
    started_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    overtime_seconds: Mapped[int] = mapped_column(default=0)
    note: Mapped[str] = mapped_column(String(200), default="")


class ScoringDevice(Base):
    """An examiner's tablet: the public half (P-256, SPKI DER) of the key that signs what is locked there."""

    __tablename__ = "scoring_devices"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    label: Mapped[str] = mapped_column(String(120), default="")
    registered_at: Mapped[datetime] = mapped_column(Moment)
    revoked_at: Mapped[datetime | None] = mapped_column(Moment)


class ScoreSheet(Base):
    """One examiner's sheet of one turn. state: open -> locked; a locked one never changes (R31).

    `lock`: {"journal", "seq", "head", "device", "key" (of the device), "signature" (base64), "stamped_at",
    "receipt" (the site's signature)} of the record that locked it.
    """

    __tablename__ = "score_sheets"
    __table_args__ = (UniqueConstraint("turn_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id"), index=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    state: Mapped[str] = mapped_column(String(8), default="open")
    opened_at: Mapped[datetime] = mapped_column(Moment)
    locked_at: Mapped[datetime | None] = mapped_column(Moment)
    lock: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class SheetJournal(Base):
    """A journal number given to one tablet for one sheet; `parent` is the head it continues."""

    __tablename__ = "sheet_journals"

    sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheets.id"), primary_key=True)
    journal: Mapped[int] = mapped_column(primary_key=True)
    device_id: Mapped[int] = mapped_column(ForeignKey("scoring_devices.id"))
    parent: Mapped[str] = mapped_column(String(64))
    opened_at: Mapped[datetime] = mapped_column(Moment)


class ScoreRecord(Base):
    """One thing an examiner did on a sheet: append-only, chained, sealed.

    The same (sheet, journal, seq) with another hash is a fork: both are kept, `forked` marks the later one.
    `refused`: the code of why a record of the chain does not count ("" when it does): it came after the lock,
    or is nothing that the template knows. What counts is applied in the order of `id`.
    """

    __tablename__ = "score_records"
    __table_args__ = (UniqueConstraint("sheet_id", "journal", "seq", "hash"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheets.id"), index=True)
    journal: Mapped[int]
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))
    prev: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    forked: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    refused: Mapped[str] = mapped_column(String(40), default="", server_default=text("''"))
    stamped_at: Mapped[datetime] = mapped_column(Moment)
    received_at: Mapped[datetime] = mapped_column(Moment)


class ScorePhoto(Base):
    """A photo taken as evidence: re-encoded without metadata, sealed; `sha256` is of what was sent."""

    __tablename__ = "score_photos"
    __table_args__ = (UniqueConstraint("sheet_id", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    sheet_id: Mapped[int] = mapped_column(ForeignKey("score_sheets.id"), index=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    item: Mapped[str] = mapped_column(String(40), default="")
    sealed: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    taken_at: Mapped[datetime] = mapped_column(Moment)
    received_at: Mapped[datetime] = mapped_column(Moment)


class PanelScore(Base):
    """What a panel's sheets came to; a change is a new revision, the old row keeps its `replaced_at`.

    state: aggregated -> confirmed (by the leader) -> checked (by the mark checker); aggregated -> arbitration
    -> aggregated. `detail`: totals per examiner, vetoes, spread, and of an arbitration its reason and people.
    """

    __tablename__ = "panel_scores"
    __table_args__ = (UniqueConstraint("turn_id", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    turn_id: Mapped[int] = mapped_column(ForeignKey("turns.id"), index=True)
    revision: Mapped[int]
    state: Mapped[str] = mapped_column(String(12))
    score: Mapped[Decimal | None] = mapped_column(Numeric(8, 3))
    vetoed: Mapped[bool] = mapped_column(default=False)
    spread: Mapped[Decimal | None] = mapped_column(Numeric(8, 3))
    detail: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    checked_at: Mapped[datetime | None] = mapped_column(Moment)
    checked_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    replaced_at: Mapped[datetime | None] = mapped_column(Moment)


class PanelReport(Base):
    """The panel's report of a room (考评报告), signed by leader and members with their real names."""

    __tablename__ = "panel_reports"
    __table_args__ = (UniqueConstraint("room_sitting_id", "revision"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    revision: Mapped[int]
    body: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    opinion: Mapped[str] = mapped_column(String(2000), default="")
    digest: Mapped[str] = mapped_column(String(64))
    signatures: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    made_at: Mapped[datetime] = mapped_column(Moment)
    made_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
