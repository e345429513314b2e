"""Working days: which days are worked in a year with holidays and days worked instead (调休).

The State Council fixes both year by year, so a year that nobody has entered is refused by its number:
counting it by weekends alone would move every deadline that crosses a holiday.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from itembank.blueprint_reading import Reader, parse
from itembank.problems import InputRefused, Problem

FIRST_YEAR, LAST_YEAR = 2000, 2100
MOST_DAYS = 10_000  # a term longer than that is a mistake, not a term
LONGEST_HOLIDAY = 31  # days of one entry "first/last"
SATURDAY = 5
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class YearDays:
    """One year: days off besides weekends (weekend days among them do no harm), and weekend days worked.

    `source` names the notice that fixed them.
    """

    year: int
    off: frozenset[date]
    worked: frozenset[date]
    source: str = ""


@dataclass(frozen=True, slots=True)
class WorkCalendar:
    """The days off and the weekend days worked in `years`; nothing is known of other years."""

    off: frozenset[date]
    worked: frozenset[date]
    years: frozenset[int]

    def works(self, day: date) -> bool:
        """Whether a day is worked. Raises `InputRefused` (calendar_year_missing) for an unknown year."""
        if day.year not in self.years:
            raise InputRefused(Problem("calendar_year_missing", "", {"year": day.year}))
        if day in self.worked:
            return True
        return day.weekday() < SATURDAY and day not in self.off


def calendar_of(years: Iterable[YearDays]) -> WorkCalendar:
    """One calendar out of years; of two entries for a year the later one counts alone."""
    known = {each.year: each for each in years}
    return WorkCalendar(
        off=frozenset(day for each in known.values() for day in each.off),
        worked=frozenset(day for each in known.values() for day in each.worked),
        years=frozenset(known),
    )


def add_working_days(calendar: WorkCalendar, day: date, count: int) -> date:
    """The `count`-th working day after `day`; `day` itself for 0.

    The day on which something happens is not counted (Civil Code, article 201). Raises `InputRefused` when a
    day on the way lies in an unknown year, ValueError for a negative or absurd count.
    """
    if not 0 <= count <= MOST_DAYS:
        raise ValueError(f"{count} working days")
    while count:
        day += _DAY
        count -= calendar.works(day)
    return day


def year_faults(given: YearDays) -> list[Problem]:
    """What is wrong with a year as somebody entered it; places are "year", "holidays" or "worked"."""
    if not FIRST_YEAR <= given.year <= LAST_YEAR:
        bounds = {"value": given.year, "low": FIRST_YEAR, "high": LAST_YEAR}
        return [Problem("number_out_of_range", "year", bounds)]
    faults = []
    for place, days in (("holidays", given.off), ("worked", given.worked)):
        faults += [
            Problem("calendar_other_year", place, {"day": str(day), "year": given.year})
            for day in sorted(days)
            if day.year != given.year
        ]
    faults += [
        Problem("calendar_both", "worked", {"day": str(day)}) for day in sorted(given.off & given.worked)
    ]
    faults += [
        Problem("calendar_worked_anyway", "worked", {"day": str(day)})
        for day in sorted(given.worked - given.off)
        if day.weekday() < SATURDAY
    ]
    if not any(day.weekday() < SATURDAY for day in given.off):
        faults.append(Problem("calendar_no_days_off", "holidays", {"year": given.year}))
    return faults


def read_days(entries: Iterable[str], place: str) -> frozenset[date] | list[Problem]:
    """Days out of texts, each one day or a range "first/last" (ISO, both ends included), or every fault."""
    found: set[date] = set()
    faults: list[Problem] = []
    for entry in entries:
        days = _range(entry)
        if days is None:
            faults.append(Problem("calendar_not_days", place, {"value": entry[:40], "most": LONGEST_HOLIDAY}))
        else:
            found.update(days)
    return faults or frozenset(found)


def written_days(days: Iterable[date]) -> list[str]:
    """The inverse of `read_days`: neighbouring days as one range, in order."""
    ends: list[tuple[date, date]] = []
    for day in sorted(days):
        if ends and day - ends[-1][1] == _DAY:
            ends[-1] = (ends[-1][0], day)
        else:
            ends.append((day, day))
    return [str(first) if first == last else f"{first}/{last}" for first, last in ends]


def load_years(text: str) -> tuple[YearDays, ...] | list[Problem]:
    """The years of a calendar's text (server/policies/calendar.yaml), or every fault with its path."""
    data = parse(text)
    if isinstance(data, Problem):
        return [data]
    read = Reader()
    years = read.mapping(data, "", ("years",)).get("years")
    if not isinstance(years, Mapping):
        return read.problems or [Problem("missing_value", "years")]
    result = tuple(_year(read, number, entry) for number, entry in years.items())
    return read.problems or result


def _year(read: Reader, number: object, data: object) -> YearDays:
    path = f"years.{number}"
    fields = read.mapping(data, path, ("source", "holidays", "worked"))
    source = read.text(fields, "source", path)
    days: dict[str, frozenset[date]] = {}
    for key in ("holidays", "worked"):
        texts = [str(entry) for entry in read.entries(fields.get(key), f"{path}.{key}")]
        found = read_days(texts, f"{path}.{key}")
        read.problems += found if isinstance(found, list) else []
        days[key] = frozenset() if isinstance(found, list) else found
    year = YearDays(number if isinstance(number, int) else 0, days["holidays"], days["worked"], source)
    for fault in year_faults(year):
        read.problems.append(Problem(fault.code, f"{path}.{fault.place}", fault.params))
    return year


def _range(entry: str) -> list[date] | None:
    first, ranges, last = entry.strip().partition("/")
    try:
        begins = date.fromisoformat(first.strip())
        ends = date.fromisoformat(last.strip()) if ranges else begins
    except ValueError:
        return None
    if not timedelta() <= ends - begins < timedelta(days=LONGEST_HOLIDAY):
        return None
    return list(_days(begins, ends))


def _days(first: date, last: date) -> Iterator[date]:
    day = first
    while day <= last:
        yield day
        day += _DAY
