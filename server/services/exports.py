"""Taking a bank out as a file: who may read items may; the whole is one reading of them all, on record."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.item_json import item_to_json
from itembank.items import Item
from itembank.sealing import SealBroken
from server.access import Actor, Permission
from server.db.bank import Bank, BankItem, BankMedium
from server.db.base import vault_of
from server.errors import NotFound, Refused
from server.services import audit
from server.services.banks import facts_of
from server.services.export_formats import available
from server.services.import_commit import media_of
from server.services.signed import need

STATUSES = ("draft", "reviewed", "trial", "active", "suspended")
"""What an export holds unless a person chooses: all but retired items."""


def payload(
    session: Session, actor: Actor, bank_id: int, form: str, statuses: Iterable[str] = STATUSES
) -> dict[str, Any]:
    """What the child that writes the file is given: items and media, opened.

    Raises `Refused` for a format that is not written here and for a bank with nothing to take out.
    """
    need(actor, Permission.READ_ITEMS)
    if form not in available():
        raise Refused("export_format_unknown", 422, field="format", value=form[:20])
    bank = session.get(Bank, bank_id)
    if bank is None:
        raise NotFound("bank")
    vault = vault_of(session)
    items, named = [], set[str]()
    for row in _rows(session, bank_id, statuses):
        body = vault.open_item(bank.wrapped_key, row.uid, row.version, row.sealed_body)
        items.append(item_to_json(Item(facts_of(row), body)))
        named.update(media_of(body))
    if not items:
        raise Refused("export_is_empty")
    media = {
        f"medium/{medium.sha256}": vault.open_medium(bank.wrapped_key, medium.sha256, medium.sealed)
        for medium in session.scalars(select(BankMedium).where(BankMedium.bank_id == bank_id))
        if medium.sha256 in named
    }
    return {"format": form, "title": bank.name, "items": items, **media}


def note(session: Session, actor: Actor, bank_id: int, work: Mapping[str, Any], *, now: datetime) -> None:
    """Puts an export on record before the file leaves: which items, in which format.

    `work` is the payload. The ids are given as one digest over their sorted lines, so that the record can be
    held against a file; what the items say is not in it.
    """
    uids = sorted(str(item["facts"]["uid"]) for item in work["items"])
    facts = {
        "format": work["format"],
        "items": len(uids),
        "uids": hashlib.sha256("\n".join(uids).encode()).hexdigest(),
    }
    stream = audit.bank_stream(bank_id)
    audit.record(session, stream, actor, "bank_exported", f"bank/{bank_id}", now=now, **facts)


@dataclass(frozen=True, slots=True)
class MediumView:
    """One medium of a bank; `whole` tells whether it opens and is what its hash says."""

    sha256: str
    mime: str
    size: int
    width: int
    height: int
    whole: bool


def media(session: Session, bank_id: int) -> list[MediumView]:
    """Every medium of a bank, opened and held against its hash, in the order of the hashes."""
    bank = session.get_one(Bank, bank_id)
    rows = select(BankMedium).where(BankMedium.bank_id == bank_id).order_by(BankMedium.sha256)
    return [_looked_at(session, bank, row) for row in session.scalars(rows)]


def _looked_at(session: Session, bank: Bank, row: BankMedium) -> MediumView:
    try:
        data = vault_of(session).open_medium(bank.wrapped_key, row.sha256, row.sealed)
        whole = hashlib.sha256(data).hexdigest() == row.sha256
    except SealBroken:
        whole = False
    return MediumView(row.sha256, row.mime, row.size, row.width, row.height, whole)


def _rows(session: Session, bank_id: int, statuses: Iterable[str]) -> Iterable[BankItem]:
    wanted = select(BankItem).where(BankItem.bank_id == bank_id, BankItem.status.in_(tuple(statuses)))
    return session.scalars(wanted.order_by(BankItem.uid).execution_options(yield_per=500))
