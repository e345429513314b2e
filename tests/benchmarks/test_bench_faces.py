"""What `make bench-faces` counts: boxes that match, shares of errors, and a whole run on the sample portraits."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from proctoring import models
from tests.benchmarks.bench_faces import measured, run, table
from tests.benchmarks.faces_baseline import auc
from tests.benchmarks.faces_labels import matched, photos
from tests.proctoring.photos import BOXES, PERSONS

PERSONS_HERE = {name: PERSONS[name] for name in ("obama.jpg", "obama2.jpg", "biden.jpg")}
SAMPLES = Path(models.__file__).parents[1] / "server" / "samples" / "faces"


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    with (folder / "index.csv").open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "shows", "identity", "faces"])
        for name, person in PERSONS_HERE.items():
            shutil.copy(SAMPLES / name, folder)
            rows.writerow([name, "verify crop", person, "1"])
        rows.writerow(["nothing.jpg", "verify", "", ""])
    (folder / "nothing.jpg").write_bytes(b"no picture")
    boxes = {name: [[x, y, x + wide, y + high]] for name, (x, y, wide, high) in BOXES.items()}
    (folder / "boxes.json").write_text(json.dumps(boxes))
    return folder


@pytest.mark.dear
def test_a_whole_run_counts_what_is_there(labelled: Path) -> None:
    told = measured(models.OWN, photos(labelled))
    assert told["faces"] == {"pictures": 3, "faces": 3, "found": 3, "false": 0, "recall": 1.0}
    assert told["kinds"] == {"verify": {"pictures": 3, "faces": 3, "found": 3, "false": 0, "at_seat": 3}}
    identity = told["identity"]
    assert isinstance(identity, dict)
    assert identity["pairs"] == {"same": 1, "different": 2}
    assert (identity["auc"], identity["far_match"], identity["same_mismatch"]) == (1.0, 0.0, 0.0)
    assert identity["auc_local_patterns"] <= 1
    assert told["liveness"] == {"unavailable": True}
    assert told["unavailable"] == ["liveness"]
    steps = told["ms"]
    assert isinstance(steps, dict)
    assert {"decode", "detect_640", "align", "verify", "mesh", "objects", "local_patterns"} <= set(steps)
    assert "CenterFace" in table("own", told)


@pytest.mark.parametrize(
    ("found", "hits"),
    [
        ([], 0),
        ([(10, 10, 40, 40)], 1),
        ([(10, 10, 40, 40), (12, 12, 40, 40)], 1),
        ([(45, 10, 40, 40)], 0),
        ([(20, 20, 19, 19)], 1),
        ([(25, 25, 10, 10)], 0),
        ([(10, 10, 40, 40), (100, 0, 30, 30)], 2),
    ],
)
def test_each_found_box_matches_one_labelled_face(found: list[tuple[float, ...]], hits: int) -> None:
    boxes = [(10.0, 10.0, 50.0, 50.0), (100.0, 0.0, 130.0, 30.0)]
    assert matched([(float(x), float(y), float(w), float(h)) for x, y, w, h in found], boxes) == hits


@pytest.mark.parametrize(
    ("same", "different", "area"),
    [([3, 4], [1, 2], 1.0), ([1, 2], [3, 4], 0.0), ([1, 1], [1], 0.5), ([2], [1, 3], 0.5)],
)
def test_the_area_is_the_share_of_pairs_in_the_right_order(
    same: list[int], different: list[int], area: float
) -> None:
    scores = np.array([*same, *different], float)
    assert auc(scores, np.arange(len(scores)) < len(same)) == area


def test_a_wrong_use_says_how(tmp_path: Path) -> None:
    for words in ([str(tmp_path)], [str(tmp_path), "x", "y"], []):
        with pytest.raises(SystemExit, match="usage"):
            run(words)
