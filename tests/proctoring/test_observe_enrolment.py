"""One look at one frame: enrolment, what hides a face, and the costly steps."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from exam_rooms.watching import Likeness, WatchRules
from exam_rooms.wire import encode
from proctoring import faces, mesh
from proctoring.face_quality import is_comparable
from proctoring.frames import Frame
from proctoring.models import card
from proctoring.nets import MESH
from proctoring.observation import FoundFace
from proctoring.observe import EVERYTHING, PHOTO, Enrolment, Eyes, Looks, enrol, main_face
from tests.proctoring.observing_kit import RULES, WEIGHTS
from tests.proctoring.photos import lit, noisy, photo, placed, wall
from tests.proctoring.turning import shut


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


@pytest.mark.dear
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
