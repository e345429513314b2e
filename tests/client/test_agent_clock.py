"""Time at a seat: the server's clock carried by the boot clock, whatever the wall clock does."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from client import clock
from client.clock import EXCHANGES_KEPT, ClockAnchor, ServerClock, boot_ns, read_boot_id
from client.warden_signs import SLEEP_SECONDS, Clocks, slept

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_nothing_is_known_before_the_first_exchange() -> None:
    assert ServerClock("b").now(5.0) is None
    assert ServerClock("b").until(NOON, 5.0) is None


def test_the_servers_moment_lies_in_the_middle_of_the_exchange() -> None:
    seat = ServerClock("b")
    seat.observe(at(0), sent=100.0, received=100.4)
    assert seat.now(100.2) == at(0)
    assert seat.until(at(10), 101.2) == pytest.approx(9.0)
    assert seat.until(at(-1), 100.2) == pytest.approx(-1.0)


def test_the_lowest_round_trip_wins() -> None:
    seat = ServerClock("b")
    seat.observe(at(0), sent=100.0, received=104.0)  # up to two seconds wrong
    seat.observe(at(6), sent=106.0, received=106.01)
    seat.observe(at(9.9), sent=110.0, received=113.0)
    assert seat.now(116.005) == at(16)


def test_old_exchanges_fade() -> None:
    """A machine whose clock drifts must not keep its first, best exchange forever."""
    seat = ServerClock("b")
    seat.observe(at(0), sent=0.0, received=0.001)
    for number in range(1, EXCHANGES_KEPT + 1):
        seat.observe(at(100 * number + 1), sent=100.0 * number, received=100.0 * number + 0.1)
    assert seat.now(1000.05) == at(1001)


@pytest.mark.dear
@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 5), st.floats(0, 1)), min_size=1, max_size=20))
def test_the_error_is_at_most_half_the_best_round_trip(exchanges: list[tuple[float, float, float]]) -> None:
    """The true offset is 0: the server's time is NOON + boot."""
    seat = ServerClock("b")
    for sent, trip, share in exchanges:
        seat.observe(at(sent + trip * share), sent=sent, received=sent + trip)
    best = min(trip for _, trip, _ in exchanges[-EXCHANGES_KEPT:])
    now = seat.now(500.0)
    assert now is not None
    assert abs((now - at(500)).total_seconds()) <= best / 2 + 1e-4


def test_a_reply_before_its_request_is_ignored() -> None:
    seat = ServerClock("b")
    seat.observe(NOON, sent=10.0, received=9.0)
    assert seat.anchor is None


def test_an_anchor_survives_a_restart_but_no_reboot() -> None:
    anchor = ClockAnchor("boot-1", 100.0, NOON)
    same, other = ServerClock("boot-1"), ServerClock("boot-2")
    same.restore(anchor)
    other.restore(anchor)
    assert same.now(160.0) == at(60)
    assert other.now(160.0) is None


def test_a_saved_anchor_never_replaces_a_fresh_exchange() -> None:
    seat = ServerClock("b")
    seat.observe(at(0), sent=100.0, received=100.0)
    seat.restore(ClockAnchor("b", 0.0, NOON))
    assert seat.now(100.0) == at(0)


def test_the_wall_clock_is_never_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> float:
        raise AssertionError("the wall clock was read")

    for name in ("time", "time_ns", "monotonic", "localtime", "gmtime"):
        monkeypatch.setattr(time, name, forbidden)
    seat = ServerClock(read_boot_id())
    seat.observe(NOON, sent=clock.boot_seconds(), received=clock.boot_seconds())
    left = seat.until(at(60), clock.boot_seconds())
    assert left is not None and 59 < left <= 60.01


def test_the_sources_read_no_wall_clock() -> None:
    """In the whole agent: what is left to a candidate cannot depend on it.

    The warden looks at it to see that somebody has set it, and the self-check before the start to tell it.
    """
    words = ("time.time(", "datetime.now(", "utcnow(", "time_ns(", "date.today(")
    sources = Path(clock.__file__).parent.glob("*.py")
    found = [
        (path.name, word)
        for path in sources
        for word in words
        if word in path.read_text().replace("clock_gettime_ns(", "")
    ]
    assert sorted(found) == [("__main__.py", "datetime.now("), ("warden.py", "time.time(")]


@given(
    st.lists(
        st.tuples(st.floats(0.1, 3600), st.floats(-1e6, 1e6), st.floats(0, 3600)), min_size=1, max_size=20
    )
)
def test_whatever_is_done_to_the_clocks_the_remaining_time_runs_on(
    deeds: list[tuple[float, float, float]],
) -> None:
    """Seconds go by, somebody sets the wall clock, the machine sleeps: only time that went by counts."""
    seat, boot, wall, monotonic = ServerClock("b"), 100.0, 1e9, 50.0
    seat.observe(NOON, sent=boot, received=boot)
    for seconds, moved, asleep in deeds:
        before = Clocks(wall, boot, monotonic)
        boot += seconds + asleep
        wall += seconds + asleep + moved
        monotonic += seconds
        after = Clocks(wall, boot, monotonic)
        assert seat.until(at(5400), boot) == pytest.approx(5400 - (boot - 100.0), abs=1e-3)
        assert (slept(before, after) > 0) == (asleep > SLEEP_SECONDS) or abs(asleep - SLEEP_SECONDS) < 1e-3


def test_the_boot_clock_runs() -> None:
    first = boot_ns()
    assert boot_ns() >= first > 0
    assert len(read_boot_id()) == 36
