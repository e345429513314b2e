"""Extra time as a rule: exact by hundredths of a minute, in the candidate's favour, within its bounds."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.identity import check_character
from server.rules.accommodation import Extra, extra_fault, extra_minutes
from server.rules.roster import RosterReading, read_roster
from tests.server.rules.sheets_for_tests import sheet

PERCENTS = st.decimals("0", "100", places=2)
TESTS = st.decimals("1", "600", places=2)


@pytest.mark.parametrize(
    ("test", "extra", "expected"),
    [
        ("90", Extra(percent=Decimal(30)), "27.00"),
        ("95", Extra(percent=Decimal(30)), "28.50"),
        ("90", Extra(percent=Decimal(50)), "45.00"),
        ("91", Extra(percent=Decimal("33.33")), "30.34"),
        ("0.01", Extra(percent=Decimal("0.01")), "0.01"),
        ("90", Extra(minutes=Decimal("27.5")), "27.50"),
        ("90", Extra(), "0.00"),
    ],
)
def test_minutes_by_hundredths_rounded_up(test: str, extra: Extra, expected: str) -> None:
    assert extra_minutes(extra, Decimal(test)) == Decimal(expected)


@given(TESTS, PERCENTS)
def test_nobody_gets_less_than_approved_nor_a_hundredth_more(test: Decimal, percent: Decimal) -> None:
    exact = test * percent / 100
    assert exact <= extra_minutes(Extra(percent=percent), test) < exact + Decimal("0.01")
    assert extra_fault(Extra(percent=percent), test) == ""


@pytest.mark.parametrize(
    ("extra", "fault"),
    [
        (Extra(percent=Decimal(0)), ""),
        (Extra(percent=Decimal(100)), ""),
        (Extra(percent=Decimal("100.01")), "extra_time_range"),
        (Extra(percent=Decimal("-0.01")), "extra_time_range"),
        (Extra(minutes=Decimal(90)), ""),
        (Extra(minutes=Decimal("90.01")), "extra_time_range"),
        (Extra(minutes=Decimal(-1)), "extra_time_range"),
        (Extra(Decimal(1), Decimal(1)), "extra_time_twice"),
    ],
)
def test_bounds(extra: Extra, fault: str) -> None:
    assert extra_fault(extra, Decimal(90)) == fault


# --- in a roster -------------------------------------------------------------------------------------

DIGITS = "11000019900115001"
ID = DIGITS + check_character(DIGITS)
HEAD = ("姓名", "身份证号", "加时（分钟或 %）", "大字版", "依据")


def roster(*cells: object, head: tuple[str, ...] = HEAD) -> RosterReading:
    return read_roster([sheet(head, ("示例甲", ID, *cells))])


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("30%", Extra(percent=Decimal(30))),
        ("３０％", Extra(percent=Decimal(30))),
        (" 33.33 % ", Extra(percent=Decimal("33.33"))),
        ("27分钟", Extra(minutes=Decimal(27))),
        ("27 分", Extra(minutes=Decimal(27))),
        ("27.5 min", Extra(minutes=Decimal("27.5"))),
        ("100%", Extra(percent=Decimal(100))),
        ("", Extra()),
        ("无", Extra()),
        ("0", Extra()),
    ],
)
def test_extra_time_in_a_cell(cell: str, expected: Extra) -> None:
    reading = roster(cell, "", "12 号")
    assert reading.problems == []
    assert reading.entries[0].extra == expected


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        (("30", "", "12 号"), "extra_time_shape", "加时（分钟或 %）"),
        ((0.3, "", "12 号"), "extra_time_shape", "加时（分钟或 %）"),  # a cell formatted as 30%
        (("三成", "", "12 号"), "extra_time_shape", "加时（分钟或 %）"),
        (("-5%", "", "12 号"), "extra_time_shape", "加时（分钟或 %）"),
        (("101%", "", "12 号"), "extra_time_range", "加时（分钟或 %）"),
        (("", "大", "12 号"), "not_yes_or_no", "大字版"),
        (("30%", "", ""), "approval_missing_in_row", "依据"),
        (("", "是", " "), "approval_missing_in_row", "依据"),
        (("", "是", "字" * 201), "cell_too_long", "依据"),
    ],
)
def test_what_is_wrong_in_a_row(cells: tuple[object, ...], code: str, column: str) -> None:
    reading = roster(*cells)
    assert reading.entries == []
    assert [(problem.code, problem.params["column"]) for problem in reading.problems] == [(code, column)]


def test_large_print_alone_and_a_roster_without_these_columns() -> None:
    (entry,) = roster("", "是", "12 号").entries
    assert (entry.extra, entry.large_print, entry.approval) == (Extra(), True, "12 号")
    (plain,) = read_roster([sheet(HEAD[:2], ("示例甲", ID))]).entries
    assert (plain.extra, plain.large_print, plain.approval) == (Extra(), False, "")


def test_extra_time_without_a_column_for_the_approval() -> None:
    reading = roster("30%", head=HEAD[:3])
    assert [(problem.code, problem.params) for problem in reading.problems] == [
        ("approval_missing_in_row", {"column": "依据"})
    ]
