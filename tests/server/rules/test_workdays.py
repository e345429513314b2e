"""Working days across the long holidays of the dated table, with days worked instead; unknown years refused."""

from collections.abc import Iterable
from datetime import date, timedelta
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.problems import InputRefused, Problem
from server.rules.workdays import (
    WorkCalendar,
    YearDays,
    add_working_days,
    calendar_of,
    load_years,
    read_days,
    written_days,
    year_faults,
)

TEXT = (files("server") / "policies" / "calendar.yaml").read_text(encoding="utf-8")
YEARS = load_years(TEXT)
assert isinstance(YEARS, tuple), YEARS
CALENDAR = calendar_of(YEARS)
DAYS = st.dates(date(2024, 1, 1), date(2026, 6, 30))


def d(text: str) -> date:
    return date.fromisoformat(text)


def days(*texts: str) -> frozenset[date]:
    found = read_days(texts, "holidays")
    assert isinstance(found, frozenset)
    return found


def codes(problems: Iterable[Problem]) -> list[tuple[str, str]]:
    return [(problem.code, problem.place) for problem in problems]


def test_the_years_that_ship_name_their_notices() -> None:
    assert [each.year for each in YEARS] == [2024, 2025, 2026]
    assert all(str(each.year) in each.source and year_faults(each) == [] for each in YEARS)


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2024-02-04", True),  # a Sunday before the Spring Festival
        ("2024-02-09", True),
        ("2024-02-12", False),
        ("2024-02-18", True),
        ("2025-01-26", True),
        ("2025-01-27", True),
        ("2025-01-28", False),
        ("2025-02-04", False),
        ("2025-02-05", True),
        ("2025-02-08", True),
        ("2025-02-09", False),
        ("2025-09-28", True),
        ("2025-09-30", True),
        ("2025-10-01", False),
        ("2025-10-08", False),
        ("2025-10-09", True),
        ("2025-10-11", True),
        ("2025-10-12", False),
        ("2026-01-02", False),
        ("2026-01-04", True),
        ("2026-02-14", True),
        ("2026-02-23", False),
        ("2026-02-24", True),
        ("2026-02-28", True),
        ("2026-09-20", True),
        ("2026-10-07", False),
        ("2026-10-08", True),
        ("2026-10-10", True),
        ("2026-11-21", False),  # a Saturday like any other
        ("2026-11-23", True),
    ],
)
def test_single_days(day: str, works: bool) -> None:
    assert CALENDAR.works(d(day)) is works


@pytest.mark.parametrize(
    ("day", "count", "expected"),
    [
        ("2026-11-20", 0, "2026-11-20"),
        ("2026-11-20", 1, "2026-11-23"),
        ("2026-11-20", 5, "2026-11-27"),
        ("2026-11-21", 1, "2026-11-23"),
        # National Day: 1 to 8 October 2025 off, 28 September and 11 October worked
        ("2025-09-26", 1, "2025-09-28"),
        ("2025-09-26", 3, "2025-09-30"),
        ("2025-09-26", 4, "2025-10-09"),
        ("2025-09-26", 5, "2025-10-10"),
        ("2025-09-26", 6, "2025-10-11"),
        ("2025-09-26", 7, "2025-10-13"),
        ("2026-09-30", 5, "2026-10-13"),
        # Spring Festival: 15 to 23 February 2026 off, 14 and 28 February worked
        ("2026-02-12", 1, "2026-02-13"),
        ("2026-02-12", 2, "2026-02-14"),
        ("2026-02-12", 3, "2026-02-24"),
        ("2026-02-13", 5, "2026-02-27"),
        ("2026-02-13", 6, "2026-02-28"),
        ("2026-02-13", 7, "2026-03-02"),
        ("2024-02-02", 1, "2024-02-04"),
        ("2024-02-02", 7, "2024-02-18"),
        ("2024-02-02", 8, "2024-02-19"),
        # over New Year
        ("2024-12-31", 1, "2025-01-02"),
        ("2025-12-31", 1, "2026-01-04"),
    ],
)
def test_terms(day: str, count: int, expected: str) -> None:
    assert add_working_days(CALENDAR, d(day), count) == d(expected)


@pytest.mark.parametrize("day", ["2027-01-04", "2023-12-29"])
def test_an_unknown_year_is_refused_by_its_number(day: str) -> None:
    with pytest.raises(InputRefused) as refused:
        CALENDAR.works(d(day))
    (problem,) = refused.value.problems
    assert (problem.code, problem.params) == ("calendar_year_missing", {"year": d(day).year})


def test_a_term_that_runs_into_an_unknown_year_is_refused_and_not_a_day_earlier() -> None:
    assert add_working_days(CALENDAR, d("2026-12-24"), 5) == d("2026-12-31")
    with pytest.raises(InputRefused):
        add_working_days(CALENDAR, d("2026-12-24"), 6)


