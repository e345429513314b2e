"""Level policies in words, and the calendar of working days."""

from datetime import date
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.errors import NotFound, Refused
from server.rules.policy import LevelPolicy, Profile, policy_for
from server.services import batches, workdays
from server.web.forms import shown_again, text, whole
from server.web.guard import actor, current_host, requires

bp = Blueprint("policies", __name__)

MOST_TEXT = 10_000
"""Characters of the days of a year."""
ANNOUNCED = 11
"""The month in which the holidays of the next year are known."""
Line = tuple[LevelPolicy, date | None]
"""The policy of one occupation and level, and the first day on which a batch may be held."""


@bp.get("/policies")
@requires(Permission.SEE_BATCHES)
def index() -> str:
    """The profiles that a batch can be filed under, real ones first."""
    found = [batches.read_profile(name) for name, _title, _rehearsal in batches.profiles()]
    with current_host().db.read() as session:
        missing = _missing(workdays.years(session))
    return render_template("policies/index.html", profiles=found, next_missing=missing)


@bp.get("/policies/<name>")
@requires(Permission.SEE_BATCHES)
def show(name: str) -> str:
    """One profile: the components of every level, and one level in words (`?occupation=…&level=…`)."""
    profile = batches.read_profile(name)
    levels = _levels(profile)
    asked = request.args.get("occupation", ""), request.args.get("level", "")
    chosen = [policy for policy, _opened in levels if (policy.occupation, str(policy.level)) == asked]
    if any(asked) and not chosen:
        raise NotFound("level")
    first = chosen[0] if chosen else levels[0][0]
    return render_template("policies/show.html", profile=profile, levels=levels, chosen=first)


@bp.get("/calendar")
@requires(Permission.SEE_BATCHES)
def calendar() -> str:
    """Every year in force, and the form that enters one."""
    with current_host().db.read() as session:
        years = workdays.years(session)
    return render_template("policies/calendar.html", years=years, next_missing=_missing(years))


@bp.post("/calendar")
@requires(Permission.MANAGE_CALENDAR)
@shown_again("policies.calendar")
def enter_year() -> ResponseReturnValue:
    """Enters a year or replaces it."""
    host = current_host()
    holidays, worked = _lines("holidays"), _lines("worked")
    plan = workdays.YearPlan(whole("year"), holidays, worked, text("source", limit=200))
    host.db.write(workdays.enter, actor(), plan, now=host.now())
    flash(_("%(year)s 年的日历已保存。", year=plan.year), "good")
    return redirect(url_for("policies.calendar"))


@bp.post("/calendar/<int:year>/withdraw")
@requires(Permission.MANAGE_CALENDAR)
@shown_again("policies.calendar", year=None)
def withdraw_year(year: int) -> ResponseReturnValue:
    """Takes back the institution's own entry of a year."""
    host = current_host()
    host.db.write(workdays.withdraw, actor(), year, now=host.now())
    flash(_("%(year)s 年的日历已撤回。", year=year), "good")
    return redirect(url_for("policies.calendar"))


def _levels(profile: Profile) -> list[Line]:
    return [
        (policy_for(profile, occupation.key, level), entry.opened)
        for occupation in profile.occupations.values()
        for level, entry in sorted(occupation.levels.items(), reverse=True)
    ]


def _missing(years: list[workdays.YearView]) -> int | None:
    """The year that somebody should enter: this one, and from November on, when it is announced, the next."""
    host = current_host()
    today = host.now().astimezone(ZoneInfo(host.settings.timezone)).date()
    wanted = [today.year, today.year + 1] if today.month >= ANNOUNCED else [today.year]
    known = {year.year for year in years}
    return next((year for year in wanted if year not in known), None)


def _lines(field: str) -> tuple[str, ...]:
    given = request.form.get(field, "")
    if len(given) > MOST_TEXT:
        raise Refused("field_too_long", 422, field=field, limit=MOST_TEXT)
    return tuple(line.strip() for line in given.splitlines() if line.strip())
