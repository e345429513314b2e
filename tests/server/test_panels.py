"""Who sits on a panel: assigned, drawn, warned of (R05, R07, R15)."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.problems import InputRefused
from server.access import Actor, Role
from server.db.assessing import SheetTemplate
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, RoomSitting, Sitting
from server.db.staffing import DutySign
from server.errors import Forbidden, Refused
from server.host import Host
from server.rules.policy_components import PanelRules
from server.services import (
    assessment_room,
    panel_draws,
    panels,
    sheet_templates,
    staff_draws,
    staffing,
    turns,
)
from server.services.panels import PanelPlan
from tests.server.assessing_kit import Stage, add_examiner, ids, make_assessment
from tests.server.panel_kit import People, make_uncle, seats


@pytest.fixture
def stage(host: Host, person_as: People) -> Stage:
    return make_assessment(host, person_as)


@pytest.fixture
def planned(host: Host, person_as: People) -> Stage:
    """Before the day: nothing has begun."""
    return make_assessment(host, person_as, state="arranged")


def assign(stage: Stage, *people: Actor, who: Actor | None = None) -> None:
    plan = PanelPlan(ids(people), people[0].user_id or 0)
    stage.write(panels.assign, who or stage.administrator, stage.room_sitting, plan)


def know(stage: Stage, who: Actor, how: str) -> None:
    """The examiner has had the stage's template in hand, in one of the ways there are."""

    def put(session: Session) -> None:
        row = session.get_one(SheetTemplate, stage.template)
        if how == "wrote":
            row.created_by = who.user_id
        elif how == "approved":
            row.approved_by = who.user_id
        elif how == "wrote_earlier":
            row.version = 2
            fields = ("uid", "bank_id", "component", "title", "minutes", "sealed", "sha256", "created_at")
            same = {field: getattr(row, field) for field in fields}
            session.add(SheetTemplate(**same, version=1, created_by=who.user_id))

    stage.host.db.write(put)
    if how == "read":
        keeper = Actor(who.user_id, who.name, frozenset({Role.BANK_KEEPER}))
        stage.write(sheet_templates.content, keeper, stage.template)


def refusal(stage: Stage, *people: Actor) -> InputRefused:
    with pytest.raises(InputRefused) as refused:
        assign(stage, *people)
    return refused.value


# --- assigning ------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_panel_of_five_with_another_leader_replaces_the_one_of_three(
    planned: Stage, person_as: People
) -> None:
    further = [person_as("examiner", name=name) for name in ("甲", "乙")]
    assign(planned, further[0], *planned.examiners, further[1])
    found = seats(planned)
    assert [seat.name for seat in found if seat.leader] == ["甲"]
    assert found[0].leader
    assert {seat.user_id for seat in found} == {*ids(planned.examiners), *ids(further)}
    assert {seat.name for seat in found if not seat.present} == {"甲", "乙"}


def test_four_examiners_are_refused_as_even_and_two_as_too_few(planned: Stage, person_as: People) -> None:
    fourth = person_as("examiner")
    assert [each.code for each in refusal(planned, *planned.examiners, fourth).problems] == ["panel_even"]
    assert [each.code for each in refusal(planned, *planned.examiners[:2]).problems] == ["panel_too_small"]
    assert len(seats(planned)) == 3


@pytest.mark.parametrize(("at_once", "needed"), [(5, 3), (15, 3), (16, 5), (25, 5), (26, 7)])
def test_the_ratio_counts_stations_in_use_and_is_raised_to_odd(
    host: Host, person_as: People, at_once: int, needed: int
) -> None:
    stage = make_assessment(
        host, person_as, state="arranged", stations=at_once, candidates=30, examiners=needed
    )
    with host.db.read() as session:
        place = assessment_room.load(session, stage.room_sitting)
        assert panels.faults(session, place) == []
    two_less = stage.examiners[: needed - 2]
    assert refusal(stage, *two_less).problems[0].params["needed"] == needed


def test_the_uncle_of_a_candidate_is_refused_by_name(planned: Stage, person_as: People) -> None:
    uncle = person_as("examiner", name="王叔")
    nephew = make_uncle(planned, uncle, planned.registrations[1])
    with pytest.raises(Refused, match="duty_recused") as refused:
        assign(planned, *planned.examiners[:2], uncle)
    assert (refused.value.params["name"], refused.value.params["candidates"]) == ("王叔", nephew)


