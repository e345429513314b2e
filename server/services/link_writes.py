"""What lines put on record, together with whatever other seats put there at the same moment."""

from collections.abc import Sequence
from datetime import datetime

from server.db.base import Database
from server.services.agents import Agent
from server.services.boot_clocks import Told, keep_offsets
from server.services.link_gaps import Silence, close_gaps, open_gaps
from server.services.shared_write import SharedWrite

Back = tuple[Agent, datetime]
"""A seat that speaks again, and since when."""
Lost = tuple[Agent, Silence, datetime]
"""A seat that has fallen silent, and when that was noticed."""


class LinkWrites:
    """One of each kind for a process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._back = SharedWrite[Back, None](self._write_back)
        self._lost = SharedWrite[Lost, float](self._write_lost)
        self._offsets = SharedWrite[Told, int](self._write_offsets)

    def back(self, agent: Agent, at: datetime) -> None:
        """The seat's silences have ended."""
        self._back.put((agent, at))

    def lost(self, agent: Agent, silence: Silence, now: datetime) -> float:
        """The seat has fallen silent; after how many seconds people are told."""
        return self._lost.put((agent, silence, now))

    def offset(self, workstation: int, boot_id: str, offset_ns: int) -> int:
        """The least offset of this boot, counting this one."""
        return self._offsets.put((workstation, boot_id, offset_ns))

    def _write_back(self, seats: Sequence[Back]) -> Sequence[None]:
        self._db.write(close_gaps, seats)
        return [None] * len(seats)

    def _write_lost(self, seats: Sequence[Lost]) -> Sequence[float]:
        lost = [(agent, silence) for agent, silence, _ in seats]
        return self._db.write(open_gaps, lost, now=max(noticed for _, _, noticed in seats))

    def _write_offsets(self, told: Sequence[Told]) -> Sequence[int]:
        return self._db.write(keep_offsets, told)
