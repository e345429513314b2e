"""What is known of a network: the entries of a manifest, read and checked.

`manifest.json` beside this module lists the networks this package knows, whether set-up brings them
(`origin` "registry") or somebody installs them ("extra"); a folder of installed weights may have a manifest
of the same form with networks of its own. The order of entries with one purpose is the order of preference.
"""

import errno
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import isfinite, prod
from pathlib import Path
from types import MappingProxyType
from typing import Any

MANIFEST = "manifest.json"
REGISTRY, EXTRA = "registry", "extra"
PURPOSES = ("detect", "verify", "mesh", "iris", "liveness", "objects")
KINDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "detect": ("centerface", "yunet"),
        "verify": ("embedding",),
        "mesh": ("facemesh",),
        "iris": ("iris",),
        "liveness": ("minifasnet",),
        "objects": ("nanodet",),
    }
)
"""By purpose: the ways of decoding that this package has."""
NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "detect": ("score", "overlap"),
        "verify": ("match", "mismatch"),
        "mesh": ("face",),
        "iris": (),
        "liveness": ("alive",),
        "objects": ("score", "overlap"),
    }
)
"""By purpose: the thresholds that a card must give."""
OUTPUTS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "centerface": (4, 4),
        "yunet": (12, 12),
        "embedding": (1, 1),
        "facemesh": (2, 3),
        "iris": (1, 2),
        "minifasnet": (1, 1),
        "nanodet": (6, 6),
    }
)
"""By kind: how many outputs it has at least and at most."""
CROPPED = frozenset({"mesh", "iris", "liveness"})
CLASSES = 80  # that NanoDet tells apart
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*\.onnx")
LONGEST_FILE, LONGEST_NAME = 80, 60
"""Characters of a file's name, and of name and version together: the server takes no longer ones."""
MOST_SIDE, MOST_CROP, MOST_DIM = 4096, 20.0, 2048
MOST_SAMPLE = 3 * 2048 * 2048
"""Numbers in the input of a known answer."""
MOST_BYTES, MOST_MANIFEST = 300 << 20, 4 << 20
"""Of a network's file, and of a manifest."""
FIVE_POINTS = (0, 1, 2, 3, 4)
NO_LIST = "no list of models in JSON"


@dataclass(frozen=True, slots=True)
class ModelInput:
    """What a model wants to see: `(pixel - mean) / std` in the channel order and layout named here.

    `width` and `height` in pixels, 0 when any size will do whose sides are multiples of `multiple`; `mean`
    and `std` for each channel, in the order named by `order` ("BGR" or "RGB").
    """

    width: int
    height: int
    multiple: int
    order: str
    layout: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class KnownAnswer:
    """What a model must make of `models.sample(card, shape)`: name of an output -> a few numbers of it."""

    shape: tuple[int, ...]
    values: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One entry of a manifest.

    `kind`: how its outputs are decoded; `team`: cards of a purpose with the same one work together, all or
    none ("" alone); `outputs`: names in the order of use, all that the file has; `dim`: length of a vector,
    or 0; `crop`: side of the picture it wants, as a multiple of the face's box, or 0; `landmarks`: places of
    the right eye, left eye, nose, right and left corner of the mouth among its five points; `classes`: what
    it can find -> its number; `content_hash`: what `onnx_content.content_hash` must say. The known answers
    are asked one after the other of one net: OpenCV 4 misreads the detector's input only when its size
    changes.
    """

    name: str
    version: str
    purpose: str
    kind: str
    team: str
    origin: str
    file: str
    source: str
    licence: str
    caveat: str
    input: ModelInput
    outputs: tuple[str, ...]
    dim: int
    crop: float
    landmarks: tuple[int, ...]
    classes: Mapping[str, int]
    thresholds: Mapping[str, float]
    content_hash: str
    answers: tuple[KnownAnswer, ...]


@dataclass
class ManifestFault(Exception):
    """A manifest that cannot be used: `reason` in a few words, `entry` names the card ("" for the whole)."""

    entry: str
    reason: str


@cache
def own_cards() -> tuple[ModelCard, ...]:
    """All models of the package's manifest, in its order."""
    return read_cards(files("proctoring").joinpath(MANIFEST).read_text("utf-8"))


def folder_cards(folder: Path) -> tuple[ModelCard, ...]:
    """The cards of a folder's own manifest, none without one. Raises `ManifestFault`, `OSError`."""
    return read_cards(text) if (text := manifest_text(folder)) else ()


def manifest_text(folder: Path) -> str:
    """A folder's manifest as it is written there, "" without one. Raises `ManifestFault`, `OSError`."""
    try:
        text = whole_file(folder / MANIFEST, MOST_MANIFEST).decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as fault:
        raise ManifestFault("", "not UTF-8") from fault
    if not text:
        raise ManifestFault("", NO_LIST)
    return text


def whole_file(path: Path, most: int) -> bytes:
    """A file's bytes. Raises `OSError`, also for what is no plain file (a pipe would never end) or has more
    bytes than `most`.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as file:
        told = os.fstat(handle)
        if not stat.S_ISREG(told.st_mode):
            raise OSError(errno.EINVAL, "not a plain file")
        if told.st_size > most:
            raise OSError(errno.EFBIG, f"> {most >> 20} MiB")
        return file.read(told.st_size)


def read_cards(text: str) -> tuple[ModelCard, ...]:
    """The cards of a manifest's text. Raises `ManifestFault`."""
    try:
        entries = json.loads(text)["models"]
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        raise ManifestFault("", NO_LIST) from fault
    if not isinstance(entries, list):
        raise ManifestFault("", NO_LIST)
    cards = tuple(_read(entry) for entry in entries)
    for names in ([card.name for card in cards], [card.file for card in cards]):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ManifestFault(min(twice), "named twice")
    return cards


