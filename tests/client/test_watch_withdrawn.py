"""A consent taken back while the seat's agent is at work: nothing of the camera leaves or stays any more."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from client.agent import FIRST_WORD
from client.aging import drop_aged
from client.books import Books
from client.evidence import Evidence, Picture, Worth
from client.outbox import Outbox
from client.watch_memory import WatchStore
from exam_rooms.kiosk_messages import BreachRequest
from exam_rooms.watch_messages import AlertRequest, FrameNote
from tests.client.camera_kit import QUICK, any_template, plan, scene, stage, write_scene
from tests.client.conftest import AgentProcess
from tests.client.fake_room import FakeRoom
from tests.client.watch_bench import KEY, STEP, Studio

LOGGED = replace(QUICK, log_seconds=60.0)
WITHDRAWN = plan(watch=False, manual=True)


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def news(attempt: int, sha256: str) -> AlertRequest:
    note = FrameNote(sha256, 3, 1)
    return AlertRequest(attempt, "e" * 32, "NO_FACE", "boot-1", 1, 2, frames=(note,))


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    """A seat in the middle of the test, with an alert, its pictures, a capture and a log that wait."""
    studio = Studio(tmp_path)
    studio.show(plan(rules=LOGGED, template=any_template(), captures=(0.5,)))
    studio.sample(4)
    studio.eyes.persons = 0
    studio.sample(4)
    assert studio.evidence.waiting()[0] >= 2 and studio.evidence.waiting()[1] >= 2
    assert "7.watch" in kept(studio.folder.evidence)
    return studio


def test_what_waits_is_gone_before_the_camera_thread_has_turned(studio: Studio) -> None:
    studio.show(WITHDRAWN)
    assert studio.evidence.waiting() == (0, 0)
    assert studio.asked() is None
    assert [name for name in kept(studio.folder.evidence) if not name.endswith(".watch")] == []


def test_nothing_is_looked_at_told_or_remembered_afterwards(studio: Studio) -> None:
    studio.show(WITHDRAWN)
    looks = studio.eyes.looks
    studio.sample(5)
    assert (studio.eyes.looks, studio.evidence.waiting(), studio.asked()) == (looks, (0, 0), None)
    assert kept(studio.folder.evidence) == []


def test_a_picture_that_was_asked_for_stays_here(studio: Studio) -> None:
    studio.watcher.asked("ref")
    studio.watcher._answer()
    studio.show(WITHDRAWN)
    assert studio.asked() is None
    studio.agent.show_picture("late", b"picture")  # taken just before, handed over just after
    assert studio.asked() is None


def test_a_look_that_goes_on_meanwhile_tells_nothing(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = studio.eyes.observe

    def withdrawn_meanwhile(*arguments: object, **options: object) -> object:
        studio.show(WITHDRAWN)
        return seen(*arguments, **options)  # type: ignore[arg-type]

    studio.eyes.persons = 2
    studio.sample(3)
    monkeypatch.setattr(studio.eyes, "observe", withdrawn_meanwhile)
    studio.sample(4)
    assert studio.evidence.waiting() == (0, 0)
    assert kept(studio.folder.evidence) == []


def test_a_restart_afterwards_drops_what_an_earlier_process_left(tmp_path: Path) -> None:
    before = Studio(tmp_path)
    before.show(plan(rules=LOGGED))
    before.eyes.persons = 0
    before.sample(4)
    before.folder.close()
    after = Studio(tmp_path)
    after.show(WITHDRAWN)
    after.sample()
    assert (after.evidence.waiting(), kept(after.folder.evidence)) == ((0, 0), [])


def restarted(folder: Path, *, up: bool) -> Studio:
    """The agent comes back in the middle of the test and knows the plan of before."""
    before = Studio(folder)
    before.show(plan(rules=LOGGED))
    before.folder.close()
    after = Studio(folder)
    after.link.up = up
    after.agent.wake_up()
    assert after.seat.state is not None and after.seat.state.watch == plan(rules=LOGGED)
    return after


def test_a_restarted_agent_with_a_line_looks_at_nothing_before_the_server_was_heard(tmp_path: Path) -> None:
    after = restarted(tmp_path, up=True)
    after.sample(int(FIRST_WORD / STEP) + 2)
    assert after.eyes.looks == 0
    after.show(plan(rules=LOGGED))
    after.sample(2)
    assert after.eyes.looks == 2


def test_a_restart_in_an_outage_does_not_switch_the_camera_off_but_nothing_leaves(tmp_path: Path) -> None:
    after = restarted(tmp_path, up=False)
    after.sample(int(FIRST_WORD / STEP) - 2)
    assert after.eyes.looks == 0
    after.eyes.persons = 0
    after.sample(8)
    assert after.eyes.looks > 0 and after.evidence.waiting()[0] > 0
    after.link.up = True  # the line is back, its first word is not here yet
    looks = after.eyes.looks
    after.sample(2)
    assert after.eyes.looks == looks + 2
    assert after.asked() is None


@pytest.mark.parametrize(
    ("keep_days", "age", "gone"),
    [(5, 4.9, False), (5, 5.1, True), (180, 40.0, False), (None, 29.9, False), (None, 30.1, True)],
)
def test_what_is_older_than_its_plan_allows_is_gone_at_the_start(
    tmp_path: Path, keep_days: int | None, age: float, gone: bool
) -> None:
    before = Studio(tmp_path)
    rules = replace(LOGGED, keep_days=keep_days or LOGGED.keep_days)
    before.show(plan(rules=rules, template=any_template()))
    before.eyes.persons = 0
    before.sample(4)
    before.evidence.put(BreachRequest(7, ()))
    before.folder.close()
    (running,) = before.folder.journals.glob("*.run")
    if keep_days is None:
        running.unlink()
    then = time.time() - age * 86400
    for path in (*before.folder.evidence.iterdir(), *before.folder.journals.glob("*.run")):
        os.utime(path, (then, then))
    after = Studio(tmp_path)
    store = WatchStore(after.folder.evidence, KEY)
    drop_aged(after.agent._books, after.evidence, store, time.time())
    assert after.evidence.about(BreachRequest, 7) == (BreachRequest(7, ()),)
    assert bool(after.evidence.about(AlertRequest, 7)) is not gone
    assert after.evidence.waiting()[1] > 0 or gone
    assert {path.suffix for path in after.folder.evidence.iterdir()} == (
        {".news"} if gone else {".news", ".pic", ".watch"}
    )
    if keep_days is not None:
        assert running.stat().st_mtime == pytest.approx(then)  # not the seat's latest because of it
        again = Books(after.folder, KEY, Outbox(), lambda: ("boot-1", 1)).latest_running()
        assert again is not None and again.state is not None and again.state.watch is not None
        assert bool(again.state.watch.template) is not gone


def test_breaches_and_what_was_seen_of_others_stay(tmp_path: Path) -> None:
    queue = Evidence(tmp_path, KEY)
    queue.put(BreachRequest(7, ()))
    for attempt, name in ((6, "a" * 64), (7, "b" * 64)):
        queue.put(news(attempt, name), (Picture(name, b"jpg", Worth.ALERT),))
        queue.news_taken(attempt_number(queue, attempt), (name,))
    queue = Evidence(tmp_path, KEY)
    queue.silence(7)
    assert queue.waiting() == (1, 1)
    assert queue.next_picture() == "a" * 64
    queue.put(news(7, "c" * 64), (Picture("c" * 64, b"jpg", Worth.ALERT),))
    queue.put(news(6, "d" * 64))
    assert queue.waiting() == (2, 1)
    queue.silence(None)
    queue.put(news(7, "e" * 64))
    assert queue.waiting() == (3, 1)


def attempt_number(queue: Evidence, attempt: int) -> int:
    return next(one.number for one in queue._news.values() if one.message.attempt == attempt and one.frames)


def of_camera(folder: Path) -> list[str]:
    return [name for name in kept(folder) if name.endswith((".news", ".pic", ".watch"))]


def told(room: FakeRoom) -> tuple[int, int, int]:
    return len(room.evidence.alerts), len(room.evidence.pictures), len(room.evidence.captures)


@pytest.mark.system
def test_a_running_agent_sends_and_keeps_nothing_more(
    room: FakeRoom, start_agent: Callable[..., AgentProcess], tmp_path: Path
) -> None:
    """Real process and queue: an alert and its pictures wait while the line is cut; then the withdrawal."""
    rules = replace(QUICK, sample_seconds=0.5, log_seconds=2.0)
    write_scene(tmp_path / "normal", scene("obama.jpg"))
    write_scene(tmp_path / "empty", scene())
    now = tmp_path / "now"
    stage(now, tmp_path / "normal")
    room.start()
    room.show(watch=plan(rules=rules))
    agent = start_agent(room, extra=("--camera", str(now / "%03d.jpg")))

    def until(ready: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < end, (kept(agent.data / "evidence"), agent.log())
            time.sleep(0.05)

    until(lambda: room.status and room.status[-1].camera.checks == "watch")
    room.down = True
    stage(now, tmp_path / "empty")
    until(lambda: list((agent.data / "evidence").glob("*.pic")))
    room.show(watch=WITHDRAWN)
    room.down = False
    agent.page.until(lambda view: view["watch"]["camera"] == "manual")
    until(lambda: of_camera(agent.data / "evidence") == [])
    sent = told(room)
    stage(now, tmp_path / "normal")
    time.sleep(2.0)
    assert (told(room), of_camera(agent.data / "evidence")) == (sent, [])
    assert agent.page.call("/api/answer", {"item": "q0", "response": ["A"]})[0] == 200
    assert agent.stop() == 0
