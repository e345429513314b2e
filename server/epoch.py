"""Which reign this server belongs to: a standby that takes over begins the next one, the former is over.

An agent says in every request the highest epoch it has met, so a server that was cut off and replaced learns
of it from the first seat that comes back, and answers nobody from then on. A file in its data folder keeps
that over a restart. What an agent says counts with the proof of the server it met: made with a key that all
servers of the installation have and no agent, so nobody can end a server by a number.
"""

import contextlib
import hashlib
import hmac
import logging
import os
from pathlib import Path

from exam_rooms.standby_messages import Reign
from exam_rooms.wire import canonical
from server.errors import Refused

log = logging.getLogger(__name__)
MARK = "fenced"
"""The file in the data folder of a server that was replaced; it holds the epoch that was met."""


_PROOF_DIGITS = 32


def proven(key: bytes, reign: Reign) -> Reign:
    """The reign with the site's proof; `key`: its token key."""
    said = canonical(["examhall/epoch", reign.number, reign.since])
    proof = hmac.new(key, said, hashlib.sha256).hexdigest()[:_PROOF_DIGITS]
    return Reign(reign.number, reign.since, proof)


def holds(key: bytes, reign: Reign) -> bool:
    """Whether a server of this site said so."""
    return hmac.compare_digest(proven(key, reign).proof.encode(), reign.proof.encode())


class Epoch:
    """The number of this process's epoch. `fenced`: a higher one was met, nothing is acknowledged.

    `reign`: what every reply says of it; the first epoch has nothing to prove.
    """

    def __init__(self, reign: Reign, key: bytes, mark: Path | None = None) -> None:
        """`key`: the site's token key; `mark`: where to write that this server was replaced."""
        self.number = reign.number
        self.reign = proven(key, reign) if reign.number > 1 else Reign(reign.number)
        self.word = str(self.reign)
        self._key = key
        self._liar_told = False
        self.fenced = mark is not None and mark.exists()
        self._mark = mark

    def meet(self, seen: Reign) -> None:
        """An agent says whom it has met. Raises `Refused` (`server_fenced`, 503) after a higher one."""
        if seen > self.reign and not self.fenced and self._believes(seen):
            self.fenced = True
            log.error("epoch %d was met: this server (epoch %d) has been replaced", seen.number, self.number)
            self._write(seen.number)
        self.check()

    def _believes(self, seen: Reign) -> bool:
        true = holds(self._key, seen)
        if not true and not self._liar_told:
            self._liar_told = True  # once: it may say so in every request
            log.warning("epoch %d was told without a proof of this site: not believed", seen.number)
        return true

    def look(self) -> bool:
        """Whether this server was replaced: another process of it may have met the higher epoch."""
        self.fenced = self.fenced or (self._mark is not None and self._mark.exists())
        return self.fenced

    def check(self) -> None:
        """Raises `Refused` (`server_fenced`, 503) when this server was replaced."""
        if self.fenced:
            raise Refused("server_fenced", 503)

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
