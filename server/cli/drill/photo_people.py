"""People and empty places out of a folder of real photos, for `drill proctoring --photos`.

`index.csv` beside the photos names in `file` the photo, in `identity` who is on it, in `faces` how many faces
it shows; `shows` is "noface" for places without anybody.
"""

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np

from proctoring.frames import Frame, FrameFault, decode
from proctoring.observe import Eyes
from proctoring.recording import HEIGHT, WIDTH
from server.cli.rehearse.cameras import Person, face_of
from server.cli.rehearse.fleet import FleetFault
from server.cli.words import _

INDEX = "index.csv"
MOST_FACES, LEAST_FACES, MOST_PEOPLE = 6, 2, 8
LEAST_FACE = 60
"""Pixels of a face's height that are cut out: a smaller one would be blurred on a camera's picture."""
NOBODY = "noface"


def photographed(folder: Path) -> tuple[tuple[Person, ...], tuple[Frame, ...]]:
    """The people with most photos, and pictures of empty places. Raises `FleetFault`."""
    try:
        with (folder / INDEX).open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, ValueError, csv.Error) as fault:
        raise FleetFault(_("%(folder)s 中没有可读的 index.csv。", folder=folder)) from fault
    files: dict[str, list[Path]] = {}
    for row in rows:
        if (
            row.get("identity")
            and row.get("faces") == "1"
            and row.get("shows") in ("verify", "single", "live")
        ):
            files.setdefault(str(row["identity"]), []).append(folder / str(row["file"]))
    people = _people(files)
    nobody = [folder / str(row["file"]) for row in rows if row.get("shows") == NOBODY]
    return people, tuple(fitted(frame) for frame in _frames(nobody))


def _people(files: Mapping[str, list[Path]]) -> tuple[Person, ...]:
    eyes = Eyes()
    found = []
    for name, paths in sorted(files.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_PEOPLE]:
        faces = [face for frame in _frames(paths) for face in face_of(eyes, frame, LEAST_FACE)][:MOST_FACES]
        if len(faces) >= LEAST_FACES:
            found.append(Person(name, tuple(faces)))
    return tuple(found)


def _frames(paths: Iterable[Path]) -> list[Frame]:
    frames = []
    for path in paths:
        try:
            frames.append(decode(path.read_bytes()))
        except (OSError, FrameFault):
            continue
    return frames


def fitted(photo: Frame) -> Frame:
    """The middle of a photo in a camera's size."""
    high, wide = photo.shape[:2]
    scale = max(WIDTH / wide, HEIGHT / high)
    size = (max(WIDTH, round(wide * scale)), max(HEIGHT, round(high * scale)))
    large = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
    left, top = (size[0] - WIDTH) // 2, (size[1] - HEIGHT) // 2
    return np.ascontiguousarray(large[top : top + HEIGHT, left : left + WIDTH])
