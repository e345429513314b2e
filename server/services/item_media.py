"""Pictures, sounds and films of a bank, one at a time: looked at by staff, added by authors of items."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.importing.media import MediumFile
from itembank.items import ItemBody, Medium
from itembank.problems import InputRefused, Problem
from server.access import Actor, Permission
from server.db.bank import Bank, BankMedium
from server.db.base import vault_of
from server.errors import NotFound
from server.services import audit
from server.services.signed import need

_NAMED = re.compile(r"media:([0-9a-f]{64})")


def medium(session: Session, actor: Actor, bank_id: int, sha256: str) -> MediumFile:
    """One medium, opened; the caller puts it on the record with `note`."""
    need(actor, Permission.READ_ITEMS)
    bank, row = session.get(Bank, bank_id), session.get(BankMedium, (bank_id, sha256))
    if bank is None or row is None:
        raise NotFound("medium")
    data = vault_of(session).open_medium(bank.wrapped_key, sha256, row.sealed)
    return MediumFile(_shape(row), data)


def note(session: Session, actor: Actor, bank_id: int, sha256: str, *, now: datetime) -> None:
    """A medium was looked at."""
    stream = audit.bank_stream(bank_id)
    audit.record(session, stream, actor, "medium_read", f"medium/{sha256[:16]}", now=now)


def add(session: Session, actor: Actor, bank_id: int, file: MediumFile, *, now: datetime) -> None:
    """Keeps a medium, sealed; the same bytes are kept once."""
    need(actor, Permission.AUTHOR_ITEMS)
    bank = session.get(Bank, bank_id, with_for_update=True)
    if bank is None:
        raise NotFound("bank")
    shape = file.medium
    if session.get(BankMedium, (bank_id, shape.sha256)) is not None:
        return
    row = BankMedium(bank_id=bank_id, sha256=shape.sha256, mime=shape.mime, size=len(file.data))
    row.width, row.height = shape.width, shape.height
    row.sealed = vault_of(session).seal_medium(bank.wrapped_key, shape.sha256, file.data)
    session.add(row)
    stream, facts = audit.bank_stream(bank_id), {"mime": shape.mime, "size": shape.size}
    audit.record(session, stream, actor, "medium_added", f"medium/{shape.sha256[:16]}", now=now, **facts)


def known(session: Session, bank_id: int, hashes: Iterable[str]) -> dict[str, Medium]:
    """Shape of those media that the bank has, by hash."""
    rows = select(BankMedium).where(BankMedium.bank_id == bank_id, BankMedium.sha256.in_(set(hashes)))
    return {row.sha256: _shape(row) for row in session.scalars(rows)}


def named(body: ItemBody) -> set[str]:
    """The hash of every medium that a body's texts, picture and parts name."""
    found = {sha256 for text in _own_texts(body) for sha256 in _NAMED.findall(text)}
    found |= {body.picture} if body.picture else set()
    return found.union(*(named(part.body) for part in body.parts))


def joined(body: ItemBody, media: Mapping[str, Medium]) -> ItemBody:
    """The body with the shape of every medium that it names itself.

    Raises `InputRefused` (medium_not_in_bank) when it names another.
    """
    parts = tuple(replace(part, body=joined(part.body, media)) for part in body.parts)
    own = sorted(named(replace(body, parts=())))
    for sha256 in own:
        if sha256 not in media:
            raise InputRefused(Problem("medium_not_in_bank", "stem", {"medium": sha256[:16]}))
    return replace(body, parts=parts, media=tuple(media[sha256] for sha256 in own))


def _own_texts(body: ItemBody) -> Iterable[str]:
    return replace(body, parts=()).texts()


def _shape(row: BankMedium) -> Medium:
    return Medium(row.sha256, row.mime, row.size, row.width, row.height)
