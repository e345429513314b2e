"""The networks that look at pictures: which is used for what, and whether its weights are the right ones.

`model_cards` says all that is known of each; weights come at set-up and lie in `weights/` beside this
module, further ones are installed into a folder of the machine. A network is usable when its content has
the card's hash and a known input gives the known answer: the first shows that these are the weights, the
second that this machine's OpenCV runs them as it should. All else is *unavailable* with a code: `missing`,
`wrong_file` or `wrong_answer`. Of several usable networks for a purpose the first by preference is taken.

Everywhere here `folder` is where weights are looked for: one folder alone, several in their order, or, when
left out, the machine's folder of installed ones and then the package's own.
"""

import os.path
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from proctoring import model_cards
from proctoring.model_cards import KnownAnswer, ManifestFault, ModelCard, ModelInput
from proctoring.onnx_content import OnnxFault, content_hash

__all__ = ["KnownAnswer", "ModelCard", "ModelInput"]

MISSING, WRONG_FILE, WRONG_ANSWER = "missing", "wrong_file", "wrong_answer"
TOLERANCE = 1e-4
"""How far a value of the known answer may be off, per unit of its size (at least one)."""
_CANNOT_RUN = (cv2.error, ValueError, IndexError, TypeError, MemoryError)
OWN = Path(__file__).with_name("weights")
STANDARD = Path("/var/lib/examhall/models")
"""Where `examhall models install` puts networks when no setting says otherwise."""

Folder = Path | Sequence[Path] | None
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ModelState:
    """Whether a model can be used: `code` is empty when it can, else `missing`, `wrong_file`, `wrong_answer`.

    `size`: bytes of the weights found, 0 when there are none; `place`: the folder they lie in; `used`:
    whether it is the one taken for its purpose.
    """

    card: ModelCard
    code: str
    size: int
    place: Path | None = None
    used: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A network ready for use and its card; for one thread, since it keeps what it last saw."""

    card: ModelCard
    net: "cv2.dnn.Net"


class ModelUnavailable(Exception):
    """A model that cannot be used now, for its `purpose`, with the `code` of its state."""

    def __init__(self, purpose: str, code: str) -> None:
        """Both are kept as attributes."""
        super().__init__(f"{purpose}: {code}")
        self.purpose = purpose
        self.code = code


def places(installed: Path | str | None = None) -> tuple[Path, ...]:
    """Where a host looks: its folder of installed networks (the standard one when left out), then our own."""
    return (Path(installed or STANDARD), OWN)


def cards(folder: Folder = None) -> tuple[ModelCard, ...]:
    """All known models, the preferred first: those of the folders' manifests, then the package's.

    A manifest that cannot be read counts as none; `model_cards.folder_cards` tells why.
    """
    found: list[ModelCard] = []
    for place in _folders(folder):
        try:
            found.extend(model_cards.folder_cards(place))
        except (ManifestFault, OSError):
            continue
    known = {card.name for card in found}
    return (*found, *(card for card in model_cards.own_cards() if card.name not in known))


def card(purpose: str, folder: Folder = None) -> ModelCard:
    """The model that would be taken for a purpose by what files there are; nothing is opened.

    Without any file the preferred one. Raises `KeyError` for a purpose that no model serves.
    """
    teams = list(_teams(purpose, folder))
    if not teams:
        raise KeyError(purpose)
    there = (team for team in teams if all(_lies(each, folder) for each in team))
    return next(there, teams[0])[0]


def open_net(purpose: str, folder: Folder = None) -> "cv2.dnn.Net":
    """The network of `open_nets` for purposes that one alone serves. Raises `ModelUnavailable`."""
    return open_nets(purpose, folder)[0].net


def open_nets(purpose: str, folder: Folder = None) -> tuple[Opened, ...]:
    """The usable networks for a purpose, one unless they work together; the caller's own.

    The very bytes that are hashed are loaded, then asked for the known answer: some 50 ms each. Raises
    `ModelUnavailable`, with what is wrong with a file that is there rather than with one that is not.
    """
    codes = []
    for team in _teams(purpose, folder):
        try:
            return tuple(_open(each, folder) for each in team)
        except ModelUnavailable as fault:
            codes.append(fault.code)
    raise ModelUnavailable(purpose, next((code for code in codes if code != MISSING), MISSING))


def verify(folder: Folder = None) -> tuple[ModelState, ...]:
    """The state of every known model, with hash and known answer tried. Never raises."""
    tried = {each.name: _state(each, folder) for each in cards(folder)}
    taken: set[str] = set()
    for purpose in {state.card.purpose for state in tried.values()}:
        whole = (team for team in _teams(purpose, folder) if not any(tried[each.name].code for each in team))
        taken |= {each.name for each in next(whole, ())}
    return tuple(
        ModelState(state.card, state.code, state.size, state.place, name in taken)
        for name, state in tried.items()
    )


def blob(entry: ModelCard, picture: NDArray[np.uint8]) -> Floats:
    """A picture (height x width x 3, BGR, of the size the model wants) as its input."""
    want = entry.input
    alike = len(set(want.std)) == 1
    scale = 1 / want.std[0] if alike else 1.0
    made = cv2.dnn.blobFromImage(picture, scale, mean=want.mean, swapRB=want.order == "RGB")
    ready = np.asarray(made if alike else made / np.reshape(want.std, (3, 1, 1)), np.float32)
    return ready if want.layout == "NCHW" else np.ascontiguousarray(ready.transpose(0, 2, 3, 1))


def forward(entry: ModelCard, net: "cv2.dnn.Net", given: Floats) -> tuple[Floats, ...]:
    """What a network answers, in the order of the card's outputs."""
    net.setInput(given)
    return tuple(np.asarray(values, np.float32) for values in net.forward(list(entry.outputs)))


