"""Lost time proposed with its proof, granted or declined by the chief; nothing is decided twice (R26).

The server's evidence is its link gaps and covers, the seat's its agent's log. What may be given is the rule's
to say (`exam_rooms.compensation`); a grant is an ordinary time credit that names its proof.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.clock import Pause, written_at
from exam_rooms.compensation import LEAST, Case, Cause, Clock, CreditRule, Lost, Proposal, proposals
from exam_rooms.seats import AttemptState
from server.access import Permission
from server.db.answers import AnswerStore
from server.db.base import emit
from server.db.commands import CompensationRow, CoverRow, SeatLoss
from server.db.rooms import Seat, WorkstationClock
from server.db.sittings import (
    Attempt,
    Candidate,
    Incident,
    JournalGrant,
    LinkGapRow,
    Registration,
)
from server.errors import Refused
from server.events import Activity, RoomChanged
from server.services import audit
from server.services.commands import Credit, credit_row, credited, give
from server.services.duty import need_duty
from server.services.outage_gate import need_decided
from server.services.roomstate import CLOSED, RoomState, attempts_of, load
from server.services.signed import Signed, need, need_cosigner, need_reason, params_of

GRANTED, DECLINED = "granted", "declined"
_NEAR = timedelta(minutes=1)
"""An incident that was seen last so long before a cover is not its cause."""


@dataclass(frozen=True, slots=True)
class Pick:
    """One proposal of one attempt, named by where its interval begins."""

    attempt: int
    since: datetime


@dataclass(frozen=True, slots=True)
class SeatProposals:
    """What is proposed for one seat. `granted`: minutes of compensation the candidate was given already."""

    attempt: int
    seat: int
    number: str
    row: int
    name: str
    state: str
    granted: Decimal
    proposals: tuple[Proposal, ...]

    @property
    def minutes(self) -> Decimal:
        """All minutes proposed."""
        return sum((each.minutes for each in self.proposals), Decimal(0))


def proposed(
    session: Session, room_sitting_id: int, *, now: datetime, store: AnswerStore | None = None
) -> list[SeatProposals]:
    """Seats of a room for which there is something to decide, in seat order.

    With the answer `store` a gap in which the candidate went on says how many answers were written in it.
    """
    room = load(session, room_sitting_id)
    if room.row.started_at is None:
        return []
    attempts = [a for a in attempts_of(session, room_sitting_id) if a.answering_at is not None]
    evidence = _evidence(session, room, attempts, now)
    found = []
    for attempt in attempts:
        lost = evidence.get(attempt.id, [])
        if store is not None:
            lost = [_with_answers(session, store, attempt, each) for each in lost]
        case = _case(session, room, attempt, now)
        offered = proposals(lost, case, rule_of(room)) if lost else ()
        if offered:
            found.append(_line(session, attempt, case.granted, offered))
    return sorted(found, key=lambda line: (line.row, len(line.number), line.number))


def rule_of(room: RoomState) -> CreditRule:
    """The policy's numbers."""
    outage = room.policy.outage
    return CreditRule(outage.step_seconds, outage.most)


def grant(
    session: Session, signed: Signed, room_sitting_id: int, picks: Sequence[Pick], *, now: datetime
) -> Decimal:
    """Gives the proposed time; returns the minutes in all. The chief's own signature is enough unless the
    policy asks for a second one.

    Refused: `reason_missing`, `proposal_gone` (decided meanwhile, or nothing to give), `outage_undecided`,
    `room_not_running`, `act_not_possible` for a candidate who has handed in.
    """
    room = _begin(session, signed, room_sitting_id, now)
    if room.policy.outage.second_person:
        need_cosigner(signed)
    if room.row.state != "running":
        raise Refused("room_not_running")
    need_decided(session, room_sitting_id)
    total = Decimal(0)
    for line, proposal in _picked(session, room_sitting_id, picks, now):
        if proposal.minutes <= 0:
            raise Refused("proposal_gone")
        place = Credit(room_sitting_id, line.attempt)
        attempt = credited(session, place, proposal.minutes)
        given = credit_row(place, proposal.minutes, signed, now)
        give(session, given, [attempt], signed, now=now)
        _keep(session, signed, (line, proposal), GRANTED, now, given.id)
        total += proposal.minutes
    emit(session, RoomChanged(room_sitting_id))
    return total