@pytest.mark.parametrize("count", [-1, 10_001])
def test_an_absurd_term_is_a_mistake(count: int) -> None:
    with pytest.raises(ValueError, match="working days"):
        add_working_days(CALENDAR, d("2026-03-02"), count)


@given(DAYS, st.integers(0, 60))
def test_counting_there_and_back_agrees(day: date, count: int) -> None:
    end = add_working_days(CALENDAR, day, count)
    passed = ((day + timedelta(days=n)) for n in range(1, (end - day).days + 1))
    assert sum(map(CALENDAR.works, passed)) == count
    assert count == 0 or CALENDAR.works(end)
    assert end >= day


@given(DAYS, st.integers(0, 30), st.integers(0, 30))
def test_two_terms_one_after_the_other_are_their_sum(day: date, one: int, other: int) -> None:
    assert add_working_days(CALENDAR, add_working_days(CALENDAR, day, one), other) == add_working_days(
        CALENDAR, day, one + other
    )


def test_a_later_entry_of_a_year_counts_alone() -> None:
    own = YearDays(2026, days("2026-03-02"), frozenset())
    calendar = calendar_of([*YEARS, own])
    assert not calendar.works(d("2026-03-02"))
    assert calendar.works(d("2026-10-01")) and not calendar.works(d("2026-10-10"))
    assert not calendar.works(d("2025-10-01"))


def test_an_empty_calendar_knows_nothing() -> None:
    with pytest.raises(InputRefused):
        WorkCalendar(frozenset(), frozenset(), frozenset()).works(d("2026-03-02"))


# --- what somebody enters -----------------------------------------------------------------------------


@given(st.frozensets(st.dates(date(2026, 1, 1), date(2026, 12, 31)), max_size=40))
def test_days_come_back_from_what_is_written(given_days: frozenset[date]) -> None:
    read = read_days(written_days(given_days), "holidays")
    if isinstance(read, list):  # more than 31 days in a row are no holiday
        assert max(len(list(run)) for run in _runs(given_days)) > 31
    else:
        assert read == given_days


def _runs(found: frozenset[date]) -> list[list[date]]:
    runs: list[list[date]] = []
    for day in sorted(found):
        if runs and day - runs[-1][-1] == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


@pytest.mark.parametrize(
    "text",
    ["", "2026-02-30", "1 October", "2026-10-07/2026-10-01", "2026-10-01/", "2026-01-01/2026-02-01", "/"],
)
def test_what_is_no_day(text: str) -> None:
    found = read_days([text], "worked")
    assert isinstance(found, list)
    assert codes(found) == [("calendar_not_days", "worked")]


@pytest.mark.parametrize(
    ("off", "worked", "expected"),
    [
        (["2027-01-01"], [], []),
        (["2027-01-01"], ["2027-01-03"], []),
        (["2027-01-02/2027-01-03"], [], [("calendar_no_days_off", "holidays")]),
        ([], [], [("calendar_no_days_off", "holidays")]),
        (["2027-01-01"], ["2027-01-04"], [("calendar_worked_anyway", "worked")]),
        (["2027-01-01/2027-01-03"], ["2027-01-03"], [("calendar_both", "worked")]),
        (["2027-01-01", "2026-12-31"], [], [("calendar_other_year", "holidays")]),
        (["2027-01-01"], ["2028-01-02"], [("calendar_other_year", "worked")]),
    ],
)
def test_faults_of_a_year(off: list[str], worked: list[str], expected: list[tuple[str, str]]) -> None:
    assert codes(year_faults(YearDays(2027, days(*off), days(*worked)))) == expected


@pytest.mark.parametrize("year", [0, 1999, 2101, 20277])
def test_a_year_far_away_is_a_mistake(year: int) -> None:
    assert codes(year_faults(YearDays(year, frozenset(), frozenset()))) == [("number_out_of_range", "year")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [("missing_value", "")]),
        ("years: 3", [("missing_value", "years")]),
        ("years: {2027: {holidays: [2027-01-01]}}", [("missing_value", "years.2027.source")]),
        (
            "years: {2027: {source: S, holidays: [2027-01-01, soon], worked: [2027-01-03]}}",
            [("calendar_not_days", "years.2027.holidays"), ("calendar_no_days_off", "years.2027.holidays")],
        ),
        ("years: {next: {source: S, holidays: []}}", [("number_out_of_range", "years.next.year")]),
    ],
)
def test_faults_of_a_calendars_text(text: str, expected: list[tuple[str, str]]) -> None:
    problems = load_years(text)
    assert isinstance(problems, list)
    assert codes(problems) == expected
