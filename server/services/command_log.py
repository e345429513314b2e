"""Commands to seats on their way: sent, received by the agent, shown by the page; the newest one holds.

Written by whoever commands a seat (`issue`), confirmed by the seat (`Confirmations`), read by the monitor
(`commands_of`).
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from exam_rooms.clock import merged
from exam_rooms.kiosk_messages import CommandKind, CommandNote, MessageView, SeatOrder
from server.access import SYSTEM
from server.db.base import Database, emit
from server.db.commands import SeatCommand, SeatMessage, WorkedRow
from server.db.rooms import WorkstationClock
from server.db.sittings import Attempt
from server.events import LinkChanged
from server.services import audit
from server.services.agents import Agent
from server.services.boot_clocks import placed, placed_surely
from server.services.roomstate import load, locked_attempt, touch
from server.services.signed import MOST_REASON, Signed
from server.services.staff import names

NOTES_MOST = 50
"""Confirmations that one heartbeat may bring."""
TOLD_MOST = 20
"""Unconfirmed commands that a seat is told of: the newest ones."""
WORTH = timedelta(seconds=5)
"""What is worked in a pause for less than this is the way of the word to the seat, and nobody's gain."""
_KEPT = 20_000
_PAIRS = (
    frozenset({CommandKind.PAUSE, CommandKind.RESUME}),
    frozenset({CommandKind.LOCK, CommandKind.UNLOCK, CommandKind.IDENTITY}),
    frozenset({CommandKind.START, CommandKind.END, CommandKind.REOPEN}),
)
"""Kinds of which a newer one takes the place of an older one that was not done yet."""


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command to a seat as staff see it. `state`: sent, received, done or superseded."""

    id: int
    seat: int
    kind: str
    reason: str
    by: str
    sent_at: datetime
    received_at: datetime | None
    done_at: datetime | None
    superseded_at: datetime | None

    @property
    def state(self) -> str:
        """How far it has come."""
        if self.done_at is not None:
            return "done"
        if self.superseded_at is not None:
            return "superseded"
        return "sent" if self.received_at is None else "received"


def issue(  # noqa: PLR0913 - what, to whom, by whom, when
    session: Session,
    kind: CommandKind,
    attempts: Iterable[Attempt],
    signed: Signed,
    *,
    now: datetime,
    once: str = "",
) -> None:
    """Puts a command to each of these seats on the record; it takes the place of its pair that waits."""
    rows = _rows(session, kind, attempts, signed, now=now, once=once)
    if rows:  # a room of hundreds at its start: as objects they would cost a third of it
        session.execute(insert(SeatCommand).returning(SeatCommand.id), rows)  # so they go in one statement


def issue_messages(
    session: Session, attempts: Iterable[Attempt], signed: Signed, *, now: datetime, once: str = ""
) -> list[int]:
    """The same for a message; returns the ids of the commands, in the order of the attempts."""
    rows = _rows(session, CommandKind.MESSAGE, attempts, signed, now=now, once=once)
    if not rows:
        return []
    kept = insert(SeatCommand).returning(SeatCommand.id, sort_by_parameter_order=True)
    return list(session.scalars(kept, rows))


def _rows(  # noqa: PLR0913 - what, to whom, by whom, when
    session: Session,
    kind: CommandKind,
    attempts: Iterable[Attempt],
    signed: Signed,
    *,
    now: datetime,
    once: str,
) -> list[dict[str, object]]:
    """The rows to keep; what waits of the same pair is superseded, and what the session holds is written."""
    meant = list(attempts)
    _supersede(session, kind, [attempt.id for attempt in meant], now)
    session.flush()
    same = {
        "kind": str(kind),
        "reason": signed.reason.strip()[:MOST_REASON],
        "sent_at": now,
        "sent_by": signed.actor.user_id,
        "cosigned_by": signed.cosigner.user_id if signed.cosigner else None,
        "once": once or None,
    }
    return [
        {
            "room_sitting_id": attempt.room_sitting_id,
            "attempt_id": attempt.id,
            "seat_id": attempt.seat_id,
            **same,
        }
        for attempt in meant
    ]


def _supersede(session: Session, kind: CommandKind, attempts: Collection[int], now: datetime) -> None:
    pair = next((pair for pair in _PAIRS if kind in pair), None)
    if pair is None or not attempts:
        return
    waiting = select(SeatCommand).where(
        SeatCommand.attempt_id.in_(attempts),
        SeatCommand.kind.in_([str(each) for each in pair]),
        SeatCommand.done_at.is_(None),
        SeatCommand.superseded_at.is_(None),
    )
    for row in session.scalars(waiting):
        row.superseded_at = now


def repeated(session: Session, room_sitting_id: int, once: str) -> bool:
    """Whether the form with this one-time number was obeyed before; asked with the room locked."""
    if not once:
        return False
    query = select(SeatCommand.id).where(
        SeatCommand.room_sitting_id == room_sitting_id, SeatCommand.once == once
    )
    return session.scalar(query.limit(1)) is not None


def commands_of(session: Session, room_sitting_id: int) -> dict[int, CommandView]:
    """Seat -> the last command to it."""
    return {view.seat: view for view in listing(session, room_sitting_id)}


def listing(session: Session, room_sitting_id: int, attempt: int | None = None) -> list[CommandView]:
    """All commands of a room (or of one attempt) in their order, the newest last."""
    query = select(SeatCommand).where(SeatCommand.room_sitting_id == room_sitting_id)
    if attempt is not None:
        query = query.where(SeatCommand.attempt_id == attempt)
    rows = session.scalars(query.order_by(SeatCommand.id)).all()
    people = names(session, {row.sent_by for row in rows})
    return [_view(row, people.get(row.sent_by or 0, "")) for row in rows]


def _view(row: SeatCommand, by: str) -> CommandView:
    stamps = (row.sent_at, row.received_at, row.done_at, row.superseded_at)
    return CommandView(row.id, row.seat_id, row.kind, row.reason, by, *stamps)


_UNCONFIRMED = (
    select(SeatCommand.attempt_id, SeatCommand.id, SeatCommand.kind, SeatCommand.sent_at)
    .join(Attempt, (Attempt.id == SeatCommand.attempt_id) & (Attempt.seat_id == SeatCommand.seat_id))
    .where(
        SeatCommand.attempt_id.in_(bindparam("attempts", expanding=True)),
        SeatCommand.done_at.is_(None),
        SeatCommand.superseded_at.is_(None),
    )
    .order_by(SeatCommand.id)
)
_MESSAGES = (
    select(SeatMessage.attempt_id, SeatMessage.id, SeatMessage.text, SeatMessage.said_at)
    .where(SeatMessage.attempt_id.in_(bindparam("attempts", expanding=True)))
    .order_by(SeatMessage.id)
)


def unconfirmed(session: Session, attempts: Collection[int]) -> dict[int, tuple[SeatOrder, ...]]:
    """Attempt -> commands to the seat where it is that are not done; one query for a room."""
    found: dict[int, list[SeatOrder]] = {}
    session.flush()  # a plain statement does not: each start of a room asks this for every seat
    for attempt, key, kind, at in session.connection().execute(_UNCONFIRMED, {"attempts": list(attempts)}):
        found.setdefault(attempt, []).append(SeatOrder(key, kind, at))
    return {attempt: tuple(orders[-TOLD_MOST:]) for attempt, orders in found.items()}


def messages_of(session: Session, attempts: Collection[int]) -> dict[int, tuple[MessageView, ...]]:
    """Attempt -> what was said to its candidate alone, newest last."""
    found: dict[int, list[MessageView]] = {}
    session.flush()
    for attempt, key, text, at in session.connection().execute(_MESSAGES, {"attempts": list(attempts)}):
        found.setdefault(attempt, []).append(MessageView(key, text, at))
    return {attempt: tuple(said[-TOLD_MOST:]) for attempt, said in found.items()}


# --- what seats confirm ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What one seat confirmed, on the boot clock of `boot_id`."""

    agent: Agent
    boot_id: str
    note: CommandNote


