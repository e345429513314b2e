"""The sign-in desk: who is found, who confirms whom, paper, two desks, and what is kept of it."""

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask

from exam_rooms.desk import Face
from exam_rooms.protocol import Step
from exam_rooms.seats import AttemptState
from server.access import SYSTEM, Actor, Permission
from server.db.record import AuditEntry
from server.db.signins import SignInRow
from server.errors import Forbidden, Refused
from server.host import Host
from server.live.watch import Watch
from server.rules.policy_desk import DeskRules
from server.services import desk, desk_pictures
from server.services.desk import Looked, Place
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS, Scene, make_scene
from tests.server.desk_kit import acts, found, marked
from tests.server.signin_kit import PICTURE, Desk, all_have_photos, change_policy, code, code_of, real_tickets


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


# --- finding -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", ["plain", "full"])
@pytest.mark.parametrize("how", ["ticket", "number", "id"])
def test_a_candidate_is_found_by_code_number_and_id_of_any_width(scene: Scene, how: str, width: str) -> None:
    typed = {"ticket": code_of(scene, "1"), "number": scene.tickets["1"], "id": ID_NUMBERS[0]}[how]
    if width == "full":
        typed = "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in typed)
    person = found(scene, f" {typed} ")
    assert (person.name, person.seat, person.method, person.stage) == ("考生1", "1", how, "ask")
    assert person.id_masked == "110***********109X"


def test_a_code_with_one_digit_changed_names_nobody(scene: Scene) -> None:
    right = code_of(scene, "1")
    wrong = right[:-1] + str((int(right[-1]) + 1) % 10)
    assert code(lambda: found(scene, wrong)) == "ticket_code_forged"
    assert code(lambda: found(scene, "110101199003079999")) == "desk_nobody_found"
    assert code(lambda: found(scene, "   ")) == "desk_nothing_typed"


# --- confirming --------------------------------------------------------------------------------------


@pytest.mark.dear
@pytest.mark.both_stores
def test_after_a_clear_comparison_one_person_passes_and_the_seat_admits_by_itself(
    scene: Scene, desk_: Desk, agent: TestAgent
) -> None:
    desk_.look("1", Face.MATCH)
    row = desk_.passes("1", method="ticket")
    assert (row.result, row.face, row.method, row.similarity) == ("pass", "match", "ticket", 0.81)
    assert scene.attempt("1").state == AttemptState.ASSIGNED
    assert agent.sign_in().status_code == 200
    attempt = scene.attempt("1")
    assert (attempt.state, attempt.admitted_by) == (AttemptState.ADMITTED, scene.staff[0].user_id)
    assert agent.state().step is Step.ADMITTED
    assert acts(scene)[-3:] == ["desk_passed", "signed_in", "admitted"]
    assert marked(scene) == {"1": "passed"}


def test_who_went_to_the_seat_first_is_admitted_when_the_desk_passes(
    scene: Scene, desk_: Desk, agent: TestAgent
) -> None:
    agent.sign_in()
    assert scene.attempt("1").state == AttemptState.IDENTIFIED
    desk_.look("1")
    desk_.passes("1")
    assert scene.attempt("1").state == AttemptState.ADMITTED


def test_without_the_desk_everything_is_as_before(scene: Scene, agent: TestAgent) -> None:
    agent.enter()
    assert scene.attempt("1").state == AttemptState.READY
    assert marked(scene) == {}
    assert found(scene, scene.tickets["1"]).stage == "seated"


@pytest.mark.parametrize(
    "face", [Face.DECLINED, Face.UNAVAILABLE, Face.NO_FACE, Face.UNCLEAR, Face.SEVERAL, Face.UNSURE]
)
def test_what_is_not_clear_needs_a_second_person_on_duty(scene: Scene, desk_: Desk, face: Face) -> None:
    desk_.look("1", face)
    assert code(lambda: desk_.passes("1")) == "cosign_missing"
    assert code(lambda: desk_.passes("1", scene.staff[0])) == "cosign_same_person"
    row = desk_.passes("1", scene.staff[1])
    assert (row.operator_id, row.second_id) == (scene.staff[0].user_id, scene.staff[1].user_id)


def test_the_second_person_must_be_on_duty_in_this_room(
    scene: Scene, desk_: Desk, person_as: Callable[..., Actor]
) -> None:
    desk_.look("1", Face.UNSURE)
    stranger, rover = person_as("invigilator"), person_as("rover")
    assert code(lambda: desk_.passes("1", stranger)) == "desk_second_not_on_duty"
    with pytest.raises(Forbidden):
        desk_.passes("1", rover)
    assert code(lambda: Desk(scene, stranger).look("1")) == "not_on_duty"
    desk_.passes("1", scene.chief)


