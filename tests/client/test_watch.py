"""What the seat makes of its looks: alerts with their pictures, captures, enrolment, restarts, and its silence."""

import base64
import hashlib
import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from client import exchange as x
from client import watch_album, watch_log
from client.agent import Agent, Parts
from client.board import Board
from client.books import Books
from client.brief import Brief, camera_word
from client.camera import STALE, Camera, Shot
from client.clock import ServerClock
from client.device import DataFolder
from client.evidence import Evidence, Worth
from client.exchange import Ask, Lane, Request
from client.link import Link
from client.outbox import Outbox
from client.paper import Shelf
from client.seat import Seat, Surroundings
from client.watch import Watched, Watcher, next_look
from client.watch_album import Album, Print, Wish, chosen
from client.watch_attempt import AFTER_SECONDS, LATE_SECONDS, UNKNOWN, AttemptWatch, Desk, Rhythm
from client.watch_enrol import AGAIN_SECONDS, PHOTO_SECONDS, TRIES
from client.watch_memory import KEPT, OpenEpisode, WatchMemory, WatchStore
from exam_rooms.incidents import IncidentKind
from exam_rooms.look_log import unpack
from exam_rooms.protocol import CandidateView, Route, SeatState, Step
from exam_rooms.watch_messages import (
    AlertRequest,
    CameraReport,
    CameraState,
    CaptureRequest,
    EnrolmentRequest,
    LookLog,
    WatchPlan,
)
from exam_rooms.watching import AttentionRules, EpisodeRule, Likeness, PaceRules, WatchRules
from proctoring import observe
from proctoring.episodes import Opened
from proctoring.models import card
from proctoring.observation import FoundObject
from proctoring.observe import Eyes, Looks
from proctoring.quality import Verdict
from proctoring.replay import refold
from tests.client.camera_kit import (
    QUICK,
    ToldEyes,
    any_template,
    eyes,
    photo,
    plan,
    scene,
    shot,
    vector_text,
)

KEY = bytes(range(32))
NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
STEP = 0.2


class Bench:
    """An attempt under a camera whose looks are given one by one."""

    def __init__(self, folder: Path, boot_id: str = "boot-1", at: float = 1000.0) -> None:
        self.folder = folder
        self.at = at
        self.eyes = ToldEyes()
        self.evidence = Evidence(folder, KEY)
        self.desk = Desk(self.evidence, WatchStore(folder, KEY), boot_id)
        self.watch = AttemptWatch(7, self.desk, at)
        self.plan = plan()
        self.began = at
        self.number = 0
        self.photo: bytes | None = None
        self.linked = True

    def brief(self) -> Brief:
        has_photo = self.photo is not None
        started = self.at - self.began
        return Brief(True, 7, self.plan, has_photo, self.photo or b"", started, self.linked)

    def look(self, seconds: float = STEP, *, blind: bool = False, frame: Any = None) -> tuple[str, ...]:
        """Looks for some seconds in steps; returns what the last one could not check."""
        missing: tuple[str, ...] = ()
        for _ in range(max(1, round(seconds / STEP))):
            self.at = round(self.at + STEP, 6)
            self.number += 1
            seen = None if blind else shot(self.number, self.at)
            if seen is not None and frame is not None:
                seen = replace(seen, frame=frame[self.number % len(frame)])
            missing = self.watch.look(self.brief(), seen, self.eyes, self.at)
        return missing

    def told(self, kind: type) -> list[Any]:
        found = sorted(self.evidence._news.values(), key=lambda news: news.number)
        return [news.message for news in found if isinstance(news.message, kind)]

    def alerts(self) -> list[AlertRequest]:
        return self.told(AlertRequest)

    def restart(self, boot_id: str = "boot-1", at: float | None = None) -> "Bench":
        """The agent is killed and comes back with the same plan; what waited is still in the queue."""
        after = Bench(self.folder, boot_id, self.at if at is None else at)
        after.plan, after.began, after.number = self.plan, self.began, self.number
        return after


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "evidence")


def moments(alert: AlertRequest) -> list[str]:
    return [frame.moment for frame in alert.frames]


# Alerts


