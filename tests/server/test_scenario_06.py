"""Scenario 6: a guard's licence of not more than three years exempts from theory at level 5, and nowhere else."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.importing.cells import CellKind, Row, Sheet
from server.access import Actor
from server.db.outcomes import Exemption, GuardLicence
from server.db.record import AuditEntry
from server.db.sittings import Registration, Sitting
from server.errors import Forbidden, Refused
from server.host import Host
from server.rules.policy import policy_for
from server.rules.policy_components import Component, ExemptionRule
from server.rules.roster import RosterEntry, RosterReading, read_roster
from server.services import batch_results, exemptions, licences, rosters
from server.services.batches import read_profile
from server.services.licences import Licence
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.results_kit import GUARD_RULE, Stage, Terms, id_number, make_stage

ZONE = ZoneInfo("Asia/Shanghai")
EXAM = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
IN_WINDOW, TOO_OLD = date(2023, 11, 29), date(2023, 11, 27)
"""Two years and 364 days before the exam; three years and one day before it."""


@pytest.fixture
def staff(person_as: Callable[..., Actor]) -> tuple[Actor, Actor]:
    return person_as("administrator"), person_as("institution_head")


def level_5(host: Host, exemptions_of: tuple[object, ...] = (GUARD_RULE,)) -> Stage:
    """A batch with theory and practical at seats, its candidates on the practical list."""
    stage = make_stage(host, Terms(level=5, exemptions=exemptions_of))  # type: ignore[arg-type]
    stage.sitting("theory", starts_at=EXAM, state="planned")
    stage.sitting("practical", starts_at=EXAM, method="computer", state="planned")
    for name in ("甲", "乙"):
        stage.place(name, "practical")
    return stage


def decide(stage: Stage, staff: tuple[Actor, Actor], name: str, component: str = "theory") -> int:
    signed = Signed(staff[0], cosigner=staff[1])
    place = stage.batch, stage.people[name], component
    return stage.write(exemptions.decide, signed, *place, zone=ZONE)  # type: ignore[no-any-return]


def licence(stage: Stage, staff: tuple[Actor, Actor], name: str, day: date, state: str = "valid") -> None:
    stage.write(
        exemptions.note_licence, staff[0], stage.people[name], Licence("苏公保2023012345", day, state)
    )


def seat(stage: Stage, name: str) -> None:
    """The person stands on a theory list."""

    def register(session: Session) -> None:
        sitting = session.get_one(Sitting, stage.sittings["theory"])
        entry = RosterEntry("第 2 行", name, id_number(list(stage.people).index(name) + 1))
        rosters.register_all(session, (sitting, None), [entry], on=EXAM.date(), now=stage.host.now())

    stage.host.db.write(register)


@pytest.mark.both_stores
def test_two_years_and_364_days_exempt_and_three_years_and_a_day_do_not(
    host: Host, staff: tuple[Actor, Actor], person_as: Callable[..., Actor]
) -> None:
    stage = level_5(host)
    licence(stage, staff, "甲", IN_WINDOW)
    licence(stage, staff, "乙", TOO_OLD)
    with host.db.read() as session:
        proposed = {each.name: each for each in exemptions.proposals(session, stage.batch, ZONE)}
    assert (proposed["甲"].why, proposed["乙"].why) == ("", "too_old")
    assert (proposed["甲"].anchor, proposed["甲"].last) == (date(2026, 11, 28), date(2026, 11, 29))
    decide(stage, staff, "甲")
    with pytest.raises(Refused, match="exemption_too_old"):
        decide(stage, staff, "乙")
    with pytest.raises(Refused, match="candidate_exempt"):
        seat(stage, "甲")
    seat(stage, "乙")  # has to sit theory like everybody else
    scorer = person_as("scorer")
    stage.fold(scorer)
    assert stage.result("甲", "theory") == ("exempt", None)
    assert stage.result("乙", "theory") == ("pending", None)
    with host.db.read() as session:
        (line,) = [each for each in batch_results.lines(session, stage.batch) if each.name == "甲"]
    assert line.components[0] == ("理论知识考试", "免试")


def test_exempt_from_theory_and_passed_practical_is_passed(
    host: Host, staff: tuple[Actor, Actor], person_as: Callable[..., Actor]
) -> None:
    stage = level_5(host)
    licence(stage, staff, "甲", IN_WINDOW)
    decide(stage, staff, "甲")
    stage.sitting("practical second", starts_at=EXAM, method="hands_on")
    stage.mark("甲", "practical second", "60")
    stage.fold(person_as("scorer"))
    assert [stage.result("甲", each) for each in ("theory", "practical", "overall")] == [
        ("exempt", None),
        ("pass", Decimal(60)),
        ("pass", None),
    ]


def test_level_4_never_exempts(host: Host, staff: tuple[Actor, Actor]) -> None:
    legacy = read_profile("jiangsu_legacy")
    rules = {level: policy_for(legacy, "baoanyuan", level).exemptions for level in (5, 4, 3)}
    assert [(rule.component, rule.within_years) for rule in rules[5]] == [(Component.THEORY, 3)]
    assert rules[4] == rules[3] == ()
    stage = level_5(host, rules[4])
    licence(stage, staff, "甲", date(2026, 11, 20))
    with host.db.read() as session:
        assert exemptions.proposals(session, stage.batch, ZONE) == []
    with pytest.raises(Refused, match="exemption_not_in_policy"):
        decide(stage, staff, "甲")


def test_the_boundary_day_counts_and_so_does_the_site_s_calendar(
    host: Host, staff: tuple[Actor, Actor]
) -> None:
    """The exam is on the 28th in Shanghai; a sitting that begins at 23:00 UTC is on the day after."""
    stage = level_5(host)
    licence(stage, staff, "甲", date(2023, 11, 28))
    decide(stage, staff, "甲")

    def later(session: Session) -> None:
        session.get_one(Sitting, stage.sittings["theory"]).starts_at = EXAM.replace(hour=23)

    host.db.write(later)
    licence(stage, staff, "乙", date(2023, 11, 28))
    with pytest.raises(Refused, match="exemption_too_old"):
        decide(stage, staff, "乙")


@pytest.mark.parametrize(
    ("issued", "state", "code"),
    [
        (IN_WINDOW, "revoked", "exemption_licence_revoked"),
        (None, "", "exemption_no_licence"),
    ],
)
def test_evidence_has_to_be_there_and_valid(
    host: Host, staff: tuple[Actor, Actor], issued: date | None, state: str, code: str
) -> None:
    stage = level_5(host)
    if issued:
        licence(stage, staff, "甲", issued, state)
    with pytest.raises(Refused, match=code):
        decide(stage, staff, "甲")
    with pytest.raises(Refused, match="exemption_not_in_policy"):
        decide(stage, staff, "甲", "practical")


def test_an_exemption_is_decided_by_two_who_may(
    host: Host, staff: tuple[Actor, Actor], person_as: Callable[..., Actor]
) -> None:
    stage = level_5(host)
    licence(stage, staff, "甲", IN_WINDOW)
    administrator, head = staff
    for signed, fault in [
        (Signed(administrator), Refused),
        (Signed(administrator, cosigner=administrator), Refused),
        (Signed(administrator, cosigner=person_as("scorer")), Forbidden),
        (Signed(person_as("scorer"), cosigner=head), Forbidden),
    ]:
        with pytest.raises(fault):
            stage.write(exemptions.decide, signed, stage.batch, stage.people["甲"], "theory", zone=ZONE)
    decide(stage, staff, "甲")
    with pytest.raises(Refused, match="exemption_there"):
        decide(stage, staff, "甲")


def test_a_place_without_a_seat_is_given_up_and_one_with_a_seat_is_not(
    host: Host, staff: tuple[Actor, Actor]
) -> None:
    stage = level_5(host)
    for name in ("甲", "乙"):
        licence(stage, staff, name, IN_WINDOW)
        seat(stage, name)
    decide(stage, staff, "甲")
    stage.host.db.write(_seated, stage)
    with pytest.raises(Refused, match="exemption_has_seat"):
        decide(stage, staff, "乙")
    with host.db.read() as session:
        places = select(Registration.candidate_id).where(Registration.sitting_id == stage.sittings["theory"])
        assert list(session.scalars(places)) == [stage.people["乙"]]
        acts = list(session.scalars(select(AuditEntry.act).where(AuditEntry.act == "place_given_up")))
    assert acts == ["place_given_up"]


def _seated(session: Session, stage: Stage) -> None:
    from tests.server.results_kit import _attempt

    query = select(Registration).where(
        Registration.sitting_id == stage.sittings["theory"],
        Registration.candidate_id == stage.people["乙"],
    )
    _attempt(session, stage, session.scalars(query).one(), "theory", "assigned")


def test_a_revoked_exemption_stays_on_record_and_theory_is_to_be_sat(
    host: Host, staff: tuple[Actor, Actor], person_as: Callable[..., Actor], machine: Machine
) -> None:
    stage = level_5(host)
    scorer = person_as("scorer")
    licence(stage, staff, "甲", IN_WINDOW)
    number = decide(stage, staff, "甲")
    stage.fold(scorer)
    machine.advance(hours=1)
    signed = Signed(staff[1], "证件系伪造", staff[0])
    with pytest.raises(Refused, match="reason_missing"):
        stage.write(exemptions.revoke, Signed(staff[1], "", staff[0]), number)
    stage.write(exemptions.revoke, signed, number)
    stage.fold(scorer)
    assert stage.result("甲", "theory") == ("pending", None)
    assert [row.status for row in stage.history("甲", "theory")] == ["pending", "exempt"]
    with host.db.read() as session:
        row = session.get_one(Exemption, number)
        assert (row.revoked_at, row.revoked_reason) == (host.now(), "证件系伪造")
    with pytest.raises(Refused, match="exemption_revoked_already"):
        stage.write(exemptions.revoke, signed, number)
    seat(stage, "甲")


def test_the_number_of_a_licence_is_sealed_and_an_older_entry_stays(
    host: Host, staff: tuple[Actor, Actor]
) -> None:
    stage = level_5(host)
    licence(stage, staff, "甲", TOO_OLD)
    licence(stage, staff, "甲", IN_WINDOW)
    with host.db.read() as session:
        old, new = session.scalars(select(GuardLicence).order_by(GuardLicence.id))
        assert (old.replaced_at, new.replaced_at) == (host.now(), None)
        assert b"2345" not in new.sealed_number
        assert licences.shown_number(session, new) == "…2345"
        details = [str(entry.details) for entry in session.scalars(select(AuditEntry))]
    assert not any("12345" in each for each in details)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (Licence("1", IN_WINDOW), "licence_number_shape"),
        (Licence("苏公保<b>", IN_WINDOW), "licence_number_shape"),
        (Licence("苏公保2023012345", date(2026, 11, 22)), "licence_from_the_future"),
        (Licence("苏公保2023012345", IN_WINDOW, "lost"), "licence_state_unknown"),
    ],
)
def test_what_is_no_licence(host: Host, staff: tuple[Actor, Actor], entry: Licence, code: str) -> None:
    stage = level_5(host)
    with pytest.raises(Refused, match=code):
        stage.write(exemptions.note_licence, staff[0], stage.people["甲"], entry)


def listed(number: str = "苏公保2023012345", day: str = "2023-11-29") -> RosterReading:
    """What a roster with one guard says."""
    cells = (("姓名", "身份证号", "保安员证编号", "发证日期"), ("甲", id_number(1), number, day))
    rows = tuple(Row(at, line, (CellKind.TEXT,) * 4) for at, line in enumerate(cells, 1))
    return read_roster([Sheet("名单", rows)])


@pytest.mark.parametrize(
    "day", ["2023-11-29", "2023/11/29", "2023.11.29", "2023年11月29日", "2023-11-29 00:00:00"]
)
def test_a_roster_brings_licences_along(host: Host, staff: tuple[Actor, Actor], day: str) -> None:
    reading = listed(day=day)
    assert (reading.problems, reading.warnings) == ([], [])
    stage = make_stage(host, Terms(level=5, exemptions=(GUARD_RULE,)))
    room = stage.sitting("practical", starts_at=EXAM, method="computer", state="planned")
    for _again in range(2):  # the same licence on another list is no second entry
        stage.write(rosters.store_roster, staff[0], room, reading.entries)
        room = stage.sitting("theory", starts_at=EXAM, state="planned")
    with host.db.read() as session:
        (row,) = session.scalars(select(GuardLicence))
        (proposed,) = exemptions.proposals(session, stage.batch, ZONE)
    assert (row.issued_on, row.state) == (IN_WINDOW, "valid")
    assert (proposed.why, proposed.number) == ("", "…2345")


@pytest.mark.parametrize(
    ("number", "day"),
    [
        ("", "2023-11-29"),
        ("苏公保2023012345", ""),
        ("苏公保2023012345", "2023-02-30"),
        ("=1+1", "2023-11-29"),
    ],
)
def test_half_a_licence_in_a_roster_is_a_fault_of_its_row(number: str, day: str) -> None:
    (problem,) = listed(number, day).problems
    assert (problem.code, problem.place) == ("licence_incomplete", "名单 row 2")


def test_a_roster_without_a_licence_in_a_row_is_in_order() -> None:
    (entry,) = listed("", "").entries
    assert (entry.licence, entry.licence_on) == ("", None)


def test_a_licence_of_tomorrow_stops_the_whole_roster(host: Host, staff: tuple[Actor, Actor]) -> None:
    stage = make_stage(host)
    room = stage.sitting("theory", starts_at=EXAM, state="planned")
    with pytest.raises(Refused, match="licence_from_the_future_in_row"):
        stage.write(rosters.store_roster, staff[0], room, listed(day="2027-01-01").entries)
    with host.db.read() as session:
        assert session.scalars(select(Registration)).all() == []


def test_who_has_a_turn_before_a_panel_is_not_exempt_any_more(host: Host, staff: tuple[Actor, Actor]) -> None:
    stage = make_stage(host, Terms(exemptions=(ExemptionRule(Component.PRACTICAL, "guard_licence", 3),)))
    stage.sitting("practical", starts_at=EXAM, state="arranged")
    stage.mark("甲", "practical", None)  # drawn, did not come
    licence(stage, staff, "甲", IN_WINDOW)
    with pytest.raises(Refused, match="exemption_has_seat"):
        decide(stage, staff, "甲", "practical")


def test_a_licence_of_this_morning_is_not_of_the_future(
    host: Host, staff: tuple[Actor, Actor], machine: Machine
) -> None:
    """At half past midnight in Shanghai the day before goes on in Greenwich."""
    stage = level_5(host)
    machine.advance(seconds=(datetime(2026, 11, 27, 16, 30, tzinfo=UTC) - host.now()).total_seconds())
    licence(stage, staff, "甲", date(2026, 11, 28))
    with pytest.raises(Refused, match="licence_from_the_future"):
        licence(stage, staff, "乙", date(2026, 11, 29))
