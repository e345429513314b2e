"""From raw fields to an item: codes with labels, every spelling of an answer, prefixed options.

What a type code means is declared, never guessed: B and C agree everywhere, multiple choice is G in one
tool and D in another. G is the declared default; a bare D has to be mapped by the person who imports.
"""

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from itembank.importing.readers import HEADINGS, RawItem
from itembank.item_rules import validate
from itembank.items import (
    OPTION_KEYS,
    TRUE_FALSE_OPTIONS,
    Item,
    ItemBody,
    ItemFacts,
    ItemKind,
    Option,
    content_hash,
)
from itembank.problems import Param, Problem

TYPE_CODES: Mapping[str, ItemKind] = MappingProxyType(
    {"B": ItemKind.SINGLE, "C": ItemKind.TRUE_FALSE, "G": ItemKind.MULTIPLE}
)
TYPE_WORDS: Mapping[str, ItemKind] = MappingProxyType(
    {
        "单选": ItemKind.SINGLE,
        "单项选择": ItemKind.SINGLE,
        "多选": ItemKind.MULTIPLE,
        "多项选择": ItemKind.MULTIPLE,
        "判断": ItemKind.TRUE_FALSE,
        "判断正误": ItemKind.TRUE_FALSE,
        "是非": ItemKind.TRUE_FALSE,
        "对错": ItemKind.TRUE_FALSE,
    }
)
DIFFICULTIES: Mapping[str, int] = MappingProxyType({
    "很简单": 1, "很易": 1, "简单": 2, "易": 2, "偏易": 2, "较易": 2, "中等": 3, "适中": 3, "中": 3,
    "偏难": 4, "较难": 4, "困难": 4, "难": 4, "很难": 5,
})  # fmt: skip
CONSISTENCIES: Mapping[str, int] = MappingProxyType(
    {"很低": 1, "低": 2, "中等": 3, "中": 3, "高": 4, "很高": 5}
)
IMPORTANCE_WORDS: Mapping[str, str] = MappingProxyType(
    {"核心": "X", "核心要素": "X", "一般": "Y", "一般要素": "Y", "辅助": "Z", "辅助要素": "Z"}
)
SAMPLE_MARK = "示例"

