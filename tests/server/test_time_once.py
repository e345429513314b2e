"""Time is given once for one form, however often and however fast the button is pressed."""

import re
import threading
from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from server.access import Actor
from server.db.sittings import TimeCredit
from server.host import Host
from server.services import audit, commands
from server.services.commands import Credit
from tests.server.agent_kit import TestAgent
from tests.server.conftest import PASSWORD, Machine
from tests.server.delivery_kit import Scene, make_scene

HX = {"HX-Request": "true"}


@pytest.fixture
def scene(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Scene:
    """A running room with a candidate at seat 1."""
    made = make_scene(host, person_as)
    TestAgent(app, made, "1").enter()
    machine.advance(minutes=10)
    made.start()
    return made


def form(scene: Scene, page: str, **values: str) -> dict[str, str]:
    """What the form of a page sends, with its one-time number."""
    (number,) = set(re.findall(r'name="once" value="([^"]*)"', page))
    signed = {"cosign_username": scene.chief.name, "cosign_password": PASSWORD, "reason": "power cut"}
    return {"minutes": "10", "once": number, **signed, **values}


def credits_of(scene: Scene) -> int:
    with scene.host.db.read() as session:
        return session.scalar(select(func.count()).select_from(TimeCredit)) or 0


def noted(scene: Scene, act: str) -> int:
    with scene.host.db.read() as session:
        return len(audit.page(session, stream=audit.sitting_stream(scene.room_sitting), act=act))


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_second_click_for_the_room_gives_no_time(
    app: Flask, scene: Scene, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser, agent = sign_in(scene.invigilator), TestAgent(app, scene, "1")
    agent.open_session()
    before = agent.state().deadline
    page = f"/monitor/{scene.room_sitting}"
    sent = form(scene, browser.get(f"{page}/time", headers=HX).text)
    assert browser.post(f"{page}/time", data=sent).status_code == 302
    assert "已为全场补时" in browser.get(page).text
    assert browser.post(f"{page}/time", data=sent).status_code == 302
    assert "没有重复补时" in browser.get(page).text
    assert (agent.state().deadline - before).total_seconds() == 600
    assert (credits_of(scene), noted(scene, "time_added_room")) == (1, 1)
    again = form(scene, browser.get(f"{page}/time", headers=HX).text)
    browser.post(f"{page}/time", data=again)
    assert (agent.state().deadline - before).total_seconds() == 1200


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_second_click_for_a_seat_gives_no_time(
    scene: Scene, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser = sign_in(scene.invigilator)
    drawer = f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}"
    sent = form(scene, browser.get(drawer, headers=HX).text)
    first = browser.post(f"{drawer}/add_time", data=sent, headers=HX)
    second = browser.post(f"{drawer}/add_time", data=sent, headers=HX)
    assert "已执行" in first.text
    assert 'role="alert"' not in second.text
    assert scene.attempt("1").credit_minutes == 10
    assert (credits_of(scene), noted(scene, "time_added")) == (1, 1)
    assert browser.post(f"{drawer}/add_time", data=form(scene, second.text), headers=HX).status_code == 200
    assert scene.attempt("1").credit_minutes == 20


@pytest.mark.both_stores
@pytest.mark.parametrize("seat", ["", "1"])
def test_clicks_at_the_same_moment_give_time_once(scene: Scene, seat: str) -> None:
    credit = Credit(scene.room_sitting, scene.attempts[seat] if seat else None, "a" * 32)
    results: list[list[int] | None] = []
    together = threading.Barrier(4)

    def click() -> None:
        together.wait(60)
        results.append(scene.write(commands.add_time, credit, Decimal(10), scene.signed()))

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()
    assert sorted(results, key=str) == [None, None, None, []]
    assert credits_of(scene) == 1
    assert scene.attempt("1").credit_minutes == (10 if seat else 0)


@pytest.mark.parametrize("number", ["", "x", "0" * 31, "g" * 32, "0" * 33])
def test_a_form_without_its_number_gives_nothing(
    scene: Scene, sign_in: Callable[[Actor], FlaskClient], number: str
) -> None:
    browser, page = sign_in(scene.invigilator), f"/monitor/{scene.room_sitting}"
    sent = form(scene, browser.get(f"{page}/time", headers=HX).text, once=number)
    browser.post(f"{page}/time", data=sent)
    assert "页面已过期" in browser.get(page).text
    answer = browser.post(f"{page}/seats/{scene.seats['1']}/add_time", data=sent, headers=HX)
    assert "页面已过期" in answer.text
    assert credits_of(scene) == 0


def test_time_by_code_needs_no_number(scene: Scene) -> None:
    for _ in range(2):
        assert scene.write(commands.add_time, Credit(scene.room_sitting), Decimal(5), scene.signed()) == []
    assert credits_of(scene) == 2
