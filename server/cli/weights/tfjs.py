"""A network of TensorFlow.js (a graph in JSON and a file of weights) as an ONNX file.

Only what occurs in the networks that set-up takes is understood; anything else is refused by name. The
batch is one picture.
"""

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from server.cli.weights.onnx_writing import Attribute, Node, written
from server.cli.weights.tfjs_reading import CHANNELS_FIRST, NotUnderstood, Reader, Step, Value, constants_of

__all__ = ["NotUnderstood", "convert"]


def convert(graph: bytes, weights: bytes) -> bytes:
    """An ONNX file out of `model.json` and its one file of weights. Raises `NotUnderstood`."""
    try:
        told = json.loads(graph)
        constants = constants_of(told["weightsManifest"], weights)
        return written(Reader(told["modelTopology"]["node"], constants, _STEPS).network())
    except (KeyError, TypeError, ValueError, IndexError) as fault:
        raise NotUnderstood(f"no such graph ({fault})") from fault


def _convolution(reader: Reader, node: Mapping[str, Any], attr: Mapping[str, Any]) -> None:
    """Plain, depthwise and fused with a bias and what follows it."""
    source = reader.lying(reader.value(node["input"][0]), CHANNELS_FIRST)
    kernel = reader.constant(node, 1)
    high, wide, deep, many = kernel.shape
    group = 1
    if node["op"] == "DepthwiseConv2dNative":
        group, kernel, many = deep, kernel.reshape(high, wide, 1, deep * many), deep * many
    reads: tuple[str, ...] = (source.name, reader.weight(node["input"][1], kernel.transpose(3, 2, 0, 1)))
    if any(each != 1 for each in _whole(attr.get("dilations"), [1] * 4)):
        raise NotUnderstood("a dilated convolution")
    fused = [_told(each) for each in attr.get("fused_ops", {}).get("list", {}).get("s", [])]
    if fused not in ([], ["BiasAdd"], ["BiasAdd", "Prelu"]):
        raise NotUnderstood(f"a convolution fused with {', '.join(fused)}")
    if fused:
        reads += (reader.weight(node["input"][2], reader.constant(node, 2)),)
    shape, pads, strides = _window(source.shape, (high, wide), attr)
    name = node["name"] + ("/before" if "Prelu" in fused else "")
    made = reader.emit(
        "Conv", reads, Value(name, (*shape, many), CHANNELS_FIRST),
        kernel_shape=(high, wide), strides=strides, pads=pads, group=group,
    )  # fmt: skip
    reader.made[node["name"]] = made
    if "Prelu" in fused:
        _slope(reader, node["name"], made, node["input"][3])


def _pool(reader: Reader, node: Mapping[str, Any], attr: Mapping[str, Any]) -> None:
    source = reader.lying(reader.value(node["input"][0]), CHANNELS_FIRST)
    _one, high, wide, _other = _whole(attr["ksize"], [])
    shape, pads, strides = _window(source.shape, (high, wide), attr)
    made = Value(node["name"], (*shape, source.shape[3]), CHANNELS_FIRST)
    sizes = {"kernel_shape": (high, wide), "strides": strides, "pads": pads}
    reader.made[made.name] = reader.emit("MaxPool", (source.name,), made, **sizes)


