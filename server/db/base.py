"""Engine, naming, types and the two ways to a session: `read` and `write` (design D5).

With SQLite every write takes one process-wide lock before BEGIN IMMEDIATE, does nothing but SQL inside
and runs in a native writer thread; of a `brief` one only what may wait. PostgreSQL needs none of that.
Facts put into the session by services are published after the commit.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import psycopg
from sqlalchemy import DateTime, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.selectable import ForUpdateArg
from sqlalchemy.types import TypeDecorator

from itembank.vault import Vault
from server.events import Events, Fact
from server.native import NativePool

P = ParamSpec("P")
T = TypeVar("T")

TO_CHANGE = ForUpdateArg(key_share=True)
"""`with_for_update` for a row that others refer to: keeps its other writers out, not rows that name it.

A plain FOR UPDATE also stops every insert with a foreign key to the row, which then waits in a ring.
"""
_PATIENCE = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""Seconds (the last: milliseconds) after which a PostgreSQL whose machine answers nothing is taken for gone.
Without them a cut line holds up everybody for a quarter of an hour.
"""
_TRIES = 3
_DEADLOCK = "40P01"
_PREPARED_AFTER = 2
"""Uses of a statement on one connection until it is prepared: every worker has several connections."""
_PREPARED_MOST = 250
"""Statements that a connection keeps prepared: lists of several lengths make several of one."""
_WROTE = "examhall wrote"

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


_BRIEF: set[Callable[..., Any]] = set()


def brief(act: Callable[P, T]) -> Callable[P, T]:
    """Declares an act that takes at most a tenth of a second for a room of a hundred, and waits for nothing.

    On SQLite its statements run right on the event loop, and only BEGIN and COMMIT in the writer thread. In
    that thread each row read and each row written would have to win the interpreter back from a busy loop:
    half a millisecond, a thousand times at the start of a room.
    """
    _BRIEF.add(act)
    return act


class Base(DeclarativeBase):
    """All tables but the answer stream."""

    metadata = MetaData(naming_convention=NAMING)


