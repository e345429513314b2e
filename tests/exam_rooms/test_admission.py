"""Who may sign in: one refusal for each reason, in the order that tells strangers nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from exam_rooms.admission import Admitted, Booking, Door, Reason, Refused, SignIn, may_sign_in, same_ticket
from exam_rooms.clock import RoomClock, Schedule
from exam_rooms.seats import Act, AttemptState, perform

NINE = datetime(2026, 3, 14, 1, 0, tzinfo=UTC)
PLAN = Schedule(NINE, Decimal(90), late_entry_minutes=15, earliest_submit_minutes=30, entry_opens_minutes=30)
WAITING = Door("s1", RoomClock(PLAN))
RUNNING = Door("s1", RoomClock(PLAN, started_at=NINE))
ENDED = Door("s1", RoomClock(PLAN, started_at=NINE, ended_at=NINE + timedelta(minutes=5)))
ASKED = SignIn("2603140100013", "11010519491231002X", "12", seat_paired=True)
BOOKED = Booking("2603140100013", "11010519491231002X", "s1", "12", AttemptState.ASSIGNED)


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


def reason(answer: Admitted | Refused) -> Reason | None:
    return answer.reason if isinstance(answer, Refused) else None


@pytest.mark.parametrize(
    ("asked", "booking", "expected"),
    [
        (ASKED, BOOKED, None),
        (replace(ASKED, ticket=" 26031401 0001-3 "), BOOKED, None),
        (replace(ASKED, ticket="２６０３１４０１０００１３"), BOOKED, None),
        (replace(ASKED, id_number="11010519491231002x"), BOOKED, None),
        (replace(ASKED, seat_paired=False), BOOKED, Reason.SEAT_NOT_PAIRED),
        (ASKED, None, Reason.UNKNOWN_TICKET),
        (replace(ASKED, ticket="2603140100014"), BOOKED, Reason.UNKNOWN_TICKET),
        (ASKED, replace(BOOKED, sitting="s2"), Reason.OTHER_SITTING),
        (replace(ASKED, id_number="110105194912310021"), BOOKED, Reason.WRONG_ID),
        (replace(ASKED, id_number=""), BOOKED, Reason.WRONG_ID),
        (replace(ASKED, id_number="一"), BOOKED, Reason.WRONG_ID),
        (replace(ASKED, seat="13"), BOOKED, Reason.WRONG_SEAT),
    ],
)
def test_ticket_identity_and_seat(asked: SignIn, booking: Booking | None, expected: Reason | None) -> None:
    assert reason(may_sign_in(asked, booking, WAITING, at(-10))) is expected


def test_the_right_seat_is_told_only_to_the_holder() -> None:
    wrong_seat = replace(ASKED, seat="13")
    assert may_sign_in(wrong_seat, BOOKED, WAITING, at(-10)) == Refused(Reason.WRONG_SEAT, {"seat": "12"})
    stranger = replace(wrong_seat, id_number="110105194912310021")
    assert may_sign_in(stranger, BOOKED, WAITING, at(-10)) == Refused(Reason.WRONG_ID)


@pytest.mark.parametrize(
    ("door", "minutes", "expected"),
    [
        (WAITING, -30.001, Reason.TOO_EARLY),
        (WAITING, -30, None),
        (WAITING, 60, None),
        (RUNNING, 15, None),
        (RUNNING, 15.001, Reason.TOO_LATE),
        (RUNNING, 16, Reason.TOO_LATE),
        (RUNNING, 91, Reason.TOO_LATE),
        (ENDED, 4, None),
        (ENDED, 5, Reason.ROOM_CLOSED),
    ],
)
def test_the_door(door: Door, minutes: float, expected: Reason | None) -> None:
    assert reason(may_sign_in(ASKED, BOOKED, door, at(minutes))) is expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (AttemptState.ASSIGNED, None),
        (AttemptState.IDENTIFIED, Reason.ALREADY),
        (AttemptState.ADMITTED, Reason.ALREADY),
        (AttemptState.CONFIRMED, Reason.ALREADY),
        (AttemptState.READY, Reason.ALREADY),
        (AttemptState.ANSWERING, Reason.ALREADY),
        (AttemptState.SUBMITTED, Reason.CLOSED),
        (AttemptState.AUTO_SUBMITTED, Reason.CLOSED),
        (AttemptState.ENDED, Reason.CLOSED),
        (AttemptState.ABSENT, Reason.MARKED_ABSENT),
    ],
)
def test_the_state_of_the_attempt(state: AttemptState, expected: Reason | None) -> None:
    answer = may_sign_in(ASKED, replace(BOOKED, state=state), WAITING, at(-10))
    assert reason(answer) is expected
    if isinstance(answer, Admitted):
        assert perform(state, Act.SIGN_IN) is AttemptState.IDENTIFIED


def test_absent_after_the_door_closed_reads_the_door() -> None:
    absent = replace(BOOKED, state=AttemptState.ABSENT)
    assert reason(may_sign_in(ASKED, absent, RUNNING, at(16))) is Reason.TOO_LATE


def test_signed_in_at_another_seat_names_that_seat() -> None:
    elsewhere = replace(BOOKED, state=AttemptState.IDENTIFIED, signed_in_seat="07")
    assert may_sign_in(ASKED, elsewhere, WAITING, at(-10)) == Refused(Reason.ELSEWHERE, {"seat": "07"})


@pytest.mark.parametrize(
    ("typed", "same"), [("a1", True), ("A-1", True), ("Ａ１", True), ("A2", False), ("", False)]
)
def test_tickets_as_people_type_them(typed: str, same: bool) -> None:
    assert same_ticket(typed, "A1") is same
