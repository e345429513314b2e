"""Things in a frame: NanoDet's grids read back, frames of any shape, and what the real network makes of people."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctoring import models, objects
from proctoring.frames import Frame
from proctoring.models import ModelCard, Opened
from tests.proctoring.photos import photo, placed, wall

SIDE = 416
PHONE = 67


@pytest.fixture(scope="module")
def eyes() -> Opened:
    return models.open_nets("objects", models.OWN)[0]


def answers(bins: int, *, grid: int = 1, row: int = 10, column: int = 4, kind: int = PHONE, score: float = 0.8,
            sides: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0)) -> list[np.ndarray]:  # fmt: skip
    """Six outputs with one thing: its sides lie so many grid steps (left, up, right, down) from the middle."""
    counts = [(SIDE // stride) ** 2 for stride in objects.STRIDES]
    scores = [np.zeros((1, count, 80), np.float32) for count in counts]
    spread = [np.zeros((1, count, 4 * bins), np.float32) for count in counts]
    place = row * (SIDE // objects.STRIDES[grid]) + column
    scores[grid][0, place, kind] = score
    for side, steps in enumerate(sides):
        low, share = int(steps), steps - int(steps)
        weights = np.full(bins, 1e-9)
        weights[low], weights[min(low + 1, bins - 1)] = 1 - share or 1e-9, share or 1e-9
        spread[grid][0, place, side * bins : (side + 1) * bins] = np.log(weights)
    return [*scores, *spread]


@pytest.mark.parametrize("bins", [8, 11], ids=["NanoDet-m", "NanoDet-g"])
@pytest.mark.parametrize("grid", [0, 1, 2])
def test_a_place_of_a_grid_says_where_a_thing_ends(bins: int, grid: int) -> None:
    boxes, scores = objects.decode(answers(bins, grid=grid, sides=(1.0, 2.5, 3.0, 4.25)), SIDE)
    best = int(scores[:, PHONE].argmax())
    stride = objects.STRIDES[grid]
    x, y = 4.5 * stride, 10.5 * stride
    wanted = (x - stride, y - 2.5 * stride, x + 3 * stride, y + 4.25 * stride)
    assert boxes[best] == pytest.approx(wanted, abs=0.01)
    assert scores[best, PHONE] == pytest.approx(0.8)


class Told:
    """A network that answers what it is told, whatever it sees."""

    def __init__(self, outputs: list[np.ndarray]) -> None:
        self.outputs = outputs
        self.shown: np.ndarray | None = None

    def setInput(self, given: np.ndarray) -> None:
        self.shown = given

    def forward(self, _names: list[str]) -> list[np.ndarray]:
        return self.outputs


def card() -> ModelCard:
    return models.card("objects", models.OWN)


@pytest.mark.parametrize(
    ("height", "width", "scale", "corner"),
    [(416, 416, 1, (0, 0)), (208, 416, 1, (0, 104)), (832, 416, 0.5, (104, 0)), (720, 1280, 0.325, (0, 91))],
)
def test_boxes_are_in_pixels_of_the_frame(
    height: int, width: int, scale: float, corner: tuple[int, int]
) -> None:
    net = Told(answers(8, grid=1, row=13, column=12))
    (found,) = objects.find(net, card(), np.full((height, width, 3), 255, np.uint8))
    x, y = 12.5 * 16, 13.5 * 16
    left, top = (x - 16 - corner[0]) / scale, (y - 32 - corner[1]) / scale
    right, bottom = (x + 48 - corner[0]) / scale, (y + 64 - corner[1]) / scale
    assert found.box == pytest.approx((left, top, right - left, bottom - top), abs=0.5)
    assert (found.kind, found.score) == ("phone", pytest.approx(0.8))
    assert net.shown is not None and net.shown.shape == (1, 3, SIDE, SIDE)


@pytest.mark.parametrize(("score", "count"), [(0.249, 0), (0.251, 1)])
def test_a_thing_counts_from_the_cards_score_on(score: float, count: int) -> None:
    assert len(objects.find(Told(answers(8, score=score)), card(), wall())) == count


@pytest.mark.parametrize(("kind", "name"), [(0, "person"), (67, "phone"), (73, "book")])
def test_each_class_has_its_name(kind: int, name: str) -> None:
    assert [each.kind for each in objects.find(Told(answers(8, kind=kind)), card(), wall())] == [name]


def test_what_the_card_does_not_name_is_not_told() -> None:
    assert objects.find(Told(answers(8, kind=16)), card(), wall()) == ()
    dogs = replace(card(), classes={"dog": 16})
    assert [each.kind for each in objects.find(Told(answers(8, kind=16)), dogs, wall())] == ["dog"]


def test_one_thing_seen_by_two_places_counts_once_and_two_kinds_twice() -> None:
    sides = (4.0, 4.0, 4.0, 4.0)
    one, other = answers(8, sides=sides), answers(8, column=5, score=0.6, sides=sides)
    both = [np.maximum(a, b) if at < 3 else a + b for at, (a, b) in enumerate(zip(one, other, strict=True))]
    assert [round(each.score, 2) for each in objects.find(Told(both), card(), wall())] == [0.8]
    person = answers(8, kind=0, score=0.5, sides=sides)
    mixed = [np.maximum(a, b) for a, b in zip(one[:3], person[:3], strict=True)] + one[3:]
    assert [each.kind for each in objects.find(Told(mixed), card(), wall())] == ["phone", "person"]


@pytest.mark.dear
@settings(max_examples=40)
@given(st.integers(16, 900), st.integers(16, 900), st.integers(0, 25), st.integers(0, 25))
def test_boxes_end_at_the_frame(height: int, width: int, row: int, column: int) -> None:
    net = Told(answers(8, row=row, column=column, sides=(6.0, 6.0, 6.0, 6.0)))
    for found in objects.find(net, card(), np.zeros((height, width, 3), np.uint8)):
        left, top, wide, high = found.box
        assert left >= 0 and top >= 0 and left + wide <= width + 1e-3 and top + high <= height + 1e-3
        assert min(wide, high) >= 1


def persons(eyes: Opened, frame: Frame) -> int:
    return sum(
        each.kind == "person" and each.score >= 0.35 for each in objects.find(eyes.net, eyes.card, frame)
    )


@pytest.mark.dear
def test_the_networks_see_one_person_two_persons_and_an_empty_place(eyes: Opened) -> None:
    assert persons(eyes, photo("obama.jpg")) == 1
    assert persons(eyes, wall()) == 0
    one = placed(wall(480, 900), "biden.jpg", 110, 60)
    assert persons(eyes, one) == 1
    assert persons(eyes, placed(one, "obama.jpg", 110, 520)) == 2


def test_no_phone_in_portraits(eyes: Opened) -> None:
    for name in ("obama.jpg", "biden.jpg", "astronaut.png"):
        kinds = {each.kind for each in objects.find(eyes.net, eyes.card, photo(name)) if each.score >= 0.35}
        assert "phone" not in kinds


def odd_frames() -> Iterator[Frame]:
    yield from (np.zeros(shape, np.uint8) for shape in ((1, 1, 3), (16, 3000, 3), (3000, 16, 3), (2, 2, 3)))
    yield np.random.default_rng(1).integers(0, 256, (240, 320, 3), dtype=np.uint8)


@pytest.mark.dear
def test_odd_frames_are_looked_at(eyes: Opened) -> None:
    for frame in odd_frames():
        objects.find(eyes.net, eyes.card, frame)
