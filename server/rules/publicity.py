"""The days of publicity and of rechecks, and where a candidate's result stands in between (R34, R35).

A day on which something begins does not count: with five days of publicity a list of Monday is public until
the next Monday and final on that Tuesday. Days are working days on the site's clock.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from enum import StrEnum

from server.rules.policy_components import ResultRules
from server.rules.workdays import WorkCalendar, add_working_days


class Stage(StrEnum):
    """Where the result of a candidate stands."""

    PROVISIONAL = "provisional"
    PUBLICITY = "publicity"
    HELD = "held"
    FINAL = "final"


HOLDING = frozenset({"open", "upheld"})
"""States of an objection that keep a result from becoming final."""


@dataclass(frozen=True, slots=True)
class Term:
    """The days of a list published on `published_on`; both `last_on` and `report_due` are included.

    `final_on`: the first working day after the publicity.
    """

    published_on: date
    last_on: date
    final_on: date
    report_due: date


def term(calendar: WorkCalendar, published_on: date, rules: ResultRules) -> Term:
    """R34: publicity for at least the policy's days, then the report within its days.

    Raises `InputRefused` (calendar_year_missing) for days of a year that the calendar does not know.
    """
    last = add_working_days(calendar, published_on, rules.publicity_days)
    return Term(
        published_on,
        last,
        add_working_days(calendar, last, 1),
        add_working_days(calendar, last, rules.report_days),
    )


def stage(final_at: datetime | None, objections: Iterable[str], now: datetime) -> Stage:
    """The stage of one candidate: `final_at` of the line in force (None: on no list), states of objections.

    An objection that is rejected lets the result become final at once, or when its days are over.
    """
    if final_at is None:
        return Stage.PROVISIONAL
    if any(state in HOLDING for state in objections):
        return Stage.HELD
    return Stage.FINAL if now >= final_at else Stage.PUBLICITY


def takes_objections(final_at: datetime, now: datetime) -> bool:
    """Whether the publicity of a line still runs; afterwards nobody objects."""
    return now < final_at


def recheck_until(calendar: WorkCalendar, published_on: date, rules: ResultRules) -> date:
    """R35: the last day on which a recheck may be asked for."""
    return add_working_days(calendar, published_on, rules.recheck_days)


def reply_due(calendar: WorkCalendar, received_on: date, rules: ResultRules) -> date:
    """R35: the last day for the answer to a request."""
    return add_working_days(calendar, received_on, rules.reply_days)


def local_day(moment: datetime, zone: tzinfo) -> date:
    """The day of a moment on the site's clock."""
    return moment.astimezone(zone).date()


def day_begins(day: date, zone: tzinfo) -> datetime:
    """The first moment of a day on the site's clock."""
    return datetime.combine(day, time(), tzinfo=zone)
