"""Cameras that stall or give pictures of the wrong size: an alert of their own, one for each cause."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.incidents import IncidentKind as K
from exam_rooms.watching import CAMERA_KINDS, OPTIONAL_KINDS, PRESENCE_KINDS, EpisodeRule, WatchRules
from proctoring import episodes
from proctoring.causes import ODD_SIZE, STALLED, Sight
from proctoring.episodes import Opened
from tests.proctoring.episodes_kit import good

RULES = WatchRules(
    episodes=tuple(
        EpisodeRule(kind, 4.0, 2.0) for kind in (*PRESENCE_KINDS, K.CAMERA_STALLED, K.CAMERA_RESOLUTION)
    )
)
WORDS = {"g": (good, ""), "o": (good, ODD_SIZE), "l": (lambda: None, ""), "s": (lambda: None, STALLED)}


def told(text: str, rules: WatchRules = RULES) -> list[tuple[str, str, float]]:
    """One look a second: good, odd size, lost, stalled; what opened and closed, and when."""
    sights = [Sight(float(at), WORDS[sign][0](), False, WORDS[sign][1]) for at, sign in enumerate(text)]
    return [(type(news).__name__, str(news.kind), news.at) for news in episodes.replay(sights, rules)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ggssssgg", []),
        ("ggsssss", [("Opened", "CAMERA_STALLED", 6.0)]),
        ("gglllll", [("Opened", "CAMERA_LOST", 6.0)]),
        ("ggsssssgggg", [("Opened", "CAMERA_STALLED", 6.0), ("Closed", "CAMERA_STALLED", 7.0)]),
        # One silence is told as what it began as, whatever becomes of it.
        ("ggslsllssl", [("Opened", "CAMERA_STALLED", 6.0)]),
        ("gglsssssss", [("Opened", "CAMERA_LOST", 6.0)]),
        ("ggssssslllllgggg", [("Opened", "CAMERA_STALLED", 6.0), ("Closed", "CAMERA_STALLED", 12.0)]),
        ("ggllllsgslllggg", [("Opened", "CAMERA_LOST", 6.0), ("Closed", "CAMERA_LOST", 12.0)]),
        ("oooo", []),
        ("ooooo", [("Opened", "CAMERA_RESOLUTION", 4.0)]),
        ("ooooooggg", [("Opened", "CAMERA_RESOLUTION", 4.0), ("Closed", "CAMERA_RESOLUTION", 6.0)]),
        # A camera that is silent says nothing of the size of its pictures.
        (
            "oooooosssssooo",
            [
                ("Opened", "CAMERA_RESOLUTION", 4.0),
                ("Opened", "CAMERA_STALLED", 10.0),
                ("Closed", "CAMERA_STALLED", 11.0),
            ],
        ),
    ],
)
def test_what_a_camera_is_told_to_be(text: str, expected: list[tuple[str, str, float]]) -> None:
    assert [(word, kind) for word, kind, _at in told(text)] == [(word, kind) for word, kind, _at in expected]
    assert told(text) == expected


def test_a_policy_that_knows_no_stall_tells_it_as_a_lost_camera() -> None:
    older = replace(RULES, episodes=tuple(rule for rule in RULES.episodes if rule.kind in PRESENCE_KINDS))
    assert told("ggsssss", older) == [("Opened", "CAMERA_LOST", 6.0)]
    assert told("oooooooooo", older) == []


def test_people_are_seen_in_pictures_of_the_wrong_size() -> None:
    sights = [Sight(float(at), replace(good(), persons=0, faces=()), False, ODD_SIZE) for at in range(6)]
    news = episodes.replay(sights, RULES)
    assert {str(one.kind) for one in news} == {"NO_FACE", "CAMERA_RESOLUTION"}


@given(st.text("gols", max_size=60))
def test_a_silent_camera_is_one_alert_at_a_time(text: str) -> None:
    state = episodes.START
    for at, sign in enumerate(text):
        sight = Sight(float(at), WORDS[sign][0](), False, WORDS[sign][1])
        state, news = episodes.step(state, sight, RULES)
        assert not {K.CAMERA_LOST, K.CAMERA_STALLED} <= set(state.open)
        assert all(one.kind in CAMERA_KINDS for one in news)
        assert not any(isinstance(one, Opened) and one.kind is K.FACE_MISMATCH for one in news)


def test_both_are_optional_kinds_of_a_policy() -> None:
    assert {K.CAMERA_STALLED, K.CAMERA_RESOLUTION} <= set(OPTIONAL_KINDS)
