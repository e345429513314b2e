"""Writing the answer stream without SQLAlchemy: one writer for SQLite, one for PostgreSQL (design D3, D5).

Each method is one durable transaction. `DataFault` blames a record, `StoreFault` the store: after the
first a batch is retried record by record, after the second the callers hear that nothing is sure.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

import psycopg
from sqlalchemy.engine import make_url

from server.native import NativePool

Key = tuple[int, int, int]
"""(attempt, journal, seq)."""
Row = tuple[int, int, int, str, str, str, str, int, str, str, int, int]
"""attempt, journal, seq, kind, item, body, boot_id, boot_ns, prev, hash, received_ns, workstation."""
AsideRow = tuple[int, int, int, str, str, str, int, int]
"""attempt, journal, seq, hash, reason, record as JSON, received_ns, workstation."""
Link = tuple[int, str, str]
"""seq, prev, hash."""
T = TypeVar("T")

_COLUMNS = "attempt, journal, seq, kind, item, body, boot_id, boot_ns, prev, hash, received_ns, workstation"
_ASIDE_COLUMNS = "attempt, journal, seq, hash, reason, record, received_ns, workstation"
_RECONNECTS = 2


class DataFault(Exception):
    """A record holds something the store cannot keep."""


class StoreFault(Exception):
    """The store did not confirm: disk full, connection lost, locked."""


class Writer(Protocol):
    """What the group commit needs of a store."""

    def insert(self, rows: Sequence[Row]) -> set[Key]:
        """Stores rows whose key is free; returns the keys it stored."""

    def put_aside(self, rows: Sequence[AsideRow]) -> None:
        """Keeps records that are not part of the stream; the same record twice is one row."""

    def hashes(self, keys: Iterable[Key]) -> dict[Key, str]:
        """The stored hash of each key that the stream holds."""

    def links(self, attempt: int, journal: int, after: int) -> list[Link]:
        """Links beyond seq `after` in order, those aside included (forks are not)."""

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
        statement = (
            f"INSERT INTO answer_events ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"  # noqa: S608
        )
        stored: set[Key] = set()
        for row in rows:
            if self._connection.execute(statement, row).rowcount:
                stored.add(row[:3])
        return stored

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

    def links(self, attempt: int, journal: int, after: int) -> list[Link]:
        """Links beyond seq `after` in order."""
        place = (attempt, journal, after)
        return self._run(lambda: self._connection.execute(_links("?"), place + place).fetchall())

    def _run(self, work: Callable[..., T], *args: object) -> T:
        return self._pool.call(self._transact, work, *args)

    def _transact(self, work: Callable[..., T], *args: object) -> T:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = work(*args)
            self._connection.execute("COMMIT")
        except (sqlite3.OperationalError, sqlite3.InternalError) as fault:
            self._roll_back()
            raise StoreFault(str(fault)) from fault
        except (sqlite3.Error, OverflowError, ValueError, TypeError) as fault:
            self._roll_back()
            raise DataFault(type(fault).__name__) from fault
        except BaseException:
            self._roll_back()
            raise
        return result

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Gives the connection back."""
        self._pool.call(self._connection.close)


class PostgresWriter:
    """One autocommit connection of psycopg; every method is a single statement."""

    def __init__(self, url: str) -> None:
        self._conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._connection = psycopg.connect(self._conninfo, autocommit=True)

    def insert(self, rows: Sequence[Row]) -> set[Key]:
        """Stores rows whose key is free; returns the keys it stored."""
        casts = "int,int,int,text,text,text,text,bigint,text,text,bigint,int"
        statement = _unnest("answer_events", _COLUMNS, casts) + " RETURNING attempt, journal, seq"
        return set(self._fetch(statement, [list(column) for column in zip(*rows, strict=True)]))

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

    def links(self, attempt: int, journal: int, after: int) -> list[Link]:
        """Links beyond seq `after` in order."""
        return self._fetch(_links("%s"), [attempt, journal, after] * 2)

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
            self._connection = psycopg.connect(self._conninfo, autocommit=True)
        except psycopg.Error:
            return False
        return True

    def close(self) -> None:
        """Gives the connection back."""
        self._connection.close()


def make_writer(url: str) -> Writer:
    """The writer for a SQLAlchemy URL."""
    return SqliteWriter(url) if url.startswith("sqlite") else PostgresWriter(url)


def _unnest(table: str, columns: str, casts: str) -> str:
    arrays = ",".join(f"%s::{cast}[]" for cast in casts.split(","))
    return f"INSERT INTO {table} ({columns}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"  # noqa: S608


def _links(mark: str) -> str:
    where = f"attempt={mark} AND journal={mark} AND seq>{mark}"
    return (
        f"SELECT seq, prev, hash FROM answer_events WHERE {where}"  # noqa: S608
        f" UNION SELECT seq, '' AS prev, hash FROM answer_aside WHERE {where} AND reason<>'fork' ORDER BY 1"
    )
