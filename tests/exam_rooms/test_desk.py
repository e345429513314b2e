"""The desk's own decisions: the door at its edges, who has to confirm, which form a walk-in gets."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.admission import Admitted, Booking, SignIn, may_sign_in
from exam_rooms.admission import Door as SeatDoor
from exam_rooms.clock import RoomClock, Schedule
from exam_rooms.desk import AGAIN, COMPARED, CONFIRM, Confirm, Door, Face, entry, form_for
from exam_rooms.seatmap import RoomMap, SeatPosition
from exam_rooms.seats import AttemptState

NINE = datetime(2026, 11, 21, 9, tzinfo=UTC)


def clock(late: int = 15, started: datetime | None = NINE, ended: datetime | None = None) -> RoomClock:
    return RoomClock(Schedule(NINE, Decimal(90), late, 30), started_at=started, ended_at=ended)


@pytest.mark.parametrize(
    ("late", "after", "door", "minutes"),
    [
        (15, timedelta(minutes=-30, seconds=-1), Door.EARLY, 0),
        (15, timedelta(minutes=-30), Door.OPEN, 0),
        (15, timedelta(0), Door.OPEN, 0),
        (15, timedelta(seconds=1), Door.LATE, 1),
        (15, timedelta(minutes=1), Door.LATE, 1),
        (15, timedelta(minutes=1, seconds=1), Door.LATE, 2),
        (15, timedelta(minutes=15), Door.LATE, 15),
        (15, timedelta(minutes=15, microseconds=1), Door.CLOSED, 16),
        (15, timedelta(minutes=16), Door.CLOSED, 16),
        (20, timedelta(minutes=16), Door.LATE, 16),
        (30, timedelta(minutes=16), Door.LATE, 16),
        (30, timedelta(minutes=30), Door.LATE, 30),
        (30, timedelta(minutes=30, seconds=1), Door.CLOSED, 31),
        (15, timedelta(minutes=90), Door.OVER, 90),
    ],
)
def test_the_door_at_its_edges(late: int, after: timedelta, door: Door, minutes: int) -> None:
    started = NINE if after >= timedelta(0) else None
    found = entry(clock(late, started), NINE + after)
    assert (found.door, found.late_minutes) == (door, minutes)
    assert found.closes_at == NINE + timedelta(minutes=late)
    assert found.is_open is (door in (Door.OPEN, Door.LATE))


def test_lateness_counts_from_the_real_start_and_an_unstarted_room_waits() -> None:
    assert entry(clock(started=None), NINE + timedelta(minutes=40)).door is Door.OPEN
    delayed = clock(started=NINE + timedelta(minutes=10))
    assert entry(delayed, NINE + timedelta(minutes=24)).late_minutes == 14
    assert entry(delayed, NINE + timedelta(minutes=25)).is_open


def test_a_room_that_was_ended_lets_nobody_in() -> None:
    ended = clock(ended=NINE + timedelta(minutes=5))
    assert entry(ended, NINE + timedelta(minutes=6)).door is Door.OVER


@given(st.integers(-3_000, 7_000), st.sampled_from([15, 20, 30]), st.booleans())
def test_desk_and_seat_agree_on_the_door(seconds: int, late: int, started: bool) -> None:
    room, at = clock(late, NINE if started else None), NINE + timedelta(seconds=seconds)
    asked = SignIn("T1", "ID", "1", seat_paired=True)
    booking = Booking("T1", "ID", "s", "1", AttemptState.ASSIGNED)
    at_seat = may_sign_in(asked, booking, SeatDoor("s", room), at)
    assert entry(room, at).is_open is isinstance(at_seat, Admitted)


def test_only_a_clear_comparison_or_none_at_all_is_confirmed_alone() -> None:
    assert {face for face, need in CONFIRM.items() if need is Confirm.ONE} == {Face.MATCH, Face.NOT_USED}
    assert CONFIRM[Face.MISMATCH] is Confirm.CHIEF
    assert CONFIRM[Face.NOT_ASKED] is Confirm.ASK
    assert set(CONFIRM) == set(Face)
    assert not AGAIN & {Face.DECLINED, Face.NOT_ASKED, Face.NOT_USED, Face.MATCH}
    assert {Face.MATCH, Face.UNSURE, Face.MISMATCH} == COMPARED


def row_of(*forms: str) -> tuple[RoomMap, dict[str, str]]:
    seats = tuple(
        SeatPosition(number=str(n), row=1, column=n, x=1.2 * n, y=0.0) for n in range(1, len(forms) + 1)
    )
    taken = {str(n): form for n, form in enumerate(forms, 1) if form}
    return RoomMap(name="r", seats=seats), taken


@pytest.mark.parametrize(
    ("forms", "seat", "wanted"),
    [
        (("A", "", "B"), "2", "C"),
        (("A", "", "A"), "2", "B"),
        (("", "", ""), "2", "A"),
        (("A", "B", ""), "3", "A"),
        (("A", ""), "2", "B"),
    ],
)
def test_a_walk_in_gets_the_form_that_no_neighbour_has(
    forms: tuple[str, ...], seat: str, wanted: str
) -> None:
    room, taken = row_of(*forms)
    found = form_for(room, seat, taken, ["A", "B", "C"] if wanted == "C" else ["A", "B"])
    assert found == wanted
