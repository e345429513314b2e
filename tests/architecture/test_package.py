"""The wheel carries everything that runs and nothing that only tests; it is built without a network."""

import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from zipfile import ZipFile

import pytest

from proctoring.model_cards import REGISTRY, own_cards
from server.cli.vendor import FILES
from server.cli.weights.sources import COLLECTIONS, PHOTOS

ROOT = Path(__file__).parents[2]
PACKAGES = ("client", "exam_rooms", "itembank", "proctoring", "server")
BUILD_FILES = ("setup.cfg", "pyproject.toml", "README.md")
DATA_FOLDERS = (
    "client/ui",
    "proctoring/weights",
    "server/db/migrations",
    "server/documents",
    "server/policies",
    "server/samples",
    "server/static",
    "server/templates",
    "server/translations",
)
BUILD = """
import sys
from setuptools import build_meta
build_meta.build_wheel(sys.argv[1], {"--build-option": ["--compression=stored"]})
"""
"""What pip asks of the back end of pyproject.toml, without packing tightly what is only looked into."""
LEFT_OUT = ("tests/*", "*.pyc", "*/node_modules/*", "docs/*", "var/*", "*.key", "*.db", "*.sqlite*")


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in the wheel, built from a copy because setuptools writes beside what it builds."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    copy.mkdir()
    for name in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in BUILD_FILES:
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "-c", BUILD, folder]
    built = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    return set(ZipFile(wheel).namelist())


def of_the_checkout(folder: str) -> set[str]:
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


@pytest.mark.parametrize("folder", DATA_FOLDERS)
def test_every_file_of_a_data_folder_is_inside(inside: set[str], folder: str) -> None:
    wanted = of_the_checkout(folder)
    assert wanted
    assert sorted(wanted - inside) == []


def test_every_module_is_inside(inside: set[str]) -> None:
    wanted = {name for package in PACKAGES for name in of_the_checkout(package) if name.endswith(".py")}
    assert sorted(wanted - inside) == []


def test_types_of_every_package_are_declared(inside: set[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= inside


def test_copied_libraries_come_with_their_licences(inside: set[str]) -> None:
    for entry in FILES:
        folder = entry.target.rpartition("/")[0]
        assert {entry.target, f"{folder}/NOTICE-{entry.package}.txt"} <= inside


def test_models_and_photos_come_with_their_licences(inside: set[str]) -> None:
    brought = [card.file for card in own_cards() if card.origin == REGISTRY]
    wanted = {f"proctoring/weights/{file}" for file in brought} | {"proctoring/manifest.json"}
    wanted |= {f"{collection.folder}/NOTICE.txt" for collection in COLLECTIONS}
    wanted |= {f"{PHOTOS.folder}/{piece.name}" for piece in PHOTOS.pieces}
    assert sorted(wanted - inside) == []


def test_compiled_catalogues_are_inside(inside: set[str]) -> None:
    assert {"server/translations/en/LC_MESSAGES/messages.mo", "client/ui/catalog/en.json"} <= inside


def test_nothing_else_is_inside(inside: set[str]) -> None:
    tops = {name.split("/")[0] for name in inside}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert [name for name in sorted(inside) if any(fnmatch(name, pattern) for pattern in LEFT_OUT)] == []
