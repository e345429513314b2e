"""What is known of one agent's line, and how what several server processes know of it becomes one.

Every process keeps all lines. The one that heard a seat last looks after its silence; what it knows goes to
the others once a second, so whichever of them hears the seat next goes on as if it had always heard it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from exam_rooms.incidents import IncidentKind, holds_long_enough
from exam_rooms.kiosk_messages import KioskReport
from exam_rooms.pace import SHORTEST_GAP, silence
from exam_rooms.protocol import ZERO_HEAD
from exam_rooms.watch_messages import CameraReport
from server.presence import SeatPresence
from server.services.agents import Agent
from server.services.link_gaps import Silence

_QUIET_KEPT = 32
"""Silences kept in memory for each line: some minutes of a server in trouble."""
_GAP = timedelta(seconds=SHORTEST_GAP)


@dataclass(frozen=True, slots=True)
class Owed:
    """The end of the journal that a heartbeat told of, and when that heartbeat left the agent."""

    attempt: int
    journal: int
    seq: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Returns:
    """How often a camera's pictures had come again (after it was opened anew, after a pause) at the moment of
    the last telling, None before the first.
    """

    reconnects: int
    stalls: int
    told_at: datetime | None = None

    def is_before(self, camera: CameraReport) -> bool:
        """Whether the counts have gone on; an agent that was started again counts from 0."""
        return camera.reconnects >= self.reconnects and camera.stalls >= self.stalls


@dataclass(slots=True)
class Line:
    """What is known of one agent's line. `by`: the process that heard its last word."""

    agent: Agent
    heard_at: datetime
    clear_at: datetime
    by: str = ""
    boot_id: str = ""
    lost_at: datetime | None = None
    told: bool = False  # an incident stands for this silence
    hold: float = 0.0  # seconds after which this silence is told
    hint: int = 0  # what the agent was told last
    patience: int = 0  # the highest hint that its next heartbeat may still follow
    raised: int = 0  # the highest hint since `status_at`,
    raised_at: datetime | None = None  # told last at
    status_at: datetime | None = None  # its last heartbeat
    since: datetime | None = None  # from here to `heard_at` there was no silence that may make answers late
    cleared: bool = False  # an all-clear was heard; else `clear_at` is only where this line begins
    owed: Owed | None = None
    fallen: datetime | None = None  # its socket has ended then
    quiet: deque[Silence] = field(default_factory=lambda: deque(maxlen=_QUIET_KEPT))

    def is_quiet(self, now: datetime) -> bool:
        """Whether the silence since the last word may make answers late."""
        return now - self.heard_at > _GAP

    def is_lost(self, now: datetime) -> bool:
        """Whether it ended or was silent for longer than its patience, and does not count as lost yet."""
        late = now - self.heard_at > timedelta(seconds=silence(self.patience))
        return self.lost_at is None and (self.fell_at is not None or late)

    @property
    def fell_at(self) -> datetime | None:
        """When its socket ended, if nothing was heard since."""
        return self.fallen if self.fallen is not None and self.fallen >= self.heard_at else None

    def is_to_be_told(self, now: datetime) -> bool:
        """Whether people are to hear of its silence, and have not."""
        if self.lost_at is None or self.told:
            return False
        silent = (now - self.lost_at).total_seconds()
        return holds_long_enough(IncidentKind.LINK_LOST, silent, self.hold)

    def silence(self, until: datetime | None = None) -> Silence:
        """The silence since the last word."""
        return Silence(self.heard_at, self.clear_at, self.boot_id, until)

    def word(self, agent: Agent, now: datetime, by: str) -> None:
        """It was heard."""
        if self.is_quiet(now):
            self.quiet.append(self.silence(now))
            self.since = now
        self.agent, self.heard_at, self.by, self.fallen = agent, now, by, None

    def eased(self, hint: int) -> None:
        """It was told to slow down by this hint.

        A lower one shortens the patience from the heartbeat after: till then the agent may follow the former.
        """
        self.hint, self.patience = hint, max(self.patience, hint)
        self.raised, self.raised_at = max(self.raised, hint), self.heard_at

    def beaten(self) -> None:
        """The word was a heartbeat: it follows what was told before."""
        self.patience, self.raised, self.status_at = self.hint, 0, self.heard_at

    def clear(self, at: datetime) -> None:
        """At that moment nothing waited at the seat."""
        self.clear_at = max(self.clear_at, at)
        self.cleared, self.owed = True, None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the last heartbeat said, of `SeatPresence`; and since when the seat is linked, or is not."""

    since: datetime | None = None
    waiting: int = 0
    journal: int = 0
    seq: int = 0
    head: str = ZERO_HEAD
    state_version: int = 0
    package_sha256: str = ""
    journal_fault: str = ""
    fault_room: int | None = None
    fault_noted: str = ""
    camera: CameraReport = field(default_factory=CameraReport)
    kiosk: KioskReport = field(default_factory=KioskReport)

    @classmethod
    def of(cls, presence: SeatPresence) -> "Seen":
        """What is to be told of a presence."""
        noted = presence.fault_noted
        return cls(
            presence.since,
            presence.waiting,
            presence.journal,
            presence.seq,
            presence.head,
            presence.state_version,
            presence.package_sha256,
            presence.journal_fault,
            None if noted is None else noted[0],
            "" if noted is None else noted[1],
            presence.camera,
            presence.kiosk,
        )

    def shown(self, line: Line, before: SeatPresence, *, newer: bool) -> SeatPresence:
        """The presence of a line; what was said counts when it is `newer` than what is known."""
        linked = line.lost_at is None
        since = before.since if before.linked == linked and before.since else self.since
        said = self if newer else Seen.of(before)
        noted = None if said.fault_room is None else (said.fault_room, said.fault_noted)
        return SeatPresence(
            linked=linked,
            since=since or line.lost_at or line.heard_at,
            heard_at=None if linked else line.heard_at,
            waiting=said.waiting,
            journal=said.journal,
            seq=said.seq,
            head=said.head,
            state_version=said.state_version,
            package_sha256=said.package_sha256,
            journal_fault=said.journal_fault,
            fault_noted=noted,
            camera=said.camera,
            kiosk=said.kiosk,
        )


@dataclass(frozen=True, slots=True)
class LineNews:
    """A line as one process tells the others of it. `offset`: the least one on record of its boot's clock
    (ns); `noted`: what its camera was last said to do is on record.
    """

    workstation: int
    seat: int
    room: int
    key_id: str
    by: str
    heard_at: datetime
    clear_at: datetime
    boot_id: str
    lost_at: datetime | None
    told: bool
    hold: float
    hint: int
    patience: int
    raised: int
    raised_at: datetime | None
    status_at: datetime | None
    since: datetime | None
    cleared: bool
    owed: Owed | None
    quiet: tuple[Silence, ...]
    returns: Returns | None
    seen: Seen
    offset: int | None = None
    noted: bool = False

    @property
    def agent(self) -> Agent:
        """Whose line it is."""
        return Agent(self.workstation, self.seat, self.room, bytes.fromhex(self.key_id))

    def line(self) -> Line:
        """The line of a seat that was not known here."""
        line = Line(self.agent, self.heard_at, self.clear_at, self.by)
        line.boot_id, line.lost_at, line.told, line.hold = self.boot_id, self.lost_at, self.told, self.hold
        line.hint, line.patience, line.raised, line.raised_at = (
            self.hint,
            self.patience,
            self.raised,
            self.raised_at,
        )
        line.status_at, line.since, line.cleared, line.owed = (
            self.status_at,
            self.since,
            self.cleared,
            self.owed,
        )
        line.quiet.extend(self.quiet)
        return line


def news_of(line: Line, presence: SeatPresence, returns: Returns | None) -> LineNews:
    """What the others are told of a line."""
    return LineNews(
        line.agent.workstation,
        line.agent.seat,
        line.agent.room,
        line.agent.key_id.hex(),
        line.by,
        line.heard_at,
        line.clear_at,
        line.boot_id,
        line.lost_at,
        line.told,
        line.hold,
        line.hint,
        line.patience,
        line.raised,
        line.raised_at,
        line.status_at,
        line.since,
        line.cleared,
        line.owed,
        tuple(line.quiet),
        returns,
        Seen.of(presence),
    )


T = TypeVar("T")


def batched(lines: Iterable[T], most: int) -> Iterator[Sequence[T]]:
    """Lines, so many at a time; they are taken when their turn comes: some may have spoken by then."""
    coming = iter(lines)
    while some := tuple(islice(coming, most)):
        yield some


def merge(line: Line, news: LineNews) -> bool:
    """Takes over what another process knows; true when a silence that is on record is over by it."""
    _quiet(line, news)
    _all_clear(line, news)
    _patience(line, news)
    back = _lost(line, news)
    if news.heard_at > line.heard_at:
        line.agent, line.heard_at, line.by = news.agent, news.heard_at, news.by
    return back


def newer_status(line: Line, news: LineNews) -> bool:
    """Whether the news tell of a later heartbeat, or of the same one."""
    return news.status_at is not None and (line.status_at is None or news.status_at >= line.status_at)


def _quiet(line: Line, news: LineNews) -> None:
    """Silences of both; and the one between the words of one process and those of the other."""
    found = {silence.since: silence for silence in (*line.quiet, *news.quiet)}
    here, there = line.since or line.heard_at, news.since or news.heard_at
    if there - line.heard_at > _GAP:
        found.setdefault(line.heard_at, line.silence(there))
        line.since = there
    elif here - news.heard_at > _GAP:
        between = Silence(news.heard_at, news.clear_at, news.boot_id, here)
        found.setdefault(news.heard_at, between)
    else:
        line.since = min(here, there)
    line.quiet.clear()
    line.quiet.extend(found[since] for since in sorted(found))


def _all_clear(line: Line, news: LineNews) -> None:
    if line.cleared and news.cleared:
        line.clear_at = max(line.clear_at, news.clear_at)
    elif news.cleared:
        line.clear_at, line.cleared = news.clear_at, True
    elif not line.cleared:
        line.clear_at = min(line.clear_at, news.clear_at)
    if newer_status(line, news):
        line.owed = news.owed


def _patience(line: Line, news: LineNews) -> None:
    same = news.status_at == line.status_at
    if newer_status(line, news) and not same:
        told_since = line.raised_at is not None and news.status_at is not None
        mine = line.raised if told_since and line.raised_at >= news.status_at else 0  # type: ignore[operator]
        line.patience, line.status_at, line.boot_id = max(news.patience, mine), news.status_at, news.boot_id
        line.raised = max(news.raised, mine)
    elif same or (line.status_at and news.raised_at and news.raised_at >= line.status_at):
        line.patience, line.raised = (
            max(line.patience, news.patience if same else news.raised),
            max(line.raised, news.raised),
        )
    if news.raised_at is not None and (line.raised_at is None or news.raised_at > line.raised_at):
        line.hint, line.raised_at = news.hint, news.raised_at


def _lost(line: Line, news: LineNews) -> bool:
    """Whether somebody's silence is over by what the other has heard."""
    if line.lost_at is None and news.lost_at is None:
        return False
    if line.lost_at is None:
        if line.heard_at > news.lost_at:  # type: ignore[operator]
            return True
        line.lost_at, line.told, line.hold = news.lost_at, news.told, news.hold
        return False
    if news.lost_at is None:
        if news.heard_at > line.lost_at:
            line.lost_at, line.told = None, False
            return True
        return False
    line.lost_at = min(line.lost_at, news.lost_at)
    line.told, line.hold = line.told or news.told, max(line.hold, news.hold)
    return False