def _read(entry: object) -> ModelCard:
    name = str(entry.get("name", "")) if isinstance(entry, dict) else ""
    if not isinstance(entry, dict) or not name:
        raise ManifestFault("", "an entry without a name")
    try:
        card = _card(entry)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as fault:
        raise ManifestFault(name, f"missing or wrong: {fault}") from fault
    wrong = next((reason for reason, holds in _rules(card) if not holds), "")
    if wrong:
        raise ManifestFault(name, wrong)
    return card


def _rules(card: ModelCard) -> tuple[tuple[str, bool], ...]:
    """What must hold of a card before anything is done with its file: reason of a refusal, and whether."""
    return (*_plain_rules(card), *_number_rules(card))


def _plain_rules(card: ModelCard) -> tuple[tuple[str, bool], ...]:
    size, (least, most) = card.input, OUTPUTS.get(card.kind, (0, 0))
    called = f"{card.name} {card.version}"
    return (
        ("a name that cannot be shown", len(called) <= LONGEST_NAME and (called + card.team).isprintable()),
        ("no such purpose", card.purpose in PURPOSES),
        ("no such kind for its purpose", card.kind in KINDS.get(card.purpose, ())),
        ("no such origin", card.origin in {REGISTRY, EXTRA}),
        ("no plain name of an .onnx file", FILE_NAME.fullmatch(card.file) is not None),
        ("a file's name that is too long", len(card.file) <= LONGEST_FILE),
        ("no such channel order or layout", size.order in {"BGR", "RGB"} and size.layout in {"NCHW", "NHWC"}),
        ("thresholds are missing", set(NEEDS.get(card.purpose, ())) <= set(card.thresholds)),
        ("five landmarks are needed", sorted(card.landmarks) == list(FIVE_POINTS)),
        ("no outputs", bool(card.outputs)),
        ("not as many outputs as its kind has", least <= len(set(card.outputs)) == len(card.outputs) <= most),
        ("no content hash", len(card.content_hash) == 64),
        ("no known answer", bool(card.answers)),
    )


def _number_rules(card: ModelCard) -> tuple[tuple[str, bool], ...]:
    size, limits = card.input, card.thresholds
    numbers = (*limits.values(), *size.mean, *size.std, card.crop)
    sides = (size.width, size.height, size.multiple - 1)
    return (
        ("impossible sizes", min(sides) >= 0 and max(sides) < MOST_SIDE and 0 <= card.dim <= MOST_DIM),
        ("numbers that are none", all(map(isfinite, numbers)) and all(each > 0 for each in size.std)),
        ("impossible thresholds", all(-1 <= each <= 1 for each in limits.values())),
        ("impossible thresholds", limits.get("mismatch", -1) <= limits.get("match", 1)),
        ("impossible crop", 0 <= card.crop <= MOST_CROP and (card.crop > 0 or card.purpose not in CROPPED)),
        ("a vector has a length", card.purpose != "verify" or card.dim > 0),
        ("no such class", all(0 <= each < CLASSES for each in card.classes.values())),
        ("impossible known answer", all(_is_askable(known.shape) for known in card.answers)),
    )


def _is_askable(shape: tuple[int, ...]) -> bool:
    """Whether the input of a known answer is one picture of a size that fits into memory."""
    return len(shape) == 4 and shape[0] == 1 and min(shape) > 0 and prod(shape) <= MOST_SAMPLE


def _card(entry: Mapping[str, Any]) -> ModelCard:
    texts = ("name", "version", "purpose", "kind", "file", "source", "licence", "content_hash")
    return ModelCard(
        **{name: _text(entry[name]) for name in texts},
        team=_text(entry.get("team", "")),
        origin=_text(entry.get("origin", EXTRA)),
        caveat=_text(entry.get("caveat", "")),
        input=_input(entry["input"]),
        outputs=tuple(map(_text, entry["outputs"])),
        dim=int(entry.get("dim", 0)),
        crop=float(entry.get("crop", 0)),
        landmarks=tuple(map(int, entry.get("landmarks", FIVE_POINTS))),
        classes=MappingProxyType({_text(name): int(each) for name, each in entry.get("classes", {}).items()}),
        thresholds=MappingProxyType({name: float(each) for name, each in entry["thresholds"].items()}),
        answers=tuple(_known(known) for known in entry["answers"]),
    )


def _input(told: Mapping[str, Any]) -> ModelInput:
    return ModelInput(
        width=int(told["width"]),
        height=int(told["height"]),
        multiple=int(told["multiple"]),
        order=_text(told["order"]),
        layout=_text(told["layout"]),
        mean=_channels(told["mean"]),
        std=_channels(told["std"]),
    )


def _channels(told: Any) -> tuple[float, float, float]:  # noqa: ANN401 - as JSON has it
    """One number for all three channels, or one for each."""
    first, second, third = told if isinstance(told, list) else (told,) * 3
    return float(first), float(second), float(third)


def _known(entry: Mapping[str, Any]) -> KnownAnswer:
    values = {name: tuple(map(float, numbers)) for name, numbers in entry["values"].items()}
    return KnownAnswer(tuple(map(int, entry["shape"])), MappingProxyType(values))


def _text(told: object) -> str:
    if not isinstance(told, str):
        raise TypeError(f"{told!r} is no text")
    return told
