"""The answer key at the end of a paper or of each section: `1.D  2.A`, `1-5 ABCDD`, or numbered texts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from itembank.importing.template_lines import Line, Section, number_of

_SAID = r"[A-Z]{1,26}|[√×]|正确|错误|对|错"
_ENTRY = re.compile(rf"(?<![0-9])([0-9]{{1,5}})\s{{0,4}}[、.:)]?\s{{0,4}}({_SAID})(?![A-Za-z\u4e00-\u9fff])")
_RANGE = re.compile(
    r"(?<![0-9])([0-9]{1,5})\s{0,2}[-~—–至]{1,2}\s{0,2}([0-9]{1,5})\s{0,2}[、.:)]?\s{0,4}"
    r"((?:[A-Z]{1,26}|[√×])(?:[\s,、]{0,4}(?:[A-Z]{1,26}|[√×])){0,99})(?![A-Za-z\u4e00-\u9fff])"
)
_BETWEEN = re.compile(r"[\s,;、。|]+")
_GROUP = re.compile(r"[A-Z]+|[√×]")


@dataclass(slots=True)
class Said:
    """One answer of the key: under which heading, for which number, where it stands."""

    section: Section
    number: int
    text: str
    place: str


@dataclass(slots=True)
class Key:
    """Every answer that stands apart from its question."""

    said: list[Said] = field(default_factory=list)
    unreadable: list[Line] = field(default_factory=list)
    _section: Section = field(default_factory=Section)
    _open: Said | None = None

    def open(self, section: Section) -> None:
        """Answers that follow belong to `section`."""
        self._section, self._open = section, None

    def take(self, piece: Line) -> None:
        """One line of the key: several short answers, or the beginning or rest of a long one."""
        entries = list(_entries(piece))
        number = number_of(piece)
        if entries:
            self._open = None
            self.said += [Said(self._section, value, text, piece.place) for value, text in entries]
        elif number is not None:
            self._open = Said(self._section, number.value, piece.after(number.end), piece.place)
            self.said.append(self._open)
        elif self._open is not None:
            self._open.text += f"\n{piece.text}"
        else:
            self.unreadable.append(piece)


def is_key_line(piece: Line) -> bool:
    """Whether the whole line consists of numbers with short answers."""
    return next(_entries(piece), None) is not None


def _entries(piece: Line) -> Iterator[tuple[int, str]]:
    """Every (number, answer) of a line that holds nothing else."""
    found: list[tuple[int, str]] = []
    rest = _RANGE.sub(lambda match: _ranged(match, found), piece.folded)
    found += [(int(match[1]), match[2]) for match in _ENTRY.finditer(rest)]
    if found and not _BETWEEN.sub("", _ENTRY.sub("", rest)):
        yield from found


def _ranged(match: re.Match[str], found: list[tuple[int, str]]) -> str:
    """`1-5 ABCDD`: one letter a number, or one group a number; anything else stays unread."""
    first, last = int(match[1]), int(match[2])
    groups = _GROUP.findall(match[3])
    letters = [letter for group in groups for letter in group]
    told = groups if len(groups) == last - first + 1 else letters
    if len(told) != last - first + 1:
        return match[0]
    found += zip(range(first, last + 1), told, strict=True)
    return ""
