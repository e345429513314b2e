"""The self-checks on the invigilators' screens: the map, the page of checks, the start dialog, the acts."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.kiosk_messages import CheckName, CheckResult, Verdict
from server.access import Actor
from server.host import Host
from server.rules.check_findings import MISSING
from server.services import monitoring
from server.web import checks
from server.web.acts import ACTS
from tests.server import check_kit as kit
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.desk import page, said
from tests.server.smart_kit import equip

FINDING = re.compile(r'name="finding" value="([^"]+)"')


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor], machine: Machine) -> Scene:
    made = make_scene(host, person_as)
    machine.advance(minutes=10)
    kit.require_checks(made)
    kit.open_checks(made)
    return made


@pytest.fixture
def browser(scene: Scene, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(scene.invigilator)


@pytest.fixture
def agents(app: Flask, scene: Scene) -> dict[str, TestAgent]:
    made = {seat: TestAgent(app, scene, seat) for seat in scene.seats}
    for agent in made.values():
        agent.open_session()
    return made


def where(scene: Scene, tail: str = "") -> str:
    return f"/monitor/{scene.room_sitting}{tail}"


def card(scene: Scene, seat: str) -> monitoring.SeatCard:
    host = scene.host
    with host.db.read() as session:
        seats = {scene.seats[seat]}
        (found,) = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting, seats)
    return found


def test_the_map_is_red_where_the_check_is_bad_until_the_room_starts(
    scene: Scene, agents: dict[str, TestAgent], browser: FlaskClient, tmp_path: Path
) -> None:
    kit.report(agents["1"], tmp_path, kit.other_map)
    kit.report(agents["2"], tmp_path, kit.saying("lockdown", Verdict.LOOK, "none"))
    kit.report(agents["3"], tmp_path)
    assert [card(scene, seat).check for seat in "1234"] == ["bad", "look", "good", "waiting"]
    shown = page(browser.get(where(scene)))
    assert shown.count('data-check="bad"') == 1
    assert "自检不通过" in shown
    kit.require_checks(scene, required=False)
    scene.start()
    assert [card(scene, seat).check for seat in "1234"] == ["", "", "", ""]


def test_the_page_names_every_check_and_what_was_found(
    scene: Scene, agents: dict[str, TestAgent], browser: FlaskClient, tmp_path: Path
) -> None:
    kit.report(agents["1"], tmp_path, kit.other_map)
    kit.report(agents["2"], tmp_path, kit.saying("journal", Verdict.BAD, "disk_full"))
    shown = page(browser.get(where(scene, "/checks")))
    for name in ("试卷包", "软件版本", "答案写盘", "可用空间", "对时误差", "验证卷"):
        assert f'<th scope="col">{name}</th>' in shown
    assert "摄像头" not in shown
    assert "51/51 分，不一致：题序或选项对应" in shown
    assert "磁盘已满" in shown
    assert "等待自检结果" in shown
    assert "3 个座位没有通过自检" in shown
    assert "说明原因并放行" not in shown  # an invigilator does not overrule
    table = page(browser.get(where(scene, "/checks/table")))
    assert "磁盘已满" in table
    assert "<html" not in table


def test_the_start_dialog_says_go_or_no_go(
    scene: Scene, agents: dict[str, TestAgent], browser: FlaskClient, tmp_path: Path
) -> None:
    told = said("seats_not_checked", seats="1、2、3", count=3)
    assert told in page(browser.get(where(scene, "/start")))
    refused = browser.post(where(scene, "/start"), data={"present": []}, follow_redirects=True)
    assert "已开考" not in page(refused)
    for seat in "123":
        kit.report(agents[seat], tmp_path)
    shown = page(browser.get(where(scene, "/start")))
    assert "3 个座位中 3 个通过自检" in shown
    assert where(scene, "/checks") in shown


def test_a_workstation_switched_off_after_its_check_is_named_before_the_start(
    scene: Scene, agents: dict[str, TestAgent], browser: FlaskClient, tmp_path: Path
) -> None:
    for seat in "123":
        kit.report(agents[seat], tmp_path)
        scene.host.presence.link(scene.workstations[seat], True, scene.host.now())
    for place in ("/start", "/checks"):
        assert "没有连接" not in page(browser.get(where(scene, place)))
    scene.host.presence.link(scene.workstations["2"], False, scene.host.now())
    for place in ("/start", "/checks"):
        assert "2 号的考试机没有连接" in page(browser.get(where(scene, place)))


def test_what_blocks_without_being_bad_is_on_the_map_and_on_the_list(
    scene: Scene, agents: dict[str, TestAgent], browser: FlaskClient, tmp_path: Path
) -> None:
    kit.report(agents["1"], tmp_path)
    kit.report(agents["2"], tmp_path)
    shown = page(browser.get(where(scene)))
    assert len(re.findall(r'class="seat-note"[^>]*>等待自检结果<', shown)) == 1  # not at the spare seat
    side = page(browser.get(where(scene, "/side")))
    assert "1 个座位没有通过自检" in side
    assert f'href="{where(scene, "/checks")}"' in side
    assert "一切正常" not in side
    kit.report(agents["3"], tmp_path)
    assert "一切正常" in page(browser.get(where(scene, "/side")))


def test_a_start_that_is_refused_names_the_seats(scene: Scene, browser: FlaskClient) -> None:
    present = {"present": [str(person.user_id) for person in scene.staff]}
    answer = browser.post(where(scene, "/start"), data=present, follow_redirects=True)
    assert said("seats_not_checked", seats="1、2、3", count=3) in page(answer)
    assert scene.room_row().started_at is None


def test_one_seat_or_all_are_asked_again(
    scene: Scene, agents: dict[str, TestAgent], browser: FlaskClient, tmp_path: Path
) -> None:
    for seat in "123":
        kit.report(agents[seat], tmp_path)
    answer = browser.post(
        where(scene, "/checks"), data={"seat": str(scene.seats["2"])}, follow_redirects=True
    )
    assert "已要求 1 个座位重新自检" in page(answer)
    assert [card(scene, seat).check for seat in "123"] == ["good", "waiting", "good"]
    browser.post(where(scene, "/checks"))
    assert {card(scene, seat).check for seat in "1234"} == {"waiting"}
    lines = page(browser.get(where(scene, "/side")))
    assert said("line_checks_asked", actor=scene.invigilator.name, count=4) in lines


@pytest.mark.dear
def test_overruling_is_the_chiefs(
    scene: Scene,
    agents: dict[str, TestAgent],
    browser: FlaskClient,
    sign_in: Callable[[Actor], FlaskClient],
    tmp_path: Path,
) -> None:
    kit.report(agents["1"], tmp_path, kit.other_map)
    assert browser.post(where(scene, "/checks/overrule"), data={"reason": "x"}).status_code == 403
    chief = sign_in(scene.chief)
    offer = page(chief.get(where(scene, "/checks")))
    assert "说明原因并放行" in offer
    findings = FINDING.findall(offer)
    assert [found.split(" ")[:2] for found in findings] == [
        [str(scene.seats["1"]), "bad"],
        [str(scene.seats["2"]), "waiting"],
        [str(scene.seats["3"]), "waiting"],
    ]
    assert not re.search(r'name="finding"[^>]*checked', offer)
    chief.post(where(scene, "/checks/overrule"), data={"reason": " ", "finding": findings})
    none = chief.post(where(scene, "/checks/overrule"), data={"reason": "没有备用机"}, follow_redirects=True)
    assert said("no_check_chosen") in page(none)
    with pytest.raises(Exception, match="seats_not_checked"):
        scene.start()
    chief.post(where(scene, "/checks/overrule"), data={"reason": "没有备用机", "finding": findings[:1]})
    told = said("seats_not_checked", seats="2、3", count=2)
    assert told in page(browser.get(where(scene, "/start")))
    chief.post(where(scene, "/checks/overrule"), data={"reason": "没有备用机", "finding": findings[1:]})
    for place in ("/start", "/checks"):
        told = page(browser.get(where(scene, place)))
        assert re.search(r'tag-line look">.*0 个通过自检；1、2、3 号没有通过，由主考放行', told)
        assert 'class="tag-line good"><span class="icon" aria-hidden="true"></span>3 个' not in told
    shown = page(chief.get(where(scene, "/checks")))
    assert "没有备用机" in shown
    assert "已放行" in shown
    lines = page(browser.get(where(scene, "/side")))
    assert said("line_checks_overruled", actor=scene.chief.name, seats="2、3", reason="没有备用机") in lines
    scene.start()
    after = page(browser.get(where(scene, "/checks")))
    assert "本场已开考" in after
    assert "重新自检</button>" not in after


def test_nobody_outside_of_the_staff_sees_the_checks(scene: Scene, client: FlaskClient) -> None:
    assert client.get(where(scene, "/checks")).status_code in (302, 401, 403)
    assert client.post(where(scene, "/checks")).status_code in (302, 401, 403)


def test_a_smart_room_has_columns_for_camera_and_light(
    host: Host,
    person_as: Callable[..., Actor],
    app: Flask,
    sign_in: Callable[[Actor], FlaskClient],
    machine: Machine,
    tmp_path: Path,
) -> None:
    smart = equip(make_scene(host, person_as))
    machine.advance(minutes=10)
    kit.open_checks(smart)
    agent = TestAgent(app, smart, "1")
    agent.open_session()
    plan = agent.state().check
    assert plan is not None
    assert plan.camera
    kit.report(agent, tmp_path, kit.saying("light", Verdict.LOOK, "dark"))
    shown = page(sign_in(smart.invigilator).get(where(smart, "/checks")))
    assert '<th scope="col">光线</th>' in shown
    assert "过暗" in shown


def test_every_code_has_its_words(app: Flask) -> None:
    assert set(checks.NAMES) == set(CheckName)
    assert set(checks.VERDICTS) == set(Verdict)
    assert set(checks.WORDS) == set(checks.CheckWord)
    assert ACTS.keys() >= {"checks_asked", "checks_overruled"}
    with app.test_request_context():
        assert checks.check_found(CheckResult("space", Verdict.BAD, MISSING)) == "没有报告"
        assert checks.check_found(CheckResult("space", Verdict.GOOD, "812 MiB")) == "812 MiB"
        assert checks.check_found(CheckResult("canary", Verdict.GOOD, "51/51")) == "51/51"
        said_of = checks.check_found(CheckResult("canary", Verdict.BAD, "49/51 map,single,zzz"))
        assert said_of == "49/51 分，不一致：题序或选项对应、单选、zzz"
