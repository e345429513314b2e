"""One look at one frame: who sits here, whether it is the enrolled person, and what is too poor to tell."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.watching import Likeness
from proctoring import models
from proctoring.face_quality import LEAST_DETAIL, detail
from proctoring.frames import Frame, decode_frame
from proctoring.models import MISSING, ModelUnavailable, card
from proctoring.observe import PHOTO, SEAT, Eyes, Sizes, count_persons, enrol, likeness, main_face, mark_main
from proctoring.quality import Verdict
from tests.proctoring.observing_kit import RULES, WEIGHTS, face
from tests.proctoring.photos import lit, noisy, photo, placed, scaled, wall


@pytest.fixture(scope="module")
def eyes() -> Eyes:
    return Eyes()


@pytest.fixture(scope="module")
def sitting() -> Frame:
    """Somebody before the camera of a seat: a face of 120 pixels in a frame of 640."""
    return placed(wall(), "obama.jpg", 130, 160)


@pytest.fixture(scope="module")
def templates(eyes: Eyes):
    found = {}
    for name in ("obama2.jpg", "biden.jpg"):
        main = main_face(eyes.observe(photo(name), None, RULES, sizes=PHOTO).faces)
        found[name] = eyes.vector(photo(name), main)
    return found


# --- who sits here ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "score", "persons"),
    [
        (0.349, 0.9, 1),
        (0.35, 0.9, 2),
        (0.351, 0.9, 2),
        (1.05, 0.7, 2),
        (0.5, 0.699, 1),
        (0.5, 0.7, 2),
        (0.5, 0.701, 2),
    ],
)
def test_a_second_face_counts_from_share_and_score_on(share: float, score: float, persons: int) -> None:
    found = mark_main([face(100, 0.95), face(100 * share, score, 300)], 0)
    assert count_persons(found, RULES) == persons


def test_limits_of_a_second_face_are_the_rules_own() -> None:
    found = mark_main([face(100), face(50, 0.8, 300), face(30, 0.6, 500)], 0)
    strict = replace(RULES, second_face_share=0.6)
    loose = replace(RULES, second_face_share=0.2, second_face_score=0.5)
    assert [count_persons(found, each) for each in (strict, RULES, loose)] == [1, 2, 3]


def test_the_main_face_is_likely_and_large() -> None:
    found = mark_main([face(60, 0.95), face(130, 0.5, 100), face(80, 0.9, 300)], 0)
    assert [each.main for each in found] == [False, True, False]
    found = mark_main([face(100, 0.9), face(105, 0.5, 200)], 0)
    assert [each.main for each in found] == [True, False]


@pytest.mark.parametrize(("width", "persons"), [(38.3, 0), (38.4, 1), (38.5, 1)])
def test_who_is_too_far_away_does_not_sit_here(width: float, persons: int) -> None:
    found = mark_main([face(width)], SEAT.near * 640)
    assert count_persons(found, RULES) == persons


@given(st.lists(st.tuples(st.floats(1, 300), st.floats(0.5, 1)), max_size=8), st.floats(0, 200))
def test_there_is_one_main_face_when_any_is_near(made, least: float) -> None:
    found = mark_main([face(width, score) for width, score in made], least)
    assert sum(each.main for each in found) == int(any(width >= least for width, _ in made))
    assert 0 <= count_persons(found, RULES) <= len(found)
    assert [replace(each, main=False) for each in found] == [face(width, score) for width, score in made]


@pytest.mark.parametrize(("second", "persons"), [(36, 1), (52, 2), (110, 2)])
def test_persons_in_real_frames(eyes: Eyes, sitting: Frame, second: float, persons: int) -> None:
    seen = eyes.observe(placed(sitting, "biden.jpg", second, 520 - int(second)), None, RULES)
    assert (len(seen.faces), seen.persons, seen.comparable) == (2, persons, persons == 1)
    assert main_face(seen.faces).box[2] == pytest.approx(120, abs=8)


def test_an_empty_chair_with_somebody_behind_is_empty(eyes: Eyes) -> None:
    seen = eyes.observe(placed(wall(), "biden.jpg", 30, 300), None, RULES)
    assert (len(seen.faces), seen.persons, seen.comparable) == (1, 0, False)
    assert seen.quality.verdict is Verdict.GOOD


def test_an_empty_chair_is_empty_and_not_covered(eyes: Eyes) -> None:
    seen = eyes.observe(wall(), None, RULES)
    assert (seen.faces, seen.persons, seen.quality.verdict) == ((), 0, Verdict.GOOD)
    assert (seen.width, seen.height) == (640, 480)


@pytest.mark.dear
def test_whom_the_first_look_misses_the_second_finds(eyes: Eyes) -> None:
    frame = placed(wall(720, 1280), "astronaut.png", 16, 600)
    once = eyes.observe(frame, None, RULES, sizes=Sizes(160, 0))
    twice = eyes.observe(frame, None, RULES, sizes=Sizes(160, 1280))
    assert (once.persons, twice.persons) == (0, 1)


# --- is it the enrolled person ------------------------------------------------------------------------


@pytest.mark.dear
def test_the_enrolled_person_matches_and_another_does_not(eyes: Eyes, sitting: Frame, templates) -> None:
    right = eyes.observe(sitting, templates["obama2.jpg"], RULES)
    wrong = eyes.observe(sitting, templates["biden.jpg"], RULES)
    assert (right.identity.likeness, wrong.identity.likeness) == (Likeness.MATCH, Likeness.MISMATCH)
    assert right.identity.similarity > 0.7 > 0.2 > wrong.identity.similarity
    assert right.note().similarity == round(right.identity.similarity, 4)


def test_nothing_is_compared_unless_asked_for(eyes: Eyes, sitting: Frame, templates) -> None:
    for seen in (
        eyes.observe(sitting, None, RULES),
        eyes.observe(sitting, templates["biden.jpg"], RULES, compare=False),
    ):
        assert (seen.identity, seen.comparable, "verify" in seen.ms) == (None, True, False)


@pytest.mark.parametrize(
    ("similarity", "said"),
    [
        (1.0, Likeness.MATCH),
        (0.5, Likeness.MATCH),
        (0.4999, Likeness.UNSURE),
        (0.35, Likeness.UNSURE),
        (0.3499, Likeness.MISMATCH),
        (-1.0, Likeness.MISMATCH),
    ],
)
def test_what_a_similarity_says(similarity: float, said: Likeness) -> None:
    assert dict(card("verify").thresholds) == {"match": 0.5, "mismatch": 0.35}
    assert likeness(similarity) is said


def overexposed(frame: Frame) -> Frame:
    return np.asarray(np.clip(frame.astype(float) * 6, 0, 255), np.uint8)


def shaken(frame: Frame, direction: str) -> Frame:
    """The person moves while the background stays sharp."""
    kernel = {
        "across": np.pad(np.ones((1, 25), np.float32), ((12, 12), (0, 0))),
        "down": np.pad(np.ones((25, 1), np.float32), ((0, 0), (12, 12))),
        "aslant": np.eye(25, dtype=np.float32),
    }[direction]
    moved = np.asarray(cv2.filter2D(frame, -1, kernel / 25), np.uint8)
    moved[:, :160] = frame[:, :160]
    return moved


@pytest.mark.parametrize(
    ("name", "spoil", "verdict"),
    [
        ("dark", lambda frame: lit(frame, 0.12), Verdict.DARK),
        ("blurred", lambda frame: cv2.GaussianBlur(frame, (0, 0), 6), Verdict.BLURRED),
        ("shaken across", lambda frame: shaken(frame, "across"), Verdict.GOOD),
        ("shaken up and down", lambda frame: shaken(frame, "down"), Verdict.GOOD),
        ("shaken aslant", lambda frame: shaken(frame, "aslant"), Verdict.GOOD),
        ("glare", overexposed, Verdict.GOOD),
    ],
)
def test_poor_pictures_show_the_person_but_are_not_compared(
    eyes: Eyes, sitting: Frame, templates, name: str, spoil, verdict: Verdict
) -> None:
    seen = eyes.observe(np.asarray(spoil(sitting), np.uint8), templates["biden.jpg"], RULES)
    assert (seen.persons, seen.quality.verdict) == (1, verdict), name
    assert (seen.comparable, seen.identity) == (False, None)


def test_a_face_in_shadow_is_not_compared(eyes: Eyes, sitting: Frame, templates) -> None:
    frame = sitting.copy()
    dim = frame[:, 160:540].astype(float) * 0.13
    frame[:, 160:540] = noisy(dim, 2.0, 4)
    seen = eyes.observe(frame, templates["biden.jpg"], RULES)
    assert (seen.quality.verdict, seen.persons, seen.comparable) == (Verdict.GOOD, 1, False)


@pytest.mark.parametrize(("width", "comparable"), [(36, False), (58, True)])
def test_small_faces_are_seen_but_not_compared(eyes: Eyes, width: float, comparable: bool) -> None:
    frame = placed(wall(360, 480), "obama.jpg", width, 200)
    seen = eyes.observe(frame, None, RULES)
    assert (seen.persons, seen.comparable) == (1, comparable)


def test_detail_falls_with_blur_and_not_with_light() -> None:
    grey = cv2.cvtColor(scaled("obama.jpg", 80), cv2.COLOR_BGR2GRAY)[30:110, 40:120]
    spread = [detail(np.asarray(cv2.GaussianBlur(grey, (0, 0), each), np.uint8)) for each in (0.5, 2, 4, 8)]
    assert spread == sorted(spread, reverse=True)
    assert spread[0] > LEAST_DETAIL > spread[-1]
    assert detail(grey // 3) == pytest.approx(detail(grey), rel=0.1)


def test_a_person_before_a_bare_wall_is_no_covered_lens(eyes: Eyes) -> None:
    bare = np.full((480, 640, 3), 190, np.uint8)
    head = placed(bare, "astronaut.png", 50, 300, height=1.2)
    seen = eyes.observe(head, None, RULES)
    assert (seen.persons, seen.quality.verdict) == (1, Verdict.GOOD)
    assert eyes.observe(noisy(bare, 3, 1), None, RULES).quality.verdict is Verdict.COVERED


# --- models and odd frames ----------------------------------------------------------------------------


def test_models_are_named(eyes: Eyes) -> None:
    assert eyes.unavailable == ()
    assert eyes.models == {each: f"{card(each).name} {card(each).version}" for each in ("detect", "verify")}


def test_without_the_detector_nothing_is_said_about_persons(
    tmp_path: Path, sitting: Frame, templates
) -> None:
    shutil.copy(WEIGHTS / card("verify").file, tmp_path)
    blind = Eyes(tmp_path)
    seen = blind.observe(sitting, templates["biden.jpg"], RULES)
    assert (seen.faces, seen.persons, seen.comparable, seen.identity) == ((), 0, False, None)
    assert (seen.unavailable, list(seen.models)) == (("detect",), ["verify"])
    assert seen.note().unavailable == ("detect",)
    assert seen.quality.verdict is Verdict.GOOD


def test_without_the_verifier_persons_are_counted_and_nobody_is_compared(
    tmp_path: Path, sitting: Frame, templates
) -> None:
    shutil.copy(WEIGHTS / card("detect").file, tmp_path)
    (tmp_path / card("verify").file).write_bytes(b"not a model")
    eyes = Eyes(tmp_path)
    seen = eyes.observe(sitting, templates["biden.jpg"], RULES)
    assert (seen.persons, seen.comparable, seen.identity) == (1, True, None)
    assert (seen.unavailable, list(seen.models)) == (("verify",), ["detect"])
    with pytest.raises(ModelUnavailable) as caught:
        eyes.vector(sitting, seen.faces[0])
    assert (caught.value.purpose, caught.value.code) == ("verify", models.WRONG_FILE)
    assert enrol(eyes, None, [sitting] * 4, RULES) is None


def test_without_any_model_a_look_is_still_a_look(tmp_path: Path, sitting: Frame) -> None:
    eyes = Eyes(tmp_path)
    assert eyes.observe(sitting, None, RULES).unavailable == ("detect", "verify")
    with pytest.raises(ModelUnavailable) as caught:
        eyes.vector(sitting, face(10))
    assert caught.value.code == MISSING


def test_a_template_of_another_model_is_an_error_not_a_silent_pass(eyes: Eyes, sitting: Frame) -> None:
    with pytest.raises(ValueError, match="192"):
        eyes.observe(sitting, np.ones(512, np.float32), RULES)


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((16, 16, 3), 255, np.uint8),
        np.zeros((16, 3000, 3), np.uint8),
        np.zeros((3000, 16, 3), np.uint8),
        np.random.default_rng(1).integers(0, 256, (240, 320, 3), dtype=np.uint8),
        np.full((2, 641, 3), 7, np.uint8),
    ],
    ids=["one pixel", "tiny", "line", "column", "noise", "two lines"],
)
def test_odd_frames_show_nobody(eyes: Eyes, templates, frame: Frame) -> None:
    seen = eyes.observe(frame, templates["biden.jpg"], RULES)
    assert (seen.persons, seen.identity, seen.height, seen.width) == (0, None, *frame.shape[:2])


def test_grey_pictures_are_compared_too(eyes: Eyes, sitting: Frame, templates) -> None:
    grey = cv2.imencode(".png", cv2.cvtColor(sitting, cv2.COLOR_BGR2GRAY))[1].tobytes()
    seen = eyes.observe(decode_frame(grey), templates["obama2.jpg"], RULES)
    assert seen.identity.likeness is Likeness.MATCH


def test_only_live_pictures_have_new_fingerprints(eyes: Eyes, sitting: Frame) -> None:
    looks = [eyes.observe(each, None, RULES) for each in (sitting, sitting.copy(), noisy(sitting, 1, 9))]
    assert looks[0].fingerprint == looks[1].fingerprint != looks[2].fingerprint


def test_the_same_frame_gives_the_same_observation(eyes: Eyes, sitting: Frame, templates) -> None:
    one, other = (eyes.observe(sitting, templates["obama2.jpg"], RULES) for _ in range(2))
    assert replace(one, ms={}) == replace(other, ms={})
    assert set(one.ms) == {"quality", "detect", "align", "verify"}
    assert min(one.ms.values()) >= 0
