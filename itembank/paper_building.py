"""From items to a form and its key: texts cleaned once more, cases taken apart, nothing right left visible.

An importer often has the options of an order item, and the two sides of a match item, in the right order
already. So both get new keys here, by an order that depends on the item alone: an item has the same keys on
every form, and whoever wants the bank's own keys back draws that order again (`paper_order`).
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal
from itertools import groupby, permutations
from math import factorial

from itembank import richtext
from itembank.items import OPTION_KEYS, Item, ItemBody, ItemKind, Markup, Option, Part
from itembank.papers import (
    SECTION_TITLES,
    KeyEntry,
    MarkingKey,
    PaperForm,
    PaperGap,
    PaperGroup,
    PaperItem,
    PaperSection,
    Shuffle,
    part_id,
)
from itembank.shuffling import drawn_order

STARTS = 6
"""Wrong orders among which a seat chooses how to show an order item."""
_CENT = Decimal("0.01")
_MARK = re.compile(r"\[\[(\d{1,2})\]\]")
# "以上都对" belongs to the end; "A 和 C" names options by letters that a shuffle would change.
_OF_ALL = re.compile(
    r"(?:以上|上述|前述)(?:各项|选项|答案|说法|做法|都|均|皆|全)|(?:all|none) of the above", re.IGNORECASE
)
_LETTERS = re.compile(
    r"(?<![A-Za-z])[A-H]\s*(?:和|与|、|及|或|,|，|以及|and|or|&)\s*[A-H](?![A-Za-z])|选项\s*[A-H]"
)


@dataclass(frozen=True, slots=True)
class PaperPlan:
    """What a form is called, how long it lasts, what each kind is worth and how it is scored and shuffled."""

    form: str
    title: str
    minutes: Decimal
    points: Mapping[ItemKind, Decimal]
    scoring: Mapping[ItemKind, str] = field(default_factory=dict)
    shuffle: Shuffle | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question of a paper: an item, or a part of a case; `section` is the kind that heads it."""

    id: str
    kind: ItemKind
    body: ItemBody
    points: Decimal
    section: ItemKind
    group: str = ""


