"""Item banks: made, filled by imports that are dry runs first, and counted. Bodies are always sealed."""

import json
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.importing.pipeline import BankReading
from itembank.items import Item, ItemBody, ItemFacts, ItemKind, content_hash
from itembank.problems import Problem
from server.access import Actor, Permission
from server.db.bank import Bank, BankImport, BankItem
from server.db.base import vault_of
from server.errors import Forbidden, NotFound, Refused
from server.services import audit
from server.services.batches import occupation_key

READING_PURPOSE = "bank-import"
CONTENT_PURPOSE = "item-content"
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class BankView:
    """A bank in numbers."""

    id: int
    name: str
    occupation: str
    level: int
    sample: bool
    items: int
    by_kind: dict[str, int]
    by_scope: dict[str, dict[str, int]]
    """Top scope -> kind -> active items."""
    points: int
    by_point: dict[str, dict[str, int]] = field(default_factory=dict)
    """Point -> kind -> active items."""


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file to import: its name as given, its SHA-256 in hex, its size in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """The dry run of one import as the screen shows it."""

    id: int
    bank_id: int
    filename: str
    state: str
    accepted: int
    rejected: int
    reading: BankReading | None
    job_id: int | None
    begun_by: int | None

    @property
    def bad_rows(self) -> int:
        """How many rows were rejected; one row may have several faults."""
        return _rows(self.reading) if self.reading else self.rejected


def create(session: Session, actor: Actor, facts: BankView, *, now: datetime) -> int:
    """A new empty bank with a key of its own; only name, occupation, level and sample of `facts` are read."""
    _require(actor, Permission.IMPORT_BANK)
    name, occupation = facts.name.strip(), occupation_key(facts.occupation, facts.level)
    if not name:
        raise Refused("bank_name_missing", 422, field="name")
    if session.scalar(select(Bank.id).where(Bank.name == name)):
        raise Refused("bank_name_taken", 422, field="name", name=name)
    bank = Bank(
        name=name,
        occupation=occupation,
        level=facts.level,
        sample=facts.sample,
        wrapped_key=vault_of(session).new_bank_key(),
        created_at=now,
        created_by=actor.user_id,
    )
    session.add(bank)
    session.flush()
    audit.record(
        session, audit.bank_stream(bank.id), actor, "bank_created", f"bank/{bank.id}", now=now, name=name
    )
    return bank.id


def new_bank(name: str, occupation: str, level: int, *, sample: bool = False) -> BankView:
    """The facts of a bank to create."""
    return BankView(0, name, occupation, level, sample, 0, {}, {}, 0)


