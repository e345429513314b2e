"""Writing the answer stream without SQLAlchemy: one writer for SQLite, one for PostgreSQL (design D3, D5).

Each method is one durable transaction. `DataFault` blames a record, `StoreFault` the store: after the
first a batch is retried record by record, after the second the callers hear that nothing is sure.

With the events goes what each item holds now (`answer_current`): of two records of an item the one of the
later journal wins, in one journal the one of the higher seq, whichever comes first.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any, Protocol, TypeVar

import psycopg
from sqlalchemy.engine import make_url

from exam_rooms.protocol import RecordKind
from server.db.base import patience
from server.native import NativePool

Key = tuple[int, int, int]
"""(attempt, journal, seq)."""
Row = tuple[int, int, int, str, str, str, str, int, str, str, int, int]
"""attempt, journal, seq, kind, item, body, boot_id, boot_ns, prev, hash, received_ns, workstation."""
AsideRow = tuple[int, int, int, str, str, str, int, int]
"""attempt, journal, seq, hash, reason, record as JSON, received_ns, workstation."""
Place = tuple[int, int]
"""(attempt, journal)."""
Link = tuple[int, str, str]
"""seq, prev, hash; prev is empty for what is kept aside."""
T = TypeVar("T")

_COLUMNS = "attempt, journal, seq, kind, item, body, boot_id, boot_ns, prev, hash, received_ns, workstation"
_ASIDE_COLUMNS = "attempt, journal, seq, hash, reason, record, received_ns, workstation"
_CURRENT_COLUMNS = "attempt, item, journal, seq, kind"
_CURRENT_KINDS = frozenset({RecordKind.ANSWER.value, RecordKind.CLEAR.value})
_NEWER = (
    "ON CONFLICT (attempt, item) DO UPDATE SET journal=excluded.journal, seq=excluded.seq, kind=excluded.kind"
    " WHERE (answer_current.journal, answer_current.seq) < (excluded.journal, excluded.seq)"
)
_STORE_POSTGRES = f"""
WITH fresh AS (
  INSERT INTO answer_events ({_COLUMNS})
  SELECT * FROM unnest(
    %s::int[],%s::int[],%s::int[],%s::text[],%s::text[],%s::text[],
    %s::text[],%s::bigint[],%s::text[],%s::text[],%s::bigint[],%s::int[]
  )
  ON CONFLICT DO NOTHING RETURNING attempt, journal, seq, kind, item
), held AS (
  INSERT INTO answer_current ({_CURRENT_COLUMNS})
  SELECT DISTINCT ON (attempt, item) attempt, item, journal, seq, kind
  FROM fresh WHERE kind IN ('{RecordKind.ANSWER}', '{RecordKind.CLEAR}')
  ORDER BY attempt, item, journal DESC, seq DESC
  {_NEWER}
)
SELECT attempt, journal, seq FROM fresh
"""  # noqa: S608
_LINKS_POSTGRES = """
SELECT attempt, journal, link.seq, link.prev, link.hash
FROM unnest(%s::int[], %s::int[], %s::int[]) AS wanted(attempt, journal, past), LATERAL (
  SELECT seq, prev, hash FROM answer_events AS kept
  WHERE kept.attempt = wanted.attempt AND kept.journal = wanted.journal AND seq > past
  UNION
  SELECT seq, '' AS prev, hash FROM answer_aside AS kept
  WHERE kept.attempt = wanted.attempt AND kept.journal = wanted.journal AND seq > past AND reason <> 'fork'
) AS link
ORDER BY attempt, journal, link.seq
"""
_LINKS_SQLITE = """
SELECT seq, prev, hash FROM answer_events WHERE attempt = ? AND journal = ? AND seq > ?
UNION
SELECT seq, '' AS prev, hash FROM answer_aside
WHERE attempt = ? AND journal = ? AND seq > ? AND reason <> 'fork'
ORDER BY 1
"""
_MOST_TOGETHER = 64
"""Rows in one statement of SQLite: few statements in a batch, and few forms of them to keep prepared."""
_RECONNECTS = 2


class DataFault(Exception):
    """A record holds something the store cannot keep."""


class StoreFault(Exception):
    """The store did not confirm: disk full, connection lost, locked."""


class Writer(Protocol):
    """What the group commit needs of a store."""

    def insert(self, rows: Sequence[Row]) -> set[Key]:
        """Stores rows whose key is free, and what they change of the current answers; the keys it stored."""

    def put_aside(self, rows: Sequence[AsideRow]) -> None:
        """Keeps records that are not part of the stream; the same record twice is one row."""

    def hashes(self, keys: Iterable[Key]) -> dict[Key, str]:
        """The stored hash of each key that the stream holds."""

    def links(self, after: Mapping[Place, int]) -> dict[Place, list[Link]]:
        """Of each journal the links beyond a seq in order, those aside included (forks are not)."""

    def close(self) -> None:
        """Gives the connection back."""


class SqliteWriter:
    """A raw connection with synchronous=FULL that lives in one native thread."""

    def __init__(self, url: str) -> None:
        self._pool = NativePool(1)
        self._path = make_url(url).database or ":memory:"
        self._connection = self._pool.call(self._open)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=30)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        return connection

    def insert(self, rows: Sequence[Row]) -> set[Key]:
        """Stores rows whose key is free; returns the keys it stored."""
        return self._run(self._insert, rows)

    def _insert(self, rows: Sequence[Row]) -> set[Key]:
        if self._put("answer_events", _COLUMNS, "ON CONFLICT DO NOTHING", rows) == len(rows):
            self._hold(rows)
            return {row[:3] for row in rows}
        self._connection.execute("ROLLBACK")  # some were there before: which, is asked one by one
        self._connection.execute("BEGIN IMMEDIATE")
        fresh = [row for row in rows if self._put("answer_events", _COLUMNS, "ON CONFLICT DO NOTHING", [row])]
        self._hold(fresh)
        return {row[:3] for row in fresh}

    def _hold(self, rows: Sequence[Row]) -> None:
        current = [(row[0], row[4], row[1], row[2], row[3]) for row in rows if row[3] in _CURRENT_KINDS]
        self._put("answer_current", _CURRENT_COLUMNS, _NEWER, current)

    def _put(self, table: str, columns: str, rule: str, rows: Sequence[tuple[object, ...]]) -> int:
        """How many rows were written. A thread asks for the interpreter once a statement, not once a row."""
        written = 0
        for part in _parts(rows):
            values = [value for row in part for value in row]
            written += self._connection.execute(_insert_of(table, columns, rule, len(part)), values).rowcount
        return written

    def put_aside(self, rows: Sequence[AsideRow]) -> None:
        """Keeps records that are not part of the stream."""
        statement = (
            f"INSERT INTO answer_aside ({_ASIDE_COLUMNS}) VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"  # noqa: S608
        )
        self._run(lambda: self._connection.executemany(statement, rows))

    def hashes(self, keys: Iterable[Key]) -> dict[Key, str]:
        """The stored hash of each key that the stream holds."""
        statement = "SELECT hash FROM answer_events WHERE attempt=? AND journal=? AND seq=?"
        found = self._run(
            lambda: [(key, self._connection.execute(statement, key).fetchone()) for key in keys]
        )
        return {key: row[0] for key, row in found if row}

    def links(self, after: Mapping[Place, int]) -> dict[Place, list[Link]]:
        """Of each journal the links beyond a seq in order."""
        return self._run(
            lambda: {
                place: self._connection.execute(_LINKS_SQLITE, (*place, seq) * 2).fetchall()
                for place, seq in after.items()
            }
        )

    def _run(self, work: Callable[..., T], *args: object) -> T:
        return self._pool.call(self._transact, work, *args)

    def _transact(self, work: Callable[..., T], *args: object) -> T:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = work(*args)
            self._connection.execute("COMMIT")
        except sqlite3.Error as fault:
            self._roll_back()
            blamed = DataFault if _is_about_data(fault) else StoreFault
            raise blamed(f"{type(fault).__name__}: {fault}") from fault
        except (OverflowError, ValueError, TypeError) as fault:
            self._roll_back()
            raise DataFault(type(fault).__name__) from fault
        except BaseException:
            self._roll_back()
            raise
        return result

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # a damaged file says no to this, too: the first fault is told
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Gives the connection back."""
        self._pool.call(self._connection.close)


