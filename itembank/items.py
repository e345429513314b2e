"""Items: what is asked, what the right answer is, and what makes an item valid.

An item has *facts* (point, kind, difficulty: may stand in clear columns and drive assembly) and a *body*
(stem, options, answer: always sealed at rest). Rules of a kind are data in `KINDS`.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from itembank.problems import Problem

OPTION_KEYS = "ABCDEFGH"
MAX_TEXT = 8_000  # characters in one stem, option or explanation; a screen cannot show more
DIFFICULTIES = range(1, 6)
IMPORTANCES = ("X", "Y", "Z", "")

# 一级-二级-三级(-四级)鉴定范围 then 鉴定点, "A-B-C-001"; one to four scope levels.
_POINT = re.compile(r"[A-Z](?:-[A-Z]){0,3}-[0-9]{3}")
_UID = re.compile(r"\w[\w.\-]{0,63}")
# Blanks, soft hyphens, zero-width and direction marks: differences nobody sees.
_UNSEEN = re.compile(r"[\s\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class ItemKind(StrEnum):
    """How an item is answered."""

    SINGLE = "single"
    MULTIPLE = "multiple"
    TRUE_FALSE = "true_false"


@dataclass(frozen=True, slots=True)
class Option:
    """One choice: `key` "A".."H", `text` plain text."""

    key: str
    text: str


TRUE_FALSE_OPTIONS = (Option("A", "正确"), Option("B", "错误"))


@dataclass(frozen=True, slots=True)
class KindRule:
    """Bounds of one kind: number of right answers, and the options when they are always the same."""

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
class ItemBody:
    """What the candidate sees and the right answer; `answer` holds option keys in order, none twice."""

    stem: str
    options: tuple[Option, ...]
    answer: tuple[str, ...]
    explanation: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What assembly needs to know: difficulty 1 (very easy) to 5, consistency 1 to 5 or unknown."""

    uid: str
    point: str
    kind: ItemKind
    difficulty: int
    consistency: int | None
    importance: str
    sample: bool


@dataclass(frozen=True, slots=True)
class Item:
    """Facts and body together."""

    facts: ItemFacts
    body: ItemBody


def is_point_code(text: str) -> bool:
    """Whether `text` is a 鉴定点 code such as "A-B-C-001"."""
    return _POINT.fullmatch(text) is not None


def validate(item: Item) -> list[Problem]:
    """Everything wrong with `item`, in reading order; empty when it may enter a bank. Places are empty."""
    return [*_facts_problems(item.facts), *_text_problems(item.body), *_choice_problems(item)]


def _facts_problems(facts: ItemFacts) -> Iterator[Problem]:
    if not _UID.fullmatch(facts.uid):
        yield Problem("bad_uid", params={"value": facts.uid[:80]})
    if not is_point_code(facts.point):
        yield Problem("bad_point", params={"value": facts.point[:80]})
    if facts.difficulty not in DIFFICULTIES:
        yield Problem("bad_difficulty", params={"value": str(facts.difficulty)})
    if facts.consistency is not None and facts.consistency not in DIFFICULTIES:
        yield Problem("bad_consistency", params={"value": str(facts.consistency)})
    if facts.importance not in IMPORTANCES:
        yield Problem("bad_importance", params={"value": facts.importance[:80]})


def _text_problems(body: ItemBody) -> Iterator[Problem]:
    if not compact(body.stem):
        yield Problem("empty_stem")
    texts = [body.stem, body.explanation, body.source, *(option.text for option in body.options)]
    if any(len(text) > MAX_TEXT for text in texts):
        yield Problem("text_too_long", params={"limit": MAX_TEXT})
    if any(_CONTROL.search(text) for text in texts):
        yield Problem("control_character")


def _choice_problems(item: Item) -> Iterator[Problem]:
    rule = KINDS[item.facts.kind]
    options = item.body.options
    if rule.fixed_options:
        if options != rule.fixed_options:
            yield Problem("true_false_options")
    else:
        yield from _option_problems(options)
    yield from _answer_problems(item.body, item.facts.kind)


