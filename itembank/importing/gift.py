"""GIFT, Moodle's text format: the format "gift"."""

import re
from collections.abc import Iterator
from dataclasses import replace

from itembank.importing.drafts import Declared, Draft, Found, Noted, Rejected
from itembank.importing.gift_answers import asked, comments_in, explained, unescaped, worded
from itembank.importing.gift_blocks import Block, Category, blocks
from itembank.importing.latin import WINDOWS
from itembank.importing.media import MediaBox
from itembank.importing.moodle_facts import CATEGORY, DESCRIPTION, path_of, settled
from itembank.importing.moodle_files import Texts
from itembank.importing.moodle_kinds import Question, draft_of
from itembank.importing.moodle_wording import AUTO, FORMS, PLAIN, Wording
from itembank.importing.source import Source
from itembank.problems import InputRefused, Problem

SNIFFED = 300_000  # characters looked at to tell a question file
_LABEL = 50  # characters of the stem that name a question without a title
_MISSING_WORD = "_____"

_OTHER = re.compile(r"\s*(?:<(?!(?:p|b|i|u|em|strong|span|img)[\s>])|%PDF|\{|\[\s*[\[{\"])", re.IGNORECASE)
# The national bank's Word form begins lines with {A} and {B}: a letter alone at a line's start tells nothing.
_TELLING = re.compile(
    r"^[ \t]*\$CATEGORY:|^[ \t]*::[^\n]{1,400}?::|^\[(?:html|markdown|plain|moodle)\]"
    r"|(?<!\\)\{\s{0,40}(?:[=~]|#[\s=\-\d.]|####|>\s?\d|->)"
    r"|(?<=\S)(?<!\\)\{\s{0,40}(?:TRUE|FALSE|[Tt]rue|[Ff]alse|T|F)\s{0,40}[#}]"
    r"|(?<=\S)[ \t]?(?<!\\)\{\s{0,40}\}[ \t]*$",
    re.MULTILINE,
)
_TITLE = re.compile(r"\s*::((?:\\.|[^\\])*?)::", re.DOTALL)
_FORM = re.compile(r"\s*\[(html|markdown|plain|moodle)\]")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


class GiftFormat:
    """Reads every question of a GIFT file."""

    def sniff(self, source: Source) -> str:
        """Text with answers in braces, titles between colons, or a category."""
        if source.is_zip or source.is_ole:
            return ""
        try:
            text = source.text[:SNIFFED]
        except InputRefused:
            return ""
        return "" if _OTHER.match(text) or _TELLING.search(text) is None else "gift"

    def read(self, source: Source, declared: Declared, media: MediaBox) -> Iterator[Found]:
        """Every question in order."""
        text, encoding = source.decoded
        if encoding == WINDOWS:
            yield Noted(Problem("encoding_guessed", source.name, {"name": source.name, "encoding": WINDOWS}))
        lines = re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff"))
        yield from settled(_found(lines, media, source.name))


def _found(text: str, media: MediaBox, name: str) -> Iterator[Found]:
    path, comments = "", 0
    for block in blocks(text):
        place = f"line {block.line}"
        if isinstance(block, Category):
            path = path_of(block.path)
            yield Noted(Problem(CATEGORY, place, {"category": path[:80]}))
            continue
        before, inside, after = _parts(block.text)
        comments += comments_in(explained(inside or "")[0])
        yield _read(block, (before, inside, after), path, media)
    if comments:
        yield Noted(Problem("feedback_left_out", name, {"count": comments}))


def _read(block: Block, parts: tuple[str, str | None, str], path: str, media: MediaBox) -> Found:
    place = f"line {block.line}"
    before, inside, after = parts
    if inside is None:
        code = "brace_open" if block.open else DESCRIPTION
        told = Problem(code, place, {"text": before.strip()[:40]})
        return Rejected(told) if block.open else Noted(told)
    if any(len(token) == 1 for token in _BRACE.findall(after)):
        return Rejected(Problem("braces_twice", place))
    answers, explanation = explained(inside)
    question = _question(block, before, after, path)
    texts = Texts(place, media)
    stem = texts.linked(question.stem, {}) if question.stem.form != PLAIN else question.stem
    question = replace(
        question,
        stem=stem,
        explanation=worded(explanation, question.stem.form),
        media=tuple(texts.media.values()),
        warnings=tuple(texts.noted),
    )
    return _labelled(draft_of(question, asked(question, answers)), before, after)


def _parts(text: str) -> tuple[str, str | None, str]:
    """(before, inside, after) the braces; inside None when there are none or they stay open."""
    depth, start = 0, -1
    for found in _BRACE.finditer(text):
        if found[0].startswith("\\"):
            continue
        depth += 1 if found[0] == "{" else -1
        start = found.start() if start < 0 and found[0] == "{" else start
        if depth <= 0 and start >= 0:
            return text[:start], text[start + 1 : found.start()], text[found.end() :]
    return text, None, ""


def _question(block: Block, before: str, after: str, path: str) -> Question:
    title, form, text = _head(before)
    stem = unescaped(f"{text}{_MISSING_WORD}{after}" if after.strip() else text).strip()
    return Question(
        f"line {block.line}", title, Wording(stem, form), uid=block.id, tags=block.tags, path=path
    )


def _head(before: str) -> tuple[str, str, str]:
    """(title, form, the rest) of what stands before the braces."""
    title = _TITLE.match(before)
    rest = before[title.end() :] if title else before
    form = _FORM.match(rest)
    said = unescaped(title[1]).strip() if title else ""
    return said, FORMS[form[1]] if form else AUTO, rest[form.end() :] if form else rest


def _labelled(draft: Draft, before: str, after: str) -> Draft:
    """The draft under its title, else under the first characters of its text."""
    if draft.label:
        return draft
    _title, _form, text = _head(before)
    around = unescaped(text).strip()
    stem = f"{around} {_MISSING_WORD} {unescaped(after).strip()}" if after.strip() else around
    return replace(draft, label=stem.strip()[:_LABEL])
