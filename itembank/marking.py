"""Marks of one candidate's responses by a frozen key, in exact decimals.

R24: a wrong answer never deducts; the least an item brings is nothing. Per part, each right part brings its
share of the points, in hundredths. Where parts are chosen (match, multiple, hotspot) each choice beyond the
number of right ones cancels a right one: who chooses everything gets nothing more than who chooses well.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from itembank.items import (
    CHOICES,
    EXAMINED,
    GAPPED,
    OPTION_KEYS,
    TRUE_FALSE_OPTIONS,
    Gap,
    ItemKind,
    as_written,
    compact,
)
from itembank.papers import KeyEntry, MarkingKey

MARKED, EXAMINER, BLANK = "marked", "examiner", "blank"
"""States of a mark: by the key; waiting for an examiner; nothing there that an examiner could read."""
_KNOWN_KEYS = frozenset(OPTION_KEYS)
_TRUE_FALSE_KEYS = frozenset(option.key for option in TRUE_FALSE_OPTIONS)
_CENT = Decimal("0.01")
_NUMBER_LIMIT = 60
_PAIR = re.compile(r"[A-Z]-[0-9]{1,2}")
_NUMBER = re.compile(r"([+-]?)(\d{1,3}(?:,\d{3})+|\d+)?(\.\d*)?(?:e([+-]?\d{1,3}))?(%?)", re.IGNORECASE)
_WILDCARD = re.compile(r"(?<!\\)\*")
_MINUS = str.maketrans("\u2212\u2013\u2014\u3002", "---.")


@dataclass(frozen=True, slots=True)
class ItemMark:
    """What one item brought: `awarded` of `points`. An empty response is a blank.

    `state` is "examiner" for a text that people still have to read, "blank" when they have nothing to read.
    """

    uid: str
    points: Decimal
    awarded: Decimal
    response: tuple[str, ...]
    correct: bool
    state: str = MARKED


@dataclass(frozen=True, slots=True)
class Oddity:
    """A response that no honest page sends.

    `code` is unknown_item, unknown_option, repeated_option or malformed (not as many parts as the item has).
    """

    code: str
    uid: str
    response: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """All marks of one paper, in the order of the key. `total` lies between 0 and the key's total."""

    total: Decimal
    items: tuple[ItemMark, ...]
    oddities: tuple[Oddity, ...] = ()

    @property
    def pending(self) -> tuple[str, ...]:
        """The items that wait for an examiner."""
        return tuple(item.uid for item in self.items if item.state == EXAMINER)


def mark(responses: Mapping[str, tuple[str, ...]], key: MarkingKey) -> Marks:
    """Mark every item of the key; items without a response are blank, essays wait for an examiner (R24)."""
    marks, oddities = [], [Oddity("unknown_item", u, r) for u, r in responses.items() if u not in key.items]
    for uid, entry in key.items.items():
        response = responses.get(uid, ())
        oddity = _oddity(response, entry) if response else ""
        if oddity:
            oddities.append(Oddity(oddity, uid, response))
        marks.append(_marked(uid, entry, response, odd=bool(oddity)))
    return Marks(sum((m.awarded for m in marks), Decimal(0)), tuple(marks), tuple(oddities))


def _marked(uid: str, entry: KeyEntry, response: tuple[str, ...], *, odd: bool) -> ItemMark:
    if entry.kind in EXAMINED:
        state = EXAMINER if any(map(str.strip, response)) else BLANK
        return ItemMark(uid, entry.points, Decimal(0), response, correct=False, state=state)
    awarded = Decimal(0)
    if response and not odd:
        right, parts = _COUNTS[entry.kind](response, entry)
        awarded = _share(entry, right, parts)
    return ItemMark(uid, entry.points, awarded, response, awarded == entry.points)


def _share(entry: KeyEntry, right: int, parts: int) -> Decimal:
    """The points for `right` of `parts`: all of them, none, or a share in hundredths."""
    if right >= parts:
        return entry.points
    if right <= 0 or not entry.per_part:
        return Decimal(0)
    share = (entry.points * right / parts).quantize(_CENT, ROUND_HALF_UP)
    return min(share, entry.points)


