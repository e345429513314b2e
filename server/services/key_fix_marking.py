"""Everybody marked again under a key fix: first without storing, to see who crosses, then for good.

The marking itself runs in a child; here is what it is given and what becomes of its answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.marking import EXAMINER
from server.access import Actor, Permission
from server.db.answers import AnswerStore
from server.db.base import TO_CHANGE
from server.db.papers import PaperSet
from server.db.publicity import KeyFix
from server.db.sittings import ComponentResult, RoomSitting, Sitting
from server.errors import Forbidden, NotFound, Refused
from server.rules.key_fixes import RoomChange, moved
from server.services import batch_results, entered_marks, item_life, key_fixes, marks, publicity
from server.services.batch_results import Approved
from server.services.roomstate import attempts_of, load
from server.services.signed import Signed, need

Results = Mapping[int, dict[str, Any]]
"""Room in its sitting -> what the marking child answered for it."""


@dataclass(frozen=True, slots=True)
class Applied:
    """What a fix came to: rooms marked again, candidates whose stored results changed, who left a list."""

    rooms: int
    results: int
    unpublished: int


def works(session: Session, actor: Actor, store: AnswerStore, key_fix_id: int) -> dict[int, dict[str, Any]]:
    """The payload of the marking job for every room of the papers, under this fix and those in force.

    Refused: key_fix_closed, and what marking refuses.
    """
    if not actor.can(Permission.PROPOSE_CORRECTION) and not actor.can(Permission.APPROVE_CORRECTION):
        raise Forbidden(Permission.PROPOSE_CORRECTION)
    row = session.get(KeyFix, key_fix_id)
    if row is None:
        raise NotFound("key_fix")
    if row.state not in ("proposed", "approved"):
        raise Refused("key_fix_closed")
    found = {
        room: marks.payload(session, store, room)
        for room in key_fixes.marked_rooms(session, row.paper_set_id)
    }
    for payload in found.values():
        payload["fixes"] = payload["fixes"] | {row.item: key_fixes.plain(session, row)}
    return found


def keep_preview(
    session: Session, actor: Actor, key_fix_id: int, results: Results, *, now: datetime
) -> tuple[RoomChange, ...]:
    """Keeps what the fix would change, room by room; nobody's marks change."""
    row = key_fixes.locked(session, key_fix_id)
    changes = _changes(session, row, results)
    row.preview = [change.to_json() for change in changes]
    session.flush()
    key_fixes.note(session, actor, "key_fix_previewed", row, now, **_counts(changes))
    return changes


def _counts(changes: tuple[RoomChange, ...]) -> dict[str, int]:
    return {
        "rooms": len(changes),
        "changed": sum(len(change.moved) for change in changes),
        "up": sum(change.crossing("up") for change in changes),
        "down": sum(change.crossing("down") for change in changes),
    }


def _changes(session: Session, row: KeyFix, results: Results) -> tuple[RoomChange, ...]:
    if set(results) != set(key_fixes.marked_rooms(session, row.paper_set_id)):
        raise Refused("key_fix_rooms_changed")
    return tuple(_change(session, room, result) for room, result in sorted(results.items()))


def _change(session: Session, room_sitting_id: int, result: Mapping[str, Any]) -> RoomChange:
    room = load(session, room_sitting_id)
    registrations = {each.id: each.registration_id for each in attempts_of(session, room_sitting_id)}
    by_hand = entered_marks.whole_papers(session, list(registrations))
    examined = entered_marks.in_force(session, list(registrations))
    after: dict[int, Decimal] = {}
    for entry in result["attempts"]:
        marked = marks.with_examiners(session, entry, examined)
        if marked is None or int(entry["attempt"]) in by_hand:
            continue
        if not any(item["state"] == EXAMINER for item in marked["items"]):
            after[registrations[int(entry["attempt"])]] = Decimal(marked["total"])
    stored = select(ComponentResult.registration_id, ComponentResult.total).where(
        ComponentResult.room_sitting_id == room_sitting_id, ComponentResult.status == "scored"
    )
    before = {registration: total for registration, total in session.execute(stored) if total is not None}
    scale = room.policy.terms_of(room.sitting.component).scale
    return RoomChange(room_sitting_id, len(registrations), len(by_hand), moved(before, after, scale))


def apply(session: Session, actor: Actor, key_fix_id: int, results: Results, *, now: datetime) -> Applied:
    """Stores the marks of all rooms again under an approved fix, all or none, and what follows from them.

    The former marks stay, the bank's item is suspended, results in force are folded again by the approval of
    those who approved the fix, and who stood on a list with another result leaves it. `now`: when the
    answers were read. Refused: key_fix_not_approved, key_fix_rooms_changed, key_fix_stale.
    """
    need(actor, Permission.APPROVE_CORRECTION)
    row = key_fixes.locked(session, key_fix_id)
    if row.state != "approved":
        raise Refused("key_fix_not_approved")
    bank_id = session.get_one(PaperSet, row.paper_set_id, with_for_update=TO_CHANGE).bank_id
    changes = _changes(session, row, results)
    row.preview = [change.to_json() for change in changes]
    waiting = {batch_id: _waiting(session, batch_id) for batch_id in _batches(session, results)}
    row.state, row.applied_at = "applied", now
    session.flush()
    for room, result in sorted(results.items()):
        marks.store_again(session, actor, room, {**result, "key_fix": row.id}, now=now)
    signed = Signed(actor, row.reason)
    item_life.suspend_after_test(session, signed, bank_id, row.item_uid, now=now)
    folded = unpublished = 0
    for batch_id, others in waiting.items():
        public = len(publicity.standings(session, batch_id, now=None))
        folded += _fold(session, actor, row, (batch_id, others), now)
        gone = publicity.outdated(session, batch_id)
        publicity.restart(session, batch_id, gone, "key_fix", now=now)
        unpublished += public - len(publicity.standings(session, batch_id, now=None))
    key_fixes.note(session, actor, "key_fix_applied", row, now, **_counts(changes))
    return Applied(len(results), folded, unpublished)


def _batches(session: Session, results: Results) -> list[int]:
    query = (
        select(Sitting.batch_id)
        .join(RoomSitting, RoomSitting.sitting_id == Sitting.id)
        .where(RoomSitting.id.in_(list(results)))
    )
    return sorted(set(session.scalars(query)))


def _waiting(session: Session, batch_id: int) -> set[int]:
    """Candidates of whom something waits that the fix does not approve but the usual fold and its check do.

    Refused (key_fix_stale) when a public result is among them: it has to be corrected first.
    """
    if not batch_results.current(session, batch_id):
        return set()
    found = {each.candidate for each in batch_results.differences(session, batch_id)}
    if public := found & publicity.standings(session, batch_id, now=None).keys():
        raise Refused("key_fix_stale", count=len(public))
    return found


def _fold(session: Session, actor: Actor, row: KeyFix, whose: tuple[int, set[int]], now: datetime) -> int:
    """Folds a batch anew but for the others, where it was folded before; how many results changed."""
    batch_id, others = whose
    if not batch_results.current(session, batch_id):
        return 0
    concerned = {each.candidate for each in batch_results.differences(session, batch_id)} - others
    voters = tuple(each.user_id for each in key_fixes.votes_of(session, row.id) if each.approved)
    approved = Approved(row.reason, voters, frozenset(concerned))
    return batch_results.fold(session, actor, batch_id, now=now, approved=approved).changed