def test_a_mismatch_cannot_be_passed_by_anybody_at_the_desk(scene: Scene, desk_: Desk) -> None:
    desk_.look("1", Face.MISMATCH)
    assert code(lambda: desk_.passes("1", scene.chief)) == "desk_face_differs"
    paper = {"method": "paper", "at": scene.host.now()}
    assert code(lambda: desk_.passes("1", scene.chief, **paper)) == "desk_face_differs"


def test_nobody_passes_before_consent_was_asked(scene: Scene, desk_: Desk) -> None:
    assert code(lambda: desk_.passes("1", scene.chief)) == "desk_consent_not_asked"
    change_policy(scene, desk=DeskRules())
    assert found(scene, scene.tickets["1"]).stage == "confirm"
    assert desk_.passes("1").face == "not_used"


def test_a_picture_or_a_comparison_without_consent_is_refused(scene: Scene, desk_: Desk) -> None:
    for consent in (False, None):
        assert code(lambda said=consent: desk_.look("1", Face.MATCH, consent=said)) == "no_face_consent"
        bare = Looked(consent, Face.DECLINED, picture=PICTURE)
        write = lambda seen=bare: scene.write(desk.look, scene.staff[0], desk_.place("1"), seen)  # noqa: E731
        assert code(write) == "no_face_consent"


@pytest.mark.parametrize("role", ["rover", "supervisor", "administrator", "auditor"])
def test_who_only_watches_does_nothing_at_the_desk(
    scene: Scene, person_as: Callable[..., Actor], role: str
) -> None:
    watcher = person_as(role)
    assert not watcher.can(Permission.ADMIT_CANDIDATES)
    with pytest.raises(Forbidden):
        Desk(scene, watcher).look("1")
    with pytest.raises(Forbidden):
        Desk(scene, watcher).passes("1")


# --- paper, taking back -----------------------------------------------------------------------------------


def test_a_sign_in_on_paper_is_entered_later_by_two_people_with_its_own_time(
    scene: Scene, desk_: Desk, machine: Machine
) -> None:
    machine.advance(minutes=10)
    scene.start()
    signed_at = scene.host.now() + timedelta(minutes=5)
    machine.advance(minutes=40)
    desk_.look("1", Face.UNAVAILABLE)
    paper = {"method": "paper", "at": signed_at}
    assert code(lambda: desk_.passes("1", **paper)) == "cosign_missing"
    ahead = {"method": "paper", "at": scene.host.now() + timedelta(seconds=1)}
    assert code(lambda: desk_.passes("1", scene.chief, **ahead)) == "desk_time_ahead"
    too_late = {"method": "paper", "at": signed_at + timedelta(minutes=10, seconds=1)}
    assert code(lambda: desk_.passes("1", scene.chief, **too_late)) == "late_entry_closed"
    row = desk_.passes("1", scene.staff[1], **paper)
    assert (row.method, row.signed_at, row.late_minutes) == ("paper", signed_at, 5)
    assert row.entered_at == scene.host.now()
    assert marked(scene) == {"1": "paper"}


def test_a_sign_in_on_paper_in_time_takes_an_absence_back_by_the_chief_and_a_second_person(
    host: Host, scene: Scene, desk_: Desk, agent: TestAgent, machine: Machine
) -> None:
    machine.advance(minutes=10)
    scene.start()
    signed_at = scene.host.now() + timedelta(minutes=9)
    machine.advance(minutes=15, seconds=2)
    watch = Watch(host)
    watch.tick()
    assert scene.attempt("1").state == AttemptState.ABSENT
    paper = {"method": "paper", "at": signed_at}
    assert code(lambda: desk_.passes("1", scene.staff[1], **paper)) == "desk_chief_needed"
    too_late = {"method": "paper", "at": signed_at + timedelta(minutes=6, seconds=1)}
    assert code(lambda: desk_.passes("1", scene.chief, **too_late)) == "late_entry_closed"
    desk_.look("1", Face.UNAVAILABLE)
    desk_.passes("1", scene.chief, **paper)
    machine.advance(seconds=1)
    watch.tick()
    assert scene.attempt("1").state == AttemptState.ASSIGNED
    assert acts(scene)[-2:] == ["desk_passed", "seat_resumed"]
    agent.sign_in()
    assert scene.attempt("1").state == AttemptState.ADMITTED


