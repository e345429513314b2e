"""The page of personal data, a candidate's file on screen and on paper, a withdrawal in the room."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.protocol import Route
from server.access import Actor
from server.db.people import User
from server.db.privacy import LegalHold
from server.db.record import AuditEntry
from server.db.sittings import Attempt, Incident
from server.host import Host
from server.services import incidents, subject_file
from server.services.incidents import Handling
from tests.server.conftest import PASSWORD, Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, answering, equip, jpeg, rules


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agent(app: Flask, scene: Scene, machine: Machine) -> CameraAgent:
    return answering(app, scene, machine, "12")[0]


@pytest.fixture
def administrator(client_as: Callable[..., FlaskClient]) -> FlaskClient:
    return client_as("administrator")


def second(host: Host, person: Actor) -> dict[str, str]:
    with host.db.read() as session:
        username = session.get_one(User, person.user_id).username
    return {"cosign_username": username, "cosign_password": PASSWORD}


def recorded(agent: CameraAgent, scene: Scene, machine: Machine) -> None:
    """A picture of a recorded incident, past its time."""
    agent.taken(Route.ALERT, agent.alert(frames=(agent.frame(jpeg(1), "at"),)))
    agent.picture(jpeg(1))
    with scene.host.db.read() as session:
        row = session.query(Incident).one().id
    scene.write(incidents.handle, scene.invigilator, row, Handling("recorded"))
    machine.advance(days=rules(scene).keep_days)


def file_of(host: Host, agent: CameraAgent) -> subject_file.SubjectFile:
    with host.db.read() as session:
        return subject_file.of_attempt(session, agent.attempt)


@pytest.mark.dear
def test_the_page_says_what_lies_here_and_two_people_delete_records(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, administrator: FlaskClient
) -> None:
    recorded(agent, scene, machine)
    page = administrator.get("/privacy").text
    assert "还没有清除过" in page
    assert 'name="frame" value="1"' in page
    alone = administrator.post("/privacy/recorded", data={"frame": "1", "reason": "over"})
    assert alone.status_code == 422
    assert "checked" in alone.text
    form = {"frame": "1", "reason": "over", **second(host, scene.chief)}
    assert administrator.post("/privacy/recorded", data=form).status_code == 302
    assert list(host.evidence.names()) == []
    assert administrator.post("/privacy/recorded", data={**form, "frame": ""}).status_code == 422


def test_a_hold_is_placed_by_one_and_lifted_by_two(
    agent: CameraAgent, host: Host, scene: Scene, administrator: FlaskClient
) -> None:
    form = {"room": str(scene.room_sitting), "ticket": file_of(host, agent).ticket, "reason": "dispute"}
    wrong = administrator.post("/privacy/holds", data={**form, "ticket": "nobody"})
    assert (wrong.status_code, "nobody" in wrong.text) == (422, True)
    assert administrator.post("/privacy/holds", data=form).status_code == 302
    assert "dispute" in administrator.get("/privacy").text
    lift = {"reason": "settled"}
    assert administrator.post("/privacy/holds/1/lift", data=lift).status_code == 422
    assert administrator.post("/privacy/holds/1/lift", data={**lift, **second(host, scene.chief)}).location
    with host.db.read() as session:
        assert session.query(LegalHold).one().lifted_second == scene.chief.user_id


def test_a_candidate_is_found_by_post_and_the_file_is_on_the_record(
    agent: CameraAgent, host: Host, administrator: FlaskClient
) -> None:
    file = file_of(host, agent)
    answer = administrator.post("/privacy/candidates", data={"typed": file.ticket})
    assert answer.location == f"/privacy/candidates/{file.registration}"
    page = administrator.get(answer.location).text
    assert file.name in page
    assert "谁看过画面" in page
    assert administrator.post("/privacy/candidates", data={"typed": "nobody"}).status_code == 404
    with host.db.read() as session:
        entry = session.query(AuditEntry).filter_by(act="subject_file_shown").one()
    assert entry.object == f"registration/{file.registration}"


def test_a_refused_form_shows_the_file_on_the_record_as_well(
    agent: CameraAgent, host: Host, administrator: FlaskClient
) -> None:
    file = file_of(host, agent)
    shown = administrator.post(f"/privacy/candidates/{file.registration}/withdraw", data={"reason": "x"})
    assert shown.status_code == 422
    assert file.name in shown.text
    with host.db.read() as session:
        assert session.query(AuditEntry).filter_by(act="subject_file_shown").count() == 1


def test_the_file_on_paper(agent: CameraAgent, host: Host, administrator: FlaskClient) -> None:
    file = file_of(host, agent)
    answer = administrator.post(f"/privacy/candidates/{file.registration}/paper")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data.startswith(b"%PDF")
    with host.db.read() as session:
        assert session.query(AuditEntry).filter_by(act="subject_file_printed").count() == 1


@pytest.mark.dear
def test_a_withdrawal_after_the_exam_and_in_the_room(
    agent: CameraAgent,
    host: Host,
    scene: Scene,
    administrator: FlaskClient,
    sign_in: Callable[[Actor], FlaskClient],
) -> None:
    file = file_of(host, agent)
    alone = administrator.post(f"/privacy/candidates/{file.registration}/withdraw")
    assert alone.status_code == 422
    form = {"reason": "asked", **second(host, scene.invigilator)}
    done = administrator.post(f"/privacy/candidates/{file.registration}/withdraw", data=form)
    assert done.status_code == 302
    room = sign_in(scene.invigilator)
    seat = f"/monitor/{scene.room_sitting}/seats/{scene.seats['2']}"
    assert "考生撤回人脸比对同意" in room.get(seat).text
    told = room.post(f"{seat}/withdraw", data=second(host, scene.chief), headers={"HX-Request": "true"})
    assert "不同意，人工核验" in told.text
    with host.db.read() as session:
        said = [session.get_one(Attempt, scene.attempts[seat]).face_consent for seat in "12"]
    assert said == [False, False]
    refused = room.post(f"{seat}/withdraw", data=second(host, scene.chief), headers={"HX-Request": "true"})
    assert "没有同意人脸比对" in refused.text


@pytest.mark.parametrize("role", ["invigilator", "chief_invigilator", "auditor", "rover"])
def test_others_do_not_come_in(client_as: Callable[..., FlaskClient], scene: Scene, role: str) -> None:
    browser = client_as(role)
    assert browser.get("/privacy").status_code == 403
    assert browser.get("/privacy/candidates/1").status_code == 403


def test_a_swap_is_shown_with_its_seat_wherever_the_alert_stands(
    agent: CameraAgent, host: Host, scene: Scene, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    agent.taken(Route.ALERT, agent.alert(kind="FACE_MISMATCH"))

    def swap(session) -> None:
        row = session.query(Incident).one()
        named = {"attempt": scene.attempts["2"], "seat": scene.seats["2"], "number": "2"}
        place = {"room_sitting": scene.room_sitting, "room": "", "similarity": 0.712}
        row.kind, row.details = "SEAT_SWAP", row.details | {"other": "2", "swap": named | place}

    host.db.write(swap)
    room = sign_in(scene.invigilator)
    base = f"/monitor/{scene.room_sitting}"
    for path in (base, f"{base}/seats/{scene.seats['1']}", f"{base}/incidents"):
        page = room.get(path).text
        assert "疑似互换座位" in page, path
        assert f"#seat-{scene.seats['2']}" in page, path
        assert "考生的登记照片相似 0.71" in page, path
