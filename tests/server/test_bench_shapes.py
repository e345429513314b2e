"""How the line of a bench begins, and its ratio to the floor."""

import subprocess
import sys
from dataclasses import fields

import pytest

from server.cli.bench.figures import ratio
from server.cli.bench.frames import Found as FramesFound
from server.cli.bench.logins import Found as LoginsFound
from server.cli.bench.seats import Found as SeatsFound
from server.cli.bench.shape import Shape, ShapedLine
from server.cli.bench.storm import Found as StormFound
from server.cli.bench.submit import Found as SubmitFound


@pytest.mark.parametrize(("ours", "floor", "times"), [(3.0, 2.0, 1.5), (0.0, 2.0, 0.0), (3.0, 0.0, 0.0)])
def test_without_a_floor_there_is_no_ratio(ours: float, floor: float, times: float) -> None:
    assert ratio(ours, floor) == times


@pytest.mark.parametrize("found", [FramesFound, LoginsFound, SeatsFound, StormFound, SubmitFound])
def test_the_line_of_a_bench_begins_with_the_shape_of_its_server(found: type[ShapedLine]) -> None:
    told = Shape(60, "postgres", 2, tls=True, room_seats=30).facts()
    assert told == {"store": "postgres", "workers": 2, "seats": 60, "tls": True}
    assert [field.name for field in fields(found)][:4] == list(told)


@pytest.mark.dear
def test_no_bench_puts_gevent_into_the_command_that_waits_for_its_programs() -> None:
    """The floors are programs of their own: one that was imported had made the bench of the monitors hang."""
    benches = (
        "authority",
        "frames",
        "logins",
        "monitor",
        "panels",
        "saves",
        "scoring",
        "seats",
        "soak",
        "storm",
        "submit",
    )
    names = ", ".join(f"server.cli.bench.{name}" for name in benches)
    told = f"import {names}; from gevent import monkey; print(monkey.is_module_patched('threading'))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
