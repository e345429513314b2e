"""The key file: the master key under a passphrase, kept apart from the data it protects."""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from itembank import sealing
from itembank.sealing import DEFAULT_PASSPHRASE_PARAMS, PassphraseParams, SealBroken

_FORMAT = "examhall-key-1"
_MAX_BYTES = 64 * 1024


class WrongPassphrase(Exception):
    """The passphrase does not open this key file, or its contents were changed: the two look alike."""


class KeyFileBroken(Exception):
    """The file is not a key file."""


@dataclass(frozen=True, slots=True, repr=False)
class KeyFile:
    """An opened key file; `demo` says that its passphrase is public and every screen must say so."""

    master: bytes
    demo: bool

    def __repr__(self) -> str:
        return f"KeyFile(demo={self.demo})"


def create_keyfile(
    path: Path | str,
    passphrase: str,
    *,
    demo: bool = False,
    params: PassphraseParams = DEFAULT_PASSPHRASE_PARAMS,
    suite: str = "intl",
) -> bytes:
    """A new random master key, stored at `path` (mode 0600) under `passphrase`, sealed by the named suite.

    Raises `FileExistsError`: overwriting a key file would lose everything sealed with it. On return the file
    and its name are on the disk.
    """
    if not passphrase:
        raise ValueError("a passphrase cannot be empty")
    master, salt = sealing.new_key(), sealing.new_salt()
    head = {"format": _FORMAT, "demo": demo, "salt": _text(salt), "argon2id": params.to_json()}
    key = sealing.passphrase_key(passphrase, salt, params=params)
    sealed = sealing.seal(key, master, _head_bytes(head), suite=suite)
    _write_new(Path(path), json.dumps({**head, "sealed": _text(sealed)}, indent=1).encode() + b"\n")
    return master


def open_keyfile(path: Path | str, passphrase: str) -> KeyFile:
    """The master key; `WrongPassphrase`, `KeyFileBroken`, or `OSError` when the file cannot be read."""
    content = _load(Path(path))
    try:
        params = PassphraseParams.from_json(_mapping(content["argon2id"]))
        salt, sealed = _bytes(content["salt"]), _bytes(content["sealed"])
        demo = content["demo"] is True
    except (KeyError, ValueError) as error:
        raise KeyFileBroken(str(path)) from error
    head = {name: value for name, value in content.items() if name != "sealed"}
    key = sealing.passphrase_key(passphrase, salt, params=params)
    try:
        return KeyFile(sealing.unwrap(key, sealed, _head_bytes(head)), demo)
    except SealBroken as error:
        raise WrongPassphrase from error


def replace_keyfile(path: Path, successor: Path, aside: Path) -> None:
    """Puts `successor` in the place of the key file at `path`, which stays under the name `aside`.

    All in one folder. At every moment there is a whole key file at `path`; on return the disk knows.
    """
    if not aside.exists():
        _write_new(aside, path.read_bytes())
    successor.replace(path)
    _sync_folder(path.parent)


def _load(path: Path) -> dict[str, object]:
    with path.open("rb") as file:
        text = file.read(_MAX_BYTES)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise KeyFileBroken(str(path)) from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise KeyFileBroken(str(path))
    return content


def _write_new(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _head_bytes(head: Mapping[str, object]) -> bytes:
    """Everything but the sealed key, so that nobody turns off the demo mark or weakens the costs unseen."""
    return json.dumps(head, sort_keys=True, separators=(",", ":")).encode()


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError("not a mapping")
    return value


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("not text")
    try:
        data = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    if len(data) < sealing.SALT_BYTES:
        raise ValueError("too short")
    return data
