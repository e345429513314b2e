"""Leaving a locked kiosk: the room's PIN and signed orders, from the screen to the seat's state."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from client.leaving import Authority
from exam_rooms.kiosk_messages import KioskReport, Lockdown
from exam_rooms.pins import PIN_COST, pin_matches
from exam_rooms.protocol import Route, StatusRequest
from server.access import Actor
from server.db.kiosk import RoomPin, SignedOrder
from server.db.record import AuditEntry
from server.errors import Forbidden, NotFound, Refused
from server.events import Activity
from server.host import Host
from server.services import kiosk_orders
from server.services.kiosk_orders import IN_FORCE, Whom
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.preparing import staged

REASON = "收卷完毕"


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agent(app: Flask, scene: Scene) -> TestAgent:
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    return agent


@pytest.fixture
def browser(scene: Scene, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(scene.invigilator)


def show(scene: Scene, who: Actor | None = None) -> str:
    pin: str = scene.write(kiosk_orders.show_pin, who or scene.invigilator, scene.room_sitting)
    return pin


def order(scene: Scene, *seats: str, who: Actor | None = None, reason: str = REASON) -> int:
    wanted = frozenset(scene.seats[seat] for seat in seats) if seats else None
    whom = Whom(scene.host.site.signing_key, wanted)
    signed = Signed(who or scene.invigilator, reason)
    count: int = scene.write(kiosk_orders.order_quit, signed, scene.room_sitting, whom)
    return count


def acts(host: Host, act: str) -> list[AuditEntry]:
    with host.db.read() as session:
        return session.query(AuditEntry).filter_by(act=act).order_by(AuditEntry.id).all()


@pytest.mark.both_stores
def test_the_pin_that_people_see_is_the_one_that_seats_check(
    agent: TestAgent, scene: Scene, host: Host
) -> None:
    before = agent.state()
    assert before.kiosk.pin is None  # drawn before there were PINs
    pin = show(scene)
    after = agent.state()
    assert re.fullmatch(r"[0-9]{8}", pin)
    assert after.version > before.version
    assert after.kiosk.pin is not None and pin_matches(pin, after.kiosk.pin)
    assert show(scene) == pin
    assert [entry.actor for entry in acts(host, "kiosk_pin_seen")] == [scene.invigilator.name] * 2


@pytest.mark.both_stores
def test_an_order_reaches_the_seat_and_only_its_workstation_obeys(
    agent: TestAgent, app: Flask, scene: Scene, machine: Machine
) -> None:
    before = agent.state().version
    assert order(scene, "1") == 1
    state = agent.state()
    told = state.kiosk.order
    assert told is not None and state.version > before
    site = scene.host.site.public_key
    assert Authority(scene.workstations["1"], site).refusal(told, machine.wall) == ""
    assert Authority(scene.workstations["2"], site).refusal(told, machine.wall) == "workstation"
    other = TestAgent(app, scene, "2")
    other.open_session()
    assert other.state().kiosk.order is None


def test_a_room_quits_as_a_whole_and_each_seat_has_its_own_order(scene: Scene, host: Host) -> None:
    assert order(scene) == len(scene.workstations)
    with host.db.read() as session:
        rows = list(session.scalars(select(SignedOrder)))
    assert {row.workstation_id for row in rows} == set(scene.workstations.values())
    assert len({row.nonce for row in rows}) == len(rows)
    assert acts(host, "kiosk_quit_ordered_room")[0].details["reason"] == REASON


@pytest.mark.both_stores
def test_while_somebody_answers_a_chief_signs_as_well(
    agent: TestAgent, scene: Scene, machine: Machine
) -> None:
    agent.enter()
    machine.advance(hours=1)
    scene.start()
    for seats in (("1",), ("1", "2"), ()):
        with pytest.raises(Refused, match="cosign_missing"):
            order(scene, *seats)
    assert order(scene, "2") == 1  # nobody's work ends there
    alone, chief = (
        Signed(scene.invigilator, REASON, scene.invigilator),
        Signed(scene.invigilator, REASON, scene.chief),
    )
    whom = Whom(scene.host.site.signing_key)
    with pytest.raises(Refused, match="cosign_same_person"):
        scene.write(kiosk_orders.order_quit, alone, scene.room_sitting, whom)
    assert scene.write(kiosk_orders.order_quit, chief, scene.room_sitting, whom) == len(scene.workstations)


def test_an_order_is_told_for_as_long_as_it_is_in_force(app: Flask, scene: Scene, machine: Machine) -> None:
    order(scene, "1")
    for passed, told in ((IN_FORCE - timedelta(seconds=1), True), (timedelta(seconds=1), False)):
        machine.advance(seconds=passed.total_seconds())
        show(scene)  # something changes, so that the view is made anew
        agent = TestAgent(app, scene, "1")
        agent.open_session()
        assert (agent.state().kiosk.order is not None) is told


@pytest.mark.dear
def test_a_new_pin_ends_the_old_one(agent: TestAgent, scene: Scene) -> None:
    old = show(scene)
    first = agent.state()
    scene.write(kiosk_orders.renew_pin, scene.invigilator, scene.room_sitting)
    state, new = agent.state(), show(scene)
    assert state.version > first.version and first.kiosk.pin != state.kiosk.pin
    assert state.kiosk.pin is not None and pin_matches(new, state.kiosk.pin)
    assert old == new or not pin_matches(old, state.kiosk.pin)


def test_the_pin_rests_sealed_and_stands_in_no_record(scene: Scene, host: Host) -> None:
    lines: list[Activity] = []
    host.events.subscribe(Activity, lines.append)
    pin = show(scene)
    with host.db.read() as session:
        row = session.get_one(RoomPin, scene.room_sitting)
        entries = [entry.details for entry in session.scalars(select(AuditEntry))]
    assert pin.encode() not in row.sealed_pin
    assert pin not in str(entries) and pin not in str(lines) and lines


@pytest.mark.dear
def test_drawing_the_seats_makes_the_pin(host: Host, person_as: Callable[..., Actor]) -> None:
    stage = staged(host, person_as)
    with host.db.read() as session:
        made = session.get_one(RoomPin, stage.room_sitting)
    assert made.made_at == host.now() and made.cost == PIN_COST


@pytest.mark.parametrize("act", ["show", "order"])
def test_only_those_on_duty_get_the_pin_or_give_orders(
    act: str, scene: Scene, person_as: Callable[..., Actor]
) -> None:
    do = {"show": show, "order": lambda scene, who: order(scene, "1", who=who)}[act]
    with pytest.raises(Refused) as caught:
        do(scene, who=person_as("invigilator"))
    assert caught.value.code == "not_on_duty"
    with pytest.raises(Forbidden):
        do(scene, who=person_as("auditor"))


def test_an_order_needs_a_reason_and_a_workstation(scene: Scene) -> None:
    with pytest.raises(Refused, match="reason_missing"):
        order(scene, "1", reason="  ")
    whom = Whom(scene.host.site.signing_key, frozenset({999}))
    with pytest.raises(Refused, match="no_kiosk_to_quit"):
        scene.write(kiosk_orders.order_quit, Signed(scene.invigilator, REASON), scene.room_sitting, whom)
    with pytest.raises(NotFound):
        scene.write(kiosk_orders.show_pin, scene.invigilator, 999)


# --- on the screen -----------------------------------------------------------------------------------


def test_the_page_hides_the_pin_until_somebody_asks(browser: FlaskClient, scene: Scene) -> None:
    address = f"/monitor/{scene.room_sitting}/kiosk"
    assert not re.search(r"\d{4} \d{4}", browser.get(address).text)
    shown = browser.post(f"{address}/pin")
    found = re.search(r">(\d{4}) (\d{4})<", shown.text)
    assert found is not None and found[1] + found[2] == show(scene)
    assert shown.headers["Cache-Control"].startswith("no-store")
    assert browser.post(f"{address}/pin/renew").status_code == 302
    assert not re.search(r"\d{4} \d{4}", browser.get(address).text)


def test_the_page_shows_how_well_each_seat_is_closed_worst_first(
    browser: FlaskClient, agent: TestAgent, app: Flask, scene: Scene
) -> None:
    report = KioskReport(Lockdown.OPEN, ("policy_differs", "unheard_of"), 2, 3)
    status = StatusRequest(boot_id="b", boot_ns=1, state_version=0)
    other = TestAgent(app, scene, "2")
    other.open_session()
    good = replace(status, kiosk=KioskReport(Lockdown.LOCKED, (), 1, 0))
    assert other.post(Route.STATUS, good).status_code == 200
    assert agent.post(Route.STATUS, replace(status, kiosk=report)).status_code == 200
    rows = re.findall(
        r"<tr><th scope=\"row\">.*?</tr>", browser.get(f"/monitor/{scene.room_sitting}/kiosk").text
    )
    assert "浏览器策略文件被改动、unheard_of" in rows[0] and ">2<" in rows[0] and ">3<" in rows[0]
    assert any("已锁定" in row for row in rows[1:])


def test_a_seat_quits_from_its_drawer(browser: FlaskClient, agent: TestAgent, scene: Scene) -> None:
    address = f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}/quit"
    turned = browser.post(address, data={"reason": ""}, headers={"HX-Request": "true"})
    assert "原因" in turned.text and agent.state().kiosk.order is None
    done = browser.post(address, data={"reason": REASON}, headers={"HX-Request": "true"})
    assert "已执行" in done.text
    assert agent.state().kiosk.order is not None


def test_a_room_quits_from_its_page_and_an_auditor_sees_nothing(
    browser: FlaskClient, agent: TestAgent, scene: Scene, client_as: Callable[..., FlaskClient]
) -> None:
    address = f"/monitor/{scene.room_sitting}/kiosk"
    done = browser.post(f"{address}/quit", data={"reason": REASON}, follow_redirects=True)
    assert f"已向 {len(scene.workstations)} 台考试机发出退出指令" in done.text
    assert agent.state().kiosk.order is not None
    for post in ("/pin", "/pin/renew", "/quit"):
        assert client_as("auditor").post(address + post, data={"reason": REASON}).status_code == 403
