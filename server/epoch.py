"""Which reign this server belongs to: a standby that takes over begins the next one, the former is over.

An agent says in every request the highest epoch it has met, so a server that was cut off and replaced learns
of it from the first seat that comes back, and answers nobody from then on. A file in its data folder keeps
that over a restart.
"""

import contextlib
import logging
import os
from pathlib import Path

from server.errors import Refused

log = logging.getLogger(__name__)
MARK = "fenced"
"""The file in the data folder of a server that was replaced; it holds the epoch that was met."""


class Epoch:
    """The number of this process's epoch. `fenced`: a higher one was met, nothing is acknowledged."""

    def __init__(self, number: int = 1, mark: Path | None = None) -> None:
        """`mark`: where to write that this server was replaced."""
        self.number = number
        self.fenced = mark is not None and mark.exists()
        self._mark = mark

    def meet(self, seen: int) -> None:
        """Somebody has met epoch `seen`. Raises `Refused` (`server_fenced`, 503) after a higher one."""
        if seen > self.number and not self.fenced:
            self.fenced = True
            log.error("epoch %d was met: this server (epoch %d) has been replaced", seen, self.number)
            self._write(seen)
        if self.fenced:
            raise Refused("server_fenced", 503)

    def look(self) -> bool:
        """Whether this server was replaced: another process of it may have met the higher epoch."""
        self.fenced = self.fenced or (self._mark is not None and self._mark.exists())
        return self.fenced

    def check(self) -> None:
        """Raises `Refused` (`server_fenced`, 503) when this server was replaced."""
        self.meet(0)

    def _write(self, seen: int) -> None:
        """A disk that takes nothing must not keep the server acknowledging: memory has it already."""
        if self._mark is None:
            return
        with contextlib.suppress(OSError):
            handle = os.open(self._mark, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(f"{seen}\n")
                file.flush()
                os.fsync(file.fileno())


def met(data: Path) -> int:
    """The epoch that fenced the server of a data folder, 0 when nothing did."""
    try:
        text = (data / MARK).read_text("ascii").strip()
    except (OSError, ValueError):
        return 0
    return max(1, int(text)) if text.isdecimal() else 1
