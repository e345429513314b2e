"""The answer stream: append-only events, committed in groups, acknowledged after the commit (design D1, D3).

Concurrent callers share one durable transaction: whoever finds nobody writing leads, takes everything
that waits and commits it; the others only wait. Works with greenlets and with plain threads.
Records that are not part of the stream (forks, bad hashes, unknown items) are kept aside with a reason.
"""

import logging
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from exam_rooms.pace import hint_of
from exam_rooms.protocol import ZERO_HEAD, Record, RecordKind
from server.db.answer_tables import (
    FORK,
    METADATA,
    Aside,
    Outcome,
    Received,
    Stored,
    Verdict,
    answer_aside,
    answer_current,
    answer_events,
    aside_row,
    from_ns,
    received_aside,
    stored,
    stream_row,
    to_ns,
)
from server.db.answer_writers import DataFault, Key, Link, Place, Row, StoreFault, make_writer
from server.db.base import make_engine

__all__ = [
    "METADATA",
    "AnswerStore",
    "Aside",
    "OtherRecord",
    "Outcome",
    "Received",
    "StoreUnavailable",
    "Stored",
    "Verdict",
    "from_ns",
    "to_ns",
]

log = logging.getLogger(__name__)

_KEPT_RUNS = 20_000
_STREAM = (
    select(answer_events)
    .where(answer_events.c.attempt == bindparam("one"))
    .order_by(answer_events.c.journal, answer_events.c.seq)
)
_SET_ASIDE = frozenset({Outcome.FORK, Outcome.ASIDE})
_IN_STREAM = frozenset({Outcome.STORED, Outcome.KNOWN})


class StoreUnavailable(Exception):
    """The answer store did not confirm; the sender keeps its records and tries again."""


class OtherRecord(Exception):
    """Another record stands where one of another store is to stand, or the store cannot hold it."""


@dataclass(slots=True)
class _Run:
    upto: int = 0
    head: str = ZERO_HEAD
    gap: bool = False  # records beyond `upto` are stored already

    def follow(self, links: Iterable[Link]) -> None:
        """Goes on over what the store holds beyond `upto`, as far as nothing is missing."""
        self.gap = False
        for seq, _prev, hash_ in links:
            if seq != self.upto + 1:
                self.gap = True
                return
            self.upto, self.head = seq, hash_


@dataclass(slots=True)
class _Turn:
    batch: list[Received]
    done: threading.Event = field(default_factory=threading.Event)
    verdicts: list[Verdict] | None = None
    leads: bool = False


