"""When an episode begins and ends, what a look shows, and who cannot see."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import PRESENCE_KINDS, EpisodeRule, PaceRules, WatchRules
from proctoring import episodes
from proctoring.episodes import Closed, EpisodeState, Sight, replay
from proctoring.quality import Verdict
from tests.proctoring.episodes_kit import (
    FACE,
    LEADS,
    RULES,
    SHOWS,
    TIMES,
    K,
    Seen,
    after,
    closed,
    covered,
    dark,
    empty,
    good,
    kinds,
    lost,
    opened,
    seen,
    shown,
    still,
    stranger,
    stream,
    told_on,
    two,
)


def test_light_that_blinds_is_told_as_light_and_never_as_an_empty_chair() -> None:
    blinded = stream([good] * 5 + [lambda: seen(Verdict.GLARE, persons=0)] * 60)
    assert kinds(replay(blinded, RULES)) == [("Opened", "DARK")]
    beside_a_face = stream([lambda: seen(Verdict.GLARE)] * 60)
    assert replay(beside_a_face, RULES) == ()


# --- hold and clear ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PRESENCE_KINDS)
@pytest.mark.parametrize(
    ("beyond", "raised"), [(-0.5, False), (-0.001, False), (0.0, True), (0.001, True), (0.9, True)]
)
@pytest.mark.parametrize("start", [0.0, 1000.1, 8_640_000.3])
def test_the_edge_of_the_hold_time(kind: IncidentKind, beyond: float, raised: bool, start: float) -> None:
    hold = TIMES[kind][0]
    times = [start + second for second in range(int(hold))] + [start + hold + beyond]
    told = opened(kind, replay(shown(kind, times), RULES))
    assert [(one.since, one.at) for one in told] == ([(start, times[-1])] if raised else [])


def one_open(kind: IncidentKind) -> tuple[EpisodeState, float]:
    """A state in which just this kind's episode is open, and the moment of its last look."""
    hold = TIMES[kind][0]
    sights = shown(kind, [float(second) for second in range(int(hold) + 3)])
    state = after(sights)
    assert state.open == (kind,)
    return state, sights[-1].at


@pytest.mark.parametrize("kind", PRESENCE_KINDS)
@pytest.mark.parametrize(
    ("beyond", "ended"), [(-0.5, False), (-0.001, False), (0.0, True), (0.001, True), (0.9, True)]
)
def test_the_edge_of_the_clear_time(kind: IncidentKind, beyond: float, ended: bool) -> None:
    state, last = one_open(kind)
    if kind is K.FACE_MISMATCH:  # three of the five last frames must be good before the median is
        state, last = after([Sight(last + 1, good()), Sight(last + 2, good())], state), last + 2
    clear = TIMES[kind][1]
    gone = last + 1
    times = [gone + second for second in range(int(clear))] + [gone + clear + beyond]
    told = told_on(state, [Sight(at, good()) for at in times])
    assert told == ([Closed(kind, 0.0, gone, gone)] if ended else [])


@pytest.mark.parametrize("kind", [kind for kind in PRESENCE_KINDS if kind not in LEADS])
def test_without_times_to_wait_one_look_opens_and_one_closes(kind: IncidentKind) -> None:
    rules = WatchRules(episodes=(EpisodeRule(str(kind), 0.0, 0.0),))
    told = replay(stream([good, SHOWS[kind], good]), rules)
    assert kinds(told) == [("Opened", str(kind)), ("Closed", str(kind))]
    assert (told[0].since, told[1].at) == (1.0, 2.0)


def test_rounding_of_clock_readings_delays_nothing() -> None:
    """0.7 - 0.4 is a little less than 0.3 in binary fractions."""
    rules = WatchRules(episodes=(EpisodeRule("NO_FACE", 0.3, 0.3),))
    told = replay([Sight(0.4, empty()), Sight(0.7, empty()), Sight(1.4, good()), Sight(1.7, good())], rules)
    assert kinds(told) == [("Opened", "NO_FACE"), ("Closed", "NO_FACE")]


def test_a_cause_that_needs_no_time_is_told_after_a_long_time_without_looks() -> None:
    rules = WatchRules(episodes=(EpisodeRule("NO_FACE", 0.0, 0.0),))
    assert kinds(replay([Sight(0.0, good()), Sight(60.0, empty())], rules)) == [("Opened", "NO_FACE")]


@pytest.mark.parametrize("kind", PRESENCE_KINDS)
def test_one_alert_however_long_it_lasts(kind: IncidentKind) -> None:
    sights = shown(kind, [float(second) for second in range(120)])
    assert kinds(replay(sights, RULES)) == [("Opened", str(kind))]


@pytest.mark.parametrize("kind", [kind for kind in PRESENCE_KINDS if kind is not K.FACE_MISMATCH])
@pytest.mark.parametrize(("away", "raised"), [(1, True), (2, False)])
def test_a_blink_does_not_break_a_cause(kind: IncidentKind, away: int, raised: bool) -> None:
    """One look without the cause in the middle of its hold time is forgiven, two in a row are not."""
    hold = int(TIMES[kind][0])
    sights = shown(kind, [float(second) for second in range(hold + 1)])
    lead = len(LEADS.get(kind, []))
    for place in range(lead + 1, lead + 1 + away):
        # For FROZEN another picture in between would make the next one new, too: a lost look blinks there.
        sights[place] = replace(sights[place], observation=None if kind is K.FROZEN else good())
    assert len(opened(kind, replay(sights, RULES))) == raised


