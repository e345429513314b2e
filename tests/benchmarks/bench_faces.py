"""How well and how fast faces are found and told apart, on a folder of labelled photos that the caller has.

Usage: bench_faces.py DIR. DIR/index.csv: columns file, shows (its first word is the kind of the picture),
identity (empty when unknown) and faces (how many, empty when unknown). Prints one JSON object:
`ms`: median processor milliseconds by step, OpenCV on one core; `found_at_seat`: by kind, pictures in which
the stream setting of a seat finds a face; `auc`: of the verifier and of a baseline, histograms of local
binary patterns on the very same cut-outs, over all pairs of pictures whose identity is known.
"""

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from numpy.typing import NDArray

from exam_rooms.watching import WatchRules
from proctoring.faces import upright
from proctoring.frames import FrameFault, decode_frame
from proctoring.observe import PHOTO, SEAT, Eyes, Stopwatch, main_face, one_core

NOT_COMPARED = ("spoof", "dark")
CELLS = 7
Rows = Sequence[Mapping[str, str]]


def main(folder: Path) -> None:
    """Runs all measurements and prints them."""
    one_core()
    rows = list(csv.DictReader((folder / "index.csv").open(encoding="utf-8-sig")))
    eyes = Eyes()
    known = [row for row in rows if row["identity"] and (row["faces"] or "1") == "1"]
    known = [row for row in known if not row["shows"].startswith(NOT_COMPARED)]
    told = {"pictures": len(rows), "models": dict(eyes.models), "ms": timings(eyes, folder, rows)}
    told |= {"found_at_seat": found_at_seat(eyes, folder, rows), **separation(eyes, folder, known)}
    sys.stdout.write(json.dumps(told) + "\n")


def timings(eyes: Eyes, folder: Path, rows: Rows) -> dict[str, float]:
    """Median milliseconds of each step over all pictures with a face."""
    spent: dict[str, list[float]] = {}
    for row in rows:
        watch, data = Stopwatch(), (folder / row["file"]).read_bytes()
        with watch.step("decode"):
            frame = decode_frame(data)
        small = eyes.observe(frame, None, WatchRules(), sizes=SEAT, compare=False)
        large = eyes.observe(frame, None, WatchRules(), sizes=PHOTO, compare=False)
        main = main_face(large.faces)
        if main is not None:
            eyes.vector(frame, main, watch)
        at_once = small.faces != () and max(frame.shape[:2]) > SEAT.first
        steps = {**watch.ms, "quality": small.ms["quality"]}
        steps |= {"detect_320": small.ms["detect"]} if at_once else {}
        steps |= {"detect_640": large.ms["detect"]} if max(frame.shape[:2]) >= PHOTO.first else {}
        for step, value in steps.items():
            spent.setdefault(step, []).append(value)
    return {step: round(median(values), 2) for step, values in spent.items()}


def found_at_seat(eyes: Eyes, folder: Path, rows: Rows) -> dict[str, str]:
    """By kind: pictures in which somebody is found, of all pictures of the kind; main faces in brackets."""
    all_, found, sitting = Counter[str](), Counter[str](), Counter[str]()
    for row in rows:
        kind = row["shows"].split()[0]
        try:
            frame = decode_frame((folder / row["file"]).read_bytes())
        except FrameFault:
            continue
        seen = eyes.observe(frame, None, WatchRules(), sizes=SEAT, compare=False)
        all_[kind] += 1
        found[kind] += bool(seen.faces)
        sitting[kind] += seen.persons > 0
    return {kind: f"{found[kind]}/{all_[kind]} ({sitting[kind]})" for kind in sorted(all_)}


def separation(eyes: Eyes, folder: Path, rows: Rows) -> dict[str, object]:
    """Area under the curve of same against different pairs, for the verifier and for the baseline."""
    people, vectors, patterns = [], [], []
    for row in rows:
        frame = decode_frame((folder / row["file"]).read_bytes())
        main = main_face(eyes.observe(frame, None, WatchRules(), sizes=PHOTO, compare=False).faces)
        if main is not None:
            people.append(row["identity"])
            vectors.append(eyes.vector(frame, main))
            patterns.append(local_patterns(upright(frame, main)))
    names, upper = np.array(people), np.triu_indices(len(people), 1)
    same = (names[:, None] == names[None])[upper]
    by_net = (np.array(vectors) @ np.array(vectors).T)[upper]
    by_pattern = -np.array(
        [chi_square(patterns[one], patterns[other]) for one, other in zip(*upper, strict=True)]
    )
    return {
        "pairs": {"same": int(same.sum()), "different": int((~same).sum())},
        "auc": {"verifier": auc(by_net, same), "local_patterns": auc(by_pattern, same)},
    }


def local_patterns(cut: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Histograms (7 x 7 cells, 256 values each) of which of a pixel's eight neighbours are as bright."""
    grey = cv2.equalizeHist(cv2.cvtColor(cut, cv2.COLOR_BGR2GRAY)).astype(np.int16)
    middle = grey[1:-1, 1:-1]
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    codes = np.zeros(middle.shape, np.int64)
    for bit, (down, right) in enumerate(around):
        shifted = grey[down : down + middle.shape[0], right : right + middle.shape[1]]
        codes |= (shifted >= middle).astype(np.int64) << bit
    cells = (cell for band in np.array_split(codes, CELLS) for cell in np.array_split(band, CELLS, axis=1))
    return np.concatenate([np.bincount(cell.ravel(), minlength=256) / cell.size for cell in cells])


def chi_square(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Distance of two histograms, 0 for equal ones."""
    return float(((one - other) ** 2 / (one + other + 1e-9)).sum())


def auc(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """Share of (same, different) pairs of pairs that the scores put in the right order; ties count half."""
    high, low = scores[same], np.sort(scores[~same])
    below, up_to = np.searchsorted(low, high, "left"), np.searchsorted(low, high, "right")
    return round(float((below + up_to).mean() / (2 * len(low))), 5)


def run(words: Iterable[str]) -> None:
    """The command line."""
    folders = [Path(word) for word in words]
    if len(folders) != 1 or not (folders[0] / "index.csv").is_file():
        sys.exit("usage: make bench-faces DIR=folder with an index.csv of labelled photos")
    main(folders[0])


if __name__ == "__main__":
    run(sys.argv[1:])
