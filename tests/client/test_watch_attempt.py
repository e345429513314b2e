"""What one seat tells: episodes, pictures, captures, and what it remembers over a restart."""

import base64
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from client.watch_attempt import AFTER_SECONDS, LATE_SECONDS, UNKNOWN, AttemptWatch
from client.watch_memory import KEPT, OpenEpisode, WatchMemory, WatchStore
from exam_rooms.watch_messages import (
    AlertRequest,
    CaptureRequest,
)
from exam_rooms.watching import EpisodeRule
from proctoring.models import card
from proctoring.quality import Verdict
from tests.client.camera_kit import (
    QUICK,
    any_template,
    plan,
    shot,
    vector_text,
)
from tests.client.watch_bench import KEY, STEP, Bench, moments

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
