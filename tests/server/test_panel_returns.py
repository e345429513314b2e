"""Scores that were sent back: every decision is open again, each by its own person, and papers name the right one."""

from collections.abc import Callable
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from server.access import Actor, Role
from server.db.reviewing import ReviewWork
from server.errors import Refused
from server.host import Host
from server.services import defences, panel_arbitration, panel_papers, panel_scores, panel_swaps, turns
from server.services.defences import Asked
from server.services.panel_arbitration import Ruling, Settlement
from server.services.panel_papers import Printing
from server.services.panels import Swap
from server.services.printed_at import At
from server.services.signed import Signed
from tests.server.assessing_kit import add_examiner
from tests.server.panel_kit import Desk, panel_desk, worth
from tests.server.paper_kit import pages


@pytest.fixture
def desk(host: Host, person_as: Callable[..., Actor]) -> Desk:
    return panel_desk(host, person_as)


def arbitrate(desk: Desk, settlement: Settlement) -> None:
    signed = Signed(desk.scorer, "三人复看录像", desk.stage.supervisor)
    desk.write(panel_arbitration.arbitrate, signed, desk.stage.turn(1).id, settlement)


def send_back(desk: Desk, by: Actor) -> None:
    desk.write(panel_scores.send_back, by, desk.stage.turn(1).id, "与录像不符")


def two_more(desk: Desk, person_as: Callable[..., Actor]) -> tuple[Actor, ...]:
    more = tuple(person_as("examiner") for _ in range(2))
    for each in more:
        add_examiner(desk.host, each, card_grade="senior_examiner")
    return more


def call(desk: Desk, more: tuple[Actor, ...]) -> None:
    arbitrate(desk, Settlement("second", examiners=tuple(each.user_id or 0 for each in more)))


def test_a_second_panel_settles_what_was_sent_back(desk: Desk, person_as: Callable[..., Actor]) -> None:
    more = two_more(desk, person_as)
    desk.mark(1, 80, 85, 84)
    desk.aggregate()
    desk.end()
    send_back(desk, desk.stage.leader)
    call(desk, more)
    for who, total in zip(more, (70, 71), strict=True):
        desk.send(who, 1, worth(total))
    row = desk.aggregate()
    assert (row.state, row.score) == ("aggregated", Decimal(80))
    desk.finish()


@pytest.mark.dear
def test_who_sent_a_score_back_and_then_made_it_does_not_check_it(
    desk: Desk, person_as: Callable[..., Actor]
) -> None:
    more, turn = two_more(desk, person_as), desk.stage.turn(1).id
    both = Actor(desk.checker.user_id, "", frozenset({Role.SCORER, Role.MARK_CHECKER}))
    desk.mark(1, 80, 85, 84)
    desk.aggregate()
    desk.end()
    desk.write(panel_scores.confirm, desk.stage.leader, turn)
    send_back(desk, both)
    call(desk, more)
    for who, total in zip(more, (70, 71), strict=True):
        desk.send(who, 1, worth(total))
    row = desk.aggregate(by=both)
    if row.state == "arbitration":
        arbitrate(desk, Settlement("keep"))
    desk.write(panel_scores.confirm, desk.stage.leader, turn)
    with pytest.raises(Refused, match="panel_check_by_maker"):
        desk.write(panel_scores.check, both, turn)


def test_a_ruling_on_a_veto_is_open_again_once_the_score_is_sent_back(desk: Desk) -> None:
    turn = desk.stage.turn(1).id
    desk.mark(1, 92, 90, 91, vetoes=(2,))
    desk.aggregate()
    rule = panel_arbitration.rule_veto
    desk.write(rule, desk.stage.supervisor, turn, Ruling("V1", True, "看错了人"))
    desk.end()
    send_back(desk, desk.stage.leader)
    assert desk.row().detail["needs"] == ["supervisor", "arbitration"]
    row = desk.write(rule, desk.stage.supervisor, turn, Ruling("V1", False, "录像中没有"))
    assert (row.state, row.vetoed) == ("arbitration", False)
    arbitrate(desk, Settlement("keep"))
    with desk.host.db.read() as session:
        value = panel_scores.recompute(session, desk.stage.turn(1))
        assert (value.vetoed, value.score, value.needs) == (False, Decimal(91), ())
    desk.finish()


def test_the_record_names_who_worked_the_score_out_not_who_ruled_or_sent_it_back(desk: Desk) -> None:
    turn = desk.stage.turn(1).id
    desk.mark(1, 92, 90, 91, vetoes=(2,))
    desk.aggregate()
    ruling = Ruling("V1", False, "录像中没有")
    desk.write(panel_arbitration.rule_veto, desk.stage.supervisor, turn, ruling)
    at = At(desk.host.now(), ZoneInfo(desk.host.settings.timezone))
    with desk.host.db.read() as session:
        data = panel_papers.record(session, desk.checker, turn, Printing(at))["data"]
    assert data["hands"][0][:2] == ["统分人", desk.scorer.name]


