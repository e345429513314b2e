"""The database and the message broker of a private server, as processes that may be killed and come back.

Both listen on Unix sockets only, in a folder that nobody else may walk through, and keep their data over
a restart. PostgreSQL commits as a real one does: fsync and synchronous_commit are on.
"""

import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from server.cli.rehearse.fleet import Fleet, FleetFault, Process, await_
from server.cli.rehearse.unprivileged import user_and_prefix
from server.cli.rehearse.usage import family
from server.errors import Refused

INSTALLED = Path("/usr/lib/postgresql")
DATABASE = "postgres"
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
CONNECTIONS_EACH = 40
"""What one worker's pools may open: main store and answers."""
CONNECTIONS_MORE = 60
"""For the stage, the jobs and whoever looks."""
START_SECONDS = 60.0
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Store(Process):
    """A process whose children lead groups of their own, as those of PostgreSQL do."""

    patience: float = PATIENCE_SECONDS
    farewell: int = signal.SIGTERM
    """The signal that ends it."""

    def signal(self, number: int) -> None:
        """Sends a signal; one that cannot be caught goes to every descendant."""
        if number in {signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT}:
            for process in family(self.child.pid):
                _send(process, number)
        else:
            _send(self.child.pid, self.farewell if number == signal.SIGTERM else number)

    def kill(self) -> None:
        """kill -9 of it and everything it started, and waits."""
        self.signal(signal.SIGKILL)
        self.child.wait()


@dataclass(slots=True)
class Postmaster(Store):
    """PostgreSQL's first process."""

    farewell: int = signal.SIGINT
    """At SIGTERM it waits until everybody has left."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A cluster. `folder` holds data and socket; `options`: NAME=VALUE of its configuration."""

    folder: Path
    options: tuple[str, ...] = ()
    name: str = "postgres"

    @property
    def url(self) -> str:
        """Its DATABASE_URL."""
        return f"postgresql://{user_and_prefix()[0]}@/{DATABASE}?host={self.folder}"

    def start(self, fleet: Fleet) -> Process:
        """Starts it, makes the cluster the first time; takes connections when this returns.

        Raises `FleetFault`, and `Refused` when PostgreSQL is not installed.
        """
        programs, data = binaries(), self.folder / "data"
        _user, become = user_and_prefix()
        if not data.exists():
            initialise(data, programs, become)
        options = [f"unix_socket_directories={self.folder}", "listen_addresses=", *DURABLE, *self.options]
        arguments = ["-D", str(data), *(part for option in options for part in ("-c", option))]
        python = [*become, str(programs / "postgres")]
        end = time.monotonic() + START_SECONDS
        while True:
            process = fleet.start(self.name, arguments, python=python, kind=Postmaster)
            if self._up(process, end):
                return process
            # What is left of one that was killed may hold its memory for a moment.
            if time.monotonic() > end:
                raise FleetFault(f"{self.name}: {process.child.poll()}\n{process.tail()}")

    def _up(self, process: Process, end: float) -> bool:
        while process.running and time.monotonic() < end:
            if self._answers():
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Redis:
    """A broker without a memory of its own: nothing is written to the disk."""

    folder: Path
    name: str = "redis"

    @property
    def url(self) -> str:
        """Its EXAMHALL_REDIS."""
        return f"unix://{self._socket}?db=0"

    @property
    def _socket(self) -> Path:
        return self.folder / "redis.sock"

    def start(self, fleet: Fleet) -> Process:
        """Starts it; takes connections when this returns. Raises `FleetFault` and `Refused`."""
        program = shutil.which("redis-server")
        if program is None:
            raise Refused("program_missing", program="redis-server")
        self._socket.unlink(missing_ok=True)  # of one that was killed
        quiet = ["--port", "0", "--save", "", "--appendonly", "no", "--daemonize", "no"]
        where = ["--unixsocket", str(self._socket), "--unixsocketperm", "700", "--dir", str(self.folder)]
        _user, become = user_and_prefix()
        process = fleet.start(self.name, [*quiet, *where], python=[*become, program], kind=Store)
        await_(self._socket.is_socket, START_SECONDS, process)
        return process


@contextmanager
def socket_folder() -> Iterator[Path]:
    """A folder with a short path for data and sockets of these stores, theirs alone; removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="eh-store-", dir=place()))
    try:
        user, become = user_and_prefix()
        if become:
            shutil.chown(folder, user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def binaries() -> Path:
    """The folder of initdb and postgres, newest version first. Raises `Refused` when there are none."""
    folders = sorted(INSTALLED.glob("*/bin"), key=lambda path: -int(path.parent.name))
    for folder in folders:
        if (folder / "initdb").is_file():
            return folder
    found = shutil.which("initdb")
    if found is None:
        raise Refused("program_missing", program="PostgreSQL")
    return Path(found).resolve().parent


def initialise(data: Path, programs: Path, become: Sequence[str]) -> None:
    """A new cluster, whose superuser is the user it belongs to. Raises `FleetFault`."""
    made = [str(programs / "initdb"), "-D", str(data), "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
    done = subprocess.run([*become, *made], check=False, capture_output=True, cwd="/")
    if done.returncode:
        raise FleetFault(f"initdb: {done.stderr.decode('utf-8', 'replace')[-1000:]}")


def place() -> str:
    """The folder for temporary files, or `/tmp` when others may not walk through it."""
    chosen = Path(tempfile.gettempdir())
    open_to_all = all(part.stat().st_mode & stat.S_IXOTH for part in (chosen, *chosen.parents))
    return str(chosen) if open_to_all or os.geteuid() != 0 else "/tmp"  # noqa: S108 - mkdtemp in there


def _send(process: int, number: int) -> None:
    try:
        os.kill(process, number)
    except ProcessLookupError:
        return
