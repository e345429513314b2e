"""A bank gets a new key while people work with it (design D8): begun by two, done in steps, then closed.

From the beginning the bank's key is a ring of the new and the old one: whatever is sealed gets the new key,
and both open. Rounds go over everything the bank sealed until one finds nothing of the old key; then it is
dropped. How far a round is stands in the database, so a killed server goes on where it was.

A step reads, reseals and stores apart: no cipher runs inside a transaction, and a blob that somebody changed
in between is left as it is, since the ring's new key has sealed it already.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select, text, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from itembank.sealing import SUITES, SealBroken
from itembank.vault import Vault, bank_suite, ring
from server.access import SYSTEM, Permission
from server.db.assessing import SheetTemplate
from server.db.bank import Bank, BankImport, BankItem, BankMedium, ImportMedium, ItemVersion
from server.db.base import Base, vault_of
from server.db.keys import BankRotation
from server.errors import NotFound, Refused
from server.services import audit, staff
from server.services.signed import Signed, need, second_person
from server.services.sittings_now import running_rooms

STEP_ROWS = 40
STEP_BYTES = 4 << 20
"""A step ends after so many rows or with the row that passes so many bytes."""

Keys = tuple[Any, ...]
Row = tuple[Keys, Keys, bytes]
Reseal = Callable[[Vault, bytes, bytes, Keys, bytes], bytes]


@dataclass(frozen=True, slots=True)
class Part:
    """One column of things sealed by bank keys: primary key, blob, what it is bound to, how to reseal it."""

    model: type[Base]
    keys: tuple[InstrumentedAttribute[Any], ...]
    blob: InstrumentedAttribute[bytes]
    use: tuple[InstrumentedAttribute[Any], ...]
    reseal: Reseal
    of_bank: Callable[[Select[Any], int], Select[Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """Blobs to reseal, out of one part. `after`: the primary key of the last."""

    rotation: int
    part: int
    after: Keys
    old: bytes
    new: bytes
    rows: tuple[Row, ...]
    """Primary key, what the blob is bound to, the blob."""


@dataclass(frozen=True, slots=True)
class Resealed:
    """A step after its work: (primary key, old blob, new blob) of whatever changed."""

    step: Step
    changed: tuple[tuple[Keys, bytes, bytes], ...]
    broken: int


@dataclass(frozen=True, slots=True)
class BankKeyView:
    """A bank's key as its page shows it; the numbers are of the change that is under way."""

    id: int
    name: str
    suite: str
    since: datetime
    changing: bool
    to_suite: str
    percent: int
    started_by: str
    cosigned_by: str
    broken: int


def _item(vault: Vault, old: bytes, new: bytes, use: Keys, blob: bytes) -> bytes:
    return vault.reseal_item(old, new, (use[0], use[1]), blob)


def _sheet(vault: Vault, old: bytes, new: bytes, use: Keys, blob: bytes) -> bytes:
    return vault.reseal_sheet(old, new, (use[0], use[1]), blob)


def _medium(vault: Vault, old: bytes, new: bytes, use: Keys, blob: bytes) -> bytes:
    return vault.reseal_medium(old, new, use[0], blob)


PARTS: tuple[Part, ...] = (
    Part(
        BankItem,
        (BankItem.id,),
        BankItem.sealed_body,
        (BankItem.uid, BankItem.version),
        _item,
        lambda query, bank: query.where(BankItem.bank_id == bank),
    ),
    Part(
        ItemVersion,
        (ItemVersion.item_id, ItemVersion.version),
        ItemVersion.sealed_body,
        (BankItem.uid, ItemVersion.version),
        _item,
        lambda query, bank: query.join(BankItem, BankItem.id == ItemVersion.item_id).where(
            BankItem.bank_id == bank
        ),
    ),
    Part(
        BankMedium,
        (BankMedium.sha256,),
        BankMedium.sealed,
        (BankMedium.sha256,),
        _medium,
        lambda query, bank: query.where(BankMedium.bank_id == bank),
    ),
    Part(
        ImportMedium,
        (ImportMedium.import_id, ImportMedium.sha256),
        ImportMedium.sealed,
        (ImportMedium.sha256,),
        _medium,
        lambda query, bank: query.join(BankImport, BankImport.id == ImportMedium.import_id).where(
            BankImport.bank_id == bank
        ),
    ),
    Part(
        SheetTemplate,
        (SheetTemplate.id,),
        SheetTemplate.sealed,
        (SheetTemplate.uid, SheetTemplate.version),
        _sheet,
        lambda query, bank: query.where(SheetTemplate.bank_id == bank),
    ),
)
"""Everything that bank keys seal. A new column sealed by `seal_item`, `_medium` or `_sheet` belongs here."""


