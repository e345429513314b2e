"""Keys put right after a test: proposed by one, approved by two others; from then on every marking follows.

The sealed package and the bank's item stay as they are; the item is suspended in the bank. Marking the rooms
again is in `key_fix_marking`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.key_fixes import Effect, KeyFix, read_keys
from itembank.package import open_section, section_key
from itembank.package_header import PackageBroken
from itembank.papers import MarkingKey
from server.access import Actor, Permission
from server.db.base import TO_CHANGE, vault_of
from server.db.papers import FormItem, Package, PaperSet
from server.db.publicity import KeyFix as KeyFixRow
from server.db.publicity import KeyFixVote
from server.db.sittings import RoomSitting
from server.errors import NotFound, Refused
from server.services import audit, packages
from server.services.signed import need
from server.services.votes import APPROVALS, Vote, check

PURPOSE = "key-fix"
MOST_TEXT = 400


@dataclass(frozen=True, slots=True)
class Proposal:
    """One question of a paper set: its place as `form` and `number`, what is to become of it, and why.

    `effect`: key, credit or drop; `keys` as `itembank.key_fixes.read_keys` reads them, with key alone.
    """

    paper_set_id: int
    form: str
    number: int
    effect: str
    keys: str
    reason: str
    evidence: str


def overrides(session: Session, paper_set_id: int | None) -> dict[str, Any]:
    """Item on the paper -> its fix in force as plain values; later ones take the place of earlier ones.

    In force is what was applied, to all rooms at once: until then every marking keeps to the former key.
    """
    if paper_set_id is None:
        return {}
    query = select(KeyFixRow).where(KeyFixRow.paper_set_id == paper_set_id, KeyFixRow.state == "applied")
    return {row.item: plain(session, row) for row in session.scalars(query.order_by(KeyFixRow.id))}


def need_followed(session: Session, room_sitting_id: int, fixes: Mapping[str, Any]) -> None:
    """Refused (marks_by_former_key) for marks given under other `fixes` than those now in force.

    Keeps fixes of these papers from being applied meanwhile, so that no room is passed over.
    """
    package = packages.needed(session, room_sitting_id)
    if package.paper_set_id is not None:
        session.get_one(PaperSet, package.paper_set_id, with_for_update=TO_CHANGE)
    if overrides(session, package.paper_set_id) != fixes:
        raise Refused("marks_by_former_key")


def plain(session: Session, row: KeyFixRow) -> dict[str, Any]:
    """One fix as marking takes it."""
    entries: list[Any] = []
    if row.sealed_entries is not None:
        opened = vault_of(session).open_value(PURPOSE, _ident(row.paper_set_id, row.item), row.sealed_entries)
        entries = json.loads(opened)
    return {"effect": row.effect, "entries": entries}


def _ident(paper_set_id: int, item: str) -> str:
    return f"{paper_set_id}/{item}"


def marked_rooms(session: Session, paper_set_id: int) -> list[int]:
    """Rooms that were marked by a package of these papers."""
    query = (
        select(RoomSitting.id)
        .join(Package, Package.room_sitting_id == RoomSitting.id)
        .where(Package.paper_set_id == paper_set_id, RoomSitting.marked_at.is_not(None))
        .where(RoomSitting.void_at.is_(None))
        .distinct()
        .order_by(RoomSitting.id)
    )
    return [
        room for room in session.scalars(query) if packages.needed(session, room).paper_set_id == paper_set_id
    ]


def propose(session: Session, actor: Actor, proposal: Proposal, *, now: datetime) -> int:
    """Puts a fix before the others; its id. Candidates' marks are not touched.

    Raises `InputRefused` for keys that the question's kind does not allow, `Refused`: key_fix_no_marks (no
    room was marked by these papers), key_fix_no_item, key_fix_effect, key_fix_open, key_fix_text.
    """
    need(actor, Permission.PROPOSE_CORRECTION)
    papers = session.get(PaperSet, proposal.paper_set_id, with_for_update=True)
    if papers is None:
        raise NotFound("papers")
    for name, value in (("reason", proposal.reason), ("evidence", proposal.evidence)):
        if not value.strip():
            raise Refused("key_fix_text", 422, field=name)
    if proposal.effect not in tuple(Effect):
        raise Refused("key_fix_effect", 422, field="effect")
    key = _key(session, papers.id, proposal.form)
    item = _item(key, proposal.number)
    fix = KeyFix(Effect(proposal.effect))
    if fix.effect is Effect.KEY:
        fix = KeyFix(fix.effect, read_keys(key.items[item], proposal.keys))
    _need_none_open(session, papers.id, item)
    place = _place(session, papers.id, item)
    row = KeyFixRow(
        paper_set_id=papers.id,
        item=item,
        item_uid=place[0].item_uid,
        item_version=place[0].item_version,
        places=sorted(f"{each.form}-{each.number}" for each in place),
        effect=str(fix.effect),
        sealed_entries=_sealed(session, papers.id, item, fix),
        reason=proposal.reason.strip()[:MOST_TEXT],
        evidence=proposal.evidence.strip()[:MOST_TEXT],
        proposed_at=now,
        proposed_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    note(session, actor, "key_fix_proposed", row, now)
    return row.id


def _key(session: Session, paper_set_id: int, form: str) -> MarkingKey:
    """The key of a form from a package that marked a room."""
    rooms = marked_rooms(session, paper_set_id)
    if not rooms:
        raise Refused("key_fix_no_marks")
    package = packages.needed(session, rooms[0])
    name = f"key/{form}"
    secret = section_key(packages.content_key(session, package), name)
    try:
        return MarkingKey.from_json(open_section(package.data, name, secret))
    except (PackageBroken, KeyError, ValueError) as fault:
        raise Refused("key_fix_no_item", 422, field="form") from fault


def _item(key: MarkingKey, number: int) -> str:
    order = list(key.items)
    if not 1 <= number <= len(order):
        raise Refused("key_fix_no_item", 422, field="number")
    return order[number - 1]


def _place(session: Session, paper_set_id: int, item: str) -> list[FormItem]:
    """Where the bank's item stands in the forms; a part of a case belongs to its case."""
    query = select(FormItem).where(FormItem.paper_set_id == paper_set_id)
    rows = list(session.scalars(query))
    found = [row for row in rows if row.item_uid == item]
    stem = item.rpartition(".")[0]
    found = found or [row for row in rows if stem and row.item_uid[: len(stem)] == stem]
    if not found:
        raise Refused("key_fix_no_item", 422, field="number")
    return found


