"""What other systems lack: an agent that has to do without it keeps its files, its lock and its clock."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from client import machine
from client.machine import _Filled, boot_id, boot_ns
from tests.client.conftest import ROOT, AgentProcess, PageClient
from tests.client.fake_room import ID_NUMBER, TICKET, FakeRoom

# Takes away what Windows has not, and gives what it has instead, before the agent is imported.
LIKE_WINDOWS = """
import asyncio, fcntl, os, runpy, select, socketio, subprocess, sys, tempfile, time, types  # others' libraries know real systems
def locking(descriptor, mode, count):
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
for name in ("fcntl", "pwd", "grp", "termios", "resource"):
    sys.modules[name] = None
for name in ("fdatasync", "pread", "pwrite", "statvfs", "O_CLOEXEC", "O_DIRECTORY"):
    delattr(os, name)
for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC", "clock_gettime", "clock_gettime_ns"):
    delattr(time, name)
for name in [name for name in dir(select) if name.lower().startswith(("poll", "epoll"))]:
    delattr(select, name)
import pathlib
exists = pathlib.Path.exists
pathlib.Path.exists = lambda self: not str(self).startswith(("/proc", "/sys")) and exists(self)
sys.argv[0] = "client"
"""


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> _Filled:
    return _Filled()


def test_this_system_has_everything() -> None:
    import os

    assert machine.os is os
    assert boot_ns() > 0 and len(boot_id()) == 36


def test_filled_gaps_do_what_the_system_would(filled: _Filled, tmp_path: Path) -> None:
    import os

    file = filled.open(tmp_path / "file", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        assert filled.pwrite(file, b"0123456789", 0) == 10
        assert filled.pwrite(file, b"XY", 4) == 2
        filled.fdatasync(file)
        assert filled.pread(file, 6, 2) == b"23XY67"
        assert filled.fstat(file).st_size == 10
    finally:
        filled.close(file)
    assert (tmp_path / "file").read_bytes() == b"0123XY6789"
    room = filled.statvfs(tmp_path)
    assert room.f_bavail * room.f_frsize > 0


def test_without_an_id_of_the_boot_every_start_is_one_of_its_own(tmp_path: Path) -> None:
    nowhere = tmp_path / "none"
    assert boot_id(nowhere) == boot_id(nowhere)
    other = subprocess.run(
        [sys.executable, "-c", f"from client.machine import *; print(boot_id(Path({str(nowhere)!r})))"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
    )
    assert other.stdout.strip().startswith("agent-")
    assert other.stdout.strip() != boot_id(nowhere)


def reload(agent: AgentProcess) -> None:
    """What the reload button of Safe Exam Browser does while the page waits for its next view."""
    version, replies = agent.page.view()["version"], []
    waiting = threading.Thread(
        target=lambda: replies.append(agent.page.call(f"/api/view?after={version}")), daemon=True
    )
    waiting.start()
    time.sleep(0.2)
    again = PageClient(f"http://{agent.page.host}/")
    again.headers["Origin"] = f"http://{agent.page.host}"
    again.launch()
    again.view()
    waiting.join(60)
    assert [status for status, _ in replies] == [401]  # put out, not kept until it lost patience
    agent.page.close()
    agent.page = again


@pytest.mark.system
def test_an_agent_on_such_a_system_keeps_answers_across_a_kill(
    room: FakeRoom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = tmp_path / "like_windows.py"
    runner.write_text(LIKE_WINDOWS + "runpy.run_module('client', run_name='__main__', alter_sys=False)\n")
    true = subprocess.Popen

    def popen(command: list[str], **options: object) -> object:
        assert command[1:3] == ["-m", "client"]
        return true([command[0], str(runner), *command[3:]], env={"PYTHONPATH": str(ROOT)}, **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    start: Callable[[str | None], AgentProcess] = lambda code: AgentProcess(  # noqa: E731
        tmp_path / "seat", room.url, code, ("--seb", "--port", "0")
    )
    agent = start(room.code)
    try:
        agent.page.until(lambda view: view["step"] == "sign_in")
        assert agent.page.call("/api/sign-in", {"ticket": TICKET, "id_number": ID_NUMBER})[0] == 200
        reload(agent)
        room.start()
        agent.page.until(lambda view: view["step"] == "answering" and view["paper"] == "open")
        room.down = True
        assert agent.page.call("/api/answer", {"item": "q0", "response": ["A"]}) == (200, {})
        agent.kill()
        room.down = False
        agent = start(None)
        agent.page.until(lambda view: view["answers"].get("q0") == ["A"] and view["link"]["waiting"] == 0)
        assert room.answers() == {"q0": ("A",)}
    finally:
        agent.kill()
