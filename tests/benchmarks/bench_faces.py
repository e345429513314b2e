"""How well and how fast faces are found and told apart, on a folder of labelled photos that the caller has.

Usage: bench_faces.py DIR [EXTRAS]. DIR: see `faces_labels`. EXTRAS: a folder of further networks, as
`examhall models install` leaves it; everything is measured with the package's own networks, then with these
before them. Prints a table for each, with a naive baseline, and at last one JSON object. OpenCV on one core.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from proctoring import models
from proctoring.nets import DETECT, IRIS, LIVENESS, MESH, OBJECTS, VERIFY
from proctoring.observe import EVERYTHING, Eyes, one_core
from tests.benchmarks import faces_measures as measures
from tests.benchmarks.faces_labels import Photo, photos

KIND_COLUMNS = ("pictures", "faces", "found", "false", "at_seat")


def measured(folder: models.Folder, pictures: list[Photo]) -> dict[str, object]:
    """All measures with the networks of a folder."""
    eyes = Eyes(folder)
    seen = [found for photo in pictures if (found := measures.look_at(eyes, photo)) is not None]
    all_faces = measures.counts(seen)
    states = [state for state in models.verify(folder) if state.used]
    return {
        "models": {purpose: [state.card.name for state in states if state.card.purpose == purpose]
                   for purpose in (DETECT, VERIFY, MESH, IRIS, LIVENESS, OBJECTS)},
        "unavailable": list(eyes.missing(EVERYTHING)),
        "faces": {**all_faces, "recall": round(int(str(all_faces["found"])) / max(1, int(str(all_faces["faces"]))), 4)},
        "kinds": measures.by_kind(seen),
        "identity": measures.identity(seen),
        "pose": measures.pose(seen),
        "liveness": measures.liveness(seen),
        "objects": measures.objects(seen),
        "ms": measures.times(seen),
    }  # fmt: skip


def table(title: str, told: dict[str, object]) -> str:
    """The same for people."""
    lines = [f"== {title}", f"{'kind':16}" + "".join(f"{name:>10}" for name in KIND_COLUMNS)]
    kinds = told["kinds"]
    assert isinstance(kinds, dict)
    for kind, row in kinds.items():
        lines.append(f"{kind:16}" + "".join(f"{row[name]:>10}" for name in KIND_COLUMNS))
    for part in ("models", "unavailable", "faces", "identity", "pose", "liveness", "objects", "ms"):
        lines.append(f"{part:12} {json.dumps(told[part])}")
    return "\n".join(lines) + "\n\n"


def main(folder: Path, extras: Path | None) -> None:
    """Runs all measurements and prints them."""
    one_core()
    pictures = photos(folder)
    sets: dict[str, models.Folder] = {"own": models.OWN}
    if extras is not None:
        sets["with extras"] = (extras, models.OWN)
    done = {}
    for title, place in sets.items():
        done[title] = measured(place, pictures)
        sys.stdout.write(table(title, done[title]))
    sys.stdout.write(json.dumps(done) + "\n")


def run(words: Iterable[str]) -> None:
    """The command line."""
    folders = [Path(word) for word in words]
    if len(folders) not in {1, 2} or not (folders[0] / "index.csv").is_file() or not folders[-1].is_dir():
        sys.exit(
            "usage: make bench-faces DIR=folder of labelled photos with an index.csv [EXTRAS=folder of models]"
        )
    main(folders[0], folders[1] if len(folders) == 2 else None)


if __name__ == "__main__":
    run(sys.argv[1:])
