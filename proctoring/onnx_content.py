"""What an ONNX file says, as a hash: its nodes, inputs, outputs and initialisers, not the file's bytes.

Two writers, or one writer twice, may lay the same network down in different bytes: fields in another order,
numbers packed or not, initialisers shuffled. Whoever converts a model anew must still get the same hash,
and one changed weight another one. The few message fields read here are those of the ONNX format.
"""

import hashlib
import struct
from collections.abc import Iterator

Bytes = memoryview
Value = int | Bytes
Fields = dict[int, list[Value]]

GRAPH, OPSETS = 7, 8  # of the model
NODES, INITIALISERS, INPUTS, OUTPUTS = 1, 5, 11, 12  # of the graph
NODE_INPUT, NODE_OUTPUT, NODE_TYPE, NODE_ATTRIBUTE, NODE_DOMAIN = 1, 2, 4, 5, 7
ATTRIBUTE_NAME, ATTRIBUTE_TENSOR, ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS = 1, 5, 6, 11
ATTRIBUTE_NUMBERS = (3, 8, 20)  # one whole number, many, the attribute's type
ATTRIBUTE_BYTES = (2, 4, 7, 9)  # one float, one text, floats, texts
TENSOR_DIMS, TENSOR_TYPE, TENSOR_NAME, TENSOR_RAW, TENSOR_ELSEWHERE = 1, 2, 8, 9, 13
TENSOR_WHOLE, TENSOR_FIXED = {5: "<I", 7: "<Q", 11: "<Q"}, (4, 10)  # varints by width; floats and doubles


MOST_FIELDS = 1 << 20
"""In one message: a file of nothing but small fields would take a hundred times its size of memory."""


class OnnxFault(Exception):
    """A file that is no whole ONNX model, or one that keeps weights outside itself."""


def content_hash(data: bytes) -> str:
    """SHA-256 (hex) over a model's content. Raises `OnnxFault`."""
    model = _fields(memoryview(data))
    graphs = model.get(GRAPH, [])
    if len(graphs) != 1:
        raise OnnxFault("not one graph")
    digest = hashlib.sha256()
    parts = [*sorted(_opset(_message(opset)) for opset in model.get(OPSETS, [])), *_graph(graphs[0])]
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def _graph(value: Value) -> Iterator[bytes]:
    graph = _message(value)
    for number in (INPUTS, OUTPUTS):
        yield from (b"end %d " % number + _end(_message(end)) for end in graph.get(number, []))
    for node in graph.get(NODES, []):
        yield from _node(_message(node))
    yield from sorted(_tensor(_message(tensor)) for tensor in graph.get(INITIALISERS, []))


def _end(end: Fields) -> bytes:
    """Name, element type and shape of an input or output; shapes between nodes are not weighed."""
    parts = [_texts(end, 1)]
    for kind in (_message(value) for value in end.get(2, [])):
        for tensor in (_message(value) for value in kind.get(1, [])):
            parts.append(_whole(tensor, 1))
            shapes = [_message(value) for value in tensor.get(2, [])]
            dims = [_message(value) for shape in shapes for value in shape.get(1, [])]
            parts += [_whole(dim, 1) + b"/" + _texts(dim, 2) for dim in dims]
    return b" ".join(parts)


def _opset(opset: Fields) -> bytes:
    return b"opset " + _texts(opset, 1) + _whole(opset, 2)


def _node(node: Fields) -> Iterator[bytes]:
    yield b"node " + _texts(node, NODE_DOMAIN) + b" " + _texts(node, NODE_TYPE)
    yield b"in " + _texts(node, NODE_INPUT)
    yield b"out " + _texts(node, NODE_OUTPUT)
    yield from sorted(_attribute(_message(attribute)) for attribute in node.get(NODE_ATTRIBUTE, []))


def _attribute(attribute: Fields) -> bytes:
    if attribute.keys() & {ATTRIBUTE_GRAPH, ATTRIBUTE_GRAPHS}:
        raise OnnxFault("graph inside a graph")
    parts = [_texts(attribute, ATTRIBUTE_NAME)]
    parts += [b"%d=" % number + _whole(attribute, number) for number in ATTRIBUTE_NUMBERS]
    parts += [b"%d=" % number + _texts(attribute, number) for number in ATTRIBUTE_BYTES]
    parts += [_tensor(_message(tensor)) for tensor in attribute.get(ATTRIBUTE_TENSOR, [])]
    return b"attribute " + b" ".join(parts)


def _tensor(tensor: Fields) -> bytes:
    if TENSOR_ELSEWHERE in tensor:
        raise OnnxFault("weights outside the file")
    data = b"".join(bytes(_bytes(part)) for part in tensor.get(TENSOR_RAW, []))
    for number in TENSOR_FIXED:
        data += b"".join(bytes(_bytes(part)) for part in tensor.get(number, []))
    for number, width in TENSOR_WHOLE.items():
        values = _numbers(tensor.get(number, []))
        data += b"".join(struct.pack(width, value % (1 << 8 * struct.calcsize(width))) for value in values)
    head = (_texts(tensor, TENSOR_NAME), _whole(tensor, TENSOR_DIMS), _whole(tensor, TENSOR_TYPE))
    return b"tensor " + b" ".join(head) + b" " + hashlib.sha256(data).digest()


def _texts(fields: Fields, number: int) -> bytes:
    """All values of a field, each with its length before it."""
    found = [bytes(_bytes(value)) for value in fields.get(number, [])]
    return b"".join(b"%d:" % len(text) + text for text in found)


def _whole(fields: Fields, number: int) -> bytes:
    return ",".join(map(str, _numbers(fields.get(number, [])))).encode()


def _numbers(values: list[Value]) -> Iterator[int]:
    """Whole numbers of a repeated field, written one by one or packed."""
    for value in values:
        if isinstance(value, int):
            yield value
            continue
        at = 0
        while at < len(value):
            number, at = _varint(value, at)
            yield number


def _bytes(value: Value) -> Bytes:
    if isinstance(value, int):
        raise OnnxFault("a number where bytes belong")
    return value


def _message(value: Value) -> Fields:
    return _fields(_bytes(value))


def _fields(data: Bytes) -> Fields:
    """A message's fields by number, in their order; floats and doubles stay bytes."""
    found: Fields = {}
    at = count = 0
    while at < len(data):
        count += 1
        if count > MOST_FIELDS:
            raise OnnxFault("too many fields")
        tag, at = _varint(data, at)
        value: Value
        if tag & 7 == 0:
            value, at = _varint(data, at)
        else:
            size, at = _size(data, at, tag & 7)
            if at + size > len(data):
                raise OnnxFault("cut off")
            value, at = data[at : at + size], at + size
        found.setdefault(tag >> 3, []).append(value)
    return found


def _size(data: Bytes, at: int, kind: int) -> tuple[int, int]:
    """Length of a field that is no varint, and where it starts."""
    if kind == 2:
        return _varint(data, at)
    if kind in {1, 5}:
        return (8 if kind == 1 else 4), at
    raise OnnxFault("no such field kind")


def _varint(data: Bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise OnnxFault("cut off")
