"""Front-end files are the ones the whitelist names, and none is committed."""

import hashlib
import json
import subprocess
from pathlib import Path

from server.cli.vendor import FILES
from server.cli.weights.sources import COLLECTIONS

ROOT = Path(__file__).parents[2]


def test_copied_files_are_what_they_should_be() -> None:
    for entry in FILES:
        assert hashlib.sha256((ROOT / entry.target).read_bytes()).hexdigest() == entry.sha256


def test_the_lock_pins_every_package_by_integrity_and_names_no_registry() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert {entry.package for entry in FILES} <= {name.removeprefix("node_modules/") for name in packages}
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert "resolved" not in (ROOT / "package-lock.json").read_text()


def test_no_third_party_file_is_committed() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    fetched = tuple(f"{collection.folder}/" for collection in COLLECTIONS)
    assert [name for name in listed if "/vendor/" in name or name.startswith("node_modules")] == []
    assert [name for name in listed if name.startswith(fetched) or name.endswith((".onnx", ".tflite"))] == []


def test_the_two_sides_share_one_look() -> None:
    assert (ROOT / "client/ui/tokens.css").read_bytes() == (
        ROOT / "server/static/css/tokens.css"
    ).read_bytes()
