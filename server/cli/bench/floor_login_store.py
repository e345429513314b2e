"""The tables of the floor's logins: who may sit where and how far they are, and a log linked by SHA-256.

`keep` makes the acts of all waiting requests durable in one commit, with their entries; the head of the log
is locked until then, so that several workers write one chain. No gevent here: the bench reads the tables too.
"""

import hashlib
import hmac
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

ASSIGNED, IDENTIFIED, CONFIRMED, READY = "assigned", "identified", "confirmed", "ready"
"""What an attempt goes through; nobody of the staff comes between."""
FIRST = (0, "0" * 64)
"""Number and hash of the log's head before the first entry."""
TABLES = (
    """CREATE TABLE floor_seats (attempt int PRIMARY KEY, workstation int, ticket text UNIQUE,
 number text, state text, journal int)""",
    "CREATE TABLE floor_log (seq int PRIMARY KEY, said text, prev text, hash text)",
    "CREATE TABLE floor_head (seq int, hash text)",
)
SEAT = "INSERT INTO floor_seats VALUES (%s, %s, %s, %s, %s, 0)"
FIRST_HEAD = "INSERT INTO floor_head VALUES (%s, %s)"
TICKET = "SELECT attempt, workstation, number FROM floor_seats WHERE ticket = %s"
STANDING = "SELECT state, journal FROM floor_seats WHERE attempt = %s"
HEAD = "SELECT seq, hash FROM floor_head"
MOVE = """UPDATE floor_seats SET state = ?, journal = journal + ? WHERE attempt = ? AND state = ?
 RETURNING attempt, journal"""
MOVE_ALL = """UPDATE floor_seats s SET state = r.becomes, journal = s.journal + r.grants
 FROM unnest(%s::text[], %s::int[], %s::int[], %s::text[]) AS r(becomes, grants, attempt, was)
 WHERE s.attempt = r.attempt AND s.state = r.was RETURNING s.attempt, s.journal"""
APPEND_ALL = """WITH e AS (INSERT INTO floor_log SELECT * FROM
 unnest(%s::int[], %s::text[], %s::text[], %s::text[])) UPDATE floor_head SET seq = %s, hash = %s"""
Head = tuple[int, str]
Entry = tuple[int, str, str, str]
Row = tuple[Any, ...]


@dataclass(slots=True)
class Act:
    """A step of one attempt, which must be in the state `was`. `grants`: journals, 0 or 1; `said`: its entry
    in the log, "" for none. Once kept, `journal` is the last one granted; None: the attempt was elsewhere.
    """

    attempt: int
    was: str
    becomes: str
    grants: int = 0
    said: str = ""
    journal: int | None = None

    def values(self) -> Row:
        """As the statements want them."""
        return self.becomes, self.grants, self.attempt, self.was


@dataclass(frozen=True, slots=True)
class Kept:
    """What the tables hold: attempts that are ready and have one journal, entries of the log, and whether
    these are a whole chain from the first to the head.
    """

    ready: int
    entries: int
    whole: bool


def number_mac(secret: bytes, number: str) -> str:
    """How an ID number is kept."""
    return hmac.digest(secret, b"number|" + number.encode(), "sha256").hex()


def linked(head: Head, said: Iterable[str]) -> list[Entry]:
    """Entries that continue the log: number, text, hash of the one before, own hash."""
    seq, last = head
    entries = []
    for text in said:
        seq += 1
        own = hashlib.sha256(f"{seq}|{last}|{text}".encode()).hexdigest()
        entries.append((seq, text, last, own))
        last = own
    return entries


def first_of_each(acts: Sequence[Act]) -> list[Act]:
    """One act of each attempt: a second one that comes with it is refused."""
    return list({act.attempt: act for act in reversed(acts)}.values())[::-1]


