"""What markers give points for: criteria and model answers of a form's questions, as the bank has them.

A package carries no criteria: seats have no use for them. They come from the versions that the paper froze; a
site without the bank has the questions alone.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank import richtext
from itembank.items import ItemBody, Markup
from itembank.papers import part_id
from itembank.sealing import SealBroken
from server.db.bank import BankItem
from server.db.papers import FormItem
from server.db.sittings import Sitting
from server.errors import Refused
from server.services import item_versions

Criteria = tuple[tuple[str, str], ...]


def criteria(
    session: Session, sitting: Sitting, form: str, wanted: Collection[str]
) -> Mapping[str, Criteria]:
    """(text, points as text) of these questions by their id on the form; nothing where nothing is known."""
    query = (
        select(FormItem, BankItem)
        .join(BankItem, BankItem.id == FormItem.item_id)
        .where(FormItem.paper_set_id == sitting.paper_set_id, FormItem.form == form)
    )
    needed = {name.rpartition(".")[0] or name for name in wanted} | set(wanted)
    found: dict[str, Criteria] = {}
    for place, item in session.execute(query):
        if place.item_uid not in needed:
            continue
        try:
            body = item_versions.opened(session, item, place.item_version).body
        except (Refused, SealBroken, ValueError, KeyError):
            continue
        found |= _of(place.item_uid, body)
    return {name: found[name] for name in wanted if found.get(name)}


def _of(uid: str, body: ItemBody) -> dict[str, Criteria]:
    found = {uid: _lines(body)}
    for place, part in enumerate(body.parts, 1):
        found[part_id(uid, place)] = _lines(part.body)
    return found


def _lines(body: ItemBody) -> Criteria:
    lines = [(_characters(one.text, body), f"{one.points.normalize():f}") for one in body.criteria]
    if body.explanation.strip():
        lines.append((_characters(body.explanation, body), ""))
    return tuple(lines)


def _characters(text: str, body: ItemBody) -> str:
    return richtext.plain(text) if body.markup is Markup.HTML else text
