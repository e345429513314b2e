"""Questions in JSON, told by shape and never by name: a list of records, on top or anywhere below.

A record has a question text and an answer, options or scoring points, under one of the usual names. Options
within the question text go through the splitter of text files; records with scoring points are practical
tasks for examiners.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any

from itembank.importing import template_lines as lines_of
from itembank.importing.drafts import Declared, Draft, Found, Rejected
from itembank.importing.json_choices import (
    CONTROL,
    LOOSE,
    flat_options,
    judgement,
    keys_of,
    options_of,
    text_of,
)
from itembank.importing.media import MediaBox
from itembank.importing.rich_text import Fragments
from itembank.importing.source import Source, refusal
from itembank.importing.template_answers import is_short_answer
from itembank.importing.template_blocks import Block, Role
from itembank.importing.template_items import draft_of
from itembank.importing.template_lines import SECTION_KINDS, Section
from itembank.item_rules import body_problems
from itembank.items import Criterion, ItemBody, ItemKind
from itembank.problems import InputRefused, Problem

MAX_DEPTH = 8  # lists and objects around a record
MAX_NESTED = 100  # lists and objects within each other anywhere
MOST_POINTS = 1000
MAX_KEYS_NAMED = 12

Record = Mapping[str, Any]

_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "stem": ("stem", "题干", "question", "questiontext", "questionstem", "questioncontent", "题目", "试题",
             "问题", "题目内容", "prompt", "problem", "query", "content", "text", "title"),
    "title": ("title", "标题", "name"),
    "options": ("options", "choices", "选项", "optionlist", "alternatives"),
    "answer": ("answer", "答案", "正确答案", "标准答案", "参考答案", "correctanswer", "correctanswers",
               "rightanswer", "correct", "answers", "answerkey", "referenceanswer", "aireferenceanswer"),
    "explanation": ("analysis", "explanation", "explain", "解析", "答案解析", "rationale", "solution"),
    "approach": ("answerapproach", "approach", "答题思路"),
    "kind": ("type", "kind", "题型", "questiontype", "qtype"),
    "difficulty": ("difficulty", "难度"),
    "number": ("index", "questionno", "number", "no", "序号", "题号", "id"),
    "uid": ("uid", "id", "qid", "编号", "试题编号"),
    "path": ("knowledgepoints", "knowledge", "知识点", "chapter", "章节", "category"),
    "point": ("point", "pointcode", "鉴定点", "认定点代码"),
    "source": ("source", "出处", "来源"),
    "criteria": ("scoringpoints", "scoringcriteria", "criteria", "rubric", "评分标准", "评分要点", "得分点"),
})  # fmt: skip
_KINDS: Mapping[str, str] = MappingProxyType({
    "single": "单选", "singlechoice": "单选", "radio": "单选", "multiple": "多选", "multiplechoice": "选择",
    "multi": "多选", "checkbox": "多选", "multipleselect": "多选", "choice": "选择", "judge": "判断",
    "judgement": "判断", "judgment": "判断", "truefalse": "判断", "bool": "判断", "tf": "判断",
    "fill": "填空", "fillblank": "填空", "blank": "填空", "essay": "简答", "shortanswer": "简答",
    "qa": "问答",
})  # fmt: skip
_TOLD_BY = ("answer", "options", "criteria")
_LOST = frozenset({"empty_option", "equal_options", "option_count", "answer_not_an_option"})
"""Faults that pictures in place of options leave behind."""


class JsonFormat:
    """JSON files with records of questions."""

    def sniff(self, source: Source) -> str:
        """Text that begins as JSON does."""
        head = source.head
        return "json-items" if re.match(rb'[\[{]\s*(?:["\[{]|$|\]|\})', head) and b"\0" not in head else ""

    def read(self, source: Source, declared: Declared, media: MediaBox) -> Iterator[Found]:
        """Records in order; `InputRefused` "json_broken" or "json_unknown_shape" with the keys found."""
        data = _parsed(source)
        groups = list(_groups(data, "", 0))
        if not groups:
            raise refusal("json_unknown_shape", source.name, keys="、".join(_keys_found(data)) or "-")
        fragments = Fragments(source.name)
        number = 0
        for hint, records in groups:
            for record in records:
                number += 1
                yield _found(record, f"question {number}", hint, fragments)
                yield from _within(record, f"question {number}")


def _parsed(source: Source) -> object:
    try:
        parsed: object = json.loads(
            source.text.removeprefix("\ufeff"), object_pairs_hook=lambda pairs: _object(pairs, source.name)
        )
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputRefused):
            raise
        at = getattr(error, "lineno", 0)
        raise refusal("json_broken", source.name, line=at) from error
    layer, depth = [parsed], 0
    while layer:
        depth += 1
        if depth > MAX_NESTED:
            raise refusal("json_too_deep", source.name, limit=MAX_NESTED)
        layer = [below for each in layer for below in _below(each)]
    return parsed


def _object(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    """An object whose names are each there once: of two answers nobody knows which one counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise refusal("json_key_twice", name, key=twice[:40])
    return found


