"""The life of an item: which state follows which, who may take it there, and what has to be there first.

Draft, reviewed, trial, active, suspended, retired. Who wrote a version never reviews it, nor a later one that
was made from it before anybody else had reviewed it. Who reviews names the version that was read. Items on
papers are active ones only.
"""

import hashlib
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import Row, func, select, update
from sqlalchemy.orm import Session

from itembank.item_rules import UNRATED
from itembank.items import DELIVERED, ItemKind
from server.access import Actor, Permission
from server.db.bank import BankImport, BankItem, ItemVersion
from server.errors import Forbidden, NotFound, Refused
from server.services import audit
from server.services.signed import MOST_REASON, Signed, as_signed, need, need_reason

STATES = ("draft", "reviewed", "trial", "active", "suspended", "retired")
CHUNK = 500  # ids of one statement


@dataclass(frozen=True, slots=True)
class Step:
    """One way between two states: by whom, with a reason, by somebody else than the author, when complete."""

    permission: Permission
    reason: bool = False
    other_person: bool = False
    complete: bool = False


_REVIEW = Step(Permission.REVIEW_ITEMS, other_person=True)
_USE = Step(Permission.REVIEW_ITEMS, other_person=True, complete=True)
_STOP = Step(Permission.REVIEW_ITEMS, reason=True)
_BACK = Step(Permission.AUTHOR_ITEMS, reason=True)
STEPS: Mapping[tuple[str, str], Step] = MappingProxyType(
    {
        ("draft", "reviewed"): _REVIEW,
        ("draft", "retired"): _BACK,
        ("reviewed", "draft"): _STOP,
        ("reviewed", "trial"): _USE,
        ("reviewed", "active"): _USE,
        ("reviewed", "retired"): _STOP,
        ("trial", "active"): _USE,
        ("trial", "suspended"): _STOP,
        ("trial", "retired"): _STOP,
        ("active", "suspended"): _STOP,
        ("active", "retired"): _STOP,
        ("suspended", "active"): _USE,
        ("suspended", "retired"): _STOP,
    }
)
"""From and to -> what it takes. A suspended item (leak, error) comes back only by a review."""


@dataclass(frozen=True, slots=True)
class Moved:
    """What moving several items came to: how many moved, and code -> how many stayed for that reason."""

    moved: int
    stayed: Mapping[str, int]


def next_states(actor: Actor, item: BankItem) -> list[str]:
    """Where this person may take the item, as far as permissions go."""
    return [to for (at, to), step in STEPS.items() if at == item.status and actor.can(step.permission)]


def move(  # noqa: PLR0913 - a step and the version that it is about
    session: Session, who: Actor | Signed, item_id: int, to: str, *, seen: int, now: datetime
) -> None:
    """Takes one item to another state; `seen` is the version that the person saw.

    Raises `Refused`: item_step_unknown, item_reviewer_is_author, item_incomplete (`missing`),
    item_kind_not_delivered, reason_missing, and for a review item_changed_meanwhile.
    """
    signed = as_signed(who)
    item = session.get(BankItem, item_id, with_for_update=True)
    if item is None:
        raise NotFound("item")
    _check(signed, item, to, seen, writers(session, {item_id: item.version})[item_id])
    _move(session, signed, item, to, now)


def suspend_after_test(session: Session, signed: Signed, bank_id: int, uid: str, *, now: datetime) -> bool:
    """Takes an item out of use whose key was put right after a test; whether it was in use.

    Who approved the fix needs no right on the bank: the item must not be asked again as it is.
    """
    query = select(BankItem).where(BankItem.bank_id == bank_id, BankItem.uid == uid).with_for_update()
    item = session.scalars(query).first()
    if item is None or (item.status, "suspended") not in STEPS:
        return False
    _move(session, signed, item, "suspended", now)
    return True


def move_many(
    session: Session, who: Actor | Signed, seen: Mapping[int, int], to: str, *, now: datetime
) -> Moved:
    """Takes every item that can go there to another state; the others stay, counted by reason.

    `seen`: item id -> the version that the person saw. The items belong to one bank. The record gets one
    entry for all of them, with a digest of their sorted uids. Raises `Refused` (reason_missing, forbidden)
    for what no item could pass.
    """
    signed = as_signed(who)
    stayed: Counter[str] = Counter()
    fit: list[Row[Any]] = []
    for item, authors in _rows(session, seen):
        try:
            _check(signed, item, to, seen[item.id], authors)
        except Forbidden:
            raise
        except Refused as refusal:
            if refusal.code == "reason_missing":
                raise
            stayed[refusal.code] += 1
        else:
            fit.append(item)
    if fit:
        _put_many(session, signed, fit, to, now)
        _record_many(session, signed, fit, to, now)
    return Moved(len(fit), dict(stayed))


def writers(session: Session, numbers: Mapping[int, int]) -> dict[int, set[int]]:
    """Item id -> who wrote its version `numbers[id]`, or one before it since the last that was reviewed.

    What nobody signed as its author counts as written by who imported it.
    """
    found: dict[int, set[int]] = {item_id: set() for item_id in numbers}
    bare, closed = set(numbers), set[int]()
    who = func.coalesce(ItemVersion.author_id, BankImport.created_by).label("author")
    columns = (ItemVersion.item_id, ItemVersion.version, ItemVersion.reviewed_at, who)
    rows = select(*columns).outerjoin(BankImport, BankImport.id == ItemVersion.import_id)
    for ids in _chunks(sorted(numbers)):
        chunk = rows.where(ItemVersion.item_id.in_(ids)).order_by(ItemVersion.version.desc())
        for row in session.execute(chunk):
            number = numbers[row.item_id]
            if row.version > number or row.item_id in closed:
                continue
            if row.version < number and row.reviewed_at is not None:
                closed.add(row.item_id)
                continue
            bare.discard(row.item_id)
            found[row.item_id] |= {row.author} if row.author else set()
    for item_id, author in _writers_of_first(session, sorted(bare)):
        found[item_id] |= {author} if author else set()
    return found


