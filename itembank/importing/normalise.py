"""From raw fields to a draft: codes with labels, every spelling of an answer, prefixed options."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from itembank.importing import answers
from itembank.importing.drafts import Draft
from itembank.importing.kinds import KindTable
from itembank.importing.options import split_cell, without_letters
from itembank.importing.readers import ANSWER_COLUMNS, HEADINGS, LEVELS, OPTION_COLUMNS, RawItem
from itembank.item_rules import validate
from itembank.items import (
    CHOICES,
    OPTION_KEYS,
    TRUE_FALSE_OPTIONS,
    Criterion,
    Item,
    ItemBody,
    ItemFacts,
    ItemKind,
    Option,
    is_point_code,
)
from itembank.problems import Param, Problem

DIFFICULTIES: Mapping[str, int] = MappingProxyType({
    "很简单": 1, "很易": 1, "极易": 1, "简单": 2, "易": 2, "偏易": 2, "较易": 2, "容易": 2, "中等": 3,
    "适中": 3, "中": 3, "一般": 3, "偏难": 4, "较难": 4, "困难": 4, "难": 4, "很难": 5, "极难": 5,
})  # fmt: skip
CONSISTENCIES: Mapping[str, int] = MappingProxyType(
    {"很低": 1, "低": 2, "中等": 3, "中": 3, "高": 4, "很高": 5}
)
IMPORTANCE_WORDS: Mapping[str, str] = MappingProxyType(
    {"核心": "X", "核心要素": "X", "一般": "Y", "一般要素": "Y", "辅助": "Z", "辅助要素": "Z"}
)
_OPTIONED = frozenset({*CHOICES, ItemKind.ORDER, "unknown_type_code"})
SAMPLE_MARK = "示例"

_GRADE = re.compile(r"^([1-5])(?:\(.*\))?$")
_SOURCE = re.compile(r"(?:来源|出处)[:：]\s*(\S.*)", re.DOTALL)
_INVISIBLE = re.compile(r"[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_SOFT_BREAK = re.compile(r"[\x0b\x0c\u2028\u2029]")
_SHOWN_ANSWER = re.compile(r"\(\s*([A-H]{1,8}|[√×✓✗]|对|错)\s*\)")
_LEVEL = re.compile(r"^([A-Z]|[0-9]{3})[-、.\s]*(.*)$", re.DOTALL)
_PART_POINTS = re.compile(r"^(.+?)[(（]([0-9]+(?:\.[0-9]+)?)\s*分[)）][;；。]?$")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")
_OPTION_FIELDS = tuple(f"option_{key}" for key in OPTION_COLUMNS)
_ANSWER_FIELDS = tuple(f"answer_{number}" for number in range(1, ANSWER_COLUMNS + 1))
_LEVEL_FIELDS = tuple(f"level_{number}" for number in range(1, LEVELS + 1))
_FIELD_OF: Mapping[str, str] = MappingProxyType(
    {
        "bad_uid": "uid", "bad_point": "point", "bad_importance": "importance", "empty_stem": "stem",
        "answer_missing": "answer", "answer_not_an_option": "answer", "single_needs_one": "answer",
        "multiple_needs_two": "answer", "answer_not_in_order": "answer", "order_incomplete": "answer",
    }
)  # fmt: skip
COLUMNS: Mapping[str, str] = MappingProxyType(
    {code: HEADINGS[name] for code, name in _FIELD_OF.items()}
    | {f"empty_option {key}": HEADINGS[f"option_{key}"] for key in OPTION_COLUMNS}
)
"""Fault (with its option) -> the column to blame."""


@dataclass(frozen=True, slots=True)
class _Answered:
    """What answer and options became: parts of a body, and what is wrong with them."""

    body: ItemBody
    faults: tuple[Problem, ...] = ()


def drafted(raw: RawItem, table: KindTable) -> Draft:
    """The row as a draft with the row and, where one is to blame, the column on each of its faults.

    A row without a kind gets one from its options and its answer, and a warning.
    """
    kind = table.kind(raw.get("kind"))
    warnings = raw.warnings
    if kind == "":
        kind = _inferred(raw) or "unknown_type_code"
        if "kind" in raw.fields:
            warnings = (*warnings, Problem("kind_inferred", raw.place, {"kind": str(kind)}))
    broken = _misordered(raw) if kind in _OPTIONED else ()
    if broken:
        return Draft(raw.place, ItemKind.SINGLE, ItemBody(""), faults=(*raw.faults, *broken))
    if not isinstance(kind, ItemKind):
        return Draft(
            raw.place, ItemKind.SINGLE, ItemBody(""), faults=(*raw.faults, _fault(raw, kind, "kind"))
        )
    answered = _BODIES.get(kind, _essay)(raw, kind)
    return _with_facts(raw, kind, answered, warnings)


def shows_answer(item: Item) -> bool:
    """Whether the stem still holds the right answer in brackets, as printed answer books have it."""
    stem = item.body.stem
    if "(" not in stem and "（" not in stem:
        return False
    for said in _SHOWN_ANSWER.findall(unicodedata.normalize("NFKC", stem).upper()):
        shown = answers.truth(said) if item.facts.kind is ItemKind.TRUE_FALSE else tuple(said)
        if shown == item.body.answer:
            return True
    return False


@lru_cache(maxsize=4096)
def folded_code(code: str) -> str:
    """A code without width, blanks and label."""
    folded = re.sub(r"\s+", "", unicodedata.normalize("NFKC", code)).upper()
    return folded.partition("(")[0] if folded.endswith(")") else folded


def shown_text(text: str) -> str:
    """A text as a candidate would see it: no invisible characters, soft breaks as lines, trimmed.

    An apostrophe that keeps a spreadsheet from taking the text for a formula goes.
    """
    if text.isprintable() and not text.startswith("'"):
        return text.strip()
    cleaned = _INVISIBLE.sub("", _SOFT_BREAK.sub("\n", text)).replace("\u00a0", " ")
    return (cleaned[1:] if _GUARDED.match(cleaned) else cleaned).strip()


def _misordered(raw: RawItem) -> tuple[Problem, ...]:
    """The fault of options in one cell whose letters leave out or exchange some."""
    cell = shown_text(raw.get("options"))
    if not cell or any(raw.get(name) for name in _OPTION_FIELDS) or split_cell(cell) is not None:
        return ()
    return (Problem("option_keys", raw.place, {"column": HEADINGS["options"], "keys": cell[:20]}),)


def _fault(raw: RawItem, code: str, name: str) -> Problem:
    return Problem(code, raw.place, {"column": HEADINGS[name], "value": raw.get(name)[:20]})


def _with_facts(raw: RawItem, kind: ItemKind, answered: _Answered, warnings: tuple[Problem, ...]) -> Draft:
    faults = [*raw.faults]
    grades = {}
    for name, words in (("difficulty", DIFFICULTIES), ("consistency", CONSISTENCIES)):
        grades[name] = _scale(raw.get(name), words)
        if raw.get(name) and grades[name] is None:
            faults.append(_fault(raw, f"bad_{name}", name))
    point, path = _located(raw)
    facts = ItemFacts(
        raw.get("uid").strip("{}"), point, kind, grades["difficulty"] or 0, grades["consistency"],
        _importance(raw.get("importance")), SAMPLE_MARK in raw.get("bank"), path,
    )  # fmt: skip
    faults += answered.faults
    if faults:  # the others of the row are named with them; for a row without any, the pipeline validates
        faults += _placed(raw, Item(facts, answered.body), {fault.code for fault in answered.faults})
    if _INVISIBLE.search(raw.get("stem")):
        warnings = (*warnings, Problem("characters_removed", raw.place, {"column": HEADINGS["stem"]}))
    return Draft(
        raw.place, kind, answered.body, facts.uid, facts.point, facts.difficulty, facts.consistency,
        facts.importance, facts.sample, path, tuple(faults), warnings, raw.label,
        columns=COLUMNS,
    )  # fmt: skip


def _placed(raw: RawItem, item: Item, said: set[str]) -> list[Problem]:
    """What validation says, with the row and, where one is to blame, the column."""
    placed = []
    known = item if item.facts.uid else replace(item, facts=replace(item.facts, uid="new"))
    for fault in validate(known):
        if fault.code in said or (said and fault.code in ("answer_missing", "gap_count")):
            continue  # an answer that could not be read is reported once, not again as missing
        heading = COLUMNS.get(f"{fault.code} {fault.params.get('key', '')}") or COLUMNS.get(fault.code)
        column: dict[str, Param] = {"column": heading} if heading else {}
        placed.append(Problem(fault.code, raw.place, {**column, **fault.params}))
    return placed


@lru_cache(maxsize=1024)
def _folded(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text))


def _scale(text: str, words: Mapping[str, int]) -> int | None:
    folded = _folded(text)
    digits = _GRADE.match(folded)
    return int(digits.group(1)) if digits else words.get(folded)


def _importance(text: str) -> str:
    code = folded_code(text)
    return IMPORTANCE_WORDS.get(code, code)


def _located(raw: RawItem) -> tuple[str, str]:
    """(point code, path by names) from a code, from levels that glue code and name, or from a chapter."""
    point = folded_code(raw.get("point"))
    levels = [raw.get(name) for name in _LEVEL_FIELDS if raw.fields.get(name)]
    names = [shown_text(raw.get(name)) for name in ("chapter", "topic") if raw.get(name)]
    if levels:
        glued = [_LEVEL.match(unicodedata.normalize("NFKC", level)) for level in levels]
        codes = "-".join(found[1] if found else "?" for found in glued)
        names = [
            (found[2] or found[1]) if found else level for found, level in zip(glued, levels, strict=True)
        ]
        point = point or (codes if is_point_code(codes) else "")
    elif not point and is_point_code(folded_code(raw.get("topic"))):
        point, names = folded_code(raw.get("topic")), names[:-1]
    return point, "/".join(names)


def _inferred(raw: RawItem) -> ItemKind | None:
    """The kind that options and answer leave no doubt about."""
    texts = _option_texts(raw)
    said = _keys(raw.get("answer"), texts)
    if answers.judges(texts) or (not texts and answers.truth(raw.get("answer"))):
        return ItemKind.TRUE_FALSE
    if texts and said:
        return ItemKind.MULTIPLE if len(said) > 1 else ItemKind.SINGLE
    return ItemKind.SINGLE if len(texts) > 1 else None


def _choice(raw: RawItem, kind: ItemKind) -> _Answered:
    texts = _option_texts(raw)
    said = _chosen(raw, texts)
    options = tuple(Option(key, text) for key, text in zip(OPTION_KEYS, texts, strict=False))
    explanation, source = _explained(raw)
    answer = (said or ()) if kind is ItemKind.ORDER else tuple(sorted(said or ()))
    body = ItemBody(shown_text(raw.get("stem")), options, answer, explanation, source)
    return _Answered(body, () if said is not None else (_fault(raw, "answer_unreadable", "answer"),))


def _true_false(raw: RawItem, _kind: ItemKind) -> _Answered:
    texts = _option_texts(raw)
    faults = []
    if texts and {*map(answers.truth, texts)} != {("A",), ("B",)}:
        faults.append(_fault(raw, "true_false_options", "option_A"))
    said = _judged(raw, texts)
    if said is None:
        faults.append(_fault(raw, "answer_unreadable", "answer"))
    explanation, source = _explained(raw)
    stem = shown_text(raw.get("stem"))
    return _Answered(ItemBody(stem, TRUE_FALSE_OPTIONS, said or (), explanation, source), tuple(faults))


def _gapped(raw: RawItem, kind: ItemKind) -> _Answered:
    stem, count = answers.with_gaps(shown_text(raw.get("stem")))
    parts = [answers.without_lead(shown_text(text)) for text in _answer_cells(raw)]
    explanation, source = _explained(raw)
    if not raw.get("stem") or not any(parts):
        body = ItemBody(shown_text(raw.get("stem")), explanation=explanation)
        code = "answer_missing" if raw.get("stem") else "empty_stem"
        return _Answered(body, (_fault(raw, code, _FIELD_OF[code]),))
    numeric = kind is ItemKind.NUMERIC
    gaps = answers.number_gaps(parts, count) if numeric else answers.text_gaps(parts, count)
    code = "answer_unreadable" if numeric else "gap_answers_differ"
    faults = () if gaps else (_fault(raw, code, "answer"),)
    return _Answered(ItemBody(stem, (), (), explanation, source, gaps=gaps or ()), faults)


def _essay(raw: RawItem, _kind: ItemKind) -> _Answered:
    explanation, source = _explained(raw)
    said = answers.without_lead(shown_text("\n".join(_answer_cells(raw))))
    criteria = _criteria(said)
    return _Answered(ItemBody(shown_text(raw.get("stem")), (), (), explanation, source, criteria=criteria))


def _criteria(text: str) -> tuple[Criterion, ...]:
    """The answer as what an examiner looks for; by lines when each says its points ("…（5分）")."""
    lines = [_PART_POINTS.match(line.strip()) for line in text.splitlines() if line.strip()]
    if lines and all(lines):
        return tuple(Criterion(found[1].strip(), Decimal(found[2])) for found in lines if found)
    return (Criterion(text),) if text else ()


_BODIES: Mapping[ItemKind, Callable[[RawItem, ItemKind], _Answered]] = MappingProxyType(
    {
        ItemKind.SINGLE: _choice,
        ItemKind.MULTIPLE: _choice,
        ItemKind.ORDER: _choice,
        ItemKind.TRUE_FALSE: _true_false,
        ItemKind.TEXT: _gapped,
        ItemKind.NUMERIC: _gapped,
    }
)


def _option_texts(raw: RawItem) -> list[str]:
    """The options up to the last one filled in; a gap is an empty option, which validation names."""
    fields = raw.fields
    texts = [shown_text(fields[name]) if name in fields else "" for name in _OPTION_FIELDS]
    while texts and not texts[-1]:
        texts.pop()
    if not texts and fields.get("options"):
        return split_cell(shown_text(fields["options"])) or []
    return without_letters(texts)


def _answer_cells(raw: RawItem) -> list[str]:
    cells = [raw.get("answer")]
    if "answer_1" in raw.fields:
        cells += map(raw.get, _ANSWER_FIELDS)
    return [cell for cell in cells if cell]


def _chosen(raw: RawItem, texts: Sequence[str]) -> tuple[str, ...] | None:
    """Option keys; a cell may hold the wording of an option instead."""
    found: list[str] = []
    for cell in _answer_cells(raw):
        said = _keys(cell, texts)
        if said is None or set(said) & set(found):
            return None
        found += said
    return tuple(found)


def _keys(cell: str, texts: Sequence[str]) -> tuple[str, ...] | None:
    """The options that a cell names by letters or wording; None when it names none, or two ways differ."""
    said, wording = answers.letters(cell), shown_text(cell)
    worded = (OPTION_KEYS[texts.index(wording)],) if texts.count(wording) == 1 else None
    if said and worded and said != worded:
        return None
    return worded if said is None else said


def _judged(raw: RawItem, texts: Sequence[str]) -> tuple[str, ...] | None:
    """("A",) for right, ("B",) for wrong; a letter means the file's option of that letter, in its order."""
    cell = next(iter(_answer_cells(raw)), "")
    said = answers.bare(cell)
    if said in ("A", "B") and texts:
        place = "AB".index(said)
        return answers.truth(texts[place]) if place < len(texts) else None
    return () if not said else (said,) if said in ("A", "B") else answers.truth(cell)


def _explained(raw: RawItem) -> tuple[str, str]:
    """Explanation and source; a source may end the explanation as 来源：…"""
    text, source = shown_text(raw.get("explanation")), shown_text(raw.get("source"))
    found = None if source or not text else _SOURCE.search(text)
    return (text, source) if found is None else (text[: found.start()].rstrip(), found.group(1).rstrip())