def _need_none_open(session: Session, paper_set_id: int, item: str) -> None:
    query = select(KeyFixRow.id).where(
        KeyFixRow.paper_set_id == paper_set_id,
        KeyFixRow.item == item,
        KeyFixRow.state.in_(["proposed", "approved"]),
    )
    if session.scalar(query) is not None:
        raise Refused("key_fix_open")


def _sealed(session: Session, paper_set_id: int, item: str, fix: KeyFix) -> bytes | None:
    if not fix.entries:
        return None
    text = json.dumps(fix.to_json()["entries"], ensure_ascii=False).encode()
    return vault_of(session).seal_value(PURPOSE, _ident(paper_set_id, item), text)


def vote(session: Session, actor: Actor, key_fix_id: int, said: Vote, *, now: datetime) -> str:
    """One person's word; the state after it. The second approval puts the fix in force.

    Refused: what `votes.check` refuses, key_fix_closed, key_fix_not_previewed.
    """
    row = locked(session, key_fix_id)
    if row.state != "proposed":
        raise Refused("key_fix_closed")
    voters = [each.user_id for each in votes_of(session, key_fix_id)]
    check(actor, said, row.proposed_by, voters)
    if said.approved and not row.preview:
        raise Refused("key_fix_not_previewed")
    session.add(
        KeyFixVote(key_fix_id=row.id, user_id=actor.user_id, approved=said.approved, note=said.text, at=now)
    )
    note(session, actor, "key_fix_approved" if said.approved else "key_fix_rejected", row, now)
    if not said.approved:
        row.state = "rejected"
    elif len(voters) + 1 >= APPROVALS:
        row.state, row.approved_at = "approved", now
    session.flush()
    return row.state


def withdraw(session: Session, actor: Actor, key_fix_id: int, *, now: datetime) -> None:
    """The proposer takes it back before it is in force."""
    need(actor, Permission.PROPOSE_CORRECTION)
    row = locked(session, key_fix_id)
    if row.state != "proposed":
        raise Refused("key_fix_closed")
    if actor.user_id != row.proposed_by:
        raise Refused("correction_not_own", 403)
    row.state = "withdrawn"
    note(session, actor, "key_fix_withdrawn", row, now)


def votes_of(session: Session, key_fix_id: int) -> list[KeyFixVote]:
    """Who said what, in the order of their words."""
    query = select(KeyFixVote).where(KeyFixVote.key_fix_id == key_fix_id)
    return list(session.scalars(query.order_by(KeyFixVote.at, KeyFixVote.user_id)))


def locked(session: Session, key_fix_id: int) -> KeyFixRow:
    """One fix that is about to change. Raises `NotFound`."""
    row = session.get(KeyFixRow, key_fix_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("key_fix")
    return row


def note(session: Session, actor: Actor, act: str, row: KeyFixRow, now: datetime, **facts: object) -> None:
    """Puts an act on the record; what the key says never."""
    said = {"papers": row.paper_set_id, "item": row.item, "effect": row.effect, **facts}
    audit.record(session, audit.SYSTEM_STREAM, actor, act, f"key_fix/{row.id}", now=now, **said)


def of_papers(session: Session, paper_sets: Iterable[int]) -> list[KeyFixRow]:
    """Every fix of these papers, the newest first."""
    query = select(KeyFixRow).where(KeyFixRow.paper_set_id.in_(list(paper_sets)))
    return list(session.scalars(query.order_by(KeyFixRow.id.desc())))
