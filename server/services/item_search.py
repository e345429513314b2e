"""Finding items of a bank: by their facts for everybody who sees banks, by words for who may read bodies.

Facts are asked of the database; words open every body of the selection in this process, in chunks between
which others run. The words themselves are never kept.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, or_, select
from sqlalchemy.orm import Session

from itembank import richtext
from itembank.items import ItemBody, Markup, compact
from itembank.vault import Vault
from server.access import Actor, Permission
from server.db.bank import Bank, BankItem, ItemVersion
from server.db.base import vault_of
from server.errors import NotFound, Refused
from server.services import audit
from server.services.signed import need

PAGE_SIZE = 50
CHUNK = 200  # bodies that are opened before others run
MOST_WORDS = 10
SORTS: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "point": (BankItem.point, BankItem.uid),
        "uid": (BankItem.uid,),
        "difficulty": (BankItem.difficulty, BankItem.uid),
        "uses": (BankItem.uses.desc(), BankItem.uid),
        "last_used": (BankItem.last_used_at.is_(None), BankItem.last_used_at, BankItem.uid),
        "facility": (BankItem.facility.is_(None), BankItem.facility, BankItem.uid),
        "discrimination": (BankItem.discrimination.is_(None), BankItem.discrimination, BankItem.uid),
        "changed": (BankItem.changed_at.desc(), BankItem.uid),
    }
)
"""Orders of a list; items without the figure come last."""
_COLUMNS = tuple(
    getattr(BankItem, name)
    for name in (
        *("id", "uid", "version", "status", "point", "kind", "difficulty", "consistency", "importance"),
        *(
            "uses",
            "last_used_at",
            "answered",
            "facility",
            "discrimination",
            "path",
            "enemy",
            "seconds",
            "flaw",
        ),
        *("sample", "place", "author_id", "reviewer_id", "status_note", "changed_at"),
    )
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for; whatever is "" or None is not asked. Ranges include both ends.

    `point` is the beginning of a point code, `path` a part of where the file had it, `uid` a part of the id.
    `pending`: only items with a version that waits for a review.
    """

    point: str = ""
    kind: str = ""
    difficulty: int | None = None
    status: str = ""
    path: str = ""
    uid: str = ""
    import_id: int | None = None
    pending: bool = False
    unclassified: bool = False
    uses: tuple[int | None, int | None] = (None, None)
    facility: tuple[float | None, float | None] = (None, None)
    discrimination: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One page of a bank's items, facts only; pages count from 1."""

    rows: Sequence[Row[Any]]
    total: int
    page: int
    pages: int