class PostgresWriter:
    """One autocommit connection of psycopg; every method is a single statement."""

    def __init__(self, url: str) -> None:
        self._conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._patience = patience(url)
        self._connection = self._connected()

    def _connected(self) -> psycopg.Connection:
        return psycopg.connect(self._conninfo, autocommit=True, **self._patience)  # type: ignore[arg-type]

    def insert(self, rows: Sequence[Row]) -> set[Key]:
        """Stores rows whose key is free; returns the keys it stored."""
        ordered = sorted(rows)  # two workers with the same records wait for each other in one order
        return set(self._fetch(_STORE_POSTGRES, [list(column) for column in zip(*ordered, strict=True)]))

    def put_aside(self, rows: Sequence[AsideRow]) -> None:
        """Keeps records that are not part of the stream."""
        casts = "int,int,int,text,text,text,bigint,int"
        statement = _unnest("answer_aside", _ASIDE_COLUMNS, casts) + " RETURNING seq"
        self._fetch(statement, [list(column) for column in zip(*rows, strict=True)])

    def hashes(self, keys: Iterable[Key]) -> dict[Key, str]:
        """The stored hash of each key that the stream holds."""
        wanted = list(keys)
        statement = (
            "SELECT attempt, journal, seq, hash FROM answer_events"
            " JOIN unnest(%s::int[], %s::int[], %s::int[]) AS wanted(attempt, journal, seq)"
            " USING (attempt, journal, seq)"
        )
        columns = [list(column) for column in zip(*wanted, strict=True)]
        return {row[:3]: row[3] for row in self._fetch(statement, columns)} if wanted else {}

    def links(self, after: Mapping[Place, int]) -> dict[Place, list[Link]]:
        """Of each journal the links beyond a seq in order."""
        found: dict[Place, list[Link]] = {place: [] for place in after}
        columns = [
            list(column) for column in zip(*((*place, seq) for place, seq in after.items()), strict=True)
        ]
        for attempt, journal, *link in self._fetch(_LINKS_POSTGRES, columns) if after else ():
            found[attempt, journal].append((link[0], link[1], link[2]))
        return found

    def _fetch(self, statement: str, parameters: Sequence[object]) -> list[Any]:
        for left in reversed(range(_RECONNECTS)):
            try:
                return self._connection.execute(statement.encode(), parameters).fetchall()
            except (psycopg.DataError, psycopg.IntegrityError, UnicodeEncodeError, OverflowError) as fault:
                raise DataFault(type(fault).__name__) from fault
            except psycopg.Error as fault:  # every statement may be repeated: keys make it idempotent
                if not left or not self._reconnect():
                    raise StoreFault(type(fault).__name__) from fault
        raise AssertionError

    def _reconnect(self) -> bool:
        try:
            self._connection.close()
            self._connection = self._connected()
        except psycopg.Error:
            return False
        return True

    def close(self) -> None:
        """Gives the connection back."""
        self._connection.close()


