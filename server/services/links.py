"""Which agents are heard, silences on the record, and the clocks of their machines.

A silence begins with the agent's last word. What was written before that word may still wait at the seat (a
busy server holds batches back, another route may be quicker), so a silence also says since when: from the
last moment of which the server knew that nothing waited there. How long a seat may be silent before people
are told depends on the hint; what excuses late records does not.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from exam_rooms.clock import clock_offset_ns, stepped, written_at
from exam_rooms.pace import hint_of_crowd
from exam_rooms.protocol import StatusRequest
from exam_rooms.watch_messages import CameraReport, CameraState
from server.db.base import Database
from server.presence import Presence
from server.services import camera_spans, camera_stays, clock_proof
from server.services.agents import Agent
from server.services.lines import Line, LineNews, Owed, Returns, batched, merge, newer_status, news_of
from server.services.link_gaps import Silence, close_gaps, keep_silence, open_gaps, tell_silences
from server.services.link_writes import LinkWrites
from server.services.reported import bounded_camera, bounded_kiosk
from server.services.steady import SteadyClock

_CLOCK_GAIN_NS = 1_000_000
_Losses = Callable[[list[tuple[Agent, Silence]]], list[float]]
"""Puts silences on record; after how many seconds people are told of each."""
_AT_ONCE = 50
"""Silences in one transaction: a dead switch takes many seats, and other writers shall not wait long."""
_RETURNS_REST = timedelta(seconds=60)
"""A camera that comes and goes is told of at most so often; what happened meanwhile is counted."""


class Links:
    """Lines by workstation, in memory; the gaps stand in the database.

    `worker`: this process, among those whose lines come in by `take_over`.
    """

    def __init__(self, db: Database, presence: Presence, clock: SteadyClock, worker: str = "") -> None:
        self._db = db
        self._writes = LinkWrites(db)
        self._presence = presence
        self._clock = clock
        self._worker = worker
        self.orphaned: Callable[[str], bool] = lambda _worker: False
        """Whether this process looks after the lines of that one, which is gone."""
        self.is_gone: Callable[[str], bool] = lambda _worker: False
        """Whether that process is gone, whoever looks after its lines now."""
        self.forgotten: Callable[[int], None] = lambda _workstation: None
        """Told of a workstation that is no longer paired."""
        self._news: dict[int, None] = {}
        """Workstations of which the others have not been told what this process knows."""
        self._lines: dict[int, Line] = {}
        self._unclosed: dict[int, datetime] = {}
        """Workstations that are back, and since when, that the store did not take."""
        self._returning: Counter[int] = Counter()
        """Those whose return is being written: they cannot be lost again before it is on record."""
        self._offsets: dict[tuple[int, str], int] = {}
        self._cameras: dict[int, str] = {}
        self._returns: dict[int, Returns] = {}
        self._spans: dict[int, tuple[int, camera_spans.Said]] = {}
        self.crowd = 0
        """The hint that the seats heard here are told at least, as of the last look."""

    def heard(self, agent: Agent, now: datetime) -> Line:
        """Any authenticated word from an agent."""
        line = self._lines.get(agent.workstation)
        if line is None:
            line = self._lines[agent.workstation] = Line(agent, now, now, since=now)
            self._back(line, now)
        line.word(agent, now, self._worker)
        self._news[agent.workstation] = None
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
        line.beaten()
        if not self._clock.proven:
            self._prove_clock(agent, status)
        if self._clock.proven:
            self._note_clock(agent, status, self._clock.now())
        self._note_waiting(line, status, now)
        camera = bounded_camera(status.camera)
        self._note_camera(agent, camera.identity, now)
        self._note_returns(agent, camera, now)
        self._note_span(agent, camera, now)
        return self._presence.report(
            agent.workstation,
            waiting=max(0, status.waiting),
            journal=status.journal,
            seq=status.seq,
            head=status.head,
            state_version=status.state_version,
            package_sha256=status.package_sha256[:64],
            journal_fault=status.journal_fault[:64],
            camera=camera,
            kiosk=bounded_kiosk(status.kiosk),
        )

    def acknowledged(self, agent: Agent, attempt: int, upto: Mapping[str, int]) -> None:
        """The agent is told that records are durable: per journal (as text) up to which seq."""
        line = self._lines.get(agent.workstation)
        if line is None or line.owed is None or line.owed.attempt != attempt:
            return
        if upto.get(str(line.owed.journal), 0) >= line.owed.seq:
            line.clear(line.owed.at)

    def excuse(self, workstation: int, attempt: int, now: datetime) -> None:
        """Records of an attempt came after its deadline: a silence that is not on record yet goes there.

        It was too short to be told, or was noticed when the attempt was closed already.
        """
        line = self._lines.get(workstation)
        if line is None:
            return
        silences = [*line.quiet, *([line.silence()] if line.is_quiet(now) else [])]
        if silences:
            self._db.write(keep_silence, workstation, attempt, silences, now=now)

    def eased(self, agent: Agent, hint: int) -> None:
        """The agent is told to slow down by this hint."""
        line = self._lines.get(agent.workstation)
        if line is not None:
            line.eased(hint)

    def dropped(self, agent: Agent, now: datetime, since: datetime | None = None) -> None:
        """The agent's socket is gone: the line is lost until the next word, unless one came `since`."""
        line = self._lines.get(agent.workstation)
        if line is None or line.lost_at is not None or (since and line.heard_at > since):
            return
        line.fallen = now
        if agent.workstation not in self._returning:
            self._lose((line,), now, lambda lost: [self._writes.lost(*each, now) for each in lost])

    def check(self, now: datetime) -> None:
        """Once a second: who has fallen silent, and which silence has lasted long enough to be told."""
        self.crowd = hint_of_crowd(self.heard_here())
        mine = [each for each in self._lines.values() if each.by == self._worker or self.orphaned(each.by)]
        for some in batched((line for line in mine if self._is_lost(line, now)), _AT_ONCE):
            self._lose(some, now, lambda lost: self._db.write(open_gaps, lost, now=now))
        for some in batched((line for line in mine if line.is_to_be_told(now)), _AT_ONCE):
            self._tell(some, now)
        self._close_late()

    def settled(self) -> None:
        """The server's time has just been proven: what was heard before is as of now, and gaps end now."""
        now = self._clock.now()
        self._db.write(clock_proof.keep, self._clock.anchor, now=now)
        for line in list(self._lines.values()):
            line.clear_at += now - line.heard_at
            line.heard_at, line.since, line.owed = now, now, None
            line.quiet.clear()  # on a clock that was wrong
            if line.lost_at is None:
                self._unclosed[line.agent.workstation] = now
            else:
                line.lost_at = now
        self._close_late()

    def forget(self, agent: Agent) -> None:
        """The workstation is no longer paired."""
        self.forget_here(agent.workstation)
        self.forgotten(agent.workstation)

    def forget_here(self, workstation: int) -> None:
        """The same, when another process has said so."""
        self._lines.pop(workstation, None)
        self._news.pop(workstation, None)
        self._cameras.pop(workstation, None)
        self._returns.pop(workstation, None)
        self._spans.pop(workstation, None)

    # --- several processes ---------------------------------------------------------------------------

    def news(self) -> list[LineNews]:
        """What the others have not been told yet of lines that this process heard."""
        changed, self._news = self._news, {}
        return [self._news_of(self._lines[each]) for each in changed if each in self._lines]

    def all_news(self) -> list[LineNews]:
        """The same of every line that this process heard last, or whose process is gone."""
        mine = [line for line in self._lines.values() if line.by == self._worker or self.is_gone(line.by)]
        return [self._news_of(line) for line in mine]

    def heard_here(self) -> int:
        """How many seats have a line whose last word came to this process."""
        return sum(line.by == self._worker and line.lost_at is None for line in self._lines.values())

    def news_of(self, worker: str) -> list[LineNews]:
        """What is known here of the lines that one process heard last."""
        return [self._news_of(line) for line in self._lines.values() if line.by == worker]

    def take_over(self, news: LineNews, now: datetime) -> bool:
        """What another process knows of a line; true when a monitor shows something new by it."""
        line = self._lines.get(news.workstation)
        newer = line is None or newer_status(line, news)
        if line is None:
            line = self._lines[news.workstation] = news.line()
        elif merge(line, news):
            self._back(line, now)
        if newer and news.status_at is not None:
            self._noted_elsewhere(news)
        before = self._presence.of(news.workstation)
        seen = news.seen.shown(line, before, newer=newer)
        return self._presence.take_over(news.workstation, seen)

    def _noted_elsewhere(self, news: LineNews) -> None:
        """What a heartbeat told another process it has put on record: it is not looked up again here."""
        workstation, camera = news.workstation, news.seen.camera
        self._cameras.pop(workstation, None)
        self._spans.pop(workstation, None)
        if news.noted:
            self._cameras[workstation] = camera.identity
            self._spans[workstation] = news.seat, camera_spans.said_by(camera)
        if news.returns is not None:
            self._returns[workstation] = news.returns
        if news.offset is not None:
            key = workstation, news.boot_id[:40]
            self._offsets[key] = min(news.offset, self._offsets.get(key, news.offset))

    def words(self, since: datetime) -> dict[int, datetime]:
        """When this process heard each workstation last, of those it has heard since then."""
        return {
            workstation: line.heard_at
            for workstation, line in self._lines.items()
            if line.by == self._worker and line.heard_at > since
        }

    def heard_elsewhere(self, workstation: int, at: datetime, worker: str, now: datetime) -> None:
        """Another process has heard a workstation; no more is known while the processes cannot talk."""
        line = self._lines.get(workstation)
        if line is None or at <= line.heard_at:
            return
        line.heard_at, line.by = at, worker
        self._cameras.pop(workstation, None)  # asked of the store again, should it come back here
        self._spans.pop(workstation, None)
        if line.lost_at is not None and at > line.lost_at:
            line.lost_at, line.told = None, False
            self._back(line, now)

    def _news_of(self, line: Line) -> LineNews:
        workstation = line.agent.workstation
        presence = self._presence.of(workstation)
        told = news_of(line, presence, self._returns.get(workstation))
        said = line.agent.seat, camera_spans.said_by(presence.camera)
        noted = (self._cameras.get(workstation), self._spans.get(workstation))
        offset = self._offsets.get((workstation, line.boot_id[:40]))
        return replace(told, offset=offset, noted=noted == (presence.camera.identity, said))

    def _is_lost(self, line: Line, now: datetime) -> bool:
        return line.agent.workstation not in self._returning and line.is_lost(now)

    def _lose(self, lines: Sequence[Line], now: datetime, write: _Losses) -> None:
        """`write` puts them on record. A store that does not take it is asked again at the next look."""
        for line in lines:
            line.lost_at, line.told = line.fell_at or now, False
            self._news[line.agent.workstation] = None
            self._presence.link(line.agent.workstation, False, now, line.heard_at)
        try:
            holds = write([(line.agent, line.silence()) for line in lines])
        except BaseException:
            for line in lines:
                line.lost_at = None
            raise
        for line, hold in zip(lines, holds, strict=True):
            line.hold = hold
        self._close_late(lines)

    def _tell(self, lines: Sequence[Line], now: datetime) -> None:
        for line in lines:
            line.told = True
            self._news[line.agent.workstation] = None
        try:
            self._db.write(tell_silences, [line.agent for line in lines], now=now)
        except Exception:
            for line in lines:
                line.told = False
            raise
        self._close_late(lines)

    def _back(self, line: Line, now: datetime) -> None:
        workstation = line.agent.workstation
        self._presence.link(workstation, True, now)
        if not self._clock.proven:
            return
        before = self._unclosed.get(workstation)
        try:
            with self._return_of([workstation]):
                self._writes.back(line.agent, now)
        except BaseException:
            self._unclosed[workstation] = now
            raise
        if self._unclosed.get(workstation) == before:  # else a loss was written meanwhile: it ends later
            self._unclosed.pop(workstation, None)

    @contextmanager
    def _return_of(self, workstations: Sequence[int]) -> Iterator[None]:
        back = Counter(workstations)
        self._returning.update(back)
        try:
            yield
        finally:
            self._returning -= back

    def _close_late(self, written: Sequence[Line] = ()) -> None:
        spoke = [line for line in written if line.lost_at is None]  # and may have found nothing to close
        self._unclosed |= {line.agent.workstation: line.heard_at for line in spoke if self._clock.proven}
        for some in batched(self._late(), _AT_ONCE):
            back = {agent.workstation: at for agent, at in some}
            with self._return_of(list(back)):
                self._db.write(close_gaps, some)
            for workstation, at in back.items():
                if self._unclosed.get(workstation) == at:
                    del self._unclosed[workstation]

    def _late(self) -> Iterator[tuple[Agent, datetime]]:
        """Returns to be put on record, looked at when their turn comes: some are lost again by then."""
        for workstation in list(self._unclosed):
            line, back_at = self._lines.get(workstation), self._unclosed.get(workstation)
            if line is None or line.lost_at is not None:
                self._unclosed.pop(workstation, None)
            elif back_at is not None and workstation not in self._returning:
                self._presence.link(workstation, True, back_at)
                yield line.agent, back_at

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

    def _note_waiting(self, line: Line, status: StatusRequest, now: datetime) -> None:
        """When the heartbeat left the agent, nothing waited there, or its journal ended where it says."""
        offset = self._offsets.get((line.agent.workstation, status.boot_id[:40]))
        left_at = now
        if offset is not None and 0 <= status.boot_ns < 2**62:
            left_at = min(now, written_at(status.boot_ns, offset))
        if status.waiting <= 0:
            line.clear(left_at)
        else:
            line.owed = Owed(status.attempt or 0, status.journal, status.seq, left_at)

    def _note_camera(self, agent: Agent, identity: str, now: datetime) -> None:
        if self._cameras.get(agent.workstation) == identity:
            return
        with self._db.read() as session:
            news = camera_stays.differs(session, agent, identity)
        if news:
            self._db.write(camera_stays.keep, agent, identity, now=now)
        self._cameras[agent.workstation] = identity

    def _note_returns(self, agent: Agent, camera: CameraReport, now: datetime) -> None:
        """Tells in the room that a camera's pictures came again; the first word of a camera is no news."""
        if camera.state is CameraState.NONE:
            return
        known = self._returns.get(agent.workstation)
        if known is None or not known.is_before(camera):
            told_at = None if known is None else known.told_at
            self._returns[agent.workstation] = Returns(camera.reconnects, camera.stalls, told_at)
            return
        more = camera.reconnects - known.reconnects, camera.stalls - known.stalls
        if not any(more) or (known.told_at is not None and now - known.told_at < _RETURNS_REST):
            return
        self._returns[agent.workstation] = Returns(camera.reconnects, camera.stalls, now)
        self._db.write(camera_stays.tell_returns, agent, *more, now=now)

    def _note_span(self, agent: Agent, camera: CameraReport, now: datetime) -> None:
        said = agent.seat, camera_spans.said_by(camera)
        if self._spans.get(agent.workstation) == said:
            return
        with self._db.read() as session:
            news = camera_spans.differs(session, agent, said[1])
        if news:
            self._db.write(camera_spans.keep, agent, said[1], now=now)
        self._spans[agent.workstation] = said

    def _note_clock(self, agent: Agent, status: StatusRequest, now: datetime) -> None:
        if not 0 <= status.boot_ns < 2**62:
            return
        offset = clock_offset_ns(now, status.boot_ns)
        key = (agent.workstation, status.boot_id[:40])
        known = self._offsets.get(key)
        if known is None or offset < known - _CLOCK_GAIN_NS:
            self._offsets[key] = self._writes.offset(*key, offset)
