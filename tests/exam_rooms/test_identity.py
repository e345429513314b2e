"""GB 11643: check digits, dates, provinces, and what people type."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.identity import (
    PROVINCES,
    IdFault,
    IdNumber,
    Sex,
    check_character,
    check_id_number,
    clean_id,
    mask_id,
)

# The example number of the standard itself, and its fellow with the check character X.
EXAMPLE = "11010519491231002X"


def test_there_are_thirty_five_divisions() -> None:
    assert len(PROVINCES) == 35
    assert {"10", "16", "20", "66", "72", "80", "84"}.isdisjoint(PROVINCES)


def test_the_example_of_the_standard() -> None:
    assert check_id_number(EXAMPLE) == IdNumber(EXAMPLE, "11", date(1949, 12, 31), Sex.FEMALE)
    assert check_id_number("440524188001010014") is IdFault.BIRTH  # the standard's second one: year 1880


@pytest.mark.parametrize(
    "typed",
    [
        "11010519491231002x",
        " 110105 19491231 002X ",
        "１１０１０５１９４９１２３１００２Ｘ",
        "110105\u300019491231002x\n",
    ],
)
def test_spellings_of_one_number(typed: str) -> None:
    checked = check_id_number(typed)
    assert isinstance(checked, IdNumber) and checked.text == EXAMPLE


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", IdFault.MISSING),
        ("   ", IdFault.MISSING),
        ("110105491231002", IdFault.OLD),
        ("1101051949123100", IdFault.SHAPE),
        ("11010519491231002", IdFault.SHAPE),
        ("11010519491231002XX", IdFault.SHAPE),
        ("1101051949123100X2", IdFault.SHAPE),
        ("1.10105194912E+17", IdFault.SHAPE),
        ("一一〇一〇五一九四九一二三一〇〇二X", IdFault.SHAPE),
        ("٠١٠١٠٥١٩٤٩١٢٣١٠٠٢X", IdFault.SHAPE),
        ("000105194912310020", IdFault.PROVINCE),
        ("160105194912310020", IdFault.PROVINCE),
        ("990105194912310020", IdFault.PROVINCE),
        ("110105194913010020", IdFault.BIRTH),
        ("110105194902290020", IdFault.BIRTH),
        ("110105194900100020", IdFault.BIRTH),
        ("110105189912310020", IdFault.BIRTH),
        ("110105194912310021", IdFault.CHECK),
        ("110105194912310020", IdFault.CHECK),
    ],
)
def test_faults(text: str, fault: IdFault) -> None:
    assert check_id_number(text) is fault


@pytest.mark.parametrize("birth", ["20000229", "20240229", "19040229"])
def test_people_born_on_a_leap_day(birth: str) -> None:
    digits = f"110000{birth}001"
    assert isinstance(check_id_number(digits + check_character(digits)), IdNumber)


@pytest.mark.parametrize("birth", ["19000229", "20230229", "21000229"])
def test_leap_days_that_never_were(birth: str) -> None:
    digits = f"110000{birth}001"
    assert check_id_number(digits + check_character(digits)) is IdFault.BIRTH


@pytest.mark.parametrize(("today", "known"), [(date(2008, 5, 11), False), (date(2008, 5, 12), True)])
def test_nobody_is_born_after_today(today: date, known: bool) -> None:
    digits = "11000020080512001"
    checked = check_id_number(digits + check_character(digits), today=today)
    assert isinstance(checked, IdNumber) is known


VALID = st.builds(
    lambda province, birth, rest: f"{province}0000{birth:%Y%m%d}{rest:03d}",
    st.sampled_from(sorted(PROVINCES)),
    st.dates(date(1900, 1, 1), date(2025, 12, 31)),
    st.integers(0, 999),
)


@given(VALID, st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(digits: str, place: int, shift: int) -> None:
    number = digits + check_character(digits)
    assert isinstance(check_id_number(number), IdNumber)
    wrong = str((int(number[place]) + shift) % 10)
    assert isinstance(check_id_number(number[:place] + wrong + number[place + 1 :]), IdFault)


@given(VALID, st.integers(0, 15))
def test_two_neighbouring_digits_exchanged_are_always_noticed(digits: str, place: int) -> None:
    number = digits + check_character(digits)
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    assert swapped == number or isinstance(check_id_number(swapped), IdFault)


@given(st.text(max_size=30))
def test_no_text_breaks_the_check(text: str) -> None:
    assert isinstance(check_id_number(text), IdNumber | IdFault)


def test_the_mask_hides_birth_and_place() -> None:
    assert mask_id(EXAMPLE) == "110***********002X"
    assert len(mask_id(EXAMPLE)) == 18
    assert mask_id("1234567") == "*******"
    assert mask_id("") == ""


@given(VALID, st.sampled_from(["", " ", "\u3000", "\t", "\n"]))
def test_blanks_between_the_groups_do_not_matter(digits: str, blank: str) -> None:
    number = digits + check_character(digits)
    assert clean_id(f"{blank}{number[:6]}{blank}{number[6:14]}{blank}{number[14:].lower()}{blank}") == number
