"""The pictures of a bank table: where each belongs, and the marks that texts hold in their places."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

# A text that waits for its picture: private-use characters around the picture's number within its item.
_OPEN, _CLOSE = "\ue0f0", "\ue0f1"
MARK = re.compile(f"{_OPEN}([0-9]{{1,3}}){_CLOSE}")
CELL_PICTURE = re.compile(r"(?:=\s*)?(?:_xlfn\.)?DISPIMG\(\s*\"([^\"]{1,80})\"[^)]{0,80}\)", re.IGNORECASE)
"""What a spreadsheet program writes into a cell that shows a picture of the workbook's own list."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures by key. `anchored`: sheet -> (row number from 1, column from 0) -> keys.

    `in_cells`: name in a cell formula -> key; `files`: file name in lower case -> key, of pictures beside the
    workbook; `read` gives a key's bytes. `lost` counts pictures that cannot be told apart (old workbooks).
    """

    anchored: Mapping[str, Mapping[tuple[int, int], tuple[str, ...]]] = field(default_factory=dict)
    in_cells: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[str], bytes] = lambda _key: b""
    lost: int = 0

    def named(self, text: str) -> tuple[str, ...]:
        """The keys of the picture files that `text` names in full, in its order.

        A name without its ending counts when it stands alone and is the only one of its kind.
        """
        rest = text.lower()
        found: list[tuple[int, str]] = []
        for name in sorted(self.files, key=len, reverse=True):
            bounded = rf"(?<![0-9a-z_.-]){re.escape(name)}(?![0-9a-z_])"
            for each in re.finditer(bounded, rest):
                found.append((each.start(), self.files[name]))
            rest = re.sub(bounded, lambda each: " " * len(each[0]), rest)
        if found:
            return tuple(key for _at, key in sorted(found))
        short = [
            key
            for name, key in self.files.items()
            if re.search(rf"(?<!\w){re.escape(name.rpartition('.')[0])}(?!\w)", rest)
        ]
        return tuple(short) if len(short) == 1 else ()


def mark(number: int) -> str:
    """What a text holds in the place of picture `number` (from 0) of its item."""
    return f"{_OPEN}{number}{_CLOSE}"


def unmarked(text: str) -> str:
    """A text of the file without characters that would read as a mark."""
    return text.replace(_OPEN, "").replace(_CLOSE, "") if _OPEN in text else text
