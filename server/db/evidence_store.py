"""Where sealed pictures lie: one file each, durable before its row says so.

Names are made by the server (`frame_name`), never taken from outside; any other name is refused, so no
path leads out of the folder. What a file holds is sealed by `services.evidence`; the store sees bytes.
"""

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

_NAME = re.compile(r"\d{8,12}-[0-9a-f]{64}")
_FOLDER = re.compile(r"\d{5,9}")
_PART = ".part"


def frame_name(frame_id: int, sha256: str) -> str:
    """The name of a picture: its row's number and the SHA-256 (hex) of the picture itself."""
    return f"{frame_id:08d}-{sha256}"


class EvidenceStore(Protocol):
    """What a store of sealed pictures does; ValueError for a name that is none of `frame_name`'s."""

    def put(self, name: str, sealed: bytes) -> None:
        """Keeps the bytes under the name; they are durable when it returns. Raises OSError."""
        ...

    def get(self, name: str) -> bytes | None:
        """The bytes, or None when there is nothing under the name."""
        ...

    def delete(self, name: str) -> bool:
        """Removes what is under the name; false when there was nothing."""
        ...

    def names(self) -> Iterator[str]:
        """The names of all that is kept."""
        ...

    def sweep_parts(self) -> int:
        """Removes what a killed process left half written; how many. Only while nobody writes."""
        ...


class FolderStore:
    """Files in one folder of this machine, private to its user, a thousand to a subfolder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, name: str, sealed: bytes) -> None:
        """Writes beside the place, syncs, and renames: a name never holds half a picture."""
        path = self._path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f"{name}.{secrets.token_hex(4)}{_PART}")
        try:
            _write(part, sealed)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)

    def get(self, name: str) -> bytes | None:
        """Reads the whole file."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> bool:
        """Unlinks the file."""
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            return False
        return True

    def names(self) -> Iterator[str]:
        """Walks the folder; what is no picture of ours is left out."""
        for path in sorted(self._root.glob("*/*")):
            if _NAME.fullmatch(path.name):
                yield path.name

    def folders(self) -> dict[str, int]:
        """Subfolder -> when it changed last (ns): pictures came, or went."""
        if not self._root.is_dir():
            return {}
        return {
            entry.name: entry.stat().st_mtime_ns
            for entry in os.scandir(self._root)
            if _FOLDER.fullmatch(entry.name) and entry.is_dir()
        }

    def names_in(self, folder: str) -> list[str]:
        """The names in one subfolder; ValueError for what cannot be one."""
        if not _FOLDER.fullmatch(folder):
            raise ValueError("not a folder of pictures")
        path = self._root / folder
        return sorted(name for name in os.listdir(path) if _NAME.fullmatch(name)) if path.is_dir() else []

    def sweep_parts(self) -> int:
        """Unlinks files whose writing was cut off."""
        parts = list(self._root.glob(f"*/*{_PART}"))
        for part in parts:
            part.unlink(missing_ok=True)
        return len(parts)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError("not the name of a picture")
        number = int(name.partition("-")[0])
        return self._root / f"{number // 1000:05d}" / name


def _write(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
