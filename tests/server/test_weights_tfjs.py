"""TensorFlow.js graphs become ONNX files that OpenCV computes alike; what is not understood is refused by name."""

import base64
import json
import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from proctoring.onnx_content import content_hash
from server.cli.weights.tfjs import NotUnderstood, convert

Array = NDArray[Any]


class Graph:
    """A network as TensorFlow.js has it: nodes in JSON, weights in one file."""

    def __init__(self, *shape: int) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.weights: list[dict[str, Any]] = []
        self.data = b""
        dims = [{"size": str(each)} for each in shape]
        self.node("in", "Placeholder", [], shape={"shape": {"dim": dims}})

    def node(self, name: str, op: str, reads: Sequence[str], **attr: object) -> str:
        self.nodes.append({"name": name, "op": op, "input": list(reads), "attr": attr})
        return name

    def constant(self, name: str, values: Array | list[Any], *, half: bool = False) -> str:
        array = np.asarray(values)
        whole = array.dtype.kind == "i"
        told: dict[str, Any] = {
            "name": name,
            "shape": list(array.shape),
            "dtype": "int32" if whole else "float32",
        }
        if half:
            told["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        self.weights.append(told)
        self.data += array.astype("<i4" if whole else "<f2" if half else "<f4").tobytes()
        return self.node(name, "Const", [])

    def window(
        self, name: str, op: str, reads: Sequence[str], strides: int, padding: str, **attr: object
    ) -> str:
        numbers = {"list": {"i": ["1", str(strides), str(strides), "1"]}}
        return self.node(name, op, reads, strides=numbers, padding={"s": text(padding)}, **attr)

    def end(self, reads: str, name: str = "end") -> str:
        return self.node(name, "Identity", [reads])

    def json(self) -> bytes:
        manifest = [{"paths": ["x.bin"], "weights": self.weights}]
        return json.dumps({"modelTopology": {"node": self.nodes}, "weightsManifest": manifest}).encode()

    def run(self, given: Array, ends: Sequence[str] = ("end",)) -> list[Array]:
        """What OpenCV makes of the converted network; pictures go in with channels first."""
        net = cv2.dnn.readNetFromONNX(np.frombuffer(convert(self.json(), self.data), np.uint8))
        net.setInput(np.ascontiguousarray(given, np.float32))
        return [np.asarray(found) for found in net.forward(list(ends))]


def text(word: str) -> str:
    return base64.b64encode(word.encode()).decode()


def words(*told: str) -> dict[str, Any]:
    return {"list": {"s": [text(word) for word in told]}}


def picture(*shape: int) -> Array:
    return np.random.default_rng(3).normal(size=shape).astype(np.float32)


def first(channels_last: Array) -> Array:
    return np.ascontiguousarray(channels_last.transpose(0, 3, 1, 2))


def convolved(given: Array, kernel: Array, stride: int, padding: str, *, depthwise: bool = False) -> Array:
    """TensorFlow's convolution by its definition, channels last."""
    high, wide = kernel.shape[:2]
    sizes, edges = [], []
    for length, window in zip(given.shape[1:3], (high, wide), strict=True):
        size = math.ceil(length / stride) if padding == "SAME" else (length - window) // stride + 1
        more = max((size - 1) * stride + window - length, 0) if padding == "SAME" else 0
        sizes.append(size)
        edges.append((more // 2, more - more // 2))
    padded = np.pad(given, ((0, 0), *edges, (0, 0)))
    many = kernel.shape[2] * kernel.shape[3] if depthwise else kernel.shape[3]
    made = np.zeros((1, *sizes, many), np.float32)
    for row in range(sizes[0]):
        for column in range(sizes[1]):
            part = padded[0, row * stride : row * stride + high, column * stride : column * stride + wide]
            made[0, row, column] = (
                np.einsum("hwc,hwcm->cm", part, kernel).ravel()
                if depthwise
                else np.einsum("hwc,hwco->o", part, kernel)
            )
    return made


@settings(max_examples=25, deadline=None)
@given(
    st.integers(5, 11), st.integers(5, 11), st.integers(1, 4), st.integers(1, 3),
    st.sampled_from(["SAME", "VALID"]), st.booleans(),
)  # fmt: skip
def test_convolutions_are_tensorflows(
    high: int, wide: int, window: int, stride: int, padding: str, depthwise: bool
) -> None:
    graph, rng = Graph(-1, high, wide, 3), np.random.default_rng(7)
    kernel = rng.normal(size=(window, window, 3, 2)).astype(np.float32)
    op = "DepthwiseConv2dNative" if depthwise else "Conv2D"
    graph.end(graph.window("conv", op, ["in", graph.constant("kernel", kernel)], stride, padding))
    given = picture(1, high, wide, 3)
    (found,) = graph.run(first(given))
    wanted = convolved(given, kernel, stride, padding, depthwise=depthwise)
    assert found.shape == wanted.shape
    assert np.allclose(found, wanted, atol=1e-4)


def test_a_convolution_fused_with_bias_and_slope() -> None:
    graph, rng = Graph(-1, 6, 6, 3), np.random.default_rng(7)
    kernel, bias, slope = (
        rng.normal(size=shape).astype(np.float32) for shape in ((1, 1, 3, 4), (4,), (1, 1, 4))
    )
    reads = [
        "in",
        *(graph.constant(name, values) for name, values in (("k", kernel), ("b", bias), ("s", slope))),
    ]
    graph.end(graph.window("conv", "_FusedConv2D", reads, 1, "SAME", fused_ops=words("BiasAdd", "Prelu")))
    given = picture(1, 6, 6, 3)
    plain = convolved(given, kernel, 1, "SAME") + bias
    assert np.allclose(graph.run(first(given))[0], np.where(plain > 0, plain, plain * slope), atol=1e-5)


def test_sums_slopes_pads_pools_and_joins() -> None:
    graph = Graph(-1, 4, 6, 3)
    slope, more = np.array([[[0.1, 0.5, 2.0]]], np.float32), np.array([1, 2, 3], np.float32)
    graph.node("sloped", "Prelu", ["in", graph.constant("slope", slope)])
    graph.node("sum", "AddV2", ["sloped", graph.constant("more", more)])
    graph.node("twice", "AddV2", ["sum", "in"])
    graph.node(
        "padded", "Pad", ["twice", graph.constant("edges", np.array([[0, 0], [0, 0], [0, 0], [0, 2]]))]
    )
    graph.window("pool", "MaxPool", ["padded"], 2, "VALID", ksize={"list": {"i": ["1", "2", "2", "1"]}})
    graph.node("joined", "ConcatV2", ["pool", "pool", graph.constant("axis", np.array(3))])
    graph.end("joined")
    given = picture(1, 4, 6, 3)
    both = np.where(given > 0, given, given * slope) + more + given
    padded = np.pad(both, ((0, 0), (0, 0), (0, 0), (0, 2)))
    pooled = padded.reshape(1, 2, 2, 3, 2, 5).max(axis=(2, 4))
    assert np.allclose(graph.run(first(given))[0], np.concatenate([pooled, pooled], axis=3), atol=1e-5)


def test_transposed_split_and_reshaped_values_keep_their_numbers() -> None:
    """As graphs do that were ONNX once: channels first, turned for each operation and back."""
    graph = Graph(1, 5, 3, 4)
    graph.node("last", "Transpose", ["in", graph.constant("perm", np.array([0, 2, 3, 1]))])
    graph.node("soft", "LeakyRelu", ["last"], alpha={"f": 0.1})
    graph.node(
        "parts",
        "SplitV",
        ["soft", graph.constant("sizes", np.array([2, 3])), graph.constant("at", np.array(-1))],
    )
    graph.node("sure", "Sigmoid", ["parts"])
    graph.node("flat", "Reshape", ["parts:1", graph.constant("shape", np.array([1, -1, 3]))])
    graph.end("sure", "one")
    graph.end("flat", "other")
    given = picture(1, 5, 3, 4)
    last = given.transpose(0, 2, 3, 1)
    soft = np.where(last > 0, last, last * 0.1)
    one, other = graph.run(given, ["one", "other"])
    assert np.allclose(one, 1 / (1 + np.exp(-soft[..., :2])), atol=1e-5)
    assert np.allclose(other, soft[..., 2:].reshape(1, 12, 3), atol=1e-6)


def test_a_picture_is_enlarged_by_half_pixels() -> None:
    graph = Graph(-1, 3, 4, 3)
    size = graph.constant("size", np.array([6, 8]))
    graph.node(
        "large", "ResizeBilinear", ["in", size], half_pixel_centers={"b": True}, align_corners={"b": False}
    )
    graph.end("large")
    given = picture(1, 3, 4, 3)
    wanted = cv2.resize(given[0], (8, 6), interpolation=cv2.INTER_LINEAR)[None]
    assert np.allclose(graph.run(first(given))[0], wanted, atol=1e-5)


def test_shapes_that_the_graph_computes_are_computed_once() -> None:
    graph = Graph(-1, 2, 2, 3)
    nothing = [graph.constant("where", np.zeros((0, 1), np.int64)), graph.constant("length", np.array([2])),
               graph.constant("none", np.zeros(0, np.int64)), graph.constant("zero", np.array(0))]  # fmt: skip
    graph.node("dense", "SparseToDense", nothing)
    graph.node("shape", "AddV2", [graph.constant("wanted", np.array([1, 12])), "dense"])
    graph.end(graph.node("flat", "Reshape", ["in", "shape"]))
    given = picture(1, 2, 2, 3)
    assert np.allclose(graph.run(first(given))[0], given.reshape(1, 12))


def test_half_floats_become_floats_and_nodes_may_come_in_any_order() -> None:
    graph = Graph(-1, 2, 2, 3)
    graph.node(
        "sum", "Add", [graph.constant("more", np.array([0.1, 1e-4, 300.5], np.float32), half=True), "in"]
    )
    graph.end("sum")
    graph.nodes.reverse()
    wanted = np.array([0.1, 1e-4, 300.5], np.float16).astype(np.float32)
    assert np.allclose(graph.run(np.zeros((1, 3, 2, 2)))[0][0, 0, 0], wanted, rtol=1e-6)


def test_the_same_graph_makes_the_same_file() -> None:
    graph = Graph(-1, 2, 2, 3)
    graph.end(graph.node("sure", "Sigmoid", ["in"]))
    once, again = (convert(graph.json(), graph.data) for _ in range(2))
    assert once == again
    assert len(content_hash(once)) == 64


def spoiled(**change: Any) -> Graph:
    graph = Graph(-1, 4, 4, 3)
    reads = ["in", graph.constant("kernel", np.ones((1, 1, 3, 2), np.float32))]
    graph.end(graph.window("conv", "Conv2D", reads, 1, "VALID"))
    graph.nodes[2].update(change.pop("node", {}))
    graph.nodes[2]["attr"] |= change
    return graph


@pytest.mark.parametrize(
    ("graph", "named"),
    [
        (spoiled(node={"op": "Einsum"}), "the operation Einsum"),
        (spoiled(fused_ops=words("BiasAdd", "Elu")), "fused with BiasAdd, Elu"),
        (spoiled(dilations={"list": {"i": ["1", "2", "2", "1"]}}), "a dilated convolution"),
        (spoiled(padding={"s": text("EXPLICIT")}), "padding EXPLICIT"),
        (spoiled(node={"input": ["in", "nothing"]}), "no such graph"),
        (spoiled(node={"input": ["end", "kernel"]}), "a graph that reads itself"),
        (Graph(-1, -1, 4, 3), "an input of no fixed size"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(graph: Graph, named: str) -> None:
    with pytest.raises(NotUnderstood, match=named):
        convert(graph.json(), graph.data)


def test_weights_must_be_as_many_as_the_graph_has() -> None:
    graph = spoiled()
    for data in (graph.data + b"\0", graph.data[:-1], b""):
        with pytest.raises(NotUnderstood):
            convert(graph.json(), data)
    graph.weights[0]["quantization"] = {"dtype": "uint8"}
    with pytest.raises(NotUnderstood, match="weights of type uint8"):
        convert(graph.json(), graph.data)


@pytest.mark.parametrize("told", [b"", b"[]", b"{}", b'{"weightsManifest": []}', b"\xff"])
def test_a_text_that_is_no_graph(told: bytes) -> None:
    with pytest.raises(NotUnderstood, match="no such graph"):
        convert(told, b"")
