"""Ticket numbers: form, range, and what the check digit notices."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.rules.tickets import check_digit, ticket_number

DAY = date(2026, 3, 14)
NUMBERS = st.builds(
    ticket_number, st.dates(date(2000, 1, 1), date(2099, 12, 31)), st.integers(1, 999), st.integers(1, 9999)
)


def test_the_form() -> None:
    number = ticket_number(DAY, 1, 1)
    assert number[:-1] == "260314010001"
    assert len(ticket_number(DAY, 99, 9999)) == 13
    assert ticket_number(DAY, 100, 1)[:-1] == "2603141000001"


def test_the_check_digit_is_damms() -> None:
    assert check_digit("572") == "4"  # the example of Damm's thesis


@pytest.mark.parametrize(("sitting", "running"), [(0, 1), (1000, 1), (1, 0), (1, 10_000), (-1, 1)])
def test_out_of_range(sitting: int, running: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        ticket_number(DAY, sitting, running)


def fits(number: str) -> bool:
    """Whether the last digit is the one that belongs to the others."""
    return check_digit(number[:-1]) == number[-1]


@given(NUMBERS)
def test_its_own_numbers_are_right(number: str) -> None:
    assert fits(number) and len(number) in (13, 14)


@given(NUMBERS, st.data())
def test_a_wrong_digit_and_an_exchange_are_noticed(number: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(number) - 1))
    wrong = str((int(number[place]) + data.draw(st.integers(1, 9))) % 10)
    assert not fits(number[:place] + wrong + number[place + 1 :])
    place = data.draw(st.integers(0, len(number) - 2))
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert swapped == number or not fits(swapped)


@given(
    st.tuples(st.integers(1, 999), st.integers(1, 9999)), st.tuples(st.integers(1, 999), st.integers(1, 9999))
)
def test_different_places_have_different_numbers(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (ticket_number(DAY, *one) == ticket_number(DAY, *other)) == (one == other)
