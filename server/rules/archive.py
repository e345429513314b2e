"""The file that a dossier is: a plain zip, every byte of which follows from an index that the site signs.

Entries are stored, not compressed, without times, so the same files always make the same bytes: whatever
was altered anywhere in the file is found, and the file that it belongs to can be named.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from exam_rooms.wire import canonical
from server.rules import merkle

FORMAT = "examhall-dossier/1"
INDEX, SIGNATURE = "index.json", "index.sig"
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of the index: its name in the zip, its size in bytes, its SHA-256 (hex)."""

    name: str
    size: int
    sha256: str

    def leaf(self) -> bytes:
        """What the Merkle root is taken over."""
        return canonical([self.name, self.size, self.sha256])


def listed(name: str, data: bytes) -> Listed:
    """The line of the index for a file."""
    return Listed(name, len(data), hashlib.sha256(data).hexdigest())


def index_of(facts: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """The index of a dossier: its facts, its files in their order and the Merkle root over them (hex)."""
    lines = [listed(name, data) for name, data in files.items()]
    root = merkle.root([line.leaf() for line in lines]).hex()
    entries = [{"name": line.name, "size": line.size, "sha256": line.sha256} for line in lines]
    return canonical({**facts, "format": FORMAT, "files": entries, "root": root})


def index_message(index: bytes) -> bytes:
    """What the site signs of an index."""
    return canonical(["examhall/dossier", hashlib.sha256(index).hexdigest()])


def root_in(index: bytes) -> str:
    """The Merkle root (hex) that an index of ours names."""
    return str(json.loads(index)["root"])


def pack(files: Mapping[str, bytes]) -> bytes:
    """The zip of these files in their order; the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as book:
        for name, data in files.items():
            book.writestr(_entry(name), data)
    return buffer.getvalue()


def signed(packed: bytes, signature: bytes) -> bytes:
    """A packed dossier with the signature (base64) behind its files."""
    buffer = io.BytesIO(packed)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as book:
        book.writestr(_entry(SIGNATURE), signature)
    return buffer.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.create_system, entry.external_attr = 3, 0o600 << 16
    return entry
