"""A whole agent process with a recorded camera: what it sees reaches the room, through crashes and outages."""

import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import pytest

from exam_rooms.protocol import CandidateView, Step
from exam_rooms.watch_messages import CameraState
from tests.client.camera_kit import QUICK, photo, plan, scene, stage, write_scene
from tests.client.conftest import AgentProcess
from tests.client.fake_room import ATTEMPT, TICKET, FakeRoom

pytestmark = pytest.mark.system
Start = Callable[..., AgentProcess]


def until(ready: Callable[[], Any], agent: AgentProcess, seconds: float = 240.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < end, agent.log()
        time.sleep(0.05)
    return found


def episode_kept(folder: Path) -> bool:
    """Whether an alert is in the queue, and the memory was written after it."""
    news = [path.stat().st_mtime_ns for path in folder.glob("*.news")]
    return bool(news) and (folder / f"{ATTEMPT}.watch").stat().st_mtime_ns > min(news)


@pytest.mark.walk
def test_from_enrolment_to_an_alert_that_outlives_a_crash(
    room: FakeRoom, start_agent: Start, tmp_path: Path
) -> None:
    """Real networks and files. The chair empties, the agent is killed, the room away; nothing is lost."""
    write_scene(tmp_path / "normal", scene("obama.jpg"))
    write_scene(tmp_path / "empty", scene())
    now = tmp_path / "now"
    stage(now, tmp_path / "normal")
    camera = ("--camera", str(now / "%03d.jpg"), "--camera-id", "CAM-12")
    room.photo = cv2.imencode(".jpg", photo("obama2.jpg"))[1].tobytes()
    view = CandidateView("阿卜杜·外力", TICKET, "110101********0054", "示例公司", True)
    room.show(step=Step.READY, attempt=ATTEMPT, candidate=view, watch=plan(watch=False, enrol=True))
    agent = start_agent(room, extra=camera)
    seen = room.evidence
    (made,) = until(lambda: seen.enrolments, agent)
    assert (made.attempt, made.likeness, made.count) == (ATTEMPT, "match", 3)
    room.start()
    room.show(watch=plan(template=made.template, captures=(0.5,)))
    watching = ("watch", CameraState.LIVE)
    report = until(
        lambda: (told := room.status[-1].camera) and (told.checks, told.state) == watching and told, agent
    )
    assert (report.identity, report.unavailable) == ("CAM-12", ())
    (capture,) = until(lambda: seen.captures, agent)
    assert capture.note is not None and (capture.note.persons, capture.note.likeness) == (1, "match")
    assert agent.page.view()["watch"]["camera"] == "live"
    assert agent.page.call("/api/answer", {"item": "q0", "response": ["A"]})[0] == 200
    assert seen.alerts == []

    room.down = True
    stage(now, tmp_path / "empty")
    until(lambda: episode_kept(agent.data / "evidence"), agent)
    agent.kill()
    again = start_agent(room, extra=camera)
    room.down = False
    until(lambda: len(seen.alerts) >= 1, again)
    stage(now, tmp_path / "normal")
    until(lambda: seen.alerts[-1].closed, again)
    assert {alert.kind for alert in seen.alerts} == {"NO_FACE"}
    assert len({alert.episode for alert in seen.alerts}) == 1 and not seen.alerts[0].closed
    until(lambda: set(seen.announced) == set(seen.pictures), again)
    assert sorted(note.moment for alert in seen.alerts for note in alert.frames) == ["after", "at", "before"]
    again.page.until(lambda view: view["link"]["waiting"] == 0)
    assert room.answers() == {"q0": ("A",)}
    until(lambda: not list((again.data / "evidence").glob("*.pic")), again)
    assert again.stop() == 0
    log = agent.log() + again.log()
    secrets = (made.template[:40], TICKET, "阿卜杜", "obama", str(seen.captures[0].note))
    assert [word for word in secrets if word in log] == []
    assert re.findall(r"Traceback|ERROR", log) == []


def test_a_lost_camera_is_told_and_comes_back(room: FakeRoom, start_agent: Start, tmp_path: Path) -> None:
    write_scene(tmp_path / "normal", scene("obama.jpg"))
    now = tmp_path / "now"
    rules = replace(QUICK, sample_seconds=0.5)
    room.start()
    room.show(watch=plan(rules=rules))
    agent = start_agent(room, extra=("--camera", str(now / "%03d.jpg")))
    until(lambda: room.evidence.alerts, agent)
    assert room.evidence.alerts[0].kind == "CAMERA_LOST" and room.evidence.alerts[0].frames == ()
    assert room.status[-1].camera.state is not CameraState.LIVE
    stage(now, tmp_path / "normal")
    until(lambda: room.evidence.alerts[-1].closed, agent)
    until(lambda: room.status[-1].camera.state is CameraState.LIVE, agent)
    now.unlink()
    until(lambda: room.status[-1].camera.state is CameraState.LOST, agent)
    assert agent.page.view()["watch"]["camera"] == "lost"
    assert agent.page.call("/api/answer", {"item": "q0", "response": ["A"]})[0] == 200
    assert agent.stop() == 0


def test_without_a_vision_library_the_camera_is_unavailable_and_the_exam_goes_on(
    room: FakeRoom, start_agent: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site/cv2.py").write_text("raise ImportError('not here')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    room.start()
    room.show(watch=plan())
    agent = start_agent(room, extra=("--camera", "0", "--camera-id", "CAM-12"))
    until(lambda: room.status and room.status[-1].camera.state is CameraState.UNAVAILABLE, agent)
    assert room.status[-1].camera.unavailable == ("detect", "verify")
    agent.page.until(lambda view: view["paper"] == "open" and view["watch"]["camera"] == "unavailable")
    assert agent.page.call("/api/answer", {"item": "q0", "response": ["A"]})[0] == 200