def page_of(session: Session, bank_id: int, wish: Wish, *, page: int = 1, sort: str = "point") -> ItemPage:
    """The page asked for, or the nearest there is; an unknown `sort` is by point."""
    where = _where(bank_id, wish)
    total = session.scalar(select(func.count()).select_from(BankItem).where(*where)) or 0
    pages = max(-(-total // PAGE_SIZE), 1)
    page = min(max(page, 1), pages)
    rows = _facts(where, sort).limit(PAGE_SIZE).offset((page - 1) * PAGE_SIZE)
    return ItemPage(session.execute(rows).all(), total, page, pages)


def facts_of_all(session: Session, bank_id: int, wish: Wish, *, sort: str = "point") -> Sequence[Row[Any]]:
    """The facts of every item found, for a table."""
    return session.execute(_facts(_where(bank_id, wish), sort)).all()


def ids(session: Session, bank_id: int, wish: Wish) -> list[int]:
    """The ids of every item found."""
    return list(numbers(session, bank_id, wish))


def numbers(session: Session, bank_id: int, wish: Wish) -> dict[int, int]:
    """Id -> version in force of every item found, in the order of the ids."""
    rows = select(BankItem.id, BankItem.version).where(*_where(bank_id, wish)).order_by(BankItem.id)
    return {row.id: row.version for row in session.execute(rows)}


def digest(numbers: Mapping[int, int]) -> str:
    """Tells a set of items and versions from every other: SHA-256 in hex digits."""
    lines = "\n".join(f"{item_id}.{version}" for item_id, version in sorted(numbers.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def facts_by_ids(session: Session, item_ids: Sequence[int], sort: str = "point") -> Sequence[Row[Any]]:
    """The facts of some items."""
    return session.execute(_facts([BankItem.id.in_(item_ids)], sort)).all()


def with_words(session: Session, actor: Actor, bank_id: int, wish: Wish, words: str) -> list[int]:
    """The ids of the items found whose texts hold every word, in the order of points.

    Blanks, width and case make no difference; an answer's letters are not looked at. Opens every body of the
    selection: run it in a native thread and put it on the record with `note`. Raises `Refused`
    (search_words_missing, search_words_too_many).
    """
    need(actor, Permission.READ_ITEMS)
    bank = session.get(Bank, bank_id)
    if bank is None:
        raise NotFound("bank")
    wanted = _words(words)
    columns = (BankItem.id, BankItem.uid, BankItem.version, BankItem.sealed_body)
    rows = select(*columns).where(*_where(bank_id, wish)).order_by(*SORTS["point"])
    vault, found = vault_of(session), []
    for chunk in session.execute(rows.execution_options(yield_per=CHUNK)).partitions(CHUNK):
        found += [row.id for row in chunk if _holds(vault, bank.wrapped_key, row, wanted)]
        time.sleep(0)  # between chunks others run
    return found


def note(session: Session, actor: Actor, bank_id: int, counts: tuple[int, int], *, now: datetime) -> None:
    """One entry for a search by words: `counts` of bodies opened and found, never the words."""
    stream = audit.bank_stream(bank_id)
    facts = dict(zip(("searched", "found"), counts, strict=True))
    audit.record(session, stream, actor, "items_searched", f"bank/{bank_id}", now=now, **facts)


def _words(words: str) -> list[str]:
    wanted = [compact(word).casefold() for word in words.split()]
    wanted = [word for word in wanted if word]
    if not wanted:
        raise Refused("search_words_missing", 422, field="words")
    if len(wanted) > MOST_WORDS:
        raise Refused("search_words_too_many", 422, field="words", most=MOST_WORDS)
    return wanted


def _holds(vault: Vault, key: bytes, row: Any, wanted: Sequence[str]) -> bool:  # noqa: ANN401 - a row
    body = vault.open_item(key, row.uid, row.version, row.sealed_body)
    text = compact("\n".join(_texts(body))).casefold()
    return all(word in text for word in wanted)


def _texts(body: ItemBody) -> Iterator[str]:
    read = richtext.plain if body.markup is Markup.HTML else str
    own = (body.stem, body.explanation, body.source, body.raw)
    yield from (read(text) for text in own if text)
    yield from (read(option.text) for option in (*body.options, *body.targets))
    for gap in body.gaps:
        yield from gap.accepted
        yield from (read(choice.text) for choice in gap.choices)
    yield from (read(criterion.text) for criterion in body.criteria)
    for part in body.parts:
        yield from _texts(part.body)


def _facts(where: Sequence[ColumnElement[bool]], sort: str) -> Select[Any]:
    return select(*_COLUMNS).where(*where).order_by(*SORTS.get(sort, SORTS["point"]))


def _where(bank_id: int, wish: Wish) -> list[ColumnElement[bool]]:
    equal = {"kind": wish.kind, "difficulty": wish.difficulty, "status": wish.status}
    equal["import_id"] = wish.import_id
    found = [BankItem.bank_id == bank_id]
    found += [getattr(BankItem, name) == value for name, value in equal.items() if value not in ("", None)]
    if wish.point:
        found.append(BankItem.point.startswith(wish.point, autoescape=True))
    if wish.path:
        found.append(BankItem.path.contains(wish.path, autoescape=True))
    if wish.uid:
        found.append(BankItem.uid.contains(wish.uid, autoescape=True))
    if wish.unclassified:
        found.append(or_(BankItem.point == "", BankItem.difficulty == 0))
    if wish.pending:
        found.append(_pending())
    for name in ("uses", "facility", "discrimination"):
        found += _range(getattr(BankItem, name), *getattr(wish, name))
    return found


def _pending() -> ColumnElement[bool]:
    later = select(ItemVersion.item_id).where(
        ItemVersion.item_id == BankItem.id,
        ItemVersion.version > BankItem.version,
        ItemVersion.reviewed_at.is_(None),
    )
    return later.exists()


def _range(column: Any, low: float | None, high: float | None) -> Iterator[ColumnElement[bool]]:  # noqa: ANN401 - a column of any number
    if low is not None:
        yield column >= low
    if high is not None:
        yield column <= high
