"""Item banks: made and counted. Bodies are always sealed; `imports` fills them, `items` opens them."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.items import ItemFacts, ItemKind
from server.access import Actor, Permission
from server.db.bank import Bank, BankItem
from server.db.base import vault_of
from server.errors import Forbidden, NotFound, Refused
from server.services import audit
from server.services.batches import occupation_key


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
    by_status: dict[str, int] = field(default_factory=dict)
    """Status -> items."""

    @property
    def held(self) -> int:
        """All items, whatever their status; `items` are the active ones."""
        return sum(self.by_status.values())


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
        suite=vault_of(session).suite,
        key_made_at=now,
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


def banks(session: Session) -> list[BankView]:
    """Every bank in numbers, by name."""
    return [view(session, bank_id) for bank_id in session.scalars(select(Bank.id).order_by(Bank.name))]


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
        _by_status(session, bank_id),
    )


def _by_status(session: Session, bank_id: int) -> dict[str, int]:
    counted = select(BankItem.status, func.count()).where(BankItem.bank_id == bank_id)
    rows = session.execute(counted.group_by(BankItem.status)).all()
    return {row[0]: row[1] for row in rows}


def facts_of(row: BankItem) -> ItemFacts:
    """The clear columns of an item as the core knows them."""
    return ItemFacts(
        uid=row.uid,
        point=row.point,
        kind=ItemKind(row.kind),
        difficulty=row.difficulty,
        consistency=row.consistency,
        importance=row.importance,
        sample=row.sample,
        path=row.path,
        enemy=row.enemy,
        seconds=row.seconds,
        flaw=row.flaw,
    )


def columns_of(facts: ItemFacts) -> dict[str, object]:
    """The inverse of `facts_of`: the clear columns of an item but its uid, which never changes."""
    return {
        "point": facts.point,
        "kind": facts.kind.value,
        "difficulty": facts.difficulty,
        "consistency": facts.consistency,
        "importance": facts.importance,
        "sample": facts.sample,
        "path": facts.path,
        "enemy": facts.enemy,
        "seconds": facts.seconds,
        "flaw": facts.flaw,
    }


def _require(actor: Actor, permission: Permission) -> None:
    if not actor.can(permission):
        raise Forbidden(permission)
