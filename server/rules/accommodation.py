"""Extra time that was approved for one candidate: as a share of the test, or in minutes (R44)."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

MOST_PERCENT = Decimal(100)
"""Nobody is given more than the test's own time again; beyond that people plan a sitting of its own."""
NOTE_LIMIT = 200
_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Extra:
    """`percent` of the test's minutes, or `minutes`; never both. Neither: no extra time."""

    percent: Decimal | None = None
    minutes: Decimal | None = None

    def __bool__(self) -> bool:
        """Whether there is any extra time."""
        return bool(self.percent or self.minutes)


def extra_minutes(extra: Extra, test_minutes: Decimal) -> Decimal:
    """Minutes on top of a test of `test_minutes`, by hundredths and never less than what was approved."""
    exact = extra.minutes or test_minutes * (extra.percent or Decimal(0)) / 100
    return exact.quantize(_HUNDREDTH, rounding=ROUND_CEILING)


def extra_fault(extra: Extra, test_minutes: Decimal | None = None) -> str:
    """Why extra time cannot be given, as a message code; "" when it can.

    Bounds are 0 to `MOST_PERCENT` of the test; minutes are compared with it once its length is known.
    """
    if extra.percent is not None and extra.minutes is not None:
        return "extra_time_twice"
    if extra.percent is not None and not 0 <= extra.percent <= MOST_PERCENT:
        return "extra_time_range"
    if extra.minutes is not None and extra.minutes < 0:
        return "extra_time_range"
    if test_minutes is not None and extra_minutes(extra, test_minutes) > test_minutes * MOST_PERCENT / 100:
        return "extra_time_range"
    return ""
