"""Processes of a kiosk whose agent was killed: found by their home, which is that kiosk's alone, and ended.

They would keep the display and write into the profile that the next browser is to have for itself.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

END_SECONDS = 5.0
"""Longer than a killed process takes to be gone, unless the disk hangs."""
_PAUSE = 0.05
_SESSION = 3
"""The session's place in `/proc/PID/stat` behind the name."""


def leftovers(home: Path, uid: int, root: Path = Path("/")) -> frozenset[int]:
    """Ids of processes of user `uid` with this `HOME`, and of all others of that user in their sessions.

    The second are Chromium's shut-in processes, which show nobody their environment.
    """
    ours = dict(_processes(root / "proc", uid))
    mark = b"HOME=" + os.fsencode(home)
    sessions = {ours[folder] for folder in ours if mark in _bytes(folder / "environ").split(b"\0")}
    return frozenset(int(folder.name) for folder, session in ours.items() if session in sessions)


def end_leftovers(home: Path, uid: int) -> None:
    """Ends them, and waits until they are gone, at most `END_SECONDS`."""
    until = time.monotonic() + END_SECONDS
    while (found := leftovers(home, uid) - {os.getpid()}) and time.monotonic() < until:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(_PAUSE)


def _processes(folder: Path, uid: int) -> list[tuple[Path, int]]:
    """The processes of a user that are more than a dead entry, each with its session."""
    found = []
    for name in os.listdir(folder):
        if name.isdecimal():
            owner = _line(_bytes(folder / name / "status"), b"Uid:")
            fields = _bytes(folder / name / "stat").rpartition(b")")[2].split()
            if owner[:1] == [b"%d" % uid] and len(fields) > _SESSION and fields[0] != b"Z":
                found.append((folder / name, int(fields[_SESSION])))
    return found


def _line(status: bytes, label: bytes) -> list[bytes]:
    return next((line.split()[1:] for line in status.splitlines() if line.startswith(label)), [])


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
