"""Merging what two seats wrote of one attempt: found when records arrive, confirmed by two people.

Until somebody has decided, the room cannot be marked. Nothing here shows an answer: only which questions
were answered where and when.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from itembank.vault import Vault
from server.access import Permission
from server.db.answers import AnswerStore, Stored
from server.db.base import emit
from server.db.papers import FormItem
from server.db.rescues import AttemptMerge
from server.db.rooms import Seat, Workstation
from server.db.sittings import Attempt, Candidate, JournalGrant, Registration, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.events import Activity, RoomChanged
from server.services import audit, boot_clocks, packages
from server.services.answers import opened_response
from server.services.branches import Branch, Grant, branches, last_by_item, says_anything_new
from server.services.duty import need_duty
from server.services.incidents import Place, clear, raise_incident
from server.services.roomstate import load, locked_attempt
from server.services.signed import MOST_REASON, Signed, need_cosigner, params_of

OUTCOMES = ("confirmed", "left_out")


@dataclass(frozen=True, slots=True)
class MergeItem:
    """One question of a merge: its number on the form, when it was answered at each seat, whose stands.

    A time is None where that seat did not answer it. `after_move`: the former seat's record was written
    after the candidate had been moved.
    """

    number: str
    old_at: datetime | None
    new_at: datetime | None
    new_stands: bool
    after_move: bool


@dataclass(frozen=True, slots=True)
class MergeView:
    """A merge as people decide on it. `last`: the former journal's last record that it is about."""

    id: int
    last: int
    attempt: int
    name: str
    ticket: str
    old_seat: str
    new_seat: str
    moved_at: datetime
    arrived_at: datetime
    state: str
    items: tuple[MergeItem, ...]
    decided_at: datetime | None
    note: str


def grants_of(session: Session, attempt_id: int) -> list[Grant]:
    """The journals of an attempt by number."""
    query = select(JournalGrant).where(JournalGrant.attempt_id == attempt_id).order_by(JournalGrant.journal)
    return [Grant(row.journal, row.workstation_id, row.parent) for row in session.scalars(query)]


def undecided(session: Session, store: AnswerStore, vault: Vault, attempt_id: int) -> list[Branch]:
    """Forks of an attempt that nobody has put on the record yet, or that have grown since."""
    grants = grants_of(session, attempt_id)
    if len({grant.workstation for grant in grants}) < 2:
        return []
    known = {row.old_journal: row.last for row in _rows(session, attempt_id)}
    found = [one for one in branches(store.events(attempt_id), grants) if one.last > known.get(one.old, 0)]
    if not found:
        return []
    key = vault.attempt_key(attempt_id)
    fresh = ((one, one.beyond(known.get(one.old, 0))) for one in found)
    return [one for one, late in fresh if says_anything_new(late, _responses(late, key))]


def _rows(session: Session, attempt_id: int, *, lock: bool = False) -> list[AttemptMerge]:
    query = select(AttemptMerge).where(AttemptMerge.attempt_id == attempt_id).order_by(AttemptMerge.id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(query))


def _responses(branch: Branch, key: bytes) -> dict[tuple[int, int], tuple[str, ...]]:
    return {
        (one.record.journal, one.record.seq): opened_response(one.record, key)
        for one in (*branch.tail, *branch.follow)
    }


def note(session: Session, attempt_id: int, found: Sequence[Branch], *, now: datetime) -> int:
    """Puts forks on the record; returns how many are new or have grown. The seat calls for a person.

    Nobody has decided on what came after a decision: the merge is open again, its former decision stands in
    the audit.
    """
    attempt = locked_attempt(session, attempt_id)
    known = {row.old_journal: row for row in _rows(session, attempt_id, lock=True)}
    fresh = [one for one in found if one.old not in known or one.last > known[one.old].last]
    for branch in fresh:
        row = known.get(branch.old) or AttemptMerge(attempt_id=attempt_id, old_journal=branch.old)
        row.new_journal, row.upto, row.last = branch.new, branch.upto, branch.last
        row.items, row.arrived_at = list(branch.items), now
        row.state, row.decided_at, row.decided_by, row.cosigned_by, row.note = "open", None, None, None, ""
        session.add(row)
    if fresh:
        place = Place(attempt.room_sitting_id, attempt.seat_id, attempt_id)
        count = len({item for branch in fresh for item in branch.items})
        raise_incident(session, place, IncidentKind.BOTH_WROTE, now=now, items=str(count))
    return len(fresh)


