"""A reading as bytes: one line of JSON for the whole and one for each item.

The same bytes come from the child and are sealed in the database. Line by line nothing holds the
interpreter for long, however many items a file has.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from itembank.importing.reading import BankReading, Placed
from itembank.item_json import item_from_json, item_to_json
from itembank.items import content_hash, stem_hash

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Packed:
    """A reading with the hashes of its items, in the order of the items.

    `mapping` is what was declared to read it ({"template", "columns", "codes", "remembered"}) or None;
    `samples` are heading -> the first cells below it, `preview` the first items as the suggestion reads them:
    both only beside a wish.
    """

    reading: BankReading
    contents: tuple[str, ...]
    stems: tuple[str, ...]
    mapping: Mapping[str, Any] | None = None
    samples: Mapping[str, list[str]] | None = None
    preview: tuple[Placed, ...] = ()


def packed(reading: BankReading) -> Packed:
    """A reading with the hashes of its items: those that the pipeline found, or made here."""
    hashes = reading.hashes
    if len(hashes) != len(reading.items):
        bodies = (placed.item.body for placed in reading.items)
        hashes = tuple((content_hash(body), stem_hash(body)) for body in bodies)
    contents, stems = zip(*hashes, strict=True) if hashes else ((), ())
    return Packed(replace(reading, hashes=()), contents, stems)


def to_bytes(known: Packed) -> bytes:
    """The lines; media travel and stay beside them."""
    head = replace(known.reading, items=()).to_json()
    head |= {
        "mapping": known.mapping,
        "samples": known.samples,
        "preview": [_placed_to_json(placed) for placed in known.preview],
    }
    rows = zip(known.reading.items, known.contents, known.stems, strict=True)
    items = ([*_placed_to_json(placed), content, stem] for placed, content, stem in rows)
    return b"\n".join([_line(head), *map(_line, items)])


def from_bytes(data: bytes) -> Packed:
    """The inverse of `to_bytes`, without the media."""
    first, *lines = data.split(b"\n")
    head = json.loads(first)
    items, contents, stems = [], [], []
    for line in lines:
        *placed, content, stem = json.loads(line)
        items.append(_placed(placed))
        contents.append(content)
        stems.append(stem)
    reading = replace(BankReading.from_json(head), items=tuple(items))
    preview = tuple(map(_placed, head["preview"]))
    return Packed(reading, tuple(contents), tuple(stems), head["mapping"], head["samples"], preview)


def without(known: Packed, gone: set[int]) -> Packed:
    """The same without the items at these places in the list."""
    if not gone:
        return known
    kept = [number for number in range(len(known.reading.items)) if number not in gone]
    return replace(
        known,
        reading=replace(known.reading, items=tuple(known.reading.items[n] for n in kept)),
        contents=tuple(known.contents[n] for n in kept),
        stems=tuple(known.stems[n] for n in kept),
    )


def _line(value: object) -> bytes:
    return _JSON.encode(value).encode()


def _placed_to_json(placed: Placed) -> list[Any]:
    return [placed.place, item_to_json(placed.item), placed.label, list(placed.told)]


def _placed(row: list[Any]) -> Placed:
    place, item, label, told = row
    return Placed(str(place), item_from_json(item), str(label), tuple(map(str, told)))
