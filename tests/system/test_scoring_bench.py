"""The bench of examiners' tablets in small: nothing acknowledged is lost, every fork on purpose is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.system, pytest.mark.long]  # `make test-long`


def test_no_mark_is_lost_and_every_sheet_is_locked() -> None:
    command = ["-c", "from server.cli import main; main()", "bench", "scoring", "--examiners", "3"]
    command += ["--candidates", "2", "--gap", "0.1", "--plain", "--json"]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2]
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["lost"], found["wrong"], found["locked"], found["faults"]) == (0, 0, 6, [])
    assert found["acknowledged"] == found["marks_entered"]
    assert found["cut_connections"] > 0 and found["resent"] > 0
    assert found["forks_found"] == found["forks_staged"]
