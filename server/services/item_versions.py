"""Versions of items: never changed in place, each with its origin, its author and who reviewed it.

An item's row holds the version in force. A change of an item that nobody has reviewed yet replaces it at
once by the next version; a change of one in use waits beside it (`pending`) until another person takes it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.item_json import facts_from_json, facts_to_json
from itembank.item_rules import validate
from itembank.items import Item, ItemBody, ItemFacts, content_hash, stem_hash
from itembank.problems import InputRefused
from server.access import Actor, Permission
from server.db.bank import Bank, BankImport, BankItem, ItemVersion
from server.db.base import vault_of
from server.db.record import AuditEntry
from server.errors import NotFound, Refused
from server.services import audit
from server.services.banks import columns_of, facts_of
from server.services.imports import CONTENT_PURPOSE, STEM_PURPOSE
from server.services.item_life import CHUNK, need_usable, writers
from server.services.signed import need

MOST_NOTE = 200


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version as a list shows it, without its body.

    `state`: in_force, waiting (for a review), rejected, or past.
    """

    version: int
    state: str
    created_at: datetime | None
    author_id: int | None
    reviewer_id: int | None
    note: str
    filename: str
    sha256: str
    place: str


def add(session: Session, actor: Actor, bank_id: int, item: Item, *, now: datetime) -> int:
    """A new item written by a person: version 1, draft. Raises `InputRefused` with what is wrong with it."""
    need(actor, Permission.AUTHOR_ITEMS)
    bank = session.get(Bank, bank_id)
    if bank is None:
        raise NotFound("bank")
    _check(item)
    taken = select(BankItem.id).where(BankItem.bank_id == bank_id, BankItem.uid == item.facts.uid)
    if session.scalar(taken):
        raise Refused("item_id_taken", 422, field="uid", uid=item.facts.uid)
    sealed = vault_of(session).seal_item(bank.wrapped_key, item.facts.uid, 1, item.body)
    row = BankItem(
        bank_id=bank_id,
        uid=item.facts.uid,
        version=1,
        status="draft",
        content_index=_index(session, item.body),
        stem_index=_stem_index(session, item.body),
        sealed_body=sealed,
        author_id=actor.user_id,
        changed_at=now,
        **columns_of(item.facts),
    )
    session.add(row)
    session.flush()
    session.add(_version(row, item.facts, sealed, actor, now))
    _record(session, actor, row, "item_written", 1, now)
    return row.id


def change(  # noqa: PLR0913 - an act and its note
    session: Session, actor: Actor, item_id: int, changed: Item, note: str, *, now: datetime
) -> int:
    """A next version; returns its number. In force at once for a draft, else pending until reviewed.

    Raises `InputRefused` (faults of the item), `Refused`: item_pending_already, item_id_fixed, item_retired.
    """
    need(actor, Permission.AUTHOR_ITEMS)
    row = _locked(session, item_id)
    if row.status == "retired":
        raise Refused("item_retired", 422, uid=row.uid)
    if changed.facts.uid != row.uid:
        raise Refused("item_id_fixed", 422, field="uid", uid=row.uid)
    if pending(session, row) is not None:
        raise Refused("item_pending_already", 409, uid=row.uid)
    _check(changed)
    keep_first(session, row, now)
    number = _next_number(session, row)
    bank = session.get_one(Bank, row.bank_id)
    sealed = vault_of(session).seal_item(bank.wrapped_key, row.uid, number, changed.body)
    version = _version(row, changed.facts, sealed, actor, now, number=number)
    version.note, version.content_index = note.strip()[:MOST_NOTE], _index(session, changed.body)
    session.add(version)
    if row.status == "draft":
        _put_in_force(session, row, version, changed.body, now)
    _record(session, actor, row, "item_changed", number, now)
    return number


