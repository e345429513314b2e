"""Which agents are heard, silences on the record, and the clocks of their machines.

A silence begins with the agent's last word: the agent sends one request after the other, so what it had
written before that word has arrived.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.clock import clock_offset_ns, stepped, written_at
from exam_rooms.incidents import IncidentKind, holds_long_enough
from exam_rooms.protocol import StatusRequest
from exam_rooms.seats import AttemptState
from exam_rooms.watch_messages import CameraReport
from server.db.base import Database, emit
from server.db.rooms import WorkstationClock
from server.db.sittings import Attempt, LinkGapRow, RoomSitting
from server.events import SeatChanged
from server.presence import Presence
from server.services import clock_proof
from server.services.agents import Agent
from server.services.incidents import Place, clear, raise_incident
from server.services.roomstate import CLOSED
from server.services.sittings_now import current_sitting
from server.services.steady import SteadyClock

SILENCE = timedelta(seconds=8)
"""Agents speak every three seconds; after two missed turns a seat counts as without link."""
_CLOCK_GAIN_NS = 1_000_000
_IDENTITY, _WORD, _WORDS = 120, 16, 8
"""Most characters of a camera's name and of one check, and most checks, that a heartbeat may report."""


@dataclass(slots=True)
class Line:
    """What is known of one agent's line."""

    agent: Agent
    heard_at: datetime
    boot_id: str = ""
    lost_at: datetime | None = None
    told: bool = False  # an incident stands for this silence


class Links:
    """Lines by workstation, in memory; the gaps stand in the database."""

    def __init__(self, db: Database, presence: Presence, clock: SteadyClock) -> None:
        self._db = db
        self._presence = presence
        self._clock = clock
        self._lines: dict[int, Line] = {}
        self._offsets: dict[tuple[int, str], int] = {}

    def heard(self, agent: Agent, now: datetime) -> Line:
        """Any authenticated word from an agent."""
        line = self._lines.get(agent.workstation)
        if line is None:
            line = self._lines[agent.workstation] = Line(agent, now)
            self._back(line, now)
        line.agent, line.heard_at = agent, now
        if line.lost_at is not None:
            line.lost_at, line.told = None, False
            self._back(line, now)
        elif self._presence.link(agent.workstation, True, now):
            self._back(line, now)
        return line

    def status(self, agent: Agent, status: StatusRequest, now: datetime) -> bool:
        """A heartbeat; true when something shown on the monitor changed."""
        line = self.heard(agent, now)
        line.boot_id = status.boot_id[:64]
        if not self._clock.proven:
            self._prove_clock(agent, status)
        if self._clock.proven:
            self._note_clock(agent, status, self._clock.now())
        return self._presence.report(
            agent.workstation,
            waiting=max(0, status.waiting),
            journal=status.journal,
            seq=status.seq,
            head=status.head,
            state_version=status.state_version,
            package_sha256=status.package_sha256[:64],
            journal_fault=status.journal_fault[:64],
            camera=_bounded(status.camera),
        )

    def dropped(self, agent: Agent, now: datetime) -> None:
        """The agent's socket is gone: the line counts as lost until the next word."""
        line = self._lines.get(agent.workstation)
        if line is not None and line.lost_at is None:
            self._lose(line, now)

    def check(self, now: datetime) -> None:
        """Once a second: who has fallen silent, and which silence has lasted long enough to be told."""
        for line in list(self._lines.values()):
            if line.lost_at is None and now - line.heard_at > SILENCE:
                self._lose(line, now)
            if line.lost_at is not None and not line.told:
                silent = (now - line.lost_at).total_seconds()
                line.told = holds_long_enough(IncidentKind.LINK_LOST, silent)
                if line.told:
                    self._db.write(tell_silence, line.agent, now=now)

    def settled(self) -> None:
        """The server's time has just been proven: what was heard before is as of now, and gaps end now."""
        now = self._clock.now()
        self._db.write(clock_proof.keep, self._clock.anchor, now=now)
        for line in list(self._lines.values()):
            line.heard_at = now
            if line.lost_at is None:
                self._back(line, now)
            else:
                line.lost_at = now

    def forget(self, agent: Agent) -> None:
        """The workstation is no longer paired."""
        self._lines.pop(agent.workstation, None)

    def _lose(self, line: Line, now: datetime) -> None:
        line.lost_at, line.told = now, False
        self._presence.link(line.agent.workstation, False, now)
        self._db.write(open_gap, line.agent, line.heard_at, line.boot_id, now=now)

    def _back(self, line: Line, now: datetime) -> None:
        self._presence.link(line.agent.workstation, True, now)
        if self._clock.proven:
            self._db.write(close_gaps, line.agent, now=now)

    def _prove_clock(self, agent: Agent, status: StatusRequest) -> None:
        with self._db.read() as session:
            found = clock_proof.true_time(session, agent.workstation, status.boot_id, status.boot_ns)
        if found is None or self._clock.proven:
            return  # a boot that nobody knows; or another workstation was quicker
        if stepped(min(0.0, (found - self._clock.now()).total_seconds())):
            return  # a time before the last sign of life: no witness
        wall = self._clock.wall()
        self._clock.settle(found if stepped((wall - found).total_seconds()) else wall)
        self.settled()

    def _note_clock(self, agent: Agent, status: StatusRequest, now: datetime) -> None:
        if not 0 <= status.boot_ns < 2**62:
            return
        offset = clock_offset_ns(now, status.boot_ns)
        key = (agent.workstation, status.boot_id[:40])
        known = self._offsets.get(key)
        if known is None or offset < known - _CLOCK_GAIN_NS:
            self._offsets[key] = self._db.write(keep_offset, *key, offset)


