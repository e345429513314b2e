"""One server for one data folder: a lock that ends with the process that holds it."""

import fcntl
import os
import time
from pathlib import Path

from server.errors import Refused

NAME = "server.lock"
ORPHAN_SECONDS = 15.0
"""How long a worker whose parent was killed may take to notice and go."""


class DataLock:
    """Held for the length of a server's life; children inherit it."""

    def __init__(self, data: Path) -> None:
        self._path = data / NAME
        self._file: int | None = None

    def take(self, patience: float = ORPHAN_SECONDS) -> None:
        """Takes the lock. Raises `Refused`: at once when a live server has it, later for an orphan."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        end = time.monotonic() + patience
        while not _lock(handle):
            holder = _holder(handle)
            if _alive(holder) or time.monotonic() > end:
                os.close(handle)
                raise Refused("server_runs_already", path=self._path.parent, pid=holder)
            time.sleep(0.2)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        os.set_inheritable(handle, True)
        self._file = handle

    def release(self) -> None:
        """Gives the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def server_runs(data: Path) -> bool:
    """Whether a server holds the data folder now."""
    path = data / NAME
    if not path.exists():
        return False
    handle = os.open(path, os.O_RDWR)
    try:
        return not _lock(handle)
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(handle: int) -> int:
    text = os.pread(handle, 20, 0)
    return int(text) if text.isdigit() else 0


def _alive(pid: int) -> bool:
    return pid > 0 and Path(f"/proc/{pid}").exists()
