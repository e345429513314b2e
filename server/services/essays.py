"""Texts that only examiners can mark: shown without a name to those who may mark, every look recorded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank import richtext
from itembank.items import EXAMINED
from itembank.package import open_section, section_key
from server.access import Actor, Permission
from server.db.papers import EnteredMark
from server.db.sittings import Attempt, ComponentResult
from server.services import audit, marked_texts, packages
from server.services.signed import need


@dataclass(frozen=True, slots=True)
class EssayText:
    """One text: `attempt` stands for the person; `standing`: entries for it, newest first."""

    attempt: int
    item: str
    most: Decimal
    stem: str
    text: str
    standing: tuple[EnteredMark, ...]
    index: str


def read(session: Session, actor: Actor, room_sitting_id: int, *, now: datetime) -> list[EssayText]:
    """The texts of a marked room, question by question so that one is marked in one go; blanks left out.

    Raises `Refused` when the package is not open here (any more).
    """
    need(actor, Permission.MARK_RESULTS)
    rows = session.execute(
        select(ComponentResult, Attempt.form)
        .join(Attempt, Attempt.id == ComponentResult.attempt_id)
        .where(ComponentResult.room_sitting_id == room_sitting_id)
    ).all()
    sealed = [(row, form) for row, form in rows if row.sealed_marks]
    stems = {form: _stems(session, room_sitting_id, form) for form in sorted({form for _, form in sealed})}
    entries = _entries(session, [row.attempt_id for row, _ in sealed])
    found = [text for row, form in sealed for text in _texts(session, row, stems[form], entries)]
    name = audit.sitting_stream(room_sitting_id)
    audit.record(session, name, actor, "essays_read", name, now=now, texts=len(found))
    return sorted(found, key=lambda text: (text.item, text.attempt))


def _texts(
    session: Session,
    row: ComponentResult,
    stems: Mapping[str, str],
    entries: Mapping[tuple[int, str], tuple[EnteredMark, ...]],
) -> Iterator[EssayText]:
    for mark in marked_texts.opened(session, row):
        text = marked_texts.text_of(mark)
        if mark["item"] in stems and text.strip():
            index = marked_texts.index(session, row.attempt_id, mark["item"], text)
            standing = entries.get((row.attempt_id, mark["item"]), ())
            yield EssayText(
                attempt=row.attempt_id,
                item=mark["item"],
                most=Decimal(mark["points"]),
                stem=stems[mark["item"]],
                text=text,
                standing=tuple(entry for entry in standing if entry.response_index == index),
                index=index,
            )


def _stems(session: Session, room_sitting_id: int, form: str) -> dict[str, str]:
    """The questions that examiners mark on a form, as characters; a case's stem before its part's."""
    package = packages.needed(session, room_sitting_id)
    name = f"paper/{form}"
    content: Any = open_section(package.data, name, section_key(packages.content_key(session, package), name))
    groups = content.get("groups", {})
    found = {}
    for item in content["items"]:
        if item["kind"] in EXAMINED:
            said = [groups[item["group"]]] if item.get("group") in groups else []
            found[item["id"]] = "\n\n".join(_characters(part) for part in (*said, item))
    return found


def _characters(part: Mapping[str, Any]) -> str:
    return richtext.plain(part["stem"]) if part.get("markup") == "html" else str(part["stem"])


def _entries(session: Session, attempts: list[int]) -> dict[tuple[int, str], tuple[EnteredMark, ...]]:
    query = (
        select(EnteredMark)
        .where(EnteredMark.attempt_id.in_(attempts), EnteredMark.replaced_at.is_(None))
        .order_by(EnteredMark.id.desc())
    )
    found: dict[tuple[int, str], tuple[EnteredMark, ...]] = {}
    for row in session.scalars(query):
        place = (row.attempt_id, row.item_uid)
        found[place] = (*found.get(place, ()), row)
    return found
