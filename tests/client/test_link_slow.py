"""Lines with a long round trip: answers get through between the heartbeats, and at once near the deadline."""

import json
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from client import exchange as x
from client.exchange import Ask, Lane, Reply, Request
from client.link import Link
from client.outbox import Outbox
from exam_rooms import protocol as p
from exam_rooms.pace import heartbeat, silence
from exam_rooms.protocol import Record, RecordKind, SeatState, Step
from exam_rooms.wire import encode

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
GRACE = 5.0


class SlowLine:
    """One link whose requests are answered after `trip` seconds; the server has them after half of that."""

    def __init__(self, trip: float, hint: int = 0, deadline: float = 3600.0) -> None:
        self.trip, self.hint, self.deadline = trip, hint, deadline
        self.at = 0.0
        self.outbox = Outbox()
        signer = x.Credentials(1, lambda message: b"signed", "1.0")
        self.link = Link(signer, self.outbox, random.Random(1))
        self.sent: list[tuple[float, Ask]] = []
        self.written: list[float] = []
        self.came: dict[int, float] = {}
        self.refuses = 0
        self.loses: Ask | None = None
        self._open: tuple[float, Request] | None = None
        self._describe()

    def write(self) -> None:
        seq = len(self.written) + 1
        self.written.append(self.at)
        self.outbox.add([Record(7, 1, seq, RecordKind.ANSWER, f"q{seq}", "", "b", 0, "", f"{seq}")])
        self._describe()

    def run(self, until: float) -> None:
        while True:
            if self._open is None:
                wake = self.link.next(Lane.MAIN, self.at)
                if isinstance(wake, Request):
                    self.sent.append((self.at, wake.ask))
                    self._open = (self.at + (10.0 if wake.ask is self.loses else self.trip), wake)
                    continue
                due = max(wake, self.at + 0.001)
            else:
                due = self._open[0]
            if due > until:
                self.at = until
                return
            self.at = due
            if self._open is not None:
                (_, request), self._open = self._open, None
                self._bring(request)

    def _bring(self, request: Request) -> None:
        if request.ask is self.loses:
            self.link.failed(Lane.MAIN, request, self.at)
        else:
            self.link.reply(Lane.MAIN, request, self._reply(request), self.at)
        self._describe()

    def lag(self, seq: int) -> float:
        """Seconds from the writing of a record until the server had it."""
        return self.came[seq] - self.written[seq - 1]

    def asked(self) -> list[Ask]:
        return [ask for _, ask in self.sent]

    def _describe(self) -> None:
        self.link.describe(p.StatusRequest("b", 0, 0, attempt=7, waiting=self.outbox.waiting(), journal=1))

    def _reply(self, request: Request) -> Reply:
        arrived = request.sent + self.trip / 2
        now = START + timedelta(seconds=arrived)
        ends = START + timedelta(seconds=self.deadline)
        if request.ask is Ask.ANSWERS:
            if self.refuses:
                self.refuses -= 1
                return Reply(500, b'{"code": "fault", "params": {}}')
            seqs = [int(record["seq"]) for record in json.loads(request.body)["records"]]
            self.came |= {seq: arrived for seq in seqs if seq not in self.came}
            return self._ok(p.AnswersReply({"1": max(self.came)}, (), self.hint))
        says: dict[Ask, object] = {
            Ask.CHALLENGE: p.Challenge("nonce"),
            Ask.SESSION: p.SessionReply("token", now + timedelta(hours=8), now),
            Ask.STATE: SeatState(5, now, "1", Step.ANSWERING, attempt=7, deadline=ends),
            Ask.STATUS: p.StatusReply(now, 5, self.hint),
            Ask.JOURNAL: p.JournalReply(7, 1, p.ZERO_HEAD, "a2V5"),
            Ask.RECEIPT: p.Receipt(7, "T", 1, 1, "00", 0, now, "sig"),
        }
        return self._ok(says[request.ask])

    @staticmethod
    def _ok(message: object) -> Reply:
        return Reply(200, json.dumps(encode(message)).encode())


