"""What is staged before a camera must be seen as what it is staged for, by the networks that are there."""

from functools import cache

import numpy as np
import pytest

from exam_rooms.watching import WatchRules
from proctoring import mesh, staged
from proctoring.frames import Frame
from proctoring.models import open_net
from proctoring.observation import ObservationNote
from proctoring.observe import PHOTO, Eyes, Looks, main_face
from proctoring.recording import HEIGHT, WIDTH, Cutout, Sitter, backdrop, cut_out, id_photo, record
from proctoring.turned import turned
from tests.proctoring.photos import photo

RULES = WatchRules()
WALL = backdrop(1)


@cache
def eyes() -> Eyes:
    return Eyes()


@cache
def box(name: str) -> tuple[float, float, float, float]:
    face = main_face(eyes().observe(photo(name), None, RULES, sizes=PHOTO).faces)
    assert face is not None
    return face.box


@cache
def person(name: str) -> Cutout:
    return cut_out(photo(name), box(name))


def sits(name: str = "obama.jpg", count: int = 2) -> list[Frame]:
    return record(WALL, (Sitter(person(name)),), 3, count)


def seen(frame: Frame, **looks: bool) -> ObservationNote:
    return eyes().observe(frame, None, RULES, compare=False, look=Looks(**looks)).note()


@pytest.mark.dear
def test_in_the_dark_a_face_is_found_or_nobody_and_the_picture_is_called_dark() -> None:
    for frame in staged.dark(sits(), 0.16, 1):
        assert (seen(frame).persons, seen(frame).quality) == (1, "dark")
    hidden = record(WALL, (Sitter(staged.headless(person("obama.jpg"))),), 3, 2)
    for frame in staged.dark(hidden, 0.12, 1):
        assert (seen(frame).persons, seen(frame).quality) == (0, "dark")


def test_a_lamp_beside_the_face_leaves_the_face() -> None:
    for frame in staged.glaring(sits(), 1):
        assert seen(frame).persons == 1
        assert float((frame >= 250).mean()) > 0.05


def test_a_blurred_picture_says_so_and_a_shrunk_one_is_small() -> None:
    assert [seen(frame).quality for frame in staged.blurred(sits(), 6.0)] == ["blurred"] * 2
    assert {frame.shape for frame in staged.shrunk(sits(), 160, 120)} == {(120, 160, 3)}


@pytest.mark.dear
def test_a_walker_behind_is_a_face_and_no_person_of_this_seat() -> None:
    frames = staged.passing(WALL, person("obama.jpg"), person("biden.jpg"), 5, 6)
    notes = [seen(frame) for frame in frames]
    assert {note.persons for note in notes} == {1}
    assert max(note.faces for note in notes) == 2


@pytest.mark.dear
@pytest.mark.parametrize("name", ["obama.jpg", "biden.jpg"])
def test_a_telephone_that_is_drawn_is_found_and_none_without_it(name: str) -> None:
    without, held = sits(name), staged.with_phone(sits(name))
    assert all((seen(frame, objects=True).objects or {}).get("phone", 0) == 0 for frame in without)
    assert all((seen(frame, objects=True).objects or {}).get("phone", 0) >= 0.35 for frame in held)


def test_a_photo_on_a_screen_shows_a_face_in_a_frame() -> None:
    portrait = id_photo(photo("obama.jpg"), box("obama.jpg"))
    frames = staged.photo_held(WALL, portrait, 1, 2)
    assert [seen(frame).persons for frame in frames] == [1, 1]
    assert not np.array_equal(frames[0], frames[1])


@pytest.mark.dear
@pytest.mark.parametrize("degrees", [45.0, -45.0])
def test_a_turned_head_is_turned_to_that_side(degrees: float) -> None:
    cutout = person("biden.jpg")
    face = main_face(eyes().observe(cutout.pixels, None, RULES, sizes=PHOTO).faces)
    assert face is not None
    from proctoring.models import card

    points = mesh.find(open_net("mesh"), card("mesh"), cutout.pixels, face).points
    frame = record(WALL, (Sitter(turned(cutout, points, degrees)),), 3, 1)[0]
    before, after = seen(sits("biden.jpg")[0], attention=True).yaw, seen(frame, attention=True).yaw
    assert before is not None and after is not None
    assert (after - before) * np.sign(degrees) > 20
    still = turned(cutout, points, 0.0)
    assert float(np.abs(still.pixels.astype(int) - cutout.pixels).mean()) < 3


@pytest.mark.dear
def test_the_same_seed_gives_the_same_pictures() -> None:
    for make in (
        lambda seed: staged.dark(sits(), 0.2, seed),
        lambda seed: staged.glaring(sits(), seed),
        lambda seed: staged.photo_held(WALL, photo("obama.jpg"), seed, 2),
    ):
        one, again, other = make(1), make(1), make(2)
        assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
        assert not np.array_equal(one[0], other[0])
        assert one[0].shape == (HEIGHT, WIDTH, 3)