@pytest.mark.dear
def test_the_record_of_a_review_tells_title_and_questions(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    desk = panel_desk(
        host, person_as, component="review", method="defence", level=2, stations=1, candidates=1
    )
    asker = desk.stage.examiners[1]
    title = ReviewWork(registration_id=desk.stage.registrations[0], title="园区消防巡查的改进")
    host.db.write(lambda session: session.add(title))
    turn = desk.stage.perform(1).id
    desk.write(defences.ask, asker, turn, Asked(asker.user_id or 0, "为什么分两条路线？"))
    desk.write(turns.finish, desk.stage.invigilator, turn)
    desk.mark(1, 80, 85, 84)
    desk.aggregate()
    at = At(host.now(), ZoneInfo(host.settings.timezone))
    with host.db.read() as session:
        paper = panel_papers.record(session, desk.checker, turn, Printing(at))
    assert ["论文题目", "园区消防巡查的改进"] in paper["data"]["facts"]
    assert paper["data"]["questions"] == [f"1. 为什么分两条路线？（{asker.name}）"]
    text = "".join(pages(host.jobs.run("document_pdf", paper)["data"]))
    assert "园区消防巡查的改进" in text and "为什么分两条路线" in text


def test_the_record_says_what_an_arbitration_came_to(desk: Desk) -> None:
    desk.mark(1, 62, 58, 85)
    desk.aggregate()
    arbitrate(desk, Settlement("score", Decimal("61.5")))
    at = At(desk.host.now(), ZoneInfo(desk.host.settings.timezone))
    with desk.host.db.read() as session:
        data = panel_papers.record(session, desk.checker, desk.stage.turn(1).id, Printing(at))["data"]
    people = f"{desk.scorer.name}、{desk.stage.supervisor.name}"
    assert data["arbitration"] == f"记为 61.5 分，理由：三人复看录像（{people}签字）"


@pytest.mark.dear
def test_what_is_confirmed_and_checked_is_the_score_that_was_on_the_screen(
    desk: Desk, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    desk.mark(1, 80, 85, 84)
    desk.aggregate()
    desk.end()
    turn, room = desk.stage.turn(1).id, desk.stage.room_sitting
    leader, checker = sign_in(desk.stage.leader), sign_in(desk.checker)
    ticked = {"turn": str(turn), f"revision-{turn}": "1"}
    assert f'name="revision-{turn}" value="1"' in leader.get(f"/panels/own/{room}").get_data(as_text=True)
    send_back(desk, desk.stage.leader)
    arbitrate(desk, Settlement("keep"))
    old = leader.post(f"/panels/own/{room}/confirm", data=ticked)
    assert (old.status_code, "新的版本" in old.get_data(as_text=True)) == (409, True)
    leader.post(f"/panels/own/{room}/confirm", data=ticked | {f"revision-{turn}": "3"})
    assert 'name="revision" value="3"' in checker.get(f"/panels/turns/{turn}").get_data(as_text=True)
    assert checker.post(f"/panels/turns/{turn}/check", data={"revision": "1"}).status_code == 409
    assert desk.row().state == "confirmed"
    checker.post(f"/panels/turns/{turn}/check", data={"revision": "3"})
    assert desk.row().state == "checked"


def test_sheets_tell_what_they_count_for_once_a_veto_takes_points(
    desk: Desk, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    desk.mark(1, 80, 85, 84)
    desk.aggregate()
    turn, scorer = desk.stage.turn(1).id, sign_in(desk.scorer)
    assert "否定项扣除后" not in scorer.get(f"/panels/turns/{turn}").get_data(as_text=True)

    def strike(session: Session) -> None:
        row = panel_scores.current(session, turn)
        assert row is not None
        row.detail = row.detail | {"totals": dict.fromkeys(row.detail["totals"], "56.5")}

    desk.host.db.write(strike)
    assert "否定项扣除后" in scorer.get(f"/panels/turns/{turn}").get_data(as_text=True)
    paper = scorer.get(f"/panels/turns/{turn}/record.pdf").data
    assert "否定项扣除后" in "".join(pages(paper))


@pytest.mark.dear
def test_a_called_examiner_who_cannot_mark_is_replaced_by_another_who_has_seen_nothing(
    desk: Desk, person_as: Callable[..., Actor]
) -> None:
    more, third = two_more(desk, person_as), person_as("examiner")
    add_examiner(desk.host, third, card_grade="senior_examiner")
    chief = person_as("examiner", "chief_invigilator")
    add_examiner(desk.host, chief, card_grade="senior_examiner")
    desk.mark(1, 62, 58, 85)
    desk.aggregate()
    desk.end()
    call(desk, more)
    turn, out = desk.stage.turn(1).id, more[0].user_id or 0

    def swap(into: Actor) -> None:
        signed = Signed(desk.stage.chief, "生病", desk.stage.supervisor)
        desk.write(panel_swaps.in_turn, signed, turn, Swap(out, into.user_id or 0))

    with pytest.raises(Refused, match="panel_second_saw"):
        swap(chief)
    swap(third)
    assert desk.row().detail["second"]["more"] == [third.user_id, more[1].user_id]
    for who, total in zip((third, more[1]), (63, 60), strict=True):
        desk.send(who, 1, worth(total))
    assert desk.aggregate().score == Decimal(62)
    desk.finish()