def _below(node: object) -> Iterable[object]:
    return node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()


def _groups(node: object, hint: str, depth: int) -> Iterator[tuple[str, Sequence[object]]]:
    """Every list that holds records, with the name it stands under."""
    if depth > MAX_DEPTH:
        return
    if isinstance(node, list) and any(_is_record(each) for each in node):
        yield hint, node
    elif depth == 0 and _is_record(node):
        yield hint, [node]
    elif isinstance(node, list | dict):
        named = node.items() if isinstance(node, dict) else ((hint, each) for each in node)
        for name, each in named:
            yield from _groups(each, str(name), depth + 1)


def _is_record(node: object) -> bool:
    if not isinstance(node, dict):
        return False
    fields = _fields(node)
    return isinstance(fields.get("stem"), str) and any(name in fields for name in _TOLD_BY)


def _fields(record: Record) -> dict[str, Any]:
    """The record's values by our names, the first name of each list that is there and says something."""
    loose = {LOOSE.sub("", str(name)).lower(): value for name, value in record.items()}
    fields = {}
    for name, synonyms in _NAMES.items():
        said = next((loose[each] for each in synonyms if loose.get(each) not in (None, "", [], {})), None)
        if said is not None:
            fields[name] = said
    if "options" not in fields and (flat := flat_options(record)):
        fields["options"] = flat
    wrong = loose.get("incorrectanswers")
    if "options" not in fields and isinstance(wrong, list) and "answer" in fields:
        fields["options"] = sorted(map(text_of, [fields["answer"], *wrong]))
    return fields


def _answers(record: Record) -> list[Any]:
    """Everything that the record says under one of the names of an answer."""
    loose = [(LOOSE.sub("", str(name)).lower(), value) for name, value in record.items()]
    said = [value for each in _NAMES["answer"] for name, value in loose if name == each]
    return [value for value in said if value not in (None, "", [], {})]


def _within(record: object, place: str) -> Iterator[Rejected]:
    """The questions inside a question, which would need its text to be understood."""
    if not isinstance(record, dict):
        return
    own = {*_NAMES["options"], *_NAMES["answer"], *_NAMES["criteria"], *_NAMES["path"]}
    own |= {LOOSE.sub("", name).lower() for name in flat_options(record)}
    inner = [
        len([each for each in records if _is_record(each)])
        for name, value in record.items()
        if isinstance(value, list | dict) and LOOSE.sub("", str(name)).lower() not in own
        for _, records in _groups([value], "", 0)
    ]
    if sum(inner):
        yield Rejected(Problem("sub_questions_left_out", place, {"count": sum(inner)}))


def _keys_found(data: object) -> list[str]:
    """Names on top and in the first object below, for the message."""
    first = data[0] if isinstance(data, list) and data else data
    if not isinstance(first, dict):
        return [type(first).__name__]
    below = next((v[0] for v in first.values() if isinstance(v, list) and v and isinstance(v[0], dict)), {})
    return [str(name)[:30] for name in (*first, *below)][:MAX_KEYS_NAMED]


def _found(record: object, place: str, hint: str, fragments: Fragments) -> Found:
    if not isinstance(record, dict) or not isinstance(_fields(record).get("stem"), str):
        return Rejected(Problem("empty_stem", place))
    fields = _fields(record)
    if "criteria" in fields:
        draft = _practical(fields, place)
    else:
        draft = _asked(fields, _answers(record), Block(place, Section(*_kind(fields, hint))), fragments)
    if not isinstance(draft, Draft):
        return draft
    if any(CONTROL.search(text) for text in _texts(record)):
        lost = Problem("control_removed", place)
        draft = replace(draft, warnings=(*draft.warnings, lost))
    uid = text_of(fields.get("uid", ""))
    usable = re.fullmatch(r"\w[\w.\-]{2,63}", uid) and not uid.isdecimal()
    named = replace(draft, label=text_of(fields.get("number", "")), uid=uid if usable else "")
    return replace(named, path=_path(fields, draft.path))


def _practical(fields: Record, place: str) -> Found:
    stem, title = text_of(fields["stem"]), text_of(fields.get("title", ""))
    whole = f"{title}\n{stem}" if title and not stem.startswith(title) else stem
    criteria = fields["criteria"] if isinstance(fields["criteria"], list) else [fields["criteria"]]
    notes = [text_of(fields[name]) for name in ("answer", "explanation", "approach") if name in fields]
    read = [_criterion(each) for each in criteria]
    body = ItemBody(
        whole,
        explanation="\n\n".join(note for note in notes if note),
        criteria=tuple(each for each, _ in read),
        source=text_of(fields.get("source", "")),
    )
    ignored = tuple(Problem("points_ignored", place, {"value": worth[:20]}) for _, worth in read if worth)
    return Draft(place, ItemKind.PRACTICAL, body, warnings=ignored)