FLICKERS = [kind for kind in PRESENCE_KINDS if kind not in (K.FACE_MISMATCH, K.FROZEN)]


@pytest.mark.parametrize("kind", FLICKERS)
@pytest.mark.parametrize(("shows", "raised"), [(1, False), (2, False), (3, True), (4, True)])
def test_what_is_missed_oftener_than_every_fourth_time_does_not_hold(
    kind: IncidentKind, shows: int, raised: bool
) -> None:
    """Looks that show a cause so many times in a row and then once do not, for a minute."""
    turns = stream(([SHOWS[kind]] * shows + [good]) * (60 // (shows + 1)))
    one_blink_is_enough = TIMES[kind][0] <= 3 and shows == 2  # 0, 1 and 3 seconds show it, 2 does not
    assert bool(opened(kind, replay(turns, RULES))) is (raised or one_blink_is_enough)


@pytest.mark.parametrize("kind", [kind for kind in FLICKERS if TIMES[kind][0] >= 5])
@pytest.mark.parametrize("second", [4, 5])
def test_a_second_blink_too_soon_begins_anew(kind: IncidentKind, second: int) -> None:
    """Two misses ask for eight looks: before that the cause is counted from where it is seen again."""
    looks = [SHOWS[kind]] * 40
    looks[2] = looks[second] = good
    (told,) = opened(kind, replay(stream(looks), RULES))
    assert told.since == second + 1


@pytest.mark.parametrize(("every", "raised"), [(1.0, True), (3.3, False)])
def test_a_slow_machine_takes_no_raised_head_for_a_blink(every: float, raised: bool) -> None:
    """Looks so far apart that a candidate who writes raises the head for seconds at the third."""
    plain = replace(RULES, pace=PaceRules(calm_seconds=1.5))
    looks = [seen(persons=persons) for persons in (1, 0, 0, 1, *[0] * (6 if every == 1.0 else 2), 1)]
    told = replay([Sight(place * every, look) for place, look in enumerate(looks)], plain)
    assert [each.kind for each in told] == [K.NO_FACE] * raised


def test_a_second_blink_is_forgiven_from_the_eighth_look_on() -> None:
    for second, since in ((6, 7.0), (7, 0.0)):
        looks = [empty] * 40
        looks[2] = looks[second] = good
        (told,) = opened(K.NO_FACE, replay(stream(looks), RULES))
        assert told.since == since


def test_a_blink_at_the_edge_opens_with_the_next_look_that_shows_it() -> None:
    looks = [empty] * 8 + [good] + [empty] * 2
    (told,) = replay(stream(looks), RULES)
    assert (told.since, told.at) == (0.0, 9.0)


def test_a_short_return_does_not_end_an_episode() -> None:
    """Three seconds away are needed; a face seen for two of them is still the same episode."""
    looks = [empty] * 10 + [good] * 3 + [empty] * 5 + [good] * 4
    told = replay(stream(looks), RULES)
    assert kinds(told) == [("Opened", "NO_FACE"), ("Closed", "NO_FACE")]
    assert told[1] == Closed(K.NO_FACE, 0.0, 18.0, 18.0)


def test_a_second_episode_is_a_second_alert() -> None:
    told = replay(stream(([empty] * 10 + [good] * 5) * 2), RULES)
    assert kinds(told) == [("Opened", "NO_FACE"), ("Closed", "NO_FACE")] * 2


# --- time between looks ------------------------------------------------------------------------------


@given(st.lists(st.floats(0.6, 1.6), min_size=20, max_size=20))
def test_unsteady_sampling_loses_no_episode(waits: list[float]) -> None:
    at, sights = 0.0, []
    for wait in waits:
        sights.append(Sight(at, empty()))
        at += wait
    (told,) = opened(K.NO_FACE, replay(sights, RULES))
    assert told.since == 0.0
    assert 8.0 - 1e-6 <= told.at <= 9.6


@pytest.mark.parametrize(("wait", "since"), [(3.0, 0.0), (3.001, 7.001)])
def test_a_long_time_without_looks_begins_anew(wait: float, since: float) -> None:
    """Three sample times are bridged; after more nobody knows who sat there meanwhile."""
    sights = stream([empty] * 5) + stream([empty] * 9, start=4.0 + wait)
    (told,) = replay(sights, RULES)
    assert told.since == pytest.approx(since)


def test_a_long_time_without_looks_ends_no_episode() -> None:
    sights = [*stream([empty] * 10), *stream([good] * 2, 10.0), Sight(60.0, good()), Sight(62.9, good())]
    state = after(sights)
    assert state.open == (K.NO_FACE,)
    told = told_on(state, [Sight(63.0, good())])
    assert told == [Closed(K.NO_FACE, 0.0, 60.0, 60.0)]


def test_the_sample_time_of_the_policy_sets_what_is_long() -> None:
    slow = replace(RULES, sample_seconds=4.0)
    told = replay(stream([empty] * 3, every=12.0), slow)
    assert [(one.since, one.at) for one in opened(K.NO_FACE, told)] == [(0.0, 12.0)]


def test_a_look_from_the_past_is_left_out() -> None:
    state = after(stream([empty] * 5))
    assert episodes.step(state, Sight(3.9, good()), RULES) == (state, ())


# --- which cause a look shows ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([good], []),
        ([empty], ["NO_FACE"]),
        ([lambda: seen(Verdict.BLURRED, persons=0)], ["NO_FACE"]),
        ([two], ["MULTI_FACE"]),
        ([lambda: seen(persons=4)], ["MULTI_FACE"]),
        ([stranger], ["FACE_MISMATCH"]),
        ([covered], ["CAMERA_COVERED"]),
        ([dark], ["DARK"]),
        ([lost], ["CAMERA_LOST"]),
        ([still], ["FROZEN"]),
        # Poor light with somebody in it is no alert, and what is seen in it counts.
        ([lambda: seen(Verdict.DARK)], []),
        ([lambda: seen(Verdict.DARK, persons=2)], ["MULTI_FACE"]),
        ([lambda: seen(Verdict.DARK, similarity=0.1)], []),
        ([lambda: seen(Verdict.COVERED)], []),
        ([lambda: replace(covered(), faces=(FACE,))], []),  # somebody further back: not covered, not empty
        # A covered lens often gives the very same flat picture: covered it is, not frozen.
        ([lambda: replace(covered(), fingerprint="flat")], ["CAMERA_COVERED"]),
        # A frozen picture proves nothing about now, whatever it shows.
        ([lambda: replace(empty(), fingerprint="still")], ["FROZEN"]),
        ([lambda: replace(two(), fingerprint="still")], ["FROZEN"]),
        ([lambda: replace(stranger(), fingerprint="still")], ["FROZEN"]),
        ([lambda: replace(dark(), fingerprint="still")], ["FROZEN"]),
        ([lambda: replace(good(), fingerprint="")], []),  # not known whether it is another picture
        # Without a detector nothing is said about people; light and lens are judged as before.
        ([lambda: seen(persons=0, unavailable=("detect",))], []),
        ([lambda: seen(Verdict.COVERED, persons=0, unavailable=("detect",))], ["CAMERA_COVERED"]),
        ([lambda: seen(Verdict.DARK, persons=0, unavailable=("detect",))], ["DARK"]),
        ([lambda: seen(persons=0, unavailable=("verify",))], ["NO_FACE"]),
        # A frame too poor to compare speaks for nobody.
        ([lambda: replace(stranger(), comparable=False)], []),
        # Light that comes and goes with an empty chair is dark or empty by turns, and neither for long.
        ([dark, dark, empty, empty], []),
        ([dark, covered, lost], []),
    ],
)
def test_what_half_a_minute_of_looks_tells(looks: list[Callable[[], Seen]], expected: list[str]) -> None:
    told = replay(stream((looks * 40)[:40]), RULES)
    assert kinds(told) == [("Opened", kind) for kind in expected]


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (good, ["FROZEN"]),
        (empty, ["FROZEN"]),
        (dark, ["FROZEN"]),
        (covered, ["CAMERA_COVERED"]),
        (lost, ["CAMERA_LOST"]),
    ],
)
def test_a_picture_seen_before_proves_nothing_about_now(
    look: Callable[[], Seen], expected: list[str]
) -> None:
    """A loop of a recording: every picture differs from the last one, and none is new."""
    sights = [replace(sight, repeated=True) for sight in stream([look] * 40)]
    assert kinds(replay(sights, RULES)) == [("Opened", kind) for kind in expected]


@pytest.mark.parametrize("hides", [covered, dark, lost, still])
@pytest.mark.parametrize("kind", [K.NO_FACE, K.MULTI_FACE, K.FACE_MISMATCH])
def test_who_sees_nothing_neither_opens_nor_ends_what_is_told_of_people(
    hides: Callable[[], Seen], kind: IncidentKind
) -> None:
    state, last = one_open(kind)
    hidden = stream([hides] * 60, last + 1)
    assert all(each.kind is not kind for each in told_on(state, hidden))
    state = after(hidden, state)
    assert kind in state.open
    told = told_on(state, stream([good] * 20, last + 61))
    assert len(closed(kind, told)) == 1


@pytest.mark.parametrize("without", PRESENCE_KINDS)
def test_a_kind_without_a_rule_is_never_raised(without: IncidentKind) -> None:
    rules = replace(RULES, episodes=tuple(rule for rule in RULES.episodes if rule.kind != without))
    assert replay(shown(without, [float(second) for second in range(60)]), rules) == ()


def test_a_cause_without_a_rule_still_hides_what_lies_behind_it() -> None:
    rules = WatchRules(episodes=(EpisodeRule("NO_FACE", 8.0, 3.0),))
    assert replay(stream([dark] * 60), rules) == ()