class OnSqlite:
    """WAL and FULL. `keep` waits for the disk and belongs into a native thread."""

    def __init__(self, path: str) -> None:
        self._line, self._eyes = _sqlite(path), _sqlite(path)

    def keep(self, acts: list[Act]) -> None:
        """Durable when this returns."""
        with self._line as line:
            line.execute("BEGIN IMMEDIATE")
            for act in first_of_each(acts):
                for _attempt, journal in line.execute(MOVE, act.values()).fetchall():
                    act.journal = journal
            said = [act.said for act in acts if act.said and act.journal is not None]
            if said:
                entries = linked(line.execute(HEAD).fetchone(), said)
                line.executemany("INSERT INTO floor_log VALUES (?, ?, ?, ?)", entries)
                line.execute("UPDATE floor_head SET seq = ?, hash = ?", (entries[-1][0], entries[-1][3]))

    def row(self, query: str, key: int | str) -> Row | None:
        """The one row that `TICKET` or `STANDING` finds; no writer is waited for."""
        found: Row | None = self._eyes.execute(query.replace("%s", "?"), (key,)).fetchone()
        return found

    def close(self) -> None:
        """Gives the file back."""
        self._line.close()
        self._eyes.close()


class OnPostgres:
    """Synchronous commits; greenlets go on meanwhile."""

    def __init__(self, url: str) -> None:
        self._line, self._eyes = (psycopg.connect(url, autocommit=True) for _both in range(2))

    def keep(self, acts: list[Act]) -> None:
        """Durable when this returns."""
        first = first_of_each(acts)
        with self._line.transaction():
            columns = [list(column) for column in zip(*(act.values() for act in first), strict=True)]
            journals = {row[0]: row[1] for row in self._line.execute(MOVE_ALL, columns)}
            for act in first:
                act.journal = journals.get(act.attempt)
            said = [act.said for act in acts if act.said and act.journal is not None]
            head = self._line.execute(f"{HEAD} FOR UPDATE").fetchone() if said else None
            if head is not None:
                entries = linked((head[0], head[1]), said)
                columns = [list(column) for column in zip(*entries, strict=True)]
                self._line.execute(APPEND_ALL, [*columns, entries[-1][0], entries[-1][3]])

    def row(self, query: str, key: int | str) -> Row | None:
        """The one row that `TICKET` or `STANDING` finds."""
        return self._eyes.execute(query.encode(), (key,)).fetchone()

    def close(self) -> None:
        """Ends the connections."""
        self._line.close()
        self._eyes.close()


def opened(store: str) -> OnSqlite | OnPostgres:
    """The tables in a file of SQLite, or where a URL of PostgreSQL leads."""
    return OnPostgres(store) if on_postgres(store) else OnSqlite(store)


def prepare(store: str, secret: bytes, seats: Iterable[Mapping[str, Any]]) -> None:
    """Makes the tables: every seat has its candidate, nobody has signed in, and the log is empty."""
    rows = [
        (one["attempt"], one["workstation"], one["ticket"], number_mac(secret, one["id_number"]), ASSIGNED)
        for one in seats
    ]
    if on_postgres(store):
        with psycopg.connect(store, autocommit=True) as line, line.cursor() as cursor:
            for statement in TABLES:
                cursor.execute(statement)
            cursor.execute(FIRST_HEAD, FIRST)
            cursor.executemany(SEAT, rows)
        return
    file = _sqlite(store)
    for statement in TABLES:
        file.execute(statement)
    file.execute(FIRST_HEAD.replace("%s", "?"), FIRST)
    file.executemany(SEAT.replace("%s", "?"), rows)
    file.close()


def kept(store: str) -> Kept:
    """What the tables hold now."""
    ready = f"SELECT count(*) FROM floor_seats WHERE state = '{READY}' AND journal = 1"  # noqa: S608
    log = "SELECT seq, said, prev, hash FROM floor_log ORDER BY seq"
    [(count,)], entries, heads = (_rows(store, query) for query in (ready, log, HEAD))
    again = linked(FIRST, [entry[1] for entry in entries])
    last = (again[-1][0], again[-1][3]) if again else FIRST
    return Kept(count, len(entries), entries == again and heads == [last])


def on_postgres(store: str) -> bool:
    """Whether it is a URL."""
    return store.startswith("postgres")


def _rows(store: str, query: str) -> list[Row]:
    if on_postgres(store):
        with psycopg.connect(store) as line:
            return line.execute(query.encode()).fetchall()
    file = _sqlite(store)
    try:
        return file.execute(query).fetchall()
    finally:
        file.close()


def _sqlite(path: str) -> sqlite3.Connection:
    line = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL"):
        line.execute(statement)
    return line
