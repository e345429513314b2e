"""From the block of lines of a question to a draft of an item: kind, options, answer, gaps, criteria."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from itembank.importing import template_answers as answers
from itembank.importing.drafts import Draft, Found, Rejected
from itembank.importing.normalise import CONSISTENCIES, DIFFICULTIES
from itembank.importing.rich_text import Fragments, without_private
from itembank.importing.template_blocks import Block, Role
from itembank.importing.template_lines import SECTION_KINDS, fold, tag_of
from itembank.importing.template_options import split_options, split_small
from itembank.item_rules import MAX_TEXT
from itembank.items import (
    CHOICES,
    TRUE_FALSE_OPTIONS,
    Gap,
    ItemBody,
    ItemKind,
    Markup,
    Option,
    is_point_code,
)
from itembank.problems import Problem

MAX_BLOCK = 10 * MAX_TEXT  # characters of one question before it is taken apart

NATIONAL_KINDS: Mapping[str, ItemKind] = MappingProxyType({
    "B": ItemKind.SINGLE, "C": ItemKind.TRUE_FALSE, "G": ItemKind.MULTIPLE, "T": ItemKind.TEXT,
    "D": ItemKind.ESSAY, "U": ItemKind.ESSAY, "W": ItemKind.ESSAY, "E": ItemKind.CASE, "F": ItemKind.CASE,
})  # fmt: skip
"""Type codes of the national Word form (国家题库): a bare D is 简答 there."""

PARTS: Mapping[str, str] = MappingProxyType({
    "number": "题号", "options": "选项", "answer": "答案", "key": "答案表", "gaps": "填空",
    "case": "案例小题",
})  # fmt: skip
"""What of a question may be split otherwise, under the names people know (as `readers.HEADINGS`)."""

_BLANK = re.compile(r"_{2,}|\(\s{0,40}\)")
_SENTENCE_END = "。！？；：:.!?;）)”」』…"
_ITEM_STARTS = re.compile(r"\s*(?:[①-⑳●○■□◆▲·•*-]|\(?[0-9一二三四五六七八九十]{1,3}[)、.]|[A-Z][、.:)]|\|)")
_SCORE = re.compile(r"\s*\(\s{0,2}[0-9]{1,3}\s{0,2}分\s{0,2}\)\s*")  # points in front of a stem
_FULL_LINE = 24  # a line shorter than this was not broken by a margin
_NOTHING_SAID = frozenset({"略", "无", "(略)", "暂无", "无解析"})


@dataclass(frozen=True, slots=True)
class Parts:
    """A question taken apart, texts as the file has them."""

    kind: ItemKind
    stem: str
    options: tuple[str, ...] = ()
    answer: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    criteria_text: str = ""
    faults: tuple[Problem, ...] = ()


def draft_of(block: Block, key: str, fragments: Fragments) -> Found:
    """The draft of a block; `key` is its answer in the key at the end, "" when there is none."""
    if sum(len(text) for texts in block.texts.values() for text in texts) > MAX_BLOCK:
        return Rejected(Problem("text_too_long", block.place, {"limit": MAX_TEXT}))
    if block.contradicted:
        value = without_private(block.text(Role.ANSWER)).replace("\n", " / ")[:20]
        return Rejected(Problem("answer_unreadable", block.place, {"value": value}))
    parts = _parts(block, _answer_text(block, key))
    body, media_faults = body_of(parts, _explanation(block), fragments)
    body = replace(body, source=without_private(block.fields.get("source", "")))
    media_faults = (*media_faults, *fragments.faults((block.text(Role.ANSWER), key)))
    told = [Problem(f.code, f.place or block.place, f.params) for f in (*parts.faults, *media_faults)]
    faults = tuple({(fault.code, fault.place): fault for fault in told}.values())
    draft = Draft(block.place, parts.kind, body, faults=faults, path=block.fields.get("path", block.path))
    return replace(_with_facts(draft, block), warnings=tuple(_warnings(block)))


def body_of(parts: Parts, explanation: str, fragments: Fragments) -> tuple[ItemBody, tuple[Problem, ...]]:
    """The body in plain characters, or in HTML when one of its texts holds a rich part."""
    texts = (parts.stem, explanation, parts.criteria_text, *parts.options)
    rich = fragments.rich(texts)
    shown = fragments.html if rich else str
    options = tuple(Option(answers.option_key(at), shown(text)) for at, text in enumerate(parts.options))
    criteria = answers.criteria_of(parts.criteria_text)
    body = ItemBody(
        stem=shown(parts.stem),
        options=TRUE_FALSE_OPTIONS if parts.kind is ItemKind.TRUE_FALSE else options,
        answer=parts.answer,
        explanation=shown(explanation),
        markup=Markup.HTML if rich else Markup.PLAIN,
        gaps=parts.gaps,
        criteria=tuple(replace(each, text=shown(each.text)) for each in criteria),
        media=fragments.media(texts),
    )
    return body, fragments.faults(texts)


def sectioned_as_case(block: Block) -> bool:
    """Whether heading or head say that the question is a case."""
    return block.head[1] in "EF" if block.head else block.section.kind is ItemKind.CASE


def joined(text: str) -> str:
    """The text without the line breaks that a page's margin made within sentences."""
    lines = [each.strip() for each in text.split("\n")]
    whole: list[str] = []
    for each in lines:
        before = whole[-1] if whole else ""
        broken = len(_tail(before)) >= _FULL_LINE and before[-1] not in _SENTENCE_END
        if each and broken and not _ITEM_STARTS.match(fold(each)):
            glue = " " if before[-1].isascii() and each[0].isascii() else ""
            whole[-1] = f"{before}{glue}{each}"
        else:
            whole.append(each)
    return "\n".join(whole).strip()


