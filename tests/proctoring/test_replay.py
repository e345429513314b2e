"""Looks that were kept tell the very same again, and what they say nothing about is named."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.incidents import IncidentKind as K
from exam_rooms.look_log import LoggedLook, pack, unpack
from exam_rooms.watching import CAMERA_KINDS, AttentionRules, EpisodeRule, Likeness, PaceRules, WatchRules
from proctoring import episodes
from proctoring.causes import ODD_SIZE, STALLED, Sight, noted
from proctoring.episodes import START
from proctoring.observation import Attention, FoundFace, FoundObject, Identity, Observation
from proctoring.quality import Quality, Verdict
from proctoring.replay import not_looked_for, refold
from tests.proctoring.looks_kit import facing, note, rules

RULES = WatchRules(
    verify_seconds=1.0,
    mismatch_frames=3,
    attention=AttentionRules(baseline_seconds=5.0, down_seconds=3.0),
    pace=PaceRules(liveness_seconds=1.0, objects_seconds=1.0),
    episodes=tuple(EpisodeRule(str(kind), 2.0, 2.0, cool_down_seconds=4.0) for kind in CAMERA_KINDS),
)
FACE = FoundFace((200.0, 100.0, 120.0, 150.0), 0.95, ((0.0, 0.0),) * 5, main=True)


def looks(seed: int, count: int = 90) -> list[Sight]:
    """A troubled seat, as the eyes tell of it: runs of everything that a camera can show."""
    chance = random.Random(seed)
    mood, sights, at = "good", [], 5000.0
    for _ in range(count):
        at = round(at + chance.choice([0.5, 1.0, 1.0, 1.5]), 3)
        if chance.random() < 0.2:
            moods = ["good", "good", "empty", "two", "stranger", "dark", "covered", "lost", "still", "away"]
            mood = chance.choice([*moods, "photo", "phone", "blind", "stalled"])
        camera = STALLED if mood == "stalled" else chance.choice(["", "", "", ODD_SIZE])
        sights.append(Sight(at, observation(mood, chance), chance.random() < 0.03, camera))
    return sights


def observation(mood: str, chance: random.Random) -> Observation | None:
    if mood in {"lost", "stalled"}:
        return None
    persons = {"empty": 0, "dark": 0, "covered": 0, "blind": 0, "two": 2}.get(mood, 1)
    comparable = mood in {"good", "stranger"} and chance.random() < 0.7
    similarity = chance.uniform(-0.1, 0.3) if mood == "stranger" else chance.uniform(0.4, 0.9)
    found = FoundObject(chance.choice(["phone", "book"]), chance.random(), (0.0, 0.0, 9.0, 9.0))
    return Observation(
        width=640,
        height=480,
        quality=Quality(
            chance.uniform(0, 255),
            chance.uniform(0, 500),
            Verdict(mood) if mood in set(Verdict) else Verdict.GOOD,
        ),
        faces=(FACE,) * persons,
        persons=persons,
        comparable=comparable,
        identity=Identity(similarity, Likeness.UNSURE) if mood in {"good", "stranger"} else None,
        fingerprint="still" if mood == "still" else f"{chance.random()}",
        unavailable=("detect",) if mood == "blind" else (),
        attention=Attention(
            chance.uniform(-5, 5) + 50 * (mood == "away"), 0.0, 0.0, 0.3, chance.random(), 0.5
        ),
        liveness=chance.uniform(0, 0.5) if mood == "photo" else chance.choice([None, 0.9]),
        objects=(found,) if mood == "phone" else chance.choice([None, ()]),
        probe=np.ones(4, np.float32),
    )


def logged(sights: list[Sight]) -> list[LoggedLook]:
    """As the seat's agent keeps them while it folds."""
    state, kept = START, []
    for sight in sights:
        repeated = episodes.repeats(state, sight)
        kept.append(LoggedLook(round(sight.at * 1000), noted(sight.observation), repeated, sight.camera))
        state, _ = episodes.step(state, sight, RULES)
    return kept


@pytest.mark.dear
@given(st.integers(0, 100_000))
def test_notes_of_looks_tell_exactly_what_the_looks_told(seed: int) -> None:
    sights = looks(seed)
    assert refold(unpack(pack(logged(sights))), RULES) == episodes.replay(sights, RULES)


@pytest.mark.dear
def test_such_seats_show_everything_that_can_be_told() -> None:
    """The law above would hold for a fold that tells nothing."""
    told = {each.kind for seed in range(60) for each in episodes.replay(looks(seed), RULES)}
    assert told >= set(CAMERA_KINDS) - {K.GAZE_AWAY, K.PERSON_HINT}


def test_other_settings_tell_something_else_of_the_same_looks() -> None:
    kept = [LoggedLook(1000 * second, note(faces=0, persons=0)) for second in range(10)]
    assert refold(kept, rules(K.NO_FACE, hold=20.0)) == ()
    (told,) = refold(kept, rules(K.NO_FACE, hold=4.0))
    assert (told.kind, told.since) == (K.NO_FACE, 0.0)


@pytest.mark.parametrize(
    ("seen", "blind"),
    [
        (note(), (K.FACE_MISMATCH, K.TURNED_AWAY, K.LIVENESS_DOUBT, K.PHONE_HINT)),
        (facing(similarity=0.5), (K.LIVENESS_DOUBT, K.PHONE_HINT)),
        (note(objects={}, liveness=0.5), (K.FACE_MISMATCH, K.TURNED_AWAY)),
    ],
)
def test_what_was_not_looked_for_is_named(seen: object, blind: tuple[K, ...]) -> None:
    asked = rules(K.NO_FACE, K.FACE_MISMATCH, K.TURNED_AWAY, K.LIVENESS_DOUBT, K.PHONE_HINT)
    kept = [LoggedLook(0), LoggedLook(1000, seen)]  # type: ignore[arg-type]
    assert not_looked_for(kept, asked) == blind
