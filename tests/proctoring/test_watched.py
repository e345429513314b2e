"""When a seat's camera could see: every second of work has one reason, and no gap counts as seen."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctoring.watched import SeatTime, Sight, Span, seat_time, total

WORK = [Span(0, 100)]
EDGES = st.lists(st.integers(0, 120), min_size=2, max_size=12, unique=True).map(sorted)
STATES = st.sampled_from(["live", "lost", "stalled", "opening", "none", "unavailable"])
MISSING = st.frozensets(st.sampled_from(["detect", "verify", "mesh", "objects"]))


@st.composite
def sights(draw: st.DrawFn) -> list[Sight]:
    edges = draw(EDGES)
    return [
        Sight(since, until, draw(STATES), draw(st.sampled_from(["watch", "enrol", ""])), draw(MISSING))
        for since, until in pairwise(edges)
    ]


SPANS = st.lists(
    st.tuples(st.integers(0, 120), st.integers(1, 40)).map(lambda pair: Span(pair[0], pair[0] + pair[1])),
    max_size=3,
)


@pytest.mark.parametrize(
    ("sight", "watched", "blind"),
    [
        (Sight(0, 100, "live"), 100, {}),
        (Sight(0, 100, "live", "enrol"), 100, {}),
        (Sight(0, 100, "live", ""), 0, {"idle": 100}),
        (Sight(0, 100, "live", "watch", frozenset({"detect"})), 0, {"detect": 100}),
        (Sight(10, 90, "live"), 80, {"unknown": 20}),
        (Sight(-50, 200, "live"), 100, {}),
        (Sight(0, 100, "lost"), 0, {"lost": 100}),
        (Sight(0, 100, "stalled"), 0, {"stalled": 100}),
        (Sight(0, 100, "none"), 0, {"none": 100}),
        (Sight(0, 100, "unavailable"), 0, {"unavailable": 100}),
        (Sight(0, 100, "a word of a later agent"), 0, {"unknown": 100}),
    ],
)
def test_each_word_of_a_camera_has_its_reason(sight: Sight, watched: float, blind: dict[str, float]) -> None:
    found = seat_time(WORK, [sight])
    assert (found.work, found.watched, found.blind) == (100, watched, blind)


def test_a_seat_checked_by_hand_counts_apart_and_a_lost_link_sees_nothing() -> None:
    found = seat_time(WORK, [Sight(0, 100, "live")], manual=[Span(0, 30)], unlinked=[Span(20, 50)])
    assert (found.manual, found.blind, found.watched) == (30, {"unlinked": 20}, 50)
    assert found.unavailable == 20


def test_a_check_watches_only_while_its_networks_are_there() -> None:
    found = seat_time(
        WORK,
        [
            Sight(0, 40, "live", "watch", frozenset({"verify", "objects"})),
            Sight(40, 70, "live"),
            Sight(70, 100, "lost"),
        ],
    )
    assert found.seconds_of("NO_FACE") == 70
    assert found.seconds_of("FACE_MISMATCH") == found.seconds_of("PHONE_HINT") == 30
    assert found.seconds_of("TURNED_AWAY") == 70
    assert found.seconds_of("CAMERA_LOST") == 100  # a lost camera is told of while it is lost
    assert found.missing == {"objects": 40, "verify": 40}


def test_two_missing_networks_are_not_counted_twice() -> None:
    found = seat_time(WORK, [Sight(0, 100, "live", "watch", frozenset({"mesh", "iris"}))])
    assert found.seconds_of("GAZE_AWAY") == 0


def test_nobody_at_work_means_no_time_at_all() -> None:
    assert seat_time([], [Sight(0, 100, "live")]) == SeatTime()


@settings(max_examples=40)
@given(SPANS, sights(), SPANS, SPANS)
def test_every_second_of_work_has_exactly_one_reason(
    work: list[Span], seen: list[Sight], unlinked: list[Span], manual: list[Span]
) -> None:
    found = seat_time(work, seen, unlinked=unlinked, manual=manual)
    assert found.work == len({second for span in work for second in range(int(span.since), int(span.until))})
    assert found.work == found.watched + found.manual + found.unavailable
    assert found.watched <= found.told <= found.work


@settings(max_examples=40)
@given(SPANS, sights(), SPANS, st.randoms())
def test_the_order_of_spans_does_not_matter(
    work: list[Span], seen: list[Sight], unlinked: list[Span], random
) -> None:
    mixed = [list(each) for each in (work, seen, unlinked)]
    for each in mixed:
        random.shuffle(each)
    assert seat_time(mixed[0], mixed[1], unlinked=mixed[2]) == seat_time(work, seen, unlinked=unlinked)


@settings(max_examples=40)
@given(SPANS, sights(), st.integers(0, 160))
def test_two_halves_of_the_work_make_the_whole(work: list[Span], seen: list[Sight], cut: int) -> None:
    before = [Span(each.since, min(each.until, cut)) for each in work if each.since < cut]
    after = [Span(max(each.since, cut), each.until) for each in work if each.until > cut]
    whole, halves = seat_time(work, seen), total([seat_time(before, seen), seat_time(after, seen)])
    assert (halves.work, halves.watched, halves.blind) == (whole.work, whole.watched, whole.blind)
