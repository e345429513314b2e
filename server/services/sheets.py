"""Score sheets: an examiner's records taken in, a sheet locked, and the one door to what others gave (R31).

A record that its chain leads to is kept whatever it says; `ScoreRecord.refused` tells why one does not count.
What counts is applied in the order in which it was accepted, so a second tablet of the same examiner goes on
from what the first one had sent. Marks are taken from the start of a turn on; a sheet is locked once the turn
is done, because only then its overtime, and with it the total that is signed, is known.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.assessing import ScoreRecord, ScoreSheet, SheetJournal, Turn
from server.db.base import vault_of
from server.errors import NotFound, Refused
from server.rules.sheet_chain import SheetRecord, read_body
from server.services import scoring_devices
from server.services.sheet_book import PURPOSE, Ack, Sender, SheetBook
from server.services.signed import need

__all__ = [
    "BATCH_MOST",
    "Ack",
    "Fork",
    "Progress",
    "append",
    "drop_empty",
    "forks",
    "locked",
    "open_journal",
    "open_sheet",
    "opened_marks",
    "own_records",
    "progress",
]

BATCH_MOST = 200
"""Records of one request."""
Action = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kept:
    """One record of one's own sheet, opened. `refused`: the code of why it does not count, "" when it does;
    "fork" when another record stands in its place.
    """

    journal: int
    seq: int
    hash: str
    action: Action
    refused: str


@dataclass(frozen=True, slots=True)
class Fork:
    """Records of a sheet that do not continue its chain: how many, of which examiner's sheet, since when."""

    turn_id: int
    user_id: int
    records: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """Whose sheets of one turn are locked, by user id, and of whom any mark has come; no marks."""

    locked: frozenset[int] = field(default_factory=frozenset)
    begun: frozenset[int] = field(default_factory=frozenset)


def append(
    session: Session, actor: Actor, device_id: int, records: Sequence[SheetRecord], *, now: datetime
) -> list[Ack]:
    """Takes a batch of one tablet; what became of each record, in its order. Acknowledge after the commit.

    Raises `Forbidden`, `Refused` (`device_not_yours`, `records_too_many`) for the batch as a whole.
    """
    need(actor, Permission.SCORE_SHEETS)
    device = scoring_devices.own(session, actor, device_id)
    if len(records) > BATCH_MOST:
        raise Refused("records_too_many", 413, limit=BATCH_MOST)
    uids = sorted({record.sheet for record in records})
    mine = (
        select(ScoreSheet)
        .where(ScoreSheet.uid.in_(uids), ScoreSheet.user_id == actor.user_id)
        .order_by(ScoreSheet.id)
        .with_for_update(key_share=True)  # as `TO_CHANGE`: records that name the sheet need not wait
        .execution_options(populate_existing=True)
    )
    sender = Sender(actor, device, now)
    books = {sheet.uid: SheetBook(session, sender, sheet) for sheet in session.scalars(mine)}
    return [
        books[record.sheet].take(record)
        if record.sheet in books
        else Ack(record.sheet, record.journal, record.seq, record.hash, "refused", "sheet_not_yours")
        for record in records
    ]


def open_sheet(session: Session, user_id: int, turn_id: int, *, now: datetime) -> ScoreSheet:
    """The examiner's sheet of a turn, made when it is not there yet."""
    query = select(ScoreSheet).where(ScoreSheet.turn_id == turn_id, ScoreSheet.user_id == user_id)
    known = session.scalar(query)
    if known is not None:
        return known
    if session.get(Turn, turn_id) is None:
        raise NotFound("turn")
    row = ScoreSheet(uid=str(uuid4()), turn_id=turn_id, user_id=user_id, opened_at=now)
    session.add(row)
    session.flush()
    return row


def open_journal(session: Session, sheet: ScoreSheet, device_id: int, *, now: datetime) -> SheetJournal:
    """The journal in which a tablet goes on with a sheet: its newest one, or a new one.

    A new one continues the last record that was accepted on the sheet. One in which records have forked is
    left to its forks.
    """
    mine = (
        select(SheetJournal)
        .where(SheetJournal.sheet_id == sheet.id, SheetJournal.device_id == device_id)
        .order_by(SheetJournal.journal.desc())
    )
    newest = session.scalar(mine.limit(1))
    if newest is not None and not _has_forks(session, newest):
        return newest
    numbers = session.scalars(select(SheetJournal.journal).where(SheetJournal.sheet_id == sheet.id))
    last = (
        select(ScoreRecord.hash)
        .where(ScoreRecord.sheet_id == sheet.id, ScoreRecord.forked.is_(False))
        .order_by(ScoreRecord.id.desc())
    )
    parent = session.scalar(last.limit(1)) or SheetBook.FIRST
    number = max(numbers, default=0) + 1
    row = SheetJournal(sheet_id=sheet.id, journal=number, device_id=device_id, parent=parent, opened_at=now)
    session.add(row)
    session.flush()
    return row


