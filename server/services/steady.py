"""The server's clock (design D22): wall time at an anchor plus boot time since; no wall-clock step moves it.

The anchor outlives a killed process as long as the machine stays up and a sitting runs.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.sittings import RoomSitting, ServerBoot

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
STEP_SECONDS = 2.0
"""A difference of wall and steady clock beyond this is a step that somebody must hear of."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the machine's clocks: wall time, CLOCK_BOOTTIME in ns, and the boot it belongs to."""

    wall: datetime
    boot_ns: int
    boot_id: str


def read_clocks() -> Reading:
    """The clocks now."""
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return Reading(datetime.now(UTC), boot_ns, BOOT_ID.read_text().strip())


class SteadyClock:
    """Tells the time from an anchor on the boot clock. `look` is replaced in tests."""

    def __init__(self, anchor: Reading, look: Callable[[], Reading] = read_clocks) -> None:
        self.anchor = anchor
        self._look = look

    def now(self) -> datetime:
        """Aware UTC now."""
        return self._at(self._look())

    def step_seconds(self) -> float:
        """How far the wall clock has jumped away from the steady one; beyond `STEP_SECONDS` is an alert."""
        look = self._look()
        return (look.wall - self._at(look)).total_seconds()

    def _at(self, look: Reading) -> datetime:
        return self.anchor.wall + timedelta(microseconds=(look.boot_ns - self.anchor.boot_ns) / 1000)


def find_anchor(session: Session, look: Reading) -> Reading:
    """The anchor to run on: the kept one while its boot lasts and a sitting runs, else this look."""
    row = session.get(ServerBoot, 1)
    running = session.scalars(select(RoomSitting.id).where(RoomSitting.state == "running")).first()
    if row is None or row.boot_id != look.boot_id or running is None:
        return look
    return Reading(row.wall, row.boot_ns, row.boot_id)


def keep_anchor(session: Session, anchor: Reading) -> None:
    """Stores the anchor that the server runs on, for its next start."""
    row = session.get(ServerBoot, 1) or ServerBoot(id=1)
    row.boot_id, row.boot_ns, row.wall = anchor.boot_id, anchor.boot_ns, anchor.wall
    session.add(row)
