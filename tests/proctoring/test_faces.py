"""Faces: the detector's grid, boxes that overlap, cut-outs brought upright, and vectors of real portraits."""

from itertools import combinations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctoring.faces import (
    CUT,
    STRIDE,
    STRIDES,
    UPRIGHT,
    centerface,
    cosine,
    distinct,
    embed,
    find,
    similarity,
    unit,
    upright,
    yunet,
)
from proctoring.frames import Frame
from proctoring.models import card, open_net
from proctoring.observation import FoundFace
from tests.proctoring.photos import BOXES, PERSONS, lit, photo, placed, scaled, wall

DETECT, VERIFY = card("detect"), card("verify")


@pytest.fixture(scope="module")
def detector() -> cv2.dnn.Net:
    return open_net("detect")


@pytest.fixture(scope="module")
def verifier() -> cv2.dnn.Net:
    return open_net("verify")


def overlap(one, other) -> float:
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    high = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(0, wide) * max(0, high)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def grid(row: int, column: int, score: float) -> list[np.ndarray]:
    """The detector's four answers with one face: 40 wide, 60 high, a little off the middle of its place."""
    heat, sizes = np.zeros((1, 1, 20, 30), np.float32), np.zeros((1, 2, 20, 30), np.float32)
    offsets, points = np.zeros((1, 2, 20, 30), np.float32), np.zeros((1, 10, 20, 30), np.float32)
    heat[0, 0, row, column] = score
    sizes[0, :, row, column] = np.log([60 / STRIDE, 40 / STRIDE])
    offsets[0, :, row, column] = 0.25, -0.25
    points[0, :, row, column] = [0.4, 0.3, 0.4, 0.7, 0.6, 0.5, 0.8, 0.35, 0.8, 0.65]
    return [heat, sizes, offsets, points]


def test_a_place_of_the_grid_says_box_and_points() -> None:
    boxes, scores, points = centerface(grid(10, 20, 0.8), (), 0.5)
    middle = ((20 + 0.5 - 0.25) * STRIDE, (10 + 0.5 + 0.25) * STRIDE)
    left, top = middle[0] - 20, middle[1] - 30
    assert boxes[0] == pytest.approx([left, top, 40, 60], abs=1e-3)
    assert scores.tolist() == pytest.approx([0.8])
    shares = [(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)]
    wanted = [(left + x * 40, top + y * 60) for x, y in shares]
    assert points[0] == pytest.approx(np.array(wanted), abs=1e-3)


def yunet_grids(
    grid: int, row: int, column: int, *, sure: float = 0.9, there: float = 0.6
) -> list[np.ndarray]:
    """YuNet's twelve answers for 64 x 96 pixels with one face on one of its grids, 3 steps wide, 4 high."""
    counts = [(64 // stride) * (96 // stride) for stride in STRIDES]
    found = [np.zeros((1, count, size), np.float32) for size in (1, 1, 4, 10) for count in counts]
    place = row * (96 // STRIDES[grid]) + column
    for part, values in enumerate((sure, there, (0.25, 0.5, np.log(3), np.log(4)), np.arange(10) / 10)):
        found[part * 3 + grid][0, place] = values
    return found


@pytest.mark.parametrize(("grid", "row", "column"), [(0, 7, 11), (0, 0, 0), (1, 3, 5), (2, 1, 2)])
def test_a_place_of_yunets_grids_says_box_and_points(grid: int, row: int, column: int) -> None:
    boxes, scores, points = yunet(yunet_grids(grid, row, column), (64, 96), 0.5)
    stride = STRIDES[grid]
    x, y = (column + 0.25) * stride, (row + 0.5) * stride
    assert boxes == pytest.approx(
        np.array([[x - 1.5 * stride, y - 2 * stride, 3 * stride, 4 * stride]]), abs=1e-3
    )
    assert scores == pytest.approx(np.sqrt([0.9 * 0.6]))
    wanted = [[(column + 0.2 * each) * stride, (row + 0.2 * each + 0.1) * stride] for each in range(5)]
    assert points[0] == pytest.approx(np.array(wanted), abs=1e-3)


def test_yunet_without_a_face_says_nothing() -> None:
    found = yunet(yunet_grids(1, 0, 0, sure=0.2), (64, 96), 0.5)
    assert [part.shape for part in found] == [(0, 4), (0,), (0, 5, 2)]


@pytest.mark.parametrize(("score", "count"), [(0.499, 0), (0.5, 1), (0.501, 1)])
def test_a_face_counts_from_the_score_on(score: float, count: int) -> None:
    assert [len(part) for part in centerface(grid(3, 4, score), (), 0.5)] == [count] * 3


def test_of_boxes_that_overlap_the_likeliest_stays() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 1, 10, 10], [40, 0, 10, 10], [2, 0, 10, 10]], np.float32)
    scores = np.array([0.6, 0.9, 0.7, 0.8], np.float32)
    assert distinct(boxes, scores, 0.3) == [1, 2]


