"""Many seats in one process: the agents' own link and transport, with greenlets in the place of threads.

`python -m client.gevent_driver PLAN.json` keeps the seats of a plan connected until its standard input is
closed. PLAN: {"server", "ca_pem", "prefetch", "pause", "seats": [{"workstation", "private_key", "items"}]};
"pause": seconds between two seats that connect. It obeys lines there and answers each with one JSON line:
"report"; "answers RATE", so many answers a second over all seats in turn from now on, every tenth flagged;
"burst FIRST COUNT", one answer of each of these seats at once; "submit RATE", from now on so many hand in a
second; "delays", milliseconds from each record to its acknowledgement since the last time; "written", when
each seat wrote its answers. For load tests; nothing is kept on a disk and nothing is shown.
"""

from gevent import monkey

monkey.patch_all()

import base64  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import resource  # noqa: E402
import socket  # noqa: E402
import struct  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from collections.abc import Mapping  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from gevent.fileobject import FileObjectThread  # noqa: E402

from client import exchange as x  # noqa: E402
from client.board import Board  # noqa: E402
from client.clock import ServerClock, boot_seconds  # noqa: E402
from client.endpoint import parse_endpoint, trusting  # noqa: E402
from client.light_journal import LightJournal  # noqa: E402
from client.link import Link  # noqa: E402
from client.outbox import Outbox  # noqa: E402
from client.seat import Seat  # noqa: E402
from client.transport import Transport  # noqa: E402
from exam_rooms.protocol import JournalReply, Route, SeatState, StatusRequest, Step  # noqa: E402
from itembank.version import VERSION  # noqa: E402

_TCP_INFO_BYTES = struct.Struct("=120xQQ")
"""Bytes acknowledged by the peer, and bytes received, of a connection (linux/tcp.h)."""
CONNECTING_PAUSE = 0.02
"""Seconds between two seats that connect unless told: the room was not switched on in one moment."""
MARK_EVERY = 10
NS_PER_MS = 1_000_000


class LightSeat:
    """One seat: what an agent asks for, without its disk and its page."""

    def __init__(self, plan: Mapping[str, Any], prefetch: bool) -> None:
        key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(plan["private_key"]))
        rng = random.Random()  # noqa: S311 - jitter
        outbox = Outbox()
        self.board = Board(Seat(ServerClock("driver"), outbox), boot_seconds)
        self.link = Link(x.Credentials(int(plan["workstation"]), key.sign, VERSION), outbox, rng)
        self.link.describe(StatusRequest(boot_id="driver", boot_ns=0, state_version=0))
        self.workstation = int(plan["workstation"])
        self.opened_at = 0.0
        self.journal: LightJournal | None = None
        self._items = list(plan.get("items", ()))
        self._prefetch = prefetch
        self._package = ""
        self._state: SeatState | None = None
        self._unacknowledged: int | None = None
        self.delays: list[float] = []
        """Milliseconds until what was written was acknowledged, since somebody took them."""

    @property
    def waits(self) -> bool:
        """Whether everything that can be done before the start is done."""
        fetched = bool(self._package) or not self._prefetch
        return (
            self._state is not None
            and self._state.step is Step.READY
            and self.journal is not None
            and fetched
        )

    def handle(self, events: list[x.Event]) -> None:
        """Takes the link's events; called under the board's lock."""
        for event in events:
            if isinstance(event, x.StateSeen):
                self._state = event.state
            elif isinstance(event, x.JournalGranted):
                self._take_journal(event.reply)
            elif isinstance(event, x.AnswersTaken):
                self._acknowledged()
            elif isinstance(event, x.Fetched) and hashlib.sha256(event.data).hexdigest() == event.key:
                self._package = event.key
        self._want()
        self.board.changed.notify_all()

    def _take_journal(self, grant: JournalReply) -> None:
        self.link.want_journal(None)
        if self.journal is None:
            self.journal = LightJournal(grant, self._items, self.link.outbox)

    def answer(self) -> None:
        """The candidate answers one more question, if there is a paper and one is left."""
        with self.board.lock:
            if self.works and self.journal is not None and self.journal.answer():
                if len(self.journal.written) % MARK_EVERY == 0:
                    self.journal.mark()
                self._wrote()

    def submit(self) -> None:
        """The candidate hands in."""
        with self.board.lock:
            if self.works and self.journal is not None:
                self.journal.submit()
                self._wrote()

    @property
    def works(self) -> bool:
        """Whether the candidate may answer."""
        return self._state is not None and self._state.step is Step.ANSWERING

    @property
    def submitted(self) -> bool:
        """Whether the server says that it has the submission."""
        return self._state is not None and self._state.step is Step.SUBMITTED

    def _wrote(self) -> None:
        if self._unacknowledged is None:
            self._unacknowledged = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        self.board.changed.notify_all()

    def _acknowledged(self) -> None:
        if self._unacknowledged is not None and not self.link.outbox.attempts():
            now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            self.delays.append((now - self._unacknowledged) / NS_PER_MS)
            self._unacknowledged = None

    def _want(self) -> None:
        state = self._state
        if state is None or state.attempt is None or state.paper is None:
            return
        if self.journal is None:
            self.link.want_journal(state.attempt)
        needed = state.paper.sha256 if self._prefetch or state.paper.key else ""
        wanted = needed if needed != self._package else ""
        self.link.bulk.want(x.Ask.PACKAGE, wanted, f"{Route.PACKAGE}?sha256={wanted}")
        status = StatusRequest("driver", 0, 0, state.attempt, package_sha256=self._package)
        self.link.describe(status)
        if state.paper.key and self._package == needed and self.journal and not self.opened_at:
            self.opened_at = boot_seconds()