def begin(session: Session, signed: Signed, bank_id: int, suite: str, *, now: datetime) -> int:
    """Makes the new key and the ring; the id of the rotation. `suite` "" keeps the bank's own.

    Takes a second person, except at the server's own command line. Raises `Refused`.
    """
    need(signed.actor, Permission.MANAGE_VAULT)
    if signed.actor.user_id is not None:
        _need_second(signed)
    if suite and suite not in SUITES:
        raise Refused("suite_unknown", 422, field="suite", suite=suite)
    bank = session.get(Bank, bank_id, with_for_update=True)
    if bank is None:
        raise NotFound("bank")
    if bank.next_key is not None:
        raise Refused("rotation_under_way", name=bank.name)
    if running_rooms(session):
        raise Refused("rotation_in_sitting")
    new = vault_of(session).new_bank_key(suite or bank_suite(bank.wrapped_key))
    row = BankRotation(
        bank_id=bank.id,
        from_suite=bank_suite(bank.wrapped_key),
        to_suite=bank_suite(new),
        total=sum(_count(session, part, bank.id) for part in PARTS),
        started_at=now,
        started_by=signed.actor.user_id,
        cosigned_by=signed.cosigner.user_id if signed.cosigner else None,
    )
    bank.wrapped_key, bank.next_key = ring([new, bank.wrapped_key]), new
    session.add(row)
    session.flush()
    facts = {"suite": row.to_suite, "pieces": row.total, **signed.why()}
    _note(session, signed, row, "bank_rotation_begun", now, facts)
    return row.id


def next_step(session: Session, rotation_id: int) -> Step | None:
    """What comes next; None at the end of a round."""
    row = session.get_one(BankRotation, rotation_id)
    bank = session.get_one(Bank, row.bank_id)
    if bank.next_key is None:
        return None
    after: Keys = tuple(row.after)
    for number in range(row.part, len(PARTS)):
        rows = _rows(session, PARTS[number], bank.id, after)
        if rows:
            return Step(row.id, number, rows[-1][0], bank.wrapped_key, bank.next_key, rows)
        after = ()
    return None


def reseal(vault: Vault, step: Step) -> Resealed:
    """The work of a step, without the database. What neither key opens stays as it is and is counted."""
    part, changed, broken = PARTS[step.part], [], 0
    for keys, use, blob in step.rows:
        try:
            fresh = part.reseal(vault, step.old, step.new, use, blob)
        except SealBroken:
            broken += 1
            continue
        if fresh != blob:
            changed.append((keys, blob, fresh))
    return Resealed(step, tuple(changed), broken)


def store(session: Session, work: Resealed) -> None:
    """Puts the new blobs in the place of those they were made of, and notes how far the round is."""
    step, part = work.step, PARTS[work.step.part]
    for keys, old, fresh in work.changed:
        here = [column == value for column, value in zip(part.keys, keys, strict=True)]
        if part.model is BankMedium:
            here.append(BankMedium.bank_id == session.get_one(BankRotation, step.rotation).bank_id)
        session.execute(update(part.model).where(*here, part.blob == old).values({part.blob.key: fresh}))
    row = session.get_one(BankRotation, step.rotation, with_for_update=True)
    row.part, row.after = step.part, list(step.after)
    row.changed += len(work.changed)
    if row.round == 1:
        row.done = min(row.done + len(step.rows), row.total)
        row.broken += work.broken


def end_round(session: Session, rotation_id: int, *, now: datetime) -> bool:
    """After the last step: another round when this one resealed anything, else the old key is dropped.

    True when the rotation is over.
    """
    row = session.get_one(BankRotation, rotation_id, with_for_update=True)
    if row.finished_at is not None:
        return True
    if row.changed:
        row.part, row.after, row.changed, row.round = 0, [], 0, row.round + 1
        return False
    bank = session.get_one(Bank, row.bank_id, with_for_update=True)
    assert bank.next_key is not None
    bank.wrapped_key, bank.next_key = bank.next_key, None
    bank.suite, bank.key_made_at = row.to_suite, now
    row.finished_at, row.done = now, row.total
    facts = {"suite": row.to_suite, "pieces": row.total, "broken": row.broken, "rounds": row.round}
    _note(session, Signed(SYSTEM), row, "bank_rotation_done", now, facts)
    return True


