"""Sealed packages on this workstation, and the one section of one that a candidate sees."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from client.device import write_atomically
from exam_rooms.protocol import PaperView
from itembank.package import PackageBroken, open_section, read_header

SUFFIX = ".expkg"


class PaperFault(Exception):
    """A package that is damaged, of another site, or does not open; `code` is shown at the page."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Paper:
    """An opened form: its JSON as the page gets it, and per item the option keys that may be chosen."""

    json: bytes
    choices: Mapping[str, frozenset[str]]
    single: frozenset[str]

    def accepts(self, item: str, response: tuple[str, ...]) -> bool:
        """Whether a response fits an item of this form; the empty one (clear) always does."""
        keys = self.choices.get(item)
        if keys is None or len(set(response)) != len(response) or not keys.issuperset(response):
            return False
        return len(response) <= 1 or item not in self.single


class Shelf:
    """Packages in a folder by SHA-256; only verified ones are kept."""

    def __init__(self, folder: Path, site_key: bytes) -> None:
        self._folder = folder
        self._site_key = site_key
        self.ready = ""

    def look_for(self, sha256: str) -> bool:
        """Whether this package is here and sound; notes it as `ready`. Raises `PaperFault`, OSError."""
        path = self._path(sha256)
        if self.ready != sha256:
            self.ready = ""
            if path.is_file() and self._sound(path.read_bytes(), sha256):
                self.ready = sha256
        return self.ready == sha256

    def store(self, data: bytes, sha256: str) -> None:
        """Checks a delivered package and keeps it in place of others. Raises `PaperFault`, OSError."""
        if not self._sound(data, sha256):
            raise PaperFault("package_broken")
        write_atomically(self._path(sha256), data)
        for other in self._folder.glob(f"*{SUFFIX}"):
            if other != self._path(sha256):
                other.unlink(missing_ok=True)
        self.ready = sha256

    def open(self, view: PaperView) -> Paper:
        """The form of a seat with the section key the server released. Raises `PaperFault`, OSError."""
        if view.key is None:
            raise PaperFault("paper_sealed")
        try:
            key = base64.b64decode(view.key, validate=True)
            content = open_section(self._path(view.sha256).read_bytes(), f"paper/{view.form}", key)
        except (PackageBroken, ValueError) as fault:
            raise PaperFault("paper_unopened") from fault
        return _paper(content)

    def _sound(self, data: bytes, sha256: str) -> bool:
        if hashlib.sha256(data).hexdigest() != sha256:
            return False
        try:
            read_header(data, self._site_key)
        except PackageBroken:
            return False
        return True

    def _path(self, sha256: str) -> Path:
        """Only a plain hash becomes a file name, whatever a message says."""
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise PaperFault("package_broken")
        return self._folder / f"{sha256}{SUFFIX}"


def _paper(content: Mapping[str, object]) -> Paper:
    items = content.get("items")
    if not isinstance(items, list):
        raise PaperFault("paper_unopened")
    try:
        choices = {str(item["id"]): frozenset(str(o["key"]) for o in item["options"]) for item in items}
        single = frozenset(str(item["id"]) for item in items if item["kind"] != "multiple")
    except (KeyError, TypeError) as fault:
        raise PaperFault("paper_unopened") from fault
    return Paper(json.dumps(content, ensure_ascii=False).encode(), choices, single)
