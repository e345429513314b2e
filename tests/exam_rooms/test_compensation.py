"""What lost time is worth: rounding, bounds, both clocks, nothing twice."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.clock import Pause
from exam_rooms.compensation import Case, Cause, Clock, CreditRule, Lost, proposals, rounded_up

NINE = datetime(2026, 3, 14, 1, 0, tzinfo=UTC)
RULE = CreditRule(30, Decimal(50))


def at(minutes: float) -> datetime:
    return NINE + timedelta(minutes=minutes)


WHOLE = Case(at(0), at(90))


def off(since: float, until: float, clock: Clock = Clock.SERVER) -> Lost:
    return Lost(Cause.MACHINE_OFF, clock, at(since), at(until))


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [(0, "0"), (1, "0.5"), (30, "0.5"), (30.001, "1"), (60, "1"), (359, "6"), (360, "6"), (361, "6.5")],
)
def test_a_begun_half_minute_counts_whole(seconds: float, minutes: str) -> None:
    assert rounded_up(timedelta(seconds=seconds), 30) == Decimal(minutes)


def test_both_clocks_of_one_loss_are_one_proposal() -> None:
    server, agent = off(10, 16), off(9.98, 16.2, Clock.AGENT)
    (found,) = proposals([server, agent], WHOLE, RULE)
    assert (found.since, found.until) == (agent.since, agent.until)
    assert found.minutes == Decimal("6.5")
    assert set(found.evidence) == {server, agent}


@pytest.mark.parametrize(
    ("lost", "minutes"),
    [
        (off(-5, 3), "3"),  # the room started meanwhile
        (off(85, 120), "5"),  # what was left at the cut
        (off(89.8, 95), "0.5"),
        (off(89.99, 95), None),  # not a second was left
        (off(90, 120), None),  # the seat's own time was over
        (off(95, 120), None),
        (off(10, 10.1), None),  # six seconds
        (off(10, 10 + 10 / 60), "0.5"),
    ],
)
def test_only_time_of_the_test_is_lost(lost: Lost, minutes: str | None) -> None:
    found = [each.minutes for each in proposals([lost], WHOLE, RULE)]
    assert found == ([] if minutes is None else [Decimal(minutes)])


@pytest.mark.parametrize(("asked", "waited"), [(90, None), (90.1, "0.5"), (133, "43")])
def test_what_is_left_at_the_cut_is_ahead_again_whenever_it_is_given(
    asked: float, waited: str | None
) -> None:
    case = Case(at(0), at(90), over_at=at(asked), granted=Decimal(44))
    found = proposals([off(85, 120)], case, RULE)
    assert [(each.minutes, each.waited) for each in found] == [
        (Decimal(5), False),
        *([(Decimal(waited), True)] if waited else []),
    ]
    new_deadline = at(90) + timedelta(minutes=float(sum(each.minutes for each in found)))
    assert timedelta(minutes=5) <= new_deadline - at(asked) <= timedelta(minutes=5.5)


def test_waiting_is_added_once_to_several_losses_and_never_to_none() -> None:
    case = Case(at(0), at(90), over_at=at(100))
    lost = [off(20, 26), off(40, 43)]
    assert [each.minutes for each in proposals(lost, case, RULE)] == [Decimal(6), Decimal(3), Decimal(10)]
    assert proposals([off(95, 99)], case, RULE) == ()
    paused = Case(at(0), at(90), over_at=at(100), pauses=(Pause(at(92), at(97)),))
    waits = [each.minutes for each in proposals(lost, paused, RULE) if each.waited]
    assert sum(waits) == 5  # the pause moves the new deadline by itself


def test_after_handing_in_nothing_is_lost() -> None:
    (found,) = proposals([off(10, 26)], Case(at(0), at(90), closed=at(20)), RULE)
    assert (found.until, found.minutes) == (at(20), Decimal(10))
    assert proposals([off(21, 26)], Case(at(0), at(90), closed=at(20)), RULE) == ()


def test_a_pause_inside_a_loss_was_given_back_already() -> None:
    case = Case(at(0), at(90), pauses=(Pause(at(12), at(20)),))
    assert [each.minutes for each in proposals([off(10, 26)], case, RULE)] == [Decimal(2), Decimal(6)]


def test_a_decided_interval_is_never_proposed_again_but_what_came_later_is() -> None:
    case = Case(at(0), at(90), decided=(Pause(at(10), at(16)),), granted=Decimal(6))
    (found,) = proposals([off(10, 17)], case, RULE)
    assert (found.since, found.minutes) == (at(16), Decimal(1))


@pytest.mark.parametrize(
    ("granted", "lasted", "minutes", "bounded"),
    [
        ("0", 50, "50", False),
        ("0", 50.1, "50", True),
        ("44", 6, "6", False),
        ("45", 6, "5", True),
        ("50", 6, "0", True),
    ],
)
def test_one_candidate_gets_so_much_at_most(granted: str, lasted: float, minutes: str, bounded: bool) -> None:
    case = Case(at(0), at(90), granted=Decimal(granted))
    (found,) = proposals([off(5, 5 + lasted)], case, RULE)
    assert (found.minutes, found.bounded) == (Decimal(minutes), bounded)


def test_a_gap_in_which_the_seat_worked_on_is_worth_nothing_and_shown() -> None:
    gap = Lost(Cause.LINK, Clock.SERVER, at(20), at(40), answers=7)
    (found,) = proposals([gap], WHOLE, RULE)
    assert found.minutes == 0
    assert found.evidence == (gap,)


def test_a_loss_inside_a_gap_is_worth_the_loss_alone() -> None:
    gap = Lost(Cause.LINK, Clock.SERVER, at(20), at(40))
    gone = Lost(Cause.PAGE_GONE, Clock.AGENT, at(25), at(28))
    assert [each.minutes for each in proposals([gap, gone], WHOLE, RULE)] == [Decimal(3)]


moments = st.integers(min_value=-30, max_value=150)


@given(
    st.lists(st.tuples(moments, moments), max_size=8),
    st.lists(st.tuples(moments, moments), max_size=4),
    st.integers(min_value=0, max_value=60),
)
def test_proposals_are_disjoint_bounded_and_never_in_a_pause(
    times: list[tuple[int, int]], paused: list[tuple[int, int]], granted: int
) -> None:
    lost = [off(min(each), max(each)) for each in times]
    pauses = tuple(Pause(at(min(each)), at(max(each))) for each in paused)
    case = Case(at(0), at(90), pauses=pauses, granted=Decimal(granted))
    found = proposals(lost, case, RULE)
    assert sum((each.minutes for each in found), Decimal(granted)) <= max(RULE.most_minutes, Decimal(granted))
    for one, other in pairwise(found):
        assert one.until <= other.since
    for each in found:
        assert at(0) <= each.since < each.until
        assert all(
            each.until <= p.since or (p.until or at(0)) <= each.since for p in pauses if p.until != p.since
        )
