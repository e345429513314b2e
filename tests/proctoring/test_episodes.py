"""Episodes: causes, hold and clear times on both sides of their edges, and the laws of the fold."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exam_rooms.incidents import IncidentKind
from exam_rooms.watching import PRESENCE_KINDS, EpisodeRule, Likeness, PaceRules, WatchRules
from exam_rooms.wire import WireError
from proctoring import episodes
from proctoring.episodes import START, Closed, EpisodeState, Opened, Sight, replay
from proctoring.observation import FoundFace, Identity, Observation
from proctoring.quality import Quality, Verdict

K = IncidentKind
TIMES = {
    K.NO_FACE: (8.0, 3.0),
    K.MULTI_FACE: (3.0, 3.0),
    K.FACE_MISMATCH: (5.0, 6.0),
    K.CAMERA_COVERED: (5.0, 3.0),
    K.DARK: (15.0, 5.0),
    K.FROZEN: (12.0, 3.0),
    K.CAMERA_LOST: (6.0, 3.0),
}
RULES = WatchRules(episodes=tuple(EpisodeRule(str(kind), *times) for kind, times in TIMES.items()))
FACE = FoundFace((200.0, 100.0, 120.0, 150.0), 0.95, ((0.0, 0.0),) * 5, main=True)
_NEW = iter(range(10**9))

Seen = Observation | None
Told = Sequence[Opened | Closed]


def seen(
    verdict: Verdict = Verdict.GOOD,
    persons: int = 1,
    similarity: float | None = None,
    unavailable: tuple[str, ...] = (),
) -> Observation:
    """A look of its own fingerprint."""
    identity = None if similarity is None else Identity(similarity, Likeness.UNSURE)
    return Observation(
        width=640,
        height=480,
        quality=Quality(120.0, 200.0, verdict),
        faces=(FACE,) * persons,
        persons=persons,
        comparable=identity is not None,
        identity=identity,
        fingerprint=f"{next(_NEW):x}",
        unavailable=unavailable,
    )


def good() -> Observation:
    return seen(similarity=0.8)


def empty() -> Observation:
    return seen(persons=0)


def two() -> Observation:
    return seen(persons=2)


def stranger() -> Observation:
    return seen(similarity=0.1)


def dark() -> Observation:
    return seen(Verdict.DARK, persons=0)


def covered() -> Observation:
    return seen(Verdict.COVERED, persons=0)


def lost() -> None:
    return None


_STILL = replace(good(), fingerprint="still")


def still() -> Observation:
    return _STILL


def test_light_that_blinds_is_told_as_light_and_never_as_an_empty_chair() -> None:
    blinded = stream([good] * 5 + [lambda: seen(Verdict.GLARE, persons=0)] * 60)
    assert kinds(replay(blinded, RULES)) == [("Opened", "DARK")]
    beside_a_face = stream([lambda: seen(Verdict.GLARE)] * 60)
    assert replay(beside_a_face, RULES) == ()


SHOWS: dict[IncidentKind, Callable[[], Seen]] = {
    K.NO_FACE: empty,
    K.MULTI_FACE: two,
    K.FACE_MISMATCH: stranger,
    K.CAMERA_COVERED: covered,
    K.DARK: dark,
    K.FROZEN: still,
    K.CAMERA_LOST: lost,
}
"""A look that shows each cause (FROZEN from the second such look on, FACE_MISMATCH from the fifth)."""
# With these the cause of every kind is there from the first look of the stream that begins at 0.
LEADS: dict[IncidentKind, list[Callable[[], Seen]]] = {K.FROZEN: [still], K.FACE_MISMATCH: [stranger] * 4}


def stream(looks: Iterable[Callable[[], Seen]], start: float = 0.0, every: float = 1.0) -> list[Sight]:
    return [Sight(start + place * every, look()) for place, look in enumerate(looks)]


def shown(kind: IncidentKind, times: Sequence[float]) -> list[Sight]:
    """Looks at these moments that show a kind's cause, after what it needs before it."""
    lead = LEADS.get(kind, [])
    before = stream(lead, times[0] - len(lead))
    return before + [Sight(at, SHOWS[kind]()) for at in times]


def kinds(told: Told) -> list[tuple[str, str]]:
    return [(type(each).__name__, str(each.kind)) for each in told]


def opened(kind: IncidentKind, told: Told) -> list[Opened]:
    return [each for each in told if isinstance(each, Opened) and each.kind is kind]


