"""The benches of scale in small: real servers, nothing acknowledged is missing, the floor stands beside."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.system, pytest.mark.long]


def run(*arguments: str, status: tuple[int, ...] = (0,)) -> dict[str, Any]:
    command = ["-c", "from server.cli import main; main()", "bench", *arguments, "--json"]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2]
    )
    assert done.returncode in status, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("regime", "shape"),
    [
        ("paced", ("--store", "sqlite", "--tls")),
        ("savers", ("--store", "postgres", "--workers", "2", "--plain")),
    ],
)
def test_saves_are_counted_beside_the_floor(regime: str, shape: tuple[str, ...]) -> None:
    some = ("--seats", "4", "--rate", "20", "--seconds", "1")
    found = run("saves", "--regime", regime, *some, *shape)
    assert (found["regime"], found["seats"], found["store"]) == (regime, 4, shape[1])
    assert found["acknowledged"] == found["ours"]["saves"] + 8  # the first two of each seat come before
    assert (found["lost"], found["doubled"], found["chain_errors"]) == (0, 0, 0)
    assert found["ours"]["cpu_ms"] > 0 < found["floor"]["cpu_ms"]
    assert found["ratio_to_floor"] == pytest.approx(
        found["ours"]["cpu_ms"] / found["floor"]["cpu_ms"], abs=0.01
    )
    assert bool(found["ours"]["beats"]) == bool(found["floor"]["beats"]) == (regime == "paced")
    assert found["ours"]["p50_ms"] <= found["ours"]["p99_ms"] <= found["ours"]["max_ms"]


def test_everybody_hands_in_and_has_a_receipt() -> None:
    found = run("submit", "--seats", "3", "--plain")
    assert found["submitted"] == found["ours"]["receipts"]["done"] == 3
    assert found["marking_cpu_ms"] > 0
    assert found["floor"]["receipts"]["done"] == 3
    assert (found["lost"], found["chain_errors"]) == (0, 0)


def test_pictures_and_answers_arrive_side_by_side() -> None:
    paces = ("--rate", "20", "--frames-rate", "10", "--seconds", "1")
    found = run("frames", "--seats", "3", *paces, "--plain")
    assert found["stored"] == found["sent"] > 10
    assert found["ours"]["flood"]["pictures"]["done"] > 0 < found["floor"]["pictures"]["done"]
    assert not found["ours"]["flood"]["saves"]["errors"]


def test_the_cost_of_a_seat_is_told_and_drawn(tmp_path: Path) -> None:
    plot = tmp_path / "seats.svg"
    found = run("seats", "--upto", "3", "--seconds", "1", "--plot", str(plot))
    assert [step["linked"] for step in found["steps"]] == [3]
    assert found["errors"] == 0
    assert found["steps"][0]["connect_cpu_ms"] > 0
    assert plot.read_text("utf-8").count("<circle") == 3


def test_a_soak_plays_an_exam_to_its_end() -> None:
    found = run("soak", "--seats", "2", "--minutes", "0.1", status=(0, 1))  # too short for slopes
    assert found["submitted"] == 2
    assert found["saves"] == 200
    assert {"memory_slope", "latency_slope", "memory_bound", "latency_bound"} <= found.keys()
    assert len(found["samples"]) == 30
