"""What makes an item valid, kind by kind, and what it still lacks before it may be used."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from itembank.items import (
    CHOICES,
    GAPPED,
    KINDS,
    OPTION_KEYS,
    Gap,
    Item,
    ItemBody,
    ItemFacts,
    ItemKind,
    Option,
    compact,
    is_point_code,
)
from itembank.problems import Problem

MAX_TEXT = 8_000  # characters in one plain stem, option or explanation; a screen cannot show more
MAX_RAW = 200_000  # characters of an item kept raw
MAX_GAPS = 30
MAX_PARTS = 30
DIFFICULTIES = range(1, 6)
UNRATED = 0
IMPORTANCES = ("X", "Y", "Z", "")

_UID = re.compile(r"\w[\w.\-]{0,63}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_PAIR = re.compile(r"([A-Z])-([0-9]{1,2})")
_SHAPES: Mapping[str, Callable[[int], bool]] = {
    "rect": lambda n: n == 4,
    "circle": lambda n: n == 3,
    "poly": lambda n: n >= 6 and n % 2 == 0,
}


def validate(item: Item) -> list[Problem]:
    """Everything wrong with `item`, in reading order; empty when it may enter a bank. Places are empty."""
    kind = ItemKind.UNSUPPORTED if item.facts.flaw else item.facts.kind  # a flawed one is kept raw as well
    return [*_facts_problems(item.facts), *body_problems(item.body, kind)]


def missing_facts(facts: ItemFacts) -> list[str]:
    """The names of the facts without which the item may not be used on a paper."""
    known = {
        "point": bool(facts.point),
        "difficulty": facts.difficulty != UNRATED,
        "flaw": not facts.flaw,
    }
    return [name for name, there in known.items() if not there]


def body_problems(body: ItemBody, kind: ItemKind) -> list[Problem]:
    """Everything wrong with one body, parts of a case included."""
    return [*_text_problems(body, kind), *_RULES[kind](body, kind)]


def _facts_problems(facts: ItemFacts) -> Iterator[Problem]:
    if not _UID.fullmatch(facts.uid):
        yield Problem("bad_uid", params={"value": facts.uid[:80]})
    if facts.point and not is_point_code(facts.point):
        yield Problem("bad_point", params={"value": facts.point[:80]})
    if facts.difficulty != UNRATED and facts.difficulty not in DIFFICULTIES:
        yield Problem("bad_difficulty", params={"value": str(facts.difficulty)})
    if facts.consistency is not None and facts.consistency not in DIFFICULTIES:
        yield Problem("bad_consistency", params={"value": str(facts.consistency)})
    if facts.importance not in IMPORTANCES:
        yield Problem("bad_importance", params={"value": facts.importance[:80]})


def _text_problems(body: ItemBody, kind: ItemKind) -> Iterator[Problem]:
    if not compact(body.stem) and kind is not ItemKind.UNSUPPORTED:
        yield Problem("empty_stem")
    texts = [*body.texts(), body.source]
    if max(map(len, texts)) > MAX_TEXT or len(body.raw) > MAX_RAW:
        yield Problem("text_too_long", params={"limit": MAX_TEXT})
    if _CONTROL.search("\n".join(texts)):
        yield Problem("control_character")


def _choice_problems(body: ItemBody, kind: ItemKind) -> Iterator[Problem]:
    rule = KINDS[kind]
    if rule.fixed_options:
        if body.options != rule.fixed_options:
            yield Problem("true_false_options")
    else:
        yield from _option_problems(body.options)
    yield from _answer_problems(body, kind)


def _option_problems(options: Sequence[Option]) -> Iterator[Problem]:
    if not 2 <= len(options) <= len(OPTION_KEYS):
        yield Problem("option_count", params={"count": len(options), "most": len(OPTION_KEYS)})
    elif (keys := "".join([option.key for option in options])) != OPTION_KEYS[: len(options)]:
        yield Problem("option_keys", params={"keys": keys[:20]})
    texts = [compact(option.text) for option in options]
    for option, text in zip(options, texts, strict=True):
        if not text:
            yield Problem("empty_option", params={"key": option.key})
    if len(set(texts)) == len(texts):
        return
    for text, times in Counter(texts).items():
        if text and times > 1:
            yield Problem("equal_options", params={"text": text[:40]})


def _answer_problems(body: ItemBody, kind: ItemKind) -> Iterator[Problem]:
    rule = KINDS[kind]
    if not body.answer:
        yield Problem("answer_missing")
        return
    yield from _strange_answers(body.answer, {option.key for option in body.options})
    if list(body.answer) != sorted(set(body.answer)):
        yield Problem("answer_not_in_order")
    if len(body.answer) > rule.most_answers:
        yield Problem("single_needs_one", params={"count": len(body.answer)})
    if len(body.answer) < rule.least_answers:
        yield Problem("multiple_needs_two", params={"count": len(body.answer)})


def _strange_answers(answer: Sequence[str], keys: set[str]) -> Iterator[Problem]:
    for letter in answer:
        if letter not in keys:
            yield Problem("answer_not_an_option", params={"letter": letter[:8]})


def _gap_problems(body: ItemBody, kind: ItemKind) -> Iterator[Problem]:
    if not 1 <= len(body.gaps) <= MAX_GAPS:
        yield Problem("gap_count", params={"count": len(body.gaps), "most": MAX_GAPS})
    if [gap.key for gap in body.gaps] != [str(number) for number in range(1, len(body.gaps) + 1)]:
        yield Problem("gap_keys")
    for gap in body.gaps:
        if kind is not ItemKind.TEXT and gap.kind is not kind:
            yield Problem("gap_of_other_kind", params={"gap": gap.key})
        yield from _one_gap(gap)


def _one_gap(gap: Gap) -> Iterator[Problem]:
    if sum(map(bool, (gap.accepted, gap.ranges, gap.choices))) != 1 or not all(map(str.strip, gap.accepted)):
        yield Problem("answer_missing", params={"gap": gap.key})
    elif gap.choices:
        yield from _option_problems(gap.choices)
        yield from _strange_answers((gap.answer,), {choice.key for choice in gap.choices})
    if any(span.low > span.high for span in gap.ranges):
        yield Problem("range_upside_down", params={"gap": gap.key})


def _match_problems(body: ItemBody, _kind: ItemKind) -> Iterator[Problem]:
    if not body.options or len(body.options) > len(OPTION_KEYS) or not body.targets:
        yield Problem("option_count", params={"count": len(body.options), "most": len(OPTION_KEYS)})
    if [target.key for target in body.targets] != [str(n) for n in range(1, len(body.targets) + 1)]:
        yield Problem("option_keys", params={"keys": ",".join(target.key for target in body.targets)[:20]})
    if not body.answer:
        yield Problem("answer_missing")
    lefts, rights = {option.key for option in body.options}, {target.key for target in body.targets}
    for pair in body.answer:
        found = _PAIR.fullmatch(pair)
        if not found or found[1] not in lefts or found[2] not in rights:
            yield Problem("answer_not_an_option", params={"letter": pair[:8]})
    yield from _most_problems(body.most, max(Counter(pair[:1] for pair in body.answer).values(), default=0))


def _order_problems(body: ItemBody, _kind: ItemKind) -> Iterator[Problem]:
    yield from _option_problems(body.options)
    if sorted(body.answer) != sorted(option.key for option in body.options):
        yield Problem("order_incomplete")


def _hotspot_problems(body: ItemBody, _kind: ItemKind) -> Iterator[Problem]:
    if body.picture not in {medium.sha256 for medium in body.media}:
        yield Problem("picture_missing")
    for area in body.areas:
        fits = _SHAPES.get(area.shape)
        if fits is None or not fits(len(area.coords)):
            yield Problem("bad_area", params={"key": area.key[:8]})
    if not body.answer:
        yield Problem("answer_missing")
    yield from _strange_answers(body.answer, {area.key for area in body.areas})
    yield from _most_problems(body.most, len(body.answer))


def _most_problems(most: int, wanted: int) -> Iterator[Problem]:
    """A right answer that a candidate is not let to give."""
    if 0 < most < wanted:
        yield Problem("most_below_answer", params={"most": most, "count": wanted})


def _case_problems(body: ItemBody, _kind: ItemKind) -> Iterator[Problem]:
    if not 1 <= len(body.parts) <= MAX_PARTS:
        yield Problem("part_count", params={"count": len(body.parts), "most": MAX_PARTS})
    for part in body.parts:
        if part.kind not in _IN_CASES or part.weight <= 0:
            yield Problem("bad_part", params={"part": part.key[:8]})
        else:
            for fault in body_problems(part.body, part.kind):
                yield Problem(fault.code, fault.place, {**fault.params, "part": part.key})


def _nothing_more(_body: ItemBody, _kind: ItemKind) -> Iterator[Problem]:
    yield from ()


def _raw_problems(body: ItemBody, _kind: ItemKind) -> Iterator[Problem]:
    if not body.raw:
        yield Problem("raw_missing")


_IN_CASES = (
    CHOICES | GAPPED | {ItemKind.MATCH, ItemKind.ORDER, ItemKind.HOTSPOT, ItemKind.ESSAY}
)  # no case within a case
_RULES: Mapping[ItemKind, Callable[[ItemBody, ItemKind], Iterator[Problem]]] = {
    **dict.fromkeys(CHOICES, _choice_problems),
    **dict.fromkeys(GAPPED, _gap_problems),
    ItemKind.MATCH: _match_problems,
    ItemKind.ORDER: _order_problems,
    ItemKind.HOTSPOT: _hotspot_problems,
    ItemKind.CASE: _case_problems,
    ItemKind.ESSAY: _nothing_more,
    ItemKind.PRACTICAL: _nothing_more,
    ItemKind.UNSUPPORTED: _raw_problems,
}