@pytest.mark.parametrize(("shift", "kept"), [(5.2, 1), (5.4, 2)])
def test_boxes_may_overlap_up_to_the_limit(shift: float, kept: int) -> None:
    boxes = np.array([[0, 0, 10, 10], [shift, 0, 10, 10]], np.float32)  # IoU .316 and .299
    assert len(distinct(boxes, np.array([0.9, 0.8], np.float32), 0.3)) == kept


@pytest.mark.dear
@given(
    st.lists(
        st.tuples(
            *[st.floats(0, 60, width=32)] * 2, *[st.floats(1, 30, width=32)] * 2, st.floats(0, 1, width=32)
        ),
        max_size=12,
    )
)
def test_kept_boxes_are_apart_and_every_other_one_yields_to_a_likelier(found) -> None:
    boxes = np.array([each[:4] for each in found], np.float32).reshape(-1, 4)
    scores = np.array([each[4] for each in found], np.float32)
    kept = distinct(boxes, scores, 0.3)
    assert [one for one in combinations(kept, 2) if overlap(boxes[one[0]], boxes[one[1]]) > 0.3 + 1e-4] == []
    for left_out in set(range(len(found))) - set(kept):
        assert any(
            scores[place] >= scores[left_out] and overlap(boxes[place], boxes[left_out]) > 0.3 - 1e-4
            for place in kept
        )


@given(
    st.floats(0.05, 8),
    st.floats(-np.pi, np.pi),
    st.floats(-500, 500),
    st.floats(-500, 500),
    st.integers(0, 9999),
)
def test_a_turn_with_scale_and_shift_is_found_again(scale, angle, right, down, seed) -> None:
    points = UPRIGHT + np.random.default_rng(seed).normal(0, 5, UPRIGHT.shape)
    turn, shift = scale * np.exp(1j * angle), right + 1j * down
    moved = turn * (points[:, 0] + 1j * points[:, 1]) + shift
    found, there = similarity(points, np.stack([moved.real, moved.imag], axis=-1))
    assert abs(found - turn) < 1e-6 * scale + 1e-9
    assert abs(there - shift) < 1e-4


def test_points_that_coincide_are_only_shifted() -> None:
    turn, shift = similarity(np.full((5, 2), 7.0), UPRIGHT)
    assert turn == 1
    assert complex(7, 7) + shift == pytest.approx(complex(*UPRIGHT.mean(axis=0)))


@pytest.mark.parametrize("scale", [0.4, 1.0, 3.0, 11.0])
@pytest.mark.parametrize("degrees", [0, -30, 90])
def test_an_upright_cut_has_the_five_points_where_they_belong(scale: float, degrees: float) -> None:
    turn = scale * np.exp(1j * np.radians(degrees))
    marks = turn * (UPRIGHT[:, 0] + 1j * UPRIGHT[:, 1])
    marks += complex(20 * scale + 20, 20 * scale + 20) - complex(marks.real.min(), marks.imag.min())
    frame = np.zeros((int(140 * scale) + 60, int(140 * scale) + 60, 3), np.uint8)
    for mark in marks:
        cv2.circle(frame, (round(mark.real), round(mark.imag)), max(1, round(3 * scale)), (255, 255, 255), -1)
    left, top = marks.real.min() - 5 * scale, marks.imag.min() - 5 * scale
    side = max(np.ptp(marks.real), np.ptp(marks.imag)) + 10 * scale
    face = FoundFace((left, top, side, side), 1.0, tuple((mark.real, mark.imag) for mark in marks))
    cut = upright(frame, face)
    assert cut.shape == (CUT, CUT, 3)
    assert [int(cut[round(y), round(x)].max()) > 120 for x, y in UPRIGHT] == [True] * 5
    assert cut.mean() < 20


@pytest.mark.parametrize("name", sorted(BOXES))
@pytest.mark.parametrize("side", [320, 640])
def test_the_one_face_of_a_portrait_is_found_where_it_is(detector, name: str, side: int) -> None:
    found = find(detector, DETECT, photo(name), side)
    assert len(found) == 1
    assert overlap(found[0].box, BOXES[name]) > 0.7
    eye, other_eye, nose, corner, other_corner = found[0].landmarks
    assert eye[0] < nose[0] < other_eye[0]
    assert corner[0] < other_corner[0]
    assert max(eye[1], other_eye[1]) < nose[1] < min(corner[1], other_corner[1])