def _criterion(said: object) -> tuple[Criterion, str]:
    """The criterion, and its points as written when they can be none."""
    if not isinstance(said, dict):
        return Criterion(text_of(said)), ""
    named = ("text", "content", "description", "name", "point", "内容")
    text = next((said[name] for name in named if name in said), "")
    worth = next((said[name] for name in ("points", "score", "分值") if name in said), 0)
    try:
        points = Decimal(str(worth))
    except InvalidOperation:
        return Criterion(f"{text_of(text)}（{text_of(worth)}）"), ""
    if not points.is_finite() or not 0 <= points <= MOST_POINTS:
        return Criterion(text_of(text)), str(worth)
    return Criterion(text_of(text), points), ""


def _asked(fields: Record, said: Sequence[object], block: Block, fragments: Fragments) -> Found:
    options = options_of(fields.get("options"))
    if options is None:
        return Rejected(Problem("option_letters", block.place))
    block.options = tuple(options)
    block.texts[Role.BODY] = [_stem(text_of(fields["stem"]))]
    block.texts[Role.EXPLANATION] = [text_of(fields.get("explanation", ""))]
    block.fields = {
        name: text_of(fields[name]) for name in ("difficulty", "source", "point") if name in fields
    }
    if not _answered(block, said):
        value = "、".join(map(text_of, said))[:20]
        return Rejected(Problem("answer_unreadable", block.place, {"value": value}))
    return _flawed(draft_of(block, "", fragments), fields)


def _answered(block: Block, said: Sequence[object]) -> bool:
    """Puts the answer into the block; False when it cannot be known or is said in several ways."""
    if not said:
        return True
    if block.options and not judgement(block.options):
        found = {keys_of(each, block.options) for each in said}
        block.keys = (found.pop() or ()) if len(found) == 1 else ()
        block.texts[Role.ANSWER] = ["".join(block.keys)]
        return bool(block.keys)
    texts = [_texts_of(each) for each in said]
    first = texts[0]
    if first is None or (len({*map(str, texts)}) > 1 and any(map(_is_short, said))):
        return False
    block.said = tuple(first)
    block.texts[Role.ANSWER] = ["\n".join(block.said)]
    return True


def _is_short(said: object) -> bool:
    """Whether an answer beside others could be the key of all: a number, a truth, letters."""
    return isinstance(said, int | float) or is_short_answer(text_of(said))


def _texts_of(said: object) -> list[str] | None:
    """The texts of an answer; None when it holds more than texts and numbers."""
    if isinstance(said, bool):
        return ["正确" if said else "错误"]
    values = said if isinstance(said, list) else [said]
    return (
        [text_of(each) for each in values] if all(isinstance(v, str | int | float) for v in values) else None
    )


def _flawed(found: Found, fields: Record) -> Found:
    """The draft, or kept raw when its options are not all there: pictures of options are lost in JSON."""
    if not isinstance(found, Draft) or found.faults:
        return found
    codes = {fault.code for fault in body_problems(found.body, found.kind)}
    if not codes or not codes <= _LOST:
        return found
    raw = json.dumps(fields, ensure_ascii=False, indent=1, default=str)
    lost = Problem("options_incomplete", found.place)
    body = ItemBody(found.body.stem, raw=raw, markup=found.body.markup)
    told = found.told or found.body.answer
    return replace(found, body=body, flaw=lost.code, told=told, warnings=(*found.warnings, lost))


def _kind(fields: Record, hint: str) -> tuple[ItemKind | None, str, bool]:
    for word in (text_of(fields.get("kind", "")), hint):
        bare = LOOSE.sub("", lines_of.fold(word)).lower()
        bare = _KINDS.get(bare, bare).removesuffix("题")
        if bare in SECTION_KINDS:
            return SECTION_KINDS[bare], "", True
    return None, "", False


def _stem(text: str) -> str:
    """The question without its number."""
    first = lines_of.line("", text)
    number = lines_of.number_of(first)
    if number is not None and not number.doubtful and number.style != "blank":
        return first.after(number.end)
    return first.text


def _path(fields: Record, otherwise: str) -> str:
    said = fields.get("path", "")
    names = said if isinstance(said, list) else [said]
    texts = [text_of(each.get("name", "") if isinstance(each, dict) else each) for each in names]
    return " / ".join(text for text in texts if text) or otherwise


def _texts(node: object) -> Iterator[str]:
    """Every text of a record."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, list | dict):
        for each in node.values() if isinstance(node, dict) else node:
            yield from _texts(each)
