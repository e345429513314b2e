"""The networks that look at pictures: what each is, where its weights lie, whether they are the right ones.

`manifest.json` says all that is known of each model; the weights come at set-up and lie in `weights/` beside
it. A model is usable when its content has the manifest's hash and a known input gives the known answer: the
first shows that these are the weights, the second that this machine's OpenCV runs them as it should. All
else is *unavailable* with a code: `missing`, `wrong_file` or `wrong_answer`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from proctoring.onnx_content import OnnxFault, content_hash

MISSING, WRONG_FILE, WRONG_ANSWER = "missing", "wrong_file", "wrong_answer"
TOLERANCE = 1e-4
"""How far a value of the known answer may be off, per unit of its size (at least one)."""


@dataclass(frozen=True, slots=True)
class ModelInput:
    """What a model wants to see: `(pixel - mean) / std` in the channel order and layout named here.

    `width` and `height` in pixels, 0 when any size will do whose sides are multiples of `multiple`.
    """

    width: int
    height: int
    multiple: int
    order: str
    layout: str
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """What a model must make of `sample(card, shape)`: name of an output -> a few numbers of it."""

    shape: tuple[int, ...]
    values: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One entry of the manifest. `outputs`: names in the order of use; `dim`: length of a vector, or 0.

    `content_hash` is what `onnx_content.content_hash` must say. The known answers are asked one after the
    other of one net: OpenCV 4 misreads the detector's input only when its size changes.
    """

    name: str
    version: str
    purpose: str
    file: str
    source: str
    licence: str
    caveat: str
    input: ModelInput
    outputs: tuple[str, ...]
    dim: int
    thresholds: Mapping[str, float]
    content_hash: str
    answers: tuple[KnownAnswer, ...]


@dataclass(frozen=True, slots=True)
class ModelState:
    """Whether a model can be used: `code` is empty when it can, else `missing`, `wrong_file`, `wrong_answer`.

    `size`: bytes of the weights found, 0 when there are none.
    """

    card: ModelCard
    code: str
    size: int


class ModelUnavailable(Exception):
    """A model that cannot be used now, for its `purpose`, with the `code` of its state."""

    def __init__(self, purpose: str, code: str) -> None:
        """Both are kept as attributes."""
        super().__init__(f"{purpose}: {code}")
        self.purpose = purpose
        self.code = code


@cache
def cards() -> tuple[ModelCard, ...]:
    """All models of the manifest, in its order; there is one for each purpose."""
    listed = json.loads(files("proctoring").joinpath("manifest.json").read_text("utf-8"))
    return tuple(_card(entry) for entry in listed["models"])


def card(purpose: str) -> ModelCard:
    """The model for a purpose. Raises `KeyError` for a purpose that no model serves."""
    for entry in cards():
        if entry.purpose == purpose:
            return entry
    raise KeyError(purpose)


def open_net(purpose: str, folder: Path | None = None) -> "cv2.dnn.Net":
    """A network of the caller's own, ready for use: one for each thread, since it keeps what it last saw.

    `folder`: where the weights lie, the package's own when left out. The very bytes that are hashed are
    loaded, then asked for the known answer: some 50 ms in all. Raises `ModelUnavailable`.
    """
    entry = card(purpose)
    net = _load(entry, _weights(entry, folder))
    if not _answers(entry, net):
        raise ModelUnavailable(purpose, WRONG_ANSWER)
    return net


def verify(folder: Path | None = None) -> tuple[ModelState, ...]:
    """The state of every model of the manifest, with hash and known answer tried. Never raises."""
    return tuple(_state(entry, folder) for entry in cards())


def sample(entry: ModelCard, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The input of a known answer: bytes that look random, the same on every machine, scaled as real ones.

    Made of whole numbers alone, so that no random generator's version matters.
    """
    index = np.arange(int(np.prod(shape)), dtype=np.uint64)
    pixels = ((index * np.uint64(2654435761)) % np.uint64(1 << 32)) >> np.uint64(24)
    scaled = (pixels.astype(np.float32) - entry.input.mean) / entry.input.std
    return scaled.reshape(shape).astype(np.float32)


def answer(entry: ModelCard, net: "cv2.dnn.Net", shape: tuple[int, ...]) -> KnownAnswer:
    """What a network makes of `sample`: of each output mean, deviation and five values spread over it."""
    net.setInput(sample(entry, shape))
    found = zip(entry.outputs, net.forward(list(entry.outputs)), strict=True)
    return KnownAnswer(shape, {name: _digest(np.asarray(values)) for name, values in found})


def _digest(values: NDArray[Any]) -> tuple[float, ...]:
    flat = values.ravel().astype(np.float64)
    places = np.linspace(0, flat.size - 1, 5).astype(int)
    return (float(flat.mean()), float(flat.std()), *(float(value) for value in flat[places]))


def _answers(entry: ModelCard, net: "cv2.dnn.Net") -> bool:
    try:
        return all(_equal(answer(entry, net, known.shape), known) for known in entry.answers)
    except cv2.error:
        return False


def _equal(found: KnownAnswer, known: KnownAnswer) -> bool:
    return found.values.keys() == known.values.keys() and all(
        np.allclose(found.values[name], wanted, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=False)
        for name, wanted in known.values.items()
    )


def _state(entry: ModelCard, folder: Path | None) -> ModelState:
    size = 0
    try:
        data = _weights(entry, folder)
        size = len(data)
        code = "" if _answers(entry, _load(entry, data)) else WRONG_ANSWER
    except ModelUnavailable as fault:
        code = fault.code
    return ModelState(entry, code, size)


def _weights(entry: ModelCard, folder: Path | None) -> bytes:
    place: Traversable = files("proctoring").joinpath("weights") if folder is None else folder
    try:
        return place.joinpath(entry.file).read_bytes()
    except OSError as fault:
        raise ModelUnavailable(entry.purpose, MISSING) from fault


def _load(entry: ModelCard, data: bytes) -> "cv2.dnn.Net":
    try:
        if content_hash(data) != entry.content_hash:
            raise ModelUnavailable(entry.purpose, WRONG_FILE)
    except OnnxFault as fault:
        raise ModelUnavailable(entry.purpose, WRONG_FILE) from fault
    try:
        return cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
    except cv2.error as fault:  # the right file, but this OpenCV cannot run it
        raise ModelUnavailable(entry.purpose, WRONG_ANSWER) from fault


def _card(entry: Mapping[str, Any]) -> ModelCard:
    return ModelCard(
        **{name: entry[name] for name in ("name", "version", "purpose", "file", "source", "licence")},
        caveat=entry["caveat"],
        input=ModelInput(**entry["input"]),
        outputs=tuple(entry["outputs"]),
        dim=entry["dim"],
        thresholds=MappingProxyType(dict(entry["thresholds"])),
        content_hash=entry["content_hash"],
        answers=tuple(_known(known) for known in entry["answers"]),
    )


def _known(entry: Mapping[str, Any]) -> KnownAnswer:
    values = {name: tuple(numbers) for name, numbers in entry["values"].items()}
    return KnownAnswer(tuple(entry["shape"]), MappingProxyType(values))
