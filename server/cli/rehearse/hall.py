"""Where a rehearsal is played: a private server in a folder of its own, or the one that runs already."""

import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from itembank.keyfile import create_keyfile
from server.app import open_host
from server.cli.opening import refuse_in_sitting, unlock
from server.cli.rehearse.crew import CHEAP
from server.cli.rehearse.fleet import Fleet, Process, start_server
from server.cli.rehearse.staff import Address, server_address
from server.cli.rehearse.stores import CONNECTIONS_EACH, CONNECTIONS_MORE, Postgres, Redis, socket_folder
from server.cli.rehearse.usage import cpu_seconds
from server.db.migrate import upgrade
from server.errors import Refused
from server.host import Host
from server.services.locking import server_runs
from server.settings import Settings

LOOPBACK = "127.0.0.1"
SQLITE, POSTGRES, REDIS = "sqlite", "postgres", "redis"


@dataclass(slots=True)
class Hall:
    """An open host to stage with and to look at, the fleet of processes, and the server's address.

    `server` is None when the server was running before; `variables` are the private one's settings.
    """

    host: Host
    fleet: Fleet
    address: Address
    variables: dict[str, str]
    server: Process | None = None
    stores: dict[str, Postgres | Redis] = field(default_factory=dict)
    processes: dict[str, Process] = field(default_factory=dict)
    """The running ones of the private hall by name: "server", "postgres", "redis"."""

    @property
    def ca_file(self) -> Path:
        """The site CA as a file; it is not there for plain HTTP."""
        return self.fleet.folder / "site-ca.pem"

    def serve(self) -> None:
        """Starts the private server, or starts it again; a running one is only looked for."""
        if self.variables:
            self.start("server")
        elif not self.address.alive():
            raise Refused("server_not_reached", url=self.address.url)

    def start(self, name: str) -> None:
        """Starts one of the private hall's processes, the first time or after a kill. Raises `FleetFault`."""
        if name == "server":
            self.server = self.processes[name] = start_server(self.fleet, self.variables, self.address)
        else:
            self.processes[name] = self.stores[name].start(self.fleet)

    def kill(self, name: str) -> None:
        """kill -9 of one of them and everything it started; its data stay."""
        self.processes[name].kill()

    def cpu_seconds(self) -> float:
        """Processor time of all of them so far, with their children."""
        return sum(cpu_seconds(process.child.pid) for process in self.processes.values())


@contextmanager
def private_hall(
    keep: Path | None = None,
    *,
    tls: bool = True,
    port: int = 0,
    store: str = SQLITE,
    workers: int = 1,
) -> Iterator[Hall]:
    """A new data folder with a demo key, its server not yet started; removed afterwards, but for `keep`.

    `store`: "sqlite", or "postgres" for a PostgreSQL of its own, which is never kept; more than one worker
    needs that and gets a Redis as well. Raises `Refused` when a program is not installed.
    """
    if workers > 1 and store == SQLITE:
        raise Refused("workers_need_postgres")
    folder = keep or Path(tempfile.mkdtemp(prefix="examhall-"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise Refused("folder_not_empty", path=folder)
        with Fleet(folder) as fleet, _stores(fleet, store, workers) as stores:
            running = {name: one.start(fleet) for name, one in stores.items()}
            variables = _variables(folder, tls=tls, port=port or free_port()) | _told_of(stores, workers)
            with _built(variables) as host:
                hall = _hall(host, fleet, variables)
                hall.stores, hall.processes = dict(stores), running
                yield hall
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _built(variables: dict[str, str]) -> Iterator[Host]:
    settings = Settings.load(variables)
    settings.keyfile.parent.mkdir(mode=0o700)
    words = Path(variables["EXAMHALL_PASSPHRASE_FILE"])
    words.touch(mode=0o600)
    words.write_text(secrets.token_urlsafe(18))
    master = create_keyfile(settings.keyfile, words.read_text(), demo=True, params=CHEAP)
    upgrade(settings)
    with _opened(settings, master, demo=True) as host:
        yield host


@contextmanager
def _stores(fleet: Fleet, store: str, workers: int) -> Iterator[dict[str, Postgres | Redis]]:
    """Database and broker, made and running; none for SQLite."""
    if store == SQLITE:
        yield {}
        return
    with socket_folder() as folder:
        connections = CONNECTIONS_MORE + CONNECTIONS_EACH * workers
        found: dict[str, Postgres | Redis] = {
            POSTGRES: Postgres(folder, (f"max_connections={connections}",)),
        }
        if workers > 1:
            found[REDIS] = Redis(folder)
        yield found


def _told_of(stores: dict[str, Postgres | Redis], workers: int) -> dict[str, str]:
    variables = {"EXAMHALL_WORKERS": str(workers)} if workers > 1 else {}
    if POSTGRES in stores:
        variables["DATABASE_URL"] = stores[POSTGRES].url
    if REDIS in stores:
        variables["EXAMHALL_REDIS"] = stores[REDIS].url
    return variables


@contextmanager
def running_hall(data: Path) -> Iterator[Hall]:
    """The running server of a data folder. Refused while a sitting runs there, or when no server does."""
    settings = _settings_of(data.absolute())
    if not server_runs(settings.data):
        raise Refused("server_not_running", path=settings.data)
    key = unlock(settings)
    folder = Path(tempfile.mkdtemp(prefix="examhall-"))
    try:
        with _opened(settings, key.master, demo=key.demo) as host, Fleet(folder) as fleet:
            refuse_in_sitting(host)
            yield _hall(host, fleet, {})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def _variables(folder: Path, *, tls: bool, port: int) -> dict[str, str]:
    return {
        "EXAMHALL_DATA": str(folder / "data"),
        "EXAMHALL_KEYFILE": str(folder / "keys" / "master.json"),
        "EXAMHALL_UNLOCKED": str(folder / "unlocked"),  # a demo key need not lie in memory
        "EXAMHALL_PASSPHRASE_FILE": str(folder / "passphrase"),
        "EXAMHALL_BIND": f"{LOOPBACK}:{port}",
        "EXAMHALL_PLAIN_HTTP": "" if tls else "1",
        "EXAMHALL_ARGON_MEMORY": str(CHEAP.memory_kib),
    }


def _settings_of(data: Path) -> Settings:
    """This process's settings, for another data folder than they name."""
    mine = Settings.of_process()
    usual = mine.data.parent / "keys" / "master.json"
    keyfile = data.parent / "keys" / "master.json" if mine.keyfile == usual else mine.keyfile
    return replace(mine, data=data, keyfile=keyfile)


@contextmanager
def _opened(settings: Settings, master: bytes, *, demo: bool) -> Iterator[Host]:
    host = open_host(settings, master, demo=demo)
    try:
        yield host
    finally:
        host.close()


def _hall(host: Host, fleet: Fleet, variables: dict[str, str]) -> Hall:
    settings = host.settings
    hall = Hall(host, fleet, server_address(settings, host.site.ca_pem), variables)
    if hall.address.ca_pem:
        hall.ca_file.write_text(hall.address.ca_pem)
    return hall
