"""Installing networks: recognised by content, tried before anything is copied, all or nothing."""

import json
import os
import shutil
from pathlib import Path

import pytest

from proctoring import models
from proctoring.model_installing import MANIFEST, Delivery, InstallFault, inspect, install, remove
from tests.proctoring.nets_kit import colours, put, spots

ALIVE = {"thresholds": {"alive": 0.5}}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put(tmp_path / "brought", colours(), spots())


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "machine" / "models"


def names(delivery: Delivery) -> list[str]:
    return sorted(each.card.name for each in delivery.brought)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def refusal(source: Path, target: Path) -> tuple[str, str, str]:
    """Why a folder is refused; the target is then as it was."""
    before = contents(target)
    with pytest.raises(InstallFault) as refused:
        install(source, target)
    assert contents(target) == before
    return refused.value.code, refused.value.thing, refused.value.reason


def used(target: Path) -> set[str]:
    return {state.card.name for state in models.verify(models.places(target)) if state.used}


@pytest.mark.dear
def test_networks_with_a_manifest_of_their_own_are_installed_and_preferred(
    source: Path, target: Path
) -> None:
    assert names(install(source, target)) == ["colours", "spots"]
    assert sorted(contents(target)) == ["colours.onnx", MANIFEST, "spots.onnx"]
    assert used(target) >= {"colours", "spots", "FaceMesh"}
    assert {path.stat().st_mode & 0o777 for path in target.iterdir()} == {0o644}, "the seat agent reads them"


@pytest.mark.dear
def test_a_known_network_is_recognised_whatever_its_file_is_called(tmp_path: Path, target: Path) -> None:
    brought = tmp_path / "stick"
    brought.mkdir()
    shutil.copy(models.OWN / "iris.onnx", brought / "download (3).onnx")
    (brought / "README.txt").write_text("hello")
    (brought / "other.onnx").write_bytes(b"something else")
    done = install(brought, target)
    assert (names(done), done.unknown) == (["Iris"], ("other.onnx",))
    assert list(contents(target)) == ["iris.onnx"]
    state = next(each for each in models.verify(models.places(target)) if each.card.name == "Iris")
    assert (state.place, state.used) == (target, True)


def test_installing_twice_changes_nothing(source: Path, target: Path) -> None:
    install(source, target)
    before = contents(target)
    install(source, target)
    assert contents(target) == before


def test_a_newer_delivery_comes_first_and_leaves_the_others(
    source: Path, target: Path, tmp_path: Path
) -> None:
    install(source, target)
    install(put(tmp_path / "newer", colours("newer", dim=5)), target)
    assert [card.name for card in models.cards((target,))][:3] == ["newer", "colours", "spots"]
    assert models.card("verify", models.places(target)).dim == 5


def test_a_network_of_the_same_name_takes_the_place(source: Path, target: Path, tmp_path: Path) -> None:
    install(source, target)
    install(put(tmp_path / "newer", colours(dim=5)), target)
    assert models.card("verify", models.places(target)).dim == 5
    assert [card.name for card in models.cards((target,))][:2] == ["colours", "spots"]


def test_a_file_with_a_known_name_and_other_content_refuses_all(source: Path, target: Path) -> None:
    (source / "yunet_n_640_640.onnx").write_bytes(b"not it")
    assert refusal(source, target) == ("model_other_file", "yunet_n_640_640.onnx", "YuNet-n")