def _window(
    shape: tuple[int, ...], kernel: tuple[int, int], attr: Mapping[str, Any]
) -> tuple[tuple[int, int, int], tuple[int, int, int, int], tuple[int, int]]:
    """(batch, height, width) of what comes out, ONNX pads, strides; by TensorFlow's rule for SAME."""
    _one, down, right, _other = _whole(attr["strides"], [])
    padding = _told(attr["padding"]["s"])
    sizes, before, after = [], [], []
    for length, window, stride in zip(shape[1:3], kernel, (down, right), strict=True):
        size = -(-length // stride) if padding == "SAME" else (length - window) // stride + 1
        more = max((size - 1) * stride + window - length, 0) if padding == "SAME" else 0
        sizes.append(size)
        before.append(more // 2)
        after.append(more - more // 2)
    if padding not in {"SAME", "VALID"}:
        raise NotUnderstood(f"padding {padding}")
    return (shape[0], sizes[0], sizes[1]), (*before, *after), (down, right)  # type: ignore[return-value]


def _sum(reader: Reader, node: Mapping[str, Any], _attr: Mapping[str, Any]) -> None:
    first, second = node["input"]
    if first in reader.constants:
        first, second = second, first
    value = reader.value(first)
    if second in reader.constants:
        other = reader.spread(second, value)
    else:
        other = reader.lying(reader.value(second), value.order).name
        if reader.value(second).shape != value.shape:
            raise NotUnderstood("a sum of different shapes")
    made = Value(node["name"], value.shape, value.order)
    reader.made[made.name] = reader.emit("Add", (value.name, other), made)


def _prelu(reader: Reader, node: Mapping[str, Any], _attr: Mapping[str, Any]) -> None:
    _slope(reader, node["name"], reader.value(node["input"][0]), node["input"][1])


def _slope(reader: Reader, name: str, value: Value, slope: str) -> None:
    """A slope for each channel below zero."""
    source = reader.lying(value, CHANNELS_FIRST)
    if reader.constants[slope].size != source.shape[3]:
        raise NotUnderstood("a Prelu that is not by channel")
    slopes = reader.weight(f"{slope}/slopes", reader.constants[slope].reshape(-1, 1, 1))
    made = Value(name, source.shape, CHANNELS_FIRST)
    reader.made[name] = reader.emit("PRelu", (source.name, slopes), made)


def _alone(op: str, **given: str) -> Step:
    """An operation on each number by itself. `given`: ONNX attribute -> TensorFlow's."""

    def read(reader: Reader, node: Mapping[str, Any], attr: Mapping[str, Any]) -> None:
        value = reader.value(node["input"][0])
        made = Value(node["name"], value.shape, value.order)
        attributes = {name: float(attr[there]["f"]) for name, there in given.items()}
        reader.made[made.name] = reader.emit(op, (value.name,), made, **attributes)

    return read


def _pad(reader: Reader, node: Mapping[str, Any], _attr: Mapping[str, Any]) -> None:
    value = reader.value(node["input"][0])
    edges = reader.constant(node, 1)
    shape = tuple(int(each) for each in np.array(value.shape) + edges.sum(axis=1))
    pads = reader.weight(f"{node['name']}/pads", edges[list(value.order)].T.ravel().astype(np.int64))
    filled = reader.constant(node, 2) if node["op"] == "PadV2" else np.zeros((), np.float32)
    fill = reader.weight(f"{node['name']}/fill", filled.astype(np.float32))
    made = Value(node["name"], shape, value.order)
    reader.made[made.name] = reader.emit("Pad", (value.name, pads, fill), made, mode="constant")


def _transpose(reader: Reader, node: Mapping[str, Any], _attr: Mapping[str, Any]) -> None:
    """Nothing is moved: the value is the same, its dimensions have other names."""
    value = reader.value(node["input"][0])
    perm = [int(each) for each in reader.constant(node, 1)]
    shape = tuple(value.shape[place] for place in perm)
    reader.made[node["name"]] = Value(value.name, shape, tuple(perm.index(place) for place in value.order))


def _joined(reader: Reader, node: Mapping[str, Any], _attr: Mapping[str, Any]) -> None:
    *names, last = node["input"]
    axis = int(reader.constants[last].item())
    first = reader.value(names[0])
    parts = [reader.lying(reader.value(name), first.order) for name in names]
    place = axis % len(first.shape)
    shape = list(first.shape)
    shape[place] = sum(part.shape[place] for part in parts)
    made = Value(node["name"], tuple(shape), first.order)
    reads = tuple(part.name for part in parts)
    reader.made[made.name] = reader.emit("Concat", reads, made, axis=first.order.index(place))


def _split(reader: Reader, node: Mapping[str, Any], _attr: Mapping[str, Any]) -> None:
    value = reader.value(node["input"][0])
    sizes = tuple(int(each) for each in reader.constant(node, 1))
    place = int(reader.constant(node, 2).item()) % len(value.shape)
    made = []
    for number, size in enumerate(sizes):
        shape = (*value.shape[:place], size, *value.shape[place + 1 :])
        made.append(Value(f"{node['name']}:{number}" if number else node["name"], shape, value.order))
    reader.made |= {each.name: each for each in made}
    outputs = tuple(each.name for each in made)
    told: dict[str, Attribute] = {"axis": value.order.index(place), "split": sizes}
    reader.nodes.append(Node("Split", (value.name,), outputs, told))


def _reshape(reader: Reader, node: Mapping[str, Any], _attr: Mapping[str, Any]) -> None:
    value = reader.value(node["input"][0])
    plain = reader.lying(value, tuple(range(len(value.shape))))
    wanted = [int(each) for each in reader.constant(node, 1)]
    wanted[0] = 1 if wanted[0] == -1 and math.prod(value.shape[1:]) == math.prod(wanted[1:]) else wanted[0]
    if -1 in wanted:
        wanted[wanted.index(-1)] = math.prod(value.shape) // -math.prod(wanted)
    shape = reader.weight(f"{node['name']}/shape", np.array(wanted, np.int64))
    made = Value(node["name"], tuple(wanted), tuple(range(len(wanted))))
    reader.made[made.name] = reader.emit("Reshape", (plain.name, shape), made)


def _resize(reader: Reader, node: Mapping[str, Any], attr: Mapping[str, Any]) -> None:
    if attr.get("align_corners", {}).get("b") or not attr.get("half_pixel_centers", {}).get("b"):
        raise NotUnderstood("a ResizeBilinear that is not by half pixels")
    source = reader.lying(reader.value(node["input"][0]), CHANNELS_FIRST)
    high, wide = (int(each) for each in reader.constant(node, 1))
    sizes = np.array([source.shape[0], source.shape[3], high, wide], np.int64)
    size = reader.weight(f"{node['name']}/size", sizes)
    made = Value(node["name"], (source.shape[0], high, wide, source.shape[3]), CHANNELS_FIRST)
    told = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    reader.made[made.name] = reader.emit("Resize", (source.name, "", "", size), made, **told)


def _end(reader: Reader, node: Mapping[str, Any], _attr: Mapping[str, Any]) -> None:
    """An end of the graph under its own name, its dimensions as TensorFlow has them."""
    value = reader.value(node["input"][0])
    plain = tuple(range(len(value.shape)))
    turn = tuple(value.order.index(place) for place in plain)
    made = Value(node["name"], value.shape, plain)
    reader.made[made.name] = reader.emit("Transpose", (value.name,), made, perm=turn)


_STEPS: dict[str, Step] = {
    "_FusedConv2D": _convolution,
    "Conv2D": _convolution,
    "DepthwiseConv2dNative": _convolution,
    "MaxPool": _pool,
    "Add": _sum,
    "AddV2": _sum,
    "Prelu": _prelu,
    "LeakyRelu": _alone("LeakyRelu", alpha="alpha"),
    "Sigmoid": _alone("Sigmoid"),
    "Pad": _pad,
    "PadV2": _pad,
    "Transpose": _transpose,
    "ConcatV2": _joined,
    "SplitV": _split,
    "Reshape": _reshape,
    "ResizeBilinear": _resize,
    "Identity": _end,
}


def _told(text: str) -> str:
    """A text of the graph, which are written in base64."""
    return base64.b64decode(text).decode()


def _whole(attribute: Mapping[str, Any] | None, default: list[int]) -> list[int]:
    return default if attribute is None else [int(each) for each in attribute["list"]["i"]]