def _tail(text: str) -> str:
    """The last line of a text, within reason: only its length is looked at."""
    return text[-200:].rpartition("\n")[2]


def _answer_text(block: Block, key: str) -> str:
    own = without_private(block.text(Role.ANSWER)) if _short(block) else block.text(Role.ANSWER)
    if own and key and answers.is_short_answer(key) and _same(own) != _same(key):
        block.doubt("key")
    return own or key


def _short(block: Block) -> bool:
    return answers.is_short_answer(without_private(block.text(Role.ANSWER)))


def _same(text: str) -> object:
    return answers.letters_of(text) or answers.truth_of(text)


def _explanation(block: Block) -> str:
    text = block.text(Role.EXPLANATION)
    return "" if fold(text).strip(" .。") in _NOTHING_SAID else joined(text)


def _parts(block: Block, said: str) -> Parts:
    text = block.text(Role.BODY)
    tag, end = tag_of(fold(text))
    tagged = end > 0
    said_kind = _declared(block, tag, tagged)
    declared = None if said_kind is ItemKind.CASE else said_kind  # one question of a case: as it looks
    score = _SCORE.match(fold(text), end)
    end = score.end() if score else end
    stem, options, unsure = _split(text[end:], block.options, declared, said)
    if unsure:
        block.doubt("options")
    stem, answer = _take_out(block, stem, said, options)
    keys = block.keys or answers.chosen(answer, options) or ()
    kind = declared or _kind(stem, options, answer, keys)
    if kind is ItemKind.TRUE_FALSE:
        return _judged(stem, options, answer)
    if kind in CHOICES:
        return Parts(kind, joined(stem), options, keys, faults=() if keys else _choice_faults(answer))
    if kind is ItemKind.TEXT:
        return _filled(block, stem, answer)
    return _examined(block, text[end:].strip(), answer)


def _declared(block: Block, tag: ItemKind | None, tagged: bool) -> ItemKind | None:
    """The kind that the file says: head, field, tag at the stem, heading of the section."""
    if block.head is not None:
        return NATIONAL_KINDS.get(block.head[1])
    word = fold(block.fields.get("kind", "")).strip().removesuffix("题")
    if word in SECTION_KINDS:
        return SECTION_KINDS[word]
    return tag if tagged else block.section.kind


def _split(
    text: str, given: tuple[str, ...], declared: ItemKind | None, said: str
) -> tuple[str, tuple[str, ...], bool]:
    """(stem, options, whether it could be otherwise); options given apart need no splitting.

    Lower-case letters mark options only of a question that is said or answered to be one of choice.
    """
    if given or (declared is not None and declared not in CHOICES):
        return text.strip(), given, False
    choice = split_options(text)
    if not choice.options and (declared is not None or answers.letters_of(said)):
        choice = split_small(text)
    return choice.stem, tuple(joined(option) for option in choice.options), choice.unsure


def _take_out(block: Block, stem: str, said: str, options: Sequence[str]) -> tuple[str, str]:
    """(stem, answer): an answer that the stem shows in brackets goes out of it."""
    shown = answers.shown_answer(stem)
    if shown is None or not _fits(shown.said, said, options):
        if shown and _fits(shown.said, "", options) and _same(said):
            block.doubt("answer")  # the stem shows another answer
        return stem, said
    if shown.others:
        block.doubt("answer")
    return answers.without_shown(stem, shown), said or shown.said


