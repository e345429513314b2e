"""`examhall models`: what is told of each model, and the exit status that scripts go by."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proctoring import models
from server.cli import main

WEIGHTS = Path(models.__file__).parent / "weights"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["models", *words])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for card in models.cards():
        shutil.copy(WEIGHTS / card.file, tmp_path)
    return tmp_path


def test_list_tells_everything_of_every_model() -> None:
    shown = run("list")
    assert shown.exit_code == 0
    for card in models.cards():
        size = f"{(WEIGHTS / card.file).stat().st_size / 1e6:.1f} MB"
        told = (card.name, card.version, card.source, card.licence, size)
        assert [word for word in told if word not in shown.output] == []
    assert shown.output.count("可用") == 2


def test_list_as_json_is_one_line_a_model() -> None:
    told = [json.loads(line) for line in run("list", "--json").output.splitlines()]
    assert [(line["purpose"], line["name"], line["state"]) for line in told] == [
        (card.purpose, card.name, "usable") for card in models.cards()
    ]
    assert told[1]["thresholds"] == dict(models.card("verify").thresholds)
    assert [line["size"] for line in told] == [
        (WEIGHTS / card.file).stat().st_size for card in models.cards()
    ]


def test_verify_passes_with_the_models_of_this_installation() -> None:
    shown = run("verify")
    assert (shown.exit_code, shown.output) == (
        0,
        "CenterFace\t人脸检测\t可用\nMobileFaceNet\t人脸比对\t可用\n",
    )


def test_verify_fails_for_a_missing_model_and_says_what_to_do(folder: Path) -> None:
    (folder / models.card("detect").file).unlink()
    shown = run("verify", "--folder", str(folder))
    assert shown.exit_code == 1
    assert shown.stdout == "CenterFace\t人脸检测\t缺失\nMobileFaceNet\t人脸比对\t可用\n"
    assert "make setup" in shown.stderr
    assert run("list", "--folder", str(folder)).exit_code == 0


def test_verify_fails_for_a_wrong_model(folder: Path) -> None:
    path = folder / models.card("verify").file
    path.write_bytes(path.read_bytes()[:100_000])
    shown = run("verify", "--json", "--folder", str(folder))
    told = {line["purpose"]: (line["state"], line["size"]) for line in map(json.loads, lines(shown))}
    assert shown.exit_code == 1
    detector = (folder / models.card("detect").file).stat().st_size
    assert told == {"detect": ("usable", detector), "verify": ("wrong_file", 100_000)}


def lines(shown: Result) -> list[str]:
    return shown.stdout.splitlines()


def test_a_folder_that_is_not_there_is_a_wrong_use(tmp_path: Path) -> None:
    assert run("verify", "--folder", str(tmp_path / "nowhere")).exit_code == 2