def accept(session: Session, actor: Actor, item_id: int, *, seen: int, now: datetime) -> int:
    """Another person puts the pending version in force, which is the one `seen`; returns its number.

    Raises `Refused`: item_nothing_pending, item_changed_meanwhile, item_reviewer_is_author, and for an item
    in use item_incomplete.
    """
    need(actor, Permission.REVIEW_ITEMS)
    row = _locked(session, item_id)
    if row.status == "retired":
        raise Refused("item_retired", 422, uid=row.uid)
    version = _pending(session, row, seen)
    if actor.user_id in writers(session, {row.id: version.version})[row.id]:
        raise Refused("item_reviewer_is_author", 403, uid=row.uid)
    version.reviewer_id, version.reviewed_at = actor.user_id, now
    row.reviewer_id = actor.user_id
    bank = session.get_one(Bank, row.bank_id)
    body = vault_of(session).open_item(bank.wrapped_key, row.uid, version.version, version.sealed_body)
    _put_in_force(session, row, version, body, now)
    if row.status in ("trial", "active"):
        need_usable(row)
    _record(session, actor, row, "item_version_accepted", version.version, now)
    return version.version


def reject(  # noqa: PLR0913 - an act, its note and the version that it is about
    session: Session, actor: Actor, item_id: int, note: str, *, seen: int, now: datetime
) -> None:
    """The pending version, the one `seen`, is given up; its number is never used again: papers name numbers.

    Raises `Refused`: item_nothing_pending, item_changed_meanwhile.
    """
    row = _locked(session, item_id)
    version = _pending(session, row, seen)
    if version.author_id != actor.user_id:
        need(actor, Permission.REVIEW_ITEMS)
    version.note = f"{version.note} / {note.strip()}"[:MOST_NOTE] if note.strip() else version.note
    version.reviewer_id, version.reviewed_at = actor.user_id, now
    _record(session, actor, row, "item_version_rejected", version.version, now)


def pending(session: Session, row: BankItem) -> ItemVersion | None:
    """The version that waits for a review, if there is one."""
    later = select(ItemVersion).where(ItemVersion.item_id == row.id, ItemVersion.version > row.version)
    return session.scalar(later.where(ItemVersion.reviewed_at.is_(None)).order_by(ItemVersion.version.desc()))


def versions(session: Session, item_id: int) -> list[VersionView]:
    """Every version, newest first, with its origin."""
    row = session.get(BankItem, item_id)
    if row is None:
        raise NotFound("item")
    found = session.execute(
        select(ItemVersion, BankImport.filename, BankImport.sha256)
        .outerjoin(BankImport, BankImport.id == ItemVersion.import_id)
        .where(ItemVersion.item_id == item_id)
        .order_by(ItemVersion.version.desc())
    ).all()
    rejected = _rejected(session, row)
    return [
        VersionView(
            version.version,
            _state(row, version, rejected),
            version.created_at,
            version.author_id,
            version.reviewer_id,
            version.note,
            filename or "",
            sha256 or "",
            version.place,
        )
        for version, filename, sha256 in found
    ]


def _state(row: BankItem, version: ItemVersion, rejected: set[int]) -> str:
    if version.version == row.version:
        return "in_force"
    if version.version in rejected:
        return "rejected"
    return "waiting" if version.version > row.version else "past"


def _rejected(session: Session, row: BankItem) -> set[int]:
    """The versions that were given up; the record alone tells them from those that were in force."""
    entries = select(AuditEntry.details).where(
        AuditEntry.stream == audit.bank_stream(row.bank_id),
        AuditEntry.act == "item_version_rejected",
        AuditEntry.object == f"item/{row.uid}",
    )
    return {int(details["version"]) for details in session.scalars(entries)}


def load(session: Session, numbers: Iterable[tuple[int, int]]) -> dict[tuple[int, int], ItemVersion]:
    """Versions by (item id, version) in few statements; those that were never written down are left out."""
    wanted = set(numbers)
    ids = sorted({item_id for item_id, _version in wanted})
    found: dict[tuple[int, int], ItemVersion] = {}
    for start in range(0, len(ids), CHUNK):
        rows = select(ItemVersion).where(ItemVersion.item_id.in_(ids[start : start + CHUNK]))
        found |= {(row.item_id, row.version): row for row in session.scalars(rows)}
    return {place: row for place, row in found.items() if place in wanted}