def _fits(shown: str, said: str, options: Sequence[str]) -> bool:
    """Whether brackets hold the answer: letters of options, right or wrong without any, and what is said."""
    letters, truth = answers.letters_of(shown), answers.truth_of(shown)
    if said and _same(said) not in (letters, truth):
        return False
    if options:
        return letters is not None and ord(letters[-1]) - ord("A") < len(options)
    return truth is not None


def _kind(stem: str, options: Sequence[str], answer: str, keys: Sequence[str]) -> ItemKind:
    """The kind that the question's own parts speak for."""
    if _judgement(options):
        return ItemKind.TRUE_FALSE
    if options:
        return ItemKind.MULTIPLE if len(keys) > 1 else ItemKind.SINGLE
    if answers.truth_of(answer):
        return ItemKind.TRUE_FALSE
    if answers.letters_of(answer) and answer.isupper():
        return ItemKind.SINGLE  # its options were not found, so it will be refused and not become a text
    return ItemKind.TEXT if _BLANK.search(fold(stem)) else ItemKind.ESSAY


def _judgement(options: Sequence[str]) -> bool:
    """Whether the options are right and wrong; X and Y, T and F, 1 and 0 are wording."""
    return len(options) == 2 and {*map(answers.judged, options)} == {("A",), ("B",)}


def _choice_faults(answer: str) -> tuple[Problem, ...]:
    if not answer:
        return ()
    return (Problem("answer_unreadable", params={"value": without_private(answer)[:20]}),)


def _judged(stem: str, options: Sequence[str], answer: str) -> Parts:
    """A letter means the file's option of that letter, in its order; without options A is right."""
    letters, truth = answers.letters_of(answer), answers.truth_of(answer)
    if letters and len(letters) == 1 and letters[0] in "AB" and (options or truth is None):
        at = "AB".index(letters[0])
        truth = answers.judged(options[at]) if at < len(options) else () if options else letters
    faults: tuple[Problem, ...] = ()
    if options and not _judgement(options):
        faults = (Problem("true_false_options"),)
    elif truth is None and answer:
        faults = (Problem("answer_unreadable", params={"value": without_private(answer)[:20]}),)
    return Parts(ItemKind.TRUE_FALSE, joined(stem), answer=truth or (), faults=faults)


def _filled(block: Block, stem: str, answer: str) -> Parts:
    marked, count = answers.gapped(joined(stem))
    if not answer:
        return Parts(ItemKind.TEXT, marked, faults=(Problem("answer_missing"),))
    if count == 0:
        # A blank that the file does not show stands at the end.
        block.doubt("gaps")
        marked, count = f"{marked}[[1]]", 1
    given = answers.given_gaps(block.said, count) if len(block.said) > 1 else None
    found = (given, False) if given else answers.gaps_of(without_private(answer), count)
    if found is None:
        return Parts(ItemKind.TEXT, marked, faults=(Problem("gaps_unlike_answers", params={"gaps": count}),))
    if found[1]:
        block.doubt("gaps")
    return Parts(ItemKind.TEXT, marked, gaps=found[0])


def _examined(block: Block, stem: str, answer: str) -> Parts:
    if not answer:
        return Parts(ItemKind.ESSAY, joined(stem), faults=(Problem("answer_missing"),))
    if sectioned_as_case(block) and answers.counts(stem) > 1:
        block.doubt("case")
    return Parts(ItemKind.ESSAY, joined(stem), criteria_text=joined(answer))


def _with_facts(draft: Draft, block: Block) -> Draft:
    """Point, difficulty and consistency of the national head or of the question's own remarks."""
    if block.head is not None:
        point, _, difficulty, consistency = block.head
        return replace(draft, point=point, difficulty=difficulty, consistency=consistency)
    point = fold(block.fields.get("point", "")).strip().upper()
    uid = block.fields.get("uid", "")
    return replace(
        draft,
        point=point if is_point_code(point) else "",
        difficulty=_scale(block.fields.get("difficulty", ""), DIFFICULTIES) or 0,
        consistency=_scale(block.fields.get("consistency", ""), CONSISTENCIES),
        uid=uid if re.fullmatch(r"\w[\w.\-]{0,63}", uid) else "",
        path=draft.path or ("" if is_point_code(point) else block.fields.get("point", "")),
    )


def _scale(text: str, words: Mapping[str, int]) -> int | None:
    bare = fold(text).strip(" .。")
    digit = re.match(r"([1-5])(?:\(|$)", bare)
    return int(digit[1]) if digit else words.get(bare)


def _warnings(block: Block) -> Iterator[Problem]:
    for why in block.unsure:
        yield Problem("split_unsure", block.place, {"part": PARTS.get(why, why)})
