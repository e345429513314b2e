"""The pure parts of the benches: lines through measurements, axes, drawings, the pace of a driver."""

from collections.abc import Callable
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.cli.bench.figures import drawing, nice_top, slope
from server.cli.bench.pictures import JPEG, SIZE, name_of, picture
from server.cli.bench.saves import CLOSED, PACED, SATURATED, SAVERS, Order
from server.cli.bench.seats import Order as SeatsOrder
from server.cli.bench.seats import Step, growth
from server.cli.bench.shape import Shape
from server.cli.bench.soak import Found as SoakFound
from server.cli.bench.soak import Order as SoakOrder
from server.cli.bench.soak import Sample, found_of
from server.cli.rehearse.watch import percentile

SVG = "{http://www.w3.org/2000/svg}"
NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def quiet(_line: str) -> None:
    pass


@given(st.lists(st.integers(-1000, 1000), min_size=2, unique=True), NUMBERS, NUMBERS)
def test_the_slope_of_points_on_a_line_is_that_of_the_line(
    places: list[int], rise: float, base: float
) -> None:
    assert slope([(x, base + rise * x) for x in places]) == pytest.approx(rise, rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("points", [[], [(1.0, 5.0)], [(2.0, 1.0), (2.0, 9.0)]])
def test_where_no_line_can_be_drawn_nothing_grows(points: list[tuple[float, float]]) -> None:
    assert slope(points) == 0.0


def test_noise_that_goes_up_and_down_is_no_growth() -> None:
    assert slope([(float(x), 5.0 + (-1) ** x) for x in range(40)]) == pytest.approx(0.0, abs=0.01)


@given(st.floats(1e-6, 1e9, allow_nan=False))
def test_an_axis_holds_its_greatest_value_and_is_not_much_longer(most: float) -> None:
    top = nice_top(most)
    assert most <= top * (1 + 1e-9)
    assert top <= most * 2.5 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("most", "top"), [(0, 1), (1, 1), (1.01, 2), (4.9, 5), (5.1, 10), (5000, 5000), (0.07, 0.1)]
)
def test_axes_end_at_round_numbers(most: float, top: float) -> None:
    assert nice_top(most) == pytest.approx(top)


def test_a_drawing_is_an_svg_with_a_dot_for_each_point_inside_its_frame() -> None:
    points = [(100.0, 0.4), (1000.0, 0.3), (5000.0, 0.35)]
    root = ET.fromstring(drawing([("a < b", points), ("c", points)], "seats"))
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in root.iter(f"{SVG}circle")]
    assert len(dots) == 6
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert all(0 < x < width and 0 < y < height for x, y in dots)
    assert dots[0][0] < dots[1][0] < dots[2][0]
    assert dots[0][1] < dots[2][1] < dots[1][1]  # more is higher up
    assert "a < b" in [text.text for text in root.iter(f"{SVG}text")]


def test_percentiles_may_be_finer_than_a_tenth() -> None:
    assert percentile([0.123, 0.456], 0.5) == 0.1
    assert percentile([0.123, 0.456], 0.5, 3) == 0.123


@pytest.mark.parametrize(
    ("regime", "seats", "rate", "burst", "least"),
    [
        (PACED, 1000, 400.0, None, 4),
        (SATURATED, 100, 0.0, None, 1200),
        (CLOSED, 1, 0.0, None, 40_000),
        (SAVERS, 500, 0.0, 0.5, 20),
    ],
)
def test_each_regime_prepares_enough_records(
    regime: str, seats: int, rate: float, burst: float | None, least: int
) -> None:
    plan = Order(Shape(seats, "sqlite", 1, tls=False), regime, 400.0, 10.0, quiet).plan()
    assert (plan["rate"], plan["burst_pause"]) == (rate, burst)
    assert plan["each"] >= least


def test_the_steps_of_seats_end_where_asked() -> None:
    def steps(upto: int) -> tuple[int, ...]:
        return SeatsOrder(Shape(upto, "sqlite", 1, tls=True), 1.0, 0.0, quiet).steps

    assert steps(5000) == (100, 300, 1000, 2000, 5000)
    assert steps(300) == (100, 300)
    assert steps(1500) == (100, 300, 1000, 1500)
    assert steps(20) == (20,)


