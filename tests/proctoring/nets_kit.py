"""Small networks that tests make themselves, with cards and manifests: real files, really run by OpenCV."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from proctoring import model_cards, models
from proctoring.onnx_content import content_hash
from server.cli.weights.onnx_writing import Network, Node, written

Entry = dict[str, Any]
GRIDS = (8, 16, 32)
YUNET_OUTPUTS = [f"{part}_{stride}" for part in ("cls", "obj", "bbox", "kps") for stride in GRIDS]
YUNET_PARTS = (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10))
SPOT = np.log(3.0)
"""Boxes of the spot finder are three grid steps wide and high."""


def entry(name: str, purpose: str, kind: str, **told: object) -> Entry:
    """A manifest's entry, whole but for hash and answers."""
    base: Entry = {
        "name": name, "version": "1", "purpose": purpose, "kind": kind, "file": f"{name}.onnx", "source": "a test",
        "licence": "none", "input": picture(0, 0), "outputs": ["out"],
        "thresholds": dict.fromkeys(model_cards.NEEDS[purpose], 0.5),
    }  # fmt: skip
    return base | told


def picture(width: int, height: int, **told: object) -> Entry:
    """The input of a card."""
    base: Entry = {"width": width, "height": height, "multiple": 32, "order": "BGR", "layout": "NCHW"}
    return base | {"mean": 0, "std": 255} | told


def finished(told: Entry, data: bytes, shapes: Sequence[Sequence[int]]) -> Entry:
    """The entry with the hash of a network and what it answers here."""
    blank = {"content_hash": content_hash(data), "answers": [{"shape": list(shapes[0]), "values": {}}]}
    card = model_cards.read_cards(json.dumps({"models": [told | blank]}))[0]
    net = cv2.dnn.readNetFromONNX(np.frombuffer(data, np.uint8))
    found = [models.answer(card, net, tuple(shape)) for shape in shapes]
    answers = [
        {"shape": list(one.shape), "values": {k: list(v) for k, v in one.values.items()}} for one in found
    ]
    return told | blank | {"answers": answers}


def put(folder: Path, *networks: tuple[Entry, bytes]) -> Path:
    """Files and a manifest in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for told, data in networks:
        (folder / told["file"]).write_bytes(data)
    (folder / "manifest.json").write_text(json.dumps({"models": [told for told, _data in networks]}))
    return folder


def colours(name: str = "colours", dim: int = 8, side: int = 96) -> tuple[Entry, bytes]:
    """An "embedder" of its own length and input: how much of each mixture of colours a picture has."""
    rng = np.random.default_rng(5)
    kernel = rng.normal(size=(dim, 3, 16, 16)).astype(np.float32)
    nodes = [
        Node("Conv", ("in", "kernel"), ("map",), {"kernel_shape": (16, 16), "strides": (16, 16)}),
        Node("Relu", ("map",), ("kept",)),
        Node("GlobalAveragePool", ("kept",), ("mean",)),
        Node("Reshape", ("mean", "shape"), ("out",)),
    ]
    weights: dict[str, NDArray[Any]] = {"kernel": kernel, "shape": np.array([1, dim], np.int64)}
    data = written(Network({"in": (1, 3, side, side)}, {"out": (1, dim)}, nodes, weights))
    told = entry(name, "verify", "embedding", dim=dim, input=picture(side, side, order="RGB", mean=[1, 2, 3]))
    told["thresholds"] = {"match": 0.999, "mismatch": 0.99}
    return finished(told, data, [(1, 3, side, side)]), data


def spots(name: str = "spots") -> tuple[Entry, bytes]:
    """A "detector" of YuNet's kind: a "face" is where a square of 8 pixels on its grid is white."""
    nodes: list[Node] = []
    weights: dict[str, NDArray[Any]] = {}
    for stride in GRIDS:
        nodes += _grid(stride, weights)
    ends = {f"{part}_{stride}": (1, (64 // stride) * (96 // stride), size)
            for stride in GRIDS for part, size in YUNET_PARTS}  # fmt: skip
    outputs = {name: ends[name] for name in YUNET_OUTPUTS}
    data = written(Network({"in": (1, 3, 64, 96)}, outputs, nodes, weights))
    told = entry(name, "detect", "yunet", outputs=YUNET_OUTPUTS, landmarks=[1, 0, 2, 4, 3])
    told["thresholds"] = {"score": 0.5, "overlap": 0.3}
    return finished(told, data, [(1, 3, 64, 96), (1, 3, 96, 64)]), data


def _grid(stride: int, weights: dict[str, NDArray[Any]]) -> list[Node]:
    """One grid's branch. Only the finest sees anything; points lie in a row, a fifth of a step apart."""
    kernel = np.zeros((16, 3, stride, stride), np.float32)
    kernel[:2] = 40 / (3 * stride * stride) if stride == GRIDS[0] else 0
    marks = [value for place in range(5) for value in (place / 5, 0.5)]
    bias = np.array([-20, -20, 0.5, 0.5, SPOT, SPOT, *marks], np.float32)
    at = f"/{stride}"
    weights |= {f"kernel{at}": kernel, f"bias{at}": bias, f"rows{at}": np.array([1, -1, 16], np.int64)}
    parts = tuple(f"{part}{at}/raw" if size == 1 else f"{part}_{stride}" for part, size in YUNET_PARTS)
    return [
        Node("Conv", ("in", f"kernel{at}", f"bias{at}"), (f"map{at}",),
             {"kernel_shape": (stride, stride), "strides": (stride, stride)}),
        Node("Transpose", (f"map{at}",), (f"last{at}",), {"perm": (0, 2, 3, 1)}),
        Node("Reshape", (f"last{at}", f"rows{at}"), (f"list{at}",)),
        Node("Split", (f"list{at}",), parts, {"axis": 2, "split": tuple(size for _part, size in YUNET_PARTS)}),
        Node("Sigmoid", (parts[0],), (f"cls_{stride}",)),
        Node("Sigmoid", (parts[1],), (f"obj_{stride}",)),
    ]  # fmt: skip