def _writers_of_first(session: Session, item_ids: list[int]) -> Iterator[tuple[int, int | None]]:
    """The same of items of which an older release left no version."""
    who = func.coalesce(BankItem.author_id, BankImport.created_by).label("author")
    rows = select(BankItem.id, who).outerjoin(BankImport, BankImport.id == BankItem.import_id)
    for ids in _chunks(item_ids):
        yield from ((row.id, row.author) for row in session.execute(rows.where(BankItem.id.in_(ids))))


def lacking(item: BankItem | Row[Any]) -> list[str]:
    """What keeps the item from being used: "point", "difficulty", "flaw" (see `ItemFacts`)."""
    known = {"point": bool(item.point), "difficulty": item.difficulty != UNRATED, "flaw": not item.flaw}
    return [name for name, there in known.items() if not there]


def need_usable(item: BankItem | Row[Any]) -> None:
    """Raises `Refused` (item_incomplete, item_kind_not_delivered) for what may not stand on a paper."""
    missing = lacking(item)
    if missing:
        raise Refused("item_incomplete", 422, uid=item.uid, missing="、".join(missing))
    if ItemKind(item.kind) not in DELIVERED:
        raise Refused("item_kind_not_delivered", 422, uid=item.uid)


def _check(signed: Signed, item: BankItem | Row[Any], to: str, seen: int, authors: Container[int]) -> None:
    step = STEPS.get((item.status, to))
    if step is None:
        raise Refused("item_step_unknown", 422, uid=item.uid, state=item.status, to=to)
    need(signed.actor, step.permission)
    if step.reason:
        need_reason(signed)
    if step.other_person and signed.actor.user_id in authors:
        raise Refused("item_reviewer_is_author", 403, uid=item.uid)
    if step.other_person and seen != item.version:
        raise Refused("item_changed_meanwhile", 409, uid=item.uid)
    if step.complete:
        need_usable(item)


def _move(session: Session, signed: Signed, item: BankItem, to: str, now: datetime) -> None:
    came_from, step = item.status, STEPS[item.status, to]
    item.status, item.status_note = to, signed.reason.strip()[:MOST_REASON]
    item.changed_at = now
    if step.other_person:
        item.reviewer_id = signed.actor.user_id
        _sign_version(session, item, signed.actor, now)
    said = {"version": item.version, "from_state": came_from, "state": to, **signed.why()}
    stream = audit.bank_stream(item.bank_id)
    audit.record(session, stream, signed.actor, "item_moved", f"item/{item.uid}", now=now, **said)


def _sign_version(session: Session, item: BankItem, actor: Actor, now: datetime) -> None:
    version = session.get(ItemVersion, (item.id, item.version))
    if version is not None and version.reviewed_at is None:
        version.reviewer_id, version.reviewed_at = actor.user_id, now


def _rows(session: Session, item_ids: Iterable[int]) -> Iterator[tuple[Row[Any], set[int]]]:
    """What the steps ask of items, without their bodies, and who wrote them; in the order of the ids."""
    names = ("id", "bank_id", "uid", "version", "status", "kind", "point", "difficulty", "flaw")
    columns = [getattr(BankItem, name) for name in names]
    for ids in _chunks(sorted(set(item_ids))):
        found = select(*columns).where(BankItem.id.in_(ids)).order_by(BankItem.id).with_for_update()
        rows = session.execute(found).all()
        authors = writers(session, {row.id: row.version for row in rows})
        yield from ((row, authors[row.id]) for row in rows)


def _put_many(session: Session, signed: Signed, items: list[Row[Any]], to: str, now: datetime) -> None:
    common = {"status": to, "status_note": signed.reason.strip()[:MOST_REASON], "changed_at": now}
    reviewer = signed.actor.user_id
    reviewed = [item.id for item in items if STEPS[item.status, to].other_person]
    others = [item.id for item in items if not STEPS[item.status, to].other_person]
    for ids in _chunks(others):
        session.execute(update(BankItem).where(BankItem.id.in_(ids)).values(**common))
    in_force = select(BankItem.version).where(BankItem.id == ItemVersion.item_id).scalar_subquery()
    for ids in _chunks(reviewed):
        session.execute(update(BankItem).where(BankItem.id.in_(ids)).values(reviewer_id=reviewer, **common))
        signing = update(ItemVersion).where(
            ItemVersion.item_id.in_(ids), ItemVersion.version == in_force, ItemVersion.reviewed_at.is_(None)
        )
        signed_by = {"reviewer_id": reviewer, "reviewed_at": now}
        session.execute(signing.values(**signed_by), execution_options={"synchronize_session": False})
    session.expire_all()


def _record_many(session: Session, signed: Signed, items: list[Row[Any]], to: str, now: datetime) -> None:
    uids = sorted(item.uid for item in items)
    digest = hashlib.sha256("\n".join(uids).encode()).hexdigest()
    bank_id = items[0].bank_id
    said = {"state": to, "items": len(uids), "uids": digest, **signed.why()}
    stream = audit.bank_stream(bank_id)
    audit.record(session, stream, signed.actor, "items_moved", f"bank/{bank_id}", now=now, **said)


def _chunks(ids: list[int]) -> Iterator[list[int]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))