def test_growth_is_counted_from_fewer_to_more_and_leaves_out_steps_too_small_to_tell() -> None:
    def step(seats: int, cpu_ms: float) -> Step:
        return Step(seats, seats, cpu_ms, 0.1, 90.0, 5.0, 3.0, 0.1)

    assert growth([step(100, 0.1), step(300, 0.4), step(1000, 0.2), step(5000, 0.3)]) == 1.5
    assert growth([step(100, 0.1), step(300, 0.4), step(1000, 0.2)]) == 0.5
    assert growth([step(20, 1.0)]) == 1.0


def samples(growth_mb: float, growth_ms: float, growth_cpu: float = 0.0) -> list[Sample]:
    """A minute apart, 6,000 saves each; the first ones are out of the ordinary, as after a start."""
    cold = [Sample(1.0, 100, 500.0, 900.0, 950.0, 30.0, 9.0), Sample(60.0, 6000, 400.0, 90.0, 99.0, 2.0, 9.0)]
    return cold + [
        Sample(
            60.0 * n,
            6000 * n,
            200 + growth_mb * 6 * n,
            4.0 + growth_ms * n,
            9.0,
            2.0,
            6.0 * (1 + growth_cpu * n),
        )
        for n in range(2, 11)
    ]


def paced(told: list[Sample], pace: Callable[[int], float]) -> list[Sample]:
    """The same on a machine where everything takes `pace` times as long at each look."""
    return [
        replace(one, p50_ms=one.p50_ms * pace(n), floor_ms=one.floor_ms * pace(n))
        for n, one in enumerate(told)
    ]


def soaked(told: list[Sample]) -> SoakFound:
    order = SoakOrder(Shape(1000, "sqlite", 1, tls=True), 10.0, quiet)
    return found_of(order, told, (60_000, 1000), (0.0, 0.0))


def busier(n: int) -> float:
    """Others begin to work in the middle of the soak, and one comes by for a minute."""
    return 6.0 if n > 5 else 9.0 if n == 4 else 1.0


def test_a_machine_that_gets_busier_is_no_growth_of_the_server() -> None:
    found = soaked(paced(samples(0.0, 0.0), busier))
    assert found.latency_seen > found.latency_bound
    assert found.floor_slope > 0
    assert found.complete


@pytest.mark.parametrize("pace", [busier, lambda n: 12.0 - n])
def test_a_server_that_gets_slower_is_told_however_busy_the_machine_is(pace: Callable[[int], float]) -> None:
    """Also when the machine gets calmer meanwhile, which would have hidden it."""
    found = soaked(paced(samples(0.0, 1.1), pace))
    assert not found.complete
    assert found.latency_slope > found.latency_bound


@pytest.mark.parametrize(("growth", "complete"), [(0.0, True), (0.09, True), (0.11, False)])
def test_a_save_that_costs_more_each_minute_is_growth_even_if_nobody_waits_for_it(
    growth: float, complete: bool
) -> None:
    found = soaked(samples(0.0, 0.0, growth))
    assert found.cpu_slope == pytest.approx(growth, abs=1e-3)
    assert found.complete is complete


@pytest.mark.parametrize(
    ("growth_mb", "growth_ms", "submitted", "complete"),
    [
        (0.0, 0.0, 1000, True),
        (0.2, 0.9, 1000, True),
        (0.3, 0.0, 1000, False),
        (0.0, 1.1, 1000, False),
        (0.0, 0.0, 999, False),
        (-1.0, -5.0, 1000, True),
    ],
)
def test_a_soak_passes_only_when_nothing_grows(
    growth_mb: float, growth_ms: float, submitted: int, complete: bool
) -> None:
    order = SoakOrder(Shape(1000, "sqlite", 1, tls=True), 10.0, quiet)
    found = found_of(order, samples(growth_mb, growth_ms), (60_000, submitted), (0.0, 0.0))
    assert found.memory_slope == pytest.approx(growth_mb, abs=1e-3)
    assert found.latency_slope == pytest.approx(growth_ms, abs=1e-3)
    assert found.complete is complete


def test_every_picture_is_another_one_of_the_same_size() -> None:
    assert picture(1) != picture(2)
    assert {len(picture(n)) for n in range(3)} == {SIZE}
    assert picture(7).startswith(JPEG)
    assert name_of(7) == name_of(7) != name_of(8)
