"""Kept HTTP connections of a load driver on one epoll: prepared requests out, statuses and times back.

Nothing is parsed or built while the clock runs: requests are bytes, and of a reply only status and length
are read. Latency counts from the moment a request was due, so a slow server cannot hide behind its queue.
"""

import selectors
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

READ_BYTES = 1 << 16
DRAIN_SECONDS = 30.0
"""How long replies are waited for once nothing more is sent."""
GOOD, CUT = 200, 0
"""The status of a request whose connection ended."""
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Line:
    """One connection with the requests it shall make, one at a time. `heard` gets each good reply's body."""

    def __init__(
        self,
        address: tuple[str, int],
        context: ssl.SSLContext | None,
        jobs: Sequence[bytes],
        heard: Callable[[bytes], None] | None = None,
    ) -> None:
        self._address, self._context = address, context
        self.jobs = deque(jobs)
        self.heard = heard
        self.due: deque[float] = deque()
        """When the waiting requests should have left; the first is under way while `busy`."""
        self.busy = False
        self._got = b""
        self._rest = b""
        self.sock = self._connected()

    def _connected(self) -> socket.socket:
        made: socket.socket = socket.create_connection(self._address, DRAIN_SECONDS)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is not None:
            made = self._context.wrap_socket(made, server_hostname=self._address[0])
        made.setblocking(False)
        return made

    def renew(self) -> None:
        """A new connection after the server ended the old one."""
        self.sock.close()
        self._got = self._rest = b""
        self.sock = self._connected()

    def send(self) -> None:
        """Sends the next request. Raises OSError."""
        self.busy = True
        self._rest = self.jobs.popleft()
        self.flush()

    def flush(self) -> None:
        """Sends what the connection did not take at once."""
        while self._rest:
            try:
                self._rest = self._rest[self.sock.send(self._rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                return

    @property
    def unsent(self) -> bool:
        """Whether part of the request waits for the connection."""
        return bool(self._rest)

    def read(self) -> tuple[int, bytes] | None:
        """Status and body once the reply is whole; None before. Raises OSError when the line was cut."""
        while True:
            try:
                part = self.sock.recv(READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            if not part:
                raise ConnectionResetError
            self._got += part
        return self._whole()

    def _whole(self) -> tuple[int, bytes] | None:
        place = self._got.find(_END)
        if place < 0:
            return None
        head = self._got[:place].lower()
        at = head.find(_LENGTH)
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        end = place + len(_END) + length
        if len(self._got) < end:
            return None
        body, self._got = self._got[place + len(_END) : end], self._got[end:]
        return int(head[9:12]), body


@dataclass(slots=True)
class Group:
    """Lines that keep one pace: `rate` a second over all in turn; without one each sends again at once.

    `burst_pause`: all send in the same moment, and again so many seconds after the last has its reply.
    """

    lines: list[Line]
    rate: float = 0.0
    burst_pause: float | None = None
    ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    dry: bool = False
    """Whether a line was to send and had nothing left."""
    _woken: list[Line] = field(default_factory=list)
    _open: int = 0
    _turn: int = 0
    _next_burst: float = 0.0

    @property
    def under_way(self) -> int:
        """Requests that are due or on their way."""
        return self._open

    def begin(self, now: float) -> None:
        """The clock starts."""
        self._next_burst = now
        if self._closed:
            self._wake(self.lines, now)

    @property
    def _closed(self) -> bool:
        return not self.rate and self.burst_pause is None

    def _wake(self, lines: Sequence[Line], due: float) -> None:
        for line in lines:
            line.due.append(due)
            self._woken.append(line)
        self._open += len(lines)

    def plan(self, began: float, now: float) -> float:
        """Notes what is due by now; the moment when more will be."""
        if self.rate:
            while (due := began + self._turn / self.rate) <= now:
                self._wake([self.lines[self._turn % len(self.lines)]], due)
                self._turn += 1
            return due
        if self.burst_pause is None:
            return float("inf")
        if self._open:
            return float("inf")  # the last reply says when
        if now >= self._next_burst:
            self._wake(self.lines, now)
        return self._next_burst

    def ready(self) -> list[Line]:
        """The lines that shall send now."""
        woken, self._woken = self._woken, []
        for line in woken:
            self.dry = self.dry or not line.jobs
        return [line for line in woken if line.jobs and not line.busy]

    def replied(self, line: Line, reply: tuple[int, bytes], now: float) -> None:
        """One more is done; in a closed loop the next is due."""
        status, body = reply
        self.ms.append(1000 * (now - line.due.popleft()))
        self.statuses[status] += 1
        self._open -= 1
        line.busy = False
        if self.burst_pause is not None and not self._open:
            self._next_burst = now + self.burst_pause
        if status == GOOD and line.heard is not None:
            line.heard(body)
        if self._closed:
            self._wake([line], now)
        elif line.due:
            self._woken.append(line)


class Race:
    """All groups together for a span of time."""

    def __init__(self, groups: Sequence[Group]) -> None:
        self._groups = groups
        self._watch = selectors.DefaultSelector()
        for group in groups:
            for line in group.lines:
                self._watch.register(line.sock, selectors.EVENT_READ, (group, line))
        self.seconds = 0.0

    def run(self, seconds: float) -> None:
        """Sends for so long, or until a line has nothing left; then waits for what is under way."""
        began = time.monotonic()
        end = began + seconds
        for group in self._groups:
            group.begin(began)
        while (now := time.monotonic()) < end and not any(group.dry for group in self._groups):
            more = min(group.plan(began, now) for group in self._groups)
            self._send_ready()
            if not any(group.dry for group in self._groups):
                self._hear(max(0.0, min(more, end) - time.monotonic()))
        self.seconds = time.monotonic() - began
        self._drain()

    def run_out(self) -> None:
        """Sends until every line has sent all it has. After either the lines are closed."""
        began = time.monotonic()
        for group in self._groups:
            group.begin(began)
        while any(line.jobs for group in self._groups for line in group.lines):
            self._send_ready()
            self._hear(0.05)
        self._drain()
        self.seconds = time.monotonic() - began

    def _drain(self) -> None:
        end = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < end and any(line.busy for group in self._groups for line in group.lines):
            self._hear(0.05)
        self._watch.close()
        for group in self._groups:
            for line in group.lines:
                line.sock.close()

    def _send_ready(self) -> None:
        for group in self._groups:
            for line in group.ready():
                self._send(group, line)

    def _send(self, group: Group, line: Line) -> None:
        try:
            line.send()
        except OSError:
            self._cut(group, line)
            return
        if line.unsent:
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            self._watch.modify(line.sock, both, (group, line))

    def _hear(self, seconds: float) -> None:
        for key, events in self._watch.select(seconds):
            group, line = key.data
            try:
                if events & selectors.EVENT_WRITE:
                    line.flush()
                    if not line.unsent:
                        self._watch.modify(line.sock, selectors.EVENT_READ, key.data)
                reply = line.read()
            except OSError:
                self._cut(group, line)
                continue
            if reply is not None and line.busy:
                group.replied(line, reply, time.monotonic())

    def _cut(self, group: Group, line: Line) -> None:
        """The server ended the connection; what was under way counts as failed."""
        self._watch.unregister(line.sock)
        line.renew()
        self._watch.register(line.sock, selectors.EVENT_READ, (group, line))
        if line.busy:
            group.replied(line, (CUT, b""), time.monotonic())
