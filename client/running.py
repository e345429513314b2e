"""What an agent needs to go on after a restart when the server cannot be reached.

One sealed file per attempt beside its journals. It holds the section key while the attempt runs and
loses it when the answers were collected.
"""

import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from client.clock import ClockAnchor
from client.device import write_atomically
from exam_rooms.kiosk_messages import FreezeView
from exam_rooms.protocol import SeatState
from exam_rooms.wire import canonical, decode, encode
from itembank.sealing import SealBroken, derive, open_sealed, seal

SUFFIX = ".run"
_NAME = re.compile(r"(\d+)\.run")


@dataclass(frozen=True, slots=True)
class Running:
    """The last known state of an attempt at this workstation.

    closed: journals up to this number must not be written any more (the candidate went elsewhere).
    reopened: (journal, seq) at the last reopening; a SUBMIT up to there was undone.
    settled: everything was acknowledged and the seat went on to something else.
    released: the cover of the paper that was released here by the PIN.
    """

    attempt: int
    state: SeatState | None = None
    anchor: ClockAnchor | None = None
    closed: int = 0
    reopened: tuple[int, ...] = (0, 0)
    settled: bool = False
    released: FreezeView | None = None

    def without_key(self) -> "Running":
        """The same without the key of the paper."""
        if self.state is None or self.state.paper is None:
            return self
        paper = replace(self.state.paper, key=None)
        return replace(self, state=replace(self.state, paper=paper))

    def without_template(self) -> "Running":
        """The same without the enrolled vector of the candidate."""
        if self.state is None or self.state.watch is None or not self.state.watch.template:
            return self
        return replace(self, state=replace(self.state, watch=replace(self.state.watch, template="")))


class RunningStore:
    """Reads and writes the running files of a data folder."""

    def __init__(self, folder: Path, device_key: bytes) -> None:
        self._folder = folder
        self._key = derive(device_key, "running")

    def load(self) -> dict[int, Running]:
        """By attempt, the one written last at the end. Unreadable files are passed over: journals count."""
        found: dict[int, Running] = {}
        for path in sorted(self._folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime_ns):
            match = _NAME.fullmatch(path.name)
            if match is None:
                continue
            attempt = int(match.group(1))
            try:
                found[attempt] = decode(Running, json.loads(self._open(path, attempt)))
            except (SealBroken, ValueError, OSError):
                found[attempt] = Running(attempt)
        return found

    def save(self, running: Running) -> None:
        """Replaces the file of an attempt. Raises OSError."""
        data = seal(self._key, canonical(encode(running)), _aad(running.attempt))
        write_atomically(self._path(running.attempt), data)

    def written(self, attempt: int) -> float:
        """When an attempt was last heard of, in seconds of the epoch. Raises OSError."""
        return self._path(attempt).stat().st_mtime

    def amend(self, running: Running) -> None:
        """As `save`, but the attempt keeps its place among those that were here. Raises OSError."""
        path = self._path(running.attempt)
        times = path.stat()
        self.save(running)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def _path(self, attempt: int) -> Path:
        return self._folder / f"{attempt}{SUFFIX}"

    def _open(self, path: Path, attempt: int) -> bytes:
        return open_sealed(self._key, path.read_bytes(), _aad(attempt))


def _aad(attempt: int) -> bytes:
    return f"running|{attempt}".encode()
