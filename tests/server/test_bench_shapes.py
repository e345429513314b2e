"""How the line of a bench begins, and its ratio to the floor."""

from dataclasses import fields

import pytest

from server.cli.bench.figures import ratio
from server.cli.bench.frames import Found as FramesFound
from server.cli.bench.seats import Found as SeatsFound
from server.cli.bench.shape import Shape, ShapedLine
from server.cli.bench.storm import Found as StormFound
from server.cli.bench.submit import Found as SubmitFound


@pytest.mark.parametrize(("ours", "floor", "times"), [(3.0, 2.0, 1.5), (0.0, 2.0, 0.0), (3.0, 0.0, 0.0)])
def test_without_a_floor_there_is_no_ratio(ours: float, floor: float, times: float) -> None:
    assert ratio(ours, floor) == times


@pytest.mark.parametrize("found", [FramesFound, SeatsFound, StormFound, SubmitFound])
def test_the_line_of_a_bench_begins_with_the_shape_of_its_server(found: type[ShapedLine]) -> None:
    told = Shape(60, "postgres", 2, tls=True, room_seats=30).facts()
    assert told == {"store": "postgres", "workers": 2, "seats": 60, "tls": True}
    assert [field.name for field in fields(found)][:4] == list(told)
