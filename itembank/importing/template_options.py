"""Stem and options apart: a chain of letters A, B, C … found over the whole text of a question.

All options on one line or each on its own, with dots, brackets or nothing behind the letter: the strictest
way of marking that gives the longest chain wins; whatever is less than certain says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from itembank.importing.template_lines import fold
from itembank.items import OPTION_KEYS

MAX_MARKS = 2_000  # candidate letters of one question; more is no question

_MARK = r"(?:\(\s{0,2}([A-Z])\s{0,2}\)\s{0,2}[、.:]?|([A-Z])\s{0,2}[、.:)])\s*"
_AT_LINES = re.compile(rf"^[ \t]*{_MARK}", re.MULTILINE)
_AFTER_BLANKS = re.compile(rf"(?:^|(?<=[\s。;?!]))(?:{_MARK})", re.MULTILINE)
_SMALL = re.compile(
    r"(?:^|(?<=[\s。;?!]))(?:\(\s{0,2}([a-z])\s{0,2}\)\s{0,2}[、.:]?|([a-z])\s{0,2}[、.:)])\s*", re.MULTILINE
)
_IN_BRACKETS = re.compile(r"\(\s{0,2}([A-Z])\s{0,2}\)\s{0,2}[、.:]?\s*()")
_DOTTED = re.compile(r"(?<![A-Za-z0-9])([A-Z])[.、:](?![A-Z][A-Z.])\s*()")
_BARE_LINES = re.compile(r"^[ \t]*([A-Z])(?:[ \t]+|(?=[^\x00-\x7f]))()", re.MULTILINE)
_BARE = re.compile(r"(?:^|(?<=[\s、,;。]))([A-Z])(?:[ \t]+|(?=[^\x00-\x7f]))()", re.MULTILINE)
_TIERS: tuple[tuple[re.Pattern[str], bool], ...] = (
    (_AT_LINES, True),
    (_AFTER_BLANKS, True),
    (_IN_BRACKETS, True),
    (_DOTTED, False),
    (_BARE_LINES, True),
    (_BARE, False),
)  # pattern of the letter, and whether it is certain enough


@dataclass(frozen=True, slots=True)
class Mark:
    """One option letter: where its mark begins and where its text begins."""

    letter: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A question's text apart: stem, option texts in order of letters, and whether it could be otherwise."""

    stem: str
    options: tuple[str, ...] = ()
    unsure: bool = False


def split_options(text: str) -> Choice:
    """The stem and its options; no options when fewer than two letters follow each other from A."""
    folded = fold(text)
    marks = {pattern: _marks(pattern, folded) for pattern, _ in _TIERS}
    chains = [(_chain(marks[pattern]), certain) for pattern, certain in _TIERS]
    best, certain = max(chains, key=lambda chain: len(chain[0]))  # the first of equals is the strictest
    if len(best) < 2:
        return Choice(text.strip())
    lone = len(best) == 2 and not _AT_LINES.match(folded[best[0].start :])
    unsure = not certain or lone or _left_over(folded, best) or _rival(chains, best)
    unsure = unsure or any(_second(marks[pattern], best) for pattern, sure in _TIERS if sure)
    return _cut(text, best, unsure)


def split_small(text: str) -> Choice:
    """The stem and options marked a, b, c …; never certain, since statements are counted so as well."""
    chain = _chain(_marks(_SMALL, fold(text)))
    return _cut(text, chain, unsure=True) if len(chain) >= 2 else Choice(text.strip())


def _cut(text: str, chain: Sequence[Mark], unsure: bool) -> Choice:
    ends = [mark.start for mark in chain[1:]] + [len(text)]
    options = _unseparated([text[mark.end : end].strip() for mark, end in zip(chain, ends, strict=True)])
    return Choice(text[: chain[0].start].strip(), options, unsure)


def _unseparated(texts: list[str]) -> tuple[str, ...]:
    """Options on one line without the commas that stand between all of them."""
    if all(text.endswith(("、", ",", "，")) for text in texts[:-1]):
        return tuple(text.rstrip("、,，") for text in texts)
    return tuple(texts)


def _marks(pattern: re.Pattern[str], folded: str) -> list[Mark]:
    marks = []
    for found in pattern.finditer(folded):
        marks.append(Mark((found[1] or found[2]).upper(), found.start(), found.end()))
        if len(marks) > MAX_MARKS:
            return []
    return marks


def _chain(marks: Sequence[Mark]) -> list[Mark]:
    """The longest run A, B, C …, each at the nearest place behind the one before; the last of equals."""
    following: dict[str, tuple[int, Mark]] = {}  # letter -> length of the chain that begins here, its mark
    nexts: dict[int, Mark] = {}
    best: tuple[int, Mark] | None = None
    for mark in reversed(marks):
        behind = OPTION_KEYS.find(mark.letter) + 1
        after = following.get(OPTION_KEYS[behind]) if behind < len(OPTION_KEYS) else None
        length = 1 + (after[0] if after else 0)
        if after:
            nexts[mark.start] = after[1]
        following[mark.letter] = (length, mark)
        if mark.letter == "A" and (best is None or length > best[0]):
            best = (length, mark)
    chain = [best[1]] if best else []
    while chain and chain[-1].start in nexts:
        chain.append(nexts[chain[-1].start])
    return chain


def _left_over(folded: str, chain: Sequence[Mark]) -> bool:
    """Whether another line begins with a marked letter: one is missing or twice, or two questions are one."""
    taken = {mark.start for mark in chain}
    return any(
        not any(start in taken for start in range(mark.start, mark.end)) for mark in _marks(_AT_LINES, folded)
    )


def _second(marks: Sequence[Mark], chain: Sequence[Mark]) -> bool:
    """Whether A and B stand in front of the chain as well: two questions may have become one."""
    before = "".join(mark.letter for mark in marks if mark.start < chain[0].start)
    return 0 <= before.find("A") < before.rfind("B")


def _rival(chains: Sequence[tuple[list[Mark], bool]], best: Sequence[Mark]) -> bool:
    """Whether a stricter way of marking gave a real but shorter chain."""
    for chain, _ in chains:
        if len(chain) == len(best):
            return False
        if 3 <= len(chain) < len(best) and chain[0].start != best[0].start:
            return True
    return False


def own_letter(text: str) -> tuple[str, str] | None:
    """(letter, text behind it) of an option given apart with its own letter ("A. "); None without one."""
    found = _AT_LINES.match(fold(text))
    return (found[1] or found[2], text[found.end() :].strip()) if found else None
