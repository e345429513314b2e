"""Which server processes work on this database, and which of them does what is to be done once.

With PostgreSQL each process holds session locks on a connection of its own: they end with the process or
its connection, and nobody has to be told. With SQLite one process is the whole server.
"""

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

_LEADER, _HERE = "examhall/leader", "examhall/here"
_LOOK_SECONDS = 0.2
_KEEPALIVE = {"tcp_keepalives_idle": 5, "tcp_keepalives_interval": 2, "tcp_keepalives_count": 3}
"""Seconds after which PostgreSQL looks whether the machine of a process is still there."""
RETURN_SECONDS = 3.0
"""A database that has just begun may have been restarted under living processes: by then all are back."""
_AGE = text(
    "SELECT extract(epoch FROM clock_timestamp() - greatest(pg_postmaster_start_time(),"
    " CASE WHEN redo_lsn = checkpoint_lsn THEN checkpoint_time END)) FROM pg_control_checkpoint()"
)
"""Seconds since it takes connections: since its start, or the checkpoint that ended its recovery."""


class Membership:
    """One process among those of a database. `worker`: its name."""

    def __init__(self, engine: Engine, worker: str) -> None:
        self._engine = None if engine.dialect.name == "sqlite" else engine
        self.worker = worker
        self._connection: Connection | None = None
        self._joined = False
        self._leads = False
        self._named = False
        self._one_by_one = threading.RLock()

    @contextmanager
    def arrival(self, patience: float = 0.0) -> Iterator[bool]:
        """Begins to be there. Yields whether nobody else is: the block sweeps up what a dead server left.

        Whoever comes meanwhile waits until that is done. `patience`: for so many seconds others may still go.
        Nobody is alone on a database that has just been started: its restart took the locks of all others.
        """
        if self._engine is None:
            yield True
            return
        with self._one_by_one:
            connection = self._open(self._engine)
            nobody = _nobody_else(connection, time.monotonic() + patience)
            try:
                yield nobody
            finally:
                _got(connection, "pg_advisory_lock_shared", _HERE)
                if nobody:
                    _got(connection, "pg_advisory_unlock", _HERE)
                self._joined = True

    def hold(self) -> None:
        """Others see from now on that this process lives, be it the server's or of a command."""
        if self._engine is not None:
            with self._one_by_one:
                self._open(self._engine)

    def leads(self) -> bool:
        """Whether this process does what is done once; a process without its connection does not."""
        if self._engine is None:
            return True
        with self._one_by_one:
            try:
                connection = self._open(self._engine)
                if self._leads:
                    connection.execute(text("SELECT 1"))
                else:
                    self._leads = _got(connection, "pg_try_advisory_lock", _LEADER)
                self._name(connection)
            except SQLAlchemyError:
                self._drop()
            return self._leads

    def there(self, worker: str) -> bool:
        """Whether the process of that name works on this database now. Raises `SQLAlchemyError`."""
        if self._engine is None or worker == self.worker:
            return worker == self.worker
        with self._one_by_one:
            connection = self._open(self._engine)
            free = _got(connection, "pg_try_advisory_lock", _own(worker))
            if free:
                _got(connection, "pg_advisory_unlock", _own(worker))
            return not free

    @contextmanager
    def alone_at(self, name: str) -> Iterator[bool]:
        """Yields whether nobody else is at this work now; nobody begins it before the block ends."""
        if self._engine is None:
            yield True
            return
        connection = _connected(self._engine)
        try:
            yield _got(connection, "pg_try_advisory_lock", f"examhall/single/{name}")
        finally:
            connection.close()

    def close(self) -> None:
        """Gives back the connection, and with it all locks."""
        with self._one_by_one:
            self._joined = False
            self._drop()

    def _open(self, engine: Engine) -> Connection:
        if self._connection is None:
            self._connection = connection = _connected(engine)
            self._name(connection)
            if self._joined:
                _got(connection, "pg_advisory_lock_shared", _HERE)
        return self._connection

    def _name(self, connection: Connection) -> None:
        """Holds the lock of its name. Who asks for it just now may be in the way: the next look gets it."""
        self._named = self._named or _got(connection, "pg_try_advisory_lock", _own(self.worker))

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._leads = self._named = False
        if connection is not None:
            with suppress(SQLAlchemyError):
                connection.close()


def _connected(engine: Engine) -> Connection:
    """A connection that is no part of the pool, without transactions."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    for name, value in _KEEPALIVE.items():
        connection.execute(text(f"SET {name} TO {value}"))
    return connection


def _nobody_else(connection: Connection, until: float) -> bool:
    """Whether no other process is there now, or none any more `until` then; if so the lock is held."""
    while True:
        nobody = _got(connection, "pg_try_advisory_lock", _HERE)
        if nobody:
            if _seconds_up(connection) >= RETURN_SECONDS:
                return True
            _got(connection, "pg_advisory_unlock", _HERE)
        elif time.monotonic() >= until:
            return False
        time.sleep(_LOOK_SECONDS)


def _seconds_up(connection: Connection) -> float:
    return float(connection.execute(_AGE).scalar_one())


def _got(connection: Connection, lock: str, name: str) -> bool:
    """Calls one of PostgreSQL's functions for a lock of that name; those that wait return nothing."""
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    return connection.execute(text(f"SELECT {lock}(:key)"), {"key": key}).scalar() is True


def _own(worker: str) -> str:
    return f"examhall/worker/{worker}"