def closed(kind: IncidentKind, told: Told) -> list[Closed]:
    return [each for each in told if isinstance(each, Closed) and each.kind is kind]


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


def after(sights: Iterable[Sight], state: EpisodeState = START) -> EpisodeState:
    for sight in sights:
        state, _ = episodes.step(state, sight, RULES)
    return state


def told_on(state: EpisodeState, sights: Iterable[Sight], rules: WatchRules = RULES) -> Told:
    told: list[Opened | Closed] = []
    for sight in sights:
        state, news = episodes.step(state, sight, rules)
        told.extend(news)
    return told


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


# --- somebody else -----------------------------------------------------------------------------------


def compared(similarities: Iterable[float], every: float = 3.0, start: float = 0.0) -> list[Sight]:
    """A comparison every few seconds and plain looks at one person in between."""
    sights = []
    for place, similarity in enumerate(similarities):
        at = start + place * every
        sights.append(Sight(at, seen(similarity=similarity)))
        sights += [Sight(at + second, seen()) for second in range(1, int(every))]
    return sights


@pytest.mark.parametrize(
    ("similarities", "raised"),
    [
        ([0.1] * 4, False),  # four frames are not enough
        ([0.1] * 3 + [0.8] * 4, False),  # a mismatch for one comparison only
        ([0.1] * 7, True),
        ([0.35] * 9, False),  # unsure is no mismatch
        ([0.3499] * 9, True),
        ([0.1, 0.8, 0.1, 0.8, 0.8, 0.1, 0.8], False),  # single bad frames
        ([0.8, 0.1, 0.1, 0.8, 0.1, 0.1, 0.1], True),
        ([0.8] * 20 + [0.1] * 2 + [0.8] * 5, False),
        ([0.8] * 20 + [0.1] * 5, True),
    ],
)
def test_the_median_of_good_frames_decides(similarities: list[float], raised: bool) -> None:
    told = replay(compared(similarities), RULES)
    assert kinds(told) == [("Opened", "FACE_MISMATCH")] * raised


def test_the_figures_behind_an_alert() -> None:
    (told,) = replay(compared([0.1, 0.12344, 0.2, 0.11, 0.3, 0.1, 0.1, 0.1]), RULES)
    assert isinstance(told, Opened)
    assert (told.since, told.at) == (12.0, 17.0)
    assert told.scores == {"similarity": 0.1234, "frames": 5.0}  # of the last five, not of all
    (two_told,) = replay(stream([two] * 4), RULES)
    assert isinstance(two_told, Opened)
    assert two_told.scores == {"brightness": 120.0, "sharpness": 200.0, "persons": 2.0}
    (lost_told,) = replay(stream([lost] * 7), RULES)
    assert isinstance(lost_told, Opened)
    assert lost_told.scores == {}


def test_a_stranger_who_comes_after_the_candidate_left_is_found_by_new_frames_alone() -> None:
    sights = compared([0.8] * 20) + stream([empty] * 12, 60.0) + compared([0.1] * 7, start=72.0)
    told = replay(sights, RULES)
    assert kinds(told) == [("Opened", "NO_FACE"), ("Closed", "NO_FACE"), ("Opened", "FACE_MISMATCH")]
    assert told[2].since == 84.0  # the fifth frame of the stranger, none of the candidate's


def test_frames_from_before_somebody_left_accuse_nobody_after() -> None:
    """The candidate comes back to the chair that a stranger left: one good frame need not outvote four."""
    sights = compared([0.1] * 4) + stream([empty] * 12, 12.0) + compared([0.1] + [0.8] * 9, start=24.0)
    assert opened(K.FACE_MISMATCH, replay(sights, RULES)) == []


def test_a_mismatch_ends_when_the_stranger_has_left() -> None:
    sights = compared([0.1] * 8) + stream([empty] * 30, 24.0)
    told = replay(sights, RULES)
    assert [str(each.kind) for each in told] == ["FACE_MISMATCH", "NO_FACE", "FACE_MISMATCH"]
    assert told[2] == Closed(K.FACE_MISMATCH, 12.0, 32.0, 20.0)  # gone as soon as the chair counts as empty


@pytest.mark.parametrize(("every", "counted"), [(7.5, 5), (7.6, 4)])
def test_old_frames_do_not_count_for_ever(every: float, counted: int) -> None:
    """Five frames within twice their usual span of fifteen seconds speak together, further apart they do not."""
    frames = [Sight(place * every, stranger()) for place in range(5)]
    between = [Sight(second + 0.2, seen()) for second in range(30)]
    state = after(sorted(frames + between, key=lambda sight: sight.at))
    assert len(state.compared) == counted


