"""What the chief does in all rooms of a sitting at once: each obeys or refuses by its own rules, and is named."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from server.access import Actor
from server.db.sittings import TimeCredit
from server.host import Host
from server.services import commands, duties, seat_commands
from tests.server.command_kit import Room, running_room
from tests.server.conftest import PASSWORD, Machine
from tests.server.delivery_kit import make_scene
from tests.server.test_web_commands import SignIn, once, two_rooms


@pytest.fixture
def room(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Room:
    return running_room(app, host, person_as, machine)


def test_a_room_that_does_not_obey_is_named_with_the_reason(room: Room, sign_in: SignIn) -> None:
    browser, page, other = sign_in(room.scene.chief), f"/monitor/{room.id}/everywhere", two_rooms(room)
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    sent = {"back": "hall", "scope": "all", "confirm": "1", "once": once(browser, page)}
    answer = browser.post(f"/monitor/{room.id}/commands/resume", data=sent, follow_redirects=True)
    assert room.scene.room_row().paused_at is None
    assert answer.request.path == "/monitor"
    assert "第二考场没有执行“恢复”：" in answer.text
    again = {**sent, "once": once(browser, page)}
    answer = browser.post(f"/monitor/{room.id}/commands/resume", data=again, follow_redirects=True)
    assert answer.request.path == page and answer.text.count("没有执行“恢复”：") == 2
    assert other != room.id


@pytest.mark.dear
def test_the_chief_gives_time_to_and_ends_all_rooms_each_by_its_own_rules(
    room: Room, sign_in: SignIn, person_as: Callable[..., Actor]
) -> None:
    browser, page, other = sign_in(room.scene.chief), f"/monitor/{room.id}/everywhere", two_rooms(room)
    before = room.state("2").deadline
    deputy = person_as("chief_invigilator")
    second = {"cosign_username": deputy.name, "cosign_password": PASSWORD}
    sent = {"confirm": "1", "reason": "消防演习", "minutes": "6", "once": once(browser, page)}
    alone = browser.post(f"{page}/time", data=sent, follow_redirects=True)
    assert alone.request.path == page and room.state("2").deadline == before
    for _ in range(2):  # a second click gives none
        browser.post(f"{page}/time", data=sent | second)
    with room.scene.host.db.read() as session:
        given = session.query(TimeCredit).order_by(TimeCredit.room_sitting_id).all()
        assert [(row.room_sitting_id, row.minutes) for row in given] == [(room.id, 6), (other, 6)]
    assert room.state("2").deadline == before + timedelta(minutes=6)
    assert (
        browser.post(f"{page}/end", data={"confirm": "1", "reason": "x"}).headers["Location"].endswith(page)
    )
    room.scene.write(commands.end_room, other, room.chief("x", deputy))
    answer = browser.post(f"{page}/end", data=sent | second, follow_redirects=True)
    assert room.scene.room_row().state == "ended"
    assert "第二考场没有执行“结束考试”：" in answer.text


def test_all_rooms_start_through_their_own_gates(
    host: Host, person_as: Callable[..., Actor], machine: Machine, sign_in: SignIn
) -> None:
    scene = make_scene(host, person_as)
    browser, page = sign_in(scene.chief), f"/monitor/{scene.room_sitting}/everywhere"
    assert browser.post(f"{page}/start", data={}).headers["Location"].endswith(page)
    early = browser.post(f"{page}/start", data={"confirm": "1"}, follow_redirects=True)
    assert early.request.path == page and "没有执行“开考”：" in early.text
    assert scene.room_row().state == "released"
    machine.advance(minutes=10)
    for who in scene.staff:
        scene.write(duties.sign_in, who, scene.room_sitting)
    assert browser.post(f"{page}/start", data={"confirm": "1"}).headers["Location"] == "/monitor"
    assert scene.room_row().state == "running"
