"""A checked import becomes items of its bank: sealed beside the database, stored in one transaction."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.orm import Session

from itembank.item_json import facts_to_json
from itembank.item_rules import DIFFICULTIES, missing_facts
from itembank.items import DELIVERED, ItemBody, ItemFacts, is_point_code
from itembank.vault import Vault
from server.access import Actor, Permission
from server.db.bank import Bank, BankImport, BankItem, BankMedium, ImportMedium, ItemVersion
from server.db.base import vault_of
from server.errors import NotFound, Refused
from server.services import audit, imports
from server.services.banks import columns_of
from server.services.readings import Packed
from server.services.signed import Signed, as_signed, need, need_reason, second_person

PLACE_CHARACTERS = 80
CHUNK = 2_000  # rows of one INSERT round trip


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person decides about a checked import.

    `good_rows`: rejected rows may stay out. `reviewed`: the items were reviewed elsewhere and come in active
    when nothing is missing; else all are drafts. `point`, `difficulty` (0 = none) and `points` (category ->
    point) fill in what items do not say themselves.
    """

    good_rows: bool = False
    reviewed: bool = False
    point: str = ""
    difficulty: int = 0
    points: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """One item ready to be stored; `media` are the hashes it names."""

    place: str
    facts: ItemFacts
    content_index: str
    stem_index: str
    sealed: bytes
    media: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """The items of one import, sealed for the bank key and made of the reading whose digests are given."""

    import_id: int
    choice: Choice
    entries: tuple[Entry, ...]
    bad_rows: int
    reading: bytes
    key: bytes


def prepare(session: Session, import_id: int, choice: Choice) -> Prepared:
    """Opens the reading and seals its items: the work of a commit that needs no transaction.

    Raises `Refused` when there is nothing to decide, or what is chosen cannot be.
    """
    row = session.get(BankImport, import_id)
    if row is None:
        raise NotFound("import")
    vault = vault_of(session)
    known = imports.opened(vault, row) if row.state == "checked" else None
    if known is None:
        raise Refused("import_not_ready")
    _check(choice)
    bank = session.get_one(Bank, row.bank_id)
    known = imports.compared(vault, imports.held(session, bank.id), known)
    entries = tuple(_entries(vault, bank.wrapped_key, known, choice))
    bad_rows = imports.rows_of(known.reading.rejected)
    return Prepared(row.id, choice, entries, bad_rows, _digest(row), _digest_of(bank.wrapped_key))


def take_in(session: Session, who: Actor | Signed, made: Prepared, *, now: datetime) -> int:
    """Adds the items, all in this transaction, and erases file and reading; how many came in.

    With rejected rows only when `good_rows` was chosen. `reviewed` takes a reason and a second person who may
    review items, except at the server's own command line.
    """
    signed = as_signed(who)
    need(signed.actor, Permission.IMPORT_BANK)
    row = session.get_one(BankImport, made.import_id, with_for_update=True)
    bank = session.get_one(Bank, row.bank_id, with_for_update=True)
    if row.state != "checked":
        raise Refused("import_not_ready")
    made = _fresh(session, bank, row, made)
    choice = made.choice
    if made.bad_rows and not choice.good_rows:
        raise Refused("import_has_faults", field="good_rows", count=made.bad_rows)
    if not made.entries:
        raise Refused("import_is_empty")
    if choice.reviewed:
        _need_second(signed)
    _add_items(session, bank, row, made, signed, now)
    _add_media(session, bank, row, made)
    imports.erase(session, row)
    row.state, row.accepted, row.rejected = "committed", len(made.entries), made.bad_rows
    reviewed = {"reviewed": "yes", **signed.why()} if choice.reviewed else {}
    facts = {"items": row.accepted, "sha256": row.sha256, **reviewed}
    stream = audit.bank_stream(bank.id)
    audit.record(session, stream, signed.actor, "bank_imported", f"import/{row.id}", now=now, **facts)
    return row.accepted


def _check(choice: Choice) -> None:
    for point in (choice.point, *choice.points.values()):
        if point and not is_point_code(point):
            raise Refused("bad_point", 422, field="point", value=point[:80])
    if choice.difficulty and choice.difficulty not in DIFFICULTIES:
        raise Refused("bad_difficulty", 422, field="difficulty", value=choice.difficulty)


def _need_second(signed: Signed) -> None:
    if signed.actor.user_id is None:
        return
    need_reason(signed)
    need(second_person(signed), Permission.REVIEW_ITEMS)