def decline(
    session: Session, signed: Signed, room_sitting_id: int, picks: Sequence[Pick], *, now: datetime
) -> int:
    """Turns proposals down, with a reason; they are not proposed again. Returns how many."""
    _begin(session, signed, room_sitting_id, now)
    picked = _picked(session, room_sitting_id, picks, now)
    for line, proposal in picked:
        _keep(session, signed, (line, proposal), DECLINED, now, None)
    return len(picked)


def decided(session: Session, room_sitting_id: int) -> list[CompensationRow]:
    """Every decision in the room, the newest first."""
    query = select(CompensationRow).where(CompensationRow.room_sitting_id == room_sitting_id)
    return list(session.scalars(query.order_by(CompensationRow.id.desc())))


def _begin(session: Session, signed: Signed, room_sitting_id: int, now: datetime) -> RoomState:
    need_reason(signed)
    need(signed.actor, Permission.COSIGN)
    need_duty(session, signed.actor, Permission.GRANT_TIME, room_sitting_id, now=now)
    return load(session, room_sitting_id, lock=True)


def _picked(
    session: Session, room_sitting_id: int, picks: Sequence[Pick], now: datetime
) -> list[tuple[SeatProposals, Proposal]]:
    """The proposals meant, as they stand now: what was decided meanwhile is gone."""
    offered = {
        (line.attempt, each.since): (line, each)
        for line in proposed(session, room_sitting_id, now=now)
        for each in line.proposals
    }
    found = [offered.get((pick.attempt, pick.since)) for pick in dict.fromkeys(picks)]
    if not found or None in found:
        raise Refused("proposal_gone")
    return [each for each in found if each is not None]


def _keep(  # noqa: PLR0913 - what was decided of what, by whom and when
    session: Session,
    signed: Signed,
    what: tuple[SeatProposals, Proposal],
    decision: str,
    now: datetime,
    credit: int | None,
) -> None:
    line, proposal = what
    attempt = session.get_one(Attempt, line.attempt)
    minutes = proposal.minutes if decision == GRANTED else Decimal(0)
    session.add(
        CompensationRow(
            room_sitting_id=attempt.room_sitting_id,
            attempt_id=attempt.id,
            since_at=proposal.since,
            until_at=proposal.until,
            minutes=minutes,
            decision=decision,
            reason=signed.why()["reason"],
            evidence=[_as_json(each) for each in proposal.evidence],
            credit_id=credit,
            decided_at=now,
            decided_by=signed.actor.user_id,
            cosigned_by=signed.cosigner.user_id if signed.cosigner else None,
        )
    )
    session.flush()
    act = f"compensation_{decision}"
    told = {"seat": line.number, "minutes": minutes, "since": proposal.since.isoformat()}
    stream, object_ = audit.sitting_stream(attempt.room_sitting_id), f"attempt/{attempt.id}"
    until = proposal.until.isoformat()
    audit.record(session, stream, signed.actor, act, object_, now=now, until=until, **signed.why(), **told)
    shown = params_of(signed, seat=line.number, minutes=proposal.minutes.normalize())
    emit(session, Activity(attempt.room_sitting_id, f"line_{act}", shown, attempt.seat_id))


def _as_json(lost: Lost) -> dict[str, Any]:
    times = {"since": lost.since.isoformat(), "until": lost.until.isoformat()}
    return {"cause": str(lost.cause), "clock": str(lost.clock), "answers": lost.answers, **times}


def _line(
    session: Session, attempt: Attempt, granted: Decimal, offered: tuple[Proposal, ...]
) -> SeatProposals:
    seat = session.get_one(Seat, attempt.seat_id)
    registration = session.get_one(Registration, attempt.registration_id)
    name = session.get_one(Candidate, registration.candidate_id).name
    return SeatProposals(attempt.id, seat.id, seat.number, seat.row, name, attempt.state, granted, offered)


def _case(session: Session, room: RoomState, attempt: Attempt, now: datetime) -> Case:
    rows = session.scalars(select(CompensationRow).where(CompensationRow.attempt_id == attempt.id)).all()
    closed = AttemptState(attempt.state) in CLOSED and attempt.state != AttemptState.AUTO_SUBMITTED
    return Case(
        since=max(room.row.started_at or now, attempt.answering_at or now),
        until=room.standing(attempt, now),
        closed=attempt.closed_at if closed else None,
        pauses=room.clock_of(attempt).pauses,
        decided=tuple(Pause(row.since_at, row.until_at) for row in rows),
        granted=_given(session, attempt),
    )