def test_an_empty_chair_is_told_once_with_pictures_and_once_when_it_ends(bench: Bench) -> None:
    bench.look(2)
    assert bench.alerts() == []
    bench.eyes.persons = 0
    began = bench.at + STEP
    bench.look(0.8)
    (opened,) = bench.alerts()
    assert (opened.attempt, opened.kind, opened.closed, opened.boot_id) == (7, "NO_FACE", False, "boot-1")
    assert opened.since_ns == int(began * 1e9) and opened.boot_ns == int((began + 0.6) * 1e9)
    assert opened.note is not None and (opened.note.persons, opened.note.quality) == (0, "good")
    assert opened.models == bench.eyes.models and opened.scores["persons"] == 0.0
    assert len(opened.episode) == 32 and moments(opened) == ["at", "before"]
    at, before = opened.frames
    assert at.boot_ns == opened.boot_ns and before.boot_ns == int((began - STEP) * 1e9)
    for frame in opened.frames:
        data = bench.evidence.load(frame.sha256)
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (frame.sha256, frame.size)
    bench.look(AFTER_SECONDS + 1)
    opened_again = bench.alerts()[1]
    assert moments(opened_again) == ["after"]
    assert replace(opened_again, frames=()) == replace(opened, frames=())
    assert opened_again.frames[0].boot_ns >= opened.boot_ns + int(AFTER_SECONDS * 1e9)
    bench.eyes.persons = 1
    gone = bench.at + STEP
    bench.look(1)
    assert len(bench.alerts()) == 3
    closed = bench.alerts()[2]
    assert (closed.closed, closed.episode, closed.kind) == (True, opened.episode, "NO_FACE")
    assert closed.since_ns == int(gone * 1e9) and closed.frames == ()
    assert closed.note is not None and closed.note.persons == 1
    bench.look(3)
    assert len(bench.alerts()) == 3


def test_the_last_picture_comes_with_the_end_when_that_comes_first(bench: Bench) -> None:
    bench.look(1)
    bench.eyes.persons = 2
    bench.look(1)
    bench.eyes.persons = 1
    bench.look(AFTER_SECONDS + 2)
    opened, closed = bench.alerts()
    assert (moments(opened), moments(closed), closed.closed) == (["at", "before"], ["after"], True)


def test_a_new_episode_has_a_new_name(bench: Bench) -> None:
    for persons in (0, 1, 0, 1):
        bench.eyes.persons = persons
        bench.look(1.2)
    names = [alert.episode for alert in bench.alerts() if not alert.closed]
    assert len(set(names)) == 2 and len(bench.alerts()) == 4


def test_a_camera_that_gives_nothing_is_told_without_a_picture_of_the_moment(bench: Bench) -> None:
    bench.look(1)
    last = bench.at
    bench.look(AFTER_SECONDS + 1, blind=True)
    (lost,) = bench.alerts()
    assert (lost.kind, moments(lost), lost.note) == ("CAMERA_LOST", ["before"], None)
    assert lost.frames[0].boot_ns == int(last * 1e9)
    bench.look(1)
    after, closed = bench.alerts()[1:]
    assert (moments(after), after.closed, moments(closed), closed.closed) == (["after"], False, [], True)


def test_a_stranger_is_told_by_the_median_of_compared_frames(bench: Bench) -> None:
    bench.plan = plan(template=any_template())
    bench.look(3)
    assert bench.alerts() == []
    bench.eyes.similarity = 0.1
    bench.look(3)
    (alert,) = bench.alerts()
    assert alert.kind == "FACE_MISMATCH" and alert.scores == {"similarity": 0.1, "frames": 3.0}
    assert alert.note is not None and alert.note.similarity == 0.1


def test_faces_are_compared_at_the_pace_of_the_plan_and_never_without_a_template(bench: Bench) -> None:
    bench.look(4)
    assert (bench.eyes.looks, bench.eyes.compares) == (20, 0)
    bench.plan = plan(template=any_template(), rules=replace(QUICK, verify_seconds=1.0))
    bench.look(4)
    assert (bench.eyes.looks, bench.eyes.compares) == (40, 4)


@pytest.mark.parametrize("template", ["?", "AAAA", vector_text(np.ones(3, np.float32)), "nan"])
def test_a_template_that_is_none_is_said_to_be_unavailable(bench: Bench, template: str) -> None:
    if template == "nan":
        template = base64.b64encode(np.full(card("verify").dim, np.nan, "<f4").tobytes()).decode()
    bench.plan = plan(template=template)
    assert bench.look() == ("verify",)
    assert bench.eyes.compares == 0
    bench.eyes.unavailable = ("verify",)
    assert bench.look() == ("verify",)


def test_a_template_of_another_network_is_never_held_against_a_face(bench: Bench) -> None:
    """Of the same length: the numbers mean something else, and an honest candidate would look a stranger."""
    bench.plan = plan(template=any_template(), model="another 1")
    bench.eyes.similarity = 0.0
    assert bench.look(10) == ("verify",)
    assert (bench.eyes.compares, bench.alerts()) == (0, [])
    bench.plan = plan(template=any_template(), model=bench.eyes.models["verify"])
    bench.eyes.similarity = 0.8
    assert bench.look(2) == ()
    assert bench.eyes.compares > 0


def test_who_sits_there_uncompared_for_long_is_said_to_be_unverified(bench: Bench) -> None:
    """A smeared lens: somebody is there, and no face is ever good enough to say who."""
    bench.plan = plan(template=any_template())
    bench.look(2)
    bench.eyes.verdict = Verdict.BLURRED
    bench.eyes.comparable = False
    long = UNKNOWN * QUICK.verify_seconds
    assert bench.look(long) == ()
    assert bench.look() == ("verify",) == bench.look()
    assert bench.alerts() == []
    bench.eyes.comparable = True
    assert bench.look() == ()
    bench.eyes.comparable = False
    assert bench.look(long) == ()


