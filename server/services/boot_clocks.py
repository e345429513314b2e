"""Boot clocks of workstations: the least offset seen in each boot, and stamps that are placed by it."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from exam_rooms.clock import written_at
from server.db.base import brief
from server.db.rooms import WorkstationClock

Told = tuple[int, str, int]
"""Workstation, boot and offset (server time minus boot time, ns)."""
_CLOCKS = (
    select(WorkstationClock)
    .where(WorkstationClock.workstation_id.in_(bindparam("workstations", expanding=True)))
    .order_by(WorkstationClock.workstation_id, WorkstationClock.boot_id)
    .with_for_update()
)


@brief
def keep_offsets(session: Session, told: Sequence[Told]) -> list[int]:
    """Stores the least offset of each boot; returns it for each, in their order."""
    least: dict[tuple[int, str], int] = {}
    for workstation, boot_id, offset_ns in told:
        key = workstation, boot_id
        least[key] = min(offset_ns, least.get(key, offset_ns))
    rows = session.scalars(_CLOCKS, {"workstations": sorted({workstation for workstation, _ in least})})
    known = {(row.workstation_id, row.boot_id): row for row in rows}
    for key, offset_ns in sorted(least.items()):
        row = known.get(key)
        if row is None:
            session.add(WorkstationClock(workstation_id=key[0], boot_id=key[1], offset_ns=offset_ns))
        else:
            row.offset_ns = least[key] = min(row.offset_ns, offset_ns)
    return [least[workstation, boot_id] for workstation, boot_id, _ in told]


def placed(session: Session, workstation: int, boot_id: str, boot_ns: int, *, now: datetime) -> datetime:
    """A stamp of a workstation's boot clock on the server's clock, never in the future.

    `now` when the server never heard that boot's clock, or the stamp is no time at all.
    """
    return placed_surely(session, workstation, boot_id, boot_ns, now=now) or now


def placed_surely(
    session: Session, workstation: int, boot_id: str, boot_ns: int, *, now: datetime
) -> datetime | None:
    """The same; None where it cannot be known."""
    clock = session.get(WorkstationClock, (workstation, boot_id[:40]))
    if clock is None or not 0 <= boot_ns < 2**62:
        return None
    return min(written_at(boot_ns, clock.offset_ns), now)
