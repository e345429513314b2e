"""The calendar of working days: the years that ship, and over them those that the institution has entered.

Every term in working days is counted with it (R34, R35). A year that neither has is refused by its number.
"""

from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.problems import InputRefused, Problem
from server.access import Actor, Permission
from server.db.people import User
from server.db.workdays import CalendarYear
from server.errors import Refused
from server.rules.workdays import (
    WorkCalendar,
    YearDays,
    calendar_of,
    load_years,
    read_days,
    written_days,
    year_faults,
)
from server.services import audit
from server.services.signed import need

MOST_ENTRIES = 120
"""Lines of a year that are read; no year has nearly as many."""


@dataclass(frozen=True, slots=True)
class YearPlan:
    """A year as somebody enters it: lines of days or ranges."""

    year: int
    holidays: tuple[str, ...]
    worked: tuple[str, ...]
    source: str


@dataclass(frozen=True, slots=True)
class YearView:
    """A year in force. `own`: entered by the institution; `ships`: there is one to fall back on."""

    year: int
    holidays: tuple[str, ...]
    worked: tuple[str, ...]
    source: str
    own: bool
    ships: bool
    set_at: datetime | None = None
    set_by: str = ""


@cache
def shipped() -> tuple[YearDays, ...]:
    """The years that come with the server."""
    years = load_years((files("server") / "policies" / "calendar.yaml").read_text(encoding="utf-8"))
    if isinstance(years, list):
        raise InputRefused(*years)
    return years


def calendar(session: Session) -> WorkCalendar:
    """The calendar in force."""
    return calendar_of((*shipped(), *(_days(row) for row in _in_force(session))))


def years(session: Session) -> list[YearView]:
    """Every year in force, the newest first."""
    with_stock = {each.year for each in shipped()}
    views = {each.year: _shipped_view(each) for each in shipped()}
    names = dict(session.execute(select(User.id, User.name)).all())
    for row in _in_force(session):
        views[row.year] = YearView(
            year=row.year,
            holidays=tuple(row.holidays),
            worked=tuple(row.worked),
            source=row.source,
            own=True,
            ships=row.year in with_stock,
            set_at=row.set_at,
            set_by=names.get(row.set_by or 0, ""),
        )
    return [views[year] for year in sorted(views, reverse=True)]


def enter(session: Session, actor: Actor, plan: YearPlan, *, now: datetime) -> None:
    """Enters a year, or puts it in the place of the one in force. Deadlines not yet over follow it.

    Raises `InputRefused` with every fault of the days; Refused: calendar_source_missing,
    calendar_unchanged.
    """
    need(actor, Permission.MANAGE_CALENDAR)
    made = _checked(plan)
    if not made.source:
        raise Refused("calendar_source_missing", 422, field="source")
    before = next((each for each in years(session) if each.year == made.year), None)
    holidays, worked = written_days(made.off), written_days(made.worked)
    if before is not None and (before.holidays, before.worked, before.source) == (
        tuple(holidays),
        tuple(worked),
        made.source,
    ):
        raise Refused("calendar_unchanged", 422, field="year", year=made.year)
    _replace(session, actor, made.year, now)
    row = CalendarYear(
        year=made.year,
        holidays=holidays,
        worked=worked,
        source=made.source,
        set_at=now,
        set_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    changed = _changed(before, made)
    place = f"calendar/{made.year}"
    facts = {"days": len(made.off), "worked": len(made.worked), "source": made.source, "changed": changed}
    audit.record(session, "system", actor, "calendar_entered", place, now=now, **facts)


def withdraw(session: Session, actor: Actor, year: int, *, now: datetime) -> None:
    """Takes back what the institution entered for a year: what ships holds again, or nothing.

    Refused: calendar_not_own for a year that nobody entered.
    """
    need(actor, Permission.MANAGE_CALENDAR)
    if not _replace(session, actor, year, now):
        raise Refused("calendar_not_own", year=year)
    audit.record(session, "system", actor, "calendar_withdrawn", f"calendar/{year}", now=now)


def _checked(plan: YearPlan) -> YearDays:
    problems: list[Problem] = []
    days: dict[str, frozenset[date]] = {}
    for place, lines in (("holidays", plan.holidays), ("worked", plan.worked)):
        if len(lines) > MOST_ENTRIES:
            problems.append(Problem("calendar_too_many", place, {"limit": MOST_ENTRIES}))
            continue
        found = read_days(lines, place)
        if isinstance(found, list):
            problems += found
        else:
            days[place] = found
    if problems:
        raise InputRefused(*problems)
    made = YearDays(plan.year, days["holidays"], days["worked"], plan.source.strip())
    faults = year_faults(made)
    if faults:
        raise InputRefused(*faults)
    return made


def _changed(before: YearView | None, made: YearDays) -> list[str]:
    """Days that are worked in one of the two and not in the other: what the record is about."""
    if before is None:
        return []
    old = calendar_of([_of_view(before)])
    new = calendar_of([made])
    touched = old.off | old.worked | new.off | new.worked
    return [str(day) for day in sorted(touched) if old.works(day) != new.works(day)]


def _of_view(view: YearView) -> YearDays:
    holidays, worked = read_days(view.holidays, "holidays"), read_days(view.worked, "worked")
    assert isinstance(holidays, frozenset) and isinstance(worked, frozenset)
    return YearDays(view.year, holidays, worked, view.source)


def _shipped_view(year: YearDays) -> YearView:
    holidays, worked = tuple(written_days(year.off)), tuple(written_days(year.worked))
    return YearView(year.year, holidays, worked, year.source, own=False, ships=True)


def _days(row: CalendarYear) -> YearDays:
    holidays, worked = read_days(row.holidays, "holidays"), read_days(row.worked, "worked")
    assert isinstance(holidays, frozenset) and isinstance(worked, frozenset)
    return YearDays(row.year, holidays, worked, row.source)


def _in_force(session: Session) -> list[CalendarYear]:
    query = select(CalendarYear).where(CalendarYear.replaced_at.is_(None))
    return list(session.scalars(query.order_by(CalendarYear.year, CalendarYear.id)))


def _replace(session: Session, actor: Actor, year: int, now: datetime) -> bool:
    query = select(CalendarYear).where(CalendarYear.year == year, CalendarYear.replaced_at.is_(None))
    rows = session.scalars(query.with_for_update()).all()
    for row in rows:
        row.replaced_at, row.replaced_by = now, actor.user_id
    session.flush()
    return bool(rows)
