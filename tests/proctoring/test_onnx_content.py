"""The hash of a model's content: blind to how a file is laid down, awake to every weight and node."""

import contextlib
import struct
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctoring import onnx_content
from proctoring.onnx_content import OnnxFault, content_hash


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def whole(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def data(number: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


@dataclass(frozen=True)
class Layout:
    """How a writer lays a model down; none of it changes what the model is."""

    packed: bool = True
    raw: bool = True
    backwards: bool = False
    shuffled: bool = False
    remarks: bool = False


def numbers(number: int, values: list[int], layout: Layout) -> bytes:
    if layout.packed:
        return data(number, b"".join(map(varint, values)))
    return b"".join(whole(number, value) for value in values)


def joined(parts: list[bytes], layout: Layout) -> bytes:
    return b"".join(reversed(parts) if layout.backwards else parts)


def tensor(name: str, values: list[float], layout: Layout) -> bytes:
    floats = struct.pack(f"<{len(values)}f", *values)
    if layout.raw:
        body = data(9, floats)
    elif layout.packed:
        body = data(4, floats)
    else:
        body = b"".join(varint(4 << 3 | 5) + floats[at : at + 4] for at in range(0, len(floats), 4))
    return joined([numbers(1, [1, len(values)], layout), whole(2, 1), data(8, name), body], layout)


def node(kind: str, ends: tuple[str, str, str], strides: list[int], layout: Layout) -> bytes:
    source, weights, target = ends
    attribute = joined([data(1, "strides"), numbers(8, strides, layout), whole(20, 7)], layout)
    parts = [data(1, source) + data(1, weights), data(2, target), data(4, kind), data(5, attribute)]
    return joined([*parts, data(6, "a remark")] if layout.remarks else parts, layout)


@dataclass(frozen=True)
class Model:
    """Two nodes with weights each: what a model is."""

    kinds: tuple[str, str] = ("Conv", "Mul")
    first: tuple[float, ...] = (1.0, -2.5, 0.0)
    second: tuple[float, ...] = (0.25,)
    strides: tuple[int, ...] = (1, 2)
    width: int = 112
    opset: int = 11

    def file(self, layout: Layout = Layout()) -> bytes:
        shape = data(1, whole(1, 1)) + data(1, whole(1, self.width))
        end = data(1, "picture") + data(2, data(1, whole(1, 1) + data(2, shape)))
        tensors = [tensor("a", [*self.first], layout), tensor("b", [*self.second], layout)]
        nodes = [
            node(self.kinds[0], ("picture", "a", "inner"), [*self.strides], layout),
            node(self.kinds[1], ("inner", "b", "answer"), [], layout),
        ]
        if layout.shuffled:
            tensors.reverse()
        graph = [data(1, each) for each in nodes], [data(5, each) for each in tensors], [data(11, end)]
        parts = [b"".join(part) for part in graph] + [data(12, data(1, "answer"))]
        if layout.remarks:
            parts += [data(2, "name of the graph"), data(13, data(1, "inner"))]
        model = [whole(1, 8), data(2, "a writer"), data(8, whole(2, self.opset))]
        return joined([*model, data(7, joined(parts, layout))], layout)


layouts = st.builds(Layout, *[st.booleans()] * 5)


@given(layouts)
def test_the_way_of_writing_does_not_matter(layout: Layout) -> None:
    assert content_hash(Model().file(layout)) == content_hash(Model().file())


@pytest.mark.parametrize(
    "other",
    [
        replace(Model(), kinds=("Mul", "Conv")),
        replace(Model(), first=(1.0, -2.5, -0.0)),
        replace(Model(), first=(1.0, -2.5)),
        replace(Model(), first=(-2.5, 1.0, 0.0)),
        replace(Model(), first=Model().second, second=Model().first),
        replace(Model(), strides=(2, 1)),
        replace(Model(), width=128),
        replace(Model(), opset=13),
    ],
)
def test_every_part_of_the_content_matters(other: Model) -> None:
    assert content_hash(other.file()) != content_hash(Model().file())


weights = st.tuples(*[st.floats(width=32, allow_nan=False)] * 3)


@pytest.mark.dear
@given(weights, weights)
def test_equal_weights_equal_hash_and_only_they(one: tuple[float, ...], two: tuple[float, ...]) -> None:
    same = struct.pack("<3f", *one) == struct.pack("<3f", *two)
    hashes = [content_hash(replace(Model(), first=each).file()) for each in (one, two)]
    assert (hashes[0] == hashes[1]) == same


@given(st.integers(1, len(Model().file()) - 1))
def test_a_file_that_was_cut_off_never_passes(length: int) -> None:
    try:
        found = content_hash(Model().file()[:length])
    except OnnxFault:
        return
    assert found != content_hash(Model().file())


@given(st.binary(max_size=200), st.integers(0, 200))
def test_bytes_from_anywhere_are_a_fault_or_a_hash(noise: bytes, at: int) -> None:
    whole_file = Model().file()
    for candidate in (noise, whole_file[:at] + noise + whole_file[at:]):
        with contextlib.suppress(OnnxFault):
            assert len(content_hash(candidate)) == 64


@pytest.mark.parametrize(
    "file",
    [
        b"",
        Model().file() + Model().file(),
        data(7, data(5, data(8, "a") + data(13, data(1, "location")))),
        data(7, data(1, data(5, data(1, "body") + data(6, b"")))),
        data(7, whole(1, 5)),
        varint(7 << 3 | 3),
        b"\xff" * 20,
    ],
    ids=[
        "empty",
        "two models",
        "weights outside",
        "graph in a graph",
        "number for a node",
        "group",
        "endless",
    ],
)
def test_what_cannot_be_weighed_is_refused(file: bytes) -> None:
    with pytest.raises(OnnxFault):
        content_hash(file)


def test_a_file_of_nothing_but_small_fields_is_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_content, "MOST_FIELDS", 1000)
    with pytest.raises(OnnxFault, match="too many"):
        content_hash(b"\x08\x01" * 1001)
