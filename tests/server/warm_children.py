"""Children of jobs that need not start from nothing: for each kind a process waits that has loaded what it takes.

A child of a job spends a tenth of a second on starting Python and loading its libraries, then a few milliseconds
on its work; the tests run hundreds. Here the waiting process forks, and the fork runs the same
`server.jobs.child.main` with the same arguments, environment and limits, on pipes of its own. test_jobs.py
starts its children as the server does.

`python -m tests.server.warm_children KIND CONTROL` is a waiting process: it takes requests from the socket
CONTROL and goes when nobody holds the other end.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
from dataclasses import dataclass
from types import SimpleNamespace
from typing import IO, Any, NoReturn

from server.jobs import child, runner, tasks

_REQUEST_LONGEST = 1_000
_WAITING: dict[tuple[str, ...], tuple[socket.socket, subprocess.Popen[bytes]]] = {}
_ONE_ASKS = threading.Lock()


@dataclass
class WarmChild:
    """What the runner uses of `subprocess.Popen`, for a child that another process forked and reaps."""

    pid: int
    stdin: IO[bytes]
    stdout: IO[bytes]
    ended: IO[bytes]
    returncode: int | None = None

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = int(self.ended.readline() or -signal.SIGKILL)
        return self.returncode

    def kill(self) -> None:
        if self.returncode is None and not select.select([self.ended], [], [], 0)[0]:
            os.kill(self.pid, signal.SIGKILL)

    def __enter__(self) -> "WarmChild":
        return self

    def __exit__(self, *_fault: object) -> None:
        self.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self.stdin.close()
        self.wait()
        self.ended.close()


def warm_up() -> None:
    """From here on jobs of this process have warm children."""
    runner.subprocess = SimpleNamespace(Popen=_start, PIPE=subprocess.PIPE)  # type: ignore[attr-defined]


def _start(argv: list[str], *, env: dict[str, str], **pipes: Any) -> WarmChild:
    kind = argv[3]
    place = (kind, *env.values())
    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    ours_end, theirs_end = os.pipe()
    theirs = [theirs_in, theirs_out, theirs_end]
    with _ONE_ASKS:
        if place not in _WAITING:
            _WAITING[place] = _waiting(kind, env, str(pipes["cwd"]))
        control, _process = _WAITING[place]
        socket.send_fds(control, [json.dumps(argv[2:]).encode()], theirs)
        pid = int(control.recv(_REQUEST_LONGEST))
    for descriptor in theirs:
        os.close(descriptor)
    return WarmChild(pid, os.fdopen(ours_in, "wb"), os.fdopen(ours_out, "rb"), os.fdopen(ours_end, "rb"))


def _waiting(kind: str, env: dict[str, str], cwd: str) -> tuple[socket.socket, subprocess.Popen[bytes]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    argv = [sys.executable, "-m", __name__, kind, str(theirs.fileno())]
    inherited = (theirs.fileno(),)
    process = subprocess.Popen(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, pass_fds=inherited)
    theirs.close()
    return ours, process


# --- the waiting process ---------------------------------------------------------------------------------


def main(kind: str, control: socket.socket) -> None:
    """Forks a child for every request and reports how each ended."""
    tasks.task(kind)
    news, bell = os.pipe()
    os.set_blocking(bell, False)
    signal.set_wakeup_fd(bell)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    ends: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([control, news], [], [])
        if news in ready:
            os.read(news, _REQUEST_LONGEST)
            _reap(ends)
        if control in ready:
            request, handed, _, _ = socket.recv_fds(control, _REQUEST_LONGEST, 3)
            if not request:
                return
            *pipes, end = handed
            pid = os.fork()
            if pid == 0:
                for descriptor in (control.detach(), news, bell, end, *ends.values()):
                    os.close(descriptor)
                _become(json.loads(request), pipes)
            ends[pid] = end
            for descriptor in pipes:
                os.close(descriptor)
            control.send(str(pid).encode())


def _become(argv: list[str], pipes: list[int]) -> NoReturn:
    """A child as if it had just been started: its pipes are its standard input and output."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for place, descriptor in enumerate(pipes):
            os.dup2(descriptor, place)
            os.close(descriptor)
        sys.stdin = os.fdopen(0, "r", closefd=False)
        os._exit(child.main(argv))
    except BaseException:  # noqa: BLE001 - like an interpreter that ends
        traceback.print_exc()
    finally:
        os._exit(1)


def _reap(ends: dict[int, int]) -> None:
    while ends:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        end = ends.pop(pid)
        os.write(end, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(end)


if __name__ == "__main__":
    main(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