_TRUE = frozenset({"对", "√", "✓", "✔", "正确", "是", "T", "TRUE", "Y", "YES", "1"})
_FALSE = frozenset({"错", "×", "✗", "✘", "X", "错误", "不正确", "否", "F", "FALSE", "N", "NO", "0"})
_SEPARATORS = re.compile(r"[\s,;、.。|/\u200b]+|和|及|与")
_BRACKETS = re.compile(r"[:【】\[\]()]")
_SAYS_ANSWER = re.compile(r"^(?:正确|参考|标准)?答案")
_LABEL = re.compile(r"^([A-Z0-9]+)\((.*)\)$")
_GRADE = re.compile(r"^([1-5])(?:\(.*\))?$")
_SOURCE = re.compile(r"(?:来源|出处)[:：]\s*(.+?)\s*$", re.DOTALL)
_INVISIBLE = re.compile(r"[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_SOFT_BREAK = re.compile(r"[\x0b\x0c\u2028\u2029]")
_SHOWN_ANSWER = re.compile(r"\(\s*([A-H]{1,8}|[√×✓✗]|对|错)\s*\)")
_PICTURE_FORMULA = "DISPIMG("
_UID_LETTERS: Mapping[ItemKind, str] = MappingProxyType({kind: code for code, kind in TYPE_CODES.items()})
_FIELD_OF: Mapping[str, str] = MappingProxyType({
    "bad_uid": "uid", "bad_point": "point", "bad_importance": "importance", "empty_stem": "stem",
    "answer_missing": "answer", "answer_not_an_option": "answer", "single_needs_one": "answer",
    "multiple_needs_two": "answer", "option_count": "option_A", "true_false_options": "option_A",
})  # fmt: skip


def normalise(raw: RawItem, codes: Mapping[str, str] | None = None) -> Item | list[Problem]:
    """The item of a row, or everything that is wrong with it.

    `codes` maps type codes to kinds on the word of the person who imports; it goes before the declared table.
    """
    kind = _kind(raw.get("kind"), codes or {})
    if not isinstance(kind, ItemKind):
        return [*raw.faults, _fault(raw, kind, "kind")]
    problems = [*raw.faults, *_pictures(raw)]
    difficulty = _scale(raw.get("difficulty"), DIFFICULTIES)
    if difficulty is None:
        problems.append(_fault(raw, "bad_difficulty", "difficulty"))
    consistency = _scale(raw.get("consistency"), CONSISTENCIES)
    if raw.get("consistency") and consistency is None:
        problems.append(_fault(raw, "bad_consistency", "consistency"))
    body, unreadable = _body(raw, kind)
    problems += unreadable
    facts = ItemFacts(
        uid=_uid(raw, kind, body),
        point=folded_code(raw.get("point")),
        kind=kind,
        difficulty=difficulty or 3,  # a row without one is rejected, this only lets validation go on
        consistency=consistency,
        importance=_importance(raw.get("importance")),
        sample=SAMPLE_MARK in raw.get("bank"),
    )
    item = Item(facts, body)
    # An answer that could not be read is reported once, not again as missing.
    read = not any(fault.code == "answer_unreadable" for fault in problems)
    problems += [fault for fault in _placed(raw, item) if read or fault.code != "answer_missing"]
    return problems or item


def shows_answer(item: Item) -> bool:
    """Whether the stem still holds the right answer in brackets, as printed answer books have it."""
    for said in _SHOWN_ANSWER.findall(unicodedata.normalize("NFKC", item.body.stem).upper()):
        shown = _truth(said) if item.facts.kind is ItemKind.TRUE_FALSE else tuple(said)
        if shown == item.body.answer:
            return True
    return False


def folded_code(code: str) -> str:
    """A code without width, blanks and label."""
    return re.sub(r"\s+|\(.*\)$", "", unicodedata.normalize("NFKC", code)).upper()


def _fault(raw: RawItem, code: str, name: str) -> Problem:
    return Problem(code, raw.place, {"column": HEADINGS[name], "value": raw.get(name)[:20]})


def _placed(raw: RawItem, item: Item) -> list[Problem]:
    """What validation says, with the row and, where one is to blame, the column."""
    placed = []
    for fault in validate(item):
        name = f"option_{fault.params['key']}" if fault.code == "empty_option" else _FIELD_OF.get(fault.code)
        column: dict[str, Param] = {"column": HEADINGS[name]} if name else {}
        placed.append(Problem(fault.code, raw.place, {**column, **fault.params}))
    return placed


def _pictures(raw: RawItem) -> list[Problem]:
    """An item whose picture would be missing on the screen cannot be answered, so it is not taken."""
    names = [name for name, text in raw.fields.items() if _PICTURE_FORMULA in text.upper()]
    if raw.get("picture"):
        names.append("picture")
    return [_fault(raw, "picture_not_supported", name) for name in names]


def _kind(text: str, codes: Mapping[str, str]) -> ItemKind | str:
    """The kind, or the code of what is wrong."""
    folded = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).upper()
    label = _LABEL.match(folded)
    code = label.group(1) if label else folded
    if code in codes:
        return ItemKind(codes[code])
    declared = TYPE_CODES.get(code)
    worded = _word(label.group(2) if label else folded)
    if declared and worded and declared is not worded:
        return "type_code_contradicts"
    return declared or worded or "unknown_type_code"  # a label says itself what its code means


def _word(text: str) -> ItemKind | None:
    return TYPE_WORDS.get(text.removesuffix("题"))


def _scale(text: str, words: Mapping[str, int]) -> int | None:
    folded = re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))
    digits = _GRADE.match(folded)
    return int(digits.group(1)) if digits else words.get(folded)


def _importance(text: str) -> str:
    code = folded_code(text)
    return IMPORTANCE_WORDS.get(code, code)


