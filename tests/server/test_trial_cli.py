"""`examhall proctoring trial` on real pictures: figures, groups, and every row that could not be used."""

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from exam_rooms.watching import WatchRules
from proctoring.observe import Eyes
from proctoring.trial import summed
from server.cli import main

PHOTOS = Path(str(files("server").joinpath("samples", "faces")))
ROWS = (
    ("obama.jpg", "obama", "portrait", "1", "no"),
    ("obama2.jpg", "obama", "portrait", "1", "no"),
    ("obama3.jpg", "obama", "portrait", "1", "no"),
    ("biden.jpg", "biden", "portrait", "1", "no"),
    ("astronaut.png", "collins", "portrait", "1", "yes"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = ["file,identity,shows,faces,helmet"]
    for name, *labels in ROWS:
        shutil.copy(PHOTOS / name, tmp_path / name)
        lines.append(",".join((name, *labels)))
    (tmp_path / "torn.jpg").write_bytes((PHOTOS / "biden.jpg").read_bytes()[:5000])
    (tmp_path / "text.jpg").write_text("not a picture")
    lines += ["torn.jpg,biden,portrait,1,no", "gone.jpg,biden,portrait,1,no", "text.jpg,,noface,0,no"]
    (tmp_path / "index.csv").write_text("\n".join(lines))
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["proctoring", "trial", *words])


def told(folder: Path) -> dict[str, Any]:
    result = run(str(folder), "--json")
    assert result.exit_code == 1, result.output  # rows were left out
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.dear
def test_three_people_are_told_apart_and_what_is_too_few_says_so(folder: Path) -> None:
    before = sorted(folder.iterdir())
    found = told(folder)
    assert (found["pictures"], found["people"], found["compared"]) == (5, 3, 5)
    identity = found["identity"]
    assert (identity["positives"], identity["negatives"], identity["auc"]) == (3, 7, 1.0)
    assert identity["at"]["match_from"]["threshold"] == found["thresholds"]["match_from"] == 0.5
    assert identity["at"]["match_from"]["false_accepts"]["hits"] == 0
    assert identity["at"]["mismatch_below"]["false_rejects"]["hits"] == 0
    assert identity["recommended"]["sure"] is False  # seven pairs say nothing about one in a thousand
    assert found["detection"]["found"]["hits"] == found["detection"]["found"]["of"] == 5
    assert {(one["column"], one["value"], one["enough"]) for one in found["groups"]} == {
        ("helmet", "no", False),
        ("helmet", "yes", False),
    }
    assert found["models"]["verify"]
    assert sorted(folder.iterdir()) == before


@pytest.mark.dear
def test_a_picture_that_is_none_and_a_row_without_one_are_named(folder: Path) -> None:
    faults = told(folder)["faults"]
    assert [(each["row"], each["column"], each["file"]) for each in faults] == [
        (7, "file", "torn.jpg"),
        (8, "file", "gone.jpg"),
        (9, "file", "text.jpg"),
    ]
    assert all(each["message"] for each in faults)
    text = run(str(folder))
    assert "第 7 行 file torn.jpg" in text.stdout and "不能使用的行：3" in text.stdout
    assert "太少，不能下结论" in text.stdout and "AUC 1.0000" in text.stdout


def test_a_missing_network_is_named_and_gives_no_figures(tmp_path: Path) -> None:
    found = summed(Eyes(tmp_path), [], (), WatchRules())
    assert set(found.unavailable) == {"detect", "verify", "mesh", "liveness"}
    assert (found.detection, found.identity, found.liveness) == (None, None, None)


def test_a_folder_without_a_list_is_told(tmp_path: Path) -> None:
    result = run(str(tmp_path), "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert [each["code"] for each in found["faults"]] == ["trial_no_index"]
    assert found["identity"]["auc"] is None and found["detection"]["found"] is None
