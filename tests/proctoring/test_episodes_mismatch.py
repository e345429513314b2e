"""Faces that are not alike, and the end of a sitting."""

from collections.abc import Iterable

import pytest

from proctoring import episodes
from proctoring.episodes import START, Closed, Opened, Sight, replay
from proctoring.quality import Verdict
from tests.proctoring.episodes_kit import (
    RULES,
    K,
    after,
    covered,
    empty,
    good,
    kinds,
    lost,
    opened,
    seen,
    stranger,
    stream,
    two,
)

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
