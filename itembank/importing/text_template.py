"""Questions written as plain text: the formats "text-template", and what Word files share with it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from itembank.importing import template_lines as lines_of
from itembank.importing.drafts import Declared, Draft, Found, Noted, Rejected
from itembank.importing.media import MediaBox
from itembank.importing.rich_text import Fragments, without_private
from itembank.importing.source import Source, refusal
from itembank.importing.template_answers import shown_answer
from itembank.importing.template_blocks import Block, Paper, Role, read_blocks
from itembank.importing.template_cases import with_cases
from itembank.importing.template_items import draft_of
from itembank.importing.template_key import Said
from itembank.importing.template_lines import Line
from itembank.importing.template_options import split_options
from itembank.problems import InputRefused, Problem

TABLE_HEADER_DEPTH = 12
MAX_LINES = 200_000
SNIFFED = 300_000  # characters looked at to tell a question file

_TELLING = re.compile(
    r"^[ \t]*(?:[\[【(]?[ \t]{0,4}(?:正确|参考|标准|本题)?答[ \t]{0,4}[案:]"
    r"|\{A\}|[A-Z](?:-[A-Z]){0,5}-[0-9]{3}[ \t]+[A-Z][ \t]"
    r"|[0-9]{1,4}[ \t]?[、.][^\n]{0,4000}[(【_][ \t]{0,8}[A-Z√×对错])",
    re.MULTILINE,
)
_TABLE_HEADINGS = ("题干", "答案", "选项", "题型", "题目")


class TextTemplateFormat:
    """Text files with numbered questions, options and answers."""

    def sniff(self, source: Source) -> str:
        """Text with the marks of questions, and no table."""
        if source.is_zip or source.is_ole or source.head.startswith((b"<", b"%pdf")):
            return ""
        try:
            text = source.text[:SNIFFED]
        except InputRefused:
            return ""
        folded = lines_of.fold(lines_of.tidy(text))
        if any(_is_table_header(each) for each in folded[:20_000].split("\n")[:TABLE_HEADER_DEPTH]):
            return ""
        if _TELLING.search(folded) is None and lines_of.fold(source.text[-4000:]).find("答案") < 0:
            return ""
        return "text-template"

    def read(self, source: Source, declared: Declared, media: MediaBox) -> Iterator[Found]:
        """Questions in order; `InputRefused` "too_many_paragraphs" or "unknown_format"."""
        text = lines_of.tidy(without_private(source.text))
        if text.count("\n") > MAX_LINES:
            raise refusal("too_many_paragraphs", source.name, limit=MAX_LINES)
        lines = [lines_of.line(f"line {at}", each) for at, each in enumerate(text.split("\n"), start=1)]
        return questions(lines, Fragments(source.name), source.name)


def _is_table_header(line: str) -> bool:
    cells = [cell.strip(' "*') for cell in re.split(r"[,;\t]", line)]
    return sum(len(cell) <= 12 and any(each in cell for each in _TABLE_HEADINGS) for cell in cells) >= 2


def questions(
    lines: Sequence[Line], fragments: Fragments, name: str, *, required: bool = True
) -> Iterator[Found]:
    """Drafts of all questions in `lines`.

    `InputRefused` "unknown_format" when the text is something else, unless none is `required`.
    """
    paper = read_blocks(lines)
    keyed, lost = _keyed(paper)

    def drafted(block: Block) -> Found:
        return draft_of(block, keyed.get(id(block), ""), fragments)

    found = list(with_cases(paper.blocks, drafted, fragments))
    if required and not any(_like_a_question(block, keyed) for block in paper.blocks):
        raise refusal("unknown_format", name)
    yield from _labelled(found, paper.blocks)
    for loose in paper.loose.values():
        yield from _loose(loose, fragments)
    for said in lost:
        yield Noted(Problem("key_without_question", said.place, {"number": said.number}))
    for piece in paper.key.unreadable:
        yield Noted(Problem("answer_key_unreadable", piece.place, {"text": piece.text[:40]}))


def _loose(lines: Sequence[Line], fragments: Fragments) -> Iterator[Found]:
    """What stands before a first question: a title is noted, what may be a question is named as lost."""
    told = [each for each in lines if _tells(each, fragments)]
    if not told and split_options("\n".join(each.text for each in lines)).options:
        told = [lines[0]]
    for each in told:
        yield Rejected(Problem("question_without_number", each.place, {"text": _excerpt(each)}))
    if not told:
        yield Noted(Problem("text_without_question", lines[0].place, {"text": _excerpt(lines[0])}))


def _excerpt(piece: Line) -> str:
    return without_private(piece.text)[:40]


def _tells(piece: Line, fragments: Fragments) -> bool:
    return (
        lines_of.answer_said(piece) is not None
        or shown_answer(piece.text) is not None
        or "<table" in fragments.html(piece.text)
    )


def _like_a_question(block: Block, keyed: dict[int, str]) -> bool:
    """Whether something beside a number and a text speaks for a question."""
    body = lines_of.fold(block.text(Role.BODY))
    return (
        block.answered
        or id(block) in keyed
        or block.head is not None
        or block.section.said
        or lines_of.opens_options(lines_of.line("", body.partition("\n")[2]))
        or re.search(r"[(【]\s{0,8}(?:[A-Z√×]|对|错)\s{0,8}[)】]", body) is not None
    )


def _labelled(found: Sequence[Found], blocks: Sequence[Block]) -> Iterator[Found]:
    """Drafts under the numbers that the file gives them, where no number comes twice."""
    numbers = [block.number for block in blocks]
    once = len(set(numbers)) == len(numbers)
    named = {block.place: str(block.number) for block in blocks if block.number is not None} if once else {}
    for each in found:
        if isinstance(each, Draft) and not each.label and each.place in named:
            yield replace(each, label=named[each.place])
        else:
            yield each


def _keyed(paper: Paper) -> tuple[dict[int, str], list[Said]]:
    """Answers of the key by question (its id), and those that fit no question or more than one."""
    answers: dict[int, str] = {}
    lost = []
    by_number: dict[int, list[Block]] = {}
    for block in paper.blocks:
        if block.number is not None:
            by_number.setdefault(block.number, []).append(block)
    for said in paper.key.said:
        meant = _meant(said, by_number.get(said.number, []))
        if meant is None or id(meant) in answers:
            lost.append(said)
        else:
            answers[id(meant)] = said.text
    return answers, lost


def _meant(said: Said, blocks: Sequence[Block]) -> Block | None:
    """The question of that number under the same heading; without a heading the only one of that number."""
    section = said.section
    same = [block for block in blocks if block.section == section]
    if not same and section.said:
        same = [block for block in blocks if block.section.said and block.section.kind is section.kind]
    if not same and section.ordinal:
        same = [block for block in blocks if block.section.ordinal == section.ordinal]
    if not same and not section.said:
        same = list(blocks)
    return same[0] if len(same) == 1 else None
