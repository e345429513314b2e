"""The system administrator's check: what is wrong on the map, a signature that holds for what was found."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import CheckName, CheckReport, CheckResult, Verdict
from exam_rooms.watch_messages import CameraReport, CameraState
from server.access import Actor, Role
from server.db.rooms import Seat
from server.db.staffing import SiteCheckSign
from server.errors import Forbidden, Refused
from server.host import Host
from server.rules.policy_gates import GateName
from server.services import cameras, commands, seat_checks, site_check
from server.services.commands import Start
from server.services.signed import Signed
from server.services.site_check import Read
from tests.server import check_kit as kit
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.gate_kit import sign_site, standing
from tests.server.smart_kit import CameraAgent, equip
from tests.server.staffing_kit import Duty, demand, make_duty


@pytest.fixture
def duty(host: Host, person_as: Callable[..., Actor], machine: Machine) -> Duty:
    made = make_duty(host, person_as)
    machine.advance(minutes=10)
    kit.open_checks(made.scene)
    demand(host, GateName.SITE_CHECK)
    return made


@pytest.fixture
def agents(app: Flask, duty: Duty, tmp_path: Path) -> dict[str, TestAgent]:
    """Every seat has passed its self-check."""
    made = {seat: TestAgent(app, duty.scene, seat) for seat in duty.scene.seats}
    for agent in made.values():
        agent.open_session()
        assert kit.report(agent, tmp_path) == 200
    return made


def seats(duty: Duty) -> dict[str, site_check.SeatFinding]:
    host = duty.scene.host
    with host.db.read() as session:
        found = site_check.look(session, host.presence, duty.scene.room_sitting, now=host.now())
    return {seat.number: seat for seat in found}


def bad(report: CheckReport) -> CheckReport:
    wrong = CheckResult(CheckName.SPACE, Verdict.BAD, "disk_full")
    kept = tuple(wrong if each.name == CheckName.SPACE else each for each in report.results)
    return replace(report, results=kept)


def again(duty: Duty, agent: TestAgent, folder: Path, *, good: bool) -> None:
    """The seat is asked once more, and reports."""
    scene = duty.scene
    scene.write(seat_checks.ask, scene.invigilator, scene.room_sitting, {scene.seats[agent.seat]})
    assert kit.report(agent, folder, (lambda made: made) if good else bad) == 200


def test_a_signature_holds_until_something_else_is_found(
    duty: Duty, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    assert standing(duty)[GateName.SITE_CHECK].code == "gate_site_unsigned"
    assert not any(seat.faulty for seat in seats(duty).values())
    sign_site(duty)
    assert standing(duty)[GateName.SITE_CHECK].state == "green"
    again(duty, agents["2"], tmp_path, good=False)
    gate = standing(duty)[GateName.SITE_CHECK]
    assert (gate.state, gate.code) == ("red", "gate_site_outdated")
    assert [seat.number for seat in seats(duty).values() if seat.faulty] == ["2"]
    with pytest.raises(Refused, match="reason_missing"):  # a faulty seat needs a remark
        sign_site(duty)
    sign_site(duty, "2 号换备用机")
    assert standing(duty)[GateName.SITE_CHECK].state == "green"
    again(duty, agents["2"], tmp_path, good=True)  # a mended machine is no reason to sign again
    assert standing(duty)[GateName.SITE_CHECK].state == "green"
    again(duty, agents["1"], tmp_path, good=False)
    gate = standing(duty)[GateName.SITE_CHECK]
    assert (gate.code, gate.params["seats"]) == ("gate_site_outdated", "1")
    with duty.scene.host.db.read() as session:
        rows = session.scalars(select(SiteCheckSign).order_by(SiteCheckSign.id)).all()
    assert [row.snapshot for row in rows] == [
        [],
        [{"seat": "2", "word": "bad", "bad": [["space", "disk_full"]], "camera": []}],
    ]


def test_unused_seats_outdate_nothing_and_a_reserve_does(
    duty: Duty, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    def normal(session: Session) -> None:
        session.get_one(Seat, duty.scene.seats["4"]).kind = "normal"

    sign_site(duty)
    again(duty, agents["4"], tmp_path, good=False)
    assert standing(duty)[GateName.SITE_CHECK].params["seats"] == "4"
    duty.scene.host.db.write(normal)
    assert standing(duty)[GateName.SITE_CHECK].state == "green"


@pytest.mark.dear
def test_an_overruling_of_a_missing_signature_holds_for_the_faults_that_were_read(
    duty: Duty, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    before = standing(duty)[GateName.SITE_CHECK]
    again(duty, agents["2"], tmp_path, good=False)
    after = standing(duty)[GateName.SITE_CHECK]
    assert before.code == after.code == "gate_site_unsigned"
    assert (before.params["count"], after.params["count"]) == ("0", "1")
    assert before.finding != after.finding


@pytest.mark.dear
def test_who_signs_for_the_machines_asks_them_for_a_new_self_check(
    duty: Duty, agents: dict[str, TestAgent], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    scene = duty.scene
    technician = sign_in(duty.one(Role.SYSTEM_ADMINISTRATOR))
    path = f"/sittings/{scene.room_sitting}/site-check"
    assert 'site-check/ask"' in technician.get(path).text
    assert technician.post(f"{path}/ask").status_code == 302
    assert {seat.word for seat in seats(duty).values()} == {"waiting"}
    assert len(agents) == 4
    with pytest.raises(Forbidden):
        scene.write(seat_checks.ask, duty.one(Role.ROVER), scene.room_sitting, None)


def test_the_age_of_a_good_check_is_no_finding(
    duty: Duty, agents: dict[str, TestAgent], machine: Machine
) -> None:
    sign_site(duty)
    machine.advance(hours=30)
    assert standing(duty)[GateName.SITE_CHECK].state == "green"
    assert agents


def test_what_is_signed_is_what_was_read(duty: Duty, agents: dict[str, TestAgent], tmp_path: Path) -> None:
    host, scene = duty.scene.host, duty.scene
    with host.db.read() as session:
        read = site_check.standing(session, host.presence, scene.room_sitting, now=host.now()).finding
    again(duty, agents["1"], tmp_path, good=False)
    who = Signed(duty.one(Role.SYSTEM_ADMINISTRATOR), "都好")
    with pytest.raises(Refused, match="site_check_changed"):
        scene.write(site_check.sign, host.presence, who, Read(scene.room_sitting, read))


def test_only_the_system_administrator_on_duty_signs(duty: Duty, person_as: Callable[..., Actor]) -> None:
    scene = duty.scene
    for who, refusal in (
        (scene.chief, Forbidden),
        (duty.one(Role.ROVER), Forbidden),
        (person_as("system_administrator"), Refused),
    ):
        with pytest.raises(refusal):
            order = Read(scene.room_sitting, "")
            scene.write(site_check.sign, scene.host.presence, Signed(who, "r"), order)


# --- cameras --------------------------------------------------------------------------------------------


def plugged(app: Flask, duty: Duty, cameras_of: dict[str, str]) -> None:
    """Every seat has a camera of its own; those named report another one."""
    scene = equip(duty.scene)

    def name(session) -> None:
        for number, seat in scene.seats.items():
            session.get_one(Seat, seat).camera = f"CAM-{number}"

    scene.host.db.write(name)
    for number in scene.seats:
        agent = CameraAgent(app, scene, number)
        agent.open_session()
        agent.beat(camera=CameraReport(CameraState.LIVE, cameras_of.get(number, f"CAM-{number}")))


@pytest.mark.dear
def test_scenario_15_a_camera_at_another_seats_machine_is_on_the_map_and_closes_the_gate(
    app: Flask, duty: Duty, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    scene, host = duty.scene, duty.scene.host
    demand(host, *("seated", "package", "clock", "time", "staffing", "cameras", "checks"), duty_sign_in=False)
    plugged(app, duty, {"2": "CAM-3", "3": "CAM-2"})
    found = seats(duty)
    assert {number for number, seat in found.items() if seat.misplaced} == {"2", "3"}
    assert (found["2"].found, found["2"].owner, found["2"].state) == ("CAM-3", "3", "act")
    page = sign_in(scene.invigilator).get(f"/sittings/{scene.room_sitting}/site-check").text
    assert "接了 3 号摄像头" in page and "接了 2 号摄像头" in page
    everybody = frozenset(actor.user_id or 0 for actor in scene.staff)
    order = Start(everybody, host.clock.anchor, host.presence)
    with pytest.raises(Refused, match="cameras_wrong") as refusal:
        scene.write(commands.start_room, scene.invigilator, scene.room_sitting, order)
    assert refusal.value.params == {"seats": "2、3"}
    signed = Signed(scene.chief, "座位已核对")
    scene.write(cameras.overrule, host.presence, signed, scene.room_sitting)
    gate = standing(duty)[GateName.CAMERAS]
    assert (gate.state, gate.by, gate.reason) == ("overruled", scene.chief.name, "座位已核对")
    scene.write(commands.start_room, scene.invigilator, scene.room_sitting, order)
    assert scene.room_row().state == "running"


def test_a_camera_moved_after_the_signature_outdates_it(app: Flask, duty: Duty) -> None:
    plugged(app, duty, {})
    sign_site(duty, "尚未自检")
    assert standing(duty)[GateName.SITE_CHECK].state == "green"
    agent = CameraAgent(app, duty.scene, "1")
    agent.open_session()
    agent.beat(camera=CameraReport(CameraState.LIVE, "CAM-2"))
    assert standing(duty)[GateName.SITE_CHECK].code == "gate_site_outdated"
