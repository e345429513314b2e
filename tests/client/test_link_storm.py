"""A thousand seats that lose the server and get it back in one moment, on a simulated clock."""

import heapq
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from client import exchange as x
from client.exchange import Ask, Lane, Reply, Request
from client.link import Link
from client.link_pace import Manners
from client.outbox import Outbox
from exam_rooms import protocol as p
from exam_rooms.pace import (
    HEARTBEAT,
    RETURN_SPREAD,
    SEATS_FOR_A_POINT,
    heartbeat,
    hint_of,
    hint_of_crowd,
    silence,
)
from exam_rooms.protocol import Record, RecordKind, SeatState, Step
from exam_rooms.wire import encode

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
SEATS = 1000
TRIP = 0.02


def body(message: object) -> bytes:
    return json.dumps(encode(message)).encode()


class Hall:
    """Links on one simulated clock, and a server that is away from `away` to `back`."""

    def __init__(self, *, seats: int = SEATS, hint: int = 0, deadline: datetime | None = None) -> None:
        self.at = 1000.0
        self.hint = hint
        self.away = self.back = float("inf")
        self.asked: Counter[int] = Counter()
        self.kinds: Counter[Ask] = Counter()
        self.taken: list[set[int]] = [set() for _ in range(seats)]
        self.taken_at: list[float] = [0.0] * seats
        self._state = SeatState(version=5, server_time=NOW, seat="1", step=Step.ANSWERING, deadline=deadline)
        self._numbers = count()
        self.links = [self._link(number) for number in range(seats)]
        self._due: list[tuple[float, int, int, Request | None]] = [
            (self.at + random.Random(number).uniform(0, HEARTBEAT), next(self._numbers), number, None)
            for number in range(seats)
        ]
        heapq.heapify(self._due)

    def _link(self, number: int) -> Link:
        signer = x.Credentials(number + 1, lambda message: b"signed", "1.0")
        return Link(signer, Outbox(), random.Random(number))

    def answer(self, number: int, seq: int) -> None:
        record = Record(number + 1, 1, seq, RecordKind.ANSWER, f"q{seq}", "", "b", 0, "", f"{seq}")
        self.links[number].outbox.add([record])
        heapq.heappush(self._due, (self.at, next(self._numbers), number, None))

    def run(self, until: float) -> None:
        while self._due and self._due[0][0] <= until:
            self.at, _order, number, request = heapq.heappop(self._due)
            if request is not None:
                self._return(number, request)
            self._ask(number)
        self.at = until

    def _ask(self, number: int) -> None:
        wake = self.links[number].next(Lane.MAIN, self.at)
        if isinstance(wake, Request):
            self.asked[int(self.at)] += 1
            self.kinds[wake.ask] += 1
            heapq.heappush(self._due, (self.at + TRIP, next(self._numbers), number, wake))
        elif wake < x.FOREVER:
            heapq.heappush(self._due, (max(wake, self.at + 1e-6), next(self._numbers), number, None))

    def _return(self, number: int, request: Request) -> None:
        link = self.links[number]
        if self.away <= self.at < self.back:
            link.failed(Lane.MAIN, request, self.at)
        else:
            link.reply(Lane.MAIN, request, Reply(200, self._says(number, request)), self.at)

    def _says(self, number: int, request: Request) -> bytes:
        now = NOW + timedelta(seconds=self.at - 1000.0)
        if request.ask is Ask.ANSWERS:
            seqs = {int(record["seq"]) for record in json.loads(request.body)["records"]}
            self.taken[number] |= seqs
            self.taken_at[number] = self.at
            return body(p.AnswersReply({"1": max(self.taken[number])}, (), self.hint))
        says: dict[Ask, object] = {
            Ask.CHALLENGE: p.Challenge("nonce"),
            Ask.SESSION: p.SessionReply("token", now + timedelta(hours=2), now),
            Ask.STATE: self._state,
            Ask.STATUS: p.StatusReply(now, 5, self.hint),
        }
        return body(says[request.ask])

    def rate(self, start: float, seconds: int) -> list[int]:
        return [self.asked[int(start) + second] for second in range(seconds)]