def _uid(raw: RawItem, kind: ItemKind, body: ItemBody) -> str:
    """The file's id, or one from point and content: the same item gets the same id when it comes again."""
    given = raw.get("uid")
    return given or f"{_UID_LETTERS[kind]}-{folded_code(raw.get('point'))}-{content_hash(body)[:8]}"


def _body(raw: RawItem, kind: ItemKind) -> tuple[ItemBody, list[Problem]]:
    texts = _option_texts(raw)
    problems: list[Problem] = []
    options: tuple[Option, ...] = TRUE_FALSE_OPTIONS
    if kind is ItemKind.TRUE_FALSE:
        answer = _true_false_answer(raw, texts)
        if texts and {*map(_truth, texts)} != {("A",), ("B",)}:
            problems.append(_fault(raw, "true_false_options", "option_A"))
    else:
        answer = _letters(raw)
        options = tuple(Option(key, text) for key, text in zip(OPTION_KEYS, texts, strict=False))
    if answer is None:
        problems.append(_fault(raw, "answer_unreadable", "answer"))
    explanation, source = _explained(raw)
    return ItemBody(_text(raw.get("stem")), options, answer or (), explanation, source), problems


def _option_texts(raw: RawItem) -> list[str]:
    """The options up to the last one filled in; a gap is an empty option, which validation names.

    Their own letters in front ("A. ", "（A）") go away only if all of them have one: "A、B均可" is wording.
    """
    texts = [_text(raw.get(f"option_{key}")) for key in OPTION_KEYS]
    while texts and not texts[-1]:
        texts.pop()
    found = [_own_letter(key, text) for key, text in zip(OPTION_KEYS, texts, strict=False)]
    if all(end or not text for end, text in zip(found, texts, strict=True)):
        return [text[end:].strip() for end, text in zip(found, texts, strict=True)]
    return texts


def _own_letter(key: str, text: str) -> int:
    """How many characters the option's own letter with its mark takes; 0 when it has none."""
    letter = f"[{key}{chr(ord(key) + 0xFEE0)}]"
    found = re.match(rf"(?:[(（]\s*{letter}\s*[)）]\s*[.．、:：]?|{letter}\s*[.．、:：)）])\s*", text)
    return found.end() if found else 0


def _text(text: str) -> str:
    return _INVISIBLE.sub("", _SOFT_BREAK.sub("\n", text)).replace("\u00a0", " ").strip()


def _bare_answer(text: str) -> str:
    folded = _BRACKETS.sub("", unicodedata.normalize("NFKC", _text(text)).upper()).strip()
    return _SEPARATORS.sub("", _SAYS_ANSWER.sub("", folded))


def _letters(raw: RawItem) -> tuple[str, ...] | None:
    """Sorted option keys; () for an empty cell, None when the spelling is unknown."""
    bare = _bare_answer(raw.get("answer"))
    if not re.fullmatch(r"[A-Z]*", bare) or len(set(bare)) != len(bare):
        return None
    return tuple(sorted(bare))


def _true_false_answer(raw: RawItem, texts: list[str]) -> tuple[str, ...] | None:
    """("A",) for right, ("B",) for wrong; a letter means the file's option of that letter, in its order."""
    bare = _bare_answer(raw.get("answer"))
    if bare in ("A", "B") and texts:
        place = "AB".index(bare)
        return _truth(texts[place]) if place < len(texts) else None
    return () if not bare else (bare,) if bare in ("A", "B") else _truth(bare)


def _truth(text: str) -> tuple[str, ...] | None:
    bare = _bare_answer(text)
    return ("A",) if bare in _TRUE else ("B",) if bare in _FALSE else None


def _explained(raw: RawItem) -> tuple[str, str]:
    """Explanation and source; a source may end the explanation as 来源：…"""
    text, source = _text(raw.get("explanation")), _text(raw.get("source"))
    found = _SOURCE.search(text)
    if source or found is None:
        return text, source
    return text[: found.start()].rstrip(), found.group(1)
