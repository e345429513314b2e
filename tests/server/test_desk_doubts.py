"""The desk when it is not plain: a doubt, no comparison, the closed door."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from exam_rooms.desk import Face
from exam_rooms.protocol import AcceptRequest, ConfirmRequest, Route, Step
from exam_rooms.seats import AttemptState
from server.access import Actor
from server.db.signins import SignInRow
from server.db.sittings import Incident
from server.host import Host
from server.live.watch import Watch
from server.services import cameras, commands, desk
from server.services.desk_marks import lates
from server.services.record_events import events, people
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.desk_kit import acts, found, marked
from tests.server.signin_kit import PICTURE, Desk, all_have_photos, change_policy, code, real_tickets
from tests.server.smart_kit import CameraAgent, equip


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    made = make_scene(host, person_as)
    all_have_photos(made)
    real_tickets(made)
    return made


@pytest.fixture
def desk_(scene: Scene) -> Desk:
    return Desk(scene, scene.staff[0])


@pytest.fixture
def agent(app: Flask, scene: Scene) -> TestAgent:
    made = TestAgent(app, scene, "1")
    made.open_session()
    return made


def recorded(scene: Scene, *kinds: str) -> list[tuple[str, str]]:
    """The desk's lines (or those of these kinds) on the room record, by seat."""
    kinds = kinds or ("signin", "walk-in")
    with scene.host.db.read() as session:
        room = commands.load(session, scene.room_sitting)
        lines = events(session, room, people(session, room))
    return [(line.seat, line.text) for line in lines if line.key.startswith(kinds)]


# --- doubt (scenario 17) -------------------------------------------------------------------------------


@pytest.mark.both_stores
@pytest.mark.parametrize("outcome", ["admitted", "refused"])
def test_scenario_17_a_doubt_is_decided_by_the_chief_with_a_second_person(
    scene: Scene, desk_: Desk, agent: TestAgent, outcome: str
) -> None:
    desk_.look("1", Face.MISMATCH)
    desk_.doubts("1", "双胞胎")
    assert marked(scene) == {"1": "doubt"}
    assert agent.sign_in().status_code == 200
    assert scene.attempt("1").state == AttemptState.IDENTIFIED
    admit = lambda: scene.write(commands.admit, scene.staff[0], scene.attempts["1"])  # noqa: E731
    assert code(admit) == "desk_doubt_open"
    assert code(lambda: desk_.decides("1", outcome, None)) == "cosign_missing"
    assert code(lambda: desk_.decides("1", outcome, scene.staff[1])) == "desk_chief_needed"
    assert code(lambda: desk_.decides("1", outcome, scene.chief, reason=" ")) == "reason_missing"
    row = desk_.decides("1", outcome, scene.chief)
    assert (row.result, row.decision, row.reason) == ("doubt", outcome, "双胞胎")
    assert (row.decided_by, row.decided_second) == (scene.staff[0].user_id, scene.chief.user_id)
    expected = AttemptState.ADMITTED if outcome == "admitted" else AttemptState.ASSIGNED
    assert scene.attempt("1").state == expected
    with scene.host.db.read() as session:
        kept = session.get_one(SignInRow, row.id)
        assert kept.has_picture
        assert kept.sealed_picture is not None
        assert PICTURE[4:] not in kept.sealed_picture
    assert "desk_doubted" in acts(scene)
    word = "准许入场" if outcome == "admitted" else "不准入场"
    people = f"{scene.staff[0].name}、{scene.chief.name}"
    assert recorded(scene) == [("1", f"签到存疑：双胞胎；{word}（{people}）：户口簿相符")]
    assert ("desk_admitted" if outcome == "admitted" else "desk_refused") in acts(scene)
    if outcome == "refused":
        agent.sign_in()
        assert code(admit) == "desk_refused_before"


def test_the_chief_at_the_desk_decides_with_an_invigilator(scene: Scene, desk_: Desk) -> None:
    desk_.look("1", Face.MISMATCH)
    desk_.doubts("1")
    row = Desk(scene, scene.chief).decides("1", "admitted", scene.staff[1])
    assert (row.decided_by, row.decided_second) == (scene.chief.user_id, scene.staff[1].user_id)
    assert code(lambda: desk_.decides("1", "refused", scene.chief)) == "desk_nothing_to_decide"


def test_who_was_sent_back_at_the_seat_is_not_admitted_by_the_desk_again(
    scene: Scene, desk_: Desk, agent: TestAgent
) -> None:
    desk_.look("1")
    desk_.passes("1")
    agent.sign_in()
    scene.write(commands.refuse, scene.attempts["1"], Signed(scene.staff[1], "坐下的是另一个人"))
    assert desk_.standing("1") is None
    agent.sign_in()
    assert scene.attempt("1").state == AttemptState.IDENTIFIED


# --- no comparison (scenario 18) -----------------------------------------------------------------------


