"""What a candidate is told of the data that are kept, and of who has looked."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from exam_rooms.kept_messages import KeptReply
from exam_rooms.protocol import RecordKind, Route
from exam_rooms.wire import decode
from server.access import SYSTEM, Actor
from server.db.evidence_store import frame_name
from server.db.rooms import Room
from server.db.signins import SignInRow
from server.db.sittings import Attempt, RoomSitting
from server.errors import Forbidden
from server.host import Host
from server.services import audit, evidence, holds, recorded_pictures, retention, subject_file, withdrawals
from server.services.recorded_pictures import Chosen
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.privacy_kit import PICTURE, alert, handled, log_batch, room_picture
from tests.server.smart_kit import CameraAgent, answering, equip, jpeg, rules, vector


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[CameraAgent]:
    return answering(app, scene, machine, "12")


@pytest.fixture
def agent(agents: list[CameraAgent]) -> CameraAgent:
    return agents[0]


@pytest.fixture
def administrator(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator")


@pytest.fixture
def second(person_as: Callable[..., Actor]) -> Actor:
    return person_as("invigilator")


@pytest.mark.both_stores
def test_the_file_of_a_candidate_says_what_there_is_and_who_has_looked(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(1))
    alert(agent, PICTURE)
    scene.write(evidence.note_viewed, scene.invigilator, 1)
    handled(scene, "recorded")
    log_batch(host, scene, agent.attempt, machine.wall + timedelta(days=9))
    with host.db.read() as session:
        file = subject_file.of_attempt(session, agent.attempt)
    until = host.now() + timedelta(days=rules(scene).keep_days)
    assert (file.seat, file.consent, file.template_until) == ("1", True, until)
    (pictures,) = file.pictures
    assert (pictures.purpose, pictures.count, pictures.gone, pictures.until) == ("alert", 1, 0, until)
    (event,) = file.incidents
    assert (event.kind, event.state, event.by_person, event.case) == ("NO_FACE", "recorded", True, False)
    assert [(look.by, look.what) for look in file.looks] == [(scene.invigilator.name, "frame_viewed")]
    assert (file.logged, file.log_until) == (60, machine.wall + timedelta(days=9))


def test_nobody_elses_data_is_in_the_file(agents: list[CameraAgent], host: Host, scene: Scene) -> None:
    one, two = agents
    alert(two, PICTURE)
    scene.write(evidence.note_viewed, scene.invigilator, 1)
    with host.db.read() as session:
        file = subject_file.of_attempt(session, one.attempt)
    assert (file.pictures, file.incidents, file.looks, file.template_until) == ([], [], [], None)


def test_the_seat_is_told_in_words_and_in_its_language(
    agent: CameraAgent, host: Host, scene: Scene, app: Flask
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(1))
    alert(agent, PICTURE)
    answer = agent.client.get(f"{Route.KEPT}?lang=zh", headers=agent._headers())
    told = decode(KeptReply, answer.get_json())
    text = "\n".join(f"{row.term}：{row.text}" for part in told.sections for row in part.rows)
    assert "人脸特征：有，加密保存" in text
    assert "撤回同意：" in text
    with host.db.read() as session:
        file = subject_file.of_attempt(session, agent.attempt)
    assert file.name in text
    assert "***" in text or "＊" in text or file.id_masked in text
    for once in ("监考员处理完毕即删除", "告警处理后即删除"):
        assert once not in text
    stranger = CameraAgent(app, scene, "3")
    stranger.open_session()
    assert stranger.client.get(Route.KEPT, headers=stranger._headers()).status_code == 404


def words_at_seat(agent: CameraAgent) -> str:
    answer = agent.client.get(f"{Route.KEPT}?lang=zh", headers=agent._headers())
    told = decode(KeptReply, answer.get_json())
    return "\n".join(f"{part.title}|{row.term}|{row.text}" for part in told.sections for row in part.rows)


def test_while_the_test_goes_on_the_seat_is_not_told_whether_it_was_flagged(
    agent: CameraAgent, scene: Scene, machine: Machine, administrator: Actor
) -> None:
    """Whoever controls the page could ask every second: nothing in the words may change with an alert."""
    before = words_at_seat(agent)
    assert "作答期间不显示" in before
    alert(agent, PICTURE)
    agent.taken(Route.ALERT, agent.alert(kind="FACE_MISMATCH", episode="b" * 16, probe=vector(5)))
    scene.write(evidence.note_viewed, scene.invigilator, 1)
    scene.write(holds.place, Signed(administrator, "dispute"), scene.room_sitting)
    assert words_at_seat(agent) == before
    agent.open_journal()
    machine.advance(minutes=31)
    agent.write(RecordKind.SUBMIT)
    assert agent.sent().refused == ()
    after = words_at_seat(agent)
    assert "作答期间不显示" not in after
    assert "告警前后的画面|1 张" in after
    assert "谁看过画面|合计|1 次" in after


def test_pictures_that_never_came_are_not_called_deleted(
    agent: CameraAgent, host: Host, scene: Scene, second: Actor
) -> None:
    agent.taken(Route.ALERT, agent.alert(frames=(agent.frame(PICTURE, "at"), agent.frame(jpeg(2), "after"))))
    agent.picture(PICTURE)
    handled(scene, "dismissed")
    scene.write(withdrawals.withdraw, Signed(scene.invigilator, "", second), agent.attempt)
    with host.db.read() as session:
        (pictures,) = subject_file.of_attempt(session, agent.attempt).pictures
    assert (pictures.purpose, pictures.count, pictures.gone) == ("alert", 0, 1)


def test_who_looked_at_the_desks_picture_in_another_room_is_told(
    agents: list[CameraAgent], host: Host, scene: Scene
) -> None:
    agent = agents[0]

    def elsewhere(session) -> None:
        here = session.get_one(RoomSitting, scene.room_sitting)
        room = Room(name="desk room", created_at=host.now())
        session.add(room)
        session.flush()
        other = RoomSitting(uid="other", sitting_id=here.sitting_id, room_id=room.id)
        session.add(other)
        session.flush()
        attempt = session.get_one(Attempt, agent.attempt)
        stamps = {"signed_at": host.now(), "entered_at": host.now()}
        neighbour = session.get_one(Attempt, agents[1].attempt)
        for registration in (attempt.registration_id, neighbour.registration_id):
            row = SignInRow(room_sitting_id=other.id, registration_id=registration, face="match", **stamps)
            session.add(row)
            session.flush()
            stream = audit.sitting_stream(other.id)
            seen = (stream, scene.chief, "desk_picture_viewed", f"signin/{row.id}")
            audit.record(session, *seen, now=host.now())
        # the same seat number in the other room is another seat
        audit.record(session, stream, scene.chief, "seat_looked_at", "room", now=host.now(), seats="1")

    host.db.write(elsewhere)
    with host.db.read() as session:
        looks = subject_file.of_attempt(session, agent.attempt).looks
    assert [(look.by, look.what) for look in looks] == [(scene.chief.name, "desk_picture_viewed")]


def test_staff_find_a_candidate_by_ticket_or_number(
    agent: CameraAgent, host: Host, scene: Scene, administrator: Actor
) -> None:
    with host.db.read() as session:
        mine = subject_file.of_attempt(session, agent.attempt)
        (found,) = subject_file.find(session, administrator, f" {mine.ticket} ")
        assert (found.registration, found.name) == (mine.registration, mine.name)
        assert subject_file.find(session, administrator, "nobody") == []
        with pytest.raises(Forbidden):
            subject_file.find(session, scene.invigilator, mine.ticket)


@pytest.mark.both_stores
def test_pictures_of_the_rooms_camera_count_and_go_like_the_others(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, administrator: Actor, second: Actor
) -> None:
    alert(agent, PICTURE)
    handled(scene, "recorded")
    number = room_picture(host, scene, machine.wall + timedelta(days=9))
    with host.db.read() as session:
        groups = {
            group.purpose: group.count for group in subject_file.of_attempt(session, agent.attempt).pictures
        }
    assert groups == {"alert": 1, "room": 1}
    machine.advance(days=10)
    assert scene.write(retention.purge, SYSTEM).counts["room"] == 0
    with host.db.read() as session:
        (line,) = recorded_pictures.listing(session, now=host.now())
    assert (line.camera, line.frame, line.seat) == ("room", number, "1")
    chosen, signed = Chosen(room=[number]), Signed(administrator, "over", second)
    assert scene.write(recorded_pictures.delete, signed, chosen) == (frame_name(900, "f" * 64),)
    with host.db.read() as session:
        assert recorded_pictures.listing(session, now=host.now()) == ()
