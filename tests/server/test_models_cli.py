"""`examhall models`: what is told of each model, exit statuses that scripts go by, models brought by hand."""

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proctoring import models
from proctoring.model_cards import own_cards
from server.cli import main
from server.cli.models import CAVEATS, FAULTS, PURPOSES
from server.settings import MODELS
from tests.proctoring.nets_kit import colours, put, spots

BROUGHT = {card.purpose: card for card in own_cards() if card.origin == "registry"}


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["models", *words])


def told(shown: Result) -> dict[str, dict[str, object]]:
    """Lines of JSON by the model's name."""
    return {line["name"]: line for line in map(json.loads, shown.stdout.splitlines())}


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This machine's folder of installed models: empty, whatever the machine has."""
    monkeypatch.setenv("EXAMHALL_MODELS", str(tmp_path / "installed"))
    return tmp_path / "installed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for card in BROUGHT.values():
        shutil.copy(models.OWN / card.file, tmp_path)
    return tmp_path


@pytest.mark.dear
def test_list_tells_everything_of_every_model() -> None:
    shown = run("list")
    assert shown.exit_code == 0
    for card in own_cards():
        words = [card.name, card.version, card.source, card.licence]
        if card.origin == "registry":
            words.append(f"{(models.OWN / card.file).stat().st_size / 1e6:.1f} MB")
        assert [word for word in words if word not in shown.output] == []
    assert shown.output.count("\t可用\t使用中\n") == len(BROUGHT)
    assert shown.output.count("\t未安装\t-\n") == len(own_cards()) - len(BROUGHT)


@pytest.mark.dear
def test_list_as_json_is_one_line_a_model() -> None:
    found = told(run("list", "--json"))
    assert list(found) == [card.name for card in own_cards()]
    for card in own_cards():
        line, here = found[card.name], card.origin == "registry"
        assert (line["purpose"], line["origin"], line["kind"]) == (card.purpose, card.origin, card.kind)
        assert (line["state"], line["used"]) == (("usable", True) if here else ("not_installed", False))
        assert line["thresholds"] == dict(card.thresholds)
        assert line["size"] == ((models.OWN / card.file).stat().st_size if here else 0)
        assert line["place"] == (str(models.OWN) if here else "")


def test_every_model_and_purpose_has_words_for_the_screen() -> None:
    assert set(CAVEATS) == {card.name for card in own_cards()}
    assert set(PURPOSES) == {card.purpose for card in own_cards()}


@pytest.mark.dear
def test_verify_passes_with_the_models_of_this_installation() -> None:
    shown = run("verify")
    assert shown.exit_code == 0
    assert "CenterFace\t人脸检测\t可用\t使用中\n" in shown.output
    assert "MiniFASNet-V2\t活体检测\t未安装\t-\n" in shown.output
    assert len(shown.output.splitlines()) == len(own_cards())


@pytest.mark.dear
def test_verify_fails_for_a_missing_model_and_says_what_to_do(folder: Path) -> None:
    (folder / BROUGHT["detect"].file).unlink()
    shown = run("verify", "--folder", str(folder))
    assert shown.exit_code == 1
    assert "CenterFace\t人脸检测\t缺失\t-\n" in shown.stdout
    assert "make setup" in shown.stderr
    assert run("list", "--folder", str(folder)).exit_code == 0


@pytest.mark.dear
def test_verify_fails_for_a_wrong_model(folder: Path) -> None:
    path = folder / BROUGHT["verify"].file
    path.write_bytes(path.read_bytes()[:100_000])
    shown = run("verify", "--json", "--folder", str(folder))
    assert shown.exit_code == 1
    found = {name: (line["state"], line["size"]) for name, line in told(shown).items()}
    assert found["MobileFaceNet"] == ("wrong_file", 100_000)
    assert found["CenterFace"] == ("usable", (folder / BROUGHT["detect"].file).stat().st_size)


def test_a_folder_that_is_not_there_is_a_wrong_use(tmp_path: Path) -> None:
    assert run("verify", "--folder", str(tmp_path / "nowhere")).exit_code == 2
    assert run("install", "--from", str(tmp_path / "nowhere")).exit_code == 2
    assert run("install").exit_code == 2
    assert run("install", "--from", str(tmp_path), "--remove", "x").exit_code == 2


def test_the_usual_folder_is_the_same_for_server_and_agent() -> None:
    assert models.Path(MODELS) == models.STANDARD


@pytest.mark.dear
def test_models_are_installed_used_and_removed(tmp_path: Path, installed: Path) -> None:
    source = put(tmp_path / "brought", colours(), spots())
    (source / "strange.onnx").write_bytes(b"?")
    shown = run("install", "--from", str(source))
    assert shown.exit_code == 0, shown.output
    assert f"spots\t人脸检测\t{installed / 'spots.onnx'}\n" in shown.stdout
    assert "strange.onnx 不是已知的模型" in shown.stderr
    found = told(run("list", "--json"))
    assert {name for name, line in found.items() if line["used"]} >= {"spots", "colours", "Iris"}
    assert (found["CenterFace"]["used"], found["spots"]["place"]) == (False, str(installed))
    assert run("install", "--remove", "spots").stdout == "已移除：spots\n"
    assert told(run("list", "--json"))["CenterFace"]["used"] is True
    shown = run("install", "--remove", "spots")
    assert (shown.exit_code, shown.stderr) == (1, "Error: 没有安装名为 spots 的模型。\n")


def test_what_is_refused_is_named_and_nothing_is_installed(tmp_path: Path, installed: Path) -> None:
    source = put(tmp_path / "brought", colours(), spots())
    (source / "nanodet_m.onnx").write_bytes(b"?")
    shown = run("install", "--from", str(source))
    assert shown.exit_code == 1
    assert "nanodet_m.onnx 的文件名属于模型 NanoDet-m，内容却不是该模型。" in shown.stderr
    assert not installed.exists()


@pytest.mark.dear
def test_a_damaged_installed_model_and_a_broken_manifest_fail_the_check(
    tmp_path: Path, installed: Path
) -> None:
    elsewhere = ("--to", str(tmp_path / "there"))
    assert run("install", "--from", str(put(tmp_path / "brought", spots())), *elsewhere).exit_code == 0
    (tmp_path / "there").rename(installed)
    assert run("verify").exit_code == 0
    (installed / "spots.onnx").write_bytes(b"?")
    shown = run("verify")
    assert (shown.exit_code, "spots\t人脸检测\t文件不符\t-\n" in shown.stdout) == (1, True)
    assert "--remove" in shown.stderr and "make setup" not in shown.stderr
    (installed / "manifest.json").write_text("{")
    shown = run("verify")
    assert (shown.exit_code, str(installed) in shown.stderr) == (1, True)


def test_every_fault_has_a_sentence() -> None:
    source = (Path(models.__file__).parent / "model_installing.py").read_text("utf-8")
    assert set(re.findall(r'InstallFault\("(\w+)"', source)) == set(FAULTS)