@pytest.mark.parametrize(("similarity", "raised"), [(0.1, True), (0.4, False)])
def test_a_stranger_who_hides_the_lens_again_and_again_is_told_all_the_same(
    similarity: float, raised: bool
) -> None:
    """Two seconds of every five, and each too short to be told as covered."""
    looks = ([seen(similarity=similarity)] * 3 + [seen(Verdict.COVERED, 0)] * 2) * 8
    told = replay([Sight(float(at), look) for at, look in enumerate(looks)], RULES)
    assert [each.kind for each in told] == [K.FACE_MISMATCH] * raised
    if raised:
        assert told[0].at % 5 < 3  # by a look that shows the face


def test_a_mismatch_is_not_told_in_the_dark() -> None:
    """The median is a mismatch, but the light goes out before it has held for five seconds."""
    sights = compared([0.1] * 5, every=1.0) + [
        Sight(5.0 + second, seen(Verdict.DARK)) for second in range(20)
    ]
    assert replay(sights, RULES) == ()


# --- the end of a sitting ----------------------------------------------------------------------------


def test_all_is_closed_when_the_sitting_is_over() -> None:
    state = after(stream([empty] * 10 + [covered] * 10))
    assert set(state.open) == {K.NO_FACE, K.CAMERA_COVERED}
    end, told = episodes.close_all(state, 25.0)
    assert end == START
    assert set(told) == {
        Closed(K.NO_FACE, 0.0, 25.0, 25.0),
        Closed(K.CAMERA_COVERED, 10.0, 25.0, 15.0),
    }


def test_what_was_gone_before_the_end_ended_then() -> None:
    state = after(stream([empty] * 10 + [good] * 2))
    assert episodes.close_all(state, 25.0)[1] == (Closed(K.NO_FACE, 0.0, 10.0, 10.0),)


def test_nothing_is_closed_that_was_not_told() -> None:
    assert episodes.close_all(after(stream([empty] * 5)), 5.0) == (START, ())


# --- laws --------------------------------------------------------------------------------------------

LOOKS: dict[str, Callable[[], Seen]] = {
    "good": good,
    "plain": seen,
    "empty": empty,
    "two": two,
    "stranger": stranger,
    "dark": dark,
    "covered": covered,
    "still": still,
    "lost": lost,
    "blind": lambda: seen(persons=0, unavailable=("detect",)),
}
RUNS = st.lists(
    st.tuples(
        st.sampled_from(sorted(LOOKS)),
        st.integers(1, 9),
        st.sampled_from([0.5, 1.0, 1.0, 1.0, 1.3, 2.9, 3.1]),
    ),
    max_size=12,
)
SHORT = st.sampled_from([0.0, 1.0, 2.0, 3.5, 5.0])
SOME_RULES = st.builds(
    lambda times, frames: WatchRules(
        mismatch_frames=frames,
        episodes=tuple(
            EpisodeRule(str(kind), *each) for kind, each in zip(PRESENCE_KINDS, times, strict=True)
        ),
    ),
    st.tuples(*[st.tuples(SHORT, SHORT)] * len(PRESENCE_KINDS)),
    st.integers(1, 5),
)
CAUSE = {
    "empty": K.NO_FACE,
    "two": K.MULTI_FACE,
    "dark": K.DARK,
    "covered": K.CAMERA_COVERED,
    "lost": K.CAMERA_LOST,
}
"""What each look plainly shows; FROZEN and FACE_MISMATCH hang on the looks before."""


def sights_of(runs: list[tuple[str, int, float]]) -> tuple[list[Sight], list[str]]:
    at, sights, names = 0.0, [], []
    for name, count, every in runs:
        for _ in range(count):
            at += every
            sights.append(Sight(at, LOOKS[name]()))
            names.append(name)
    return sights, names


