"""An ONNX file out of nodes and numbers, byte for byte the same for the same network.

Only what a converted network needs: one graph, weights of floats and whole numbers, attributes of numbers
and texts. Field numbers are those of the ONNX format.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Attribute = int | float | str | tuple[int, ...]
IR_VERSION, OPSET = 7, 11
FLOAT, WHOLE = 1, 7  # element types
KIND_FLOAT, KIND_WHOLE, KIND_TEXT, KIND_WHOLES = 1, 2, 3, 7  # kinds of attributes


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: what it is called in ONNX, the names it reads and the names it makes."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Network:
    """A whole graph: nodes in an order that can be computed, shapes of its ends, its constants by name.

    `ends`: both dictionaries name -> shape, of floats. `weights`: arrays of float32 or int64.
    """

    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]
    nodes: Sequence[Node]
    weights: Mapping[str, NDArray[np.float32] | NDArray[np.int64]]


def written(network: Network) -> bytes:
    """The file."""
    graph = b"".join(_block(1, _node(node)) for node in network.nodes) + _text(2, "network")
    graph += b"".join(_block(5, _tensor(name, values)) for name, values in network.weights.items())
    for number, ends in ((11, network.inputs), (12, network.outputs)):
        graph += b"".join(_block(number, _end(name, shape)) for name, shape in ends.items())
    return _number(1, IR_VERSION) + _block(7, graph) + _block(8, _text(1, "") + _number(2, OPSET))


def _node(node: Node) -> bytes:
    names = b"".join(_text(1, name) for name in node.inputs) + b"".join(
        _text(2, name) for name in node.outputs
    )
    attributes = b"".join(_block(5, _attribute(*each)) for each in sorted(node.attributes.items()))
    return names + _text(3, node.outputs[0]) + _text(4, node.op) + attributes


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        told = _number(3, value) + _number(20, KIND_WHOLE)
    elif isinstance(value, float):
        told = _varint(2 << 3 | 5) + struct.pack("<f", value) + _number(20, KIND_FLOAT)
    elif isinstance(value, str):
        told = _text(4, value) + _number(20, KIND_TEXT)
    else:
        told = b"".join(_number(8, each) for each in value) + _number(20, KIND_WHOLES)
    return _text(1, name) + told


def _tensor(name: str, values: NDArray[np.float32] | NDArray[np.int64]) -> bytes:
    kind, stored = (WHOLE, "<i8") if values.dtype.kind == "i" else (FLOAT, "<f4")
    dims = b"".join(_number(1, each) for each in values.shape)
    return dims + _number(2, kind) + _text(8, name) + _block(9, values.astype(stored).tobytes())


def _end(name: str, shape: tuple[int, ...]) -> bytes:
    dims = b"".join(_block(1, _number(1, each)) for each in shape)
    return _text(1, name) + _block(2, _block(1, _number(1, FLOAT) + _block(2, dims)))


def _text(number: int, text: str) -> bytes:
    return _block(number, text.encode())


def _block(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value % (1 << 64))


def _varint(value: int) -> bytes:
    done = bytearray()
    while value >= 128:
        done.append(value & 127 | 128)
        value >>= 7
    return bytes([*done, value])
