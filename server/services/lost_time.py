"""Time that candidates of a room lost: the evidence of both clocks, and what is proposed for it (R26).

The server's evidence is its link gaps, covers and the commands that came late, the seat's its agent's log.
What it is worth is the rule's to say (`exam_rooms.compensation`); a chief decides (`compensation`). Nobody
loses the time in which the journal shows that there was work, whatever a clock says.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.clock import Pause, written_at
from exam_rooms.compensation import LEAST, Case, Cause, Clock, CreditRule, Lost, Proposal, proposals
from exam_rooms.kiosk_messages import CommandKind
from exam_rooms.protocol import RecordKind
from exam_rooms.seats import AttemptState
from server.db.answers import AnswerStore
from server.db.cases import StaffReport
from server.db.commands import IDENTITY, LOCKED, CompensationRow, CoverRow, SeatCommand, SeatLoss, WorkedRow
from server.db.rooms import Seat, WorkstationClock
from server.db.sittings import (
    Attempt,
    Candidate,
    Incident,
    JournalGrant,
    LinkGapRow,
    Registration,
    SeatStay,
)
from server.errors import Refused
from server.services.roomstate import CLOSED, RoomState, attempts_of, load

_NEAR = timedelta(minutes=1)
"""An incident that was seen last so long before a cover is not its cause."""
_HEARD = timedelta(seconds=10)
"""A seat that did not hear of a pause this long says what it worked in it; a shorter one tells nothing."""
DONE = frozenset({AttemptState.SUBMITTED, AttemptState.ENDED, AttemptState.ABSENT})
"""States that a candidate or a person chose: what comes after is no loss."""
_OF_PAUSES = frozenset({CommandKind.PAUSE, CommandKind.RESUME})
_BEGIN = frozenset({CommandKind.PAUSE, CommandKind.LOCK, CommandKind.IDENTITY})
_END = frozenset({CommandKind.RESUME, CommandKind.UNLOCK})


@dataclass(frozen=True, slots=True)
class Pick:
    """One proposal of one attempt, named by where its interval begins."""

    attempt: int
    since: datetime

    @classmethod
    def of(cls, text: str) -> "Pick":
        """From "attempt|ISO time" as forms carry it. Refused: `proposal_gone`."""
        attempt, _bar, since = text.partition("|")
        try:
            return cls(int(attempt), datetime.fromisoformat(since))
        except ValueError as fault:
            raise Refused("proposal_gone") from fault


@dataclass(frozen=True, slots=True)
class SeatProposals:
    """What is proposed for one seat. `granted`: minutes of time credit the candidate has already, by whatever
    way; what was only waited for is none of them.
    """

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


@dataclass(frozen=True, slots=True)
class _Wrote:
    """A record that a person made: when, by the agent's stamp, at which workstation and in which boot."""

    at: datetime
    workstation: int
    boot: str


def proposed(
    session: Session,
    room_sitting_id: int,
    *,
    now: datetime,
    store: AnswerStore | None = None,
    only: Collection[int] | None = None,
) -> list[SeatProposals]:
    """Seats of a room (`only` these attempts) for which there is something to decide, in seat order.

    Without the answer `store` nothing is known of what was written in a silence: all of it is a loss.
    """
    room = load(session, room_sitting_id)
    if room.row.started_at is None:
        return []
    attempts = [
        attempt
        for attempt in attempts_of(session, room_sitting_id)
        if attempt.answering_at is not None and (only is None or attempt.id in only)
    ]
    lost_by = _evidence(session, room, attempts, store)
    found = []
    for attempt in attempts:
        lost = lost_by.get(attempt.id, [])
        case = _case(session, room, attempt, now)
        offered = proposals(lost, case, rule_of(room)) if lost else ()
        if offered:
            found.append(_line(session, attempt, case.granted, offered))
    return sorted(found, key=lambda line: (line.row, len(line.number), line.number))