def _oddity(response: tuple[str, ...], entry: KeyEntry) -> str:
    kind = entry.kind
    if kind in GAPPED:
        return _gap_oddity(response, entry.gaps)
    if kind in EXAMINED:
        return "" if len(response) == 1 else "malformed"
    if not all(_known(part, entry) for part in response):
        return "unknown_option"
    if len(set(response)) != len(response):
        return "repeated_option"
    return "malformed" if kind is ItemKind.ORDER and len(response) != len(entry.answer) else ""


def _known(part: str, entry: KeyEntry) -> bool:
    if entry.kind is ItemKind.MATCH:
        return _PAIR.fullmatch(part) is not None
    if entry.kind is ItemKind.TRUE_FALSE:
        return part in _TRUE_FALSE_KEYS
    return part in (entry.keys or _KNOWN_KEYS)  # keys of older packages do not list them


def _gap_oddity(response: tuple[str, ...], gaps: Sequence[Gap]) -> str:
    if len(response) != len(gaps):
        return "malformed"
    strange = any(
        gap.choices and text and text not in {choice.key for choice in gap.choices}
        for gap, text in zip(gaps, response, strict=True)
    )
    return "unknown_option" if strange else ""


def _chosen(response: tuple[str, ...], entry: KeyEntry) -> tuple[int, int]:
    """Right choices, each choice beyond their number cancelling one, of all right ones."""
    right = frozenset(entry.answer)
    beyond = max(0, len(response) - len(right))
    return len(right & frozenset(response)) - beyond, len(right)


def _in_place(response: tuple[str, ...], entry: KeyEntry) -> tuple[int, int]:
    right = sum(given == wanted for given, wanted in zip(response, entry.answer, strict=True))
    return right, len(entry.answer)


def _filled(response: tuple[str, ...], entry: KeyEntry) -> tuple[int, int]:
    right = sum(gap_is_right(gap, text) for gap, text in zip(entry.gaps, response, strict=True))
    return right, len(entry.gaps)


_COUNTS: Mapping[ItemKind, Callable[[tuple[str, ...], KeyEntry], tuple[int, int]]] = {
    **dict.fromkeys(CHOICES | {ItemKind.MATCH, ItemKind.HOTSPOT}, _chosen),
    **dict.fromkeys(GAPPED, _filled),
    ItemKind.ORDER: _in_place,
}


def gap_is_right(gap: Gap, text: str) -> bool:
    """Whether what was filled in is right; an empty gap never is."""
    if not compact(text):
        return False
    if gap.choices:
        return text == gap.answer
    if gap.ranges:
        number = number_of(text)
        return number is not None and any(span.low <= number <= span.high for span in gap.ranges)
    return any(_same_text(text, accepted, gap.case_sensitive) for accepted in gap.accepted)


def number_of(text: str) -> Decimal | None:
    """The number a text says: "1,234.5", "１２．５", "50%" (a half), "1e3"; None for all else, units too."""
    plain = compact(text).translate(_MINUS)
    found = _NUMBER.fullmatch(plain) if len(plain) <= _NUMBER_LIMIT else None
    if found is None or not (found[2] or (found[3] or "").strip(".")):
        return None
    digits = f"{found[1]}{(found[2] or '0').replace(',', '')}{found[3] or ''}".rstrip(".")
    try:
        number = Decimal(digits).scaleb(int(found[4] or 0))
    except InvalidOperation:
        return None
    return number / 100 if found[5] else number


def _same_text(text: str, accepted: str, case_sensitive: bool) -> bool:
    pieces = [_folded(as_written(piece), case_sensitive) for piece in _WILDCARD.split(accepted)]
    return _matches(_folded(text, case_sensitive), pieces)


def _folded(text: str, case_sensitive: bool) -> str:
    same = compact(text)
    return unicodedata.normalize("NFKC", same if case_sensitive else same.casefold())


def _matches(text: str, pieces: Sequence[str]) -> bool:
    """Whether `text` is the pieces in order with anything between; each is looked for once, in turn."""
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for piece in pieces[1:-1]:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True
