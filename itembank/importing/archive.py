"""Archives out of files people send: checked before anything is read, never written to disk.

Limits as of hostile files: headers lie, so sizes are counted while unpacking.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from itembank.problems import InputRefused, Problem

MAX_ENTRIES = 20_000
MAX_UNPACKED_BYTES = 200 * 1024 * 1024  # of all parts read together
MAX_PART_BYTES = 60 * 1024 * 1024
MAX_RATIO = 200  # of one entry above RATIO_FROM_BYTES
RATIO_FROM_BYTES = 1024 * 1024
_ENCRYPTED_FLAG = 0x1
_UTF8_FLAG = 0x800
_SYMLINK = 0o120000


class Archive:
    """The parts of one archive by name; what is read counts against one budget."""

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise _refused("archive_broken", name) from error
        self._entries = dict(self._checked())
        self._left = MAX_UNPACKED_BYTES

    def names(self) -> list[str]:
        """Every file of the archive, in its order; folders left out."""
        return list(self._entries)

    def __contains__(self, name: str) -> bool:
        """Whether a part of this exact name is there."""
        return name in self._entries

    def read(self, name: str) -> bytes:
        """One part; `KeyError` for a name that is not there, `InputRefused` beyond the limits."""
        entry = self._entries[name]
        most = min(self._left, MAX_PART_BYTES)
        try:
            with self._zip.open(entry) as part:
                content = part.read(most + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            NotImplementedError,
            OSError,
            RuntimeError,
        ) as error:
            raise _refused("archive_broken", self._name) from error
        size = len(content)
        if size > most or (size > RATIO_FROM_BYTES and size > MAX_RATIO * max(entry.compress_size, 1)):
            raise _refused("archive_bomb", self._name, limit_mb=MAX_UNPACKED_BYTES // (1024 * 1024))
        self._left -= size
        return content

    def beside(self, name: str, href: str) -> str:
        """The part that `href` of part `name` means, "" when it is not in the archive.

        References that leave the archive (absolute, "..", with a scheme) mean nothing.
        """
        path = href.split("#")[0].split("?")[0].replace("\\", "/")
        if not path or path.startswith("/") or ":" in path.split("/")[0]:
            return ""
        parts: list[str] = []
        for step in (*PurePosixPath(name).parent.parts, *path.split("/")):
            if step == "..":
                if not parts:
                    return ""
                parts.pop()
            elif step not in ("", "."):
                parts.append(step)
        found = "/".join(parts)
        return found if found in self._entries else ""

    def _checked(self) -> Iterator[tuple[str, zipfile.ZipInfo]]:
        entries = self._zip.infolist()
        if len(entries) > MAX_ENTRIES:
            raise _refused("archive_too_many", self._name, most=MAX_ENTRIES)
        seen: set[str] = set()
        for entry in entries:
            title = _title(entry)
            if entry.flag_bits & _ENCRYPTED_FLAG:
                raise _refused("file_password", self._name)
            if _leaves(title) or (entry.external_attr >> 16) & 0o170000 == _SYMLINK:
                raise _refused("archive_path_outside", self._name, entry=title[:80])
            if title.lower() in seen:
                raise _refused("archive_name_twice", self._name, entry=title[:80])
            seen.add(title.lower())
            if not title.endswith("/"):
                yield title, entry


def open_archive(data: bytes, name: str) -> Archive:
    """The archive in `data`; `InputRefused` when names, sizes or its structure are not acceptable."""
    return Archive(data, name)


def _title(entry: zipfile.ZipInfo) -> str:
    """The entry's name; Chinese tools write GBK without saying so."""
    if entry.flag_bits & _UTF8_FLAG:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("gbk")
    except UnicodeError:
        return entry.filename


def _leaves(title: str) -> bool:
    steps = title.replace("\\", "/").split("/")
    return title.startswith(("/", "\\")) or "\\" in title or ".." in steps or ":" in steps[0] or "\0" in title


def _refused(code: str, name: str, **params: str | float) -> InputRefused:
    return InputRefused(Problem(code, name, {"name": name, **params}))
