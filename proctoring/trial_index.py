"""The list of a centre's own labelled photos: `index.csv` beside them, read strictly, every fault by row.

Columns: `file` (a picture in the folder), `identity` (one word for each person, empty when unknown), `shows`
(its first word is the sort of picture: "spoof..." a picture of a face, "noface..." nobody, anything else a
living face), `faces` (how many, empty when unknown). Every further column with few different values is a
group: light, glasses, room.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

INDEX = "index.csv"
KNOWN = ("file", "identity", "shows", "faces")
NO_GROUPS = frozenset({"source", "licence", "license", "width", "height", "note", "notes"})
"""Columns that describe a file and group nothing."""
MOST_VALUES = 20
"""A column with more values than this names things one by one and is no group."""
SPOOF, NOBODY = "spoof", "noface"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row (1 is the head) or its picture: `code` is in the message table."""

    row: int
    column: str
    file: str
    code: str
    params: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture with its labels. `faces` None: not known; `groups`: column -> value, "" when empty."""

    row: int
    path: Path
    identity: str
    shows: str
    faces: int | None
    groups: Mapping[str, str]

    @property
    def is_spoof(self) -> bool:
        """Whether it is a picture of a face, held before a camera."""
        return self.shows.startswith(SPOOF)

    @property
    def wanted(self) -> int | None:
        """How many faces there are, as far as it is known."""
        if self.faces is not None:
            return self.faces
        if self.shows.startswith(NOBODY):
            return 0
        return 1 if self.identity else None


@dataclass(frozen=True, slots=True)
class Index:
    """The rows that can be used, and what is wrong with others."""

    rows: tuple[Labelled, ...]
    faults: tuple[Fault, ...]
    groups: tuple[str, ...]


def read_index(folder: Path) -> Index:
    """All of it. A list that is missing, not UTF-8 or without a column `file` is one fault of row 1."""
    try:
        text = (folder / INDEX).read_text("utf-8-sig")
    except OSError:
        return Index((), (Fault(1, "", INDEX, "trial_no_index"),), ())
    except UnicodeDecodeError:
        return Index((), (Fault(1, "", INDEX, "trial_not_utf8"),), ())
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        lines = list(reader)
    except csv.Error:
        return Index((), (Fault(1, "", INDEX, "trial_not_csv"),), ())
    if not lines or "file" not in (reader.fieldnames or ()):
        return Index((), (Fault(1, "file", INDEX, "trial_no_file_column"),), ())
    found = list(_rows(folder, lines))
    rows = tuple(one for one in found if isinstance(one, Labelled))
    return Index(rows, tuple(one for one in found if isinstance(one, Fault)), _groups(rows))


def _rows(folder: Path, lines: list[dict[str, str | None]]) -> Iterator[Labelled | Fault]:
    seen: set[Path] = set()
    for row, line in enumerate(lines, 2):
        name = (line.get("file") or "").strip()
        path = folder / name
        code = _fault_of(folder, name, path) or ("trial_file_twice" if path in seen else "")
        if code:
            yield Fault(row, "file", name, code)
            continue
        seen.add(path)
        count = (line.get("faces") or "").strip()
        if count and not (count.isascii() and count.isdecimal()):
            yield Fault(row, "faces", name, "trial_not_a_count", {"value": count[:20]})
            continue
        yield Labelled(
            row=row,
            path=path,
            identity=(line.get("identity") or "").strip(),
            shows=_kind(line),
            faces=int(count) if count else None,
            groups={"shows": _kind(line)}
            | {
                key: (value or "").strip()
                for key, value in line.items()
                if key and key not in KNOWN and key not in NO_GROUPS and isinstance(value, str | None)
            },
        )


def _kind(line: Mapping[str, str | None]) -> str:
    return ((line.get("shows") or "").split() or [""])[0].strip(",").lower()


def _fault_of(folder: Path, name: str, path: Path) -> str:
    if not name or "\0" in name:
        return "trial_file_missing"
    if not path.resolve().is_relative_to(folder.resolve()):
        return "trial_file_outside"
    return "" if path.is_file() else "trial_file_missing"


def _groups(rows: tuple[Labelled, ...]) -> tuple[str, ...]:
    known = [row for row in rows if row.identity]
    columns = dict.fromkeys(key for row in known for key in row.groups)
    values = {column: {row.groups.get(column, "") for row in known} for column in columns}
    return tuple(column for column in columns if 2 <= len(values[column]) <= MOST_VALUES)
