"""Living faces: the cut-out around a face, also at the border, and the mean of the networks' answers."""

import json
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctoring import liveness, models
from proctoring.model_cards import read_cards
from proctoring.observation import FoundFace
from server.cli.weights.onnx_writing import Network, Node, written
from tests.proctoring.nets_kit import entry, finished, picture

SIZE = (80, 80)


def marked(height: int, width: int, box: tuple[int, int, int, int]) -> np.ndarray:
    """A frame whose pixels tell where they are: columns in blue, rows in green; the face is red."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[..., 0] = np.linspace(0, 255, width)[None]
    frame[..., 1] = np.linspace(0, 255, height)[:, None]
    left, top, wide, high = box
    frame[top : top + high, left : left + wide, 2] = 255
    return frame


def face_share(cut: np.ndarray) -> float:
    return float((cut[..., 2] > 127).mean())


@pytest.mark.parametrize("crop", [2.7, 4.0])
def test_a_face_in_the_middle_fills_its_share(crop: float) -> None:
    frame = marked(480, 640, (280, 200, 80, 80))
    cut = liveness.around(frame, (280, 200, 80, 80), crop, SIZE)
    assert cut.shape == (80, 80, 3)
    assert face_share(cut) == pytest.approx(1 / crop**2, rel=0.06)
    rows, columns = np.nonzero(cut[..., 2] > 127)
    assert (rows.mean(), columns.mean()) == pytest.approx((39.5, 39.5), abs=1)


@pytest.mark.parametrize("box", [(0, 0, 80, 80), (560, 0, 80, 80), (0, 400, 80, 80), (560, 400, 80, 80)])
def test_near_the_border_the_part_moves_inward_and_keeps_its_size(box: tuple[int, int, int, int]) -> None:
    cut = liveness.around(marked(480, 640, box), box, 2.7, SIZE)
    assert face_share(cut) == pytest.approx(1 / 2.7**2, rel=0.06)
    inside = [cut[40, :, 0], cut[:, 40, 1]]
    for values, length in zip(inside, (640, 480), strict=True):
        assert np.ptp(values.astype(int)) == pytest.approx(255 * 2.7 * 80 / length, abs=6)


def test_a_face_too_large_for_its_frame_is_seen_with_what_there_is() -> None:
    box = (100, 40, 200, 300)
    cut = liveness.around(marked(360, 480, box), box, 4.0, SIZE)
    assert face_share(cut) == pytest.approx(300 * 200 / (359 * 200 * 359 / 300), rel=0.05)


@given(
    st.tuples(st.integers(2, 700), st.integers(2, 700)),
    st.tuples(*[st.floats(-50, 700)] * 2, *[st.floats(0, 900)] * 2),
    st.sampled_from([2.7, 4.0]),
)
def test_any_box_in_any_frame_gives_a_cut_of_the_frame(shape, box, crop: float) -> None:
    frame = np.full((*shape, 3), 9, np.uint8)
    cut = liveness.around(frame, box, crop, SIZE)
    assert cut.shape == (80, 80, 3)
    assert (cut == 9).all(), "nothing is added to the frame"


def reddish(name: str, bias: tuple[float, float, float]) -> tuple[Any, Any]:
    """A network whose three answers are (0, how red, 0) plus a bias."""
    kernel = np.zeros((3, 3, 80, 80), np.float32)
    kernel[1, 2] = 1 / (255 * 6400)
    nodes = [
        Node("Conv", ("in", "kernel", "bias"), ("map",), {"kernel_shape": (80, 80)}),
        Node("Reshape", ("map", "shape"), ("out",)),
    ]
    weights: dict[str, Any] = {"kernel": kernel, "bias": np.array(bias, np.float32)}
    weights["shape"] = np.array([1, 3], np.int64)
    data = written(Network({"in": (1, 3, 80, 80)}, {"out": (1, 3)}, nodes, weights))
    told = entry(name, "liveness", "minifasnet", crop=2.7, input=picture(80, 80, std=1))
    (card,) = read_cards(json.dumps({"models": [finished(told, data, [(1, 3, 80, 80)])]}))
    return models.load(card, data), card


def test_the_score_is_the_mean_of_the_networks_share_for_alive() -> None:
    networks = [reddish("one", (0.0, 0.0, 0.0)), reddish("other", (0.0, 2.0, 1.0))]
    frame = np.zeros((480, 640, 3), np.uint8)
    frame[..., 2] = 255
    face = FoundFace((280, 200, 80, 80), 0.9, ((0, 0),) * 5)

    def share(red: float, bias: tuple[float, float, float]) -> float:
        values = np.exp(np.add(bias, (0, red, 0)))
        return float(values[1] / values.sum())

    for red in (0.0, 1.0):
        shown = (frame * red).astype(np.uint8)
        found = liveness.score(
            [net for net, _card in networks], [card for _net, card in networks], shown, face
        )
        wanted = (share(red, (0, 0, 0)) + share(red, (0, 2, 1))) / 2
        assert found == pytest.approx(wanted, abs=1e-3)


def test_pixels_go_in_as_they_are_blue_first() -> None:
    """Scaled or swapped pixels would give another answer than red counted whole."""
    net, card = reddish("one", (0.0, 0.0, 0.0))
    blue = np.zeros((200, 200, 3), np.uint8)
    blue[..., 0] = 255
    face = FoundFace((60, 60, 70, 70), 0.9, ((0, 0),) * 5)
    assert liveness.score([net], [card], blue, face) == pytest.approx(1 / 3, abs=1e-4)
    red = cv2.cvtColor(blue, cv2.COLOR_BGR2RGB)
    assert liveness.score([net], [card], red, face) == pytest.approx(np.e / (np.e + 2), abs=1e-3)
