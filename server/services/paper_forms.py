"""Forms in clear, made of sealed items: for sealing, for a preview, and to replay what one candidate saw.

Nothing that is opened here is stored or logged; who may see it is decided by the caller, but for the
functions that take an actor.
"""

import base64
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.items import Item, ItemBody, ItemKind
from itembank.package import open_section, section_key
from itembank.paper_building import PaperPlan, build_form
from itembank.papers import MarkingKey, PaperForm, Shuffle
from itembank.shuffling import order_map, shown
from server.access import Actor, Permission
from server.db.bank import Bank, BankMedium, BlueprintRow
from server.db.base import vault_of
from server.db.papers import PaperSet
from server.db.sittings import Attempt
from server.errors import NotFound, Refused
from server.rules.policy import LevelPolicy
from server.services import audit, packages, papers
from server.services.blueprints import read
from server.services.signed import need

PREVIEW_MINUTES = Decimal(90)
_MEDIUM = re.compile(r"media:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Look:
    """What a preview shows: one form as the example `who` would see it, with the keys when asked for."""

    form: str
    who: str = "1"
    keys: bool = False


def new_shuffle(policy: LevelPolicy) -> Shuffle:
    """How seats order the forms of one package: as the frozen policy says, by a secret of its own."""
    delivery = policy.delivery
    return Shuffle(delivery.shuffle_items, delivery.shuffle_options, secrets.token_hex(32))


def built(
    session: Session, row: PaperSet, form: str, minutes: Decimal, shuffle: Shuffle | None
) -> tuple[PaperForm, MarkingKey]:
    """One form and its key from the bank's items and media. Raises `Refused` for a medium that is gone."""
    blueprint = read(session.get_one(BlueprintRow, row.blueprint_id))
    points = {ItemKind(kind): share.points for kind, share in blueprint.kinds.items()}
    scoring = {kind: str(rule) for kind, rule in blueprint.scoring.items()}
    items = papers.opened_items(session, row, form)
    plan = PaperPlan(form, row.title, minutes, points, scoring, shuffle)
    return build_form(plan, items, _media(session, row.bank_id, items))


def preview(
    session: Session, actor: Actor, paper_set_id: int, look: Look, *, now: datetime
) -> dict[str, Any]:
    """A form's JSON as the candidate page reads it; every look is in the bank's audit chain.

    With `keys` the right answers stand under "keys" by item, for who assembled or may approve. Nobody alone
    looks at a form that candidates may still get. Raises `NotFound`, `Refused`.
    """
    row = previewable(session, actor, paper_set_id)
    if look.keys and row.created_by != actor.user_id:
        need(actor, Permission.APPROVE_PAPERS)
    if look.form not in papers.form_letters(session, row.id):
        raise NotFound("form")
    # An example only: the secret of a package is drawn when it is sealed.
    shuffle = Shuffle(items=True, options=True, secret="00" * 32) if look.who else None
    form, key = built(session, row, look.form, PREVIEW_MINUTES, shuffle)
    stream, object_ = audit.bank_stream(row.bank_id), f"papers/{row.id}"
    told = {"form": look.form, "items": len(form.items), "keys": look.keys}
    audit.record(session, stream, actor, "form_previewed", object_, now=now, **told)
    found = shown(form.to_json(), look.who)
    return found | ({"keys": key.to_json()["items"]} if look.keys else {})


def previewable(session: Session, actor: Actor, paper_set_id: int) -> PaperSet:
    """A paper set whose forms may be looked at. Raises `NotFound`, `Refused` (`preview_kept_back`)."""
    need(actor, Permission.READ_ITEMS)
    row = papers.get(session, paper_set_id)
    if papers.kept_back(session, row):
        raise Refused("preview_kept_back", 403, title=row.title)
    return row


def seen_by(session: Session, actor: Actor, attempt_id: int) -> list[dict[str, Any]]:
    """What one candidate saw at each number, from the sealed form, to settle a dispute: ids and keys only.

    Raises `NotFound`, or `Refused` when the package is not open here (any more).
    """
    need(actor, Permission.SEE_RESULTS)
    attempt = session.get(Attempt, attempt_id)
    if attempt is None:
        raise NotFound("attempt")
    package = packages.needed(session, attempt.room_sitting_id)
    name = f"paper/{attempt.form}"
    content = open_section(package.data, name, section_key(packages.content_key(session, package), name))
    return order_map(content, str(attempt.id))


def _media(session: Session, bank_id: int, items: Iterable[Item]) -> Mapping[str, Mapping[str, str]]:
    wanted = {sha for item in items for sha in _named(item.body)}
    bank, vault = session.get_one(Bank, bank_id), vault_of(session)
    rows = session.scalars(select(BankMedium).where(BankMedium.bank_id == bank_id))
    found = {
        row.sha256: {
            "mime": row.mime,
            "data": base64.b64encode(vault.open_medium(bank.wrapped_key, row.sha256, row.sealed)).decode(),
        }
        for row in rows
        if row.sha256 in wanted
    }
    if wanted - found.keys():
        raise Refused("medium_missing", count=len(wanted - found.keys()))
    return found


def _named(body: ItemBody) -> Iterator[str]:
    """The media a candidate needs: an explanation's are not shown."""
    if body.picture:
        yield body.picture
    choices = (choice for gap in body.gaps for choice in gap.choices)
    for text in (body.stem, *(option.text for option in (*body.options, *body.targets, *choices))):
        yield from _MEDIUM.findall(text)
    for part in body.parts:
        yield from _named(part.body)
