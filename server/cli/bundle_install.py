"""Installs examhall from a bundle on a machine without a network: `python3 install.py --help`.

This file is copied out of the project as `install.py` and runs alone: Python's own library is all it needs,
no pip, no openssl. It checks an Ed25519 signature itself (RFC 8032, section 5.1.7): everything in that is
public, so slow arithmetic tells nobody anything. Every byte of the archive is checked, headers and padding
too, before the first line of it is run.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import IO, Any

FORMAT = "examhall-bundle/1"
MANIFEST, SIGNATURE, WHEELS = "MANIFEST.json", "MANIFEST.sig", "wheels/"
SIGNATURE_BYTES, KEY_BYTES, BLOCK, TAR_NAME = 64, 32, 512, 100
MANIFEST_MOST = 1 << 20
CHUNK = 1 << 20
END = bytes(2 * BLOCK)
NAME = re.compile(r"(?:wheels/)?[A-Za-z0-9][A-Za-z0-9._+!-]{0,199}")
EXIT_REFUSED, EXIT_USAGE = 1, 2

REASONS = {
    "signature": ("签名不符，没有安装。", "The signature is wrong; nothing was installed."),
    "altered": (
        "文件在传送中改变或损坏，没有安装：",
        "The archive was altered or damaged; nothing was installed: ",
    ),
    "machine": (
        "这个安装包用于另一种机器，没有安装：",
        "This bundle is for another machine; nothing was installed: ",
    ),
    "there": ("目标文件夹已存在，没有安装：", "The target is there already; nothing was installed: "),
    "key": (
        "公钥须为 64 位十六进制数字，或含有它的文件。",
        "The key must be 64 hex digits, or a file that holds them.",
    ),
    "parts": ("没有这个部分：", "There is no such part: "),
    "pip": ("安装没有完成，已撤销。", "The installation did not finish and was undone."),
    "file": ("打不开文件：", "A file cannot be read or written: "),
}


class BundleRefused(Exception):
    """Why nothing was installed: a code of `REASONS` and what it is about."""

    def __init__(self, code: str, about: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.about = about


# --- the archive: a plain tar whose every byte is determined by its manifest --------------------------------


def header(name: str, size: int) -> bytes:
    """The tar header of a file (POSIX ustar): no owner, no time, nothing to choose."""
    before = name.encode("ascii").ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2
    before += b"%011o\0" % size + b"%011o\0" % 0
    after = b"0".ljust(101, b"\0") + b"ustar\x0000".ljust(BLOCK - 257, b"\0")
    total = sum(before) + sum(after) + 8 * ord(" ")
    return before + b"%06o\0 " % total + after


def member(entry: dict[str, Any]) -> str:
    """What a file is called in the archive: tar has 100 bytes, names of wheels may be longer."""
    name = str(entry["name"])
    return name if len(name) <= TAR_NAME else f"{WHEELS}{entry['sha256']}.whl"


def padding(size: int) -> bytes:
    """Zeros up to the next block."""
    return bytes(-size % BLOCK)


def unpack(stream: IO[bytes], key: bytes, folder: Path) -> dict[str, Any]:
    """Checks a bundle and writes its files into an empty folder; the manifest. Raises `BundleRefused`.

    The signature is checked before anything that it does not cover is looked at.
    """
    signed = _head(stream, MANIFEST, MANIFEST_MOST)
    if not verifies(key, signed, _head(stream, SIGNATURE, SIGNATURE_BYTES)):
        raise BundleRefused("signature")
    manifest: dict[str, Any] = json.loads(signed)
    if manifest.get("format") != FORMAT:
        raise BundleRefused("altered", MANIFEST)
    (folder / WHEELS).mkdir()
    for entry in manifest["files"]:
        _file(stream, entry, folder)
    if stream.read(len(END) + 1) != END:
        raise BundleRefused("altered", "end")
    return manifest


def _head(stream: IO[bytes], name: str, most: int) -> bytes:
    """One of the two files that come first, whose size only their header tells."""
    block = stream.read(BLOCK)
    digits = block[124:135]
    size = int(digits, 8) if re.fullmatch(rb"[0-7]{11}", digits) else -1
    if not 0 < size <= most or block != header(name, size):
        raise BundleRefused("altered", name)
    data = stream.read(size)
    if len(data) != size or stream.read(len(padding(size))) != padding(size):
        raise BundleRefused("altered", name)
    return data


def _file(stream: IO[bytes], entry: dict[str, Any], folder: Path) -> None:
    name, size = str(entry["name"]), int(entry["size"])
    if not NAME.fullmatch(name) or stream.read(BLOCK) != header(member(entry), size):
        raise BundleRefused("altered", name)
    digest, left = hashlib.sha256(), size
    with (folder / name).open("xb") as out:
        while left:
            data = stream.read(min(CHUNK, left))
            if not data:
                raise BundleRefused("altered", name)
            digest.update(data)
            out.write(data)
            left -= len(data)
    if digest.hexdigest() != entry["sha256"] or stream.read(len(padding(size))) != padding(size):
        raise BundleRefused("altered", name)


# --- Ed25519 (RFC 8032): points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z ----------------------------

_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
Point = tuple[int, int, int, int]


def verifies(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether an Ed25519 signature is that of a public key."""
    if len(key) != KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    public, commitment = _point(key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if public is None or commitment is None or scalar >= _ORDER:
        return False
    challenge = hashlib.sha512(signature[:32] + key + message).digest()
    factor = int.from_bytes(challenge, "little") % _ORDER
    return _same(_times(scalar, _BASE), _add(commitment, _times(factor, public)))


def _add(left: Point, right: Point) -> Point:
    a = (left[1] - left[0]) * (right[1] - right[0]) % _P
    b = (left[1] + left[0]) * (right[1] + right[0]) % _P
    c = 2 * left[3] * right[3] * _D % _P
    d = 2 * left[2] * right[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(scalar: int, point: Point) -> Point:
    total: Point = (0, 1, 1, 0)
    while scalar:
        total = _add(total, point) if scalar & 1 else total
        point, scalar = _add(point, point), scalar >> 1
    return total


def _same(left: Point, right: Point) -> bool:
    across = (left[0] * right[2] - right[0] * left[2]) % _P
    return not across and not (left[1] * right[2] - right[1] * left[2]) % _P


def _point(data: bytes) -> Point | None:
    """A point from its 32 bytes, None when there is none or it is not written in the one right way."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    x = x if not (x * x - square) % _P else x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = x if x & 1 == sign else _P - x
    return x, y, 1, x * y % _P


_BASE_POINT = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))
assert _BASE_POINT is not None
_BASE: Point = _BASE_POINT


# --- installing ---------------------------------------------------------------------------------------------


def machine() -> dict[str, str]:
    """What wheels must fit."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "platform": sysconfig.get_platform(),
    }


def install(bundle: Path, key: bytes, target: Path, part: str) -> dict[str, Any]:
    """Checks the bundle, then fills a virtual environment at `target`. Raises `BundleRefused`."""
    if target.exists():
        raise BundleRefused("there", str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".examhall-", dir=target.parent) as staging:
        with bundle.open("rb") as stream:
            manifest = unpack(stream, key, Path(staging))
        if manifest["machine"] != machine():
            raise BundleRefused("machine", json.dumps(manifest["machine"]))
        if part not in manifest["parts"]:
            raise BundleRefused("parts", part)
        wheels = [Path(staging) / WHEELS / name for name in manifest["parts"][part]]
        pip = Path(staging) / WHEELS / manifest["pip"]
        try:
            _fill(target, pip, wheels)
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
    return manifest


def _fill(target: Path, pip: Path, wheels: list[Path]) -> None:
    """The wheels named, no others, no index, no settings of this machine's pip."""
    venv.create(target, with_pip=False, symlinks=os.name != "nt")
    python = target / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    options = ["--isolated", "--no-index", "--no-deps", "--no-cache-dir", "--no-input"]
    command = [str(python), f"{pip}/pip", "install", "-q", *options, "--disable-pip-version-check"]
    keep = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP") if name in os.environ}  # noqa: TID251
    environment = {**keep, "PIP_CONFIG_FILE": os.devnull, "PYTHONNOUSERSITE": "1"}
    done = subprocess.run([*command, *map(str, wheels)], env=environment, check=False)
    if done.returncode != 0:
        raise BundleRefused("pip")


def read_key(text: str) -> bytes:
    """A public key as 64 hex digits, or out of a file that holds them. Raises `BundleRefused`."""
    file = Path(text)
    given = file.read_text("ascii", errors="replace").strip() if file.is_file() else text
    if not re.fullmatch(r"[0-9a-fA-F]{64}", given):
        raise BundleRefused("key")
    return bytes.fromhex(given)


def main(arguments: list[str] | None = None) -> int:
    """0 when installed, 1 when refused, 2 for wrong arguments."""
    parser = argparse.ArgumentParser(prog="install.py", description="Installs examhall without a network.")
    parser.add_argument("--verify-key", required=True, metavar="KEY", help="public key, or a file with it")
    parser.add_argument("--part", default="kiosk", help="kiosk (a workstation) or server")
    parser.add_argument("bundle", type=Path, help="examhall-VERSION-bundle.tar")
    parser.add_argument("target", type=Path, help="a folder that does not exist yet")
    given = parser.parse_args(arguments)
    try:
        manifest = install(given.bundle, read_key(given.verify_key), given.target.absolute(), given.part)
    except BundleRefused as refusal:
        return _say(refusal.code, refusal.about)
    except OSError as fault:
        return _say("file", f"{fault.filename}: {fault.strerror}")
    sys.stdout.write(f"examhall {manifest['version']} → {given.target}\n")
    return 0


def _say(code: str, about: str) -> int:
    for words in REASONS[code]:
        sys.stderr.write(f"{words}{about}\n")
    return EXIT_REFUSED


if __name__ == "__main__":
    raise SystemExit(main())
