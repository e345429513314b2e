"""The data key under the master key, and banks that are getting a new key (design D8)."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from server.db.base import Base, Moment

DATA = "data"


class VaultKey(Base):
    """The data key, wrapped by the master key: one row, named "data".

    `master` names the master key (`itembank.vault.key_name`). While it changes, `next_wrapped` holds the same
    data key under the next one, so that whichever key file is there after a crash opens.
    """

    __tablename__ = "vault_keys"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    master: Mapped[str] = mapped_column(String(16))
    wrapped_at: Mapped[datetime] = mapped_column(Moment)
    next_wrapped: Mapped[bytes | None] = mapped_column(LargeBinary)
    next_master: Mapped[str | None] = mapped_column(String(16))
    made_at: Mapped[datetime] = mapped_column(Moment)


class BankRotation(Base):
    """One change of a bank's key, from its beginning to the round that found nothing of the old key.

    `part` and `after` say how far the round is (`services.rotation.PARTS`; the last primary key done);
    `changed` counts what this round resealed, `done` everything looked at in the first round out of `total`.
    `broken` counts what neither key opens: it was damaged before.
    """

    __tablename__ = "bank_rotations"

    id: Mapped[int] = mapped_column(primary_key=True)
    bank_id: Mapped[int] = mapped_column(ForeignKey("banks.id"), index=True)
    from_suite: Mapped[str] = mapped_column(String(8))
    to_suite: Mapped[str] = mapped_column(String(8))
    part: Mapped[int] = mapped_column(default=0)
    after: Mapped[list[Any]] = mapped_column(JSON, default=list)
    round: Mapped[int] = mapped_column(default=1)
    changed: Mapped[int] = mapped_column(default=0)
    done: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    broken: Mapped[int] = mapped_column(default=0)
    started_at: Mapped[datetime] = mapped_column(Moment)
    started_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    cosigned_by: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    finished_at: Mapped[datetime | None] = mapped_column(Moment)
