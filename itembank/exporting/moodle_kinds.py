"""Items as questions of Moodle XML, kind by kind; None = this format cannot hold the item."""

import html
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType

from lxml import etree

from itembank.exporting.moodle_facts import around, decimal, percents_of, unmarked
from itembank.exporting.moodle_texts import Question
from itembank.importing.moodle_cloze import has_gaps
from itembank.importing.moodle_kinds import FULL
from itembank.importing.moodle_wording import HTML, PLAIN
from itembank.items import Gap, ItemBody, ItemKind, Option
from itembank.richtext import from_plain, plain

_MARK = re.compile(r"\[\[([0-9]{1,2})\]\]")
_CLOZE_TEXT = re.compile(r"\\(?!\*)|[~#}]|^[=%]")  # `\*` means the same in an answer of Moodle's
_CLOZE = re.compile(r"[\\~#}]|^[=%]")


def _choice(question: Question) -> etree._Element:
    body, kind = question.item.body, question.item.facts.kind
    element = question.element("multichoice", body.stem)
    etree.SubElement(element, "single").text = "true" if kind is ItemKind.SINGLE else "false"
    shuffled = not all(option.fixed for option in body.options)
    etree.SubElement(element, "shuffleanswers").text = "true" if shuffled else "false"
    if shuffled:
        _note_fixed(question, body.options)
    for option, percent in zip(body.options, percents_of(body, kind), strict=True):
        question.text(element, "answer", option.text).set("fraction", decimal(percent))
    return element


def _note_fixed(question: Question, options: tuple[Option, ...]) -> None:
    if any(option.fixed for option in options):
        question.note("export_fixed_left_out")


def _true_false(question: Question) -> etree._Element:
    element = question.element("truefalse", question.item.body.stem)
    for option, name in zip(question.item.body.options, ("true", "false"), strict=True):
        fraction = "100" if option.key in question.item.body.answer else "0"
        answer = etree.SubElement(element, "answer", fraction=fraction, format="plain_text")
        etree.SubElement(answer, "text").text = name
    return element


def _gapped(question: Question) -> etree._Element | None:
    """A question with one input where Moodle has one, else a text with gaps."""
    body = question.item.body
    stem = unmarked(body.stem) if len(body.gaps) == 1 and not body.gaps[0].choices else None
    if stem is None:
        return _cloze(question)
    gap = body.gaps[0]
    element = question.element("numerical" if gap.ranges else "shortanswer", stem)
    if gap.ranges:
        for middle, reach in map(around, gap.ranges):
            etree.SubElement(_plain_answer(element, middle), "tolerance").text = reach
        return element
    etree.SubElement(element, "usecase").text = "1" if gap.case_sensitive else "0"
    for text in gap.accepted:
        _plain_answer(element, question.safe(text))
    return element


def _plain_answer(element: etree._Element, text: str) -> etree._Element:
    answer = etree.SubElement(element, "answer", fraction=decimal(FULL), format="plain_text")
    etree.SubElement(answer, "text").text = text
    return answer


def _cloze(question: Question) -> etree._Element | None:
    stem = _with_marks(question)
    pieces = _MARK.split(stem)
    own = pieces[::2]
    if any(has_gaps(piece) for piece in own) or pieces[1::2] != [gap.key for gap in question.item.body.gaps]:
        question.note("export_gaps_left_out")
        return None
    if any("[[" in piece for piece in own):
        question.note("export_text_changed")
    written = own[0]
    for gap, piece in zip(question.item.body.gaps, own[1:], strict=True):
        _note_fixed(question, gap.choices)
        written += _cloze_gap(gap, question) + piece
    return question.element("cloze", written)


def _with_marks(question: Question) -> str:
    """The stem with a mark for every gap."""
    body: ItemBody = question.item.body
    named = set(_MARK.findall(body.stem))
    missing = [gap.key for gap in body.gaps if gap.key not in named]
    if missing:
        question.note("export_gap_appended")
    return body.stem + "".join(f" [[{key}]]" for key in missing)