def test_a_damaged_file_refuses_all(source: Path, target: Path) -> None:
    data = bytearray((source / "colours.onnx").read_bytes())
    data[len(data) // 2] ^= 1
    (source / "colours.onnx").write_bytes(data)
    assert refusal(source, target) == ("model_other_file", "colours.onnx", "colours")


def test_a_network_whose_file_is_not_there_refuses_all(source: Path, target: Path) -> None:
    (source / "colours.onnx").unlink()
    assert refusal(source, target) == ("model_not_there", "colours.onnx", "colours")


def test_a_network_that_answers_otherwise_refuses_all(source: Path, target: Path) -> None:
    told = json.loads((source / MANIFEST).read_text())
    told["models"][1]["answers"][0]["values"]["cls_8"][0] += 0.01
    (source / MANIFEST).write_text(json.dumps(told))
    assert refusal(source, target) == ("model_wrong_answer", "spots.onnx", models.WRONG_ANSWER)


def test_a_network_that_opencv_cannot_load_refuses_all(source: Path, target: Path) -> None:
    told = json.loads((source / MANIFEST).read_text())
    told["models"][0]["outputs"] = ["nowhere"]
    told["models"][0]["answers"][0]["values"] = {"nowhere": [0.0] * 7}
    (source / MANIFEST).write_text(json.dumps(told))
    assert refusal(source, target)[:2] == ("model_wrong_answer", "colours.onnx")


@pytest.mark.parametrize("change", [{"name": "CenterFace"}, {"file": "centerface.onnx"}])
def test_no_network_passes_for_one_of_the_package(
    tmp_path: Path, target: Path, change: dict[str, str]
) -> None:
    told, data = colours()
    code, thing, _reason = refusal(put(tmp_path / "false", (told | change, data)), target)
    assert (code, thing) == ("model_manifest", change.get("name", "colours"))


def test_a_file_of_another_installed_network_is_not_overwritten(
    source: Path, target: Path, tmp_path: Path
) -> None:
    install(source, target)
    told, data = colours("thief", dim=5)
    code, thing, reason = refusal(put(tmp_path / "thief", (told | {"file": "spots.onnx"}, data)), target)
    assert (code, thing, reason) == ("model_manifest", "thief", "file of spots")


def test_a_broken_manifest_and_an_empty_folder_are_refused(tmp_path: Path, target: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refusal(empty, target)[0] == "model_none_known"
    (empty / MANIFEST).write_text("{}")
    assert refusal(empty, target) == ("model_manifest", MANIFEST, "no list of models in JSON")
    assert refusal(tmp_path / "nowhere", target)[0] == "models_source"


def test_a_folder_that_cannot_be_written_is_refused(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InstallFault) as refused:
        install(source, tmp_path / "file" / "models")
    assert refused.value.code == "models_folder"


def test_a_huge_file_is_not_read(source: Path, target: Path) -> None:
    with (source / "huge.onnx").open("wb") as file:
        file.truncate(1 << 40)
    assert refusal(source, target)[:2] == ("model_unreadable", "huge.onnx")


def test_a_disk_that_fails_half_way_leaves_what_was_there(
    source: Path, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(put(tmp_path / "first", colours(dim=5)), target)
    before = contents(target)
    written: list[int] = []

    def full(_file: int) -> None:
        written.append(1)
        if len(written) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InstallFault, match="No space") as refused:
        install(source, target)
    assert refused.value.code == "models_folder"
    assert contents(target) == before


@pytest.mark.dear
def test_what_is_removed_is_gone_and_the_next_is_used(source: Path, target: Path) -> None:
    install(source, target)
    assert [card.name for card in remove("spots", target)] == ["spots"]
    assert sorted(contents(target)) == ["colours.onnx", MANIFEST]
    assert used(target) >= {"colours", "CenterFace"}
    for name in ("spots", "CenterFace", "nothing"):
        with pytest.raises(InstallFault, match="model_not_installed") as refused:
            remove(name, target)
        assert refused.value.thing == name


@pytest.mark.dear
def test_a_team_is_removed_by_its_name(tmp_path: Path, target: Path) -> None:
    told, data = colours("one", dim=3, side=32)
    told |= {"purpose": "liveness", "kind": "minifasnet", "team": "pair", "crop": 2.0, **ALIVE}
    other, more = colours("other", dim=4, side=32)
    other |= {"purpose": "liveness", "kind": "minifasnet", "team": "pair", "crop": 2.0, **ALIVE}
    install(put(tmp_path / "pair", (told, data), (other, more)), target)
    assert "one" in used(target)
    assert [card.name for card in remove("pair", target)] == ["one", "other"]
    assert list(contents(target)) == [MANIFEST]


def test_looking_into_a_folder_changes_nothing(source: Path) -> None:
    before = contents(source)
    assert names(inspect(source)) == ["colours", "spots"]
    assert contents(source) == before


# --- hostile folders ----------------------------------------------------------------------------------


@pytest.mark.dear
@pytest.mark.parametrize("name", ["colours.onnx", MANIFEST])
def test_a_pipe_that_would_never_end_is_not_read(source: Path, target: Path, name: str) -> None:
    install(source, target)
    for folder in (source, target):
        (folder / name).unlink()
        os.mkfifo(folder / name)
    code, thing, _reason = refusal_of(source, target)
    assert (code, thing) in {("model_not_there", "colours.onnx"), ("models_source", str(source))}
    states = {state.card.name: state.code for state in models.verify(models.places(target))}
    assert states["CenterFace"] == "" and states.get("colours", models.MISSING) == models.MISSING


def test_links_to_what_has_no_end_are_not_followed(source: Path, target: Path) -> None:
    (source / "endless.onnx").symlink_to("/dev/zero")
    assert names(install(source, target)) == ["colours", "spots"]
    (source / MANIFEST).unlink()
    (source / MANIFEST).symlink_to("/dev/zero")
    assert refusal_of(source, target) == ("models_source", str(source), "not a plain file")


def test_a_huge_manifest_is_not_read(source: Path, target: Path) -> None:
    with (source / MANIFEST).open("wb") as file:
        file.truncate(1 << 40)
    assert refusal_of(source, target)[0] == "models_source"


def test_a_link_at_the_part_is_replaced_and_not_written_through(
    source: Path, target: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"keep me")
    target.mkdir(parents=True)
    (target / ".spots.onnx.part").symlink_to(precious)
    install(source, target)
    assert precious.read_bytes() == b"keep me"
    assert sorted(contents(target)) == ["colours.onnx", MANIFEST, "spots.onnx"]


def test_the_seat_agent_may_enter_whatever_this_process_withholds(source: Path, target: Path) -> None:
    before = os.umask(0o077)
    try:
        install(source, target)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in (target, target.parent)} == {0o755}
    assert {path.stat().st_mode & 0o777 for path in target.iterdir()} == {0o644}


def test_no_name_at_all_removes_nothing(source: Path, target: Path) -> None:
    install(source, target)
    before = contents(target)
    with pytest.raises(InstallFault, match="model_not_installed"):
        remove("", target)
    assert contents(target) == before


def refusal_of(source: Path, target: Path) -> tuple[str, str, str]:
    """The same as `refusal` for folders whose files cannot all be read."""
    with pytest.raises(InstallFault) as refused:
        install(source, target)
    return refused.value.code, refused.value.thing, refused.value.reason
