"""A standby beside a private server on the same machine: paired, following, promoted, cut off from it."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from exam_rooms.protocol import Route
from exam_rooms.standby_messages import ServerState
from server.cli.drill.wire import State, Wire
from server.cli.rehearse.fleet import (
    SERVER_PATIENCE_SECONDS,
    FleetFault,
    Process,
    await_,
)
from server.cli.rehearse.hall import LOOPBACK, POSTGRES, REDIS, Hall, free_port
from server.cli.rehearse.staff import Address
from server.cli.rehearse.stores import Postgres, Redis, binaries, socket_folder
from server.cli.rehearse.unprivileged import user_and_prefix
from server.errors import Refused
from server.jobs.primary import Pairing, Primary
from server.services.shipping_postgres import NAME
from server.settings import Settings

FOLLOWING_SECONDS = 180.0
COMMAND_SECONDS = 180.0
"""Patience with a machine that does much else; what a takeover takes is judged by its own time."""
EXAMHALL = ("-c", "from server.cli import main; main()")
LOOK_SECONDS = 0.05


@dataclass(slots=True)
class Twin:
    """The standby of a private hall. Between both servers there is a wire that can be cut.

    `stores`: its own cluster, which streams from the hall's, and its own broker; none with SQLite.
    """

    hall: Hall
    variables: dict[str, str]
    address: Address
    wire: Wire
    process: Process | None = None
    commands: int = field(default=0)
    stores: dict[str, Postgres | Redis] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The standby's own."""
        return Settings.load(self.variables)

    def pair(self) -> None:
        """A code from the primary, shown by the standby; its database is made from the primary's.

        The primary serves. Raises `FleetFault`.
        """
        self._copy_database()
        code = self._command("standby-code", ["standby", "code"], self.hall.variables).split()[0]
        scheme = self.address.url.partition("://")[0]
        way = f"{scheme}://{LOOPBACK}:{self.wire.port}"
        words = ["standby", "pair", way, code, "--address", self.address.url]
        self._command("standby-pair", words, self.variables)

    def _copy_database(self) -> None:
        """What an administrator types: a slot, and the cluster made from the primary's (docs/standby.md)."""
        here, there = self.stores.get(POSTGRES), self.hall.stores.get(POSTGRES)
        if isinstance(here, Postgres) and isinstance(there, Postgres):
            user, become = user_and_prefix()
            with psycopg.connect(there.url, autocommit=True) as connection:
                connection.execute("SELECT pg_create_physical_replication_slot(%s)", [NAME])
            where = f"host={there.folder} user={user} application_name={NAME}"
            words = [str(binaries() / "pg_basebackup"), "-D", str(here.folder / "data"), "-d", where, "-R"]
            done = subprocess.run(
                [*become, *words, "-X", "stream", "-S", NAME, "-c", "fast"],
                check=False,
                capture_output=True,
                cwd="/",
            )
            if done.returncode:
                raise FleetFault(f"pg_basebackup: {done.stderr.decode('utf-8', 'replace')[-1000:]}")
        for name, store in self.stores.items():
            self.processes[name] = store.start(self.hall.fleet)

    def start(self) -> None:
        """Starts it; it follows and has caught up when this returns. Raises `FleetFault`."""
        serve = [*EXAMHALL, "standby", "serve"]
        self.process = self.hall.fleet.start("standby", serve, self.variables)
        self.process.patience = SERVER_PATIENCE_SECONDS
        await_(self.caught_up, FOLLOWING_SECONDS, self.process)

    def caught_up(self) -> bool:
        """Whether it says that nothing of the primary's is missing."""
        told = self.told("/health")
        return bool(told.get("caught_up"))

    def promote(self, reason: str = "drill", *, forced: bool = False) -> float:
        """`examhall standby promote`; seconds from the word until the standby serves. Raises `FleetFault`."""
        extra = ["--while-primary-answers"] if forced else []
        began = time.monotonic()
        self._command("promote", ["standby", "promote", "--reason", reason, "--yes", *extra], self.variables)
        return time.monotonic() - began

    def state(self) -> ServerState | None:
        """What it says of itself, None without an answer."""
        said = self.told(Route.EPOCH).get("state")
        return ServerState(str(said)) if said else None

    def cut(self) -> None:
        """Both servers do not reach each other; seats reach both."""
        self.wire.be(State.CUT)

    def heal(self) -> None:
        """They do again."""
        self.wire.be(State.WHOLE)

    def told(self, path: str) -> dict[str, object]:
        """A JSON answer of the standby, {} without one."""
        asked = Primary(Pairing(self.address.url, 0, "", self.address.ca_pem))
        try:
            return asked.ask("GET", path)
        except (OSError, ValueError, TypeError, Refused):
            return {}
        finally:
            asked.close()

    def _command(self, name: str, arguments: list[str], variables: dict[str, str]) -> str:
        self.commands += 1
        process = self.hall.fleet.start(f"{name}-{self.commands}", [*EXAMHALL, *arguments], variables)
        end = time.monotonic() + COMMAND_SECONDS
        while process.running and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
        if process.running or process.child.returncode:
            raise FleetFault(f"{name}: {process.child.returncode}\n{process.tail()}")
        return process.log.read_text("utf-8")


@contextmanager
def standby_of(hall: Hall, *, takeover: str = "person") -> Iterator[Twin]:
    """A standby with a folder, a key file and, with PostgreSQL, a cluster of its own; not paired yet."""
    folder = hall.fleet.folder / "standby"
    host, _port = hall.address.parts
    port = free_port()
    keyfile = folder / "keys" / "master.json"
    keyfile.parent.mkdir(mode=0o700, parents=True)
    shutil.copy(Path(hall.variables["EXAMHALL_KEYFILE"]), keyfile)
    variables = {
        **hall.variables,
        "EXAMHALL_DATA": str(folder / "data"),
        "EXAMHALL_KEYFILE": str(keyfile),
        "EXAMHALL_UNLOCKED": str(folder / "unlocked"),
        "EXAMHALL_BIND": f"{LOOPBACK}:{port}",
        "EXAMHALL_PEERS": hall.address.url,
        "EXAMHALL_TAKEOVER": takeover,
    }
    address = Address(f"{hall.address.url.partition('://')[0]}://{host}:{port}", hall.address.ca_pem)
    with _stores_like(hall) as stores:
        wire = Wire(hall.address.parts, "pair")
        twin = Twin(hall, variables | _told_of(stores), address, wire, stores=stores)
        try:
            yield twin
        finally:
            twin.wire.close()
            for process in (twin.process, *twin.processes.values()):
                if process is not None and process.running:
                    process.kill()


@contextmanager
def _stores_like(hall: Hall) -> Iterator[dict[str, Postgres | Redis]]:
    """Database and broker as the hall has them, not made yet."""
    first = hall.stores.get(POSTGRES)
    if not isinstance(first, Postgres):
        yield {}
        return
    with socket_folder() as folder:
        found: dict[str, Postgres | Redis] = {POSTGRES: Postgres(folder, first.options, "standby-postgres")}
        if REDIS in hall.stores:
            found[REDIS] = Redis(folder, "standby-redis")
        yield found


def _told_of(stores: dict[str, Postgres | Redis]) -> dict[str, str]:
    names = {POSTGRES: "DATABASE_URL", REDIS: "EXAMHALL_REDIS"}
    return {names[name]: store.url for name, store in stores.items()}
