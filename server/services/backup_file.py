"""The backup file: everything of an installation but its master key, each file sealed for its own name.

A zip archive without compression: `manifest.json` and one part for each file. The manifest is in clear and
authenticated: format, moment, version, suite, name of the master key, the wrapped content key, and for each
file its name, part, size and the SHA-256 of the part. So damage is found and named without any key.

A part is a row of chunks of at most 1 MiB, each a 4-byte length and a sealed object under the file's own
key, derive(content key, "file|NAME"). The associated data of a chunk is its number, 8 bytes big-endian, and
0x01 for the last one, else 0x00. The content key is wrapped by derive(master key, "backup").
"""

import hashlib
import json
import re
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from itembank.sealing import SealBroken, derive, new_key, open_sealed, seal, suite_of, unwrap, wrap
from itembank.vault import key_name
from server.errors import Refused

FORMAT = "examhall-backup-1"
MANIFEST = "manifest.json"
CHUNK_BYTES = 1 << 20
_MOST_SEALED = CHUNK_BYTES + 64
_MOST_MANIFEST = 64 << 20
_LENGTH_BYTES = 4
_NAME = re.compile(r"examhall\.db|answers\.db|evidence/[0-9a-f-]{8,90}")


@dataclass(frozen=True, slots=True)
class About:
    """What a backup says of itself in clear. `schema`: version of each store."""

    made_at: datetime
    version: str
    suite: str
    schema: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file: its name, the part that holds it, its size in clear, the SHA-256 (hex) of the part."""

    name: str
    part: str
    size: int
    sha256: str


class BackupWriter:
    """Writes a backup: `add` each file, then `finish`. Nothing that was added can be read without the key."""

    def __init__(self, file: IO[bytes], master: bytes, about: About) -> None:
        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)
        self._key = new_key()
        self._about = about
        self._entries: list[Entry] = []
        wrapped = wrap(_outer(master, about.suite), self._key, FORMAT.encode(), suite=about.suite)
        self._head = {
            "format": FORMAT,
            "made_at": about.made_at.isoformat(),
            "version": about.version,
            "suite": about.suite,
            "schema": dict(about.schema),
            "master": key_name(master),
            "key": b64encode(wrapped).decode(),
        }

    def add(self, name: str, source: IO[bytes]) -> None:
        """Seals one file. ValueError for a name that a backup does not have."""
        if not _NAME.fullmatch(name):
            raise ValueError(f"no file of a backup: {name}")
        part, digest, size = f"{len(self._entries) + 1:07d}.sealed", hashlib.sha256(), 0
        with self._archive.open(part, "w", force_zip64=True) as target:
            for plain, sealed in self._chunks(name, source):
                size += plain
                digest.update(sealed)
                target.write(sealed)
        self._entries.append(Entry(name, part, size, digest.hexdigest()))

    def finish(self) -> int:
        """Writes the manifest and closes the archive, not the file; how many files it has."""
        entries = [asdict(entry) for entry in self._entries]
        fields = self._head | {"files": entries}
        stamp = seal(_stamp_key(self._key), b"", _canonical(fields), suite=self._about.suite)
        text = json.dumps(fields | {"stamp": b64encode(stamp).decode()}, ensure_ascii=False, indent=1)
        self._archive.writestr(MANIFEST, text)
        self._archive.close()
        return len(self._entries)

    def _chunks(self, name: str, source: IO[bytes]) -> Iterator[tuple[int, bytes]]:
        """(bytes in clear, length and sealed chunk); an empty file is one empty chunk."""
        key, number, chunk = _file_key(self._key, name), 0, source.read(CHUNK_BYTES)
        while True:
            after = source.read(CHUNK_BYTES)
            sealed = seal(key, chunk, _chunk_use(number, last=not after), suite=self._about.suite)
            yield len(chunk), len(sealed).to_bytes(_LENGTH_BYTES, "big") + sealed
            if not after:
                return
            number, chunk = number + 1, after


class BackupReader:
    """An open backup. Raises `Refused` (`not_a_backup`, `backup_broken` with the file's name)."""

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise Refused("not_a_backup", path=path) from error
        try:
            self._fields = _manifest(self._archive)
            self.entries = tuple(_entry(each) for each in self._fields["files"])
            self.master = str(self._fields["master"])
            self.about = About(
                datetime.fromisoformat(self._fields["made_at"]),
                str(self._fields["version"]),
                str(self._fields["suite"]),
                {str(name): str(value) for name, value in self._fields["schema"].items()},
            )
        except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
            self._archive.close()
            raise Refused("not_a_backup", path=path) from error

    def close(self) -> None:
        """Closes the file."""
        self._archive.close()

    def damaged(self) -> list[str]:
        """Names of files whose part is missing or was changed; needs no key."""
        return [entry.name for entry in self.entries if self._digest(entry) != entry.sha256]

    def content_key(self, master: bytes) -> bytes:
        """The key of this backup's files, after the manifest was found authentic.

        Raises `Refused` (`backup_of_another_key`, `backup_broken`).
        """
        if key_name(master) != self.master:
            raise Refused("backup_of_another_key", name=key_name(master), expected=self.master)
        fields = {name: value for name, value in self._fields.items() if name != "stamp"}
        try:
            wrapped, stamp = b64decode(str(fields["key"])), b64decode(str(self._fields["stamp"]))
            key = unwrap(_outer(master, suite_of(wrapped)), wrapped, FORMAT.encode())
            open_sealed(_stamp_key(key), stamp, _canonical(fields))
        except (SealBroken, ValueError, KeyError) as error:
            raise Refused("backup_broken", name=MANIFEST) from error
        return key

    def chunks(self, entry: Entry, key: bytes) -> Iterator[bytes]:
        """The file in clear, chunk by chunk; `Refused` (`backup_broken`) where it does not open."""
        own, number, last = _file_key(key, entry.name), 0, False
        try:
            with self._archive.open(entry.part) as source:
                sealed = _next(source)
                while not last:
                    after = _next(source)
                    last = after == b""
                    yield open_sealed(own, sealed, _chunk_use(number, last=last))
                    number, sealed = number + 1, after
        except (SealBroken, zipfile.BadZipFile, KeyError, EOFError) as error:
            raise Refused("backup_broken", name=entry.name) from error

    def _digest(self, entry: Entry) -> str:
        digest = hashlib.sha256()
        try:
            with self._archive.open(entry.part) as source:
                while chunk := source.read(CHUNK_BYTES):
                    digest.update(chunk)
        except (zipfile.BadZipFile, KeyError, EOFError):
            return ""
        return digest.hexdigest()


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    if archive.getinfo(MANIFEST).file_size > _MOST_MANIFEST:
        raise ValueError("manifest too large")
    fields = json.loads(archive.read(MANIFEST))
    if fields["format"] != FORMAT:
        raise ValueError("another format")
    return dict(fields)


def _entry(fields: Mapping[str, Any]) -> Entry:
    name, part = str(fields["name"]), str(fields["part"])
    if not _NAME.fullmatch(name):
        raise ValueError("no file of a backup")
    return Entry(name, part, int(fields["size"]), str(fields["sha256"]))


def _next(source: IO[bytes]) -> bytes:
    length = int.from_bytes(source.read(_LENGTH_BYTES), "big")
    if length > _MOST_SEALED:
        raise SealBroken
    return source.read(length)


def _outer(master: bytes, suite: str) -> bytes:
    return derive(master, "backup", suite=suite)


def _file_key(key: bytes, name: str) -> bytes:
    return derive(key, f"file|{name}")


def _stamp_key(key: bytes) -> bytes:
    return derive(key, "manifest")


def _chunk_use(number: int, *, last: bool) -> bytes:
    return number.to_bytes(8, "big") + (b"\1" if last else b"\0")


def _canonical(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