def test_nobody_is_found_where_nobody_is(detector) -> None:
    assert find(detector, DETECT, wall(), 320) == ()


@pytest.mark.parametrize("shape", [(16, 16), (16, 2000), (2000, 17), (1, 1), (33, 31)])
def test_frames_of_any_shape_are_searched(detector, shape: tuple[int, int]) -> None:
    assert find(detector, DETECT, np.full((*shape, 3), 90, np.uint8), 320) == ()


def test_a_larger_frame_has_a_larger_box(detector) -> None:
    frame = photo("astronaut.png")
    larger = np.asarray(cv2.resize(frame, None, fx=1.7, fy=1.7, interpolation=cv2.INTER_CUBIC), np.uint8)
    one, other = (find(detector, DETECT, each, 320)[0] for each in (frame, larger))
    assert np.array(other.box) == pytest.approx(np.array(one.box) * 1.7, rel=0.08)


def test_a_face_at_the_edge_ends_there(detector) -> None:
    left, top, wide, high = BOXES["obama.jpg"]
    frame: Frame = np.ascontiguousarray(
        photo("obama.jpg")[top + high // 6 : top + 2 * high, left + wide // 5 :]
    )
    height, width = frame.shape[:2]
    found = find(detector, DETECT, frame, 320)
    assert len(found) == 1
    for face in found:
        x, y, broad, tall = face.box
        assert x >= 0 and y >= 0 and x + broad <= width and y + tall <= height
        assert upright(frame, face).shape == (CUT, CUT, 3)


def vector(detector, verifier, frame: Frame):
    return embed(verifier, VERIFY, upright(frame, find(detector, DETECT, frame, 640)[0]))


@pytest.fixture(scope="module")
def known(detector, verifier):
    return {name: vector(detector, verifier, photo(name)) for name in PERSONS}


@pytest.mark.dear
def test_vectors_have_the_cards_length_and_length_one(known) -> None:
    for each in known.values():
        assert each.shape == (VERIFY.dim,)
        assert each.dtype == np.float32
        assert float(np.linalg.norm(each)) == pytest.approx(1, abs=1e-5)


def test_one_person_matches_across_photos_and_different_ones_do_not(known) -> None:
    match, mismatch = VERIFY.thresholds["match"], VERIFY.thresholds["mismatch"]
    for one, other in combinations(PERSONS, 2):
        alike = cosine(known[one], known[other])
        assert alike > match + 0.2 if PERSONS[one] == PERSONS[other] else alike < mismatch - 0.1, (one, other)


@pytest.mark.parametrize("degrees", [-25, 25])
def test_a_tilted_head_stays_the_same_person(detector, verifier, known, degrees: float) -> None:
    frame = placed(wall(), "obama.jpg", 120, 160)
    turn = cv2.getRotationMatrix2D((350, 230), degrees, 1.0)
    tilted = np.asarray(cv2.warpAffine(frame, turn, (640, 480), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    assert cosine(vector(detector, verifier, tilted), known["obama.jpg"]) > 0.75


@pytest.mark.dear
@pytest.mark.parametrize(("width", "gain"), [(40, 1.0), (120, 0.35), (120, 1.6), (600, 1.0)])
def test_size_and_light_leave_the_person_the_same(
    detector, verifier, known, width: float, gain: float
) -> None:
    frame = lit(scaled("obama2.jpg", width), gain)
    found = vector(detector, verifier, frame)
    assert cosine(found, known["obama.jpg"]) > VERIFY.thresholds["match"]
    assert cosine(found, known["biden.jpg"]) < VERIFY.thresholds["mismatch"]


@settings(max_examples=30)
@given(st.lists(st.integers(-50, 50), min_size=4, max_size=4).filter(any))
def test_unit_vectors_keep_their_direction(values) -> None:
    made = unit(np.array(values, np.float32))
    assert float(np.linalg.norm(made)) == pytest.approx(1, abs=1e-5)
    assert made * np.linalg.norm(values) == pytest.approx(np.array(values), abs=1e-4)


def test_a_vector_of_nothing_stays_nothing() -> None:
    assert not unit(np.zeros(4, np.float32)).any()


def test_vectors_of_another_model_are_refused(known) -> None:
    with pytest.raises(ValueError, match="192"):
        cosine(known["obama.jpg"], np.ones(128, np.float32))
