"""The institution's own years over those that ship: entered, replaced, withdrawn, on the record."""

from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from itembank.problems import InputRefused
from server.access import Actor
from server.db.record import AuditEntry
from server.db.workdays import CalendarYear
from server.errors import Forbidden, Refused
from server.host import Host
from server.rules.workdays import WorkCalendar, add_working_days
from server.services import workdays
from server.services.workdays import YearPlan
from tests.server import desk
from tests.server.conftest import Machine
from tests.server.desk import page, said

NEXT = YearPlan(2027, ("2027-01-01/2027-01-03", "2027-10-01/2027-10-07"), ("2027-10-09",), "关于2027年的通知")
FORM = {
    "year": "2027",
    "holidays": "2027-01-01/2027-01-03\n\n 2027-10-01/2027-10-07 ",
    "worked": "2027-10-09",
    "source": "关于2027年的通知",
}
TYPHOON = YearPlan(2026, ("2026-03-02",), (), "台风停工的决定")


@pytest.fixture
def administrator(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator")


def calendar(host: Host) -> WorkCalendar:
    with host.db.read() as session:
        return workdays.calendar(session)


def enter(host: Host, who: Actor, plan: YearPlan) -> None:
    host.db.write(workdays.enter, who, plan, now=host.now())


def test_the_years_that_ship_hold_until_somebody_enters_one(host: Host) -> None:
    assert calendar(host).years == {2024, 2025, 2026}
    with pytest.raises(InputRefused):
        add_working_days(calendar(host), date(2026, 12, 31), 1)


@pytest.mark.both_stores
def test_a_new_year_is_counted_at_once(host: Host, administrator: Actor) -> None:
    enter(host, administrator, NEXT)
    assert add_working_days(calendar(host), date(2026, 12, 31), 1) == date(2027, 1, 4)
    assert calendar(host).works(date(2027, 10, 9)) and not calendar(host).works(date(2027, 10, 5))
    with host.db.read() as session:
        first = workdays.years(session)[0]
    assert (first.year, first.own, first.ships) == (2027, True, False)
    assert first.holidays == NEXT.holidays


def test_an_own_year_stands_before_the_one_that_ships_and_gives_way_again(
    host: Host, administrator: Actor
) -> None:
    enter(host, administrator, TYPHOON)
    assert not calendar(host).works(date(2026, 3, 2)) and calendar(host).works(date(2026, 10, 1))
    host.db.write(workdays.withdraw, administrator, 2026, now=host.now())
    assert calendar(host).works(date(2026, 3, 2)) and not calendar(host).works(date(2026, 10, 1))
    with pytest.raises(Refused, match="calendar_not_own"):
        host.db.write(workdays.withdraw, administrator, 2026, now=host.now())


def test_every_earlier_entry_stays_and_the_record_names_the_days_that_changed(
    host: Host, administrator: Actor
) -> None:
    enter(host, administrator, NEXT)
    longer = YearPlan(2027, (*NEXT.holidays, "2027-02-08"), (), NEXT.source)
    enter(host, administrator, longer)
    with host.db.read() as session:
        rows = list(session.scalars(select(CalendarYear).order_by(CalendarYear.id)))
        told = session.scalars(select(AuditEntry).where(AuditEntry.act == "calendar_entered")).all()[-1]
    assert [row.replaced_at is None for row in rows] == [False, True]
    assert rows[0].replaced_by == administrator.user_id
    assert told.details["changed"] == ["2027-02-08", "2027-10-09"]


def test_the_same_year_again_is_no_change(host: Host, administrator: Actor) -> None:
    enter(host, administrator, NEXT)
    with pytest.raises(Refused, match="calendar_unchanged"):
        enter(host, administrator, NEXT)


def test_faults_are_told_all_at_once_and_nothing_is_kept(host: Host, administrator: Actor) -> None:
    with pytest.raises(InputRefused) as refused:
        enter(host, administrator, YearPlan(2027, ("soon",), ("2027-02-30",), "S"))
    assert [problem.place for problem in refused.value.problems] == ["holidays", "worked"]
    with pytest.raises(InputRefused, match="calendar_worked_anyway"):
        enter(host, administrator, YearPlan(2027, ("2027-01-01",), ("2027-01-04",), "S"))
    with pytest.raises(InputRefused, match="calendar_too_many"):
        enter(host, administrator, YearPlan(2027, ("2027-01-01",) * 121, (), "S"))
    with pytest.raises(Refused, match="calendar_source_missing"):
        enter(host, administrator, YearPlan(2027, ("2027-01-01",), (), " "))
    assert desk.counts(host, CalendarYear) == [0]


@pytest.mark.parametrize("role", ["chief_invigilator", "scorer", "institution_head", "auditor"])
def test_only_who_keeps_the_calendar_changes_it(
    host: Host, person_as: Callable[..., Actor], role: str
) -> None:
    with pytest.raises(Forbidden):
        enter(host, person_as(role), NEXT)
    with pytest.raises(Forbidden):
        host.db.write(workdays.withdraw, person_as(role), 2026, now=host.now())


class TestPage:
    @pytest.fixture
    def browser(self, administrator: Actor, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
        return sign_in(administrator)

    def test_a_year_is_entered_and_withdrawn(self, browser: FlaskClient) -> None:
        assert "还没有 2027 年的日历" in page(browser.get("/calendar"))
        answer = browser.post("/calendar", data=FORM)
        assert (answer.status_code, answer.location) == (302, "/calendar")
        shown = page(browser.get("/calendar"))
        assert "还没有 2027 年的日历" not in shown and "本机构填写" in shown and "10-01 至 10-07" in shown
        assert browser.post("/calendar/2027/withdraw").status_code == 302
        assert "还没有 2027 年的日历" in page(browser.get("/calendar"))

    def test_the_next_year_is_asked_for_from_the_month_in_which_it_is_announced(
        self, host: Host, browser: FlaskClient, administrator: Actor, machine: Machine
    ) -> None:
        for path in ("/calendar", "/policies"):
            assert "还没有 2027 年的日历" in page(browser.get(path))
        enter(host, administrator, NEXT)
        assert "还没有" not in page(browser.get("/policies"))
        machine.advance(days=300)  # to September 2027
        assert "还没有" not in page(browser.get("/policies"))
        machine.advance(days=60)
        assert "还没有 2028 年的日历" in page(browser.get("/policies"))

    @pytest.mark.parametrize(
        ("field", "value", "code", "params"),
        [
            ("holidays", "10-01", "calendar_not_days", {"value": "10-01", "most": 31}),
            ("holidays", "", "calendar_no_days_off", {"year": 2027}),
            ("worked", "2027-01-04", "calendar_worked_anyway", {"day": "2027-01-04"}),
            ("worked", "2026-10-10", "calendar_other_year", {"day": "2026-10-10", "year": 2027}),
            ("source", "", "calendar_source_missing", {}),
            ("year", "1990", "number_out_of_range", {"value": 1990, "low": 2000, "high": 2100}),
            ("holidays", "x" * 10_001, "field_too_long", {"field": "holidays", "limit": 10_000}),
        ],
    )
    def test_what_is_wrong_is_said_at_its_field(
        self, browser: FlaskClient, field: str, value: str, code: str, params: dict[str, object]
    ) -> None:
        answer = browser.post("/calendar", data={**FORM, field: value})
        assert answer.status_code == 422
        assert said(code, **params) in page(answer)
        assert "关于2027年的通知" in page(answer) or field == "source"

    def test_others_read_it_without_a_form(
        self, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
    ) -> None:
        browser = sign_in(person_as("scorer"))
        shown = page(browser.get("/calendar"))
        assert "2026 年" in shown and "检查并保存" not in shown
        assert browser.post("/calendar", data=FORM).status_code == 403
