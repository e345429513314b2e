"""A check that is wrong too often in a room calls nobody any more; the chief is told and may lift it."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from exam_rooms.incidents import Severity
from server.access import Actor
from server.db.record import AuditEntry
from server.errors import Forbidden, Refused
from server.events import Activity
from server.host import Host
from server.services import incidents, muting
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.measure_kit import HINT, aim, flag, judge, wrong_often
from tests.server.smart_kit import CameraAgent, answering, equip


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    made = equip(make_scene(host, person_as))
    aim(made)
    return made


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[CameraAgent]:
    return answering(app, scene, machine, "12")


@pytest.fixture
def told(host: Host) -> list[Activity]:
    lines: list[Activity] = []
    host.events.subscribe(Activity, lines.append)
    return lines


def muted(scene: Scene) -> tuple[str, ...]:
    with scene.host.db.read() as session:
        return muting.standing(session, scene.room_sitting)


def waiting(scene: Scene) -> list[str]:
    with scene.host.db.read() as session:
        return [row.kind for row in incidents.open_incidents(session, scene.room_sitting)]


def lift(scene: Scene, reason: str = "已调整摄像头角度") -> None:
    scene.write(muting.lift, Signed(scene.chief, reason), scene.room_sitting, HINT)


@pytest.mark.both_stores
def test_the_third_wrong_hint_mutes_the_check_and_the_fourth_calls_nobody(
    agents: list[CameraAgent], scene: Scene, machine: Machine, told: list[Activity]
) -> None:
    wrong_often(scene, agents[0], machine, 2)
    assert muted(scene) == ()
    wrong_often(scene, agents[1], machine, 1)
    assert muted(scene) == (HINT,)
    (line,) = [line for line in told if line.code == "line_check_muted"]
    assert dict(line.params) == {"kind": HINT}
    row = flag(agents[0], machine)
    assert (row.severity, row.details["muted"], row.state) == (Severity.INFO, True, "cleared")
    assert waiting(scene) == []
    with scene.host.db.read() as session:
        (entry,) = session.query(AuditEntry).filter_by(act="check_muted")
        assert entry.actor == "system"
        assert entry.details == {
            "kind": HINT, "reviewed": 3, "dismissed": 3, "low": "0.4385", "target": "0.3",
        }  # fmt: skip


def test_other_checks_and_other_rooms_go_on_calling(
    agents: list[CameraAgent], scene: Scene, machine: Machine
) -> None:
    wrong_often(scene, agents[0], machine)
    assert flag(agents[0], machine, "BOOK_HINT").severity == Severity.WARNING
    with scene.host.db.read() as session:
        assert not muting.is_muted(session, scene.room_sitting + 1, HINT)


@pytest.mark.dear
def test_one_confirmed_hint_more_keeps_a_check_calling(
    agents: list[CameraAgent], scene: Scene, machine: Machine
) -> None:
    aim(scene, false_alarms={HINT: 0.35})
    judge(scene, flag(agents[0], machine), "recorded")
    wrong_often(scene, agents[0], machine, 3)
    assert muted(scene) == ()  # 3 of 4: the interval begins at 0.30, of 4 of 5 at 0.38
    wrong_often(scene, agents[0], machine, 1)
    assert muted(scene) == (HINT,)


@pytest.mark.parametrize(
    ("changed", "kind", "silent"),
    [
        ({"mute": False}, HINT, False),
        ({"least_reviewed": 4}, HINT, False),
        ({"false_alarms": {}}, HINT, False),
        ({"false_alarms": {"CAMERA_COVERED": 0.1}}, "CAMERA_COVERED", False),
        ({}, "FACE_MISMATCH", False),
        ({"mute_identity": True}, "FACE_MISMATCH", True),
    ],
)
def test_what_the_policy_does_not_mute_goes_on_calling(
    agents: list[CameraAgent], scene: Scene, machine: Machine, changed: dict, kind: str, silent: bool
) -> None:
    aim(scene, **changed)
    for _ in range(3):
        judge(scene, flag(agents[0], machine, kind))
    assert muted(scene) == ((kind,) if silent else ())


def test_an_alert_that_waits_keeps_waiting_and_the_next_episode_stands_beside_it(
    agents: list[CameraAgent], scene: Scene, machine: Machine
) -> None:
    aim(scene, false_alarms={"NO_FACE": 0.3})
    before = flag(agents[1], machine, "NO_FACE")
    for _ in range(3):
        judge(scene, flag(agents[0], machine, "NO_FACE"))
    after = flag(agents[1], machine, "NO_FACE")
    assert after.id != before.id and after.severity == Severity.INFO
    with scene.host.db.read() as session:
        (row,) = incidents.open_incidents(session, scene.room_sitting)
        assert (row.id, row.severity) == (before.id, Severity.ALERT)


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_chief_lifts_it_with_a_reason_and_it_stays_lifted(
    agents: list[CameraAgent], scene: Scene, machine: Machine, told: list[Activity]
) -> None:
    wrong_often(scene, agents[0], machine)
    silent = flag(agents[0], machine)
    lift(scene)
    assert muted(scene) == ()
    row = flag(agents[0], machine)
    assert row.id != silent.id
    assert (row.severity, "muted" in row.details) == (Severity.WARNING, False)
    wrong_often(scene, agents[0], machine)
    assert muted(scene) == ()
    assert [line.code for line in told if "muted" in line.code] == ["line_check_muted", "line_check_unmuted"]
    with scene.host.db.read() as session:
        (one,) = muting.all_of(session, scene.room_sitting)
        assert (one.lifted_by, one.lift_reason) == (scene.chief.name, "已调整摄像头角度")
        (entry,) = session.query(AuditEntry).filter_by(act="check_unmuted")
        assert entry.details == {"kind": HINT, "reason": "已调整摄像头角度"}


def test_only_a_chief_lifts_only_what_is_muted_and_says_why(
    agents: list[CameraAgent], scene: Scene, machine: Machine
) -> None:
    def code(who: Actor, reason: str) -> str:
        with pytest.raises(Refused) as caught:
            scene.write(muting.lift, Signed(who, reason), scene.room_sitting, HINT)
        return caught.value.code

    assert code(scene.chief, "没有") == "check_not_muted"
    wrong_often(scene, agents[0], machine)
    assert code(scene.chief, "  ") == "reason_missing"
    with pytest.raises(Forbidden):
        scene.write(muting.lift, Signed(scene.invigilator, "我来"), scene.room_sitting, HINT)
    lift(scene)
    assert code(scene.chief, "再来") == "check_not_muted"


@pytest.mark.dear
def test_the_monitors_say_what_is_muted_and_the_chief_lifts_it_on_the_page(
    agents: list[CameraAgent],
    scene: Scene,
    machine: Machine,
    sign_in: Callable[[Actor], FlaskClient],
) -> None:
    wrong_often(scene, agents[0], machine)
    browser, room = sign_in(scene.chief), scene.room_sitting
    for path in (f"/monitor/{room}", f"/monitor/{room}/side", "/monitor", f"/sittings/{room}/proctoring"):
        page = browser.get(path).text
        assert "画面中疑似有手机" in page and "转为只记录" in page, path
    flag(agents[0], machine)
    assert "画面中疑似有手机（只记录）" in browser.get(f"/monitor/{room}/incidents").text
    page = browser.post(f"/sittings/{room}/proctoring", data={"kind": HINT, "reason": ""})
    assert page.status_code == 422 and "转为只记录、不提醒" in page.text
    page = browser.post(
        f"/sittings/{room}/proctoring", data={"kind": HINT, "reason": "换了角度"}, follow_redirects=True
    )
    assert "已恢复提醒" in page.text and "换了角度" in page.text
    assert "转为只记录：" not in browser.get(f"/monitor/{room}/side").text.split("全部动态")[0]