class Moment(TypeDecorator[datetime]):
    """Aware UTC in, aware UTC out, on every store."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def make_engine(url: str) -> Engine:
    """An engine with the store's settings. SQLite: WAL, FULL, foreign keys, explicit BEGIN.

    Values never appear in its errors: those end up in logs.
    """
    if not url.startswith("sqlite"):
        options = {"hide_parameters": True, "pool_pre_ping": True, "pool_size": 10, "max_overflow": 20}
        options |= {"pool_use_lifo": True}  # few connections are at work, with all that they have prepared
        arguments = patience(url) | {"prepare_threshold": _PREPARED_AFTER}
        engine = create_engine(url, connect_args=arguments, **options)
        event.listen(engine, "connect", _postgres_connect)
        return engine
    options = {"check_same_thread": False, "timeout": 30}
    engine = create_engine(url, hide_parameters=True, connect_args=options)
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def patience(url: str) -> dict[str, int]:
    """How long connections to a PostgreSQL wait for a sign of life; what the URL says goes before."""
    said = make_url(url).query
    return {name: value for name, value in _PATIENCE.items() if name not in said}


def _sqlite_connect(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver's own BEGIN breaks savepoints
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA busy_timeout=30000")


def _sqlite_begin(connection: Connection) -> None:
    writing = connection.get_execution_options().get("writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _postgres_connect(connection: psycopg.Connection[Any], _record: object) -> None:
    connection.prepared_max = _PREPARED_MOST


def _note_begin(connection: Connection) -> None:
    connection.info.pop(_WROTE, None)


def _note_write(connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
    if not statement.lstrip("( \t\n").startswith("SELECT"):
        connection.info[_WROTE] = True


def _keep_plans(session: Session) -> None:
    """Ends a look at PostgreSQL by COMMIT, if it was nothing but that: it has the same effect as ROLLBACK, at
    which psycopg throws away all statements that the connection has prepared.
    """
    if not (session.in_transaction() and session.is_active):
        return
    with suppress(SQLAlchemyError):  # all that was asked for is here
        if session.connection().info.get(_WROTE):
            return
        session.expunge_all()  # what was changed in memory alone is not written
        with _clean(session):
            session.commit()


@contextmanager
def _clean(session: Session) -> Iterator[None]:
    """No connection goes back to the pool inside of a transaction: one whose commit failed is thrown away."""
    try:
        yield
    except BaseException:
        session.invalidate()
        raise


class Database:
    """The main store of one process."""

    def __init__(self, url: str, *, vault: Vault, events: Events) -> None:
        self.engine = make_engine(url)
        self._writer = self.engine.execution_options(writing=True)
        self._on_sqlite = url.startswith("sqlite")
        self._reader = self.engine.execution_options()
        if not self._on_sqlite:
            event.listen(self._reader, "begin", _note_begin)
            event.listen(self._reader, "before_cursor_execute", _note_write)
        self._pool = NativePool(1)
        self._lock = threading.Lock()
        self.vault = vault
        """What sessions seal and open with; `open_host` replaces it once the data key is known."""
        self._events = events
        self.guard: Callable[[], None] = lambda: None
        """Asked before and after every write; raises when this server may confirm none (`server.epoch`)."""

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for looking; whatever it changes is rolled back, but what functions in a SELECT do."""
        with Session(self._reader, info={"vault": self.vault, "facts": []}) as session:
            yield session
            if not self._on_sqlite:
                _keep_plans(session)

    def write(self, act: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `act(session, ...)` in one transaction, commits once, then publishes its facts."""
        self.guard()
        stop: BaseException | None = None
        if not self._on_sqlite:
            result, facts = self._insisting(act, args, kwargs)
        else:
            with self._lock:
                if act in _BRIEF:
                    result, facts, stop = self._brief(act, args, kwargs)
                else:
                    result, facts = self._pool.call(self._transact, act, args, kwargs)
        try:
            self.guard()
            self._events.publish(facts)
        finally:  # whoever was stopped at the commit leaves when all have heard of it, and leaves in any case
            if stop is not None:
                raise stop
        return cast("T", result)

    def _insisting(self, act: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, list[Fact]]:  # noqa: ANN401
        """PostgreSQL ends a ring of waiting writers by rolling one back: that one does its act again."""
        for _again in range(_TRIES - 1):
            try:
                return self._transact(act, args, kwargs)
            except DBAPIError as fault:
                if getattr(fault.orig, "sqlstate", None) != _DEADLOCK:
                    raise
        return self._transact(act, args, kwargs)

    def _transact(self, act: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, list[Fact]]:  # noqa: ANN401
        with self._session() as session:
            result = act(session, *args, **kwargs)
            session.flush()
            with _clean(session):
                session.commit()
        return result, session.info["facts"]

    def _brief(
        self,
        act: Callable[..., Any],
        args: Any,  # noqa: ANN401
        kwargs: Any,  # noqa: ANN401
    ) -> tuple[Any, list[Fact], BaseException | None]:
        """A brief act on SQLite; also what stopped its caller at the commit, which is waited for."""
        with self._session() as session:
            stop = self._pool.finish(session.connection)  # BEGIN IMMEDIATE: another process may be writing
            if stop is not None:
                raise stop
            result = act(session, *args, **kwargs)
            session.flush()  # here, so that the thread has nothing left to do but wait for the disk
            with _clean(session):
                stop = self._pool.finish(session.commit)
        return result, session.info["facts"], stop

    def _session(self) -> Session:
        return Session(self._writer, info={"vault": self.vault, "facts": []}, expire_on_commit=False)

    def close(self) -> None:
        """Gives back all connections."""
        self.engine.dispose()


def vault_of(session: Session) -> Vault:
    """The vault that seals and opens what this session stores."""
    return cast("Vault", session.info["vault"])


def emit(session: Session, fact: Fact) -> None:
    """Puts a fact aside until the commit."""
    cast("list[Fact]", session.info["facts"]).append(fact)
