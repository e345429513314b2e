"""The machines behind the seats of a drill: server, workers, database, broker, their disk and their clock."""

import contextlib
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from server.cli.drill.disks import Disk, DiskFault, limit
from server.cli.drill.returns import Trouble
from server.cli.opening import unlock
from server.cli.rehearse.fleet import SERVER_PATIENCE_SECONDS, FleetFault, await_
from server.cli.rehearse.hall import POSTGRES, Hall
from server.cli.rehearse.usage import family
from server.services.unlocked import keep_unlocked
from server.settings import Settings

JUMPING = Path(__file__).with_name("jumping.py")
SERVER = "server"
DISK_SIZE = 1 << 30
"""Bytes of the small file system under the store; sparse, next to nothing of it is ever written."""
RECOVERY_SECONDS = 30.0
STARTING_SECONDS = 180.0
"""How long a killed server may take to come up beside all the seats that are coming back."""


class Machines:
    """Everything that is killed, filled up or set wrong for the whole room at once."""

    def __init__(self, hall: Hall, folder: Path, disk: Disk | None, rng: random.Random) -> None:
        self.hall = hall
        self.rng = rng
        self.trouble = Trouble()
        self.on_heal: Callable[[float], None] = lambda moment: None
        self._clock_file = folder / "clock"
        self._disk = disk
        settings = Settings.load(hall.variables)
        keep_unlocked(settings, unlock(settings))

    @property
    def disk(self) -> str:
        """How the server's disk is filled up: "mounted" or "limited"."""
        return "mounted" if self._disk else "limited"

    def has(self, name: str) -> bool:
        """Whether there is such a process: "server", "postgres", "redis"."""
        return name == SERVER or name in self.hall.stores

    def start(self, name: str) -> None:
        """Up again when this returns; the server's wall clock can be set. Raises `FleetFault`."""
        if name != SERVER:
            self.hall.start(name)
            return
        hall = self.hall
        command = ["-P", str(JUMPING), str(self._clock_file)]
        process = hall.fleet.start(SERVER, command, hall.variables)
        process.patience = SERVER_PATIENCE_SECONDS
        hall.server = hall.processes[SERVER] = process
        await_(hall.address.alive, STARTING_SECONDS, process)

    def kill(self, name: str) -> None:
        """kill -9 of it and everything it started."""
        self.hall.kill(name)

    def kill_worker(self) -> None:
        """kill -9 of one of the server's workers; its master replaces it."""
        master = self.hall.processes[SERVER].child.pid
        workers = [process for process in family(master) if _parent(process) == master]
        if not workers:
            raise FleetFault(f"{SERVER}: no worker")
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.rng.choice(workers), signal.SIGKILL)

    def jump(self, seconds: float) -> None:
        """Sets the server's wall clock that far from the true time."""
        self._clock_file.write_text(str(seconds))

    def pause(self, least: float, most: float) -> None:
        """Some seconds go by."""
        time.sleep(self.rng.uniform(least, most))

    def heal(self) -> None:
        """What comes now heals the fault; the seats' way back is counted from here."""
        self.on_heal(self.trouble.heal())

    def fill_disk(self) -> None:
        """No room where the server's store is.

        SQLite's log is written over blocks that it has already: there a full disk alone refuses little, so
        the server's files may not be written either.
        """
        if self._disk is not None:
            self._disk.fill()
        if self._limits:
            self._limit(1)

    def free_disk(self) -> None:
        """There is room again; a database that gave up meanwhile is started again."""
        if self._disk is not None:
            self._disk.free()
        if self._limits:
            self._limit(None)
        if self.has(POSTGRES) and not self._recovers():
            self.start(POSTGRES)

    @property
    def _limits(self) -> bool:
        return self._disk is None or self._keeper == SERVER

    def _limit(self, most: int | None) -> None:
        for process in family(self.hall.processes[self._keeper].child.pid):
            with contextlib.suppress(ProcessLookupError):
                limit(process, most)

    @property
    def _keeper(self) -> str:
        return POSTGRES if self.has(POSTGRES) else SERVER

    def _recovers(self) -> bool:
        """Whether the database still runs once it has had a moment to notice."""
        end = time.monotonic() + 1.0
        while self.hall.processes[POSTGRES].running:
            if time.monotonic() > end:
                return True
            time.sleep(0.1)
        return False


def _parent(process: int) -> int:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[1])


def small_disk(folder: Path, image: Path) -> Disk | None:
    """A small file system on an empty folder; None where nothing may be mounted."""
    try:
        disk = Disk(folder, image, DISK_SIZE)
    except DiskFault:
        return None
    shutil.rmtree(folder / "lost+found", ignore_errors=True)
    return disk


def move_database(hall: Hall, image: Path) -> Disk | None:
    """Puts the cluster of a hall whose server is not started yet on a small disk; None where it cannot."""
    data = hall.stores[POSTGRES].folder / "data"
    process = hall.processes[POSTGRES]
    process.signal(signal.SIGTERM)
    process.child.wait(RECOVERY_SECONDS)
    aside = data.with_name("moved")
    data.rename(aside)
    disk = small_disk(data, image)
    if disk is None:
        shutil.rmtree(data, ignore_errors=True)
        aside.rename(data)
    else:
        disk.copy_in(aside)
        shutil.rmtree(aside)
    hall.start(POSTGRES)
    return disk
