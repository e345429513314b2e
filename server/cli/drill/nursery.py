"""The seat agents of a drill: processes of their own, forked from one that has loaded the libraries."""

import contextlib
import json
import os
import select
import signal
import socket
from collections.abc import Sequence
from pathlib import Path

from server.cli.rehearse.fleet import POLITE, Fleet, FleetFault, await_

START_SECONDS = 60.0
ASKING_SECONDS = 30.0
ENDING_SECONDS = 30.0


class Grown:
    """An agent's process: it leads a group of its own and is nobody's child here."""

    def __init__(self, name: str, pid: int, log: Path) -> None:
        self.name = name
        self.pid = pid
        self._log = log
        try:
            self._descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._descriptor = -1  # it has ended already

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return not self._ended(0)

    def _ended(self, seconds: float) -> bool:
        if self._descriptor < 0:
            return True
        look = select.poll()
        look.register(self._descriptor, select.POLLIN)
        if look.poll(1000 * seconds):
            os.close(self._descriptor)
            self._descriptor = -1
            return True
        return False

    def kill(self) -> None:
        """kill -9 of the whole group, and waits."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self._ended(ENDING_SECONDS)

    def tail(self) -> str:
        """The end of its log."""
        return self._log.read_text("utf-8", "replace")[-2000:] if self._log.exists() else ""


class Nursery:
    """Starts agents (`client.nursery`)."""

    def __init__(self, fleet: Fleet) -> None:
        """Raises `FleetFault` when it does not come up."""
        self._fleet = fleet
        self._socket = fleet.folder / "nursery"
        arguments = ("-m", "client.nursery", str(self._socket))
        self._process = fleet.start("nursery", arguments, python=POLITE)
        await_(self._socket.is_socket, START_SECONDS, self._process)

    def start(self, name: str, arguments: Sequence[str]) -> Grown:
        """An agent with these arguments of `python -m client`. Raises `FleetFault`."""
        log = self._fleet.logs / f"{name}.log"
        wish = {"arguments": list(arguments), "log": str(log), "folder": str(self._fleet.folder)}
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
                asking.settimeout(ASKING_SECONDS)
                asking.connect(str(self._socket))
                asking.sendall(json.dumps(wish).encode() + b"\n")
                return Grown(name, int(asking.recv(32)), log)
        except (OSError, ValueError) as fault:
            raise FleetFault(f"{name}: {fault}\n{self._process.tail()}") from fault
