"""Collecting: when every record a workstation holds has arrived, and the sums of a room (design D1).

A journal is complete when its workstation, knowing that the attempt is closed or has moved away, says
that nothing waits there; a SUBMIT record says the same of its own journal. An attempt is collected when
all its journals are complete. A machine that is gone is closed by the chief with a reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.seats import AttemptState
from server.access import SYSTEM, Actor, Permission
from server.db.base import emit
from server.db.rooms import Seat
from server.db.sittings import Attempt, JournalGrant
from server.errors import Forbidden, Refused
from server.events import Activity, RoomChanged, SeatChanged
from server.rules.record_sums import HANDED_IN, outcome
from server.services import audit
from server.services.agents import Agent
from server.services.duty import need_duty
from server.services.incidents import Place, clear, raise_incident
from server.services.roomstate import CLOSED, attempts_of, load, locked_attempt, touch
from server.services.sittings_now import broken_off_before

UptoOf = Mapping[int, Mapping[int, int]]
"""Per attempt and journal the highest contiguous seq that is durable."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Where the candidates of a room are; expected = submitted + ended + absent once nobody is open.

    `ended`: single seats, by decision; who ended with the room counts as `submitted`.
    """

    expected: int
    submitted: int
    ended: int
    absent: int
    open: int
    collected: int
    missing: tuple[tuple[int, str], ...]
    """(attempt, seat number) of closed attempts whose answers are not all here yet."""

    @property
    def complete(self) -> bool:
        """Everybody is accounted for and every answer is here."""
        return self.open == 0 and not self.missing


def owed_by(session: Session, agent: Agent) -> list[JournalGrant]:
    """Journals of closed or moved attempts that this workstation has not declared complete."""
    query = (
        select(JournalGrant)
        .join(Attempt, Attempt.id == JournalGrant.attempt_id)
        .where(
            JournalGrant.workstation_id == agent.workstation,
            JournalGrant.final_seq.is_(None),
            Attempt.state.in_([str(state) for state in CLOSED]) | (Attempt.seat_id != agent.seat),
        )
    )
    return list(session.scalars(query))


def collect_if_complete(session: Session, attempt: Attempt, now: datetime) -> None:
    """Notes that a closed attempt is collected when each of its journals is complete."""
    if AttemptState(attempt.state) not in CLOSED or _accounted_for(attempt):
        return
    open_journal = select(JournalGrant.journal).where(
        JournalGrant.attempt_id == attempt.id, JournalGrant.final_seq.is_(None)
    )
    if session.scalar(open_journal.limit(1)) is None:
        attempt.collected_at = now
        touch(session, attempt)


def settle_workstation(session: Session, agent: Agent, upto: UptoOf, *, now: datetime) -> None:
    """The workstation has nothing left to send: its journals of closed or moved attempts are complete."""
    touched = set()
    for grant in owed_by(session, agent):
        grant.final_seq = upto.get(grant.attempt_id, {}).get(grant.journal, 0)
        touched.add(grant.attempt_id)
    session.flush()
    for attempt_id in sorted(touched):
        collect_if_complete(session, locked_attempt(session, attempt_id), now)


def settle_room(session: Session, room_sitting_id: int, *, now: datetime) -> bool:
    """Collects what is complete; an ended room with everything in is collected. True when it just was."""
    room = load(session, room_sitting_id, lock=True)
    attempts = attempts_of(session, room_sitting_id)
    for attempt in attempts:
        collect_if_complete(session, attempt, now)
    if room.row.state != "ended" or not all(_accounted_for(attempt) for attempt in attempts):
        return False
    room.row.state, room.row.collected_at = "collected", now
    room.row.version += 1
    stream = audit.sitting_stream(room_sitting_id)
    numbers = tally(session, room_sitting_id)
    sums = {"expected": numbers.expected, "submitted": numbers.submitted}
    sums |= {"ended": numbers.ended, "absent": numbers.absent}
    audit.record(session, stream, SYSTEM, "room_collected", stream, now=now, **sums)
    emit(session, RoomChanged(room_sitting_id))
    emit(session, Activity(room_sitting_id, "line_room_collected", _params(sums)))
    return True


def close_missing(session: Session, actor: Actor, attempt_id: int, reason: str, *, now: datetime) -> None:
    """The chief gives up on records of a machine that is gone; what has arrived is marked."""
    if not actor.can(Permission.COSIGN):
        raise Forbidden(Permission.COSIGN)
    if not reason.strip():
        raise Refused("reason_missing", 422, field="reason")
    attempt = locked_attempt(session, attempt_id)
    need_duty(session, actor, Permission.COSIGN, attempt.room_sitting_id, now=now)
    if AttemptState(attempt.state) not in CLOSED or _accounted_for(attempt):
        raise Refused("nothing_to_collect")
    attempt.collected_at, attempt.collect_note = now, reason.strip()[:200]
    touch(session, attempt)
    stream = audit.sitting_stream(attempt.room_sitting_id)
    object_ = f"attempt/{attempt.id}"
    audit.record(session, stream, actor, "closed_without_rest", object_, now=now, reason=attempt.collect_note)
    seat = session.get_one(Seat, attempt.seat_id).number
    params = _params({"actor": actor.name, "reason": attempt.collect_note, "seat": seat})
    emit(session, Activity(attempt.room_sitting_id, "line_closed_without_rest", params, attempt.seat_id))


def tally(session: Session, room_sitting_id: int) -> Tally:
    """The sums of a room."""
    attempts = attempts_of(session, room_sitting_id)
    states = [AttemptState(attempt.state) for attempt in attempts]
    outcomes = [outcome(attempt.state, attempt.close_reason) for attempt in attempts]
    numbers = dict(
        session.execute(select(Seat.id, Seat.number).where(Seat.id.in_([a.seat_id for a in attempts]))).all()
    )
    missing = [a for a in attempts if AttemptState(a.state) in CLOSED and not _accounted_for(a)]
    return Tally(
        expected=len(attempts),
        submitted=sum(one in HANDED_IN for one in outcomes),
        ended=outcomes.count(AttemptState.ENDED),
        absent=states.count(AttemptState.ABSENT),
        open=sum(s not in CLOSED for s in states),
        collected=sum(a.collected_at is not None for a in attempts),
        missing=tuple(sorted((a.id, numbers[a.seat_id]) for a in missing)),
    )


def left_before(session: Session, room_sitting_id: int) -> list[str]:
    """Seats that still owe answers of an earlier sitting of the room that was broken off."""
    rooms = broken_off_before(session, room_sitting_id)
    return [seat for room in rooms for _attempt, seat in tally(session, room).missing]


def note_journal_fault(
    session: Session, agent: Agent, room_sitting_id: int, fault: str, *, now: datetime
) -> None:
    """A workstation cannot write its journal (a code), or can again (empty)."""
    here = select(Attempt.id).where(Attempt.room_sitting_id == room_sitting_id, Attempt.seat_id == agent.seat)
    place = Place(room_sitting_id, agent.seat, session.scalar(here))
    if fault:
        raise_incident(session, place, IncidentKind.JOURNAL_FAILED, now=now, fault=fault[:64])
    else:
        # The machine writes again: that ends it for whoever sat there before, too.
        clear(session, Place(room_sitting_id, agent.seat), IncidentKind.JOURNAL_FAILED, now=now)


def seat_changed(agent: Agent, room_sitting_id: int, cause_ns: int) -> SeatChanged:
    """The fact that what this seat owes has changed."""
    return SeatChanged(room_sitting_id, agent.seat, cause_ns)


def _accounted_for(attempt: Attempt) -> bool:
    return attempt.state == AttemptState.ABSENT or attempt.collected_at is not None


def _params(values: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, str(value)) for name, value in values.items()))