class Confirmations:
    """Confirmations gathered from heartbeats and written together once a second.

    A seat repeats them until its state names the command no more, so a crash loses none.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._waiting: list[Confirmation] = []
        self._known: dict[tuple[int, int], CommandNote] = {}

    def heard(self, agent: Agent, boot_id: str, notes: Sequence[CommandNote]) -> None:
        """A heartbeat's confirmations; what was heard before costs nothing."""
        for note in notes[:NOTES_MOST]:
            key = (agent.workstation, note.command)
            if self._known.get(key) != note:
                self._known[key] = note
                self._waiting.append(Confirmation(agent, boot_id[:64], note))

    def flush(self, now: datetime) -> None:
        """Writes what waits."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, []
        if len(self._known) > _KEPT:
            self._known.clear()
        try:
            self._db.write(confirm, waiting, now=now)
        except SQLAlchemyError:
            self._singly(waiting, now)

    def _singly(self, waiting: Iterable[Confirmation], now: datetime) -> None:
        """After a failure: what fails by itself is forgotten, so that the seat's next heartbeat counts."""
        failed: SQLAlchemyError | None = None
        for each in waiting:
            try:
                self._db.write(confirm, [each], now=now)
            except SQLAlchemyError as fault:
                self._known.pop((each.agent.workstation, each.note.command), None)
                failed = fault
        if failed is not None:
            raise failed


