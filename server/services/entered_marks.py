"""Marks that people enter: for a whole paper written on paper, or for one item that examiners mark.

An entry counts when another person has typed the same points; a changed mark is a new entry, and the old one
stays in force until the new one is confirmed, and on the record for good.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.items import EXAMINED
from itembank.package import open_section, section_key
from server.access import Actor, Permission
from server.db.answers import AnswerStore
from server.db.papers import EnteredMark
from server.db.rooms import Seat
from server.db.scripts import Script
from server.db.sittings import Attempt, Candidate, Registration, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.rules.policy import LevelPolicy
from server.services import audit, marked_texts, packages, staff
from server.services.roomstate import RoomState, load, locked_attempt
from server.services.signed import MOST_REASON, need

WHOLE_PAPER = ""
PLACES = -2
"""The exponent of the smallest step of an entered mark: hundredths."""
_AFTERWARDS = ("ended", "collected", "marked")


@dataclass(frozen=True, slots=True)
class Entry:
    """What a person enters: points of one attempt's whole paper (`item_uid` "") or of one of its items.

    `seen`: the index of the text that was on the screen (`marked_texts`); None for the one that is kept now.
    """

    attempt: int
    points: Decimal
    item_uid: str = WHOLE_PAPER
    note: str = ""
    seen: str | None = None


@dataclass(frozen=True, slots=True)
class Agreed:
    """What independent markers of a whole paper came to; `readers`: the two whose marks stand for it."""

    attempt: int
    points: Decimal
    readers: tuple[int, int]
    note: str = ""


@dataclass(frozen=True, slots=True)
class MarkLine:
    """One entry with who entered and who confirmed it."""

    row: EnteredMark
    entered_by: str
    confirmed_by: str


@dataclass(frozen=True, slots=True)
class Person:
    """A candidate of the room with the entries made, newest first, replaced ones included."""

    attempt: int
    seat: str
    ticket: str
    name: str
    form: str
    answered: bool
    marks: tuple[MarkLine, ...]


def enter(session: Session, actor: Actor, store: AnswerStore, entry: Entry, *, now: datetime) -> int:
    """Notes a mark that waits for a second person; an entry that nobody confirmed is replaced at once.

    A mark that changes a confirmed one, or that sets electronic answers aside, needs its reason as note.
    """
    need(actor, Permission.MARK_RESULTS)
    attempt = locked_attempt(session, entry.attempt)
    room = load(session, attempt.room_sitting_id)
    if room.row.state not in _AFTERWARDS:
        raise Refused("marks_before_end")
    most = _most(session, room.policy, attempt, entry.item_uid)
    check_points(entry.points, most)
    _check_markers(session, entry.attempt, entry.item_uid)
    index = _index(session, entry.attempt, entry.item_uid)
    if entry.seen not in (None, index):
        raise Refused("mark_text_changed")
    standing = _standing(session, entry.attempt, entry.item_uid)
    changes = any(row.confirmed_at and row.response_index == index for row in standing)
    sets_aside = entry.item_uid == WHOLE_PAPER and attempt.id in store.newest([attempt.id])
    if (changes or sets_aside) and not entry.note.strip():
        raise Refused("mark_note_missing", 422, field="note")
    for row in standing:
        if row.confirmed_at is None:
            row.replaced_at = now
    mark = EnteredMark(
        attempt_id=entry.attempt,
        item_uid=entry.item_uid,
        points=entry.points,
        most=most,
        note=entry.note.strip()[:MOST_REASON],
        response_index=index,
        entered_at=now,
        entered_by=actor.user_id,
    )
    session.add(mark)
    session.flush()
    _record(session, actor, "mark_entered", mark, now)
    return mark.id


def agree(session: Session, actor: Actor, agreed: Agreed, *, now: datetime) -> int:
    """Brings in force what the markers of a script came to; the entry names two of them, older ones stay as
    replaced. The caller has checked that they marked it apart (`services.script_readings`).
    """
    attempt = locked_attempt(session, agreed.attempt)
    most = _most(session, load(session, attempt.room_sitting_id).policy, attempt, WHOLE_PAPER)
    check_points(agreed.points, most)
    if agreed.readers[0] == agreed.readers[1]:
        raise Refused("mark_same_person", 403)
    for row in _standing(session, agreed.attempt, WHOLE_PAPER):
        row.replaced_at = now
    mark = EnteredMark(
        attempt_id=agreed.attempt,
        points=agreed.points,
        most=most,
        note=agreed.note[:MOST_REASON],
        entered_at=now,
        entered_by=agreed.readers[0],
        confirmed_at=now,
        confirmed_by=agreed.readers[1],
    )
    session.add(mark)
    session.flush()
    _record(session, actor, "mark_agreed", mark, now)
    return mark.id


def confirm(session: Session, actor: Actor, mark_id: int, points: Decimal, *, now: datetime) -> bool:
    """The second person's reading of the same paper; whether the two agree.

    Other points than the first person's end the entry: it has to be made anew, so that nobody finds the
    points by trying. What was in force before is replaced by a confirmed one.
    """
    need(actor, Permission.MARK_RESULTS)
    found = session.get(EnteredMark, mark_id)
    if found is None:
        raise NotFound("mark")
    locked_attempt(session, found.attempt_id)
    mark = session.get_one(EnteredMark, mark_id, populate_existing=True)
    if mark.replaced_at is not None or mark.confirmed_at is not None:
        raise Refused("mark_settled")
    if mark.entered_by == actor.user_id:
        raise Refused("mark_same_person", 403, field="points")
    _check_markers(session, mark.attempt_id, mark.item_uid)
    if mark.response_index != _index(session, mark.attempt_id, mark.item_uid):
        raise Refused("mark_text_changed")
    if mark.points != points:
        mark.replaced_at = now
        _record(session, actor, "mark_differed", mark, now)
        return False
    for row in _standing(session, mark.attempt_id, mark.item_uid):
        if row.id != mark.id:
            row.replaced_at = now
    mark.confirmed_at, mark.confirmed_by = now, actor.user_id
    _record(session, actor, "mark_confirmed", mark, now)
    return True


def in_force(session: Session, attempts: Iterable[int]) -> dict[tuple[int, str], EnteredMark]:
    """The confirmed marks of attempts by (attempt, item); the whole paper under `WHOLE_PAPER`."""
    rows = session.scalars(
        select(EnteredMark).where(
            EnteredMark.attempt_id.in_(list(attempts)),
            EnteredMark.confirmed_at.is_not(None),
            EnteredMark.replaced_at.is_(None),
        )
    )
    return {(row.attempt_id, row.item_uid): row for row in rows}


def whole_papers(session: Session, attempts: Iterable[int]) -> dict[int, Decimal]:
    """The confirmed totals of papers written on paper, by attempt."""
    found = in_force(session, attempts)
    return {attempt: row.points for (attempt, uid), row in found.items() if uid == WHOLE_PAPER}


def not_counted_yet(session: Session, room: RoomState) -> int:
    """How many marks were confirmed after their room was marked: it has to be marked again."""
    if room.row.state != "marked" or room.row.marked_at is None:
        return 0
    marked_at = room.row.marked_at
    rows = in_force(session, _attempts(session, room.row.id)).values()
    return sum(1 for row in rows if row.confirmed_at is not None and row.confirmed_at > marked_at)


def people(session: Session, actor: Actor, store: AnswerStore, room_sitting_id: int) -> list[Person]:
    """The room's candidates in the order of their tickets, with what was entered for their whole papers."""
    need(actor, Permission.MARK_RESULTS)
    rows = session.execute(
        select(Attempt, Registration.ticket, Candidate.name, Seat.number)
        .join(Registration, Registration.id == Attempt.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(Attempt.room_sitting_id == room_sitting_id)
        .order_by(Registration.ticket)
    ).all()
    attempts = [attempt.id for attempt, *_rest in rows]
    marks, answered = _lines(session, attempts), store.newest(attempts)
    return [
        Person(
            attempt=attempt.id,
            seat=seat,
            ticket=ticket,
            name=name,
            form=attempt.form,
            answered=attempt.id in answered,
            marks=tuple(marks.get(attempt.id, ())),
        )
        for attempt, ticket, name, seat in rows
    ]


def _lines(session: Session, attempts: list[int]) -> Mapping[int, list[MarkLine]]:
    query = (
        select(EnteredMark)
        .where(EnteredMark.attempt_id.in_(attempts), EnteredMark.item_uid == WHOLE_PAPER)
        .order_by(EnteredMark.id.desc())
    )
    rows = list(session.scalars(query))
    names = staff.names(session, [user for row in rows for user in (row.entered_by, row.confirmed_by)])
    found: dict[int, list[MarkLine]] = {}
    for row in rows:
        line = MarkLine(row, names.get(row.entered_by or 0, ""), names.get(row.confirmed_by or 0, ""))
        found.setdefault(row.attempt_id, []).append(line)
    return found


def _attempts(session: Session, room_sitting_id: int) -> list[int]:
    return list(session.scalars(select(Attempt.id).where(Attempt.room_sitting_id == room_sitting_id)))


def _standing(session: Session, attempt: int, item_uid: str) -> list[EnteredMark]:
    query = select(EnteredMark).where(
        EnteredMark.attempt_id == attempt,
        EnteredMark.item_uid == item_uid,
        EnteredMark.replaced_at.is_(None),
    )
    return list(session.scalars(query))


def _index(session: Session, attempt: int, item_uid: str) -> str:
    return "" if item_uid == WHOLE_PAPER else marked_texts.index_now(session, attempt, item_uid)


def _check_markers(session: Session, attempt: int, item_uid: str) -> None:
    """A paper that markers are at gets its mark from them and from nobody beside."""
    if item_uid != WHOLE_PAPER:
        return
    state = session.scalar(select(Script.state).where(Script.attempt_id == attempt))
    if state in ("marking", "third"):
        raise Refused("mark_by_markers", 409, field="points")


def check_points(points: Decimal, most: Decimal, *, field: str = "points") -> None:
    """Raises `Refused` (`mark_out_of_range`) beyond `most`, below zero and for parts of a hundredth."""
    exponent = points.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < PLACES or not 0 <= points <= most:
        raise Refused("mark_out_of_range", 422, field=field, most=f"{most.normalize():f}")


def _most(session: Session, policy: LevelPolicy, attempt: Attempt, item_uid: str) -> Decimal:
    """The most points an entry may give: the scale's for a paper, the frozen key's for an item."""
    if item_uid == WHOLE_PAPER:
        row = session.get_one(RoomSitting, attempt.room_sitting_id)
        return policy.terms_of(session.get_one(Sitting, row.sitting_id).component).scale.max
    package = packages.needed(session, attempt.room_sitting_id)
    name = f"key/{attempt.form}"
    key = open_section(package.data, name, section_key(packages.content_key(session, package), name))
    entries = key["items"]
    entry = entries.get(item_uid) if isinstance(entries, Mapping) else None
    if entry is None or entry["kind"] not in EXAMINED:
        raise Refused("mark_of_no_essay", 422, field="item")
    return Decimal(str(entry["points"]))


def _record(session: Session, actor: Actor, act: str, mark: EnteredMark, now: datetime) -> None:
    # The points stand in the entry; the chain says who did what, as with every other mark.
    audit.record(
        session,
        audit.sitting_stream(session.get_one(Attempt, mark.attempt_id).room_sitting_id),
        actor,
        act,
        f"mark/{mark.id}",
        now=now,
        attempt=mark.attempt_id,
        **({"item": mark.item_uid} if mark.item_uid else {}),
        **({"note": mark.note} if mark.note else {}),
    )
