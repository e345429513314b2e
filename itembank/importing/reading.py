"""What a bank file holds, as the dry run shows it and as the import stores it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from itembank.importing.media import MediumFile
from itembank.item_json import item_from_json, item_to_json
from itembank.items import Item, ItemKind
from itembank.problems import Problem


class Placed(NamedTuple):
    """An item and where it stands; `label` and `told` are its name and answer in the file's own words."""

    place: str
    item: Item
    label: str = ""
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MappingWish:
    """What has to be declared before the file can be read; see `drafts.MappingNeeded`."""

    template: str
    columns: tuple[str, ...]
    codes: Mapping[str, str]
    suggested_columns: Mapping[str, str]
    suggested_codes: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "template": self.template,
            "columns": list(self.columns),
            "codes": dict(self.codes),
            "suggested_columns": dict(self.suggested_columns),
            "suggested_codes": dict(self.suggested_codes),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "MappingWish":
        """The inverse of `to_json`."""
        return cls(
            str(data["template"]),
            tuple(data["columns"]),
            dict(data["codes"]),
            dict(data["suggested_columns"]),
            dict(data["suggested_codes"]),
        )


@dataclass(frozen=True, slots=True)
class BankReading:
    """Items by place, rejected rows, and what deserves a look.

    `wish` is there instead of items when the file has to be explained first; `blueprint` when it is a
    blueprint table ({"data", "points", "rules"}). `media` are the files that items name; they travel beside
    the JSON. `doubles` are the kinds of items that repeat another of the file exactly: they were read, stand
    among the rejected and never come in. `hashes` are the content hash and the stem hash of each item in
    order, as the pipeline found them; they stay in its process.
    """

    format: str
    encoding: str
    items: tuple[Placed, ...]
    rejected: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()
    wish: MappingWish | None = None
    blueprint: Mapping[str, Any] | None = None
    media: Mapping[str, MediumFile] = field(default_factory=dict)
    doubles: tuple[str, ...] = ()
    hashes: tuple[tuple[str, str], ...] = field(default=(), compare=False, repr=False)

    def by_kind(self) -> dict[str, int]:
        """How many items of each kind."""
        counted = dict.fromkeys((str(kind) for kind in ItemKind), 0)
        for placed in self.items:
            counted[str(placed.item.facts.kind)] += 1
        return counted

    def to_json(self) -> dict[str, Any]:
        """Plain values for a child's answer or a sealed report, without the media's bytes."""
        return {
            "format": self.format,
            "encoding": self.encoding,
            "items": [[p.place, item_to_json(p.item), p.label, list(p.told)] for p in self.items],
            "rejected": [problem.to_json() for problem in self.rejected],
            "warnings": [problem.to_json() for problem in self.warnings],
            "wish": self.wish.to_json() if self.wish else None,
            "blueprint": self.blueprint,
            "doubles": list(self.doubles),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "BankReading":
        """The inverse of `to_json`; `media` come by themselves."""
        return cls(
            str(data["format"]),
            str(data["encoding"]),
            tuple(
                Placed(str(place), item_from_json(item), str(label), tuple(map(str, told)))
                for place, item, label, told in data["items"]
            ),
            tuple(Problem.from_json(problem) for problem in data["rejected"]),
            tuple(Problem.from_json(problem) for problem in data["warnings"]),
            MappingWish.from_json(data["wish"]) if data["wish"] else None,
            data["blueprint"],
            doubles=tuple(data["doubles"]),
        )

    def with_media(self, media: Mapping[str, MediumFile]) -> "BankReading":
        """The same reading with the bytes of its media."""
        return replace(self, media=media)

    @classmethod
    def refused(cls, problem: Problem) -> "BankReading":
        """The reading of a file that could not be read at all."""
        return cls("", "", (), (problem,))
