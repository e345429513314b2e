"""One way for every bank file: bytes in, items with their places and everything wrong with the rest out.

Pure: nothing is stored. Hosts call it in a limited child process and show the reading as a dry run.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from itembank.importing.cells import Sheet
from itembank.importing.guobiao import GuobiaoReader, missing_columns
from itembank.importing.normalise import normalise, shows_answer
from itembank.importing.readers import BankReader
from itembank.importing.tables import Tables, read_tables
from itembank.item_json import item_from_json, item_to_json
from itembank.items import Item, ItemKind, content_hash, stem_hash
from itembank.problems import InputRefused, Problem

READERS: tuple[BankReader, ...] = (GuobiaoReader(),)
"""The layouts known, the most telling header first."""
Placed = tuple[str, Item]


@dataclass(frozen=True, slots=True)
class BankReading:
    """What a file holds: items by place, rejected rows, and what deserves a look."""

    format: str
    encoding: str
    items: tuple[Placed, ...]
    rejected: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()

    def by_kind(self) -> dict[str, int]:
        """How many items of each kind."""
        counted = dict.fromkeys((str(kind) for kind in ItemKind), 0)
        for _place, item in self.items:
            counted[str(item.facts.kind)] += 1
        return counted

    def to_json(self) -> dict[str, Any]:
        """Plain values for a child's answer or a sealed report."""
        return {
            "format": self.format,
            "encoding": self.encoding,
            "items": [[place, item_to_json(item)] for place, item in self.items],
            "rejected": [problem.to_json() for problem in self.rejected],
            "warnings": [problem.to_json() for problem in self.warnings],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "BankReading":
        """The inverse of `to_json`."""
        return cls(
            str(data["format"]),
            str(data["encoding"]),
            tuple((str(place), item_from_json(item)) for place, item in data["items"]),
            tuple(Problem.from_json(problem) for problem in data["rejected"]),
            tuple(Problem.from_json(problem) for problem in data["warnings"]),
        )

    @classmethod
    def refused(cls, problem: Problem) -> "BankReading":
        """The reading of a file that could not be read at all."""
        return cls("", "", (), (problem,))


def read_bank(data: bytes, name: str, *, codes: Mapping[str, str] | None = None) -> BankReading:
    """Reads a bank file. Raises `InputRefused` when the file as a whole cannot be read.

    `codes` maps type codes to kinds where the declared table is silent or the file differs from it.
    """
    tables = read_tables(data, name)
    reader = _reader_of(tables.sheets, name)
    items: list[Placed] = []
    rejected: list[Problem] = []
    for raw in reader.read(tables.sheets):
        result = normalise(raw, codes)
        if isinstance(result, Item):
            items.append((raw.place, result))
        else:
            rejected += result
    if not items and not rejected:
        raise InputRefused(Problem("bank_without_items", name, {"name": name}))
    kept, doubles, same = _without_doubles(items)
    warnings = (*reader.warnings(tables.sheets), *_pictures(tables, name), *same, *_shown_answers(kept))
    return BankReading(
        f"{reader.name}-{tables.format}", tables.encoding, kept, (*rejected, *doubles), warnings
    )


def _reader_of(sheets: Sequence[Sheet], name: str) -> BankReader:
    for reader in READERS:
        if reader.sniff(sheets):
            return reader
    lacking = "、".join(missing_columns(sheets))
    raise InputRefused(Problem("unknown_layout", name, {"name": name, "columns": lacking}))


def _pictures(tables: Tables, name: str) -> Iterator[Problem]:
    if tables.pictures:
        yield Problem("pictures_ignored", name, {"count": tables.pictures})


def _shown_answers(items: Iterable[Placed]) -> Iterator[Problem]:
    for place, item in items:
        if shows_answer(item):
            yield Problem("answer_in_stem", place, {"uid": item.facts.uid})


def _without_doubles(
    items: Iterable[Placed],
) -> tuple[tuple[Placed, ...], list[Problem], tuple[Problem, ...]]:
    """The first of equal ids or contents stays; the same stem with other options is only mentioned."""
    uids: dict[str, str] = {}
    contents: dict[str, str] = {}
    stems: dict[str, str] = {}
    kept, doubles, warnings = [], [], []
    for place, item in items:
        content, stem = content_hash(item.body), stem_hash(item.body)
        if content in contents:
            doubles.append(Problem("duplicate_item", place, {"first": contents[content]}))
        elif item.facts.uid in uids:
            known = {"uid": item.facts.uid, "first": uids[item.facts.uid]}
            doubles.append(Problem("duplicate_item_id", place, known))
        else:
            if stem in stems:
                warnings.append(Problem("same_stem", place, {"first": stems[stem]}))
            kept.append((place, item))
        uids.setdefault(item.facts.uid, place)
        contents.setdefault(content, place)
        stems.setdefault(stem, place)
    return tuple(kept), doubles, tuple(warnings)
