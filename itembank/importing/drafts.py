"""What a reader of a bank format gives: drafts of items, notes, a blueprint, or the wish for a mapping.

A reader is a `Format`: it tells its files by content and yields what it finds in order. It neither validates
nor cleans: that is the pipeline's, once for all formats.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from itembank.importing.media import MediaBox
from itembank.importing.source import Source
from itembank.items import ItemBody, ItemKind
from itembank.problems import Problem

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Draft:
    """One item as read. `uid` "" = the file has no usable id; difficulty 0 = not said.

    Texts are in the body's markup, not cleaned yet; media are already named `media:SHA256`. An item with
    `faults` is rejected; `columns` says which column is to blame for a fault that validation finds (fault
    code, or code and option key such as "empty_option B" -> heading). `flaw` as in `ItemFacts`: such a draft
    has the file's text in `body.raw`. `label` and `told` are the item's name and answer in the file's own
    words (for people who compare; empty = running number and option keys).
    """

    place: str
    kind: ItemKind
    body: ItemBody
    uid: str = ""
    point: str = ""
    difficulty: int = 0
    consistency: int | None = None
    importance: str = ""
    sample: bool = False
    path: str = ""
    faults: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    label: str = ""
    told: tuple[str, ...] = ()
    flaw: str = ""
    columns: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


@dataclass(frozen=True, slots=True)
class Rejected:
    """Something of the file that gives no item."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class Noted:
    """Something to look at; nothing is lost by it."""

    problem: Problem


@dataclass(frozen=True, slots=True)
class BlueprintFound:
    """The file is a blueprint table: `data` in the shape `blueprint.load_blueprint` reads; parts may lack.

    `points` and `rules` are how many it holds.
    """

    data: Mapping[str, object]
    points: int = 0
    rules: int = 0


@dataclass(frozen=True, slots=True)
class Declared:
    """What the importing person declared: heading -> field, type code -> kind.

    `columns` names fields as `readers.HEADINGS` does; a heading mapped to "" is left out on purpose, the rows
    of a code mapped to "" are rejected.
    """

    columns: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    codes: Mapping[str, str] = field(default_factory=lambda: _NOTHING)


class MappingNeeded(Exception):
    """The import stops until columns or type codes are declared.

    `template` is the hash of the headings under which a declaration is remembered; `columns` are the
    headings found, `codes` the undeclared type codes with the texts beside them, `suggested` what could be
    meant (an empty one: nothing fits).
    """

    def __init__(
        self, template: str, columns: tuple[str, ...], codes: Mapping[str, str], suggested: Declared
    ) -> None:
        super().__init__("mapping needed")
        self.template = template
        self.columns = columns
        self.codes = codes
        self.suggested = suggested


Found = Draft | Rejected | Noted | BlueprintFound


class Format(Protocol):
    """One family of files. `sniff` looks at content only and says the format's exact name, "" = not mine.

    Names: "guobiao-xlsx", "kaoshibao-xlsx", "generic-csv", "docx-text", "text-template", "json-items",
    "qti-1.2", "qti-2.1", "qti-2.2", "qti-3.0", "moodle-xml", "gift", "aiken", "blueprint-xlsx" …
    `read` raises `InputRefused` when the whole file cannot be used, `MappingNeeded` when it has to be told.
    """

    def sniff(self, source: Source) -> str:
        """The format's name for this file, or ""."""
        ...

    def read(self, source: Source, declared: Declared, media: MediaBox) -> Iterator[Found]:
        """Everything in the file in order."""
        ...
