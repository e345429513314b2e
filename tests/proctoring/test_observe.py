"""One look at one frame: who sits here, whether it is the enrolled person, and what is too poor to tell."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.watching import Likeness, WatchRules
from exam_rooms.wire import encode
from proctoring import faces, mesh, models
from proctoring.face_quality import LEAST_DETAIL, detail, is_comparable
from proctoring.frames import Frame, decode_frame
from proctoring.models import MISSING, ModelUnavailable, card
from proctoring.nets import MESH
from proctoring.observation import FoundFace
from proctoring.observe import (
    EVERYTHING,
    PHOTO,
    SEAT,
    Enrolment,
    Eyes,
    Looks,
    Sizes,
    count_persons,
    enrol,
    likeness,
    main_face,
    mark_main,
)
from proctoring.quality import Verdict
from tests.proctoring.photos import lit, noisy, photo, placed, scaled, wall
from tests.proctoring.turning import shut

RULES = WatchRules()
WEIGHTS = Path(models.__file__).parent / "weights"


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


def face(width: float, score: float = 0.9, left: float = 0.0) -> FoundFace:
    return FoundFace((left, 0.0, width, width * 1.3), score, ((0.0, 0.0),) * 5)


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


def test_whom_the_first_look_misses_the_second_finds(eyes: Eyes) -> None:
    frame = placed(wall(720, 1280), "astronaut.png", 16, 600)
    once = eyes.observe(frame, None, RULES, sizes=Sizes(160, 0))
    twice = eyes.observe(frame, None, RULES, sizes=Sizes(160, 1280))
    assert (once.persons, twice.persons) == (0, 1)


# --- is it the enrolled person ------------------------------------------------------------------------


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


# --- enrolment ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def takes(sitting: Frame) -> list[Frame]:
    """The same person a few times, as a camera sees somebody who moves a little."""
    moved = [np.roll(sitting, 9 * number, axis=1) for number in range(4)]
    return [noisy(lit(each, 1 - 0.1 * number), 2, number) for number, each in enumerate(moved)]


def enrolled(eyes: Eyes, name: str | None, frames, rules: WatchRules = RULES) -> Enrolment | None:
    return enrol(eyes, None if name is None else photo(name), frames, rules)


def test_enrolment_is_the_mean_of_good_frames(eyes: Eyes, takes) -> None:
    done = enrolled(eyes, "obama2.jpg", takes)
    assert float(np.linalg.norm(done.template)) == pytest.approx(1, abs=1e-5)
    assert (done.frames, done.likeness) == (4, Likeness.MATCH)
    assert 0.8 < done.spread <= 1
    assert done.similarity > 0.7
    seen = eyes.observe(takes[0], done.template, RULES)
    assert seen.identity.similarity >= done.spread - 1e-5


def test_another_persons_photo_is_a_mismatch_for_a_person_to_decide(eyes: Eyes, takes) -> None:
    done = enrolled(eyes, "biden.jpg", takes)
    assert (done.likeness, done.similarity < 0.35) == (Likeness.MISMATCH, True)


def test_enrolment_without_a_photo_or_with_nobody_on_it(eyes: Eyes, takes) -> None:
    without = enrolled(eyes, None, takes)
    nobody = enrol(eyes, wall(), takes, RULES)
    assert (without.similarity, without.likeness) == (None, Likeness.NO_PHOTO)
    assert (nobody.similarity, nobody.likeness) == (None, Likeness.NO_FACE)


@pytest.mark.parametrize(("good", "done"), [(0, False), (2, False), (3, True), (4, True)])
def test_enrolment_needs_enough_good_frames(eyes: Eyes, takes, good: int, done: bool) -> None:
    poor = [wall(), lit(takes[0], 0.1), placed(takes[0], "biden.jpg", 100, 420)]
    made = enrolled(eyes, None, takes[:good] + poor)
    assert (made is not None) is done
    assert made is None or made.frames == good


def test_enrolment_of_mixed_persons_shows_in_its_spread(eyes: Eyes, takes) -> None:
    other = placed(wall(), "biden.jpg", 130, 160)
    assert enrolled(eyes, None, [*takes[:2], other]).spread < 0.2
    assert enrolled(eyes, None, [other, *takes]).spread < 0.2  # however few the other's


def test_spread_is_that_of_the_two_frames_least_alike(eyes: Eyes, takes) -> None:
    vectors = [eyes.vector(frame, main_face(eyes.observe(frame, None, RULES).faces)) for frame in takes]
    least = min(float(one @ other) for one in vectors for other in vectors)
    assert enrolled(eyes, None, takes).spread == pytest.approx(least, abs=1e-4)
    single = replace(RULES, enrol_frames=1)
    assert enrolled(eyes, None, takes[:1], single).spread == 1.0


def test_the_policys_numbers_are_the_verifiers_unless_it_says_otherwise() -> None:
    limits = card("verify").thresholds
    assert (RULES.match_from, RULES.mismatch_below) == (limits["match"], limits["mismatch"])


# --- what hides a face -----------------------------------------------------------------------------------


def hidden(frame: Frame, face: FoundFace, top: float, bottom: float, colour: tuple[int, int, int]) -> Frame:
    """The same with something plain over a part of the face, from `top` to `bottom` of its height."""
    left, high, wide, tall = face.box
    done = frame.copy()
    corner = int(left - 4), int(high + top * tall)
    cv2.rectangle(done, corner, (int(left + wide + 4), int(high + bottom * tall)), colour, -1)
    return noisy(done, 3.0, 4)


@pytest.mark.parametrize(
    ("top", "bottom", "colour"),
    [
        (0.55, 1.02, (230, 225, 220)),  # a mask
        (0.25, 0.5, (20, 20, 20)),  # dark glasses
        (0.5, 1.0, (95, 120, 175)),  # a hand
        (-0.1, 0.5, (200, 205, 210)),  # a sheet of paper
    ],
)
@pytest.mark.parametrize("who", ["obama.jpg", "biden.jpg"])
def test_a_half_hidden_face_is_nobodys_and_no_strangers(
    eyes, templates, who: str, top, bottom, colour
) -> None:
    frame = placed(wall(), who, 130, 160)
    main = main_face(eyes.observe(frame, None, RULES).faces)
    seen = eyes.observe(hidden(frame, main, top, bottom, colour), templates["biden.jpg"], RULES)
    assert seen.persons == 1
    assert (seen.comparable, seen.identity, seen.probe) == (False, None, None)


@pytest.mark.parametrize(("score", "comparable"), [(0.699, False), (0.7, True)])
def test_a_face_is_compared_from_a_sure_find_on(eyes, sitting: Frame, score: float, comparable: bool) -> None:
    main = main_face(eyes.observe(sitting, None, RULES).faces)
    seen = eyes.observe(sitting, None, RULES)
    cut = faces.upright(sitting, main)
    assert is_comparable(replace(main, score=score), cut, seen.quality) is comparable


def test_closed_eyes_and_a_closed_mouth_are_not_hidden(eyes, templates) -> None:
    frame = placed(wall(), "biden.jpg", 130, 160)
    found = mesh.find(*eyes._nets.need(MESH), frame, main_face(eyes.observe(frame, None, RULES).faces))
    seen = eyes.observe(shut(frame, found), templates["biden.jpg"], RULES)
    assert seen.identity is not None and seen.identity.similarity > 0.5


# --- the costly steps ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("look", "steps"),
    [
        (Looks(), set()),
        (Looks(attention=True), {"mesh"}),
        (Looks(gaze=True), {"mesh", "iris"}),
        (Looks(objects=True), {"objects"}),
        (Looks(attention=True, gaze=True, objects=True), {"mesh", "iris", "objects"}),
    ],
)
def test_only_what_is_asked_for_is_looked_for(eyes, sitting: Frame, look: Looks, steps: set[str]) -> None:
    seen = eyes.observe(sitting, None, RULES, look=look)
    assert set(seen.ms) - {"quality", "detect", "align"} == steps
    assert (seen.attention is not None) == ("mesh" in steps)
    assert (seen.shape is not None) == ("mesh" in steps)
    assert seen.attention is None or (seen.attention.gaze is not None) == ("iris" in steps)
    assert (seen.objects is not None) == ("objects" in steps)
    assert set(seen.models) == {"detect", "verify"} | steps


def test_a_missing_model_is_named_only_when_it_was_asked_for(sitting: Frame, tmp_path: Path) -> None:
    for purpose in ("detect", "verify", "mesh"):
        shutil.copy(WEIGHTS / card(purpose).file, tmp_path)
    lacking = Eyes(tmp_path)
    assert lacking.observe(sitting, None, RULES).unavailable == ()
    assert lacking.observe(sitting, None, RULES, look=Looks(attention=True)).unavailable == ()
    seen = lacking.observe(sitting, None, RULES, look=EVERYTHING)
    assert seen.unavailable == ("iris", "liveness", "objects")
    assert (seen.liveness, seen.objects) == (None, None)
    assert seen.attention is not None and seen.attention.gaze is None
    assert lacking.missing(Looks(gaze=True)) == ("iris",)
    assert lacking.missing() == ()


def test_an_empty_chair_has_no_pose_but_may_have_things(eyes) -> None:
    seen = eyes.observe(wall(), None, RULES, look=Looks(attention=True, gaze=True, objects=True))
    assert (seen.attention, seen.shape) == (None, None)
    assert seen.objects is not None


def test_what_was_compared_comes_back_as_a_vector_and_is_not_sent(eyes, sitting: Frame, templates) -> None:
    seen = eyes.observe(sitting, templates["obama2.jpg"], RULES)
    assert seen.probe is not None and seen.identity is not None
    assert float(seen.probe @ templates["obama2.jpg"]) == pytest.approx(seen.identity.similarity, abs=1e-6)
    assert not {"probe", "shape"} & set(encode(seen.note()))


def test_a_seat_without_the_mesh_compares_as_before(sitting: Frame, templates, tmp_path: Path) -> None:
    for purpose in ("detect", "verify"):
        shutil.copy(WEIGHTS / card(purpose).file, tmp_path)
    seen = Eyes(tmp_path).observe(sitting, templates["biden.jpg"], RULES)
    assert seen.identity is not None and seen.identity.likeness is Likeness.MISMATCH