@given(RUNS, SOME_RULES)
@settings(max_examples=150)
def test_alerts_and_ends_take_turns(runs: list[tuple[str, int, float]], rules: WatchRules) -> None:
    told = replay(sights_of(runs)[0], rules)
    for kind in PRESENCE_KINDS:
        own = [each for each in told if each.kind is kind]
        assert [type(each) for each in own] == [Opened, Closed] * (len(own) // 2) + [Opened] * (len(own) % 2)
        for before, each in pairwise(own):
            if isinstance(each, Closed):
                assert each.since == before.since
                assert each.at >= before.at and each.seconds == each.at - each.since
            else:
                assert each.since >= before.at


@given(RUNS, SOME_RULES)
def test_at_most_one_episode_of_a_kind_is_open(runs: list[tuple[str, int, float]], rules: WatchRules) -> None:
    state = START
    for sight in sights_of(runs)[0]:
        state, news = episodes.step(state, sight, rules)
        assert max(Counter(state.open).values(), default=0) <= 1
        assert max(Counter(each.kind for each in news).values(), default=0) <= 1


@given(RUNS, SOME_RULES)
@settings(max_examples=150)
def test_no_alert_before_its_cause_has_held(runs: list[tuple[str, int, float]], rules: WatchRules) -> None:
    """Checked against the bare stream: looks with the cause, never gone for three quarters of a second, one
    in four at most without, no long wait."""
    sights, names = sights_of(runs)
    hold = {rule.kind: rule.hold_seconds for rule in rules.episodes}
    for alert in replay(sights, rules):
        if not isinstance(alert, Opened):
            continue
        assert alert.at - alert.since >= hold[alert.kind] - 1e-6
        if alert.kind not in CAUSE.values():
            continue
        held = [
            (sight.at, CAUSE.get(name) is alert.kind)
            for sight, name in zip(sights, names, strict=True)
            if alert.since <= sight.at <= alert.at
        ]
        assert held[0][1] and held[-1][1]
        assert sum(not there for _, there in held) <= max(1, len(held) / 4)
        gone: float | None = None
        for (earlier, _), (later, there) in pairwise(held):
            gone = None if there else later if gone is None else gone
            assert gone is None or later - gone < 0.75
            assert later - earlier <= 3.0 + 1e-6


@given(RUNS, SOME_RULES, st.data())
@settings(max_examples=150)
def test_stopping_and_going_on_changes_nothing(
    runs: list[tuple[str, int, float]], rules: WatchRules, data: st.DataObject
) -> None:
    """A state kept as JSON in the middle of a stream is all that the rest of it needs."""
    sights, _ = sights_of(runs)
    cut = data.draw(st.integers(0, len(sights)))
    state, told = START, []
    for sight in sights[:cut]:
        state, news = episodes.step(state, sight, rules)
        told += news
    kept = json.loads(json.dumps(episodes.encode(state)))
    assert episodes.decode(kept) == state
    assert (*told, *told_on(episodes.decode(kept), sights[cut:], rules)) == replay(sights, rules)


@given(st.lists(st.tuples(st.sampled_from(["good", "plain"]), st.floats(0.1, 50)), max_size=60), SOME_RULES)
def test_all_well_tells_nothing(looks: list[tuple[str, float]], rules: WatchRules) -> None:
    at, sights = 0.0, []
    for name, wait in looks:
        at += wait
        sights.append(Sight(at, LOOKS[name]()))
    assert replay(sights, rules) == ()


@given(st.lists(st.sampled_from(["dark", "covered", "lost", "still", "blind"]), max_size=60), SOME_RULES)
def test_who_cannot_see_accuses_nobody(names: list[str], rules: WatchRules) -> None:
    """The first still picture is a good look at the candidate; nothing after it may speak of people."""
    told = replay(stream(LOOKS[name] for name in names), rules)
    assert {each.kind for each in told} <= {K.DARK, K.CAMERA_COVERED, K.CAMERA_LOST, K.FROZEN}


@given(RUNS, SOME_RULES)
def test_closing_leaves_nothing_open(runs: list[tuple[str, int, float]], rules: WatchRules) -> None:
    state, told = START, []
    sights, _ = sights_of(runs)
    for sight in sights:
        state, news = episodes.step(state, sight, rules)
        told += news
    told += episodes.close_all(state, sights[-1].at if sights else 0.0)[1]
    assert Counter(each.kind for each in told if isinstance(each, Opened)) == Counter(
        each.kind for each in told if isinstance(each, Closed)
    )


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [],
        {"at": "soon"},
        {"spells": [{"kind": "NO_FACE"}]},
        {"spells": [{"kind": "TIRED", "since": 1.0}]},
    ],
)
def test_what_is_no_stored_state(stored: object) -> None:
    with pytest.raises(WireError):
        episodes.decode(stored)
