"""Simulated candidates play a sitting through real agents, and count what they saw."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from client import simulate
from client.journal import dump
from client.simulate import Browser, Candidate, SeatPlan
from exam_rooms.protocol import Step
from tests.client.conftest import ROOT, AgentProcess
from tests.client.fake_room import ID_NUMBER, TICKET, FakeRoom

pytestmark = pytest.mark.system


@pytest.fixture
def usher(room: FakeRoom) -> Iterator[FakeRoom]:
    """An invigilator: admits at once, starts when the candidate is ready."""
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            with room.lock:
                if room.state.step is Step.IDENTIFIED:
                    room.show(step=Step.ADMITTED)
                elif room.state.step is Step.READY:
                    room.start()

    thread = threading.Thread(target=watch)
    thread.start()
    yield room
    done.set()
    thread.join()


def play(plan: dict[str, object], folder: Path) -> subprocess.Popen[str]:
    file = folder / "plan.json"
    file.write_text(json.dumps(plan))
    return subprocess.Popen(
        [sys.executable, "-m", "client.simulate", str(file)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def seat_plan(agent: AgentProcess, **more: object) -> dict[str, object]:
    seat = {"launch_file": str(agent.data / "launch"), "ticket": TICKET, "id_number": ID_NUMBER, "seed": 1}
    return {
        "seats": [{**seat, "consent": True, "pace_seconds": 0.05, "correct": None, **more}],
        "limit_seconds": 40,
    }


def result(player: subprocess.Popen[str]) -> dict[str, object]:
    out, _ = player.communicate(timeout=120)
    lines = out.splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


def test_a_candidate_sits_to_the_receipt(
    usher: FakeRoom, start_agent: Callable[..., AgentProcess], tmp_path: Path
) -> None:
    agent = start_agent(usher)
    player = play(seat_plan(agent), tmp_path)
    assert result(player) == {
        "seats": 1,
        "entered": 1,
        "answered": 6,
        "saved_here": 6,
        "acknowledged": 6,
        "submitted": 1,
        "receipts": 1,
        "errors": [],
    }
    assert player.returncode == 0
    assert len(usher.answers()) == 6


def test_the_candidate_survives_an_agent_that_is_killed(
    usher: FakeRoom, start_agent: Callable[..., AgentProcess], tmp_path: Path
) -> None:
    agent = start_agent(usher)
    player = play(seat_plan(agent, pace_seconds=0.3), tmp_path)
    end = time.monotonic() + 60
    while len(usher.answers()) < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    agent.process.kill()
    agent.process.wait()
    again = start_agent_quietly(usher, agent)
    try:
        told = result(player)
    finally:
        again.kill()
        again.wait()
    assert (told["answered"], told["acknowledged"], told["receipts"]) == (6, 6, 1)
    assert {line["hash"] for line in dump(agent.data)} == {record.hash for record in usher.store.values()}


def start_agent_quietly(room: FakeRoom, agent: AgentProcess) -> subprocess.Popen[bytes]:
    """Again in the same folder, but the page belongs to the simulated candidate."""
    command = [
        sys.executable,
        "-m",
        "client",
        "--data",
        str(agent.data),
        "--server",
        room.url,
        "--no-browser",
    ]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)


def test_a_candidate_who_thinks_keeps_asking_as_a_page_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    steps = iter(["answering", "answering", "paused"])

    def call(_browser: Browser, path: str, _body: object = None) -> dict[str, object]:
        asked.append(path)
        return {"step": next(steps), "answers": {}}

    monkeypatch.setattr(simulate, "ASK_SECONDS", 0.02)
    monkeypatch.setattr(Browser, "call", call)
    monkeypatch.setattr(simulate.Tally, "look", lambda _tally, _view: None)
    Candidate(0, SeatPlan("f", TICKET, ID_NUMBER), threading.Event())._think(60.0)
    assert asked == ["/api/view?after=-1"] * 3


def test_a_seed_makes_the_same_candidate(tmp_path: Path) -> None:
    paper = {
        "items": [
            {
                "id": f"q{n}",
                "kind": "multiple" if n % 2 else "single",
                "options": [{"key": k} for k in "ABCD"],
            }
            for n in range(40)
        ]
    }

    def actions(seed: int) -> list[tuple[str, dict[str, object]]]:
        plan = SeatPlan("f", TICKET, ID_NUMBER, seed=seed, correct={"q0": ["C"]})
        return Candidate(0, plan, threading.Event())._plan_actions(paper)

    assert actions(1) == actions(1) != actions(2)
    answers = [body for act, body in actions(1) if act == "answer"]
    assert {body["item"] for body in answers} == {f"q{n}" for n in range(40)}
    assert len(answers) == 44 and len(actions(1)) == 48
    for body in answers:
        response = body["response"]
        assert isinstance(response, list) and response == sorted(set(response))
        single = int(str(body["item"])[1:]) % 2 == 0
        assert len(response) == 1 if single else 2 <= len(response) <= 4
        assert body["item"] != "q0" or response == ["C"]