class Bytes:
    """What connections made from here on have carried, both ways."""

    def __init__(self) -> None:
        self._descriptors: set[int] = set()
        self._connect = socket.create_connection

    def watch(self) -> None:
        """From now on every new connection is counted."""

        def connected(*arguments: Any, **options: Any) -> socket.socket:  # noqa: ANN401
            made = self._connect(*arguments, **options)
            self._descriptors.add(made.fileno())
            return made

        socket.create_connection = connected

    def carried(self) -> tuple[int, int]:
        """Bytes sent and received over the connections that are open now, since each was opened."""
        sent = received = 0
        for descriptor in self._descriptors:
            try:
                made = socket.socket(fileno=descriptor)
            except OSError:
                continue
            try:
                info = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES.size)
                out, back = _TCP_INFO_BYTES.unpack(info)
                sent, received = sent + out, received + back
            except (OSError, struct.error):
                continue
            finally:
                made.detach()
        return sent, received


def main(arguments: list[str]) -> int:
    """Drives the plan's seats until standard input ends."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m client.gevent_driver PLAN.json\n")
        return 2
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    plan = json.loads(Path(arguments[0]).read_text("utf-8"))
    endpoint = parse_endpoint(plan["server"])
    context = trusting(plan["ca_pem"]) if endpoint.secure else None
    counted = Bytes()
    counted.watch()
    seats = [LightSeat(seat, bool(plan["prefetch"])) for seat in plan["seats"]]
    for seat in seats:
        Transport(seat.link, seat.board, endpoint, context, seat.handle).start()
        time.sleep(float(plan.get("pause", CONNECTING_PAUSE)))
    crowd = Crowd(seats)
    for line in FileObjectThread(sys.stdin.fileno(), "r"):  # a plain read would stop every seat
        told = _report(seats, counted) if line.strip() == "report" else crowd.obey(line.split())
        if told is None:
            continue
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    return 0


class Crowd:
    """The candidates at the seats: how often they answer."""

    def __init__(self, seats: list[LightSeat]) -> None:
        self._seats = seats
        self._rate = 0.0
        self._turn = 0
        self._act = LightSeat.answer
        threading.Thread(target=self._work, name="answers", daemon=True).start()

    def obey(self, order: list[str]) -> dict[str, object] | None:
        """The answer to an order; None to what is none."""
        match order:
            case ["answers", rate]:
                return self.keep_answering(float(rate))
            case ["burst", first, count]:
                return self.burst(int(first), int(count))
            case ["submit", rate]:
                return self.keep_submitting(float(rate))
            case ["delays"]:
                return self.delays()
            case ["written"]:
                return self.written()
        return None

    def keep_answering(self, rate: float) -> dict[str, object]:
        """From now on so many answers a second, seat after seat."""
        self._rate, self._act = rate, LightSeat.answer
        return {"rate": rate}

    def keep_submitting(self, rate: float) -> dict[str, object]:
        """From now on so many hand in a second, seat after seat."""
        self._rate, self._act, self._turn = rate, LightSeat.submit, 0
        return {"rate": rate}

    def delays(self) -> dict[str, object]:
        """Milliseconds until records were acknowledged, since the last time somebody asked."""
        found: list[float] = []
        for seat in self._seats:
            found += seat.delays
            seat.delays = []
        return {"ms": [round(ms, 2) for ms in found]}

    def burst(self, first: int, count: int) -> dict[str, object]:
        """One answer of each of these seats at once; when it began, CLOCK_BOOTTIME in ns."""
        began = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        for seat in self._seats[first : first + count]:
            seat.answer()
        return {"began_ns": began}

    def written(self) -> dict[str, object]:
        """Workstation -> when it wrote each of its answers."""
        return {str(seat.workstation): seat.journal.written if seat.journal else [] for seat in self._seats}

    def _work(self) -> None:
        due = time.monotonic()
        while True:
            if self._rate <= 0:
                time.sleep(0.1)
                due = time.monotonic()
                continue
            due += 1 / self._rate
            time.sleep(max(0.0, due - time.monotonic()))
            self._act(self._seats[self._turn % len(self._seats)])
            self._turn += 1


def _report(seats: list[LightSeat], counted: Bytes) -> dict[str, object]:
    sent, received = counted.carried()
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "seats": len(seats),
        "linked": sum(seat.link.up for seat in seats),
        "waiting": sum(seat.waits for seat in seats),
        "submitted": sum(seat.submitted for seat in seats),
        "answers": sum(len(seat.journal.written) for seat in seats if seat.journal),
        "opened_at": [seat.opened_at for seat in seats if seat.opened_at],
        "sent": sent,
        "received": received,
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
    }


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
