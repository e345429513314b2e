"""The log of looks: what each seat's camera told its agent at every look, sealed, to be folded again later.

It holds no picture and no face. Nobody reads it in the running of an exam; a batch is taken as it comes and
opened when a replay asks what other settings would have raised. Without consent there is none (R38).
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from exam_rooms.look_log import MOST_LOOKS, MOST_PACKED, LoggedLook, unpack
from exam_rooms.watch_messages import LookLog, Taken
from itembank.sealing import SealBroken
from server.db.base import vault_of
from server.db.look_logs import LookBatch
from server.db.rooms import Seat
from server.errors import Refused
from server.rules import observed
from server.services import holds
from server.services.agents import Agent
from server.services.boot_clocks import placed
from server.services.consent import agreed, check_moment

PURPOSE = "look-log"
MOST_BATCHES = 4000
"""Batches of one attempt that are kept: an exam of a day has fewer, and no seat can fill the store."""
_NAME = "LookLog"
_LONGEST = 1 << 62
_MS = 1_000_000  # nanoseconds


@dataclass(frozen=True, slots=True)
class SeatLooks:
    """The looks at one attempt from one seat without a break of the boot clock, in order; `since_at`: the
    first of them by the server's clock.
    """

    seat: str
    attempt: int
    since_at: datetime
    looks: tuple[LoggedLook, ...]


def take(session: Session, agent: Agent, asked: LookLog, *, now: datetime) -> Taken:
    """Keeps a batch, sealed; sent again it changes nothing.

    Refused: what has not the shape of one, or was seen when the candidate was not at this seat or had not
    agreed; `look_log_not_asked` by a policy that keeps none; `look_log_full` beyond `MOST_BATCHES`.
    """
    attempt, rules = agreed(session, agent, asked.attempt)
    name, packed = observed.episode_name(asked.batch, _NAME), _packed(asked)
    if rules.log_seconds <= 0:
        raise Refused("look_log_not_asked")
    if _known(session, asked.attempt, name):
        return Taken()
    if _count(session, asked.attempt) >= MOST_BATCHES:
        raise Refused("look_log_full")
    since = placed(session, agent.workstation, asked.boot_id, asked.since_ns, now=now)
    until = placed(session, agent.workstation, asked.boot_id, asked.until_ns, now=now)
    for moment in (since, until):
        check_moment(session, agent, attempt, moment)
    sealed = vault_of(session).seal_value(PURPOSE, _object(attempt.id, name), packed)
    row = LookBatch(
        room_sitting_id=attempt.room_sitting_id,
        attempt_id=attempt.id,
        seat_id=agent.seat,
        workstation_id=agent.workstation,
        name=name,
        boot_id=asked.boot_id[:64],
        since_ns=asked.since_ns,
        until_ns=asked.until_ns,
        since_at=since,
        looks=asked.count,
        sealed=sealed,
        keep_until=now + timedelta(days=rules.keep_days),
    )
    session.add(row)
    return Taken()


def looks_of(session: Session, room_sitting_id: int, seat: str = "") -> Iterator[SeatLooks]:
    """The looks that are kept of a room's sitting, or of one seat there, seat by seat in their order.

    A machine that was started anew begins a new row of looks: its boot clock began anew, too. A batch that
    cannot be opened is passed over.
    """
    query = _of_room(room_sitting_id, seat).where(LookBatch.sealed.is_not(None))
    rows = session.execute(query)
    for _, group in groupby(rows, lambda row: (row[0].attempt_id, row[0].workstation_id, row[0].boot_id)):
        batches = [(row, number) for row, number in group]
        looks = [look for row, _number in batches for look in _opened(session, row)]
        first, number = batches[0]
        yield SeatLooks(number, first.attempt_id, first.since_at, tuple(looks))


def expired(session: Session, *, now: datetime) -> list[LookBatch]:
    """Batches past their time that are still there and that no hold and no open case covers."""
    query = select(LookBatch).where(LookBatch.keep_until <= now, LookBatch.sealed.is_not(None))
    kept = holds.held(session)
    return [
        row
        for row in session.scalars(query.order_by(LookBatch.id))
        if not kept.covers(row.room_sitting_id, row.attempt_id)
    ]


def purge(session: Session, *, now: datetime) -> int:
    """Empties what is past its time; how many batches."""
    over = expired(session, now=now)
    for row in over:
        row.sealed = None
    return len(over)


def forget(session: Session, attempt_id: int) -> int:
    """Empties the log of an attempt whose candidate does not agree any more; how many batches."""
    query = select(LookBatch).where(LookBatch.attempt_id == attempt_id, LookBatch.sealed.is_not(None))
    rows = list(session.scalars(query))
    for row in rows:
        row.sealed = None
    return len(rows)


def _packed(asked: LookLog) -> bytes:
    """The bytes of a batch whose values can be true; they are looked into when somebody replays them."""
    if not 0 < asked.count <= MOST_LOOKS or not 0 <= asked.since_ns <= asked.until_ns < _LONGEST:
        raise observed.malformed(_NAME, "count")
    if len(asked.body) > MOST_PACKED * 4 // 3 + 4:
        raise observed.malformed(_NAME, "body")
    try:
        return base64.b64decode(asked.body.encode("ascii"), validate=True)
    except ValueError as fault:
        raise observed.malformed(_NAME, "body") from fault


def _known(session: Session, attempt_id: int, name: str) -> bool:
    query = select(LookBatch.id).where(LookBatch.attempt_id == attempt_id, LookBatch.name == name)
    return session.scalar(query) is not None


def _count(session: Session, attempt_id: int) -> int:
    query = select(func.count()).select_from(LookBatch).where(LookBatch.attempt_id == attempt_id)
    return session.scalar(query) or 0


def _of_room(room_sitting_id: int, seat: str) -> Select[LookBatch, str]:
    query = (
        select(LookBatch, Seat.number)
        .join(Seat, Seat.id == LookBatch.seat_id)
        .where(LookBatch.room_sitting_id == room_sitting_id)
        .order_by(LookBatch.attempt_id, LookBatch.since_at, LookBatch.since_ns, LookBatch.id)
    )
    return query.where(Seat.number == seat) if seat else query


def _opened(session: Session, row: LookBatch) -> tuple[LoggedLook, ...]:
    assert row.sealed is not None
    try:
        packed = vault_of(session).open_value(PURPOSE, _object(row.attempt_id, row.name), row.sealed)
        looks = unpack(packed)
    except (SealBroken, ValueError):
        return ()
    return looks if _as_announced(row, looks) else ()


def _as_announced(row: LookBatch, looks: Sequence[LoggedLook]) -> bool:
    """Whether a batch holds what was said of it when it was taken: its time was checked then, unopened."""
    if not looks or len(looks) != row.looks:
        return False
    return row.since_ns <= looks[0].at_ms * _MS and looks[-1].at_ms * _MS <= row.until_ns


def _object(attempt_id: int, name: str) -> str:
    return f"{attempt_id}/{name}"