def waiting(session: Session, room_sitting_id: int) -> tuple[str, ...]:
    """Seats of a room with a merge that nobody has decided."""
    query = (
        select(Seat.number)
        .join(Attempt, Attempt.seat_id == Seat.id)
        .join(AttemptMerge, AttemptMerge.attempt_id == Attempt.id)
        .where(Attempt.room_sitting_id == room_sitting_id, AttemptMerge.state == "open")
    )
    return tuple(sorted(set(session.scalars(query))))


def left_out(session: Session, attempt_id: int) -> dict[int, int]:
    """Journals of which the late records do not count: journal -> last seq that does."""
    query = select(AttemptMerge).where(
        AttemptMerge.attempt_id == attempt_id, AttemptMerge.state == "left_out"
    )
    return {row.old_journal: row.upto for row in session.scalars(query)}


def check_decided(session: Session, room_sitting_id: int) -> None:
    """Raises `Refused` (`merges_open`) while a merge of the room waits for a decision."""
    seats = waiting(session, room_sitting_id)
    if seats:
        raise Refused("merges_open", seats="、".join(seats))


def decide(session: Session, merge_id: int, outcome: str, signed: Signed, *, now: datetime) -> int:
    """Two people confirm the rule's outcome, or leave the former seat's late records out.

    Returns the room's sitting. A second decision replaces the first and is audited beside it. Marks that were
    given by another one do not stand: the room is collected again and calls for marking.
    Refused: `not_on_duty`, and `package_destroyed` when a room can be marked no more.
    """
    need_cosigner(signed)
    assert signed.cosigner is not None
    if outcome not in OUTCOMES:
        raise NotFound("act")
    row, attempt, room = _locked(session, merge_id)
    need_duty(session, signed.actor, Permission.RUN_ROOM, room.id, now=now)
    before, row.state, row.decided_at = row.state, outcome, now
    row.decided_by, row.cosigned_by = signed.actor.user_id, signed.cosigner.user_id
    row.note = signed.reason.strip()[:MOST_REASON]
    session.flush()
    seat = session.get_one(Seat, attempt.seat_id).number
    act = "merge_confirmed" if outcome == "confirmed" else "merge_left_out"
    again: dict[str, object] = {"before": before} if before != "open" else {}
    if room.state == "marked" and before != outcome:
        packages.needed(session, room.id)
        room.state = "collected"
        room.version += 1
        again["marks_void"] = True
        emit(session, RoomChanged(room.id))
    told = {"seat": seat, "journal": row.old_journal, "items": len(row.items), **again}
    stream, object_ = audit.sitting_stream(attempt.room_sitting_id), f"attempt/{attempt.id}"
    audit.record(session, stream, signed.actor, act, object_, now=now, **signed.why(), **told)
    params = params_of(signed, seat=seat)
    emit(session, Activity(attempt.room_sitting_id, f"line_{act}", params, attempt.seat_id))
    if not _still_open(session, attempt.id):
        place = Place(attempt.room_sitting_id, attempt.seat_id, attempt.id)
        clear(session, place, IncidentKind.BOTH_WROTE, now=now)
    return attempt.room_sitting_id


def _locked(session: Session, merge_id: int) -> tuple[AttemptMerge, Attempt, RoomSitting]:
    """The merge with its attempt and room, kept from other writers: the room first (`roomstate.load`)."""
    query = select(Attempt.room_sitting_id).join(AttemptMerge, AttemptMerge.attempt_id == Attempt.id)
    room_sitting = session.scalar(query.where(AttemptMerge.id == merge_id))
    if room_sitting is None:
        raise NotFound("merge")
    room = load(session, room_sitting, lock=True).row
    row = session.get_one(AttemptMerge, merge_id)
    attempt = locked_attempt(session, row.attempt_id)
    session.refresh(row, with_for_update=True)
    return row, attempt, room