def _has_forks(session: Session, journal: SheetJournal) -> bool:
    query = select(ScoreRecord.id).where(
        ScoreRecord.sheet_id == journal.sheet_id,
        ScoreRecord.journal == journal.journal,
        ScoreRecord.forked.is_(True),
    )
    return session.scalar(query.limit(1)) is not None


def drop_empty(session: Session, turns: Collection[int]) -> None:
    """Takes back the sheets that were made ready for turns which a new draw replaces; nothing is on them.

    Raises `Refused` (`sheets_marked`) when anything is.
    """
    mine = select(ScoreSheet.id).where(ScoreSheet.turn_id.in_(list(turns)))
    if session.scalar(select(ScoreRecord.id).where(ScoreRecord.sheet_id.in_(mine)).limit(1)) is not None:
        raise Refused("sheets_marked")
    session.execute(delete(SheetJournal).where(SheetJournal.sheet_id.in_(mine)))
    session.execute(delete(ScoreSheet).where(ScoreSheet.turn_id.in_(list(turns))))


def own_records(session: Session, actor: Actor, sheet: ScoreSheet) -> list[Kept]:
    """Everything that was taken in on one's own sheet, in its order. Raises `Refused` (`sheet_not_yours`)."""
    if sheet.user_id != actor.user_id:
        raise Refused("sheet_not_yours", 403)
    return _records(session, sheet)


def _records(session: Session, sheet: ScoreSheet) -> list[Kept]:
    vault, kept = vault_of(session), []
    query = select(ScoreRecord).where(ScoreRecord.sheet_id == sheet.id).order_by(ScoreRecord.id)
    for row in session.scalars(query):
        ident = SheetBook.ident(sheet.uid, row)
        body = read_body(vault.open_value(PURPOSE, ident, row.sealed).decode())
        why = "fork" if row.forked else row.refused
        kept.append(Kept(row.journal, row.seq, row.hash, body.action if body else {}, why))
    return kept


def locked(session: Session, turn: Turn) -> bool:
    """Whether everybody of the turn's panel has locked; never before the turn has a panel (R31)."""
    return bool(turn.panel) and set(turn.panel) <= _locked_users(session, turn.id)


def _locked_users(session: Session, turn_id: int) -> set[int]:
    query = select(ScoreSheet.user_id).where(ScoreSheet.turn_id == turn_id, ScoreSheet.state == "locked")
    return set(session.scalars(query))


def opened_marks(session: Session, turn: Turn) -> dict[int, tuple[Action, ...]]:
    """What each of the turn's panel gave, by user id: the actions that count, in their order.

    The only door to marks of others. Raises `Refused` (`sheets_not_locked`) before all are locked (R31).
    """
    if not locked(session, turn):
        raise Refused("sheets_not_locked", 409, number=turn.number)
    query = select(ScoreSheet).where(ScoreSheet.turn_id == turn.id, ScoreSheet.user_id.in_(turn.panel))
    return {
        sheet.user_id: tuple(kept.action for kept in _records(session, sheet) if not kept.refused)
        for sheet in session.scalars(query)
    }


def progress(session: Session, turns: Collection[int]) -> dict[int, Progress]:
    """Who has begun and who has locked, for those who run the room; turns without any sheet are there too."""
    query = select(ScoreSheet).where(ScoreSheet.turn_id.in_(list(turns)))
    sheets = session.scalars(query).all()
    begun = set(
        session.scalars(
            select(ScoreRecord.sheet_id)
            .where(ScoreRecord.sheet_id.in_([sheet.id for sheet in sheets]))
            .distinct()
        )
    )
    return {
        turn: Progress(
            frozenset(s.user_id for s in sheets if s.turn_id == turn and s.state == "locked"),
            frozenset(s.user_id for s in sheets if s.turn_id == turn and s.id in begun),
        )
        for turn in turns
    }


def forks(session: Session, room_sitting_id: int) -> list[Fork]:
    """Where records of a room's sheets do not continue their chain, for who confirms and checks the marks."""
    query = (
        select(ScoreSheet.turn_id, ScoreSheet.user_id, ScoreRecord.received_at)
        .join(ScoreRecord, ScoreRecord.sheet_id == ScoreSheet.id)
        .join(Turn, Turn.id == ScoreSheet.turn_id)
        .where(Turn.room_sitting_id == room_sitting_id, ScoreRecord.forked.is_(True))
        .order_by(ScoreRecord.id)
    )
    found: dict[tuple[int, int], list[datetime]] = {}
    for turn_id, user_id, at in session.execute(query):
        found.setdefault((turn_id, user_id), []).append(at)
    return [Fork(turn, user, len(times), min(times)) for (turn, user), times in found.items()]
