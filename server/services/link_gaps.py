"""Silences on the record; which of them excuse late records is a rule's to say (`exam_rooms.clock`)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import bindparam, func, select, update
from sqlalchemy.orm import Session

from exam_rooms.clock import in_time
from exam_rooms.incidents import INCIDENTS, IncidentKind
from exam_rooms.seats import AttemptState
from server.db.base import TO_CHANGE, brief, emit
from server.db.rooms import WorkstationClock
from server.db.sittings import Attempt, Incident, JournalGrant, LinkGapRow, RoomSitting
from server.events import LinkChanged
from server.rules.takeover import unshipped
from server.services.agents import Agent
from server.services.incident_terms import incident_rules
from server.services.incidents import OPEN, Place, clear, raise_incident
from server.services.roomstate import CLOSED, load
from server.services.sittings_now import current_sitting

_BROUGHT_AGAIN = timedelta(hours=36)
"""Seats keep settled journals for so long."""
_BEFORE_ALL = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Silence:
    """No word from `since` to `until` (None: it lasts). `clear_at`: nothing waited there; before `since`."""

    since: datetime
    clear_at: datetime
    boot_id: str
    until: datetime | None = None


def open_gap(session: Session, agent: Agent, silence: Silence, *, now: datetime) -> float:
    """The seat has no link: a gap for its attempt if one is being worked on, and the monitor hears of it.

    Returns after how many seconds the silence is told to people, under the sitting's policy.
    """
    room_sitting, attempt = _here(session, agent, now)
    answering = attempt is not None and attempt.state == AttemptState.ANSWERING
    if attempt is not None and answering and not _is_known(session, agent.workstation, attempt.id, silence):
        session.add(_gap(agent.workstation, attempt.id, silence))
    if room_sitting is None:
        return INCIDENTS[IncidentKind.LINK_LOST].hold_seconds
    emit(session, LinkChanged(room_sitting, agent.seat))
    return incident_rules(session, room_sitting).hold_of(IncidentKind.LINK_LOST)


def open_gaps(session: Session, lost: Sequence[tuple[Agent, Silence]], *, now: datetime) -> list[float]:
    """The same of seats that fell silent together, a switch away for instance; in their order."""
    return [open_gap(session, agent, silence, now=now) for agent, silence in lost]


def _is_known(session: Session, workstation: int, attempt_id: int, silence: Silence) -> bool:
    """Whether another process, which believes that it leads too, has put it on record."""
    same = select(LinkGapRow.id).where(
        LinkGapRow.attempt_id == attempt_id,
        LinkGapRow.workstation_id == workstation,
        LinkGapRow.lost_at == silence.since,
    )
    return session.scalars(same).first() is not None


def keep_silence(
    session: Session, workstation: int, attempt_id: int, silences: Iterable[Silence], *, now: datetime
) -> None:
    """Puts the last silence that began before the attempt's deadline on record, unless a later one is.

    One is enough: as long as something waits, the last all-clear lies before all of them.
    """
    attempt = session.get_one(Attempt, attempt_id, with_for_update=TO_CHANGE)
    ends = load(session, attempt.room_sitting_id).taken_until(attempt)
    before = [silence for silence in silences if silence.since < ends]
    if now < ends or not before:
        return
    last = max(before, key=lambda silence: silence.since)
    known = select(LinkGapRow.id).where(
        LinkGapRow.attempt_id == attempt_id,
        LinkGapRow.workstation_id == workstation,
        LinkGapRow.lost_at >= last.since,
        LinkGapRow.lost_at < ends,
    )
    if session.scalar(known.limit(1)) is None:
        session.add(_gap(workstation, attempt_id, last))


def _gap(workstation: int, attempt: int, silence: Silence) -> LinkGapRow:
    return LinkGapRow(
        attempt_id=attempt,
        workstation_id=workstation,
        boot_id=silence.boot_id,
        lost_at=silence.since,
        back_at=silence.until,
        clear_at=silence.clear_at,
    )


_OPEN_GAPS = (
    select(LinkGapRow)
    .where(
        LinkGapRow.workstation_id.in_(bindparam("workstations", expanding=True)), LinkGapRow.back_at.is_(None)
    )
    .order_by(LinkGapRow.id)
)
_OPEN_OF_ATTEMPTS = (
    select(LinkGapRow)
    .where(LinkGapRow.attempt_id.in_(bindparam("attempts", expanding=True)), LinkGapRow.back_at.is_(None))
    .order_by(LinkGapRow.id)
)
_TOLD_OF = select(Incident.seat_id).where(
    Incident.room_sitting_id == bindparam("here"),
    Incident.kind == str(IncidentKind.LINK_LOST),
    Incident.state.in_(OPEN),
)


@brief
def close_gaps(session: Session, back: Sequence[tuple[Agent, datetime]]) -> None:
    """These seats are heard again, each since the moment beside it."""
    since = {agent.workstation: at for agent, at in back}
    gaps = session.scalars(_OPEN_GAPS, {"workstations": sorted(since)})
    for row in gaps:
        row.back_at = since[row.workstation_id]
    rooms: dict[int, list[Agent]] = {}
    for agent, _at in back:
        rooms.setdefault(agent.room, []).append(agent)
    for room, agents in sorted(rooms.items()):
        _clear_room(session, room, sorted(agents, key=lambda agent: agent.seat), since)


def _clear_room(session: Session, room: int, agents: Sequence[Agent], since: Mapping[int, datetime]) -> None:
    room_sitting = current_sitting(session, room, max(since[agent.workstation] for agent in agents))
    if room_sitting is None:
        return
    told_of = set(session.scalars(_TOLD_OF, {"here": room_sitting}))
    for agent in agents:
        if agent.seat in told_of:
            place, at = Place(room_sitting, agent.seat), since[agent.workstation]
            clear(session, place, IncidentKind.LINK_LOST, now=at)
        emit(session, LinkChanged(room_sitting, agent.seat))


def end_elsewhere(session: Session, attempts: Sequence[Attempt], *, now: datetime) -> None:
    """The candidates work where their attempts are now: what is silent elsewhere is no silence of theirs."""
    here = {attempt.id: attempt.workstation_id for attempt in attempts}
    for row in session.scalars(_OPEN_OF_ATTEMPTS, {"attempts": sorted(here)}):
        if row.workstation_id != here[row.attempt_id]:
            row.back_at = now


def tell_silence(session: Session, agent: Agent, *, now: datetime) -> None:
    """A silence has lasted: an incident, if somebody works at the seat."""
    room_sitting, attempt = _here(session, agent, now)
    if room_sitting is not None and attempt is not None and attempt.state != AttemptState.ASSIGNED:
        place = Place(room_sitting, agent.seat, attempt.id)
        raise_incident(session, place, IncidentKind.LINK_LOST, now=now)


def tell_silences(session: Session, agents: Sequence[Agent], *, now: datetime) -> None:
    """The same of seats whose silences have lasted together; in their order."""
    for agent in agents:
        tell_silence(session, agent, now=now)


def watched(session: Session, *, now: datetime) -> None:
    """The server is there and looks at its running rooms."""
    running = update(RoomSitting).where(RoomSitting.state == "running")
    session.execute(running.values(watched_at=now).execution_options(synchronize_session=False))


def gaps_after_restart(session: Session, *, now: datetime) -> int:
    """The server itself was away: from its last look on no seat was heard. Returns the gaps opened."""
    rooms = session.scalars(select(RoomSitting).where(RoomSitting.state == "running")).all()
    opened = 0
    for room in rooms:
        for attempt in session.scalars(
            select(Attempt).where(
                Attempt.room_sitting_id == room.id,
                Attempt.state == str(AttemptState.ANSWERING),
                Attempt.workstation_id.is_not(None),
            )
        ):
            session.add(
                LinkGapRow(
                    attempt_id=attempt.id,
                    workstation_id=attempt.workstation_id,
                    boot_id=_last_boot(session, attempt.workstation_id or 0),
                    lost_at=room.watched_at or room.started_at or now,
                )
            )
            opened += 1
    return opened


def gaps_after_takeover(session: Session, answers_until: datetime | None, *, now: datetime) -> int:
    """Another machine was the server until now; the copy of its answers may be older than that of the rest.

    What seats bring again must count as it did when it was acknowledged (R45), also for attempts that were
    over by then. `answers_until`: the newest record in the copy of the answers. Returns the gaps written.
    """
    written = 0
    sign = _last_sign(session, answers_until)
    rooms = select(RoomSitting).where(RoomSitting.started_at > now - _BROUGHT_AGAIN)
    for row in session.scalars(rooms).all():
        room = load(session, row.id)
        longest = timedelta(minutes=room.policy.late_rule.link_gap_max_minutes)
        for attempt in session.scalars(select(Attempt).where(Attempt.room_sitting_id == row.id)):
            ends = room.taken_until(attempt)
            gap = unshipped(ends, sign, longest, now)
            if gap is None or (answers_until and not in_time(answers_until, ends, room.policy.late_rule)):
                continue  # all that came in time is in the copy, and what was judged stays judged
            machines = select(JournalGrant.workstation_id).where(JournalGrant.attempt_id == attempt.id)
            for machine in sorted(set(session.scalars(machines))):
                silence = Silence(gap[0], row.started_at or gap[0], _last_boot(session, machine), gap[1])
                session.add(_gap(machine, attempt.id, silence))
                written += 1
    return written


def _last_sign(session: Session, answers_until: datetime | None) -> datetime:
    """The newest moment of which the stores know that a room was looked after."""
    began = session.scalar(select(func.max(RoomSitting.started_at)))
    looked = session.scalar(select(func.max(RoomSitting.watched_at)))
    return max((one for one in (began, looked, answers_until) if one), default=_BEFORE_ALL)


def _last_boot(session: Session, workstation: int) -> str:
    # Server time minus boot time is the moment of the boot: the greatest offset is the latest boot.
    query = (
        select(WorkstationClock.boot_id)
        .where(WorkstationClock.workstation_id == workstation)
        .order_by(WorkstationClock.offset_ns.desc())
    )
    return session.scalars(query).first() or ""


_OPEN_ATTEMPT = select(Attempt).where(
    Attempt.room_sitting_id == bindparam("here"),
    Attempt.seat_id == bindparam("seat"),
    Attempt.state.not_in(sorted(CLOSED)),
)


def _here(session: Session, agent: Agent, now: datetime) -> tuple[int | None, Attempt | None]:
    """The sitting that the agent's seat shows, and the open attempt there.

    A sitting of another day that nobody ended holds nothing of what happens at the seat today.
    """
    room_sitting = current_sitting(session, agent.room, now)
    found = session.scalars(_OPEN_ATTEMPT, {"here": room_sitting, "seat": agent.seat})
    return room_sitting, found.first()
