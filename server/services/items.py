"""One item of a bank: its facts and its life for who sees banks, its body for who may read bodies."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.items import Item
from itembank.statistics import ItemFigures
from server.access import Actor, Permission
from server.db.bank import BankItem
from server.db.papers import FormItem, PaperSet
from server.db.people import User
from server.errors import NotFound
from server.services import audit, item_life, item_versions
from server.services.item_figures import figures_of
from server.services.item_versions import VersionView
from server.services.signed import need


@dataclass(frozen=True, slots=True)
class OnPaper:
    """A paper set that holds the item, and in which version."""

    paper_set: int
    title: str
    state: str
    version: int
    forms: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """An item's page without its body. `lacking` is what keeps it from being used; `names` are people by id.

    `steps` are the states this person's permissions allow next, `own` tells that they wrote what waits for a
    review, alone or with others.
    """

    row: BankItem
    versions: Sequence[VersionView]
    pending: VersionView | None
    papers: Sequence[OnPaper]
    figures: ItemFigures
    lacking: Sequence[str]
    steps: Sequence[str]
    own: bool
    names: Mapping[int, str]


def of_bank(session: Session, bank_id: int, item_id: int) -> BankItem:
    """The item, if it is in this bank."""
    row = session.get(BankItem, item_id)
    if row is None or row.bank_id != bank_id:
        raise NotFound("item")
    return row


def view(session: Session, actor: Actor, bank_id: int, item_id: int) -> ItemView:
    """Everything about one item but its body."""
    row = of_bank(session, bank_id, item_id)
    versions = item_versions.versions(session, item_id)
    people = {row.author_id, row.reviewer_id}
    people |= {person for each in versions for person in (each.author_id, each.reviewer_id)}
    return ItemView(
        row=row,
        versions=versions,
        pending=next((each for each in versions if each.state == "waiting"), None),
        papers=_papers(session, item_id),
        figures=figures_of(row),
        lacking=item_life.lacking(row),
        steps=item_life.next_states(actor, row),
        own=actor.user_id in item_life.writers(session, {item_id: row.version})[item_id],
        names=names(session, people),
    )


def read(session: Session, actor: Actor, item_id: int, version: int | None = None, *, now: datetime) -> Item:
    """Opens one version (the one in force unless named); every reading is in the bank's audit chain."""
    need(actor, Permission.READ_ITEMS)
    row = _row(session, item_id)
    number = row.version if version is None else version
    item = item_versions.opened(session, row, number)
    _note(session, actor, row, {"version": number}, now)
    return item


def read_two(
    session: Session, actor: Actor, item_id: int, numbers: tuple[int, int], *, now: datetime
) -> tuple[Item, Item]:
    """Opens two versions to compare them: one reading on the record."""
    need(actor, Permission.READ_ITEMS)
    row, (old, new) = _row(session, item_id), numbers
    pair = item_versions.opened(session, row, old), item_versions.opened(session, row, new)
    _note(session, actor, row, {"version": old, "beside": new}, now)
    return pair


def names(session: Session, people: Iterable[int | None]) -> dict[int, str]:
    """Names of members of staff by id."""
    rows = session.execute(select(User.id, User.name).where(User.id.in_({each for each in people if each})))
    return {row.id: row.name for row in rows}


def _row(session: Session, item_id: int) -> BankItem:
    row = session.get(BankItem, item_id)
    if row is None:
        raise NotFound("item")
    return row


def _note(session: Session, actor: Actor, row: BankItem, facts: Mapping[str, int], now: datetime) -> None:
    stream = audit.bank_stream(row.bank_id)
    audit.record(session, stream, actor, "item_read", f"item/{row.uid}", now=now, **facts)


def _papers(session: Session, item_id: int) -> list[OnPaper]:
    rows = session.execute(
        select(PaperSet.id, PaperSet.title, PaperSet.state, FormItem.item_version, FormItem.form)
        .join(FormItem, FormItem.paper_set_id == PaperSet.id)
        .where(FormItem.item_id == item_id)
        .order_by(PaperSet.id.desc(), FormItem.form)
    )
    found: dict[tuple[int, int], OnPaper] = {}
    for row in rows:
        place = (row.id, row.item_version)
        forms = f"{found[place].forms} {row.form}" if place in found else row.form
        found[place] = OnPaper(row.id, row.title, row.state, row.item_version, forms)
    return list(found.values())