def test_a_sign_in_of_the_wrong_person_is_taken_back_with_a_reason(scene: Scene, desk_: Desk) -> None:
    desk_.look("1")
    desk_.passes("1")
    place = desk_.place("1")
    assert code(lambda: scene.write(desk.take_back, Signed(scene.staff[0]), place)) == "reason_missing"
    scene.write(desk.take_back, Signed(scene.staff[0], "选错了考生"), place)
    assert desk_.standing("1") is None
    person = found(scene, scene.tickets["1"])
    assert person.stage == "ask"
    assert [one.mark for one in person.former] == ["taken_back"]


def test_a_decision_is_taken_back_by_the_chief_alone(scene: Scene, desk_: Desk) -> None:
    desk_.look("1", Face.MISMATCH)
    desk_.doubts("1")
    desk_.decides("1", "refused", scene.chief)
    signed = Signed(scene.staff[0], "核对有误", scene.staff[1])
    assert code(lambda: scene.write(desk.take_back, signed, desk_.place("1"))) == "desk_chief_needed"
    scene.write(desk.take_back, replace(signed, cosigner=scene.chief), desk_.place("1"))
    assert found(scene, scene.tickets["1"]).stage == "ask"


# --- two desks --------------------------------------------------------------------------------------------


def test_a_second_desk_is_told_who_signed_in_the_same_person(scene: Scene, desk_: Desk) -> None:
    other = Desk(scene, scene.staff[1])
    desk_.look("1")
    other.look("1")
    desk_.passes("1")
    with pytest.raises(Refused) as caught:
        other.passes("1")
    assert caught.value.code == "desk_signed_in_already"
    assert caught.value.params["actor"] == scene.staff[0].name


@pytest.mark.both_stores
def test_of_two_desks_at_the_same_moment_one_wins_and_the_other_is_told(scene: Scene) -> None:
    desks = [Desk(scene, who) for who in scene.staff]
    for each in desks:
        each.look("1")
    gate, told = threading.Barrier(2), []

    def go(each: Desk) -> None:
        gate.wait(60)
        try:
            told.append(each.passes("1").result)
        except Refused as refusal:
            told.append(refusal.code)

    threads = [threading.Thread(target=go, args=(each,)) for each in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(told) == ["desk_signed_in_already", "pass"]
    with scene.host.db.read() as session:
        rows = session.query(SignInRow).filter_by(registration_id=desks[0].registration("1")).all()
    assert [row.result for row in rows] == ["pass"]


# --- pictures ---------------------------------------------------------------------------------------------


def test_pictures_lie_sealed_and_nothing_of_them_is_logged(
    scene: Scene, desk_: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    signin = desk_.look("1")
    desk_.passes("1")
    marker = PICTURE[4:40]
    files = [path for path in scene.host.settings.data.rglob("*") if path.is_file()]
    assert files
    with sqlite3.connect(scene.host.settings.data / "examhall.db") as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for path in files:
        assert marker not in path.read_bytes(), path
    assert marker.decode() not in caplog.text
    with scene.host.db.read() as session:
        rows = session.query(AuditEntry).all()
        assert not any(ID_NUMBERS[0] in str(row.details) for row in rows)
    view = (scene.staff[1], scene.room_sitting, signin)
    assert scene.write(desk_pictures.view, *view) == PICTURE
    assert "desk_picture_viewed" in acts(scene)


def test_pictures_go_after_their_time_but_not_those_of_an_open_doubt(
    scene: Scene, desk_: Desk, machine: Machine, person_as: Callable[..., Actor]
) -> None:
    desk_.look("1")
    desk_.passes("1")
    desk_.look("2", Face.MISMATCH)
    desk_.doubts("2")
    manager = person_as("administrator")
    machine.advance(days=179)
    assert scene.write(desk_pictures.purge, manager) == 0
    machine.advance(days=2)
    assert scene.write(desk_pictures.purge, manager) == 1
    rows = {seat: desk_.standing(seat) for seat in "12"}
    assert {seat: row.has_picture for seat, row in rows.items() if row} == {"1": False, "2": True}
    with pytest.raises(Forbidden):
        scene.write(desk_pictures.purge, scene.staff[0])


def test_an_earlier_look_of_the_same_person_is_replaced(scene: Scene, desk_: Desk) -> None:
    desk_.look("1", Face.NO_FACE)
    desk_.look("1", Face.MATCH)
    with scene.host.db.read() as session:
        assert [row.face for row in session.query(SignInRow)] == ["match"]


def test_a_scan_of_the_room_next_door_is_not_signed_in_here(scene: Scene) -> None:
    far = Place(scene.room_sitting, 9999)
    assert code(lambda: scene.write(desk.passed, Signed(scene.staff[0]), far)) == "desk_not_seated"
    assert SYSTEM.user_id is None
