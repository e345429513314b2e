"""One seat of a drill: its workstation's process, its wire to the server and its disk."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.cli.drill.disks import Disk, limit
from server.cli.drill.nursery import Grown, Nursery
from server.cli.drill.wire import State, Wire
from server.cli.rehearse.stage import Entrant


@dataclass(frozen=True, slots=True)
class Workstation:
    """What an agent is started with, the first time and after every kill."""

    number: str
    folder: Path
    arguments: tuple[str, ...]
    nursery: Nursery

    def start(self) -> Grown:
        """Raises `FleetFault`."""
        return self.nursery.start(f"seat-{self.number}", self.arguments)


def workstation(number: str, folder: Path, where: Sequence[str], nursery: Nursery) -> Workstation:
    """One without camera and browser, beside others; `where`: options with server and pairing code."""
    fixed = ("--shared-machine", "--no-browser", "--log-level", "warning")
    return Workstation(number, folder, ("--data", str(folder), *where, *fixed), nursery)


@dataclass(slots=True)
class Place:
    """`disk` None: no file system of its own, its process is limited instead."""

    seat: int
    workstation: Workstation
    process: Grown
    wire: Wire
    attempt_of: Callable[[Entrant], int]
    disk: Disk | None = None

    @property
    def number(self) -> str:
        """As the room's plan has it."""
        return self.workstation.number

    @property
    def folder(self) -> Path:
        """Where its agent keeps its data."""
        return self.workstation.folder

    @property
    def launch_file(self) -> Path:
        """Where its agent writes the page's address."""
        return self.folder / "launch"

    @property
    def up(self) -> bool:
        """Whether it is paired and serves its page."""
        return self.launch_file.exists() and (self.folder / "device.json").exists()

    def kill(self) -> None:
        """kill -9 of the agent."""
        self.process.kill()

    def rise(self) -> None:
        """Starts it again in its folder."""
        self.process = self.workstation.start()

    def fill_disk(self) -> None:
        """From now on there is no room."""
        if self.disk is not None:
            self.disk.fill()
        else:
            limit(self.process.pid, 1)

    def free_disk(self) -> None:
        """There is room again."""
        if self.disk is not None:
            self.disk.free()
        else:
            limit(self.process.pid, None)

    def stop_disk(self) -> None:
        """From now on the disk is read-only."""
        if self.disk is not None:
            self.disk.abort()
        else:
            limit(self.process.pid, 0)

    def replace_disk(self) -> None:
        """The machine is started again, its disk checked and writable."""
        self.kill()
        if self.disk is not None:
            self.disk.replace()
        self.rise()

    def close(self) -> None:
        """Ends agent and wire and gives the disk back."""
        self.kill()
        self.wire.be(State.CUT)
        self.wire.close()
        if self.disk is not None:
            with contextlib.suppress(Exception):
                self.disk.unmount()
