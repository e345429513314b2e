"""What must hold when somebody pushes: an examiner with a second role, a seed on a screen, a panel that shrank."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.assessing import ScoreSheet, Turn
from server.db.reviewing import DefenceQuestion
from server.db.sittings import Registration
from server.errors import Refused
from server.host import Host
from server.services import assessment_room, assessments, panel_swaps, panels, rosters, turns
from server.services.panels import PanelPlan, Swap
from server.services.signed import Signed
from tests.server.assessing_kit import Stage, add_examiner, ids, make_assessment

People = Callable[..., Actor]
SignIn = Callable[[Actor], FlaskClient]


@pytest.fixture
def stage(host: Host, person_as: People) -> Stage:
    return make_assessment(host, person_as)


def shown(stage: Stage, browser: FlaskClient, rest: str = "") -> str:
    return browser.get(f"/assessments/{stage.room_sitting}{rest}").get_data(as_text=True)


# --- who is behind a code -------------------------------------------------------------------------------


@pytest.mark.dear
def test_the_seed_that_replays_the_order_is_for_those_who_know_the_names(
    host: Host, person_as: People, sign_in: SignIn
) -> None:
    stage = make_assessment(host, person_as, state="arranged")
    signed = Signed(stage.administrator, "赵某1 迟到")
    stage.write(turns.draw_order, signed, stage.room_sitting, seed="replays-it-all")
    assert "replays-it-all" in shown(stage, sign_in(stage.chief))
    for who in (stage.leader, stage.supervisor, person_as("examiner"), person_as("scorer")):
        text = shown(stage, sign_in(who))
        assert "replays-it-all" not in text
        assert "赵某1" not in text


def test_the_room_tells_its_activity_once(stage: Stage, sign_in: SignIn) -> None:
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)
    assert shown(stage, sign_in(stage.chief)).count('id="activity"') == 1


def test_who_sits_on_the_panel_draws_no_order_and_neither_ends_nor_reopens(
    host: Host, person_as: People
) -> None:
    stage = make_assessment(host, person_as, state="arranged")
    both = person_as("examiner", "chief_invigilator", name="双岗")
    plan = PanelPlan((*ids(stage.examiners[:2]), both.user_id or 0), stage.leader.user_id or 0)
    stage.write(panels.assign, stage.administrator, stage.room_sitting, plan)
    for act in (turns.draw_order, assessments.end, assessments.reopen):
        with pytest.raises(Refused, match="panel_runs_nothing"):
            stage.write(act, Signed(both, "想知道是谁"), stage.room_sitting)


def test_who_left_the_panel_with_open_sheets_learns_no_names(
    host: Host, person_as: People, sign_in: SignIn
) -> None:
    stage = make_assessment(host, person_as, state="arranged")
    both = person_as("examiner", "chief_invigilator", name="双岗")
    add_examiner(host, both, card_grade="senior_examiner")
    plan = PanelPlan((*ids(stage.examiners[:2]), both.user_id or 0), stage.leader.user_id or 0)
    stage.write(panels.assign, stage.administrator, stage.room_sitting, plan)

    def begun(session: Session) -> None:
        session.execute(
            update(Turn).where(Turn.number == 1).values(state="performing", panel=sorted(plan.users))
        )

    host.db.write(begun)
    stage.write(panels.remove, Signed(stage.administrator, "另有任务"), stage.room_sitting, both.user_id)
    with host.db.read() as session:
        assert not assessment_room.may_see_names(session, both, stage.room_sitting)
        assert assessment_room.may_see_names(session, stage.chief, stage.room_sitting)
    assert "赵某1" not in shown(stage, sign_in(both))


def test_the_photo_of_who_is_called_is_for_those_who_check_documents(
    stage: Stage, sign_in: SignIn, person_as: People
) -> None:
    turn = stage.turn(1)
    address = f"/assessments/{stage.room_sitting}/turns/{turn.id}/photo"
    assert sign_in(stage.invigilator).get(address).status_code == 404

    def photo(session: Session) -> None:
        row = session.get_one(Registration, turn.registration_id)
        rosters.seal_photos(session, {"a": row}, {"a": b"\xff\xd8 a face"})

    stage.host.db.write(photo)
    stage.write(turns.call, stage.invigilator, turn.id)
    assert address in shown(stage, sign_in(stage.invigilator), "/live")
    assert sign_in(stage.invigilator).get(address).data == b"\xff\xd8 a face"
    for who in (stage.leader, stage.supervisor, person_as("invigilator"), person_as("scorer")):
        browser = sign_in(who)
        assert browser.get(address).status_code == 403
        assert address not in shown(stage, browser, "/live")
    other = f"/assessments/{stage.room_sitting + 1}/turns/{turn.id}/photo"
    assert sign_in(stage.chief).get(other).status_code == 404


# --- a turn ---------------------------------------------------------------------------------------------


def test_a_ticket_that_was_voided_after_the_draw_is_neither_called_nor_started(stage: Stage) -> None:
    stage.write(turns.call, stage.invigilator, stage.turn(1).id)

    def void(session: Session) -> None:
        numbered = select(Turn.registration_id).where(Turn.number.in_((1, 2)))
        session.execute(
            update(Registration).where(Registration.id.in_(numbered)).values(void_at=stage.host.now())
        )

    stage.host.db.write(void)
    with pytest.raises(Refused, match="turn_ticket_void"):
        stage.write(turns.start, stage.invigilator, stage.turn(1).id, checked=True)
    with pytest.raises(Refused, match="turn_ticket_void"):
        stage.write(turns.call, stage.invigilator, stage.turn(2).id)
    stage.write(turns.absent, stage.invigilator, stage.turn(1).id)
    stage.perform(3)


def test_a_defence_with_questions_on_record_is_not_drawn_again(host: Host, person_as: People) -> None:
    stage = make_assessment(host, person_as, component="review", method="defence", level=2)
    turn = stage.perform(1)

    def asked(session: Session) -> None:
        question = DefenceQuestion(turn_id=turn.id, number=1, asked_by=stage.leader.user_id, sealed=b"-")
        question.noted_at = host.now()
        session.add(question)

    host.db.write(asked)
    for _step in ("called", "waiting"):
        stage.write(turns.take_back, Signed(stage.chief, "误按"), turn.id)
    with pytest.raises(Refused, match="order_called"):
        stage.write(turns.draw_order, Signed(stage.administrator, "重抽"), stage.room_sitting)


# --- the panel ------------------------------------------------------------------------------------------


def test_a_panel_that_lost_a_member_is_made_whole_while_candidates_perform(
    stage: Stage, person_as: People
) -> None:
    turn, gone, new = stage.perform(1), stage.examiners[2], person_as("examiner", name="补上")
    stage.write(panels.remove, stage.signed("突发疾病"), stage.room_sitting, gone.user_id)
    with pytest.raises(Refused, match="reason_missing"):
        stage.write(panels.join, stage.signed(""), stage.room_sitting, new.user_id)
    add_examiner(stage.host, new, card_grade="senior_examiner")
    stage.write(panels.join, stage.signed("补足人数"), stage.room_sitting, new.user_id)
    with pytest.raises(Refused, match="panel_member_already"):
        stage.write(panels.join, stage.signed("补足人数"), stage.room_sitting, new.user_id)
    assert stage.turn(1).panel == turn.panel
    swap = Swap(gone.user_id or 0, new.user_id or 0)
    stage.write(panel_swaps.in_turn, Signed(stage.chief, "晕倒", stage.supervisor), turn.id, swap)
    assert new.user_id in stage.turn(1).panel
    stage.duty(new, present=True)
    stage.perform(2)


def test_who_must_stand_back_joins_no_panel(stage: Stage, person_as: People, sign_in: SignIn) -> None:
    expired = person_as("examiner", name="过期")
    add_examiner(stage.host, expired, valid_to=stage.host.now().date().replace(year=2020))
    browser, address = sign_in(stage.chief), f"/assessments/{stage.room_sitting}/panel/join"
    for user, status in ((expired.user_id, 422), (stage.invigilator.user_id, 422), ("x", 422)):
        answer = browser.post(address, data={"joins": user, "reason": "补足"})
        assert answer.status_code == status, answer.get_data(as_text=True)
    assert sign_in(stage.invigilator).post(address, data={"joins": "1"}).status_code == 403
    with stage.host.db.read() as session:
        assert len(panels.panel(session, stage.room_sitting)) == 3


@pytest.mark.dear
@pytest.mark.on_postgresql
def test_a_sheet_that_is_being_locked_is_not_replaced(stage: Stage, person_as: People) -> None:
    turn, new, out = stage.perform(1), person_as("examiner"), stage.examiners[2].user_id or 0
    locked, go = Event(), Event()

    def put(session: Session) -> None:
        row = ScoreSheet(uid="s", turn_id=turn.id, user_id=out, opened_at=stage.host.now())
        session.add(row)

    def lock(session: Session) -> None:
        mine = select(ScoreSheet).where(ScoreSheet.uid == "s").with_for_update(key_share=True)
        session.scalars(mine).one().state = "locked"
        session.flush()
        locked.set()
        go.wait(60)

    stage.host.db.write(put)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(stage.host.db.write, lock)
        assert locked.wait(60)
        signed = Signed(stage.chief, "晕倒", stage.supervisor)
        second = pool.submit(stage.write, panel_swaps.in_turn, signed, turn.id, Swap(out, new.user_id or 0))
        with pytest.raises(TimeoutError):
            second.result(0.5)
        go.set()
        first.result(60)
        with pytest.raises(Refused, match="sheet_locked"):
            second.result(60)