@pytest.mark.dear
def test_a_simultaneous_return_stays_near_the_rate_of_every_day_and_brings_every_answer() -> None:
    hall = Hall()
    hall.run(1030.0)
    steady = max(hall.rate(1015, 15))
    hall.away, hall.back = 1030.0, 1060.0
    for number in range(SEATS):
        hall.answer(number, 1)  # each has something to bring
    hall.run(1100.0)
    assert all(taken == {1} for taken in hall.taken)
    busiest = max(hall.rate(1060, 30))
    assert busiest <= 2.5 * steady, (busiest, steady)
    assert max(hall.taken_at) - 1060.0 <= 9.0  # one longest pause, and the way there
    while_away = max(hall.rate(1040, 20))
    assert while_away <= steady


@pytest.mark.dear
def test_a_busy_server_is_asked_by_as_much_less() -> None:
    at_ease, busy = Hall(seats=200), Hall(seats=200, hint=4)
    for hall in (at_ease, busy):
        hall.run(1120.0)
    calm, slow = sum(at_ease.rate(1060, 60)), sum(busy.rate(1060, 60))
    assert calm / slow == pytest.approx(5, rel=0.1)


def test_answers_of_a_busy_server_are_spread_but_not_in_the_last_minute() -> None:
    hall = Hall(seats=1, hint=10, deadline=NOW + timedelta(seconds=600))
    hall.run(1040.0)

    def seconds_for_two_batches(start: float) -> float:
        hall.run(start)
        first = len(hall.taken[0]) + 1
        hall.answer(0, first)
        hall.run(start + 0.2)
        hall.answer(0, first + 1)
        end = start
        while hall.taken[0] != set(range(1, first + 2)):
            end += 0.1
            hall.run(end)
        return end - start

    assert 4.0 < seconds_for_two_batches(1100.0) < 6.0
    assert seconds_for_two_batches(1560.0) < 1.0


def test_the_spread_after_an_outage_grows_with_the_hint() -> None:
    def latest(hint: int) -> float:
        turns = []
        for seed in range(200):
            manners = Manners(random.Random(seed))
            manners.told(hint)
            manners.returned(50.0)
            turns.append(manners.turn(0.0) - 50.0)
        return max(turns)

    assert 0.9 * RETURN_SPREAD < latest(0) <= RETURN_SPREAD
    assert 0.9 * RETURN_SPREAD * 11 < latest(10) <= RETURN_SPREAD * 11


@pytest.mark.parametrize("hint", range(11))
def test_a_seat_that_does_as_it_is_told_never_counts_as_silent(hint: int) -> None:
    assert 2 * heartbeat(hint) < silence(hint)
    assert silence(0) == 8.0


@pytest.mark.parametrize(
    ("callers", "wait", "hint"),
    [(0, 0.0, 0), (49, 0.024, 0), (50, 0.0, 1), (0, 0.025, 1), (120, 0.2, 8), (9999, 0.0, 10), (0, 9.0, 10)],
)
def test_the_hint_is_the_worse_of_queue_and_loop(callers: int, wait: float, hint: int) -> None:
    assert hint_of(callers, wait) == hint


@pytest.mark.parametrize(
    ("seats", "hint"),
    [(-1, 0), (0, 0), (999, 0), (1000, 1), (1999, 1), (2000, 2), (5000, 5), (10_000, 10), (50_000, 10)],
)
def test_a_crowd_is_told_to_beat_more_rarely_even_at_ease(seats: int, hint: int) -> None:
    assert hint_of_crowd(seats) == hint


@pytest.mark.parametrize("seats", range(0, 11 * SEATS_FOR_A_POINT, 499))
def test_heartbeats_of_a_crowd_stay_below_a_third_of_a_thousand_a_second(seats: int) -> None:
    assert seats / heartbeat(hint_of_crowd(seats)) < SEATS_FOR_A_POINT / HEARTBEAT
