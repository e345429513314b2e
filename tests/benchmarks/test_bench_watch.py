"""Looking does not grow: memory over the looks of a whole sitting, in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.long
def test_ninety_minutes_of_looks_take_no_more_memory_than_the_first_ten() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.bench_watch"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told["looks"] == 5400 and told["alerts"] > 100
    assert told["growth_mb"] <= 5, told
    assert told["core_share"] <= 0.5
    assert told["model_share"] >= 0.85, told  # the rest is ours, and must stay small
    assert told["calm"]["looks_a_second"] < 1 < told["doubtful"]["looks_a_second"]
    assert 0 < told["log_bytes_a_minute"] < 4000