def test_an_empty_chair_or_a_plan_without_a_template_asks_for_no_face(bench: Bench) -> None:
    bench.eyes.comparable = False
    assert bench.look(2 * UNKNOWN * QUICK.verify_seconds) == ()
    bench.plan = plan(template=any_template())
    bench.eyes.persons = 0
    bench.look(2 * UNKNOWN * QUICK.verify_seconds)
    bench.eyes.persons = 1
    assert bench.look(UNKNOWN * QUICK.verify_seconds) == ()
    bench.look(2, blind=True)
    assert bench.look() == ("verify",)  # a camera that was away has compared nobody either


def test_a_verifier_that_is_missing_is_named_once(bench: Bench) -> None:
    bench.plan = plan(template=any_template())
    bench.eyes.comparable, bench.eyes.unavailable = False, ("verify",)
    assert bench.look(2 * UNKNOWN * QUICK.verify_seconds) == ("verify",)


def test_two_causes_are_two_episodes(bench: Bench) -> None:
    bench.look(1)
    bench.eyes.verdict, bench.eyes.persons = Verdict.COVERED, 0
    bench.look(1)
    bench.look(1, blind=True)
    assert [alert.kind for alert in bench.alerts()] == ["CAMERA_COVERED", "CAMERA_LOST"]


def test_pictures_are_bounded_and_leave_room_for_captures(bench: Bench) -> None:
    bench.plan = plan(rules=replace(QUICK, frame_limit=5, captures=2), captures=(20.0, 21.0))
    for _ in range(3):
        bench.eyes.persons = 1
        bench.look(1)
        bench.eyes.persons = 0
        bench.look(1)
    assert [moments(alert) for alert in bench.alerts()] == [["at", "before"], ["after"], [], [], []]
    bench.eyes.persons = 1
    bench.look(20)
    assert [capture.frame is not None for capture in bench.told(CaptureRequest)] == [True, True]
    announced = sum(len(alert.frames) for alert in bench.alerts()) + 2
    assert announced == 5


def test_the_end_of_the_plan_ends_every_episode(bench: Bench) -> None:
    bench.eyes.persons = 0
    bench.look(1)
    bench.look(1, blind=True)
    end = bench.at + 2
    bench.watch.end(end)
    closed = [alert for alert in bench.alerts() if alert.closed]
    assert {alert.kind for alert in closed} == {"NO_FACE", "CAMERA_LOST"}
    assert all(alert.boot_ns == int(end * 1e9) for alert in closed)
    bench.watch.end(end + 1)
    assert len(bench.alerts()) == 4


def test_a_plan_that_only_enrols_ends_what_is_open(bench: Bench) -> None:
    bench.eyes.persons = 0
    bench.look(1)
    bench.plan = plan(watch=False, enrol=True)
    bench.look(1)
    assert [alert.closed for alert in bench.alerts()] == [False, True]


# Restarts


def test_an_open_episode_outlives_the_process(bench: Bench) -> None:
    bench.look(1)
    bench.eyes.persons = 0
    bench.look(1)
    after = bench.restart()
    after.eyes.persons = 0
    after.look(AFTER_SECONDS + 1)
    assert [moments(alert) for alert in after.alerts()] == [["at", "before"], ["after"]]
    after.eyes.persons = 1
    after.look(1)
    assert [alert.closed for alert in after.alerts()] == [False, False, True]
    assert len({alert.episode for alert in after.alerts()}) == 1


def test_after_a_new_start_of_the_machine_episodes_end_and_begin_anew(bench: Bench) -> None:
    bench.eyes.persons = 0
    bench.look(1)
    after = bench.restart("boot-2", at=3.0)
    opened, closed = after.alerts()
    assert (closed.closed, closed.episode, closed.boot_id) == (True, opened.episode, "boot-2")
    assert closed.since_ns == closed.boot_ns == int(3e9)
    after.eyes.persons = 0
    after.look(1)
    assert after.alerts()[2].episode != opened.episode


def test_a_memory_that_cannot_be_read_is_an_empty_one(bench: Bench, tmp_path: Path) -> None:
    bench.eyes.persons = 0
    bench.look(1)
    (path,) = bench.folder.glob("*.watch")
    assert b"NO_FACE" not in path.read_bytes() and path.stat().st_mode & 0o077 == 0
    path.write_bytes(path.read_bytes()[:-1])
    store = WatchStore(bench.folder, KEY)
    assert store.load(7) == WatchMemory(7) and store.unfinished() == ()


def test_only_the_latest_attempts_are_remembered(tmp_path: Path) -> None:
    store = WatchStore(tmp_path, KEY)
    alert = AlertRequest(1, "e", "NO_FACE", "b", 1, 2)
    for n in range(1, KEPT + 6):
        store.save(WatchMemory(n, "b", open=(OpenEpisode(alert),) if n % 2 else ()))
    again = WatchStore(tmp_path, KEY)
    assert len(list(tmp_path.glob("*.watch"))) == KEPT
    assert set(again.unfinished()) == {n for n in range(6, KEPT + 6) if n % 2}