def _cloze_gap(gap: Gap, question: Question) -> str:
    if gap.choices:
        answers = [("=" if choice.key == gap.answer else "") + _kept(choice.text) for choice in gap.choices]
        return f"{{1:MULTICHOICE:{'~'.join(answers)}}}"
    if gap.ranges:
        spans = ["=" + ":".join(around(span)) for span in gap.ranges]
        return f"{{1:NUMERICAL:{'~'.join(spans)}}}"
    shown = [html.escape(text, quote=False) if question.form == HTML else text for text in gap.accepted]
    kind = "SHORTANSWER_C" if gap.case_sensitive else "SHORTANSWER"
    kept = (_CLOZE_TEXT.sub(lambda found: "\\" + found[0], text) for text in shown)
    return f"{{1:{kind}:{'~'.join('=' + text for text in kept)}}}"


def _kept(text: str) -> str:
    return _CLOZE.sub(lambda found: "\\" + found[0], text)


def _match(question: Question) -> etree._Element | None:
    """Every left side needs exactly one right side."""
    body = question.item.body
    pairs = dict(pair.split("-") for pair in body.answer)
    if (
        len(pairs) != len(body.answer)
        or set(pairs) != {option.key for option in body.options}
        or body.most != 1
    ):
        question.note("export_pairs_left_out")
        return None
    _note_fixed(question, (*body.options, *body.targets))
    element = question.element("matching", body.stem)
    etree.SubElement(element, "shuffleanswers").text = "true"
    targets = {target.key: target.text for target in body.targets}
    for option in body.options:
        _pair(question, question.text(element, "subquestion", option.text), targets[pairs[option.key]])
    for key, text in targets.items():
        if key not in pairs.values():
            _pair(question, question.text(element, "subquestion", ""), text)
    return element


def _pair(question: Question, holder: etree._Element, text: str) -> None:
    """Moodle shows right sides as plain characters, so they are written so where nothing is lost."""
    bare = plain(text)
    if question.form == PLAIN or from_plain(bare) == text:
        answer = etree.SubElement(holder, "answer", format="plain_text")
        etree.SubElement(answer, "text").text = question.safe(text if question.form == PLAIN else bare)
    else:
        question.note("export_markup_shown")
        question.text(holder, "answer", text)


def _order(question: Question) -> etree._Element:
    body = question.item.body
    _note_fixed(question, body.options)
    element = question.element("ordering", body.stem)
    texts = {option.key: option.text for option in body.options}
    for number, key in enumerate(body.answer, 1):
        question.text(element, "answer", texts[key]).set("fraction", str(number))
    return element


def _essay(question: Question) -> etree._Element:
    element = question.element("essay", question.item.body.stem)
    etree.SubElement(element, "responseformat").text = "editor"
    criteria = [f"{each.text}{_points(each.points)}" for each in question.item.body.criteria]
    if criteria and question.form == HTML:
        question.text(element, "graderinfo", f"<ol>{''.join(f'<li>{text}</li>' for text in criteria)}</ol>")
    elif criteria:
        question.text(element, "graderinfo", "\n".join(criteria))
    return element


def _points(points: Decimal) -> str:
    return f"（{decimal(points)}分）" if points else ""


WRITERS: Mapping[ItemKind, Callable[[Question], etree._Element | None]] = MappingProxyType(
    {
        ItemKind.SINGLE: _choice,
        ItemKind.MULTIPLE: _choice,
        ItemKind.TRUE_FALSE: _true_false,
        ItemKind.TEXT: _gapped,
        ItemKind.NUMERIC: _gapped,
        ItemKind.INLINE_CHOICE: _gapped,
        ItemKind.MATCH: _match,
        ItemKind.ORDER: _order,
        ItemKind.ESSAY: _essay,
    }
)