def _given(session: Session, attempt: Attempt) -> Decimal:
    query = select(func.sum(CompensationRow.minutes)).where(CompensationRow.attempt_id == attempt.id)
    return Decimal(session.scalar(query) or 0)


# --- evidence ----------------------------------------------------------------------------------------


def _evidence(
    session: Session, room: RoomState, attempts: Iterable[Attempt], now: datetime
) -> dict[int, list[Lost]]:
    found: dict[int, list[Lost]] = {attempt.id: [] for attempt in attempts}
    own = select(SeatLoss).where(SeatLoss.room_sitting_id == room.row.id)
    for loss in session.scalars(own):
        if loss.attempt_id in found:
            found[loss.attempt_id].append(Lost(Cause(loss.kind), Clock.AGENT, loss.since_at, loss.until_at))
    for attempt, lost in _covers(session, room.row.id):
        if attempt in found:
            found[attempt].append(lost)
    for gap in session.scalars(select(LinkGapRow).where(LinkGapRow.attempt_id.in_(found))):
        silence = _silence(session, gap)
        if silence is not None:
            found[gap.attempt_id].append(silence)
    return found


def _covers(session: Session, room_sitting_id: int) -> list[tuple[int, Lost]]:
    """Covers for a breach that somebody has looked into and found to be none."""
    query = select(CoverRow, Incident).where(
        CoverRow.room_sitting_id == room_sitting_id,
        Incident.attempt_id == CoverRow.attempt_id,
        Incident.kind == CoverRow.kind,
        Incident.state == "dismissed",
        Incident.first_at <= CoverRow.until_at,
    )
    found = {}
    for cover, incident in session.execute(query):
        if incident.last_at < cover.since_at - _NEAR:
            continue
        found[cover.id] = (
            cover.attempt_id,
            Lost(Cause.COVERED, Clock.SERVER, cover.since_at, cover.until_at),
        )
    return list(found.values())


def _silence(session: Session, gap: LinkGapRow) -> Lost | None:
    """What a silence of a workstation says; None while it lasts and nobody knows what goes on there."""
    moved = session.scalar(
        select(func.min(JournalGrant.opened_at)).where(
            JournalGrant.attempt_id == gap.attempt_id,
            JournalGrant.workstation_id != gap.workstation_id,
            JournalGrant.opened_at > gap.lost_at,
        )
    )
    if moved is not None and (gap.back_at is None or moved <= gap.back_at):
        return Lost(Cause.MOVED, Clock.SERVER, gap.lost_at, moved)
    if gap.back_at is None:
        return None
    cause = Cause.MACHINE_OFF if _restarted(session, gap) else Cause.LINK
    return Lost(cause, Clock.SERVER, gap.lost_at, gap.back_at)


def _restarted(session: Session, gap: LinkGapRow) -> bool:
    """Whether the workstation was started anew in the silence: a boot's clock begins at 0 in it."""
    boots = select(WorkstationClock).where(
        WorkstationClock.workstation_id == gap.workstation_id, WorkstationClock.boot_id != gap.boot_id[:40]
    )
    began: Collection[datetime] = [written_at(0, row.offset_ns) for row in session.scalars(boots)]
    return any(gap.lost_at - LEAST <= moment <= (gap.back_at or moment) for moment in began)


def _with_answers(session: Session, store: AnswerStore, attempt: Attempt, lost: Lost) -> Lost:
    """A gap without loss with the number of records written in it, by the agent's own stamps."""
    if lost.cause is not Cause.LINK or lost.until - lost.since < LEAST:
        return lost
    offsets = {
        (row.workstation_id, row.boot_id): row.offset_ns for row in session.scalars(select(WorkstationClock))
    }
    count = 0
    for stored in store.events(attempt.id):
        offset = offsets.get((stored.workstation, stored.record.boot_id[:40]))
        written = None if offset is None else written_at(stored.record.boot_ns, offset)
        count += written is not None and lost.since <= written < lost.until
    return Lost(lost.cause, lost.clock, lost.since, lost.until, count)
