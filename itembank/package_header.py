"""The header of a sealed package: what everybody may read of it, and its strict reading."""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from itembank.custody import PairWrap, Place, SealedShare
from itembank.version import numbers


class PackageBroken(Exception):
    """The file is not a package, was changed, or is not signed by the expected key."""


@dataclass(frozen=True, slots=True)
class SectionPlace:
    """Where a section lies after the header, in bytes, and the SHA-256 of its sealed bytes in hex."""

    name: str
    offset: int
    length: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PackageHeader:
    """What everybody may read of a package.

    `min_version` is the least software version that can show it, "" for any; `spare` says that it holds the
    spare forms.
    """

    package: str
    suite: str
    sitting: str
    room: str
    not_before: datetime
    forms: tuple[str, ...]
    sections: tuple[SectionPlace, ...]
    custodians: tuple[SealedShare, ...]
    pairs: tuple[PairWrap, ...]
    min_version: str = ""
    spare: bool = False

    @property
    def place(self) -> Place:
        """What shares and wraps are bound to."""
        return Place(self.package, self.room)

    def facts(self) -> dict[str, Any]:
        """The header without shares and wraps, as plain JSON: for reports, and what outlives the package."""
        return {
            "package": self.package,
            "suite": self.suite,
            "sitting": self.sitting,
            "room": self.room,
            "not_before": self.not_before.isoformat(),
            "forms": list(self.forms),
            "spare": self.spare,
            "min_version": self.min_version,
            "custodians": [{"name": share.name, "role": share.role} for share in self.custodians],
            "sections": [
                {"name": place.name, "length": place.length, "sha256": place.sha256}
                for place in self.sections
            ],
        }


def read_fields(data: Mapping[str, object]) -> PackageHeader:
    """A header out of its JSON. Raises `PackageBroken` for a missing or misshapen field."""
    try:
        header = PackageHeader(
            package=str(data["package"]),
            suite=str(data["suite"]),
            sitting=str(data["sitting"]),
            room=str(data["room"]),
            not_before=datetime.fromisoformat(str(data["not_before"])),
            forms=tuple(map(str, _entries(data["forms"]))),
            sections=tuple(map(_section_place, _entries(data["sections"]))),
            custodians=tuple(
                SealedShare(str(e["id"]), str(e["name"]), str(e["role"]), b64decode(e["share"]))
                for e in _entries(data["custodians"])
            ),
            pairs=tuple(
                PairWrap(str(e["a"]), str(e["b"]), b64decode(e["wrap"])) for e in _entries(data["pairs"])
            ),
            min_version=str(data.get("min_version", "")),
            spare=data.get("spare") is True,
        )
        numbers(header.min_version)
    except (KeyError, TypeError, ValueError) as error:
        raise PackageBroken("header") from error
    return header


def _entries(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _section_place(entry: Mapping[str, object]) -> SectionPlace:
    offset, length = entry["offset"], entry["length"]
    if not isinstance(offset, int) or not isinstance(length, int) or min(offset, length) < 0:
        raise ValueError("not a place in a file")
    return SectionPlace(str(entry["name"]), offset, length, str(entry["sha256"]))
