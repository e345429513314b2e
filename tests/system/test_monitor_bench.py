"""The bench of the monitors in small: every answer reaches every screen of its room, and what it costs is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.long]  # `make test-long`: it waits for a minute and a half


def test_every_answer_is_on_every_monitor_and_a_page_is_compared() -> None:
    command = ["-c", "from server.cli import main; main()", "bench", "monitor", "--seats", "6"]
    command += ["--monitors", "2", "--seconds", "3", "--json"]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["seats"], found["rooms"], found["monitors"]) == (6, 1, 2)
    assert found["sockets"]["seen"] == found["sockets"]["written"]
    assert found["sockets"]["seen"] % 2 == 0  # each answer on both
    assert found["polling"]["p50_ms"] > 0
    assert found["memory_kib"] > 0
    if found["chromium"]:
        assert found["chromium"]["burst_seen"] == 6
