"""Boundary tables for every time of a room: both sides of each edge."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms import clock
from exam_rooms.clock import Phase, RoomClock, Schedule

NINE = datetime(2026, 3, 14, 1, 0, tzinfo=UTC)  # 9:00 in Shanghai
TICK = timedelta(microseconds=1)
PLAN = Schedule(
    starts_at=NINE,
    minutes=Decimal(90),
    late_entry_minutes=15,
    earliest_submit_minutes=30,
    entry_opens_minutes=30,
)
PLANNED = RoomClock(PLAN)
RUNNING = RoomClock(PLAN, started_at=NINE)
# Started three minutes late, five minutes for everybody.
LATE = RoomClock(PLAN, started_at=NINE + timedelta(minutes=3), credits_minutes=Decimal(5))
ENDED = replace(RUNNING, ended_at=NINE + timedelta(minutes=40))


def at(minutes: float, tick: int = 0) -> datetime:
    return NINE + timedelta(minutes=minutes) + tick * TICK


@pytest.mark.parametrize(
    ("room", "now", "expected"),
    [
        (PLANNED, at(-30, -1), Phase.BEFORE),
        (PLANNED, at(-30), Phase.ENTRY),
        (PLANNED, at(0), Phase.ENTRY),
        (PLANNED, at(600), Phase.ENTRY),  # nobody has started it
        (RUNNING, at(0, -1), Phase.ENTRY),
        (RUNNING, at(0), Phase.RUNNING),
        (RUNNING, at(90, -1), Phase.RUNNING),
        (RUNNING, at(90), Phase.OVER),
        (LATE, at(3, -1), Phase.ENTRY),
        (LATE, at(3), Phase.RUNNING),
        (LATE, at(98, -1), Phase.RUNNING),
        (LATE, at(98), Phase.OVER),
        (ENDED, at(40, -1), Phase.RUNNING),
        (ENDED, at(40), Phase.ENDED),
        (ENDED, at(200), Phase.ENDED),
        (replace(RUNNING, ended_at=at(95)), at(92), Phase.OVER),
        (RoomClock(PLAN, started_at=at(-40)), at(-40, -1), Phase.ENTRY),  # started before entry opened
        (RoomClock(PLAN, ended_at=at(-5)), at(-5), Phase.ENDED),  # called off
    ],
)
def test_phase(room: RoomClock, now: datetime, expected: Phase) -> None:
    assert clock.phase(room, now) is expected


@pytest.mark.parametrize(
    ("room", "credit", "expected"),
    [
        (PLANNED, "0", at(90)),
        (RUNNING, "0", at(90)),
        (RUNNING, "6", at(96)),
        (RUNNING, "0.5", at(90.5)),
        (LATE, "0", at(98)),
        (LATE, "6", at(104)),
        (ENDED, "0", at(40)),
        (ENDED, "30", at(40)),
        (replace(RUNNING, ended_at=at(95)), "0", at(90)),
        (replace(RUNNING, ended_at=at(95)), "6", at(95)),
    ],
)
def test_deadline(room: RoomClock, credit: str, expected: datetime) -> None:
    assert clock.deadline(room, Decimal(credit)) == expected


def test_thirty_per_cent_more_time_is_exact() -> None:
    assert clock.deadline(RUNNING, Decimal(90) * Decimal("0.3")) == at(117)


@pytest.mark.parametrize(
    ("room", "now", "credit", "expected"),
    [
        (PLANNED, at(1), "0", True),
        (RUNNING, at(0, -1), "0", True),
        (RUNNING, at(0), "0", False),
        (RUNNING, at(90, -1), "0", False),
        (RUNNING, at(90), "0", True),
        (RUNNING, at(90), "6", False),  # a credit reopens the seat
        (RUNNING, at(96), "6", True),
        (ENDED, at(40), "0", True),
    ],
)
def test_a_seat_locks_at_its_own_deadline(
    room: RoomClock, now: datetime, credit: str, expected: bool
) -> None:
    assert clock.locked(room, now, Decimal(credit)) is expected


@pytest.mark.parametrize("minutes", [15, 20, 30])
def test_late_entry_edge(minutes: int) -> None:
    room = RoomClock(replace(PLAN, late_entry_minutes=minutes), started_at=at(3))
    closes = at(3 + minutes)
    assert clock.late_entry_closes(room) == closes
    assert clock.entry_open(room, closes)
    assert not clock.entry_open(room, closes + TICK)


@pytest.mark.parametrize(
    ("room", "now", "expected"),
    [
        (PLANNED, at(-30, -1), False),
        (PLANNED, at(-30), True),
        (PLANNED, at(40), True),  # the door stays open until the room starts
        (RUNNING, at(16), False),
        (ENDED, at(40), False),
        (RoomClock(PLAN, ended_at=at(-5)), at(-5), False),
    ],
)
def test_entry_open(room: RoomClock, now: datetime, expected: bool) -> None:
    assert clock.entry_open(room, now) is expected


def test_sixteen_minutes_late_depends_on_the_policy() -> None:
    assert not clock.entry_open(RUNNING, at(16))
    thirty = RoomClock(replace(PLAN, late_entry_minutes=30), started_at=NINE)
    assert clock.entry_open(thirty, at(16))
    assert clock.deadline(thirty) == at(90)  # coming late does not move the end


def test_late_entry_never_outlasts_the_paper() -> None:
    short = RoomClock(replace(PLAN, minutes=Decimal(2)), started_at=NINE)
    assert clock.late_entry_closes(short) == at(2)
    assert not clock.entry_open(short, at(2))


@pytest.mark.parametrize(
    ("earliest", "minutes", "credit", "expected"),
    [
        (30, "90", "0", at(30)),
        (60, "90", "10", at(60)),
        (None, "90", "0", at(90)),
        (None, "90", "10", at(100)),
        (30, "2", "0", at(2)),
        (0, "2", "0", at(0)),
    ],
)
def test_submit_allowed_at(earliest: int | None, minutes: str, credit: str, expected: datetime) -> None:
    plan = replace(PLAN, earliest_submit_minutes=earliest, minutes=Decimal(minutes))
    assert clock.submit_allowed_at(RoomClock(plan, started_at=NINE), Decimal(credit)) == expected


@given(
    started=st.integers(-600, 600),
    credit=st.integers(0, 6000).map(lambda tenth: Decimal(tenth) / 10),
    offset=st.integers(-10_000, 10_000),
)
def test_a_seat_is_open_exactly_while_time_remains(started: int, credit: Decimal, offset: int) -> None:
    room = RoomClock(PLAN, started_at=NINE + timedelta(seconds=started))
    now = NINE + timedelta(seconds=offset)
    worked = timedelta(seconds=offset - started)
    due = timedelta(minutes=90) + timedelta(seconds=float(credit * 60))
    assert clock.locked(room, now, credit) != (timedelta(0) <= worked < due)
