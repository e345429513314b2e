"""Items: what is asked, in which kind, and what the right answer is.

An item has *facts* (point, kind, difficulty: may stand in clear columns and drive assembly) and a *body*
(stem, options, answer: always sealed at rest). What makes one valid is in `item_rules`, the stored form in
`item_json`. One shape of body serves every kind; each kind uses its part of it:

=============  =====================================================================================
kind           what the body holds, and how a response reads (always a tuple of strings)
=============  =====================================================================================
single ...     `options`, `answer` = option keys; response = chosen option keys in any order
true_false     the two fixed options
text           `gaps` of any sort; response = one text a gap in their order, "" for an empty one
numeric        `gaps` with `ranges` only; response as for text
inline_choice  `gaps` with `choices` only; response = one choice key a gap, "" for an open one
match          `options` left, `targets` right, `answer` = pairs "A-1"; response = pairs in any order
order          `options`, `answer` = every option key in the right order; response likewise
hotspot        `picture`, `areas`, `answer` = area keys; response = area keys in any order
essay          response = one text; `criteria` for the examiner
practical      a task shown to examiners, `criteria` with points; never on a theory paper
case           `stem` shared by `parts`, each a body of one of the kinds above with answers of its own
unsupported    `raw` as the file had it; kept, never delivered
=============  =====================================================================================
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType

OPTION_KEYS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# 一级-二级-三级(-四级…)鉴定范围 then 鉴定点, "A-B-C-001"; one to six scope levels.
_POINT = re.compile(r"[A-Z](?:-[A-Z]){0,5}-[0-9]{3}")
# Blanks, soft hyphens, zero-width and direction marks: differences nobody sees.
_UNSEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_TAG = re.compile(r"<(?!img\b|audio\b|video\b)[^>]*>")


class ItemKind(StrEnum):
    """How an item is answered."""

    SINGLE = "single"
    MULTIPLE = "multiple"
    TRUE_FALSE = "true_false"
    TEXT = "text"
    NUMERIC = "numeric"
    MATCH = "match"
    ORDER = "order"
    INLINE_CHOICE = "inline_choice"
    HOTSPOT = "hotspot"
    ESSAY = "essay"
    CASE = "case"
    PRACTICAL = "practical"
    UNSUPPORTED = "unsupported"


CHOICES = frozenset({ItemKind.SINGLE, ItemKind.MULTIPLE, ItemKind.TRUE_FALSE})
GAPPED = frozenset({ItemKind.TEXT, ItemKind.NUMERIC, ItemKind.INLINE_CHOICE})
DELIVERED = frozenset(ItemKind) - {ItemKind.PRACTICAL, ItemKind.UNSUPPORTED}
"""Kinds that may stand on a theory paper."""
EXAMINED = frozenset({ItemKind.ESSAY, ItemKind.PRACTICAL})
"""Kinds that only examiners can mark."""


class Markup(StrEnum):
    """What the texts of a body are: plain characters, or the safe subset of HTML."""

    PLAIN = "plain"
    HTML = "html"


@dataclass(frozen=True, slots=True)
class Option:
    """One choice: `key` "A".., `text` in the body's markup; a `fixed` one keeps its place when shuffled."""

    key: str
    text: str
    fixed: bool = False


TRUE_FALSE_OPTIONS = (Option("A", "正确"), Option("B", "错误"))


@dataclass(frozen=True, slots=True)
class KindRule:
    """Bounds of one choice kind: number of right answers, and the options when they are always the same."""

    least_answers: int
    most_answers: int
    fixed_options: tuple[Option, ...] = ()


KINDS: Mapping[ItemKind, KindRule] = MappingProxyType(
    {
        ItemKind.SINGLE: KindRule(1, 1),
        ItemKind.MULTIPLE: KindRule(2, len(OPTION_KEYS)),
        ItemKind.TRUE_FALSE: KindRule(1, 1, TRUE_FALSE_OPTIONS),
    }
)


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Numbers that are right, both ends included."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Gap:
    """One place to fill in; the stem marks it as `[[key]]`, keys "1", "2", … in reading order.

    Exactly one of three: `accepted` texts (compared without blanks and width, and without case unless
    `case_sensitive`; a `*` stands for any text, `\\*` for the sign itself), `ranges` of numbers, or
    `choices` with the right `answer`.
    """

    key: str
    accepted: tuple[str, ...] = ()
    ranges: tuple[NumberRange, ...] = ()
    choices: tuple[Option, ...] = ()
    answer: str = ""
    case_sensitive: bool = False

    @property
    def kind(self) -> ItemKind:
        """The kind of an item made of such gaps only."""
        if self.choices:
            return ItemKind.INLINE_CHOICE
        return ItemKind.NUMERIC if self.ranges else ItemKind.TEXT