def _fresh(session: Session, bank: Bank, row: BankImport, made: Prepared) -> Prepared:
    """What was prepared, or made again here when reading, key or bank changed between the two steps."""
    if made.key != _digest_of(bank.wrapped_key) or made.reading != _digest(row):
        return prepare(session, row.id, made.choice)
    held = imports.held(session, bank.id)
    if any(e.facts.uid in held.uids or e.content_index in held.contents for e in made.entries):
        return prepare(session, row.id, made.choice)
    return made


def _entries(vault: Vault, key: bytes, known: Packed, choice: Choice) -> Iterator[Entry]:
    rows = zip(known.reading.items, known.contents, known.stems, strict=True)
    seal = vault.item_sealer(key)
    for (place, item, _label, _told), content, stem in rows:
        yield Entry(
            place[:PLACE_CHARACTERS],
            _completed(item.facts, choice),
            vault.index(imports.CONTENT_PURPOSE, content),
            vault.index(imports.STEM_PURPOSE, stem),
            seal(item.facts.uid, 1, item.body),
            tuple(media_of(item.body)),
        )


def media_of(body: ItemBody) -> Iterator[str]:
    """SHA-256 of every medium that a body and its parts name."""
    yield from (medium.sha256 for medium in body.media)
    for part in body.parts:
        yield from media_of(part.body)


def _completed(facts: ItemFacts, choice: Choice) -> ItemFacts:
    if facts.point and facts.difficulty:
        return facts
    point = facts.point or choice.points.get(facts.path, "") or choice.point
    return replace(facts, point=point, difficulty=facts.difficulty or choice.difficulty)


def _status(facts: ItemFacts, choice: Choice) -> str:
    ready = choice.reviewed and facts.kind in DELIVERED and not missing_facts(facts)
    return "active" if ready else "draft"


def _add_items(  # noqa: PLR0913 - where it goes, what it is, who brings it
    session: Session, bank: Bank, row: BankImport, made: Prepared, signed: Signed, now: datetime
) -> None:
    second = signed.cosigner.user_id if signed.cosigner and made.choice.reviewed else None
    people = {"author_id": signed.actor.user_id, "reviewer_id": second}
    shared = {"import_id": row.id, **people}
    items = [
        {"uid": entry.facts.uid, **columns_of(entry.facts)}
        | _shown(entry)
        | {"bank_id": bank.id, "status": _status(entry.facts, made.choice), "changed_at": now, **shared}
        for entry in made.entries
    ]
    _insert(session, BankItem, items)
    ids = dict(session.execute(select(BankItem.uid, BankItem.id).where(BankItem.import_id == row.id)).all())
    reviewed = {"reviewed_at": now if made.choice.reviewed else None}
    versions = [
        _shown(entry, stem=False)
        | {"item_id": ids[entry.facts.uid], "facts": facts_to_json(entry.facts), "created_at": now}
        | shared
        | reviewed
        for entry in made.entries
    ]
    _insert(session, ItemVersion, versions)


def _shown(entry: Entry, *, stem: bool = True) -> dict[str, Any]:
    """What an item and its first version have in common; versions keep no index of the stem."""
    columns = {
        "version": 1,
        "content_index": entry.content_index,
        "sealed_body": entry.sealed,
        "place": entry.place,
    }
    return columns | {"stem_index": entry.stem_index} if stem else columns


def _insert(session: Session, model: type[BankItem | ItemVersion], rows: Sequence[dict[str, Any]]) -> None:
    table = model.__table__
    assert isinstance(table, Table)
    for start in range(0, len(rows), CHUNK):
        session.execute(insert(table), list(rows[start : start + CHUNK]))


def _add_media(session: Session, bank: Bank, row: BankImport, made: Prepared) -> None:
    """The media that accepted items name and the bank lacks; a bank that changes its key gets them anew."""
    named = {sha for entry in made.entries for sha in entry.media}
    named -= set(session.scalars(select(BankMedium.sha256).where(BankMedium.bank_id == bank.id)))
    if not named:
        return
    vault = vault_of(session)
    for medium in session.scalars(select(ImportMedium).where(ImportMedium.import_id == row.id)):
        if medium.sha256 not in named:
            continue
        sealed = medium.sealed
        if bank.next_key is not None:
            data = vault.open_medium(bank.wrapped_key, medium.sha256, sealed)
            sealed = vault.seal_medium(bank.wrapped_key, medium.sha256, data)
        shape = {name: getattr(medium, name) for name in ("sha256", "mime", "size", "width", "height")}
        session.add(BankMedium(bank_id=bank.id, sealed=sealed, **shape))
    session.flush()
    session.execute(delete(ImportMedium).where(ImportMedium.import_id == row.id))


def _digest(row: BankImport) -> bytes:
    return _digest_of(row.sealed_reading or b"")


def _digest_of(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
