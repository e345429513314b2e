"""What changed between two versions of an item: field by field, and inside a text word by word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from itembank.items import Gap, Item, ItemBody, ItemFacts

SAME, GONE, CAME = "same", "gone", "came"
MOST_WORDS = 3_000  # beyond it, texts are compared line by line: comparing words grows with their square
# A Chinese character is a word of its own; letters and digits, blanks and tags stay together.
_WORD = re.compile(r"<[^>]{0,200}>|[A-Za-z0-9_]+|\s+|.", re.DOTALL)
_LINE = re.compile(r"[^\n]*\n?")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of a text: `sort` same, gone (only in the old one) or came (only in the new one)."""

    sort: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `field` names it ("stem", "option", "difficulty"), `key` says which of several.

    `part` is the key of the case's question it belongs to, "" for the item itself. A field that one of the
    two has not is "" there.
    """

    field: str
    key: str
    part: str
    old: str
    new: str
    pieces: tuple[Piece, ...]


def differences(old: Item, new: Item) -> tuple[Change, ...]:
    """Every field that differs, in reading order; empty for equal items."""
    before, after = dict(_fields(old)), dict(_fields(new))
    names = [*before, *(name for name in after if name not in before)]
    return tuple(
        _change(name, before.get(name, ""), after.get(name, ""))
        for name in names
        if before.get(name, "") != after.get(name, "")
    )


def pieces(old: str, new: str) -> tuple[Piece, ...]:
    """`new` beside `old`: what both have, what went, what came. Same + gone give `old`, same + came `new`."""
    before, after = _words(old), _words(new)
    if len(before) + len(after) > MOST_WORDS:
        before, after = _LINE.findall(old), _LINE.findall(new)
    return tuple(_pieces(before, after))


_Name = tuple[str, str, str]


def _change(name: _Name, old: str, new: str) -> Change:
    part, field, key = name
    return Change(field, key, part, old, new, pieces(old, new))


def _words(text: str) -> list[str]:
    return _WORD.findall(text)


def _pieces(before: list[str], after: list[str]) -> Iterator[Piece]:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for sort, start, end, new_start, new_end in matcher.get_opcodes():
        if sort == "equal":
            yield Piece(SAME, "".join(before[start:end]))
            continue
        if end > start:
            yield Piece(GONE, "".join(before[start:end]))
        if new_end > new_start:
            yield Piece(CAME, "".join(after[new_start:new_end]))


def _fields(item: Item) -> Iterator[tuple[_Name, str]]:
    for name, value in _facts(item.facts):
        yield ("", name, ""), value
    yield from _body("", item.body)


def _facts(facts: ItemFacts) -> Iterator[tuple[str, str]]:
    yield "point", facts.point
    yield "kind", str(facts.kind)
    yield "difficulty", str(facts.difficulty or "")
    yield "consistency", str(facts.consistency or "")
    yield "importance", facts.importance
    yield "path", facts.path
    yield "enemy", facts.enemy
    yield "seconds", str(facts.seconds or "")


def _body(part: str, body: ItemBody) -> Iterator[tuple[_Name, str]]:
    yield (part, "markup", ""), str(body.markup)
    yield (part, "stem", ""), body.stem
    for option in body.options:
        yield (part, "option", option.key), option.text + (" (=)" if option.fixed else "")
    for target in body.targets:
        yield (part, "target", target.key), target.text
    for gap in body.gaps:
        yield (part, "gap", gap.key), _gap(gap)
    yield (part, "answer", ""), ", ".join(body.answer)
    yield (part, "most", ""), str(body.most)
    yield (part, "picture", ""), body.picture
    for area in body.areas:
        yield (part, "area", area.key), f"{area.shape} {', '.join(map(str, area.coords))}"
    for number, criterion in enumerate(body.criteria, 1):
        yield (part, "criterion", str(number)), f"{criterion.text} ({criterion.points})"
    yield (part, "explanation", ""), body.explanation
    yield (part, "source", ""), body.source
    yield (part, "raw", ""), body.raw
    for each in body.parts:
        yield (each.key, "part", ""), f"{each.kind} ({each.weight})"
        yield from _body(each.key, each.body)


def _gap(gap: Gap) -> str:
    """A gap on lines of its own: what it takes, the right choice marked by "="."""
    lines = [*gap.accepted, *(f"{span.low} – {span.high}" for span in gap.ranges)]
    for choice in gap.choices:
        mark = "=" if choice.key == gap.answer else " "
        lines.append(f"{mark} {choice.key} {choice.text}")
    return "\n".join(lines + (["Aa"] if gap.case_sensitive else []))
