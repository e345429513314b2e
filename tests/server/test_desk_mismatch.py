"""A face that differed at the desk: it stays with the registration until it is answered, whoever looks next."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from exam_rooms.desk import Face
from exam_rooms.seats import AttemptState
from server.access import Actor
from server.db.record import AuditEntry
from server.db.signins import SignInRow
from server.host import Host
from server.services import commands, desk, desk_find, desk_pictures
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.signin_kit import PICTURE, Desk, all_have_photos, code, real_tickets


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    made = make_scene(host, person_as)
    all_have_photos(made)
    real_tickets(made)
    return made


@pytest.fixture
def desks(scene: Scene) -> tuple[Desk, Desk]:
    return Desk(scene, scene.staff[0]), Desk(scene, scene.staff[1])


def shown(each: Desk) -> desk_find.Person:
    """The candidate of seat 1 as this operator has them on the screen."""
    scene = each.scene
    with scene.host.db.read() as session:
        return desk_find.person(session, each.operator, each.place("1"), now=scene.host.now())


def looks(scene: Scene) -> list[tuple[str, str]]:
    """Every row of seat 1: face and result."""
    with scene.host.db.read() as session:
        rows = session.scalars(select(SignInRow).order_by(SignInRow.id))
        return [(row.face, row.result) for row in rows]


UNCLEAR = (Face.DECLINED, Face.UNAVAILABLE, Face.NO_FACE, Face.UNCLEAR, Face.SEVERAL, Face.UNSURE)


@pytest.mark.parametrize("then", UNCLEAR)
def test_after_a_mismatch_two_invigilators_pass_nobody_whatever_is_seen_next(
    scene: Scene, desks: tuple[Desk, Desk], then: Face
) -> None:
    here, _ = desks
    here.look("1", Face.MISMATCH)
    here.look("1", then)
    assert code(lambda: here.passes("1", scene.staff[1])) == "desk_face_differs"
    assert code(lambda: here.passes("1", scene.chief)) == "desk_face_differs"
    paper = {"method": "paper", "at": scene.host.now()}
    assert code(lambda: here.passes("1", scene.staff[1], **paper)) == "desk_face_differs"
    person = shown(here)
    assert (person.face, person.similarity, person.confirm, person.differs) == (
        "mismatch",
        0.1,
        "chief",
        True,
    )
    assert person.may_look_again == (then not in (Face.DECLINED, Face.UNAVAILABLE))
    assert [one.mark for one in person.former] == ["differs"]


@pytest.mark.parametrize("then", [None, *UNCLEAR])
def test_the_desk_next_door_passes_nobody_whose_face_differed_here(
    scene: Scene, desks: tuple[Desk, Desk], then: Face | None
) -> None:
    here, there = desks
    here.look("1", Face.MISMATCH)
    if then is not None:
        there.look("1", then)
    assert code(lambda: there.passes("1", scene.staff[0])) == "desk_face_differs"
    assert (shown(there).stage, shown(there).confirm) == ("confirm", "chief")
    assert shown(there).former[0].has_picture


def test_who_goes_to_the_seat_past_a_mismatch_is_not_admitted_there(
    app: Flask, scene: Scene, desks: tuple[Desk, Desk]
) -> None:
    here, _ = desks
    here.look("1", Face.MISMATCH)
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.sign_in()
    admit = lambda: scene.write(commands.admit, scene.staff[1], scene.attempts["1"])  # noqa: E731
    assert code(admit) == "desk_mismatch_stands"
    here.look("1", Face.MATCH)
    admit()
    assert scene.attempt("1").state == AttemptState.ADMITTED


@pytest.mark.both_stores
@pytest.mark.parametrize("who", [0, 1])
def test_a_later_match_answers_a_mismatch_at_whichever_desk_and_both_are_kept(
    scene: Scene, desks: tuple[Desk, Desk], who: int
) -> None:
    here, there = desks
    here.look("1", Face.MISMATCH)
    desks[who].look("1", Face.MATCH)
    assert (
        code(lambda: desks[1 - who].passes("1")) == "desk_consent_not_asked"
    )  # who did not see it looks anew
    assert desks[who].passes("1").result == "pass"
    assert looks(scene) == [("mismatch", "looked"), ("match", "pass")]
    assert [one.mark for one in shown(there).former] == ["differs"]
    scene.write(desk.take_back, Signed(here.operator, "选错了考生"), here.place("1"))
    here.look("1", Face.DECLINED)  # the match went with what was taken back
    assert code(lambda: here.passes("1", scene.staff[1])) == "desk_face_differs"


def test_a_match_before_the_mismatch_answers_nothing(scene: Scene, desks: tuple[Desk, Desk]) -> None:
    here, there = desks
    here.look("1", Face.MATCH)
    there.look("1", Face.MISMATCH)
    assert code(lambda: here.passes("1")) == "desk_face_differs"


def test_the_chief_decides_a_doubt_of_who_declines_after_a_mismatch_with_its_picture_at_hand(
    scene: Scene, desks: tuple[Desk, Desk], machine: Machine, person_as: Callable[..., Actor]
) -> None:
    here, there = desks
    signin = here.look("1", Face.MISMATCH)
    there.look("1", Face.DECLINED)
    there.doubts("1", "比对不一致后不愿再比对")
    assert (shown(there).stage, shown(there).former[0].has_picture) == ("doubt", True)
    assert scene.attempt("1").face_consent is False
    machine.advance(days=181)
    assert scene.write(desk_pictures.purge, person_as("administrator")) == 0
    assert scene.write(desk_pictures.view, scene.chief, scene.room_sitting, signin) == PICTURE
    row = there.decides("1", "admitted", scene.chief)
    assert (row.face, row.consent, row.decision) == ("declined", False, "admitted")
    assert looks(scene) == [("mismatch", "looked"), ("declined", "doubt")]


def test_a_doubt_that_the_chief_took_back_answers_the_mismatch(
    scene: Scene, desks: tuple[Desk, Desk], machine: Machine
) -> None:
    here, there = desks
    here.look("1", Face.UNSURE)
    machine.advance(seconds=5)
    there.look("1", Face.MISMATCH)
    here.doubts("1")
    machine.advance(seconds=5)
    signed = Signed(here.operator, "扫错了别人的准考证", scene.chief)
    scene.write(desk.take_back, signed, here.place("1"))
    assert not shown(here).differs
    here.look("1", Face.MISMATCH)
    assert shown(here).differs


def test_who_was_admitted_by_decision_and_sent_back_at_the_seat_needs_the_chief_again(
    app: Flask, scene: Scene, desks: tuple[Desk, Desk]
) -> None:
    here, _ = desks
    here.look("1", Face.MISMATCH)
    here.doubts("1")
    here.decides("1", "admitted", scene.chief)
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.sign_in()
    scene.write(commands.refuse, scene.attempts["1"], Signed(scene.staff[1], "坐下的是另一个人"))
    here.look("1", Face.DECLINED)
    assert code(lambda: here.passes("1", scene.staff[1])) == "desk_face_differs"


def test_the_strictest_look_of_all_operators_counts_until_somebody_finds_a_match(
    scene: Scene, desks: tuple[Desk, Desk]
) -> None:
    here, there = desks
    here.look("1", Face.MATCH)
    there.look("1", Face.UNSURE)
    assert code(lambda: here.passes("1")) == "cosign_missing"
    assert shown(here).confirm == "two"
    here.look("1", Face.MATCH)
    assert here.passes("1").second_id is None
    assert looks(scene) == [("match", "pass")]  # without a mismatch other looks are not kept


def test_every_look_stands_on_the_record_by_its_word_alone(scene: Scene, desks: tuple[Desk, Desk]) -> None:
    here, there = desks
    here.look("1", Face.MISMATCH)
    there.look("1", Face.NO_FACE)
    with scene.host.db.read() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.act == "desk_looked")).all()
        told = [(row.actor_id, row.object, row.details) for row in rows]
    attempt = f"attempt/{scene.attempts['1']}"
    assert told == [
        (here.operator.user_id, attempt, {"seat": "1", "face": "mismatch"}),
        (there.operator.user_id, attempt, {"seat": "1", "face": "no_face"}),
    ]


def test_the_page_says_that_a_mismatch_stands_and_offers_no_way_around_the_chief(
    scene: Scene, desks: tuple[Desk, Desk], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    here, there = desks
    here.look("1", Face.MISMATCH)
    browser = sign_in(there.operator)

    def post(act: str, **form: Any) -> str:
        path = f"/monitor/{scene.room_sitting}/desk/{there.registration('1')}/{act}"
        return browser.post(path, data=form, headers={"HX-Request": "true"}).text

    for answer in (post("look", consent="no"), post("pass")):
        assert 'data-act="passed"' not in answer
        assert "或由主考决定，才能入场" in answer
        assert "人脸比对不一致" in answer
        assert 'data-act="doubt"' in answer