def build_form(
    plan: PaperPlan, items: Iterable[Item], media: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[PaperForm, MarkingKey]:
    """The paper and its key from items in the order of the form (as `assemble` gives it).

    `media` as `PaperForm.media`, for all that the items name. Raises ValueError when an item stands twice.
    """
    ordered = list(items)
    asked = [question for item in ordered for question in _questions(item, plan.points)]
    made = [_shown(question, number, plan) for number, question in enumerate(asked, 1)]
    key = MarkingKey(plan.form, {shown.id: entry for shown, entry in made})
    if len(key.items) != len(asked):
        raise ValueError("an item stands twice in a form")
    shown = tuple(item for item, _ in made)
    form = PaperForm(
        plan.form,
        plan.title,
        plan.minutes,
        shown,
        _sections(asked),
        dict(_groups(ordered, shown)),
        dict(media or {}),
        plan.shuffle,
    )
    return form, key


def paper_order(uid: str, keys: Sequence[str], right: Sequence[str] = ()) -> list[str]:
    """The bank's keys in the order in which a paper lists them, the same on every form.

    It is not `right` when there are more than two to order; with two, each order would say the other.
    """
    secret = hashlib.sha256(f"paper-order\0{uid}".encode()).digest()
    for turn in range(64):
        order = drawn_order(secret, f"{uid}/{turn}", list(keys))
        if len(keys) < 3 or order != list(right):
            return order
    return list(reversed(right))


def _questions(item: Item, points: Mapping[ItemKind, Decimal]) -> Iterator[_Asked]:
    facts, body = item.facts, item.body
    worth = points[facts.kind]
    if facts.kind is not ItemKind.CASE:
        yield _Asked(facts.uid, facts.kind, body, worth, facts.kind)
        return
    for place, (part, share) in enumerate(zip(body.parts, shares(body.parts, worth), strict=True), 1):
        yield _Asked(part_id(facts.uid, place), part.kind, part.body, share, ItemKind.CASE, facts.uid)


def shares(parts: Sequence[Part], worth: Decimal) -> list[Decimal]:
    """A case's points split by the weights of its parts, in hundredths; the last takes the rest."""
    whole = sum((part.weight for part in parts), Decimal(0))
    found = [(worth * part.weight / whole).quantize(_CENT, ROUND_DOWN) for part in parts[:-1]]
    return [*found, worth - sum(found, Decimal(0))]


def _shown(question: _Asked, number: int, plan: PaperPlan) -> tuple[PaperItem, KeyEntry]:
    body = question.body
    options, targets, answer = _placed(question)
    item = PaperItem(
        id=question.id,
        number=number,
        kind=question.kind,
        points=question.points,
        stem=_with_marks(_clean(body.stem, body), body),
        options=options,
        markup=body.markup.value,
        gaps=tuple(PaperGap(gap.key, gap.kind, _texts(gap.choices, body)) for gap in body.gaps),
        targets=targets,
        most=body.most,
        picture=body.picture,
        areas=body.areas,
        group=question.group,
        starts=_starts(question.id, answer) if question.kind is ItemKind.ORDER else (),
    )
    scoring = str(plan.scoring.get(question.kind, ""))
    keys = (
        () if question.kind is ItemKind.MATCH else (*(o.key for o in options), *(a.key for a in body.areas))
    )
    return item, KeyEntry(question.kind, answer, question.points, body.gaps, scoring, keys)


def _placed(question: _Asked) -> tuple[tuple[Option, ...], tuple[Option, ...], tuple[str, ...]]:
    """Options, targets and the right answer with the keys that the paper gives them."""
    body, kind = question.body, question.kind
    options, targets = _texts(body.options, body), _texts(body.targets, body)
    if kind is ItemKind.ORDER:
        keys = paper_order(question.id, [option.key for option in options], body.answer)
        new = dict(zip(keys, OPTION_KEYS, strict=False))
        return _renamed(options, new), (), tuple(new[key] for key in body.answer)
    if kind is ItemKind.MATCH:
        keys = paper_order(question.id, [target.key for target in targets])
        new = {old: str(number) for number, old in enumerate(keys, 1)}
        pairs = (pair.split("-") for pair in body.answer)
        return options, _renamed(targets, new), tuple(sorted(f"{left}-{new[right]}" for left, right in pairs))
    if kind is ItemKind.MULTIPLE or kind is ItemKind.SINGLE:
        options = _kept(options, body.stem)
    return options, targets, body.answer


def _renamed(options: Sequence[Option], new: Mapping[str, str]) -> tuple[Option, ...]:
    by_key = {option.key: option for option in options}
    return tuple(replace(by_key[old], key=key) for old, key in new.items())


def _kept(options: tuple[Option, ...], stem: str) -> tuple[Option, ...]:
    """Options that speak of the others stay where they are; when one names letters, all stay."""
    if any(_LETTERS.search(text) for text in (stem, *(option.text for option in options))):
        return tuple(replace(option, fixed=True) for option in options)
    return tuple(replace(o, fixed=True) if _OF_ALL.search(o.text) else o for o in options)


def _starts(uid: str, right: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Some wrong orders, never so many that the right one could be told by its absence."""
    if len(right) < 3:
        return ()
    listed = tuple(sorted(right))
    most = min(STARTS, (factorial(len(right)) - 1) // 2)
    secret = hashlib.sha256(f"starts\0{uid}".encode()).digest()
    if len(right) == 3:
        wrong = [order for order in permutations(listed) if order not in (right, listed)]
        return (listed, *drawn_order(secret, "", wrong)[: most - 1])
    drawn = (tuple(drawn_order(secret, str(turn), list(listed))) for turn in range(8 * most))
    return tuple(dict.fromkeys((listed, *(order for order in drawn if order != right))))[:most]


def _texts(options: Sequence[Option], body: ItemBody) -> tuple[Option, ...]:
    return tuple(replace(option, text=_clean(option.text, body)) for option in options)


def _clean(text: str, body: ItemBody) -> str:
    return richtext.clean(text) if body.markup is Markup.HTML else text


def _with_marks(stem: str, body: ItemBody) -> str:
    """Gaps that the stem does not name follow it, each on a line of its own."""
    named = set(_MARK.findall(stem))
    open_gaps = [gap.key for gap in body.gaps if gap.key not in named]
    rise = "<br>" if body.markup is Markup.HTML else "\n"
    return stem + "".join(f"{rise}[[{key}]]" for key in open_gaps)


def _sections(asked: Sequence[_Asked]) -> tuple[PaperSection, ...]:
    sections = []
    numbered = list(enumerate(asked, 1))
    for kind, group in groupby(numbered, key=lambda pair: pair[1].section):
        run = list(group)
        worth = {question.points for _, question in run}
        same = worth.pop() if len(worth) == 1 else None
        sections.append(PaperSection(kind, SECTION_TITLES[kind], run[0][0], run[-1][0], same))
    return tuple(sections)


def _groups(items: Sequence[Item], shown: Sequence[PaperItem]) -> Iterator[tuple[str, PaperGroup]]:
    for item in items:
        numbers = [one.number for one in shown if one.group and one.group == item.facts.uid]
        if numbers:
            body = item.body
            stem = _clean(body.stem, body)
            yield item.facts.uid, PaperGroup(stem, body.markup.value, min(numbers), max(numbers))