@pytest.mark.both_stores
def test_scenario_18_who_does_not_want_to_be_compared_is_checked_by_two_people_and_no_camera(
    app: Flask, scene: Scene, desk_: Desk, machine: Machine
) -> None:
    equip(scene)
    desk_.look("1", Face.DECLINED)
    desk_.passes("1", scene.staff[1])
    assert marked(scene) == {"1": "no_compare"}
    row = desk_.standing("1")
    assert row is not None
    assert (row.consent, row.has_picture) == (False, False)
    agent = CameraAgent(app, scene, "1")
    agent.open_session()
    assert agent.sign_in().status_code == 200
    seen = agent.state()
    assert seen.step is Step.ADMITTED
    assert seen.candidate is not None
    assert seen.candidate.face_consent is False
    assert agent.post(Route.CONFIRM, ConfirmRequest(True)).status_code == 200
    assert agent.post(Route.ACCEPT, AcceptRequest("2026-11", False)).status_code == 200
    agent.attempt = scene.attempts["1"]
    everything_is_off(agent)
    machine.advance(minutes=10)
    scene.start()
    assert agent.state().step is Step.ANSWERING
    everything_is_off(agent)
    with scene.host.db.read() as session:
        asked = cameras.looked_at(session, scene.host.presence, scene.room_sitting, [scene.seats["1"]])
    assert [each.refusal for each in asked] == ["no_face_consent"]


def everything_is_off(agent: CameraAgent) -> None:
    """No enrolment, no watching for presence, no captures, and nothing that a camera says is taken."""
    plan = agent.state().watch
    assert plan is not None
    assert plan.manual
    assert (plan.enrol, plan.watch, plan.template, plan.captures) == (False, False, "", ())
    for route, message in (
        (Route.ENROLMENT, agent.enrolment()),
        (Route.ALERT, agent.alert()),
        (Route.CAPTURE, agent.capture()),
    ):
        assert agent.refused(route, message) == (403, "no_face_consent")


def test_a_yes_at_the_desk_is_shown_at_the_seat_and_watches_nothing_before_it_is_confirmed(
    app: Flask, scene: Scene, desk_: Desk
) -> None:
    equip(scene)
    desk_.look("1", Face.MATCH)
    desk_.passes("1")
    agent = CameraAgent(app, scene, "1")
    agent.open_session()
    agent.sign_in()
    seen = agent.state()
    assert seen.candidate is not None
    assert seen.candidate.face_consent is True
    assert seen.watch is not None
    assert not seen.watch.enrol
    assert scene.attempt("1").face_consent is None
    agent.post(Route.CONFIRM, ConfirmRequest(True))
    agent.post(Route.ACCEPT, AcceptRequest("2026-11", False))  # another mind at the seat counts
    assert scene.attempt("1").face_consent is False


# --- the door (scenario 19) ----------------------------------------------------------------------------


@pytest.mark.both_stores
def test_scenario_19_sixteen_minutes_late_is_absent_under_15_and_admitted_under_30(
    scene: Scene, desk_: Desk, agent: TestAgent, machine: Machine
) -> None:
    machine.advance(minutes=10)
    scene.start()
    machine.advance(minutes=16)
    assert found(scene, scene.tickets["1"]).stage == "late"
    desk_.look("1")
    assert code(lambda: desk_.passes("1")) == "late_entry_closed"
    row = scene.write(desk.turn_away, scene.staff[0], desk_.place("1"))
    assert (row.result, row.reason, row.late_minutes) == ("refused", "late_entry_closed", 16)
    assert scene.attempt("1").state == AttemptState.ABSENT
    assert marked(scene) == {"1": "late"}
    assert "desk_late" in acts(scene)
    assert recorded(scene) == [("1", "迟到 16 分钟，已过入场时限，不得入场，记为缺考")]
    change_policy(scene, late_entry_minutes=30)
    before = scene.host.now()
    with scene.host.db.read() as session:
        ends = commands.load(session, scene.room_sitting).deadline(scene.attempt("2"))
    desk_.look("2")
    late = desk_.passes("2")
    assert late.late_minutes == 16
    other = TestAgent(agent.client.application, scene, "2")
    other.open_session()
    other.sign_in()
    assert scene.attempt("2").state == AttemptState.ADMITTED
    with scene.host.db.read() as session:
        assert commands.load(session, scene.room_sitting).deadline(scene.attempt("2")) == ends
    assert ends - before == timedelta(minutes=90 - 16)