def _bounded(camera: CameraReport) -> CameraReport:
    """A report whose texts are short enough to be kept and shown."""
    unavailable = tuple(text[:_WORD] for text in camera.unavailable[:_WORDS])
    return CameraReport(camera.state, camera.identity[:_IDENTITY], camera.checks[:_WORD], unavailable)


def keep_offset(session: Session, workstation: int, boot_id: str, offset_ns: int) -> int:
    """Stores the least offset of one boot and returns it."""
    row = session.get(WorkstationClock, (workstation, boot_id), with_for_update=True)
    if row is None:
        session.add(WorkstationClock(workstation_id=workstation, boot_id=boot_id, offset_ns=offset_ns))
        return offset_ns
    row.offset_ns = min(row.offset_ns, offset_ns)
    return row.offset_ns


def placed(session: Session, workstation: int, boot_id: str, boot_ns: int, *, now: datetime) -> datetime:
    """A stamp of a workstation's boot clock on the server's clock, never in the future.

    `now` when the server never heard that boot's clock, or the stamp is no time at all.
    """
    clock = session.get(WorkstationClock, (workstation, boot_id[:40]))
    if clock is None or not 0 <= boot_ns < 2**62:
        return now
    return min(written_at(boot_ns, clock.offset_ns), now)


def open_gap(session: Session, agent: Agent, since: datetime, boot_id: str, *, now: datetime) -> None:
    """The seat has no link: a gap for its attempt if one is being worked on, and the monitor hears of it."""
    room_sitting, attempt = _here(session, agent, now)
    if attempt is not None and attempt.state == AttemptState.ANSWERING:
        session.add(
            LinkGapRow(
                attempt_id=attempt.id, workstation_id=agent.workstation, boot_id=boot_id, lost_at=since
            )
        )
    if room_sitting is not None:
        emit(session, SeatChanged(room_sitting, agent.seat))


def close_gaps(session: Session, agent: Agent, *, now: datetime) -> None:
    """The workstation is heard again."""
    open_rows = select(LinkGapRow).where(
        LinkGapRow.workstation_id == agent.workstation, LinkGapRow.back_at.is_(None)
    )
    for row in session.scalars(open_rows):
        row.back_at = now
    room_sitting, _attempt = _here(session, agent, now)
    if room_sitting is not None:
        clear(session, Place(room_sitting, agent.seat), IncidentKind.LINK_LOST, now=now)
        emit(session, SeatChanged(room_sitting, agent.seat))


def tell_silence(session: Session, agent: Agent, *, now: datetime) -> None:
    """A silence has lasted: an incident, if somebody works at the seat."""
    room_sitting, attempt = _here(session, agent, now)
    if room_sitting is not None and attempt is not None and attempt.state != AttemptState.ASSIGNED:
        place = Place(room_sitting, agent.seat, attempt.id)
        raise_incident(session, place, IncidentKind.LINK_LOST, now=now)


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


def watched(session: Session, *, now: datetime) -> None:
    """The server is there and looks at its running rooms."""
    for room in session.scalars(select(RoomSitting).where(RoomSitting.state == "running")):
        room.watched_at = now


def _last_boot(session: Session, workstation: int) -> str:
    # Server time minus boot time is the moment of the boot: the greatest offset is the latest boot.
    query = (
        select(WorkstationClock.boot_id)
        .where(WorkstationClock.workstation_id == workstation)
        .order_by(WorkstationClock.offset_ns.desc())
    )
    return session.scalars(query).first() or ""


def _here(session: Session, agent: Agent, now: datetime) -> tuple[int | None, Attempt | None]:
    """The sitting that the agent's seat shows, and the open attempt there.

    A sitting of another day that nobody ended holds nothing of what happens at the seat today.
    """
    room_sitting = current_sitting(session, agent.room, now)
    query = select(Attempt).where(
        Attempt.room_sitting_id == room_sitting,
        Attempt.seat_id == agent.seat,
        Attempt.state.not_in([str(state) for state in CLOSED]),
    )
    return room_sitting, session.scalars(query).first()