# Captures


def test_captures_are_taken_at_their_moments_once(bench: Bench) -> None:
    bench.plan = plan(captures=(1.0, 3.0), template=any_template(), rules=replace(QUICK, verify_seconds=60.0))
    bench.look(1.0)
    (first,) = bench.told(CaptureRequest)
    assert (first.number, first.boot_ns) == (0, int(bench.at * 1e9))
    assert first.note is not None and first.note.similarity == 0.8  # compared for it, though not due
    assert first.frame is not None and first.frame.moment == ""
    assert bench.evidence.load(first.frame.sha256).startswith(b"\xff\xd8\xff")
    bench.look(5)
    assert [capture.number for capture in bench.told(CaptureRequest)] == [0, 1]


def test_a_capture_waits_for_a_picture_and_is_missed_after_a_minute(bench: Bench) -> None:
    bench.plan = plan(captures=(1.0, 100.0))
    bench.look(LATE_SECONDS - 10, blind=True)
    assert bench.told(CaptureRequest) == []
    bench.look()
    (late,) = bench.told(CaptureRequest)
    assert late.frame is not None
    bench.look(LATE_SECONDS + 51, blind=True)
    bench.look(1)
    missed = bench.told(CaptureRequest)[1]
    assert (missed.number, missed.frame, missed.note) == (1, None, None)


@pytest.mark.parametrize(("away", "taken"), [(LATE_SECONDS - 2, True), (LATE_SECONDS + 1, False)])
def test_after_an_absence_a_capture_is_taken_late_or_missed(bench: Bench, away: float, taken: bool) -> None:
    bench.plan = plan(captures=(0.1,))
    after = bench.restart(at=bench.at + away)
    after.look()
    (capture,) = after.told(CaptureRequest)
    assert (capture.frame is not None) is taken


def test_a_restart_takes_no_capture_twice(bench: Bench) -> None:
    bench.plan = plan(captures=(0.5, 2.0))
    bench.look(1)
    after = bench.restart()
    after.look(3)
    assert [capture.number for capture in after.told(CaptureRequest)] == [0, 1]


@pytest.mark.parametrize(("device", "told"), [(True, ["FROZEN"]), (False, [])])
def test_a_loop_that_is_played_to_a_device_is_frozen(bench: Bench, device: bool, told: list[str]) -> None:
    """A recorded camera plays in a loop rightly; a device shows no picture twice."""
    rules = replace(QUICK, episodes=(*QUICK.episodes, EpisodeRule("FROZEN", 2.0, 0.4)))
    bench.plan = plan(rules=rules)
    bench.watch = AttemptWatch(7, replace(bench.desk, device=device), bench.at)
    loop = [shot(n, 0.0).frame for n in range(7)]
    bench.look(7 * STEP + 1, frame=loop)
    assert bench.alerts() == []
    bench.look(3, frame=loop)
    assert [alert.kind for alert in bench.alerts()] == told
    bench.look(1)
    assert [alert.closed for alert in bench.alerts()] == [False, True][: 2 * len(told)]


class Killed(BaseException):
    """The process ends here."""


def killed_after_queueing(bench: Bench, monkeypatch: pytest.MonkeyPatch, seconds: float) -> Bench:
    """The agent is killed when a message is in the queue and not yet in its memory; it comes back."""
    put = bench.evidence.put

    def put_and_die(*arguments: Any) -> None:
        put(*arguments)
        raise Killed

    monkeypatch.setattr(bench.evidence, "put", put_and_die)
    with pytest.raises(Killed):
        bench.look(seconds)
    return bench.restart()


def test_a_kill_between_queue_and_memory_takes_no_capture_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.plan = plan(captures=(0.5, 2.0))
    after = killed_after_queueing(bench, monkeypatch, 1)
    after.look(3)
    assert [capture.number for capture in after.told(CaptureRequest)] == [0, 1]


