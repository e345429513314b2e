"""The child's part of imports and exports of banks: bytes in, items, media and problems out, and back."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from itembank.importing.drafts import Declared
from itembank.importing.media import MediumFile
from itembank.importing.pipeline import read_bank as read
from itembank.importing.reading import BankReading, MappingWish
from itembank.importing.samples import sample_cells
from itembank.item_json import item_from_json
from itembank.items import Medium
from itembank.problems import InputRefused
from server.errors import Refused
from server.jobs.memory import peak_mib
from server.services.export_formats import FORMATS
from server.services.readings import Packed, from_bytes, packed, to_bytes

_MEDIUM = "medium/"
PREVIEW_ITEMS = 5
_READ, _CHECKED = 0.05, 0.9
_HALF_WAY = 2_000  # items after which an import of unknown length shows half of its work

Told = Callable[[int], None]


def read_bank(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`data`, `name`, `columns`, `codes` (what was declared) -> the reading, or why the file is refused.

    `remembered` ({template: {"columns", "codes"}}) is used when the file asks and nothing was declared.
    The answer's media travel as values of their own, so that they are not blown up to base64.
    """
    report(_READ, "read")

    def told(count: int) -> None:
        share = 1 - 1 / (1 + count / _HALF_WAY)
        report(_READ + (_CHECKED - _READ) * share, f"read {count}")

    declared = Declared(payload.get("columns") or {}, payload.get("codes") or {})
    try:
        found = _reading(payload, declared, told)
    except InputRefused as refusal:
        return {"refused": refusal.problems[0].to_json(), "peak_rss_mib": peak_mib()}
    report(_CHECKED, "checked")
    media = found.reading.media
    sizes = {sha: [f.medium.mime, f.medium.width, f.medium.height] for sha, f in media.items()}
    blobs = {_MEDIUM + sha: file.data for sha, file in media.items()}
    return {"reading": to_bytes(found), "media": sizes, "peak_rss_mib": peak_mib(), **blobs}


def reading_of(result: Mapping[str, Any]) -> Packed:
    """The reading that a child's answer holds, its media included."""
    media = {}
    for sha, (mime, width, height) in result["media"].items():
        data = result[_MEDIUM + sha]
        media[sha] = MediumFile(Medium(sha, mime, len(data), width, height), data)
    known = from_bytes(result["reading"])
    return replace(known, reading=known.reading.with_media(media))


def _reading(payload: Mapping[str, Any], declared: Declared, told: Told) -> Packed:
    data, name = payload["data"], payload["name"]
    reading = read(data, name, declared=declared, report=told)
    if reading.wish is None:
        return packed(reading)
    known = (payload.get("remembered") or {}).get(reading.wish.template)
    if known:
        again = read(data, name, declared=Declared(known["columns"], known["codes"]), report=told)
        if again.wish is None:
            used = {"template": reading.wish.template, **known, "remembered": True}
            return replace(packed(again), mapping=used)
    return _unexplained(data, name, reading, reading.wish)


def _unexplained(data: bytes, name: str, reading: BankReading, wish: MappingWish) -> Packed:
    """The wish with what helps a person to answer it: cells of the columns, items by the suggestion."""
    return replace(
        packed(reading),
        samples=dict(sample_cells(data, name, wish.columns)),
        preview=tuple(islice(_suggested(data, name, wish).items, PREVIEW_ITEMS)),
    )


def _suggested(data: bytes, name: str, wish: MappingWish) -> BankReading:
    nothing = BankReading("", "", (), ())
    if not wish.suggested_columns and not wish.suggested_codes:
        return nothing
    try:
        return read(data, name, declared=Declared(wish.suggested_columns, wish.suggested_codes))
    except InputRefused:
        return nothing


def export_bank(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`format` (see `export_formats`), `title`, `items`, media as `medium/SHA256` -> `data` and `notes`."""
    form = FORMATS[payload["format"]]
    items = [item_from_json(each) for each in payload["items"]]
    media = {key.removeprefix(_MEDIUM): data for key, data in payload.items() if key.startswith(_MEDIUM)}
    report(0.3, "write")
    write = getattr(importlib.import_module(form.module), form.function)
    try:
        written = write(items, media, payload["title"])
    except InputRefused as refusal:
        first = refusal.problems[0]
        raise Refused(first.code, 422, **first.params) from refusal
    return {"data": written.data, "notes": [note.to_json() for note in written.notes]}
