"""The questions of a GIFT file one by one: split at blank lines, comments taken out, categories apart."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(r"\\.|[{}]", re.DOTALL)
_CATEGORY = re.compile(r"\s*\$CATEGORY:(.*)")
_ID = re.compile(r"\[id:((?:\\.|[^\]\\])+)\]")
_TAG = re.compile(r"\[tag:((?:\\.|[^\]\\])+)\]")
_KEPT = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Category:
    """From here on questions belong to this category."""

    line: int
    path: str


@dataclass(frozen=True, slots=True)
class Block:
    """One question with the id and tags of its comments; `open` when its braces are not closed."""

    line: int
    text: str
    id: str = ""
    tags: tuple[str, ...] = ()
    open: bool = False


@dataclass
class _Gathered:
    """Lines of the question that is being read."""

    line: int = 0
    lines: list[str] = field(default_factory=list)
    id: str = ""
    tags: list[str] = field(default_factory=list)
    depth: int = 0
    answered: bool = False

    def add(self, number: int, line: str) -> None:
        """Takes a line of the question."""
        self.line = self.line or number
        self.lines.append(line)
        for mark in _braces(line):
            self.depth = max(0, self.depth + (1 if mark == "{" else -1))
            self.answered = self.answered or (mark == "}" and self.depth == 0)

    def comment(self, line: str) -> None:
        """Takes what a comment says about the question."""
        found = _ID.search(line)
        self.id = _KEPT.sub(r"\1", found[1]) if found else self.id
        self.tags += [_KEPT.sub(r"\1", tag) for tag in _TAG.findall(line)]

    def block(self) -> Iterator[Block]:
        """The question, if there is one."""
        if self.lines:
            yield Block(self.line, "\n".join(self.lines), self.id, tuple(self.tags), self.depth > 0)


def blocks(text: str) -> Iterator[Block | Category]:
    """Questions and categories in order; `text` has plain line breaks."""
    lines = text.split("\n")
    closes = _closes(lines)
    now = _Gathered()
    for number, line in enumerate(lines, 1):
        category = _CATEGORY.match(line) if now.depth == 0 else None
        if line.lstrip().startswith("//"):
            now.comment(line)
            continue
        if category or _ends(now, line, will_close=closes[number]):
            yield from now.block()
            now = now if not now.lines and not category else _Gathered()
        if category:
            yield Category(number, category[1].strip())
        elif line.strip() or now.depth:
            now.add(number, line)
    yield from now.block()


def _ends(now: _Gathered, line: str, *, will_close: bool) -> bool:
    """Whether the question before `line` is over.

    A blank line ends it, except within braces that are closed before others open; so does a new title or a
    second pair of braces on a line of its own after the first one was closed.
    """
    if not line.strip():
        return now.depth == 0 or not will_close
    if now.depth or not now.answered:
        return False
    return line.lstrip().startswith("::") or "{" in _braces(line)


def _braces(line: str) -> list[str]:
    return [token for token in _TOKEN.findall(line) if len(token) == 1]


def _closes(lines: Sequence[str]) -> list[bool]:
    """For each line number whether the next brace below that line closes."""
    after = [False] * (len(lines) + 1)
    for number in range(len(lines), 0, -1):
        braces = _braces(lines[number - 1])
        after[number - 1] = braces[0] == "}" if braces else after[number]
    return after