@pytest.mark.parametrize("how", ["wrote", "approved", "wrote_earlier", "read"])
def test_who_knows_the_template_before_the_day_is_refused_by_name(
    planned: Stage, person_as: People, how: str
) -> None:
    keeper = person_as("examiner", name="出题人")
    know(planned, keeper, how)
    with pytest.raises(Refused, match="panel_knows_template") as refused:
        assign(planned, *planned.examiners[:2], keeper)
    assert refused.value.params["name"] == "出题人"
    with planned.host.db.read() as session:
        place = assessment_room.load(session, planned.room_sitting)
        shown = {choice.user_id: choice.why for choice in panels.choices(session, place)}
    assert {why for user, why in shown.items() if user != keeper.user_id} == {""}
    assert shown[keeper.user_id or 0] == "panel_knows_template"


def test_a_template_chosen_after_the_panel_names_its_author_and_begins_no_turn(stage: Stage) -> None:
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    know(stage, stage.leader, "wrote")
    with stage.host.db.read() as session:
        found = panels.faults(session, assessment_room.load(session, stage.room_sitting))
    assert [(each.code, each.params["name"]) for each in found] == [
        ("panel_knows_template", stage.leader.name)
    ]
    with pytest.raises(Refused, match="panel_knows_template"):
        stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)


def test_a_low_card_and_an_expired_one_are_refused_by_name(host: Host, person_as: People) -> None:
    rules = PanelRules(card_grades=("senior_examiner",))
    planned = make_assessment(host, person_as, state="arranged", panel=rules)
    late, low = person_as("examiner", name="过期"), person_as("examiner", name="考评员卡")
    add_examiner(host, late, card_grade="senior_examiner", valid_to=(host.now() - timedelta(days=1)).date())
    with pytest.raises(Refused, match="duty_card_expired"):
        assign(planned, *planned.examiners[:2], late)
    add_examiner(host, low, card_grade="examiner")
    problems = refusal(planned, *planned.examiners[:2], low).problems
    assert [(each.code, each.params["name"]) for each in problems] == [("panel_grade_senior", "考评员卡")]


def test_the_last_day_of_a_card_still_serves(host: Host, person_as: People, planned: Stage) -> None:
    last = person_as("examiner")
    add_examiner(host, last, valid_to=host.now().date())
    assign(planned, *planned.examiners[:2], last)


def test_who_has_another_duty_is_refused(host: Host, planned: Stage, person_as: People) -> None:
    both = person_as("examiner", "invigilator", name="两岗")

    def seat(session: Session) -> None:
        duty = {"room_sitting_id": planned.room_sitting, "user_id": both.user_id}
        session.add(Assignment(**duty, role="invigilator"))

    host.db.write(seat)
    with pytest.raises(Refused, match="panel_other_duty"):
        assign(planned, *planned.examiners[:2], both)
    busy = person_as("examiner", name="在别处")
    host.db.write(_elsewhere, planned, busy.user_id, same_sitting=True)
    with pytest.raises(Refused, match="duty_elsewhere"):
        assign(planned, *planned.examiners[:2], busy)


def test_no_leader_no_panel(planned: Stage) -> None:
    plan = PanelPlan(ids(planned.examiners), planned.chief.user_id or 0)
    with pytest.raises(Refused, match="panel_leader_missing"):
        planned.write(panels.assign, planned.administrator, planned.room_sitting, plan)


def test_only_who_arranges_assigns(planned: Stage) -> None:
    for who in (planned.invigilator, planned.supervisor, planned.leader):
        with pytest.raises(Forbidden):
            assign(planned, *planned.examiners, who=who)


def test_the_draws_and_lists_of_other_duties_leave_the_panel_alone(
    host: Host, planned: Stage, person_as: People
) -> None:
    before = seats(planned)
    duties_of = {planned.invigilator.user_id or 0: Role.INVIGILATOR}
    planned.write(staffing.assign_staff, planned.administrator, planned.room_sitting, duties_of)
    assert seats(planned) == before
    with host.db.read() as session:
        assert [line.role for line in staffing.lines(session, planned.room_sitting)].count("examiner") == 3

    def nobody_signed_in(session: Session) -> None:
        for sign in session.scalars(select(DutySign)):
            session.delete(sign)

    host.db.write(nobody_signed_in)
    person_as("invigilator")
    planned.write(staff_draws.draw, planned.administrator, planned.sitting, seed="x")
    assert {seat.user_id for seat in seats(planned)} == {seat.user_id for seat in before}