def confirm(session: Session, told: Sequence[Confirmation], *, now: datetime) -> int:
    """Puts confirmations on the record; returns how many commands came further by them.

    A seat confirms commands to itself alone. What it says of others is passed over.
    """
    ids = {each.note.command for each in told}
    _lock_attempts(session, ids)
    rows = {row.id: row for row in session.scalars(select(SeatCommand).where(SeatCommand.id.in_(ids)))}
    stations = {each.agent.workstation for each in told}
    clocks = select(WorkstationClock).where(WorkstationClock.workstation_id.in_(stations))
    kept = session.scalars(clocks).all()  # held: each stamp is placed by one, without a look of its own
    moved: dict[int, dict[str, int]] = {}
    for each in told:
        row = rows.get(each.note.command)
        if row is None or row.seat_id != each.agent.seat or not _advance(session, row, each, now):
            continue
        counts = moved.setdefault(row.room_sitting_id, {})
        counts[row.kind] = counts.get(row.kind, 0) + 1
        emit(session, LinkChanged(row.room_sitting_id, row.seat_id))
    del kept
    for room, counts in sorted(moved.items()):
        stream = audit.sitting_stream(room)
        audit.record(session, stream, SYSTEM, "commands_confirmed", stream, now=now, **counts)
    return sum(sum(counts.values()) for counts in moved.values())


def _lock_attempts(session: Session, commands: Collection[int]) -> None:
    """Attempts before their commands, in the order of their ids: as whoever commands a room does it."""
    meant = select(SeatCommand.attempt_id).where(SeatCommand.id.in_(commands))
    query = select(Attempt.id).where(Attempt.id.in_(meant)).order_by(Attempt.id)
    session.scalars(query.with_for_update(key_share=True)).all()


def _advance(session: Session, row: SeatCommand, told: Confirmation, now: datetime) -> bool:
    note, agent = told.note, told.agent
    before = (row.received_at, row.done_at)
    if row.received_at is None:
        row.received_at = max(
            row.sent_at, placed(session, agent.workstation, told.boot_id, note.received_ns, now=now)
        )
        if row.kind in (CommandKind.PAUSE, CommandKind.RESUME) and note.worked_ns > 0:
            _note_worked(session, row, told, now)
    if row.done_at is None and note.done_ns > 0:
        done = placed(session, agent.workstation, told.boot_id, note.done_ns, now=now)
        row.done_at = max(row.received_at, done)
    return before != (row.received_at, row.done_at)


def _note_worked(session: Session, row: SeatCommand, told: Confirmation, now: datetime) -> None:
    """What the seat worked before it heard of a pause; nothing when its clock cannot be placed."""
    since, until = (
        placed_surely(session, told.agent.workstation, told.boot_id, stamp, now=now)
        for stamp in (told.note.worked_ns, told.note.received_ns)
    )
    if since is None or until is None:
        return
    attempt = locked_attempt(session, row.attempt_id)
    room = load(session, row.room_sitting_id)
    added = False
    for pause in merged((*room.pauses.room, *room.pauses.own.get(attempt.id, ()))):
        ends = min(until, pause.until or until, room.standing(attempt, pause.since))
        begin = max(since, pause.since)
        if ends - begin >= WORTH and not _known(session, attempt.id, begin):
            session.add(
                WorkedRow(
                    room_sitting_id=row.room_sitting_id, attempt_id=attempt.id, since_at=begin, until_at=ends
                )
            )
            added = True
    if added:
        session.flush()
        touch(session, attempt)


def _known(session: Session, attempt: int, begin: datetime) -> bool:
    query = select(WorkedRow.id).where(WorkedRow.attempt_id == attempt, WorkedRow.since_at == begin)
    return session.scalar(query) is not None
