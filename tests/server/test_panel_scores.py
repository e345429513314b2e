"""Scores of panels: aggregated only when all are locked, arbitrated on record, confirmed, checked, replayed."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.assessing import PanelScore, ScoreSheet
from server.db.record import AuditEntry
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import audit, panel_arbitration, panel_scores, turns
from server.services.panel_arbitration import Ruling, Settlement
from server.services.signed import Signed
from tests.server.assessing_kit import add_examiner
from tests.server.conftest import Machine
from tests.server.panel_kit import Desk, panel_desk, worth


@pytest.fixture
def desk(host: Host, person_as: Callable[..., Actor]) -> Desk:
    return panel_desk(host, person_as)


def refused(code: str, act: Callable[..., object], *args: object, **more: object) -> None:
    with pytest.raises(Refused) as raised:
        act(*args, **more)
    assert raised.value.code == code


def arbitrate(
    desk: Desk, settlement: Settlement, number: int = 1, reason: str = "三人复看录像"
) -> PanelScore:
    signed = Signed(desk.scorer, reason, desk.stage.supervisor)
    return desk.write(panel_arbitration.arbitrate, signed, desk.stage.turn(number).id, settlement)


def test_three_locked_sheets_become_their_mean(desk: Desk) -> None:
    desk.mark(1, 80, 85, 84)
    row = desk.aggregate()
    assert (row.state, row.revision, row.score, row.spread) == ("aggregated", 1, Decimal("83.0"), Decimal(5))
    assert sorted(row.detail["totals"].values()) == ["80", "84", "85"]


@pytest.mark.parametrize("locked", [0, 1, 2])
def test_nothing_is_aggregated_before_all_are_locked(desk: Desk, locked: int) -> None:
    desk.mark(1, *(80, 85)[:locked])
    refused("sheets_not_locked", desk.aggregate)
    with desk.host.db.read() as session:
        assert panel_scores.current(session, desk.stage.turn(1).id) is None
        with pytest.raises(Refused):
            panel_scores.recompute(session, desk.stage.turn(1))


def test_a_score_is_made_once_and_by_a_scorer_who_did_not_mark(
    desk: Desk, person_as: Callable[..., Actor]
) -> None:
    desk.mark(1, 80, 85, 84)
    with pytest.raises(Forbidden):
        desk.aggregate(by=desk.checker)
    both = Actor(desk.stage.leader.user_id, "", desk.scorer.roles | desk.stage.leader.roles)
    refused("panel_marks_own", desk.aggregate, by=both)
    desk.aggregate()
    refused("panel_aggregated", desk.aggregate)


def test_the_way_of_a_score_ends_with_the_room_marked(desk: Desk) -> None:
    desk.mark(1, 80, 85, 84)
    desk.mark(2, 70, 72, 71)
    for number in (1, 2):
        desk.aggregate(number)
    refused("panel_not_over", desk.finish)
    desk.end()
    assert not desk.finish(1)
    assert desk.stage.room_row().state == "ended"
    assert desk.finish(2)
    room = desk.stage.room_row()
    assert (room.state, room.marked_at) == ("marked", desk.host.now())
    assert desk.row(2).checked_by == desk.checker.user_id
    with desk.host.db.read() as session:
        stream = audit.sitting_stream(desk.stage.room_sitting)
        acts = session.scalars(select(AuditEntry.act).where(AuditEntry.stream == stream)).all()
    expected = ("panel_aggregated", "panel_score_confirmed", "panel_score_checked", "assessment_marked")
    assert [acts.count(act) for act in expected] == [2, 2, 2, 1]


def test_steps_keep_their_order_and_their_people(desk: Desk, person_as: Callable[..., Actor]) -> None:
    turn = desk.stage.turn(1).id
    desk.mark(1, 80, 85, 84)
    desk.end()
    refused("panel_not_aggregated", desk.write, panel_scores.confirm, desk.stage.leader, turn)
    desk.aggregate()
    refused("panel_not_leader", desk.write, panel_scores.confirm, desk.stage.examiners[1], turn)
    refused("panel_not_confirmed", desk.write, panel_scores.check, desk.checker, turn)
    desk.write(panel_scores.confirm, desk.stage.leader, turn)
    both = Actor(desk.scorer.user_id, "", desk.scorer.roles | desk.checker.roles)
    refused("panel_check_by_maker", desk.write, panel_scores.check, both, turn)
    examiner = Actor(desk.stage.examiners[2].user_id, "", desk.checker.roles)
    refused("panel_marks_own", desk.write, panel_scores.check, examiner, turn)
    desk.write(panel_scores.check, desk.checker, turn)
    refused("panel_not_confirmed", desk.write, panel_scores.check, desk.checker, turn)


def test_a_score_that_its_sheets_do_not_bear_out_is_neither_confirmed_nor_checked(desk: Desk) -> None:
    desk.mark(1, 80, 85, 84)
    desk.aggregate()
    desk.end()
    turn = desk.stage.turn(1).id
    desk.host.db.write(lambda s: s.execute(update(PanelScore).values(score=Decimal(90))))
    refused("panel_score_differs", desk.write, panel_scores.confirm, desk.stage.leader, turn)
    with desk.host.db.read() as session:
        value = panel_scores.recompute(session, desk.stage.turn(1))
        assert (value.score, panel_scores.differs(desk.row(), value)) == (Decimal("83.0"), True)


def test_a_wide_spread_waits_for_an_arbitration(desk: Desk) -> None:
    desk.mark(1, 62, 58, 85)
    row = desk.aggregate()
    assert (row.state, row.score, row.spread) == ("arbitration", None, Decimal(27))
    desk.end()
    refused(
        "panel_not_aggregated", desk.write, panel_scores.confirm, desk.stage.leader, desk.stage.turn(1).id
    )


def test_an_arbitration_needs_a_reason_and_a_supervisor(desk: Desk) -> None:
    desk.mark(1, 62, 58, 85)
    desk.aggregate()
    keep, turn = Settlement("keep"), desk.stage.turn(1).id
    act = panel_arbitration.arbitrate
    refused("reason_missing", arbitrate, desk, keep, reason="  ")
    refused("cosign_missing", desk.write, act, Signed(desk.scorer, "原因"), turn, keep)
    refused("cosign_not_allowed", desk.write, act, Signed(desk.scorer, "原因", desk.checker), turn, keep)
    with pytest.raises(Forbidden):
        desk.write(act, Signed(desk.checker, "原因", desk.stage.supervisor), turn, keep)
    refused("panel_outcome_unknown", arbitrate, desk, Settlement("closest_two"))


def test_the_combined_score_may_stand(desk: Desk) -> None:
    desk.mark(1, 62, 58, 85)
    desk.aggregate()
    row = arbitrate(desk, Settlement("keep"))
    assert (row.state, row.revision, row.score) == ("aggregated", 2, Decimal("68.3"))
    desk.end()
    assert not any(each.replaced_at for each in _revisions(desk)[1:])
    assert _revisions(desk)[0].replaced_at is not None
    desk.finish()


@pytest.mark.parametrize(
    ("score", "code"),
    [
        ("57.9", "panel_score_outside"),
        ("85.1", "panel_score_outside"),
        ("62.05", "panel_score_decimals"),
    ],
)
def test_a_recorded_score_stays_within_the_sheets(desk: Desk, score: str, code: str) -> None:
    desk.mark(1, 62, 58, 85)
    desk.aggregate()
    refused(code, arbitrate, desk, Settlement("score", Decimal(score)))


@pytest.mark.parametrize("score", ["58", "60.5", "85"])
def test_a_recorded_score_counts_and_the_sheets_stay(desk: Desk, score: str) -> None:
    desk.mark(1, 62, 58, 85)
    desk.aggregate()
    row = arbitrate(desk, Settlement("score", Decimal(score)))
    assert row.score == Decimal(score)
    assert sorted(row.detail["totals"].values()) == ["58", "62", "85"]
    assert row.detail["arbitration"]["reason"] == "三人复看录像"
    with desk.host.db.read() as session:
        assert panel_scores.recompute(session, desk.stage.turn(1)).score == Decimal(score)
    refused("panel_no_arbitration", arbitrate, desk, Settlement("keep"))


def test_two_more_examiners_mark_blind_and_the_median_counts(
    desk: Desk, person_as: Callable[..., Actor]
) -> None:
    more = tuple(person_as("examiner") for _ in range(2))
    for each in more:
        add_examiner(desk.host, each, card_grade="senior_examiner")
    desk.mark(1, 62, 58, 85)
    desk.aggregate()
    call = Settlement("second", examiners=tuple(each.user_id or 0 for each in more))
    row = arbitrate(desk, call)
    assert (row.state, row.score, row.spread, row.detail["totals"]) == ("arbitration", None, None, {})
    refused("panel_second_awaited", arbitrate, desk, Settlement("keep"))
    refused("sheets_not_locked", desk.aggregate)  # nobody sees the first sheets meanwhile
    for who, total in zip(more, (63, 60), strict=True):
        desk.send(who, 1, worth(total))
    row = desk.aggregate()
    assert (row.state, row.revision, row.score, row.spread) == ("aggregated", 3, Decimal("62.0"), Decimal(27))
    desk.end()
    assert not desk.stage.room_row().marked_at
    desk.finish()


def test_the_second_examiners_are_two_others_who_may_assess(
    desk: Desk, person_as: Callable[..., Actor]
) -> None:
    desk.mark(1, 62, 58, 85)
    desk.aggregate()
    one, cashier = person_as("examiner").user_id or 0, person_as("invigilator").user_id or 0
    leader = desk.stage.leader.user_id or 0
    for code, people in (
        ("panel_second_two", (one,)),
        ("panel_second_two", (one, one)),
        ("panel_second_other", (one, leader)),
        ("duty_without_role", (one, cashier)),
    ):
        refused(code, arbitrate, desk, Settlement("second", examiners=people))
    assert desk.stage.turn(1).panel == sorted(each.user_id or 0 for each in desk.stage.examiners)


def test_a_majority_s_veto_fails_whatever_the_sum(desk: Desk) -> None:
    desk.mark(1, 92, 90, 91, vetoes=(0, 1))
    row = desk.aggregate()
    assert (row.state, row.vetoed, row.score) == ("aggregated", True, Decimal("91.0"))


@pytest.mark.parametrize("holds", [True, False])
def test_a_minority_s_veto_waits_for_the_supervisor(desk: Desk, holds: bool) -> None:
    desk.mark(1, 92, 90, 91, vetoes=(2,))
    row = desk.aggregate()
    assert (row.state, row.vetoed, row.score) == ("arbitration", False, None)
    turn, rule = desk.stage.turn(1).id, panel_arbitration.rule_veto
    refused("panel_veto_first", arbitrate, desk, Settlement("keep"))
    refused("reason_missing", desk.write, rule, desk.stage.supervisor, turn, Ruling("V1", holds, ""))
    refused("panel_no_veto", desk.write, rule, desk.stage.supervisor, turn, Ruling("V9", holds, "原因"))
    with pytest.raises(Forbidden):
        desk.write(rule, desk.scorer, turn, Ruling("V1", holds, "原因"))
    row = desk.write(rule, desk.stage.supervisor, turn, Ruling("V1", holds, "录像可见"))
    assert (row.state, row.vetoed, row.score) == ("aggregated", holds, Decimal("91.0"))
    both = Actor(desk.stage.supervisor.user_id, "", desk.checker.roles)
    desk.end()
    desk.write(panel_scores.confirm, desk.stage.leader, turn)
    refused("panel_check_by_maker", desk.write, panel_scores.check, both, turn)


def test_a_checker_s_doubt_goes_back_to_an_arbitration(desk: Desk) -> None:
    desk.mark(1, 80, 85, 84)
    desk.aggregate()
    desk.end()
    turn = desk.stage.turn(1).id
    desk.write(panel_scores.confirm, desk.stage.leader, turn)
    refused("reason_missing", desk.write, panel_scores.send_back, desk.checker, turn, "")
    desk.write(panel_scores.send_back, desk.checker, turn, "第二项记录与照片不符")
    row = desk.row()
    assert (row.state, row.revision, row.score, row.confirmed_at) == ("arbitration", 2, None, None)
    arbitrate(desk, Settlement("keep"))
    desk.finish()  # who sent it back may check what came of it
    assert [each.state for each in _revisions(desk)] == ["confirmed", "arbitration", "checked"]


def test_the_leader_may_ask_for_an_arbitration_and_changes_no_mark(desk: Desk) -> None:
    desk.mark(1, 80, 85, 84)
    desk.aggregate()
    turn = desk.stage.turn(1).id
    refused("panel_not_over", desk.write, panel_scores.send_back, desk.stage.leader, turn, "看法不一")
    desk.end()
    refused("panel_not_leader", desk.write, panel_scores.send_back, desk.stage.examiners[1], turn, "看法不一")
    desk.write(panel_scores.send_back, desk.stage.leader, turn, "看法不一")
    assert desk.row().state == "arbitration"
    with desk.host.db.read() as session:
        assert set(session.scalars(select(ScoreSheet.state))) == {"locked"}


def test_overtime_is_taken_off_every_sheet(desk: Desk, machine: Machine) -> None:
    desk.stage.perform(1)
    machine.advance(minutes=31, seconds=5)
    desk.write(turns.finish, desk.stage.invigilator, desk.stage.turn(1).id)
    desk.mark(1, 100, 100, 100)
    assert desk.aggregate().score == Decimal("98.8")  # 2 of the first task, which weighs 60


@pytest.mark.both_stores
def test_on_both_stores_a_score_reads_back_as_it_was_made(desk: Desk) -> None:
    desk.mark(1, 62, 58, 85, vetoes=(0,))
    desk.aggregate()
    ruling = Ruling("V1", True, "录像可见")
    desk.write(panel_arbitration.rule_veto, desk.stage.supervisor, desk.stage.turn(1).id, ruling)
    arbitrate(desk, Settlement("score", Decimal("61.5")))
    with desk.host.db.read() as session:
        value = panel_scores.recompute(session, desk.stage.turn(1))
        assert not panel_scores.differs(desk.row(), value)
        assert (value.score, value.vetoed) == (Decimal("61.5"), True)


def test_a_decision_that_nobody_made_does_not_hold(desk: Desk) -> None:
    desk.mark(1, 62, 58, 85)
    desk.aggregate()
    arbitrate(desk, Settlement("score", Decimal("60.5")))
    desk.end()

    def alter(session: Session) -> None:
        row = panel_scores.current(session, desk.stage.turn(1).id)
        assert row is not None
        said = row.detail["arbitration"] | {"score": "85"}
        row.detail, row.score = row.detail | {"arbitration": said}, Decimal(85)

    desk.host.db.write(alter)
    turn = desk.stage.turn(1)
    refused("panel_score_differs", desk.write, panel_scores.confirm, desk.stage.leader, turn.id)
    with desk.host.db.read() as session:
        assert panel_scores.recompute(session, turn).score == Decimal("60.5")


def test_a_veto_ruling_that_was_turned_over_in_the_store_is_seen(desk: Desk) -> None:
    desk.mark(1, 92, 90, 91, vetoes=(2,))
    desk.aggregate()
    turn = desk.stage.turn(1)
    desk.write(panel_arbitration.rule_veto, desk.stage.supervisor, turn.id, Ruling("V1", True, "录像可见"))

    def alter(session: Session) -> None:
        row = panel_scores.current(session, turn.id)
        assert row is not None
        rulings = {"V1": row.detail["rulings"]["V1"] | {"holds": False}}
        row.detail, row.vetoed = row.detail | {"rulings": rulings}, False

    desk.host.db.write(alter)
    with desk.host.db.read() as session:
        assert panel_scores.differs(desk.row(), panel_scores.recompute(session, turn))


def test_who_may_see_panels_is_no_second_examiner(desk: Desk, person_as: Callable[..., Actor]) -> None:
    desk.mark(1, 62, 58, 85)
    desk.aggregate()
    both = (person_as("examiner", "chief_invigilator"), person_as("examiner"))
    for each in both:
        add_examiner(desk.host, each, card_grade="senior_examiner")
    call = Settlement("second", examiners=tuple(each.user_id or 0 for each in both))
    refused("panel_second_saw", arbitrate, desk, call)


def _revisions(desk: Desk) -> list[PanelScore]:
    with desk.host.db.read() as session:
        return panel_scores.history(session, desk.stage.turn(1).id)
