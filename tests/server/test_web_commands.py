"""The pages of commands, compensation and outages: seen by those who look, used by those who act."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.compensation import Cause, Clock, Lost
from server.access import Actor
from server.db.commands import CompensationRow, OutageRow
from server.db.rooms import Room as HallRoom
from server.db.sittings import Assignment, RoomSitting, Sitting
from server.host import Host
from server.web.compensation import lost_lines
from tests.server.command_kit import Room, running_room
from tests.server.conftest import PASSWORD, Machine


@pytest.fixture
def room(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Room:
    return running_room(app, host, person_as, machine)


SignIn = Callable[[Actor], FlaskClient]


def once(browser: FlaskClient, page: str) -> str:
    return str(re.findall(r'name="once" value="([^"]*)"', browser.get(page).text)[0])


@pytest.mark.dear
def test_seats_are_paused_and_resumed_from_the_page(room: Room, sign_in: SignIn) -> None:
    browser, page = sign_in(room.scene.invigilator), f"/monitor/{room.id}/commands"
    seats = [str(room.scene.seats[number]) for number in ("1", "2")]
    number = once(browser, page)
    sent = {"once": number, "scope": "seats", "seats": seats, "reason": "检查插座"}
    answer = browser.post(f"{page}/pause", data=sent, follow_redirects=True)
    assert "已发送到 2 个座位" in answer.text
    assert answer.text.count("暂停中</span>") == 2
    again = browser.post(f"{page}/pause", data=sent, follow_redirects=True)
    assert "已发送到 0 个座位" in again.text
    told = browser.get(f"{page}/state").get_json()
    assert {told[seat]["state"] for seat in seats} == {"sent"}
    room.confirm("1")
    assert browser.get(f"{page}/state").get_json()[seats[0]]["state"] == "done"
    sent = {"once": once(browser, page), "scope": "seats", "seats": seats}
    browser.post(f"{page}/resume", data=sent)
    assert room.state("1").paused is None


def test_a_refusal_is_said_on_the_page(room: Room, sign_in: SignIn) -> None:
    browser, page = sign_in(room.scene.invigilator), f"/monitor/{room.id}/commands"
    sent = {"once": once(browser, page), "scope": "seats", "reason": "x"}
    assert "请先选择座位" in browser.post(f"{page}/pause", data=sent, follow_redirects=True).text
    assert browser.post(f"{page}/dance", data={**sent, "scope": "room"}).status_code == 404
    assert browser.post(f"{page}/pause", data={"scope": "room"}, follow_redirects=True).status_code == 200


def test_an_identity_check_is_asked_and_answered(room: Room, sign_in: SignIn) -> None:
    browser, page = sign_in(room.scene.invigilator), f"/monitor/{room.id}/commands"
    sent = {"once": once(browser, page), "seats": [str(room.scene.seats["1"])], "reason": "举报"}
    answer = browser.post(f"{page}/identity", data=sent, follow_redirects=True)
    assert "等待核对身份" in answer.text
    attempt = room.scene.attempts["1"]
    browser.post(f"{page}/identity/{attempt}", data={"outcome": "same"})
    assert room.state("1").frozen is None


@pytest.mark.parametrize("role", ["rover", "supervisor"])
def test_who_only_looks_sees_the_pages_and_no_buttons(
    room: Room, role: str, person_as: Callable[..., Actor], sign_in: SignIn
) -> None:
    who = person_as(role)
    duty = Assignment(room_sitting_id=room.id, user_id=who.user_id, role=role)
    room.scene.host.db.write(lambda session: session.add(duty))
    browser = sign_in(who)
    for page in ("commands", "compensation", "outage"):
        answer = browser.get(f"/monitor/{room.id}/{page}")
        assert answer.status_code == 200
        assert "<button" not in answer.text.partition("<main")[2].replace("sign-out", "")
    assert browser.post(f"/monitor/{room.id}/commands/pause", data={}).status_code == 403


@pytest.mark.dear
def test_the_chief_grants_in_one_click_and_declines_with_a_reason(room: Room, sign_in: SignIn) -> None:
    room.pass_time(minutes=10, beats=("1", "2", "3"))
    room.pass_time(minutes=6, beats=("3",))
    for number in ("1", "2"):
        room.agents[number].boot_id = f"again-{number}"
        room.agents[number].beat(boot_ns=30 * 10**9)
    page = f"/monitor/{room.id}/compensation"
    browser = sign_in(room.scene.chief)
    shown = browser.get(page).text
    assert "全场准予（2 个座位）" in shown and "考试机断电或重新启动" in shown
    wanted = sorted(set(re.findall(r'name="pick" value="([^"]*)"', shown)))
    assert len(wanted) == 2
    answer = browser.post(f"{page}/grant", data={"pick": wanted[0], "reason": "断电"}, follow_redirects=True)
    assert "共 6 分钟" in answer.text
    browser.post(f"{page}/decline", data={"pick": wanted[1], "reason": "自行关机"})
    with room.scene.host.db.read() as session:
        found = sorted(row.decision for row in session.scalars(select(CompensationRow)))
    assert found == ["declined", "granted"]
    assert (
        sign_in(room.scene.invigilator)
        .post(f"{page}/grant", data={"pick": wanted[1], "reason": "x"})
        .status_code
        == 403
    )


def test_once_the_room_is_over_proposals_are_read_and_not_decided(room: Room, sign_in: SignIn) -> None:
    room.pass_time(minutes=10, beats=("1", "2", "3"))
    room.pass_time(minutes=6, beats=("2", "3"))
    room.agents["1"].boot_id = "again-1"
    room.agents["1"].beat(boot_ns=30 * 10**9)
    page, browser = f"/monitor/{room.id}/compensation", sign_in(room.scene.chief)
    assert "/grant" in browser.get(page).text

    def over(session: Session) -> None:
        session.get_one(RoomSitting, room.id).state = "ended"

    room.scene.host.db.write(over)
    shown = browser.get(page).text
    assert "考试机断电或重新启动" in shown
    assert "本场已经结束，不能再补时" in shown
    assert "/grant" not in shown and "/decline" not in shown


def test_what_one_clock_says_without_a_break_is_one_line(now: datetime) -> None:
    def gone(since: int, until: int, clock: Clock = Clock.AGENT) -> Lost:
        return Lost(Cause.PAGE_GONE, clock, *(now + timedelta(seconds=each) for each in (since, until)), 1)

    broken = [gone(7, 14), gone(0, 7), gone(14, 20), gone(30, 36), gone(0, 20, Clock.SERVER)]
    told = [(line.clock, (line.until - line.since).seconds, line.answers) for line in lost_lines(broken)]
    assert sorted(told) == [(Clock.AGENT, 6, 1), (Clock.AGENT, 20, 3), (Clock.SERVER, 20, 1)]


@pytest.mark.dear
def test_an_outage_is_told_and_the_sitting_held_again_from_the_page(
    room: Room, sign_in: SignIn, person_as: Callable[..., Actor]
) -> None:
    browser, page, zone = sign_in(room.scene.chief), f"/monitor/{room.id}/outage", ZoneInfo("Asia/Shanghai")
    began = room.scene.host.now().astimezone(zone)
    told = {"began_at": began.strftime("%Y-%m-%dT%H:%M:%S"), "reason": "停电"}
    assert "等待决定" in browser.post(page, data=told, follow_redirects=True).text
    assert "等待上级决定" in browser.get(f"/monitor/{room.id}/commands").text
    office = person_as("institution_head")
    again = (room.scene.starts_at + timedelta(days=3)).astimezone(zone).strftime("%Y-%m-%dT%H:%M")
    signed = {"reason": "供电无法恢复", "cosign_username": office.name, "cosign_password": PASSWORD}
    wrong = {**signed, "cosign_username": room.scene.invigilator.name, "starts_at": again}
    assert (
        "没有复核这项操作的权限" in browser.post(f"{page}/reschedule", data=wrong, follow_redirects=True).text
    )
    answer = browser.post(f"{page}/reschedule", data={**signed, "starts_at": again}, follow_redirects=True)
    assert "改期" in answer.text
    with room.scene.host.db.read() as session:
        (row,) = session.scalars(select(OutageRow)).all()
        assert session.get_one(Sitting, row.sitting_id).replaces_id == 1


# --- from the map, and to all rooms ------------------------------------------------------------------------


@pytest.mark.dear
def test_seats_picked_on_the_map_are_chosen_in_the_panel_and_on_the_page(room: Room, sign_in: SignIn) -> None:
    browser, seats = sign_in(room.scene.invigilator), room.scene.seats
    monitor = browser.get(f"/monitor/{room.id}").text
    assert f'action="/monitor/{room.id}/commands"' in monitor and 'id="selection-command"' in monitor
    wanted = f"/monitor/{room.id}/commands?seat={seats['1']}&seat={seats['3']}&seat={seats['4']}&seat=x"
    panel = browser.get(wanted, headers={"HX-Request": "true"}).text
    assert "<html" not in panel and "座位：1、3<" in panel
    assert "1 个座位没有正在考试的考生" in panel
    assert set(re.findall(r'name="seats" value="(\d+)"', panel)) == {str(seats["1"]), str(seats["3"])}
    page = browser.get(wanted).text
    ticked = re.findall(r'name="seats" value="(\d+)" data-row="\d+" checked', page)
    assert ticked == [str(seats["1"]), str(seats["3"])]
    sent = {
        "once": re.findall(r'name="once" value="([^"]*)"', panel)[0],
        "back": "monitor",
        "seats": ticked,
        "reason": "检查插座",
    }
    answer = browser.post(f"/monitor/{room.id}/commands/pause", data=sent)
    assert answer.headers["Location"].endswith(f"/monitor/{room.id}")
    assert room.state("1").paused is not None and room.state("2").paused is None
    again = browser.post(
        f"/monitor/{room.id}/commands/pause", data={**sent, "once": "0" * 32}, follow_redirects=True
    )
    assert again.request.path == f"/monitor/{room.id}"
    assert "已经处于暂停中" in again.text


def test_who_only_looks_gets_no_commands_over_the_map(
    room: Room, person_as: Callable[..., Actor], sign_in: SignIn
) -> None:
    assert "selection-command" not in sign_in(person_as("rover")).get(f"/monitor/{room.id}").text


def two_rooms(room: Room) -> int:
    """A second room of the same sitting, running; the chief is on duty there."""

    def add(session: Session) -> int:
        first = session.get_one(RoomSitting, room.id)
        hall = HallRoom(name="第二考场", created_at=room.scene.host.now())
        session.add(hall)
        session.flush()
        row = RoomSitting(uid="second", sitting_id=first.sitting_id, room_id=hall.id, state="running")
        row.started_at = first.started_at
        session.add(row)
        session.flush()
        chief = Assignment(room_sitting_id=row.id, user_id=room.scene.chief.user_id, role="chief_invigilator")
        session.add(chief)
        return row.id

    return int(room.scene.host.db.write(add))


@pytest.mark.dear
def test_the_chief_reaches_all_rooms_of_a_sitting_and_has_to_confirm_their_names(
    room: Room, sign_in: SignIn
) -> None:
    browser, page = sign_in(room.scene.chief), f"/monitor/{room.id}/everywhere"
    assert page not in browser.get("/monitor").text  # one room is commanded on its own screen
    other = two_rooms(room)
    assert page in browser.get("/monitor").text
    shown = browser.get(page).text
    assert "第二考场" in shown and "确认发给" in shown and "本场 2 个考场" in shown
    sent = {"once": once(browser, page), "back": "hall", "scope": "all", "reason": "消防演习"}
    unsure = browser.post(f"/monitor/{room.id}/commands/pause", data=sent, follow_redirects=True)
    assert unsure.request.path == page and "请先确认要发给哪些考场" in unsure.text
    assert room.scene.room_row().paused_at is None
    answer = browser.post(f"/monitor/{room.id}/commands/pause", data={**sent, "confirm": "1"})
    assert answer.headers["Location"] == "/monitor"
    with room.scene.host.db.read() as session:
        paused = [session.get_one(RoomSitting, each).paused_at is not None for each in (room.id, other)]
    assert paused == [True, True]
    again = {**sent, "confirm": "1"}
    browser.post(f"/monitor/{room.id}/commands/resume", data={**again, "once": once(browser, page)})
    assert room.state("1").paused is None
    told = {"scope": "sitting", "back": "hall", "once": once(browser, page), "text": "演习结束"}
    answer = browser.post(f"/monitor/{room.id}/announce", data=told, follow_redirects=True)
    assert answer.request.path == "/monitor" and "通知已发到 2 个考场" in answer.text
    said = {**again, "once": once(browser, page), "text": "请继续作答"}
    browser.post(f"/monitor/{room.id}/commands/message", data=said)
    assert room.state("1").messages[-1].text == "请继续作答"


def test_an_invigilator_has_no_way_to_all_rooms(room: Room, sign_in: SignIn) -> None:
    browser = sign_in(room.scene.invigilator)
    two_rooms(room)
    assert "/everywhere" not in browser.get("/monitor").text
    assert browser.get(f"/monitor/{room.id}/everywhere").status_code == 403
    assert browser.post(f"/monitor/{room.id}/everywhere/end", data={"confirm": "1"}).status_code == 403
    sent = {"scope": "all", "confirm": "1", "once": "1" * 32, "reason": "x"}
    assert browser.post(f"/monitor/{room.id}/commands/pause", data=sent).status_code == 403
    assert room.scene.room_row().paused_at is None


@pytest.mark.dear
def test_a_credit_by_hand_says_on_its_form_what_it_was_for(room: Room, sign_in: SignIn) -> None:
    scene, browser = room.scene, sign_in(room.scene.invigilator)
    room.pass_time(minutes=10, beats=("1", "2", "3"))
    room.pass_time(minutes=6, beats=("1", "3"))
    room.agents["2"].boot_id = "again-2"
    room.agents["2"].beat(boot_ns=30 * 10**9)
    drawer = f"/monitor/{room.id}/seats/{scene.seats['2']}"
    shown = browser.get(drawer, headers={"HX-Request": "true"}).text
    (named,) = re.findall(r'name="covers" value="([^"]*)"', shown)
    assert "建议 6 分钟" in shown
    assert named in browser.get(f"/monitor/{room.id}/time").text
    ending = browser.get(f"/monitor/{room.id}/end").text
    assert "还没有决定是否补时" in ending and "cosign_username" in ending
    number = re.findall(r'name="once" value="([^"]*)"', shown)[0]
    second = {"cosign_username": scene.chief.name, "cosign_password": PASSWORD}
    sent = {"once": number, "minutes": "6", "reason": "断电", "covers": named, **second}
    browser.post(f"{drawer}/add_time", data=sent)
    with scene.host.db.read() as session:
        (row,) = session.scalars(select(CompensationRow))
    assert row.decision == "credited"
    page = sign_in(scene.chief).get(f"/monitor/{room.id}/compensation").text
    assert "手动补时已包括" in page and "没有待决定的补时" in page