def sample(entry: ModelCard, shape: tuple[int, ...]) -> Floats:
    """The input of a known answer: bytes that look random, the same on every machine, scaled as real ones.

    Made of whole numbers alone, so that no random generator's version matters.
    """
    index = np.arange(int(np.prod(shape)), dtype=np.uint64)
    pixels = ((index * np.uint64(2654435761)) % np.uint64(1 << 32)) >> np.uint64(24)
    apart = (3, 1, 1) if entry.input.layout == "NCHW" else (3,)
    mean, std = (np.array(each, np.float32).reshape(apart) for each in (entry.input.mean, entry.input.std))
    return np.asarray((pixels.astype(np.float32).reshape(shape) - mean) / std, np.float32)


def answer(entry: ModelCard, net: "cv2.dnn.Net", shape: tuple[int, ...]) -> KnownAnswer:
    """What a network makes of `sample`: of each output mean, deviation and five values spread over it."""
    found = forward(entry, net, sample(entry, shape))
    return KnownAnswer(shape, {name: _digest(each) for name, each in zip(entry.outputs, found, strict=True)})


def load(entry: ModelCard, data: bytes) -> "cv2.dnn.Net":
    """A network out of its file's bytes, checked by hash and known answer. Raises `ModelUnavailable`."""
    try:
        if content_hash(data) != entry.content_hash:
            raise ModelUnavailable(entry.purpose, WRONG_FILE)
    except OnnxFault as fault:
        raise ModelUnavailable(entry.purpose, WRONG_FILE) from fault
    try:
        net = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
        right = all(_equal(answer(entry, net, known.shape), known) for known in entry.answers)
        right = right and _is_as_long(entry, net)
    except _CANNOT_RUN as fault:  # the right file, but this OpenCV cannot run it
        raise ModelUnavailable(entry.purpose, WRONG_ANSWER) from fault
    if not right:
        raise ModelUnavailable(entry.purpose, WRONG_ANSWER)
    return net


def _is_as_long(entry: ModelCard, net: "cv2.dnn.Net") -> bool:
    """Whether a vector has the length that the card says; the server takes no other."""
    if not entry.dim:
        return True
    shape = entry.answers[0].shape
    return all(found.size == entry.dim for found in forward(entry, net, sample(entry, shape)))


def _digest(values: NDArray[Any]) -> tuple[float, ...]:
    flat = values.ravel().astype(np.float64)
    spots = np.linspace(0, flat.size - 1, 5).astype(int)
    return (float(flat.mean()), float(flat.std()), *(float(value) for value in flat[spots]))


def _equal(found: KnownAnswer, known: KnownAnswer) -> bool:
    return found.values.keys() == known.values.keys() and all(
        np.allclose(found.values[name], wanted, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=False)
        for name, wanted in known.values.items()
    )


def _folders(folder: Folder) -> tuple[Path, ...]:
    if folder is None:
        return places()
    return (folder,) if isinstance(folder, Path) else tuple(folder)


def _teams(purpose: str, folder: Folder) -> Iterator[tuple[ModelCard, ...]]:
    """The cards of a purpose, preferred first, those that work together as one."""
    serving = [each for each in cards(folder) if each.purpose == purpose]
    done: set[str] = set()
    for each in serving:
        if not each.team:
            yield (each,)
        elif each.team not in done:
            done.add(each.team)
            yield tuple(other for other in serving if other.team == each.team)


def _lies(entry: ModelCard, folder: Folder) -> bool:
    return any(os.path.isfile(place / entry.file) for place in _folders(folder))


def _found(entry: ModelCard, folder: Folder) -> Iterator[tuple[Path, bytes]]:
    """The files of a model's name, with their folders."""
    for place in _folders(folder):
        try:
            yield place, model_cards.whole_file(place / entry.file, model_cards.MOST_BYTES)
        except OSError:
            continue


def _open(entry: ModelCard, folder: Folder) -> Opened:
    code = MISSING
    for _place, data in _found(entry, folder):
        try:
            return Opened(entry, load(entry, data))
        except ModelUnavailable as fault:
            code = fault.code
    raise ModelUnavailable(entry.purpose, code)


def _state(entry: ModelCard, folder: Folder) -> ModelState:
    state = ModelState(entry, MISSING, 0)
    for place, data in _found(entry, folder):
        try:
            load(entry, data)
        except ModelUnavailable as fault:
            state = ModelState(entry, fault.code, len(data), place)
        else:
            return ModelState(entry, "", len(data), place)
    return state


def usable(states: Iterable[ModelState]) -> frozenset[str]:
    """The purposes that some usable model serves."""
    return frozenset(state.card.purpose for state in states if state.used)
