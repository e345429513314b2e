"""`python -m client.nursery SOCKET`: seat agents that need not load Python anew, for drills.

Every agent is a process of its own, as at a workstation, and may be killed like one; only the libraries are
loaded once, by the process it is forked from. Each connection to SOCKET asks for one agent with a JSON line
{"arguments", "log", "folder"} (arguments of `python -m client`, file for its output, working folder) and gets
its process id as a line. The agents are ended with the nursery.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from client.__main__ import main as become_agent

LINE_LIMIT = 64 << 10
ASKING_SECONDS = 10.0
FAILED = 70
"""The status of an agent that ended with an exception (EX_SOFTWARE)."""


class Nursery:
    """Forks agents, one after the other; has no threads, so a fork is safe."""

    def __init__(self, place: Path) -> None:
        self._agents: set[int] = set()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(place))
        self._listener.listen(64)

    def run(self) -> None:
        """Serves until a signal ends it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._end)
        gc.collect()
        gc.freeze()  # what is loaded now stays shared with every agent
        while True:
            asking, _address = self._listener.accept()
            with asking, contextlib.suppress(OSError, ValueError, KeyError):
                asking.settimeout(ASKING_SECONDS)
                self._bury()
                wish = json.loads(_line(asking))
                asking.sendall(f"{self._born(wish, asking)}\n".encode())

    def _born(self, wish: dict[str, Any], asking: socket.socket) -> int:
        log = os.open(wish["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        process = os.fork()
        if process == 0:
            self._listener.close()
            asking.close()
            _live(wish, log)
        os.close(log)
        self._agents.add(process)
        return process

    def _bury(self) -> None:
        """Takes note of agents that have ended."""
        with contextlib.suppress(ChildProcessError):
            while found := os.waitpid(-1, os.WNOHANG)[0]:
                self._agents.discard(found)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        for agent in self._agents:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(agent, signal.SIGKILL)
        sys.exit(0)


def _live(wish: dict[str, Any], log: int) -> None:
    """Becomes the agent; never returns."""
    status = FAILED
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(log, sys.stdout.fileno())
        os.dup2(log, sys.stderr.fileno())
        os.close(log)
        os.chdir(wish["folder"])
        status = become_agent([str(argument) for argument in wish["arguments"]])
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else FAILED
    except BaseException as fault:  # noqa: BLE001 - the stack above is the nursery's: nothing may get there
        sys.excepthook(type(fault), fault, fault.__traceback__)
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(status)


def _line(asking: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < LINE_LIMIT:
        piece = asking.recv(LINE_LIMIT)
        if not piece:
            break
        data += piece
    return data


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m client.nursery SOCKET")
    Nursery(Path(sys.argv[1])).run()
