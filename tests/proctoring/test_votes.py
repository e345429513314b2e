"""What small networks suspect becomes an alert by the vote of several looks, and cools down afterwards."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.incidents import IncidentKind as K
from exam_rooms.watching import ObservationNote
from proctoring.episodes import Opened, replay
from proctoring.observation import FoundObject, Observation
from proctoring.quality import Quality, Verdict
from tests.proctoring.looks_kit import Sight, empty, named, note, rules, stream

OBSERVATION = Observation(640, 480, Quality(120.0, 200.0, Verdict.GOOD), (), 1, True, None, "f")
ALIVE = rules(K.LIVENESS_DOUBT, hold=0.0, clear=12.0)
PHONE = rules(K.PHONE_HINT, hold=0.0, clear=5.0)


def alive(*scores: float | None) -> list[ObservationNote]:
    return [note(liveness=score) for score in scores]


def things(**scores: float) -> ObservationNote:
    return note(objects=scores)


@pytest.mark.parametrize(
    ("scores", "raised"),
    [
        ((0.1, 0.1), False),
        ((0.1, 0.1, 0.1), True),
        ((0.35,) * 5, False),
        ((0.349,) * 5, True),
        ((0.1, 0.9, 0.1, 0.9, 0.1), True),
        ((0.1, 0.9, 0.9, 0.1, 0.9, 0.1), False),
        ((0.1, 0.1, None, None, 0.1), True),
    ],
)
def test_three_of_five_doubtful_looks_are_told(scores: tuple[float | None, ...], raised: bool) -> None:
    told = replay(stream(alive(*scores), every=5.0), ALIVE)
    assert named(told) == ["+LIVENESS_DOUBT"] * raised


@pytest.mark.parametrize(
    "hidden", [note(liveness=0.0, quality="dark"), note(liveness=0.0, persons=2, faces=2)]
)
def test_poor_light_and_two_faces_cast_no_vote(hidden: ObservationNote) -> None:
    assert replay(stream([hidden] * 20, every=5.0), ALIVE) == ()


def test_old_votes_speak_no_more() -> None:
    early, late = stream(alive(0.1, 0.1), every=5.0), stream(alive(0.1, 0.9), start=65.0, every=5.0)
    assert replay(early + late, ALIVE) == ()


@pytest.mark.parametrize(
    ("scores", "raised"),
    [
        ((0.34,), False),
        ((0.35,), True),
        ((0.25, 0.25), False),
        ((0.25, 0.25, 0.25), True),
        ((0.24,) * 10, False),
        ((0.25, 0.0, 0.25, 0.0, 0.0, 0.25), True),
        ((0.25, 0.0, 0.0, 0.25, 0.0, 0.0, 0.25), False),  # three, but not among six
    ],
)
def test_a_thing_is_told_when_it_is_sure_once_or_likely_in_three_of_six(
    scores: tuple[float, ...], raised: bool
) -> None:
    told = replay(stream([things(phone=score) for score in scores], every=3.0), PHONE)
    assert named(told) == ["+PHONE_HINT"] * raised


def test_a_thing_goes_when_it_is_looked_for_and_not_found() -> None:
    """Looks that did not look for things in between neither raise nor end anything."""
    looks = [things(phone=0.6), note(), note(), things(), note(), note(), things(), note(), note(), things()]
    told = replay(stream(looks), PHONE)
    assert named(told) == ["+PHONE_HINT", "-PHONE_HINT"]
    assert isinstance(told[0], Opened) and told[0].scores == {"score": 0.6, "votes": 1.0}
    assert told[1].at == 3.0


def test_each_thing_is_its_own_kind() -> None:
    asked = rules(K.PHONE_HINT, K.BOOK_HINT, K.PERSON_HINT, hold=0.0)
    told = replay(stream([things(book=0.5), things(book=0.1, person=0.9)]), asked)
    assert named(told) == ["+BOOK_HINT", "+PERSON_HINT"]


def test_a_second_person_is_a_hint_when_large_enough_and_without_a_face() -> None:
    def seen(*heights: float, persons: int = 1) -> ObservationNote:
        boxes = [
            FoundObject("person", 0.9 - 0.1 * n, (n * 90.0, 0.0, 80.0, h)) for n, h in enumerate(heights)
        ]
        return replace(OBSERVATION, persons=persons, objects=tuple(boxes)).note()

    assert seen(300.0).objects == {} and seen(300.0, 150.0).objects == {}
    assert seen(300.0, 200.0).objects == {"person": 0.8}
    assert seen(200.0, 300.0).objects == {"person": 0.9}  # the one who sits here is the largest
    asked = rules(K.PERSON_HINT, hold=0.0)
    assert named(replay(stream([seen(300.0, 200.0)]), asked)) == ["+PERSON_HINT"]
    assert replay(stream([seen(300.0, 200.0, persons=2)]), asked) == ()


@pytest.mark.parametrize(
    ("left", "found"), [(40.0, {}), (59.0, {}), (61.0, {"person": 0.8}), (100.0, {"person": 0.8})]
)
def test_a_part_of_a_person_is_no_second_person(left: float, found: dict[str, float]) -> None:
    whole = FoundObject("person", 0.9, (0.0, 0.0, 200.0, 300.0))
    part = FoundObject("person", 0.8, (left, 50.0, 200.0, 200.0))
    assert replace(OBSERVATION, objects=(whole, part)).note().objects == found


def test_a_phone_on_the_desk_of_an_empty_chair_is_seen_too() -> None:
    assert named(replay([Sight(0.0, note(faces=0, persons=0, objects={"phone": 0.9}))], PHONE)) == [
        "+PHONE_HINT"
    ]


def test_who_left_is_no_photo_any_more() -> None:
    asked = rules(K.NO_FACE, K.LIVENESS_DOUBT, hold=0.0, clear=1.0)
    told = replay(stream(alive(0.1, 0.1, 0.1) + [empty()] * 3), asked)
    assert named(told) == ["+LIVENESS_DOUBT", "+NO_FACE", "-LIVENESS_DOUBT"]


# --- cooling down ------------------------------------------------------------------------------------

COOL = rules(K.NO_FACE, hold=3.0, clear=2.0, cool=20.0)


def away(seconds: int) -> list[ObservationNote]:
    return [empty()] * seconds


def here(seconds: int) -> list[ObservationNote]:
    return [note()] * seconds


def test_what_comes_back_too_soon_is_counted_and_told_with_the_next_episode() -> None:
    looks = away(6) + here(5) + away(5) + here(3) + away(5) + here(30) + away(6)
    told = replay(stream(looks), COOL)
    assert named(told) == ["+NO_FACE", "-NO_FACE", "+NO_FACE"]
    last = told[2]
    assert isinstance(last, Opened) and (last.since, last.scores["again"]) == (54.0, 2.0)


@pytest.mark.parametrize(("rest", "raised"), [(19, 1), (21, 2)])
def test_a_cause_that_outlasts_the_cool_down_is_told_then(rest: int, raised: int) -> None:
    """Gone at second 6, cool until second 26; it came back at 11 and is still there, or not."""
    told = replay(stream(away(6) + here(5) + away(rest - 5)), COOL)
    opened = [each for each in told if isinstance(each, Opened)]
    assert len(opened) == raised
    if raised == 2:
        assert (opened[1].since, opened[1].at) == (11.0, 26.0) and "again" not in opened[1].scores


def test_without_a_cool_down_every_episode_is_told() -> None:
    told = replay(stream((away(6) + here(5)) * 3), rules(K.NO_FACE, hold=3.0, clear=2.0))
    assert named(told) == ["+NO_FACE", "-NO_FACE"] * 3 and "again" not in told[2].scores  # type: ignore[union-attr]


@pytest.mark.dear
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), max_size=12), st.floats(0, 40))
def test_episodes_of_a_kind_keep_their_distance(turns: list[tuple[int, int]], cool: float) -> None:
    """And none is told that would not be told without a cool-down: at most one for each time away."""
    sights = stream([look for gone, back in turns for look in away(gone) + here(back)])
    told = replay(sights, rules(K.NO_FACE, hold=3.0, clear=2.0, cool=cool))
    free = replay(sights, rules(K.NO_FACE, hold=3.0, clear=2.0))
    assert len(told) <= len(free)
    for before, each in pairwise(told):
        if isinstance(each, Opened):
            assert each.at >= before.at + cool - 1e-6
