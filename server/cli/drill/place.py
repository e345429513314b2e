"""One seat of a drill: its workstation's process, its wire to the server and its disk."""

import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass

from server.cli.drill.disks import Disk, limit
from server.cli.drill.wire import State, Wire
from server.cli.rehearse.fleet import Agent, Fleet, restart_agent
from server.cli.rehearse.stage import Entrant


@dataclass(slots=True)
class Place:
    """`disk` None: no file system of its own, its process is limited instead."""

    number: str
    seat: int
    agent: Agent
    wire: Wire
    fleet: Fleet
    attempt_of: Callable[[Entrant], int]
    disk: Disk | None = None

    def kill(self) -> None:
        """kill -9 of the agent."""
        self.agent.process.kill()

    def rise(self) -> None:
        """Starts it again in its folder."""
        restart_agent(self.fleet, self.agent)

    def fill_disk(self) -> None:
        """From now on there is no room."""
        if self.disk is not None:
            self.disk.fill()
        else:
            limit(self.agent.process.child.pid, 1)

    def free_disk(self) -> None:
        """There is room again."""
        if self.disk is not None:
            self.disk.free()
        else:
            limit(self.agent.process.child.pid, None)

    def stop_disk(self) -> None:
        """From now on the disk is read-only."""
        if self.disk is not None:
            self.disk.abort()
        else:
            limit(self.agent.process.child.pid, 0)

    def replace_disk(self) -> None:
        """The machine is started again, its disk checked and writable."""
        self.kill()
        if self.disk is not None:
            self.disk.replace()
        self.rise()

    def close(self) -> None:
        """Ends agent and wire and gives the disk back."""
        self.agent.process.signal(signal.SIGCONT)
        self.kill()
        self.wire.be(State.CUT)
        self.wire.close()
        if self.disk is not None:
            with contextlib.suppress(Exception):
                self.disk.unmount()
