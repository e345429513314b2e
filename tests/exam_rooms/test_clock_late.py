"""Late records, and the clock that deadlines run on."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms import clock
from exam_rooms.clock import Anchor, AnswerStamp, Basis, Counted, Late, LateRule, LinkGap, NotCounted

END = datetime(2026, 3, 14, 2, 30, tzinfo=UTC)
RULE = LateRule(grace_seconds=5, link_gap_max_minutes=50)
TICK = timedelta(microseconds=1)


def after(seconds: float, tick: int = 0) -> datetime:
    return END + timedelta(seconds=seconds) + tick * TICK


def gap(opened: datetime, closed: datetime | None, boot: str = "boot-1") -> LinkGap:
    return LinkGap(opened, closed, boot)


def stamp(received: datetime, written: datetime | None = None, boot: str = "boot-1") -> AnswerStamp:
    return AnswerStamp(received, boot, written)


@pytest.mark.parametrize(
    ("received", "expected"),
    [
        (after(-60), Counted(Basis.IN_TIME)),
        (after(0), Counted(Basis.IN_TIME)),
        (after(5), Counted(Basis.IN_TIME)),
        (after(5, 1), NotCounted(Late.NO_GAP)),
        (after(3600), NotCounted(Late.NO_GAP)),
    ],
)
def test_grace(received: datetime, expected: object) -> None:
    assert clock.counts(stamp(received), END, RULE) == expected


def test_a_written_time_without_a_gap_does_not_help() -> None:
    assert clock.counts(stamp(after(6), after(-10)), END, RULE) == NotCounted(Late.NO_GAP)


TWENTY = gap(after(-600), after(600))  # the link is gone from ten minutes before to ten after


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (after(-600, -1), NotCounted(Late.OUTSIDE_GAP)),
        (after(-600), Counted(Basis.LINK_GAP)),
        (after(-1), Counted(Basis.LINK_GAP)),
        (after(0, -1), Counted(Basis.LINK_GAP)),
        (after(0), NotCounted(Late.WRITTEN_LATE)),
        (after(600), NotCounted(Late.WRITTEN_LATE)),
        (None, NotCounted(Late.OTHER_BOOT)),
    ],
)
def test_written_inside_the_gap_and_before_the_deadline(written: datetime | None, expected: object) -> None:
    assert clock.counts(stamp(after(601), written), END, RULE, [TWENTY]) == expected


@pytest.mark.parametrize(
    ("opened", "expected"),
    [
        (after(0, -2), Counted(Basis.LINK_GAP)),
        (after(0, -1), Counted(Basis.LINK_GAP)),
        (after(0), NotCounted(Late.NO_GAP)),
        (after(1), NotCounted(Late.NO_GAP)),
    ],
)
def test_the_gap_must_have_opened_before_the_deadline(opened: datetime, expected: object) -> None:
    late = stamp(after(30), after(0, -1))
    assert clock.counts(late, END, RULE, [gap(opened, after(20))]) == expected


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(minutes=50) - TICK, Counted(Basis.LINK_GAP)),
        (timedelta(minutes=50), Counted(Basis.LINK_GAP)),
        (timedelta(minutes=50) + TICK, NotCounted(Late.GAP_TOO_LONG)),
    ],
)
def test_the_longest_gap(length: timedelta, expected: object) -> None:
    opened = after(-120)
    late = stamp(opened + length + timedelta(seconds=1), after(-60))
    assert clock.counts(late, END, RULE, [gap(opened, opened + length)]) == expected


def test_a_gap_that_still_lasts_is_as_long_as_it_has_lasted() -> None:
    opened = after(-60)
    assert clock.counts(stamp(after(60), after(-30)), END, RULE, [gap(opened, None)]) == Counted(
        Basis.LINK_GAP
    )
    late = stamp(opened + timedelta(minutes=51), after(-30))
    assert clock.counts(late, END, RULE, [gap(opened, None)]) == NotCounted(Late.GAP_TOO_LONG)


@pytest.mark.parametrize(
    ("written", "opened", "closed", "expected"),
    [
        (after(-90), after(-60), after(60), Counted(Basis.LINK_GAP)),
        (after(-90, -1), after(-60), after(60), NotCounted(Late.OUTSIDE_GAP)),
        (after(-50), after(-60), after(60), Counted(Basis.LINK_GAP)),
        (after(-50), after(-95), after(60), Counted(Basis.LINK_GAP)),
        (after(-93), after(-95), after(60), Counted(Basis.LINK_GAP)),
        # known to wait, but the server saw no silence before the deadline
        (after(-50), after(0), after(60), NotCounted(Late.NO_GAP)),
        # what waited since before the gap must not be older than the longest gap
        (after(-90), after(-60), after(2910), Counted(Basis.LINK_GAP)),
        (after(-90), after(-60), after(2910, 1), NotCounted(Late.OUTSIDE_GAP)),
        (after(-60), after(-60), after(2940), Counted(Basis.LINK_GAP)),
        (after(-60), after(-60), after(2940, 1), NotCounted(Late.GAP_TOO_LONG)),
    ],
)
def test_what_waited_when_the_gap_opened_was_written_inside_it(
    written: datetime, opened: datetime, closed: datetime, expected: object
) -> None:
    waited = LinkGap(opened, closed, "boot-1", clear_at=after(-90))
    assert clock.counts(stamp(closed + TICK, written), END, RULE, [waited]) == expected
    other = LinkGap(opened, closed, "boot-0", clear_at=after(-90))
    assert isinstance(clock.counts(stamp(closed + TICK, written), END, RULE, [other]), NotCounted)


def test_another_boot_does_not_count() -> None:
    late = stamp(after(601), after(-30), boot="boot-2")
    assert clock.counts(late, END, RULE, [TWENTY]) == NotCounted(Late.OTHER_BOOT)


def test_one_fitting_gap_is_enough_and_the_furthest_fault_is_told() -> None:
    other = gap(after(-3000), after(-2900))
    assert clock.counts(stamp(after(601), after(-30)), END, RULE, [other, TWENTY]) == Counted(Basis.LINK_GAP)
    both = [gap(after(-600), after(600), "boot-0"), other]
    assert clock.counts(stamp(after(601), after(-30)), END, RULE, both) == NotCounted(Late.OUTSIDE_GAP)


@given(
    received=st.integers(-100, 5000),
    written=st.integers(-5000, 5000),
    opened=st.integers(-5000, 5000),
    length=st.integers(0, 5000),
    clear=st.none() | st.integers(-5000, 5000),
)
def test_nothing_written_after_the_deadline_counts_beyond_the_grace(
    received: int, written: int, opened: int, length: int, clear: int | None
) -> None:
    clear_at = None if clear is None else after(clear)
    seen = LinkGap(after(opened), after(opened + length), "boot-1", clear_at)
    verdict = clock.counts(stamp(after(received), after(written)), END, RULE, [seen])
    if isinstance(verdict, Counted) and received > RULE.grace_seconds:
        assert written < 0 and opened < 0  # nor does anything make up for a silence that nobody saw
        assert min(received, opened + length) - min(written, opened) <= 50 * 60


@given(
    true_offset=st.integers(10**18, 2 * 10**18),
    delays=st.lists(st.integers(0, 10**9), min_size=1),
    sent=st.integers(0, 10**15),
)
def test_a_placed_stamp_is_never_early(true_offset: int, delays: list[int], sent: int) -> None:
    """The least offset of messages with any network delays puts a stamp at or after its true moment."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    offsets = []
    for step, delay in enumerate(delays):
        boot_ns = sent + step * 10**9
        arrival = -(-(boot_ns + true_offset + delay) // 1000)  # clocks tick in microseconds here
        offsets.append(clock.clock_offset_ns(epoch + timedelta(microseconds=arrival), boot_ns))
    placed = clock.written_at(sent, min(offsets))
    truth = epoch + timedelta(microseconds=(sent + true_offset) // 1000)
    assert truth <= placed <= truth + timedelta(microseconds=min(delays) // 1000 + 2)


ANCHOR = Anchor(wall=END, boot_ns=10**12, boot_id="boot-1")


@pytest.mark.parametrize("jump", [-86400.0, -3.0, -1.5, 0.0, 1.5, 3.0, 86400.0])
def test_a_step_of_the_wall_clock_moves_no_time(jump: float) -> None:
    wall = after(60 + jump)
    now, step = clock.steady_now(ANCHOR, "boot-1", 10**12 + 60 * 10**9, wall)
    assert now == after(60)
    assert step == pytest.approx(jump)


@pytest.mark.parametrize(
    ("step", "expected"), [(0.0, False), (2.0, False), (2.001, True), (-2.0, False), (-2.001, True)]
)
def test_which_steps_raise_an_alert(step: float, expected: bool) -> None:
    assert clock.stepped(step) is expected


def test_after_a_reboot_the_wall_clock_is_believed_unless_it_runs_backwards() -> None:
    assert clock.rebooted(ANCHOR, "boot-2")
    assert not clock.rebooted(ANCHOR, "boot-1")
    assert clock.steady_now(ANCHOR, "boot-2", 5, after(90)) == (after(90), 0.0)
    now, step = clock.steady_now(ANCHOR, "boot-2", 5, after(-3600))
    assert (now, step) == (END, -3600.0)
