"""Marks of one candidate's responses by a frozen key, in exact decimals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from itembank.items import OPTION_KEYS, TRUE_FALSE_OPTIONS, ItemKind
from itembank.papers import KeyEntry, MarkingKey

_KNOWN_KEYS = frozenset(OPTION_KEYS)
_TRUE_FALSE_KEYS = frozenset(option.key for option in TRUE_FALSE_OPTIONS)


@dataclass(frozen=True, slots=True)
class ItemMark:
    """What one item brought: `awarded` of `points`. An empty response is a blank."""

    uid: str
    points: Decimal
    awarded: Decimal
    response: tuple[str, ...]
    correct: bool


@dataclass(frozen=True, slots=True)
class Oddity:
    """A response that no honest page sends: `code` is unknown_item, unknown_option or repeated_option."""

    code: str
    uid: str
    response: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """All marks of one paper, in the order of the key. `total` lies between 0 and the key's total."""

    total: Decimal
    items: tuple[ItemMark, ...]
    oddities: tuple[Oddity, ...] = ()


def mark(responses: Mapping[str, tuple[str, ...]], key: MarkingKey) -> Marks:
    """Mark every item of the key; items without a response are blank.

    R24: a wrong answer never deducts; the least an item brings is nothing.
    """
    marks, oddities = [], [Oddity("unknown_item", u, r) for u, r in responses.items() if u not in key.items]
    for uid, entry in key.items.items():
        response = responses.get(uid, ())
        oddity = _oddity(response, entry.kind)
        if oddity:
            oddities.append(Oddity(oddity, uid, response))
        awarded = Decimal(0) if oddity else _SCORES[entry.kind](response, entry)
        marks.append(ItemMark(uid, entry.points, awarded, response, awarded == entry.points))
    return Marks(sum((m.awarded for m in marks), Decimal(0)), tuple(marks), tuple(oddities))


def _oddity(response: tuple[str, ...], kind: ItemKind) -> str:
    known = _TRUE_FALSE_KEYS if kind is ItemKind.TRUE_FALSE else _KNOWN_KEYS
    if not known.issuperset(response):
        return "unknown_option"
    return "repeated_option" if len(set(response)) != len(response) else ""


def _all_or_nothing(response: tuple[str, ...], entry: KeyEntry) -> Decimal:
    right = bool(response) and frozenset(response) == frozenset(entry.answer)
    return entry.points if right else Decimal(0)


_SCORES: Mapping[ItemKind, Callable[[tuple[str, ...], KeyEntry], Decimal]] = {
    ItemKind.SINGLE: _all_or_nothing,
    ItemKind.MULTIPLE: _all_or_nothing,
    ItemKind.TRUE_FALSE: _all_or_nothing,
}