def begin_import(session: Session, actor: Actor, bank_id: int, file: UploadedFile, *, now: datetime) -> int:
    """Notes that a file is being read; nothing of the bank changes before `commit_import`."""
    _require(actor, Permission.IMPORT_BANK)
    if session.get(Bank, bank_id) is None:
        raise NotFound("bank")
    row = BankImport(
        bank_id=bank_id,
        filename=file.name[:200],
        sha256=file.sha256,
        size=file.size,
        state="reading",
        created_at=now,
        created_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    return row.id


def link_job(session: Session, import_id: int, job_id: int) -> None:
    """Remembers which job reads the file, so that a returning person finds its progress."""
    session.get_one(BankImport, import_id).job_id = job_id


def store_reading(session: Session, import_id: int, reading: BankReading) -> None:
    """Keeps what the reader found, sealed, checked against what the bank already holds."""
    row = session.get_one(BankImport, import_id)
    if row.state != "reading":
        return
    checked = _against_bank(session, row.bank_id, reading)
    text = json.dumps(checked.to_json(), ensure_ascii=False).encode()
    row.sealed_reading = vault_of(session).seal_value(READING_PURPOSE, str(row.id), text)
    row.state = "checked"
    row.accepted, row.rejected = len(checked.items), _rows(checked)
    row.total = row.accepted + row.rejected


def fail_import(session: Session, import_id: int, problem: Problem) -> None:
    """The file could not be read at all; the reason is kept as the report's one problem."""
    row = session.get_one(BankImport, import_id)
    if row.state != "reading":
        return
    refused = BankReading.refused(problem)
    text = json.dumps(refused.to_json(), ensure_ascii=False).encode()
    row.sealed_reading = vault_of(session).seal_value(READING_PURPOSE, str(row.id), text)
    row.state, row.rejected, row.total = "failed", 1, 1


def report(session: Session, import_id: int) -> ImportReport:
    """The import with everything its screen shows."""
    row = session.get(BankImport, import_id)
    if row is None:
        raise NotFound("import")
    return ImportReport(
        id=row.id,
        bank_id=row.bank_id,
        filename=row.filename,
        state=row.state,
        accepted=row.accepted,
        rejected=row.rejected,
        reading=_reading(session, row),
        job_id=row.job_id,
        begun_by=row.created_by,
    )


def commit_import(session: Session, actor: Actor, import_id: int, *, good_rows: bool, now: datetime) -> int:
    """Adds the items, all in this transaction. With rejected rows only when `good_rows` was chosen."""
    _require(actor, Permission.IMPORT_BANK)
    row = session.get(BankImport, import_id)
    if row is None:
        raise NotFound("import")
    reading = _reading(session, row)
    if row.state != "checked" or reading is None:
        raise Refused("import_not_ready")
    reading = _against_bank(session, row.bank_id, reading)  # the bank may have grown since the dry run
    if reading.rejected and not good_rows:
        raise Refused("import_has_faults", field="good_rows", count=_rows(reading))
    if not reading.items:
        raise Refused("import_is_empty")
    bank = session.get_one(Bank, row.bank_id)
    session.add_all(_row(session, bank, row, place, item) for place, item in reading.items)
    row.state, row.sealed_reading = "committed", None
    row.accepted, row.rejected = len(reading.items), _rows(reading)
    stream = audit.bank_stream(bank.id)
    audit.record(
        session,
        stream,
        actor,
        "bank_imported",
        f"import/{row.id}",
        now=now,
        items=row.accepted,
        sha256=row.sha256,
    )
    return row.accepted


def discard_import(session: Session, actor: Actor, import_id: int, *, now: datetime) -> None:
    """Forgets a dry run; nothing of it stays but its name and numbers."""
    _require(actor, Permission.IMPORT_BANK)
    row = session.get(BankImport, import_id)
    if row is None:
        raise NotFound("import")
    if row.state == "committed":
        raise Refused("import_not_ready")
    row.state, row.sealed_reading = "discarded", None
    audit.record(
        session, audit.bank_stream(row.bank_id), actor, "import_discarded", f"import/{row.id}", now=now
    )


def banks(session: Session) -> list[BankView]:
    """Every bank in numbers, by name."""
    return [view(session, bank_id) for bank_id in session.scalars(select(Bank.id).order_by(Bank.name))]


def imports(session: Session, bank_id: int) -> list[BankImport]:
    """The imports of a bank, newest first."""
    rows = select(BankImport).where(BankImport.bank_id == bank_id).order_by(BankImport.id.desc())
    return list(session.scalars(rows))


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One page of a bank's items, facts only; pages count from 1."""

    rows: list[BankItem]
    total: int
    page: int
    pages: int


def item_page(session: Session, bank_id: int, page: int) -> ItemPage:
    """The page asked for, or the nearest there is."""
    total = session.scalar(select(func.count()).select_from(BankItem).where(BankItem.bank_id == bank_id)) or 0
    pages = max(-(-total // PAGE_SIZE), 1)
    page = min(max(page, 1), pages)
    rows = select(BankItem).where(BankItem.bank_id == bank_id).order_by(BankItem.point, BankItem.uid)
    found = session.scalars(rows.limit(PAGE_SIZE).offset((page - 1) * PAGE_SIZE))
    return ItemPage(list(found), total, page, pages)


def view(session: Session, bank_id: int) -> BankView:
    """One bank in numbers."""
    bank = session.get(Bank, bank_id)
    if bank is None:
        raise NotFound("bank")
    kinds: Counter[str] = Counter()
    scopes: dict[str, Counter[str]] = {}
    points: dict[str, dict[str, int]] = {}
    rows = session.execute(
        select(BankItem.point, BankItem.kind, func.count())
        .where(BankItem.bank_id == bank_id, BankItem.status == "active")
        .group_by(BankItem.point, BankItem.kind)
    )
    for point, kind, count in rows:
        kinds[kind] += count
        points.setdefault(point, {})[kind] = count
        scopes.setdefault(point.split("-")[0], Counter())[kind] += count
    by_scope = {scope: dict(counted) for scope, counted in sorted(scopes.items())}
    return BankView(
        bank.id,
        bank.name,
        bank.occupation,
        bank.level,
        bank.sample,
        sum(kinds.values()),
        dict(kinds),
        by_scope,
        len(points),
        dict(sorted(points.items())),
    )


def read_item(
    session: Session, actor: Actor, bank_id: int, item_id: int, *, now: datetime
) -> tuple[ItemFacts, ItemBody]:
    """Opens one item for a person who may read bodies; every reading is in the bank's audit chain."""
    _require(actor, Permission.READ_ITEMS)
    row = session.get(BankItem, item_id)
    if row is None or row.bank_id != bank_id:
        raise NotFound("item")
    bank = session.get_one(Bank, row.bank_id)
    body = vault_of(session).open_item(bank.wrapped_key, row.uid, row.version, row.sealed_body)
    audit.record(session, audit.bank_stream(bank.id), actor, "item_read", f"item/{row.uid}", now=now)
    return facts_of(row), body


def facts_of(row: BankItem) -> ItemFacts:
    """The clear columns of an item as the core knows them."""
    return ItemFacts(
        uid=row.uid,
        point=row.point,
        kind=ItemKind(row.kind),
        difficulty=row.difficulty,
        consistency=row.consistency,
        importance=row.importance,
        sample=False,
    )


def _require(actor: Actor, permission: Permission) -> None:
    if not actor.can(permission):
        raise Forbidden(permission)


def _rows(reading: BankReading) -> int:
    return len({problem.place for problem in reading.rejected})


def _reading(session: Session, row: BankImport) -> BankReading | None:
    if row.sealed_reading is None:
        return None
    text = vault_of(session).open_value(READING_PURPOSE, str(row.id), row.sealed_reading)
    return BankReading.from_json(json.loads(text))


def _against_bank(session: Session, bank_id: int, reading: BankReading) -> BankReading:
    """Moves rows whose id or content the bank already has from the items to the rejected."""
    known = session.execute(
        select(BankItem.uid, BankItem.content_index).where(BankItem.bank_id == bank_id)
    ).all()
    uids, contents = {uid for uid, _ in known}, {index for _, index in known}
    items, rejected = [], list(reading.rejected)
    for place, item in reading.items:
        if item.facts.uid in uids:
            rejected.append(Problem("item_id_taken", place, {"uid": item.facts.uid}))
        elif _content_index(session, item) in contents:
            rejected.append(Problem("item_already_in_bank", place, {"uid": item.facts.uid}))
        else:
            items.append((place, item))
    return replace(reading, items=tuple(items), rejected=tuple(rejected))


def _content_index(session: Session, item: Item) -> str:
    return vault_of(session).index(CONTENT_PURPOSE, content_hash(item.body))


def _row(session: Session, bank: Bank, source: BankImport, place: str, item: Item) -> BankItem:
    facts = item.facts
    return BankItem(
        bank_id=bank.id,
        uid=facts.uid,
        version=1,
        point=facts.point,
        kind=str(facts.kind),
        difficulty=facts.difficulty,
        consistency=facts.consistency,
        importance=facts.importance,
        content_index=_content_index(session, item),
        sealed_body=vault_of(session).seal_item(bank.wrapped_key, facts.uid, 1, item.body),
        import_id=source.id,
        place=place[:80],
    )
