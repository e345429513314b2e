"""Laws that hold for every run of looks."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exam_rooms.watching import PRESENCE_KINDS, EpisodeRule, WatchRules
from exam_rooms.wire import WireError
from proctoring import episodes
from proctoring.episodes import START, Closed, Opened, Sight, replay
from tests.proctoring.episodes_kit import (
    K,
    Seen,
    covered,
    dark,
    empty,
    good,
    lost,
    seen,
    still,
    stranger,
    stream,
    told_on,
    two,
)

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


@pytest.mark.dear
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


@pytest.mark.dear
@given(RUNS, SOME_RULES)
def test_at_most_one_episode_of_a_kind_is_open(runs: list[tuple[str, int, float]], rules: WatchRules) -> None:
    state = START
    for sight in sights_of(runs)[0]:
        state, news = episodes.step(state, sight, rules)
        assert max(Counter(state.open).values(), default=0) <= 1
        assert max(Counter(each.kind for each in news).values(), default=0) <= 1


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
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


@pytest.mark.dear
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