@dataclass(frozen=True, slots=True)
class Area:
    """One clickable area in pixels of the picture.

    `shape` "rect" (left, top, right, bottom), "circle" (x, y, radius) or "poly" (x, y, x, y, …).
    """

    key: str
    shape: str
    coords: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Criterion:
    """What an examiner gives points for; `points` 0 when the file does not say."""

    text: str
    points: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture, sound or film that texts name as `media:SHA256`; its bytes are sealed apart."""

    sha256: str
    mime: str
    size: int
    width: int = 0
    height: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """One question of a case; `weight` is its share of the case's points beside the other parts'."""

    key: str
    kind: ItemKind
    body: "ItemBody"
    weight: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True)
class ItemBody:
    """What the candidate sees and the right answer; the module's table says which kind uses what.

    `most` is how many times an option may be paired (match) or how many areas may be chosen (hotspot), 0 =
    any number. `weights` are option key -> share of the points as the file said it, kept for export only.
    `raw` is the file's own text of an item that is not supported.
    """

    stem: str
    options: tuple[Option, ...] = ()
    answer: tuple[str, ...] = ()
    explanation: str = ""
    source: str = ""
    markup: Markup = Markup.PLAIN
    gaps: tuple[Gap, ...] = ()
    targets: tuple[Option, ...] = ()
    most: int = 1
    picture: str = ""
    areas: tuple[Area, ...] = ()
    parts: tuple[Part, ...] = ()
    criteria: tuple[Criterion, ...] = ()
    media: tuple[Medium, ...] = ()
    weights: tuple[tuple[str, Decimal], ...] = ()
    raw: str = ""

    def texts(self) -> Iterator[str]:
        """Every text in the body's markup, parts included."""
        yield from (self.stem, self.explanation)
        for option in (*self.options, *self.targets):
            yield option.text
        for gap in self.gaps:
            yield from (choice.text for choice in gap.choices)
        for criterion in self.criteria:
            yield criterion.text
        for part in self.parts:
            yield from part.body.texts()


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What assembly needs to know: difficulty 1 (very easy) to 5, consistency 1 to 5 or unknown.

    `point` "" and `difficulty` 0 mean not classified yet: such an item may wait in a bank but not be used.
    `path` is where the file had it (categories, knowledge points by name), `enemy` a group of items that
    give each other away, `seconds` the time expected for it (0 = unknown). `flaw` names what keeps an item
    of a known kind from being used although it was read ("no_fixed_answer", "picture_missing"): its body
    holds the file's text in `raw`, and a person has to write a version without the flaw.
    """

    uid: str
    point: str
    kind: ItemKind
    difficulty: int
    consistency: int | None
    importance: str
    sample: bool
    path: str = ""
    enemy: str = ""
    seconds: int = 0
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """Facts and body together."""

    facts: ItemFacts
    body: ItemBody


def is_point_code(text: str) -> bool:
    """Whether `text` is a 鉴定点 code such as "A-B-C-001"."""
    return _POINT.fullmatch(text) is not None


@lru_cache(maxsize=512)
def compact(text: str) -> str:
    """NFKC form without blanks and invisible characters: what two texts are compared by."""
    folded = "".join(unicodedata.normalize("NFKC", text).split())
    return folded if folded.isprintable() else _UNSEEN.sub("", folded)  # nothing printable is unseen


def content_hash(body: ItemBody) -> str:
    """64 hex digits, equal for exact duplicates: same stem, same options, targets and choices in any order.

    The right answer does not count where it is one of the options: see `answer_words`.
    """
    parts = [_seen(body.stem, body), *sorted([_seen(option.text, body) for option in body.options])]
    parts += sorted(_seen(target.text, body) for target in body.targets)
    parts += [compact("|".join((*gap.accepted, *map(str, gap.ranges)))) for gap in body.gaps]
    for gap in body.gaps:
        parts += sorted(_seen(choice.text, body) for choice in gap.choices)
    parts += [f"{area.shape}{area.coords}" for area in body.areas]
    parts += [content_hash(part.body) for part in body.parts]
    parts += [value for value in (body.picture, body.raw) if value]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def answer_words(body: ItemBody, kind: ItemKind) -> tuple[str, ...]:
    """What is right in words: the same for two bodies of one content whose keys agree."""
    texts = {option.key: _seen(option.text, body) for option in (*body.options, *body.targets)}
    texts |= {area.key: f"{area.shape}{area.coords}" for area in body.areas}
    words = [" - ".join(texts.get(key, key) for key in answer.split("-")) for answer in body.answer]
    found = words if kind is ItemKind.ORDER else sorted(words)
    for gap in body.gaps:
        found += [_seen(choice.text, body) for choice in gap.choices if choice.key == gap.answer]
    for part in body.parts:
        found += answer_words(part.body, part.kind)
    return tuple(found)


def stem_hash(body: ItemBody) -> str:
    """64 hex digits, equal when only the stems agree: a near duplicate."""
    return hashlib.sha256(_seen(body.stem, body).encode()).hexdigest()


def _seen(text: str, body: ItemBody) -> str:
    """What of a text makes it another text: pictures count, other tags do not."""
    if body.markup is not Markup.HTML:
        return compact(text)
    end = text.rfind(">") + 1  # no tag begins behind it
    return compact(_TAG.sub("", text[:end]) + text[end:])


def literal(text: str) -> str:
    """A text to be accepted as it is written: its asterisks stand for themselves."""
    return text.replace("*", r"\*")


def as_written(accepted: str) -> str:
    """The inverse of `literal`; wildcards come out as asterisks as well."""
    return accepted.replace(r"\*", "*")