def make_writer(url: str) -> Writer:
    """The writer for a SQLAlchemy URL."""
    return SqliteWriter(url) if url.startswith("sqlite") else PostgresWriter(url)


def _is_about_data(fault: sqlite3.Error) -> bool:
    """Whether a record is to blame. A damaged file and a closed connection are the store's own faults."""
    unbound = isinstance(fault, sqlite3.ProgrammingError) and "binding" in str(fault)
    return unbound or isinstance(fault, (sqlite3.DataError, sqlite3.IntegrityError))


def _parts(rows: Sequence[T]) -> Iterator[Sequence[T]]:
    """All rows, in as few parts as powers of two allow."""
    start = 0
    while start < len(rows):
        size = min(_MOST_TOGETHER, 1 << ((len(rows) - start).bit_length() - 1))
        yield rows[start : start + size]
        start += size


@cache
def _insert_of(table: str, columns: str, rule: str, count: int) -> str:
    row = f"({','.join('?' * (columns.count(',') + 1))})"
    return f"INSERT INTO {table} ({columns}) VALUES {','.join([row] * count)} {rule}"  # noqa: S608


def _unnest(table: str, columns: str, casts: str) -> str:
    arrays = ",".join(f"%s::{cast}[]" for cast in casts.split(","))
    return f"INSERT INTO {table} ({columns}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608
