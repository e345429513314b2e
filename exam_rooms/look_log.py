"""The log of looks: every look of a seat's camera in plain values, packed tightly in batches.

No picture and no face is in it. A batch stands column by column, compressed: the same numbers again and
again take little room. Whoever opens one reads bytes from elsewhere, so that is bounded, and anything odd is
refused with `ValueError`. What was packed comes back unchanged to the last digit: moments are whole
milliseconds.
"""

import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from exam_rooms.watching import ObservationNote
from exam_rooms.wire import WireError, canonical, decode

VERSION = 1
MOST_LOOKS = 1000
MOST_PACKED, MOST_BYTES = 40 << 10, 1 << 20
"""Bytes of a batch packed and unpacked: ten times what the quickest pace fills in five minutes."""
_LEVEL = 6
_TEXT = 60
_MOST_FACES = 1000
_MOST_ENTRIES = 40
_LATEST_MS = 1 << 54
"""Beyond it moments are not exact any more, and far beyond any boot clock."""


@dataclass(frozen=True, slots=True)
class LoggedLook:
    """One look. `at_ms`: boot clock in milliseconds; `note` None: the camera gave no picture; `repeated` and
    `camera` as in `proctoring.causes.Sight`.
    """

    at_ms: int
    note: ObservationNote | None = None
    repeated: bool = False
    camera: str = ""


def pack(looks: Sequence[LoggedLook]) -> bytes:
    """A batch of looks as bytes."""
    seen = [look.note for look in looks if look.note is not None]
    columns = {field.name: _column([getattr(note, field.name) for note in seen]) for field in _NOTE}
    moments = [look.at_ms for look in looks]
    data = {
        "v": VERSION,
        "at": [later - earlier for earlier, later in zip([0, *moments], moments, strict=False)],
        "seen": _column([look.note is not None for look in looks]),
        "repeated": _column([look.repeated for look in looks]),
        "camera": _column([look.camera for look in looks]),
        "notes": columns,
    }
    return zlib.compress(canonical(data), _LEVEL)


def unpack(packed: bytes) -> tuple[LoggedLook, ...]:
    """The looks of a batch. Raises `ValueError` for what is none."""
    data = _opened(packed)
    try:
        steps = data["at"]
        if not isinstance(steps, list) or len(steps) > MOST_LOOKS:
            raise ValueError("at")
        seen, repeated, camera = (_values(data[name], len(steps)) for name in ("seen", "repeated", "camera"))
        notes = iter(_notes(data["notes"], sum(each is True for each in seen)))
        at, looks = 0, []
        for place, step in enumerate(steps):
            if type(step) is not int or (place and step < 0):
                raise ValueError("at")
            at += step
            if not 0 <= at < _LATEST_MS:
                raise ValueError("at")
            note = next(notes) if seen[place] is True else None
            plain = {"at_ms": at, "repeated": repeated[place], "camera": camera[place]}
            looks.append(_checked(decode(LoggedLook, plain), note))
    except (KeyError, TypeError, AttributeError, OverflowError, WireError) as fault:
        raise ValueError("log of looks") from fault
    return tuple(looks)


_NOTE = fields(ObservationNote)


def _opened(packed: bytes) -> dict[str, Any]:
    if len(packed) > MOST_PACKED:
        raise ValueError("too large")
    opener = zlib.decompressobj()
    try:
        text = opener.decompress(packed, MOST_BYTES)
    except zlib.error as fault:
        raise ValueError("not compressed") from fault
    if opener.unconsumed_tail or not opener.eof:
        raise ValueError("too large")
    try:
        data = json.loads(text)
    except RecursionError as fault:
        raise ValueError("too deep") from fault
    if not isinstance(data, dict) or data.get("v") != VERSION:
        raise ValueError("version")
    return data


def _notes(columns: dict[str, Any], count: int) -> list[ObservationNote]:
    names = {field.name for field in _NOTE}
    values = {name: _values(column, count) for name, column in columns.items() if name in names}
    return [
        decode(ObservationNote, {name: column[place] for name, column in values.items()})
        for place in range(count)
    ]


def _checked(look: LoggedLook, note: ObservationNote | None) -> LoggedLook:
    """With its note, when every number is one and every text a word."""
    texts: tuple[str, ...] = (look.camera,)
    if note is not None:
        numbers = [getattr(note, field.name) for field in _NOTE]
        numbers += list((note.objects or {}).values())
        if not all(math.isfinite(each) for each in numbers if isinstance(each, float)):
            raise ValueError("number")
        if not 0 <= note.persons <= note.faces <= _MOST_FACES:
            raise ValueError("persons")
        texts = (*texts, note.quality, note.likeness, *note.models.values(), *note.unavailable)
    if max(map(len, texts)) > _TEXT:
        raise ValueError("text")
    return LoggedLook(look.at_ms, note, look.repeated, look.camera)


def _column(values: list[Any]) -> Any:  # noqa: ANN401 - JSON values
    """The values, or the one value of all of them."""
    plain = [list(value) if isinstance(value, tuple) else value for value in values]
    same = bool(plain) and all(value == plain[0] and type(value) is type(plain[0]) for value in plain)
    return {"all": plain[0]} if same else plain


def _values(column: Any, count: int) -> list[Any]:  # noqa: ANN401 - JSON values
    if isinstance(column, dict):
        value = column["all"]
        if isinstance(value, dict | list) and len(value) > _MOST_ENTRIES:  # it would count for every look
            raise ValueError("column")
        return [value] * count
    if not isinstance(column, list) or len(column) != count:
        raise ValueError("column")
    return column