class AnswerStore:
    """The one narrow way to the answer stream of this installation."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)
        self.create_tables()
        self._writer = make_writer(url)
        self._gate = threading.Lock()
        self._waiting: list[_Turn] = []
        self._busy = False
        self._records = self._commits = self._faults = 0
        self._runs: dict[tuple[int, int], _Run] = {}

    def create_tables(self) -> None:
        """Creates what is missing; on PostgreSQL the migrations have usually done it."""
        METADATA.create_all(self._engine)

    def close(self) -> None:
        """Gives back all connections."""
        self._writer.close()
        self._engine.dispose()

    def _look(self) -> AbstractContextManager[Connection]:
        """A connection for looking. It ends by COMMIT: at a ROLLBACK psycopg forgets what it has prepared."""
        return self._engine.begin()

    # --- writing -------------------------------------------------------------------------------------

    def append(self, records: list[Received]) -> list[Verdict]:
        """Stores records durably and says what became of each. Raises `StoreUnavailable`."""
        if not records:
            return []
        turn = _Turn(records)
        with self._gate:
            self._waiting.append(turn)
            turn.leads = not self._busy
            self._busy = True
        if not turn.leads:
            self._wait(turn)
        if turn.leads:
            self._lead()
        if turn.verdicts is None:
            raise StoreUnavailable
        return turn.verdicts

    def bring(self, rows: Sequence[Row]) -> int:
        """Stores records of streams that another installation held and checked; how many were new.

        What has its place free is stored in one transaction, whatever stands at the others' places. Raises
        `OtherRecord`, `StoreUnavailable`.
        """
        try:
            fresh = self._writer.insert(rows) if rows else set[Key]()
            there = {row[:3]: row[9] for row in rows if row[:3] not in fresh}
            if there and self._writer.hashes(there) != there:
                raise OtherRecord
        except DataFault as fault:
            raise OtherRecord from fault
        except StoreFault as fault:
            log.error("answer store: %s", fault)
            raise StoreUnavailable from fault
        return len(fresh)

    def callers(self) -> int:
        """How many callers wait for the store."""
        return len(self._waiting)

    def totals(self) -> tuple[int, int, int]:
        """Records made durable, group commits, and commits that failed, since this process began."""
        return self._records, self._commits, self._faults

    def pressure(self) -> int:
        """The part of the server's hint that is the store's, 0 to 10."""
        return hint_of(self.callers(), 0.0)

    def _wait(self, turn: _Turn) -> None:
        try:
            turn.done.wait()
        except BaseException:  # this greenlet is being ended: nobody may wait for it
            with self._gate:
                if turn in self._waiting:
                    self._waiting.remove(turn)
            if turn.leads:
                self._hand_over([])
            raise

    def _lead(self) -> None:
        with self._gate:
            turns, self._waiting = self._waiting, []
        try:
            verdicts = iter(self._commit([entry for turn in turns for entry in turn.batch]))
            for turn in turns:
                turn.verdicts = [next(verdicts) for _ in turn.batch]
            self._records += sum(len(turn.batch) for turn in turns)
            self._commits += 1
        except StoreFault as fault:
            self._faults += 1
            log.error("answer store: %s", fault)
        finally:
            self._hand_over(turns)

    def _hand_over(self, turns: list[_Turn]) -> None:
        for turn in turns:
            turn.leads = False
            turn.done.set()
        with self._gate:
            self._busy = bool(self._waiting)
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].done.set()

    def _commit(self, batch: list[Received]) -> list[Verdict]:
        try:
            return self._store(batch)
        except DataFault as fault:
            if len(batch) == 1:
                log.error("answer record %s cannot be stored: %s", batch[0].key, fault)
                return [Verdict(Outcome.UNSTORABLE)]
        return [verdict for entry in batch for verdict in self._commit([entry])]

    def _store(self, batch: list[Received]) -> list[Verdict]:
        first: dict[Key, Received] = {}
        for entry in batch:
            if not entry.aside:
                first.setdefault(entry.key, entry)
        fresh = self._writer.insert([stream_row(entry) for entry in first.values()]) if first else set()
        hashes = {key: entry.record.hash for key, entry in first.items()}
        taken = first.keys() - fresh
        if taken:
            held = self._writer.hashes(taken)
            if held.keys() != taken:
                raise StoreFault("a key is taken and not there")
            hashes.update(held)
        outcomes = [_outcome(entry, first, fresh, hashes) for entry in batch]
        both = list(zip(batch, outcomes, strict=True))
        aside = [
            aside_row(entry, FORK if outcome is Outcome.FORK else entry.aside)
            for entry, outcome in both
            if outcome in _SET_ASIDE
        ]
        if aside:
            self._writer.put_aside(aside)
        self._look_together(both, hashes)
        linked = [self._advance(entry.record, outcome, hashes) for entry, outcome in both]
        return [
            Verdict(outcome, self._run(entry.record.attempt, entry.record.journal).upto, link)
            for (entry, outcome), link in zip(both, linked, strict=True)
        ]

    # --- contiguous runs: a lower bound in memory, corrected from the store whenever it does not fit ----

    def _look_together(self, both: Sequence[tuple[Received, Outcome]], hashes: dict[Key, str]) -> None:
        """One look at all journals of a batch that are new to this process or were carried on by another.

        When seats come to another process than before, a look for each would take longer than the commit.
        """
        if len(self._runs) > _KEPT_RUNS:
            self._runs.clear()
        first: dict[Place, int] = {}
        for entry, outcome in both:
            if outcome in _IN_STREAM:
                place = (entry.record.attempt, entry.record.journal)
                first[place] = min(first.get(place, entry.record.seq), entry.record.seq)
        after = {
            place: self._runs[place].upto if place in self._runs else 0
            for place, seq in first.items()
            if place not in self._runs or seq > self._runs[place].upto + 1
        }
        for place, links in self._writer.links(after).items() if after else ():
            self._runs.setdefault(place, _Run()).follow(links)
            hashes.update({(*place, seq): hash_ for seq, prev, hash_ in links if prev})

    def _advance(self, record: Record, outcome: Outcome, hashes: Mapping[Key, str]) -> bool | None:
        """Moves the journal's contiguous run; whether a newly stored record continues the one before it.

        `hashes`: what the store holds of this very batch, so that it is not asked for each record of many.
        """
        run = self._run(record.attempt, record.journal)
        if outcome in _IN_STREAM and record.seq == run.upto + 1:
            linked = record.seq == 1 or record.prev == run.head
            run.upto, run.head = record.seq, record.hash
            if run.gap:
                self._follow(record.attempt, record.journal, run)
            return linked
        if record.seq > run.upto:
            self._follow(record.attempt, record.journal, run)
        return self._linked(record, hashes) if outcome is Outcome.STORED else None

    def _linked(self, record: Record, hashes: Mapping[Key, str]) -> bool | None:
        if record.seq == 1:
            return True
        before = (record.attempt, record.journal, record.seq - 1)
        found = hashes.get(before) or self._writer.hashes([before]).get(before)
        return None if found is None else found == record.prev

    def _run(self, attempt: int, journal: int) -> _Run:
        run = self._runs.get((attempt, journal))
        if run is None:
            run = self._runs[attempt, journal] = _Run()
            self._follow(attempt, journal, run)
        return run

    def _follow(self, attempt: int, journal: int, run: _Run) -> None:
        run.follow(self._writer.links({(attempt, journal): run.upto})[attempt, journal])

    # --- reading -------------------------------------------------------------------------------------

    def contiguous(self, attempt: int) -> dict[int, int]:
        """Per journal the highest seq up to which everything is durable (aside included)."""
        upto: dict[int, int] = {}
        for journal, seq in self._places(attempt):
            if seq == upto.setdefault(journal, 0) + 1:
                upto[journal] = seq
        return upto

    def _places(self, attempt: int) -> list[tuple[int, int]]:
        mine = select(answer_events.c.journal, answer_events.c.seq).where(answer_events.c.attempt == attempt)
        aside = select(answer_aside.c.journal, answer_aside.c.seq).where(
            answer_aside.c.attempt == attempt, answer_aside.c.reason != FORK
        )
        with self._look() as connection:
            rows = [(row[0], row[1]) for row in connection.execute(mine.union(aside))]
        return sorted(rows)

    def events(self, attempt: int) -> list[Stored]:
        """The stream of an attempt in its order: (journal, seq)."""
        with self._look() as connection:
            return [stored(row) for row in connection.execute(_STREAM, {"one": attempt})]

    def aside(self, attempt: int) -> list[Aside]:
        """What was kept aside for an attempt, oldest first."""
        query = select(answer_aside).where(answer_aside.c.attempt == attempt).order_by(answer_aside.c.id)
        with self._look() as connection:
            return [
                Aside(row.attempt, row.journal, row.seq, row.reason, from_ns(row.received_ns))
                for row in connection.execute(query)
            ]

    def kept_aside(self, attempt: int) -> list[Received]:
        """The same with the records themselves, as another store would receive them."""
        query = select(answer_aside).where(answer_aside.c.attempt == attempt).order_by(answer_aside.c.id)
        with self._look() as connection:
            return [received_aside(row) for row in connection.execute(query)]

    def head(self, attempt: int, journal: int, seq: int) -> str | None:
        """The hash of one stored record."""
        table = answer_events.c
        query = select(table.hash).where(table.attempt == attempt, table.journal == journal, table.seq == seq)
        with self._look() as connection:
            found = connection.execute(query).scalar()
        return str(found) if found else None

    def newest(self, attempts: Iterable[int]) -> dict[int, datetime]:
        """When the last record of each attempt came; attempts without any are left out."""
        table = answer_events.c
        query = (
            select(table.attempt, func.max(table.received_ns))
            .where(table.attempt.in_(list(attempts)))
            .group_by(table.attempt)
        )
        with self._look() as connection:
            return {row[0]: from_ns(row[1]) for row in connection.execute(query)}

    def until(self) -> datetime | None:
        """When the newest record of all came; None for an empty store."""
        with self._look() as connection:
            found = connection.execute(select(func.max(answer_events.c.received_ns))).scalar()
        return None if found is None else from_ns(found)

    def answered(self, attempts: Iterable[int]) -> dict[int, int]:
        """How many items of each attempt hold an answer now, whatever will count; absent ones have 0."""
        wanted = list(attempts)
        table = answer_current.c
        query = (
            select(table.attempt, func.count())
            .where(table.attempt.in_(wanted), table.kind == RecordKind.ANSWER)
            .group_by(table.attempt)
        )
        with self._look() as connection:
            counts = {row[0]: row[1] for row in connection.execute(query)}
        return {attempt: counts.get(attempt, 0) for attempt in wanted}


def _outcome(
    entry: Received, first: dict[Key, Received], stored: set[Key], hashes: dict[Key, str]
) -> Outcome:
    if entry.aside:
        return Outcome.ASIDE
    if entry.key in stored and first[entry.key] is entry:
        return Outcome.STORED
    return Outcome.KNOWN if hashes.get(entry.key) == entry.record.hash else Outcome.FORK
