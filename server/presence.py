"""Which agents are linked right now, and what they last reported: in memory, rebuilt as agents return."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from exam_rooms.kiosk_messages import KioskReport
from exam_rooms.protocol import ZERO_HEAD
from exam_rooms.watch_messages import CameraReport


@dataclass(frozen=True, slots=True)
class SeatPresence:
    """One workstation's link. `waiting`: records there that the server has not acknowledged.

    `heard_at`: its last word before the link that is lost now; None while it speaks.
    `camera` and `kiosk` are what its last heartbeat said; of a seat without link it is as old as that.
    `fault_noted`: the room's sitting in which a fault of the journal, or its end, is on the record.
    """

    linked: bool = False
    since: datetime | None = None
    heard_at: datetime | None = None
    waiting: int = 0
    journal: int = 0
    seq: int = 0
    head: str = ZERO_HEAD
    state_version: int = 0
    package_sha256: str = ""
    journal_fault: str = ""
    fault_noted: tuple[int, str] | None = None
    camera: CameraReport = field(default_factory=CameraReport)
    kiosk: KioskReport = field(default_factory=KioskReport)


class Presence:
    """Links by workstation id. One event loop writes it, so no lock is needed."""

    def __init__(self) -> None:
        self._seats: dict[int, SeatPresence] = {}
        self._marks: dict[int, Mapping[int, str]] = {}

    def of(self, workstation: int | None) -> SeatPresence:
        """The last known presence; a workstation never seen is not linked."""
        return self._seats.get(workstation or 0, SeatPresence())

    def room_marks(self, room_sitting: int) -> Mapping[int, str]:
        """How the room's camera sees the seats of a room's sitting: seat id -> word; empty without one."""
        return self._marks.get(room_sitting, {})

    def mark_room(self, room_sitting: int, marks: Mapping[int, str]) -> None:
        """Notes how the room's camera sees the seats now."""
        self._marks[room_sitting] = marks

    def linked_count(self) -> int:
        """How many workstations are linked now."""
        return sum(seat.linked for seat in self._seats.values())

    def link(self, workstation: int, linked: bool, now: datetime, heard_at: datetime | None = None) -> bool:
        """Notes that the line came or went, and its last word (`heard_at`); true when that is news."""
        before = self.of(workstation)
        if before.linked == linked and before.since is not None:
            return False
        heard = None if linked else heard_at
        self._seats[workstation] = replace(before, linked=linked, since=now, heard_at=heard)
        return True

    def take_over(self, workstation: int, seen: SeatPresence) -> bool:
        """What another process knows of a workstation that it hears; true when anything shown is new here."""
        before = self.of(workstation)
        self._seats[workstation] = seen
        return (before.linked, *_shown(before)) != (seen.linked, *_shown(seen))

    def report(self, workstation: int, **seen: object) -> bool:
        """Notes what a heartbeat said; true when anything shown on the monitor changed."""
        before = self.of(workstation)
        after = replace(before, **seen)  # type: ignore[arg-type]
        self._seats[workstation] = after
        return _shown(before) != _shown(after)


def _shown(seat: SeatPresence) -> tuple[object, ...]:
    """What of a heartbeat a monitor shows."""
    return (seat.waiting, seat.package_sha256, seat.journal_fault, seat.camera, seat.kiosk)