def test_a_kill_between_queue_and_memory_leaves_no_episode_open(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.look(1)
    bench.eyes.persons = 0
    after = killed_after_queueing(bench, monkeypatch, 1)
    opened, closed = after.alerts()
    assert (opened.closed, closed.closed, closed.episode) == (False, True, opened.episode)
    assert closed.frames == () and closed.boot_ns >= opened.boot_ns
    after.look(1)
    assert len(after.alerts()) == 2
    assert len(after.restart().alerts()) == 2
    after.eyes.persons = 0
    after.look(1)
    assert after.alerts()[2].episode != opened.episode


def test_without_the_servers_time_no_capture_is_taken(bench: Bench) -> None:
    bench.plan = plan(captures=(0.0,))
    brief = replace(bench.brief(), since_start=None)
    bench.watch.look(brief, shot(1, bench.at), bench.eyes, bench.at)
    assert bench.told(CaptureRequest) == []


# Enrolment


class Enrolments:
    """Stands in for `proctoring.observe.enrol` where only its use is looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[Any, int]] = []
        self.spread: float | None = 0.9
        monkeypatch.setattr("client.watch_enrol.enrol", self.enrol)

    def enrol(self, eyes: Any, photo: Any, frames: Any, rules: WatchRules) -> observe.Enrolment | None:
        self.calls.append((photo, len(frames)))
        if self.spread is None:
            return None
        template = np.ones(card("verify").dim, np.float32)
        return observe.Enrolment(template, 0.61, Likeness.MATCH, self.spread, len(frames))


@pytest.fixture
def enrolments(monkeypatch: pytest.MonkeyPatch) -> Enrolments:
    return Enrolments(monkeypatch)


def server_takes(bench: Bench, route: str) -> None:
    while (news := bench.evidence.next_news(route)) is not None:
        bench.evidence.news_taken(news.number, [])


def test_three_good_frames_make_an_enrolment(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan = plan(watch=False, enrol=True)
    bench.eyes.persons = 2
    bench.look(2)
    bench.eyes.persons, bench.eyes.verdict = 1, Verdict.DARK
    bench.look(2)
    assert enrolments.calls == []
    bench.eyes.verdict = Verdict.GOOD
    bench.look(3 * STEP)
    (made,) = bench.told(EnrolmentRequest)
    assert (made.attempt, made.likeness, made.similarity, made.spread, made.count) == (
        7,
        "match",
        0.61,
        0.9,
        3,
    )
    assert np.frombuffer(base64.b64decode(made.template), "<f4").size == card("verify").dim
    assert made.models == bench.eyes.models and len(made.frames) == 3
    assert all(bench.evidence.load(frame.sha256) for frame in made.frames)
    assert enrolments.calls == [(None, 3)]
    assert bench.alerts() == []


def test_while_the_server_has_it_not_or_is_about_to_say_so_no_other_is_made(
    bench: Bench, enrolments: Enrolments
) -> None:
    bench.plan = plan(watch=False, enrol=True)
    bench.look(40)
    assert len(enrolments.calls) == 1
    server_takes(bench, Route.ENROLMENT)
    bench.look(AGAIN_SECONDS - 1)
    assert len(enrolments.calls) == 1
    bench.look(2)
    assert len(enrolments.calls) == 2  # the server still asks: it wants another one


def test_a_plan_that_asks_again_later_gets_another(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan = plan(watch=False, enrol=True)
    bench.look(1)
    server_takes(bench, Route.ENROLMENT)
    bench.plan = plan(watch=True, template=any_template())
    bench.look(1)
    bench.plan = plan(watch=True, enrol=True)
    bench.look(1)
    assert len(enrolments.calls) == 2


def test_it_waits_for_a_photo_that_is_announced_but_not_for_ever(
    bench: Bench, enrolments: Enrolments
) -> None:
    bench.plan, bench.photo = plan(watch=False, enrol=True), b""
    bench.look(5)
    assert enrolments.calls == []
    bench.photo = cv2.imencode(".jpg", np.zeros((200, 200, 3), np.uint8))[1].tobytes()
    bench.look()
    assert len(enrolments.calls) == 1 and enrolments.calls[0][0].shape == (200, 200, 3)
    server_takes(bench, Route.ENROLMENT)
    other = bench.restart()
    other.plan, other.photo = bench.plan, b""
    other.look(PHOTO_SECONDS + 1)
    assert enrolments.calls[1] == (None, 3)


def test_while_the_link_is_down_it_waits_for_the_photo(bench: Bench, enrolments: Enrolments) -> None:
    """An enrolment without the photo would pass for one whose candidate has none."""
    bench.plan, bench.photo, bench.linked = plan(watch=False, enrol=True), b"", False
    bench.look(3 * PHOTO_SECONDS)
    assert enrolments.calls == []
    bench.linked = True
    bench.look(PHOTO_SECONDS - 1)
    assert enrolments.calls == []
    bench.look(2)
    assert enrolments.calls == [(None, 3)]


def test_without_an_announced_photo_the_link_does_not_matter(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan, bench.linked = plan(watch=False, enrol=True), False
    bench.look(1)
    assert enrolments.calls == [(None, 3)]


@pytest.mark.parametrize(("spread", "sets"), [(0.6999, TRIES + 1), (0.7, 1)])
def test_frames_agree_from_the_policys_threshold_on(
    bench: Bench, enrolments: Enrolments, spread: float, sets: int
) -> None:
    bench.plan = plan(watch=False, enrol=True, rules=replace(QUICK, match_from=0.7))
    enrolments.spread = spread
    bench.look(3 * STEP * (TRIES + 3))
    assert len(enrolments.calls) == sets


def test_two_people_are_not_enrolled_as_one_unseen(bench: Bench) -> None:
    """Real networks: one frame of three shows somebody else, in every set. It is sent, and tells so."""
    bench.eyes = eyes()  # type: ignore[assignment]
    bench.plan = plan(watch=False, enrol=True)
    mixed = (scene("biden.jpg")[0], scene("obama.jpg")[0], scene("biden.jpg")[1])
    bench.look(3 * STEP * TRIES, frame=mixed)
    assert bench.told(EnrolmentRequest) == []
    bench.look(3 * STEP, frame=mixed)
    (made,) = bench.told(EnrolmentRequest)
    assert made.spread < 0.2


def test_a_photo_that_is_no_picture_is_none(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan, bench.photo = plan(watch=False, enrol=True), b"\xff\xd8photo"
    bench.look(1)
    assert enrolments.calls == [(None, 3)]


def test_frames_that_disagree_are_taken_anew_a_few_times(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan = plan(watch=False, enrol=True)
    enrolments.spread = None
    bench.look(3 * STEP * 10)
    assert len(enrolments.calls) == 10 and bench.told(EnrolmentRequest) == []
    enrolments.spread = 0.2
    again = bench.restart()
    again.plan = bench.plan
    again.look(3 * STEP * (TRIES + 1))
    (made,) = again.told(EnrolmentRequest)
    assert made.spread == 0.2


@pytest.mark.parametrize("missing", [("detect",), ("verify",), ("detect", "verify")])
def test_without_a_model_nobody_is_enrolled_and_it_is_said(
    bench: Bench, enrolments: Enrolments, missing: tuple[str, ...]
) -> None:
    bench.plan = plan(watch=False, enrol=True)
    bench.eyes.unavailable = missing
    assert bench.look(2) == missing
    assert enrolments.calls == []


def test_watching_and_enrolling_go_together(bench: Bench, enrolments: Enrolments) -> None:
    bench.plan = plan(watch=True, enrol=True)
    bench.look(1)
    bench.eyes.persons = 0
    bench.look(1)
    assert len(bench.told(EnrolmentRequest)) == 1 and len(bench.alerts()) == 1


def test_real_faces_are_enrolled_recognised_and_a_stranger_is_told(bench: Bench) -> None:
    """Real networks, real photos: the enrolment agrees with another photo, another person does not."""
    bench.eyes = eyes()  # type: ignore[assignment]
    bench.plan = plan(watch=False, enrol=True)
    bench.photo = cv2.imencode(".jpg", photo("obama2.jpg"))[1].tobytes()
    bench.look(3 * STEP, frame=scene("obama.jpg"))
    (made,) = bench.told(EnrolmentRequest)
    assert made.likeness == "match" and made.similarity is not None and made.similarity >= 0.5
    assert made.spread > 0.8
    bench.plan = plan(template=made.template)
    bench.look(1.2, frame=scene("obama.jpg", seed=2))
    assert bench.alerts() == []
    bench.look(2, frame=scene("biden.jpg"))
    (stranger,) = bench.alerts()
    assert stranger.kind == "FACE_MISMATCH" and stranger.scores["similarity"] < 0.35
    assert set(stranger.models) == {"detect", "verify"}


# The album


def test_the_album_keeps_the_newest_and_what_came_before_a_beginning() -> None:
    album = Album()
    for n in range(50):
        album.add(shot(n, float(n)))
        album.keep([] if n < 10 else [10.0] if n < 20 else [10.0, 20.0, 20.0])
        assert len(album) == (1 if n < 10 else 2 if n < 20 else 3)
    at_first, later = album.before(10.0), album.before(20.0)
    assert at_first is not None and later is not None and (at_first.boot, later.boot) == (9.0, 19.0)
    album.keep([20.0])
    assert album.before(10.0) is None and album.before(20.0) is later
    album.keep([])
    assert len(album) == 1


def test_a_picture_is_encoded_only_when_it_is_sent(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    made: list[int] = []
    encode = watch_album.encode_jpeg
    monkeypatch.setattr(watch_album, "encode_jpeg", lambda frame: made.append(1) or encode(frame))
    bench.look(20)
    assert made == []
    bench.eyes.persons = 0
    bench.look(1)
    assert len(made) == 2 and moments(bench.alerts()[0]) == ["at", "before"]


def test_a_picture_that_cannot_be_encoded_costs_no_news() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (2500, 2500, 3), np.uint8)
    nothing = Print(1.0, shot=Shot(1, noise, 1.0))
    notes, pictures = chosen([Wish(nothing, Worth.ALERT), Wish(Print(2.0, b"x"), Worth.SIDE)], 2)
    assert [note.boot_ns for note in notes] == [int(2e9)] and len(pictures) == 1


def test_wishes_are_met_in_order_and_absent_pictures_passed_over() -> None:
    wishes = [Wish(None, "alert"), *(Wish(Print(float(n), bytes([n])), "side") for n in range(3))]  # type: ignore[arg-type]
    notes, pictures = chosen(wishes, 2)
    assert [picture.data for picture in pictures] == [b"\0", b"\1"]
    assert [note.boot_ns for note in notes] == [0, int(1e9)]
    assert chosen(wishes, 0) == ((), ())


# Paces, costly steps, the log of looks


def hurried(*kinds: IncidentKind, hold: float = 0.6, **changes: Any) -> WatchRules:
    rules = tuple(EpisodeRule(str(kind), hold, 0.4) for kind in kinds)
    return replace(QUICK, episodes=(*QUICK.episodes, *rules), **changes)


def test_costly_steps_are_asked_for_as_the_policy_says(bench: Bench) -> None:
    bench.look(2)
    assert set(bench.eyes.asked) == {Looks()}
    pace = PaceRules(liveness_seconds=1.0, objects_seconds=0.6)
    kinds = IncidentKind.TURNED_AWAY, IncidentKind.LIVENESS_DOUBT, IncidentKind.PHONE_HINT
    bench.plan = plan(rules=hurried(*kinds, pace=pace))
    bench.eyes.asked.clear()
    bench.eyes.liveness, bench.eyes.objects = 0.9, ()
    bench.look(6)
    asked = bench.eyes.asked
    assert len(asked) == 30 and all(each.attention and not each.gaze for each in asked)
    assert (sum(each.liveness for each in asked), sum(each.objects for each in asked)) == (6, 10)


def test_an_enrolment_asks_for_none_of_them(bench: Bench) -> None:
    bench.plan = plan(watch=False, enrol=True, rules=hurried(IncidentKind.PHONE_HINT))
    bench.eyes.persons = 2
    bench.look(2)
    assert set(bench.eyes.asked) == {Looks()}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (IncidentKind.LIVENESS_DOUBT, {"liveness": 0.1}),
        (IncidentKind.PHONE_HINT, {"objects": (FoundObject("phone", 0.8, (1.0, 1.0, 9.0, 9.0)),)}),
    ],
)
def test_a_hint_is_told_once_with_its_scores_models_and_pictures(
    bench: Bench, kind: IncidentKind, said: dict[str, Any]
) -> None:
    bench.plan = plan(rules=hurried(kind, pace=PaceRules(liveness_seconds=0.2, objects_seconds=0.2)))
    bench.look(1)
    for name, value in said.items():
        setattr(bench.eyes, name, value)
    bench.look(3)
    (alert,) = bench.alerts()
    assert alert.kind == kind and alert.scores["score"] in {0.1, 0.8}
    assert alert.models == bench.eyes.models and moments(alert) == ["at", "before"]
    assert alert.note is not None and (alert.note.liveness == 0.1 or alert.note.objects == {"phone": 0.8})
    for frame in alert.frames:
        data = bench.evidence.load(frame.sha256)
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (frame.sha256, frame.size)


def test_a_head_turned_away_is_told_against_its_usual_place(bench: Bench) -> None:
    attention = AttentionRules(baseline_seconds=5.0)
    bench.plan = plan(rules=hurried(IncidentKind.TURNED_AWAY, attention=attention))
    bench.eyes.yaw = 20.0
    bench.look(8)
    bench.eyes.yaw = 45.0
    bench.look(2)
    assert bench.alerts() == []
    bench.eyes.yaw = 55.0
    bench.look(2)
    (alert,) = bench.alerts()
    assert alert.kind == "TURNED_AWAY" and (alert.scores["yaw"], alert.scores["usual_yaw"]) == (55.0, 20.0)


def test_a_check_without_its_model_is_named_only_where_the_policy_asks_for_it(bench: Bench) -> None:
    real = Eyes(folder=bench.folder)  # no weights there
    brief, seen = bench.brief(), shot(1, bench.at)
    assert set(bench.watch.look(brief, seen, real, bench.at)) == {"detect", "verify"}
    bench.plan = plan(rules=hurried(IncidentKind.LIVENESS_DOUBT, IncidentKind.BOOK_HINT))
    missing = bench.watch.look(bench.brief(), shot(2, bench.at + 1), real, bench.at + 1)
    assert set(missing) == {"detect", "verify", "liveness", "objects"}


def test_a_stranger_is_told_with_the_face_that_did_not_match_and_nobody_keeps_it(bench: Bench) -> None:
    bench.plan = plan(template=any_template())
    face = np.zeros(card("verify").dim, np.float32)
    face[0] = 1.0
    bench.eyes.probe = np.roll(face, 5)
    bench.look(3)
    bench.eyes.similarity, bench.eyes.probe = 0.1, face
    bench.look(AFTER_SECONDS + 3)
    opened, after = bench.alerts()
    sent = np.frombuffer(base64.b64decode(opened.probe), "<f4")
    assert np.allclose(sent, face) and np.linalg.norm(sent) == pytest.approx(1.0)
    assert (after.probe, moments(after)) == ("", ["after"])
    kept = b"".join(path.read_bytes() for path in bench.folder.glob("*.watch"))
    assert opened.probe.encode() not in kept
    assert bench.desk.store.load(7).open[0].alert.probe == ""
    bench.eyes.persons = 0
    bench.look(2)
    assert all(alert.probe == "" for alert in bench.alerts()[1:])


def test_the_log_of_looks_leaves_in_batches_and_tells_the_same_again(bench: Bench) -> None:
    bench.plan = plan(rules=replace(QUICK, log_seconds=2.0))
    bench.look(3)
    bench.eyes.persons = 0
    bench.look(2)
    bench.look(1, blind=True)
    bench.eyes.persons = 1
    bench.look(3)
    bench.watch.end(bench.at)
    batches = bench.told(LookLog)
    looks = [look for one in batches for look in unpack(base64.b64decode(one.body))]
    assert len(looks) == 45 and sum(one.count for one in batches) == 45 and len(batches) == 5
    assert len({one.batch for one in batches}) == 5 and {one.boot_id for one in batches} == {"boot-1"}
    assert all(one.since_ns <= one.until_ns for one in batches)
    assert [look.note is None for look in looks].count(True) == 5
    told = refold(looks, bench.plan.rules)
    alerts = [(alert.kind, alert.since_ns) for alert in bench.alerts() if not alert.closed]
    assert [(str(one.kind), int(one.since * 1e9)) for one in told if isinstance(one, Opened)] == alerts


def test_no_log_is_kept_by_a_policy_that_asks_for_none(bench: Bench) -> None:
    bench.look(10)
    bench.watch.end(bench.at)
    assert bench.told(LookLog) == []


def test_a_log_that_nobody_takes_for_hours_stops_growing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_log, "MOST_WAITING", 3)
    bench.plan = plan(rules=replace(QUICK, log_seconds=1.0))
    bench.look(10)
    assert len(bench.told(LookLog)) == 3 and bench.watch._log.lost > 20


def test_the_disk_is_bounded_and_keeps_what_alerts_are_about(tmp_path: Path) -> None:
    """A server that is away while a seat does nothing but raise alerts: side pictures go, the others stay."""
    folder, each = tmp_path / "bounded", 40_000
    queue = Evidence(folder, KEY, limit=10 * each)
    store = WatchStore(tmp_path / "store", KEY)
    watch = AttemptWatch(7, Desk(queue, store, "boot-1"), 0.0)
    watched, eyes_ = plan(rules=replace(QUICK, captures=0)), ToldEyes()
    grain = np.random.default_rng(3)
    for number in range(400):
        eyes_.persons = 0 if number % 20 < 10 else 1
        frame = grain.integers(0, 255, (160, 160, 3), np.uint8)
        watch.look(Brief(True, 7, watched), Shot(number, frame, number * STEP), eyes_, number * STEP)
    size = sum(path.stat().st_size for path in folder.glob("*.pic"))
    worths = Counter(path.name.split("-")[1] for path in folder.glob("*.pic"))
    assert size <= 10 * each + 2_000 and queue.dropped > 10
    assert worths["alert"] > worths["side"]
    assert len(queue.about(AlertRequest, 7)) >= 40  # the news itself all stays


# The watcher and its agent


class Studio:
    """A real agent without a network, a watcher, and a camera whose pictures are put into its slot."""

    def __init__(self, folder: Path) -> None:
        self.at = 1000.0
        self.folder = DataFolder(folder)
        outbox = Outbox()
        self.seat = Seat(ServerClock("boot-1"), outbox)
        self.seat.around = Surroundings(paired=True)
        self.board = Board(self.seat, lambda: self.at)
        self.evidence = Evidence(self.folder.evidence, KEY)
        signer = x.Credentials(3, lambda message: message, "1.0")
        self.link = Link(signer, outbox, random.Random(1), self.evidence)
        books = Books(self.folder, KEY, outbox, lambda: ("boot-1", int(self.at * 1e9)))
        shelf = Shelf(self.folder.packages, KEY)
        parts = Parts(self.board, books, self.link, outbox, shelf, KEY, "boot-1")
        self.agent = Agent(parts)
        self.eyes = ToldEyes()
        self.camera = Camera(None, lambda: self.at, lambda: "CAM-05")  # type: ignore[arg-type]
        desk = Desk(self.evidence, WatchStore(self.folder.evidence, KEY), "boot-1")
        watched = Watched(self.camera, lambda: self.at)
        self.watcher = Watcher(self.agent, watched, desk, lambda: self.eyes)
        self.version = 0

    def show(self, watch: WatchPlan | None, step: Step = Step.ANSWERING, attempt: int | None = 7) -> None:
        self.version += 1
        candidate = CandidateView("某人", "T1", "1***", "单位", False)
        state = SeatState(self.version, NOW, "5", step, None, candidate, attempt, started_at=NOW, watch=watch)
        self.agent.handle([x.TimeSeen(NOW, self.at, self.at), x.StateSeen(state)])
        self.link.bulk.heard = True

    def sample(self, count: int = 1, *, blind: bool = False) -> float:
        pace = 0.0
        for _ in range(count):
            self.at = round(self.at + STEP, 6)
            if not blind:
                number = self.camera._shot.number + 1 if self.camera._shot else 1
                self.camera._shot = shot(number, self.at)
            pace = self.watcher.sample(self.at)
        return pace

    @property
    def report(self) -> CameraReport:
        return self.link._beat.status.camera

    def asked(self) -> Request | None:
        """What the second lane would send now."""
        self.link.token = "token"
        request = self.link.next(Lane.BULK, self.at)
        return request if isinstance(request, Request) else None


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
