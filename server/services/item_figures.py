"""What marked papers tell of items: facility and discrimination, kept with the items of the bank.

The latest candidates of a bank count together, whatever form they had: every form has the same points, and
what an item brought is held against the rest of its own paper. Rehearsals, papers entered by hand and papers
with texts still to be read do not count; nor does an answer to an older version of an item.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from itembank.item_rules import MAX_PARTS
from itembank.items import ItemKind
from itembank.papers import part_id
from itembank.statistics import ItemFigures, item_figures
from server.access import Actor, Permission
from server.db.bank import BankItem, ItemVersion
from server.db.base import vault_of
from server.db.papers import KIND_ON_FORM, VERSION_ON_FORM, FormItem, PaperSet
from server.db.sittings import Batch, ComponentResult, RoomSitting, Sitting
from server.services import audit
from server.services.marked_texts import MARKS_PURPOSE
from server.services.signed import need

LATEST = 2_000  # candidates whose marks are opened; more change nothing but the time it takes
PATIENCE = 50  # opened marks between which others run
_TAKEN_OUT = frozenset({"credit", "drop"})  # fixes that give points whatever was answered


@dataclass(frozen=True, slots=True)
class Answered:
    """What one candidate's paper brought: (item id, version) -> (points awarded, points)."""

    shares: Mapping[tuple[int, int], tuple[Decimal, Decimal]]


def bank_of(session: Session, room_sitting_id: int) -> int | None:
    """The bank whose items a room answered; None for a room without papers, or a rehearsal."""
    rows = (
        select(PaperSet.bank_id)
        .join(Sitting, Sitting.paper_set_id == PaperSet.id)
        .join(RoomSitting, RoomSitting.sitting_id == Sitting.id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .where(RoomSitting.id == room_sitting_id, Batch.rehearsal.is_(False))
    )
    return session.scalar(rows)


def measured(session: Session, bank_id: int) -> dict[int, ItemFigures]:
    """Item id -> figures of its version in force; run it in a native thread, it opens many marks."""
    versions = {row.id: row.version for row in session.execute(_versions(bank_id))}
    papers = [
        {place: value for place, value in paper.shares.items() if versions.get(place[0]) == place[1]}
        for paper in _papers(session, bank_id)
    ]
    items = sorted({place for paper in papers for place in paper})
    if not items:
        return {}
    column = {place: number for number, place in enumerate(items)}
    scores, points = np.full((len(papers), len(items)), np.nan), np.zeros(len(items))
    for line, paper in enumerate(papers):
        for place, (awarded, worth) in paper.items():
            scores[line, column[place]] = float(awarded / worth) if worth else np.nan
            points[column[place]] = float(worth)
    return {place[0]: figure for place, figure in zip(items, item_figures(scores, points), strict=True)}


def keep(
    session: Session, actor: Actor, bank_id: int, figures: Mapping[int, ItemFigures], *, now: datetime
) -> int:
    """Writes the figures to the items; how many items have some. Who marks or who reviews may ask for it."""
    if not actor.can(Permission.MARK_RESULTS):
        need(actor, Permission.REVIEW_ITEMS)
    rows = [
        {
            "id": item_id,
            "answered": figure.answered,
            "facility": figure.facility,
            "discrimination": figure.discrimination,
        }
        for item_id, figure in figures.items()
    ]
    if rows:
        session.execute(update(BankItem), rows)
    stream = audit.bank_stream(bank_id)
    audit.record(session, stream, actor, "item_figures_set", f"bank/{bank_id}", now=now, items=len(rows))
    return len(rows)


def figures_of(row: Any) -> ItemFigures:  # noqa: ANN401 - an item or the facts of one
    """The figures that an item keeps; D is not kept."""
    return ItemFigures(row.answered, row.facility, row.discrimination, None)


def _versions(bank_id: int) -> Any:  # noqa: ANN401 - a statement
    return select(BankItem.id, BankItem.version).where(BankItem.bank_id == bank_id)


def _papers(session: Session, bank_id: int) -> Iterable[Answered]:
    rows = (
        select(ComponentResult.attempt_id, ComponentResult.sealed_marks, PaperSet.id)
        .join(RoomSitting, RoomSitting.id == ComponentResult.room_sitting_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(PaperSet, PaperSet.id == Sitting.paper_set_id)
        .where(PaperSet.bank_id == bank_id, Batch.rehearsal.is_(False))
        .where(ComponentResult.status == "scored", ComponentResult.sealed_marks.is_not(None))
        .order_by(ComponentResult.marked_at.desc(), ComponentResult.id.desc())
        .limit(LATEST)
    )
    vault, places = vault_of(session), dict[int, dict[str, tuple[int, int]]]()
    for number, (attempt_id, sealed, paper_set_id) in enumerate(session.execute(rows)):
        if number % PATIENCE == 0:
            time.sleep(0)
        if paper_set_id not in places:
            places[paper_set_id] = _places(session, paper_set_id)
        marks = json.loads(vault.open_value(MARKS_PURPOSE, str(attempt_id), sealed or b""))
        yield Answered(_shares(marks, places[paper_set_id]))


def _places(session: Session, paper_set_id: int) -> dict[str, tuple[int, int]]:
    """Where the marks of a paper belong: id on the paper -> item and version; a case's parts to the case."""
    columns = (FormItem.item_uid, FormItem.item_id, FormItem.item_version, KIND_ON_FORM.label("kind"))
    papers = select(*columns).join(BankItem, BankItem.id == FormItem.item_id)
    papers = papers.outerjoin(ItemVersion, VERSION_ON_FORM)
    rows = session.execute(papers.where(FormItem.paper_set_id == paper_set_id).distinct()).all()
    parts = {
        part_id(row.item_uid, number): (row.item_id, row.item_version)
        for row in rows
        if row.kind == ItemKind.CASE
        for number in range(1, MAX_PARTS + 1)
    }
    return parts | {row.item_uid: (row.item_id, row.item_version) for row in rows}


def _shares(
    marks: Iterable[Mapping[str, Any]], places: Mapping[str, tuple[int, int]]
) -> dict[tuple[int, int], tuple[Decimal, Decimal]]:
    """What each item brought; the parts of a case together."""
    found: dict[tuple[int, int], tuple[Decimal, Decimal]] = {}
    for mark in marks:
        place = places.get(mark["item"])
        if place is None or mark.get("fix") in _TAKEN_OUT:
            continue
        awarded, points = found.get(place, (Decimal(0), Decimal(0)))
        found[place] = (awarded + Decimal(mark["awarded"]), points + Decimal(mark["points"]))
    return found
