"""Which records of an attempt count: the rule stands in `exam_rooms.clock`, its facts come from here."""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.clock import AnswerStamp, Counted, LinkGap, NotCounted, counts, written_at
from server.db.answers import Stored
from server.db.rooms import WorkstationClock
from server.db.sittings import Attempt, JournalGrant, LinkGapRow
from server.services.roomstate import RoomState


class Judge:
    """Says of each record of one attempt whether it counts and, if not, why."""

    def __init__(self, session: Session, room: RoomState, attempt: Attempt) -> None:
        self._rule = room.policy.late_rule
        self._deadline = room.taken_until(attempt)
        machines = set(
            session.scalars(select(JournalGrant.workstation_id).where(JournalGrant.attempt_id == attempt.id))
        )
        self._offsets = {
            (row.workstation_id, row.boot_id): row.offset_ns
            for row in session.scalars(
                select(WorkstationClock).where(WorkstationClock.workstation_id.in_(machines))
            )
        }
        self._gaps = list(session.scalars(select(LinkGapRow).where(LinkGapRow.attempt_id == attempt.id)))

    def verdict(self, stored: Stored) -> Counted | NotCounted:
        """Whether one record counts; only gaps of the workstation that sent it excuse lateness."""
        record = stored.record
        offset = self._offsets.get((stored.workstation, record.boot_id))
        stamp = AnswerStamp(
            received_at=stored.received_at,
            boot_id=record.boot_id,
            written_at=None if offset is None else written_at(record.boot_ns, offset),
        )
        return counts(stamp, self._deadline, self._rule, self._gaps_of(stored.workstation))

    def split(self, events: Iterable[Stored]) -> tuple[list[Stored], list[tuple[Stored, NotCounted]]]:
        """The records that count, and those that do not with the reason; both in their order."""
        counted, late = [], []
        for stored in events:
            verdict = self.verdict(stored)
            if isinstance(verdict, NotCounted):
                late.append((stored, verdict))
            else:
                counted.append(stored)
        return counted, late

    def _gaps_of(self, workstation: int) -> list[LinkGap]:
        return [
            LinkGap(row.lost_at, row.back_at, row.boot_id, row.clear_at)
            for row in self._gaps
            if row.workstation_id == workstation
        ]