def unfinished(session: Session) -> list[int]:
    """Rotations under way, oldest first."""
    rows = select(BankRotation.id).where(BankRotation.finished_at.is_(None)).order_by(BankRotation.id)
    return list(session.scalars(rows))


def under_way(session: Session, bank_id: int) -> int | None:
    """The bank's rotation under way, if there is one."""
    rows = select(BankRotation.id).where(BankRotation.bank_id == bank_id, BankRotation.finished_at.is_(None))
    return session.scalar(rows)


def left(session: Session, rotation_id: int) -> int:
    """How many pieces the first round has still to look at."""
    row = session.get_one(BankRotation, rotation_id)
    return max(row.total - row.done, 0)


def clock(session: Session) -> datetime | None:
    """What time the database itself says it is, with `waits_for`; None where one writer at a time rules."""
    if session.get_bind().dialect.name != "postgresql":
        return None
    return session.scalar(select(func.clock_timestamp()))


def waits_for(session: Session, moment: datetime | None) -> bool:
    """Whether a transaction from before `moment` is open: it may know the bank's key without the ring."""
    if moment is None:
        return False
    older = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND xact_start < :moment"
    )
    return bool(session.scalar(older, {"moment": moment}))


def bank_keys(session: Session) -> list[BankKeyView]:
    """Every bank's key, by the bank's name."""
    open_ones = select(BankRotation).where(BankRotation.finished_at.is_(None))
    rows = {row.bank_id: row for row in session.scalars(open_ones)}
    names = staff.names(session, [who for row in rows.values() for who in (row.started_by, row.cosigned_by)])
    banks = session.scalars(select(Bank).order_by(Bank.name))
    return [_view(bank, rows.get(bank.id), names) for bank in banks]


def _view(bank: Bank, row: BankRotation | None, names: dict[int, str]) -> BankKeyView:
    return BankKeyView(
        id=bank.id,
        name=bank.name,
        suite=row.from_suite if row else bank_suite(bank.wrapped_key),
        since=bank.key_made_at or bank.created_at,
        changing=row is not None,
        to_suite=row.to_suite if row else "",
        percent=100 * row.done // row.total if row and row.total else 0,
        started_by=names.get(row.started_by or 0, "") if row else "",
        cosigned_by=names.get(row.cosigned_by or 0, "") if row else "",
        broken=row.broken if row else 0,
    )


def _need_second(signed: Signed) -> None:
    need(second_person(signed), Permission.IMPORT_BANK)


def _rows(session: Session, part: Part, bank_id: int, after: Sequence[Any]) -> tuple[Row, ...]:
    query = part.of_bank(select(*part.keys, *part.use, part.blob), bank_id).order_by(*part.keys)
    if after:
        query = query.where(_beyond(part.keys, after))
    found, size, width = [], 0, len(part.keys)
    for *facts, blob in session.execute(query.limit(STEP_ROWS).execution_options(yield_per=8)):
        found.append((tuple(facts[:width]), tuple(facts[width:]), blob))
        size += len(blob)
        if size >= STEP_BYTES:
            break
    return tuple(found)


def _beyond(columns: Sequence[InstrumentedAttribute[Any]], after: Sequence[Any]) -> Any:  # noqa: ANN401 - a clause
    first, *rest = columns
    if not rest:
        return first > after[0]
    return (first > after[0]) | ((first == after[0]) & _beyond(rest, after[1:]))


def _count(session: Session, part: Part, bank_id: int) -> int:
    return session.scalar(part.of_bank(select(func.count()).select_from(part.model), bank_id)) or 0


def _note(  # noqa: PLR0913 - an audit entry's facts
    session: Session, signed: Signed, row: BankRotation, act: str, now: datetime, facts: dict[str, Any]
) -> None:
    stream = audit.bank_stream(row.bank_id)
    audit.record(session, stream, signed.actor, act, f"bank/{row.bank_id}", now=now, **facts)
