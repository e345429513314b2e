"""Who is there when a candidate begins, and who takes whose place on a panel (R14, R16)."""

import pytest
from sqlalchemy.orm import Session

from server.db.assessing import ScoreSheet
from server.errors import Forbidden, Refused
from server.host import Host
from server.rules.policy_components import PanelRules
from server.services import duties, panel_swaps, panels, turns
from server.services.panels import Swap
from server.services.signed import Signed
from tests.server.assessing_kit import Stage, ids, make_assessment
from tests.server.panel_kit import People, make_uncle, seats


@pytest.fixture
def stage(host: Host, person_as: People) -> Stage:
    return make_assessment(host, person_as)


# --- who is there when a candidate begins ---------------------------------------------------------------


@pytest.mark.both_stores
def test_two_of_three_present_start_nobody_and_the_missing_one_is_named(stage: Stage) -> None:
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    stage.duty(stage.examiners[1], present=False)
    with pytest.raises(Refused, match="panel_incomplete") as refused:
        stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)
    assert (refused.value.params["names"], refused.value.params["present"]) == ("考评员2", "2")
    stage.duty(stage.examiners[1], present=True)
    stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)


def test_three_of_five_present_are_a_panel_but_four_are_not(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, examiners=5)
    stage.duty(stage.examiners[4], present=False)
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    with pytest.raises(Refused, match="panel_incomplete"):
        stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)
    stage.duty(stage.examiners[3], present=False)
    stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)
    assert stage.turn(1).panel == sorted(ids(stage.examiners[:3]))


def test_without_its_leader_a_panel_begins_nothing(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, examiners=5)
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    for away in (stage.examiners[0], stage.examiners[4]):
        stage.duty(away, present=False)
    with pytest.raises(Refused, match="panel_leader_away"):
        stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)
    stage.write(panels.name_leader, stage.signed("组长未到"), stage.room_sitting, stage.examiners[1].user_id)
    stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)


def test_the_ratio_is_looked_at_again_with_every_further_candidate_at_once(
    host: Host, person_as: People
) -> None:
    rules = PanelRules(candidates_per=1)
    stage = make_assessment(host, person_as, stations=4, panel=rules)
    for number in (1, 2, 3):
        stage.perform(number)
    stage.write(turns.call, stage.invigilator, stage.turn(4).id)
    with pytest.raises(Refused, match="panel_too_small"):
        stage.write(turns.start, stage.invigilator, stage.turn(4).id, checked=True)
    stage.write(turns.finish, stage.invigilator, stage.turn(1).id)
    stage.write(turns.start, stage.invigilator, stage.turn(4).id, checked=True)


def test_a_link_that_comes_to_light_later_stops_the_next_start(stage: Stage) -> None:
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    make_uncle(stage, stage.leader, stage.registrations[0])
    with pytest.raises(Refused, match="duty_recused"):
        stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)


def test_a_committee_of_two_begins_no_defence(host: Host, person_as: People) -> None:
    stage = make_assessment(
        host, person_as, component="review", method="defence", stations=0, panel=PanelRules(), level=2
    )
    stage.duty(stage.examiners[2], present=False)
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    with pytest.raises(Refused, match="panel_incomplete"):
        stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)
    stage.duty(stage.examiners[2], present=True)
    stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)


# --- replacing ------------------------------------------------------------------------------------------


def test_a_successor_takes_place_and_lead_between_turns_and_running_turns_keep_their_panel(
    stage: Stage, person_as: People
) -> None:
    running, new = stage.perform(1), person_as("examiner", name="接替")
    swap = Swap(stage.leader.user_id or 0, new.user_id or 0)
    with pytest.raises(Refused, match="reason_missing"):
        stage.write(panels.replace, Signed(stage.chief), stage.room_sitting, swap)
    stage.write(panels.replace, stage.signed("临时有事"), stage.room_sitting, swap)
    assert seats(stage)[0].name == "接替"
    assert not seats(stage)[0].present
    assert stage.turn(1).panel == running.panel
    stage.write(turns.call, stage.invigilator, stage.turn(2).id)
    with pytest.raises(Refused, match="panel_incomplete"):
        stage.write(turns.start, stage.invigilator, stage.turn(2).id, checked=True)
    stage.write(duties.sign_in, new, stage.room_sitting)
    stage.write(turns.start, stage.invigilator, stage.turn(2).id, checked=True)
    assert new.user_id in stage.turn(2).panel


def test_a_member_is_taken_off_with_a_reason_and_what_is_left_begins_nothing(stage: Stage) -> None:
    stage.write(panels.remove, stage.signed("突发疾病"), stage.room_sitting, stage.examiners[2].user_id)
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    with pytest.raises(Refused, match="panel_too_small"):
        stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)


@pytest.mark.both_stores
def test_chief_and_supervisor_put_a_successor_into_a_running_turn(stage: Stage, person_as: People) -> None:
    turn, new = stage.perform(1), person_as("examiner", name="接替")
    swap = Swap(stage.examiners[2].user_id or 0, new.user_id or 0)
    for wrong, code in [
        (Signed(stage.chief, "晕倒"), "cosign_missing"),
        (Signed(stage.chief, "", stage.supervisor), "reason_missing"),
    ]:
        with pytest.raises(Refused, match=code):
            stage.write(panel_swaps.in_turn, wrong, turn.id, swap)
    with pytest.raises(Forbidden):
        stage.write(panel_swaps.in_turn, Signed(stage.chief, "晕倒", stage.invigilator), turn.id, swap)
    stage.write(panel_swaps.in_turn, Signed(stage.chief, "晕倒", stage.supervisor), turn.id, swap)
    assert stage.turn(1).panel == sorted([*ids(stage.examiners[:2]), new.user_id or 0])
    assert "接替" in {seat.name for seat in seats(stage)}


def test_a_locked_sheet_is_never_replaced(stage: Stage, person_as: People) -> None:
    turn, new = stage.perform(1), person_as("examiner")

    def lock(session: Session) -> None:
        now, user = stage.host.now(), stage.examiners[2].user_id
        session.add(
            ScoreSheet(uid="s", turn_id=turn.id, user_id=user, state="locked", opened_at=now, locked_at=now)
        )

    stage.host.db.write(lock)
    swap = Swap(stage.examiners[2].user_id or 0, new.user_id or 0)
    with pytest.raises(Refused, match="panel_sheet_locked"):
        stage.write(panel_swaps.in_turn, Signed(stage.chief, "晕倒", stage.supervisor), turn.id, swap)
