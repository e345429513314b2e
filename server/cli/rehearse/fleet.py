"""The processes of a rehearsal: server, seat agents, simulated candidates, the counting one.

Each is the leader of its own process group and is ended with everything it started, whatever happens.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.cli.rehearse.staff import Address

ROOT = Path(__file__).resolve().parents[3]
CLEAN = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
"""The environment of every process: nothing of the caller's, above all no secret, is handed down."""
STARTING_AT_ONCE = 3
"""Agents that may be on their way up at the same time: two cores start no more."""
PAIRING_SECONDS = 60.0
SERVER_SECONDS = 60.0
PATIENCE_SECONDS = 6.0
SERVER_PATIENCE_SECONDS = 2.0
"""The server waits for open connections to end; its data are safe at any moment (design D5)."""
LOOK_SECONDS = 0.1
POLITE = ("nice", "-n", "5", sys.executable)
"""How agents are run: in a room each has a machine of its own, here they must not take the server's."""


class FleetFault(Exception):
    """A process did not come up or ended before its time; the text has the end of its log."""


@dataclass(slots=True)
class Process:
    """A running program and where it writes."""

    name: str
    child: subprocess.Popen[bytes]
    log: Path
    patience: float = PATIENCE_SECONDS
    """Seconds it gets to end by itself."""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.child.poll() is None

    def signal(self, number: int) -> None:
        """Sends a signal to its whole group."""
        try:
            os.killpg(self.child.pid, number)
        except ProcessLookupError:
            return

    def kill(self) -> None:
        """kill -9 of the whole group, and waits."""
        self.signal(signal.SIGKILL)
        self.child.wait()

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-2000:] if self.log.exists() else ""

    def tail_line(self) -> str:
        """The last line it wrote."""
        lines = self.log.read_text("utf-8", "replace").splitlines()
        return lines[-1] if lines else ""


class Fleet:
    """Everything started, to be ended together; use it as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._processes: list[Process] = []

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(
        self,
        name: str,
        arguments: Sequence[str],
        variables: Mapping[str, str] | None = None,
        *,
        python: Sequence[str] = (sys.executable,),
        kind: type[Process] = Process,
    ) -> Process:
        """Starts `python ARGUMENTS`; `variables` are added to its clean environment."""
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            **(variables or {}),
        }
        log = self.logs / f"{name}.log"
        with log.open("ab") as stream:
            child = subprocess.Popen(
                [*python, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=environment,
                cwd=self.folder,
                start_new_session=True,
            )
        process = kind(name, child, log)
        self._processes.append(process)
        return process

    def stop(self) -> None:
        """Ends everything: politely first, the latest started first, then by force."""
        alive = [process for process in reversed(self._processes) if process.running]
        for process in alive:
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGTERM)
        began = time.monotonic()
        for process in alive:
            try:
                process.child.wait(max(0.1, began + process.patience - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
            process.signal(signal.SIGKILL)  # what it left in its group
        self._processes.clear()


def start_server(fleet: Fleet, variables: Mapping[str, str], address: Address) -> Process:
    """`examhall serve`, up when this returns. Raises `FleetFault`."""
    serve = ["-c", "from server.cli import main; main()", "serve"]
    process = fleet.start("server", serve, variables)
    process.patience = SERVER_PATIENCE_SECONDS
    await_(lambda: address.alive(), SERVER_SECONDS, process)
    return process


@dataclass(slots=True)
class Agent:
    """A seat agent's process and folder."""

    seat: str
    folder: Path
    arguments: tuple[str, ...]
    process: Process

    @property
    def launch_file(self) -> Path:
        """Where it writes the page's address."""
        return self.folder / "launch"

    @property
    def up(self) -> bool:
        """Whether it is paired and serves its page."""
        return self.launch_file.exists() and (self.folder / "device.json").exists()


def start_agents(
    fleet: Fleet,
    address: Address,
    codes: Mapping[str, str],
    *,
    extra: Callable[[str], Sequence[str]] = lambda _seat: (),
    told: Callable[[int], None] = lambda _n: None,
) -> dict[str, Agent]:
    """Agents by seat number, all paired when this returns; a few at a time. Raises `FleetFault`.

    `extra`: further arguments of the agent at a seat.
    """
    agents: dict[str, Agent] = {}
    for seat, code in codes.items():
        await_(lambda: _rising(agents) < STARTING_AT_ONCE, PAIRING_SECONDS, *_processes(agents))
        agents[seat] = start_agent(fleet, address, seat, code, extra(seat))
        told(len(agents))
    await_(lambda: _rising(agents) == 0, PAIRING_SECONDS, *_processes(agents))
    return agents


def start_agent(fleet: Fleet, address: Address, seat: str, code: str, extra: Sequence[str] = ()) -> Agent:
    """One agent; it may not be paired yet."""
    folder = fleet.folder / "seats" / seat
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)  # a drill mounts a disk there
    where = ("-m", "client", "--data", str(folder), "--server", address.url, "--pair", code)
    arguments = (*where, *extra, "--shared-machine", "--no-browser", "--log-level", "warning")
    return Agent(seat, folder, arguments, fleet.start(f"seat-{seat}", arguments, python=POLITE))


def _rising(agents: Mapping[str, Agent]) -> int:
    return sum(not agent.up for agent in agents.values())


def _processes(agents: Mapping[str, Agent]) -> list[Process]:
    return [agent.process for agent in agents.values()]


def start_candidates(fleet: Fleet, plan: Mapping[str, Any], *, name: str = "candidates") -> Process:
    """The simulated candidates of a plan; their report is the last line of the process's log."""
    file = fleet.folder / f"{name}.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(plan))
    return fleet.start(name, ["-m", "client.simulate", str(file)])


def counted(fleet: Fleet, plan: Mapping[str, Any]) -> dict[str, Any]:
    """What the counting process says. The plan goes by standard input: a database URL may hold a password."""
    done = subprocess.run(
        [sys.executable, "-m", "server.cli.rehearse.count"],
        input=json.dumps(plan).encode(),
        stdout=subprocess.PIPE,
        env=CLEAN,
        cwd=fleet.folder,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def await_(ready: Callable[[], bool], seconds: float, *needed: Process) -> None:
    """Returns when `ready()`. Raises `FleetFault` after `seconds` or when a needed process has ended."""
    end = time.monotonic() + seconds
    while not ready():
        for process in needed:
            if not process.running:
                raise FleetFault(f"{process.name}: {process.child.returncode}\n{process.tail()}")
        if time.monotonic() > end:
            names = ", ".join(process.name for process in needed)
            raise FleetFault(f"{seconds:.0f} s: {names}\n{needed[-1].tail() if needed else ''}")
        time.sleep(LOOK_SECONDS)
