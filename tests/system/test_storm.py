"""The start storm in small: every seat opens its paper, and prefetching is what keeps the wire free."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.long]


def test_every_seat_has_key_and_package_after_the_start_command() -> None:
    command = ["-c", "from server.cli import main; main()", "bench", "storm", "--seats", "24", "--json"]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    ours, naive = found["prefetched"], found["naive"]
    assert ours["opened"] == naive["opened"] == found["seats"] == 24
    assert ours["ready"] == naive["ready"] == 24
    assert 0 < ours["p50_ms"] <= ours["p99_ms"] <= ours["max_ms"] < 15_000
    assert naive["bytes"] > found["package_bytes"] > ours["bytes"]
    assert found["tls"] and found["opening_ms"] > 0