# --- the draw -------------------------------------------------------------------------------------------


def test_a_drawn_panel_is_replayed_by_its_seed_and_leaves_out_who_must_stand_back(
    host: Host, person_as: People
) -> None:
    stage = make_assessment(host, person_as, state="arranged", present=False)
    pool = [person_as("examiner", name=f"备选{number}") for number in range(6)]
    make_uncle(stage, pool[0], stage.registrations[0])
    know(stage, pool[1], "wrote")
    seed = stage.write(panel_draws.draw, stage.administrator, stage.room_sitting, seed="panel")
    first = seats(stage)
    assert seed == "panel"
    assert len(first) == 3
    assert {pool[0].user_id, pool[1].user_id}.isdisjoint(seat.user_id for seat in first)
    stage.write(panel_draws.draw, stage.administrator, stage.room_sitting, seed="panel")
    assert seats(stage) == first
    stage.write(panel_draws.draw, stage.administrator, stage.room_sitting, seed="another")
    stage.write(panel_draws.draw, stage.administrator, stage.room_sitting, seed="a third one")
    assert len([seat for seat in seats(stage) if seat.leader]) == 1


def test_too_few_who_may_serve_are_named_as_a_shortage(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, state="arranged")
    make_uncle(stage, stage.leader, stage.registrations[0])
    with pytest.raises(Refused, match="panel_shortage") as refused:
        stage.write(panel_draws.draw, stage.administrator, stage.room_sitting)
    assert (refused.value.params["count"], refused.value.params["needed"]) == ("2", "3")


# --- warnings (R15) -------------------------------------------------------------------------------------


def test_the_same_people_for_the_fourth_time_are_a_warning_only(host: Host, planned: Stage) -> None:
    for number in range(3):
        host.db.write(_earlier_panel, planned, number)
    with host.db.read() as session:
        place = assessment_room.load(session, planned.room_sitting)
        found = panels.warnings(session, place)
        assert panels.faults(session, place) == []
    assert [each.code for each in found].count("panel_again") == 3
    assert "panel_unchanged" in [each.code for each in found]


def test_a_third_of_new_people_is_enough(host: Host, planned: Stage, person_as: People) -> None:
    host.db.write(_earlier_panel, planned, 0)
    assign(planned, *planned.examiners[:2], person_as("examiner"))
    with host.db.read() as session:
        assert panels.warnings(session, assessment_room.load(session, planned.room_sitting)) == []


# --- replacing ------------------------------------------------------------------------------------------


def _elsewhere(session: Session, stage: Stage, user: int | None, *, same_sitting: bool) -> None:
    room = Room(name="另一考场", kind="practical", layout={}, created_at=stage.host.now())
    session.add(room)
    session.flush()
    row = RoomSitting(uid="other", sitting_id=stage.sitting, room_id=room.id)
    session.add(row)
    session.flush()
    session.add(Assignment(room_sitting_id=row.id, user_id=user, role="examiner"))


def _earlier_panel(session: Session, stage: Stage, number: int) -> None:
    """The same three sat on the panel of another batch some months before."""
    now = stage.host.now()
    first = session.get_one(Batch, stage.batch)
    batch = Batch(
        name=f"以前的第 {number} 批", occupation="baowei", level=3, profile="national", created_at=now
    )
    batch.policy = first.policy
    session.add(batch)
    session.flush()
    sitting = Sitting(batch_id=batch.id, number=1, component="practical", method="hands_on")
    sitting.starts_at, sitting.minutes = now - timedelta(days=30 * (number + 1)), 60
    session.add(sitting)
    session.flush()
    row = RoomSitting(uid=f"earlier-{number}", sitting_id=sitting.id, room_id=stage.room, state="marked")
    session.add(row)
    session.flush()
    for user in ids(stage.examiners):
        session.add(Assignment(room_sitting_id=row.id, user_id=user, role="examiner"))
