"""The watcher around it: plan, pace, models, faults, looks that an invigilator asks for."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from client import exchange as x
from client.brief import camera_word
from client.camera import STALE, Shot
from client.exchange import Ask, Lane
from client.watch import next_look
from client.watch_attempt import Rhythm
from exam_rooms.protocol import Route, Step
from exam_rooms.watch_messages import (
    CameraReport,
    CameraState,
)
from tests.client.camera_kit import (
    QUICK,
    ToldEyes,
    plan,
)
from tests.client.watch_bench import NOW, STEP, Studio


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


NO_LOOKS: list[Callable[[Studio], None]] = [
    lambda studio: None,
    lambda studio: studio.show(None),
    lambda studio: studio.show(plan(manual=True)),
    lambda studio: studio.show(plan(manual=True, enrol=True)),
    lambda studio: studio.show(plan(watch=False), Step.IDENTIFIED),
    lambda studio: studio.show(plan(), attempt=None),
]


@pytest.mark.parametrize("arrange", NO_LOOKS)
def test_without_consent_or_a_plan_no_pixel_is_looked_at(
    studio: Studio, arrange: Callable[[Studio], None]
) -> None:
    arrange(studio)
    studio.sample(5)
    assert studio.eyes.looks == 0 and studio.evidence.waiting() == (0, 0)
    assert studio.report == CameraReport(CameraState.LIVE, "CAM-05")
    studio.at += STALE + 1
    studio.watcher.sample(studio.at)
    assert studio.report.state is CameraState.LOST


def test_the_plan_is_followed_and_told(studio: Studio) -> None:
    studio.show(plan(watch=False, enrol=True), Step.READY)
    assert studio.sample() == QUICK.sample_seconds
    assert studio.report == CameraReport(CameraState.LIVE, "CAM-05", "enrol")
    assert studio.seat.around.camera == "enrolling"
    studio.show(plan(enrol=True))
    studio.sample()
    assert studio.report.checks == "watch" and studio.eyes.looks == 2
    studio.show(plan(), Step.SUBMITTED)
    studio.show(None, Step.SUBMITTED)
    studio.sample()
    assert studio.report.checks == "" and studio.seat.around.camera == ""


@pytest.mark.parametrize(("given", "pace"), [(0.0, 0.2), (1.5, 1.5), (99.0, 10.0)])
def test_the_plans_pace_is_bounded(studio: Studio, given: float, pace: float) -> None:
    studio.show(plan(rules=replace(QUICK, sample_seconds=given)))
    assert studio.sample() == pace


def test_a_picture_is_looked_at_once(studio: Studio) -> None:
    studio.show(plan())
    studio.sample()
    for _ in range(3):
        studio.at += STEP
        studio.watcher.sample(studio.at)
    assert studio.eyes.looks == 1
    studio.sample()
    assert studio.eyes.looks == 2


@pytest.mark.parametrize(
    ("worked", "pace", "due"),
    [(0.0, 1.0, 1.0), (0.1, 1.0, 1.0), (0.5, 1.0, 1.0), (0.6, 1.0, 1.2), (3.0, 1.0, 6.0)],
)
def test_at_most_half_of_a_processor_is_used(worked: float, pace: float, due: float) -> None:
    assert next_look(100.0, 100.0 + worked, pace) == pytest.approx(100.0 + due)
    assert worked / (next_look(100.0, 100.0 + worked, pace) - 100.0) <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("moments", "slow"),
    [
        ([], False),
        ([0, 3, 6, 9, 12], False),  # three sample times are bridged
        ([0, 3.1], False),
        ([0, 3.1, 6.2], True),
        ([0, 60, 61, 62, 63], False),  # away for once
        ([0, 1, 5, 6, 10], True),  # two at a time, and then nothing
        ([0, 9, 18, 19, 20, 21, 22], False),  # no more
    ],
)
def test_looks_that_come_too_rarely_are_slow(moments: list[float], slow: bool) -> None:
    rhythm = Rhythm()
    for moment in moments:
        rhythm.looked(float(moment))
    assert rhythm.is_slow(1.0) is slow


def test_a_camera_too_slow_for_any_alert_is_not_called_live(studio: Studio) -> None:
    studio.show(plan(rules=replace(QUICK, sample_seconds=0.5)))
    studio.sample(5)
    assert studio.report.state is CameraState.LIVE
    for _ in range(2):
        studio.at += 1.6
        studio.sample()
    assert (studio.report.state, studio.report.checks) == (CameraState.UNAVAILABLE, "watch")
    assert studio.seat.around.camera == "unavailable"
    studio.at += STALE + 1
    studio.sample(blind=True)
    assert studio.report.state is CameraState.LOST
    studio.sample(5)
    assert studio.report.state is CameraState.LIVE


def test_the_next_candidate_is_not_blamed_for_a_slow_camera(studio: Studio) -> None:
    studio.show(plan())
    for _ in range(4):
        studio.at += 1.6
        studio.sample()
    assert studio.report.state is CameraState.UNAVAILABLE
    studio.show(plan(), attempt=8)
    studio.sample()
    assert studio.report.state is CameraState.LIVE


def test_the_camera_of_the_moment_is_told(studio: Studio) -> None:
    studio.sample()
    studio.camera.identity = "CAM-06"
    studio.sample()
    assert studio.report.identity == "CAM-06"


def test_the_camera_knows_whether_the_server_can_be_reached(studio: Studio) -> None:
    studio.show(plan())
    assert studio.agent.brief().linked is studio.link.up is False
    studio.link.up = True
    assert studio.agent.brief().linked


def test_answers_are_not_held_up_while_it_looks(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    free: list[bool] = []

    def try_lock() -> None:
        free.append(studio.board.lock.acquire(timeout=60))
        studio.board.lock.release()

    def looking(eyes: ToldEyes, *arguments: Any, **options: Any) -> Any:
        other = threading.Thread(target=try_lock)
        other.start()
        other.join()
        return seen(eyes, *arguments, **options)

    seen = ToldEyes.observe
    monkeypatch.setattr(ToldEyes, "observe", looking)
    studio.show(plan())
    studio.sample()
    assert free == [True]


def test_an_alert_is_ready_to_leave_at_once(studio: Studio) -> None:
    studio.show(plan())
    studio.sample(3)
    assert studio.asked() is None
    studio.eyes.persons = 0
    studio.sample(4)
    request = studio.asked()
    assert request is not None and (request.ask, request.path) == (Ask.ALERT, Route.ALERT)


def test_the_next_candidate_starts_afresh(studio: Studio) -> None:
    studio.show(plan())
    studio.eyes.persons = 0
    studio.sample(4)
    studio.show(plan(), attempt=8)
    studio.sample(1)
    closed = [
        news.message for news in studio.evidence._news.values() if getattr(news.message, "closed", False)
    ]
    assert [message.attempt for message in closed] == [7]
    studio.sample(3)
    opened = [news.message for news in studio.evidence._news.values()]
    assert [message.attempt for message in opened] == [7, 7, 8]


def test_what_an_earlier_process_left_open_is_ended_once_the_seat_is_known(tmp_path: Path) -> None:
    before = Studio(tmp_path)
    before.show(plan())
    before.eyes.persons = 0
    before.sample(4)
    before.folder.close()
    after = Studio(tmp_path)
    after.at = before.at
    after.sample()
    assert after.evidence.waiting()[0] == 1
    after.show(None, Step.SUBMITTED)
    after.sample()
    assert [news.message.closed for news in after.evidence._news.values()] == [False, True]  # type: ignore[union-attr]


def test_a_fault_in_looking_is_unavailable_and_nothing_else(
    studio: Studio, caplog: pytest.LogCaptureFixture
) -> None:
    studio.show(plan())
    studio.eyes.fault = cv2.error("a face vector: 0.123")
    studio.sample(3)
    assert studio.report.state is CameraState.UNAVAILABLE
    assert studio.seat.around.camera == "unavailable"
    assert [record.getMessage() for record in caplog.records if "watching" in record.getMessage()] == [
        "watching: error"
    ]
    studio.eyes.fault = None
    studio.sample()
    assert studio.report.state is CameraState.LIVE
    assert studio.seat.step(studio.at) == "answering"


def test_missing_models_are_told_before_anybody_sits_down(studio: Studio) -> None:
    studio.eyes.unavailable = ("verify",)
    studio.sample()
    assert studio.report == CameraReport(CameraState.LIVE, "CAM-05", "", ("verify",))
    studio.show(plan(watch=False, enrol=True), Step.READY)
    studio.sample()
    assert studio.seat.around.camera == "unavailable"
    studio.show(plan())
    studio.sample()
    assert studio.seat.around.camera == "live"  # who sits there is not known, that somebody does is


def test_eyes_that_do_not_open_are_tried_again_later(studio: Studio) -> None:
    eyes_left = [studio.eyes]
    faults: list[Exception] = [RuntimeError("no"), RuntimeError("no")]

    def make() -> ToldEyes:
        if faults:
            raise faults.pop()
        return eyes_left[0]

    studio.watcher._make_eyes = make
    studio.show(plan())
    studio.sample(3)
    assert studio.report == CameraReport(CameraState.UNAVAILABLE, "CAM-05", "watch", ("detect", "verify"))
    studio.at += 31
    studio.sample()
    studio.at += 31
    studio.sample()
    assert studio.report.state is CameraState.LIVE and studio.eyes.looks == 1


def test_a_look_is_answered_with_a_small_picture(studio: Studio) -> None:
    studio.show(None)
    studio.sample()
    big = np.random.default_rng(3).integers(0, 255, (480, 640, 3), np.uint8)
    studio.camera._shot = Shot(9, big, studio.at)
    studio.agent.handle([x.LookAsked("old"), x.LookAsked("r1")])
    studio.watcher._answer()
    request = studio.asked()
    assert request is not None and request.path == "/agent/look?ref=r1"
    small = cv2.imdecode(np.frombuffer(request.body, np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (240, 320, 3)
    assert studio.eyes.looks == 0 and studio.evidence.waiting() == (0, 0)


def test_a_look_at_a_camera_without_a_picture_is_empty_and_one_without_consent_is_refused(
    studio: Studio,
) -> None:
    studio.show(plan())
    studio.sample(blind=True)
    studio.agent.handle([x.LookAsked("r1")])
    studio.watcher._answer()
    request = studio.asked()
    assert request is not None and request.body == b""
    assert studio.link.failed(Lane.BULK, request, studio.at) == []
    studio.show(plan(manual=True))
    studio.sample()
    studio.agent.handle([x.LookAsked("r2")])
    studio.watcher._answer()
    studio.at += 60
    assert studio.asked() is None


@pytest.mark.parametrize(
    ("report", "changes", "word"),
    [
        (CameraReport(), {}, ""),
        (CameraReport(CameraState.LIVE), {"manual": True}, "manual"),
        (CameraReport(), {"manual": True}, "manual"),
        (CameraReport(CameraState.LIVE), {}, "live"),
        (CameraReport(CameraState.OPENING), {}, "live"),
        (CameraReport(CameraState.LOST), {}, "lost"),
        (CameraReport(CameraState.LOST), {"enrol": True}, "lost"),
        (CameraReport(CameraState.UNAVAILABLE), {}, "unavailable"),
        (CameraReport(CameraState.LIVE, unavailable=("detect",)), {}, "unavailable"),
        (CameraReport(CameraState.LIVE, unavailable=("verify",)), {}, "live"),
        (CameraReport(CameraState.LIVE, unavailable=("verify",)), {"enrol": True}, "unavailable"),
        (CameraReport(CameraState.LIVE), {"enrol": True}, "enrolling"),
    ],
)
def test_what_the_candidate_is_told(report: CameraReport, changes: dict[str, bool], word: str) -> None:
    assert camera_word(report, plan(**changes)) == word
    assert camera_word(report, None) == ""


def test_moments_of_captures_follow_the_servers_clock(studio: Studio) -> None:
    studio.show(plan(captures=(30.0,)))
    studio.at += 20
    studio.sample()
    brief = studio.agent.brief()
    assert brief.since_start == pytest.approx(20 + STEP, abs=1e-3)
    studio.agent.handle([x.TimeSeen(NOW + timedelta(seconds=40), studio.at, studio.at)] * 8)
    studio.sample()
    assert [news.route for news in studio.evidence._news.values()] == [Route.CAPTURE]
