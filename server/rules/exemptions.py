"""Whether evidence lets a candidate skip a component (R10): valid, and not older than the policy's window."""

import calendar
from datetime import date

from server.rules.policy_components import ExemptionRule

FEBRUARY, LEAP_DAY = 2, 29


def last_day(issued_on: date, years: int) -> date:
    """The last day of a term of so many years from a day.

    It ends on the same day of the month; where that month lacks it, on the month's last day (Civil Code,
    article 202): of 29 February three years later on 28 February.
    """
    year = issued_on.year + years
    if (issued_on.month, issued_on.day) == (FEBRUARY, LEAP_DAY) and not calendar.isleap(year):
        return date(year, FEBRUARY, LEAP_DAY - 1)
    return issued_on.replace(year=year)


def exempt(rule: ExemptionRule, issued_on: date, anchor: date) -> bool:
    """Whether evidence of a day exempts on the anchor day; the last day of the window counts.

    Evidence that is issued after the anchor day does not.
    """
    return issued_on <= anchor <= last_day(issued_on, rule.within_years)
