"""Sealed packages on this workstation, and the one section of one that a candidate sees."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from client.device import write_atomically
from client.responses import ItemRule, settled
from exam_rooms.protocol import PaperView
from itembank.package import PackageBroken, open_section, read_header
from itembank.shuffling import shown
from itembank.version import VERSION, older

SUFFIX = ".expkg"


class PaperFault(Exception):
    """A package that is damaged, of another site, or does not open; `code` is shown at the page."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture, sound or film of an open paper."""

    mime: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Paper:
    """An opened form: its JSON as the page gets it, what each item takes, and its media by SHA-256."""

    json: bytes
    rules: Mapping[str, ItemRule]
    media: Mapping[str, Medium] = field(default_factory=dict)

    def settled(self, item: str, response: Sequence[str]) -> tuple[str, ...] | None:
        """The response as it is written down, () for an empty one; None when the form does not take it."""
        rule = self.rules.get(item)
        return None if rule is None else settled(rule, response)


class Shelf:
    """Packages in a folder by SHA-256; only verified ones are kept, and no newer one is taken for ready."""

    def __init__(self, folder: Path, site_key: bytes, version: str = VERSION) -> None:
        self._folder = folder
        self._site_key = site_key
        self._version = version
        self.ready = ""

    def look_for(self, sha256: str) -> bool:
        """Whether this package is here and sound; notes it as `ready`. Raises `PaperFault`, OSError."""
        path = self._path(sha256)
        if self.ready != sha256:
            self.ready = ""
            fault = self._fault(path.read_bytes(), sha256) if path.is_file() else "package_broken"
            if fault == "package_needs_newer":
                raise PaperFault(fault)
            if not fault:
                self.ready = sha256
        return self.ready == sha256

    def store(self, data: bytes, sha256: str) -> None:
        """Checks a delivered package and keeps it in place of others. Raises `PaperFault`, OSError.

        One that needs newer software is kept, so that it is not fetched over and over, but never ready.
        """
        fault = self._fault(data, sha256)
        if fault == "package_broken":
            raise PaperFault(fault)
        write_atomically(self._path(sha256), data)
        self._clear_but(self._path(sha256))
        if fault:
            self.ready = ""
            raise PaperFault(fault)
        self.ready = sha256

    def clear(self) -> None:
        """Forgets all packages: the server names no sitting here any more. Raises OSError."""
        self.ready = ""
        self._clear_but(None)

    def _clear_but(self, kept: Path | None) -> None:
        for other in self._folder.glob(f"*{SUFFIX}"):
            if other != kept:
                other.unlink(missing_ok=True)

    def open(self, view: PaperView, who: str = "") -> Paper:
        """The form of a seat with the section key the server released, in the order in which `who` sees it.

        Raises `PaperFault`, OSError.
        """
        if view.key is None:
            raise PaperFault("paper_sealed")
        try:
            key = base64.b64decode(view.key, validate=True)
            content = open_section(self._path(view.sha256).read_bytes(), f"paper/{view.form}", key)
        except (PackageBroken, ValueError) as fault:
            raise PaperFault("paper_unopened") from fault
        return _paper(content, who)

    def _fault(self, data: bytes, sha256: str) -> str:
        """What is wrong with a package: "", package_broken or package_needs_newer."""
        if hashlib.sha256(data).hexdigest() != sha256:
            return "package_broken"
        try:
            header = read_header(data, self._site_key)
        except PackageBroken:
            return "package_broken"
        return "package_needs_newer" if older(self._version, header.min_version) else ""

    def _path(self, sha256: str) -> Path:
        """Only a plain hash becomes a file name, whatever a message says."""
        if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
            raise PaperFault("package_broken")
        return self._folder / f"{sha256}{SUFFIX}"


def _paper(content: Mapping[str, object], who: str) -> Paper:
    try:
        form = shown(content, who)
        rules = {str(item["id"]): ItemRule.of(item) for item in form["items"]}
        media = {
            str(sha): Medium(str(medium["mime"]), base64.b64decode(medium["data"], validate=True))
            for sha, medium in form.get("media", {}).items()
        }
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise PaperFault("paper_unopened") from fault
    names = {sha: {"mime": medium.mime} for sha, medium in media.items()}
    page = json.dumps(form | {"media": names}, ensure_ascii=False)
    return Paper(page.encode(), rules, media)
