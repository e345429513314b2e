"""`make bundle`: one signed archive from which a machine without a network installs everything.

The project's own wheel carries models, front-end libraries and catalogues; the fonts of printed papers are a
wheel too. `bundle_install.py` travels inside as install.py, and beside the archive for the medium that is
trusted: who carries the archive need not be.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import ZipFile

import click
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from itembank.version import VERSION
from proctoring.models import cards
from server.cli import bundle_install as layout
from server.cli.vendor import FILES
from server.cli.words import _
from server.errors import Refused

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("client", "exam_rooms", "itembank", "proctoring", "server")
BUILD_FILES = ("setup.cfg", "pyproject.toml", "README.md")
PARTS = {"kiosk": "camera", "server": "server,standby,camera"}
"""Part of the bundle -> extras of the project that it takes."""
DEFAULT_KEY = Path("~/.config/examhall/bundle-key.pem")
INSTALLER = "install.py"


@dataclass(frozen=True, slots=True)
class Content:
    """What goes into an archive. `parts`: part -> its wheels by name; `pip`: the wheel that installs them."""

    version: str
    wheels: tuple[Path, ...]
    parts: dict[str, list[str]]
    pip: str


def signing_key(file: Path, forbidden: Path = ROOT) -> Ed25519PrivateKey:
    """The key in a file, made there when there is none. Raises `Refused` for a place that others read."""
    file = file.expanduser().resolve()
    if file.is_relative_to(forbidden):
        raise Refused("bundle_key_in_project", path=file)
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = Ed25519PrivateKey.generate()
        pem = fresh.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.touch(mode=0o600)
        file.write_bytes(pem)
        return fresh
    if file.stat().st_mode & 0o077:
        raise Refused("bundle_key_not_private", path=file)
    try:
        found = load_pem_private_key(file.read_bytes(), None)
    except (ValueError, TypeError) as fault:
        raise Refused("bundle_key_broken", path=file) from fault
    if not isinstance(found, Ed25519PrivateKey):
        raise Refused("bundle_key_broken", path=file)
    return found


def write_bundle(file: Path, content: Content, key: Ed25519PrivateKey) -> dict[str, Any]:
    """Writes the archive: manifest, signature, files in the manifest's order; the manifest."""
    installer = Path(layout.__file__).read_bytes()
    wheels = sorted(content.wheels, key=lambda wheel: wheel.name)
    listed = [_entry(INSTALLER, installer)]
    listed += [_entry(layout.WHEELS + wheel.name, wheel.read_bytes()) for wheel in wheels]
    manifest = {
        "format": layout.FORMAT,
        "version": content.version,
        "machine": layout.machine(),
        "parts": content.parts,
        "pip": content.pip,
        "files": listed,
    }
    signed = json.dumps(manifest, indent=1, sort_keys=True).encode()
    with file.open("wb") as out:
        _put(out, layout.MANIFEST, signed)
        _put(out, layout.SIGNATURE, key.sign(signed))
        _put(out, INSTALLER, installer)
        for wheel, entry in zip(wheels, listed[1:], strict=True):
            _put(out, layout.member(entry), wheel.read_bytes())
        out.write(layout.END)
    return manifest


def _put(out: IO[bytes], name: str, data: bytes) -> None:
    out.write(layout.header(name, len(data)) + data + layout.padding(len(data)))


def _entry(name: str, data: bytes) -> dict[str, Any]:
    return {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def build_wheel(folder: Path, root: Path = ROOT) -> Path:
    """The project's wheel, made from a copy: setuptools writes beside what it builds."""
    with tempfile.TemporaryDirectory() as place:
        for name in SOURCES:
            shutil.copytree(root / name, Path(place, name), ignore=shutil.ignore_patterns("__pycache__"))
        for name in BUILD_FILES:
            shutil.copy(root / name, place)
        _pip("wheel", "--no-deps", "--no-build-isolation", "-w", str(folder), place)
    (wheel,) = folder.glob("examhall-*.whl")
    _complete(wheel)
    return wheel


def _complete(wheel: Path) -> None:
    """Raises `Refused` when the set-up had not fetched what the wheel must carry."""
    inside = set(ZipFile(wheel).namelist())
    wanted = [entry.target for entry in FILES] + [f"proctoring/weights/{card.file}" for card in cards()]
    missing = [name for name in wanted if name not in inside]
    if missing:
        raise Refused("bundle_incomplete", files="、".join(missing))


def gather(folder: Path) -> Content:
    """Builds and fetches all wheels into a folder; needs the network, as set-up does."""
    own = build_wheel(folder)
    _pip("wheel", "-w", str(folder), f"{own}[{PARTS['server']}]", "pip")
    wheels = tuple(folder.glob("*.whl"))
    parts = {part: sorted(_resolved(folder, f"{own}[{extras}]")) for part, extras in PARTS.items()}
    (pip,) = (wheel.name for wheel in wheels if wheel.name.startswith("pip-"))
    return Content(VERSION, wheels, parts, pip)


def _resolved(folder: Path, requirement: str) -> Iterable[str]:
    """Names of the wheels that a requirement takes, out of the folder alone."""
    report = folder / "report.json"
    offline = ["--no-index", "--find-links", str(folder), "--dry-run", "--ignore-installed"]
    _pip("install", *offline, "--report", str(report), requirement)
    found = json.loads(report.read_text())["install"]
    report.unlink()
    return [entry["download_info"]["url"].rpartition("/")[2].replace("%2B", "+") for entry in found]


def _pip(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", *arguments, "-q"], check=False)
    if done.returncode != 0:
        raise Refused("bundle_pip_failed", command=arguments[0])


@click.command(help=_("制作离线安装包：签名的归档，内含本系统和全部依赖。"))
@click.option(
    "--key", type=Path, default=DEFAULT_KEY, show_default=True, help=_("签名私钥文件，没有则新建。")
)
@click.option("--out", type=Path, default=Path("build"), show_default=True, help=_("写到哪个文件夹。"))
def bundle(key: Path, out: Path) -> None:
    """Builds the archive; says where it is and which key proves it."""
    private = signing_key(key)
    out.mkdir(parents=True, exist_ok=True)
    file = out / f"examhall-{VERSION}-bundle.tar"
    with tempfile.TemporaryDirectory() as place:
        write_bundle(file, gather(Path(place)), private)
    public = private.public_key().public_bytes_raw().hex()
    Path(out, f"examhall-{VERSION}-bundle.pub").write_text(f"{public}\n")
    installer = shutil.copy(layout.__file__, out / INSTALLER)
    digest = hashlib.sha256(Path(installer).read_bytes()).hexdigest()
    named = _("公钥")
    click.echo(
        f"{file} ({file.stat().st_size / 1e6:.0f} MB)\n{named}: {public}\n{INSTALLER} SHA-256: {digest}"
    )
