"""The graph of a TensorFlow.js network, walked once: what is constant, what is made, in which order.

TensorFlow keeps channels last and ONNX first: each value remembers how its stored dimensions lie, so that
most transpositions are only a note and none is computed. What each operation becomes is `tfjs`' affair.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from server.cli.weights.onnx_writing import Attribute, Network, Node

Array = NDArray[Any]
CHANNELS_FIRST = (0, 3, 1, 2)
TYPES = {"float32": "<f4", "int32": "<i4"}


class NotUnderstood(Exception):
    """A graph with something in it that this reader does not know; its text names what."""


@dataclass(frozen=True, slots=True)
class Value:
    """What a node makes. `shape`: as TensorFlow sees it; `order`: the stored dimensions are these of it."""

    name: str
    shape: tuple[int, ...]
    order: tuple[int, ...]

    @property
    def stored(self) -> tuple[int, ...]:
        """The shape in the ONNX file."""
        return tuple(self.shape[place] for place in self.order)


def constants_of(manifest: list[dict[str, Any]], data: bytes) -> dict[str, Array]:
    """Weights by name; those stored as half floats become whole ones."""
    found: dict[str, Array] = {}
    at = 0
    for entry in (entry for group in manifest for entry in group["weights"]):
        packed = entry.get("quantization", {})
        kind = {"float16": "<f2"}.get(packed.get("dtype")) if packed else TYPES.get(entry["dtype"])
        if kind is None:
            raise NotUnderstood(f"weights of type {packed.get('dtype', entry['dtype'])}")
        values = np.frombuffer(data, kind, math.prod(entry["shape"]), at).reshape(entry["shape"])
        at += values.nbytes
        whole = entry["dtype"] == "int32"
        found[entry["name"]] = values.astype(np.int64) if whole else values.astype(np.float32)
    if at != len(data):
        raise NotUnderstood("more weights than the graph has")
    return found


@dataclass
class Reader:
    """Walks the graph once; `steps` says what becomes of each operation.

    `made`: values by TensorFlow's name; `constants` grows by what is computed of constants alone.
    """

    graph: list[dict[str, Any]]
    constants: dict[str, Array]
    steps: "Mapping[str, Step]"
    made: dict[str, Value] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    weights: dict[str, Array] = field(default_factory=dict)

    def network(self) -> Network:
        """The whole graph; its ends are what nothing reads."""
        inputs = {}
        for node in self._sorted():
            if node["op"] == "Placeholder":
                value = self.made[node["name"]] = _placeholder(node)
                inputs[value.name] = value.stored
            elif not self._folded(node):
                self._step(node)
        read = {_bare(name) for node in self.graph for name in node.get("input", [])}
        ends = [node["name"] for node in self.graph if node["name"] in self.made.keys() - read]
        outputs = {self.made[name].name: self.made[name].stored for name in ends}
        return Network(inputs, outputs, self.nodes, self.weights)

    def _sorted(self) -> Iterator[dict[str, Any]]:
        """The nodes, each after those it reads."""
        by_name = {node["name"]: node for node in self.graph}
        done: set[str] = set()
        for name in by_name:
            waiting = [name]
            while waiting:
                reads = [_bare(each) for each in by_name[waiting[-1]].get("input", [])]
                missing = [each for each in reads if each not in done]
                if len(waiting) > len(by_name):
                    raise NotUnderstood("a graph that reads itself")
                if missing:
                    waiting.append(missing[0])
                elif (ready := waiting.pop()) not in done:
                    done.add(ready)
                    yield by_name[ready]

    def _folded(self, node: Mapping[str, Any]) -> bool:
        """Whether a node is a constant or computes with constants alone."""
        reads = node.get("input", [])
        if node["op"] == "Const":
            return True
        if not all(name in self.constants for name in reads):
            return False
        values = [self.constants[name] for name in reads]
        if node["op"] in {"Add", "AddV2"}:
            self.constants[node["name"]] = values[0] + values[1]
        elif node["op"] == "SparseToDense":
            self.constants[node["name"]] = _dense(*values)
        else:
            raise NotUnderstood(f"{node['op']} of constants")
        return True

    def _step(self, node: Mapping[str, Any]) -> None:
        read = self.steps.get(node["op"])
        if read is None:
            raise NotUnderstood(f"the operation {node['op']}")
        read(self, node, node.get("attr", {}))

    def value(self, name: str) -> Value:
        """What a node reads. Names of second and later outputs end in their number."""
        return self.made[name.removesuffix(":0")]

    def constant(self, node: Mapping[str, Any], place: int) -> Array:
        """A constant that a node reads."""
        return self.constants[node["input"][place]]

    def lying(self, value: Value, order: tuple[int, ...]) -> Value:
        """The same value stored in an order of dimensions, transposed when it is not yet."""
        if value.order == order:
            return value
        name = f"{value.name}/{''.join(map(str, order))}"
        turned = Value(name, value.shape, order)
        if not any(name in node.outputs for node in self.nodes):
            perm = tuple(value.order.index(place) for place in order)
            self.nodes.append(Node("Transpose", (value.name,), (name,), {"perm": perm}))
        return turned

    def weight(self, name: str, values: Array) -> str:
        """Puts an array into the file and returns its name."""
        self.weights[name] = values
        return name

    def emit(self, op: str, reads: tuple[str, ...], made: Value, **attributes: Attribute) -> Value:
        """Adds an operation that makes one value, and returns the value."""
        self.nodes.append(Node(op, reads, (made.name,), attributes))
        return made

    def spread(self, name: str, like: Value) -> str:
        """A constant that is added to a value or multiplied with it: as many dimensions, stored as it is."""
        values = self.constants[name]
        wide = values.reshape((1,) * (len(like.shape) - values.ndim) + values.shape)
        return self.weight(f"{name}/as/{like.name}", wide.transpose(like.order))


def _dense(places: Array, shape: Array, values: Array, rest: Array) -> Array:
    """What SparseToDense makes: `rest` everywhere but at `places`."""
    made = np.full([int(each) for each in shape], rest.item(), np.int64)
    for at, value in zip(places.reshape(-1, made.ndim), np.ravel(values), strict=True):
        made[tuple(int(index) for index in at)] = int(value)
    return made


def _placeholder(node: Mapping[str, Any]) -> Value:
    dims = [int(each["size"]) for each in node["attr"]["shape"]["shape"]["dim"]]
    shape = (1, *dims[1:])
    if any(each < 1 for each in shape):
        raise NotUnderstood("an input of no fixed size")
    last = len(shape) == 4 and shape[3] == 3
    return Value(node["name"], shape, CHANNELS_FIRST if last else tuple(range(len(shape))))


def _bare(name: str) -> str:
    return name.split(":")[0]


Step = Callable[[Reader, Mapping[str, Any], Mapping[str, Any]], None]
"""Turns one node, with its attributes, into what the reader then has made."""