def undecided(session: Session, room: RoomState, *, now: datetime) -> list[str]:
    """Numbers of the seats whose candidates the end of the room takes lost time from, in seat order.

    Nobody has decided on a loss of theirs yet, or their machine has been silent since before their deadline
    and nobody knows what goes on there.
    """
    attempts = {a.id: a for a in attempts_of(session, room.row.id) if AttemptState(a.state) not in DONE}
    found = {line.seat for line in proposed(session, room.row.id, now=now, only=attempts) if line.minutes}
    silent = select(LinkGapRow).where(LinkGapRow.attempt_id.in_(attempts), LinkGapRow.back_at.is_(None))
    for gap in session.scalars(silent):
        attempt = attempts[gap.attempt_id]
        here = attempt.workstation_id in (gap.workstation_id, None)
        if here and gap.lost_at < room.deadline(attempt):
            found.add(attempt.seat_id)
    numbers = session.scalars(select(Seat.number).where(Seat.id.in_(found)).order_by(Seat.row, Seat.id))
    return list(numbers)


def need_use(session: Session, room_sitting_id: int, attempts: Iterable[Attempt], now: datetime) -> None:
    """Raises `Refused` (`credit_reopens_nothing`, with the least that would do) for a credit just given after
    which nobody can work: it would be used up for nothing.
    """
    attempts = list(attempts)
    shut = [attempt for attempt in attempts if attempt.state == AttemptState.AUTO_SUBMITTED]
    if shut and all(AttemptState(attempt.state) in CLOSED for attempt in attempts):
        room = load(session, room_sitting_id)
        short = min(now - room.deadline(attempt) for attempt in shut)
        missing = int(short.total_seconds() // 60) + 1
        raise Refused("credit_reopens_nothing", 422, field="minutes", missing=missing)


def rule_of(room: RoomState) -> CreditRule:
    """The policy's numbers."""
    outage = room.policy.outage
    return CreditRule(outage.step_seconds, outage.most)


def _line(
    session: Session, attempt: Attempt, granted: Decimal, offered: tuple[Proposal, ...]
) -> SeatProposals:
    seat = session.get_one(Seat, attempt.seat_id)
    registration = session.get_one(Registration, attempt.registration_id)
    name = session.get_one(Candidate, registration.candidate_id).name
    return SeatProposals(attempt.id, seat.id, seat.number, seat.row, name, attempt.state, granted, offered)


def _case(session: Session, room: RoomState, attempt: Attempt, now: datetime) -> Case:
    rows = session.scalars(select(CompensationRow).where(CompensationRow.attempt_id == attempt.id)).all()
    done = AttemptState(attempt.state) in DONE
    until = room.standing(attempt, now)
    over = not done and room.row.ended_at is None and now > room.deadline(attempt)
    waited = (row.minutes for row in rows if row.evidence and row.evidence[0]["cause"] == Cause.WAITED)
    return Case(
        since=max(room.row.started_at or now, attempt.answering_at or now),
        until=until,
        closed=attempt.closed_at if done else None,
        pauses=room.clock_of(attempt).pauses,
        decided=tuple(Pause(row.since_at, row.until_at) for row in rows),
        granted=room.credit(attempt) - sum(waited, Decimal(0)),
        over_at=now if over else None,
    )


# --- evidence ----------------------------------------------------------------------------------------


def _evidence(
    session: Session, room: RoomState, attempts: Iterable[Attempt], store: AnswerStore | None
) -> dict[int, list[Lost]]:
    ids = [attempt.id for attempt in attempts]
    found: dict[int, list[Lost]] = defaultdict(list)
    for loss in session.scalars(select(SeatLoss).where(SeatLoss.attempt_id.in_(ids))):
        found[loss.attempt_id].append(Lost(Cause(loss.kind), Clock.AGENT, loss.since_at, loss.until_at))
    commands = _commands(session, ids)
    for attempt, lost in _covers(session, room.row.id, commands):
        found[attempt].append(lost)
    for attempt in ids:
        found[attempt] += _unheard(session, attempt, commands[attempt])
    gaps = session.scalars(select(LinkGapRow).where(LinkGapRow.attempt_id.in_(ids))).all()
    touched = {attempt for attempt in ids if found[attempt]} | {gap.attempt_id for gap in gaps}
    wrote = {attempt: _written(session, store, attempt) if store else [] for attempt in touched}
    for gap in gaps:
        found[gap.attempt_id] += _silence(session, gap, wrote[gap.attempt_id])
    return {attempt: [_counted(each, wrote[attempt]) for each in found[attempt]] for attempt in touched}


def _written(session: Session, store: AnswerStore, attempt: int) -> list[_Wrote]:
    """What the candidate wrote, by the stamps of machines whose clock is known."""
    offsets = {
        (row.workstation_id, row.boot_id): row.offset_ns for row in session.scalars(select(WorkstationClock))
    }
    found = []
    for stored in store.events(attempt):
        boot = stored.record.boot_id[:40]
        offset = offsets.get((stored.workstation, boot))
        if offset is not None and stored.record.kind != RecordKind.OPEN:
            found.append(_Wrote(written_at(stored.record.boot_ns, offset), stored.workstation, boot))
    return found


def _counted(lost: Lost, wrote: Iterable[_Wrote]) -> Lost:
    return replace(lost, answers=sum(lost.since < each.at <= lost.until for each in wrote))


def _silence(session: Session, gap: LinkGapRow, wrote: Iterable[_Wrote]) -> list[Lost]:
    """What a silence of a workstation says; nothing while it lasts and nobody knows what goes on there.

    A loss begins at the last record written in it and ends at the first one that the machine took anew.
    """
    cause, ends = _cause(session, gap)
    if ends is None:
        return []
    since, until = gap.lost_at, ends
    if cause is not Cause.LINK:
        here = [each for each in wrote if each.workstation == gap.workstation_id and since < each.at <= ends]
        anew = [each.at for each in here if cause is Cause.MACHINE_OFF and each.boot != gap.boot_id[:40]]
        since = max((each.at for each in here if each.at not in anew), default=since)
        until = min((at for at in anew if at > since), default=until)
    told = [(Cause.LINK, gap.lost_at, since), (cause, since, until), (Cause.LINK, until, ends)]
    return [Lost(why, Clock.SERVER, begin, end) for why, begin, end in told if begin < end]


def _cause(session: Session, gap: LinkGapRow) -> tuple[Cause, datetime | None]:
    """Why a workstation was silent and until when it mattered; None: it is silent still."""
    moved = session.scalar(
        select(func.min(JournalGrant.opened_at)).where(
            JournalGrant.attempt_id == gap.attempt_id,
            JournalGrant.workstation_id != gap.workstation_id,
            JournalGrant.opened_at > gap.lost_at,
        )
    )
    if moved is not None and (gap.back_at is None or moved <= gap.back_at):
        return Cause.MOVED, moved
    off = gap.back_at is not None and _booted(session, gap, gap.back_at)
    return Cause.MACHINE_OFF if off else Cause.LINK, gap.back_at


def _booted(session: Session, gap: LinkGapRow, back_at: datetime) -> bool:
    """Whether the workstation was started anew in the silence: a boot's clock begins at 0 in it."""
    boots = select(WorkstationClock).where(
        WorkstationClock.workstation_id == gap.workstation_id, WorkstationClock.boot_id != gap.boot_id[:40]
    )
    began: Collection[datetime] = [written_at(0, row.offset_ns) for row in session.scalars(boots)]
    return any(gap.lost_at - LEAST <= moment <= back_at for moment in began)


# --- covers, and commands that came late -------------------------------------------------------------


def _commands(session: Session, attempts: Collection[int]) -> dict[int, list[SeatCommand]]:
    """Attempt -> the commands that cover its page or show it again, in their order."""
    query = select(SeatCommand).where(
        SeatCommand.attempt_id.in_(attempts), SeatCommand.kind.in_([str(kind) for kind in _BEGIN | _END])
    )
    found: dict[int, list[SeatCommand]] = defaultdict(list)
    for row in session.scalars(query.order_by(SeatCommand.id)):
        found[row.attempt_id].append(row)
    return found


def _covers(
    session: Session, room_sitting_id: int, commands: dict[int, list[SeatCommand]]
) -> list[tuple[int, Lost]]:
    """Covers that were for nothing: a breach that was none, a lock taken back, the same person."""
    covers = session.scalars(select(CoverRow).where(CoverRow.room_sitting_id == room_sitting_id)).all()
    found = []
    for cover in covers:
        by_command = cover.kind in (LOCKED, IDENTITY)
        if by_command:
            since = _covered_from(session, cover, commands[cover.attempt_id])
        else:
            since = cover.since_at if _dismissed(session, cover) else None
        if since is not None and since < cover.until_at:
            found.append((cover.attempt_id, Lost(Cause.COVERED, Clock.SERVER, since, cover.until_at)))
    return found


def _covered_from(session: Session, cover: CoverRow, commands: Iterable[SeatCommand]) -> datetime | None:
    """From when on the seat was covered; None when it was for a leave, or the seat never heard of it."""
    leave = select(StaffReport.incident_id).where(
        StaffReport.attempt_id == cover.attempt_id,
        StaffReport.escort != "",
        StaffReport.reported_at == cover.since_at,
    )
    if session.scalar(leave.limit(1)) is not None:
        return None
    heard = [row.received_at for row in commands if row.sent_at == cover.since_at and row.received_at]
    moved = select(func.min(SeatStay.from_at)).where(
        SeatStay.attempt_id == cover.attempt_id, SeatStay.from_at > cover.since_at
    )
    return heard[0] if heard else session.scalar(moved)


def _dismissed(session: Session, cover: CoverRow) -> bool:
    """Whether somebody has looked into the breach that a paper was covered for, and found it to be none."""
    query = select(Incident.id).where(
        Incident.attempt_id == cover.attempt_id,
        Incident.kind == cover.kind,
        Incident.state == "dismissed",
        Incident.first_at <= cover.until_at,
        Incident.last_at >= cover.since_at - _NEAR,
    )
    return session.scalar(query.limit(1)) is not None


def _unheard(session: Session, attempt: int, commands: Iterable[SeatCommand]) -> list[Lost]:
    """Times in which a seat stood on because it heard late that a pause or a cover was over."""
    found, stands = [], {True: False, False: False}
    begun: dict[bool, SeatCommand] = {}
    for row in commands:
        paused = row.kind in _OF_PAUSES
        if row.kind in _BEGIN:
            begun[paused] = row
            stands[paused] = stands[paused] or row.received_at is not None
            continue
        stood = stands[paused] or (paused and _stood(session, attempt, begun.get(paused), row))
        heard = row.received_at or row.superseded_at
        if stood and heard is not None and heard > row.sent_at:
            found.append(Lost(Cause.UNHEARD, Clock.AGENT, row.sent_at, heard))
        stands[paused] = stood and row.received_at is None
    return found


def _stood(session: Session, attempt: int, pause: SeatCommand | None, resume: SeatCommand) -> bool:
    """Whether a seat had heard of a pause that it never confirmed: else it would tell what it worked in it.

    A machine that was started anew in between tells nothing; its loss is on record as that.
    """
    if pause is None or resume.received_at is None or resume.sent_at - pause.sent_at < _HEARD:
        return False
    worked = select(WorkedRow.id).where(
        WorkedRow.attempt_id == attempt,
        WorkedRow.since_at < resume.sent_at,
        WorkedRow.until_at > pause.sent_at,
    )
    silent = select(LinkGapRow).where(
        LinkGapRow.attempt_id == attempt,
        LinkGapRow.lost_at < resume.received_at,
        LinkGapRow.back_at > pause.sent_at,
    )
    off = any(_cause(session, gap)[0] is not Cause.LINK for gap in session.scalars(silent))
    return not off and session.scalar(worked.limit(1)) is None
