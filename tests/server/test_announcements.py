"""Announcements: pushed to every seat, to all rooms of a sitting by the chief, a single time, on the record."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from flask_socketio import SocketIOTestClient
from sqlalchemy.orm import Session

from exam_rooms.protocol import NAMESPACE_SEAT, SeatState
from exam_rooms.wire import decode
from server.access import Actor
from server.app import create_socketio
from server.db.calls import Announcement
from server.db.record import AuditEntry
from server.db.rooms import Room
from server.db.sittings import RoomSitting
from server.errors import Forbidden, NotFound, Refused
from server.events import Activity
from server.host import Host
from server.services import announcements, commands
from server.services.announcements import Said
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene

ONCE = "0123456789abcdef" * 2
HX = {"HX-Request": "true"}


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agent(app: Flask, scene: Scene) -> TestAgent:
    made = TestAgent(app, scene, "1")
    made.open_session()
    return made


@pytest.fixture
def next_door(scene: Scene) -> int:
    """A second room of the same sitting, drawn as well."""

    def add(session: Session) -> int:
        room = Room(name="第二考场", layout={}, created_at=scene.host.now())
        session.add(room)
        session.flush()
        sitting = session.get_one(RoomSitting, scene.room_sitting).sitting_id
        row = RoomSitting(uid="room-sitting-b", sitting_id=sitting, room_id=room.id, state="arranged")
        session.add(row)
        session.flush()
        return row.id

    return scene.host.db.write(add)


def say(scene: Scene, text: str, who: Actor | None = None, **more: object) -> list[int]:
    said = Said(text, **more)  # type: ignore[arg-type]
    return scene.write(announcements.announce, who or scene.invigilator, scene.room_sitting, said)


def kept(host: Host) -> list[tuple[int, str]]:
    with host.db.read() as session:
        return [(row.room_sitting_id, row.text) for row in session.query(Announcement).order_by("id")]


def test_seats_are_told_at_once(app: Flask, agent: TestAgent, scene: Scene, host: Host) -> None:
    socket = SocketIOTestClient(
        app, create_socketio(app), namespace=NAMESPACE_SEAT, auth={"token": agent.token}
    )
    before = decode(SeatState, socket.get_received(NAMESPACE_SEAT)[-1]["args"][0])
    heard: list[Activity] = []
    host.events.subscribe(Activity, heard.append)
    assert say(scene, "  第 12 题图中的\n比例尺为 1:200 ") == [scene.room_sitting]
    pushed = [decode(SeatState, event["args"][0]) for event in socket.get_received(NAMESPACE_SEAT)]
    told = pushed[-1]
    assert [(each.text, each.at) for each in told.announcements] == [
        ("第 12 题图中的 比例尺为 1:200", host.now())
    ]
    assert told.version > before.version
    assert [(line.code, dict(line.params)["text"]) for line in heard] == [
        ("line_announced", told.announcements[0].text)
    ]
    with host.db.read() as session:
        entry = session.query(AuditEntry).filter_by(act="announced").one()
    assert entry.details == {"announcement": told.announcements[0].announcement}


def test_newest_last_and_twenty_at_most(agent: TestAgent, scene: Scene, machine: Machine) -> None:
    agent.enter()
    for number in range(22):
        say(scene, f"第{number}条")
        machine.advance(seconds=1)
    shown = [each.text for each in agent.state().announcements]
    assert shown == [f"第{number}条" for number in range(2, 22)]


def test_a_text_has_its_length(scene: Scene) -> None:
    for length in (0, 301):
        with pytest.raises(Refused, match="announcement_length"):
            say(scene, "字" * length)
    for length in (1, 300):
        assert say(scene, "字" * length)
    assert [len(text) for _room, text in kept(scene.host)] == [1, 300]


def test_a_second_click_says_nothing_again(scene: Scene) -> None:
    assert say(scene, "请坐好", once=ONCE) == [scene.room_sitting]
    assert say(scene, "请坐好", once=ONCE) == []
    assert len(kept(scene.host)) == 1


@pytest.mark.both_stores
def test_the_chief_tells_all_rooms_of_the_sitting(scene: Scene, next_door: int) -> None:
    with pytest.raises(Forbidden):
        say(scene, "全体", everywhere=True)
    assert say(scene, "全体", scene.chief, everywhere=True, once=ONCE) == [scene.room_sitting, next_door]
    assert kept(scene.host) == [(scene.room_sitting, "全体"), (next_door, "全体")]
    say(scene, "本考场", scene.chief)
    assert kept(scene.host)[2:] == [(scene.room_sitting, "本考场")]


@pytest.mark.on_postgresql
def test_two_chiefs_speak_to_all_rooms_at_once_from_different_ones(
    scene: Scene, next_door: int, host: Host
) -> None:
    def speak(room: int) -> None:
        for number in range(5):
            said = Said(f"{room}/{number}", everywhere=True)
            host.db.write(announcements.announce, scene.chief, room, said, now=host.now())

    speakers = [threading.Thread(target=speak, args=(room,)) for room in (scene.room_sitting, next_door)]
    for speaker in speakers:
        speaker.start()
    for speaker in speakers:
        speaker.join(60)
    assert len(kept(host)) == 20


def test_only_rooms_with_somebody_before_a_screen_hear_it(scene: Scene, next_door: int) -> None:
    scene.write(commands.end_room, scene.room_sitting, scene.signed())
    assert say(scene, "全体", scene.chief, everywhere=True) == [next_door]
    with pytest.raises(Refused, match="announcement_not_now"):
        say(scene, "本考场")


def test_an_invigilator_of_another_room_says_nothing_here(
    scene: Scene, person_as: Callable[..., Actor]
) -> None:
    with pytest.raises(Refused, match="not_on_duty"):
        say(scene, "请坐好", person_as("invigilator"))
    with pytest.raises(Forbidden):
        say(scene, "请坐好", person_as("administrator"))
    with pytest.raises(NotFound):
        scene.write(announcements.announce, scene.chief, 999, Said("请坐好"))
    assert kept(scene.host) == []


@pytest.mark.dear
def test_the_dialog_and_the_activity_list(scene: Scene, sign_in: Callable[[Actor], FlaskClient]) -> None:
    page, staff, chief = f"/monitor/{scene.room_sitting}", sign_in(scene.invigilator), sign_in(scene.chief)
    assert "全场通知" in staff.get(f"{page}/bar").text
    dialog = staff.get(f"{page}/announce", headers=HX).text
    assert 'name="scope"' not in dialog
    assert 'name="scope"' in chief.get(f"{page}/announce", headers=HX).text
    staff.post(f"{page}/announce", data={"text": "还有 <b>十</b> 分钟", "once": ONCE})
    staff.post(f"{page}/announce", data={"text": "还有 <b>十</b> 分钟", "once": ONCE})
    assert kept(scene.host) == [(scene.room_sitting, "还有 <b>十</b> 分钟")]
    side = staff.get(f"{page}/side").text
    assert f"{scene.invigilator.name} 全场通知：还有 &lt;b&gt;十&lt;/b&gt; 分钟" in side
    for shown in (staff.get(f"{page}/announce", headers=HX).text, staff.get(f"{page}/incidents").text):
        assert "还有 &lt;b&gt;十" in shown
    refused = staff.post(f"{page}/announce", data={"text": " ", "once": "f" * 32}, follow_redirects=True).text
    assert "通知须为 1 至 300 个字" in refused
