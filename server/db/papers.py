"""Papers: assembled forms with their proof, and sealed packages with their custodians."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, Numeric, String, and_, func, text
from sqlalchemy.orm import Mapped, mapped_column

from server.db.bank import BankItem, ItemVersion
from server.db.base import Base, Moment


class PaperSet(Base):
    """K forms assembled together from one bank by one blueprint and one stored seed.

    `rules` are the further rules of the assembly ({"spares": n, "fixed": [uid], "forbidden": [uid],
    "recent_sittings": n, "recent_max": n, "room_id": id of the room whose seats get a form each, "seats": its
    [number, column, row] in the order of the forms}); the last `spares` forms are kept back for a swap.

    state: assembling -> assembled | infeasible | failed; assembled -> approved, either -> retired.
    `outcome` holds proof and shortages as JSON; `snapshot` is the hash of the pool facts used,
    `pool_facts` these facts as compressed canonical JSON.
    """

    __tablename__ = "paper_sets"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id"))
    blueprint_id: Mapped[int] = mapped_column(ForeignKey("blueprints.id"))
    seed: Mapped[str] = mapped_column(String(40))
    forms: Mapped[int]
    max_overlap: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    snapshot: Mapped[str] = mapped_column(String(64), default="")
    rules: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    pool_facts: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    outcome: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("jobs.id"))
    created_at: Mapped[datetime] = mapped_column(Moment)
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    approved_at: Mapped[datetime | None] = mapped_column(Moment)
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))


class FormItem(Base):
    """One item at its place in one form."""

    __tablename__ = "form_items"

    paper_set_id: Mapped[int] = mapped_column(ForeignKey("paper_sets.id"), primary_key=True)
    form: Mapped[str] = mapped_column(String(4), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    item_uid: Mapped[str] = mapped_column(String(64))
    item_version: Mapped[int]
    points: Mapped[Decimal] = mapped_column(Numeric(6, 3))


VERSION_ON_FORM = and_(ItemVersion.item_id == FormItem.item_id, ItemVersion.version == FormItem.item_version)
"""Joins the version that a form froze; an older release may have left none of an item that never changed."""
KIND_ON_FORM = func.coalesce(ItemVersion.facts["kind"].as_string(), BankItem.kind)
"""The kind that an item has on the form, whatever it became since; joins `BankItem` and `VERSION_ON_FORM`."""


class Package(Base):
    """A sealed package for one room in one sitting.

    state: sealed -> released -> destroyed; sealed -> superseded | destroyed. A `spare` package holds the
    spare forms and comes in force when two people swap it in (`swapped_in`: {"by", "at", "reason"}).
    `min_version` is the least software version that can show it.

    `sealed_release_secret` is the server's third of the release; `sealed_content_key` is there only after
    two custodians released the package, so that a restarted server goes on. It holds the forms of a paper
    set, or the sheet template of what a panel assesses.
    """

    __tablename__ = "packages"

    id: Mapped[int] = mapped_column(primary_key=True)
    uid: Mapped[str] = mapped_column(String(36), unique=True)
    paper_set_id: Mapped[int | None] = mapped_column(ForeignKey("paper_sets.id"))
    template_id: Mapped[int | None] = mapped_column(ForeignKey("sheet_templates.id"))
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"))
    state: Mapped[str] = mapped_column(String(16), default="sealed")
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int]
    not_before: Mapped[datetime] = mapped_column(Moment)
    sealed_release_secret: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_content_key: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_at: Mapped[datetime] = mapped_column(Moment)
    sealed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    released_at: Mapped[datetime | None] = mapped_column(Moment)
    released_by: Mapped[list[int]] = mapped_column(JSON, default=list)
    spare: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    min_version: Mapped[str] = mapped_column(String(20), default="", server_default=text("''"))
    swapped_in: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    delivery_checked_at: Mapped[datetime | None] = mapped_column(Moment)
    code_issued: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    destroyed: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class PackageCustodian(Base):
    """Who holds a share of a package, and in which role (R20: the two must differ in it).

    `proved_at`: when the holder last showed that the share opens, without opening the paper. `share_name`:
    what the package calls the holder, "" for the number of the account (another where an authority sealed).
    """

    __tablename__ = "package_custodians"

    package_id: Mapped[int] = mapped_column(ForeignKey("packages.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(32))
    share_name: Mapped[str] = mapped_column(String(64), default="", server_default=text("''"))
    proved_at: Mapped[datetime | None] = mapped_column(Moment)


class PaperPrint(Base):
    """One printing of a form on paper for a room, by two people: the line of the issue and return register.

    `purpose`: "paper_mode" (the sitting is on paper) or "last_resort" (a released package could not be
    used). `document`: paper | sheet | key; `seats` are the seats with a copy of their own.
    Counts stay None until somebody enters them; issued + spare = copies, returned = all of them.
    """

    __tablename__ = "paper_prints"

    id: Mapped[int] = mapped_column(primary_key=True)
    package_id: Mapped[int | None] = mapped_column(ForeignKey("packages.id"))
    paper_set_id: Mapped[int] = mapped_column(ForeignKey("paper_sets.id"))
    room_sitting_id: Mapped[int] = mapped_column(ForeignKey("room_sittings.id"), index=True)
    form: Mapped[str] = mapped_column(String(4))
    purpose: Mapped[str] = mapped_column(String(16))
    document: Mapped[str] = mapped_column(String(8), default="paper", server_default=text("'paper'"))
    seats: Mapped[list[str] | None] = mapped_column(JSON)
    copies: Mapped[int]
    sheet_size: Mapped[str] = mapped_column(String(4))
    sha256: Mapped[str] = mapped_column(String(64))
    reason: Mapped[str] = mapped_column(String(200), default="")
    printed_at: Mapped[datetime] = mapped_column(Moment)
    printed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    issued: Mapped[int | None]
    spare: Mapped[int | None]
    returned: Mapped[int | None]
    register_note: Mapped[str] = mapped_column(String(200), default="")


class EnteredMark(Base):
    """A mark that a person entered: for an essay's response, or for a whole paper written on paper.

    `item_uid` "" means the whole paper. `response_index` is the keyed hash of the text that was read, "" for
    a whole paper: another text of the same item has no mark. The entry counts when another person has
    confirmed it; a changed mark is a new row, the old one keeps its `replaced_at`.
    """

    __tablename__ = "entered_marks"

    id: Mapped[int] = mapped_column(primary_key=True)
    attempt_id: Mapped[int] = mapped_column(ForeignKey("attempts.id"), index=True)
    item_uid: Mapped[str] = mapped_column(String(80), default="")
    points: Mapped[Decimal] = mapped_column(Numeric(6, 3))
    most: Mapped[Decimal] = mapped_column(Numeric(6, 3))
    note: Mapped[str] = mapped_column(String(200), default="")
    response_index: Mapped[str] = mapped_column(String(64), default="")
    entered_at: Mapped[datetime] = mapped_column(Moment)
    entered_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    confirmed_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    replaced_at: Mapped[datetime | None] = mapped_column(Moment)
