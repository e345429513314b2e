"""The child process of one job: `python -m server.jobs.child KIND MEMORY CPU`.

It limits itself before it imports anything that touches a foreign file, reads its work from standard
input, and leaves when the server does. Item text passes through the pipes only.
"""

import gc
import os
import resource
import sys
import threading
from collections.abc import Callable
from typing import IO, Any

from server.jobs.pipe import read_message, write_message

Report = Callable[[float, str], None]
"""`report(progress 0..1, note)`: tells the server how far the work is."""
NICENESS = 10
GARBAGE_EVERY = 50_000
"""New objects between two looks for cycles: a job makes many objects, keeps most and is soon over."""


def limit(memory: int, cpu: int) -> None:
    """Bounds this process: bytes of address space, seconds of CPU; no core files, low priority."""
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.nice(NICENESS)


def main(argv: list[str]) -> int:
    """Runs one task; 0 when it answered, even with a problem, 2 when it was asked nothing."""
    kind, memory, cpu = argv[1], int(argv[2]), int(argv[3])
    limit(memory, cpu)
    gc.set_threshold(GARBAGE_EVERY)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answer
    message = read_message(sys.stdin.buffer)
    if message is None:
        return 2
    threading.Thread(target=_leave_with_server, daemon=True).start()
    _answer(kind, message[1], out)
    return 0


def _answer(kind: str, payload: dict[str, Any], out: IO[bytes]) -> None:
    from server.errors import Refused
    from server.jobs.tasks import task

    def report(progress: float, note: str = "") -> None:
        write_message(out, "progress", {"share": min(max(progress, 0.0), 1.0), "note": note})

    try:
        write_message(out, "result", task(kind)(payload, report))
    except Refused as refusal:
        write_message(out, "problem", {"code": refusal.code, "params": refusal.params})
    except MemoryError:
        write_message(out, "problem", {"code": "job_too_big", "params": {}})


def _leave_with_server() -> None:
    while os.read(0, 1):  # ends when the server closes the pipe, by will or by death
        pass
    os._exit(3)


if __name__ == "__main__":
    os._exit(main(sys.argv))  # the answer is flushed; nothing else is worth a slow shutdown