def test_who_came_late_stands_on_the_record_and_the_chief_may_take_an_absence_back(
    scene: Scene, desk_: Desk, machine: Machine
) -> None:
    machine.advance(minutes=10)
    scene.start()
    machine.advance(minutes=3)
    desk_.look("2")
    desk_.passes("2")
    machine.advance(minutes=13)
    scene.write(desk.turn_away, scene.staff[0], desk_.place("1"))
    with scene.host.db.read() as session:
        told = [(late.seat, late.minutes, late.came_in) for late in lates(session, scene.room_sitting)]
    assert told == [("2", 3, True), ("1", 16, False)]
    assert recorded(scene, "late") == [("2", "迟到入场，开考后 3 分钟")]  # as the desk knows, not the seat
    scene.write(commands.resume_seat, scene.attempts["1"], scene.signed("接驳车故障，主考准许"))
    assert desk_.standing("1") is None
    assert scene.attempt("1").state == AttemptState.ASSIGNED


def test_nobody_is_turned_away_while_the_door_is_open(scene: Scene, desk_: Desk) -> None:
    turn_away = lambda: scene.write(desk.turn_away, scene.staff[0], desk_.place("1"))  # noqa: E731
    assert code(turn_away) == "desk_door_open"


def test_who_was_at_the_desk_in_time_may_sit_down_after_the_door_closed(
    host: Host, scene: Scene, desk_: Desk, agent: TestAgent, machine: Machine
) -> None:
    machine.advance(minutes=10)
    scene.start()
    machine.advance(minutes=14)
    for seat in "12":
        desk_.look(seat)
    desk_.passes("1")
    desk_.doubts("2")
    machine.advance(minutes=3)
    watch = Watch(host)
    watch.tick()
    states = {seat: scene.attempt(seat).state for seat in "123"}
    assert states == {"1": "assigned", "2": "assigned", "3": "absent"}
    before = len(acts(scene))
    watch.tick()
    assert len(acts(scene)) == before
    assert agent.sign_in().status_code == 200
    assert scene.attempt("1").state == AttemptState.ADMITTED
    desk_.decides("2", "refused", scene.chief)
    watch.tick()
    assert scene.attempt("2").state == AttemptState.ABSENT


@pytest.mark.parametrize(("minutes", "state"), [(10, "admitted"), (10.02, "identified"), (75, "identified")])
def test_the_desks_word_admits_at_the_seat_for_some_minutes_alone(
    scene: Scene, desk_: Desk, agent: TestAgent, machine: Machine, minutes: float, state: str
) -> None:
    desk_.look("1")
    desk_.passes("1")
    machine.advance(minutes=minutes)
    if minutes > 60:
        scene.start()
    assert agent.sign_in().status_code == 200
    assert scene.attempt("1").state == state
    if state == "identified":
        scene.write(commands.admit, scene.staff[0], scene.attempts["1"])
        assert scene.attempt("1").admitted_by == scene.staff[0].user_id


def test_a_decision_on_a_doubt_counts_from_when_it_fell(
    scene: Scene, desk_: Desk, agent: TestAgent, machine: Machine
) -> None:
    desk_.look("1", Face.MISMATCH)
    desk_.doubts("1")
    machine.advance(minutes=20)
    desk_.decides("1", "admitted", scene.chief)
    machine.advance(minutes=9)
    agent.sign_in()
    assert scene.attempt("1").state == AttemptState.ADMITTED


def test_who_was_let_in_and_does_not_come_to_the_seat_is_told_once_and_cleared_at_the_seat(
    host: Host, scene: Scene, desk_: Desk, agent: TestAgent, machine: Machine
) -> None:
    def told() -> list[tuple[int | None, str, int]]:
        with host.db.read() as session:
            rows = session.query(Incident).filter_by(kind="NOT_AT_SEAT")
            return [(row.attempt_id, row.state, row.details["count"]) for row in rows]

    machine.advance(minutes=10)
    scene.start()
    desk_.look("1")
    desk_.passes("1")
    watch = Watch(host)
    machine.advance(minutes=10)
    watch.tick()
    assert told() == []
    for _ in range(3):
        machine.advance(seconds=1)
        watch.tick()
    assert told() == [(scene.attempts["1"], "raised", 1)]
    agent.sign_in()
    assert told() == [(scene.attempts["1"], "cleared", 1)]


def test_an_absence_taken_back_after_the_door_closed_stays_taken_back(
    host: Host, scene: Scene, agent: TestAgent, machine: Machine
) -> None:
    machine.advance(minutes=10)
    scene.start()
    machine.advance(minutes=15, seconds=1)
    watch = Watch(host)
    watch.tick()
    assert scene.attempt("1").state == AttemptState.ABSENT
    assert agent.sign_in().get_json()["code"] == "late_entry_closed"
    scene.write(commands.resume_seat, scene.attempts["1"], scene.signed("接驳车故障，主考准许"))
    machine.advance(seconds=1)
    watch.tick()
    assert scene.attempt("1").state == AttemptState.ASSIGNED
    assert agent.sign_in().status_code == 200
    assert scene.attempt("1").state == AttemptState.IDENTIFIED
    assert scene.attempt("2").state == AttemptState.ABSENT