def opened(session: Session, row: BankItem, number: int) -> Item:
    """Facts and body of one version; the caller has checked who asks and puts it on the record."""
    bank = session.get_one(Bank, row.bank_id)
    vault = vault_of(session)
    version = session.get(ItemVersion, (row.id, number))
    if version is not None:
        body = vault.open_item(bank.wrapped_key, row.uid, number, version.sealed_body)
        return Item(facts_from_json(version.facts), body)
    if number != row.version:
        raise NotFound("item")
    return Item(facts_of(row), vault.open_item(bank.wrapped_key, row.uid, number, row.sealed_body))


def keep_first(session: Session, row: BankItem, now: datetime) -> None:
    """Writes down the version in force when an older release left none, before another follows it."""
    if session.get(ItemVersion, (row.id, row.version)) is None:
        session.add(
            ItemVersion(
                item_id=row.id,
                version=row.version,
                facts=facts_to_json(facts_of(row)),
                sealed_body=row.sealed_body,
                content_index=row.content_index,
                import_id=row.import_id,
                place=row.place,
                created_at=row.changed_at or now,
                author_id=row.author_id,
                reviewer_id=row.reviewer_id,
                reviewed_at=now if row.reviewer_id else None,
            )
        )


def _check(item: Item) -> None:
    faults = validate(item)
    if faults:
        raise InputRefused(*faults)


def _index(session: Session, body: ItemBody) -> str:
    return vault_of(session).index(CONTENT_PURPOSE, content_hash(body))


def _version(  # noqa: PLR0913 - what a version is
    row: BankItem, facts: ItemFacts, sealed: bytes, actor: Actor, now: datetime, *, number: int = 1
) -> ItemVersion:
    return ItemVersion(
        item_id=row.id,
        version=number,
        facts=facts_to_json(facts),
        sealed_body=sealed,
        content_index=row.content_index,
        created_at=now,
        author_id=actor.user_id,
        note="",
        place="",
    )


def _stem_index(session: Session, body: ItemBody) -> str:
    return vault_of(session).index(STEM_PURPOSE, stem_hash(body))


def _put_in_force(
    session: Session, row: BankItem, version: ItemVersion, body: ItemBody, now: datetime
) -> None:
    if version.content_index != row.content_index:  # another text: what was measured was not this one
        row.facility, row.discrimination, row.answered = None, None, 0
    row.stem_index = _stem_index(session, body)
    for name, value in columns_of(facts_from_json(version.facts)).items():
        setattr(row, name, value)
    row.version, row.sealed_body = version.version, version.sealed_body
    row.content_index, row.author_id, row.changed_at = version.content_index, version.author_id, now
    row.import_id, row.place = version.import_id, version.place


def _locked(session: Session, item_id: int) -> BankItem:
    row = session.get(BankItem, item_id, with_for_update=True)
    if row is None:
        raise NotFound("item")
    return row


def _pending(session: Session, row: BankItem, seen: int) -> ItemVersion:
    version = pending(session, row)
    if version is None:
        raise Refused("item_nothing_pending", 409, uid=row.uid)
    if version.version != seen:
        raise Refused("item_changed_meanwhile", 409, uid=row.uid)
    return version


def _record(  # noqa: PLR0913 - what an entry says
    session: Session, actor: Actor, row: BankItem, act: str, number: int, now: datetime
) -> None:
    stream = audit.bank_stream(row.bank_id)
    audit.record(session, stream, actor, act, f"item/{row.uid}", now=now, version=number)


def _next_number(session: Session, row: BankItem) -> int:
    """Rejected versions keep their numbers."""
    highest = session.scalar(select(func.max(ItemVersion.version)).where(ItemVersion.item_id == row.id))
    return max(highest or 0, row.version) + 1