def _still_open(session: Session, attempt_id: int) -> bool:
    query = select(AttemptMerge.id).where(AttemptMerge.attempt_id == attempt_id, AttemptMerge.state == "open")
    return session.scalar(query.limit(1)) is not None


# --- what people see ---------------------------------------------------------------------------------


def views(session: Session, store: AnswerStore, room_sitting_id: int) -> tuple[MergeView, ...]:
    """The merges of a room, those that wait first."""
    rows = session.scalars(
        select(AttemptMerge)
        .join(Attempt, Attempt.id == AttemptMerge.attempt_id)
        .where(Attempt.room_sitting_id == room_sitting_id)
        .order_by(AttemptMerge.state != "open", AttemptMerge.id)
    )
    return tuple(_view(session, store, row) for row in rows)


def _view(session: Session, store: AnswerStore, row: AttemptMerge) -> MergeView:
    attempt = session.get_one(Attempt, row.attempt_id)
    registration = session.get_one(Registration, attempt.registration_id)
    new = session.get_one(JournalGrant, (row.attempt_id, row.new_journal))
    old = session.get_one(JournalGrant, (row.attempt_id, row.old_journal))
    return MergeView(
        id=row.id,
        last=row.last,
        attempt=row.attempt_id,
        name=session.get_one(Candidate, registration.candidate_id).name,
        ticket=registration.ticket,
        old_seat=_seat_of(session, old.workstation_id),
        new_seat=_seat_of(session, new.workstation_id),
        moved_at=new.opened_at,
        arrived_at=row.arrived_at,
        state=row.state,
        items=_items(session, store, row, new.opened_at),
        decided_at=row.decided_at,
        note=row.note,
    )


def _seat_of(session: Session, workstation: int) -> str:
    return session.get_one(Seat, session.get_one(Workstation, workstation).seat_id).number


def _items(
    session: Session, store: AnswerStore, row: AttemptMerge, moved_at: datetime
) -> tuple[MergeItem, ...]:
    grants = grants_of(session, row.attempt_id)
    found = [one for one in branches(store.events(row.attempt_id), grants) if one.old == row.old_journal]
    if not found:
        return ()
    numbers = _numbers(session, row.attempt_id)
    here, there = last_by_item(found[0].tail), last_by_item(found[0].follow)
    made = [
        MergeItem(
            number=_number(numbers, item),
            old_at=(old_at := _written(session, late)),
            new_at=_written(session, there[item]) if item in there else None,
            new_stands=item in there or row.state == "left_out",
            after_move=old_at > moved_at,
        )
        for item, late in here.items()
    ]
    return tuple(sorted(made, key=lambda item: [int(part) for part in item.number.split(".") if part]))


def _written(session: Session, stored: Stored) -> datetime:
    """When a record was written by the server's clock; when it came, if that cannot be known."""
    record = stored.record
    return boot_clocks.placed(
        session, stored.workstation, record.boot_id, record.boot_ns, now=stored.received_at
    )


def _numbers(session: Session, attempt_id: int) -> dict[str, int]:
    attempt = session.get_one(Attempt, attempt_id)
    sitting = session.get_one(RoomSitting, attempt.room_sitting_id).sitting_id
    papers = session.get_one(Sitting, sitting).paper_set_id
    query = select(FormItem.item_uid, FormItem.number).where(
        FormItem.paper_set_id == papers, FormItem.form == attempt.form
    )
    return dict(session.execute(query).all())


def _number(numbers: dict[str, int], item: str) -> str:
    """The number on the form; the part of a case as number.part."""
    if item in numbers:
        return str(numbers[item])
    uid, _, part = item.rpartition(".")
    return f"{numbers.get(uid, 0)}.{part}" if part.isdigit() else "0"
