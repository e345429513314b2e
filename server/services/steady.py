"""The server's clock (design D22): wall time at an anchor plus boot time since; no wall-clock step moves it.

The anchor outlives a killed process as long as the machine stays up and a sitting runs. After a reboot in
mid-sitting the hardware clock may be hours off, so nobody's time is taken from it: the clock goes on from the
last sign of life before, which is never ahead of the truth, until a workstation that stayed up says what time
it is, or a person says that the hardware clock is right (`clock_proof`).
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from exam_rooms.clock import Anchor, rebooted, steady_now
from exam_rooms.seats import OPEN
from server.db.sittings import Attempt, RoomSitting, ServerBoot

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_FIRST = 1
"""The row of an installation that kept one boot only."""
_ABANDONED_AFTER = timedelta(hours=12)
"""A room whose last sign of life is so old is no sitting that goes on."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the machine's clocks: wall time, CLOCK_BOOTTIME in ns, and the boot it belongs to."""

    wall: datetime
    boot_ns: int
    boot_id: str


def read_clocks() -> Reading:
    """The clocks now."""
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return Reading(datetime.now(UTC), boot_ns, _boot_id())


@cache
def _boot_id() -> str:
    return BOOT_ID.read_text().strip()  # no process outlives its boot, and every request asks for the time


class SteadyClock:
    """Tells the time from an anchor on the boot clock. `look` is replaced in tests.

    `proven` is false after a reboot in mid-sitting, while the clock may be behind the truth.
    """

    def __init__(
        self, anchor: Reading, look: Callable[[], Reading] = read_clocks, *, proven: bool = True
    ) -> None:
        self.anchor = anchor
        self.proven = proven
        self._look = look

    def now(self) -> datetime:
        """Aware UTC now."""
        return self._steady()[0]

    def step_seconds(self) -> float:
        """How far the wall clock stands from the steady one; `exam_rooms.clock.stepped` judges it."""
        return self._steady()[1]

    def wall(self) -> datetime:
        """What the machine's own clock says, right or wrong."""
        return self._look().wall

    def settle(self, moment: datetime) -> None:
        """The time is known to be `moment`: the clock goes on from there. It never goes back."""
        look = self._look()
        self.anchor = Reading(max(moment, self.now()), look.boot_ns, look.boot_id)
        self.proven = True

    def _steady(self) -> tuple[datetime, float]:
        look = self._look()
        anchor = Anchor(self.anchor.wall, self.anchor.boot_ns, self.anchor.boot_id)
        return steady_now(anchor, look.boot_id, look.boot_ns, look.wall)


def open_clock(session: Session, look: Callable[[], Reading] = read_clocks) -> SteadyClock:
    """The clock to run on: the kept anchor while its boot lasts and a sitting runs, else the wall clock.

    After a reboot in the middle of somebody's exam it goes on, unproven, from the last sign of life.
    """
    here = look()
    running = session.scalars(select(RoomSitting.id).where(RoomSitting.state == "running")).first()
    if running is None:
        return SteadyClock(here, look)
    kept = kept_boot(session, here.boot_id)
    if kept is not None:
        return SteadyClock(Reading(kept.wall, kept.boot_ns, kept.boot_id), look)
    last = _last_sign(session)
    if last is None or here.wall - last > _ABANDONED_AFTER:
        return SteadyClock(here, look)
    return SteadyClock(Reading(last, here.boot_ns, here.boot_id), look, proven=False)


def _last_sign(session: Session) -> datetime | None:
    """When the server last looked at a running room in which somebody still had time."""
    still_open = select(Attempt.id).where(
        Attempt.room_sitting_id == RoomSitting.id, Attempt.state.in_([str(state) for state in OPEN])
    )
    rooms = select(RoomSitting).where(RoomSitting.state == "running", still_open.exists())
    signs = [room.watched_at or room.started_at for room in session.scalars(rooms)]
    return max((sign for sign in signs if sign is not None), default=None)


def keep_anchor(session: Session, anchor: Reading) -> None:
    """Stores the anchor that this machine's processes run on, for their next start.

    Rooms are started at the same moment: one that would write what stands there would let all others wait.
    """
    values = {"boot_id": anchor.boot_id, "boot_ns": anchor.boot_ns, "wall": anchor.wall}
    if _is_kept(session, anchor):
        return
    # Workers start together: whoever comes second finds the row that the first has just made.
    kind = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    row = kind.insert(ServerBoot).values(id=_number_of(anchor.boot_id), **values)
    session.execute(row.on_conflict_do_update(index_elements=[ServerBoot.id], set_=values))


def _is_kept(session: Session, anchor: Reading) -> bool:
    """Whether this very anchor is stored."""
    columns = ServerBoot.boot_id, ServerBoot.boot_ns, ServerBoot.wall
    row = session.execute(select(*columns).where(ServerBoot.id == _number_of(anchor.boot_id))).one_or_none()
    return row is not None and tuple(row) == (anchor.boot_id, anchor.boot_ns, anchor.wall)


def kept_boot(session: Session, boot_id: str) -> ServerBoot | None:
    """What was stored for a boot of one of the servers' machines; None for any other machine."""
    for number in (_number_of(boot_id), _FIRST):
        row = session.get(ServerBoot, number)
        if row is not None and not rebooted(Anchor(row.wall, row.boot_ns, row.boot_id), boot_id):
            return row
    return None


def _number_of(boot_id: str) -> int:
    """Each boot of each machine has a row of its own, by a number made of its id."""
    return int.from_bytes(hashlib.sha256(boot_id.encode()).digest()[:4], "big") >> 1 or _FIRST
