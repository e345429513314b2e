"""The days of publicity and of rechecks, across holidays with days worked instead."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itembank.problems import InputRefused
from server.rules.policy_components import ResultRules
from server.rules.publicity import (
    Stage,
    day_begins,
    local_day,
    recheck_until,
    reply_due,
    stage,
    takes_objections,
    term,
)
from server.rules.workdays import WorkCalendar

SHANGHAI = ZoneInfo("Asia/Shanghai")
OFF = {date(2025, 1, 1)}
OFF |= {date(2025, 1, 28) + timedelta(days=each) for each in range(8)}
OFF |= {date(2025, 10, 1) + timedelta(days=each) for each in range(8)}
WORKED = frozenset({date(2025, 1, 26), date(2025, 2, 8), date(2025, 9, 28), date(2025, 10, 11)})
CALENDAR = WorkCalendar(frozenset(OFF), WORKED, frozenset({2025}))
RULES = ResultRules()


@pytest.mark.parametrize(
    ("published", "last", "final", "report"),
    [
        # an ordinary week: Monday -> the next Monday, final on Tuesday
        ((2025, 3, 3), (2025, 3, 10), (2025, 3, 11), (2025, 3, 24)),
        # a Friday: the weekend does not count
        ((2025, 3, 7), (2025, 3, 14), (2025, 3, 17), (2025, 3, 28)),
        # before National Day: Sunday the 28th is worked, then eight days off, Saturday the 11th is worked
        ((2025, 9, 26), (2025, 10, 10), (2025, 10, 11), (2025, 10, 23)),
        ((2025, 9, 30), (2025, 10, 14), (2025, 10, 15), (2025, 10, 28)),
        # on a holiday: the first day that counts is the first one worked
        ((2025, 10, 3), (2025, 10, 14), (2025, 10, 15), (2025, 10, 28)),
        # Spring Festival: Sunday the 26th and Saturday the 8th are worked
        ((2025, 1, 23), (2025, 2, 6), (2025, 2, 7), (2025, 2, 19)),
        ((2025, 1, 27), (2025, 2, 10), (2025, 2, 11), (2025, 2, 24)),
    ],
)
def test_five_working_days_then_final(
    published: tuple[int, ...], last: tuple[int, ...], final: tuple[int, ...], report: tuple[int, ...]
) -> None:
    found = term(CALENDAR, date(*published), RULES)
    assert (found.last_on, found.final_on, found.report_due) == (date(*last), date(*final), date(*report))


@pytest.mark.parametrize(
    ("days", "last"), [(1, date(2025, 9, 28)), (4, date(2025, 10, 9)), (7, date(2025, 10, 13))]
)
def test_the_policy_says_how_many_days(days: int, last: date) -> None:
    assert term(CALENDAR, date(2025, 9, 26), ResultRules(publicity_days=days)).last_on == last


def test_recheck_and_reply_days() -> None:
    assert recheck_until(CALENDAR, date(2025, 9, 26), RULES) == date(2025, 10, 23)
    assert reply_due(CALENDAR, date(2025, 9, 30), RULES) == date(2025, 10, 21)


def test_a_year_that_nobody_entered_is_refused() -> None:
    with pytest.raises(InputRefused) as refused:
        term(CALENDAR, date(2025, 12, 26), RULES)
    assert refused.value.problems[0].code == "calendar_year_missing"


@given(st.dates(date(2025, 1, 2), date(2025, 11, 1)), st.integers(1, 15))
def test_publicity_is_never_shorter_than_the_policy_says(published: date, days: int) -> None:
    found = term(CALENDAR, published, ResultRules(publicity_days=days))
    shown = (published + timedelta(days=n) for n in range(1, (found.last_on - published).days + 1))
    assert sum(map(CALENDAR.works, shown)) == days
    assert CALENDAR.works(found.final_on) and published < found.last_on < found.final_on


def test_days_are_those_of_the_sites_clock() -> None:
    late = datetime(2025, 3, 3, 15, 59, 59, tzinfo=UTC)
    assert local_day(late, SHANGHAI) == date(2025, 3, 3)
    assert local_day(late + timedelta(seconds=1), SHANGHAI) == date(2025, 3, 4)
    assert day_begins(date(2025, 3, 4), SHANGHAI) == late + timedelta(seconds=1)


FINAL_AT = datetime(2025, 3, 10, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("objections", "before", "after"),
    [
        ((), Stage.PUBLICITY, Stage.FINAL),
        (("open",), Stage.HELD, Stage.HELD),
        (("upheld",), Stage.HELD, Stage.HELD),
        (("rejected",), Stage.PUBLICITY, Stage.FINAL),
        (("settled",), Stage.PUBLICITY, Stage.FINAL),
        (("rejected", "open"), Stage.HELD, Stage.HELD),
    ],
)
def test_an_objection_holds_until_it_is_decided(
    objections: tuple[str, ...], before: Stage, after: Stage
) -> None:
    assert stage(FINAL_AT, objections, FINAL_AT - timedelta(microseconds=1)) is before
    assert stage(FINAL_AT, objections, FINAL_AT) is after
    assert stage(None, objections, FINAL_AT) is Stage.PROVISIONAL


def test_nobody_objects_after_the_days() -> None:
    assert takes_objections(FINAL_AT, FINAL_AT - timedelta(microseconds=1))
    assert not takes_objections(FINAL_AT, FINAL_AT)