@pytest.mark.parametrize("trip", [2.9, 3.0, 3.1, 9.0])
def test_everything_gets_its_turn_between_heartbeats(trip: float) -> None:
    line = SlowLine(trip)
    line.link.want_journal(7)
    line.run(60.0)
    assert {Ask.STATE, Ask.JOURNAL} <= set(line.asked())
    for _ in range(20):
        line.write()
        line.run(line.at + 3.0)
    line.link.want_receipt(7)
    line.run(line.at + 5 * trip)
    assert max(map(line.lag, range(1, 21))) <= 2.5 * trip + 0.01  # one request before, a heartbeat, the way
    assert line.asked()[-4:].count(Ask.RECEIPT) == 1


@pytest.mark.parametrize("trip", [3.1, 9.0])
def test_no_heartbeat_follows_a_heartbeat_while_answers_wait(trip: float) -> None:
    line = SlowLine(trip)
    line.run(60.0)
    while line.at < 200.0:
        line.write()
        line.run(line.at + 1.0)
    asked = [ask for at, ask in line.sent if at > 62.0]
    assert (Ask.STATUS, Ask.STATUS) not in set(pairwise(asked))
    assert abs(asked.count(Ask.STATUS) - asked.count(Ask.ANSWERS)) <= 1  # nor do answers crowd them out


def test_heartbeats_that_never_come_through_do_not_hold_up_answers() -> None:
    line = SlowLine(0.02)
    line.run(10.0)
    line.loses = Ask.STATUS
    line.run(60.0)
    line.write()
    line.run(90.0)
    assert line.lag(1) <= 10.0 + 8.0 + 0.1  # one heartbeat's time-out and the longest pause


@pytest.mark.parametrize("trip", [0.02, 3.0])
def test_a_line_that_the_server_can_bear_is_never_silent(trip: float) -> None:
    line = SlowLine(trip)
    line.run(300.0)
    heard = [at + trip / 2 for at, _ in line.sent]
    assert max(after - before for before, after in pairwise(heard)) < silence(0)


@pytest.mark.parametrize("hint", [0, 10])
@pytest.mark.parametrize("trip", [3.0, 9.0])
def test_in_the_last_minute_a_record_waits_for_one_request_at_most(trip: float, hint: int) -> None:
    line = SlowLine(trip, hint, deadline=600.0)
    line.run(530.0)
    while line.at < 600.0 - 1e-6:
        line.write()
        line.run(line.at + 0.7)
    line.run(660.0)
    last_minute = [seq for seq, at in enumerate(line.written, 1) if at >= 540.0 + trip]
    assert last_minute and max(map(line.lag, last_minute)) <= 1.5 * trip + 0.01
    in_time = [at for seq, at in enumerate(line.written, 1) if line.came[seq] <= 600.0 + GRACE]
    assert max(in_time) >= 600.0 - max(0.7, 1.5 * trip - GRACE + 0.7)


@pytest.mark.parametrize("trip", [3.0, 9.0])
@pytest.mark.parametrize("back", range(1, 12))
def test_no_pause_of_before_reaches_into_the_last_minute(trip: float, back: int) -> None:
    line = SlowLine(trip, hint=10, deadline=600.0)
    line.run(540.0 - back - trip)
    line.write()
    line.run(540.0 - back)  # taken, or on its way: the next batch would leave five seconds later
    line.write()
    line.run(600.0)
    assert line.came[2] <= 540.0 + 1.5 * trip + 0.01


def test_a_failure_shortly_before_the_last_minute_is_not_stretched() -> None:
    for seed in range(20):
        line = SlowLine(0.02, hint=10, deadline=600.0)
        line.link._manners._rng.seed(seed)
        line.run(535.0)
        line.refuses = 1
        line.write()
        line.run(600.0)
        assert line.lag(1) <= 1.1  # the first pause after a failure, with no hint


@pytest.mark.parametrize(("hint", "soon"), [(0, True), (4, False), (10, False)])
def test_a_heartbeat_is_brought_forward_when_the_load_recedes(hint: int, soon: bool) -> None:
    line = SlowLine(0.02, hint=10)
    line.run(5.0)
    line.hint = hint
    line.write()
    line.run(8.1)
    assert line.came and (Ask.STATUS in [ask for at, ask in line.sent if at >= 5.0]) is soon
    line.run(5.1 + heartbeat(hint))
    assert Ask.STATUS in [ask for at, ask in line.sent if at >= 5.0]
