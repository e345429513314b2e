"""Recorded cameras: different frames, replayable from their seed, with a face where one should be."""

import numpy as np
import pytest

from proctoring import recording
from proctoring.frames import Frame, decode, quality
from proctoring.quality import Verdict
from proctoring.recording import HEIGHT, WIDTH, Cutout, Sitter, backdrop, cut_out, encode, record

FACE = (230.0, 120.0, 140.0, 180.0)


def photo(width: int = 600, height: int = 800) -> Frame:
    """Not a face, but a figure of skin and cloth before green, where `FACE` says it is."""
    y, x = np.mgrid[0:height, 0:width]
    picture = np.full((height, width, 3), (60, 160, 60), np.uint8)
    picture[y > 420] = (120, 40, 40)
    left, top, wide, high = FACE
    inside = ((x - left - wide / 2) / wide) ** 2 + ((y - top - high / 2) / high) ** 2 < 0.36
    picture[inside] = (150, 180, 230)
    return np.clip(picture + np.random.default_rng(1).normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def cutout() -> Cutout:
    return cut_out(photo(), FACE)


def same(one: list[Frame], other: list[Frame]) -> bool:
    return [encode(frame) for frame in one] == [encode(frame) for frame in other]


def middle(frame: Frame) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """The mean colour where the face of the one sitter is."""
    y, x = round(0.45 * HEIGHT), WIDTH // 2
    return np.asarray(frame[y - 20 : y + 20, x - 20 : x + 20].reshape(-1, 3).mean(axis=0))


def test_frames_are_those_of_a_webcam_and_no_two_are_alike(cutout: Cutout) -> None:
    frames = record(backdrop(3), [Sitter(cutout)], 5, 12)
    assert {frame.shape for frame in frames} == {(HEIGHT, WIDTH, 3)}
    assert len({frame.tobytes() for frame in frames}) == len({encode(frame) for frame in frames}) == 12
    assert {quality(frame).verdict for frame in frames} == {Verdict.GOOD}


@pytest.mark.dear
def test_the_same_seed_gives_the_same_bytes_and_another_one_others(cutout: Cutout) -> None:
    people = [Sitter(cutout)]
    assert same(record(backdrop(3), people, 5, 3), record(backdrop(3), people, 5, 3))
    assert not same(record(backdrop(3), people, 5, 3), record(backdrop(3), people, 6, 3))
    assert not same(record(backdrop(3), people, 5, 3), record(backdrop(4), people, 5, 3))
    again = cut_out(photo(), FACE)
    assert np.array_equal(again.pixels, cutout.pixels) and np.array_equal(again.mask, cutout.mask)


def test_a_sitter_is_where_and_as_large_as_said(cutout: Cutout) -> None:
    empty = record(backdrop(3), [], 5, 1)[0]
    skin = (150, 180, 230)
    assert np.abs(middle(record(backdrop(3), [Sitter(cutout)], 5, 1)[0]) - skin).max() < 25
    assert np.abs(middle(empty) - skin).max() > 25
    aside = record(backdrop(3), [Sitter(cutout, across=0.85, size=0.6)], 5, 1)[0]
    assert np.abs(middle(aside) - middle(empty)).max() < 15
    skinny = np.abs(record(backdrop(3), [Sitter(cutout)], 5, 1)[0].astype(int) - skin).max(axis=2) < 30
    rows = np.flatnonzero(skinny[:, WIDTH // 2])
    assert (
        0.3 * HEIGHT <= rows[-1] - rows[0] <= 0.5 * HEIGHT
    )  # the painted head is a fifth larger than its box


def test_the_outline_takes_the_face_and_leaves_the_wall_behind_it(cutout: Cutout) -> None:
    left, top, wide, high = cutout.face
    assert cutout.mask.min() >= 0 and cutout.mask.max() <= 1
    assert cutout.mask[round(top + high / 2), round(left + wide / 2)] > 0.95
    assert cutout.mask[:4].max() < 0.05
    assert cutout.mask[:, :2].max() < 0.2


@pytest.mark.dear
@pytest.mark.parametrize(
    "face", [(0.0, 0.0, 140.0, 180.0), (460.0, 620.0, 140.0, 180.0), (290.0, 390.0, 8.0, 10.0)]
)
def test_a_face_at_the_edge_or_a_small_one_is_cut_out_too(face: tuple[float, float, float, float]) -> None:
    cut = cut_out(photo(), face)
    assert cut.pixels.shape[:2] == cut.mask.shape
    assert record(backdrop(1), [Sitter(cut)], 1, 1)[0].shape == (HEIGHT, WIDTH, 3)
    assert recording.id_photo(photo(), face).shape == (recording.ID_HEIGHT, recording.ID_WIDTH, 3)


def test_an_empty_chair_is_a_good_picture_and_a_covered_lens_is_not() -> None:
    for seed in range(6):
        assert quality(record(backdrop(seed), [], seed, 1)[0]).verdict == Verdict.GOOD
        covered = recording.record_covered(seed, 2)
        assert [quality(frame).verdict for frame in covered] == [Verdict.COVERED] * 2
        assert covered[0].tobytes() != covered[1].tobytes()


def test_frames_survive_their_encoding() -> None:
    frame = record(backdrop(2), [], 1, 1)[0]
    data = encode(frame)
    assert len(data) < 100_000
    assert np.abs(decode(data).astype(int) - frame).mean() < 4
