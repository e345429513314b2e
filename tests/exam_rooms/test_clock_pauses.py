"""Time that stands still: every edge of a pause, and the law that answering time is never changed by one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms import clock
from exam_rooms.clock import NEVER, Pause, Phase, RoomClock, Schedule

NINE = datetime(2026, 3, 14, 1, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
PLAN = Schedule(NINE, Decimal(90), late_entry_minutes=15, earliest_submit_minutes=30)
RUNNING = RoomClock(PLAN, started_at=NINE)


def at(minutes: float, tick: int = 0) -> datetime:
    return NINE + timedelta(minutes=minutes) + tick * TICK


def paused(*times: tuple[float, float | None]) -> RoomClock:
    pauses = (Pause(at(since), None if until is None else at(until)) for since, until in times)
    return replace(RUNNING, pauses=clock.merged(pauses))


def left(room: RoomClock, now: datetime) -> float:
    """Seconds that a seat counts down from what it is told."""
    since = clock.paused_since(room, now)
    return max(0.0, (clock.standing(room, now) - (since or now)).total_seconds())


TEN = paused((10, 20))
OPEN = paused((10, None))


@pytest.mark.parametrize(
    ("room", "credit", "ends"),
    [
        (TEN, "0", at(100)),
        (TEN, "6", at(106)),
        (OPEN, "0", NEVER),
        (paused((10, 20), (30, 31)), "0", at(101)),
        (paused((-5, 5)), "0", at(95)),  # what lies before the start is no time of the test
        (paused((0, 10)), "0", at(100)),
        (paused((90, 95)), "0", at(90)),  # over before it began
        (paused((89.5, 95)), "0", at(95.5)),
        (paused((90, 95)), "6", at(101)),
        (paused((90, None)), "0", at(90)),
        (paused((90, None)), "6", NEVER),
        (paused((10, 20), (95, 99)), "0", at(104)),
        (replace(OPEN, ended_at=at(40)), "0", at(40)),
        (replace(TEN, ended_at=at(95)), "0", at(95)),
    ],
)
def test_a_pause_moves_the_deadline_by_its_length(room: RoomClock, credit: str, ends: datetime) -> None:
    assert clock.deadline(room, Decimal(credit)) == ends


@pytest.mark.parametrize(
    ("room", "now", "seconds"),
    [
        (TEN, at(10), 4800.0),
        (TEN, at(15), 4800.0),
        (TEN, at(20), 4800.0),
        (TEN, at(21), 4740.0),
        (TEN, at(100, -1), 0.000001),
        (TEN, at(100), 0.0),
        (OPEN, at(600), 4800.0),
    ],
)
def test_what_remains_stands_still(room: RoomClock, now: datetime, seconds: float) -> None:
    assert left(room, now) == seconds


@pytest.mark.parametrize(
    ("now", "since"),
    [(at(10, -1), None), (at(10), at(10)), (at(20, -1), at(10)), (at(20), None)],
)
def test_the_edges_of_a_pause(now: datetime, since: datetime | None) -> None:
    assert clock.paused_since(TEN, now) == since


def test_nobody_is_over_while_it_lasts() -> None:
    assert clock.phase(OPEN, at(10_000)) is Phase.RUNNING
    assert not clock.locked(OPEN, at(10_000))


def test_the_door_and_the_earliest_hand_in_wait_too() -> None:
    assert clock.late_entry_closes(TEN) == at(25)
    assert clock.late_entry_closes(OPEN) == NEVER
    assert clock.entry_open(TEN, at(25)) and not clock.entry_open(TEN, at(25, 1))
    assert clock.late_entry_closes(paused((15, 40))) == at(15)
    assert clock.submit_allowed_at(TEN) == at(40)
    assert clock.submit_allowed_at(paused((30, 40))) == at(30)


def test_a_seat_is_told_the_deadline_as_if_the_pause_ended_where_it_began() -> None:
    assert clock.standing(OPEN, at(50)) == at(90)
    assert clock.standing(paused((5, 7), (10, None)), at(50)) == at(92)
    assert clock.standing(TEN, at(50)) == at(100)


def test_a_seat_paused_by_itself_and_with_the_room_stands_once() -> None:
    seat = clock.with_pauses(TEN, [Pause(at(15), at(30))])
    assert seat.pauses == (Pause(at(10), at(30)),)
    assert clock.deadline(seat) == at(110)


@pytest.mark.parametrize(
    ("worked", "ends"),
    [
        ((10, 13), at(97)),  # heard of it three minutes late
        ((10, 20), at(90)),  # never heard of it
        ((12, 14), at(98)),
        ((5, 12), at(98)),
        ((18, 30), at(98)),
        ((20, 30), at(100)),
    ],
)
def test_what_a_seat_worked_before_it_heard_is_no_paused_time(
    worked: tuple[float, float], ends: datetime
) -> None:
    seat = clock.with_pauses(TEN, (), [Pause(at(worked[0]), at(worked[1]))])
    assert clock.deadline(seat) == ends


minutes = st.integers(min_value=-20, max_value=200)
spans = st.lists(st.tuples(minutes, minutes).map(lambda pair: (min(pair), max(pair))), max_size=6)


def _pauses(found: list[tuple[int, int]]) -> list[Pause]:
    return [Pause(at(since), at(until)) for since, until in found]


@pytest.mark.dear
@given(room=spans, own=spans, worked=spans, credit=st.integers(0, 60), extra=st.integers(0, 45))
def test_answering_time_is_minutes_and_credits_and_extra_whatever_the_pauses(
    room: list[tuple[int, int]],
    own: list[tuple[int, int]],
    worked: list[tuple[int, int]],
    credit: int,
    extra: int,
) -> None:
    whole = replace(RUNNING, pauses=clock.merged(_pauses(room)), credits_minutes=Decimal(credit))
    seat = clock.with_pauses(whole, _pauses(own), _pauses(worked))
    ends = clock.deadline(seat, Decimal(extra))
    stood = sum(
        (max(timedelta(0), min(each.until or ends, ends) - max(each.since, NINE)) for each in seat.pauses),
        timedelta(0),
    )
    assert ends - NINE - stood == timedelta(minutes=90 + credit + extra)


@pytest.mark.dear
@given(room=spans, own=spans, now=st.integers(0, 400))
def test_remaining_time_never_grows_and_meets_the_deadline(
    room: list[tuple[int, int]], own: list[tuple[int, int]], now: int
) -> None:
    here, later = (left(_heard(room, own, moment), at(moment)) for moment in (now, now + 1))
    seat = _heard(room, own, now)
    assert 0 <= here - later <= 60
    assert (here == 0) == (at(now) >= clock.deadline(seat)) or clock.paused_since(seat, at(now)) is not None


def _heard(room: list[tuple[int, int]], own: list[tuple[int, int]], now: int) -> RoomClock:
    """The seat as it is known at a moment: nobody knows of a pause before it begins, nor of its end."""

    def so_far(spans: list[tuple[int, int]]) -> list[Pause]:
        begun = [(since, until) for since, until in spans if since <= now]
        return [Pause(at(since), at(until) if until <= now else None) for since, until in begun]

    return clock.with_pauses(replace(RUNNING, pauses=clock.merged(so_far(room))), so_far(own))


@pytest.mark.dear
@given(first=spans, second=spans)
def test_merging_knows_no_order_and_cutting_is_exact(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    one, other = _pauses(first), _pauses(second)
    assert clock.merged(one + other) == clock.merged(other + one) == clock.merged(clock.merged(one + other))
    rest = clock.without(one, other)
    for moment in range(-21, 202):
        half = at(moment + 0.5)
        inside = _inside(one, half) and not _inside(other, half)
        assert _inside(rest, half) == inside


def _inside(pauses: tuple[Pause, ...] | list[Pause], moment: datetime) -> bool:
    return any(each.since <= moment and (each.until is None or moment < each.until) for each in pauses)
