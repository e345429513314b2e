"""Labelled photos: which pictures a folder has, what they show, where their faces are.

`index.csv`: columns file, shows (its first word is the kind of the picture), identity (empty when unknown)
and faces (how many, empty when unknown). `boxes.json`: file -> boxes of its faces, each left, top, right and
bottom in pixels; a file that is not in it has none labelled.
"""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NOT_COMPARED = ("spoof", "dark")
"""Kinds whose pictures are not held against each other: a picture of a face, and what nobody could see."""
LEAST_IOU = 0.3

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Photo:
    """One picture. `boxes`: left, top, right, bottom of each labelled face, None when not labelled."""

    path: Path
    kind: str
    identity: str
    faces: int | None
    boxes: tuple[Box, ...] | None

    @property
    def compared(self) -> bool:
        """Whether it is one face of a known person."""
        return bool(self.identity) and self.faces in {1, None} and not self.kind.startswith(NOT_COMPARED)


def photos(folder: Path) -> list[Photo]:
    """All pictures of a folder."""
    boxes_file = folder / "boxes.json"
    boxes = json.loads(boxes_file.read_text()) if boxes_file.is_file() else {}
    rows = csv.DictReader((folder / "index.csv").open(encoding="utf-8-sig"))
    return [
        Photo(
            folder / row["file"],
            row["shows"].split()[0].split(",")[0],
            row["identity"],
            int(row["faces"]) if row["faces"] else None,
            _boxes(boxes.get(row["file"]), row["faces"]),
        )
        for row in rows
    ]


def _boxes(found: list[list[float]] | None, faces: str) -> tuple[Box, ...] | None:
    if found is None:
        return () if faces == "0" else None
    return tuple((left, top, right, bottom) for left, top, right, bottom in found)


def matched(found: Sequence[Box], labelled: Sequence[Box]) -> int:
    """How many labelled faces were found, each found box counting once. `found`: left, top, width, height."""
    left = list(found)
    hits = 0
    for box in labelled:
        hit = next((each for each in left if is_hit(each, box)), None)
        if hit is not None:
            hits += 1
            left.remove(hit)
    return hits


def is_hit(found: Box, labelled: Box) -> bool:
    """Whether boxes overlap by 0.3 (IoU), or the found middle lies inside a box of much the same size."""
    x, y, wide, high = found
    left, top, right, bottom = labelled
    shared = max(0.0, min(x + wide, right) - max(x, left)) * max(0.0, min(y + high, bottom) - max(y, top))
    area, wanted = wide * high, (right - left) * (bottom - top)
    if shared / (area + wanted - shared + 1e-9) >= LEAST_IOU:
        return True
    inside = left <= x + wide / 2 <= right and top <= y + high / 2 <= bottom
    return inside and 0.2 < area / (wanted + 1e-9) < 5
