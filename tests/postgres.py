"""A real PostgreSQL server for tests, on a Unix socket in a temporary folder, run by an unprivileged user.

One server per test process (each xdist worker has its own). `initdb` refuses root, so root makes the
system user `examhall-test` once and runs the server as that.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from server.cli.rehearse.stores import binaries, initialise, place
from tests.unprivileged import user_and_prefix

_OPTIONS = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=60")


@dataclass
class PostgresServer:
    """A running server; `folder` holds its socket."""

    folder: Path
    user: str
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, database: str) -> str:
        """The DATABASE_URL of one database."""
        return f"postgresql://{self.user}@/{database}?host={self.folder}"

    def create(self, template: str = "template1") -> str:
        """A fresh database; its name."""
        name = f"test_{next(self._numbers)}"
        self._run(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        return name

    def drop(self, database: str) -> None:
        """Removes a database with whatever is connected."""
        self._run(f'DROP DATABASE "{database}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """A server for the length of the block; everything of it is removed afterwards."""
    programs = binaries()
    user, as_user = user_and_prefix()
    folder = Path(tempfile.mkdtemp(prefix="eh-pg-", dir=place()))
    try:
        if as_user:
            shutil.chown(folder, user)
        data = folder / "data"
        initialise(data, programs, as_user)
        options = " ".join(f"-c {option}" for option in _OPTIONS)
        start = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-t", "60", "-l", str(folder / "log")]
        listen = f"-k {folder} -c listen_addresses='' {options}"
        subprocess.run([*as_user, *start, "-o", listen, "start"], check=True, capture_output=True, cwd="/")
        try:
            yield PostgresServer(folder, user)
        finally:
            stop = [str(programs / "pg_ctl"), "-D", str(data), "-w", "-m", "immediate", "stop"]
            subprocess.run([*as_user, *stop], check=False, capture_output=True, cwd="/")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