def _option_problems(options: Sequence[Option]) -> Iterator[Problem]:
    if not 2 <= len(options) <= len(OPTION_KEYS):
        yield Problem("option_count", params={"count": len(options), "most": len(OPTION_KEYS)})
    elif "".join(option.key for option in options) != OPTION_KEYS[: len(options)]:
        yield Problem("option_keys", params={"keys": "".join(option.key for option in options)[:20]})
    for option in options:
        if not compact(option.text):
            yield Problem("empty_option", params={"key": option.key})
    seen = Counter(compact(option.text) for option in options)
    for text, times in seen.items():
        if text and times > 1:
            yield Problem("equal_options", params={"text": text[:40]})


def _answer_problems(body: ItemBody, kind: ItemKind) -> Iterator[Problem]:
    rule = KINDS[kind]
    if not body.answer:
        yield Problem("answer_missing")
        return
    keys = {option.key for option in body.options}
    for letter in body.answer:
        if letter not in keys:
            yield Problem("answer_not_an_option", params={"letter": letter[:8]})
    if list(body.answer) != sorted(set(body.answer)):
        yield Problem("answer_not_in_order")
    if len(body.answer) > rule.most_answers:
        yield Problem("single_needs_one", params={"count": len(body.answer)})
    if len(body.answer) < rule.least_answers:
        yield Problem("multiple_needs_two", params={"count": len(body.answer)})


def compact(text: str) -> str:
    """NFKC form without blanks and invisible characters: what two texts are compared by."""
    return _UNSEEN.sub("", unicodedata.normalize("NFKC", text))


def content_hash(body: ItemBody) -> str:
    """64 hex digits, equal for exact duplicates: same stem and same option texts in whatever order."""
    parts = [compact(body.stem), *sorted(compact(option.text) for option in body.options)]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def stem_hash(body: ItemBody) -> str:
    """64 hex digits, equal when only the stems agree: a near duplicate."""
    return hashlib.sha256(compact(body.stem).encode()).hexdigest()


def body_to_json(body: ItemBody) -> dict[str, object]:
    """Plain values, the form that is sealed and that packages carry."""
    return {
        "stem": body.stem,
        "options": [{"key": option.key, "text": option.text} for option in body.options],
        "answer": list(body.answer),
        "explanation": body.explanation,
        "source": body.source,
    }


def body_from_json(data: Mapping[str, object]) -> ItemBody:
    """The inverse of `body_to_json`; `ValueError` when the values do not have its shape."""
    options, answer = data.get("options"), data.get("answer")
    if not isinstance(options, list) or not isinstance(answer, list):
        raise ValueError("an item body needs lists of options and answers")
    try:
        return ItemBody(
            stem=str(data["stem"]),
            options=tuple(Option(str(option["key"]), str(option["text"])) for option in options),
            answer=tuple(str(key) for key in answer),
            explanation=str(data.get("explanation", "")),
            source=str(data.get("source", "")),
        )
    except (KeyError, TypeError) as error:
        raise ValueError("an item body lacks a part") from error


def facts_to_json(facts: ItemFacts) -> dict[str, object]:
    """Plain values of the facts."""
    return {
        "uid": facts.uid,
        "point": facts.point,
        "kind": facts.kind.value,
        "difficulty": facts.difficulty,
        "consistency": facts.consistency,
        "importance": facts.importance,
        "sample": facts.sample,
    }


def facts_from_json(data: Mapping[str, object]) -> ItemFacts:
    """The inverse of `facts_to_json`; `ValueError` when the values do not have its shape."""
    difficulty, consistency = data.get("difficulty"), data.get("consistency")
    if not isinstance(difficulty, int) or not (consistency is None or isinstance(consistency, int)):
        raise ValueError("difficulty and consistency are whole numbers")
    try:
        return ItemFacts(
            uid=str(data["uid"]),
            point=str(data["point"]),
            kind=ItemKind(str(data["kind"])),
            difficulty=difficulty,
            consistency=consistency,
            importance=str(data["importance"]),
            sample=bool(data["sample"]),
        )
    except KeyError as error:
        raise ValueError("item facts lack a part") from error


def item_to_json(item: Item) -> dict[str, object]:
    """Plain values of a whole item; holds the answer, so it never leaves the process unsealed."""
    return {"facts": facts_to_json(item.facts), "body": body_to_json(item.body)}


def item_from_json(data: Mapping[str, object]) -> Item:
    """The inverse of `item_to_json`; `ValueError` when the values do not have its shape."""
    facts, body = data.get("facts"), data.get("body")
    if not isinstance(facts, Mapping) or not isinstance(body, Mapping):
        raise ValueError("an item needs facts and a body")
    return Item(facts_from_json(facts), body_from_json(body))
