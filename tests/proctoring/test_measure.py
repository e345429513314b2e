"""Counts of flags, shares with their interval, and when a check is wrong too often beyond doubt."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exam_rooms.incidents import IncidentKind
from proctoring.measure import (
    BLIND_KINDS,
    IDENTITY_KINDS,
    MEASURED_KINDS,
    Flag,
    Outcome,
    Target,
    figures,
    is_above,
    may_mute,
    wilson,
)

KINDS = ("NO_FACE", "PHONE_HINT", "FACE_MISMATCH")
FLAGS = st.lists(
    st.builds(Flag, st.sampled_from(KINDS), st.sampled_from(Outcome), st.integers(1, 5), st.booleans())
)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        # the interval as tables of Wilson's score give it
        (0, 1, 0.0, 0.7935),
        (1, 1, 0.2065, 1.0),
        (0, 10, 0.0, 0.2775),
        (1, 10, 0.0179, 0.4042),
        (5, 10, 0.2366, 0.7634),
        (10, 10, 0.7225, 1.0),
        (50, 100, 0.4038, 0.5962),
        (1, 1000, 0.0002, 0.0056),
    ],
)
def test_the_interval_is_the_one_of_the_tables(hits: int, of: int, low: float, high: float) -> None:
    rate = wilson(hits, of)
    assert rate is not None
    assert (round(rate.low, 4), round(rate.high, 4)) == (low, high)
    assert rate.share == hits / of


def test_of_nothing_there_is_no_share() -> None:
    assert wilson(0, 0) is None


@settings(max_examples=40)
@given(st.integers(1, 400).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of))))
def test_the_share_lies_in_its_interval_and_more_hits_move_it_up(case: tuple[int, int]) -> None:
    hits, of = case
    rate = wilson(hits, of)
    assert rate is not None
    assert 0 <= rate.low <= rate.share <= rate.high <= 1
    more = wilson(min(of, hits + 1), of)
    assert more is not None and more.low >= rate.low and more.high >= rate.high


@pytest.mark.parametrize(
    ("dismissed", "reviewed", "share", "least", "above"),
    [
        (10, 10, 0.70, 10, True),  # the interval begins at 0.7225
        (10, 10, 0.7225, 10, False),
        (9, 10, 0.70, 10, False),
        (9, 9, 0.50, 10, False),  # one reviewed flag short
        (10, 10, 0.50, 11, False),
        (11, 11, 0.50, 11, True),
        (0, 10, 0.0, 10, False),
        (1, 10, 0.0, 10, True),
        (10, 10, 1.0, 10, False),  # a target that nothing can be above
        (0, 0, 0.0, 1, False),
    ],
)
def test_a_check_is_above_its_target_only_beyond_doubt(
    dismissed: int, reviewed: int, share: float, least: int, above: bool
) -> None:
    assert is_above(dismissed, reviewed, Target(share, least)) is above


def test_without_a_target_nothing_is_above_it() -> None:
    assert not is_above(100, 100, None)


def test_who_cannot_see_always_says_so_and_identity_is_muted_only_where_a_policy_says_so() -> None:
    assert not any(may_mute(kind, identity=allowed) for kind in BLIND_KINDS for allowed in (True, False))
    for kind in IDENTITY_KINDS:
        assert (may_mute(kind, identity=True), may_mute(kind, identity=False)) == (True, False)
    assert may_mute("PHONE_HINT", identity=False)
    for kind in IncidentKind:
        if kind not in MEASURED_KINDS:
            assert not may_mute(kind, identity=True)


def test_only_a_word_of_a_person_is_a_review() -> None:
    flags = [Flag("NO_FACE", outcome) for outcome in Outcome] + [Flag("NO_FACE", Outcome.DISMISSED, 3, True)]
    (line,) = figures(flags, {"NO_FACE": 2.0})
    assert (line.flags, line.episodes, line.muted) == (6, 8, 1)
    assert (line.waiting, line.cleared, line.seen, line.confirmed, line.dismissed) == (1, 1, 1, 1, 2)
    assert line.reviewed == 3
    assert line.per_hour == 3.0
    assert line.false_alarms == wilson(2, 3)


def test_nothing_reviewed_has_no_rate_and_nothing_watched_no_flags_per_hour() -> None:
    (line,) = figures([Flag("NO_FACE", Outcome.CLEARED)], {"NO_FACE": 0.0})
    assert line.false_alarms is None and line.per_hour is None
    (line,) = figures([Flag("AGENT_DISAGREES", Outcome.WAITING)], {})
    assert line.hours is None and line.per_hour is None


def test_a_check_that_watched_and_found_nothing_stands_in_the_report() -> None:
    (line,) = figures([], {"PHONE_HINT": 12.5})
    assert (line.kind, line.flags, line.per_hour, line.false_alarms) == ("PHONE_HINT", 0, 0.0, None)


@settings(max_examples=40)
@given(FLAGS, st.randoms())
def test_the_order_of_flags_does_not_matter(flags: list[Flag], random) -> None:
    shuffled = list(flags)
    random.shuffle(shuffled)
    hours = {"NO_FACE": 3.0}
    assert figures(shuffled, hours) == figures(flags, hours)


@settings(max_examples=40)
@given(FLAGS)
def test_every_flag_is_counted_once(flags: list[Flag]) -> None:
    lines = figures(flags, {})
    assert sum(line.flags for line in lines) == len(flags)
    for line in lines:
        parts = (line.waiting, line.cleared, line.seen, line.confirmed, line.dismissed)
        assert sum(parts) == line.flags
