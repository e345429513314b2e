"""Head, eyes and mouth against the candidate's own usual place: edges, learning, and what tells nothing."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.incidents import IncidentKind as K
from exam_rooms.watching import AttentionRules, PaceRules
from proctoring import episodes
from proctoring.attention import Usual, Value
from proctoring.episodes import START, Opened, replay
from tests.proctoring.looks_kit import Sight, empty, facing, named, note, rules, stream

RULES = rules(K.TURNED_AWAY)
AHEAD = [facing()] * 31
"""Half a minute in which the usual place is learned."""


@pytest.mark.parametrize(("home", "turn", "raised"), [
    (0.0, 30.0, False), (0.0, 30.1, True), (0.0, -30.0, False), (0.0, -30.1, True),
    (20.0, 45.0, False), (20.0, 51.0, True), (20.0, -9.0, False), (20.0, -11.0, True),
])  # fmt: skip
def test_away_is_measured_from_the_own_usual_place(home: float, turn: float, raised: bool) -> None:
    told = replay(stream([facing(home)] * 31 + [facing(turn)] * 4), RULES)
    assert named(told) == ["+TURNED_AWAY"] * raised


def test_a_head_that_comes_back_ends_the_episode() -> None:
    told = replay(stream(AHEAD + [facing(50.0)] * 10 + [facing(5.0)] * 3), RULES)
    assert named(told) == ["+TURNED_AWAY", "-TURNED_AWAY"]
    opened = told[0]
    assert isinstance(opened, Opened) and (opened.since, opened.at) == (31.0, 34.0)
    assert opened.scores == {"yaw": 50.0, "pitch": 0.0, "usual_yaw": 0.0, "usual_pitch": 0.0}


def test_nothing_is_usual_before_half_a_minute_of_good_looks() -> None:
    assert replay(stream([facing(0.0)] * 15 + [facing(60.0)] * 14), RULES) == ()
    few = [facing(0.0)] + [note()] * 40 + [facing(60.0)] * 8
    assert replay(stream(few), RULES) == ()


def test_a_turned_head_in_the_first_looks_does_not_become_usual() -> None:
    """A median: twelve looks aside among thirty-one change nothing."""
    first = [facing(55.0)] * 12 + [facing(0.0)] * 19
    assert named(replay(stream(first + [facing(55.0)] * 4), RULES)) == ["+TURNED_AWAY"]


@pytest.mark.parametrize(("seconds", "raised"), [(17, False), (18, True)])
def test_who_writes_on_scrap_paper_looks_down_for_long_before_anybody_is_told(
    seconds: int, raised: bool
) -> None:
    """Fifteen seconds of looking down, and only then the hold time of three."""
    down = [facing(0.0, -25.0)] * (seconds + 1)
    assert named(replay(stream(AHEAD + down), RULES)) == ["+TURNED_AWAY"] * raised


def test_looking_up_now_and_then_begins_the_time_of_looking_down_anew() -> None:
    writing = ([facing(0.0, -35.0)] * 12 + [facing(0.0, -5.0)] * 2) * 10
    assert replay(stream(AHEAD + writing), RULES) == ()


@pytest.mark.parametrize(("pitch", "raised"), [(-20.0, False), (-20.1, True), (40.0, False)])
def test_down_is_a_matter_of_degrees_and_up_is_thinking(pitch: float, raised: bool) -> None:
    assert named(replay(stream(AHEAD + [facing(0.0, pitch)] * 20), RULES)) == ["+TURNED_AWAY"] * raised


@pytest.mark.parametrize(
    "hidden",
    [
        note(),  # a face, but no head pose
        facing(60.0, quality="blurred"),
        facing(60.0, quality="dark"),
        note(faces=0, persons=0, quality="blurred"),
        None,
    ],
)
def test_a_look_without_a_clear_face_tells_nothing(hidden: object) -> None:
    assert replay(stream(AHEAD + [hidden] * 30), RULES) == ()  # type: ignore[list-item]
    opened = AHEAD + [facing(60.0)] * 5
    assert named(replay(stream([*opened, *[hidden] * 30]), RULES)) == ["+TURNED_AWAY"]  # type: ignore[list-item]


def test_an_empty_chair_is_not_turned_away_once_it_is_told_as_empty() -> None:
    told = replay(stream(AHEAD + [facing(60.0)] * 5 + [empty()] * 10), rules(K.NO_FACE, K.TURNED_AWAY))
    assert named(told) == ["+TURNED_AWAY", "+NO_FACE", "-TURNED_AWAY"]


def test_of_two_faces_nobody_knows_whose_head_is_turned() -> None:
    """Somebody leans into the picture and explains something: that is told as two faces."""
    two = facing(60.0, persons=2, faces=2)
    assert replay(stream(AHEAD + [two] * 30), RULES) == ()


def test_who_comes_back_to_the_chair_is_measured_anew() -> None:
    """Somebody else, perhaps, whose screen stands elsewhere: 40 degrees are usual for them."""
    stream_ = AHEAD + [empty()] * 5 + [facing(40.0)] * 60
    assert named(replay(stream(stream_), rules(K.NO_FACE, K.TURNED_AWAY))) == ["+NO_FACE", "-NO_FACE"]


# --- following slowly --------------------------------------------------------------------------------


@pytest.mark.dear
def test_who_sinks_into_the_chair_within_an_hour_is_not_looking_away() -> None:
    looks = [facing(0.0, -9.0 * place / 3600) for place in range(3600)]
    assert replay(stream(looks), RULES) == ()
    later = [facing(0.0, -9.0)] * 300 + [facing(0.0, -26.0)] * 30
    assert replay(stream(looks + later), RULES) == ()


@pytest.mark.dear
def test_nobody_can_teach_it_another_place_bit_by_bit() -> None:
    """A degree every minute: at 45 degrees, one and a half times what is away, people are told all the same."""
    looks = [facing(float(place // 60)) for place in range(60 * 60)]
    (told,) = [each for each in replay(stream(looks), RULES) if isinstance(each, Opened)]
    assert 44 * 60 <= told.since <= 47 * 60


@pytest.mark.dear
@given(st.lists(st.floats(-40, 40), min_size=40, max_size=120))
def test_the_usual_place_stays_near_home_and_within_what_was_seen(values: list[float]) -> None:
    usual = Usual()
    for place, value in enumerate(values):
        usual = usual.learned(Value(float(place) * 5, value), 30.0)
    home, now = usual.home, usual.place(30.0)
    assert home is not None and now is not None
    assert min(values) <= home <= max(values) and abs(now - home) <= 15.0


@pytest.mark.parametrize("home", [50.0, -70.0])
def test_who_was_turned_to_the_invigilator_while_it_learned_is_not_told_for_the_rest_of_the_exam(
    home: float,
) -> None:
    """People are told once; from whoever then sits the same way for minutes it learns anew."""
    looks = [facing(home)] * 31 + [facing(0.0)] * 600
    told = replay(stream(looks), RULES)
    assert named(told) == ["+TURNED_AWAY", "-TURNED_AWAY"]
    assert told[1].at < 300
    again = replay(stream(looks + [facing(40.0)] * 10), RULES)
    assert named(again) == ["+TURNED_AWAY", "-TURNED_AWAY", "+TURNED_AWAY"]


def test_who_looked_up_to_the_invigilator_while_it_learned_is_not_bent_down_ever_after() -> None:
    told = replay(stream([facing(0.0, 35.0)] * 31 + [facing()] * 600), RULES)
    assert named(told) == ["+TURNED_AWAY", "-TURNED_AWAY"]


def test_turning_for_two_minutes_teaches_nothing() -> None:
    told = replay(stream(AHEAD + [facing(60.0)] * 120 + [facing()] * 60), RULES)
    assert named(told) == ["+TURNED_AWAY", "-TURNED_AWAY"]
    assert told[1].at == 31 + 120


# --- eyes and mouth ----------------------------------------------------------------------------------

EYES = rules(K.GAZE_AWAY)


@pytest.mark.parametrize(
    ("gaze", "yaw", "raised"),
    [(0.57, 0.0, False), (0.58, 0.0, True), (0.42, 0.0, True), (0.6, 15.0, True), (0.6, 15.1, False)],
)
def test_eyes_aside_count_while_the_head_is_still(gaze: float, yaw: float, raised: bool) -> None:
    ahead = [facing(gaze=0.5)] * 31
    told = replay(stream(ahead + [facing(yaw, gaze=gaze)] * 5), EYES)
    assert named(told) == ["+GAZE_AWAY"] * raised


@pytest.mark.parametrize(("apart", "raised"), [(1, True), (2, True), (5, False)])
def test_between_two_looks_at_the_eyes_the_last_one_holds_for_a_while(apart: int, raised: bool) -> None:
    """Eyes are looked at every second; after two seconds without nobody knows where they look."""
    ahead = [facing(gaze=0.5)] * 31
    aside = [facing(gaze=0.7 if place % apart == 0 else None) for place in range(12)]
    assert named(replay(stream(ahead + aside), EYES)) == ["+GAZE_AWAY"] * raised


@pytest.mark.parametrize(("moves", "raised"), [(5, False), (6, True)])
def test_talking_is_a_mouth_that_moves_again_and_again(moves: int, raised: bool) -> None:
    def mouth(opening: float) -> object:
        return note(yaw=0.0, pitch=0.0, roll=0.0, eyes=0.3, mouth=opening)

    still = [mouth(0.05)] * (12 - moves)
    moving = [mouth(0.25 if place % 2 == 0 else 0.05) for place in range(moves)]
    told = replay(stream(still + moving), rules(K.TALKING, hold=0.0))  # type: ignore[arg-type]
    assert named(told) == ["+TALKING"] * raised


def test_a_yawn_is_not_talking() -> None:
    looks = [facing()] * 20 + [note(yaw=0.0, pitch=0.0, roll=0.0, eyes=0.2, mouth=0.6)] * 5 + [facing()] * 20
    assert replay(stream(looks), rules(K.TALKING, hold=0.0)) == ()


# --- laws --------------------------------------------------------------------------------------------

MANY = rules(
    K.NO_FACE, K.TURNED_AWAY, K.GAZE_AWAY, K.TALKING, hold=2.0,
    attention=AttentionRules(baseline_seconds=5.0, down_seconds=3.0), pace=PaceRules(gaze_seconds=2.0),
)  # fmt: skip


def walk(seed: int, count: int) -> list[Sight]:
    """A head that wanders, at uneven paces, sometimes out of the picture."""
    chance, at, sights = random.Random(seed), 0.0, []
    yaw = 0.0
    for _ in range(count):
        at = round(at + chance.choice([0.5, 1.0, 1.0, 1.5, 4.0]), 3)
        yaw = 0.7 * yaw + chance.uniform(-30, 30)
        gaze = chance.choice([None, 0.5, 0.5, 0.62])
        mouth = chance.choice([0.05, 0.3])
        seen = note(yaw=yaw, pitch=chance.uniform(-40, 20), roll=0.0, eyes=0.3, mouth=mouth, gaze=gaze)
        sights.append(Sight(at, chance.choice([seen, seen, seen, seen, note(), empty(), None])))
    return sights


@pytest.mark.dear
@given(st.integers(0, 10_000), st.integers(0, 80))
def test_a_state_kept_as_json_is_all_that_the_rest_needs(seed: int, cut: int) -> None:
    sights, state, told = walk(seed, 80), START, []
    for place, sight in enumerate(sights):
        if place == cut:
            kept = json.loads(json.dumps(episodes.encode(state)))
            assert episodes.decode(kept) == state
            state = episodes.decode(kept)
        state, news = episodes.step(state, sight, MANY)
        told += news
    assert tuple(told) == replay(sights, MANY)
